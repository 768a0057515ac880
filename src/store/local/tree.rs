//! A log-structured merge tree on a disk, and views of it.
//!
//! - `journaled`: with a journal, for a store that has no other log (`fjall`).
//! - `bare`: without one, for the state of a member of a group (`lsm-tree`, which is below `fjall`).
//!
//! ### Bounds, for two cores and modest memory
//! Writes go to a memtable; other threads turn full memtables into tables and merge tables. Memory
//! is the block cache and the memtables: about 32 * 3 MiB beside that, and one round of writes.

pub(super) mod bare;
mod contents;
mod journaled;
mod memtable;
mod reach;
mod trees;

use crate::store::Direction;
use crate::store::round::ChangeSet;
use bytes::Bytes;
use contents::Contents;
use fjall::AbstractTree;
use fjall::compaction::Leveled;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trees::{Range, Trees};

/// Full memtables waiting to become tables; more than this and writes wait.
const SEALED_MEMTABLES_MAX: usize = 2;
/// Unmerged tables; more than this and writes wait, since every read looks into each.
const UNMERGED_TABLES_MAX: usize = 20;
/// Tables that are merged into the first level together. What lies there is written once more with
/// them, so more at a time make fewer writes; but reads look into each.
const MERGED_TABLES: u8 = 8;
/// Small tables make short merges; the first level holds as many of them as are merged into it.
const TABLE_BYTES: u64 = 16 << 20;

/// Bytes of tables' blocks that are kept in memory. With fewer than the least, reads of a few million
/// keys mostly read a table's index and filter anew; beyond the most it is keys that should be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockCache(u64);

const BLOCK_CACHE_BYTES_MIN: usize = 16 << 20;
const BLOCK_CACHE_BYTES_MAX: usize = 64 << 20;

impl BlockCache {
    /// Of bytes for blocks and for keys a quarter, within bounds; and what is left for keys.
    pub fn divide(bytes: usize) -> (Self, usize) {
        let part = (bytes / 4).min(BLOCK_CACHE_BYTES_MAX);
        (Self(part.max(BLOCK_CACHE_BYTES_MIN) as u64), bytes - part)
    }
}

impl Default for BlockCache {
    /// The most.
    fn default() -> Self {
        Self(BLOCK_CACHE_BYTES_MAX as u64)
    }
}

/// An open tree, which one thread at a time may write. Dropping it ends the tree's own thread.
pub(super) enum Tree {
    /// One that keeps a journal.
    Journaled(journaled::Tree),
    /// One whose changes are durable when they are in tables.
    Bare(bare::Tree),
}

/// Which tables are merged, and when.
fn merging() -> Leveled {
    Leveled::default()
        .with_table_target_size(TABLE_BYTES)
        .with_l0_threshold(MERGED_TABLES)
}

impl Tree {
    /// Makes a tree with a journal.
    pub(super) fn create_journaled(data: &Path) -> fjall::Result<()> {
        journaled::Tree::open(data, BlockCache::default())?.persist()
    }

    /// Opens what is in a directory; a tree without a journal where there is nothing.
    pub(super) fn open(data: &Path, blocks: BlockCache) -> fjall::Result<Self> {
        Ok(match journaled::Tree::is_in(data) {
            true => Self::Journaled(journaled::Tree::open(data, blocks)?),
            false => Self::Bare(bare::Tree::open(data, blocks)?),
        })
    }

    /// The directory of the tree within that of its journal, when it has one; it holds everything.
    pub(super) fn take_from_journal(data: &Path) -> fjall::Result<Option<PathBuf>> {
        if !journaled::Tree::is_in(data) {
            return Ok(None);
        }
        let tree = journaled::Tree::open(data, BlockCache::default())?;
        tree.flush()?;
        Ok(Some(tree.path()))
    }

    fn trees(&self) -> &Trees {
        match self {
            Self::Journaled(tree) => tree.trees(),
            Self::Bare(tree) => tree.trees(),
        }
    }

    /// A view of all that was written.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        match self {
            Self::Journaled(tree) => tree.snapshot(),
            Self::Bare(tree) => Arc::new(tree.snapshot()),
        }
    }

    /// All that was written, for whoever writes.
    fn newest(&self) -> Contents {
        match self {
            Self::Journaled(tree) => tree.newest(),
            Self::Bare(tree) => tree.newest(),
        }
    }

    /// The newest value of a key, for whoever writes.
    pub(super) fn get(&self, key: &[u8]) -> fjall::Result<Option<Bytes>> {
        self.newest().get(key)
    }

    /// The keys of a range, for whoever writes.
    pub(super) fn keys(
        &self,
        range: Range<'_>,
    ) -> impl Iterator<Item = fjall::Result<Bytes>> + use<> {
        let items = self.newest().range(range, Direction::Forward);
        items.map(|item| Ok(item?.0))
    }

    /// Without a journal: how far the owner's log was, at most, in what a crash has left of one part of
    /// the tree and perhaps not of the other.
    pub(super) fn reach(&self) -> fjall::Result<Option<Bytes>> {
        match self {
            Self::Journaled(_) => Ok(None),
            Self::Bare(tree) => tree.reach(),
        }
    }

    /// Makes changes visible, all or none; durable too, if that is asked for.
    pub(super) fn write(&self, changes: ChangeSet, is_durable: bool) -> fjall::Result<()> {
        match self {
            Self::Journaled(tree) => tree.write(changes, is_durable),
            Self::Bare(tree) => {
                tree.write(changes);
                match is_durable {
                    true => tree.flush(),
                    false => Ok(()),
                }
            }
        }
    }

    /// Makes changes visible, all or none, and tells of them no sooner than a view that is opened then
    /// sees them.
    pub(super) fn write_telling(
        &self,
        changes: ChangeSet,
        tell: impl FnOnce(),
    ) -> fjall::Result<()> {
        match self {
            Self::Journaled(tree) => {
                tree.write(changes, false)?;
                tell();
            }
            Self::Bare(tree) => tree.write_telling(changes, tell),
        }
        Ok(())
    }

    /// Makes durable what is visible.
    pub(super) fn persist(&self) -> fjall::Result<()> {
        match self {
            Self::Journaled(tree) => tree.persist(),
            Self::Bare(tree) => tree.flush(),
        }
    }

    /// Begins a new memtable when the current one is full.
    pub(super) fn make_room(&self) -> fjall::Result<Option<u64>> {
        match self {
            Self::Journaled(tree) => tree.make_room().map(|()| None),
            Self::Bare(tree) => tree.make_room(bare::MEMTABLE_BYTES),
        }
    }

    /// Turns all memtables into tables; an empty one is passed over.
    pub(super) fn flush(&self) -> fjall::Result<()> {
        match self {
            Self::Journaled(tree) => tree.flush(),
            Self::Bare(tree) => tree.flush(),
        }
    }

    /// Merges all tables into new ones without what is dead.
    pub(super) fn merge_all(&self) -> fjall::Result<()> {
        match self {
            Self::Journaled(tree) => tree.merge_all(),
            Self::Bare(tree) => tree.merge_all(),
        }
    }

    /// Bytes of the tables and memtables.
    pub(super) fn bytes(&self) -> u64 {
        self.trees().sum(AbstractTree::disk_space) + self.memtable_bytes()
    }

    /// Bytes that are in memory alone.
    pub(super) fn unwritten_bytes(&self) -> u64 {
        match self {
            Self::Journaled(_) => 0,
            Self::Bare(tree) => tree.memtable_bytes(),
        }
    }

    fn memtable_bytes(&self) -> u64 {
        match self {
            Self::Journaled(tree) => tree.trees().sum(AbstractTree::version_memtable_size_sum),
            Self::Bare(tree) => tree.memtable_bytes(),
        }
    }
}

/// A view of a tree: of whole writes alone, and the same whenever it is read.
pub(super) struct Snapshot {
    contents: Contents,
    /// Keeps the tree from forgetting what can be seen here.
    _hold: Hold,
}

enum Hold {
    Journaled { _snapshot: fjall::Snapshot },
    Bare { _place: bare::Place },
}

impl Snapshot {
    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> fjall::Result<Option<Bytes>> {
        self.contents.get(key)
    }

    /// The keys of a range and their values, in order.
    pub(super) fn range(
        &self,
        range: Range<'_>,
        direction: Direction,
    ) -> impl Iterator<Item = fjall::Result<(Bytes, Bytes)>> + use<> {
        self.contents.range(range, direction)
    }
}
