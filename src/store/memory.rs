//! A store in this process's memory.
//!
//! The map is persistent in the functional sense: a clone shares all its nodes with the
//! original, so a snapshot costs one reference count and never slows the writer.

use super::{
    ApplyError, Batch, Changes, Direction, Leadership, Limits, Op, Page, PageLimit, StoreError,
    Usage, closed, page,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use imbl::OrdMap;
use parking_lot::Mutex;
use std::ops::Bound;
use std::sync::Arc;
use tokio::sync::watch;

/// As large as the local store's, so that what works in tests works on a disk.
const LIMITS: Limits = super::local::LIMITS;

/// A store in memory. Cheap to clone; clones are the same store.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    /// `None` once closed.
    state: Mutex<Option<State>>,
    changes: Changes,
    leadership: watch::Sender<Leadership>,
    limits: Limits,
    is_shared: bool,
}

#[derive(Clone, Default)]
struct State {
    map: OrdMap<Bytes, Bytes>,
    /// Of all keys and values.
    bytes: u64,
}

impl State {
    fn set(&mut self, key: Bytes, value: Bytes) {
        self.bytes += (key.len() + value.len()) as u64;
        let key_bytes = key.len();
        if let Some(old) = self.map.insert(key, value) {
            self.bytes -= (key_bytes + old.len()) as u64;
        }
    }

    fn clear(&mut self, key: &[u8]) {
        if let Some(old) = self.map.remove(key) {
            self.bytes -= (key.len() + old.len()) as u64;
        }
    }

    fn clear_range(&mut self, start: &Bytes, end: &Bytes) {
        if start >= end {
            return;
        }
        let range = self.map.range::<_, Bytes>(start..end);
        let keys: Vec<Bytes> = range.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.clear(&key);
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::with(LIMITS, false)
    }

    /// An empty store that takes batches of this size only.
    pub fn with_limits(limits: Limits) -> Self {
        Self::with(limits, false)
    }

    /// An empty store whose clones stand for several servers, with the limits of FoundationDB.
    pub fn shared() -> Self {
        Self::with(super::fdb::LIMITS, true)
    }

    fn with(limits: Limits, is_shared: bool) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(Some(State::default())),
            changes: Changes::new(),
            leadership: watch::Sender::new(Leadership::alone(1)),
            limits,
            is_shared,
        }))
    }

    /// A snapshot.
    pub fn view(&self) -> Result<MemoryView, StoreError> {
        let state = self.0.state.lock();
        let state = state.as_ref().ok_or_else(|| StoreError::Fatal(closed()))?;
        Ok(MemoryView(state.map.clone()))
    }

    /// Applies a batch.
    pub fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        self.0.limits.check(&batch)?;
        let mut state = self.0.state.lock();
        let state = state.as_mut().ok_or_else(|| ApplyError::Fatal(closed()))?;
        if let Some(guard) = &batch.guard
            && state.map.get(&guard.key) != guard.expected.as_ref()
        {
            return Err(ApplyError::Conflict);
        }
        for op in batch.ops {
            match op {
                Op::Set(key, value) => state.set(key, value),
                Op::Clear(key) => state.clear(&key),
                Op::ClearRange(start, end) => state.clear_range(&start, &end),
            }
        }
        self.0.changes.announce();
        Ok(())
    }

    /// Completes after the next batch of any key.
    pub fn changed(&self) -> BoxFuture<'static, ()> {
        self.0.changes.next()
    }

    /// Always leads.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.0.leadership.subscribe()
    }

    /// Whether another clone may be a server of its own.
    pub fn is_shared(&self) -> bool {
        self.0.is_shared
    }

    /// What a batch may hold.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// The bytes of all keys and values.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let state = self.0.state.lock();
        let state = state.as_ref().ok_or_else(|| StoreError::Fatal(closed()))?;
        Ok(Usage {
            allocated_bytes: state.bytes,
            live_bytes: state.bytes,
        })
    }

    /// Drops everything but what views hold.
    pub fn close(&self) {
        *self.0.state.lock() = None;
        self.0.changes.announce();
    }
}

/// A snapshot of a [`Memory`].
#[derive(Clone)]
pub struct MemoryView(OrdMap<Bytes, Bytes>);

impl MemoryView {
    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.0.get(key).cloned()
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
        let range = self
            .0
            .range::<_, [u8]>((Bound::Included(start), Bound::Excluded(end)));
        let item = |(key, value): (&Bytes, &Bytes)| Ok((key.clone(), value.clone()));
        page(range.map(item), limit, direction)
    }
}
