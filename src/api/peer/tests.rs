//! Two servers of one instance that speak over gRPC.

use super::{Links, TOKEN};
use crate::api::channel::Dialer;
use crate::api::listener::Listener;
use crate::api::metrics::Metrics;
use crate::api::server::{self, Limits, Ports};
use crate::error::Error;
use crate::mvcc::forward::{Link, Peers};
use crate::mvcc::keyspace::PeerRecord;
use crate::mvcc::{Advertised, Follower, Instance, Options, WatchAnswer};
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::{
    PutRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest, request_op,
};
use crate::pb::kvtool::peer::v1::{Requests, peer_client::PeerClient};
use crate::store::faulty::{Faulty, Rates};
use crate::store::memory::Memory;
use crate::store::{Leadership, Store};
use futures_util::future::{BoxFuture, join_all};
use futures_util::{Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::Code;

/// Longer than anything here takes.
const FOREVER: Duration = Duration::from_secs(60);
/// Larger than what one frame takes beside others.
const LARGE_BYTES: usize = 3 << 20;
/// Of a value that is stored with its key. A hundred are more than what one batch may tell.
const INLINE_BYTES: usize = 16_000;

struct Server {
    store: Faulty,
    instance: Instance,
    url: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    async fn open(memory: &Memory, name: &str, peers: Arc<dyn Peers>) -> Self {
        let listener = Listener::bind("127.0.0.1", 0, None).await.unwrap();
        let url = listener.url();
        let store = Faulty::new(Store::Memory(memory.clone()), 0, Rates::default());
        store.elect(leadership(None, false));
        let options = Options {
            name: name.to_owned(),
            max_request_bytes: 2 * LARGE_BYTES,
            advertised: Advertised {
                client_urls: vec![url.clone()],
                peer_urls: Vec::new(),
            },
            peers: Some(peers),
            ..Options::default()
        };
        let opened = Instance::open(Store::Faulty(store.clone()), "test", options);
        let instance = opened.await.unwrap();
        let limits = Limits {
            max_request_bytes: 2 * LARGE_BYTES,
            max_concurrent_streams: u32::MAX,
            max_connections: 100,
            keepalive_interval: None,
            keepalive_timeout: Duration::from_secs(20),
        };
        let (stop, stopped) = oneshot::channel();
        let served = instance.clone();
        let serving = tokio::spawn(async move {
            let version = "3.7.1".parse().unwrap();
            let metrics = Metrics::new(version, Duration::MAX, Arc::default());
            let shutdown = async {
                stopped.await.ok();
            };
            let ports = Ports {
                clients: vec![listener],
                ..Ports::default()
            };
            server::run(ports, served.clone(), metrics, limits, shutdown).await;
            served.close().await;
        });
        Self {
            store,
            instance,
            url,
            stop,
            serving,
        }
    }

    async fn put(&self, key: String, bytes: usize) -> Result<i64, Error> {
        let request = PutRequest {
            key: key.into(),
            value: vec![7; bytes].into(),
            ..Default::default()
        };
        let answer = self.instance.put(request).await?;
        Ok(answer.header.unwrap().revision)
    }
}

fn leadership(leader: Option<u64>, is_leader: bool) -> Leadership {
    Leadership {
        is_leader,
        leader,
        term: 1,
        until: None,
    }
}

/// A server that leads, and one that commits nothing by itself; they have found each other.
async fn pair(memory: &Memory) -> (Server, Server) {
    let leader = Server::open(
        memory,
        "leader",
        Arc::new(Links::to_client_ports(Dialer::default())),
    )
    .await;
    let other = Server::open(
        memory,
        "other",
        Arc::new(Links::to_client_ports(Dialer::default())),
    )
    .await;
    introduce(&leader, &other).await;
    (leader, other)
}

/// Elects the first, and waits until the second hands its writes over.
async fn introduce(leader: &Server, other: &Server) {
    let id = Some(leader.instance.member_id());
    leader.store.elect(leadership(id, true));
    other.store.elect(leadership(id, false));
    let unable = Rates {
        conflict: 1.0,
        ..Rates::default()
    };
    other.store.set_rates(unable);
    // What comes before the connection stands waits for conflicts to end.
    let connected = async {
        while timeout(Duration::from_millis(200), other.put("first".to_owned(), 1))
            .await
            .is_err()
        {}
    };
    timeout(FOREVER, connected).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_over_the_wire_of_any_size_and_come_back_in_any_order() {
    let memory = Memory::shared();
    let (_leader, other) = pair(&memory).await;
    let bytes = |number| if number % 50 == 7 { LARGE_BYTES } else { 100 };
    let writes = (0..600).map(|number| other.put(format!("k{number}"), bytes(number)));
    let mut revisions = Vec::new();
    for outcome in timeout(FOREVER, join_all(writes)).await.unwrap() {
        revisions.push(outcome.unwrap());
    }
    revisions.sort_unstable();
    let first = revisions[0];
    assert_eq!(revisions, Vec::from_iter(first..first + 600));
    let unknown_lease = PutRequest {
        key: "k".into(),
        lease: 7,
        ..Default::default()
    };
    let refused = other.instance.put(unknown_lease).await;
    assert_eq!(refused.err(), Some(Error::LeaseNotFound));
}

/// Whoever hands writes over is told of all that is committed, and need not read the store for it, but
/// for what is too much to be told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_leader_commits_is_relayed() {
    let memory = Memory::shared();
    let (leader, other) = pair(&memory).await;
    let requests = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: "r".into(),
            range_end: "s".into(),
            prev_kv: true,
            ..Default::default()
        })),
    };
    let requests = tokio_stream::iter([requests]).chain(tokio_stream::pending());
    let mut watched = Box::pin(other.instance.watch(None, requests));
    let created = timeout(FOREVER, watched.next()).await.unwrap().unwrap();
    assert!(created.unwrap().into_response().unwrap().created);
    let unable = Rates {
        unavailable: 1.0,
        ..Rates::default()
    };
    other.store.set_rates(unable);
    for bytes in [1, 2, 3] {
        let writes = (0..10).map(|number| leader.put(format!("r{number}"), bytes));
        for outcome in join_all(writes).await {
            outcome.unwrap();
        }
    }
    let told = lengths(&mut watched, 30).await;
    let expected = [(1, None), (2, Some(1)), (3, Some(2))].map(|event| [event; 10]);
    assert_eq!(told, expected.as_flattened());

    other.store.set_rates(Rates::default());
    let op = |number| RequestOp {
        request: Some(request_op::Request::RequestPut(PutRequest {
            key: format!("r{number}").into(),
            value: vec![7; INLINE_BYTES].into(),
            ..Default::default()
        })),
    };
    let too_much = TxnRequest {
        success: (0..100).map(op).collect(),
        ..Default::default()
    };
    leader.instance.txn(too_much).await.unwrap();
    let told = lengths(&mut watched, 100).await;
    assert!(told.iter().all(|(value, _)| *value == INLINE_BYTES));
}

/// Of so many events, how long the values are, and those before.
async fn lengths(
    watched: &mut (impl Stream<Item = Result<WatchAnswer, Error>> + Unpin),
    events: usize,
) -> Vec<(usize, Option<usize>)> {
    let mut lengths = Vec::new();
    while lengths.len() < events {
        let answer = timeout(FOREVER, watched.next()).await.unwrap().unwrap();
        let events = answer.unwrap().into_response().unwrap().events;
        lengths.extend(events.into_iter().map(|event| {
            let before = event.prev_kv.map(|kv| kv.value.len());
            (event.kv.unwrap().value.len(), before)
        }));
    }
    lengths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_in_good_order_leaves_nothing_in_doubt() {
    let memory = Memory::shared();
    let (leader, other) = pair(&memory).await;
    other.store.set_rates(Rates::default());
    let load = async {
        let mut stop = Some(leader.stop);
        for round in 0..100 {
            if round == 50 {
                stop.take().unwrap().send(()).unwrap();
            }
            let writes = (0..20).map(|number| other.put(format!("{round}/{number}"), 100));
            for outcome in join_all(writes).await {
                outcome.unwrap();
            }
        }
    };
    timeout(FOREVER, load).await.unwrap();
    timeout(FOREVER, leader.serving).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_not_let_in() {
    let memory = Memory::shared();
    let (leader, _other) = pair(&memory).await;
    for token in [
        None,
        Some("0"),
        Some("x"),
        Some("00000000000000000000000000000007"),
    ] {
        let mut client = PeerClient::connect(leader.url.clone()).await.unwrap();
        let requests = tokio_stream::pending::<Requests>();
        let mut request = tonic::Request::new(requests);
        if let Some(token) = token {
            request.metadata_mut().insert(TOKEN, token.parse().unwrap());
        }
        let refused = client.forward(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
    }
}

/// Reaches servers through a relay that can be cut.
#[derive(Debug)]
struct Through {
    url: String,
}

impl Peers for Through {
    fn connect(
        &self,
        peer: PeerRecord,
        follower: Arc<Follower>,
    ) -> BoxFuture<'_, Result<Arc<dyn Link>, String>> {
        let relayed = PeerRecord {
            client_urls: vec!["http://127.0.0.1:1".to_owned(), self.url.clone()],
            ..peer
        };
        Box::pin(async move {
            Links::to_client_ports(Dialer::default())
                .connect(relayed, follower)
                .await
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_leaves_in_doubt_what_was_sent_and_no_more() {
    let memory = Memory::shared();
    let leader = Server::open(
        &memory,
        "leader",
        Arc::new(Links::to_client_ports(Dialer::default())),
    )
    .await;
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", relay.local_addr().unwrap());
    let other = Server::open(&memory, "other", Arc::new(Through { url })).await;
    let to = leader.url.trim_start_matches("http://").to_owned();
    let relaying = tokio::spawn(async move {
        let (mut near, _) = relay.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        copy_bidirectional(&mut near, &mut far).await.ok();
    });
    introduce(&leader, &other).await;
    other.store.set_rates(Rates::default());
    // The leader has the request and cannot do it.
    leader.store.set_rates(Rates {
        conflict: 1.0,
        ..Rates::default()
    });
    let cut = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        relaying.abort();
    };
    let (lost, ()) = tokio::join!(other.put("lost".to_owned(), 1), cut);
    assert_eq!(lost, Err(Error::LeaderLost));
    for number in 0..10 {
        other.put(format!("own/{number}"), 1).await.unwrap();
    }
}
