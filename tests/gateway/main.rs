//! The JSON gateway: the same requests to kvtool and, where one is found, to a real etcd; their
//! statuses and bodies are compared field by field.
//!
//! - `KVTOOL_TEST_ETCD`: the etcd, 3.7 or newer (default `etcd37`, then `etcd`).
//! - `KVTOOL_DIFF_OPS`: how many random requests.
//! - `KVTOOL_DIFF_SEED`: which ones. Without it always the same: a change must not fail by chance.
#![allow(clippy::unwrap_used)]

mod cases;
mod random;
mod side;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod web;

use random::Generator;
use side::{Asked, Side};
use std::collections::BTreeMap;
use std::path::Path;
use support::server::{Etcd, Program, Server};
use support::{note, skip};

/// Requests of a run nobody asked more of: some seconds.
const DEFAULT_REQUESTS: u64 = 400;
/// Which requests, when nobody asks for others.
const DEFAULT_SEED: u64 = 7;
/// Passwords are not what is tested here.
const CHEAP: &str = "--bcrypt-cost=4";

fn start(program: &Program, directory: &Path) -> (Server, Side) {
    let server = Server::start(program, directory, &[CHEAP]);
    let side = Side::new(server.port());
    (server, side)
}

/// kvtool, and an etcd to compare it with.
fn both(test: &str, directory: &Path) -> Option<[(Server, Side); 2]> {
    let Some(etcd) = Etcd::find().filter(|etcd| etcd.version >= (3, 7)) else {
        skip(test, "no etcd 3.7; set KVTOOL_TEST_ETCD");
        return None;
    };
    let ours = start(&Program::subject(), &directory.join("kvtool"));
    Some([ours, start(&Program::Etcd(etcd), &directory.join("etcd"))])
}

async fn compare(ours: &mut Side, theirs: &mut Side, asked: &Asked) -> side::Answered {
    let (found, expected) = tokio::join!(ours.ask(asked), theirs.ask(asked));
    let (found, expected) = side::comparable(found, expected);
    assert_eq!(found, expected, "left is kvtool, right is etcd; {asked:#?}");
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_and_every_kind_of_mistake_is_answered_as_etcd_answers_it() {
    let directories = tempfile::tempdir().unwrap();
    let Some([(_ours, mut left), (_theirs, mut right)]) = both("gateway", directories.path())
    else {
        return;
    };
    for asked in cases::all() {
        compare(&mut left, &mut right, &asked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests_get_the_same_answers() {
    let directories = tempfile::tempdir().unwrap();
    let Some([(_ours, mut left), (_theirs, mut right)]) = both("random", directories.path()) else {
        return;
    };
    let requests = support::env_number("KVTOOL_DIFF_OPS", DEFAULT_REQUESTS);
    let seed = support::env_number("KVTOOL_DIFF_SEED", DEFAULT_SEED);
    let mut generator = Generator::new(seed);
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    for _ in 0..requests {
        let answered = compare(&mut left, &mut right, &generator.next()).await;
        *counts.entry(answered.status).or_default() += 1;
    }
    note("random", &format!("seed {seed}: no difference: {counts:?}"));
    assert!(
        counts[&200] > requests / 4 && counts[&400] > requests / 20,
        "{counts:?}"
    );
}
