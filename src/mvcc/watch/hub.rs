//! Where committed events come in and watchers are registered.
//!
//! Everything that concerns the order of things passes one queue, the inbox: commits, new
//! watchers, cancellations, requests for progress. One task, the [`Dispatcher`], empties it.
//! So a watcher begins exactly at one revision, and a progress notice stands exactly between
//! two of them, without a lock around either; and a writer only leaves its commits and goes.

use super::Commit;
use super::catchup::{Laggard, Outcome};
use super::dispatch::Dispatcher;
use super::history::History;
use super::outbox::Outbox;
use super::selector::Selector;
use crate::error::Error;
use crate::mvcc::keyspace::State;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};

/// Commits that may wait for the dispatcher. What comes on top is left out, and every watcher
/// reads it from the store.
const PENDING_COMMITS: usize = 64 * 1024;

/// Bytes of events that may wait for the dispatcher.
const PENDING_BYTES: usize = 32 * 1024 * 1024;

/// Requests of clients that may wait for the dispatcher, all streams together.
const PENDING_REQUESTS: usize = 1024;

/// Deliveries a stream may have waiting before its watchers fall behind.
const OUTBOX_ITEMS: usize = 1024;

/// Bytes of events a stream may have waiting before its watchers fall behind. One delivery may
/// go over it: a revision is never split.
const OUTBOX_BYTES: usize = 1024 * 1024;

/// Commits kept at hand, for watchers that are only a little behind.
const RECENT_COMMITS: usize = 4096;

/// Bytes of events kept at hand.
const RECENT_BYTES: usize = 8 * 1024 * 1024;

/// A watcher that misses no more commits than this gets them from the dispatcher itself, which
/// holds up the others for that long; behind more, it takes another step beside it first.
const ATTACH_COMMITS: usize = 64;

/// Revisions one response to a watcher that is behind may hold; etcd's bound too.
const PAGE_REVISIONS: usize = 1000;

/// The bounds that decide who falls behind and how they come back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub outbox_items: usize,
    pub outbox_bytes: usize,
    pub recent_commits: usize,
    pub recent_bytes: usize,
    pub attach_commits: usize,
    pub page_revisions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox_items: OUTBOX_ITEMS,
            outbox_bytes: OUTBOX_BYTES,
            recent_commits: RECENT_COMMITS,
            recent_bytes: RECENT_BYTES,
            attach_commits: ATTACH_COMMITS,
            page_revisions: PAGE_REVISIONS,
        }
    }
}

pub(super) type StreamId = u64;

/// The meeting point of an instance's commits and its watchers.
pub struct Hub {
    inbox: Arc<Inbox>,
    published: watch::Sender<State>,
    /// The compacted revision of that, for those who need not look at every state.
    compacted: watch::Sender<i64>,
    /// The same, for the many who only look.
    newest: ArcSwap<State>,
    streams: AtomicUsize,
    next_stream: AtomicU64,
    requests: Arc<Semaphore>,
    limits: Limits,
}

impl Hub {
    /// A hub whose watchers begin after `state.revision`. Its task runs on the current Tokio
    /// runtime until [`Hub::close`] or until the hub and its streams are gone.
    pub fn new(state: State) -> Self {
        Self::with_limits(state, Limits::default())
    }

    pub(super) fn with_limits(state: State, limits: Limits) -> Self {
        let inbox = Arc::new(Inbox::default());
        tokio::spawn(Dispatcher::new(inbox.clone(), state, limits).run());
        Self {
            inbox,
            published: watch::Sender::new(state),
            compacted: watch::Sender::new(state.compacted),
            newest: ArcSwap::from_pointee(state),
            streams: AtomicUsize::new(0),
            next_stream: AtomicU64::new(0),
            requests: Arc::new(Semaphore::new(PENDING_REQUESTS)),
            limits,
        }
    }

    /// Announces a durable state and the commits that led to it. Cheap: what follows from it
    /// happens elsewhere.
    ///
    /// Several may publish at once. A state that is not newer than the last is ignored. Commits
    /// that do not join the last state to this one are left out; whom they concern reads them
    /// from the store.
    pub fn publish(&self, state: State, commits: Vec<Commit>) {
        // The channel's lock is held meanwhile, so the dispatcher hears of states in their order.
        self.published.send_if_modified(|last| {
            if state.batch.sequence <= last.batch.sequence {
                return false;
            }
            let watched = self.is_watched();
            let commits = if watched && joins(last.revision, &commits, state.revision) {
                commits
            } else {
                Vec::new()
            };
            self.inbox.push_published(state, commits, watched);
            self.newest.store(Arc::new(state));
            self.compacted.send_if_modified(|last| {
                std::mem::replace(last, state.compacted) != state.compacted
            });
            *last = state;
            true
        });
    }

    /// The state last announced.
    pub fn state(&self) -> State {
        **self.newest.load()
    }

    /// The state last announced, now and as it changes.
    pub fn states(&self) -> watch::Receiver<State> {
        self.published.subscribe()
    }

    /// The compacted revision of that state, now and as it changes.
    pub fn compactions(&self) -> watch::Receiver<i64> {
        self.compacted.subscribe()
    }

    /// Whether anybody watches. While nobody does, a writer need not make events: it may
    /// publish the state alone.
    pub fn is_watched(&self) -> bool {
        self.streams.load(Ordering::Acquire) > 0
    }

    /// Ends all streams, those to come too.
    pub fn close(&self) {
        self.inbox.push(Message::Close);
    }

    /// Opens a stream: its name, and the queue of what its client is to see.
    pub(super) fn open_stream(&self, history: History) -> (StreamId, Arc<Outbox>) {
        let stream = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let outbox = Arc::new(Outbox::new(
            self.limits.outbox_items,
            self.limits.outbox_bytes,
        ));
        self.streams.fetch_add(1, Ordering::AcqRel);
        self.inbox.push(Message::Open {
            stream,
            outbox: outbox.clone(),
            history: Arc::new(history),
        });
        (stream, outbox)
    }

    pub(super) fn close_stream(&self, stream: StreamId) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
        self.inbox.push(Message::Gone(stream));
    }

    /// Passes on a request of a client; waits while too many others do.
    pub(super) async fn request(&self, stream: StreamId, request: Request) {
        // The semaphore is never closed.
        let permit = self.requests.clone().acquire_owned().await.ok();
        self.inbox.push(Message::Request {
            stream,
            request,
            permit,
        });
    }

    /// Who watches; nobody once the hub is closed.
    pub async fn audience(&self) -> Audience {
        let (reply, audience) = oneshot::channel();
        self.inbox.push(Message::Count(reply));
        audience.await.unwrap_or_default()
    }

    /// Says that a stream has room again for those it refused.
    pub(super) fn drained(&self, stream: StreamId) {
        self.inbox.push(Message::Drained(stream));
    }
}

/// Who watches, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audience {
    /// Open streams.
    pub streams: usize,
    /// Their watchers.
    pub watchers: usize,
    /// Those of the watchers that are behind.
    pub slow_watchers: usize,
    /// Events in the queues of streams, once for each watcher.
    pub pending_events: usize,
}

/// Whether `commits` are all the revisions after `last` up to `newest`.
fn joins(last: i64, commits: &[Commit], newest: i64) -> bool {
    let revisions = commits.iter().map(|commit| commit.revision);
    revisions.eq(last + 1..=newest)
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a client asks for, checked as far as its own stream can tell.
#[derive(Debug)]
pub(super) enum Request {
    Create {
        watch_id: i64,
        selector: Arc<Selector>,
        /// The first revision wanted; 0 is the next one.
        start_revision: i64,
    },
    /// A watcher that cannot be; the answer takes its turn among the others.
    Reject {
        reason: String,
    },
    Cancel {
        watch_id: i64,
    },
    /// A notice for the whole stream.
    Progress,
    /// A notice for each of some watchers.
    ProgressOf(Vec<i64>),
}

pub(super) enum Message {
    /// A state newer than the one before.
    Published {
        state: State,
        /// None, or all that led from the state before to this one.
        commits: Vec<Commit>,
    },
    Open {
        stream: StreamId,
        outbox: Arc<Outbox>,
        history: Arc<History>,
    },
    Request {
        stream: StreamId,
        request: Request,
        /// Given back when the request has been dealt with.
        permit: Option<OwnedSemaphorePermit>,
    },
    Drained(StreamId),
    Stepped {
        watchers: Vec<(Laggard, Outcome)>,
        /// The oldest readable revision, if the store said that it has passed some of them.
        compacted: Option<i64>,
    },
    Gone(StreamId),
    Count(oneshot::Sender<Audience>),
    Close,
}

/// What waits for the dispatcher.
#[derive(Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    ready: Notify,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    commits: usize,
    bytes: usize,
    closed: bool,
}

impl Inbox {
    pub fn push(&self, message: Message) {
        let mut queue = self.queue.lock();
        if queue.closed {
            if let Message::Open { outbox, .. } = message {
                outbox.end(Error::Stopped);
            }
            return;
        }
        queue.messages.push_back(message);
        drop(queue);
        self.ready.notify_one();
    }

    fn push_published(&self, state: State, mut commits: Vec<Commit>, wake: bool) {
        let bytes: usize = commits.iter().map(Commit::size_bytes).sum();
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        let full = queue.commits >= PENDING_COMMITS || queue.bytes >= PENDING_BYTES;
        if full {
            commits.clear();
        }
        match queue.messages.back_mut() {
            // One gap is as good as many.
            Some(Message::Published {
                state: last,
                commits: none,
            }) if none.is_empty() && commits.is_empty() => *last = state,
            _ => {
                if !full {
                    queue.commits += commits.len();
                    queue.bytes += bytes;
                }
                let message = Message::Published { state, commits };
                queue.messages.push_back(message);
            }
        }
        drop(queue);
        if wake {
            self.ready.notify_one();
        }
    }

    /// All that waits; waits for something.
    pub async fn take(&self) -> VecDeque<Message> {
        loop {
            {
                let mut queue = self.queue.lock();
                queue.commits = 0;
                queue.bytes = 0;
                if !queue.messages.is_empty() {
                    return std::mem::take(&mut queue.messages);
                }
            }
            self.ready.notified().await;
        }
    }

    /// Takes no more messages. Streams among those that were not heard are ended.
    pub fn close(&self, unheard: VecDeque<Message>) {
        let waiting = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            std::mem::take(&mut queue.messages)
        };
        for message in unheard.into_iter().chain(waiting) {
            self.push(message);
        }
    }
}
