//! The command line: one clap tree, one file per verb.

mod bench;
mod bound;
pub mod client;
mod compact;
mod dump;
pub mod duration;
pub mod encoding;
pub mod endpoint;
mod etcd;
pub mod exit;
mod follow;
mod force;
pub mod generate;
mod groups;
mod inspect;
mod instance;
mod log;
mod member;
pub mod output;
pub mod progress;
pub mod records;
mod samples;
pub mod scan;
mod serve;
pub mod settings;
mod snapshot;
mod status;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use exit::Interrupted;
use std::ffi::{OsStr, OsString};
use std::{future::Future, path::Path, process::ExitCode};
use tokio::runtime::Runtime;

/// Of every program: with the system's, writes of many clients cost a quarter more of the
/// processor's time, see docs/BENCHMARKS.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An etcd v3 server and operator toolkit.
#[derive(Debug, Parser)]
#[command(name = "kvtool", version, propagate_version = true, after_help = exit::EXIT_CODES_HELP)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(Box<serve::ServeArgs>),
    Status(status::StatusArgs),
    Dump(dump::DumpArgs),
    Compact(compact::CompactArgs),
    InspectKeyspace(Box<inspect::InspectArgs>),
    Instance(instance::InstanceArgs),
    Member(member::MemberArgs),
    MoveLeader(member::MoveLeaderArgs),
    ForceNewCluster(force::ForceArgs),
    Snapshot(snapshot::SnapshotArgs),
    Bench(bench::BenchArgs),
    Completions(generate::CompletionsArgs),
}

/// Runs the command line and answers with its exit code. Under the name `etcd` it is etcd's.
pub fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    if Path::new(&program).file_name() == Some(OsStr::new(etcd::NAME)) {
        return etcd::main(args.map(|arg| arg.to_string_lossy().into_owned()));
    }
    exit::report(run(Cli::parse()))
}

/// Runs one verb as a program of its own: `kvtool-compact ARGS` is `kvtool compact ARGS`.
///
/// The verb's own command goes first, so that help and usage errors carry the program's name.
pub fn main_for(program: &'static str) -> ExitCode {
    let verb = program.trim_start_matches("kvtool-");
    let args = || std::env::args_os().skip(1);
    if let Some(command) = Cli::command().find_subcommand(verb) {
        let command = command.clone().name(program).bin_name(program);
        command
            .version(env!("CARGO_PKG_VERSION"))
            .get_matches_from(std::iter::once(program.into()).chain(args()));
    }
    let prefix: [OsString; 2] = ["kvtool".into(), verb.into()];
    exit::report(run(Cli::parse_from(prefix.into_iter().chain(args()))))
}

/// What every program runs on.
fn runtime() -> Result<Runtime> {
    // The allocator asks for huge pages, which took 19 of the 34 MiB of a server that has nothing to do,
    // and made no row faster beyond its spread, see docs/BENCHMARKS.md. A kernel that has none is as well.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    Runtime::new().context("cannot start the runtime")
}

fn run(Cli { verb }: Cli) -> Result<()> {
    let runtime = runtime()?;
    runtime.block_on(async {
        match verb {
            Verb::Serve(args) => serve::run(*args).await,
            Verb::Status(args) => interruptible(status::run(args)).await,
            Verb::Dump(args) => interruptible(dump::run(args)).await,
            Verb::Compact(args) => interruptible(compact::run(args)).await,
            Verb::InspectKeyspace(args) => interruptible(inspect::run(*args)).await,
            Verb::Instance(args) => interruptible(instance::run(args)).await,
            Verb::Member(args) => interruptible(member::run(args)).await,
            Verb::MoveLeader(args) => interruptible(member::move_leader(args)).await,
            Verb::ForceNewCluster(args) => force::run(&args),
            Verb::Snapshot(args) => interruptible(snapshot::run(args)).await,
            Verb::Bench(args) => bench::run(args).await,
            Verb::Completions(args) => generate::run(&args),
        }
    })
}

/// Ends a verb at once on Ctrl-C. A verb with something to finish first handles it itself.
async fn interruptible(verb: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        result = verb => result,
        signal = tokio::signal::ctrl_c() => {
            signal.context("cannot listen for Ctrl-C")?;
            Err(Interrupted.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clap_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
