//! The current cache: live versions of keys in memory, as of one revision.
//!
//! It knows *stretches* of the key space. Within one it knows every key, and so also which keys
//! are not there; between them it knows nothing. It is fed with all changes in revision order,
//! so what it knows is never stale, and a reader that finds all it needs within stretches needs
//! no store. Nothing is lost when it forgets.
//!
//! Reads of the store fill it, see [`Fill`], and writes add the keys they touch. Above its
//! bytes it forgets stretches that were not read since the last time round. How many keys there
//! are it goes on to know, see [`Counts`].

mod stretch;

use crate::error::Result;
use crate::mvcc::checkpoint::Checkpoint;
use crate::mvcc::counts::{Count, Counts};
use crate::mvcc::keyspace::{Current, KeyRange, Turn, successor};
use crate::mvcc::read::Item;
use crate::stats::Counter;
use crate::store::StoreError;
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stretch::{STRETCH_ITEMS_MAX, Stretch, place, size_bytes, stored};
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
    inner: RwLock<Inner>,
    /// Somebody should look for what the counts do not know.
    pub doubts: Notify,
}

struct Inner {
    revision: i64,
    /// By the first key they know.
    stretches: BTreeMap<Bytes, Stretch>,
    bytes: usize,
    fills: HashMap<u64, Missed>,
    next_fill: u64,
    /// Where forgetting goes on.
    hand: Bytes,
    /// Stretches forgotten for want of room.
    forgotten: u64,
    counts: Counts,
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

/// What changed in a range since a fill began, in order.
struct Missed {
    range: KeyRange,
    since: i64,
    changes: Vec<(i64, Bytes, Option<Current>)>,
}

/// A range as it was at one revision.
pub struct Snapshot {
    /// The revision.
    pub revision: i64,
    /// Live keys of the range.
    pub count: usize,
    parts: VecDeque<Part>,
}

struct Part {
    items: Arc<Vec<Item>>,
    from: usize,
    to: usize,
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
            inner: RwLock::new(Inner {
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
    /// everything.
    pub fn apply(
        &self,
        from: i64,
        to: i64,
        changes: Vec<(Bytes, Option<Current>)>,
        turns: Vec<Turn>,
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
            inner.apply(to, changes);
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

impl Snapshot {
    /// Of one key.
    pub fn point(revision: i64, found: Option<Item>) -> Self {
        let items: Vec<_> = found.into_iter().collect();
        let count = items.len();
        let part = Part {
            items: Arc::new(items),
            from: 0,
            to: count,
        };
        Self {
            revision,
            count,
            parts: VecDeque::from([part]),
        }
    }

    /// The next items in key order, and whether there are more.
    pub fn next_page(&mut self) -> (Vec<Item>, bool) {
        while let Some(part) = self.parts.pop_front() {
            let more = !self.parts.is_empty();
            if part.from < part.to || !more {
                return (part.items[part.from..part.to].to_vec(), more);
            }
        }
        (Vec::new(), false)
    }
}

impl Inner {
    fn check_at(&self, revision: i64) -> Result<()> {
        if self.revision != revision {
            return Err(StoreError::ViewExpired.into());
        }
        Ok(())
    }

    fn forget_all(&mut self, revision: i64) {
        self.stretches.clear();
        self.fills.clear();
        self.bytes = 0;
        self.revision = revision;
        self.counts = Counts::new(revision);
    }

    fn apply(&mut self, to: i64, changes: Vec<(Bytes, Option<Current>)>) {
        for (key, current) in changes {
            let current = current.map(stored);
            for missed in self.fills.values_mut() {
                if missed.range.contains(&key) && missed.changes.len() <= FILL_CHANGES_MAX {
                    missed.changes.push((to, key.clone(), current.clone()));
                }
            }
            self.set(key, current);
        }
    }

    /// Divides the bucket of a key in its middle, if the items up to there are known.
    fn divide_bucket(&mut self, key: &[u8]) -> bool {
        let (start, _, Some(keys)) = self.counts.bucket_of(key) else {
            return false;
        };
        let mut left = keys / 2;
        let mut expected = start;
        let Some((first, _)) = self.stretch_of(start) else {
            return false;
        };
        for (begin, stretch) in self.stretches.range::<Bytes, _>(first..) {
            let from = stretch.place(start);
            if begin > expected {
                return false;
            }
            if let Some((middle, _)) = stretch.items.get(from + left) {
                let middle = middle.clone();
                self.counts.divide(&middle, keys / 2);
                return true;
            }
            left -= stretch.count - from;
            match &stretch.end {
                Some(end) => expected = end,
                None => return false,
            }
        }
        false
    }

    /// How many items there are in a piece that is known as a whole.
    fn count_items(&self, start: &Bytes, end: &Bytes) -> Option<usize> {
        let (first, _) = self.stretch_of(start)?;
        let mut count = 0;
        let mut expected = first;
        for (begin, stretch) in self.stretches.range::<Bytes, _>(first..) {
            if !is_same(begin, expected) {
                return None;
            }
            stretch.mark_used();
            count += stretch.place(end) - stretch.place(start);
            match &stretch.end {
                Some(stretch_end) if stretch_end < end => expected = stretch_end,
                _ => return Some(count),
            }
        }
        None
    }

    /// How many keys there are from a bucket's beginning up to a key.
    fn count(&self, from: &[u8], end: Option<&Bytes>) -> Option<usize> {
        let sum = self.counts.sum(from, end.map(AsRef::as_ref))?;
        let cut = match &sum.cut {
            Some((start, end)) => self.count_items(start, end)?,
            None => 0,
        };
        Some(sum.whole + cut)
    }

    fn count_at(&self, revision: i64, from: &Bytes, end: Option<&Bytes>) -> Count {
        // The items that are known are the newest.
        let newest = || self.count(from, end).map(Count::Known);
        let known = (revision == self.revision).then(newest).flatten();
        known.unwrap_or_else(|| self.counts.count(revision, from, end))
    }

    /// The stretch that knows a key.
    fn stretch_of(&self, key: &[u8]) -> Option<(&Bytes, &Stretch)> {
        let up_to = (Bound::Unbounded, Bound::Included(key));
        let last = self.stretches.range::<[u8], _>(up_to).next_back();
        last.filter(|(_, stretch)| stretch.reaches_beyond(key))
    }

    fn get(&self, key: &[u8]) -> Option<Option<Current>> {
        let (_, stretch) = self.stretch_of(key)?;
        stretch.mark_used();
        let place = place(&stretch.items, key);
        Some(place.ok().map(|place| stretch.items[place].1.clone()))
    }

    fn set(&mut self, key: Bytes, current: Option<Current>) {
        let up_to = (Bound::Unbounded, Bound::Included(key.as_ref()));
        let last = self.stretches.range_mut::<[u8], _>(up_to).next_back();
        let Some((start, stretch)) = last.filter(|(_, stretch)| stretch.reaches_beyond(&key))
        else {
            if let Some(current) = current {
                let end = Some(successor(&key));
                let key = Bytes::copy_from_slice(&key);
                self.insert(key.clone(), Stretch::new(end, vec![(key, current)]));
            }
            return;
        };
        let before = stretch.bytes;
        stretch.set(&key, current);
        self.bytes = self.bytes + stretch.bytes - before;
        if stretch.count > STRETCH_ITEMS_MAX {
            let middle = stretch.items[stretch.count / 2].0.clone();
            self.divide(&middle);
        } else if stretch.count < STRETCH_ITEMS_MAX / 4 && stretch.bytes < before {
            let start = start.clone();
            self.join(&start);
        }
    }

    fn insert(&mut self, start: Bytes, stretch: Stretch) {
        self.bytes += stretch.bytes;
        if let Some(replaced) = self.stretches.insert(start, stretch) {
            self.bytes -= replaced.bytes;
        }
    }

    fn remove(&mut self, start: &[u8]) -> Option<Stretch> {
        let stretch = self.stretches.remove(start)?;
        self.bytes -= stretch.bytes;
        Some(stretch)
    }

    /// Makes a stretch begin at a key, if one knows it.
    fn divide(&mut self, key: &Bytes) {
        let Some((start, _)) = self.stretch_of(key).filter(|(start, _)| *start != key) else {
            return;
        };
        let start = start.clone();
        if let Some(stretch) = self.remove(&start) {
            let at = place(&stretch.items, key).unwrap_or_else(|place| place);
            let used = stretch.used.load(Ordering::Relaxed);
            let (lower, upper) = (stretch.items[..at].to_vec(), stretch.items[at..].to_vec());
            self.insert(
                start,
                Stretch::new(Some(key.clone()), lower).with_used(used),
            );
            self.insert(
                key.clone(),
                Stretch::new(stretch.end, upper).with_used(used),
            );
        }
    }

    /// Makes one of a stretch and the next, when both are small and nothing is between them.
    fn join(&mut self, start: &Bytes) {
        let Some(stretch) = self.stretches.get(start) else {
            return;
        };
        let Some(end) = stretch.end.clone() else {
            return;
        };
        let next = self.stretches.get(&end);
        if next.is_none_or(|next| next.count + stretch.count > STRETCH_ITEMS_MAX / 2) {
            return;
        }
        if let (Some(lower), Some(upper)) = (self.remove(start), self.remove(&end)) {
            let used = lower.used.into_inner() || upper.used.into_inner();
            let mut items = Arc::unwrap_or_clone(lower.items);
            items.extend(Arc::unwrap_or_clone(upper.items));
            self.insert(
                start.clone(),
                Stretch::new(upper.end, items).with_used(used),
            );
        }
    }

    fn cover(&mut self, range: &KeyRange, items: &[Item]) {
        let (start, end) = bounds(range);
        self.divide(&start);
        if let Some(end) = &end {
            self.divide(end);
        }
        let to = end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let within = self
            .stretches
            .range::<Bytes, _>((Bound::Included(&start), to));
        let known: Vec<Bytes> = within.map(|(start, _)| start.clone()).collect();
        for start in known {
            self.remove(&start);
        }
        let mut from = start;
        let mut rest = items;
        loop {
            let (some, behind) = rest.split_at(rest.len().min(STRETCH_ITEMS_MAX / 2));
            let next = behind.first().map(|(key, _)| Bytes::copy_from_slice(key));
            let own =
                |(key, current): &Item| (Bytes::copy_from_slice(key), stored(current.clone()));
            let stretch = Stretch::new(
                next.clone().or_else(|| end.clone()),
                some.iter().map(own).collect(),
            );
            self.insert(from, stretch.with_used(true));
            match next {
                Some(next) => from = next,
                None => return,
            }
            rest = behind;
        }
    }

    fn snapshot(&self, range: &KeyRange, limit: usize) -> Option<Snapshot> {
        let mut snapshot = Snapshot {
            revision: self.revision,
            count: 0,
            parts: VecDeque::new(),
        };
        if range.is_empty() {
            return Some(snapshot);
        }
        let (start, end) = bounds(range);
        if limit == 0
            && let Some(count) = self.count(&start, end.as_ref())
        {
            return Some(Snapshot { count, ..snapshot });
        }
        let mut is_counted = true;
        let (first, _) = self.stretch_of(&start)?;
        let mut expected = first;
        for (begin, stretch) in self.stretches.range::<Bytes, _>(first..) {
            if !is_same(begin, expected) {
                return None;
            }
            stretch.mark_used();
            let is_last = match (&end, &stretch.end) {
                (Some(end), Some(stretch_end)) => end <= stretch_end,
                (_, stretch_end) => stretch_end.is_none(),
            };
            let from = if begin < &start {
                stretch.place(&start)
            } else {
                0
            };
            let to = match &end {
                Some(end) if is_last => stretch.place(end),
                _ => stretch.count,
            };
            let is_enough = snapshot.count >= limit;
            if is_enough
                && !is_last
                && is_counted
                && let Some(stretch_end) = &stretch.end
                && let Some(boundary) = self.counts.boundary(begin.max(&start), stretch_end)
            {
                if let Some(rest) = self.count(boundary, end.as_ref()) {
                    snapshot.count += stretch.place(boundary) - from + rest;
                    return Some(snapshot);
                }
                is_counted = false;
            }
            if !is_enough {
                if stretch.has_blobs {
                    return None;
                }
                let items = stretch.items.clone();
                snapshot.parts.push_back(Part { items, from, to });
            }
            snapshot.count += to - from;
            if is_last {
                return Some(snapshot);
            }
            expected = stretch.end.as_ref()?;
        }
        None
    }

    /// Forgets what was not used since the hand passed, until the rest fits.
    fn shrink(&mut self, capacity_bytes: usize) {
        // The first time round may only take marks away.
        let mut left = 2 * self.stretches.len() + 1;
        while self.bytes > capacity_bytes && left > 0 {
            left -= 1;
            let behind = (Bound::Excluded(&self.hand), Bound::Unbounded);
            let next = self.stretches.range::<Bytes, _>(behind).next();
            let Some((start, stretch)) = next.or_else(|| self.stretches.iter().next()) else {
                return;
            };
            let was_used = stretch.used.swap(false, Ordering::Relaxed);
            self.hand = start.clone();
            if !was_used {
                let start = start.clone();
                self.remove(&start);
                self.forgotten += 1;
            }
        }
    }
}

/// Equal, and mostly the very same bytes, which spares looking at them.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    (one.as_ptr() == other.as_ptr() && one.len() == other.len()) || one == other
}

fn bounds(range: &KeyRange) -> (Bytes, Option<Bytes>) {
    match range {
        KeyRange::Point(key) => (key.clone(), Some(successor(key))),
        KeyRange::Span(start, end) => (start.clone(), end.clone()),
    }
}

#[cfg(test)]
#[path = "cache_test.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
