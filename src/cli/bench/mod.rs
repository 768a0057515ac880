//! `kvtool bench`: how fast a server is, alone or beside others.
//!
//! # Layout
//! - `args` (as typed) becomes `plan` (checked) and `side` (the servers).
//! - `runner` prepares a server and starts the `lane`s, one per generator thread; each drives
//!   its `session`s, or the streams of `watch`, through a `gate` that may follow a `schedule`.
//! - Lanes fill a `record`; `report` and `compare` put it into numbers with `stats`.
//! - `wire` is a connection of the generator, `unary` the calls that most of its requests are.
//! - `memory` makes many of each thing a server holds, and asks `process` what they took.
//! - `noop` is the empty server, and with a `log` the bare one; `raw` is FoundationDB without a server;
//!   `process` reads memory and processor time of one.

mod args;
mod compare;
mod gate;
mod keys;
mod lane;
mod log;
mod machine;
mod memory;
mod noop;
mod plan;
mod prefill;
mod process;
mod raw;
mod record;
mod report;
mod runner;
mod schedule;
mod session;
mod side;
mod stats;
mod stop;
mod suite;
mod unary;
mod watch;
mod wire;

use super::exit::{Interrupted, UsageError};
use crate::store::fdb;
use anyhow::{Result, bail};
use args::CommonArgs;
use clap::{Args, Subcommand};
use plan::{Plan, Workload};
use report::Report;
use runner::Prepared;
use side::Sides;
use std::sync::Arc;
use stop::Stop;

/// Measure a server: throughput, latency, watch delay; alone or in turns with others
///
/// Latency is measured in the client, from when a request was due to its answer. Ctrl-C ends
/// a run and shows what was measured so far.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool bench put --clients 1000 --duration 30s
  kvtool bench get --prefill --endpoints http://10.0.0.1:2379 -o json
  kvtool bench put --target noop
  kvtool bench txn-put --name kvtool --compare 127.0.0.1:12379,etcd --compare noop
  kvtool bench put --clients 1000 --name kvtool --compare fdb-per-put \\
      --compare fdb-first-in-batch --fdb-cluster-file fdb.cluster --watch-pid fdbserver=4242

Fields of -o json and yaml, for one server:
  server, workload, settings, interrupted, seconds, operations, operations_per_second,
  error_count, unfinished, unsent, latency (mean_us, stddev_us, min_us, p50_us, p90_us, p95_us,
  p99_us, p999_us, max_us), kinds, histogram, percentiles, series, errors, process, others (name and the
  same as in process)
With --compare:
  sides (server, operations_per_second, p50_us and p99_us, each with median, min and max;
  error_count, resident_bytes, cpu_ms_per_operation, others with name and
  cpu_ms_per_operation), ratios (server, against, throughput,
  p50, p99), runs (one record per run, as above)")]
pub struct BenchArgs {
    #[command(subcommand)]
    choice: Choice,
}

#[derive(Debug, Subcommand)]
enum Choice {
    #[command(flatten)]
    Workload(WorkloadArgs),
    /// Run every row of the project's table of goals and say which goals are met
    ///
    /// The rows need servers they may fill: a million keys are written, and overwritten as often.
    /// Start a real etcd with --quota-backend-bytes=17179869184.
    #[command(after_help = "\
Examples:
  kvtool bench all --name kvtool --compare 127.0.0.1:12379,etcd --compare noop
  kvtool bench all --only put-64,get-64 --compare noop --duration 10s --rounds 5
  kvtool bench all --name kvtool --pid kvtool=4242 --compare noop -o json

Fields of -o json and yaml:
  machine (processors, model, kernel), interrupted, rows (row, title, metric, sides and
  ratios as in a comparison, goals with against, goal, ratio and met)")]
    All(Box<suite::AllArgs>),
    /// Measure what keys, watchers, connections and leases take in a server's memory
    ///
    /// Makes many of each, waits until the memory of the server's process is steady, and divides
    /// what it grew by. Nothing is taken away until all were made. Use a server just started.
    #[command(after_help = "\
Examples:
  kvtool bench memory --name kvtool --pid kvtool=4242
  kvtool bench memory --name kvtool --pid kvtool=4242 \\
      --compare 127.0.0.1:12379,etcd --pid etcd=4243
  kvtool bench memory --keys 1000000 --watchers 0 --streams 0 --leases 0 --name a --pid a=4242

Fields of -o json and yaml:
  machine (processors, model, kernel), interrupted, key_bytes, value_bytes, servers (server,
  idle_bytes, full_bytes, left_bytes, is_steady, costs with thing, title, count, grown_bytes,
  bytes_each and is_steady)")]
    Memory(Box<memory::MemoryArgs>),
    /// The empty server, as another process of this program starts it
    #[command(hide = true)]
    NoopServer(noop::NoopArgs),
}

#[derive(Debug, Subcommand)]
enum WorkloadArgs {
    /// Put values under keys
    #[command(after_help = "\
Examples:
  kvtool bench put
  kvtool bench put --clients 1 --total 10000 --sequential
  kvtool bench put --rate 5000 --duration 1m --value-size 1024")]
    Put {
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Write as Kubernetes does: if the key is still at the revision known, put
    ///
    /// Every client updates keys of its own; keys that do not exist yet are created.
    #[command(after_help = "\
Examples:
  kvtool bench txn-put --prefill --clients 1000
  kvtool bench txn-put --create-percent 20 --duration 30s")]
    TxnPut {
        /// How many of 100 requests create a new key instead of updating one
        #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
        create_percent: u8,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Read single keys
    #[command(after_help = "\
Examples:
  kvtool bench get --prefill
  kvtool bench get --serializable --clients 1000 --duration 30s")]
    Get {
        /// Read what the asked member has, without asking the others
        #[arg(long)]
        serializable: bool,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// List all keys of the key space in one request
    #[command(after_help = "\
Examples:
  kvtool bench range --prefill --key-space 10000 --clients 1 --total 100
  kvtool bench range --keys-only --clients 4
  kvtool bench range --stream --clients 4")]
    Range {
        /// Read what the asked member has, without asking the others
        #[arg(long)]
        serializable: bool,
        /// Leave the values out
        #[arg(long, conflicts_with = "count_only")]
        keys_only: bool,
        /// Ask only how many there are
        #[arg(long)]
        count_only: bool,
        /// Receive the list in pieces (etcd 3.7 and newer)
        #[arg(long)]
        stream: bool,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Read a page of a large key space, with the count of all keys
    #[command(after_help = "\
Examples:
  kvtool bench page --prefill --key-space 1000000 --limit 500 --clients 1
  kvtool bench page --walk --key-space 100000 --clients 4")]
    Page {
        /// Keys on a page
        #[arg(long, value_name = "N", default_value_t = 500)]
        limit: u64,
        /// Go on to the next page, at the revision of the first, instead of reading the first again
        #[arg(long)]
        walk: bool,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Measure how long until watchers have seen a put
    ///
    /// One client puts; without --rate it waits until every watcher has seen a put before it
    /// sends the next. An operation is a put that all its watchers have seen.
    #[command(after_help = "\
Examples:
  kvtool bench watch --watchers 1000 --streams 10
  kvtool bench watch --watchers 10000 --streams 100 --total 100
  kvtool bench watch --distinct --watchers 10000 --rate 1000
  kvtool bench watch --apart --watchers 1 --streams 1 --endpoints 10.0.0.1:2379,10.0.0.2:2379")]
    Watch {
        /// Watchers in all
        #[arg(long, value_name = "N", default_value_t = 100)]
        watchers: u64,
        /// Streams they share
        #[arg(long, value_name = "N", default_value_t = 10)]
        streams: u64,
        /// Give every watcher a key of its own instead of the whole prefix
        #[arg(long)]
        distinct: bool,
        /// Ask for the previous value with each event
        #[arg(long)]
        prev_kv: bool,
        /// Write to the first of --endpoints and watch at the others: how long an event takes
        /// from one server to another
        #[arg(long)]
        apart: bool,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Measure how long watches take that begin in the past
    ///
    /// Each request watches all keys of the server from some revisions ago, until it has heard of
    /// what was the newest one when it began.
    #[command(after_help = "\
Examples:
  kvtool bench catch-up --prefill --clients 1
  kvtool bench catch-up --revisions 1000 --clients 100 --duration 30s")]
    CatchUp {
        /// How many revisions ago it begins
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        revisions: u64,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Read and write single keys
    #[command(after_help = "\
Examples:
  kvtool bench mixed --prefill
  kvtool bench mixed --reads-per-write 9 --clients 1000")]
    Mixed {
        /// Reads for every write, on average
        #[arg(long, value_name = "RATIO", default_value_t = 4.0)]
        reads_per_write: f64,
        /// Read what the asked member has, without asking the others
        #[arg(long)]
        serializable: bool,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
    /// Grant leases, keep them alive once and revoke them
    #[command(after_help = "\
Examples:
  kvtool bench lease --clients 100
  kvtool bench lease --ttl 600 --total 30000")]
    Lease {
        /// Time to live of the leases, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        ttl: i64,
        #[command(flatten)]
        common: Box<CommonArgs>,
    },
}

/// Runs the verb.
pub async fn run(args: BenchArgs) -> Result<()> {
    let (workload, common) = match args.choice {
        Choice::Workload(args) => args.split(),
        Choice::All(args) => {
            let stop = stop_on_ctrl_c();
            suite::run(&args, &stop).await?;
            return ended(&stop);
        }
        Choice::Memory(args) => {
            let plan = memory::Plan::new(&args)?;
            let stop = stop_on_ctrl_c();
            memory::run(&args, &plan, &stop).await?;
            return ended(&stop);
        }
        Choice::NoopServer(args) => return noop::serve(args).await,
    };
    let plan = Arc::new(Plan::new(workload, &common.load, &common.data)?);
    let sides = Sides::new(&common.sides, &common.client)?;
    sides.check(&plan.workload)?;
    let has_others = common.client.endpoints.len() > 1;
    if matches!(plan.workload, Workload::Watch { apart: true, .. }) && !has_others {
        return Err(UsageError::new(
            "--apart watches at the second of --endpoints and those behind it: name two",
        )
        .into());
    }
    let stop = stop_on_ctrl_c();
    let measured = measure(&common, &plan, &sides, &stop).await;
    fdb::shut_down();
    measured?;
    ended(&stop)
}

fn ended(stop: &Stop) -> Result<()> {
    if stop.is_set() {
        return Err(Interrupted.into());
    }
    Ok(())
}

async fn measure(
    common: &CommonArgs,
    plan: &Arc<Plan>,
    sides: &Sides,
    stop: &Arc<Stop>,
) -> Result<()> {
    if let [side] = sides.all.as_slice() {
        let prepared = Prepared::new(plan, sides, side, stop).await?;
        let measured = prepared.run(plan, &side.name, stop).await;
        prepared.close().await?;
        let report = Report::new(&side.name, plan, &measured?, stop.is_set());
        return common.output.print(&report, Report::text);
    }
    let comparison = compare::run(plan, sides, 0, stop).await?;
    common
        .output
        .print(&comparison, compare::Comparison::text)?;
    let below = sides.fail_below.and_then(|least| comparison.below(least));
    match below.filter(|_| !stop.is_set()) {
        Some(ratio) => bail!(
            "{} reaches {} of {}'s throughput: less than --fail-below asks for",
            ratio.server,
            ratio
                .throughput
                .map_or("an unknown part".to_owned(), |ratio| format!("{ratio:.2}x")),
            ratio.against
        ),
        None => Ok(()),
    }
}

/// Ends the run on the first Ctrl-C; the second one ends the program at once.
fn stop_on_ctrl_c() -> Arc<Stop> {
    let stop: Arc<Stop> = Arc::default();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_signal.set();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(crate::error::EXIT_INTERRUPTED.into());
        }
    });
    stop
}

impl WorkloadArgs {
    /// The workload and the flags all workloads share.
    fn split(self) -> (Workload, Box<CommonArgs>) {
        match self {
            Self::Put { common } => (Workload::Put, common),
            Self::TxnPut {
                create_percent,
                common,
            } => (Workload::TxnPut { create_percent }, common),
            Self::Get {
                serializable,
                common,
            } => (Workload::Get { serializable }, common),
            Self::Range {
                serializable,
                keys_only,
                count_only,
                stream,
                common,
            } => {
                let range = Workload::Range {
                    serializable,
                    keys_only,
                    count_only,
                    stream,
                };
                (range, common)
            }
            Self::Page {
                limit,
                walk,
                common,
            } => (Workload::Page { limit, walk }, common),
            Self::Watch {
                watchers,
                streams,
                distinct,
                prev_kv,
                apart,
                common,
            } => {
                let watch = Workload::Watch {
                    watchers,
                    streams,
                    distinct,
                    prev_kv,
                    apart,
                };
                (watch, common)
            }
            Self::CatchUp { revisions, common } => (Workload::CatchUp { revisions }, common),
            Self::Mixed {
                reads_per_write,
                serializable,
                common,
            } => {
                let mixed = Workload::Mixed {
                    reads_per_write,
                    serializable,
                };
                (mixed, common)
            }
            Self::Lease { ttl, common } => (Workload::Lease { ttl_seconds: ttl }, common),
        }
    }
}
