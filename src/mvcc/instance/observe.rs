//! What an instance is doing, for who watches over it.

use super::{Inner, Instance};
use crate::mvcc::cache::Coverage;
use crate::mvcc::keyspace::State;
use crate::mvcc::stats::Stats;
use crate::mvcc::watch::Audience;
use crate::pb::etcdserverpb::DowngradeInfo;
use crate::stats::Distribution;
use crate::store::{Leadership, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A store that takes longer to say something is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an instance is doing at one moment.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Durable, and as new as all that this server has said.
    pub state: State,
    /// Who leads.
    pub leadership: Leadership,
    /// Space taken, if the store can say so soon.
    pub usage: Option<Usage>,
    /// Bytes that may be taken, if there is a bound.
    pub quota_bytes: Option<u64>,
    /// Times of writing to the disk, in nanoseconds, where the store has one.
    pub disk_times: Option<Distribution>,
    /// Times of changing the files of the state, in nanoseconds, where the store has some.
    pub commit_times: Option<Distribution>,
    /// Live keys, if their number is known.
    pub keys: Option<usize>,
    /// What is kept in memory.
    pub coverage: Coverage,
    /// Who watches.
    pub audience: Audience,
    /// Requests that wait for the sequencer.
    pub waiting: usize,
    /// Requests that wait for it, or that it is at work on.
    pub pending: usize,
    /// Bytes of the requests that wait for an outcome.
    pub pending_bytes: usize,
}

impl Instance {
    /// What this server has counted since it opened the instance.
    pub fn stats(&self) -> &Stats {
        &self.inner.stats
    }

    /// Live keys, if their number is known.
    pub fn keys(&self) -> Option<usize> {
        self.inner.feed.cache.total().1
    }

    /// Whether a downgrade is under way; none is, while the store does not say soon.
    pub async fn told_downgrade(&self) -> DowngradeInfo {
        let told = tokio::time::timeout(PATIENCE, self.downgrade()).await;
        told.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// What the instance is doing.
    pub async fn observe(&self) -> Observation {
        let Inner {
            store,
            layout,
            feed,
            hub,
            sequencer,
            stats,
            ..
        } = &*self.inner;
        let usage = tokio::time::timeout(PATIENCE, store.usage(layout.prefix()));
        let (usage, audience) = tokio::join!(usage, hub.audience());
        let waiting = sequencer.waiting();
        Observation {
            state: self.state(),
            leadership: *self.inner.leadership.borrow(),
            usage: usage.ok().and_then(Result::ok),
            quota_bytes: self.quota_bytes(),
            disk_times: store.disk_times(),
            commit_times: store.commit_times(),
            keys: self.keys(),
            coverage: feed.cache.coverage(),
            audience,
            waiting,
            pending: waiting + stats.at_work(),
            pending_bytes: sequencer.waiting_bytes(),
        }
    }
}

/// Counts leaders, one after the other, until the store is gone.
pub(super) async fn count_leaders(mut leadership: watch::Receiver<Leadership>, stats: Arc<Stats>) {
    let mut last = None;
    loop {
        let now = *leadership.borrow_and_update();
        let leader = (now.is_leader || now.leader.is_some()).then_some(now.leader);
        if leader != last && leader.is_some() {
            stats.leader_changes.add(1);
        }
        last = leader;
        if leadership.changed().await.is_err() {
            return;
        }
    }
}
