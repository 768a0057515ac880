//! Differential test: the same random operations to kvtool and to a real etcd.
//!
//! Every field of every answer is compared, errors by code and text, watchers by the events
//! they saw. Left out are what names a server (cluster, member, term), sizes, and times.
//!
//! - `KVTOOL_TEST_ETCD`: the etcd, 3.7 or newer (default `etcd37`, then `etcd`).
//! - `KVTOOL_DIFF_OPS`: how many operations.
//! - `KVTOOL_DIFF_SEED`: which ones. Without it always the same: a change must not fail by chance.
//! - `KVTOOL_TEST_SUBJECT`: an etcd to put in kvtool's place, to test this test.

mod edges;
mod generate;
mod operation;
#[path = "../support/mod.rs"]
mod support;
mod watching;

use generate::{Generator, STREAMS};
use operation::{Answer, Operation, Side};
use std::collections::{BTreeMap, VecDeque};
use support::client::{self, Client};
use support::server::{Etcd, Program, Server};
use watching::{Difference, Watching};

/// Operations of a run nobody asked more of: some seconds.
const DEFAULT_OPERATIONS: u64 = 10_000;

/// Which operations, when nobody asks for others.
const DEFAULT_SEED: u64 = 219_336_525;

/// Room for some dozens of keys, where a run has more.
const SMALL_CACHE_BYTES: u64 = 8 << 10;

/// Operations shown before the one that differs.
const SHOWN: usize = 25;

/// Watchers that want progress are told this often, so that a run checks those promises too.
const PROGRESS: &str = "--watch-progress-notify-interval=300ms";

/// The etcd to compare with: one that knows range streams.
pub fn reference(test: &str) -> Option<Etcd> {
    let Some(etcd) = Etcd::find() else {
        support::skip(test, "no etcd; set KVTOOL_TEST_ETCD");
        return None;
    };
    if etcd.version < (3, 7) {
        let (major, minor) = etcd.version;
        support::skip(test, &format!("needs etcd 3.7, found {major}.{minor}"));
        return None;
    }
    Some(etcd)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_get_the_same_answers() {
    compare("differential", None).await;
}

/// Every read and every write asks the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_do_without_a_cache() {
    let forgotten = compare("differential without a cache", Some(0)).await;
    assert!(forgotten.is_none_or(|stretches| stretches == 0.0));
}

/// What is known changes all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_do_with_a_cache_that_forgets() {
    let forgotten = compare("differential with a small cache", Some(SMALL_CACHE_BYTES)).await;
    assert!(forgotten.is_none_or(|stretches| stretches > 0.0));
}

/// Compares the answers of a kvtool whose cache has so many bytes; answers how often that has forgotten
/// what it knew of a stretch, if there was anything to compare.
async fn compare(test: &str, cache_bytes: Option<u64>) -> Option<f64> {
    let etcd = reference(test)?;
    let subject = Program::subject();
    let cache = match (cache_bytes, &subject) {
        (None, _) => Vec::new(),
        (Some(bytes), Program::Kvtool) => vec![format!("--cache-bytes={bytes}")],
        (Some(_), Program::Etcd(_)) => {
            support::skip(test, "the subject is an etcd");
            return None;
        }
    };
    let operations: u64 = support::env_number("KVTOOL_DIFF_OPS", DEFAULT_OPERATIONS);
    // They are those of the first run again.
    let operations = operations / cache_bytes.map_or(1, |_| 3);
    let seed = support::env_number("KVTOOL_DIFF_SEED", DEFAULT_SEED);
    let directories = tempfile::tempdir().expect("a temporary directory");
    let start = |program: &Program, name: &str, cache: &[String]| {
        let mut arguments = vec![PROGRESS];
        arguments.extend(cache.iter().map(String::as_str));
        Server::start(program, &directories.path().join(name), &arguments)
    };
    let left = start(&subject, "left", &cache);
    let right = start(&Program::Etcd(etcd), "right", &[]);
    let begin = std::time::Instant::now();
    let mut run = Run::new(&left, &right, seed).await;
    for _ in 0..operations {
        run.step().await;
    }
    run.settle().await;
    support::note(
        test,
        &format!(
            "seed {seed}: {operations} operations, no difference, {:.1} s: {:?}",
            begin.elapsed().as_secs_f64(),
            run.counts
        ),
    );
    match subject {
        Program::Kvtool => Some(forgotten_stretches(&left).await),
        Program::Etcd(_) => None,
    }
}

/// How often the cache of a kvtool has forgotten what it knew of a stretch of keys.
async fn forgotten_stretches(server: &Server) -> f64 {
    let metrics = client::get(server.port(), "/metrics").await;
    let name = "kvtool_cache_forgotten_stretches_total ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.parse().ok())
        .expect("a number")
}

/// A run under way.
struct Run {
    seed: u64,
    generator: Generator,
    left: Side,
    right: Side,
    watching: Watching,
    revision: i64,
    trace: VecDeque<(u64, Operation, Option<Answer>)>,
    done: u64,
    /// Answers and refusals per kind of operation.
    counts: BTreeMap<&'static str, (u64, u64)>,
}

impl Run {
    async fn new(left: &Server, right: &Server, seed: u64) -> Self {
        let left = Client::connect(&left.endpoint()).await.expect("connects");
        let right = Client::connect(&right.endpoint()).await.expect("connects");
        let watching = Watching::new(STREAMS, &left, &right).await;
        Self {
            seed,
            generator: Generator::new(seed),
            watching: watching.expect("watch streams open"),
            left: Side::new(left).await.expect("keep-alive streams open"),
            right: Side::new(right).await.expect("keep-alive streams open"),
            revision: 1,
            trace: VecDeque::new(),
            done: 0,
            counts: BTreeMap::new(),
        }
    }

    async fn step(&mut self) {
        let operation = self.generator.next();
        if self.trace.len() > SHOWN {
            self.trace.pop_front();
        }
        self.trace.push_back((self.done, operation.clone(), None));
        match self.compare(&operation).await {
            Ok(answer) => {
                self.revision = self.revision.max(answer.revision());
                self.generator.learn(&operation, &answer);
                for (stream, watch_id) in self.watching.take_ended() {
                    self.generator.watcher_ended(stream, watch_id);
                }
                let count = self.counts.entry(operation.name()).or_default();
                match answer {
                    Answer::Refused { .. } => count.1 += 1,
                    _ => count.0 += 1,
                }
                if let Some(entry) = self.trace.back_mut() {
                    entry.2 = Some(answer);
                }
                self.done += 1;
            }
            Err(difference) => self.fail(&difference),
        }
    }

    async fn settle(&mut self) {
        let settled = self.compare(&Operation::Settle).await;
        if let Err(difference) = settled {
            self.fail(&difference);
        }
    }

    async fn compare(&mut self, operation: &Operation) -> Result<Answer, Difference> {
        let (revision, compacted) = (self.revision, self.generator.compacted());
        match operation.clone() {
            Operation::Watch(stream, request) => {
                self.watching.create(stream, request, compacted).await
            }
            Operation::Unwatch(stream, request) => {
                let watch_id = request.watch_id;
                let answer = self
                    .watching
                    .cancel(stream, request, revision, compacted)
                    .await?;
                self.generator.watcher_ended(stream, watch_id);
                Ok(answer)
            }
            Operation::Progress(stream) => {
                self.watching.progress(stream, revision, compacted).await
            }
            Operation::Settle => {
                self.watching.settle(revision, compacted).await?;
                Ok(Answer::Nothing)
            }
            _ => {
                let (left, right) =
                    tokio::join!(self.left.answer(operation), self.right.answer(operation));
                if !left.same_as(&right) {
                    return Err(format!("left: {left:#?}\nright: {right:#?}"));
                }
                Ok(right)
            }
        }
    }

    fn fail(&self, difference: &str) -> ! {
        let mut trace = String::new();
        for (number, operation, answer) in &self.trace {
            trace += &format!("#{number} {operation:?}\n");
            if let Some(answer) = answer {
                trace += &format!("     {answer:?}\n");
            }
        }
        panic!(
            "{trace}\nleft is kvtool, right is etcd; operation {done} differs:\n{difference}\n\n\
             again: KVTOOL_DIFF_SEED={seed} KVTOOL_DIFF_OPS={ops} cargo test --test differential, three \
             times as many where the cache is set",
            done = self.done,
            seed = self.seed,
            ops = self.done + 1,
        )
    }
}
