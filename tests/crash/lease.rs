//! Leases keep their deadline through a crash.

use crate::support;
use crate::support::client::Client;
use crate::support::keyspace;
use crate::support::server::{Program, Server, free_port};
use kvtool::pb::etcdserverpb::*;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tonic::Streaming;

/// Seconds of the lease that must outlive the crash, and of the one whose end is awaited.
const LONG_SECONDS: i64 = 1000;
const SHORT_SECONDS: i64 = 3;

/// How late the keys of an expired lease may be deleted.
const LATE: Duration = Duration::from_secs(4);

async fn grant(client: &mut Client, id: i64, ttl: i64) {
    let grant = LeaseGrantRequest { ttl, id };
    client.lease.lease_grant(grant).await.expect("grants");
    let put = PutRequest {
        key: format!("leased/{id}").into(),
        lease: id,
        ..PutRequest::default()
    };
    client.kv.put(put).await.expect("puts");
}

/// Watches the keys of the leases from the beginning.
async fn watch(client: &Client) -> (Sender<WatchRequest>, Streaming<WatchResponse>) {
    let create = WatchCreateRequest {
        key: "leased/".into(),
        range_end: "leased0".into(),
        start_revision: 1,
        filters: vec![watch_create_request::FilterType::Noput as i32],
        ..WatchCreateRequest::default()
    };
    keyspace::watch(client, create).await
}

/// Waits for the deletion of a lease's key.
async fn expired(answers: &mut Streaming<WatchResponse>, id: i64) {
    let key = format!("leased/{id}");
    let deleted = async {
        loop {
            let answer = answers.message().await.expect("watches").expect("watches");
            let keys = answer.events.iter().filter_map(|event| event.kv.as_ref());
            if keys.into_iter().any(|kv| kv.key == key) {
                return;
            }
        }
    };
    let patience = Duration::from_secs(SHORT_SECONDS as u64) + LATE * 2;
    let waited = tokio::time::timeout(patience, deleted).await;
    waited.unwrap_or_else(|_| panic!("lease {id} does not expire"));
}

#[tokio::test]
async fn leases_keep_their_deadline_through_kill_9() {
    let program = Program::subject();
    if matches!(program, Program::Etcd(_)) {
        return support::skip("crash lease", "etcd starts leases anew after a restart");
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = free_port();
    let mut server = Server::start_at(&program, directory.path(), port, &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    let granting = Instant::now();
    grant(&mut client, 1, LONG_SECONDS).await;
    let granted = Instant::now();
    grant(&mut client, 2, SHORT_SECONDS).await;
    let (_requests, mut answers) = watch(&client).await;
    expired(&mut answers, 2).await;
    let short = granted.elapsed();
    assert!(
        short >= Duration::from_secs(SHORT_SECONDS as u64),
        "expired after {short:?}"
    );
    assert!(
        short < Duration::from_secs(SHORT_SECONDS as u64) + LATE,
        "expired after {short:?}"
    );
    // The time that has passed must still be gone after the crash, and a lease that is due
    // shortly after the restart must expire then.
    let last = Instant::now();
    grant(&mut client, 3, SHORT_SECONDS).await;
    server.kill();
    let server = Server::start_at(&program, directory.path(), port, &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    let question = LeaseTimeToLiveRequest { id: 1, keys: true };
    let answer = client.lease.lease_time_to_live(question).await;
    let answer = answer.expect("answers").into_inner();
    let most = LONG_SECONDS - granted.elapsed().as_secs() as i64;
    let least = LONG_SECONDS - granting.elapsed().as_secs() as i64 - 1;
    assert!(
        (least..=most).contains(&answer.ttl),
        "{answer:?} is not between {least} and {most}"
    );
    assert_eq!(answer.granted_ttl, LONG_SECONDS);
    assert_eq!(answer.keys, ["leased/1"]);
    let (_requests, mut answers) = watch(&client).await;
    expired(&mut answers, 3).await;
    let after = last.elapsed();
    assert!(
        after < Duration::from_secs(SHORT_SECONDS as u64) + LATE,
        "expired after {after:?}"
    );
}
