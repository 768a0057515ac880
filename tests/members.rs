//! Members of a group as processes: they are added, promoted, moved, removed and lost.
#![allow(clippy::unwrap_used)]

mod support;

use kvtool::pb::etcdserverpb::{PutRequest, RangeRequest, StatusRequest, WatchRequest};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::client::Client;
use support::server::{Program, Server, free_port};
use tonic::{Code, Status};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const NAMES: [&str; 3] = ["a", "b", "c"];

/// A group on loopback.
struct Group {
    root: tempfile::TempDir,
    client_ports: [u16; 3],
    peer_urls: [String; 3],
    servers: [Option<Server>; 3],
}

impl Group {
    fn start() -> Self {
        let ports = || std::array::from_fn::<u16, 3, _>(|_| free_port());
        let root = tempfile::tempdir().unwrap();
        let mut peer_urls = ports().map(|port| format!("http://127.0.0.1:{port}"));
        // Members of one machine may do without ports.
        peer_urls[2] = format!("unix://{}", root.path().join("c.sock").display());
        let mut group = Self {
            root,
            client_ports: ports(),
            peer_urls,
            servers: [None, None, None],
        };
        (0..3).for_each(|member| group.open(member, "new"));
        group.wait(|group| {
            let rows = group.members();
            rows.len() == 3 && rows.iter().all(|row| !list(&row["client_urls"]).is_empty())
        });
        group
    }

    fn data_dir(&self, member: usize) -> PathBuf {
        self.root.path().join(NAMES[member])
    }

    /// Starts a member; it may end at once.
    fn open(&mut self, member: usize, state: &str) {
        let founders = NAMES.iter().zip(&self.peer_urls);
        let cluster: Vec<_> = founders
            .map(|(name, url)| format!("{name}={url}"))
            .collect();
        let peer_url = &self.peer_urls[member];
        let arguments = [
            "--name",
            NAMES[member],
            "--listen-peer-urls",
            peer_url,
            "--initial-advertise-peer-urls",
            peer_url,
            "--initial-cluster",
            &cluster.join(","),
            "--initial-cluster-state",
            state,
        ];
        let (directory, port) = (self.data_dir(member), self.client_ports[member]);
        let server = Server::spawn(&Program::Kvtool, &directory, port, &arguments);
        self.servers[member] = Some(server);
    }

    fn server(&mut self, member: usize) -> &mut Server {
        self.servers[member].as_mut().unwrap()
    }

    /// Kills a member, and empties its disk.
    fn lose(&mut self, member: usize) {
        self.server(member).kill();
        self.servers[member] = None;
        std::fs::remove_dir_all(self.data_dir(member)).unwrap();
    }

    /// A verb, given the endpoints of all.
    fn run(&self, arguments: &[&str]) -> Output {
        let endpoints = self
            .client_ports
            .map(|port| format!("http://127.0.0.1:{port}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
        command
            .args(arguments)
            .args(["--endpoints", &endpoints.join(",")]);
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-o", "json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A change of the members; made once they have been connected for long enough.
    fn change(&self, arguments: &[&str]) -> Value {
        let is_healthy = |group: &Self| {
            let output = group.run(arguments);
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            (!error.contains("unhealthy cluster")).then_some((output, error))
        };
        let deadline = Instant::now() + PATIENCE;
        let (output, error) = loop {
            match is_healthy(self) {
                Some(outcome) => break outcome,
                None => assert!(Instant::now() < deadline, "{arguments:?}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        assert!(output.status.success(), "{arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str], code: i32, text: &str) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(text), "{arguments:?}: {error}");
    }

    /// None while nobody can say.
    fn members(&self) -> Vec<Value> {
        let output = self.run(&["member", "list", "-o", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        list(&report["members"])
    }

    fn id(&self, member: usize) -> String {
        let url = Value::from(vec![self.peer_urls[member].clone()]);
        let rows = self.members();
        let row = rows.iter().find(|row| row["peer_urls"] == url).unwrap();
        row["id"].as_str().unwrap().to_owned()
    }

    /// The member that leads.
    fn leader(&self) -> Option<usize> {
        (0..3).find(|member| {
            let endpoint = format!("http://127.0.0.1:{}", self.client_ports[*member]);
            let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
            command.args(["status", "-o", "json", "--endpoints", &endpoint]);
            let output = command.output().unwrap();
            let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            rows[0]["leader"] == true
        })
    }

    /// What a member serves of: its status, a read that may be stale, one that may not, a write,
    /// a watch.
    fn served(&self, member: usize) -> [Result<(), Status>; 5] {
        let endpoint = format!("http://127.0.0.1:{}", self.client_ports[member]);
        let ask = async {
            let mut client = Client::connect(&endpoint).await.unwrap();
            let mut read = RangeRequest {
                key: "key".into(),
                serializable: true,
                ..RangeRequest::default()
            };
            let stale = client.kv.range(read.clone()).await;
            read.serializable = false;
            let put = PutRequest {
                key: "key".into(),
                ..PutRequest::default()
            };
            let watch = futures_util::stream::pending::<WatchRequest>();
            [
                client.maintenance.status(StatusRequest {}).await.map(drop),
                stale.map(drop),
                client.kv.range(read).await.map(drop),
                client.kv.put(put).await.map(drop),
                client.watch.watch(watch).await.map(drop),
            ]
        };
        tokio::runtime::Runtime::new().unwrap().block_on(ask)
    }

    fn wait(&self, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "{:?}", self.members());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A member loses its disk: it is refused as it is, and comes back as another one, first without a
/// vote.
#[test]
fn a_member_whose_disk_is_lost_is_replaced() {
    let mut group = Group::start();
    let leader = group.leader().unwrap();
    // The verbs ask the first, which therefore has to have a vote.
    let lost = if leader == 1 { 2 } else { 1 };
    let id = group.id(lost);
    group.lose(lost);
    for state in ["new", "existing"] {
        group.open(lost, state);
        assert!(!group.server(lost).wait_exit().success());
        let log = group.server(lost).log();
        assert!(log.contains("already been bootstrapped"), "{log}");
    }
    let url = group.peer_urls[lost].clone();
    let add = ["member", "add", "--peer-urls", &url];
    // Soon it is missed.
    group.wait(|group| {
        let error = group.run(&add).stderr;
        String::from_utf8_lossy(&error).contains("unhealthy cluster")
    });
    group.change(&["member", "remove", &id, "-o", "json"]);
    group.refused(&["member", "promote", &id], 4, "member not found");
    let added = group.change(&[&add[..], &["--learner", "-o", "json"]].concat());
    let new_id = added["member_id"].as_str().unwrap().to_owned();
    assert_ne!(new_id, id);
    group.refused(&["member", "promote", &new_id], 4, "in sync with leader");
    let second = [
        "member",
        "add",
        "--learner",
        "--peer-urls",
        "http://127.0.0.1:1",
    ];
    group.refused(&second, 4, "too many learner members");
    group.refused(&["move-leader", &new_id], 4, "bad leader transferee");
    group.open(lost, "existing");
    assert!(group.server(lost).ready());
    let served = group.served(lost);
    assert!(served[..2].iter().all(Result::is_ok), "{served:?}");
    for refused in &served[2..] {
        let status = refused.as_ref().unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(
            status.message(),
            "etcdserver: rpc not supported for learner"
        );
    }
    let is_promoted = |group: &Group| group.run(&["member", "promote", &new_id]).status.success();
    group.wait(is_promoted);
    group.refused(
        &["member", "promote", &new_id],
        4,
        "can only promote a learner member",
    );
    group.wait(|group| group.served(lost).iter().all(Result::is_ok));
    group.wait(|group| group.run(&["move-leader", &new_id]).status.success());
    group.wait(|group| group.leader() == Some(lost));
}

/// A member that is removed ends and says so, which is no failure, and the others go on.
#[test]
fn a_removed_member_ends() {
    let mut group = Group::start();
    let leader = group.leader().unwrap();
    for (round, member) in [(leader + 1) % 3, leader].into_iter().enumerate() {
        let id = group.id(member);
        let report = group.change(&["member", "remove", &id, "-o", "json"]);
        assert_eq!(list(&report["members"]).len(), 2 - round);
        assert!(group.server(member).wait_exit().success());
        let log = group.server(member).log();
        assert!(log.contains("was removed from its group for good"), "{log}");
    }
    group.wait(|group| group.leader() == Some((leader + 2) % 3));
    group.open((leader + 1) % 3, "new");
    assert!(group.server((leader + 1) % 3).wait_exit().success());
    let last = group.id((leader + 2) % 3);
    let only = ["member", "remove", &last];
    group.refused(&only, 4, "not enough started members");
}

/// One that was down when it was removed learns of it when it starts.
#[test]
fn a_member_that_was_removed_in_its_absence_ends() {
    let mut group = Group::start();
    let absent = (group.leader().unwrap() + 1) % 3;
    let id = group.id(absent);
    group.server(absent).kill();
    group.change(&["member", "remove", &id, "-o", "json"]);
    group.open(absent, "new");
    assert!(group.server(absent).wait_exit().success());
    let log = group.server(absent).log();
    assert!(log.contains("was removed from its group for good"), "{log}");
}

/// A server that nobody can reach would lose its quorum with the first member more.
#[test]
fn a_server_without_a_peer_port_stays_alone() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, directory.path(), &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.args(["member", "add", "--peer-urls", "http://127.0.0.1:1"]);
    let output = command.args(["--endpoints", &server.endpoint()]).output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("listens on no peer port"), "{error}");
}

/// Two of three are lost for good: the third goes on with what it has.
#[test]
fn a_survivor_goes_on_alone() {
    let mut group = Group::start();
    let id = group.id(0);
    group.lose(1);
    group.lose(2);
    let directory = group.data_dir(0);
    let force = [
        "force-new-cluster",
        "--data-dir",
        directory.to_str().unwrap(),
    ];
    let kvtool = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
        command.args(force).args(["-o", "json"]);
        command.output().unwrap()
    };
    // Not while it runs.
    assert_eq!(kvtool().status.code(), Some(1));
    group.server(0).kill();
    let output = kvtool();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["member_id"], *id);
    assert_eq!(list(&report["removed"]).len(), 2);
    group.open(0, "new");
    group.wait(|group| group.leader() == Some(0));
    assert_eq!(group.members().len(), 1);
    group.json(&["member", "add", "--peer-urls", &group.peer_urls[1].clone()]);
}
