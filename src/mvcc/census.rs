//! Finds out what the cache and its counts do not know.

use crate::error::{Error, Result};
use crate::mvcc::cache::{Cache, Fill};
use crate::mvcc::counts::Count;
use crate::mvcc::feed::Feed;
use crate::mvcc::follower::Follower;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::KeyRange;
use crate::mvcc::read::{self, Cursor};
use crate::store::{Consistency, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Pages read in one view: a fraction of what a view may live.
const PAGES: usize = 16;
/// Pause before the store is asked again after it could not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Requests that read for the counts at the same time; further ones wait.
const READERS_MAX: usize = 16;
/// Tries to make a range countable, while the buckets are changed by others.
const ATTEMPTS: usize = 3;
/// How long what a view holds may take to be told by the feed.
const PUBLISH_GRACE: Duration = Duration::from_millis(100);

/// Reads the store for the cache of an instance and for its counts.
pub struct Census {
    job: Job,
    feed: Arc<Feed>,
    /// Where others write too, who hears of them.
    follower: Option<Arc<Follower>>,
    readers: Semaphore,
}

impl Census {
    /// Of an instance's feed.
    pub fn new(job: Job, feed: Arc<Feed>, follower: Option<Arc<Follower>>) -> Self {
        Self {
            job,
            feed,
            follower,
            readers: Semaphore::new(READERS_MAX),
        }
    }

    fn cache(&self) -> &Arc<Cache> {
        &self.feed.cache
    }

    /// Where the counts begin anew, within bounds that are included.
    pub fn boundary(&self, from: &[u8], to: &[u8]) -> Option<Bytes> {
        self.cache().boundary(from, to)
    }

    /// How many keys there were at a revision from a [`boundary`](Self::boundary) on; what the
    /// counts do not know of that is read. `None`: whoever asks must walk.
    pub async fn count(
        &self,
        revision: i64,
        from: &Bytes,
        end: Option<&Bytes>,
    ) -> Result<Option<usize>> {
        if !self.reach(revision).await {
            return Ok(None);
        }
        let mut turn = None;
        for _ in 0..=ATTEMPTS {
            match self.cache().count(revision, from, end) {
                Count::Known(count) => return Ok(Some(count)),
                Count::Unknowable => return Ok(None),
                // Whoever was before may have read the same.
                Count::Missing(_) if turn.is_none() => {
                    turn = self.readers.acquire().await.ok();
                }
                Count::Missing(pieces) => {
                    for piece in pieces {
                        match self.read(piece, |cache, _| cache.fill_counts()).await {
                            Err(Error::Store(
                                StoreError::ViewExpired | StoreError::Unavailable(_),
                            )) => return Ok(None),
                            read => read?,
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Fills the cache after an instance was opened, and then finds out what the counts do not
    /// know, whenever there is something.
    pub async fn run(self: Arc<Self>) {
        let warmed = self.keep_trying(|census| async move { census.warm().await });
        if let Err(error) = warmed.await {
            return tracing::warn!(%error, "the cache is not filled");
        }
        loop {
            let settled = self.keep_trying(|census| async move { census.settle().await });
            if let Err(error) = settled.await {
                return tracing::warn!(%error, "keys are not counted");
            }
            self.cache().doubts.notified().await;
        }
    }

    async fn keep_trying<F: Future<Output = Result<()>>>(
        self: &Arc<Self>,
        work: impl Fn(Arc<Self>) -> F,
    ) -> Result<()> {
        loop {
            match work(self.clone()).await {
                Err(Error::Store(StoreError::Unavailable(_) | StoreError::ViewExpired)) => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// Reads live keys in their order until the cache is nearly full or knows them all. Requests
    /// are served meanwhile.
    async fn warm(&self) -> Result<()> {
        let mut left = Some(KeyRange::Span(Bytes::new(), None));
        while let Some(range) = left.take().filter(|_| !self.cache().is_nearly_full()) {
            let fill = self.cache().fill(&range);
            left = self.read_some(range, fill).await?;
        }
        Ok(())
    }

    /// Reads what nobody has counted, and what should be counted in smaller pieces.
    async fn settle(&self) -> Result<()> {
        while let Some(range) = self.cache().doubtful() {
            self.read(range, |cache, _| cache.fill_counts()).await?;
        }
        Ok(())
    }

    /// Reads a range in as many views as it takes.
    async fn read(
        &self,
        range: KeyRange,
        fill: impl Fn(&Arc<Cache>, &KeyRange) -> Fill,
    ) -> Result<()> {
        let mut left = Some(range);
        while let Some(range) = left.take() {
            let fill = fill(self.cache(), &range);
            left = self.read_some(range, fill).await?;
        }
        Ok(())
    }

    /// Reads a range as far as one view goes; answers what is left of it.
    async fn read_some(&self, range: KeyRange, fill: Fill) -> Result<Option<KeyRange>> {
        let (store, layout) = (self.job.store.clone(), self.job.layout.clone());
        let view = store.view(Consistency::Linearizable).await?;
        let state = read::state(&view, &layout).await?;
        // What is ahead of the cache would not be taken in.
        if !self.reach(state.revision).await {
            return Err(StoreError::ViewExpired.into());
        }
        let mut left = Some(range.clone());
        let mut cursor = Cursor::open(store, layout, view, &state, range, 0).filling(Some(fill));
        for _ in 0..PAGES {
            let page = cursor.next_page().await?;
            if page.is_none() || !cursor.is_filling() {
                break;
            }
            left = cursor.rest().cloned();
            // Other work on this thread comes first.
            tokio::task::yield_now().await;
        }
        Ok(left)
    }

    /// Waits until the cache has come to a revision that a view has shown.
    async fn reach(&self, revision: i64) -> bool {
        let mut states = self.feed.states();
        if states.borrow().revision >= revision {
            return true;
        }
        if let Some(follower) = &self.follower
            && follower.look().await.is_err()
        {
            return false;
        }
        let reached = states.wait_for(|state| state.revision >= revision);
        matches!(
            tokio::time::timeout(PUBLISH_GRACE, reached).await,
            Ok(Ok(_))
        )
    }
}
