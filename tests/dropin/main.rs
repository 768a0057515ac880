//! kvtool under the name `etcd`: started, set, heard and ended as etcd is.
#![allow(clippy::unwrap_used)]

mod discovery;
mod kubeadm;
mod peers;
#[path = "../support/mod.rs"]
mod support;
mod takeover;

use kvtool::pb::etcdserverpb::MemberListRequest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use support::client::Client;
use support::server::{Etcd, free_port};
use support::skip;
use tempfile::TempDir;
use tonic::transport::Endpoint;

/// The program under etcd's name, at work in `directory`.
fn etcd(directory: &Path) -> Command {
    let path = directory.join("etcd");
    if !path.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kvtool"), &path).unwrap();
    }
    bare(&path, directory)
}

fn bare(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        if name.starts_with("KVTOOL_") || name.starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// What a server says once it serves.
/// The log has a new line sooner than this, where one is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const READY: &str = "ready to serve client requests";

/// A running server; killed when dropped.
struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Vec<Value>,
}

impl Server {
    /// Starts one, and waits until it is ready.
    fn start(command: Command) -> Self {
        let mut server = Self::spawn(command);
        server.until_it_says(READY);
        server
    }

    fn until_it_says(&mut self, message: &str) {
        self.until(|entry| entry["msg"] == message);
    }

    /// Starts one that may have to wait for something.
    fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody reads it any more when the test is over.
                let _ = sender.send(line);
            }
        });
        let log = Vec::new();
        Self { child, lines, log }
    }

    /// Reads the log until it has such a line, which it answers.
    fn until(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        if let Some(entry) = self.log.iter().find(|entry| is_meant(entry)) {
            return entry.clone();
        }
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{error}: {:?}", self.log));
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            self.log.push(entry.clone());
            if is_meant(&entry) {
                return entry;
            }
        }
    }

    /// The settings it was warned of.
    fn warned_of(&self) -> Vec<&str> {
        let warnings = self.log.iter().filter(|entry| entry["level"] == "warn");
        let named = warnings.filter_map(|entry| entry["flag"].as_str());
        named.collect()
    }

    fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The only member that a server knows: its name, and its client URLs.
async fn member(endpoint: &str) -> (String, Vec<String>) {
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).unwrap();
    let mut client = Client::over(endpoint.connect().await.unwrap());
    let listed = client.cluster.member_list(MemberListRequest::default());
    let members = listed.await.unwrap().into_inner().members;
    assert_eq!(members.len(), 1);
    (members[0].name.clone(), members[0].client_ur_ls.clone())
}

// The client ends its connection while the test waits for the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn flags_and_variables_are_etcds_and_the_log_too() {
    let directory = TempDir::new().unwrap();
    let (clients, http, peers) = (free_port(), free_port(), free_port());
    let url = |port| format!("http://localhost:{port}");
    let mut command = etcd(directory.path());
    command
        .env("ETCD_NAME", "a")
        .env("ETCD_SNAPSHOT_COUNT", "10000")
        .env("ETCD_LISTEN_PEER_URLS", url(peers))
        .env("ETCD_INITIAL_ADVERTISE_PEER_URLS", url(peers))
        .arg(format!(
            "--listen-client-urls=unix://a.sock,{}",
            url(clients)
        ))
        .args(["-advertise-client-urls", "unix://a.sock"])
        .args(["--listen-client-http-urls", &url(http)])
        .args(["--logger=zap", "--log-outputs=stderr,stdout,file.log"])
        .args([
            "--experimental-watch-progress-notify-interval=5s",
            "--experimental-compact-hash-check-enabled",
            "--corrupt-check-time=1m",
            "--feature-gates=InitialCorruptCheck=true,LeaseCheckpoint=true",
            "--warning-unary-request-duration=1ns",
            "--pre-vote",
            "--max-snapshots=5",
            "--discovery-dial-timeout=3s",
        ])
        .stdout(Stdio::null());
    let mut server = Server::start(command);
    let moot = [
        "ETCD_SNAPSHOT_COUNT",
        "feature-gates LeaseCheckpoint",
        "max-snapshots",
        "pre-vote",
        "discovery-dial-timeout",
    ];
    assert_eq!(server.warned_of(), moot);
    let etcds = "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8";
    assert!(server.log.iter().any(|entry| {
        let reason = entry["reason"].as_str();
        reason.is_some_and(|reason| reason.starts_with(etcds))
    }));
    for entry in &server.log {
        let fields = ["level", "ts", "caller", "msg"];
        assert!(
            fields.iter().all(|field| entry[field].is_string()),
            "{entry}"
        );
    }
    let socket = format!("unix:{}", directory.path().join("a.sock").display());
    for endpoint in [socket, url(clients)] {
        assert_eq!(member(&endpoint).await.0, "a");
    }
    let slow = server.until(|entry| entry["msg"] == "request stats");
    assert_eq!(slow["response type"], "/etcdserverpb.Cluster/MemberList");
    assert_eq!(slow["code"], "OK");
    // Plain HTTP went where it was told to.
    for (port, has_http) in [(http, true), (clients, false)] {
        let answer = support::client::get(port, "/health").await;
        assert_eq!(answer.contains(r#""health":"true""#), has_http, "{answer}");
        // And every page may read it, as etcd's own default has it.
        let is_open = answer.contains("access-control-allow-origin: *");
        assert_eq!(is_open, has_http, "{answer}");
    }
    assert_eq!(server.stop(), Some(0));
    assert!(directory.path().join("a.etcd").is_dir());
    assert!(!directory.path().join("a.sock").exists());
    let file = fs::read_to_string(directory.path().join("file.log")).unwrap();
    assert!(file.contains(READY));
}

// The client ends its connection while the test waits for the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_config_file_is_etcds_and_replaces_all_else() {
    let directory = TempDir::new().unwrap();
    let (clients, peers) = (free_port(), free_port());
    let file = format!(
        "name: file\n\
         data-dir:\n\
         listen-client-urls: http://127.0.0.1:{clients}\n\
         advertise-client-urls: http://127.0.0.1:{clients}\n\
         listen-peer-urls: http://127.0.0.1:{peers}\n\
         initial-advertise-peer-urls: http://127.0.0.1:{peers}\n\
         watch-progress-notify-interval: 600000000000\n\
         snapshot-count: 5\n\
         discovery:\n\
         client-transport-security:\n  auto-tls: false\n  cert-file:\n\
         peer-transport-security:\n  allowed-cn:\n\
         log-outputs: [stderr]\n\
         unheard-of: 1\n"
    );
    fs::write(directory.path().join("etcd.yaml"), file).unwrap();
    let mut command = etcd(directory.path());
    command
        .args(["--config-file=etcd.yaml", "--name=flag"])
        .env("ETCD_NAME", "variable")
        .env("KVTOOL_STORE", "local");
    let server = Server::start(command);
    // The store that was chosen has no members.
    assert_eq!(server.warned_of(), ["snapshot-count", "listen-peer-urls"]);
    assert!(
        server
            .log
            .iter()
            .any(|entry| entry["setting"] == "unheard-of")
    );
    let url = format!("http://127.0.0.1:{clients}");
    assert_eq!(member(&url).await, ("file".to_owned(), vec![url]));
    assert_eq!(server.stop(), Some(0));
    assert!(directory.path().join("file.etcd/FORMAT").exists());
}

#[test]
fn what_etcd_refuses_is_refused_with_its_exit_code() {
    let cases: [(&[&str], &str, i32); 19] = [
        (&["--version"], "etcd Version: 3.7.1\nGit SHA: ", 0),
        (&["--help"], "--data-dir", 0),
        (&["--foo"], "flag provided but not defined: -foo", 2),
        (&["--name"], "flag needs an argument: -name", 2),
        (&["x"], "\"x\" is not a valid flag", 1),
        (
            &["--listen-client-urls=http://127.0.0.1:1"],
            "--advertise-client-urls is required",
            1,
        ),
        (&["--name=b"], "ETCD_NAME", 1),
        (&["--election-timeout=1"], "--election-timeout", 1),
        (&["--config-file=none.yaml"], "none.yaml", 1),
        (
            &["--max-snapshots=abc"],
            "invalid value \"abc\" for flag -max-snapshots: parse error",
            2,
        ),
        (
            &["--backend-batch-limit=99999999999999999999"],
            "invalid value \"99999999999999999999\" for flag -backend-batch-limit: value out of range",
            2,
        ),
        (
            &["--v2-deprecation=not-yet"],
            "invalid value \"not-yet\" for flag -v2-deprecation: invalid value \"not-yet\"",
            2,
        ),
        (
            &["--discovery-keepalive-time=5"],
            "invalid value \"5\" for flag -discovery-keepalive-time: parse error",
            2,
        ),
        (&["--logger=capnslog"], "unknown logger option", 1),
        (&["--config", "x"], "\"x\" is not a valid flag", 1),
        (
            &["--discovery-token=t"],
            "both --discovery-token and --discovery-endpoints must be set",
            1,
        ),
        (
            &[
                "--discovery-token=t",
                "--discovery-endpoints=a:1",
                "--initial-cluster=default=http://localhost:2380",
            ],
            "multiple discovery or bootstrap flags are set",
            1,
        ),
        (&[], "for ETCD_MAX_WALS: parse error", 1),
        (&["--config-file=wrong.yaml"], "max-wals", 1),
    ];
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("wrong.yaml"), "max-wals: x").unwrap();
    let real = Etcd::find().filter(|etcd| etcd.version >= (3, 7));
    if real.is_none() {
        skip("what_etcd_refuses", "no etcd 3.7 to compare with");
    }
    for (args, said, code) in cases {
        let run = |mut command: Command| {
            match args {
                [] => command.env("ETCD_MAX_WALS", "x"),
                ["--name=b"] => command.env("ETCD_NAME", "a"),
                _ => &mut command,
            };
            let output = command.args(args).output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8(text).unwrap())
        };
        let (found, text) = run(etcd(directory.path()));
        assert_eq!(found, Some(code), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
        if let Some(real) = &real {
            let (found, text) = run(bare(&real.path, directory.path()));
            assert_eq!(found, Some(code), "etcd {args:?}: {text}");
            // Elsewhere its log says it.
            assert!(code != 2 || text.contains(said), "etcd {args:?}: {text}");
        }
    }
}
