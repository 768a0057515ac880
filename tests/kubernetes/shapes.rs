//! What a kube-apiserver 1.37 asks of its etcd, shape by shape, of kvtool and of a real etcd.
//!
//! The methods are those that kvtool's own counters showed under a real one, and the fields are
//! those that its client sets (etcd's `client/v3/kubernetes`, and the storage layer above it).

use super::support::client::Client;
use super::support::server::{Etcd, Program, Server};
use super::support::skip;
use kvtool::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use kvtool::pb::etcdserverpb::request_op::Request as Op;
use kvtool::pb::etcdserverpb::response_op::Response as Done;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::event::EventType;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Streaming};

const PREFIX: &str = "/registry/configmaps/";
const PREFIX_END: &str = "/registry/configmaps0";
const COMPACT_KEY: &str = "compact_rev_key";
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn key(name: &str) -> String {
    format!("{PREFIX}test/{name}")
}

fn get(key: &str) -> RangeRequest {
    RangeRequest {
        key: key.to_owned().into(),
        limit: 1,
        ..RangeRequest::default()
    }
}

fn list(from: &str, limit: i64, revision: i64) -> RangeRequest {
    RangeRequest {
        key: from.to_owned().into(),
        range_end: PREFIX_END.into(),
        limit,
        revision,
        ..RangeRequest::default()
    }
}

/// One comparison, one operation, and a read where that fails.
fn guarded(key: &str, target: CompareTarget, is: TargetUnion, op: Op, read: Op) -> TxnRequest {
    let ops = |op| vec![RequestOp { request: Some(op) }];
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal.into(),
            target: target.into(),
            key: key.to_owned().into(),
            target_union: Some(is),
            ..Compare::default()
        }],
        success: ops(op),
        failure: ops(read),
    }
}

fn put(key: &str, value: &str, lease: i64) -> Op {
    Op::RequestPut(PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        lease,
        ..PutRequest::default()
    })
}

fn at(key: &str, revision: i64, op: Op) -> TxnRequest {
    let is = TargetUnion::ModRevision(revision);
    // As the client sends it: without a limit here.
    let read = RangeRequest {
        limit: 0,
        ..get(key)
    };
    guarded(key, CompareTarget::Mod, is, op, Op::RequestRange(read))
}

/// A request as a client sends it that wants to be told when there is no leader.
fn requiring_leader<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("hasleader", "true".parse().unwrap());
    request
}

struct Watching {
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Watching {
    /// Begins to watch; the first answer is still to come. A real etcd answers nothing at all
    /// before it was asked something.
    async fn begin(client: &mut Client, start_revision: i64) -> Self {
        let (requests, receiver) = mpsc::channel(8);
        let watching = RequestUnion::CreateRequest(WatchCreateRequest {
            key: PREFIX.into(),
            range_end: PREFIX_END.into(),
            start_revision,
            prev_kv: true,
            progress_notify: true,
            ..WatchCreateRequest::default()
        });
        ask(&requests, watching).await;
        let request = requiring_leader(ReceiverStream::new(receiver));
        let answers = client.watch.watch(request).await.unwrap().into_inner();
        Self { requests, answers }
    }

    async fn next(&mut self) -> WatchResponse {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        answer.expect("no answer").unwrap().expect("the end")
    }
}

async fn ask(requests: &mpsc::Sender<WatchRequest>, request: RequestUnion) {
    let request = WatchRequest {
        request_union: Some(request),
    };
    requests.send(request).await.unwrap();
}

async fn txn(client: &mut Client, request: TxnRequest) -> TxnResponse {
    client.kv.txn(request).await.unwrap().into_inner()
}

fn revision(header: &Option<ResponseHeader>) -> i64 {
    header.as_ref().unwrap().revision
}

async fn asks(program: &Program) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(program, directory.path(), &[]);
    let mut client = Client::connect(&server.endpoint()).await.unwrap();

    // Before it uses progress requests and range streams it asks who is there.
    let status = client.maintenance.status(StatusRequest {}).await.unwrap();
    let status = status.into_inner();
    let version: Vec<u32> = status
        .version
        .splitn(3, '.')
        .map(|part| part.parse().unwrap())
        .collect();
    assert!(version[..2] >= [3, 6][..], "{}", status.version);
    assert!(status.db_size > 0);
    // Is it well? The key need not be there.
    let health = client.kv.range(get("/registry/health")).await.unwrap();
    assert!(health.into_inner().kvs.is_empty());

    let mut watching = Watching::begin(&mut client, 2).await;
    assert!(watching.next().await.created);

    // Create, once; read; update as of a revision; and as of one that is over.
    let one = key("one");
    let made = txn(&mut client, at(&one, 0, put(&one, "1", 0))).await;
    assert!(made.succeeded);
    let first = revision(&made.header);
    let again = txn(&mut client, at(&one, 0, put(&one, "x", 0))).await;
    assert!(!again.succeeded);
    let Some(Done::ResponseRange(found)) = &again.responses[0].response else {
        panic!("{again:?}");
    };
    assert_eq!((found.kvs[0].mod_revision, found.count), (first, 1));
    let read = client.kv.range(get(&one)).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].value, "1");
    let updated = txn(&mut client, at(&one, first, put(&one, "2", 0))).await;
    let second = revision(&updated.header);
    assert_eq!(second, first + 1);
    let late = txn(&mut client, at(&one, first, put(&one, "x", 0))).await;
    assert!(!late.succeeded);
    let delete = Op::RequestDeleteRange(DeleteRangeRequest {
        key: one.clone().into(),
        ..DeleteRangeRequest::default()
    });
    let deleted = txn(&mut client, at(&one, second, delete)).await;
    let third = revision(&deleted.header);

    // Its watchers see each with what was before: of a deleted object too.
    let mut events = Vec::new();
    while events.len() < 3 {
        events.extend(watching.next().await.events);
    }
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let before = event.prev_kv.as_ref().map(|kv| kv.value.clone());
            let at = event.kv.as_ref().unwrap().mod_revision;
            (event.r#type(), at, before)
        })
        .collect();
    let wanted = [
        (EventType::Put, first, None),
        (EventType::Put, second, Some("1".into())),
        (EventType::Delete, third, Some("2".into())),
    ];
    assert_eq!(told, wanted);
    // A bookmark on request: of all watchers of the stream, at a revision that they have seen.
    let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
    ask(&watching.requests, progress).await;
    let progress = watching.next().await;
    assert_eq!(progress.watch_id, -1);
    assert!(progress.events.is_empty());
    assert_eq!(revision(&progress.header), third);

    // An event hangs on a lease that nobody keeps alive.
    let grant = LeaseGrantRequest { ttl: 3600, id: 0 };
    let lease = client.lease.lease_grant(grant).await.unwrap().into_inner();
    let event = "/registry/events/test/one";
    let made = txn(&mut client, at(event, 0, put(event, "e", lease.id))).await;
    assert!(made.succeeded);

    // Lists: in pages that the first one pins, as a stream, and as a number.
    const MANY: usize = 45;
    const PAGE: usize = 10;
    for number in 0..MANY {
        let name = key(&format!("{number:03}"));
        assert!(
            txn(&mut client, at(&name, 0, put(&name, "x", 0)))
                .await
                .succeeded
        );
    }
    let (mut from, mut pinned, mut names) = (PREFIX.to_owned(), 0, Vec::new());
    loop {
        let page = client.kv.range(list(&from, PAGE as i64, pinned)).await;
        let page = page.unwrap().into_inner();
        if pinned == 0 {
            pinned = revision(&page.header);
            // What comes later is in no page.
            let later = key("000-later");
            txn(&mut client, at(&later, 0, put(&later, "x", 0))).await;
        }
        assert_eq!(page.count as usize, MANY - names.len());
        names.extend(page.kvs.iter().map(|kv| kv.key.clone()));
        assert_eq!(page.more, names.len() < MANY);
        if page.kvs.len() as i64 == page.count {
            break;
        }
        let last = names.last().unwrap();
        from = format!("{}\0", String::from_utf8_lossy(last));
    }
    assert_eq!(names.len(), MANY);
    for (limit, revision_asked) in [(0, 0), (0, pinned), (PAGE as i64, pinned)] {
        let asked = list(PREFIX, limit, revision_asked);
        let mut stream = client.kv.range_stream(asked).await.unwrap().into_inner();
        let (mut found, mut last) = (0, None);
        while let Some(chunk) = stream.message().await.unwrap() {
            let chunk = chunk.range_response.unwrap();
            found += chunk.kvs.len();
            last = Some(chunk);
        }
        let last = last.unwrap();
        let all = MANY + usize::from(revision_asked == 0);
        assert_eq!(last.count as usize, all);
        assert_eq!(found, if limit == 0 { all } else { PAGE });
        assert_eq!(last.more, limit != 0);
        assert_eq!(revision(&last.header), pinned + 1);
    }
    let count = RangeRequest {
        count_only: true,
        ..list(PREFIX, 0, 0)
    };
    let counted = client.kv.range(count).await.unwrap().into_inner();
    assert_eq!((counted.count as usize, counted.kvs.len()), (MANY + 1, 0));
    let keys = RangeRequest {
        keys_only: true,
        ..list(PREFIX, 0, 0)
    };
    let keys = client.kv.range(keys).await.unwrap().into_inner();
    assert!(keys.kvs.iter().all(|kv| kv.value.is_empty()));

    // Of several apiservers that want to compact, one does, and the others learn how far.
    let turn = |version: i64, revision: i64| {
        let is = TargetUnion::Version(version);
        let read = Op::RequestRange(RangeRequest {
            limit: 0,
            ..get(COMPACT_KEY)
        });
        let write = put(COMPACT_KEY, &revision.to_string(), 0);
        guarded(COMPACT_KEY, CompareTarget::Version, is, write, read)
    };
    assert!(txn(&mut client, turn(0, 0)).await.succeeded);
    let other = txn(&mut client, turn(0, 0)).await;
    assert!(!other.succeeded);
    let Some(Done::ResponseRange(found)) = &other.responses[0].response else {
        panic!("{other:?}");
    };
    assert_eq!(
        (found.kvs[0].version, found.kvs[0].value.as_ref()),
        (1, &b"0"[..])
    );
    assert!(txn(&mut client, turn(1, pinned)).await.succeeded);
    let compact = CompactionRequest {
        revision: pinned,
        physical: false,
    };
    client.kv.compact(compact).await.unwrap();
    // These words are what it knows an expired list by, and this answer an expired watch.
    let words = "etcdserver: mvcc: required revision has been compacted";
    let expired = client.kv.range(list(PREFIX, 1, pinned - 1)).await;
    let expired = expired.unwrap_err();
    assert_eq!(
        (expired.code(), expired.message()),
        (Code::OutOfRange, words)
    );
    // At once or as the first thing of the stream: to its client that is the same.
    let expired = match client.kv.range_stream(list(PREFIX, 0, pinned - 1)).await {
        Ok(stream) => stream.into_inner().message().await.unwrap_err(),
        Err(status) => status,
    };
    assert_eq!(
        (expired.code(), expired.message()),
        (Code::OutOfRange, words)
    );
    let ahead = client.kv.range(list(PREFIX, 1, 1 << 40)).await.unwrap_err();
    let words = "etcdserver: mvcc: required revision is a future revision";
    assert_eq!((ahead.code(), ahead.message()), (Code::OutOfRange, words));
    let mut late = Watching::begin(&mut client, pinned - 1).await;
    let mut answer = late.next().await;
    if answer.created && !answer.canceled {
        answer = late.next().await;
    }
    assert!(answer.canceled);
    assert_eq!(answer.compact_revision, pinned);
}

#[tokio::test]
async fn what_an_apiserver_asks_is_answered_as_etcd_answers_it() {
    const TEST: &str = "what_an_apiserver_asks_is_answered_as_etcd_answers_it";
    asks(&Program::Kvtool).await;
    match Etcd::find() {
        Some(etcd) if etcd.version >= (3, 7) => asks(&Program::Etcd(etcd)).await,
        _ => skip(TEST, "no etcd of 3.7 or later to ask the same"),
    }
}
