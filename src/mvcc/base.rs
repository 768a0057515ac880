//! What a scratch is laid over: the keyspace at one state, from the cache or from a view.

use crate::error::Result;
use crate::mvcc::cache::{Cache, Snapshot};
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
    cached: Option<(Store, Arc<Cache>)>,
    view: OnceCell<View>,
}

impl Base {
    /// As a view holds it.
    pub fn of_view(view: View, layout: Layout, state: State) -> Self {
        Self {
            layout,
            state,
            cached: None,
            view: OnceCell::new_with(Some(view)),
        }
    }

    /// As the cache knows it, and the store where it does not; `state` is where the cache is.
    pub fn cached(store: Store, cache: Arc<Cache>, layout: Layout, state: State) -> Self {
        Self {
            layout,
            state,
            cached: Some((store, cache)),
            view: OnceCell::new(),
        }
    }

    /// A view that holds this state.
    pub async fn view(&self) -> Result<&View> {
        let open = || async {
            let Some((store, _)) = &self.cached else {
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
        if let Some((_, cache)) = &self.cached
            && let Some(known) = cache.get(key, self.state.revision)?
        {
            return Ok(known);
        }
        read::current(self.view().await?, &self.layout, key).await
    }

    /// What is known without reading the store, of each of some keys.
    pub fn known(&self, keys: &[Bytes]) -> Result<Vec<Option<Option<Current>>>> {
        match &self.cached {
            Some((_, cache)) => cache.get_many(keys, self.state.revision),
            None => Ok(vec![None; keys.len()]),
        }
    }

    /// A range, if it is known without reading the store, with its first `limit` items.
    pub fn snapshot(&self, range: &KeyRange, limit: usize) -> Result<Option<Snapshot>> {
        match &self.cached {
            Some((_, cache)) => cache.snapshot_at(range, limit, self.state.revision),
            None => Ok(None),
        }
    }
}
