//! Watches that begin in the past.

use super::{Seat, Session};
use crate::{
    cli::bench::{unary::Kv, wire::Transport},
    pb::etcdserverpb::{
        RangeRequest, WatchCreateRequest, WatchRequest, watch_client::WatchClient,
        watch_request::RequestUnion,
    },
};
use tonic::Status;

/// Where the keys begin, and, as the end of a range, all that follow.
const ZERO: &[u8] = b"\0";

/// Watches all keys from some revisions ago until it has heard of the newest one, again and again.
pub struct CatchUpSession {
    kv: Kv,
    watch: WatchClient<Transport>,
    revisions: i64,
}

impl CatchUpSession {
    /// A client that begins so many revisions ago.
    pub fn new(seat: Seat, revisions: u64) -> Self {
        Self {
            kv: seat.client.kv,
            watch: seat.client.watch,
            revisions: revisions.try_into().unwrap_or(i64::MAX),
        }
    }

    async fn newest(&mut self) -> Result<i64, Status> {
        let request = RangeRequest {
            key: ZERO.into(),
            count_only: true,
            ..RangeRequest::default()
        };
        let answer = self.kv.range(&request).await?;
        Ok(answer.header.unwrap_or_default().revision)
    }
}

impl Session for CatchUpSession {
    async fn send(&mut self, _index: u64) -> Result<usize, Status> {
        let newest = self.newest().await?;
        let start = newest.saturating_sub(self.revisions - 1);
        // The first revision is the one before anything was written.
        if start < 2 {
            let sentence = "the server has not so many revisions: lower --revisions, or write more";
            return Err(Status::out_of_range(sentence));
        }
        let create = WatchCreateRequest {
            key: ZERO.into(),
            range_end: ZERO.into(),
            start_revision: start,
            ..WatchCreateRequest::default()
        };
        let request = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        // The request stream ends only with the call.
        let requests =
            tokio_stream::StreamExt::chain(tokio_stream::once(request), tokio_stream::pending());
        let mut answers = self.watch.watch(requests).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            if answer.canceled {
                return Err(Status::out_of_range(answer.cancel_reason));
            }
            let last = answer.events.last().and_then(|event| event.kv.as_ref());
            if last.is_some_and(|kv| kv.mod_revision >= newest) {
                return Ok(0);
            }
        }
        Err(Status::unavailable("the server ended the watch"))
    }
}
