//! `kvtool bench memory`: what each thing a server holds takes in its memory.
//!
//! Everything is kept until the end, so that nothing is made of memory that another thing left.
//! - `site` makes the things on one server and takes them away again.
//! - `steady` reads the memory of its process once that has come to rest.
//! - `report` puts servers side by side.

mod report;
mod site;
mod steady;

use super::{
    args::{DataArgs, SideArgs},
    machine::Machine,
    plan::{CONNECTIONS_MAX, Data, WATCHERS_MAX, bounded},
    process::Usage,
    side::{Side, Sides},
    stop::Stop,
};
use crate::cli::{
    client::Dialer,
    duration,
    endpoint::ClientArgs,
    exit::{Interrupted, UsageError},
    output::OutputArgs,
    settings::FdbArgs,
};
use anyhow::Result;
use clap::Args;
use report::{Cost, MemoryReport, ServerReport};
use site::Site;
use std::time::Duration;
use steady::Resting;

const LEASES_MAX: u64 = 1_000_000;
const STREAMS_MAX: u64 = 100_000;

/// Flags of `bench memory`.
#[derive(Debug, Args)]
pub struct MemoryArgs {
    /// Keys to write, and then to list; 0 leaves this and each of the following out
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    keys: u64,
    /// Watchers, with a key of their own each; and as many of one prefix
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    watchers: u64,
    /// Watch streams, with one watcher each
    #[arg(long, value_name = "N", default_value_t = 1000)]
    streams: u64,
    /// Connections; this process needs as many open files
    #[arg(long, value_name = "N", default_value_t = 500)]
    conns: usize,
    /// Leases without keys; and as many with one
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    leases: u64,
    /// Length of a value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    value_size: usize,
    /// Length of a key in bytes, with its prefix
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    key_size: usize,
    /// What all keys start with; what is there is deleted
    #[arg(long, value_name = "TEXT", default_value = "bench/memory/")]
    prefix: String,
    /// Memory is read once it has kept still for this long; ten times as long is waited for that
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::parse)]
    steady: Duration,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Which servers to measure.
#[derive(Debug, Args)]
#[command(next_help_heading = "Servers")]
struct ServerArgs {
    /// Name of the measured server in the answer [default: its address]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Measure this server too, after the first. May be repeated
    #[arg(long, value_name = "ENDPOINT[,NAME]")]
    compare: Vec<String>,
    /// Process of a named server on this machine, whose memory is read. Once for each server
    #[arg(long, value_name = "NAME=PID")]
    pid: Vec<String>,
}

/// What is made, once the flags are checked.
#[derive(Debug)]
pub struct Plan {
    keys: Option<Data>,
    /// Keys that leases hold; one for each lease.
    leased: Option<Data>,
    /// Keys that are watched and never written; one for each watcher.
    watched: Option<Data>,
    watchers: u64,
    streams: u64,
    connections: usize,
    leases: u64,
    prefix: String,
    steady: Duration,
    servers: Vec<(Side, u32)>,
}

/// The things that are measured, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Connection,
    Stream,
    OwnWatcher,
    PrefixWatcher,
    Lease,
    KeyWithLease,
    KeyWritten,
    KeyRead,
}

impl Thing {
    const ALL: [Self; 8] = [
        Self::Connection,
        Self::Stream,
        Self::OwnWatcher,
        Self::PrefixWatcher,
        Self::Lease,
        Self::KeyWithLease,
        Self::KeyWritten,
        Self::KeyRead,
    ];

    /// What programs call it.
    fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Stream => "stream",
            Self::OwnWatcher => "watcher-own-key",
            Self::PrefixWatcher => "watcher-prefix",
            Self::Lease => "lease",
            Self::KeyWithLease => "lease-with-key",
            Self::KeyWritten => "key-written",
            Self::KeyRead => "key-read",
        }
    }

    /// What people call it.
    fn title(self) -> &'static str {
        match self {
            Self::Connection => "connection, asked once",
            Self::Stream => "watch stream with one watcher",
            Self::OwnWatcher => "watcher of a key of its own",
            Self::PrefixWatcher => "watcher of one prefix",
            Self::Lease => "lease without keys",
            Self::KeyWithLease => "lease with one key",
            Self::KeyWritten => "key, written once",
            Self::KeyRead => "the same key, listed after that",
        }
    }

    /// How many of it are made.
    fn count(self, plan: &Plan) -> u64 {
        match self {
            Self::Connection => plan.connections as u64,
            Self::Stream => plan.streams,
            Self::OwnWatcher | Self::PrefixWatcher => plan.watchers,
            Self::Lease | Self::KeyWithLease => plan.leases,
            Self::KeyWritten | Self::KeyRead => plan.keys.as_ref().map_or(0, |it| it.keys.count()),
        }
    }
}

impl Plan {
    /// Checks the flags, and that the processes are there.
    pub fn new(args: &MemoryArgs) -> Result<Self, UsageError> {
        let up_to = |flag, count, most| match count {
            0 => Ok(()),
            _ => bounded(flag, count, most),
        };
        up_to("--watchers", args.watchers, WATCHERS_MAX)?;
        up_to("--streams", args.streams, STREAMS_MAX)?;
        up_to("--conns", args.conns as u64, CONNECTIONS_MAX as u64)?;
        up_to("--leases", args.leases, LEASES_MAX)?;
        if args.steady.is_zero() {
            return Err(UsageError::new("--steady must be more than 0"));
        }
        if args.prefix.is_empty() {
            return Err(UsageError::new(
                "--prefix must not be empty: everything under it is deleted",
            ));
        }
        Ok(Self {
            keys: data(args, "keys/", args.keys)?,
            leased: data(args, "leased/", args.leases)?,
            watched: data(args, "watched/", args.watchers.max(args.streams))?,
            watchers: args.watchers,
            streams: args.streams,
            connections: args.conns,
            leases: args.leases,
            prefix: args.prefix.clone(),
            steady: args.steady,
            servers: servers(args)?,
        })
    }
}

/// The keys of one kind of thing, if there are any.
fn data(args: &MemoryArgs, part: &str, count: u64) -> Result<Option<Data>, UsageError> {
    let of = DataArgs {
        prefix: format!("{}{part}", args.prefix),
        key_size: args.key_size,
        value_size: args.value_size,
        key_space: count.max(1),
        sequential: true,
        seed: 1,
        prefill: true,
    };
    let data = Data::new(&of)?;
    Ok((count > 0).then_some(data))
}

fn servers(args: &MemoryArgs) -> Result<Vec<(Side, u32)>, UsageError> {
    let sides = SideArgs {
        target: None,
        name: args.servers.name.clone(),
        compare: args.servers.compare.clone(),
        rounds: 1,
        rest: Duration::ZERO,
        fail_below: None,
        pid: args.servers.pid.clone(),
        watch_pid: Vec::new(),
        fdb: FdbArgs::default(),
    };
    let sides = Sides::new(&sides, &args.client)?.all.into_iter();
    let with_process = sides.map(|side| {
        let name = &side.name;
        if side.target.is_some() {
            return Err(UsageError::new(format!(
                "{name} keeps nothing whose memory could be measured: name servers"
            )));
        }
        let pid = side.pid.ok_or_else(|| {
            UsageError::new(format!(
                "memory is read from the server's process: add --pid {name}=PID"
            ))
        })?;
        Usage::of(pid)
            .map_err(|error| UsageError::new(format!("--pid {name}={pid}: {error:#}")))?;
        Ok((side, pid))
    });
    with_process.collect()
}

/// Measures one server after the other.
pub async fn run(args: &MemoryArgs, plan: &Plan, stop: &Stop) -> Result<()> {
    let mut servers = Vec::new();
    for (side, pid) in &plan.servers {
        if !stop.is_set() {
            servers.push(measure(plan, side, *pid, stop).await?);
        }
    }
    let report = MemoryReport {
        machine: Machine::here(),
        interrupted: stop.is_set(),
        key_bytes: args.key_size,
        value_bytes: args.value_size,
        servers,
    };
    args.output.print(&report, MemoryReport::text)
}

async fn measure(plan: &Plan, side: &Side, pid: u32, stop: &Stop) -> Result<ServerReport> {
    let dialer = Dialer::new(&side.client)?;
    let mut site = Site::open(&dialer, plan).await?;
    let measured = fill(plan, &mut site, &side.name, pid, stop).await;
    // An error of the measuring says more than one of the clearing that may follow from it.
    let cleared = site.clear().await;
    let mut report = measured?;
    cleared?;
    if !stop.is_set() {
        let left = rest(plan, pid, stop).await?;
        report.left_bytes = Some(left.bytes);
        report.is_steady &= left.is_steady;
    }
    Ok(report)
}

/// Makes every thing and keeps it; what was measured before a stop is kept too.
async fn fill(
    plan: &Plan,
    site: &mut Site<'_>,
    name: &str,
    pid: u32,
    stop: &Stop,
) -> Result<ServerReport> {
    site.warm_up().await?;
    let mut before = rest(plan, pid, stop).await?;
    let mut report = ServerReport {
        server: name.to_owned(),
        idle_bytes: before.bytes,
        full_bytes: before.bytes,
        left_bytes: None,
        is_steady: before.is_steady,
        costs: Vec::new(),
    };
    for thing in Thing::ALL {
        let count = thing.count(plan);
        if count == 0 {
            continue;
        }
        let made = async {
            site.make(thing).await?;
            rest(plan, pid, stop).await
        };
        let after = tokio::select! {
            made = made => match made {
                Err(error) if error.is::<Interrupted>() => break,
                other => other?,
            },
            () = stop.wait() => break,
        };
        report.costs.push(Cost::new(thing, count, before, after));
        report.full_bytes = after.bytes;
        before = after;
    }
    Ok(report)
}

async fn rest(plan: &Plan, pid: u32, stop: &Stop) -> Result<Resting> {
    tokio::select! {
        resting = steady::rest(pid, plan.steady) => resting,
        () = stop.wait() => Err(Interrupted.into()),
    }
}
