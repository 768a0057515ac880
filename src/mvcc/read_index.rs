//! How far a linearizable read must see: one look at the store for all who ask meanwhile.

use crate::error::{Error, Result};
use crate::mvcc::feed::Feed;
use crate::mvcc::follower::Follower;
use crate::mvcc::keyspace::State;
use crate::mvcc::stats::Stats;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// How long a read waits for the feed to tell of what it has seen in the store: a moment, unless the
/// sequencer does not know whether that was written, and looks.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Answers with states that include everything acknowledged before the question.
#[derive(Clone)]
pub struct ReadIndex(Arc<Shared>);

struct Shared {
    feed: Arc<Feed>,
    /// None where this server alone writes: the feed has everything that was acknowledged.
    follower: Option<Arc<Follower>>,
    stats: Arc<Stats>,
    rounds: Mutex<Rounds>,
}

#[derive(Default)]
struct Rounds {
    is_running: bool,
    waiting: Vec<oneshot::Sender<Result<State>>>,
}

impl ReadIndex {
    /// Of an instance that others write too if it has a follower.
    pub fn new(feed: Arc<Feed>, follower: Option<Arc<Follower>>, stats: Arc<Stats>) -> Self {
        Self(Arc::new(Shared {
            feed,
            follower,
            stats,
            rounds: Mutex::default(),
        }))
    }

    /// A state no older than the call, if it is known without a look. What the feed tells is at this state
    /// or beyond.
    pub fn known(&self) -> Option<State> {
        match &self.0.follower {
            Some(follower) => follower.known(),
            None => Some(self.0.feed.state()),
        }
    }

    /// A state no older than the call. What the feed tells is then at this state or beyond.
    pub async fn newest(&self) -> Result<State> {
        if let Some(state) = self.known() {
            return Ok(state);
        }
        let (sender, state) = oneshot::channel();
        let is_first = {
            let mut rounds = self.0.rounds.lock();
            rounds.waiting.push(sender);
            !std::mem::replace(&mut rounds.is_running, true)
        };
        if is_first && let Some(follower) = &self.0.follower {
            tokio::spawn(self.clone().serve(follower.clone()));
        }
        state.await.unwrap_or(Err(Error::Stopped))
    }

    /// Waits until the feed has told of a state that was seen in the store, where reads are answered by
    /// what the feed has told alone: one that comes later must not see less.
    pub async fn told(&self, seen: &State) {
        let feed = &self.0.feed;
        let is_told = |told: &State| told.batch.sequence >= seen.batch.sequence;
        if !is_told(&feed.state()) && self.known().is_some() {
            let mut states = feed.states();
            if let Err(error) = timeout(TOLD_WITHIN, states.wait_for(is_told)).await {
                tracing::warn!(%error, "a read was ahead of what watchers are told");
            }
        }
    }

    /// Looks once for all who wait, and again while others have come.
    async fn serve(self, follower: Arc<Follower>) {
        loop {
            let waiting = {
                let mut rounds = self.0.rounds.lock();
                let waiting = std::mem::take(&mut rounds.waiting);
                rounds.is_running = !waiting.is_empty();
                waiting
            };
            if waiting.is_empty() {
                return;
            }
            let begin = Instant::now();
            let outcome = follower.look().await;
            match &outcome {
                Ok(_) => self.0.stats.look_times.note_time(begin.elapsed()),
                Err(_) => self.0.stats.looks_failed.add(1),
            }
            for sender in waiting {
                // The reader may have given up meanwhile.
                let _ = sender.send(outcome.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvcc::cache::Cache;
    use crate::mvcc::feed::Committed;
    use crate::mvcc::size::Size;
    use crate::mvcc::watch::Hub;
    use crate::store::BatchId;
    use futures_util::FutureExt;

    /// A read that goes past the feed can see a batch before the feed has told of it; the next one
    /// is answered by what was told.
    #[tokio::test]
    async fn what_one_read_has_seen_no_later_one_misses() {
        let state = |sequence| State {
            revision: sequence as i64,
            ..State::new(BatchId {
                writer: 1,
                sequence,
            })
        };
        let cache = Arc::new(Cache::new(0, 1));
        let feed = Arc::new(Feed::new(
            cache,
            Arc::new(Hub::new(state(1))),
            Size::default(),
        ));
        let index = ReadIndex::new(feed.clone(), None, Arc::default());
        index.told(&state(1)).await;
        let seen = state(2);
        let mut told = Box::pin(index.told(&seen));
        assert!(told.as_mut().now_or_never().is_none());
        feed.publish(Committed {
            state: seen,
            from: 1,
            changes: Vec::new(),
            adds_to_cache: false,
            turns: Vec::new(),
            commits: Vec::new(),
            added_bytes: 0,
        });
        told.await;
        assert_eq!(index.newest().await.unwrap(), seen);
    }
}
