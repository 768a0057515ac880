//! Who may not: every method of every service of etcd's, as gRPC and as JSON, by callers who lack
//! something. What is refused says so in etcd's words, shows nothing and changes nothing. The same is
//! asked of a real etcd, where one is found.
#![allow(clippy::unwrap_used)]

mod call;
#[path = "../support/mod.rs"]
mod support;
mod table;

use call::{Outcome, Side};
use std::collections::BTreeSet;
use std::path::Path;
use support::authority::Authority;
use support::json::Http;
use support::server::{Etcd, Program, Server, free_port};
use support::skip;
use table::{Allowed, CALLERS, Case};

/// Passwords are not what is tested here.
const CHEAP: &str = "--bcrypt-cost=4";

async fn start(program: &Program, directory: &Path) -> (Server, Side) {
    let server = Server::start(program, directory, &[CHEAP]);
    let mut side = Side::connect(server.port()).await;
    for (method, body) in table::SETUP {
        let outcome = side.grpc(method, body, None).await;
        assert!(outcome.refusal.is_none(), "{method} {body}: {outcome:?}");
    }
    side.login(&CALLERS).await;
    (server, side)
}

/// The code and the words of a refusal: of who has not said who he is, of who has said nonsense, and
/// of others.
fn refusal(caller: &str) -> (&'static str, &'static str) {
    match caller {
        "nobody" => ("InvalidArgument", "etcdserver: user name is empty"),
        "stranger" => ("Unauthenticated", "etcdserver: invalid auth token"),
        _ => ("PermissionDenied", "etcdserver: permission denied"),
    }
}

fn is_refusal(outcome: &Outcome) -> bool {
    let is_said = |said: &String| {
        let mut words = ["nobody", "stranger", "other"].map(refusal).into_iter();
        words.any(|(_, words)| said.ends_with(words))
    };
    outcome.refusal.as_ref().is_some_and(is_said)
}

/// Whether this is what who may not is told.
fn is_right_refusal(outcome: &Outcome, case: &Case, caller: &str) -> bool {
    let said = outcome.refusal.as_deref();
    let (code, words) = refusal(caller);
    let is_right = match case.silent {
        Some(_) => said.is_none(),
        // Of a lock or an election etcd is its own client, and loses the code on the way.
        None if case.method.starts_with("v3") => said.is_some_and(|said| said.ends_with(words)),
        None => said == Some(&format!("{code} {words}")),
    };
    is_right && outcome.shown.is_empty()
}

/// What a caller was told, as gRPC and, where there is a path, as JSON.
type Told = (&'static str, [Option<Outcome>; 2]);

async fn ask(side: &mut Side, case: &Case, caller: &'static str) -> Told {
    let grpc = side.grpc(case.method, case.body, Some(caller)).await;
    let json = match case.path {
        "" => None,
        path => Some(side.json(path, case.body, caller).await),
    };
    (caller, [Some(grpc), json])
}

/// Asks by everybody, first by those who may not: nothing must come of that.
async fn ask_all(side: &mut Side, case: &Case) -> Vec<Told> {
    let (may, may_not): (Vec<_>, Vec<_>) = CALLERS
        .into_iter()
        .partition(|caller| case.allowed.allows(caller));
    let before = side.state().await;
    let mut told = Vec::new();
    for caller in may_not {
        told.push(ask(side, case, caller).await);
    }
    assert_eq!(side.state().await, before, "{case:?} has changed something");
    for caller in may {
        told.push(ask(side, case, caller).await);
    }
    told
}

/// Of what a caller was told, what is a refusal for lack of something.
type Refused = (&'static str, [Option<Option<String>>; 2]);

fn refusals(told: &[Told]) -> Vec<Refused> {
    let refused = |outcome: &Option<Outcome>| {
        let outcome = outcome.as_ref()?;
        Some(outcome.refusal.clone().filter(|_| is_refusal(outcome)))
    };
    let by = |(caller, outcomes): &Told| (*caller, outcomes.each_ref().map(refused));
    told.iter().map(by).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_refuses_whoever_lacks_something() {
    let directories = tempfile::tempdir().unwrap();
    let (_ours, mut left) = start(&Program::subject(), &directories.path().join("kvtool")).await;
    let etcd = Etcd::find().filter(|etcd| etcd.version >= (3, 7));
    let mut right = match etcd {
        Some(etcd) => {
            let program = Program::Etcd(etcd);
            Some(start(&program, &directories.path().join("etcd")).await)
        }
        None => {
            skip("denied beside etcd", "no etcd 3.7; set KVTOOL_TEST_ETCD");
            None
        }
    };
    let mut wrong = Vec::new();
    for case in table::CASES {
        let told = ask_all(&mut left, case).await;
        for (caller, outcomes) in &told {
            for outcome in outcomes.iter().flatten() {
                let is_right = match case.allowed.allows(caller) {
                    true => !is_refusal(outcome),
                    false => is_right_refusal(outcome, case, caller),
                };
                if !is_right {
                    wrong.push(format!("{case:?} by {caller}: {outcome:?}"));
                }
            }
        }
        if let Some((_, right)) = &mut right {
            let theirs = ask_all(right, case).await;
            for (ours, theirs) in refusals(&told).into_iter().zip(refusals(&theirs)) {
                if ours != theirs {
                    wrong.push(format!("{case:?}: {ours:?}, but etcd {theirs:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_method_is_in_the_table() {
    let named: BTreeSet<_> = table::CASES
        .iter()
        .map(|case| case.method.to_owned())
        .collect();
    assert_eq!(named, call::methods());
    // And of every method somebody who has logged in is refused, but of those that are for all.
    let open = [
        "etcdserverpb.Auth/Authenticate",
        "etcdserverpb.Auth/AuthStatus",
        "etcdserverpb.Cluster/MemberList",
        "etcdserverpb.Lease/LeaseGrant",
        "etcdserverpb.Maintenance/Status",
    ];
    for method in &named {
        let mut cases = table::CASES.iter().filter(|case| case.method == method);
        let is_open = cases.all(|case| {
            matches!(
                case.allowed,
                Allowed::All | Allowed::Honest | Allowed::Users
            )
        });
        assert_eq!(is_open, open.contains(&method.as_str()), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_sees_what_he_may_read_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (server, mut side) = start(&Program::subject(), directory.path()).await;
    // Both of it in one stream: what comes of the second create request comes behind all else.
    let watch = r#"{"create_request":{"key":"YQ==","range_end":"eg==","start_revision":"1"}}
        {"create_request":{"key":"Yg==","range_end":"ZA==","start_revision":"1","watch_id":"7"}}"#;
    let token = side.token("reader");
    let headers = [("Authorization", token.as_str())];
    let mut answer = support::json::post(server.port(), "/v3/watch", &headers, watch).await;
    let refused = answer.value().await;
    assert_eq!(refused["result"]["canceled"], true, "{refused}");
    assert_eq!(refused["result"]["events"], serde_json::Value::Null);
    for (key, is_seen) in [
        ("YQ==", false),
        ("Yno=", true),
        ("ZA==", false),
        ("Y3o=", true),
    ] {
        let put = format!(r#"{{"key":"{key}","value":"bmV3"}}"#);
        let outcome = side.grpc("etcdserverpb.KV/Put", &put, Some("root")).await;
        assert_eq!(outcome.refusal, None);
        if !is_seen {
            continue;
        }
        loop {
            let seen = answer.value().await.to_string();
            assert!(
                !seen.contains(r#""key":"YQ=="#) && !seen.contains(r#""key":"ZA=="#),
                "{seen}"
            );
            if seen.contains(key) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn who_shows_an_expired_certificate_gets_no_further() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = authority.issue_files(directory.path());
    let port = free_port();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.args(["serve", "--store", "memory"]);
    command.arg(format!("--listen-client-urls=https://127.0.0.1:{port}"));
    for (flag, path) in [
        ("cert-file", &files.certificate),
        ("key-file", &files.key),
        ("trusted-ca-file", &files.authority),
    ] {
        command.arg(format!("--{flag}={}", path.display()));
    }
    let _server = Server::launch(command, ([127, 0, 0, 1], port).into());
    let trusted = authority.pem();
    let ask = async |shown: Option<&(String, String)>, path: &str| {
        // With TLS 1.3 a client may learn only after its handshake that it was refused.
        let http = Http::connect_tls(port, &trusted, shown).await.ok()?;
        let asked = http.request("POST", path, &[], "{}").await.ok()?;
        Some(asked.status)
    };
    let good = authority.issue_to("client", &["localhost"], 1);
    for path in [
        "/v3/maintenance/status",
        "/v3/maintenance/snapshot",
        "/v3/cluster/member/list",
    ] {
        assert_eq!(ask(Some(&good), path).await, Some(200), "{path}");
        assert_eq!(
            ask(Some(&authority.issue_expired()), path).await,
            None,
            "{path}"
        );
        assert_eq!(ask(None, path).await, None, "{path}");
    }
}
