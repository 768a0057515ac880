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

    /// A state no older than the call. What the feed tells is then at this state or beyond.
    pub async fn newest(&self) -> Result<State> {
        let Some(follower) = &self.0.follower else {
            return Ok(self.0.feed.state());
        };
        if let Some(state) = follower.known() {
            return Ok(state);
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
        state.await.unwrap_or(Err(Error::Stopped))
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
