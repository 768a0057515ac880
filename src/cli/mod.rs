//! The command line: one clap tree, one file per verb.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An etcd v3 server and operator toolkit.
#[derive(Debug, Parser)]
#[command(name = "kvtool", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {}

/// Runs the command line and answers with its exit code.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match command {}
}
