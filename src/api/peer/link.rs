//! The side that hands over.

use super::{FRAME_BYTES_MAX, FRAMES_WAITING, TOKEN, fill, wire};
use crate::api::channel::{CONNECT_TIMEOUT, Dialer, failure};
use crate::mvcc::Follower;
use crate::mvcc::forward::{Call, Handover, Link, Peers};
use crate::mvcc::keyspace::{PeerRecord, State};
use crate::pb::kvtool::peer::v1::{self, Answers, Requests, peer_client::PeerClient};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Requests that wait for a frame; further ones wait where they are.
const WAITING_REQUESTS: usize = 1024;

/// Connects to other servers over gRPC.
#[derive(Debug)]
pub struct Links(Ways);

/// Where other servers take what is handed over.
#[derive(Debug)]
enum Ways {
    /// At their client ports.
    Clients(Dialer),
    /// At their peer ports.
    Peers(Dialer),
}

impl Links {
    /// To client ports.
    pub fn to_client_ports(dialer: Dialer) -> Self {
        Self(Ways::Clients(dialer))
    }

    /// To peer ports.
    pub fn to_peer_ports(dialer: Dialer) -> Self {
        Self(Ways::Peers(dialer))
    }
}

impl Peers for Links {
    fn connect(
        &self,
        peer: PeerRecord,
        follower: Arc<Follower>,
    ) -> BoxFuture<'_, Result<Arc<dyn Link>, String>> {
        async move {
            let (dialer, urls) = match &self.0 {
                Ways::Clients(dialer) => (dialer, peer.client_urls),
                Ways::Peers(dialer) => (dialer, peer.peer_urls),
            };
            let mut reason = "it has no URL".to_owned();
            for url in urls {
                match dial(dialer, &url, peer.token, &follower).await {
                    Ok(link) => return Ok(Arc::new(link) as Arc<dyn Link>),
                    Err(why) => reason = format!("{url}: {why}"),
                }
            }
            Err(reason)
        }
        .boxed()
    }
}

async fn dial(
    dialer: &Dialer,
    url: &str,
    token: u128,
    follower: &Arc<Follower>,
) -> Result<GrpcLink, String> {
    let channel = dialer.open(url).await?;
    let mut client = PeerClient::new(channel)
        .max_decoding_message_size(FRAME_BYTES_MAX)
        .max_encoding_message_size(FRAME_BYTES_MAX);
    let (frames, outgoing) = mpsc::channel(FRAMES_WAITING);
    let mut request = tonic::Request::new(ReceiverStream::new(outgoing));
    let token = format!("{token:032x}").parse();
    let token = token.map_err(|_| "the token is no header".to_owned())?;
    request.metadata_mut().insert(TOKEN, token);
    match tokio::time::timeout(CONNECT_TIMEOUT, client.forward(request)).await {
        Ok(Ok(answers)) => Ok(GrpcLink::over(
            frames,
            answers.into_inner(),
            follower.clone(),
        )),
        Ok(Err(status)) => Err(failure(&status)),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// A stream to the server that leads.
struct GrpcLink {
    outbox: mpsc::Sender<Outgoing>,
    closed: watch::Receiver<bool>,
}

/// A request and who waits for its outcome.
struct Outgoing {
    call: Call,
    reply: oneshot::Sender<Handover>,
}

/// Who waits for an answer; `None` when none will come any more.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Handover>>>>>;

impl GrpcLink {
    fn over(
        frames: mpsc::Sender<Requests>,
        answers: Streaming<Answers>,
        follower: Arc<Follower>,
    ) -> Self {
        let (outbox, outgoing) = mpsc::channel(WAITING_REQUESTS);
        let (close, closed) = watch::channel(false);
        let waiting = Waiting::new(Mutex::new(Some(HashMap::new())));
        let sending = send(outgoing, frames, waiting.clone(), closed.clone());
        tokio::spawn(sending);
        tokio::spawn(receive(answers, waiting, follower, close));
        Self { outbox, closed }
    }
}

impl Link for GrpcLink {
    fn call(&self, call: Call) -> BoxFuture<'_, Handover> {
        async move {
            let (reply, outcome) = oneshot::channel();
            if self.outbox.send(Outgoing { call, reply }).await.is_err() {
                return Handover::Refused;
            }
            outcome.await.unwrap_or(Handover::Lost)
        }
        .boxed()
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        let mut closed = self.closed.clone();
        async move {
            // An error means that the stream has ended.
            let _ = closed.wait_for(|closed| *closed).await;
        }
        .boxed()
    }
}

/// Sends what waits until the link is closed or dropped.
async fn send(
    mut outgoing: mpsc::Receiver<Outgoing>,
    frames: mpsc::Sender<Requests>,
    waiting: Waiting,
    mut closed: watch::Receiver<bool>,
) {
    let mut number = 0;
    let mut taken = Vec::new();
    // A place first: what comes until there is one goes into the same frame.
    while let Ok(place) = frames.reserve().await {
        let is_end = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => true,
            count = outgoing.recv_many(&mut taken, WAITING_REQUESTS) => count == 0,
        };
        if is_end {
            break;
        }
        let mut numbered = taken.drain(..).filter_map(|Outgoing { call, reply }| {
            number += 1;
            enter(&waiting, number, call, reply)
        });
        let requests = fill(&mut numbered);
        place.send(Requests { requests });
        loop {
            let requests = fill(&mut numbered);
            if requests.is_empty() || frames.send(Requests { requests }).await.is_err() {
                break;
            }
        }
    }
    // The other side sees the end of requests. What has not been sent is told so.
    drop(frames);
    outgoing.close();
    while let Some(Outgoing { reply, .. }) = outgoing.recv().await {
        let _ = reply.send(Handover::Refused);
    }
}

/// Notes who waits for a request, and makes it a message; from here on it may have been sent.
fn enter(
    waiting: &Waiting,
    number: u64,
    call: Call,
    reply: oneshot::Sender<Handover>,
) -> Option<v1::Request> {
    let message = wire::request(number, call);
    match (waiting.lock().as_mut(), message) {
        (Some(waiting), Some(message)) => {
            waiting.insert(number, reply);
            Some(message)
        }
        _ => {
            let _ = reply.send(Handover::Refused);
            None
        }
    }
}

/// Hands answers out until the stream ends; those who still wait then get none.
async fn receive(
    mut answers: Streaming<Answers>,
    waiting: Waiting,
    follower: Arc<Follower>,
    close: watch::Sender<bool>,
) {
    while let Ok(Some(frame)) = answers.message().await {
        if frame.closing {
            close.send_replace(true);
        }
        for batch in frame.batches {
            follower.hear(batch);
        }
        // No state, no answer: they would not be known to be as new as this server.
        let Ok(state) = State::decode(frame.state) else {
            break;
        };
        let mut waiting = waiting.lock();
        for answer in frame.answers {
            let waits = waiting.as_mut().and_then(|all| all.remove(&answer.number));
            if let Some(reply) = waits {
                // The client may have given up meanwhile.
                let _ = reply.send(wire::outcome(answer.answer, state));
            }
        }
    }
    close.send_replace(true);
    follower.end_relay();
    for (_, reply) in waiting.lock().take().into_iter().flatten() {
        let _ = reply.send(Handover::Lost);
    }
}
