//! Leases: grant, keep alive, revoke.

use super::{Seat, Session};
use crate::{
    cli::bench::wire::Transport,
    pb::etcdserverpb::{
        LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest,
        lease_client::LeaseClient,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

const GRANT: usize = 0;
const KEEP_ALIVE: usize = 1;
const REVOKE: usize = 2;

/// One keep-alive is under way at a time.
const KEEP_ALIVE_QUEUE: usize = 1;

/// Takes one lease after another through its life.
pub struct LeaseSession {
    lease: LeaseClient<Transport>,
    ttl_seconds: i64,
    keep_alives: Option<KeepAlives>,
    step: Step,
}

/// What comes next for the lease with this id.
#[derive(Clone, Copy)]
enum Step {
    Grant,
    KeepAlive(i64),
    Revoke(i64),
}

/// The stream a client keeps its leases alive on.
struct KeepAlives {
    requests: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Streaming<LeaseKeepAliveResponse>,
}

impl LeaseSession {
    /// A client whose leases live `ttl_seconds`.
    pub fn new(seat: Seat, ttl_seconds: i64) -> Self {
        Self {
            lease: seat.client.lease,
            ttl_seconds,
            keep_alives: None,
            step: Step::Grant,
        }
    }

    async fn grant(&mut self) -> Result<i64, Status> {
        let request = LeaseGrantRequest {
            ttl: self.ttl_seconds,
            id: 0,
        };
        Ok(self.lease.lease_grant(request).await?.into_inner().id)
    }

    /// On any error the stream is dropped, and opened again by the next call.
    async fn keep_alive(&mut self, id: i64) -> Result<(), Status> {
        let mut stream = match self.keep_alives.take() {
            Some(stream) => {
                let request = LeaseKeepAliveRequest { id };
                stream.requests.send(request).await.map_err(|_| ended())?;
                stream
            }
            // The server may answer the call only once the first request is there.
            None => self.open(LeaseKeepAliveRequest { id }).await?,
        };
        let answer = stream.answers.message().await?.ok_or_else(ended)?;
        self.keep_alives = Some(stream);
        if answer.ttl <= 0 {
            return Err(Status::not_found(
                "the lease was gone before its keep-alive",
            ));
        }
        Ok(())
    }

    async fn open(&mut self, first: LeaseKeepAliveRequest) -> Result<KeepAlives, Status> {
        let (requests, queue) = mpsc::channel(KEEP_ALIVE_QUEUE);
        requests.send(first).await.map_err(|_| ended())?;
        let stream = self
            .lease
            .lease_keep_alive(ReceiverStream::new(queue))
            .await?;
        Ok(KeepAlives {
            requests,
            answers: stream.into_inner(),
        })
    }
}

impl Session for LeaseSession {
    async fn send(&mut self, _index: u64) -> Result<usize, Status> {
        // Whatever fails, the next lease starts afresh.
        match std::mem::replace(&mut self.step, Step::Grant) {
            Step::Grant => {
                self.step = Step::KeepAlive(self.grant().await?);
                Ok(GRANT)
            }
            Step::KeepAlive(id) => {
                self.keep_alive(id).await?;
                self.step = Step::Revoke(id);
                Ok(KEEP_ALIVE)
            }
            Step::Revoke(id) => {
                self.lease.lease_revoke(LeaseRevokeRequest { id }).await?;
                Ok(REVOKE)
            }
        }
    }
}

fn ended() -> Status {
    Status::unavailable("the server ended the keep-alive stream")
}
