//! The one ordered queue of a stream: what its client will see, in the order it will see it.

use crate::error::Error;
use crate::pb::etcdserverpb::{ResponseHeader, WatchResponse};
use crate::pb::mvccpb::Event;
use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// Events that go out together, shared by all watchers that get just these.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The revision of the response's header.
    pub revision: i64,
    pub events: Vec<Event>,
    bytes: usize,
    encoded: OnceLock<Bytes>,
}

impl Delivery {
    pub fn new(revision: i64, events: Vec<Event>) -> Self {
        let bytes = events.iter().map(Message::encoded_len).sum();
        Self {
            revision,
            events,
            bytes,
            encoded: OnceLock::new(),
        }
    }

    /// The response as it is sent, but for the watcher's id: encoded once for all of them.
    pub fn encoded(&self, header: impl FnOnce(i64) -> ResponseHeader) -> Bytes {
        let encode = || {
            let response = WatchResponse {
                header: Some(header(self.revision)),
                events: self.events.clone(),
                ..WatchResponse::default()
            };
            response.encode_to_vec().into()
        };
        self.encoded.get_or_init(encode).clone()
    }
}

/// One entry of the queue.
#[derive(Debug)]
pub(super) enum Item {
    /// The same events for some watchers of the stream.
    Events {
        watch_ids: Arc<Vec<i64>>,
        delivery: Arc<Delivery>,
    },
    /// An answer to a request, a progress notice, or the end of one watcher; the header is
    /// still to be made, for this revision.
    Control {
        revision: i64,
        response: WatchResponse,
    },
}

/// What the stream finds in its queue.
#[derive(Debug)]
pub(super) enum Popped {
    /// The next entry. `drained` says that whoever was refused is to be told that there is room.
    Item { item: Item, drained: bool },
    /// Nothing will come any more.
    End(Error),
}

/// A bounded queue with many writers and one reader.
#[derive(Debug)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    ready: Notify,
    items_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<Item>,
    bytes: usize,
    /// Events of the items, once for each watcher.
    events: usize,
    /// A writer was refused and waits to be told that there is room.
    refused: bool,
    end: Option<Error>,
}

impl Outbox {
    pub fn new(items_max: usize, bytes_max: usize) -> Self {
        Self {
            inner: Mutex::default(),
            ready: Notify::new(),
            items_max,
            bytes_max,
        }
    }

    /// Queues events for watchers of the stream; false when there is no room.
    pub fn push_events(&self, watch_ids: Arc<Vec<i64>>, delivery: Arc<Delivery>) -> bool {
        self.push_when_room(delivery, || watch_ids)
    }

    /// As [`Outbox::push_events`], for those of the watchers whose flag still stands. A flag falls
    /// before the cancellation is queued, so no event can slip in behind that.
    pub fn push_to_open<'a>(
        &self,
        watchers: impl Iterator<Item = (i64, &'a AtomicBool)>,
        delivery: Arc<Delivery>,
    ) -> bool {
        self.push_when_room(delivery, || {
            let open = watchers.filter(|(_, open)| open.load(Ordering::Acquire));
            Arc::new(open.map(|(watch_id, _)| watch_id).collect())
        })
    }

    fn push_when_room(
        &self,
        delivery: Arc<Delivery>,
        watch_ids: impl FnOnce() -> Arc<Vec<i64>>,
    ) -> bool {
        let mut inner = self.inner.lock();
        if inner.items.len() >= self.items_max || inner.bytes >= self.bytes_max {
            inner.refused = true;
            return false;
        }
        let watch_ids = watch_ids();
        if !watch_ids.is_empty() {
            inner.bytes += delivery.bytes;
            inner.events += watch_ids.len() * delivery.events.len();
            let item = Item::Events {
                watch_ids,
                delivery,
            };
            self.push(&mut inner, item);
        }
        true
    }

    /// Queues a response whether there is room or not: requests are read one at a time and only
    /// while there is room, so these are few.
    pub fn push_control(&self, revision: i64, response: WatchResponse) {
        let item = Item::Control { revision, response };
        self.push(&mut self.inner.lock(), item);
    }

    /// Queues a progress notice; it is dropped when there is no room.
    pub fn push_progress(&self, revision: i64, watch_id: i64) {
        let response = WatchResponse {
            watch_id,
            ..WatchResponse::default()
        };
        let mut inner = self.inner.lock();
        if inner.items.len() < self.items_max {
            self.push(&mut inner, Item::Control { revision, response });
        }
    }

    fn push(&self, inner: &mut Inner, item: Item) {
        if inner.end.is_none() {
            inner.items.push_back(item);
            if inner.items.len() == 1 {
                self.ready.notify_one();
            }
        }
    }

    /// Drops what waits and ends the stream.
    pub fn end(&self, error: Error) {
        let mut inner = self.inner.lock();
        inner.items.clear();
        inner.bytes = 0;
        inner.events = 0;
        inner.end.get_or_insert(error);
        self.ready.notify_one();
    }

    /// Whether refused writers may try again now; if not, the reader will say when.
    pub fn has_drained(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.refused = !self.is_low(&inner);
        !inner.refused
    }

    /// Events that wait, once for each watcher.
    pub fn events(&self) -> usize {
        self.inner.lock().events
    }

    /// Whether there is room for the answer to one more request.
    pub fn has_room(&self) -> bool {
        self.inner.lock().items.len() < self.items_max
    }

    /// The next entry. Dropping the future loses nothing.
    pub async fn pop(&self) -> Popped {
        loop {
            if let Some(popped) = self.try_pop() {
                return popped;
            }
            self.ready.notified().await;
        }
    }

    fn try_pop(&self) -> Option<Popped> {
        let mut inner = self.inner.lock();
        if let Some(error) = &inner.end {
            return Some(Popped::End(error.clone()));
        }
        let item = inner.items.pop_front()?;
        if let Item::Events {
            watch_ids,
            delivery,
        } = &item
        {
            inner.bytes -= delivery.bytes;
            inner.events -= watch_ids.len() * delivery.events.len();
        }
        let drained = inner.refused && self.is_low(&inner);
        if drained {
            inner.refused = false;
        }
        Some(Popped::Item { item, drained })
    }

    /// Half empty, so that a slow reader does not go back and forth with every entry.
    fn is_low(&self, inner: &Inner) -> bool {
        inner.items.len() <= self.items_max / 2 && inner.bytes <= self.bytes_max / 2
    }
}
