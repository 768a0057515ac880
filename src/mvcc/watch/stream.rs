//! One client's stream: its requests in, its responses out.

use super::WatchContext;
use super::answer::WatchAnswer;
use super::history::History;
use super::hub::{Request, StreamId};
use super::outbox::{Delivery, Item, Outbox, Popped};
use super::selector::Selector;
use crate::error::Error;
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse};
use futures_util::{Stream, StreamExt, stream};
use prost::Message;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Serves a client until it goes, or until the instance closes: then the last item is
/// [`Error::Stopped`]. A client that has said all it had to say keeps its watchers. Must be
/// called on a Tokio runtime.
///
/// With each request comes whether its client may see what it asks for.
pub fn serve(
    context: WatchContext,
    requests: impl Stream<Item = (WatchRequest, Permitted)> + Send + 'static,
) -> impl Stream<Item = Result<WatchAnswer, Error>> + Send + 'static {
    let session = Session::new(context, Box::pin(requests));
    stream::unfold(session, |mut session| async move {
        let response = session.next().await?;
        Some((response, session))
    })
}

type Requests = Pin<Box<dyn Stream<Item = (WatchRequest, Permitted)> + Send>>;

/// Whether a client may see what it asks for.
pub type Permitted = Result<(), Error>;

struct Session {
    context: WatchContext,
    stream: StreamId,
    outbox: Arc<Outbox>,
    /// `None` when the client will ask for nothing more.
    requests: Option<Requests>,
    /// The ids in use. One whose watcher was compacted away is in use until it is canceled.
    watchers: HashMap<i64, Watcher>,
    next_id: i64,
    ticks: Interval,
    /// Events on their way out, and the place of the next watcher to get them.
    sending: Option<(Arc<Vec<i64>>, Arc<Delivery>, usize)>,
    fragments: VecDeque<WatchResponse>,
    ended: bool,
}

struct Watcher {
    fragment: bool,
    progress_notify: bool,
    /// It saw no event since the last tick.
    quiet: bool,
}

impl Session {
    fn new(context: WatchContext, requests: Requests) -> Self {
        let history = History {
            store: context.store.clone(),
            layout: context.layout.clone(),
        };
        let (stream, outbox) = context.hub.open_stream(history);
        Self {
            ticks: progress_ticks(context.progress_interval),
            context,
            stream,
            outbox,
            requests: Some(requests),
            watchers: HashMap::new(),
            next_id: 0,
            sending: None,
            fragments: VecDeque::new(),
            ended: false,
        }
    }

    async fn next(&mut self) -> Option<Result<WatchAnswer, Error>> {
        loop {
            if self.ended {
                return None;
            }
            let fragment = self.fragments.pop_front().map(WatchAnswer::Own);
            if let Some(answer) = fragment.or_else(|| self.send_on()) {
                return Some(Ok(answer));
            }
            // A client that does not read is not read from: what it asks for would pile up.
            let listen = self.outbox.has_room();
            tokio::select! {
                popped = self.outbox.pop() => match popped {
                    Popped::Item { item, drained } => {
                        if drained {
                            self.context.hub.drained(self.stream);
                        }
                        if let Some(response) = self.open(item) {
                            return Some(Ok(WatchAnswer::Own(response)));
                        }
                    }
                    Popped::End(error) => {
                        self.ended = true;
                        return Some(Err(error));
                    }
                },
                request = next_request(&mut self.requests), if listen => self.handle(request).await,
                _ = self.ticks.tick() => self.tick().await,
            }
        }
    }

    fn open(&mut self, item: Item) -> Option<WatchResponse> {
        match item {
            Item::Events {
                watch_ids,
                delivery,
            } => {
                self.sending = Some((watch_ids, delivery, 0));
                None
            }
            Item::Control {
                revision,
                mut response,
            } => {
                response.header = Some(self.context.header(revision));
                Some(response)
            }
        }
    }

    /// The answer for the next watcher that gets the events on their way out.
    fn send_on(&mut self) -> Option<WatchAnswer> {
        let (watch_ids, delivery, place) = self.sending.as_mut()?;
        let Some(watch_id) = watch_ids.get(*place).copied() else {
            self.sending = None;
            return None;
        };
        *place += 1;
        let events = delivery.events.len() as u64;
        self.context.stats.events.add(events);
        let mut is_cut = false;
        if let Some(watcher) = self.watchers.get_mut(&watch_id) {
            watcher.quiet = false;
            is_cut = watcher.fragment;
        }
        if !is_cut {
            let response = delivery.encoded(|revision| self.context.header(revision));
            return Some(WatchAnswer::Shared { watch_id, response });
        }
        let response = WatchResponse {
            header: Some(self.context.header(delivery.revision)),
            watch_id,
            events: delivery.events.clone(),
            ..WatchResponse::default()
        };
        self.fragments = fragments(response, self.context.max_response_bytes);
        self.fragments.pop_front().map(WatchAnswer::Own)
    }

    async fn handle(&mut self, request: Option<(WatchRequest, Permitted)>) {
        let Some((request, permitted)) = request else {
            self.requests = None;
            return;
        };
        let request = match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(create, permitted),
            Some(RequestUnion::CancelRequest(cancel)) => {
                let watch_id = cancel.watch_id;
                if self.watchers.remove(&watch_id).is_none() {
                    return;
                }
                Request::Cancel { watch_id }
            }
            Some(RequestUnion::ProgressRequest(_)) => Request::Progress,
            None => return,
        };
        self.context.hub.request(self.stream, request).await;
    }

    fn create(&mut self, create: WatchCreateRequest, permitted: Permitted) -> Request {
        let reject = |reason: &str| Request::Reject {
            reason: reason.to_owned(),
        };
        if create.start_revision < 0 {
            return reject(&Error::Compacted.to_string());
        }
        if let Err(error) = permitted {
            // In the words that etcd has for it, which its clients look for.
            let code = error.code();
            return reject(&format!("rpc error: code = {code:?} desc = {error}"));
        }
        let Some(selector) = Selector::new(&create) else {
            return reject("mvcc: watcher range is empty");
        };
        let watch_id = match create.watch_id {
            0 => self.free_id(),
            taken if self.watchers.contains_key(&taken) => {
                return reject("mvcc: duplicate watch ID provided on the WatchStream");
            }
            chosen => chosen,
        };
        let watcher = Watcher {
            fragment: create.fragment,
            progress_notify: create.progress_notify,
            quiet: true,
        };
        self.watchers.insert(watch_id, watcher);
        Request::Create {
            watch_id,
            selector: Arc::new(selector),
            start_revision: create.start_revision,
        }
    }

    fn free_id(&mut self) -> i64 {
        while self.watchers.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        self.next_id - 1
    }

    /// Asks for notices for watchers that were quiet since the last tick.
    async fn tick(&mut self) {
        let mut quiet = Vec::new();
        for (watch_id, watcher) in &mut self.watchers {
            if watcher.progress_notify && std::mem::replace(&mut watcher.quiet, true) {
                quiet.push(*watch_id);
            }
        }
        if !quiet.is_empty() {
            let request = Request::ProgressOf(quiet);
            self.context.hub.request(self.stream, request).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.context.hub.close_stream(self.stream);
    }
}

async fn next_request(requests: &mut Option<Requests>) -> Option<(WatchRequest, Permitted)> {
    match requests {
        Some(requests) => requests.next().await,
        None => std::future::pending().await,
    }
}

fn progress_ticks(interval: Duration) -> Interval {
    let period = interval.mul_f64(1.0 + rand::random::<f64>() / 10.0);
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Cuts a response into pieces below `max_bytes`, each with one event at least.
fn fragments(mut response: WatchResponse, max_bytes: usize) -> VecDeque<WatchResponse> {
    if response.events.len() < 2 || response.encoded_len() < max_bytes {
        return VecDeque::from([response]);
    }
    let events = std::mem::take(&mut response.events);
    response.fragment = true;
    let empty_bytes = response.encoded_len();
    let mut pieces = VecDeque::from([response.clone()]);
    let mut bytes = empty_bytes;
    for event in events {
        let event_bytes = event.encoded_len();
        let field_bytes = 1 + prost::length_delimiter_len(event_bytes) + event_bytes;
        if bytes > empty_bytes && bytes + field_bytes >= max_bytes {
            pieces.push_back(response.clone());
            bytes = empty_bytes;
        }
        bytes += field_bytes;
        if let Some(piece) = pieces.back_mut() {
            piece.events.push(event);
        }
    }
    if let Some(last) = pieces.back_mut() {
        last.fragment = false;
    }
    pieces
}
