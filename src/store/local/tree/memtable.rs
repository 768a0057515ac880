//! What was written and is in no tables yet, in memory and in order.
//!
//! A key has one entry, however often it is written. What it was before stays only while a view is open
//! that sees it: such a view reads here until it is closed, also behind the flush, so tables need the
//! newest versions alone.

use super::trees::{Range, Side};
use crate::store::Direction;
use crate::store::round::ChangeSet;
use bytes::Bytes;
use fjall::{AbstractTree, AnyTree, SeqNo};
use lsm_tree::{InternalValue, ValueType};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a reader of a range takes at once; writes wait meanwhile.
const TAKEN_ITEMS: usize = 128;

/// A memtable. One thread at a time writes it; once it is sealed, none.
#[derive(Default)]
pub(super) struct Memtable {
    keys: RwLock<Keys>,
    /// Of all that was written, also of what was replaced: its bytes may be parts of larger ones.
    bytes: AtomicU64,
}

/// What was written, by key.
#[derive(Default)]
struct Keys {
    /// Appended keys, each behind the ones that came before it: nearly all of them.
    run: Vec<(Bytes, Versions)>,
    /// Other appended keys: what is deleted of earlier ones.
    late: BTreeMap<Bytes, Versions>,
    rest: BTreeMap<Bytes, Versions>,
}

/// What a key became with the write of a number; `None`: it went.
struct Version {
    seqno: SeqNo,
    value: Option<Bytes>,
}

struct Versions {
    newest: Version,
    /// The ones before that a view may see, in the order in which they were written.
    replaced: Vec<Version>,
}

impl Versions {
    fn new(newest: Version) -> Self {
        Self {
            newest,
            replaced: Vec::new(),
        }
    }

    /// A newer one; what it replaces stays for views that see up to `newest_view` or less.
    fn add(&mut self, version: Version, newest_view: Option<SeqNo>) {
        let replaced = std::mem::replace(&mut self.newest, version);
        if newest_view.is_some_and(|view| replaced.seqno < view) {
            self.replaced.push(replaced);
        }
    }

    /// What a view sees up to a number, if it was there.
    fn before(&self, seqno: SeqNo) -> Option<&Option<Bytes>> {
        let mut versions = self.replaced.iter().chain([&self.newest]);
        let version = versions.rfind(|version| version.seqno < seqno)?;
        Some(&version.value)
    }
}

/// Keys in order.
type Ordered<'a> = Box<dyn DoubleEndedIterator<Item = (&'a Bytes, &'a Versions)> + 'a>;

impl Keys {
    fn write(&mut self, key: Bytes, version: Version, newest_view: Option<SeqNo>) {
        let keys = match Side::of_key(&key) {
            Side::Appended if self.run.last().is_none_or(|(last, _)| *last < key) => {
                return self.run.push((key, Versions::new(version)));
            }
            Side::Appended => match self.place(&key) {
                Ok(place) => return self.run[place].1.add(version, newest_view),
                Err(_) => &mut self.late,
            },
            _ => &mut self.rest,
        };
        match keys.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Versions::new(version));
            }
            Entry::Occupied(mut entry) => entry.get_mut().add(version, newest_view),
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Versions> {
        if Side::of_key(key) != Side::Appended {
            return self.rest.get(key);
        }
        match self.place(key) {
            Ok(place) => Some(&self.run[place].1),
            Err(_) => self.late.get(key),
        }
    }

    /// Where an appended key is, or where it would be.
    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.run.binary_search_by(|(at, _)| at.as_ref().cmp(key))
    }

    /// A range, in parts that are each in order.
    fn range<'a>(&'a self, (start, end): Range<'a>) -> [Ordered<'a>; 3] {
        let is_before = |(key, _): &(Bytes, _)| match start {
            Bound::Included(start) => key < start,
            Bound::Excluded(start) => key <= start,
            Bound::Unbounded => false,
        };
        let is_within = |(key, _): &&(Bytes, _)| match end {
            Bound::Included(end) => *key <= end,
            Bound::Excluded(end) => *key < end,
            Bound::Unbounded => true,
        };
        let run = &self.run[self.run.partition_point(is_before)..];
        let run = &run[..run.partition_point(|item| is_within(&item))];
        [
            Box::new(run.iter().map(|(key, versions)| (key, versions))),
            Box::new(self.late.range::<[u8], _>((start, end))),
            Box::new(self.rest.range::<[u8], _>((start, end))),
        ]
    }

    /// All keys of a side, in order.
    fn of(&self, side: Side) -> Ordered<'_> {
        let rest = self.rest.iter();
        if side == Side::Rest {
            return Box::new(rest);
        }
        let run = self.run.iter().map(|(key, versions)| (key, versions));
        let mut items: Vec<_> = run.chain(&self.late).collect();
        if side == Side::Either {
            items.extend(rest);
        }
        items.sort_by_key(|(key, _)| *key);
        Box::new(items.into_iter())
    }
}

impl Memtable {
    /// Takes in the write of a number. What it replaces stays for views that see up to `newest_view` or
    /// less; any later one must see the write.
    pub(super) fn write(&self, changes: ChangeSet, seqno: SeqNo, newest_view: Option<SeqNo>) {
        let mut bytes = 0;
        let mut keys = self.keys.write();
        for (key, value) in changes {
            bytes +=
                size_of::<(Bytes, Versions)>() + key.len() + value.as_ref().map_or(0, Bytes::len);
            keys.write(key, Version { seqno, value }, newest_view);
        }
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What was written of a key before a number; within: `None` if it went.
    pub(super) fn get(&self, key: &[u8], seqno: SeqNo) -> Option<Option<Bytes>> {
        self.keys.read().get(key)?.before(seqno).cloned()
    }

    /// What was written of a range's keys before a number, in order.
    pub(super) fn range(
        self: &Arc<Self>,
        (start, end): Range<'_>,
        direction: Direction,
        seqno: SeqNo,
    ) -> impl Iterator<Item = (Bytes, Option<Bytes>)> + use<> {
        let memtable = self.clone();
        let mut start = start.map(Bytes::copy_from_slice);
        let mut end = end.map(Bytes::copy_from_slice);
        let take = move || {
            let range = (
                start.as_ref().map(AsRef::as_ref),
                end.as_ref().map(AsRef::as_ref),
            );
            let taken = memtable.take(range, direction, seqno);
            let (last, _) = taken.last()?;
            let last = Bound::Excluded(last.clone());
            match direction {
                Direction::Forward => start = last,
                Direction::Backward => end = last,
            }
            Some(taken)
        };
        std::iter::from_fn(take).flatten()
    }

    /// The first items of a range.
    fn take(
        &self,
        range: Range<'_>,
        direction: Direction,
        seqno: SeqNo,
    ) -> Vec<(Bytes, Option<Bytes>)> {
        let keys = self.keys.read();
        let mut taken = Vec::new();
        for part in keys.range(range) {
            let mut items = part
                .filter_map(|(key, versions)| Some((key.clone(), versions.before(seqno)?.clone())));
            match direction {
                Direction::Forward => taken.extend(items.take(TAKEN_ITEMS)),
                Direction::Backward => {
                    let backward = std::iter::from_fn(|| items.next_back());
                    taken.extend(backward.take(TAKEN_ITEMS));
                }
            }
        }
        taken.sort_by(|(one, _), (other, _)| match direction {
            Direction::Forward => one.cmp(other),
            Direction::Backward => other.cmp(one),
        });
        taken.truncate(TAKEN_ITEMS);
        taken
    }

    /// Makes tables of a tree from the newest versions of the keys that are in it. No view that is older
    /// than `oldest` is open.
    pub(super) fn make_tables(
        &self,
        tree: &AnyTree,
        side: Side,
        oldest: SeqNo,
    ) -> fjall::Result<()> {
        let keys = self.keys.read();
        let items = keys.of(side).map(|(key, versions)| {
            let Version { seqno, value } = &versions.newest;
            Ok(match value {
                Some(value) => {
                    let kind = ValueType::Value;
                    InternalValue::from_components(key.clone(), value.clone(), *seqno, kind)
                }
                None => InternalValue::new_tombstone(key.clone(), *seqno),
            })
        });
        if let Some((tables, apart)) = tree.flush_to_tables(items)? {
            tree.register_tables(&tables, apart.as_deref(), None, &[], oldest)?;
        }
        Ok(())
    }

    /// The bytes that it is bounded by.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
