//! One run against one server: prepare, start the lanes together, wait, add up.

use super::{
    lane::{Event, Lane},
    plan::{Limit, Plan, Workload},
    prefill,
    process::Usage,
    record::Record,
    session::Versions,
    side::{Noop, Side},
    stop::Stop,
    watch::Fanout,
};
use crate::cli::client::{Client, Dialer};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
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
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// A run's record, with what its server used.
#[derive(Debug)]
pub struct Measured {
    /// What the clients saw.
    pub record: Record,
    /// What the server used, at the start and at the end of the run, if its process is known.
    pub usage: Option<(Usage, Usage)>,
}

/// A server made ready for runs: reachable, and, if it is the empty one, started.
#[derive(Debug)]
pub struct Prepared {
    dialer: Arc<Dialer>,
    client: Client,
    pid: Option<u32>,
    // Ends with this.
    noop: Option<Noop>,
}

impl Prepared {
    /// Starts the empty server if need be, connects, and writes or checks the keys.
    pub async fn new(plan: &Plan, side: &Side, stop: &Stop) -> Result<Self> {
        let noop = match side.noop {
            true => Some(Noop::start(plan).await?),
            false => None,
        };
        let (args, pid) = match &noop {
            Some(noop) => (noop.client(&side.client), noop.pid()),
            None => (side.client.clone(), side.pid),
        };
        let dialer = Arc::new(Dialer::new(&args)?);
        let client = dialer.connect().await?;
        let prepared = Self {
            dialer,
            client,
            pid,
            noop,
        };
        if plan.data.prefill {
            prepared.write(plan, plan.data.keys.count(), stop).await?;
        }
        if plan.workload.reads() {
            prefill::check(&prepared.client, &plan.data).await?;
        }
        Ok(prepared)
    }

    /// Writes `puts` values over the keys of `plan`, if the server keeps any.
    pub async fn write(&self, plan: &Plan, puts: u64, stop: &Stop) -> Result<()> {
        match self.noop {
            Some(_) => Ok(()),
            None => prefill::write(&self.client, &plan.data, puts, stop).await,
        }
    }

    /// Runs `plan` once.
    pub async fn run(&self, plan: &Arc<Plan>, label: &str, stop: &Arc<Stop>) -> Result<Measured> {
        let versions = match plan.workload {
            Workload::TxnPut { .. } => Versions::load(&self.client, &plan.data.keys).await?,
            _ => Versions::default(),
        };
        let lanes = plan.load.threads;
        let (events, inbox) = mpsc::channel(2 * lanes);
        let (go, start) = watch::channel(None);
        let progress: Vec<Arc<AtomicU64>> = (0..lanes).map(|_| Arc::default()).collect();
        let (versions, fanout) = (Arc::new(versions), Arc::new(Fanout::new(plan)));
        for (number, progress) in progress.iter().enumerate() {
            let lane = Lane {
                plan: plan.clone(),
                dialer: self.dialer.clone(),
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
        self.conduct(lanes, inbox, go, bar).await
    }

    async fn conduct(
        &self,
        lanes: usize,
        mut inbox: mpsc::Receiver<Event>,
        go: watch::Sender<Option<Instant>>,
        bar: Bar,
    ) -> Result<Measured> {
        let mut ready = 0;
        let mut finished = 0;
        let mut before = None;
        let mut sum: Option<Record> = None;
        let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
        while finished < lanes {
            let event = tokio::select! {
                event = inbox.recv() => event.context("a generator thread failed")?,
                _ = tick.tick() => {
                    bar.show();
                    continue;
                }
            };
            match event {
                Event::Ready => {
                    ready += 1;
                    if ready == lanes {
                        before = self.usage()?;
                        go.send_replace(Some(Instant::now() + START_DELAY));
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
        Ok(Measured {
            record: sum.context("no generator thread ran")?,
            usage: before.zip(self.usage()?),
        })
    }

    fn usage(&self) -> Result<Option<Usage>> {
        self.pid.map(Usage::of).transpose()
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
