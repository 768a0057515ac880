//! The log as the core reads it.

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};
use std::error::Error;

/// The log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be read: {0}")]
pub struct LogError(pub Box<dyn Error + Send + Sync>);

/// What is written of a log, durable or not yet. All of it is read through the writer's own
/// eyes: an entry is here as soon as it was handed to the disk.
pub trait Log {
    /// The entry that the log was cut behind: the last of those that are gone, and its term.
    fn cut(&self) -> (u64, u64);

    /// The last entry; that of [`cut`](Self::cut) when there is none behind it.
    fn last_index(&self) -> u64;

    /// The term of an entry behind the cut.
    fn term(&self, index: u64) -> Result<u64, LogError>;

    /// The entries in `[low, high)`, all of them behind the cut: at least one, and no more
    /// than of `bytes_max` together.
    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, LogError>;
}

/// How far a state goes: the last entry that was applied to it, and the members after it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    /// The entry's index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Who belongs to the group.
    pub members: ConfState,
}

/// A log with what the protocol library wants to know beside it.
pub(super) struct View<L> {
    pub(super) log: L,
    /// How far the state goes.
    pub(super) point: Point,
    /// What was written of votes and commits when the member was started.
    pub(super) first_hard_state: HardState,
}

fn failed(error: LogError) -> raft::Error {
    raft::Error::Store(StorageError::Other(error.0))
}

impl<L: Log> Storage for View<L> {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState {
            hard_state: self.first_hard_state.clone(),
            conf_state: self.point.members.clone(),
        })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        bytes_max: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.log.cut().0 {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        let bytes_max = bytes_max.into().unwrap_or(u64::MAX);
        self.log.entries(low, high, bytes_max).map_err(failed)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        let (cut, cut_term) = self.log.cut();
        match index {
            _ if index < cut => Err(raft::Error::Store(StorageError::Compacted)),
            _ if index == cut => Ok(cut_term),
            _ if index > self.log.last_index() => {
                Err(raft::Error::Store(StorageError::Unavailable))
            }
            _ => self.log.term(index).map_err(failed),
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.log.cut().0 + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.log.last_index())
    }

    /// Says how far the state goes; whoever sends the message adds the state itself.
    fn snapshot(&self, request_index: u64, _: u64) -> raft::Result<Snapshot> {
        if self.point.index == 0 || self.point.index < request_index {
            return Err(raft::Error::Store(
                StorageError::SnapshotTemporarilyUnavailable,
            ));
        }
        Ok(self.point.snapshot())
    }
}

/// How a log and a state that were found on a disk belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The state goes as far as some entry of the log, which goes on from there.
    Whole,
    /// A new state was installed, and the log behind it was not replaced: cut it at the state.
    LogBehind,
    /// The log begins behind the end of the state: one of them is damaged.
    Gap,
}

impl Point {
    /// How the state belongs to a log.
    pub fn fit(&self, log: &impl Log) -> Result<Fit, LogError> {
        let (cut, cut_term) = log.cut();
        if self.index < cut {
            return Ok(Fit::Gap);
        }
        let term = match self.index {
            index if index == cut => cut_term,
            index if index > log.last_index() => return Ok(Fit::LogBehind),
            index => log.term(index)?,
        };
        Ok(if term == self.term {
            Fit::Whole
        } else {
            Fit::LogBehind
        })
    }

    /// An empty snapshot of a state that goes so far.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.index = self.index;
        metadata.term = self.term;
        metadata.set_conf_state(self.members.clone());
        snapshot
    }

    /// How far the state in a snapshot goes.
    pub fn of(snapshot: &Snapshot) -> Self {
        let metadata = snapshot.get_metadata();
        Self {
            index: metadata.index,
            term: metadata.term,
            members: metadata.get_conf_state().clone(),
        }
    }
}
