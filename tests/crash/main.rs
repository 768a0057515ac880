//! `kill -9` under load at random moments: nothing acknowledged is lost, nothing is half done.
//!
//! - `KVTOOL_CRASH_ROUNDS`: how often the server is killed.
//! - `KVTOOL_CRASH_SEED`: the choices; not the timing, which no seed can repeat.
//! - `KVTOOL_TEST_SUBJECT`: an etcd to put in kvtool's place, to test this test.

mod checker;
mod disk;
mod lease;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::checker::Report;
use support::client::Client;
use support::follower::Follower;
use support::keyspace::{everything, history, revision};
use support::load::{Progress, Writer};
use support::model::Model;
use support::random::Random;
use support::server::{Program, Server, free_port};

/// Rounds of a run nobody asked more of; in each, every server is killed once.
const DEFAULT_ROUNDS: u64 = 5;

/// Requests of all writers before a kill: from these to these.
const REQUESTS: (i64, i64) = (20, 600);

const WRITERS: u64 = 8;

/// How long a round may take to do its requests.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let rounds = support::env_number("KVTOOL_CRASH_ROUNDS", DEFAULT_ROUNDS);
    let seed = support::env_number("KVTOOL_CRASH_SEED", Random::fresh_seed());
    let mut random = Random::new(seed);
    let program = Program::subject();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ports = Vec::from_iter(server_names().iter().map(|_| free_port()));
    let start_all = || {
        let started = std::iter::zip(server_names(), &ports).map(|(name, port)| {
            Server::start_at(&program, directory.path(), *port, &["--name", name])
        });
        Vec::from_iter(started)
    };
    let begin = Instant::now();
    let mut restarts = Duration::ZERO;
    let mut model = Model::default();
    let mut total = Report::default();
    let mut recorded = Vec::new();
    let mut followers = vec![
        Follower::new("key/", "key0"),
        Follower::new("key/05", "key/15"),
        Follower::new("key/07", ""),
    ];
    for round in 0..=rounds {
        let context = |error: String| -> ! {
            panic!("KVTOOL_CRASH_SEED={seed}, after {round} rounds: {error}")
        };
        if random.one_in(4) {
            // Killed while it starts. How far it gets differs from run to run.
            let mut server = Server::spawn(&program, directory.path(), ports[0], &[]);
            tokio::time::sleep(Duration::from_micros(random.below(40_000))).await;
            server.kill();
        }
        let start = Instant::now();
        let mut servers = start_all();
        restarts += start.elapsed();
        let mut clients = Vec::new();
        for server in &servers {
            clients.push(Client::connect(&server.endpoint()).await.expect("connects"));
        }
        let clients = Vec::from_iter(&clients);
        let client = random.pick(&clients);
        let revision = revision(client).await;
        let events = history(client, model.revision() + 1, revision).await;
        for follower in &mut followers {
            let caught_up = follower.catch_up(random.pick(&clients), revision).await;
            let checked = caught_up.and_then(|()| follower.check(&events, revision));
            checked.unwrap_or_else(|error| context(error));
        }
        let report = model.check(&events, revision, &recorded);
        total += report.unwrap_or_else(|error| context(error));
        let live = everything(client, revision).await;
        if live != model.live() {
            context(format!("the keys are {live:#?}, not {:#?}", model.live()));
        }
        if round == rounds {
            break;
        }
        let progress = Arc::<Progress>::default();
        progress.compactable.store(revision, Ordering::Relaxed);
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let writer = Writer::new(format!("{round}/{number}"), random.next());
            let server = &servers[number as usize % servers.len()];
            let client = Client::connect(&server.endpoint()).await.expect("connects");
            writers.push(tokio::spawn(writer.run(client, Arc::clone(&progress))));
        }
        let following = followers.into_iter().map(Follower::follow);
        let following = Vec::from_iter(following.map(tokio::spawn));
        // Where there are several, the others go on for a while without the one killed first.
        let mut requests = 0;
        while !servers.is_empty() {
            requests += random.between(REQUESTS.0, REQUESTS.1) as u64;
            let enough = async {
                while progress.answered.load(Ordering::Relaxed) < requests {
                    progress.changed.notified().await;
                }
            };
            let done = tokio::time::timeout(PATIENCE, enough).await;
            done.expect("the writers do their requests in time");
            let victim = random.below(servers.len() as u64) as usize;
            servers.swap_remove(victim).kill();
        }
        recorded = Vec::new();
        for writer in writers {
            let recorder = writer.await.expect("writers do not panic");
            recorded.extend(recorder.recorded);
        }
        followers = Vec::new();
        for follower in following {
            let follower = follower.await.expect("watchers do not panic");
            followers.push(follower.unwrap_or_else(|error| context(error)));
        }
    }
    support::note(
        "crash",
        &format!(
            "seed {seed}: {} kills, {total:?}, {:.1} s, {:.0} ms to restart",
            rounds as usize * ports.len(),
            begin.elapsed().as_secs_f64(),
            restarts.as_secs_f64() * 1000.0 / (rounds + 1) as f64,
        ),
    );
    assert!(total.revisions > 0, "the writers wrote nothing");
}

/// The servers that serve the keyspace together: several where its home can be shared.
fn server_names() -> &'static [&'static str] {
    match std::env::var("KVTOOL_TEST_STORE").as_deref() {
        Ok("fdb") => &["one", "two"],
        _ => &["default"],
    }
}
