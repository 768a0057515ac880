//! The one stream of committed batches, in order: what feeds the cache and the watchers.

use crate::mvcc::auth::Shelf;
use crate::mvcc::cache::Cache;
use crate::mvcc::keyspace::{Current, State, Turn};
use crate::mvcc::size::Size;
use crate::mvcc::watch::{Commit, Hub};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;

/// No revision: what comes from there joins nothing.
pub const NOWHERE: i64 = -1;

/// A batch that is durable.
#[derive(Debug)]
pub struct Committed {
    /// The state it left.
    pub state: State,
    /// The revision before it, or [`NOWHERE`].
    pub from: i64,
    /// What each key it touched became.
    pub changes: Vec<(Bytes, Option<Current>)>,
    /// Whether the cache is to know keys that nobody has asked for here.
    pub adds_to_cache: bool,
    /// Which keys came or went, in order.
    pub turns: Vec<Turn>,
    /// What watchers see, if that is at hand; else they read it from the store.
    pub commits: Vec<Commit>,
    /// What the instance takes more, in bytes.
    pub added_bytes: u64,
}

/// Takes in committed batches. Several may publish; each batch is told once.
pub struct Feed {
    /// Live versions of keys, as of the revision of [`Feed::state`] or, for a moment, a newer one.
    pub cache: Arc<Cache>,
    /// Who may do what.
    pub rules: Shelf,
    /// How many bytes the instance takes.
    pub size: Size,
    hub: Arc<Hub>,
    order: Mutex<()>,
}

impl Feed {
    /// Begins at the state that the hub, the cache and the size were made with.
    pub fn new(cache: Arc<Cache>, hub: Arc<Hub>, size: Size) -> Self {
        Self {
            cache,
            rules: Shelf::default(),
            size,
            hub,
            order: Mutex::new(()),
        }
    }

    /// Tells of a batch, unless it or a newer one was told of already.
    pub fn publish(&self, batch: Committed) {
        let _order = self.order.lock();
        if batch.state.batch.sequence <= self.hub.state().batch.sequence {
            return;
        }
        self.size.note(&batch);
        // First, so that who hears of the state finds it there.
        let Committed {
            from,
            state,
            changes,
            turns,
            adds_to_cache,
            ..
        } = batch;
        self.cache
            .apply(from, state.revision, changes, turns, adds_to_cache);
        self.hub.publish(state, batch.commits);
    }

    /// Whether anybody wants to see events.
    pub fn is_watched(&self) -> bool {
        self.hub.is_watched()
    }

    /// The state last told of.
    pub fn state(&self) -> State {
        self.hub.state()
    }

    /// The state last told of, now and as it changes.
    pub fn states(&self) -> watch::Receiver<State> {
        self.hub.states()
    }
}
