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
use support::client::Client;
use support::server::{Etcd, Program, Server};
use watching::{Difference, Watching};

/// Operations of a run nobody asked more of: some seconds.
const DEFAULT_OPERATIONS: u64 = 10_000;

/// Which operations, when nobody asks for others.
const DEFAULT_SEED: u64 = 219_336_525;

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
    let Some(etcd) = reference("differential") else {
        return;
    };
    let operations = support::env_number("KVTOOL_DIFF_OPS", DEFAULT_OPERATIONS);
    let seed = support::env_number("KVTOOL_DIFF_SEED", DEFAULT_SEED);
    let directories = tempfile::tempdir().expect("a temporary directory");
    let start = |program: &Program, name: &str| {
        Server::start(program, &directories.path().join(name), &[PROGRESS])
    };
    let left = start(&Program::subject(), "left");
    let right = start(&Program::Etcd(etcd), "right");
    let begin = std::time::Instant::now();
    let mut run = Run::new(&left, &right, seed).await;
    for _ in 0..operations {
        run.step().await;
    }
    run.settle().await;
    support::note(
        "differential",
        &format!(
            "seed {seed}: {operations} operations, no difference, {:.1} s: {:?}",
            begin.elapsed().as_secs_f64(),
            run.counts
        ),
    );
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
             again: KVTOOL_DIFF_SEED={seed} KVTOOL_DIFF_OPS={ops} cargo test --test differential",
            done = self.done,
            seed = self.seed,
            ops = self.done + 1,
        )
    }
}
