//! The current cache: live versions of keys in memory, as of one revision.
//!
//! It knows *stretches* of the key space. Within one it knows every key, and so also which keys
//! are not there; between them it knows nothing. It is fed with all changes in revision order,
//! so what it knows is never stale, and a reader that finds all it needs within stretches needs
//! no store. Nothing is lost when it forgets.
//!
//! Reads of the store fill it, see [`Fill`], and writes add the keys they touch. Above its
//! bytes it forgets stretches that were not read since the last time round.

use crate::error::Result;
use crate::mvcc::keyspace::{Current, KeyRange, Value, successor};
use crate::mvcc::read::Item;
use crate::stats::Counter;
use crate::store::StoreError;
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Items of one stretch; more are divided. Few are cheap to copy when a reader holds them, many
/// make few stretches.
const STRETCH_ITEMS_MAX: usize = 128;
/// Bytes of an item beside its key and value: handles, numbers, and what the allocator adds.
const ITEM_OVERHEAD_BYTES: usize = 208;
/// Bytes of a stretch beside its items.
const STRETCH_OVERHEAD_BYTES: usize = 256;
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

/// All live keys from one key up to another.
struct Stretch {
    /// The first key it does not know; `None` is no key.
    end: Option<Bytes>,
    items: Arc<Vec<Item>>,
    /// `items.len()`, without looking there.
    count: usize,
    bytes: usize,
    /// Some value is not inline.
    has_blobs: bool,
    /// Read since the hand passed.
    used: AtomicBool,
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
    id: u64,
    added_bytes: AtomicUsize,
}

impl Cache {
    /// Knows nothing yet; with a capacity of 0 it never will.
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
            }),
        }
    }

    /// Whether it may know anything.
    pub fn is_enabled(&self) -> bool {
        self.capacity_bytes > 0
    }

    /// Whether it is better left as it is: what comes on top makes it forget something else.
    pub fn is_nearly_full(&self) -> bool {
        self.inner.read().bytes >= self.capacity_bytes / 4 * 3
    }

    /// Takes in what led from one revision to another; the last change of a key wins. Changes that
    /// do not join what is known make it forget everything.
    pub fn apply(&self, from: i64, to: i64, changes: Vec<(Bytes, Option<Current>)>) {
        if !self.is_enabled() {
            return;
        }
        let inner = &mut *self.inner.write();
        if from != inner.revision {
            inner.forget_all(to);
            return;
        }
        for (key, current) in changes {
            let current = current.map(stored);
            for missed in inner.fills.values_mut() {
                if missed.range.contains(&key) && missed.changes.len() <= FILL_CHANGES_MAX {
                    missed.changes.push((to, key.clone(), current.clone()));
                }
            }
            inner.set(key, current);
        }
        inner.revision = to;
        inner.shrink(self.capacity_bytes);
    }

    /// What it knows of a key at a revision: the outer `None` is nothing. `ViewExpired` when it
    /// has moved on from that revision.
    pub fn get(&self, key: &[u8], revision: i64) -> Result<Option<Option<Current>>> {
        let inner = self.inner.read();
        inner.check_at(revision)?;
        Ok(inner.get(key))
    }

    /// The same of many keys.
    pub fn get_many(&self, keys: &[Bytes], revision: i64) -> Result<Vec<Option<Option<Current>>>> {
        let inner = self.inner.read();
        inner.check_at(revision)?;
        let known: Vec<_> = keys.iter().map(|key| inner.get(key)).collect();
        let hits = known.iter().flatten().count();
        self.count(hits, known.len() - hits);
        Ok(known)
    }

    /// A range, if all of it is known and has no values in pieces; with the first `limit` items
    /// or a few more.
    pub fn snapshot(&self, range: &KeyRange, limit: usize) -> Option<Snapshot> {
        let snapshot = self.inner.read().snapshot(range, limit);
        self.count(snapshot.is_some().into(), snapshot.is_none().into());
        snapshot
    }

    /// The same at a revision; `ViewExpired` when the cache has moved on from there.
    pub fn snapshot_at(&self, range: &KeyRange, revision: i64) -> Result<Option<Snapshot>> {
        let inner = self.inner.read();
        inner.check_at(revision)?;
        let snapshot = inner.snapshot(range, usize::MAX);
        self.count(snapshot.is_some().into(), snapshot.is_none().into());
        Ok(snapshot)
    }

    fn count(&self, hits: usize, misses: usize) {
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

    /// Begins to fill a range; `None` when that cannot be done now.
    pub fn fill(self: &Arc<Self>, range: &KeyRange) -> Option<Fill> {
        if !self.is_enabled() {
            return None;
        }
        let mut inner = self.inner.write();
        if inner.fills.len() >= FILLS_MAX {
            return None;
        }
        let id = inner.next_fill;
        inner.next_fill += 1;
        let missed = Missed {
            range: range.clone(),
            since: inner.revision,
            changes: Vec::new(),
        };
        inner.fills.insert(id, missed);
        Some(Fill {
            cache: self.clone(),
            id,
            added_bytes: AtomicUsize::new(0),
        })
    }
}

impl Fill {
    /// Tells what a view at `revision` holds: `items` are all live keys of a range, which is part
    /// of the one the fill was begun with. One reading cannot drive out most of what others read.
    pub fn cover(&self, revision: i64, range: &KeyRange, items: &[Item]) {
        let capacity_bytes = self.cache.capacity_bytes;
        let bytes: usize = items
            .iter()
            .map(|(key, current)| size_bytes(key, current))
            .sum();
        if self.added_bytes.fetch_add(bytes, Ordering::Relaxed) > capacity_bytes / 2 {
            return;
        }
        let inner = &mut *self.cache.inner.write();
        let Some(missed) = inner.fills.get(&self.id) else {
            return;
        };
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
        self.cache.inner.write().fills.remove(&self.id);
    }
}

impl Snapshot {
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
            let at = |key| place(&stretch.items, key).unwrap_or_else(|place| place);
            let from = if begin < &start { at(&start) } else { 0 };
            let to = match &end {
                Some(end) if is_last => at(end),
                _ => stretch.count,
            };
            if snapshot.count < limit {
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

impl Stretch {
    fn new(end: Option<Bytes>, items: Vec<Item>) -> Self {
        let item_bytes: usize = items
            .iter()
            .map(|(key, current)| size_bytes(key, current))
            .sum();
        Self {
            end,
            count: items.len(),
            bytes: STRETCH_OVERHEAD_BYTES + item_bytes,
            has_blobs: items.iter().any(|(_, current)| is_blob(current)),
            items: Arc::new(items),
            used: AtomicBool::new(false),
        }
    }

    fn with_used(self, used: bool) -> Self {
        self.used.store(used, Ordering::Relaxed);
        self
    }

    /// Whether its end lies behind a key.
    fn reaches_beyond(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    fn mark_used(&self) {
        // Looking first keeps readers from passing the line around.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    fn set(&mut self, key: &[u8], current: Option<Current>) {
        let items = Arc::make_mut(&mut self.items);
        let place = place(items, key);
        if let Ok(place) = place {
            self.bytes -= size_bytes(key, &items[place].1);
        }
        if let Some(current) = &current {
            self.bytes += size_bytes(key, current);
            self.has_blobs |= is_blob(current);
        }
        match (place, current) {
            (Ok(place), Some(current)) => items[place].1 = current,
            (Ok(place), None) => {
                items.remove(place);
            }
            (Err(place), Some(current)) => {
                items.insert(place, (Bytes::copy_from_slice(key), current));
            }
            (Err(_), None) => {}
        }
        self.count = items.len();
    }
}

/// Where a key is, or where it would be.
fn place(items: &[Item], key: &[u8]) -> Result<usize, usize> {
    items.binary_search_by(|(at, _)| at.as_ref().cmp(key))
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

fn is_blob(current: &Current) -> bool {
    !matches!(current.value, Value::Inline(_))
}

fn size_bytes(key: &[u8], current: &Current) -> usize {
    let value = match &current.value {
        Value::Inline(bytes) => bytes.len(),
        Value::Blob(_) | Value::Fresh(..) => 0,
    };
    key.len() + value + ITEM_OVERHEAD_BYTES
}

/// A version as it is kept: with bytes of its own, for those of a request or of a page of the store
/// may hold much else in memory.
fn stored(current: Current) -> Current {
    let value = match current.value {
        Value::Inline(bytes) => Value::Inline(Bytes::copy_from_slice(&bytes)),
        Value::Blob(blob) | Value::Fresh(blob, _) => Value::Blob(blob),
    };
    Current { value, ..current }
}

#[cfg(test)]
#[path = "cache_test.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
