//! Hears of what other servers have written.

use crate::error::{Error, Result};
use crate::mvcc::feed::{Committed, Feed};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{Change, Current, Layout, Revision, State, successor};
use crate::mvcc::read;
use crate::store::{Consistency, Direction, PageLimit, StoreError, View};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// How long this server's own sequencer may take to publish what it has written. It brings the
/// events along; whatever is published here, watchers must read from the store.
const OWN_GRACE: Duration = Duration::from_millis(100);
/// Pause before the store is asked again after it could not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Changes of others that are read for the cache; behind more it begins anew.
const PULL_CHANGES_MAX: usize = 16 * 1024;
/// What is asked of the store at once.
const PULL_PAGE: PageLimit = PageLimit {
    items: 4096,
    bytes: 4 << 20,
};

/// Brings the feed up to what the store holds.
pub struct Follower {
    job: Job,
    feed: Arc<Feed>,
    pulling: tokio::sync::Mutex<()>,
}

impl Follower {
    /// Of an instance's feed.
    pub fn new(job: Job, feed: Arc<Feed>) -> Self {
        Self {
            job,
            feed,
            pulling: tokio::sync::Mutex::new(()),
        }
    }

    /// Follows until the store fails.
    pub async fn run(self: Arc<Self>) {
        loop {
            // Before looking, so that what is written after the look ends the wait.
            let changed = self.job.store.changed(&self.job.layout.state());
            match self.look().await {
                Ok(_) => changed.await,
                Err(Error::Store(StoreError::Fatal(_))) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot follow other servers");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Reads the newest state, and brings the feed to it or beyond: whoever reads the cache then
    /// sees everything acknowledged before the call.
    pub async fn look(&self) -> Result<State> {
        let view = self.job.store.view(Consistency::Linearizable).await?;
        let state = read::state(&view, &self.job.layout).await?;
        if self.has(&state) {
            return Ok(state);
        }
        if state.batch.writer == self.job.writer {
            let mut states = self.feed.states();
            let published =
                states.wait_for(|published| published.batch.sequence >= state.batch.sequence);
            if let Ok(Ok(_)) = tokio::time::timeout(OWN_GRACE, published).await {
                return Ok(state);
            }
        }
        let _alone = self.pulling.lock().await;
        let known = self.feed.state();
        if !self.has(&state) {
            let (from, changes) = match self.pull(&view, known.revision, &state).await? {
                Some(changes) => (known.revision, changes),
                None => (-1, Vec::new()),
            };
            self.feed.publish(Committed {
                state,
                from,
                changes,
                commits: Vec::new(),
            });
        }
        Ok(state)
    }

    fn has(&self, state: &State) -> bool {
        state.batch.sequence <= self.feed.state().batch.sequence
    }

    /// What happened after a revision; `None` when that is too much, or compacted.
    async fn pull(
        &self,
        view: &View,
        from: i64,
        state: &State,
    ) -> Result<Option<Vec<(Bytes, Option<Current>)>>> {
        let layout: &Layout = &self.job.layout;
        let too_many = state.revision - from > PULL_CHANGES_MAX as i64;
        if !self.feed.cache.is_enabled() || too_many || from + 1 < state.compacted {
            return Ok(None);
        }
        let mut start = layout.history(Revision::first_of(from + 1));
        let end = layout.history(Revision::first_of(state.revision + 1));
        let mut changes = Vec::new();
        while start < end {
            let page = view.scan(&start, &end, PULL_PAGE, Direction::Forward);
            let page = page.await?;
            for (key, record) in &page.items {
                let revision = layout.history_revision(key)?;
                let change = Change::decode(revision, record.clone())?;
                changes.push((change.key, change.put));
            }
            if changes.len() > PULL_CHANGES_MAX {
                return Ok(None);
            }
            match page.items.last() {
                Some((key, _)) if page.more => start = successor(key),
                _ => break,
            }
        }
        Ok(Some(changes))
    }
}
