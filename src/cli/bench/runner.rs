//! One run against one server: prepare, start the lanes together, wait, add up.

use super::{
    args::Target,
    lane::{Event, Lane, Way},
    plan::{Limit, Plan, Workload},
    prefill,
    process::Usage,
    raw::Cluster,
    record::Record,
    session::Versions,
    side::{Noop, Side, Sides},
    stop::Stop,
    watch::Fanout,
};
use crate::cli::client::{Client, Dialer};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// Lanes hear of the start a moment before it, so that they begin together.
const START_DELAY: Duration = Duration::from_millis(2);
/// The name of this process among those that are watched.
const GENERATOR: &str = "bench";
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// A run's record, with what its server used.
#[derive(Debug)]
pub struct Measured {
    /// What the clients saw.
    pub record: Record,
    /// What the server used, at the start and at the end of the run, if its process is known.
    pub usage: Option<(Usage, Usage)>,
    /// The same of this process and of the watched ones, with their names.
    pub others: Vec<(String, Usage, Usage)>,
}

/// A server made ready for runs: reachable, and, if it is the empty one, started.
pub struct Prepared {
    kind: Kind,
    pid: Option<u32>,
    /// This process and the watched ones.
    others: Vec<(String, u32)>,
}

enum Kind {
    Server {
        dialer: Arc<Dialer>,
        client: Box<Client>,
        // Ends with this.
        noop: Option<Box<Noop>>,
    },
    Raw(Arc<Cluster>),
}

impl Prepared {
    /// Starts the empty server if need be, connects, and writes or checks the keys.
    pub async fn new(plan: &Plan, sides: &Sides, side: &Side, stop: &Stop) -> Result<Self> {
        let is_bare = side.target == Some(Target::Bare);
        let noop = match side.target {
            Some(Target::Noop | Target::Bare) => Some(Box::new(Noop::start(plan, is_bare).await?)),
            _ => None,
        };
        let pid = noop.as_ref().map_or(side.pid, |noop| noop.pid());
        let kind = if side.is_raw() {
            let is_first_in_batch = side.target == Some(Target::FdbFirstInBatch);
            Kind::Raw(Arc::new(
                Cluster::open(&sides.fdb, is_first_in_batch).await?,
            ))
        } else {
            let dialer = match &noop {
                Some(noop) => Dialer::new(&noop.client(&side.client)),
                None => Dialer::new(&side.client),
            };
            let dialer = Arc::new(dialer?);
            let client = Box::new(dialer.connect().await?);
            Kind::Server {
                dialer,
                client,
                noop,
            }
        };
        let this = (GENERATOR.to_owned(), std::process::id());
        let others = [this].into_iter().chain(sides.watched.iter().cloned());
        let prepared = Self {
            kind,
            pid,
            others: others.collect(),
        };
        if plan.data.prefill {
            prepared.write(plan, plan.data.keys.count(), stop).await?;
        }
        match &prepared.kind {
            Kind::Server { client, .. } if plan.workload.reads() => {
                prefill::check(client, &plan.data).await?;
            }
            _ => {}
        }
        Ok(prepared)
    }

    /// Writes `puts` values over the keys of `plan`, if the server keeps any.
    pub async fn write(&self, plan: &Plan, puts: u64, stop: &Stop) -> Result<()> {
        match &self.kind {
            Kind::Server { noop: Some(_), .. } => Ok(()),
            Kind::Server { client, .. } => prefill::write(client, &plan.data, puts, stop).await,
            Kind::Raw(cluster) => cluster.fill(&plan.data, puts, stop).await,
        }
    }

    /// Takes away what only the runs needed.
    pub async fn close(self) -> Result<()> {
        match self.kind {
            Kind::Server { .. } => Ok(()),
            Kind::Raw(cluster) => cluster.clear().await,
        }
    }

    /// The revisions that a run of `plan` starts from.
    async fn versions(&self, plan: &Plan) -> Result<Versions> {
        match (&plan.workload, &self.kind) {
            (Workload::TxnPut { .. }, Kind::Server { client, .. }) => {
                Versions::load(client, &plan.data.keys).await
            }
            (Workload::TxnPut { .. }, Kind::Raw(cluster)) => {
                cluster.versions(&plan.data.keys).await
            }
            _ => Ok(Versions::default()),
        }
    }

    fn way(&self) -> Way {
        match &self.kind {
            Kind::Server { dialer, .. } => Way::Server(dialer.clone()),
            Kind::Raw(cluster) => Way::Raw(cluster.clone()),
        }
    }

    /// Runs `plan` once.
    pub async fn run(&self, plan: &Arc<Plan>, label: &str, stop: &Arc<Stop>) -> Result<Measured> {
        let versions = self.versions(plan).await?;
        let lanes = plan.load.threads;
        let (events, inbox) = mpsc::channel(2 * lanes);
        let (go, start) = watch::channel(None);
        let progress: Vec<Arc<AtomicU64>> = (0..lanes).map(|_| Arc::default()).collect();
        let (versions, fanout) = (Arc::new(versions), Arc::new(Fanout::new(plan)));
        for (number, progress) in progress.iter().enumerate() {
            let lane = Lane {
                plan: plan.clone(),
                way: self.way(),
                number,
                lanes,
                versions: versions.clone(),
                fanout: fanout.clone(),
                stop: stop.clone(),
                progress: progress.clone(),
                events: events.clone(),
                start: start.clone(),
            };
            thread::Builder::new()
                .name(format!("lane-{number}"))
                .spawn(move || lane.run())
                .context("cannot start a generator thread")?;
        }
        drop(events);
        let bar = Bar::new(plan, label, progress);
        self.conduct(plan, inbox, go, bar).await
    }

    async fn conduct(
        &self,
        plan: &Plan,
        mut inbox: mpsc::Receiver<Event>,
        go: watch::Sender<Option<Instant>>,
        bar: Bar,
    ) -> Result<Measured> {
        let lanes = plan.load.threads;
        let mut ready = 0;
        let mut finished = 0;
        let mut before = None;
        let mut sum: Option<Record> = None;
        let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
        // Warm-up is not counted: not its operations, nor what they take of the processes.
        let mut warm = pin!(tokio::time::sleep(Duration::MAX));
        while finished < lanes {
            let event = tokio::select! {
                event = inbox.recv() => event.context("a generator thread failed")?,
                () = &mut warm, if before.is_none() => {
                    before = Some(self.usages()?);
                    continue;
                }
                _ = tick.tick() => {
                    bar.show();
                    continue;
                }
            };
            match event {
                Event::Ready => {
                    ready += 1;
                    if ready == lanes {
                        let start = Instant::now() + START_DELAY;
                        warm.as_mut().reset((start + plan.load.warmup).into());
                        go.send_replace(Some(start));
                    }
                }
                Event::Finished(record) => {
                    finished += 1;
                    match &mut sum {
                        Some(sum) => sum.merge(record),
                        None => sum = Some(record),
                    }
                }
                Event::Failed(error) => return Err(error),
            }
        }
        let (server, others) = self.usages()?;
        // A run that ends while it warms up has measured nothing.
        let (server_before, others_before) = before.unwrap_or_default();
        let names = self.others.iter().map(|(name, _)| name.clone());
        let others = names.zip(others_before).zip(others);
        Ok(Measured {
            record: sum.context("no generator thread ran")?,
            usage: server_before.zip(server),
            others: others
                .map(|((name, before), after)| (name, before, after))
                .collect(),
        })
    }

    /// What the server uses by now, if its process is known, and what the others do.
    fn usages(&self) -> Result<(Option<Usage>, Vec<Usage>)> {
        let server = self.pid.map(Usage::of).transpose()?;
        let others = self.others.iter().map(|(_, pid)| Usage::of(*pid));
        Ok((server, others.collect::<Result<_>>()?))
    }
}

/// A progress bar on the terminal, if stderr is one.
struct Bar {
    bar: ProgressBar,
    lanes: Vec<Arc<AtomicU64>>,
    started: Instant,
    limit: Limit,
}

impl Bar {
    fn new(plan: &Plan, label: &str, lanes: Vec<Arc<AtomicU64>>) -> Self {
        // indicatif draws nothing when stderr is no terminal.
        let target = ProgressDrawTarget::stderr();
        let length = match plan.load.limit {
            Limit::Total(total) => total,
            Limit::Time(time) => (time + plan.load.warmup).as_millis() as u64,
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{} {label}", plan.workload.name()));
        Self {
            bar,
            lanes,
            started: Instant::now(),
            limit: plan.load.limit,
        }
    }

    fn show(&self) {
        let done: u64 = self
            .lanes
            .iter()
            .map(|lane| lane.load(Ordering::Relaxed))
            .sum();
        let elapsed = self.started.elapsed();
        self.bar.set_position(match self.limit {
            Limit::Total(_) => done,
            Limit::Time(_) => elapsed.as_millis() as u64,
        });
        let rate = done as f64 / elapsed.as_secs_f64();
        self.bar.set_message(format!("{done} done, {rate:.0}/s"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
