//! One drill: load on all servers, faults that a test injects meanwhile, and the check of all
//! that was asked and seen.

use crate::site::{SERVERS, Site};
use crate::support::client::Client;
use crate::support::follower::Follower;
use crate::support::history::{Outcome, Request};
use crate::support::load::{COUNTER, Progress, Writer, counted};
use crate::support::model::Model;
use crate::support::random::Random;
use crate::support::recorder::{ANSWER_LIMIT, Recorder};
use crate::support::{self, keyspace};
use crate::tenant::{TTL_SECONDS, Tenant};
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a drill injects faults when nobody asks for more.
const DEFAULT_SECONDS: u64 = 15;

const WRITERS_PER_SERVER: usize = 3;
const TENANTS_PER_SERVER: usize = 2;

/// How soon after a fault everything must work again.
const RESUME_LIMIT: Duration = Duration::from_secs(15);

/// How late the keys of a lease may be deleted when no fault is there.
const LEASE_LATE: Duration = Duration::from_secs(5);

/// Pause before a server is asked again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Streams that are left for new ones live this long, the others for ever.
const RENEWAL: Duration = Duration::from_secs(2);
const NEVER: Duration = Duration::from_secs(100_000);

/// A watcher at work.
struct Watcher {
    reached: watch::Receiver<i64>,
    task: JoinHandle<Result<Follower, String>>,
}

/// A drill under way.
pub struct Drill {
    pub site: Site,
    pub random: Random,
    pub clients: Vec<Client>,
    test: &'static str,
    seed: u64,
    seconds: u64,
    begin: Instant,
    clock_error: Duration,
    progress: Arc<Progress>,
    stop: watch::Sender<bool>,
    load: Vec<JoinHandle<Recorder>>,
    until: watch::Sender<i64>,
    watchers: Vec<Watcher>,
    history: Vec<Event>,
    archived: i64,
    recorder: Recorder,
    faults: usize,
    resumes: Vec<Duration>,
    /// The longest time a restarted cluster took to answer.
    recovery: Duration,
    frozen: Vec<(Instant, Instant)>,
}

impl Drill {
    /// Begins the load. The clocks of the servers may be wrong by `clock_error`.
    pub async fn begin(test: &'static str, site: Site, clock_error: Duration) -> Self {
        let seed = support::env_number("KVTOOL_FAULT_SEED", Random::fresh_seed());
        let mut random = Random::new(seed);
        let progress = Arc::<Progress>::default();
        let stop = watch::Sender::new(false);
        let until = watch::Sender::new(i64::MAX);
        let (mut clients, mut load, mut watchers) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..SERVERS {
            for one in 0..WRITERS_PER_SERVER {
                let writer = Writer::new(format!("{number}/{one}"), random.next());
                let client = site.client(number).await;
                let writing = writer.endure(client, Arc::clone(&progress), stop.subscribe());
                load.push(tokio::spawn(writing));
            }
            for one in 0..TENANTS_PER_SERVER {
                let number_of_all = number * TENANTS_PER_SERVER + one;
                let tenant = Tenant::new(number_of_all, random.next(), clock_error);
                let client = site.client(number).await;
                load.push(tokio::spawn(tenant.run(client, stop.subscribe())));
            }
            for (follower, renewal) in [
                (Follower::new("\0", "\0"), NEVER),
                (Follower::new("key/05", "leased0"), RENEWAL),
            ] {
                let (sender, reached) = watch::channel(0);
                let client = site.client(number).await;
                let watching = follower.endure(client, renewal, sender, until.subscribe());
                let task = tokio::spawn(watching);
                watchers.push(Watcher { reached, task });
            }
            clients.push(site.client(number).await);
        }
        Self {
            site,
            random,
            clients,
            test,
            seed,
            seconds: support::env_number("KVTOOL_FAULT_SECONDS", DEFAULT_SECONDS),
            begin: Instant::now(),
            clock_error,
            progress,
            stop,
            load,
            until,
            watchers,
            history: Vec::new(),
            archived: 1,
            recorder: Recorder::default(),
            faults: 0,
            resumes: Vec::new(),
            recovery: Duration::ZERO,
            frozen: Vec::new(),
        }
    }

    /// Whether it is a long drill.
    pub fn is_long(&self) -> bool {
        self.seconds >= 120
    }

    /// Lets the load go on without a fault for a while; false when it is time to end.
    pub async fn goes_on(&mut self) -> bool {
        let quiet = Duration::from_millis(self.random.between(500, 2000) as u64);
        tokio::time::sleep(quiet).await;
        self.begin.elapsed() < Duration::from_secs(self.seconds)
    }

    /// A server was frozen from then until now: its clients had to wait.
    pub fn was_frozen(&mut self, since: Instant) {
        self.frozen.push((since, Instant::now()));
    }

    /// A restarted cluster took so long to answer; only then the servers can.
    pub fn cluster_answers(&mut self, after: Duration) {
        self.recovery = self.recovery.max(after);
    }

    /// A fault is over: waits until everything works again, which must be soon.
    pub async fn resume(&mut self) {
        let begin = Instant::now();
        self.faults += 1;
        let resumed = tokio::time::timeout(RESUME_LIMIT, self.work()).await;
        let took = begin.elapsed();
        assert!(
            resumed.is_ok(),
            "{}: {RESUME_LIMIT:?} after fault {} not everything works: {}",
            self.context(),
            self.faults,
            self.positions(),
        );
        self.resumes.push(took);
        self.archive().await;
    }

    /// Waits until every server has written and read, and all watchers have seen it.
    async fn work(&mut self) {
        let mut newest = 0;
        for number in 0..SERVERS {
            newest = self.write(number).await.max(newest);
        }
        for watcher in &mut self.watchers {
            let reached = watcher.reached.wait_for(|reached| *reached >= newest);
            // One that has ended has failed; the end of the drill says why.
            let _ = reached.await;
        }
    }

    /// Writes and reads through a server, until it does; the revision.
    async fn write(&mut self, number: usize) -> i64 {
        let key = format!("probe/{number}");
        let put = PutRequest {
            key: key.clone().into(),
            ..PutRequest::default()
        };
        let range = RangeRequest {
            key: key.into(),
            ..RangeRequest::default()
        };
        loop {
            let value = format!("{number}/{}", self.recorder.recorded.len());
            let put = PutRequest {
                value: value.into(),
                ..put.clone()
            };
            let mut revision = 0;
            for request in [Request::Put(put), Request::Range(range.clone())] {
                let asked = self.recorder.ask(&mut self.clients[number], request).await;
                revision = asked.answer().map_or(0, |answer| answer.revision());
                if revision == 0 {
                    break;
                }
            }
            if revision > 0 {
                return revision;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Keeps what has happened since the last time, and allows to compact it where everybody
    /// has it.
    async fn archive(&mut self) {
        let client = self.random.pick(&Vec::from_iter(&self.clients));
        let revision = keyspace::revision(client).await;
        let events = keyspace::history(client, self.archived + 1, revision).await;
        self.history.extend(events);
        self.archived = revision;
        let reached = self.watchers.iter().map(|one| *one.reached.borrow());
        let compactable = reached.min().unwrap_or(0).min(revision);
        self.progress
            .compactable
            .store(compactable, Ordering::Relaxed);
    }

    /// Ends the load, waits for the leases, and checks everything.
    pub async fn end(mut self) {
        self.stop.send_replace(true);
        let load = std::mem::take(&mut self.load);
        for one in load {
            let recorder = one.await.expect("no load panics");
            self.recorder.extend(recorder);
        }
        // A server does what it was asked in order: whatever was asked before is done then.
        for number in 0..SERVERS {
            self.write(number).await;
        }
        let late = self.leases_end().await;
        self.archive().await;
        self.until.send_replace(self.archived);
        for watcher in std::mem::take(&mut self.watchers) {
            let ended = tokio::time::timeout(RESUME_LIMIT, watcher.task).await;
            let ended = ended.unwrap_or_else(|_| panic!("{}: a watcher stands", self.context()));
            let mut follower = ended
                .expect("no watcher panics")
                .unwrap_or_else(|error| panic!("{}: {error}", self.context()));
            let checked = follower.check(&self.history, self.archived);
            checked.unwrap_or_else(|error| panic!("{}: {error}", self.context()));
        }
        self.check_answers();
        let mut model = Model::default();
        let report = model.check(&self.history, self.archived, &self.recorder.recorded);
        let report = report.unwrap_or_else(|error| panic!("{}: {error}", self.context()));
        let live = model.live();
        for client in &self.clients {
            let held = keyspace::everything(client, self.archived).await;
            assert!(held == live, "{}: {held:#?}, not {live:#?}", self.context());
        }
        let counter = live.iter().find(|kv| kv.key == COUNTER);
        let counter = counter.expect("the writers count");
        assert_eq!(counted(&counter.value), counter.version as u64);
        assert!(report.expired > 0, "{}: no lease ended", self.context());
        let unknown = self.site.logged("the outcome of a batch is unknown");
        let longest = self.resumes.iter().max().copied().unwrap_or_default();
        let mean = self.resumes.iter().sum::<Duration>() / self.faults.max(1) as u32;
        support::note(
            self.test,
            &format!(
                "seed {}: {} faults in {:.0} s, {report:?}, {unknown} batches of unknown outcome; \
                 the cluster was back after at most {:.1} s, service {:.1} s after that, at most \
                 {:.1} s; longest answer {:.1} s, to {}; leases over \
                 after {:.1} s",
                self.seed,
                self.faults,
                self.begin.elapsed().as_secs_f64(),
                self.recovery.as_secs_f64(),
                mean.as_secs_f64(),
                longest.as_secs_f64(),
                self.recorder.longest.0.as_secs_f64(),
                self.recorder.longest.1,
                late.as_secs_f64(),
            ),
        );
        assert!(self.faults > 0, "no fault was injected");
    }

    /// Waits for the end of all short leases.
    async fn leases_end(&mut self) -> Duration {
        let begin = Instant::now();
        let limit = Duration::from_secs(TTL_SECONDS.1 as u64) + LEASE_LATE + self.clock_error;
        let due = self.recorder.recorded.iter();
        let due = due.filter_map(|one| match (&one.request, &one.outcome) {
            (Request::Revoke(revoke), Outcome::Due) => Some(revoke.id),
            _ => None,
        });
        let due = std::collections::HashSet::<_>::from_iter(due);
        loop {
            let mut client = self.clients[0].clone();
            let leases = client.lease.lease_leases(LeaseLeasesRequest {}).await;
            let leases = leases.expect("answers").into_inner().leases;
            let left = leases
                .iter()
                .filter(|lease| due.contains(&lease.id))
                .count();
            if left == 0 {
                return begin.elapsed();
            }
            assert!(
                begin.elapsed() < limit,
                "{}: {left} leases do not end",
                self.context()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Every request got an answer in time, if only an error, but those to a frozen server.
    fn check_answers(&self) {
        for (called, what) in &self.recorder.hung {
            let excused = |(since, until): &(Instant, Instant)| {
                *called < *until && *since < *called + ANSWER_LIMIT
            };
            assert!(
                self.frozen.iter().any(excused),
                "{}: {what} had no answer after {ANSWER_LIMIT:?}",
                self.context()
            );
        }
    }

    fn positions(&self) -> String {
        let reached = self.watchers.iter().map(|one| *one.reached.borrow());
        let written = self.recorder.recorded.last().map(|one| &one.outcome);
        format!("watchers are at {:?}, {written:?}", Vec::from_iter(reached))
    }

    fn context(&self) -> String {
        let second = self.begin.elapsed().as_secs_f64();
        format!("{} seed {}, at {second:.1} s", self.test, self.seed)
    }
}
