//! The flags the workloads share, as they were typed.

use crate::cli::{duration, endpoint::ClientArgs, output::OutputArgs, settings::FdbArgs};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// How hard and how long to drive the server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Clients; each sends its next request when the one before is answered
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub clients: u64,
    /// Connections the clients share [default: one for ten clients, at most 100]
    #[arg(long, value_name = "N")]
    pub conns: Option<usize>,
    /// Threads of the load generator [default: as many as processors]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Requests due per second, over all clients; latency counts from when a request was due
    /// [default: as many as the server takes]
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Stop after this many requests
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    pub total: Option<u64>,
    /// Stop after this time
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    pub duration: Duration,
    /// Time under load before the measuring begins
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration::parse)]
    pub warmup: Duration,
}

/// The keys and values to work on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// What all keys start with
    #[arg(long, value_name = "TEXT", default_value = "bench/")]
    pub prefix: String,
    /// Length of a key in bytes, with its prefix
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    pub key_size: usize,
    /// Length of a value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    pub value_size: usize,
    /// Number of different keys
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub key_space: u64,
    /// Take the keys in order, not at random
    #[arg(long)]
    pub sequential: bool,
    /// Seed of keys and values: the same seed makes the same requests
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Write every key of the key space before the measuring
    #[arg(long)]
    pub prefill: bool,
}

/// What can be measured instead of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// An empty server, started for the run: it answers at once and keeps nothing, which is the
    /// most any gRPC server can reach here
    Noop,
    /// The same with the least that keeps keys and loses nothing: they are in a hash table, and what
    /// is written is in a log first (where the system keeps temporary files), synced together
    /// with all that waits
    Bare,
    /// FoundationDB itself, without a server (put and txn-put): each put is one transaction with a
    /// versionstamp, which reads the key and writes the records that a server would
    FdbPerPut,
    /// The same, each transaction the first of its commit version, so that the version can be
    /// its revision
    FdbFirstInBatch,
}

/// Which servers to measure.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Servers")]
pub struct SideArgs {
    /// Measure this instead of --endpoints
    #[arg(long, value_enum, value_name = "TARGET")]
    pub target: Option<Target>,
    /// Name of the measured server in the answer [default: its address]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Measure this server too, in turns with the first, and print ratios: an address with a
    /// name, or a target of --target. May be repeated
    #[arg(long, value_name = "ENDPOINT[,NAME]")]
    pub compare: Vec<String>,
    /// How often each server has its turn
    #[arg(long, value_name = "N", default_value_t = 3, requires = "compare")]
    pub rounds: usize,
    /// Time without load before each turn: what a turn has left to do is not to be paid for by the next
    /// [default: none]
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = duration::parse, requires = "compare")]
    pub rest: Duration,
    /// Fail when the first server's throughput is less than this many times another's
    #[arg(long, value_name = "RATIO", requires = "compare")]
    pub fail_below: Option<f64>,
    /// Process of a named server on this machine: its memory and processor time are shown too.
    /// May be repeated
    #[arg(long, value_name = "NAME=PID")]
    pub pid: Vec<String>,
    /// Another process of this machine, such as a database behind the servers: what it uses in
    /// each run is shown too. May be repeated
    #[arg(long, value_name = "NAME=PID")]
    pub watch_pid: Vec<String>,
    #[command(flatten)]
    pub fdb: FdbArgs,
}

/// Every flag all workloads share.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub load: LoadArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub sides: SideArgs,
    #[command(flatten)]
    pub client: ClientArgs,
}
