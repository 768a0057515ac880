//! What a scratch is laid over: the keyspace at one state, from the cache or from a view.

use crate::error::Result;
use crate::mvcc::auth::Rules;
use crate::mvcc::cache::Snapshot;
use crate::mvcc::feed::Feed;
use crate::mvcc::keyspace::{Current, KeyRange, Layout, State};
use crate::mvcc::read;
use crate::store::{Consistency, Store, StoreError, View};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The keyspace at one state. Its reads answer `ViewExpired` when they can no longer be
/// answered as of that state.
pub struct Base {
    /// The layout of its records.
    pub layout: Layout,
    state: State,
    feed: Arc<Feed>,
    /// Where to read what the cache does not know; `None` when it is not to be asked.
    cached: Option<Store>,
    view: OnceCell<View>,
}

impl Base {
    /// As a view holds it.
    pub fn of_view(view: View, feed: Arc<Feed>, layout: Layout, state: State) -> Self {
        Self {
            layout,
            state,
            feed,
            cached: None,
            view: OnceCell::new_with(Some(view)),
        }
    }

    /// As the cache knows it, and the store where it does not; `state` is where the cache is.
    pub fn cached(store: Store, feed: Arc<Feed>, layout: Layout, state: State) -> Self {
        Self {
            layout,
            state,
            feed,
            cached: Some(store),
            view: OnceCell::new(),
        }
    }

    /// Whether anybody wants to see what is written. Whoever does later reads it from the store.
    pub fn is_watched(&self) -> bool {
        self.feed.is_watched()
    }

    /// A view that holds this state.
    pub async fn view(&self) -> Result<&View> {
        let open = || async {
            let Some(store) = &self.cached else {
                return Err(StoreError::ViewExpired.into());
            };
            let view = store.view(Consistency::Linearizable).await?;
            if read::state(&view, &self.layout).await? != self.state {
                return Err(StoreError::ViewExpired.into());
            }
            Ok(view)
        };
        self.view.get_or_try_init(open).await
    }

    /// The live version of a key.
    pub async fn current(&self, key: &[u8]) -> Result<Option<Current>> {
        if self.cached.is_some()
            && let Some(known) = self.feed.cache.get(key, self.state.revision)?
        {
            return Ok(known);
        }
        read::current(self.view().await?, &self.layout, key).await
    }

    /// What is known without reading the store, of each of some keys.
    pub fn known(&self, keys: &[Bytes]) -> Result<Vec<Option<Option<Current>>>> {
        match &self.cached {
            Some(_) => self.feed.cache.get_many(keys, self.state.revision),
            None => Ok(vec![None; keys.len()]),
        }
    }

    /// A range, if it is known without reading the store, with its first `limit` items.
    pub fn snapshot(&self, range: &KeyRange, limit: usize) -> Result<Option<Snapshot>> {
        match &self.cached {
            Some(_) => {
                let cache = &self.feed.cache;
                cache.snapshot_at(range, limit, self.state.revision)
            }
            None => Ok(None),
        }
    }

    /// Who may do what.
    pub async fn rules(&self) -> Result<Arc<Rules>> {
        let state = self.state.auth;
        match self.feed.rules.get(state) {
            Some(rules) => Ok(rules),
            None => {
                let view = self.view().await?;
                self.feed.rules.load(state, view, &self.layout).await
            }
        }
    }
}
