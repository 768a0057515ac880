//! The quota and its alarm: the same calls to kvtool and, where one is found, to a real etcd.

mod support;

use kvtool::pb::etcdserverpb::alarm_request::AlarmAction;
use kvtool::pb::etcdserverpb::request_op::Request as Op;
use kvtool::pb::etcdserverpb::*;
use std::path::Path;
use support::client::{Client, get};
use support::random::Random;
use support::server::{Etcd, Program, Server};
use support::skip;
use tonic::{Response, Status};

const QUOTA: &str = "--quota-backend-bytes=262144";
/// One write; the quota holds some of them.
const VALUE_BYTES: usize = 4096;
/// More writes than any store takes within the quota.
const WRITES_MAX: usize = 200;

fn put(key: &'static str, bytes: usize) -> PutRequest {
    // A store may keep less of a value that says little.
    let mut random = Random::new(7);
    let value = std::iter::repeat_with(|| random.next() as u8).take(bytes);
    PutRequest {
        key: key.into(),
        value: value.collect::<Vec<_>>().into(),
        ..PutRequest::default()
    }
}

fn delete(key: &'static str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.into(),
        ..DeleteRangeRequest::default()
    }
}

fn txn(op: Op) -> TxnRequest {
    TxnRequest {
        failure: vec![RequestOp { request: Some(op) }],
        ..TxnRequest::default()
    }
}

fn alarm(action: AlarmAction, alarm: AlarmType) -> AlarmRequest {
    AlarmRequest {
        action: action.into(),
        alarm: alarm.into(),
        ..AlarmRequest::default()
    }
}

fn end<T>(answer: Result<Response<T>, Status>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(status) => format!("{:?} {}", status.code(), status.message()),
    }
}

async fn said(program: &Program, directory: &Path) -> Vec<String> {
    let server = Server::start(program, directory, &[QUOTA]);
    let mut client = Client::connect(&server.endpoint()).await.expect("a server");
    let mut said = vec![end(client.kv.put(put("first", 64)).await)];
    let mut last = String::new();
    for _ in 0..WRITES_MAX {
        last = end(client.kv.put(put("full", VALUE_BYTES)).await);
        if last != "done" {
            break;
        }
    }
    said.push(last);
    drop(server);

    // The alarm stays through a restart.
    let server = Server::start(program, directory, &[QUOTA]);
    let mut client = Client::connect(&server.endpoint()).await.expect("a server");
    let status = client.maintenance.status(StatusRequest {}).await;
    let status = status.expect("a status").into_inner();
    let member_id = status.header.map_or(0, |header| header.member_id);
    said.push(format!("{}", status.db_size_quota));
    // etcd prints one space or two, as it is built.
    let errors = status.errors.join(", ").replace("  ", " ");
    said.push(errors.replace(&member_id.to_string(), "ID"));
    let raised = client
        .maintenance
        .alarm(alarm(AlarmAction::Get, AlarmType::None))
        .await;
    let raised = raised.expect("alarms").into_inner().alarms;
    assert!(raised.iter().all(|alarm| alarm.member_id == member_id));
    said.push(format!("{} raised", raised.len()));
    let health = get(server.port(), "/health").await;
    said.push(health.lines().last().unwrap_or_default().to_owned());

    let lease = LeaseGrantRequest { ttl: 100, id: 5 };
    let range = RangeRequest {
        key: "first".into(),
        ..RangeRequest::default()
    };
    let compaction = CompactionRequest {
        revision: status.header.map_or(0, |header| header.revision),
        physical: true,
    };
    let kv = &mut client.kv;
    said.push(end(kv.put(put("small", 1)).await));
    said.push(end(kv.txn(txn(Op::RequestPut(put("small", 1)))).await));
    said.push(end(client.lease.lease_grant(lease).await));
    said.push(end(kv.range(range.clone()).await));
    said.push(end(kv.txn(txn(Op::RequestRange(range))).await));
    said.push(end(kv
        .txn(txn(Op::RequestDeleteRange(delete("none"))))
        .await));
    said.push(end(kv.delete_range(delete("full")).await));
    said.push(end(kv.compact(compaction).await));
    let defragmented = client.maintenance.defragment(DefragmentRequest {}).await;
    said.push(end(defragmented));
    let mut cleared = alarm(AlarmAction::Deactivate, AlarmType::Nospace);
    cleared.member_id = member_id;
    let cleared = client.maintenance.alarm(cleared).await;
    said.push(format!(
        "{}",
        cleared.expect("cleared").into_inner().alarms.len()
    ));
    said.push(end(client.kv.put(put("small", 1)).await));
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_keyspace_is_refused_as_etcd_refuses_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let found = said(&Program::Kvtool, &directory.path().join("kvtool")).await;
    let refused = "ResourceExhausted etcdserver: mvcc: database space exceeded";
    assert_eq!(found[1], refused);
    assert_eq!(
        found.iter().filter(|said| *said == refused).count(),
        4,
        "{found:#?}"
    );
    match Etcd::find().filter(|etcd| etcd.version >= (3, 7)) {
        None => skip("a_full_keyspace", "no etcd to compare with"),
        Some(etcd) => {
            let theirs = said(&Program::Etcd(etcd), &directory.path().join("etcd")).await;
            assert_eq!(found, theirs);
        }
    }
}
