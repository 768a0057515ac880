//! The client verbs as processes, against `kvtool serve` and, where there is one, a real etcd.
#![allow(clippy::unwrap_used)]

mod support;

use kvtool::mvcc::{Instance, Options};
use kvtool::pb::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, LeaseGrantRequest, PutRequest,
};
use kvtool::store::{
    Store,
    fdb::{self, Fdb},
    local::{BlockCache, Local},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, generate_simple_self_signed};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
};
use support::{
    client::Client,
    cluster::Cluster,
    server::{Etcd, Program, Server, free_port},
};
use tempfile::TempDir;

const MANY_KEYS: usize = 200;
/// Two hundred of these are more than all buffers between a server and a reader hold.
const LARGE_VALUE_BYTES: usize = 100 * 1024;

/// A server with nothing in it, and clients of it.
struct Keyspace {
    server: Server,
    client: Client,
    data: TempDir,
}

impl Keyspace {
    async fn new(program: &Program) -> Self {
        let data = TempDir::new().unwrap();
        let server = Server::start(program, data.path(), &[]);
        let client = Client::connect(&server.endpoint()).await.unwrap();
        Self {
            server,
            client,
            data,
        }
    }

    async fn put(&mut self, key: &str, value: impl Into<Vec<u8>>) -> i64 {
        let request = PutRequest {
            key: key.to_owned().into(),
            value: value.into().into(),
            ..Default::default()
        };
        let answer = self.client.kv.put(request).await.unwrap().into_inner();
        answer.header.unwrap().revision
    }

    async fn compact(&mut self, revision: i64) {
        let request = CompactionRequest {
            revision,
            physical: true,
        };
        self.client.kv.compact(request).await.unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command("kvtool", args);
        command.args(["--endpoints", &self.server.endpoint()]);
        command
    }

    /// Runs a verb that must succeed, and answers what it printed.
    fn run(&self, args: &[&str]) -> String {
        succeeded(self.command(args))
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(args)).unwrap()
    }

    /// Runs a verb that must fail, and answers its exit code, stdout and stderr.
    fn fail(&self, args: &[&str]) -> (i32, String, String) {
        failed(self.command(args))
    }
}

/// kvtool first, then a real etcd.
fn programs(test: &str) -> Vec<Program> {
    let etcd = Etcd::find();
    if etcd.is_none() {
        support::skip(test, "against a real etcd: there is none");
    }
    [Program::Kvtool]
        .into_iter()
        .chain(etcd.map(Program::Etcd))
        .collect()
}

/// A program of this build, without a terminal and without the caller's settings.
fn command(program: &str, args: &[&str]) -> Command {
    let directory = Path::new(env!("CARGO_BIN_EXE_kvtool")).parent().unwrap();
    let mut command = Command::new(directory.join(program));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KVTOOL_")) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

fn succeeded(mut command: Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    assert_eq!(stderr, "", "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn failed(mut command: Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let code = status.code().expect("no signal");
    assert_ne!(code, 0, "{command:?}");
    (
        code,
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn keys(text: &str) -> Vec<String> {
    let key = |record: &Value| record["key"].as_str().unwrap().to_owned();
    lines(text).iter().map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dump_prints_the_same_records_in_every_format() {
    for program in programs("dump formats") {
        let mut keyspace = Keyspace::new(&program).await;
        let request = LeaseGrantRequest {
            ttl: 600,
            id: 0x694d,
        };
        keyspace.client.lease.lease_grant(request).await.unwrap();
        keyspace.put("/a/1", "old").await;
        keyspace.put("/a/1", "text").await;
        let request = PutRequest {
            key: "/a/2".into(),
            value: vec![0xff, 0].into(),
            lease: 0x694d,
            ..Default::default()
        };
        keyspace.client.kv.put(request).await.unwrap();
        keyspace.put("/b", "").await;
        let records = json!([
            {"key": "/a/1", "value": "text", "create_revision": 2, "mod_revision": 3, "version": 2},
            {"key": "/a/2", "value_base64": "/wA=", "create_revision": 4, "mod_revision": 4,
             "version": 1, "lease": "694d"},
            {"key": "/b", "value": "", "create_revision": 5, "mod_revision": 5, "version": 1},
        ]);
        assert_eq!(Value::from(lines(&keyspace.run(&["dump"]))), records);
        let document = json!({"revision": 5, "records": records});
        assert_eq!(keyspace.json(&["dump", "-o", "json"]), document);
        let yaml = keyspace.run(&["dump", "--format", "yaml"]);
        assert_eq!(serde_yaml::from_str::<Value>(&yaml).unwrap(), document);
        assert_eq!(keyspace.run(&["dump", "-o", "table"]).lines().count(), 4);

        assert_eq!(
            keys(&keyspace.run(&["dump", "--prefix", "/a"])),
            ["/a/1", "/a/2"]
        );
        assert_eq!(
            keys(&keyspace.run(&["dump", "--from", "/a/2"])),
            ["/a/2", "/b"]
        );
        assert_eq!(keys(&keyspace.run(&["dump", "--to", "/a/2"])), ["/a/1"]);
        assert_eq!(
            keys(&keyspace.run(&["dump", "--limit", "2"])),
            ["/a/1", "/a/2"]
        );
        let old = lines(&keyspace.run(&["dump", "--rev", "2", "--encoding", "hex"]));
        assert_eq!(old[0]["key_hex"], "2f612f31");
        assert_eq!(old[0]["value_hex"], "6f6c64");
        let names = lines(&keyspace.run(&["dump", "--keys-only"]));
        assert!(
            names.iter().all(|record| record.get("value").is_none()),
            "{names:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_nothing_is_still_a_document() {
    for program in programs("dump of nothing") {
        let keyspace = Keyspace::new(&program).await;
        assert_eq!(keyspace.run(&["dump"]), "");
        let empty = json!({"revision": 1, "records": []});
        assert_eq!(keyspace.json(&["dump", "-o", "json"]), empty);
        let yaml = keyspace.run(&["dump", "-o", "yaml"]);
        assert_eq!(serde_yaml::from_str::<Value>(&yaml).unwrap(), empty);
    }
}

/// Overwrites every key while a dump is under way: it still shows one state.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_shows_one_revision_whatever_is_written_meanwhile() {
    for program in programs("pinned dump") {
        let mut keyspace = Keyspace::new(&program).await;
        for n in 0..MANY_KEYS {
            keyspace
                .put(&format!("{n:03}"), vec![b'o'; LARGE_VALUE_BYTES])
                .await;
        }
        let mut dump = piped(keyspace.command(&["dump", "--page-size", "3"]));
        let mut out = BufReader::new(dump.stdout.take().unwrap());
        let mut text = String::new();
        out.read_line(&mut text).unwrap();
        for n in 0..MANY_KEYS {
            keyspace.put(&format!("{n:03}"), "new").await;
        }
        out.read_to_string(&mut text).unwrap();
        assert!(dump.wait().unwrap().success());
        let records = lines(&text);
        assert_eq!(records.len(), MANY_KEYS);
        for record in records {
            assert_eq!(record["value"].as_str().unwrap().len(), LARGE_VALUE_BYTES);
            assert_eq!(record["version"], 1);
        }
    }
}

/// A server may keep what a dump reads, or give it up: the exit code says which.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_whose_revision_is_compacted_is_whole_or_fails() {
    for program in programs("dump and compaction") {
        let mut keyspace = Keyspace::new(&program).await;
        for n in 0..MANY_KEYS {
            let value = vec![b'o'; LARGE_VALUE_BYTES];
            keyspace.put(&format!("{n:03}"), value).await;
        }
        let mut dump = piped(keyspace.command(&["dump"]));
        let mut out = BufReader::new(dump.stdout.take().unwrap());
        let mut text = String::new();
        out.read_line(&mut text).unwrap();
        let revision = keyspace.put("other", "1").await;
        keyspace.compact(revision).await;
        out.read_to_string(&mut text).unwrap();
        let output = dump.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => assert_eq!(keys(&text).len(), MANY_KEYS),
            code => {
                assert_eq!(code, Some(4), "{error}");
                assert!(error.contains("incomplete, ended after"), "{error}");
                assert!(error.contains("has been compacted"), "{error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_written_is_a_failure() {
    let mut keyspace = Keyspace::new(&Program::Kvtool).await;
    keyspace.put("a", "1").await;
    for args in [
        &["dump"][..],
        &["status"],
        &["inspect-keyspace", "-o", "json"],
    ] {
        let mut command = keyspace.command(args);
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = command.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("cannot write: No space left"), "{error}");
    }
}

/// Restarts the server under a dump: it goes on where it was, at the same revision.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_survives_a_restart_of_the_server() {
    let mut keyspace = Keyspace::new(&Program::Kvtool).await;
    for n in 0..MANY_KEYS {
        let value = vec![b'o'; LARGE_VALUE_BYTES];
        keyspace.put(&format!("{n:03}"), value).await;
    }
    let mut dump = piped(keyspace.command(&["dump"]));
    let mut out = BufReader::new(dump.stdout.take().unwrap());
    let mut text = String::new();
    out.read_line(&mut text).unwrap();
    keyspace.server.kill();
    let (data, port) = (keyspace.data.path(), keyspace.server.port());
    keyspace.server = Server::start_at(&Program::Kvtool, data, port, &[]);
    out.read_to_string(&mut text).unwrap();
    let output = dump.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(error.contains("the connection broke"), "{error}");
    let names: Vec<String> = (0..MANY_KEYS).map(|n| format!("{n:03}")).collect();
    assert_eq!(keys(&text), names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_is_no_failure() {
    let mut keyspace = Keyspace::new(&Program::Kvtool).await;
    for n in 0..MANY_KEYS {
        keyspace
            .put(&format!("{n:03}"), vec![b'v'; LARGE_VALUE_BYTES / 10])
            .await;
    }
    for format in ["jsonl", "json", "yaml"] {
        let mut dump = piped(keyspace.command(&["dump", "-o", format]));
        let mut first = [0];
        dump.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = dump.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

fn piped(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_server_are_exit_code_4_and_its_own_words() {
    for program in programs("refusals") {
        let mut keyspace = Keyspace::new(&program).await;
        keyspace.put("a", "1").await;
        keyspace.put("a", "2").await;
        keyspace.compact(3).await;
        let (code, out, error) = keyspace.fail(&["dump", "--rev", "2"]);
        assert_eq!((code, &*out), (4, ""));
        assert!(
            error.contains("required revision has been compacted"),
            "{error}"
        );
        for args in [["dump", "--rev", "99"], ["compact", "--revision", "99"]] {
            let (code, out, error) = keyspace.fail(&args);
            assert_eq!((code, &*out), (4, ""));
            assert!(
                error.contains("required revision is a future revision"),
                "{error}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compact_reaches_its_target_once_and_says_so() {
    for program in programs("compact") {
        let mut keyspace = Keyspace::new(&program).await;
        for n in 0..9 {
            keyspace.put("a", n.to_string()).await;
        }
        let compact = |args: &[&str]| {
            let report = keyspace.json(&[&["compact", "-o", "json"], args].concat());
            assert!(report["after"]["db_size_bytes"].is_u64(), "{report}");
            (
                report["outcome"].clone(),
                report["compact_revision"].clone(),
            )
        };
        let outcome = |outcome: &str, revision: i64| (json!(outcome), json!(revision));
        assert_eq!(
            compact(&["--keep-last", "99"]),
            (json!("nothing-to-do"), Value::Null)
        );
        assert_eq!(
            compact(&["--keep-last", "4", "--dry-run"]),
            outcome("dry-run", 6)
        );
        assert_eq!(keyspace.json(&["dump", "--rev", "5"])["value"], "3");
        assert_eq!(compact(&["--keep-last", "4"]), outcome("compacted", 6));
        assert_eq!(keyspace.json(&["dump", "--rev", "6"])["value"], "4");
        assert_eq!(keyspace.fail(&["dump", "--rev", "5"]).0, 4);
        assert_eq!(
            compact(&["--revision", "6"]),
            outcome("already-compacted", 6)
        );
        assert_eq!(
            compact(&["--revision", "7", "--no-wait"]),
            outcome("compacted", 7)
        );
        assert_eq!(
            compact(&["--keep-last", "0", "--defrag"]),
            outcome("compacted", 10)
        );
        assert!(
            keyspace
                .run(&["compact", "--revision", "1"])
                .starts_with("already compacted")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compact_older_than_needs_a_note_of_that_age() {
    let mut keyspace = Keyspace::new(&Program::Kvtool).await;
    for n in 0..9 {
        keyspace.put("a", n.to_string()).await;
    }
    let state = keyspace.data.path().join("notes.json");
    let state = state.to_str().unwrap();
    let compact = |extra: &[&str]| {
        let args = [
            "compact",
            "--older-than",
            "1h",
            "--state",
            state,
            "-o",
            "json",
        ];
        keyspace.json(&[&args, extra].concat())["outcome"].clone()
    };
    assert_eq!(compact(&["--dry-run"]), "nothing-to-do");
    assert!(!Path::new(state).exists(), "a dry run changes nothing");
    assert_eq!(compact(&[]), "nothing-to-do");
    // What a run of two hours ago would have left.
    let mut notes: Value = serde_json::from_str(&fs::read_to_string(state).unwrap()).unwrap();
    let now = notes["samples"][0]["time"].as_u64().unwrap();
    let old = json!({"time": now - 7200, "revision": 4});
    notes["samples"].as_array_mut().unwrap().insert(0, old);
    fs::write(state, notes.to_string()).unwrap();
    assert_eq!(compact(&["--dry-run"]), "dry-run");
    assert_eq!(compact(&[]), "compacted");
    assert_eq!(compact(&[]), "already-compacted");
    assert_eq!(keyspace.json(&["dump", "--rev", "4"])["value"], "2");
    assert_eq!(keyspace.fail(&["dump", "--rev", "3"]).0, 4);
    fs::write(state, r#"{"cluster_id":"1","samples":[]}"#).unwrap();
    let (code, _, error) = keyspace.fail(&["compact", "--older-than", "1h", "--state", state]);
    assert_eq!(code, 2);
    assert!(error.contains("belongs to cluster 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_counts_keys_bytes_and_kept_versions() {
    for program in programs("inspect") {
        let mut keyspace = Keyspace::new(&program).await;
        for n in 0..4 {
            keyspace.put("/r/pods/a", vec![b'x'; n]).await;
        }
        keyspace.put("/r/pods/b", "12345").await;
        keyspace.put("/r/nodes/c", "1").await;
        keyspace.put("/r/gone/d", "1").await;
        let request = DeleteRangeRequest {
            key: "/r/gone/d".into(),
            ..Default::default()
        };
        keyspace.client.kv.delete_range(request).await.unwrap();
        let inspect = |args: &[&str]| {
            let base = [
                "inspect-keyspace",
                "--prefix",
                "/r/",
                "--versions",
                "-o",
                "json",
            ];
            keyspace.json(&[&base, args].concat())
        };
        let report = inspect(&["--sort", "prefix", "--top", "1"]);
        assert_eq!(report["revision"], 9);
        let versions = |report: &Value| {
            let group = |group: &Value| {
                let number = |field: &str| group[field].as_u64().unwrap();
                (
                    group["prefix"].as_str().unwrap().to_owned(),
                    number("keys"),
                    number("versions"),
                )
            };
            report["groups"]
                .as_array()
                .unwrap()
                .iter()
                .map(group)
                .collect::<Vec<_>>()
        };
        let expected = [("/r/gone/", 0, 2), ("/r/nodes/", 1, 1), ("/r/pods/", 2, 5)];
        assert_eq!(
            versions(&report),
            expected.map(|(p, k, v)| (p.to_owned(), k, v))
        );
        assert_eq!(
            report["groups"][2],
            json!({"prefix": "/r/pods/", "keys": 2, "key_bytes": 18, "value_bytes": 8,
                   "writes": 5, "leased_keys": 0, "versions": 5})
        );
        assert_eq!(report["total"]["keys"], 3);
        assert_eq!(
            report["largest"],
            json!([{"key": "/r/pods/b", "bytes": 14}])
        );

        succeeded(keyspace.command(&["compact", "--revision", "4"]));
        let report = inspect(&["--sort", "prefix"]);
        assert_eq!(report["history_from"], 4);
        let expected = [("/r/gone/", 0, 2), ("/r/nodes/", 1, 1), ("/r/pods/", 2, 3)];
        assert_eq!(
            versions(&report),
            expected.map(|(p, k, v)| (p.to_owned(), k, v))
        );

        let report = inspect(&["--groups", "1"]);
        assert_eq!(
            (&report["groups"][0]["prefix"], &report["other"]["keys"]),
            (&json!("/r/pods/"), &json!(1))
        );
        let table = keyspace.run(&["inspect-keyspace", "--depth", "2"]);
        assert!(table.starts_with("PREFIX"), "{table}");
    }
}

/// Instances, and keys of the subspaces `c` and `h`, as `--raw` shows them.
fn raw(args: &[&str]) -> Vec<(String, u64, u64)> {
    let base = ["inspect-keyspace", "--raw", "-o", "json"];
    let report: Value =
        serde_json::from_str(&succeeded(command("kvtool", &[&base, args].concat()))).unwrap();
    let instance = |instance: &Value| {
        let subspaces = instance["subspaces"].as_array().unwrap();
        let letters: String = subspaces
            .iter()
            .map(|it| it["letter"].as_str().unwrap())
            .collect();
        assert_eq!(letters, "mchkbldawsun");
        let bytes = subspaces.iter().map(|it| it["bytes"].as_u64().unwrap());
        assert_eq!(instance["total_bytes"], bytes.sum::<u64>());
        let name = instance["instance"].as_str().unwrap().to_owned();
        let keys = |place: usize| subspaces[place]["keys"].as_u64().unwrap();
        (name, keys(1), keys(2))
    };
    report["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(instance)
        .collect()
}

/// Writes a key twice and another once, as an instance of this process.
async fn write_instance(store: Store, name: &str) {
    let instance = Instance::open(store.clone(), name, Options::default())
        .await
        .unwrap();
    for key in ["a", "a", "b"] {
        let request = PutRequest {
            key: key.into(),
            value: "1".into(),
            ..Default::default()
        };
        instance.put(request).await.unwrap();
    }
    instance.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_shows_a_directory_that_no_server_has_open() {
    let data = TempDir::new().unwrap();
    let path = data.path().join("store");
    let directory = path.to_str().unwrap();
    let (code, _, error) = failed(command(
        "kvtool",
        &["inspect-keyspace", "--raw", "--data-dir", directory],
    ));
    assert_eq!(code, 1);
    assert!(error.contains("holds no store"), "{error}");
    assert!(!path.exists());

    let store = Store::Local(Local::open(&path, BlockCache::default()).unwrap());
    write_instance(store.clone(), "one").await;
    write_instance(store.clone(), "two").await;
    let (_, _, error) = failed(command(
        "kvtool",
        &["inspect-keyspace", "--raw", "--data-dir", directory],
    ));
    assert!(error.contains("another kvtool uses"), "{error}");
    store.close().await.unwrap();

    let all = [("one".to_owned(), 2, 3), ("two".to_owned(), 2, 3)];
    assert_eq!(raw(&["--data-dir", directory]), all);
    assert_eq!(raw(&["--data-dir", directory, "--all-instances"]), all);
    assert_eq!(
        raw(&["--data-dir", directory, "--instance", "two"]),
        all[1..]
    );
    let missing = [
        "inspect-keyspace",
        "--raw",
        "--data-dir",
        directory,
        "--instance",
        "three",
    ];
    let (_, _, error) = failed(command("kvtool", &missing));
    assert!(error.contains("no instance three"), "{error}");
    assert_eq!(raw(&["--data-dir", directory]), all, "looking makes none");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_shows_the_instances_of_a_cluster() {
    let Some(cluster) = Cluster::own("raw inspection of FoundationDB") else {
        return;
    };
    let file = cluster.file();
    let file = file.to_str().unwrap();
    let args = ["--store", "fdb", "--fdb-cluster-file", file];
    assert_eq!(raw(&args), []);
    let options = fdb::Options {
        cluster_file: Some(file.into()),
        ..Default::default()
    };
    let store = Store::Fdb(Fdb::open(&options).await.unwrap());
    write_instance(store, "one").await;
    assert_eq!(raw(&args), [("one".to_owned(), 2, 3)]);
    let missing = ["inspect-keyspace", "--raw", "--instance", "two"];
    let (_, _, error) = failed(command("kvtool", &[&missing[..], &args].concat()));
    assert!(error.contains("no instance two"), "{error}");
    assert_eq!(raw(&args).len(), 1, "looking makes none");
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_growth_counts_what_is_written_while_it_watches() {
    for program in programs("growth") {
        let mut keyspace = Keyspace::new(&program).await;
        let args = ["inspect-keyspace", "--growth", "1s", "-o", "json"];
        let mut inspect = piped(keyspace.command(&args));
        let mut puts = 0;
        while inspect.try_wait().unwrap().is_none() {
            keyspace.put(&format!("/g/{puts}"), "12345").await;
            puts += 1;
        }
        let output = inspect.wait_with_output().unwrap();
        assert!(output.status.success());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let growth = &report["total"]["growth"];
        let seen = growth["puts"].as_i64().unwrap();
        assert!(0 < seen && seen <= puts, "{report}");
        assert_eq!(growth["keys"], seen);
        assert_eq!(growth["bytes"], growth["written_bytes"]);
        assert_eq!(report["seconds_watched"], 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_each_endpoint_and_fails_when_one_is_silent() {
    for program in programs("status") {
        let mut keyspace = Keyspace::new(&program).await;
        keyspace.put("a", "1").await;
        let up = keyspace.server.endpoint();
        let rows = keyspace.json(&["status", "-o", "json"]);
        assert_eq!(rows.as_array().unwrap().len(), 1);
        assert_eq!(rows[0]["endpoint"], up);
        assert_eq!(
            (&rows[0]["revision"], &rows[0]["leader"]),
            (&json!(2), &json!(true))
        );
        assert_eq!(
            (&rows[0]["error"], &rows[0]["alarms"]),
            (&Value::Null, &json!([]))
        );
        assert!(keyspace.run(&["status"]).contains(&up));

        let down = format!("http://127.0.0.1:{}", free_port());
        let list = format!("{down},{up}");
        let (code, out, error) = failed(command(
            "kvtool",
            &["status", "-o", "json", "--endpoints", &list],
        ));
        assert_eq!(code, 3);
        assert!(error.contains("1 of 2 endpoints"), "{error}");
        let rows: Value = serde_json::from_str(&out).unwrap();
        assert!(rows[0]["error"].as_str().unwrap().contains(&down), "{out}");
        assert_eq!(rows[1]["revision"], 2);
        // Other verbs go on to the next endpoint.
        assert_eq!(
            keys(&succeeded(command(
                "kvtool",
                &["dump", "--endpoints", &list]
            ))),
            ["a"]
        );
    }
}

#[test]
fn without_a_server_every_verb_says_where_it_looked() {
    let endpoint = format!("127.0.0.1:{}", free_port());
    for args in [
        &["dump"][..],
        &["compact", "--keep-last", "1"],
        &["inspect-keyspace"],
        &["status", "-o", "json"],
    ] {
        let (code, out, error) = failed(command(
            "kvtool",
            &[args, &["--endpoints", &endpoint]].concat(),
        ));
        assert_eq!(code, 3, "{args:?}");
        assert!(
            format!("{out}{error}").contains(&format!("http://{endpoint}")),
            "{error}"
        );
    }
}

#[test]
fn a_server_that_does_not_answer_in_time_is_unavailable() {
    // The system takes connections, and nobody ever reads them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = silent.local_addr().unwrap().to_string();
    let args = [
        "dump",
        "--command-timeout",
        "100ms",
        "--endpoints",
        &endpoint,
    ];
    let (code, _, error) = failed(command("kvtool", &args));
    assert_eq!(code, 3);
    assert!(error.contains("no answer in time"), "{error}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_asks_nothing() {
    for args in [
        &["dump", "--no-such-flag"][..],
        &["dump", "--prefix", "a", "--from", "b"],
        &["dump", "--from", "b", "--to", "a"],
        &["dump", "--rev", "0"],
        &["dump", "--command-timeout", "5"],
        &["dump", "--endpoints", "no-port"],
        &["dump", "--endpoints", "ftp://a:1"],
        &["dump", "--cert", "/no/such/file"],
        &[
            "dump",
            "--endpoints",
            "https://a:1",
            "--cacert",
            "/no/such/file",
        ],
        &["dump", "--user", "root"],
        &["compact"],
        &["compact", "--revision", "1", "--keep-last", "1"],
        &["compact", "--revision", "-1"],
        &["inspect-keyspace", "--separator", "ab"],
        &["inspect-keyspace", "--growth", "soon"],
        &["inspect-keyspace", "--growth", "0s"],
        &["no-such-verb"],
        &[],
    ] {
        let (code, out, error) = failed(command("kvtool", args));
        assert_eq!((code, &*out), (2, ""), "{args:?}: {error}");
        assert!(!error.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_are_programs_of_their_own() {
    let mut keyspace = Keyspace::new(&Program::Kvtool).await;
    keyspace.put("/a/b", "1").await;
    let endpoint = keyspace.server.endpoint();
    for (program, args) in [
        ("kvtool-compact", &["--keep-last", "0"][..]),
        ("kvtool-inspect-keyspace", &["-o", "yaml"]),
    ] {
        let help = succeeded(command(program, &["--help"]));
        assert!(help.contains(&format!("Usage: {program} ")), "{help}");
        assert!(help.contains("Examples:"), "{help}");
        let version = succeeded(command(program, &["--version"]));
        assert_eq!(
            version.trim_end(),
            format!("{program} {}", env!("CARGO_PKG_VERSION"))
        );
        let (code, _, error) = failed(command(program, &["--no-such-flag"]));
        assert_eq!(code, 2);
        assert!(error.contains(program), "{error}");
        succeeded(command(
            program,
            &[args, &["--endpoints", &endpoint]].concat(),
        ));
    }
    assert_eq!(
        keyspace.fail(&["dump", "--rev", "1"]).0,
        4,
        "kvtool-compact has compacted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_verb_ends_at_once_with_130() {
    let keyspace = Keyspace::new(&Program::Kvtool).await;
    let inspect = piped(keyspace.command(&["inspect-keyspace", "--growth", "1h"]));
    let pid = inspect.id().to_string();
    while !catches_interrupts(&pid) {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(killed.success());
    let output = inspect.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "kvtool: interrupted\n"
    );
}

fn catches_interrupts(pid: &str) -> bool {
    const SIGINT: u32 = 2;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (SIGINT - 1)) != 0
}

/// `kvtool serve` over TLS; killed when dropped.
struct TlsServer {
    child: Child,
    port: u16,
}

impl TlsServer {
    fn start(cert: &str, key: &str) -> Self {
        let listen = [
            "--store",
            "memory",
            "--listen-client-urls",
            "https://127.0.0.1:0",
        ];
        let files = [
            "--cert-file",
            cert,
            "--key-file",
            key,
            "--log-format",
            "json",
        ];
        let mut child = piped(command(
            "kvtool",
            &[&["serve"][..], &listen, &files].concat(),
        ));
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = log.map_while(Result::ok).find_map(|line| {
            let entry: Value = serde_json::from_str(&line).ok()?;
            entry["urls"].as_str().map(str::to_owned)
        });
        let port = url.unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        Self { child, port }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tls_is_checked_against_the_given_certificates() {
    // The second is what `openssl req -x509` makes: it may sign others too.
    check_tls(IsCa::NoCa);
    check_tls(IsCa::Ca(BasicConstraints::Unconstrained));
}

fn check_tls(is_ca: IsCa) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = is_ca;
    let signing_key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    let directory = TempDir::new().unwrap();
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (
        file("cert.pem", cert.pem()),
        file("key.pem", signing_key.serialize_pem()),
    );
    let server = TlsServer::start(&cert, &key);
    let https = format!("https://localhost:{}", server.port);
    let dump = |endpoint: &str, args: &[&str]| {
        command(
            "kvtool",
            &[&["dump", "-o", "json", "--endpoints", endpoint], args].concat(),
        )
    };
    let document = succeeded(dump(&https, &["--cacert", &cert]));
    assert_eq!(
        serde_json::from_str::<Value>(&document).unwrap()["revision"],
        1
    );
    // It is for another name.
    let elsewhere = format!("https://127.0.0.1:{}", server.port);
    let (code, _, error) = failed(dump(&elsewhere, &["--cacert", &cert]));
    assert_eq!(code, 3);
    assert!(error.contains("certificate"), "{error}");
    // The system does not know this certificate.
    let mut strangers = dump(&https, &[]);
    strangers.env(
        "SSL_CERT_FILE",
        file("other.pem", {
            let other = generate_simple_self_signed(["other".to_owned()]).unwrap();
            other.cert.pem()
        }),
    );
    let (code, _, error) = failed(strangers);
    assert_eq!(code, 3);
    assert!(
        error.contains("certificate") && error.contains("--cacert"),
        "{error}"
    );
    let unverified = dump(&https, &["--insecure-skip-tls-verify"]);
    assert!(succeeded(unverified).contains("\"revision\""));
    let (code, _, error) = failed(dump(&format!("http://localhost:{}", server.port), &[]));
    assert_eq!(code, 3);
    assert!(error.contains("https"), "{error}");
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeeded(command("kvtool", &["completions", shell]));
        assert!(script.contains("inspect-keyspace"), "{shell}");
    }
}
