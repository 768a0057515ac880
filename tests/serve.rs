//! `kvtool serve` as a process: starts, refusals, signals, restarts.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use kvtool::error::{EXIT_DATA, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_UNAVAILABLE, EXIT_USAGE};
use kvtool::pb::etcdserverpb::kv_client::KvClient;
use kvtool::pb::etcdserverpb::{PutRequest, RangeRequest};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use tempfile::TempDir;
use tonic::transport::Channel;

const ANY_PORT: &str = "http://127.0.0.1:0";

/// How soon a server must say that it cannot serve.
const REFUSAL_LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

fn kvtool(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.arg("serve").args(args);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KVTOOL_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a start that must be refused, and answers its exit code and its one line.
fn refused(command: &mut Command) -> (u8, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    (status.code().unwrap().try_into().unwrap(), stderr)
}

/// A running server; killed when dropped.
struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    url: String,
}

impl Server {
    fn start(data_dir: &Path) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        Self::start_with(kvtool(&[
            "--data-dir",
            data_dir,
            "--listen-client-urls",
            ANY_PORT,
        ]))
    }

    fn start_with(mut command: Command) -> Self {
        let command = command
            .args(["--log-format", "json"])
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self {
            child,
            log,
            url: String::new(),
        };
        let ready = server.wait_for("ready to serve client requests");
        server.url = ready["urls"].as_str().unwrap().to_owned();
        server
    }

    /// Reads the log up to a message.
    fn wait_for(&mut self, message: &str) -> serde_json::Value {
        let mut seen = String::new();
        for line in self.log.by_ref().lines() {
            let line = line.unwrap();
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let found = entry["msg"].as_str().unwrap_or_default();
            if found.contains(message) {
                return entry;
            }
            seen += &line;
        }
        panic!("the server ended without saying '{message}': {seen}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    async fn kv(&self) -> KvClient<Channel> {
        KvClient::connect(self.url.clone()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn put(server: &Server, key: &'static str, value: &'static str) {
    let request = PutRequest {
        key: key.into(),
        value: value.into(),
        ..PutRequest::default()
    };
    server.kv().await.put(request).await.unwrap();
}

async fn get(server: &Server, key: &'static str) -> Option<Bytes> {
    let request = RangeRequest {
        key: key.into(),
        ..RangeRequest::default()
    };
    let answer = server.kv().await.range(request).await.unwrap();
    answer.into_inner().kvs.first().map(|kv| kv.value.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_there_after_a_stop_and_after_a_kill() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path());
    put(&server, "a", "1").await;
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));

    let server = Server::start(directory.path());
    assert_eq!(get(&server, "a").await.unwrap(), "1");
    put(&server, "b", "2").await;
    server.signal(Signal::KILL);
    assert_eq!(server.exit_code(), None);

    let server = Server::start(directory.path());
    assert_eq!(get(&server, "a").await.unwrap(), "1");
    assert_eq!(get(&server, "b").await.unwrap(), "2");
    server.signal(Signal::INT);
    assert_eq!(server.exit_code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_one_store_do_not_see_each_other() {
    let directory = TempDir::new().unwrap();
    let start = |instance| {
        let data_dir = directory.path().to_str().unwrap();
        let mut command = kvtool(&["--data-dir", data_dir, "--listen-client-urls", ANY_PORT]);
        command.args(["--instance", instance]);
        Server::start_with(command)
    };
    let server = start("one");
    put(&server, "a", "1").await;
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(get(&start("two"), "a").await, None);
}

#[test]
fn a_second_signal_ends_a_server_that_waits_for_a_client() {
    let mut command = kvtool(&["--store", "memory", "--listen-client-urls"]);
    command.arg(ANY_PORT);
    let mut server = Server::start_with(command);
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .write_all(b"POST /etcdserverpb.KV/Put HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n")
        .unwrap();
    stream
        .write_all(b"content-length: 9\r\ncontent-type: application/grpc\r\n\r\n")
        .unwrap();
    // The server asks for the rest of a request that it has taken.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");

    server.signal(Signal::TERM);
    server.wait_for("a second signal stops at once");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(i32::from(EXIT_INTERRUPTED)));
}

/// See docs/MEMORY.md.
#[test]
fn a_server_takes_no_huge_pages() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path());
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let mut said = status
        .lines()
        .filter_map(|line| line.strip_prefix("THP_enabled:"));
    // A kernel that has none does not say.
    assert!(said.all(|enabled| enabled.trim() == "0"), "{status}");
}

#[test]
fn a_port_in_use_is_refused_before_the_data_is_touched() {
    let directory = TempDir::new().unwrap();
    let data_dir = directory.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    let mut command = kvtool(&["--listen-client-urls", &url, "--data-dir"]);
    let (code, line) = refused(command.arg(&data_dir));
    assert_eq!(code, EXIT_FAILURE);
    assert!(line.contains(&format!("cannot listen on {url}")), "{line}");
    assert!(!data_dir.exists());
}

#[test]
fn a_directory_in_use_is_refused() {
    let directory = TempDir::new().unwrap();
    let _server = Server::start(directory.path());
    let mut command = kvtool(&["--listen-client-urls", ANY_PORT, "--data-dir"]);
    let (code, line) = refused(command.arg(directory.path()));
    assert_eq!(code, EXIT_FAILURE);
    assert!(line.contains("cannot open the data directory"), "{line}");
}

#[test]
fn a_data_directory_that_is_a_file_is_refused() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let mut command = kvtool(&["--listen-client-urls", ANY_PORT, "--data-dir"]);
    let (code, line) = refused(command.arg(&file));
    assert_eq!(code, EXIT_FAILURE);
    assert!(line.contains("cannot open the data directory"), "{line}");
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_newer_format_is_refused_and_left_alone() {
    use kvtool::mvcc::keyspace::Layout;
    use kvtool::store::local::{BlockCache, Local};
    use kvtool::store::{Batch, BatchId, Consistency, Op, Store};
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let local = ["--store", "local", "--data-dir", path];
    let server = Server::start_with(kvtool(
        &[&local[..], &["--listen-client-urls", ANY_PORT]].concat(),
    ));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));

    let store = Store::Local(Local::open(directory.path(), BlockCache::default()).unwrap());
    let layout = Layout::new(store.instance_prefix("default").await.unwrap());
    let format = layout.meta("format");
    let newer = Bytes::from_static(&[0, 0, 0, 99]);
    let batch = Batch {
        id: BatchId {
            writer: 0,
            sequence: 0,
        },
        guard: None,
        ops: vec![Op::Set(format.clone(), newer.clone())],
    };
    store.apply(batch).await.unwrap();
    store.close().await.unwrap();
    drop(store);

    let mut command = kvtool(&local);
    let (code, line) = refused(command.args(["--listen-client-urls", ANY_PORT]));
    assert_eq!(code, EXIT_DATA);
    assert!(line.contains("format 99"), "{line}");
    let store = Store::Local(Local::open_read_only(directory.path()).unwrap());
    let view = store.view(Consistency::Linearizable).await.unwrap();
    assert_eq!(view.get(&format).await.unwrap(), Some(newer));
}

/// Whether or not FoundationDB is installed.
#[test]
fn foundationdb_that_cannot_be_used_is_refused() {
    let args = ["--listen-client-urls", ANY_PORT, "--store", "fdb"];
    for (flag, sentence) in [
        (
            "--fdb-client-library=/nowhere.so",
            "/nowhere.so cannot be loaded",
        ),
        ("--fdb-cluster-file=/nowhere", "cannot be"),
        (
            "--fdb-tls-certificate-file=/nowhere.pem",
            "--fdb-tls-certificate-file /nowhere.pem cannot be read",
        ),
        (
            "--fdb-tls-key-file=/nowhere.key",
            "--fdb-tls-key-file /nowhere.key cannot be read",
        ),
        (
            "--fdb-tls-ca-file=/nowhere.pem",
            "--fdb-tls-ca-file /nowhere.pem cannot be read",
        ),
        ("--fdb-trace-dir=/nowhere", "/nowhere is no directory"),
        (
            "--fdb-external-client-dir=/nowhere",
            "/nowhere is no directory",
        ),
    ] {
        let (code, line) = refused(kvtool(&args).arg(flag));
        assert_eq!(code, EXIT_FAILURE, "{line}");
        assert!(line.contains(sentence), "{line}");
    }
}

/// A library that is one of FoundationDB's, but lacks what later versions have.
#[test]
fn an_old_client_library_is_refused() {
    let directory = TempDir::new().unwrap();
    let (source, library) = (
        directory.path().join("old.c"),
        directory.path().join("old.so"),
    );
    fs::write(
        &source,
        "int fdb_get_max_api_version(void) { return 630; }\n",
    )
    .unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        let _ = writeln!(std::io::stderr(), "SKIP serve old library: no C compiler");
        return;
    }
    let mut command = kvtool(&["--listen-client-urls", ANY_PORT, "--store", "fdb"]);
    let (code, line) = refused(command.arg("--fdb-client-library").arg(library));
    assert_eq!(code, EXIT_FAILURE, "{line}");
    assert!(line.contains("7.1 or later"), "{line}");
}

/// Where the client library is installed, and can look for the cluster.
#[test]
fn foundationdb_clusters_that_cannot_be_used_are_refused() {
    let directory = TempDir::new().unwrap();
    let words = directory.path().join("words");
    fs::write(&words, "these are words\n").unwrap();
    // Port 9 discards, if anybody listens at all.
    let dead = directory.path().join("dead");
    fs::write(&dead, "test:test@127.0.0.1:9\n").unwrap();
    let refusal = |flag: &str, value: &str| {
        let begin = std::time::Instant::now();
        let mut command = kvtool(&["--listen-client-urls", ANY_PORT, "--store", "fdb"]);
        let (code, line) = refused(command.args([flag, value]));
        assert!(begin.elapsed() < REFUSAL_LIMIT, "{line}");
        (code, line)
    };
    let (_, line) = refusal("--fdb-cluster-file", words.to_str().unwrap());
    if line.contains("cannot be loaded") {
        let _ = writeln!(std::io::stderr(), "SKIP serve clusters: no libfdb_c.so");
        return;
    }
    assert!(line.contains("words is no cluster file"), "{line}");
    let (_, line) = refusal("--fdb-connection-string", "garbage");
    assert!(
        line.contains("the connection string is not of the form"),
        "{line}"
    );
    for (flag, value) in [
        ("--fdb-cluster-file", dead.to_str().unwrap()),
        ("--fdb-connection-string", "test:test@127.0.0.1:9"),
    ] {
        let (code, line) = refusal(flag, value);
        assert_eq!(code, EXIT_UNAVAILABLE, "{line}");
        assert!(line.contains("did not answer in 5 s"), "{line}");
    }
}

#[test]
fn bad_settings_are_refused_with_one_line_that_names_them() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown = write("unknown.yaml", "data_dir: x\n");
    let broken = write("broken.yaml", "name: [\n");
    let no_pem = write("no.pem", "hello\n");
    for (args, sentence) in [
        (&["--max-txn-ops", "0"][..], "--max-txn-ops 0: "),
        (&["--listen-client-urls", "2379"], "not a URL"),
        (&["--store", "memory", "--data-dir", "d"], "leave this out"),
        (&["--config-file", &unknown], "unknown setting 'data_dir'"),
        (&["--config-file", &broken], "not valid YAML"),
        (
            &["--config-file", "/nowhere.yaml"],
            "cannot read the config file",
        ),
        (
            &[
                "--listen-client-urls",
                "https://127.0.0.1:0",
                "--cert-file",
                &no_pem,
                "--key-file",
                &no_pem,
            ],
            "the certificate file cannot be read as PEM",
        ),
    ] {
        let (code, line) = refused(&mut kvtool(args));
        assert_eq!(code, EXIT_USAGE, "{line}");
        assert!(line.contains(sentence), "{line}");
    }
}

#[test]
fn settings_are_printed_with_where_they_come_from() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kvtool.yaml");
    fs::write(&path, "max-txn-ops: 7\nname: file\n").unwrap();
    let output = kvtool(&["--print-config", "--log-level", "warn", "--config-file"])
        .arg(&path)
        .env("KVTOOL_NAME", "environment")
        .output()
        .unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    for line in [
        "name: environment # KVTOOL_NAME".to_owned(),
        format!("max-txn-ops: 7 # {}", path.display()),
        "log-level: warn # --log-level".to_owned(),
        "store: raft # default".to_owned(),
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{printed}");
    }
}
