//! How far a linearizable read must see: one look at the store for all who ask meanwhile.

use crate::error::{Error, Result};
use crate::mvcc::feed::Feed;
use crate::mvcc::follower::Follower;
use crate::mvcc::keyspace::State;
use crate::mvcc::stats::Stats;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Answers with states that include everything acknowledged before the question.
#[derive(Clone)]
pub struct ReadIndex(Arc<Shared>);

struct Shared {
    feed: Arc<Feed>,
    /// None where this server alone writes: the feed has everything that was acknowledged.
    follower: Option<Arc<Follower>>,
    stats: Arc<Stats>,
    rounds: Mutex<Rounds>,
    /// Since when this server was alone when the feed was last brought up to the store.
    alone_since: Mutex<Option<u64>>,
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
            alone_since: Mutex::default(),
        }))
    }

    /// A state no older than the call. What the feed tells is then at this state or beyond.
    pub async fn newest(&self) -> Result<State> {
        let Some(follower) = &self.0.follower else {
            return Ok(self.0.feed.state());
        };
        let alone_since = follower.alone_since();
        if alone_since.is_some() && alone_since == *self.0.alone_since.lock() {
            // What others had written is there, and what this server writes is told of first.
            return Ok(self.0.feed.state());
        }
        let (sender, state) = oneshot::channel();
        let is_first = {
            let mut rounds = self.0.rounds.lock();
            rounds.waiting.push(sender);
            !std::mem::replace(&mut rounds.is_running, true)
        };
        if is_first {
            tokio::spawn(self.clone().serve(follower.clone()));
        }
        let state = state.await.unwrap_or(Err(Error::Stopped))?;
        *self.0.alone_since.lock() = alone_since;
        Ok(state)
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
