//! Whole states, for members that lag behind the log.
//!
//! The leader sends a view of its state in pages of ascending keys. A stream that breaks goes on
//! behind the last key: members that have applied the same entries have the same state. The member
//! makes what came durable beside its own state; only then is the core told of the message that
//! goes with it, and if that is still news, the new state takes the place of the old one.

use super::Point;
use crate::store::local::{LocalView, Staged};
use crate::store::{PageLimit, StoreError};
use bytes::Bytes;
use raft::eraftpb::Message;
use tokio::sync::{mpsc, oneshot};

/// One page of a state on its way.
const PAGE: PageLimit = PageLimit {
    items: 10_000,
    bytes: 1 << 20,
};

/// A state on its way to a member. Dropped, it is lost, and another will be sent.
pub struct Outgoing {
    message: Message,
    view: LocalView,
    reports: mpsc::UnboundedSender<Report>,
    has_arrived: bool,
}

/// Whether a state has arrived at a member.
pub(super) struct Report {
    pub(super) member: u64,
    pub(super) has_arrived: bool,
}

impl Outgoing {
    /// The state in a view, as far as the message says that it goes.
    pub(super) fn new(
        message: Message,
        view: LocalView,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        Self {
            message,
            view,
            reports,
            has_arrived: false,
        }
    }

    /// The message that goes with it.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Keys and values that follow a key, in order; none when that was the last.
    pub fn after(&self, key: &[u8]) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        Ok(self.view.after(key, PAGE)?.items)
    }

    /// The member has it, and has taken the message.
    pub fn arrived(mut self) {
        self.has_arrived = true;
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // An error is the end of the store.
        let _ = self.reports.send(Report {
            member: self.message.to,
            has_arrived: self.has_arrived,
        });
    }
}

/// A state that comes to this member.
pub struct Incoming {
    point: Point,
    staged: Staged,
}

impl Incoming {
    pub(super) fn new(point: Point, staged: Staged) -> Self {
        Self { point, staged }
    }

    /// Whether it is the one that goes so far.
    pub(super) fn is(&self, point: &Point) -> bool {
        (self.point.index, self.point.term) == (point.index, point.term)
    }

    /// The last key that is here; empty before the first.
    pub fn last_key(&self) -> &Bytes {
        self.staged.last_key()
    }

    /// Adds the keys that follow; `false` when they do not.
    pub fn add(&mut self, items: Vec<(Bytes, Bytes)>) -> Result<bool, StoreError> {
        self.staged.add(items)
    }

    /// Makes it durable.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.staged.sync()
    }

    pub(super) fn into_staged(self) -> Staged {
        self.staged
    }
}

/// A state that is complete and durable, with its message, for the thread.
pub(super) struct Arrived {
    pub(super) message: Message,
    pub(super) state: Incoming,
    pub(super) taken: oneshot::Sender<()>,
}
