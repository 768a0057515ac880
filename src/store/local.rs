//! A store in one directory of one disk.
//!
//! - `home`: the directory: whose it is, its lock, its format.
//! - `tree`: the log-structured merge tree, its bounds, and views of it.
//! - `engine`: the tree of a directory.
//! - `stage`: a whole state that comes from elsewhere.
//! - `writer`: the one thread that writes; it commits all waiting batches with one fsync.
//! - `fault`: errors of disks as sentences an operator can act on.

mod engine;
mod fault;
mod home;
mod stage;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

use super::{
    ApplyError, Batch, Changes, Direction, Leadership, Limits, Page, PageLimit, StoreError, Usage,
    closed, collect,
};
use crate::stats::Distribution;
use bytes::Bytes;
pub(super) use engine::{Engine, POINT_KEY};
use futures_util::future::BoxFuture;
pub use home::{CERTIFICATES, ETCD_DATABASE, TAKEN_OVER};

use home::{Home, MEMBER_FORMAT};
use parking_lot::RwLock;
pub(super) use stage::Staged;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
pub use tree::BlockCache;
use tree::Snapshot;
use writer::Work;

/// Keys are bounded by the 16 bits of the engine's length field, less the one byte by which the
/// end of a range may be longer. A batch lies in memory a few times while it is written.
pub(super) const LIMITS: Limits = Limits {
    batch_bytes: 64 << 20,
    key_bytes: u16::MAX as usize - 1,
    value_bytes: 48 << 20,
};

/// How often it is looked whether an engine that is to be replaced is still being rewritten.
const REPLACE_POLL: Duration = Duration::from_millis(1);

/// Batches waiting for the writer; further callers wait their turn.
const QUEUE_BATCHES: usize = 256;

/// A store in a directory. Cheap to clone; clones are the same store, which lives until the
/// last of them is gone or one is closed.
#[derive(Clone)]
pub struct Local {
    shared: Arc<Shared>,
    work: mpsc::Sender<Work>,
}

/// What callers and whoever writes share.
pub(super) struct Shared {
    /// The engine, or the sentence that every call answers since it failed or was closed.
    engine: RwLock<Result<Arc<Engine>, Arc<str>>>,
    /// Counts the engines; it changes while the lock is held.
    generation: AtomicU64,
    changes: Changes,
    leadership: watch::Sender<Leadership>,
}

impl Shared {
    /// Runs a short read; the engine cannot be closed meanwhile.
    fn read<T>(
        &self,
        read: impl FnOnce(&Engine) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &*self.engine.read() {
            Ok(engine) => read(engine),
            Err(sentence) => Err(StoreError::Fatal(sentence.clone())),
        }
    }

    /// The engine, for work too long to lock it: the store can fail meanwhile.
    pub(super) fn engine(&self) -> Result<Arc<Engine>, Arc<str>> {
        self.engine.read().clone()
    }

    /// Tells waiters that something was written.
    pub(super) fn announce(&self) {
        self.changes.announce();
    }

    /// Gives the engine's place to a staged state; views of the one before have expired.
    pub(super) fn replace(&self, staged: Staged) -> Result<(), StoreError> {
        let mut held = self.engine.write();
        let replaced = std::mem::replace(&mut *held, Err("a new state is installed".into()));
        let mut engine = replaced.map_err(StoreError::Fatal)?;
        let engine = loop {
            match Arc::try_unwrap(engine) {
                Ok(engine) => break engine,
                Err(shared) => engine = shared,
            }
            std::thread::sleep(REPLACE_POLL);
        };
        *held = Ok(Arc::new(engine.replace(staged)?));
        self.generation.fetch_add(1, Ordering::Relaxed);
        drop(held);
        self.announce();
        Ok(())
    }

    /// Takes the engine away; all further calls answer with the sentence.
    pub(super) fn end(&self, sentence: Arc<str>) {
        let engine = std::mem::replace(&mut *self.engine.write(), Err(sentence));
        self.changes.announce();
        // Only now, outside the lock: it ends the engine's threads and gives up the directory.
        drop(engine);
    }
}

impl Local {
    /// Opens the store in a directory, or makes it there when the directory is empty or missing.
    ///
    /// Fails with [`StoreError::Fatal`] when another process has it open, when it holds something
    /// else or cannot be written, with [`StoreError::Unreadable`] when its data is damaged or of a
    /// newer format.
    pub fn open(path: &Path, blocks: BlockCache) -> Result<Self, StoreError> {
        let home = Home::claim(path)?;
        if !home.holds_data()? {
            home.create(Engine::create)?;
        }
        let (engine, term) = Engine::open(home, blocks)?;
        engine.check_complete()?;
        let (work, waiting) = mpsc::channel(QUEUE_BATCHES);
        let shared = Arc::new(Shared {
            engine: RwLock::new(Ok(Arc::new(engine))),
            generation: AtomicU64::new(0),
            changes: Changes::new(),
            leadership: watch::Sender::new(Leadership::alone(term)),
        });
        writer::start(path, shared.clone(), waiting)?;
        Ok(Self { shared, work })
    }

    /// A store to read only, in a directory that nobody has open: nothing is made or changed there
    /// but what the engine does to its own files when it is opened, and every batch is refused.
    ///
    /// The state of a member of a group is what it has applied, and its log may hold more.
    ///
    /// Fails as [`open`](Self::open) does, and when the directory holds no store.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let engine = Engine::open_read_only(Home::claim_existing(path)?, BlockCache::default())?;
        engine.check_even()?;
        Ok(Self::without_writer(engine))
    }

    /// The state of a member of a group, which whoever keeps its log writes. Made when the
    /// directory is empty or missing.
    pub(super) fn open_replica(path: &Path, blocks: BlockCache) -> Result<Self, StoreError> {
        let home = Home::claim(path)?;
        home.name_format(MEMBER_FORMAT)?;
        if !home.holds_data()? {
            home.create(Engine::create_bare)?;
        }
        Engine::drop_journal(&home)?;
        Ok(Self::without_writer(Engine::open_read_only(home, blocks)?))
    }

    fn without_writer(engine: Engine) -> Self {
        let (work, _) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            engine: RwLock::new(Ok(Arc::new(engine))),
            generation: AtomicU64::new(0),
            changes: Changes::new(),
            leadership: watch::Sender::new(Leadership::alone(0)),
        });
        Self { shared, work }
    }

    /// What its writer shares with it.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A snapshot.
    pub fn view(&self) -> Result<LocalView, StoreError> {
        LocalView::of(&self.shared)
    }

    /// Applies a batch together with all that are waiting.
    pub async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        LIMITS.check(&batch)?;
        let (reply, answer) = oneshot::channel();
        let answer = self.ask(Work::Apply(batch, reply), answer).await;
        answer.map_err(ApplyError::Fatal)?
    }

    /// Asks the writer; the error is why it has gone.
    async fn ask<T>(&self, work: Work, answer: oneshot::Receiver<T>) -> Result<T, Arc<str>> {
        if self.work.send(work).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return Ok(answer);
        }
        match self.shared.engine() {
            Ok(_) => Err("the writing thread of the store has died: start kvtool again".into()),
            Err(sentence) => Err(sentence),
        }
    }

    /// Completes after the next batch of any key.
    pub fn changed(&self) -> BoxFuture<'static, ()> {
        self.shared.changes.next()
    }

    /// Always leads; the term counts the openings of the directory.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.shared.leadership.subscribe()
    }

    /// What a batch may hold.
    pub fn limits(&self) -> Limits {
        LIMITS
    }

    /// What the directory occupies.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.shared.read(Engine::usage)
    }

    /// How long the engine's commits took, in nanoseconds; `None` once it has ended.
    pub fn disk_times(&self) -> Option<Distribution> {
        let engine = self.shared.engine().ok()?;
        Some(engine.commit_times.get())
    }

    /// Rewrites the data without what is dead, on a thread of its own.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        let engine = self.shared.engine().map_err(StoreError::Fatal)?;
        let reclaimed = tokio::task::spawn_blocking(move || engine.reclaim()).await;
        let reclaimed = reclaimed
            .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string().into())));
        if let Err(StoreError::Fatal(sentence) | StoreError::Unreadable(sentence)) = &reclaimed {
            self.shared.end(sentence.clone());
        }
        reclaimed
    }

    /// Writes what is waiting, then gives up the directory (a running [`reclaim`](Self::reclaim)
    /// holds it until it has finished).
    pub async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let closed = self.ask(Work::Close(reply), answer).await;
        closed.map_err(StoreError::Fatal)
    }
}

/// A snapshot of a [`Local`].
#[derive(Clone)]
pub struct LocalView {
    shared: Arc<Shared>,
    /// That of the engine the snapshot is of.
    generation: u64,
    snapshot: Arc<Snapshot>,
}

impl LocalView {
    /// A view of all committed changes.
    pub(super) fn of(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        shared.read(|engine| {
            Ok(Self {
                shared: shared.clone(),
                generation: shared.generation.load(Ordering::Relaxed),
                snapshot: engine.snapshot(),
            })
        })
    }

    /// Runs a short read, unless the engine is another by now.
    fn read<T>(
        &self,
        read: impl FnOnce(&Engine) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.shared.read(|engine| {
            match self.shared.generation.load(Ordering::Relaxed) == self.generation {
                true => read(engine),
                false => Err(StoreError::ViewExpired),
            }
        })
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.read(|engine| {
            let value = self.snapshot.get(key);
            value.map_err(|error| engine.fault("reading", &error))
        })
    }

    /// One page of the keys in `[start, end)`.
    pub fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: PageLimit,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        if start >= end {
            return Ok(Page::default());
        }
        self.page(
            (Bound::Included(start), Bound::Excluded(end)),
            limit,
            direction,
        )
    }

    /// One page of all keys behind one, the engine's own too.
    pub(super) fn after(&self, key: &[u8], limit: PageLimit) -> Result<Page, StoreError> {
        let range = (Bound::Excluded(key), Bound::Unbounded);
        self.page(range, limit, Direction::Forward)
    }

    fn page(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        limit: PageLimit,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        self.read(|engine| {
            let items = self.snapshot.range(range, direction);
            let items = items.map(|item| item.map_err(|error| engine.fault("reading", &error)));
            collect(items, limit)
        })
    }
}
