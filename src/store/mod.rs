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
pub mod fdb;
pub mod local;
pub mod memory;
pub mod raft;
mod round;
#[cfg(test)]
mod suite;

use crate::stats::Distribution;
use bytes::Bytes;
pub use directory::{APPENDED_SUBSPACE, is_bulk};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

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

/// The condition under which a batch is applied: `key` holds `expected` (`None`: is absent). It is
/// no key of the [bulk](is_bulk).
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
    /// No member of the group leads; nothing was applied.
    #[error("no server leads")]
    NoLeader,
    /// The batch may or may not have been applied, or may be later.
    #[error("the outcome of the write is unknown")]
    Unknown,
    /// The batch exceeds [`Limits`]; nothing was applied.
    #[error("the batch is larger than the store takes")]
    TooLarge,
    /// The store has failed and refuses all further work. The batch has not been acknowledged,
    /// yet may be found applied after a restart.
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
    /// The data itself is damaged, or of a newer format.
    #[error("{0}")]
    Unreadable(Arc<str>),
}

/// What one batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all keys and values of a batch. On a store that expands a
    /// [`ClearRange`](Op::ClearRange) into its keys, the keys it finds count too: clear a long
    /// range in pieces.
    pub batch_bytes: usize,
    /// Bytes of one key; no key is empty.
    pub key_bytes: usize,
    /// Bytes of one value.
    pub value_bytes: usize,
}

impl Limits {
    /// Whether a batch keeps to them.
    fn check(&self, batch: &Batch) -> Result<(), ApplyError> {
        let key_fits = |key: &Bytes| (1..=self.key_bytes).contains(&key.len());
        let fits = batch.ops.iter().all(|op| match op {
            Op::Set(key, value) => key_fits(key) && value.len() <= self.value_bytes,
            Op::Clear(key) => key_fits(key),
            // Bounds of ranges need not be keys, and the key after the longest is one longer.
            Op::ClearRange(start, end) => start.len().max(end.len()) <= self.key_bytes + 1,
        });
        let guard_fits = batch.guard.iter().all(|guard| key_fits(&guard.key));
        let bytes: usize = batch.ops.iter().map(Op::size_bytes).sum();
        if fits && guard_fits && bytes <= self.batch_bytes {
            Ok(())
        } else {
            Err(ApplyError::TooLarge)
        }
    }
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
    /// When this server's leadership ends unless it is renewed; `None` is never.
    pub until: Option<Instant>,
}

impl Leadership {
    /// Of a store that only one server can have open.
    fn alone(term: u64) -> Self {
        Self {
            is_leader: true,
            leader: None,
            term,
            until: None,
        }
    }

    /// Whether this server leads at this moment. A server that was frozen does not, though
    /// nobody could tell it yet.
    pub fn leads(&self) -> bool {
        self.is_leader && self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// How far a member of a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The last entry of the log that it knows to be committed.
    pub committed: u64,
    /// The last one that its state holds.
    pub applied: u64,
    /// It has no vote.
    pub is_learner: bool,
    /// Since this entry there is nobody else who could acknowledge anything; set only while that
    /// is so, and after all that was acknowledged before is in the state here.
    pub alone_since: Option<u64>,
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

/// One page of the items of a range, which come in the order of their keys.
fn page(
    items: impl DoubleEndedIterator<Item = Result<(Bytes, Bytes), StoreError>>,
    limit: PageLimit,
    direction: Direction,
) -> Result<Page, StoreError> {
    match direction {
        Direction::Forward => collect(items, limit),
        Direction::Backward => collect(items.rev(), limit),
    }
}

fn collect(
    mut items: impl Iterator<Item = Result<(Bytes, Bytes), StoreError>>,
    limit: PageLimit,
) -> Result<Page, StoreError> {
    let mut page = Page::default();
    let mut bytes = 0;
    for item in items.by_ref() {
        let (key, value) = item?;
        bytes += key.len() + value.len();
        page.items.push((key, value));
        if page.items.len() >= limit.items || bytes >= limit.bytes {
            break;
        }
    }
    page.more = items.next().transpose()?.is_some();
    Ok(page)
}

/// The first bound and the number of bounds of the times of writes to a disk; etcd's.
const DISK_TIMES: (Duration, usize) = (Duration::from_millis(1), 14);

/// The answer of a store that was closed.
fn closed() -> Arc<str> {
    "the store is closed".into()
}

/// Tells waiters that a batch was applied.
struct Changes(watch::Sender<()>);

impl Changes {
    fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    fn announce(&self) {
        self.0.send_replace(());
    }

    /// Completes at the first announcement after this call, or when the store is gone.
    fn next(&self) -> BoxFuture<'static, ()> {
        let mut receiver = self.0.subscribe();
        Box::pin(async move {
            // An error is the end of the store, which waiters must notice as well.
            let _ = receiver.changed().await;
        })
    }
}

/// A consistent snapshot of the store.
#[derive(Clone)]
pub enum View {
    /// Of a [`memory::Memory`].
    Memory(memory::MemoryView),
    /// Of a [`local::Local`].
    Local(local::LocalView),
    /// Of a [`fdb::Fdb`].
    Fdb(fdb::FdbView),
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
            View::Fdb(view) => view.get(key).await,
            #[cfg(test)]
            View::Faulty(view) => Box::pin(view.get(key)).await,
        }
    }

    /// The values of many keys, in the order asked for; asked of the store all at once.
    pub async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        match self {
            View::Memory(view) => Ok(keys.iter().map(|key| view.get(key)).collect()),
            View::Local(view) => keys.iter().map(|key| view.get(key)).collect(),
            View::Fdb(view) => view.get_many(keys).await,
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
            View::Memory(view) => view.scan(start, end, limit, direction),
            View::Local(view) => view.scan(start, end, limit, direction),
            View::Fdb(view) => view.scan(start, end, limit, direction).await,
            #[cfg(test)]
            View::Faulty(view) => Box::pin(view.scan(start, end, limit, direction)).await,
        }
    }
}

/// A batch being made, of which a store is told early what it will need, where that makes it faster.
#[derive(Default)]
pub struct Draft(Option<fdb::Draft>);

impl Draft {
    /// Tells of the changes so far, which only grow.
    pub fn tell(&mut self, ops: &[Op]) {
        if let Some(draft) = &mut self.0 {
            draft.tell(ops);
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
    /// On the disks of a group of servers.
    Raft(raft::Raft),
    /// In a FoundationDB cluster.
    Fdb(fdb::Fdb),
    /// A store that fails on purpose.
    #[cfg(test)]
    Faulty(faulty::Faulty),
}

impl Store {
    /// A consistent snapshot.
    pub async fn view(&self, consistency: Consistency) -> Result<View, StoreError> {
        match (self, consistency) {
            // With one copy of the data every view is linearizable.
            (Store::Memory(store), _) => Ok(View::Memory(store.view()?)),
            (Store::Local(store), _) => Ok(View::Local(store.view()?)),
            (Store::Raft(store), consistency) => Ok(View::Local(store.view(consistency).await?)),
            (Store::Fdb(store), consistency) => Ok(View::Fdb(store.view(consistency).await?)),
            #[cfg(test)]
            (Store::Faulty(store), _) => Box::pin(store.view(consistency)).await,
        }
    }

    /// A view and what a key holds in it: one wait where the data is elsewhere. One that is
    /// serializable has at least what [`changed_elsewhere`](Self::changed_elsewhere) has told of.
    pub async fn look(
        &self,
        key: &[u8],
        consistency: Consistency,
    ) -> Result<(View, Option<Bytes>), StoreError> {
        if let Store::Fdb(store) = self {
            let (view, value) = store.look(key).await?;
            return Ok((View::Fdb(view), value));
        }
        let consistency = match self.member() {
            Some(_) => consistency,
            None => Consistency::Linearizable,
        };
        let view = self.view(consistency).await?;
        let value = view.get(key).await?;
        Ok((view, value))
    }

    /// A version that has all that this process has seen and written; `None` where no view lags behind
    /// what another process has seen.
    pub fn newest_version(&self) -> Option<i64> {
        match self {
            Store::Fdb(store) => store.newest_version(),
            _ => None,
        }
    }

    /// No view from now on lags behind a [`newest_version`](Self::newest_version) of another process.
    pub fn note_version(&self, version: i64) {
        if let Store::Fdb(store) = self {
            store.note_version(version);
        }
    }

    /// Begins a batch that is to be guarded by a key.
    pub fn draft(&self, guard_key: &[u8]) -> Draft {
        Draft(match self {
            Store::Fdb(store) => Some(store.draft(guard_key)),
            _ => None,
        })
    }

    /// Applies a batch; `Ok` means that it is durable.
    pub async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        self.apply_drafted(batch, Draft::default()).await
    }

    /// The same of a batch that begins with what `draft` was told of.
    pub async fn apply_drafted(&self, batch: Batch, draft: Draft) -> Result<(), ApplyError> {
        match self {
            Store::Memory(store) => store.apply(batch),
            Store::Local(store) => store.apply(batch).await,
            Store::Raft(store) => store.apply(batch).await,
            Store::Fdb(store) => store.apply_drafted(batch, draft.0).await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.apply(batch)).await,
        }
    }

    /// Completes when `key` may have changed since this call (not since the first poll), so call
    /// it before looking; wakes too often rather than too seldom.
    pub fn changed(&self, key: &[u8]) -> BoxFuture<'static, ()> {
        match (self, key) {
            // One channel for all keys: with the few instances of one store it costs little.
            (Store::Memory(store), _) => store.changed(),
            (Store::Local(store), _) => store.changed(),
            (Store::Raft(store), _) => store.changed(),
            (Store::Fdb(store), key) => store.changed(key),
            #[cfg(test)]
            (Store::Faulty(store), key) => store.changed(key),
        }
    }

    /// The same, but for changes that this process has made itself, where the store can tell.
    pub fn changed_elsewhere(&self, key: &[u8]) -> BoxFuture<'static, ()> {
        match (self, self.member()) {
            #[cfg(test)]
            (Store::Faulty(store), _) => store.changed_elsewhere(key),
            (_, Some(member)) => member.changed_elsewhere(),
            (Store::Fdb(store), _) => store.changed_elsewhere(key),
            _ => self.changed(key),
        }
    }

    /// Stands for election as `candidate` among the servers that name the same key, where there
    /// can be several; who leads, now and as it changes.
    pub fn leadership(&self, key: &Bytes, candidate: u64) -> watch::Receiver<Leadership> {
        match (self, key) {
            (Store::Memory(store), _) => store.leadership(),
            (Store::Local(store), _) => store.leadership(),
            (Store::Raft(store), _) => store.leadership(),
            (Store::Fdb(store), key) => store.leadership(key, candidate),
            #[cfg(test)]
            (Store::Faulty(store), key) => store.leadership(key, candidate),
        }
    }

    /// Whether other servers may write to the same keys, and be told of by [`changed`](Self::changed).
    pub fn is_shared(&self) -> bool {
        match self {
            Store::Memory(store) => store.is_shared(),
            Store::Local(_) => false,
            Store::Raft(_) | Store::Fdb(_) => true,
            #[cfg(test)]
            Store::Faulty(store) => store.is_shared(),
        }
    }

    /// The member that this server is, where the store has members:
    /// [`leadership`](Self::leadership) names their ids.
    pub fn member(&self) -> Option<&raft::Raft> {
        match self {
            Store::Raft(store) => Some(store),
            Store::Memory(_) | Store::Local(_) | Store::Fdb(_) => None,
            #[cfg(test)]
            Store::Faulty(store) => store.member(),
        }
    }

    /// How far this server is in the log, where the store has one that servers share.
    pub fn progress(&self) -> Option<Progress> {
        match self {
            Store::Raft(store) => Some(store.progress()),
            _ => None,
        }
    }

    /// What a batch may hold.
    pub fn limits(&self) -> Limits {
        match self {
            Store::Memory(store) => store.limits(),
            Store::Local(store) => store.limits(),
            Store::Raft(store) => store.limits(),
            Store::Fdb(store) => store.limits(),
            #[cfg(test)]
            Store::Faulty(store) => store.limits(),
        }
    }

    /// How long its writes to its disk took, each with its fsync, in nanoseconds; `None` where it
    /// has no disk of its own.
    pub fn disk_times(&self) -> Option<Distribution> {
        match self {
            Store::Local(store) => store.disk_times(),
            Store::Raft(store) => Some(store.disk_times()),
            Store::Memory(_) | Store::Fdb(_) => None,
            #[cfg(test)]
            Store::Faulty(_) => None,
        }
    }

    /// How long it took to put changes into its own files, behind a log or with an fsync, in
    /// nanoseconds; `None` where it has none.
    pub fn commit_times(&self) -> Option<Distribution> {
        match self {
            Store::Local(store) => store.disk_times(),
            Store::Raft(store) => store.commit_times(),
            Store::Memory(_) | Store::Fdb(_) => None,
            #[cfg(test)]
            Store::Faulty(_) => None,
        }
    }

    /// What the keys with a prefix occupy; where the store cannot tell, all keys.
    pub async fn usage(&self, prefix: &Bytes) -> Result<Usage, StoreError> {
        match (self, prefix) {
            (Store::Memory(store), _) => store.usage(),
            (Store::Local(store), _) => store.usage(),
            (Store::Raft(store), _) => store.usage(),
            (Store::Fdb(store), prefix) => store.usage(prefix).await,
            #[cfg(test)]
            (Store::Faulty(store), prefix) => Box::pin(store.usage(prefix)).await,
        }
    }

    /// What the keys with a prefix, and their values, take. Reads all of them where the store
    /// cannot tell otherwise.
    pub async fn size(&self, prefix: &Bytes) -> Result<u64, StoreError> {
        match self.estimated_size(prefix).await? {
            Some(bytes) => Ok(bytes),
            None => directory::size(self, prefix).await,
        }
    }

    /// About what they take, where the store can tell without reading them.
    pub async fn estimated_size(&self, prefix: &Bytes) -> Result<Option<u64>, StoreError> {
        match self {
            Store::Fdb(store) => Ok(Some(store.usage(prefix).await?.live_bytes)),
            _ => Ok(None),
        }
    }

    /// Gives space freed by clears back, while reads and writes go on.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        match self {
            // FoundationDB gives space back by itself.
            Store::Memory(_) | Store::Fdb(_) => Ok(()),
            Store::Local(store) => store.reclaim().await,
            Store::Raft(store) => store.reclaim().await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.reclaim()).await,
        }
    }

    /// Completes with the reason when the store can serve no more, where it notices by itself.
    pub async fn failed(&self) -> Arc<str> {
        match self {
            Store::Raft(store) => store.failed().await,
            _ => std::future::pending().await,
        }
    }

    /// Flushes and closes; further calls answer `Fatal`. Data acknowledged before is safe without it.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Store::Memory(store) => {
                store.close();
                Ok(())
            }
            Store::Local(store) => store.close().await,
            Store::Raft(store) => store.close().await,
            Store::Fdb(store) => store.close().await,
            #[cfg(test)]
            Store::Faulty(store) => Box::pin(store.close()).await,
        }
    }

    /// Every instance with its prefix, by name; makes none.
    pub async fn instances(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        match self {
            Store::Fdb(store) => store.instances().await,
            store => directory::instances(&store.view(Consistency::Linearizable).await?).await,
        }
    }

    /// The key prefix that belongs to the instance `name` alone, made on first use.
    pub async fn instance_prefix(&self, name: &str) -> Result<Bytes, StoreError> {
        directory::check_name(name)?;
        match self {
            Store::Fdb(store) => store.instance_prefix(name).await,
            store => directory::prefix(store, name).await,
        }
    }

    /// Deletes the instance `name` with all that it holds; false: there is none. What has it open
    /// can write there no more, for the record is gone that its writes are guarded by.
    pub async fn remove_instance(&self, name: &str) -> Result<bool, StoreError> {
        match self {
            Store::Fdb(store) => store.remove_instance(name).await,
            store => directory::remove(store, name).await,
        }
    }
}
