//! One server over one store, two instances: which one a connection works in is chosen by the port.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use kvtool::api::listener::Listener;
use kvtool::api::metrics::Metrics;
use kvtool::api::server::{self, Limits, Ports};
use kvtool::api::tenancy::{Origin, Tenancy};
use kvtool::error::Error;
use kvtool::mvcc::{Instance, Options};
use kvtool::pb::etcdserverpb::kv_client::KvClient;
use kvtool::pb::etcdserverpb::watch_client::WatchClient;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::store::Store;
use kvtool::store::memory::Memory;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

struct ByPort(HashMap<SocketAddr, Instance>);

impl Tenancy for ByPort {
    fn instance(&self, origin: &Origin) -> Result<Option<Instance>, Error> {
        let port = origin.listener.ok_or(Error::Stopped)?;
        let instance = self.0.get(&port).cloned();
        instance.map(Some).ok_or(Error::Stopped)
    }
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

async fn put(channel: &Channel, key: &'static str) -> PutResponse {
    let request = PutRequest {
        key: Bytes::from_static(key.as_bytes()),
        ..PutRequest::default()
    };
    let answer = KvClient::new(channel.clone()).put(request).await;
    answer.unwrap().into_inner()
}

async fn all(channel: &Channel) -> RangeResponse {
    let request = RangeRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        ..RangeRequest::default()
    };
    let answer = KvClient::new(channel.clone()).range(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn a_connection_sees_its_own_instance_and_no_other() {
    let store = Store::Memory(Memory::new());
    let mut listeners = Vec::new();
    let mut instances = HashMap::new();
    for name in ["one", "two"] {
        let listener = Listener::bind("127.0.0.1", 0, None).await.unwrap();
        let opened = Instance::open(store.clone(), name, Options::default());
        instances.insert(listener.address().unwrap(), opened.await.unwrap());
        listeners.push(listener);
    }
    let foreign = Listener::bind("127.0.0.1", 0, None).await.unwrap();
    listeners.push(foreign);
    let addresses: Vec<_> = listeners.iter().filter_map(Listener::address).collect();
    let limits = Limits {
        max_request_bytes: 1 << 20,
        max_concurrent_streams: u32::MAX,
        max_connections: usize::MAX,
        keepalive_interval: None,
        keepalive_timeout: Duration::from_secs(20),
    };
    let version = "3.7.1".parse().unwrap();
    let metrics = Metrics::new(version, Duration::MAX, Arc::default());
    tokio::spawn(server::run(
        Ports {
            clients: listeners,
            ..Ports::default()
        },
        ByPort(instances),
        metrics,
        limits,
        std::future::pending(),
    ));
    let (one, two) = (connect(addresses[0]).await, connect(addresses[1]).await);

    let create = RequestUnion::CreateRequest(WatchCreateRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        start_revision: 1,
        ..WatchCreateRequest::default()
    });
    let create = WatchRequest {
        request_union: Some(create),
    };
    let requests = open_stream_of(create);
    let watched = WatchClient::new(two.clone()).watch(requests).await;
    let mut watched = watched.unwrap().into_inner();
    assert!(watched.message().await.unwrap().unwrap().created);

    put(&one, "a").await;
    put(&one, "b").await;
    let answer = put(&two, "c").await;
    assert_eq!(answer.header.unwrap().revision, 2);
    let (in_one, in_two) = (all(&one).await, all(&two).await);
    let keys = |answer: &RangeResponse| -> Vec<Bytes> {
        answer.kvs.iter().map(|kv| kv.key.clone()).collect()
    };
    assert_eq!(keys(&in_one), ["a", "b"]);
    assert_eq!(keys(&in_two), ["c"]);
    let cluster_of = |answer: &RangeResponse| answer.header.unwrap().cluster_id;
    assert_ne!(cluster_of(&in_one), cluster_of(&in_two));

    let events = watched.message().await.unwrap().unwrap().events;
    let seen: Vec<_> = events
        .into_iter()
        .map(|event| event.kv.unwrap().key)
        .collect();
    assert_eq!(seen, ["c"]);

    let nobodys = connect(addresses[2]).await;
    let refused = KvClient::new(nobodys).put(PutRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
}

/// One request on a stream that stays open.
fn open_stream_of(request: WatchRequest) -> impl futures_util::Stream<Item = WatchRequest> {
    use futures_util::StreamExt;
    futures_util::stream::iter([request]).chain(futures_util::stream::pending())
}
