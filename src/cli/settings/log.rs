//! What is logged, and where to.

use super::layers::Layers;
use super::parse;
use crate::cli::exit::UsageError;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is logged, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The level of the least important messages.
    pub level: tracing::Level,
    /// As JSON, one object per line.
    pub json: bool,
    /// Where every line goes.
    pub outputs: BTreeSet<Output>,
}

/// Where lines of the log go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// The end of a file.
    File(PathBuf),
}

impl Log {
    /// Validates what was given.
    pub fn validate(layers: &Layers) -> Result<Self, UsageError> {
        Ok(Self {
            level: parse(layers.get("log-level"), log_level)?,
            json: parse(layers.get("log-format"), |format| match format {
                "json" => Ok(true),
                "console" => Ok(false),
                _ => Err("the log format is console or json"),
            })?,
            outputs: parse(layers.get("log-outputs"), log_outputs)?,
        })
    }
}

fn log_level(text: &str) -> Result<tracing::Level, &'static str> {
    match text {
        "debug" | "info" | "warn" | "error" => text.parse().map_err(|_| "not a log level"),
        // etcd's levels above that are of messages that end it.
        "dpanic" | "panic" | "fatal" => Ok(tracing::Level::ERROR),
        _ => Err("the log level is debug, info, warn or error"),
    }
}

fn log_outputs(text: &str) -> Result<BTreeSet<Output>, &'static str> {
    let output = |name: &str| match name {
        "default" | "stderr" => Ok(Output::Stderr),
        "stdout" => Ok(Output::Stdout),
        "" => Err("name stderr, stdout or files, with commas between"),
        path => Ok(Output::File(path.into())),
    };
    text.split(',').map(|name| output(name.trim())).collect()
}
