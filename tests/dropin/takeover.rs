//! The directory of an etcd, served by kvtool in its place.

use super::support::client::Client;
use super::support::server::{Etcd, free_port};
use super::support::skip;
use super::{Server, bare, etcd};
use kvtool::pb::etcdserverpb::*;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What an etcd was started with, and goes on to be.
struct Node {
    directory: TempDir,
    clients: String,
    peers: String,
}

impl Node {
    fn new() -> Self {
        let url = || format!("http://localhost:{}", free_port());
        Self {
            directory: TempDir::new().unwrap(),
            clients: url(),
            peers: url(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn with_flags(&self, mut command: Command) -> Command {
        command
            .args(["--name=a", "--data-dir=data", "--logger=zap"])
            // Until it is stopped, its database has nothing of what is in its log.
            .arg("--backend-batch-interval=10m")
            .args(["--listen-client-urls", &self.clients])
            .args(["--advertise-client-urls", &self.clients])
            .args(["--listen-peer-urls", &self.peers])
            .args(["--initial-advertise-peer-urls", &self.peers])
            .args(["--initial-cluster", &format!("a={}", self.peers)]);
        command
    }

    fn theirs(&self, program: &Path) -> Server {
        let mut server = Server::start(self.with_flags(bare(program, self.path())));
        // Only then does it heed signals.
        server.until_it_says("successfully notified init daemon");
        server
    }

    fn ours(&self) -> Server {
        Server::start(self.with_flags(etcd(self.path())))
    }

    /// The error with which ours ends at once.
    fn refusal(&self) -> String {
        let output = self.with_flags(etcd(self.path())).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let log = String::from_utf8(output.stderr).unwrap();
        let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        last["error"].as_str().unwrap().to_owned()
    }

    async fn client(&self) -> Client {
        Client::connect(&self.clients).await.unwrap()
    }

    /// Puts a key; its revision.
    async fn put(&self, key: &'static str, lease: i64) -> i64 {
        let put = PutRequest {
            key: key.into(),
            value: "v".into(),
            lease,
            ..PutRequest::default()
        };
        let answer = self.client().await.kv.put(put).await.unwrap();
        answer.into_inner().header.unwrap().revision
    }

    /// Everything, at a revision if it is not 0.
    async fn all(&self, revision: i64) -> RangeResponse {
        let all = RangeRequest {
            key: "\0".into(),
            range_end: "\0".into(),
            revision,
            ..RangeRequest::default()
        };
        let answer = self.client().await.kv.range(all).await.unwrap();
        let mut answer = answer.into_inner();
        // Terms are each server's own.
        answer.header.as_mut().unwrap().raft_term = 0;
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_with_others_is_not_taken_over_unless_they_are_lost() {
    let Some(program) = Etcd::find().filter(|etcd| etcd.version >= (3, 6)) else {
        return skip("a member's directory", "no etcd of version 3.6");
    };
    let node = Node::new();
    let theirs = node.theirs(&program.path);
    let revision = node.put("a", 0).await;
    let add = MemberAddRequest {
        peer_ur_ls: vec!["http://localhost:1".to_owned()],
        is_learner: false,
    };
    node.client().await.cluster.member_add(add).await.unwrap();
    theirs.stop();
    let refusal = node.refusal();
    assert!(refusal.contains("it is one of 2 members"), "{refusal}");
    let mut command = node.with_flags(etcd(node.path()));
    command.arg("--force-new-cluster");
    let ours = Server::start(command);
    assert_eq!(node.all(0).await.kvs[0].mod_revision, revision);
    assert_eq!(ours.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_that_was_stopped_is_taken_over() {
    let Some(program) = Etcd::find().filter(|etcd| etcd.version >= (3, 6)) else {
        return skip("an etcd's directory", "no etcd of version 3.6");
    };
    let node = Node::new();
    let theirs = node.theirs(&program.path);
    let lease = LeaseGrantRequest { ttl: 600, id: 7 };
    node.client().await.lease.lease_grant(lease).await.unwrap();
    node.put("a", 0).await;
    let second = node.put("b", 7).await;
    node.put("a", 0).await;
    let (then, now) = (node.all(second).await, node.all(0).await);
    assert!(node.refusal().contains("it is running"));
    // Killed, its last writes may be in its log alone.
    drop(theirs);
    let refusal = node.refusal();
    assert!(refusal.contains("stop it with SIGTERM"), "{refusal}");
    node.theirs(&program.path).stop();

    let ours = node.ours();
    // Keys and history, and who the member and the cluster are.
    assert_eq!(node.all(0).await, now);
    assert_eq!(node.all(second).await.kvs, then.kvs);
    let left = LeaseTimeToLiveRequest { id: 7, keys: true };
    let left = node.client().await.lease.lease_time_to_live(left).await;
    assert_eq!(left.unwrap().into_inner().keys, ["b"]);
    node.put("c", 0).await;
    assert_eq!(ours.stop(), Some(0));
    let ours = node.ours();
    assert_eq!(node.all(0).await.count, 3);
    assert_eq!(ours.stop(), Some(0));

    // The way back, to what was.
    let theirs = node.theirs(&program.path);
    assert_eq!(node.all(0).await, now);
    theirs.stop();
    // And what was cut off begins anew.
    let data = node.path().join("data");
    fs::rename(data.join("kvtool"), data.join("kvtool.new")).unwrap();
    let ours = node.ours();
    assert_eq!(node.all(0).await, now);
    assert_eq!(ours.stop(), Some(0));
    assert!(!data.join("kvtool.new").exists());
}
