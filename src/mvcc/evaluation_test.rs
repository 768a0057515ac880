//! Many clients at once, so that batches are evaluated while others are committed: taken together
//! their answers are those of one keyspace that did all requests one after the other.

use crate::mvcc::servers_test::{LEADS, Server, put};
use crate::mvcc::{Instance, Options};
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::request_op::Request as Op;
use crate::pb::etcdserverpb::response_op::Response as Answer;
use crate::pb::etcdserverpb::*;
use crate::pb::mvccpb::KeyValue;
use crate::store::Store;
use crate::store::faulty::Rates;
use crate::store::local::{BlockCache, Local};
use bytes::Bytes;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

const CLIENTS: u64 = 24;
const REQUESTS_PER_CLIENT: usize = 60;
const KEYS: [&str; 4] = ["k0", "k1", "k2", "k3"];
const ALL: (&str, &str) = ("k", "l");

/// A request with its answer, in one form for all kinds.
#[derive(Debug)]
struct Done {
    asked: TxnRequest,
    answered: TxnResponse,
}

fn range(key: &'static str, range_end: &'static str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        range_end: range_end.into(),
        ..Default::default()
    }
}

fn op(request: Op) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

/// A request that a client of these keys might make. `seen` is a modification it has seen.
fn draw(random: &mut StdRng, seen: i64) -> TxnRequest {
    let key = KEYS[random.random_range(0..KEYS.len())];
    let value: u32 = random.random();
    let put = PutRequest {
        prev_kv: true,
        ..put(key, Bytes::from(value.to_string()))
    };
    let delete = |(key, range_end): (&'static str, &'static str)| DeleteRangeRequest {
        key: key.into(),
        range_end: range_end.into(),
        prev_kv: true,
    };
    let unconditional = |request| TxnRequest {
        success: vec![op(request)],
        ..Default::default()
    };
    match random.random_range(0..10) {
        0..4 => unconditional(Op::RequestPut(put)),
        4 => unconditional(Op::RequestDeleteRange(delete((key, "")))),
        5 if random.random_bool(0.2) => unconditional(Op::RequestDeleteRange(delete(ALL))),
        rest => TxnRequest {
            compare: vec![Compare {
                result: CompareResult::Equal.into(),
                target: CompareTarget::Mod.into(),
                key: key.into(),
                target_union: Some(TargetUnion::ModRevision(seen)),
                ..Default::default()
            }],
            success: vec![op(Op::RequestPut(put))],
            failure: vec![op(Op::RequestRange(match rest {
                9 => range(ALL.0, ALL.1),
                _ => range(key, ""),
            }))],
        },
    }
}

/// Sends a request as the call that is made for it.
async fn send(instance: &Instance, asked: TxnRequest) -> Done {
    let single = match (&asked.compare[..], &asked.success[..]) {
        ([], [RequestOp { request }]) => request.clone(),
        _ => None,
    };
    let (header, answer) = match single {
        Some(Op::RequestPut(put)) => {
            let answer = instance.put(put).await.unwrap();
            (answer.header, Answer::ResponsePut(answer))
        }
        Some(Op::RequestDeleteRange(delete)) => {
            let answer = instance.delete_range(delete).await.unwrap();
            (answer.header, Answer::ResponseDeleteRange(answer))
        }
        _ => {
            let answered = instance.txn(asked.clone()).await.unwrap();
            return Done { asked, answered };
        }
    };
    let answered = TxnResponse {
        header,
        succeeded: true,
        responses: vec![ResponseOp {
            response: Some(answer),
        }],
    };
    Done { asked, answered }
}

/// What a client learns from an answer: how a key was modified last.
fn seen(answered: &TxnResponse) -> Option<i64> {
    match answered.responses.first()?.response.as_ref()? {
        Answer::ResponsePut(_) => Some(answered.header.as_ref()?.revision),
        Answer::ResponseRange(range) => range.kvs.first().map(|kv| kv.mod_revision),
        _ => Some(0),
    }
}

/// What clients saw of the answers, without headers.
#[derive(Debug, PartialEq)]
struct Seen {
    succeeded: bool,
    kvs: Vec<KeyValue>,
    count: i64,
}

impl Done {
    fn revision(&self) -> i64 {
        self.answered.header.as_ref().unwrap().revision
    }

    fn seen(&self) -> Seen {
        let response = self.answered.responses[0].response.clone().unwrap();
        let (kvs, count) = match response {
            Answer::ResponsePut(put) => (put.prev_kv.into_iter().collect(), 0),
            Answer::ResponseDeleteRange(deleted) => (deleted.prev_kvs, deleted.deleted),
            Answer::ResponseRange(range) => (range.kvs, range.count),
            Answer::ResponseTxn(_) => unreachable!("none was asked for"),
        };
        Seen {
            succeeded: self.answered.succeeded,
            kvs,
            count,
        }
    }

    fn has_written(&self) -> bool {
        match self.answered.responses[0].response.as_ref().unwrap() {
            Answer::ResponsePut(_) => true,
            Answer::ResponseDeleteRange(deleted) => deleted.deleted > 0,
            _ => false,
        }
    }
}

/// Does a request as a keyspace that has one client does it.
fn replay(model: &mut BTreeMap<Bytes, KeyValue>, asked: &TxnRequest, revision: i64) -> Seen {
    let holds = |compare: &Compare| {
        let found = model.get(&compare.key).map_or(0, |kv| kv.mod_revision);
        compare.target_union == Some(TargetUnion::ModRevision(found))
    };
    let succeeded = asked.compare.iter().all(holds);
    let ops = if succeeded {
        &asked.success
    } else {
        &asked.failure
    };
    let within = |key: &Bytes, start: &Bytes, end: &Bytes| match end.is_empty() {
        true => key == start,
        false => start <= key && key < end,
    };
    let (kvs, count) = match ops[0].request.as_ref().unwrap() {
        Op::RequestPut(put) => {
            let before = model.get(&put.key).cloned();
            let after = KeyValue {
                key: put.key.clone(),
                value: put.value.clone(),
                mod_revision: revision,
                create_revision: before.as_ref().map_or(revision, |kv| kv.create_revision),
                version: before.as_ref().map_or(1, |kv| kv.version + 1),
                lease: 0,
            };
            model.insert(put.key.clone(), after);
            (before.into_iter().collect(), 0)
        }
        Op::RequestDeleteRange(delete) => {
            let gone = |key: &Bytes, _: &mut KeyValue| within(key, &delete.key, &delete.range_end);
            let deleted: Vec<_> = model.extract_if(.., gone).map(|(_, kv)| kv).collect();
            let count = deleted.len() as i64;
            (deleted, count)
        }
        Op::RequestRange(range) => {
            let inside = |kv: &&KeyValue| within(&kv.key, &range.key, &range.range_end);
            let found: Vec<_> = model.values().filter(inside).cloned().collect();
            let count = found.len() as i64;
            (found, count)
        }
        Op::RequestTxn(_) => unreachable!("none is asked for"),
    };
    Seen {
        succeeded,
        kvs,
        count,
    }
}

/// Lets the clients loose on a server and holds their answers to a replay.
async fn check(instance: &Instance) {
    let client = async |client: u64| {
        let mut random = StdRng::seed_from_u64(client);
        let (mut done, mut known) = (Vec::new(), 0);
        for _ in 0..REQUESTS_PER_CLIENT {
            let sent = send(instance, draw(&mut random, known)).await;
            known = seen(&sent.answered).unwrap_or(0);
            done.push(sent);
        }
        done
    };
    let first = instance.header().revision + 1;
    let done = join_all((0..CLIENTS).map(client)).await;
    let mut done: Vec<_> = done.into_iter().flatten().collect();
    // What reads at a revision comes behind what made it.
    done.sort_by_key(|done| (done.revision(), !done.has_written()));
    let mut model = BTreeMap::new();
    let mut newest = first - 1;
    for done in &done {
        if done.has_written() {
            newest += 1;
        }
        assert_eq!(done.revision(), newest, "{done:?}");
        let expected = replay(&mut model, &done.asked, newest);
        assert_eq!(done.seen(), expected, "at {newest}: {:?}", done.asked);
    }
    let left = instance.range(range(ALL.0, ALL.1)).await.unwrap();
    assert_eq!(left.kvs, model.into_values().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_at_once_are_answered_as_one_after_the_other() {
    let conflicts = Rates {
        conflict: 0.2,
        ..Rates::default()
    };
    for (rates, cache_bytes) in [
        (Rates::default(), 256 << 20),
        (conflicts, 256 << 20),
        (conflicts, 1000),
        (Rates::default(), 0),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::Local(Local::open(directory.path(), BlockCache::default()).unwrap());
        let options = Options {
            cache_bytes,
            ..Options::default()
        };
        let server = Server::open_with(store.clone(), Some(LEADS), options).await;
        server.store.set_rates(rates);
        check(&server.instance).await;
        server.instance.close().await;
        store.close().await.unwrap();
    }
}
