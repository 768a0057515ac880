//! The side that leads: does what others hand over.

use super::{FRAME_BYTES_MAX, FRAMES_WAITING, TOKEN, fill, wire};
use crate::api::server::Stopping;
use crate::mvcc::{Instance, Queued, Taken};
use crate::pb::kvtool::peer::v1::{self, Answer, Answers, Requests, answer, peer_server};
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt};
use parking_lot::RwLock;
use peer_server::PeerServer;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// Requests of one stream under way; the next frame is read when there are fewer.
const RUNNING_REQUESTS: usize = 5000;

/// The instances that do what is handed over, which may be opened later than their port.
#[derive(Clone, Default)]
pub struct Taking {
    /// By their openings, which are the tokens of their records.
    instances: Arc<RwLock<HashMap<u128, Instance>>>,
    own: Arc<OnceLock<Instance>>,
    /// Has a receiver for each stream.
    streams: watch::Sender<()>,
}

impl Taking {
    /// From now on it is this one too.
    pub fn begin(&self, instance: &Instance) {
        let opening = instance.opening();
        self.instances.write().insert(opening, instance.clone());
    }

    /// From now on it is this one too, which is the server's own.
    pub fn begin_own(&self, instance: &Instance) {
        // A server has one.
        let _ = self.own.set(instance.clone());
        self.begin(instance);
    }

    /// The server's own instance, once it is open.
    pub fn own(&self) -> Option<&Instance> {
        self.own.get()
    }

    /// From now on it is this one no more.
    pub fn end(&self, instance: &Instance) {
        self.instances.write().remove(&instance.opening());
    }

    /// The one whose record has this token.
    fn instance(&self, token: u128) -> Option<Instance> {
        self.instances.read().get(&token).cloned()
    }

    /// Completes when nobody hands anything over.
    pub async fn drained(&self) {
        self.streams.closed().await;
    }
}

/// The service for the other servers of an instance.
pub fn service(taking: &Taking, stopping: &Stopping) -> PeerServer<Peer> {
    let peer = Peer {
        taking: taking.clone(),
        stopping: stopping.clone(),
    };
    PeerServer::new(peer)
        .max_decoding_message_size(FRAME_BYTES_MAX)
        .max_encoding_message_size(FRAME_BYTES_MAX)
}

/// `kvtool.peer.v1.Peer`.
pub struct Peer {
    taking: Taking,
    stopping: Stopping,
}

#[async_trait]
impl peer_server::Peer for Peer {
    type ForwardStream = BoxStream<Answers>;

    async fn forward(
        &self,
        request: Request<Streaming<Requests>>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        let token = request.metadata().get(TOKEN);
        let token = token.and_then(|token| token.to_str().ok());
        let token = token.and_then(|token| u128::from_str_radix(token, 16).ok());
        let instance = token.and_then(|token| {
            let instance = self.taking.instance(token)?;
            instance.admits(token).then_some(instance)
        });
        let Some(instance) = instance else {
            return Err(Status::failed_precondition(
                "this is not the server that leads, or not the one that was called",
            ));
        };
        let (frames, answers) = mpsc::channel(FRAMES_WAITING);
        let serving = Serving {
            stopping: self.stopping.clone(),
            is_closing: false,
            relayed: instance.relayed(),
            instance,
            frames,
            _stream: self.taking.streams.subscribe(),
        };
        tokio::spawn(serving.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// Requests of one stream under way.
#[derive(Default)]
struct Running {
    /// Those that wait for the sequencer: the first of them is answered first, so it alone is asked.
    queued: VecDeque<(u64, Queued)>,
    /// Those that wait for something else first.
    later: FuturesUnordered<BoxFuture<'static, Option<Answer>>>,
}

impl Running {
    fn begin(&mut self, instance: &Instance, request: v1::Request) {
        let number = request.number;
        let taken = match wire::requested(request) {
            Some(call) => instance.take(call),
            None => Taken::Later(ready(None).boxed()),
        };
        match taken {
            Taken::Queued(queued) => self.queued.push_back((number, queued)),
            Taken::Later(later) => {
                let answered = later.map(move |answer| wire::answer(number, answer));
                self.later.push(answered.boxed());
            }
        }
    }

    fn len(&self) -> usize {
        self.queued.len() + self.later.len()
    }
}

impl Stream for Running {
    /// `None` where there is no answer to send.
    type Item = Option<Answer>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some((number, queued)) = self.queued.front_mut()
            && let Poll::Ready(answer) = queued.poll_unpin(context)
        {
            let answer = wire::answer(*number, answer);
            self.queued.pop_front();
            return Poll::Ready(Some(answer));
        }
        match self.later.poll_next_unpin(context) {
            Poll::Ready(None) if !self.queued.is_empty() => Poll::Pending,
            polled => polled,
        }
    }
}

/// One stream.
struct Serving {
    instance: Instance,
    stopping: Stopping,
    /// The other side was told that nothing new is taken.
    is_closing: bool,
    /// What this server commits, for the other.
    relayed: Option<broadcast::Receiver<Bytes>>,
    frames: mpsc::Sender<Result<Answers, Status>>,
    _stream: watch::Receiver<()>,
}

impl Serving {
    /// Until the other side has ended its requests and all of them are answered.
    async fn run(mut self, mut requests: Streaming<Requests>) {
        let mut running = Running::default();
        let mut is_open = true;
        while is_open || running.len() > 0 {
            let (mut ready, mut batches) = (None, Vec::new());
            tokio::select! {
                frame = requests.message(), if is_open && running.len() < RUNNING_REQUESTS => {
                    match frame {
                        Ok(Some(frame)) => {
                            for request in frame.requests {
                                running.begin(&self.instance, request);
                            }
                            continue;
                        }
                        // It is gone, and its answers with it, or it has no more to ask.
                        _ => is_open = false,
                    }
                }
                Some(answer) = running.next() => ready = Some(answer),
                Some(batch) = next(&mut self.relayed) => batches.push(batch),
                () = self.stopping.wait(), if !self.is_closing => {}
            }
            let rest = std::iter::from_fn(|| running.next().now_or_never().flatten());
            let answers = fill(&mut ready.into_iter().chain(rest).flatten());
            if self.send(answers, batches).await.is_err() {
                return;
            }
        }
    }

    /// Sends answers, batches from these on, and word when this server takes no more.
    async fn send(
        &mut self,
        answers: Vec<Answer>,
        mut batches: Vec<Bytes>,
    ) -> Result<(), mpsc::error::SendError<()>> {
        let is_refusal =
            |answer: &Answer| matches!(answer.answer, Some(answer::Answer::Refusal(_)));
        let is_closing = self.stopping.is_stopping() || answers.iter().any(is_refusal);
        let is_news = is_closing && !self.is_closing;
        self.is_closing |= is_closing;
        while let Some(Some(batch)) = next(&mut self.relayed).now_or_never() {
            batches.push(batch);
        }
        if answers.is_empty() && batches.is_empty() && !is_news {
            return Ok(());
        }
        // Read after all else was made, so it is as new.
        let frame = Answers {
            answers,
            state: self.instance.state().encode(),
            closing: self.is_closing,
            batches,
        };
        let sent = self.frames.send(Ok(frame)).await;
        sent.map_err(|_| mpsc::error::SendError(()))
    }
}

/// The next batch that is relayed; the other side notices if one before it was missed.
async fn next(relayed: &mut Option<broadcast::Receiver<Bytes>>) -> Option<Bytes> {
    loop {
        match relayed.as_mut()?.recv().await {
            Ok(batch) => return Some(batch),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}
