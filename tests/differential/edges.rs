//! Cases that random operations over few small keys do not reach: a fresh store, large values,
//! long answers, limits of requests, silence.

use crate::operation::{Answer, Operation, Side, mask};
use crate::support::client::Client;
use crate::support::server::{Program, Server};
use crate::{reference, support};
use bytes::Bytes;
use kvtool::pb::etcdserverpb::request_op::Request;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

/// How long an answer on a watch stream may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A value that kvtool keeps apart from its key.
const LARGE_BYTES: usize = 150_000;

/// Keys of a list that takes many pieces.
const MANY: i64 = 2_000;

/// The two servers, which live as long as this does.
struct Two {
    servers: [Server; 2],
    sides: [Side; 2],
    _directories: tempfile::TempDir,
}

impl Two {
    async fn start(test: &str) -> Option<Self> {
        let etcd = reference(test)?;
        let directories = tempfile::tempdir().expect("a temporary directory");
        let start = |program: &Program, name: &str| {
            Server::start(program, &directories.path().join(name), &[])
        };
        let servers = [
            start(&Program::subject(), "left"),
            start(&Program::Etcd(etcd), "right"),
        ];
        let mut sides = Vec::new();
        for server in &servers {
            let client = Client::connect(&server.endpoint()).await.expect("connects");
            sides.push(Side::new(client).await.expect("streams open"));
        }
        Some(Self {
            servers,
            sides: sides.try_into().ok().expect("two servers"),
            _directories: directories,
        })
    }

    /// The answer both gave.
    async fn same(&mut self, operation: Operation) -> Answer {
        let left = self.sides[0].answer(&operation).await;
        let right = self.sides[1].answer(&operation).await;
        if !left.same_as(&right) {
            panic!("{operation:.300?}\nleft: {left:#.3000?}\nright: {right:#.3000?}");
        }
        right
    }

    async fn clients(&self) -> [Client; 2] {
        let [left, right] = &self.servers;
        let connect = async |server: &Server| Client::connect(&server.endpoint()).await;
        [
            connect(left).await.expect("connects"),
            connect(right).await.expect("connects"),
        ]
    }
}

fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Operation {
    Operation::Put(PutRequest {
        key: key.into(),
        value: value.into(),
        prev_kv: true,
        ..PutRequest::default()
    })
}

fn everything() -> RangeRequest {
    RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        ..RangeRequest::default()
    }
}

#[tokio::test]
async fn a_fresh_store_answers_alike() {
    let Some(mut two) = Two::start("differential fresh").await else {
        return;
    };
    two.same(Operation::Range(everything())).await;
    two.same(Operation::RangeStream(everything())).await;
    two.same(Operation::HashKv(HashKvRequest { revision: 0 }))
        .await;
    two.same(Operation::Leases(LeaseLeasesRequest {})).await;
    two.same(Operation::Txn(TxnRequest::default())).await;
    for revision in [-1, 2, 0, 0, 1, 1] {
        two.same(Operation::Compact(CompactionRequest {
            revision,
            physical: true,
        }))
        .await;
    }
    // Answers that name no key show the difference between none and empty.
    two.same(put("a", "")).await;
    two.same(Operation::Range(everything())).await;
    for ttl in [i64::MIN, -1, 0, 1, 2, 3] {
        let id = 100 + ttl.max(-2);
        two.same(Operation::Grant(LeaseGrantRequest { ttl, id }))
            .await;
        two.same(Operation::Revoke(LeaseRevokeRequest { id })).await;
    }
    for mut client in two.clients().await {
        let grant = LeaseGrantRequest { ttl: 100, id: 0 };
        let answer = client.lease.lease_grant(grant).await.expect("grants");
        assert!(answer.into_inner().id > 0);
        let members = MemberListRequest { linearizable: true };
        let answer = client.cluster.member_list(members).await.expect("lists");
        let answer = answer.into_inner();
        assert_eq!(answer.header.expect("a header").revision, 0);
        // One, or all of a group that is tested as one server.
        let names = Vec::from_iter(answer.members.iter().map(|member| member.name.as_str()));
        assert!(
            names == ["default"] || (names.len() == 3 && names.contains(&"m0")),
            "{names:?}"
        );
        assert!(!answer.members.iter().any(|member| member.is_learner));
    }
}

#[tokio::test]
async fn hashes_stay_what_they_were_before_their_revision_was_compacted() {
    let Some(mut two) = Two::start("differential hashes").await else {
        return;
    };
    for round in 0..4 {
        two.same(put("a", vec![round])).await;
        two.same(put("b", vec![round])).await;
        two.same(Operation::Delete(DeleteRangeRequest {
            key: "a".into(),
            ..DeleteRangeRequest::default()
        }))
        .await;
    }
    // One in the middle, one where a deletion is the newest change, and then both of them once more.
    for compacted in [3, 7] {
        for revision in [compacted, 9] {
            two.same(Operation::HashKv(HashKvRequest { revision }))
                .await;
        }
        two.same(Operation::Compact(CompactionRequest {
            revision: compacted,
            physical: true,
        }))
        .await;
        two.same(Operation::HashKv(HashKvRequest {
            revision: compacted,
        }))
        .await;
    }
    for revision in [2, 3, 7, 9] {
        two.same(Operation::HashKv(HashKvRequest { revision }))
            .await;
    }
}

#[tokio::test]
async fn large_values_and_long_answers_are_alike() {
    let Some(mut two) = Two::start("differential large").await else {
        return;
    };
    for round in 0..3 {
        for key in ["large/1", "large/2"] {
            two.same(put(key, vec![b'0' + round; LARGE_BYTES])).await;
        }
    }
    two.same(Operation::Range(everything())).await;
    for revision in [2, 4, 7] {
        let request = RangeRequest {
            revision,
            ..everything()
        };
        two.same(Operation::RangeStream(request)).await;
    }
    two.same(Operation::HashKv(HashKvRequest { revision: 0 }))
        .await;
    two.same(Operation::Delete(DeleteRangeRequest {
        key: "large/1".into(),
        prev_kv: true,
        ..DeleteRangeRequest::default()
    }))
    .await;
    two.same(Operation::Compact(CompactionRequest {
        revision: 6,
        physical: true,
    }))
    .await;
    two.same(Operation::Range(everything())).await;
    for start in (0..MANY).step_by(100) {
        let operation = |number: i64| RequestOp {
            request: Some(Request::RequestPut(PutRequest {
                key: format!("many/{number:06}").into(),
                value: format!("{number:0300}").into(),
                ..PutRequest::default()
            })),
        };
        two.same(Operation::Txn(TxnRequest {
            success: (start..start + 100).map(operation).collect(),
            ..TxnRequest::default()
        }))
        .await;
    }
    for limit in [0, 1, 9, 10, 11, 999, MANY, MANY + 1, MANY + 2] {
        let request = RangeRequest {
            limit,
            ..everything()
        };
        two.same(Operation::Range(request.clone())).await;
        two.same(Operation::RangeStream(request)).await;
    }
}

/// etcd sorts each piece of a stream by itself, and its first piece has ten keys.
#[tokio::test]
async fn a_short_stream_with_a_sort_target_and_no_order_is_alike() {
    let Some(mut two) = Two::start("differential stream order").await else {
        return;
    };
    for (key, value) in [("a", "3"), ("b", "1"), ("c", "2"), ("b", "5"), ("a", "4")] {
        two.same(put(key, value)).await;
    }
    for sort_target in 0..=4 {
        for keys_only in [false, true] {
            let request = RangeRequest {
                sort_target,
                keys_only,
                ..everything()
            };
            two.same(Operation::RangeStream(request)).await;
        }
    }
}

#[tokio::test]
async fn requests_at_their_limits_are_alike() {
    let Some(mut two) = Two::start("differential limits").await else {
        return;
    };
    // 1.5 MiB is the limit of a request, and its framing counts.
    let limit = 3 << 19;
    for length in [limit - 1000, limit, limit + 1000] {
        two.same(put("limit", vec![b'x'; length])).await;
    }
    two.same(Operation::Range(RangeRequest {
        count_only: true,
        ..everything()
    }))
    .await;
    // What gRPC itself refuses it words in its own way.
    let too_long = put("limit", vec![b'x'; limit + (1 << 20)]);
    for side in &mut two.sides {
        let answer = side.answer(&too_long).await;
        let Answer::Refused { code, .. } = answer else {
            panic!("a request of 2.5 MiB was taken");
        };
        assert_eq!(code, Code::ResourceExhausted);
    }
}

/// One watch stream, message by message.
struct Messages {
    requests: mpsc::Sender<WatchRequest>,
    answers: mpsc::Receiver<WatchResponse>,
}

impl Messages {
    /// Opens a stream with its first request.
    async fn open(mut client: Client, first: RequestUnion) -> Self {
        let (requests, receiver) = mpsc::channel(16);
        let (sender, answers) = mpsc::channel(16);
        ask(&requests, first).await;
        // A server that is silent has not even opened the stream, as far as a client can tell.
        tokio::spawn(async move {
            let answers = client.watch.watch(ReceiverStream::new(receiver)).await;
            let mut answers = answers.expect("opens").into_inner();
            while let Ok(Some(answer)) = answers.message().await {
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Self { requests, answers }
    }

    async fn ask(&self, union: RequestUnion) {
        ask(&self.requests, union).await;
    }

    async fn next(&mut self) -> WatchResponse {
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        let mut answer = answer.expect("in time").expect("the stream goes on");
        mask(&mut answer.header);
        answer
    }
}

async fn ask(requests: &mpsc::Sender<WatchRequest>, union: RequestUnion) {
    let request = WatchRequest {
        request_union: Some(union),
    };
    requests.send(request).await.expect("the stream is open");
}

fn create(request: WatchCreateRequest) -> RequestUnion {
    RequestUnion::CreateRequest(WatchCreateRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        ..request
    })
}

/// Nobody answers the progress request of a stream without watchers, or with one that waits for
/// a revision to come, nor the cancel of a watcher that is not there.
#[tokio::test]
async fn silence_is_alike() {
    let Some(two) = Two::start("differential silence").await else {
        return;
    };
    for mut client in two.clients().await {
        let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
        let cancel = RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 9 });
        let mut messages = Messages::open(client.clone(), progress.clone()).await;
        messages.ask(cancel).await;
        messages
            .ask(create(WatchCreateRequest {
                start_revision: 3,
                ..WatchCreateRequest::default()
            }))
            .await;
        let first = messages.next().await;
        assert!(first.created, "{first:?}");
        messages.ask(progress).await;
        for value in ["too early", "awaited"] {
            let put = PutRequest {
                key: "key".into(),
                value: value.into(),
                ..PutRequest::default()
            };
            client.kv.put(put).await.expect("puts");
        }
        let second = messages.next().await;
        let kv = second.events.first().and_then(|event| event.kv.as_ref());
        let kv = kv.unwrap_or_else(|| panic!("an event, not {second:?}"));
        assert_eq!((kv.mod_revision, kv.value.as_ref()), (3, &b"awaited"[..]));
    }
}

/// What was before the compacted revision is not shown, however little is missed since.
#[tokio::test]
async fn a_watch_from_the_compacted_revision_is_alike() {
    let Some(mut two) = Two::start("differential compacted").await else {
        return;
    };
    // With somebody watching, what was written last is kept at hand.
    let mut watching = Vec::new();
    for client in two.clients().await {
        let all = create(WatchCreateRequest::default());
        let mut messages = Messages::open(client, all).await;
        assert!(messages.next().await.created);
        watching.push(messages);
    }
    for value in ["1", "2", "3"] {
        two.same(put("key", value)).await;
    }
    two.same(Operation::Compact(CompactionRequest {
        revision: 3,
        physical: false,
    }))
    .await;
    let mut seen = Vec::new();
    for client in two.clients().await {
        let from_compacted = create(WatchCreateRequest {
            start_revision: 3,
            prev_kv: true,
            ..WatchCreateRequest::default()
        });
        let mut messages = Messages::open(client, from_compacted).await;
        assert!(messages.next().await.created);
        let mut events = Vec::new();
        while events.len() < 2 {
            events.extend(messages.next().await.events);
        }
        seen.push(events);
    }
    assert_eq!(seen[0], seen[1]);
    let shown = seen[0].iter().map(|event| event.prev_kv.is_some());
    assert_eq!(Vec::from_iter(shown), [false, true]);
}

/// One revision of 3 MB comes in one message, or in fragments when they are asked for.
#[tokio::test]
async fn fragments_are_alike() {
    let Some(mut two) = Two::start("differential fragments").await else {
        return;
    };
    let clients = two.clients().await;
    let mut streams = Vec::new();
    for client in clients {
        let plain = create(WatchCreateRequest {
            prev_kv: true,
            ..WatchCreateRequest::default()
        });
        let mut messages = Messages::open(client, plain).await;
        messages.next().await;
        messages
            .ask(create(WatchCreateRequest {
                prev_kv: true,
                fragment: true,
                ..WatchCreateRequest::default()
            }))
            .await;
        messages.next().await;
        streams.push(messages);
    }
    for _ in 0..2 {
        let operation = |number: usize| RequestOp {
            request: Some(Request::RequestPut(PutRequest {
                key: format!("key/{number}").into(),
                value: vec![b'0' + number as u8; LARGE_BYTES].into(),
                ..PutRequest::default()
            })),
        };
        let txn = TxnRequest {
            success: (0..10).map(operation).collect(),
            ..TxnRequest::default()
        };
        two.same(Operation::Txn(txn)).await;
    }
    let mut seen = Vec::new();
    for messages in &mut streams {
        let mut events: [Vec<Event>; 2] = Default::default();
        let mut fragments = 0;
        while events.iter().any(|events| events.len() < 20) {
            let answer = messages.next().await;
            let watcher = answer.watch_id as usize;
            assert!(
                watcher == 1 || !answer.fragment,
                "nobody asked for fragments"
            );
            if watcher == 0 {
                assert_eq!(answer.events.len(), 10, "a revision was split");
            }
            fragments += usize::from(answer.fragment);
            events[watcher].extend(answer.events);
        }
        assert!(fragments > 0, "3 MB came in one piece");
        seen.push(events);
    }
    assert!(seen[0] == seen[1], "the events differ");
    assert!(seen[0][0] == seen[0][1], "fragments lost something");
    support::note("differential fragments", "in pieces and in one");
}
