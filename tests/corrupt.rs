//! A member whose state was damaged: the others notice, an alarm says which it is, and nothing more
//! is written until it is replaced.

mod support;

use kvtool::pb::etcdserverpb::*;
use lsm_tree::{AbstractTree, Config, Guard, KvSeparationOptions, SeqNo, SequenceNumberCounter};
use std::path::Path;
use std::time::Duration;
use support::client::{Client, get};
use support::group::Group;
use tonic::Code;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before a condition is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const WHOLE: &[u8] = b"what was written";
const DAMAGED: &[u8] = b"what was misread";

fn put(key: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: WHOLE.into(),
        ..PutRequest::default()
    }
}

/// Changes what a member that does not run has stored, behind the back of its store; answers how
/// many records.
fn damage(directory: &Path) -> usize {
    let trees = ["data", "data/appended"];
    trees
        .map(|tree| damage_tree(&directory.join(tree)))
        .iter()
        .sum()
}

fn damage_tree(directory: &Path) -> usize {
    let seqno = SequenceNumberCounter::default();
    // As the member has it: it opens as nothing else.
    let config = Config::new(directory, seqno.clone(), seqno.clone())
        .with_kv_separation(Some(KvSeparationOptions::default()));
    let tree = config.open().expect("nobody has it open");
    seqno.fetch_max(tree.get_highest_seqno().map_or(0, |last| last + 1));
    let mut damaged = Vec::new();
    for item in tree.iter(SeqNo::MAX, None) {
        let (key, record) = item.into_inner().expect("it can be read");
        let place = record.windows(WHOLE.len()).position(|part| part == WHOLE);
        if let Some(place) = place {
            let mut record = record.to_vec();
            record[place..place + DAMAGED.len()].copy_from_slice(DAMAGED);
            damaged.push((key, record));
        }
    }
    for (key, record) in &damaged {
        tree.insert(key.clone(), record.as_slice(), seqno.next());
    }
    tree.flush_active_memtable(0).expect("a disk");
    damaged.len()
}

async fn alarms(client: &Client) -> Vec<AlarmMember> {
    let all = AlarmRequest::default();
    let raised = client.maintenance.clone().alarm(all).await;
    raised.expect("alarms").into_inner().alarms
}

async fn raised(client: &Client) -> Vec<AlarmMember> {
    let waited = async {
        loop {
            let raised = alarms(client).await;
            if !raised.is_empty() {
                return raised;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .expect("an alarm")
}

/// A group of three with three keys; one of its members is stopped and damaged.
async fn damaged_group(flags: &[&str]) -> (Group, usize, u64) {
    let mut group = Group::new(3, flags);
    group.start_all();
    let client = group.client(0).await;
    for key in ["a", "b", "c"] {
        client.kv.clone().put(put(key)).await.expect("put");
    }
    let leader = group.leader(&[0, 1, 2]).await;
    let victim = (leader + 1) % 3;
    let at_victim = group.client(victim).await;
    let everything = RangeRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        ..RangeRequest::default()
    };
    let range = at_victim.kv.clone().range(everything).await;
    let id = range
        .expect("all keys")
        .into_inner()
        .header
        .map_or(0, |header| header.member_id);
    assert!(group.server(victim).terminate().success());
    // Each key, and its history.
    assert!(damage(group.directory(victim)) >= 6);
    (group, victim, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_member_raises_the_alarm_and_ends_writing() {
    let (mut group, victim, id) = damaged_group(&["--corrupt-check-time=500ms"]).await;
    let other = (victim + 1) % 3;
    let client = group.client(other).await;
    assert!(alarms(&client).await.is_empty());
    group.start(victim);
    let raised = raised(&client).await;
    let expected = AlarmMember {
        member_id: id,
        alarm: AlarmType::Corrupt.into(),
    };
    assert_eq!(raised, [expected]);
    let refused = client.kv.clone().put(put("d")).await.expect_err("refused");
    assert_eq!(refused.code(), Code::DataLoss);
    assert_eq!(refused.message(), "etcdserver: corrupt cluster");
    let port = group.server(other).port();
    let health = get(port, "/health").await;
    assert!(health.contains("ALARM CORRUPT"), "{health}");
    let ready = get(port, "/readyz").await;
    assert!(ready.contains("[-]data_corruption failed"), "{ready}");

    // Replaced, it has what the others have, and no alarm comes back.
    group.wipe(victim);
    let cleared = AlarmRequest {
        action: alarm_request::AlarmAction::Deactivate.into(),
        member_id: id,
        alarm: AlarmType::Corrupt.into(),
    };
    client
        .maintenance
        .clone()
        .alarm(cleared)
        .await
        .expect("cleared");
    group.add_anew(victim).await;
    let command = group.joining(victim);
    group.start_as(victim, command);
    drop(group.client(victim).await);
    client.kv.clone().put(put("d")).await.expect("put");
    assert!(alarms(&client).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_member_does_not_start_to_serve() {
    let (mut group, victim, _) = damaged_group(&["--initial-corrupt-check"]).await;
    group.start(victim);
    assert!(!group.server(victim).wait_exit().success());
    let log = group.server(victim).log();
    assert!(log.contains("found data inconsistency with peers"), "{log}");
    let client = group.client((victim + 1) % 3).await;
    client.kv.clone().put(put("d")).await.expect("put");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_member_is_noticed_after_a_compaction() {
    let flags = [
        "--compact-hash-check-enabled",
        "--compact-hash-check-time=500ms",
    ];
    let (mut group, victim, id) = damaged_group(&flags).await;
    group.start(victim);
    drop(group.client(victim).await);
    let client = group.client((victim + 1) % 3).await;
    let compaction = CompactionRequest {
        revision: 2,
        physical: false,
    };
    client
        .kv
        .clone()
        .compact(compaction)
        .await
        .expect("compacted");
    let raised = raised(&client).await;
    assert_eq!(raised.first().map(|alarm| alarm.member_id), Some(id));
}
