//! Reads the events of a key range from a revision on.

use super::{
    client::{Client, Transport},
    scan::KeyRange,
};
use crate::pb::{
    etcdserverpb::{
        WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
        watch_client::WatchClient, watch_request::RequestUnion,
    },
    mvccpb::Event,
};
use anyhow::{Result, bail};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Requests waiting to be sent: one watch and one question for progress.
const REQUESTS_MAX: usize = 2;
/// A server drops a question for progress while the watch catches up, so it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What a watch says next.
#[derive(Debug)]
pub enum Step {
    /// Changes, in revision order.
    Events(Vec<Event>),
    /// Every change up to this revision was handed out.
    Reached(i64),
    /// The start was compacted; the watch begins at this revision instead.
    StartsAt(i64),
}

/// A watch on a range.
pub struct Follow {
    client: WatchClient<Transport>,
    range: KeyRange,
    prev_kv: bool,
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Follow {
    /// Watches `range` from revision `start` on; `0` is the next one to come.
    pub async fn open(client: &Client, range: KeyRange, start: i64, prev_kv: bool) -> Result<Self> {
        let mut client = client.watch.clone();
        let (requests, answers) = stream(&mut client, &range, start, prev_kv).await?;
        Ok(Self {
            client,
            range,
            prev_kv,
            requests,
            answers,
        })
    }

    /// Waits for the next step. Asks for progress while nothing happens.
    pub async fn next(&mut self) -> Result<Step> {
        loop {
            let answer = tokio::select! {
                answer = self.answers.message() => answer?,
                () = tokio::time::sleep(ASK_AGAIN) => {
                    // A full queue means that the last question is not even sent yet.
                    let _ = self.requests.try_send(progress());
                    continue;
                }
            };
            let Some(answer) = answer else {
                bail!("the server ended the watch");
            };
            if answer.canceled && answer.compact_revision > 0 {
                let start = answer.compact_revision;
                // On a new stream: etcd reports no progress where a watch was compacted before.
                (self.requests, self.answers) =
                    stream(&mut self.client, &self.range, start, self.prev_kv).await?;
                return Ok(Step::StartsAt(start));
            }
            if answer.canceled {
                bail!("the server refused the watch: {}", answer.cancel_reason);
            }
            if !answer.events.is_empty() {
                return Ok(Step::Events(answer.events));
            }
            if !answer.created
                && let Some(header) = answer.header
            {
                return Ok(Step::Reached(header.revision));
            }
        }
    }
}

/// A watch on `range` from a revision on, which ends when its sender is dropped.
pub(super) async fn stream(
    client: &mut WatchClient<Transport>,
    range: &KeyRange,
    start_revision: i64,
    prev_kv: bool,
) -> Result<(mpsc::Sender<WatchRequest>, Streaming<WatchResponse>)> {
    let (requests, queue) = mpsc::channel(REQUESTS_MAX);
    // Queued before the call: some servers answer it only when a first request came.
    requests.try_send(WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: range.start.clone(),
            range_end: range.end.clone(),
            start_revision,
            prev_kv,
            fragment: true,
            ..Default::default()
        })),
    })?;
    let answers = client.watch(ReceiverStream::new(queue)).await?;
    Ok((requests, answers.into_inner()))
}

fn progress() -> WatchRequest {
    WatchRequest {
        request_union: Some(RequestUnion::ProgressRequest(WatchProgressRequest {})),
    }
}
