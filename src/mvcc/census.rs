//! Finds out what the cache and its counts do not know.

use crate::error::{Error, Result};
use crate::mvcc::cache::{Cache, Fill};
use crate::mvcc::counts::{Count, Counts};
use crate::mvcc::feed::Feed;
use crate::mvcc::follower::Follower;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::KeyRange;
use crate::mvcc::read::{self, Cursor};
use crate::mvcc::{changes, checkpoint};
use crate::store::{Consistency, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
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
/// How often it looks for something to do besides being told.
const INTERVAL: Duration = Duration::from_secs(5);
/// A checkpoint is due after so many revisions, or after an eighth of the keys: that much history is
/// read at a start.
const CHECKPOINT_REVISIONS: i64 = 64 * 1024;
/// A checkpoint behind which more revisions lie than this, and than there are keys, is not used: to
/// count the keys takes no longer.
const REPLAY_REVISIONS: i64 = 4 * CHECKPOINT_REVISIONS;

/// Reads the store for the cache of an instance and for its counts.
pub struct Census {
    job: Job,
    feed: Arc<Feed>,
    /// Where others write too, who hears of them.
    follower: Option<Arc<Follower>>,
    readers: Semaphore,
    /// The revision of the last checkpoint that this server has read or written.
    checkpoint: AtomicI64,
}

impl Census {
    /// Of an instance's feed.
    pub fn new(job: Job, feed: Arc<Feed>, follower: Option<Arc<Follower>>) -> Self {
        Self {
            job,
            feed,
            follower,
            readers: Semaphore::new(READERS_MAX),
            checkpoint: AtomicI64::new(0),
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
                        match self.read(piece).await {
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

    /// Fills the cache after an instance was opened, and then sees to it that all keys are counted,
    /// here and in the checkpoint. Requests are served meanwhile.
    pub async fn run(self: Arc<Self>) {
        let mut cold = Some(KeyRange::Span(Bytes::new(), None));
        loop {
            match self.work(&mut cold).await {
                Ok(()) => tokio::select! {
                    () = self.cache().doubts.notified() => {}
                    () = tokio::time::sleep(INTERVAL) => {}
                },
                Err(Error::Store(StoreError::Unavailable(_) | StoreError::ViewExpired)) => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return tracing::warn!(%error, "keys are not counted"),
            }
        }
    }

    /// Does what there is to do; `cold` is what was not read yet for the cache.
    async fn work(&self, cold: &mut Option<KeyRange>) -> Result<()> {
        if self.cache().unknown().is_some() {
            self.restore().await?;
        }
        while let Some(range) = cold.clone().filter(|_| !self.cache().is_nearly_full()) {
            let fill = self.cache().fill(&range);
            *cold = self.read_some(range, fill).await?;
        }
        *cold = None;
        // Of several servers one counts, and the others read its checkpoint.
        while let Some(range) = self.cache().unknown().filter(|_| self.job.leads()) {
            self.read(range).await?;
        }
        while let Some(range) = self.cache().large() {
            self.read(range).await?;
        }
        let (revision, keys) = self.cache().total();
        let keys = keys.unwrap_or(0) as i64;
        let last = self.checkpoint.load(Ordering::Relaxed);
        let is_first = last == 0 && keys >= CHECKPOINT_REVISIONS;
        if is_first || revision - last >= CHECKPOINT_REVISIONS.max(keys / 8) {
            self.save().await?;
        }
        Ok(())
    }

    /// Begins with the counts of the checkpoint and of what has happened since, if that is at hand.
    async fn restore(&self) -> Result<()> {
        let Job { store, layout, .. } = &self.job;
        let mut view = store.view(Consistency::Linearizable).await?;
        let mut state = read::state(&view, layout).await?;
        let checkpoint = match checkpoint::load(&view, layout, &state).await {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => return Ok(()),
            Err(error @ Error::CorruptRecord { .. }) => {
                tracing::warn!(%error, "the checkpoint of the counts is not used");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let began = checkpoint.revision;
        let keys: usize = checkpoint.buckets.iter().map(|(_, keys)| keys).sum();
        if state.revision - began > REPLAY_REVISIONS.max(keys as i64) {
            return Ok(());
        }
        let mut counts = Counts::restored(checkpoint);
        let mut next = changes::after(layout, began);
        // Compaction takes what has happened below its revision.
        while state.compacted <= began {
            match changes::page(&view, layout, &next, state.revision).await {
                Ok((changes, more)) => {
                    let turns = changes.iter().filter_map(|(at, it)| it.turn(*at));
                    turns.for_each(|turn| {
                        counts.turn(turn);
                    });
                    if let Some(more) = more {
                        next = more;
                        continue;
                    }
                    next = changes::after(layout, state.revision);
                    counts.advance(state.revision);
                    if self.reach(state.revision).await && self.cache().adopt(&mut counts) {
                        self.checkpoint.fetch_max(began, Ordering::Relaxed);
                        return Ok(());
                    }
                }
                Err(Error::Store(StoreError::ViewExpired)) => {}
                Err(error) => return Err(error),
            }
            view = store.view(Consistency::Linearizable).await?;
            state = read::state(&view, layout).await?;
        }
        Ok(())
    }

    /// Writes a checkpoint, if this server leads and knows more than the last one.
    pub async fn save(&self) -> Result<()> {
        let Some(checkpoint) = self.cache().checkpoint().filter(|_| self.job.leads()) else {
            return Ok(());
        };
        let revision = checkpoint.revision;
        if revision <= self.checkpoint.load(Ordering::Relaxed) {
            return Ok(());
        }
        let view = self.job.store.view(Consistency::Linearizable).await?;
        if checkpoint::save(&self.job, &view, checkpoint).await? {
            self.checkpoint.fetch_max(revision, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits until there is nothing left to do.
    #[cfg(test)]
    pub async fn settled(&self) {
        while self.cache().unknown().is_some() || self.cache().large().is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Reads a range for the counts, in as many views as it takes.
    async fn read(&self, range: KeyRange) -> Result<()> {
        let mut left = Some(range);
        while let Some(range) = left.take() {
            left = self.read_some(range, self.cache().fill_counts()).await?;
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
            if cursor.next_page().await?.is_none() {
                return Ok(None);
            }
            if !cursor.is_filling() {
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

#[cfg(test)]
#[path = "census_test.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
