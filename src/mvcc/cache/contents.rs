//! What the cache holds.

use super::FILL_CHANGES_MAX;
use super::snapshot::{Part, Snapshot};
use super::stretch::{STRETCH_ITEMS_MAX, Stretch, is_blob, stored};
use crate::error::Result;
use crate::mvcc::counts::{Count, Counts};
use crate::mvcc::keyspace::{Current, KeyRange, successor};
use crate::mvcc::read::Item;
use crate::store::StoreError;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Stretches of the key space, and what is counted. See the module above.
pub(super) struct Contents {
    pub revision: i64,
    /// By the first key they know.
    pub stretches: BTreeMap<Bytes, Stretch>,
    pub bytes: usize,
    pub fills: HashMap<u64, Missed>,
    pub next_fill: u64,
    /// Where forgetting goes on.
    pub hand: Bytes,
    /// Stretches forgotten for want of room.
    pub forgotten: u64,
    pub counts: Counts,
}

/// What changed in a range since a fill began, in order.
pub(super) struct Missed {
    pub range: KeyRange,
    pub since: i64,
    pub changes: Vec<(i64, Bytes, Option<Current>)>,
}

impl Contents {
    pub fn check_at(&self, revision: i64) -> Result<()> {
        if self.revision != revision {
            return Err(StoreError::ViewExpired.into());
        }
        Ok(())
    }

    pub fn forget_all(&mut self, revision: i64) {
        self.stretches.clear();
        self.fills.clear();
        self.bytes = 0;
        self.revision = revision;
        self.counts = Counts::new(revision);
    }

    pub fn apply(&mut self, to: i64, changes: Vec<(Bytes, Option<Current>)>, adds: bool) {
        for (key, current) in changes {
            let is_kept = adds || self.stretch_of(&key).is_some();
            if !is_kept && self.fills.is_empty() {
                continue;
            }
            let (key, current) = match current.map(|current| stored(&key, current)) {
                Some((key, current)) => (key, Some(current)),
                None => (key, None),
            };
            for missed in self.fills.values_mut() {
                if missed.range.contains(&key) && missed.changes.len() <= FILL_CHANGES_MAX {
                    missed.changes.push((to, key.clone(), current.clone()));
                }
            }
            if is_kept {
                self.set(key, current);
            }
        }
    }

    /// Divides the bucket of a key in its middle, if the items up to there are known.
    pub fn divide_bucket(&mut self, key: &[u8]) -> bool {
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
                let middle = Bytes::copy_from_slice(middle);
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
    pub fn count_items(&self, start: &Bytes, end: &Bytes) -> Option<usize> {
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
    pub fn count(&self, from: &[u8], end: Option<&Bytes>) -> Option<usize> {
        let sum = self.counts.sum(from, end.map(AsRef::as_ref))?;
        let cut = match &sum.cut {
            Some((start, end)) => self.count_items(start, end)?,
            None => 0,
        };
        Some(sum.whole + cut)
    }

    pub fn count_at(&self, revision: i64, from: &Bytes, end: Option<&Bytes>) -> Count {
        // The items that are known are the newest.
        let newest = || self.count(from, end).map(Count::Known);
        let known = (revision == self.revision).then(newest).flatten();
        known.unwrap_or_else(|| self.counts.count(revision, from, end))
    }

    /// The stretch that knows a key.
    pub fn stretch_of(&self, key: &[u8]) -> Option<(&Bytes, &Stretch)> {
        let up_to = (Bound::Unbounded, Bound::Included(key));
        let last = self.stretches.range::<[u8], _>(up_to).next_back();
        last.filter(|(_, stretch)| stretch.reaches_beyond(key))
    }

    pub fn get(&self, key: &[u8]) -> Option<Option<Current>> {
        let (_, stretch) = self.stretch_of(key)?;
        stretch.mark_used();
        let place = stretch.find(key).ok();
        Some(place.map(|place| stretch.items[place].1.clone()))
    }

    /// A version is one that is [`stored`], and `key` its key.
    pub fn set(&mut self, key: Bytes, current: Option<Current>) {
        let up_to = (Bound::Unbounded, Bound::Included(key.as_ref()));
        let last = self.stretches.range_mut::<[u8], _>(up_to).next_back();
        let Some((start, stretch)) = last.filter(|(_, stretch)| stretch.reaches_beyond(&key))
        else {
            if let Some(current) = current {
                let end = Some(successor(&key));
                let start = Bytes::copy_from_slice(&key);
                self.insert(start, Stretch::new(end, vec![(key, current)]));
            }
            return;
        };
        let before = stretch.bytes;
        stretch.set(key, current);
        self.bytes = self.bytes + stretch.bytes - before;
        if stretch.is_idle() {
            let start = start.clone();
            self.remove(&start);
        } else if stretch.count > STRETCH_ITEMS_MAX {
            let middle = Bytes::copy_from_slice(&stretch.items[stretch.count / 2].0);
            self.divide(&middle);
        } else if stretch.count < STRETCH_ITEMS_MAX / 4 && stretch.bytes < before {
            let start = start.clone();
            self.join(&start);
        }
    }

    pub fn insert(&mut self, start: Bytes, stretch: Stretch) {
        self.bytes += stretch.bytes;
        if let Some(replaced) = self.stretches.insert(start, stretch) {
            self.bytes -= replaced.bytes;
        }
    }

    pub fn remove(&mut self, start: &[u8]) -> Option<Stretch> {
        let stretch = self.stretches.remove(start)?;
        self.bytes -= stretch.bytes;
        Some(stretch)
    }

    /// Makes a stretch begin at a key, if one knows it.
    pub fn divide(&mut self, key: &Bytes) {
        let Some((start, _)) = self.stretch_of(key).filter(|(start, _)| *start != key) else {
            return;
        };
        let start = start.clone();
        if let Some(stretch) = self.remove(&start) {
            let at = stretch.place(key);
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
    pub fn join(&mut self, start: &Bytes) {
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

    pub fn cover(&mut self, range: &KeyRange, items: &[Item]) {
        let (start, end) = bounds(&range.detached());
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
            let own = |(key, current): &Item| stored(key, current.clone());
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

    pub fn snapshot(&self, range: &KeyRange, limit: usize) -> Option<Snapshot> {
        let mut snapshot = Snapshot {
            revision: self.revision,
            count: 0,
            parts: VecDeque::new(),
        };
        if range.is_empty() {
            return Some(snapshot);
        }
        if let KeyRange::Point(key) = range {
            let (_, stretch) = self.stretch_of(key)?;
            stretch.mark_used();
            let (from, to) = match stretch.find(key) {
                Ok(place) => (place, place + 1),
                Err(place) => (place, place),
            };
            let items = stretch.items.clone();
            if limit > 0 && items[from..to].iter().any(|(_, current)| is_blob(current)) {
                return None;
            }
            snapshot.count = to - from;
            snapshot.parts.push_back(Part {
                stretch: items,
                from,
                to,
            });
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
                let stretch = stretch.items.clone();
                snapshot.parts.push_back(Part { stretch, from, to });
            }
            snapshot.count += to - from;
            if is_last {
                return Some(snapshot);
            }
            expected = stretch.end.as_ref()?;
            // What is counted may begin before what is wanted ends, and be all that is known beyond.
            if !is_enough
                && snapshot.count >= limit
                && let Some(boundary) = self.counts.boundary(&start, expected)
                && let Some(before) = self.count_items(&start, boundary)
                && let Some(rest) = self.count(boundary, end.as_ref())
            {
                snapshot.count = before + rest;
                return Some(snapshot);
            }
        }
        None
    }

    /// Forgets what was not used since the hand passed, until the rest fits.
    pub fn shrink(&mut self, capacity_bytes: usize) {
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

pub(super) fn bounds(range: &KeyRange) -> (Bytes, Option<Bytes>) {
    match range {
        KeyRange::Point(key) => (key.clone(), Some(successor(key))),
        KeyRange::Span(start, end) => (start.clone(), end.clone()),
    }
}
