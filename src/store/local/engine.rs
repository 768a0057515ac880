//! The engine: a tree in a data directory, which counts its commits, and the few calls the store
//! makes.

use super::stage::Staged;
use super::tree::{BlockCache, Snapshot, Tree};
use super::{fault, home::Home};
use crate::stats::Histogram;
use crate::store::round::{Base, ChangeSet};
use crate::store::{DISK_TIMES, StoreError, Usage};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Counts the openings; byte 0 begins no instance's prefix.
pub(super) const TERM_KEY: &[u8] = b"\x00t";
/// Counts the commits.
pub(super) const COMMIT_KEY: &[u8] = b"\x00c";

/// How far the state of a member of a group goes; its log may hold more.
pub(in crate::store) const POINT_KEY: &[u8] = b"\x00p";

/// An open engine. Dropping it ends its thread, then gives up the directory.
pub(in crate::store) struct Engine {
    // In the order of dropping: the home, with its lock, last.
    tree: Tree,
    blocks: BlockCache,
    /// The number of the last commit; held while the next one is made, so that they become
    /// durable in order.
    last_commit: Mutex<u64>,
    /// How long commits took, each with its fsync.
    pub(super) commit_times: Histogram,
    home: Home,
}

pub(super) fn entry(key: &'static [u8], number: u64) -> (Bytes, Option<Bytes>) {
    let value = Bytes::copy_from_slice(&number.to_be_bytes());
    (Bytes::from_static(key), Some(value))
}

impl Engine {
    /// Makes an empty engine in `data`, in the data directory `home`.
    pub(super) fn create(home: &Path, data: &Path) -> Result<(), StoreError> {
        let made = Tree::create_journaled(data);
        made.map_err(|error| fault::engine(home, "making the store", &error))
    }

    /// Makes an empty engine for someone who has a log of his own.
    pub(super) fn create_bare(home: &Path, data: &Path) -> Result<(), StoreError> {
        let made = Tree::open(data, BlockCache::default()).map(drop);
        made.map_err(|error| fault::engine(home, "making the store", &error))
    }

    /// Lets go of the journal in a directory whose owner has a log of his own.
    pub(super) fn drop_journal(home: &Home) -> Result<(), StoreError> {
        let taken = Tree::take_from_journal(&home.data());
        let tree = taken.map_err(|error| fault::engine(home.path(), "leaving its journal", &error));
        match tree? {
            Some(tree) => home.adopt(&tree),
            None => Ok(()),
        }
    }

    /// Opens the engine and begins a new term.
    pub(super) fn open(home: Home, blocks: BlockCache) -> Result<(Self, u64), StoreError> {
        let engine = Self::open_read_only(home, blocks)?;
        let fault = |error| engine.fault("reading its counters", &error);
        let term = engine.number(TERM_KEY).map_err(fault)? + 1;
        engine
            .commit(BTreeMap::from([entry(TERM_KEY, term)]))
            .map_err(|error| engine.fault("beginning a term", &error))?;
        Ok((engine, term))
    }

    /// Opens the engine and commits nothing.
    pub(super) fn open_read_only(home: Home, blocks: BlockCache) -> Result<Self, StoreError> {
        let tree = Tree::open(&home.data(), blocks)
            .map_err(|error| fault::engine(home.path(), "opening it", &error))?;
        let engine = Self {
            tree,
            blocks,
            last_commit: Mutex::new(0),
            commit_times: Histogram::of_times(DISK_TIMES.0, DISK_TIMES.1),
            home,
        };
        let fault = |error| engine.fault("reading its counters", &error);
        let last_commit = engine.number(COMMIT_KEY).map_err(fault)?;
        engine.home.check_complete(last_commit)?;
        *engine.last_commit.lock() = last_commit;
        Ok(engine)
    }

    /// Refuses the state of a member of a group to those who do not read its log.
    pub(super) fn check_complete(&self) -> Result<(), StoreError> {
        let record = self.record(POINT_KEY);
        let record = record.map_err(|error| self.fault("reading its kind", &error))?;
        if record.is_none() && matches!(self.tree, Tree::Journaled(_)) {
            return Ok(());
        }
        let directory = self.home.path().display();
        let sentence = format!("{directory} is of a member of a group: open it as one");
        Err(StoreError::Fatal(sentence.into()))
    }

    /// Refuses a state that a crash has left further in some parts than in others to those who do not
    /// bring it on.
    pub(super) fn check_even(&self) -> Result<(), StoreError> {
        let read = || Ok((self.reach()?, self.record(POINT_KEY)?));
        let (reach, point) =
            read().map_err(|error| self.fault("reading how far it goes", &error))?;
        // Both begin with the index.
        if reach.is_none() || reach <= point {
            return Ok(());
        }
        let sentence = format!(
            "{} was left by a crash between two writes: let `kvtool serve` open it once",
            self.home.path().display()
        );
        Err(StoreError::Unreadable(sentence.into()))
    }

    /// Whether there are no keys but the engine's own.
    pub(in crate::store) fn is_empty(&self) -> bool {
        // Byte 0 begins the engine's own.
        let range = (Bound::Included([1].as_slice()), Bound::Unbounded);
        self.tree.keys(range).next().is_none()
    }

    /// One of the engine's own numbers; 0 when it was never set.
    fn number(&self, key: &[u8]) -> fjall::Result<u64> {
        let value = self.record(key)?;
        let value = value.and_then(|value| value.as_ref().try_into().ok());
        Ok(value.map_or(0, u64::from_be_bytes))
    }

    /// An error met while `doing` something, as the store's answer.
    pub(in crate::store) fn fault(&self, doing: &str, error: &fjall::Error) -> StoreError {
        fault::engine(self.home.path(), doing, error)
    }

    /// A view of all committed changes.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.tree.snapshot()
    }

    /// Makes changes visible and durable, all or none, with one fsync.
    pub(in crate::store) fn commit(&self, changes: ChangeSet) -> fjall::Result<()> {
        let mut last_commit = self.last_commit.lock();
        let write = |changes| self.tree.write(changes, true);
        self.count(&mut last_commit, changes, write)?;
        Ok(self.home.acknowledge(*last_commit)?)
    }

    /// Makes changes visible, all or none, and tells of them no sooner than a view that is opened then
    /// sees them. A crash may take them, and all that came after them.
    pub(in crate::store) fn apply(
        &self,
        changes: ChangeSet,
        tell: impl FnOnce(),
    ) -> fjall::Result<()> {
        let write = |changes| self.tree.write_telling(changes, tell);
        self.count(&mut self.last_commit.lock(), changes, write)
    }

    /// Makes everything durable that is visible.
    pub(in crate::store) fn sync(&self) -> fjall::Result<()> {
        let last_commit = self.last_commit.lock();
        self.tree.persist()?;
        Ok(self.home.acknowledge(*last_commit)?)
    }

    fn count(
        &self,
        last_commit: &mut u64,
        mut changes: ChangeSet,
        write: impl FnOnce(ChangeSet) -> fjall::Result<()>,
    ) -> fjall::Result<()> {
        let number = *last_commit + 1;
        changes.extend([entry(COMMIT_KEY, number)]);
        let begin = Instant::now();
        write(changes)?;
        self.commit_times.note_time(begin.elapsed());
        *last_commit = number;
        Ok(())
    }

    /// The newest value of a key.
    pub(in crate::store) fn record(&self, key: &[u8]) -> fjall::Result<Option<Bytes>> {
        self.tree.get(key)
    }

    /// Without a journal: a record of [`POINT_KEY`] that parts of the state may go as far as, beyond
    /// the one that is there, since a crash came between two flushes.
    pub(in crate::store) fn reach(&self) -> fjall::Result<Option<Bytes>> {
        self.tree.reach()
    }

    /// Begins a new memtable when the current one is full; what number that one had, without a
    /// journal.
    pub(in crate::store) fn make_room(&self) -> fjall::Result<Option<u64>> {
        self.tree.make_room()
    }

    /// Without a journal: the number of the last memtable that is durable.
    pub(in crate::store) fn flushed(&self) -> u64 {
        match &self.tree {
            Tree::Journaled(_) => 0,
            Tree::Bare(tree) => tree.flushed(),
        }
    }

    /// Rewrites all tables without dead data; reads and writes go on. The new tables need room
    /// beside the old ones; when there is none, the old ones stay and nothing else is affected.
    pub(super) fn reclaim(&self) -> Result<(), StoreError> {
        let flush = || self.flush().map_err(|error| self.fault("flushing", &error));
        flush()?;
        self.tree.merge_all().map_err(|error| {
            let sentence = format!("no space was given back ({error}); the data is unharmed");
            StoreError::Unavailable(sentence.into())
        })?;
        // Deletes the old tables: the engine does so when it begins a memtable.
        flush()
    }

    /// Turns all memtables into tables.
    fn flush(&self) -> fjall::Result<()> {
        // The engine passes over an empty memtable, and this puts the commit's number into it.
        self.commit(ChangeSet::new())?;
        self.tree.flush()
    }

    /// Begins to take a whole state from elsewhere, beside this one.
    pub(in crate::store) fn stage(&self) -> Result<Staged, StoreError> {
        Staged::begin(self.home.path(), self.home.empty_stage()?)
    }

    /// Gives its place to a staged state: who opens the directory later finds one of the two.
    pub(super) fn replace(self, staged: Staged) -> Result<Self, StoreError> {
        let Self {
            tree,
            blocks,
            last_commit,
            home,
            ..
        } = self;
        // No commit that was acknowledged may seem to be missing.
        staged.finish(last_commit.into_inner() + 1)?;
        home.prefer_stage()?;
        drop(tree);
        home.adopt_stage()?;
        Self::open_read_only(home, blocks)
    }

    /// Bytes of the directory, with what has yet to go there, and of the tables and memtables.
    pub(super) fn usage(&self) -> Result<Usage, StoreError> {
        let allocated_bytes = self.home.allocated_bytes()? + self.tree.unwritten_bytes();
        let live_bytes = self.tree.bytes();
        Ok(Usage {
            allocated_bytes,
            live_bytes: live_bytes.min(allocated_bytes),
        })
    }
}

/// The newest values.
impl Base for Engine {
    type Error = fjall::Error;

    fn get(&self, key: &Bytes) -> fjall::Result<Option<Bytes>> {
        self.record(key)
    }

    fn keys(&self, start: &Bytes, end: &Bytes) -> impl Iterator<Item = fjall::Result<Bytes>> {
        let range = (
            Bound::Included(start.as_ref()),
            Bound::Excluded(end.as_ref()),
        );
        self.tree.keys(range)
    }
}
