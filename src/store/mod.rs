//! The store contract: an ordered map of bytes with consistent views and one way to write.
//!
//! A [`View`] is a consistent snapshot. A [`Batch`] is applied atomically, and only if its
//! guard key still holds the expected value. Everything above this module is written against
//! these two and never knows which store it stands on.
//!
//! ### What a store must keep, for every caller
//! - A `Linearizable` view sees every batch acknowledged before the call.
//! - `apply` answers `Ok` only when the batch is durable.
//! - Batches are atomic: a view sees all of a batch or nothing.
//! - `Conflict`: the batch has not been applied and never will be.
//! - `Unknown`: the batch may have been applied, or may still be; the caller finds out by looking.
//! - After a failed write or fsync of its log a store answers `Fatal` to everything, for ever.
//! - Keys are ordered as unsigned bytes.

mod directory;
#[cfg(test)]
pub mod faulty;
pub mod local;
pub mod memory;
#[cfg(test)]
mod suite;

use bytes::Bytes;
use std::sync::Arc;

/// How fresh a view must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write acknowledged before the call.
    Linearizable,
    /// May lag behind; needs no quorum.
    Serializable,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Sets a key to a value.
    Set(Bytes, Bytes),
    /// Removes a key; nothing happens when it is absent.
    Clear(Bytes),
    /// Removes the keys in `[start, end)`.
    ClearRange(Bytes, Bytes),
}

impl Op {
    /// The bytes this change adds to its batch.
    pub fn size_bytes(&self) -> usize {
        match self {
            Op::Set(key, value) => key.len() + value.len(),
            Op::Clear(key) => key.len(),
            Op::ClearRange(start, end) => start.len() + end.len(),
        }
    }
}

/// The condition under which a batch is applied: `key` holds `expected` (`None`: is absent).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The key looked at.
    pub key: Bytes,
    /// What it must hold.
    pub expected: Option<Bytes>,
}

/// Names one batch of one writer; `sequence` rises by one with each batch the writer tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchId {
    /// The writing process.
    pub writer: u64,
    /// Its running number.
    pub sequence: u64,
}

/// Changes applied all together or not at all, in order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Who writes this, for stores that must recognise a batch they already hold.
    pub id: BatchId,
    /// When to apply it; `None` is always.
    pub guard: Option<Guard>,
    /// What to change; a later op wins over an earlier one.
    pub ops: Vec<Op>,
}

/// Why a batch was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The guard key holds something else; nothing was or will be applied.
    #[error("another writer was first")]
    Conflict,
    /// Another member leads; nothing was applied.
    #[error("this server does not lead")]
    NotLeader {
        /// The leader's member id, when known.
        leader: Option<u64>,
    },
    /// The batch may or may not have been applied, or may be later.
    #[error("the outcome of the write is unknown")]
    Unknown,
    /// The batch exceeds [`Limits`]; nothing was applied.
    #[error("the batch is larger than the store takes")]
    TooLarge,
    /// The store has failed and refuses all further work.
    #[error("{0}")]
    Fatal(Arc<str>),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The view is too old to read from: open a new one and go on from there.
    #[error("the view has expired")]
    ViewExpired,
    /// The store cannot be reached now.
    #[error("the store is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// The store has failed and refuses all further work, or cannot be opened at all.
    #[error("{0}")]
    Fatal(Arc<str>),
}

/// What one batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all keys and values of a batch.
    pub batch_bytes: usize,
    /// Bytes of one key.
    pub key_bytes: usize,
    /// Bytes of one value.
    pub value_bytes: usize,
}

/// Who leads, for the jobs that only one server must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// This server leads.
    pub is_leader: bool,
    /// The leader's member id, when another server leads and is known.
    pub leader: Option<u64>,
    /// Rises whenever leadership is taken anew.
    pub term: u64,
}

/// What the store occupies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes taken from the disk (or from memory).
    pub allocated_bytes: u64,
    /// Bytes of that which hold live data, as far as the store can tell.
    pub live_bytes: u64,
}

/// The bound of one page of a scan; at least one item is returned when there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit {
    /// At most this many items.
    pub items: usize,
    /// Stop after the item that reaches this many bytes of keys and values.
    pub bytes: usize,
}

/// The direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys; continue after the last key.
    Forward,
    /// Descending keys; continue below the last key.
    Backward,
}

/// One page of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Keys and values in scan order.
    pub items: Vec<(Bytes, Bytes)>,
    /// There are further items in the range behind the last one.
    pub more: bool,
}

/// A consistent snapshot of the store.
#[derive(Clone)]
pub enum View {
    /// Of a [`memory::Memory`].
    Memory(memory::MemoryView),
    /// Of a [`local::Local`].
    Local(local::LocalView),
    /// A view that fails on purpose.
    #[cfg(test)]
    Faulty(Box<faulty::FaultyView>),
}

impl View {
    /// The value of a key.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self {
            View::Memory(view) => Ok(view.get(key)),
            View::Local(view) => view.get(key),
            #[cfg(test)]
            View::Faulty(view) => Box::pin(view.get(key)).await,
        }
    }

    /// The values of many keys, in the order asked for; asked of the store all at once.
    pub async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        match self {
            View::Memory(view) => Ok(keys.iter().map(|key| view.get(key)).collect()),
            View::Local(view) => keys.iter().map(|key| view.get(key)).collect(),
            #[cfg(test)]
            View::Faulty(view) => Box::pin(view.get_many(keys)).await,
        }
    }

    /// One page of the keys in `[start, end)`.
    pub async fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: PageLimit,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        match self {
            View::Memory(view) => Ok(view.scan(start, end, limit, direction)),
            View::Local(view) => view.scan(start, end, limit, direction),
            #[cfg(test)]
            View::Faulty(view) => Box::pin(view.scan(start, end, limit, direction)).await,
        }
    }
}

/// A home for keyspaces. Cheap to clone; clones are the same store.
#[derive(Clone)]
pub enum Store {
    /// In this process's memory, gone with it.
    Memory(memory::Memory),
    /// In one directory of one disk.
    Local(local::Local),
    /// A store that fails on purpose.
    #[cfg(test)]
    Faulty(faulty::Faulty),
}

impl Store {
    /// A consistent snapshot.
    pub async fn view(&self, consistency: Consistency) -> Result<View, StoreError> {
        // Both stores have one copy of the data, so every view is linearizable.
        match self {
            Store::Memory(store) => Ok(View::Memory(store.view())),
            Store::Local(store) => Ok(View::Local(store.view()?)),
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.view(consistency)).await,
        }
    }

    /// Applies a batch; `Ok` means that it is durable.
    pub async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        match self {
            Store::Memory(store) => store.apply(batch),
            Store::Local(store) => store.apply(batch).await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.apply(batch)).await,
        }
    }

    /// Completes when `key` may have changed since the call; wakes too often rather than too seldom.
    pub async fn changed(&self, key: &[u8]) {
        match self {
            Store::Memory(store) => store.changed(key).await,
            Store::Local(store) => store.changed(key).await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.changed(key)).await,
        }
    }

    /// Who leads, now and as it changes.
    pub fn leadership(&self) -> tokio::sync::watch::Receiver<Leadership> {
        match self {
            Store::Memory(store) => store.leadership(),
            Store::Local(store) => store.leadership(),
            #[cfg(test)]
            Store::Faulty(store) => store.leadership(),
        }
    }

    /// What a batch may hold.
    pub fn limits(&self) -> Limits {
        match self {
            Store::Memory(store) => store.limits(),
            Store::Local(store) => store.limits(),
            #[cfg(test)]
            Store::Faulty(store) => store.limits(),
        }
    }

    /// What the store occupies.
    pub async fn usage(&self) -> Result<Usage, StoreError> {
        match self {
            Store::Memory(store) => Ok(store.usage()),
            Store::Local(store) => store.usage(),
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.usage()).await,
        }
    }

    /// Gives space freed by clears back, while reads and writes go on.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        match self {
            Store::Memory(_) => Ok(()),
            Store::Local(store) => store.reclaim().await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.reclaim()).await,
        }
    }

    /// Flushes and closes; further calls answer `Fatal`. Data acknowledged before is safe without it.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Store::Memory(_) => Ok(()),
            Store::Local(store) => store.close().await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.close()).await,
        }
    }

    /// The key prefix that belongs to the instance `name` alone, made on first use.
    pub async fn instance_prefix(&self, name: &str) -> Result<Bytes, StoreError> {
        directory::prefix(self, name).await
    }
}
