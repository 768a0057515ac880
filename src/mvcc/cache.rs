//! The current cache: live versions of keys in memory, as of one revision.
//!
//! It knows *stretches* of the key space. Within one it knows every key, and so also which keys
//! are not there; between them it knows nothing. It is fed with all changes in revision order,
//! so what it knows is never stale, and a reader that finds all it needs within stretches needs
//! no store. Nothing is lost when it forgets.
//!
//! Reads of the store fill it, see [`Fill`], and writes add the keys they touch. Above its
//! bytes it forgets stretches that were not read since the last time round, and before that those
//! that change again and again and nobody reads: a server that only follows pays nothing for it. How many keys there
//! are it goes on to know, see [`Counts`].

mod contents;
mod heads;
mod snapshot;
mod stretch;

pub use snapshot::{Part, Snapshot};

use crate::error::Result;
use crate::mvcc::checkpoint::Checkpoint;
use crate::mvcc::counts::{Count, Counts};
use crate::mvcc::keyspace::{Current, KeyRange, Turn};
use crate::mvcc::read::Item;
use crate::stats::Counter;
use bytes::Bytes;
use contents::{Contents, Missed};
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stretch::{is_blob, size_bytes};
use tokio::sync::Notify;

/// Reads that may fill at the same time; further ones do not.
const FILLS_MAX: usize = 64;
/// Changes a fill may miss while it reads; with more it is given up.
const FILL_CHANGES_MAX: usize = 16 * 1024;

/// Live versions of keys at one revision. See the module.
pub struct Cache {
    capacity_bytes: usize,
    /// Ranges and keys asked for that were known.
    hits: Counter,
    /// Ranges and keys asked for that were not, or not as a whole.
    misses: Counter,
    inner: RwLock<Contents>,
    /// Somebody should look for what the counts do not know.
    pub doubts: Notify,
}

/// What a cache holds, and how often it sufficed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes it may take.
    pub capacity_bytes: usize,
    /// Bytes it takes.
    pub bytes: usize,
    /// Stretches of the key space that it knows.
    pub stretches: usize,
    /// Live keys in them.
    pub items: usize,
    /// Ranges and keys asked for that were known.
    pub hits: u64,
    /// Ranges and keys asked for that were not, or not as a whole.
    pub misses: u64,
    /// Stretches forgotten for want of room.
    pub forgotten: u64,
}

/// A reading of the store that tells the cache what it finds. It is begun before the view it
/// reads is opened, so that no change falls between the two.
pub struct Fill {
    cache: Arc<Cache>,
    /// `None`: only the counts are told.
    id: Option<u64>,
    added_bytes: AtomicUsize,
}

impl Cache {
    /// Knows nothing yet; with a capacity of 0 it will never know any items.
    pub fn new(capacity_bytes: usize, revision: i64) -> Self {
        Self {
            capacity_bytes,
            hits: Counter::default(),
            misses: Counter::default(),
            inner: RwLock::new(Contents {
                revision,
                stretches: BTreeMap::new(),
                bytes: 0,
                fills: HashMap::new(),
                next_fill: 0,
                hand: Bytes::new(),
                forgotten: 0,
                counts: Counts::new(revision),
            }),
            doubts: Notify::new(),
        }
    }

    /// Whether it may know any items.
    pub fn is_enabled(&self) -> bool {
        self.capacity_bytes > 0
    }

    /// Whether it is better left as it is: what comes on top makes it forget something else.
    pub fn is_nearly_full(&self) -> bool {
        self.inner.read().bytes >= self.capacity_bytes / 4 * 3
    }

    /// Takes in what led from one revision to another: the last change of a key wins, and no key
    /// that came or went is left out. Changes that do not join what is known make it forget
    /// everything. Unless it `adds` keys, those that are unknown stay so.
    pub fn apply(
        &self,
        from: i64,
        to: i64,
        changes: Vec<(Bytes, Option<Current>)>,
        turns: Vec<Turn>,
        adds: bool,
    ) {
        let inner = &mut *self.inner.write();
        if from != inner.revision {
            inner.forget_all(to);
            self.doubts.notify_one();
            return;
        }
        let mut large = Vec::new();
        for turn in turns {
            let key = turn.key.clone();
            if inner.counts.turn(turn) {
                large.push(key);
            }
        }
        inner.counts.advance(to);
        if self.is_enabled() {
            inner.apply(to, changes, adds);
        }
        inner.revision = to;
        for key in large {
            if !inner.divide_bucket(&key) {
                self.doubts.notify_one();
            }
        }
        inner.shrink(self.capacity_bytes);
    }

    /// What is known of the keys from a bucket's beginning up to `end`, at a revision.
    pub fn count(&self, revision: i64, from: &Bytes, end: Option<&Bytes>) -> Count {
        self.inner.read().count_at(revision, from, end)
    }

    /// Where the counts begin anew, within bounds that are included.
    pub fn boundary(&self, from: &[u8], to: &[u8]) -> Option<Bytes> {
        self.inner.read().counts.boundary(from, to).cloned()
    }

    /// A range that nobody has counted.
    pub fn unknown(&self) -> Option<KeyRange> {
        self.inner.read().counts.unknown()
    }

    /// A range that should be counted in smaller pieces.
    pub fn large(&self) -> Option<KeyRange> {
        self.inner.read().counts.large()
    }

    /// The counts of all keys, if they are known.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.inner.read().counts.checkpoint()
    }

    /// Takes over counts of all keys; false if they are too old.
    pub fn adopt(&self, counts: &mut Counts) -> bool {
        self.inner.write().counts.adopt(counts)
    }

    /// The number of all keys, if it is known, and the revision.
    pub fn total(&self) -> (i64, Option<usize>) {
        let inner = self.inner.read();
        (inner.revision, inner.counts.total())
    }

    /// What it knows of a key at a revision: the outer `None` is nothing. `ViewExpired` when it
    /// has moved on from that revision.
    pub fn get(&self, key: &[u8], revision: i64) -> Result<Option<Option<Current>>> {
        let inner = self.inner.read();
        inner.check_at(revision)?;
        let known = inner.get(key);
        self.note(known.is_some().into(), known.is_none().into());
        Ok(known)
    }

    /// A key, if it is known and its value is not in pieces, and the revision.
    pub fn newest(&self, key: &[u8]) -> Option<(i64, Option<Current>)> {
        let inner = self.inner.read();
        let found = inner.get(key)?;
        if found.as_ref().is_some_and(is_blob) {
            return None;
        }
        self.note(1, 0);
        Some((inner.revision, found))
    }

    /// The same of many keys.
    pub fn get_many(&self, keys: &[Bytes], revision: i64) -> Result<Vec<Option<Option<Current>>>> {
        let inner = self.inner.read();
        inner.check_at(revision)?;
        let known: Vec<_> = keys.iter().map(|key| inner.get(key)).collect();
        let hits = known.iter().flatten().count();
        self.note(hits, known.len() - hits);
        Ok(known)
    }

    /// A range, if all of it is known and has no values in pieces; with the first `limit` items
    /// or a few more.
    pub fn snapshot(&self, range: &KeyRange, limit: usize) -> Option<Snapshot> {
        let snapshot = self.inner.read().snapshot(range, limit);
        self.note(snapshot.is_some().into(), snapshot.is_none().into());
        snapshot
    }

    /// The same at a revision; `ViewExpired` when the cache has moved on from there.
    pub fn snapshot_at(
        &self,
        range: &KeyRange,
        limit: usize,
        revision: i64,
    ) -> Result<Option<Snapshot>> {
        let inner = self.inner.read();
        inner.check_at(revision)?;
        let snapshot = inner.snapshot(range, limit);
        self.note(snapshot.is_some().into(), snapshot.is_none().into());
        Ok(snapshot)
    }

    fn note(&self, hits: usize, misses: usize) {
        for (counter, more) in [(&self.hits, hits), (&self.misses, misses)] {
            if more > 0 {
                counter.add(more as u64);
            }
        }
    }

    /// What it holds, and how often that sufficed.
    pub fn coverage(&self) -> Coverage {
        let inner = self.inner.read();
        Coverage {
            capacity_bytes: self.capacity_bytes,
            bytes: inner.bytes,
            stretches: inner.stretches.len(),
            items: inner.stretches.values().map(|known| known.count).sum(),
            hits: self.hits.get(),
            misses: self.misses.get(),
            forgotten: inner.forgotten,
        }
    }

    /// Begins to fill a range; while too many others do, only the counts will know it.
    pub fn fill(self: &Arc<Self>, range: &KeyRange) -> Fill {
        if !self.is_enabled() {
            return self.fill_counts();
        }
        let mut inner = self.inner.write();
        if inner.fills.len() >= FILLS_MAX {
            return self.fill_counts();
        }
        let id = inner.next_fill;
        inner.next_fill += 1;
        let missed = Missed {
            range: range.clone(),
            since: inner.revision,
            changes: Vec::new(),
        };
        inner.fills.insert(id, missed);
        self.fill_as(Some(id))
    }

    /// Begins to let the counts know what is read, and nothing else.
    pub fn fill_counts(self: &Arc<Self>) -> Fill {
        self.fill_as(None)
    }

    fn fill_as(self: &Arc<Self>, id: Option<u64>) -> Fill {
        Fill {
            cache: self.clone(),
            id,
            added_bytes: AtomicUsize::new(0),
        }
    }
}

impl Fill {
    /// Tells what a view at `revision` holds: `items` are all live keys of a range, which is part
    /// of the one the fill was begun with. One reading cannot drive out most of what others read.
    pub fn cover(&self, revision: i64, range: &KeyRange, items: &[Item]) {
        let capacity_bytes = self.cache.capacity_bytes;
        let inner = &mut *self.cache.inner.write();
        // One key does not make a bucket.
        if let KeyRange::Span(start, end) = range {
            inner.counts.cover(revision, start, end.as_ref(), items);
        }
        let Some(missed) = self.id.and_then(|id| inner.fills.get(&id)) else {
            return;
        };
        let bytes: usize = items
            .iter()
            .map(|(key, current)| size_bytes(key, current))
            .sum();
        if self.added_bytes.fetch_add(bytes, Ordering::Relaxed) > capacity_bytes / 2 {
            return;
        }
        // A view that lags misses more than was noted; one that is ahead would be mixed with
        // what is behind it.
        let is_usable = (missed.since..=inner.revision).contains(&revision)
            && missed.changes.len() <= FILL_CHANGES_MAX;
        if !is_usable {
            return;
        }
        let later = missed
            .changes
            .iter()
            .filter(|(at, key, _)| *at > revision && range.contains(key));
        let later: Vec<_> = later
            .map(|(_, key, current)| (key.clone(), current.clone()))
            .collect();
        inner.cover(range, items);
        for (key, current) in later {
            inner.set(key, current);
        }
        inner.shrink(capacity_bytes);
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.cache.inner.write().fills.remove(&id);
        }
    }
}

#[cfg(test)]
#[path = "cache_test.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
