//! Members of a group that speak over gRPC.

use super::{CLUSTER, FRAME_BYTES_MAX, Network, PeerPort, Route, Traffic, describe};
use crate::api::channel::Dialer;
use crate::api::listener::Listener;
use crate::pb::kvtool::raft::v1::{Frame, raft_client::RaftClient};
use crate::store::local::BlockCache;
use crate::store::raft::eraftpb::{Message, MessageType};
use crate::store::raft::{Member, Options, Policy, Raft};
use crate::store::{Batch, BatchId, Consistency, Op};
use bytes::Bytes;
use protobuf::Message as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status, Streaming};

/// Longer than anything here takes.
const FOREVER: Duration = Duration::from_secs(60);
const CLUSTER_ID: u64 = 0xc1;

/// Three members.
struct Trio {
    members: Vec<(Raft, PeerPort)>,
    urls: Vec<String>,
    _root: TempDir,
}

impl Trio {
    async fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(Listener::bind("127.0.0.1", 0, None).await.unwrap());
        }
        let urls: Vec<_> = listeners.iter().map(Listener::url).collect();
        let mut members = Vec::new();
        for (id, listener) in (1..).zip(listeners) {
            members.push(open(root.path(), id, &urls, listener));
        }
        Self {
            members,
            urls,
            _root: root,
        }
    }

    /// The member that leads, once one does.
    async fn leader(&self) -> Raft {
        let waits = self.members.iter().map(|(raft, _)| {
            Box::pin(async {
                let mut leadership = raft.leadership();
                leadership.wait_for(|now| now.leads()).await.unwrap();
                raft.clone()
            })
        });
        let first = futures_util::future::select_all(waits);
        tokio::time::timeout(FOREVER, first).await.unwrap().0
    }

    /// All members have what the leader acknowledges.
    async fn works(&self, value: &str) {
        let leader = self.leader().await;
        let own = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let batch = Batch {
            id: BatchId {
                writer: 0,
                sequence: 0,
            },
            guard: None,
            ops: vec![Op::Set(own("a"), own(value))],
        };
        leader.apply(batch).await.unwrap();
        for (member, _) in &self.members {
            let view = member.view(Consistency::Linearizable).await.unwrap();
            assert_eq!(view.get(b"a").unwrap().unwrap(), value);
        }
    }
}

fn open(root: &Path, id: u64, urls: &[String], listener: Listener) -> (Raft, PeerPort) {
    let founder = |(id, url): (u64, &String)| Member {
        id,
        name: id.to_string(),
        peer_urls: vec![url.clone()],
        ..Member::default()
    };
    let options = Options {
        id,
        cluster_id: CLUSTER_ID,
        founders: (1..).zip(urls).map(founder).collect(),
        heartbeat: Duration::from_millis(30),
        election_heartbeats: 30,
        policy: Policy::default(),
        blocks: BlockCache::default(),
    };
    let traffic = Arc::new(Traffic::default());
    let network = Arc::new(Network::new(Dialer::default(), traffic.clone()));
    let raft = Raft::open(&root.join(id.to_string()), &options, network.clone()).unwrap();
    let members = raft.members();
    let heard = members.borrow().clone();
    tokio::spawn(network.follow(id, heard, members));
    let port = PeerPort::open(vec![listener], &raft, traffic);
    (raft, port)
}

/// What the first member answers to frames that come this way.
async fn send(
    url: &str,
    headers: impl FnOnce(&mut MetadataMap),
    frames: Vec<Frame>,
) -> Result<(), Status> {
    let channel = Dialer::default().open(url).await.unwrap();
    let mut client = RaftClient::new(channel).max_encoding_message_size(usize::MAX);
    let (sender, outgoing) = tokio::sync::mpsc::channel(frames.len().max(1));
    for frame in frames {
        sender.try_send(frame).unwrap();
    }
    drop(sender);
    let mut request = Request::new(ReceiverStream::new(outgoing));
    headers(request.metadata_mut());
    let mut end: Streaming<_> = client.carry(request).await?.into_inner();
    let ended = tokio::time::timeout(FOREVER, end.message()).await;
    ended.unwrap().map(drop)
}

fn route(cluster_id: u64, from: u64, to: u64) -> impl FnOnce(&mut MetadataMap) {
    let route = Route {
        cluster_id,
        from,
        to,
    };
    move |headers| route.write(headers)
}

fn heartbeat(from: u64, to: u64) -> Bytes {
    let mut message = Message::default();
    message.set_msg_type(MessageType::MsgHeartbeatResponse);
    (message.from, message.to) = (from, to);
    message.write_to_bytes().unwrap().into()
}

fn frame(message: Bytes) -> Vec<Frame> {
    vec![Frame {
        messages: vec![message],
    }]
}

#[tokio::test(flavor = "multi_thread")]
async fn members_find_each_other_and_write() {
    let trio = Trio::open().await;
    for round in 0..20 {
        trio.works(&round.to_string()).await;
    }
    // Larger than what a frame takes beside others.
    trio.works(&"x".repeat(3 << 20)).await;
    let known = describe(&Dialer::default(), &trio.urls[1]).await.unwrap();
    assert_eq!(known, *trio.members[0].0.members().borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_meant_refuses_and_says_why() {
    let trio = Trio::open().await;
    let url = &trio.urls[0];
    for (headers, words) in [
        (
            route(0xbad, 2, 1),
            "is of the cluster c1, and bad was meant",
        ),
        (route(CLUSTER_ID, 2, 3), "is the member 1, and 3 was meant"),
    ] {
        let status = send(url, headers, Vec::new()).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains(words), "{status}");
    }
    let nameless = |headers: &mut MetadataMap| {
        headers.insert(CLUSTER, "no number".parse().unwrap());
    };
    let status = send(url, nameless, Vec::new()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    trio.works("still").await;
}

/// What is sent in the name of a member that is there does not disturb it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_ends_its_stream_alone() {
    let trio = Trio::open().await;
    trio.works("before").await;
    let url = &trio.urls[0];
    let own = || route(CLUSTER_ID, 2, 1);
    send(url, own(), frame(heartbeat(2, 1))).await.unwrap();
    for senseless in [
        Bytes::from_static(b"\xff\xff\xff garbage"),
        heartbeat(3, 1),
        heartbeat(2, 3),
    ] {
        let status = send(url, own(), frame(senseless)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let oversized = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
    let status = send(url, own(), frame(oversized)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    trio.works("after").await;
}
