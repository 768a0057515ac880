//! How many live keys there are in each bucket of the key space, as of one revision.
//!
//! The buckets divide the whole key space, whatever is stored: each begins where the one before
//! ends. Of each the number of keys is known, or not. Every key that comes or goes is told in
//! revision order, so what is known stays exact, and nobody need know the keys themselves: a
//! million of them take about a thousand buckets, which a count adds up.
//!
//! A range whose bounds lie within buckets is counted once these are divided there: somebody must
//! read the piece of the bucket before the bound. Buckets that grow too large are divided in the
//! same way, and when there are too many, neighbours are joined.
//!
//! The turns of late are remembered, so that counts of a little ago can be told too: a reader has
//! the revision of its view, which is hardly ever the newest one.

use crate::mvcc::checkpoint::Checkpoint;
use crate::mvcc::keyspace::{KeyRange, Turn};
use crate::mvcc::read::Item;
use bytes::Bytes;
use std::collections::VecDeque;

// Few in tests of this crate, so that they meet all that happens to buckets.
/// Keys that neighbours may have together to be joined, at first.
const GRAIN: usize = if cfg!(test) { 8 } else { 1024 };
/// Buckets that are never too many.
const BUCKETS_MIN: usize = if cfg!(test) { 24 } else { 16 * 1024 };
/// Buckets that are always too many; with more keys their grain gets coarser.
const BUCKETS_MAX: usize = if cfg!(test) { 64 } else { 64 * 1024 };
/// Bytes of their beginnings that are too many.
const STARTS_BYTES_MAX: usize = 16 << 20;
/// Turns that are remembered.
const RECENT_MAX: usize = if cfg!(test) { 200 } else { 32 * 1024 };
/// Bytes of their keys.
const RECENT_BYTES_MAX: usize = 8 << 20;

/// Numbers of keys, by buckets. See the module.
pub struct Counts {
    revision: i64,
    /// Where each bucket begins, ascending; the first one at the empty key.
    starts: Vec<Bytes>,
    starts_bytes: usize,
    /// The keys of each; `None` is not known.
    keys: Vec<Option<usize>>,
    /// In the order of revisions; all after `since`.
    recent: VecDeque<Turn>,
    recent_bytes: usize,
    since: i64,
    /// Neighbours with no more keys than this may be joined.
    grain: usize,
}

/// An answer to how many keys there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Known(usize),
    /// It can be told once these pieces are covered.
    Missing(Vec<KeyRange>),
    /// It cannot be told: the revision is too old or too new, or no bucket begins there.
    Unknowable,
}

/// Whole buckets, and what is beyond them.
pub struct Sum {
    /// Keys of the buckets, as of the newest revision.
    pub whole: usize,
    /// The piece of a last bucket that belongs to the range too.
    pub cut: Option<(Bytes, Bytes)>,
}

impl Counts {
    /// Nothing is known, as of a revision.
    pub fn new(revision: i64) -> Self {
        Self {
            revision,
            starts: vec![Bytes::new()],
            starts_bytes: 0,
            keys: vec![None],
            recent: VecDeque::new(),
            recent_bytes: 0,
            since: revision,
            grain: GRAIN,
        }
    }

    /// As a checkpoint has it.
    pub fn restored(checkpoint: Checkpoint) -> Self {
        let (starts, keys): (Vec<_>, Vec<_>) = checkpoint.buckets.into_iter().unzip();
        Self {
            starts_bytes: starts.iter().map(Bytes::len).sum(),
            starts,
            keys: keys.into_iter().map(Some).collect(),
            ..Self::new(checkpoint.revision)
        }
    }

    /// For a checkpoint, if all is known.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let keys = self.keys.iter().copied().collect::<Option<Vec<_>>>()?;
        Some(Checkpoint {
            revision: self.revision,
            buckets: self.starts.iter().cloned().zip(keys).collect(),
        })
    }

    /// All keys, if that is known.
    pub fn total(&self) -> Option<usize> {
        self.keys.iter().copied().sum()
    }

    /// Takes the buckets of others that know all as of a revision of late; false when that is too
    /// long ago.
    pub fn adopt(&mut self, others: &mut Self) -> bool {
        if !(self.since..=self.revision).contains(&others.revision) {
            return false;
        }
        let later = |turn: &Turn| turn.revision <= others.revision;
        let later = self.recent.partition_point(later);
        for turn in self.recent.range(later..) {
            others.turn(turn.clone());
        }
        std::mem::swap(&mut self.starts, &mut others.starts);
        std::mem::swap(&mut self.keys, &mut others.keys);
        self.starts_bytes = self.starts.iter().map(Bytes::len).sum();
        self.join();
        true
    }

    /// What is known and was a moment ago, is known up to `revision`.
    pub fn advance(&mut self, revision: i64) {
        self.revision = revision;
    }

    /// Takes in a key that came or went; answers whether its bucket should be divided.
    pub fn turn(&mut self, turn: Turn) -> bool {
        let bucket = self.bucket(&turn.key);
        let before = self.keys[bucket];
        let after = match (before, turn.came) {
            (Some(keys), true) => Some(keys + 1),
            (Some(keys), false) => {
                debug_assert!(keys > 0, "a key went that was not there");
                keys.checked_sub(1)
            }
            (None, _) => None,
        };
        self.keys[bucket] = after;
        let came = turn.came;
        self.recent_bytes += turn.key.len();
        while (self.recent.len() >= RECENT_MAX || self.recent_bytes > RECENT_BYTES_MAX)
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_bytes -= oldest.key.len();
            self.since = oldest.revision;
        }
        self.recent.push_back(Turn {
            // The key of a request may hold much else in memory.
            key: Bytes::copy_from_slice(&turn.key),
            ..turn
        });
        // Again now and then, should the first call have come to nothing.
        let beyond = after.and_then(|keys| keys.checked_sub(2 * self.grain + 1));
        came && beyond.is_some_and(|beyond| beyond % self.grain == 0)
    }

    /// The first beginning of a bucket within bounds, both included.
    pub fn boundary(&self, from: &[u8], to: &[u8]) -> Option<&Bytes> {
        let place = self.starts.partition_point(|start| start < from);
        self.starts.get(place).filter(|start| start.as_ref() <= to)
    }

    /// The keys from the beginning of a bucket up to a key, as far as buckets tell; `None`: they
    /// do not tell.
    pub fn sum(&self, from: &[u8], end: Option<&[u8]>) -> Option<Sum> {
        let first = self.bucket(from);
        if self.starts[first] != from {
            return None;
        }
        let (last, cut) = self.last(first, end);
        let whole = self.keys[first..last]
            .iter()
            .copied()
            .sum::<Option<usize>>();
        Some(Sum {
            whole: whole?,
            // In an empty bucket there is nothing to cut.
            cut: cut.filter(|_| self.keys[last] != Some(0)),
        })
    }

    /// The keys from the beginning of a bucket up to a key, at a revision.
    pub fn count(&self, revision: i64, from: &Bytes, end: Option<&Bytes>) -> Count {
        if !(self.since..=self.revision).contains(&revision) {
            return Count::Unknowable;
        }
        let bound = end.map(AsRef::as_ref);
        match self.sum(from, bound) {
            Some(Sum { whole, cut: None }) => {
                let was = whole.checked_add_signed(-self.turned(revision, from, bound));
                was.map_or(Count::Unknowable, Count::Known)
            }
            _ => self.missing(from, end),
        }
    }

    /// What is not known of a range, from the beginning of a bucket on.
    fn missing(&self, from: &Bytes, end: Option<&Bytes>) -> Count {
        let first = self.bucket(from);
        if self.starts[first] != *from {
            return Count::Unknowable;
        }
        let (last, cut) = self.last(first, end.map(AsRef::as_ref));
        let mut pieces: Vec<(Bytes, Option<Bytes>)> = Vec::new();
        let mut add = |start: Bytes, until: Option<Bytes>| match pieces.last_mut() {
            Some(piece) if piece.1.as_ref() == Some(&start) => piece.1 = until,
            _ => pieces.push((start, until)),
        };
        for bucket in first..last {
            if self.keys[bucket].is_none() {
                add(self.starts[bucket].clone(), self.end(bucket).cloned());
            }
        }
        if let Some((start, until)) = cut.filter(|_| self.keys[last] != Some(0)) {
            add(start, Some(until));
        }
        let pieces = pieces.into_iter();
        Count::Missing(pieces.map(|(from, to)| KeyRange::Span(from, to)).collect())
    }

    /// A bucket of which nothing is known.
    pub fn unknown(&self) -> Option<KeyRange> {
        self.find(Option::is_none)
    }

    /// A bucket that has too many keys.
    pub fn large(&self) -> Option<KeyRange> {
        self.find(|keys| keys.is_some_and(|keys| keys > 2 * self.grain))
    }

    fn find(&self, is_wanted: impl Fn(&Option<usize>) -> bool) -> Option<KeyRange> {
        let bucket = self.keys.iter().position(is_wanted)?;
        let (start, end) = (self.starts[bucket].clone(), self.end(bucket).cloned());
        Some(KeyRange::Span(start, end))
    }

    /// The bucket that holds a key: where it begins and ends, and its keys.
    pub fn bucket_of(&self, key: &[u8]) -> (&Bytes, Option<&Bytes>, Option<usize>) {
        let bucket = self.bucket(key);
        (&self.starts[bucket], self.end(bucket), self.keys[bucket])
    }

    /// Takes in all live keys of a range as they were at a revision: what is not known is known
    /// then, and buckets are divided at the bounds where that can be done.
    pub fn cover(&mut self, revision: i64, start: &Bytes, end: Option<&Bytes>, items: &[Item]) {
        let is_usable = (self.since..=self.revision).contains(&revision);
        if !is_usable || end.is_some_and(|end| end <= start) {
            return;
        }
        let now = |counts: &Self, from: &[u8], to: Option<&[u8]>| {
            let place = |key: &[u8]| items.partition_point(|(at, _)| at.as_ref() < key);
            let found = to.map_or(items.len(), place) - place(from);
            found.checked_add_signed(counts.turned(revision, from, to))
        };
        let first = self.bucket(start);
        if self.starts[first] != *start {
            let bucket_end = self.end(first).cloned();
            let reaches_end = match (&bucket_end, end) {
                (_, None) => true,
                (Some(bucket_end), Some(end)) => bucket_end <= end,
                (None, Some(_)) => false,
            };
            let above = now(self, start, bucket_end.as_deref());
            match self.keys[first] {
                Some(keys) if reaches_end => {
                    let below = above.and_then(|above| keys.checked_sub(above));
                    self.split(first, start, below);
                }
                Some(_) => return,
                None => self.split(first, start, None),
            }
        }
        if let Some(end) = end {
            let last = self.bucket(end);
            if self.starts[last] != *end {
                let below = now(self, &self.starts[last].clone(), Some(end));
                self.split(last, end, below);
            }
        }
        let mut bucket = self.bucket(start);
        while bucket < end.map_or(self.starts.len(), |end| self.bucket(end)) {
            let (from, to) = (self.starts[bucket].clone(), self.end(bucket).cloned());
            let found = now(self, &from, to.as_deref());
            if self.keys[bucket].is_some() && self.keys[bucket] != found {
                debug_assert_eq!(self.keys[bucket], found, "keys from {from:?} to {to:?}");
                tracing::error!(known = ?self.keys[bucket], ?found, "a wrong number of keys");
            }
            self.keys[bucket] = found;
            if found.is_some_and(|found| found > 2 * self.grain) {
                let first = items.partition_point(|(at, _)| *at < from);
                let middle = items.get(first + self.grain).map(|(key, _)| key);
                if let Some(middle) = middle.filter(|key| to.as_ref().is_none_or(|to| *key < to)) {
                    let below = now(self, &from, Some(middle));
                    self.split(bucket, middle, below);
                }
            }
            bucket += 1;
        }
        self.join();
    }

    /// Divides the bucket that holds a key, of which `below` keys are before it.
    pub fn divide(&mut self, key: &[u8], below: usize) {
        let bucket = self.bucket(key);
        if self.starts[bucket] != key {
            self.split(bucket, key, Some(below));
            self.join();
        }
    }

    fn split(&mut self, bucket: usize, key: &[u8], below: Option<usize>) {
        let keys = self.keys[bucket];
        let above = keys.zip(below).map(|(keys, below)| {
            debug_assert!(below <= keys, "more keys in a part than in the whole");
            keys.checked_sub(below)
        });
        let (below, above) = match above.flatten() {
            Some(above) => (below, Some(above)),
            None => (None, None),
        };
        self.keys[bucket] = below;
        self.starts_bytes += key.len();
        self.starts.insert(bucket + 1, Bytes::copy_from_slice(key));
        self.keys.insert(bucket + 1, above);
    }

    /// Joins neighbours, if there are too many buckets.
    fn join(&mut self) {
        if self.starts.len() <= BUCKETS_MIN && self.starts_bytes <= STARTS_BYTES_MAX {
            return;
        }
        let known: usize = self.keys.iter().flatten().sum();
        let limit = (2 * known / self.grain).clamp(BUCKETS_MIN, BUCKETS_MAX);
        if self.starts.len() <= limit && self.starts_bytes <= STARTS_BYTES_MAX {
            return;
        }
        loop {
            self.join_up_to(self.grain);
            // So far below the limits that it is long until they are reached again.
            if self.starts.len() <= limit / 4 * 3 && self.starts_bytes <= STARTS_BYTES_MAX / 4 * 3 {
                return;
            }
            if self.grain > known {
                // What is known lies in too many places.
                (self.starts, self.keys) = (vec![Bytes::new()], vec![None]);
                self.starts_bytes = 0;
                return;
            }
            self.grain *= 2;
        }
    }

    fn join_up_to(&mut self, grain: usize) {
        let mut last = 0;
        for bucket in 1..self.starts.len() {
            let joined = match (self.keys[last], self.keys[bucket]) {
                (Some(one), Some(other)) if one + other <= grain => Some(Some(one + other)),
                (None, None) => Some(None),
                _ => None,
            };
            match joined {
                Some(keys) => self.keys[last] = keys,
                None => {
                    last += 1;
                    self.starts.swap(last, bucket);
                    self.keys[last] = self.keys[bucket];
                }
            }
        }
        self.starts.truncate(last + 1);
        self.keys.truncate(last + 1);
        self.starts_bytes = self.starts.iter().map(Bytes::len).sum();
    }

    /// All buckets with their keys.
    #[cfg(test)]
    pub fn buckets(&self) -> Vec<(KeyRange, Option<usize>)> {
        let range =
            |bucket: usize| KeyRange::Span(self.starts[bucket].clone(), self.end(bucket).cloned());
        let numbers = 0..self.starts.len();
        numbers
            .map(|bucket| (range(bucket), self.keys[bucket]))
            .collect()
    }

    fn bucket(&self, key: &[u8]) -> usize {
        // The first one begins at or below every key.
        self.starts.partition_point(|start| start <= key).max(1) - 1
    }

    fn end(&self, bucket: usize) -> Option<&Bytes> {
        self.starts.get(bucket + 1)
    }

    /// The first bucket that does not lie below a key as a whole, and what of it lies below.
    fn last(&self, first: usize, end: Option<&[u8]>) -> (usize, Option<(Bytes, Bytes)>) {
        let Some(end) = end else {
            return (self.starts.len(), None);
        };
        let last = self.bucket(end);
        if last < first {
            return (first, None);
        }
        let start = &self.starts[last];
        let cut = (start != end).then(|| (start.clone(), Bytes::copy_from_slice(end)));
        (last, cut)
    }

    /// By how much the keys of a range have become more since a revision.
    fn turned(&self, revision: i64, from: &[u8], end: Option<&[u8]>) -> isize {
        let later = self
            .recent
            .partition_point(|turn| turn.revision <= revision);
        let within = |turn: &&Turn| {
            turn.key.as_ref() >= from && end.is_none_or(|end| turn.key.as_ref() < end)
        };
        let turns = self.recent.range(later..).filter(within);
        turns.map(|turn| if turn.came { 1 } else { -1 }).sum()
    }
}
