//! The items of a piece of the key space that the cache knows.

use super::heads::Heads;
use crate::mvcc::keyspace::{Current, Value};
use crate::mvcc::read::Item;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Items of one stretch; more are divided. Few are cheap to copy when a reader holds them, many
/// make few stretches.
pub(super) const STRETCH_ITEMS_MAX: usize = 128;
/// Changes that a stretch takes in and nobody reads, before it is forgotten: some for each item.
pub(super) const UNREAD_CHANGES_MAX: u32 = 8 * STRETCH_ITEMS_MAX as u32;
/// Bytes of an item beside its key and value: handles, numbers, its head, and what the allocator
/// adds.
const ITEM_OVERHEAD_BYTES: usize = 200;
/// Bytes of a stretch beside its items, and the keys that it begins and ends with.
const STRETCH_OVERHEAD_BYTES: usize = 320;

/// All live keys from one key up to another.
pub(super) struct Stretch {
    /// The first key it does not know; `None` is no key.
    pub(super) end: Option<Bytes>,
    pub(super) items: Arc<Vec<Item>>,
    heads: Heads,
    /// `items.len()`, without looking there.
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// Some value is not inline.
    pub(super) has_blobs: bool,
    /// Read since the hand passed.
    pub(super) used: AtomicBool,
    /// Read since it changed.
    read: AtomicBool,
    /// Changes since it was read.
    unread_changes: u32,
}

impl Stretch {
    pub(super) fn new(end: Option<Bytes>, items: Vec<Item>) -> Self {
        let item_bytes: usize = items
            .iter()
            .map(|(key, current)| size_bytes(key, current))
            .sum();
        Self {
            count: items.len(),
            bytes: overhead_bytes(end.as_ref()) + item_bytes,
            end,
            has_blobs: items.iter().any(|(_, current)| is_blob(current)),
            heads: Heads::of(&items),
            items: Arc::new(items),
            used: AtomicBool::new(false),
            read: AtomicBool::new(true),
            unread_changes: 0,
        }
    }

    pub(super) fn with_used(self, used: bool) -> Self {
        self.used.store(used, Ordering::Relaxed);
        self
    }

    /// Whether its end lies behind a key.
    pub(super) fn reaches_beyond(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    /// Where a key is, or where it would be.
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.heads.find(&self.items, key)
    }

    /// How many keys are before one.
    pub(super) fn place(&self, key: &[u8]) -> usize {
        self.find(key).unwrap_or_else(|place| place)
    }

    pub(super) fn mark_used(&self) {
        for mark in [&self.used, &self.read] {
            // Looking first keeps readers from passing the line around.
            if !mark.load(Ordering::Relaxed) {
                mark.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether it costs more to keep than to read anew.
    pub(super) fn is_idle(&self) -> bool {
        self.unread_changes > UNREAD_CHANGES_MAX
    }

    /// A version is one that is [`stored`], and `key` its key.
    pub(super) fn set(&mut self, key: Bytes, current: Option<Current>) {
        self.unread_changes = match std::mem::take(self.read.get_mut()) {
            true => 0,
            false => self.unread_changes + 1,
        };
        let place = self.find(&key);
        let items = Arc::make_mut(&mut self.items);
        if let Ok(place) = place {
            self.bytes -= size_bytes(&key, &items[place].1);
        }
        if let Some(current) = &current {
            self.bytes += size_bytes(&key, current);
            self.has_blobs |= is_blob(current);
        }
        match (place, current) {
            (Ok(place), Some(current)) => items[place] = (key, current),
            (Ok(place), None) => {
                items.remove(place);
                self.heads.remove(place);
            }
            (Err(place), Some(current)) => {
                items.insert(place, (key, current));
                self.heads.insert(place, items);
            }
            (Err(_), None) => {}
        }
        self.count = items.len();
    }
}

/// Bytes of a stretch beside its items. What it begins with is about as long as its end.
pub(super) fn overhead_bytes(end: Option<&Bytes>) -> usize {
    STRETCH_OVERHEAD_BYTES + 2 * end.map_or(0, Bytes::len)
}

pub(super) fn is_blob(current: &Current) -> bool {
    current.value.inline().is_none()
}

pub(super) fn size_bytes(key: &[u8], current: &Current) -> usize {
    let value = current.value.inline().map_or(0, Bytes::len);
    key.len() + value + ITEM_OVERHEAD_BYTES
}

/// A key and its version as they are kept: with bytes of their own, for those of a request or of a page
/// of the store may hold much else in memory; and together, for who reads one mostly reads both.
pub(super) fn stored(key: &[u8], current: Current) -> Item {
    let inline = current.value.inline().map_or(&[][..], AsRef::as_ref);
    let own = Bytes::from([key, inline].concat());
    let inline = || Value::Inline(own.slice(key.len()..));
    let value = current.value.blob().map_or_else(inline, Value::Blob);
    (own.slice(..key.len()), Current { value, ..current })
}
