//! What every store must do: a store is done when this suite passes.
//!
//! - `outcomes`: what is read after writes. Written so that it holds on a store that answers
//!   `Conflict` and `Unknown` for no reason, too: every write looks after an unknown outcome.
//! - `answers`: what each call answers, on a store without injected faults.
//! - `model`: random batches against a map, with old views held open.
//!
//! Sizes come from the store's limits, and every check keeps to an instance prefix of its own, so
//! stores may be small, shared and far away.
#![allow(clippy::unwrap_used)]

mod answers;
mod model;
mod outcomes;
mod runs;

use super::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

/// Tries of one write, or of one look, on a store that fails often.
const ATTEMPTS_MAX: u32 = 200;

/// All of one page.
const NO_LIMIT: PageLimit = PageLimit {
    items: usize::MAX,
    bytes: usize::MAX,
};

/// Runs everything on stores without injected faults.
fn run(open: impl Fn() -> Store) {
    let runtime = runtime();
    let _inside = runtime.enter();
    runtime.block_on(answers::all(&open));
    runtime.block_on(outcomes::all(&open()));
    model::check(&runtime, &open());
}

/// Runs what must hold on a store that fails on purpose.
fn run_faulty(open: impl Fn() -> Store) {
    let runtime = runtime();
    let _inside = runtime.enter();
    runtime.block_on(outcomes::all(&open()));
    model::check(&runtime, &open());
}

/// Several threads, so that concurrent checks are.
fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4).enable_all().build().unwrap()
}

/// An instance of its own on a store.
#[derive(Clone)]
struct Space {
    store: Store,
    prefix: Bytes,
}

impl Space {
    /// A space that no other check has used.
    async fn new(store: &Store) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("suite-{}-{number}", std::process::id());
        Self {
            store: store.clone(),
            prefix: store.instance_prefix(&name).await.unwrap(),
        }
    }

    /// The store's key for a key of the check.
    fn key(&self, key: impl AsRef<[u8]>) -> Bytes {
        [&self.prefix, b"d".as_slice(), key.as_ref()]
            .concat()
            .into()
    }

    fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Op {
        Op::Set(self.key(key), Bytes::copy_from_slice(value.as_ref()))
    }

    fn clear(&self, key: impl AsRef<[u8]>) -> Op {
        Op::Clear(self.key(key))
    }

    fn clear_range(&self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Op {
        Op::ClearRange(self.key(start), self.key(end))
    }

    fn batch(&self, guard: Option<Guard>, ops: Vec<Op>) -> Batch {
        Batch {
            id: BatchId {
                writer: 0,
                sequence: 0,
            },
            guard,
            ops,
        }
    }

    async fn view(&self) -> View {
        for _ in 0..ATTEMPTS_MAX {
            match self.store.view(Consistency::Linearizable).await {
                Ok(view) => return view,
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("no view in {ATTEMPTS_MAX} attempts")
    }

    /// A newest value.
    async fn get(&self, key: impl AsRef<[u8]>) -> Option<Bytes> {
        self.view().await.get(&self.key(key)).await.unwrap()
    }

    /// One page of the check's own keys.
    async fn scan(
        &self,
        view: &View,
        range: (&[u8], &[u8]),
        limit: PageLimit,
        direction: Direction,
    ) -> Page {
        let (start, end) = (self.key(range.0), self.key(range.1));
        let page = view.scan(&start, &end, limit, direction).await;
        let mut page = page.unwrap();
        for (key, _) in &mut page.items {
            *key = key.slice(self.prefix.len() + 1..);
        }
        page
    }

    /// All of the check's keys and values, read page by page.
    async fn all(&self, view: &View) -> Vec<(Bytes, Bytes)> {
        let limit = PageLimit {
            items: 3,
            ..NO_LIMIT
        };
        let (mut start, end) = (
            self.key(b""),
            Bytes::from([&self.prefix, b"e".as_slice()].concat()),
        );
        let mut items = Vec::new();
        loop {
            let page = view.scan(&start, &end, limit, Direction::Forward).await;
            let page = page.unwrap();
            if let Some((last, _)) = page.items.last() {
                start = [last, b"\0".as_slice()].concat().into();
            }
            let own = |(key, value): (Bytes, Bytes)| (key.slice(self.prefix.len() + 1..), value);
            items.extend(page.items.into_iter().map(own));
            if !page.more {
                return items;
            }
        }
    }
}

/// One writer among others, which always finds out what became of its batches.
struct Writer {
    space: Space,
    id: u64,
    sequence: u64,
}

impl Writer {
    fn new(space: &Space) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            space: space.clone(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            sequence: 0,
        }
    }

    /// Applies changes exactly once.
    async fn write(&mut self, ops: Vec<Op>) {
        self.transact(None, ops).await;
    }

    /// Adds one to a counter exactly once.
    async fn increment(&mut self, counter: &[u8]) {
        self.transact(Some(counter), Vec::new()).await;
    }

    /// The guard is a version that every writer of the space changes; beside it each writer
    /// leaves the number of its last batch, by which it recognises it.
    async fn transact(&mut self, counter: Option<&[u8]>, ops: Vec<Op>) {
        self.sequence += 1;
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(counter, ops.clone()).await {
                Ok(true) => return,
                Ok(false) | Err(StoreError::ViewExpired | StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("no outcome in {ATTEMPTS_MAX} attempts")
    }

    async fn attempt(&self, counter: Option<&[u8]>, mut ops: Vec<Op>) -> Result<bool, StoreError> {
        let prefix = &self.space.prefix;
        let version = Bytes::from([prefix, b"v".as_slice()].concat());
        let own = Bytes::from([prefix, b"w".as_slice(), &self.id.to_be_bytes()].concat());
        let sequence = Bytes::copy_from_slice(&self.sequence.to_be_bytes());
        let view = self.space.store.view(Consistency::Linearizable).await?;
        if view.get(&own).await?.as_ref() == Some(&sequence) {
            return Ok(true);
        }
        if let Some(counter) = counter {
            let count = number(view.get(&self.space.key(counter)).await?) + 1;
            ops.push(self.space.set(counter, count.to_be_bytes()));
        }
        let guard = Guard {
            key: version.clone(),
            expected: view.get(&version).await?,
        };
        let tag = [self.id.to_be_bytes(), self.sequence.to_be_bytes()].concat();
        let store = &self.space.store;
        let mut draft = store.draft(&version);
        draft.tell(&ops[..ops.len() / 2]);
        ops.push(Op::Set(version, tag.into()));
        draft.tell(&ops);
        ops.push(Op::Set(own, sequence));
        // Another writer's turn, between the look and the write.
        tokio::task::yield_now().await;
        let batch = self.space.batch(Some(guard), ops);
        match store.apply_drafted(batch, draft).await {
            Ok(()) => Ok(true),
            Err(ApplyError::Conflict | ApplyError::Unknown) => Ok(false),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The number a counter holds.
fn number(value: Option<Bytes>) -> u64 {
    value.map_or(0, |value| {
        u64::from_be_bytes(value.as_ref().try_into().unwrap())
    })
}

/// What a map holds after changes, by their definition.
fn apply_to_map(map: &mut BTreeMap<Bytes, Bytes>, op: &Op) {
    match op {
        Op::Set(key, value) => {
            map.insert(key.clone(), value.clone());
        }
        Op::Clear(key) => {
            map.remove(key);
        }
        Op::ClearRange(start, end) => map.retain(|key, _| key < start || key >= end),
    }
}

/// The page of sorted items that a scan must return.
fn expected_page(
    items: &[(Bytes, Bytes)],
    range: (&[u8], &[u8]),
    limit: PageLimit,
    direction: Direction,
) -> Page {
    let inside = |(key, _): &&(Bytes, Bytes)| range.0 <= key.as_ref() && key.as_ref() < range.1;
    let mut inside: Vec<_> = items.iter().filter(inside).cloned().collect();
    if direction == Direction::Backward {
        inside.reverse();
    }
    let mut length = 0;
    let mut bytes = 0;
    while length < inside.len() {
        bytes += inside[length].0.len() + inside[length].1.len();
        length += 1;
        if length >= limit.items || bytes >= limit.bytes {
            break;
        }
    }
    Page {
        more: length < inside.len(),
        items: inside[..length].to_vec(),
    }
}
