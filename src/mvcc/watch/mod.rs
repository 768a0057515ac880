//! Watching: every watcher sees the events it asked for, all of them, once, in revision order.
//!
//! - [`hub`] takes commits in, and requests; all pass one queue.
//! - [`dispatch`] is the task behind it: it knows where every watcher stands.
//! - [`selector`] and [`interval`] find the watchers of a key.
//! - [`outbox`] is the one bounded queue of a stream.
//! - [`catchup`] and [`history`] serve watchers that are behind.
//! - [`stream`] speaks with the client, in [`answer`]s.
//!
//! A watcher is *live* or *behind*. A commit goes to the live ones as it comes. When a stream's
//! queue is full its watchers fall behind: only their cursors are kept. Once the client has read
//! on they get what they missed, from memory or from the store, page by page, and become live
//! again in the very moment in which nothing is missing. Nobody waits for anybody else.

mod answer;
mod catchup;
mod dispatch;
mod history;
mod hub;
mod interval;
mod outbox;
mod selector;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use answer::WatchAnswer;
pub use hub::{Audience, Hub};
pub use stream::serve;

use crate::mvcc::keyspace::Layout;
use crate::mvcc::stats::Stats;
use crate::pb::etcdserverpb::ResponseHeader;
use crate::pb::mvccpb::{Event, KeyValue};
use crate::store::{Leadership, Store};
use std::sync::Arc;
use std::time::Duration;

/// What one revision did.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The revision.
    pub revision: i64,
    /// Its events in the order of their operations. `prev_kv` is there whenever the key was
    /// there before; the `kv` of a deletion has a key and a mod revision only.
    pub events: Vec<Event>,
}

impl Commit {
    /// About what it takes in memory.
    fn size_bytes(&self) -> usize {
        let size =
            |kv: &Option<KeyValue>| kv.as_ref().map_or(0, |kv| kv.key.len() + kv.value.len());
        let events = self.events.iter();
        let content: usize = events
            .map(|event| size(&event.kv) + size(&event.prev_kv))
            .sum();
        size_of::<Self>() + self.events.len() * size_of::<Event>() + content
    }
}

/// What a stream of watchers needs to know of its instance.
#[derive(Clone)]
pub struct WatchContext {
    /// Where commits are announced.
    pub hub: Arc<Hub>,
    /// Where they are kept.
    pub store: Store,
    /// How they are kept there.
    pub layout: Layout,
    /// For the headers of responses.
    pub cluster_id: u64,
    /// For the headers of responses.
    pub member_id: u64,
    /// For the term in the headers of responses.
    pub leadership: tokio::sync::watch::Receiver<Leadership>,
    /// Where events are counted.
    pub stats: Arc<Stats>,
    /// Time between progress notices to watchers that asked for them and saw no event; a tenth
    /// of it at most is added, so that streams opened together do not speak together.
    pub progress_interval: Duration,
    /// Responses of watchers that take fragments are cut at this many bytes.
    pub max_response_bytes: usize,
}

impl WatchContext {
    fn header(&self, revision: i64) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.cluster_id,
            member_id: self.member_id,
            revision,
            raft_term: self.leadership.borrow().term,
        }
    }
}
