//! Snapshots: what kvtool saves, kvtool and etcd restore; what etcd saves, kvtool restores; and
//! every read of every revision, and etcd's own hash of it, is the same afterwards.

mod support;

use kvtool::pb::etcdserverpb::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::client::Client;
use support::cluster::Cluster;
use support::group::Group;
use support::random::Random;
use support::server::{Etcd, Program, Server, free_port};
use support::skip;

/// Longer than members take to find each other.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before a log is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Writes of the keyspace that is saved.
const WRITES: usize = 150;
/// The largest value: kvtool stores it apart, and it needs many pages of a file.
const LARGE_BYTES: usize = 200_000;

/// Fills a keyspace: puts, deletions, transactions, large values, leases, a compaction.
async fn fill(endpoint: &str) {
    let mut client = Client::connect(endpoint).await.expect("a server");
    let mut random = Random::new(7);
    for id in [5, 6] {
        let granted = client
            .lease
            .lease_grant(LeaseGrantRequest { ttl: 1000, id });
        granted.await.expect("a lease");
    }
    for write in 0..WRITES {
        let key = format!("key/{}", random.below(40));
        let length = if write % 50 == 25 { LARGE_BYTES } else { 20 };
        let put = PutRequest {
            key: key.clone().into(),
            value: vec![write as u8; length].into(),
            lease: random.pick(&[0, 0, 5, 6]),
            ..PutRequest::default()
        };
        let delete = DeleteRangeRequest {
            key: key.into(),
            ..DeleteRangeRequest::default()
        };
        match random.below(10) {
            0 | 1 => {
                client.kv.delete_range(delete).await.expect("deleted");
            }
            2 => {
                let other = PutRequest {
                    key: format!("other/{write}").into(),
                    ..PutRequest::default()
                };
                let op = |put| RequestOp {
                    request: Some(request_op::Request::RequestPut(put)),
                };
                let success = vec![op(put), op(other)];
                let txn = TxnRequest {
                    success,
                    ..TxnRequest::default()
                };
                client.kv.txn(txn).await.expect("done");
            }
            _ => {
                client.kv.put(put).await.expect("put");
            }
        }
        if write == WRITES / 3 {
            let compaction = CompactionRequest {
                revision: WRITES as i64 / 4,
                physical: true,
            };
            client.kv.compact(compaction).await.expect("compacted");
        }
    }
}

/// What a server says of its keyspace, at every revision.
async fn told(endpoint: &str) -> Vec<String> {
    let mut client = Client::connect(endpoint).await.expect("a server");
    let newest = client.maintenance.hash_kv(HashKvRequest::default()).await;
    let newest = newest.expect("a hash").into_inner();
    let mut told = vec![format!(
        "{} {}",
        newest.hash_revision, newest.compact_revision
    )];
    for revision in newest.compact_revision.max(1)..=newest.hash_revision {
        let everything = RangeRequest {
            key: "\0".into(),
            range_end: "\0".into(),
            revision,
            ..RangeRequest::default()
        };
        let range = client
            .kv
            .range(everything)
            .await
            .expect("an answer")
            .into_inner();
        let hash = client.maintenance.hash_kv(HashKvRequest { revision }).await;
        // At the compacted revision etcd remembers a hash of before the compaction.
        let hash = match hash.expect("a hash").into_inner() {
            _ if revision == newest.compact_revision => 0,
            hash => hash.hash,
        };
        told.push(format!("{revision} {hash} {:?}", range.kvs));
    }
    for id in [5, 6] {
        let left = client
            .lease
            .lease_time_to_live(LeaseTimeToLiveRequest { id, keys: true });
        let mut left = left.await.expect("an answer").into_inner();
        left.keys.sort();
        assert!((900..=1000).contains(&left.ttl), "{left:?}");
        told.push(format!("{} {:?}", left.granted_ttl, left.keys));
    }
    let missing = RangeRequest {
        key: "key/1".into(),
        revision: newest.compact_revision - 1,
        ..RangeRequest::default()
    };
    told.push(
        client
            .kv
            .range(missing)
            .await
            .expect_err("compacted")
            .to_string(),
    );
    told
}

/// Fails with the first line that differs.
fn assert_same(found: &[String], expected: &[String], whose: &str) {
    assert_eq!(found.len(), expected.len(), "{whose}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{whose}");
    }
}

fn run(program: &str, args: &[&str]) -> (bool, String) {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

fn kvtool(args: &[&str]) {
    let (done, text) = run(env!("CARGO_BIN_EXE_kvtool"), args);
    assert!(done, "{args:?}: {text}");
}

/// etcd's tool for data directories.
fn etcdutl() -> Option<&'static str> {
    ["etcdutl37", "etcdutl"].into_iter().find(|name| {
        let version = Command::new(name)
            .arg("version")
            .stdin(Stdio::null())
            .output();
        version.is_ok_and(|output| output.status.success())
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

/// Starts kvtool on what was restored with these flags of the home, and asks it.
async fn told_by_restored(file: &Path, home: &[&str]) -> Vec<String> {
    kvtool(&[&["snapshot", "restore", text(file)], home].concat());
    let again = run(
        env!("CARGO_BIN_EXE_kvtool"),
        &[&["snapshot", "restore", text(file)], home].concat(),
    );
    assert!(!again.0 && again.1.contains("not empty"), "{again:?}");
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command
        .arg("serve")
        .args(home)
        .args(["--listen-client-urls", &url]);
    let server = Server::launch(command, ([127, 0, 0, 1], port).into());
    told(&server.endpoint()).await
}

/// What a member is restored from, into which directory of which group.
fn restore_member(file: &Path, group: &Group, number: usize) -> (bool, String) {
    run(
        env!("CARGO_BIN_EXE_kvtool"),
        &[
            "snapshot",
            "restore",
            text(file),
            "--data-dir",
            text(group.directory(number)),
            "--name",
            &format!("m{number}"),
            "--initial-advertise-peer-urls",
            group.peer_url(number),
            "--initial-cluster",
            &group.initial_cluster(),
        ],
    )
}

/// All that a member says of its own state.
/// A snapshot that a server has saved in a directory, and what that server told.
async fn saved(program: &Program, directory: &Path) -> (PathBuf, Vec<String>) {
    let server = Server::start(program, &directory.join("first"), &[]);
    fill(&server.endpoint()).await;
    let expected = told(&server.endpoint()).await;
    let file = directory.join("saved.db");
    let endpoints = ["--endpoints", &server.endpoint()];
    kvtool(&[&["snapshot", "save", text(&file)], &endpoints[..]].concat());
    (file, expected)
}

async fn hash(group: &Group, number: usize) -> (u32, u32) {
    let mut client = group.client(number).await;
    // Linearizable, so that it has all that was written before.
    let read = RangeRequest {
        key: "key/1".into(),
        ..RangeRequest::default()
    };
    client.kv.range(read).await.expect("an answer");
    let of_keys = client.maintenance.hash_kv(HashKvRequest::default()).await;
    let of_all = client.maintenance.hash(HashRequest {}).await;
    (
        of_keys.expect("a hash").into_inner().hash,
        of_all.expect("a hash").into_inner().hash,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_begins_with_what_each_member_was_restored_from() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, expected) = saved(&Program::Kvtool, directory.path()).await;

    let mut group = Group::new(3, &[]);
    for number in 0..3 {
        let restored = restore_member(&file, &group, number);
        assert!(restored.0, "{restored:?}");
        let again = restore_member(&file, &group, number);
        assert!(!again.0, "{again:?}");
    }
    group.start_all();
    for number in 0..3 {
        drop(group.client(number).await);
        assert_same(&told(&group.endpoint(number)).await, &expected, "a member");
    }
    let first = hash(&group, 0).await;
    assert_eq!([hash(&group, 1).await, hash(&group, 2).await], [first; 2]);
    // One whose disk is lost joins anew, and gets it all.
    group.wipe(1);
    group.add_anew(1).await;
    let command = group.joining(1);
    group.start_as(1, command);
    drop(group.client(1).await);
    assert_same(&told(&group.endpoint(1)).await, &expected, "who joined");
    assert_eq!(hash(&group, 1).await, hash(&group, 0).await);
}

/// Members that were given different files are no group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_restored_from_different_files_keep_away_from_each_other() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let server = Server::start(&Program::Kvtool, &path("first"), &[]);
    let endpoint = server.endpoint();
    let save = |file: &Path| {
        kvtool(&["snapshot", "save", text(file), "--endpoints", &endpoint]);
    };
    save(&path("a.db"));
    let mut client = Client::connect(&endpoint).await.expect("a server");
    let put = PutRequest {
        key: "key".into(),
        ..PutRequest::default()
    };
    client.kv.put(put).await.expect("put");
    save(&path("b.db"));
    let mut group = Group::new(3, &[]);
    for (number, file) in ["a.db", "a.db", "b.db"].into_iter().enumerate() {
        let restored = restore_member(&path(file), &group, number);
        assert!(restored.0, "{restored:?}");
    }
    group.start_all();
    let led = group.leader(&[0, 1]).await;
    assert_ne!(led, 2);
    let deadline = Instant::now() + PATIENCE;
    while group.server(2).logged("cannot reach a member") < 2 {
        assert!(Instant::now() < deadline, "{}", group.server(2).log());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let log = group.server(2).log();
    assert!(log.contains("was meant"), "{log}");
    assert_eq!(group.server(2).logged("connected to a member"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kvtool_saves_is_the_same_wherever_it_is_restored() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let (file, expected) = saved(&Program::Kvtool, directory.path()).await;

    for store in ["raft", "local"] {
        let home = path(store);
        let home = ["--store", store, "--data-dir", text(&home)];
        let found = told_by_restored(&file, &home).await;
        assert_same(&found, &expected, store);
    }
    if let Some(cluster) = Cluster::get("snapshots on FoundationDB") {
        let cluster_file = cluster.file();
        let cluster = text(&cluster_file);
        let instance = text(&file);
        let home = [
            "--store=fdb",
            "--fdb-cluster-file",
            cluster,
            "--instance",
            instance,
        ];
        assert_same(&told_by_restored(&file, &home).await, &expected, "fdb");
    }
    let (Some(etcdutl), Some(etcd)) = (etcdutl(), Etcd::find()) else {
        return skip(
            "snapshots",
            "no etcdutl, or no etcd, to restore what kvtool has saved",
        );
    };
    let data_dir = path("etcd");
    let restored = run(
        etcdutl,
        &[
            "snapshot",
            "restore",
            text(&file),
            "--data-dir",
            text(&data_dir),
        ],
    );
    assert!(restored.0, "{}", restored.1);
    let (_, theirs) = run(etcdutl, &["snapshot", "status", text(&file), "-w", "json"]);
    let (_, ours) = run(
        env!("CARGO_BIN_EXE_kvtool"),
        &["snapshot", "status", text(&file), "-o", "json"],
    );
    let field = |text: &str, name: &str| {
        let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        json[name].clone()
    };
    for (our, their) in [
        ("hash", "hash"),
        ("total_keys", "totalKey"),
        ("revision", "revision"),
    ] {
        assert_eq!(field(&ours, our), field(&theirs, their));
    }
    let server = Server::start(&Program::Etcd(etcd), &data_dir, &[]);
    assert_same(&told(&server.endpoint()).await, &expected, "etcd");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_etcd_saves_is_the_same_in_kvtool() {
    let Some(etcd) = Etcd::find().filter(|etcd| etcd.version >= (3, 7)) else {
        return skip("what_etcd_saves", "no etcd");
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let (file, expected) = saved(&Program::Etcd(etcd), directory.path()).await;
    let home = path("kvtool");
    let home = ["--data-dir", text(&home)];
    assert_same(&told_by_restored(&file, &home).await, &expected, "kvtool");

    // A revision bump hides all that was; the live keys stay.
    let bumped = path("bumped");
    let bump = [
        "--bump-revision=1000",
        "--mark-compacted",
        "--data-dir",
        text(&bumped),
    ];
    kvtool(&[&["snapshot", "restore", text(&file)], &bump[..]].concat());
    let server = Server::start(&Program::Kvtool, &bumped, &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("a server");
    let newest = client.maintenance.hash_kv(HashKvRequest::default()).await;
    let newest = newest.expect("a hash").into_inner();
    assert_eq!(newest.hash_revision, newest.compact_revision);
    let before: i64 = expected[0]
        .split(' ')
        .next()
        .expect("two")
        .parse()
        .expect("a number");
    assert_eq!(newest.hash_revision, before + 1000);
    drop(server);

    // A file that was changed is refused before anything is made.
    let mut bytes = std::fs::read(&file).expect("saved");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("room");
    let nowhere = path("nowhere");
    let args = [
        "snapshot",
        "restore",
        text(&file),
        "--data-dir",
        text(&nowhere),
    ];
    let (done, said) = run(env!("CARGO_BIN_EXE_kvtool"), &args);
    assert!(
        !done && said.contains("hash") && !nowhere.exists(),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_of_a_snapshot_log_in_where_it_is_restored() {
    let Some(etcd) = Etcd::find().filter(|etcd| etcd.version >= (3, 7)) else {
        return skip("the_users_of_a_snapshot", "no etcd");
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let server = Server::start(&Program::Etcd(etcd), &path("etcd"), &["--bcrypt-cost=4"]);
    let mut client = Client::connect(&server.endpoint()).await.expect("a server");
    let (name, password) = ("root".to_owned(), "secret".to_owned());
    let add = AuthUserAddRequest {
        name: name.clone(),
        password: password.clone(),
        ..AuthUserAddRequest::default()
    };
    client.auth.user_add(add).await.expect("added");
    let (user, role) = (name.clone(), name.clone());
    let grant = AuthUserGrantRoleRequest { user, role };
    client.auth.user_grant_role(grant).await.expect("granted");
    let enabled = client.auth.auth_enable(AuthEnableRequest {}).await;
    enabled.expect("enabled");
    let file = path("saved.db");
    let endpoint = server.endpoint();
    let refused = ["snapshot", "save", text(&file), "--endpoints", &endpoint];
    assert!(!run(env!("CARGO_BIN_EXE_kvtool"), &refused).0);
    let user = ["--user", "root:secret"];
    kvtool(&[&refused[..], &user[..]].concat());
    drop(server);
    let home = path("kvtool");
    kvtool(&[
        "snapshot",
        "restore",
        text(&file),
        "--data-dir",
        text(&home),
    ]);
    let server = Server::start(&Program::Kvtool, &home, &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("a server");
    let put = PutRequest {
        key: "a".into(),
        ..PutRequest::default()
    };
    let answer = client.kv.put(put.clone()).await.expect_err("nobody");
    assert_eq!(answer.message(), "etcdserver: user name is empty");
    let login = AuthenticateRequest { name, password };
    let login = client.auth.authenticate(login).await.expect("logged in");
    let mut request = tonic::Request::new(put);
    let token = login.into_inner().token.parse().expect("a token is text");
    request.metadata_mut().insert("token", token);
    client.kv.put(request).await.expect("root may");
}
