//! Hashes over a keyspace, to compare members with one another.

use crate::error::Result;
use crate::mvcc::keyspace::{Change, Layout, Revision, successor};
use crate::mvcc::{compact, read};
use crate::pb::mvccpb::KeyValue;
use crate::store::{Direction, PageLimit, View};
use bytes::{BufMut, BytesMut};
use prost::Message;
use std::collections::{HashSet, VecDeque};

/// Records hashed at a time.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// Hashes that a server remembers having told.
const REMEMBERED_MAX: usize = 64;

/// What a member says of its keyspace at a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The revision.
    pub revision: i64,
    /// The compaction that its history begins behind.
    pub compacted: i64,
    /// etcd's hash of it.
    pub hash: u32,
}

/// What was told last. A compaction takes away what a hash up to its revision was made of, so what is asked
/// again then is answered from here.
#[derive(Debug, Default)]
pub struct Remembered(VecDeque<Told>);

impl Remembered {
    /// Keeps what is told now, instead of what was told of that revision before.
    pub fn keep(&mut self, told: Told) {
        self.0.retain(|known| known.revision != told.revision);
        self.0.truncate(REMEMBERED_MAX - 1);
        self.0.push_front(told);
    }

    /// What was told of `revision`.
    pub fn of(&self, revision: i64) -> Option<Told> {
        self.0
            .iter()
            .find(|known| known.revision == revision)
            .copied()
    }
}

/// etcd's hash of the keyspace at `revision`, compacted at `compacted`: over the changes up to it,
/// in the form etcd stores them in. Of the changes up to `compacted` only those count that still
/// hold at `revision`; but when no key is left there (`is_empty`), etcd counts all that the
/// compaction has kept.
pub async fn history(
    view: &View,
    layout: &Layout,
    revision: i64,
    compacted: i64,
    is_empty: bool,
) -> Result<u32> {
    let until = if is_empty { compacted } else { revision };
    let superseded = superseded(view, layout, compacted, until).await?;
    let mut hash = crc32c::crc32c(b"key");
    let mut from = layout.history(Revision::first_of(0));
    // Nothing is as old as a negative revision.
    let end = layout.history(Revision::first_of(revision.max(-1) + 1));
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (store_key, record) in &page.items {
            let at = layout.history_revision(store_key)?;
            let change = Change::decode(at, record.clone())?;
            // A deletion at the compacted revision is not part of etcd's hash.
            let is_doomed =
                superseded.contains(&at) || (at.main <= compacted && change.put.is_none());
            if is_doomed {
                continue;
            }
            let mut key = BytesMut::with_capacity(18);
            key.put_i64(at.main);
            key.put_u8(b'_');
            key.put_i64(i64::from(at.sub));
            let stored = match change.put {
                Some(put) => {
                    let value = read::value(view, layout, &put.value).await?;
                    put.to_key_value(change.key, value)
                }
                None => {
                    key.put_u8(b't');
                    KeyValue {
                        key: change.key,
                        ..Default::default()
                    }
                }
            };
            hash = crc32c::crc32c_append(hash, &key);
            hash = crc32c::crc32c_append(hash, &stored.encode_to_vec());
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => return Ok(hash),
        }
    }
}

/// The changes up to `compacted` that others up to `until` have replaced.
async fn superseded(
    view: &View,
    layout: &Layout,
    compacted: i64,
    until: i64,
) -> Result<HashSet<Revision>> {
    let mut superseded = HashSet::new();
    let mut from = layout.history(compact::next(view, layout).await?);
    let end = layout.history(Revision::first_of(until.max(0) + 1));
    while from < end {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (store_key, record) in &page.items {
            let at = layout.history_revision(store_key)?;
            let change = Change::decode(at, record.clone())?;
            let replaced = change.replaced.map(|replaced| replaced.revision);
            superseded.extend(replaced.filter(|replaced| replaced.main <= compacted));
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => break,
        }
    }
    Ok(superseded)
}

/// A hash of the live keyspace and its history, as stored.
pub async fn everything(view: &View, layout: &Layout) -> Result<u32> {
    // That of nothing is not 0 either: JSON leaves out what is 0.
    let mut hash = crc32c::crc32c(b"keyspace");
    for subspace in [b'a', b'b', b'c', b'h', b'k', b'l'] {
        let (mut from, end) = layout.subspace(subspace);
        loop {
            let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
            for (key, record) in &page.items {
                hash = crc32c::crc32c_append(hash, &key.slice(layout.head_bytes() - 1..));
                hash = crc32c::crc32c_append(hash, record);
            }
            match page.items.last() {
                Some((key, _)) if page.more => from = successor(key),
                _ => break,
            }
        }
    }
    Ok(hash)
}
