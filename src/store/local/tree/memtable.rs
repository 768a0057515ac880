//! What was written and is in no tables yet, in memory and in order.
//!
//! A key has one entry, however often it is written. What it was before stays only while a view is open
//! that sees it: such a view reads here until it is closed, also behind the flush, so tables need the
//! newest versions alone.

use super::trees::Range;
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
    keys: RwLock<BTreeMap<Bytes, Versions>>,
    /// Of all that was written, also of what was replaced: its bytes may be parts of larger ones.
    bytes: AtomicU64,
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
    /// What a view sees up to a number, if it was there.
    fn before(&self, seqno: SeqNo) -> Option<&Option<Bytes>> {
        let mut versions = self.replaced.iter().chain([&self.newest]);
        let version = versions.rfind(|version| version.seqno < seqno)?;
        Some(&version.value)
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
            let version = Version { seqno, value };
            match keys.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Versions {
                        newest: version,
                        replaced: Vec::new(),
                    });
                }
                Entry::Occupied(mut entry) => {
                    let versions = entry.get_mut();
                    let replaced = std::mem::replace(&mut versions.newest, version);
                    if newest_view.is_some_and(|view| replaced.seqno < view) {
                        versions.replaced.push(replaced);
                    }
                }
            }
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
        let mut items = keys
            .range::<[u8], _>(range)
            .filter_map(|(key, versions)| Some((key.clone(), versions.before(seqno)?.clone())));
        match direction {
            Direction::Forward => items.take(TAKEN_ITEMS).collect(),
            Direction::Backward => {
                let backward = std::iter::from_fn(|| items.next_back());
                backward.take(TAKEN_ITEMS).collect()
            }
        }
    }

    /// Makes tables of a tree from the newest versions of the keys that are in it. No view that is older
    /// than `oldest` is open.
    pub(super) fn make_tables(
        &self,
        tree: &AnyTree,
        is_in: impl Fn(&[u8]) -> bool,
        oldest: SeqNo,
    ) -> fjall::Result<()> {
        let keys = self.keys.read();
        let items = keys.iter().filter(|(key, _)| is_in(key));
        let items = items.map(|(key, versions)| {
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
