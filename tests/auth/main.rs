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
    let etcd = Etcd::find().filter(|etcd| etcd.version >= (3, 7));
    let Some(etcd) = etcd else {
        return support::skip("auth", "no etcd 3.7; set KVTOOL_TEST_ETCD");
    };
    let calls = support::env_number("KVTOOL_DIFF_OPS", DEFAULT_CALLS);
    let seed = support::env_number("KVTOOL_DIFF_SEED", DEFAULT_SEED);
    let directories = tempfile::tempdir().expect("a temporary directory");
    let start = |program: &Program, name: &str| {
        Server::start(program, &directories.path().join(name), &[CHEAP])
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
        "auth",
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
