//! One stream to one member.
//!
//! What waits while a frame is on its way goes into the next one. The queue is bounded by messages
//! and bytes; what does not fit, and what waits when a stream breaks, is lost: the protocol sends
//! again what matters.

use super::traffic::Exchange;
use super::{FRAME_BYTES, FRAME_BYTES_MAX, Route, state};
use crate::api::channel::{CONNECT_TIMEOUT, Dialer, failure};
use crate::pb::kvtool::raft::v1::{DescribeRequest, End, Frame, raft_client::RaftClient};
use crate::store::raft::Outgoing;
use crate::store::raft::eraftpb::Message;
use bytes::Bytes;
use parking_lot::Mutex;
use protobuf::Message as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Streaming};

/// Messages that wait to be sent.
const WAITING_MESSAGES_MAX: usize = 4096;
/// Their bytes; a larger message waits alone.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Frames that wait to be sent; behind them messages gather in larger ones.
const FRAMES_WAITING: usize = 2;
/// Pauses before a member is called again: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Time between two looks at how long a member takes to answer.
const ROUND_TRIP_INTERVAL: Duration = Duration::from_secs(5);

/// The way to one member. Ends when it is dropped.
pub(super) struct Link {
    dialer: Dialer,
    route: Route,
    messages: mpsc::Sender<Message>,
    load: Arc<Load>,
    urls: watch::Sender<Vec<String>>,
    task: AbortHandle,
}

/// What sender and task know of each other.
struct Load {
    exchange: Arc<Exchange>,
    /// Since when there is a stream.
    open_since: Mutex<Option<Instant>>,
    waiting_bytes: AtomicUsize,
}

impl Load {
    /// Notes that a stream has begun, or ended.
    fn set_open(&self, is_open: bool) {
        self.exchange.set_connected(is_open);
        *self.open_since.lock() = is_open.then(Instant::now);
    }
}

impl Link {
    /// To the member at these URLs.
    pub(super) fn open(
        dialer: Dialer,
        route: Route,
        urls: Vec<String>,
        exchange: Arc<Exchange>,
        expelled: Arc<Notify>,
    ) -> Self {
        let (messages, waiting) = mpsc::channel(WAITING_MESSAGES_MAX);
        let (urls, known_urls) = watch::channel(urls);
        let load = Arc::new(Load {
            exchange,
            open_since: Mutex::default(),
            waiting_bytes: AtomicUsize::default(),
        });
        let calling = Calling {
            dialer: dialer.clone(),
            route,
            urls: known_urls,
            waiting,
            load: load.clone(),
            expelled,
        };
        Self {
            dialer,
            route,
            messages,
            load,
            urls,
            task: tokio::spawn(calling.run()).abort_handle(),
        }
    }

    /// The member is elsewhere from now on: the next call goes there.
    pub(super) fn moved(&self, urls: Vec<String>) {
        self.urls.send_if_modified(|known| {
            let is_news = *known != urls;
            *known = urls;
            is_news
        });
    }

    /// Takes a message, unless it is lost.
    pub(super) fn send(&self, message: Message) -> bool {
        let bytes = size(&message);
        let waiting = &self.load.waiting_bytes;
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        let fits = before == 0 || before + bytes <= WAITING_BYTES_MAX;
        let exchange = &self.load.exchange;
        if fits && exchange.is_connected() && self.messages.try_send(message).is_ok() {
            return true;
        }
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        exchange.lost_messages.add(1);
        false
    }
}

impl Link {
    /// For how long the stream has been open.
    pub(super) fn open_for(&self) -> Duration {
        let since = *self.load.open_since.lock();
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Takes a whole state there, on a connection of its own.
    pub(super) fn send_state(&self, state: Outgoing) -> impl Future<Output = ()> + use<> {
        let urls = self.urls.subscribe();
        state::send(self.dialer.clone(), self.route, urls, state)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a message takes in memory, about.
fn size(message: &Message) -> usize {
    let entries = message.entries.iter().map(|entry| entry.data.len());
    size_of::<Message>() + entries.sum::<usize>()
}

/// The task of a link.
struct Calling {
    dialer: Dialer,
    route: Route,
    urls: watch::Receiver<Vec<String>>,
    waiting: mpsc::Receiver<Message>,
    load: Arc<Load>,
    /// Told when the other member says that this one was removed.
    expelled: Arc<Notify>,
}

impl Calling {
    async fn run(mut self) {
        let member = format!("{:x}", self.route.to);
        let mut pause = PAUSE_MIN;
        let mut told = String::new();
        loop {
            let reason = match self.call().await {
                Ok(stream) => {
                    tracing::info!(member, "connected to a member");
                    (pause, told) = (PAUSE_MIN, String::new());
                    self.load.set_open(true);
                    let reason = self.carry(stream).await;
                    self.load.set_open(false);
                    self.forget();
                    reason
                }
                Err(reason) => reason,
            };
            if reason != told {
                tracing::warn!(member, reason, "cannot reach a member, and go on trying");
                told = reason;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                moved = self.urls.changed() => if moved.is_err() {
                    return;
                },
            }
            pause = PAUSE_MAX.min(2 * pause);
        }
    }

    /// Opens a stream to the first URL that answers.
    async fn call(&mut self) -> Result<Stream, String> {
        let urls = self.urls.borrow_and_update().clone();
        let mut reasons = Vec::new();
        for url in urls {
            match self.call_one(&url).await {
                Ok(stream) => return Ok(stream),
                Err(reason) => reasons.push(format!("{url}: {reason}")),
            }
        }
        Err(match reasons.is_empty() {
            true => "nobody knows its peer URLs".to_owned(),
            false => reasons.join("; "),
        })
    }

    async fn call_one(&self, url: &str) -> Result<Stream, String> {
        let channel = self.dialer.open(url).await?;
        let mut client = RaftClient::new(channel).max_encoding_message_size(FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(FRAMES_WAITING);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        self.route.write(request.metadata_mut());
        match tokio::time::timeout(CONNECT_TIMEOUT, client.carry(request)).await {
            Ok(Ok(end)) => Ok(Stream {
                client,
                frames,
                end: end.into_inner(),
            }),
            Ok(Err(status)) => {
                if status.code() == Code::PermissionDenied {
                    self.expelled.notify_one();
                }
                Err(failure(&status))
            }
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    /// Sends what waits until the stream ends; why it has.
    async fn carry(&mut self, stream: Stream) -> String {
        let Stream {
            client,
            frames,
            mut end,
        } = stream;
        let mut looks = tokio::time::interval(ROUND_TRIP_INTERVAL);
        loop {
            let sending = async {
                // A place first: what comes until there is one goes into the same frame.
                let place = frames.reserve().await.ok()?;
                place.send(self.frame().await?);
                Some(())
            };
            tokio::select! {
                biased;
                ended = end.message() => return match ended {
                    Err(status) => failure(&status),
                    Ok(_) => "it has ended the stream".to_owned(),
                },
                _ = looks.tick() => {
                    tokio::spawn(time(client.clone(), self.load.exchange.clone()));
                }
                sent = sending => if sent.is_none() {
                    return "the stream has broken".to_owned();
                },
            }
        }
    }

    /// What waits, as much as one frame takes.
    async fn frame(&mut self) -> Option<Frame> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        let mut next = Some(self.waiting.recv().await?);
        while let Some(message) = next {
            let taken = size(&message);
            self.load.waiting_bytes.fetch_sub(taken, Ordering::Relaxed);
            let encoded = message.write_to_bytes();
            let encoded = encoded.expect("a message without required fields can be written");
            bytes += encoded.len();
            self.load.exchange.sent_bytes.add(encoded.len() as u64);
            messages.push(Bytes::from(encoded));
            next = match bytes < FRAME_BYTES {
                true => self.waiting.try_recv().ok(),
                false => None,
            };
        }
        Some(Frame { messages })
    }

    /// Loses what waits.
    fn forget(&mut self) {
        while let Ok(message) = self.waiting.try_recv() {
            let lost = size(&message);
            self.load.waiting_bytes.fetch_sub(lost, Ordering::Relaxed);
            self.load.exchange.lost_messages.add(1);
        }
    }
}

/// A stream to a member, and the connection that it is on.
struct Stream {
    client: RaftClient<Channel>,
    frames: mpsc::Sender<Frame>,
    end: Streaming<End>,
}

/// Notes how long a member takes to answer, if it does.
async fn time(mut client: RaftClient<Channel>, exchange: Arc<Exchange>) {
    let begin = Instant::now();
    let answer = client.describe(DescribeRequest {});
    if let Ok(Ok(_)) = tokio::time::timeout(ROUND_TRIP_INTERVAL, answer).await {
        exchange.round_trips.note_time(begin.elapsed());
    }
}
