//! Whole states, to members that lag.

use super::{FRAME_BYTES_MAX, Route};
use crate::api::channel::{CONNECT_TIMEOUT, Dialer};
use crate::error::Error;
use crate::pb::kvtool::raft::v1::raft_client::RaftClient;
use crate::pb::kvtool::raft::v1::{Chunk, Item, Wanted};
use crate::store::raft::eraftpb::{Message, MessageType};
use crate::store::raft::{Outgoing, Raft, Stage};
use bytes::Bytes;
use protobuf::Message as _;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

/// Tries to take one view to a member; behind them it gets a newer one.
const ATTEMPTS_MAX: u32 = 30;
/// Pause before the next.
const ATTEMPT_PAUSE: Duration = Duration::from_secs(1);
/// How long the member may take for one chunk, or to make all of them durable.
const PATIENCE: Duration = Duration::from_secs(60);
/// Chunks that wait to be sent.
const CHUNKS_WAITING: usize = 2;

/// Sends a state, with several tries; each goes on where the one before was cut off.
pub(super) async fn send(
    dialer: Dialer,
    route: Route,
    mut urls: watch::Receiver<Vec<String>>,
    state: Outgoing,
) {
    let member = format!("{:x}", route.to);
    tracing::info!(
        member,
        "a member lags behind the log and gets a whole state"
    );
    for _ in 0..ATTEMPTS_MAX {
        let known = urls.borrow_and_update().clone();
        for url in known {
            match send_to(&dialer, route, &url, &state).await {
                Ok(()) => {
                    tracing::info!(member, "the member has the state");
                    return state.arrived();
                }
                Err(reason) => tracing::warn!(member, url, reason, "the state has not arrived"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(ATTEMPT_PAUSE) => {}
            moved = urls.changed() => if moved.is_err() {
                return;
            },
        }
    }
}

async fn send_to(dialer: &Dialer, route: Route, url: &str, state: &Outgoing) -> Result<(), String> {
    let said = |status: Status| status.message().to_owned();
    let mut client = RaftClient::new(dialer.open(url).await?);
    client = client.max_encoding_message_size(FRAME_BYTES_MAX);
    let (chunks, outgoing) = mpsc::channel(CHUNKS_WAITING);
    let message = state.message().write_to_bytes();
    let message = message.expect("a message without required fields can be written");
    let first = Chunk {
        message: message.into(),
        items: Vec::new(),
    };
    let _ = chunks.send(first).await;
    let mut request = Request::new(ReceiverStream::new(outgoing));
    route.write(request.metadata_mut());
    let wanted = tokio::time::timeout(2 * CONNECT_TIMEOUT, client.install(request)).await;
    let wanted = wanted.map_err(|_| "it does not answer".to_owned())?;
    let mut wanted = wanted.map_err(said)?.into_inner();
    let mut after = match hear(&mut wanted).await? {
        Wanted { is_done: true, .. } => return Ok(()),
        Wanted { after, .. } => after,
    };
    loop {
        let items = state.after(&after).map_err(|error| error.to_string())?;
        let last = items.last().map(|(key, _)| key.clone());
        let item = |(key, value)| Item { key, value };
        let chunk = Chunk {
            message: Bytes::new(),
            items: items.into_iter().map(item).collect(),
        };
        tokio::select! {
            sent = tokio::time::timeout(PATIENCE, chunks.send(chunk)) => match sent {
                Ok(Ok(())) => {}
                _ => return Err("it takes no more".to_owned()),
            },
            ended = wanted.message() => return Err(match ended {
                Err(status) => said(status),
                Ok(_) => "it has ended the stream".to_owned(),
            }),
        }
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    match hear(&mut wanted).await?.is_done {
        true => Ok(()),
        false => Err("it has not taken the state".to_owned()),
    }
}

async fn hear(wanted: &mut Streaming<Wanted>) -> Result<Wanted, String> {
    match tokio::time::timeout(PATIENCE, wanted.message()).await {
        Ok(Ok(Some(wanted))) => Ok(wanted),
        Ok(Ok(None)) => Err("it has ended the stream".to_owned()),
        Ok(Err(status)) => Err(status.message().to_owned()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// Takes a state that another member sends.
pub(super) async fn take(
    raft: Raft,
    route: Route,
    mut chunks: Streaming<Chunk>,
    wanted: mpsc::Sender<Result<Wanted, Status>>,
) {
    let taken = take_all(&raft, route, &mut chunks, &wanted).await;
    if let Err(status) = &taken {
        let from = format!("{:x}", route.from);
        tracing::warn!(from, error = status.message(), "a state has not come whole");
    }
    let done = taken.map(|()| Wanted {
        after: Bytes::new(),
        is_done: true,
    });
    // Who has gone away asks again.
    let _ = wanted.send(done).await;
}

async fn take_all(
    raft: &Raft,
    route: Route,
    chunks: &mut Streaming<Chunk>,
    wanted: &mpsc::Sender<Result<Wanted, Status>>,
) -> Result<(), Status> {
    let failed = |error| Status::from(Error::Store(error));
    let senseless = || Status::invalid_argument("what was sent is no state");
    let first = next(chunks).await?;
    let message = message_of(route, &first.message).ok_or_else(senseless)?;
    let Some(mut stage) = raft.stage(&message).map_err(failed)? else {
        return Err(Status::unavailable("another state is coming in"));
    };
    let begin = Wanted {
        after: last_key(&mut stage),
        is_done: false,
    };
    let _ = wanted.send(Ok(begin)).await;
    loop {
        let Chunk { items, .. } = next(chunks).await?;
        let is_end = items.is_empty();
        let items = items.into_iter().map(|item| (item.key, item.value));
        let items = items.collect();
        // Both wait for the disk.
        let added = tokio::task::spawn_blocking(move || {
            let Some(state) = stage.state() else {
                return Ok((stage, false));
            };
            let is_taken = match is_end {
                true => state.sync().map(|()| true),
                false => state.add(items),
            };
            is_taken.map(|is_taken| (stage, is_taken))
        });
        let added = added.await.map_err(|_| senseless())?;
        let (kept, is_taken) = added.map_err(failed)?;
        if !is_taken {
            return Err(senseless());
        }
        stage = kept;
        if is_end {
            return raft.install(message, stage).await.map_err(failed);
        }
    }
}

fn last_key(stage: &mut Stage) -> Bytes {
    let state = stage.state();
    state.map_or_else(Bytes::new, |state| state.last_key().clone())
}

async fn next(chunks: &mut Streaming<Chunk>) -> Result<Chunk, Status> {
    let cut_off = || Status::unavailable("the state was cut off");
    let next = tokio::time::timeout(PATIENCE, chunks.message()).await;
    next.map_err(|_| cut_off())??.ok_or_else(cut_off)
}

/// The message of a state, which its sender may send.
fn message_of(route: Route, bytes: &[u8]) -> Option<Message> {
    let message = Message::parse_from_bytes(bytes).ok()?;
    let is_meant = message.from == route.from && message.to == route.to;
    let is_state = message.get_msg_type() == MessageType::MsgSnapshot;
    (is_meant && is_state).then_some(message)
}
