//! Users and roles: the same random calls by several users to kvtool and to a real etcd get the
//! same answers, and the same refusals.
//!
//! - `KVTOOL_TEST_ETCD`: the etcd, 3.7 or newer (default `etcd37`, then `etcd`).
//! - `KVTOOL_DIFF_OPS`: how many calls.
//! - `KVTOOL_DIFF_SEED`: which ones. Without it always the same: a change must not fail by chance.

mod call;
#[path = "../support/mod.rs"]
mod support;

use call::{Call, Generator, Side};
use std::collections::{BTreeMap, VecDeque};
use support::server::{Etcd, Program, Server};

/// Calls of a run nobody asked more of: some seconds.
const DEFAULT_CALLS: u64 = 4000;
/// Which calls, when nobody asks for others.
const DEFAULT_SEED: u64 = 7;
/// Calls shown before the one that differs.
const SHOWN: usize = 20;
/// Passwords are not what is tested here.
const CHEAP: &str = "--bcrypt-cost=4";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_calls_by_several_users_get_the_same_answers() {
    compare("auth", DEFAULT_CALLS, "simple").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tokens_that_name_a_revision_too() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let pair = rcgen::KeyPair::generate().expect("there is randomness");
    let file = keys.path().join("key.pem");
    std::fs::write(&file, pair.serialize_pem()).expect("room for a file");
    let tokens = format!("jwt,sign-method=ES256,priv-key={}", file.display());
    compare("auth with JWT", DEFAULT_CALLS / 2, &tokens).await;
}

async fn compare(test: &str, default_calls: u64, tokens: &str) {
    let etcd = Etcd::find().filter(|etcd| etcd.version >= (3, 7));
    let Some(etcd) = etcd else {
        return support::skip(test, "no etcd 3.7; set KVTOOL_TEST_ETCD");
    };
    let calls = support::env_number("KVTOOL_DIFF_OPS", default_calls);
    let seed = support::env_number("KVTOOL_DIFF_SEED", DEFAULT_SEED);
    let directories = tempfile::tempdir().expect("a temporary directory");
    let start = |program: &Program, name: &str| {
        Server::start(
            program,
            &directories.path().join(name),
            &[CHEAP, &format!("--auth-token={tokens}")],
        )
    };
    let kvtool = start(&Program::subject(), "kvtool");
    let etcd = start(&Program::Etcd(etcd), "etcd");
    let mut left = Side::connect(&kvtool.endpoint()).await;
    let mut right = Side::connect(&etcd.endpoint()).await;
    let mut generator = Generator::new(seed);
    let mut trace = VecDeque::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for done in 0..calls {
        let call: Call = generator.next();
        let (ours, theirs) = tokio::join!(left.answer(&call), right.answer(&call));
        trace.push_back(format!("#{done} {call:?}\n     {theirs}"));
        if trace.len() > SHOWN {
            trace.pop_front();
        }
        // Not every store has members that come and go.
        if ours.starts_with("refused Unimplemented") && theirs.contains("member not found") {
            continue;
        }
        assert_eq!(
            ours,
            theirs,
            "left is kvtool, right is etcd; after\n{}\n\nagain: KVTOOL_DIFF_SEED={seed} \
             KVTOOL_DIFF_OPS={} cargo test --test auth",
            Vec::from(trace).join("\n"),
            done + 1
        );
        let kind = if theirs.starts_with("refused") {
            theirs
        } else {
            "answered".to_owned()
        };
        *counts.entry(kind).or_default() += 1;
    }
    support::note(
        test,
        &format!("seed {seed}: {calls} calls, no difference: {counts:#?}"),
    );
    for needed in [
        "answered",
        "permission denied",
        "user name is empty",
        "invalid auth token",
    ] {
        assert!(counts.keys().any(|kind| kind.contains(needed)), "{needed}");
    }
}

#[tokio::test]
async fn no_password_and_no_token_is_logged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut server = Server::start(
        &Program::Kvtool,
        directory.path(),
        &[CHEAP, "--log-level=debug"],
    );
    let mut side = Side::connect(&server.endpoint()).await;
    let password = "hidden-from-all-eyes";
    for call in call::with_secrets(password, "garbage-from-elsewhere") {
        side.answer(&call).await;
    }
    let tokens = side.tokens();
    assert_eq!(tokens.len(), 2);
    server.terminate();
    let log = server.log();
    assert!(log.contains("stopped"), "{log}");
    let secrets = tokens.iter().map(String::as_str);
    for secret in secrets.chain([password, "garbage-from-elsewhere", "$2b$"]) {
        assert!(!log.contains(secret), "{log}");
    }
}
