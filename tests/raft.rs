//! Groups of several processes, and what they are told that is wrong. With `etcdctl37` or `etcdctl`
//! on the path, it is what asks them.

mod support;

use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use support::authority::Authority;
use support::client::Client;
use support::cluster::Tls;
use support::group::{Group, Place};
use support::keyspace;
use support::server::{Program, Server, version_of};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before a condition is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What a log keeps for members that lag, twice over: behind more they get the whole state.
const LOG_BYTES: usize = 160 << 20;
const VALUE_BYTES: usize = 1 << 20;

async fn becomes(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waited).await;
    assert!(in_time.is_ok(), "{what}");
}

async fn put(client: &Client, key: &str, value: impl Into<bytes::Bytes>) -> i64 {
    let request = PutRequest {
        key: key.to_owned().into(),
        value: value.into(),
        ..PutRequest::default()
    };
    let answer = client.kv.clone().put(request).await.expect("puts");
    answer.into_inner().header.expect("it has one").revision
}

async fn get(client: &Client, key: &str) -> Option<bytes::Bytes> {
    let request = RangeRequest {
        key: key.to_owned().into(),
        ..RangeRequest::default()
    };
    let answer = client.kv.clone().range(request).await.expect("reads");
    let mut found = answer.into_inner().kvs.into_iter();
    found.next().map(|kv| kv.value)
}

async fn status(client: &Client) -> StatusResponse {
    let status = client.maintenance.clone().status(StatusRequest {}).await;
    status.expect("answers").into_inner()
}

/// The values of a key from a revision on, as a watcher sees them.
async fn watched(client: &Client, key: &str, from: i64, count: usize) -> Vec<bytes::Bytes> {
    let request = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: key.to_owned().into(),
            start_revision: from,
            ..WatchCreateRequest::default()
        })),
    };
    let requests = futures_util::StreamExt::chain(
        tokio_stream::iter([request]),
        futures_util::stream::pending(),
    );
    let stream = client.watch.clone().watch(requests).await;
    let mut stream = stream.expect("watches").into_inner();
    let mut values = Vec::new();
    while values.len() < count {
        let answer = tokio::time::timeout(PATIENCE, stream.message()).await;
        let answer = answer.expect("in time").expect("goes on").expect("more");
        let seen = answer.events.into_iter().filter_map(|event| event.kv);
        values.extend(seen.map(|kv| kv.value));
    }
    values
}

/// etcdctl, of the version that is there.
fn etcdctl() -> Option<&'static str> {
    let names = ["etcdctl37", "etcdctl"];
    let mut found = names.into_iter();
    found.find(|name| version_of(Path::new(name), "version").is_some())
}

fn told(program: &str, endpoint: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", endpoint])
        .args(arguments.split(' '))
        .output();
    let Output { status, stdout, .. } = output.expect("it runs");
    assert!(status.success(), "{arguments} at {endpoint}");
    String::from_utf8(stdout).expect("text")
}

/// What a server says that ends by itself.
fn refusal(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("it was built");
    assert!(!status.success());
    let text = String::from_utf8_lossy(&stderr).into_owned();
    text.lines().last().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_alone_is_a_group_of_one_also_on_a_local_directory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut newest = 0;
    let mut index = 0;
    for flags in [&["--store", "local"][..], &[], &[]] {
        let mut server = Server::start(&Program::Kvtool, directory.path(), flags);
        let client = Client::connect(&server.endpoint()).await.expect("connects");
        let value = newest.to_string();
        let before = status(&client).await;
        newest = put(&client, "key", value.clone()).await;
        assert_eq!(get(&client, "key").await.expect("it is there"), value);
        let after = status(&client).await;
        assert_eq!(after.leader, after.header.expect("one").member_id);
        assert_eq!(after.raft_index, after.raft_applied_index);
        if flags.is_empty() {
            assert!(after.raft_index > before.raft_index && before.raft_index > index);
            index = after.raft_index;
        }
        assert!(server.terminate().success());
    }
    assert_eq!(newest, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_are_one_etcd() {
    let mut group = Group::new(3, &[]);
    group.start_all();
    let leader = group.leader(&[0, 1, 2]).await;
    let mut clients = Vec::new();
    for number in 0..3 {
        clients.push(group.client(number).await);
    }
    for (number, client) in clients.iter().enumerate() {
        let value = format!("of {number}");
        put(client, "key", value.clone()).await;
        for other in &clients {
            assert_eq!(get(other, "key").await.expect("it is there"), value);
        }
    }
    let mut terms = Vec::new();
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(watched(client, "key", 1, 3).await, ["of 0", "of 1", "of 2"]);
        let status = status(client).await;
        let leads = status.leader == status.header.expect("one").member_id;
        assert_eq!(leads, number == leader);
        assert!(status.raft_index > 0 && status.errors.is_empty() && !status.is_learner);
        terms.push(status.raft_term);
    }
    terms.dedup();
    assert_eq!(terms.len(), 1, "{terms:?}");
    let Some(etcdctl) = etcdctl() else {
        return support::skip("raft", "no etcdctl");
    };
    for number in 0..3 {
        let endpoint = group.endpoint(number);
        let asked = |arguments: &str| told(etcdctl, &endpoint, arguments);
        assert_eq!(asked(&format!("put ctl/{number} value")), "OK\n");
        assert_eq!(
            asked(&format!("get ctl/{number} --print-value-only")),
            "value\n"
        );
        assert_eq!(asked("member list").lines().count(), 3);
        assert!(asked("endpoint status").contains("http"));
        asked("endpoint health");
    }
}

/// A member alone waits and can be stopped; two of three serve; the third one finds its place.
#[tokio::test(flavor = "multi_thread")]
async fn members_wait_for_a_quorum_and_go_on_without_the_rest() {
    let mut group = Group::new(3, &[]);
    for _ in 0..2 {
        group.start(0);
        let server = group.server(0);
        becomes("it says whom it misses", || {
            server.logged("cannot reach a member") >= 2
        })
        .await;
        assert!(server.terminate().success());
    }
    group.start(0);
    group.start(1);
    let client = group.client(0).await;
    put(&client, "key", "two").await;
    group.start(2);
    assert_eq!(
        get(&group.client(2).await, "key").await.expect("there"),
        "two"
    );
    // Without a quorum nothing is read, but what needs none.
    let leader = group.leader(&[0, 1, 2]).await;
    for other in (0..3).filter(|other| *other != leader) {
        group.kill(other);
    }
    let client = group.client(leader).await;
    let mut range = RangeRequest {
        key: "key".into(),
        ..RangeRequest::default()
    };
    let refused = client.kv.clone().range(range.clone()).await;
    assert!(refused.is_err());
    range.serializable = true;
    let read = client.kv.clone().range(range).await.expect("needs none");
    assert_eq!(read.into_inner().kvs[0].value, "two");
    assert_eq!(status(&client).await.leader, 0);
    assert_eq!(status(&client).await.errors, ["etcdserver: no leader"]);
    group.start((leader + 1) % 3);
    put(&client, "key", "again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_belong_to_a_group_is_told_so() {
    let mut group = Group::new(3, &[]);
    group.start(0);
    group.start(1);
    let client = group.client(0).await;
    put(&client, "key", "1").await;
    // Of another cluster, at the place of the third.
    let mut stranger = group.command(2);
    stranger.args(["--initial-cluster-token", "another"]);
    group.start_as(2, stranger);
    let server = group.server(2);
    becomes("it is told", || server.logged("is of the cluster") > 0).await;
    for number in [0, 1] {
        let server = group.server(number);
        becomes("each refuses it", || server.logged("refused a member") > 0).await;
    }
    put(&client, "key", "2").await;
    group.kill(2);

    // What joins must name a cluster that answers, all of it, and know its own place there.
    let existing = ["--initial-cluster-state", "existing"];
    let directory = group.directory(2);
    std::fs::remove_dir_all(directory).expect("it was made");
    let all = group.initial_cluster();
    let changed = |from: &str, to: &str| {
        let command = group.command(2);
        let mut changed = Command::new(command.get_program());
        for argument in command.get_args() {
            changed.arg(if argument == from {
                to.as_ref()
            } else {
                argument
            });
        }
        changed
    };
    let named = |initial: &str| {
        let mut joining = changed(&all, initial);
        joining.args(existing);
        joining
    };
    let own = format!("m2={}", group.peer_url(2));
    let sentence = refusal(&mut named(&format!("{own},m0=http://127.0.0.1:1")));
    assert!(sentence.contains("cannot fetch cluster info"), "{sentence}");
    let sentence = refusal(&mut named(&format!("{own},m0={}", group.peer_url(0))));
    assert!(sentence.contains("is not the cluster"), "{sentence}");
    let sentence = refusal(&mut named(&own));
    assert!(sentence.contains("names no other member"), "{sentence}");
    let sentence = refusal(&mut changed("m2", "m1"));
    assert!(
        sentence.contains("no two members have one name"),
        "{sentence}"
    );
    assert!(!directory.exists());
    put(&client, "key", "3").await;
}

/// A member joins, and is stopped before anything has come to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_knows_nobody_yet_can_be_started_again() {
    let mut group = Group::new(3, &[]);
    group.start_all();
    put(&group.client(0).await, "key", "1").await;
    group.wipe(2);
    group.add_anew(2).await;
    // Nobody reaches it there.
    let mut deaf = Command::new(env!("CARGO_BIN_EXE_kvtool"));
    let url = group.peer_url(2).to_owned();
    let joining = group.joining(2);
    for argument in joining.get_args() {
        let is_own = argument.to_str() == Some(&url);
        deaf.arg(if is_own {
            "http://127.0.0.1:0".as_ref()
        } else {
            argument
        });
    }
    deaf.args(["--initial-advertise-peer-urls", &url]);
    group.start_as(2, deaf);
    let server = group.server(2);
    becomes("it knows of the others", || {
        server.logged("connected to a member") == 2
    })
    .await;
    assert!(server.terminate().success());
    group.start_as(2, joining);
    assert_eq!(
        get(&group.client(2).await, "key").await.expect("there"),
        "1"
    );
}

/// Bytes that are no protocol, and as many as somebody likes to send.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_a_peer_port_disturbs_nobody() {
    let mut group = Group::new(3, &[]);
    group.start_all();
    let client = group.client(0).await;
    put(&client, "key", "1").await;
    let term = status(&client).await.raft_term;
    let address = group.peer_url(0).trim_start_matches("http://").to_owned();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for garbage in [&b"\0\xff garbage"[..], preface, b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(garbage).expect("it reads");
        // It is closed while we write, sooner or later.
        let _ = (0..64).try_for_each(|_| stream.write_all(&[0xff; 1 << 16]));
    }
    put(&client, "key", "2").await;
    assert_eq!(status(&client).await.raft_term, term);
}

fn tls_flags(tls: &Tls) -> Vec<String> {
    let files = [
        ("cert", &tls.certificate),
        ("key", &tls.key),
        ("trusted-ca", &tls.authority),
    ];
    let flag = |(name, path): (&str, &std::path::PathBuf)| {
        format!("--peer-{name}-file={}", path.display())
    };
    files.into_iter().map(flag).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_with_certificates_refuse_those_without_and_expired_ones() {
    let directories = [(); 3].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let authority = Authority::new();
    let own = tls_flags(&authority.issue_files(directories[0].path()));
    let expired = tls_flags(&authority.issue_expired_files(directories[1].path()));
    let foreign = tls_flags(&Authority::new().issue_files(directories[2].path()));
    let places = (0..3).map(|_| Place::here()).collect();
    let mut group = Group::at(places, "https", &[]);
    for number in [0, 1] {
        let mut command = group.command(number);
        command.args(&own);
        group.start_as(number, command);
    }
    let client = group.client(0).await;
    put(&client, "key", "1").await;
    for flags in [&expired, &foreign] {
        let mut command = group.command(2);
        command.args(flags);
        group.start_as(2, command);
        let server = group.server(2);
        becomes("its certificate is refused", || {
            server.logged("cannot reach a member") >= 2
        })
        .await;
        put(&client, "key", "2").await;
        // Nobody has talked to it.
        assert_eq!(group.server(2).logged("connected to a member"), 0);
        group.kill(2);
    }
    let mut command = group.command(2);
    command.args(&own);
    group.start_as(2, command);
    assert_eq!(
        get(&group.client(2).await, "key").await.expect("there"),
        "2"
    );
}

/// Starts a member with further flags.
fn start_with(group: &mut Group, number: usize, flags: &[String]) {
    let mut command = group.command(number);
    command.args(flags);
    group.start_as(number, command);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_let_in_by_name_by_host_from_there_and_unless_they_are_revoked() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new();
    let revoked = directory.path().join("revoked.pem");
    std::fs::write(&revoked, authority.revoke(&[3])).expect("room for a file");
    let flags = |number: u64, name: &str, hosts: &[&str]| {
        let path = directory.path().join(number.to_string());
        std::fs::create_dir(&path).expect("room for a directory");
        let files = authority.write_files(&path, authority.issue_to(name, hosts, number));
        let mut flags = tls_flags(&files);
        flags.extend([
            "--peer-cert-allowed-cn=member,other".to_owned(),
            "--peer-cert-allowed-hostname=member.example".to_owned(),
            format!("--peer-crl-file={}", revoked.display()),
        ]);
        flags
    };
    // Whoever calls may show another certificate than he is called with.
    let showing = |mut called: Vec<String>, calls: &[String]| {
        let shown = calls.iter().take(2);
        called.extend(shown.map(|flag| flag.replacen("--peer-", "--peer-client-", 1)));
        called
    };
    let hosts = ["localhost", "member.example"];
    let places = (0..3).map(|_| Place::here()).collect();
    let mut group = Group::at(places, "https", &[]);
    let others = [flags(1, "member", &hosts), flags(2, "other", &hosts)];
    for (number, flags) in others.iter().enumerate() {
        start_with(&mut group, number, flags);
    }
    let client = group.client(0).await;
    let elsewhere = showing(
        flags(8, "member", &hosts),
        &flags(9, "member", &["member.example"]),
    );
    put(&client, "key", "1").await;
    for wrong in [
        flags(3, "member", &hosts),
        flags(4, "stranger", &hosts),
        flags(5, "member", &["localhost"]),
        elsewhere.clone(),
    ] {
        start_with(&mut group, 2, &wrong);
        let server = group.server(2);
        becomes("it is refused by both", || {
            server.logged("cannot reach a member") >= 2
        })
        .await;
        put(&client, "key", "2").await;
        assert_eq!(group.server(2).logged("connected to a member"), 0);
        group.kill(2);
    }
    let called = flags(7, "stranger", &["localhost"]);
    start_with(&mut group, 2, &showing(called, &flags(6, "member", &hosts)));
    let third = group.client(2).await;
    assert_eq!(get(&third, "key").await.expect("there"), "2");
    // Where nobody looks whence a certificate comes it is taken.
    for number in 0..3 {
        group.kill(number);
    }
    for (number, flags) in others.into_iter().chain([elsewhere]).enumerate() {
        let lax = "--peer-skip-client-san-verification".to_owned();
        start_with(&mut group, number, &[flags, vec![lax]].concat());
    }
    let third = group.client(2).await;
    assert_eq!(get(&third, "key").await.expect("there"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_speak_tls_with_certificates_of_their_own_making() {
    let places = (0..3).map(|_| Place::here()).collect();
    let mut group = Group::at(places, "https", &["--peer-auto-tls"]);
    group.start_all();
    put(&group.client(0).await, "key", "1").await;
    for number in 0..3 {
        let client = group.client(number).await;
        assert_eq!(get(&client, "key").await.expect("there"), "1");
        let made = group.directory(number).join("fixtures/peer/cert.pem");
        assert!(made.exists(), "{}", made.display());
    }
    // Plain text is not understood.
    let address = group.peer_url(0).trim_start_matches("https://").to_owned();
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .expect("it reads");
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"\0\0"), "no frame of HTTP/2");
}

/// A member is away while the log is cut. It gets the whole state, and its watchers all events.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_away_for_long_gets_the_whole_state() {
    let mut group = Group::new(3, &[]);
    group.start_all();
    let away = (group.leader(&[0, 1, 2]).await + 1) % 3;
    put(&group.client(away).await, "count", "0").await;
    group.kill(away);
    let leader = group.leader(&[(away + 1) % 3, (away + 2) % 3]).await;
    let client = group.client(leader).await;
    for number in 0..LOG_BYTES / VALUE_BYTES {
        // Bytes that repeat are in the log once.
        let from = (number * VALUE_BYTES / 4) as u32;
        let value = (from..).flat_map(u32::to_be_bytes).take(VALUE_BYTES);
        let key = format!("large/{}", number % 8);
        put(&client, &key, value.collect::<Vec<_>>()).await;
        put(&client, "count", format!("{}", number + 1)).await;
    }
    group.start(away);
    let back = group.client(away).await;
    let counted = LOG_BYTES / VALUE_BYTES;
    assert_eq!(
        get(&back, "count").await.expect("there"),
        counted.to_string()
    );
    assert_eq!(group.server(away).logged("took a whole state"), 1);
    let seen = watched(&back, "count", 1, counted + 1).await;
    let all: Vec<_> = (0..=counted).map(|number| number.to_string()).collect();
    assert_eq!(seen, all);
    let revision = put(&back, "after", "1").await;
    let there = keyspace::everything(&back, revision).await;
    assert!(there == keyspace::everything(&client, revision).await);
}
