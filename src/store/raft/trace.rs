//! What the protocol library has to say goes to the log of the process.

use slog::{Drain, Level, Logger, Never, OwnedKVList, Record, o};

/// Hands records on.
struct ToTracing;

impl Drain for ToTracing {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        let words = record.msg();
        match record.level() {
            Level::Critical | Level::Error => tracing::error!(target: "kvtool::raft", "{words}"),
            Level::Warning => tracing::warn!(target: "kvtool::raft", "{words}"),
            // The library tells of each of its steps as information.
            _ => tracing::debug!(target: "kvtool::raft", "{words}"),
        }
        Ok(())
    }
}

/// A logger for the library.
pub(super) fn logger() -> Logger {
    Logger::root(ToTracing, o!())
}
