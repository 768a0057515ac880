//! Asks a server, within a bounded time, and writes down what became of it.

use super::client::Client;
use super::history::{Outcome, Recorded, Request, Response};
use kvtool::error::Error;
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// How long an answer may take: kvtool's own limit for a request, and some more for a machine that
/// has much to do.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(7 + 5);

/// What was asked, and what became of it.
#[derive(Default)]
pub struct Recorder {
    pub recorded: Vec<Recorded>,
    /// What got no answer in time, not even an error, and when it was asked.
    pub hung: Vec<(Instant, &'static str)>,
    /// The longest wait for an answer, and to what.
    pub longest: (Duration, &'static str),
    /// The last request had no outcome because of another server than the one that was asked.
    pub is_other_lost: bool,
}

impl Recorder {
    /// Asks, waits and records.
    pub async fn ask(&mut self, client: &mut Client, request: Request) -> Outcome {
        let called = Instant::now();
        let answer = self.within(what(&request), send(client, &request)).await;
        let outcome = match answer {
            Ok(answer) => Outcome::Answered(answer),
            Err(status) if refused(&status) => Outcome::Refused,
            // A read changes nothing, whatever became of it.
            Err(_) if matches!(request, Request::Range(_)) => return Outcome::Unknown,
            Err(_) => Outcome::Unknown,
        };
        self.recorded.push(Recorded {
            request,
            outcome: outcome.clone(),
            called,
            returned: Instant::now(),
        });
        outcome
    }

    /// Waits for an answer no longer than [`ANSWER_LIMIT`].
    pub async fn within<T>(
        &mut self,
        what: &'static str,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let called = Instant::now();
        let answer = tokio::time::timeout(ANSWER_LIMIT, answer).await;
        self.longest = self.longest.max((called.elapsed(), what));
        self.is_other_lost = matches!(&answer, Ok(Err(status)) if lost(status));
        answer.unwrap_or_else(|_| {
            self.hung.push((called, what));
            Err(Status::deadline_exceeded("no answer in time"))
        })
    }

    /// Adds what another has recorded.
    pub fn extend(&mut self, other: Self) {
        self.recorded.extend(other.recorded);
        self.hung.extend(other.hung);
        self.longest = self.longest.max(other.longest);
    }
}

/// The name of a request.
fn what(request: &Request) -> &'static str {
    match request {
        Request::Put(_) => "a put",
        Request::Delete(_) => "a deletion",
        Request::Txn(_) => "a transaction",
        Request::Range(range) if range.serializable => "a serializable read",
        Request::Range(_) => "a read",
        Request::Revoke(_) => "a revocation",
    }
}

async fn send(client: &mut Client, request: &Request) -> Result<Response, Status> {
    Ok(match request.clone() {
        Request::Put(request) => Response::Put(client.kv.put(request).await?.into_inner()),
        Request::Delete(request) => {
            Response::Delete(client.kv.delete_range(request).await?.into_inner())
        }
        Request::Txn(request) => Response::Txn(client.kv.txn(request).await?.into_inner()),
        Request::Range(request) => Response::Range(client.kv.range(request).await?.into_inner()),
        Request::Revoke(request) => {
            client.lease.lease_revoke(request).await?;
            Response::Revoke
        }
    })
}

/// Whether an error says that another server was lost, and not whether it did what was asked.
pub fn lost(status: &Status) -> bool {
    status.message() == Error::LeaderLost.to_string()
}

/// Whether an error says that nothing was done, and that the server lives.
pub fn refused(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange | Code::FailedPrecondition
    )
}
