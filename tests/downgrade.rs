//! Downgrades: the same calls to kvtool and, where one is found, to a real etcd.

mod support;

use kvtool::pb::etcdserverpb::downgrade_request::DowngradeAction;
use kvtool::pb::etcdserverpb::*;
use std::path::Path;
use std::time::{Duration, Instant};
use support::client::{Client, get};
use support::server::{Etcd, Program, Server};
use support::skip;

/// How long an etcd may take until it knows the version of its cluster.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

async fn said(client: &mut Client, action: DowngradeAction, version: &str) -> String {
    let request = DowngradeRequest {
        action: action.into(),
        version: version.to_owned(),
    };
    match client.maintenance.downgrade(request).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            let header = answer.header.expect("it has one");
            format!("{} at revision {}", answer.version, header.revision)
        }
        Err(status) => format!("{:?} {}", status.code(), status.message()),
    }
}

async fn shown(client: &mut Client) -> String {
    let status = client.maintenance.status(StatusRequest {}).await;
    format!(
        "{:?}",
        status.expect("a status").into_inner().downgrade_info
    )
}

/// What is told of the cluster's version once that is the one wanted: etcd takes seconds.
async fn lowered(server: &Server, client: &mut Client, wanted: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = client.maintenance.status(StatusRequest {}).await;
        let stored = status.expect("a status").into_inner().storage_version;
        let told = get(server.port(), "/version").await;
        let (_, told) = told.split_once("\r\n\r\n").expect("a body");
        let told: serde_json::Value = serde_json::from_str(told).expect("JSON");
        if stored == wanted && told["etcdcluster"] == wanted {
            return format!("{stored} {}", told["storage"]);
        }
        assert!(Instant::now() < deadline, "{stored} {told}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Everything that is said, in order.
async fn all(program: &Program, directory: &Path) -> Vec<String> {
    use DowngradeAction::{Cancel, Enable, Validate};
    let server = Server::start(program, directory, &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("a server");
    let deadline = Instant::now() + PATIENCE;
    while !said(&mut client, Validate, "3.6").await.starts_with("3.7 ") {
        assert!(
            Instant::now() < deadline,
            "{}",
            said(&mut client, Validate, "3.6").await
        );
        tokio::time::sleep(PAUSE).await;
    }
    let mut all = Vec::new();
    for version in [
        "", "3", "v3.6", "3.6.x", "3.8.0", "3.7.0", "3.5.0", "4.6.0", "3.6.4",
    ] {
        all.push(said(&mut client, Validate, version).await);
    }
    all.push(said(&mut client, Enable, "3.5.0").await);
    all.push(said(&mut client, Cancel, "").await);
    all.push(shown(&mut client).await);
    all.push(said(&mut client, Enable, "3.6.0").await);
    all.push(shown(&mut client).await);
    all.push(lowered(&server, &mut client, "3.6.0").await);
    all.push(said(&mut client, Enable, "3.6.0").await);
    all.push(said(&mut client, Validate, "3.6.0").await);
    all.push(said(&mut client, Enable, "3.5.0").await);
    all.push(said(&mut client, Cancel, "3.6.0").await);
    all.push(lowered(&server, &mut client, "3.7.0").await);
    all.push(shown(&mut client).await);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_downgrade_is_begun_and_cancelled_as_with_etcd() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let found = all(&Program::Kvtool, &directory.path().join("kvtool")).await;
    assert_eq!(
        found.last(),
        Some(&"Some(DowngradeInfo { enabled: false, target_version: \"\" })".to_owned())
    );
    match Etcd::find().filter(|etcd| etcd.version >= (3, 7)) {
        None => skip("a_downgrade", "no etcd to compare with"),
        Some(etcd) => {
            let theirs = all(&Program::Etcd(etcd), &directory.path().join("etcd")).await;
            assert_eq!(found, theirs);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_downgrade_is_remembered() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for store in ["raft", "local"] {
        let path = directory.path().join(store);
        let flag = format!("--store={store}");
        let start = || Server::start(&Program::Kvtool, &path, &[&flag]);
        let mut server = start();
        let mut client = Client::connect(&server.endpoint()).await.expect("a server");
        let enabled = said(&mut client, DowngradeAction::Enable, "3.6").await;
        assert!(enabled.starts_with("3.7 "), "{enabled}");
        assert!(server.terminate().success());
        let server = start();
        let mut client = Client::connect(&server.endpoint()).await.expect("a server");
        let shown = shown(&mut client).await;
        assert!(
            shown.contains("enabled: true, target_version: \"3.6.0\""),
            "{shown}"
        );
    }
}
