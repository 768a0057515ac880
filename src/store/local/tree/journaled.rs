//! A tree with a journal: one `fjall` keyspace.
//!
//! The store rotates memtables itself. Left to it, the engine asks for a rotation with every
//! commit behind a full memtable, through a queue that its threads also write to: one thread can
//! then lock itself out, and of two threads one spins while the other merges tables.
//!
//! A snapshot of the engine's is not taken while it writes: what ends a flush makes the number
//! of a batch visible that is still being written, and a view of then sees a part of it, and
//! later more. So one is taken behind each write, and is the view of all who ask before the next.

use super::contents::Contents;
use super::{
    BlockCache, Hold, SEALED_MEMTABLES_MAX, Snapshot, Trees, UNMERGED_TABLES_MAX, merging,
};
use crate::store::round::ChangeSet;
use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, SeqNo,
};
use parking_lot::{Mutex, RwLock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Replayed at the next start, so it also bounds the time of one.
const JOURNALS_BYTES: u64 = 256 << 20;
/// One of them makes tables and nothing else: a merge may take longer than memtables take to fill.
const ENGINE_THREADS: usize = 2;
/// A full memtable; larger means fewer flushes and merges, smaller means less memory.
const MEMTABLE_BYTES: u64 = 32 << 20;
const STALL_POLL: Duration = Duration::from_millis(1);

const KEYSPACE: &str = "data";
/// What only the engine's own directories have.
const KEYSPACES: &str = "keyspaces";

/// See [`super::Tree`].
pub(in super::super) struct Tree {
    trees: Trees,
    keyspace: Keyspace,
    database: Database,
    /// Held from looking at the number of memtables to adding one.
    rotation: Mutex<()>,
    /// Held while writing.
    writing: Mutex<()>,
    /// Of behind the last write.
    latest: RwLock<Arc<Snapshot>>,
}

fn snapshot(database: &Database, trees: &Trees) -> Arc<Snapshot> {
    let snapshot = database.snapshot();
    Arc::new(Snapshot {
        contents: Contents {
            memtables: Vec::new(),
            trees: trees.clone(),
            seqno: snapshot.seqno(),
        },
        _hold: Hold::Journaled {
            _snapshot: snapshot,
        },
    })
}

impl Tree {
    /// Whether there is one in a directory.
    pub(super) fn is_in(data: &Path) -> bool {
        data.join(KEYSPACES).is_dir()
    }

    /// Opens the tree in a directory, or makes it.
    pub(super) fn open(data: &Path, blocks: BlockCache) -> fjall::Result<Self> {
        let database = Database::builder(data)
            .cache_size(blocks.0)
            .max_journaling_size(JOURNALS_BYTES)
            .worker_threads(ENGINE_THREADS)
            .open()?;
        let keyspace = database.keyspace(KEYSPACE, || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(u64::MAX)
                .compaction_strategy(Arc::new(merging()))
        })?;
        let trees = Trees {
            rest: keyspace.tree.clone(),
            appended: None,
        };
        Ok(Self {
            latest: RwLock::new(snapshot(&database, &trees)),
            trees,
            keyspace,
            database,
            rotation: Mutex::new(()),
            writing: Mutex::new(()),
        })
    }

    pub(super) fn trees(&self) -> &Trees {
        &self.trees
    }

    /// All that was written, for whoever writes.
    pub(super) fn newest(&self) -> Contents {
        Contents {
            memtables: Vec::new(),
            trees: self.trees.clone(),
            seqno: SeqNo::MAX,
        }
    }

    /// Where its tables are.
    pub(super) fn path(&self) -> PathBuf {
        self.keyspace.path().to_owned()
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.latest.read().clone()
    }

    pub(super) fn write(&self, changes: ChangeSet, is_durable: bool) -> fjall::Result<()> {
        let _writing = self.writing.lock();
        let durability = is_durable.then_some(PersistMode::SyncData);
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
        batch.commit()?;
        *self.latest.write() = snapshot(&self.database, &self.trees);
        Ok(())
    }

    pub(super) fn persist(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }

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
        // The engine's own bound of tables is 30, where it would wait without noticing its own
        // failure.
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

    pub(super) fn flush(&self) -> fjall::Result<()> {
        self.rotate()?;
        while self.keyspace.tree.sealed_memtable_count() > 0 {
            self.wait()?;
        }
        Ok(())
    }

    pub(super) fn merge_all(&self) -> fjall::Result<()> {
        self.keyspace.major_compact()
    }
}
