//! A tree on a disk: one `fjall` keyspace, and its bounds.
//!
//! ### Bounds, for two cores and modest memory
//! Writes go to a journal and to a memtable; one engine thread turns full memtables into tables
//! and merges tables. Memory is the block cache and the memtables: about 64 + 32 * 3 MiB and one
//! round of writes.
//!
//! The store rotates memtables itself. Left to it, the engine asks for a rotation with every
//! commit behind a full memtable, through a queue that its threads also write to: one thread can
//! then lock itself out, and of two threads one spins while the other merges tables.

use crate::store::round::ChangeSet;
use bytes::Bytes;
use fjall::compaction::Leveled;
use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Snapshot,
};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CACHE_BYTES: u64 = 64 << 20;
/// Replayed at the next start, so it also bounds the time of one.
const JOURNALS_BYTES: u64 = 256 << 20;
const ENGINE_THREADS: usize = 1;
/// A full memtable; larger means fewer flushes and merges, smaller means less memory.
const MEMTABLE_BYTES: u64 = 32 << 20;
/// Full memtables waiting to become tables; more than this and writes wait.
const SEALED_MEMTABLES_MAX: usize = 2;
/// Unmerged tables; more than this and writes wait, since every read looks into each.
/// The engine's own bound is 30, where it would wait without noticing its own failure.
const UNMERGED_TABLES_MAX: usize = 20;
/// Small tables make short merges, so that a full memtable waits less for one to end.
const TABLE_BYTES: u64 = 32 << 20;
const STALL_POLL: Duration = Duration::from_millis(1);

const KEYSPACE: &str = "data";

/// An open tree. Dropping it ends its thread.
pub(super) struct Tree {
    pub(super) keyspace: Keyspace,
    database: Database,
    /// Held from looking at the number of memtables to adding one.
    rotation: Mutex<()>,
}

impl Tree {
    /// Opens the tree in a directory, or makes it.
    pub(super) fn open(data: &Path) -> fjall::Result<Self> {
        let database = Database::builder(data)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNALS_BYTES)
            .worker_threads(ENGINE_THREADS)
            .open()?;
        let keyspace = database.keyspace(KEYSPACE, || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(u64::MAX)
                .compaction_strategy(Arc::new(
                    Leveled::default().with_table_target_size(TABLE_BYTES),
                ))
        })?;
        Ok(Self {
            keyspace,
            database,
            rotation: Mutex::new(()),
        })
    }

    /// A view of all that was written.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }

    /// The newest value of a key.
    pub(super) fn get(&self, key: &[u8]) -> fjall::Result<Option<Bytes>> {
        Ok(self.keyspace.get(key)?.map(Bytes::from))
    }

    /// Makes changes visible, all or none.
    pub(super) fn write(
        &self,
        changes: ChangeSet,
        durability: Option<PersistMode>,
    ) -> fjall::Result<()> {
        let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), changes.len())
            .durability(durability);
        // One item per key: the engine gives all items of a batch the same age and could not
        // tell which came later.
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(&self.keyspace, key, value),
                None => batch.remove(&self.keyspace, key),
            }
        }
        batch.commit()
    }

    /// Makes what is visible as durable as asked for.
    pub(super) fn persist(&self, mode: PersistMode) -> fjall::Result<()> {
        self.database.persist(mode)
    }

    /// Begins a new memtable when the current one is full.
    pub(super) fn make_room(&self) -> fjall::Result<()> {
        if self.keyspace.tree.active_memtable().size() < MEMTABLE_BYTES {
            return Ok(());
        }
        self.rotate()
    }

    /// Begins a new memtable; waits while the engine is behind.
    fn rotate(&self) -> fjall::Result<()> {
        let _rotation = self.rotation.lock();
        let tree = &self.keyspace.tree;
        while tree.sealed_memtable_count() >= SEALED_MEMTABLES_MAX
            || tree.l0_run_count() >= UNMERGED_TABLES_MAX
        {
            self.wait()?;
        }
        self.keyspace.rotate_memtable().map(|_| ())
    }

    /// Gives the engine's thread time, and notices when it has failed.
    fn wait(&self) -> fjall::Result<()> {
        std::thread::sleep(STALL_POLL);
        self.database.persist(PersistMode::Buffer)
    }

    /// Turns all memtables into tables; the engine passes over an empty one.
    pub(super) fn flush(&self) -> fjall::Result<()> {
        self.rotate()?;
        while self.keyspace.tree.sealed_memtable_count() > 0 {
            self.wait()?;
        }
        Ok(())
    }

    /// Bytes of the tables and memtables.
    pub(super) fn bytes(&self) -> u64 {
        self.keyspace.disk_space() + self.database.write_buffer_size()
    }
}
