//! Where requests wait for the sequencer, of this server or of the one that leads.

use crate::error::{Error, Result};
use crate::mvcc::deadline::{Deadline, Deadlines};
use crate::mvcc::forward::{self, Handover, Heard};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::State;
use crate::mvcc::request::{Call, Request, Response};
use crate::mvcc::scratch::Staged;
use crate::mvcc::stats::Stats;
use crate::mvcc::{blob, clock};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, ready, select};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot};

/// Requests that may wait; one more is refused as etcd refuses it.
const MAX_QUEUED_REQUESTS: usize = 5000;
/// Bytes of requests that may wait; further ones wait at their connections.
const MAX_QUEUED_BYTES: usize = 256 << 20;

/// The sequencer's end of the queue.
pub type Receiver = mpsc::Receiver<Pending>;

/// A waiting request.
pub struct Pending {
    /// What is asked, and by whom.
    pub call: Call,
    /// Its values that are in the store already.
    pub staged: Vec<Staged>,
    reply: oneshot::Sender<Outcome>,
    bytes: OwnedSemaphorePermit,
}

/// What the sequencer says of a request.
enum Outcome {
    /// It is done, or cannot be.
    Answer(Result<Response>),
    /// Nothing was done, and the server that leads can be reached meanwhile.
    Elsewhere(Call, OwnedSemaphorePermit),
}

/// A request that was handed in.
enum Begun {
    /// It waits for the sequencer.
    Queued(oneshot::Receiver<Outcome>),
    /// It will not be done.
    Refused(Error),
    /// It waits for something else first.
    Waiting(Box<Call>),
}

/// A request of another server. What becomes of it is its answer, or `None` where it was not queued and
/// never will be.
pub enum Taken {
    /// It waits for the sequencer, which answers in the order in which it was asked.
    Queued(Queued),
    /// It is not queued yet, or will not be.
    Later(BoxFuture<'static, Option<Result<Response>>>),
}

/// A request of another server that waits for the sequencer.
pub struct Queued {
    outcome: oneshot::Receiver<Outcome>,
    deadline: Deadline,
}

impl Future for Queued {
    type Output = Option<Result<Response>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.outcome.poll_unpin(context) {
            Poll::Ready(Ok(Outcome::Answer(answer))) => Poll::Ready(Some(answer)),
            Poll::Ready(Ok(Outcome::Elsewhere(..))) => Poll::Ready(None),
            Poll::Ready(Err(_)) => Poll::Ready(Some(Err(Error::Stopped))),
            Poll::Pending => {
                let is_over = self.deadline.poll_unpin(context);
                is_over.map(|()| Some(Err(Error::Timeout)))
            }
        }
    }
}

/// Hands requests to the sequencer. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Pending>,
    bytes: Arc<Semaphore>,
    /// Places for requests that another server has.
    forwards: Arc<Semaphore>,
    link: forward::Current,
    heard: Arc<Heard>,
    job: Job,
    deadlines: Arc<Deadlines>,
    stats: Arc<Stats>,
}

/// Makes a queue: where requests go in, and the end that [`sequencer::run`](super::sequencer::run)
/// takes them from. Nothing that this server says will be older than `known`.
pub fn open(
    job: &Job,
    known: State,
    link: forward::Current,
    timeout: Duration,
    stats: Arc<Stats>,
) -> (Handle, Receiver) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED_REQUESTS);
    let handle = Handle {
        queue: sender,
        bytes: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
        forwards: Arc::new(Semaphore::new(MAX_QUEUED_REQUESTS)),
        link,
        heard: Arc::new(Heard::new(known)),
        job: job.clone(),
        deadlines: Arc::new(Deadlines::new(timeout)),
        stats,
    };
    (handle, receiver)
}

impl Handle {
    /// Waits for the outcome of a request, which is queued before that, if it need not wait to be.
    /// `Timeout` leaves it open.
    pub fn submit(&self, call: Call) -> impl Future<Output = Result<Response>> + Send + use<'_> {
        let begun = self.begin(call);
        async move {
            let ended = pin!(self.end(begun));
            let outcome = match select(ended, self.deadlines.next()).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => Err(Error::Timeout),
            };
            if let Err(Error::Timeout | Error::LeaderLost | Error::LeaderChanged) = outcome {
                self.stats.failed.add(1);
            }
            outcome
        }
    }

    /// Queues what is for this server, has room, and has nothing to be brought into the store first.
    fn begin(&self, call: Call) -> Begun {
        if self.link.borrow().is_none()
            && call.size_bytes <= self.stage_above()
            && let Ok(permit) = self.try_permit(&call)
        {
            return match self.enqueue(call, Vec::new(), permit) {
                Ok(outcome) => Begun::Queued(outcome),
                Err(error) => Begun::Refused(error),
            };
        }
        Begun::Waiting(Box::new(call))
    }

    async fn end(&self, begun: Begun) -> Result<Response> {
        let (call, permit) = match begun {
            Begun::Queued(outcome) => match outcome.await {
                Ok(Outcome::Answer(answer)) => return answer,
                Ok(Outcome::Elsewhere(back, permit)) => (back, Some(permit)),
                Err(_) => return Err(Error::Stopped),
            },
            Begun::Refused(error) => return Err(error),
            Begun::Waiting(call) => (*call, None),
        };
        // In a box, or every request would be as large.
        Box::pin(self.submit_slowly(call, permit)).await
    }

    /// Requests that wait for the sequencer.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Bytes of the requests that wait for an outcome.
    pub fn waiting_bytes(&self) -> usize {
        MAX_QUEUED_BYTES - self.bytes.available_permits()
    }

    async fn submit_slowly(
        &self,
        mut call: Call,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Response> {
        let mut permit = match permit {
            Some(permit) => permit,
            None => self.permit(&call).await?,
        };
        loop {
            if let Some(answer) = self.hand_over(&call).await {
                return answer;
            }
            let staged = self.staged(&call.request, &permit).await?;
            match self.enqueue(call, staged, permit)?.await {
                Ok(Outcome::Answer(answer)) => return answer,
                Ok(Outcome::Elsewhere(back, bytes)) => (call, permit) = (back, bytes),
                Err(_) => return Err(Error::Stopped),
            }
        }
    }

    /// Lets the server that leads do a request; `None` when this server has to.
    async fn hand_over(&self, call: &Call) -> Option<Result<Response>> {
        let link = self.link.borrow().clone();
        let link = link.filter(|_| call.request.concerns_any_server())?;
        let Ok(_place) = self.forwards.try_acquire() else {
            return Some(Err(Error::TooManyRequests));
        };
        let handover = link.call(call.clone()).await;
        self.stats.count_handover(&handover);
        match handover {
            Handover::Answered(answer, state) => {
                self.heard.note(state);
                Some(answer)
            }
            Handover::Lost if !call.request.can_be_repeated() => Some(Err(Error::LeaderLost)),
            Handover::Lost | Handover::Refused => None,
        }
    }

    /// Does what another server hands over.
    pub fn take(&self, call: Call) -> Taken {
        match self.begin(call) {
            Begun::Queued(outcome) => {
                self.stats.taken.add(1);
                let deadline = self.deadlines.next();
                Taken::Queued(Queued { outcome, deadline })
            }
            Begun::Refused(error) => Taken::Later(ready(refused(error)).boxed()),
            Begun::Waiting(call) => Taken::Later(self.clone().take_slowly(*call).boxed()),
        }
    }

    async fn take_slowly(self, call: Call) -> Option<Result<Response>> {
        let deadline = self.deadlines.next();
        let queued = pin!(async {
            let permit = self.permit(&call).await?;
            let staged = self.staged(&call.request, &permit).await?;
            self.enqueue(call, staged, permit)
        });
        match select(queued, deadline.clone()).await {
            Either::Left((Ok(outcome), _)) => {
                self.stats.taken.add(1);
                Queued { outcome, deadline }.await
            }
            Either::Left((Err(error), _)) => refused(error),
            Either::Right(_) => None,
        }
    }

    /// The newest state that another server has answered from, or `known` if that is newer. Nothing that
    /// this server says may be older, though it may not have been told of it yet.
    pub fn heard(&self, known: State) -> State {
        self.heard.state(known)
    }

    fn try_permit(&self, call: &Call) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let bytes = self.bytes.clone();
        bytes.try_acquire_many_owned(counted_bytes(call))
    }

    async fn permit(&self, call: &Call) -> Result<OwnedSemaphorePermit> {
        let bytes = self.bytes.clone();
        let permit = bytes.acquire_many_owned(counted_bytes(call)).await;
        permit.map_err(|_| Error::Stopped)
    }

    /// Bytes of a request of which larger values are brought into the store first.
    fn stage_above(&self) -> usize {
        self.job.store.limits().batch_bytes / 4
    }

    /// What of a request of so many bytes has to be in the store before it is queued.
    async fn staged(&self, request: &Request, bytes: &OwnedSemaphorePermit) -> Result<Vec<Staged>> {
        let stage_above = self.stage_above();
        match bytes.num_permits() > stage_above {
            true => self.stage(request, stage_above).await,
            false => Ok(Vec::new()),
        }
    }

    /// Queues a request; after an error it is not queued, and never will be.
    fn enqueue(
        &self,
        call: Call,
        staged: Vec<Staged>,
        permit: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Outcome>> {
        let (reply, outcome) = oneshot::channel();
        let pending = Pending {
            call,
            staged,
            reply,
            bytes: permit,
        };
        self.queue.try_send(pending).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::TooManyRequests,
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })?;
        Ok(outcome)
    }

    /// Brings values of more than so many bytes into the store, in pieces.
    async fn stage(&self, request: &Request, stage_above: usize) -> Result<Vec<Staged>> {
        let Job { store, layout, .. } = &self.job;
        let mut values = Vec::new();
        request.values(&mut values);
        let mut staged = Vec::new();
        for value in values.into_iter().filter(|value| value.len() > stage_above) {
            let id = self.job.batch_id();
            let blob = blob::stage(store, layout, id, value, clock::now_ms()).await?;
            let value = value.clone();
            staged.push(Staged { value, blob });
        }
        Ok(staged)
    }
}

/// What becomes of a request of another server that could not be queued.
fn refused(error: Error) -> Option<Result<Response>> {
    match error {
        Error::Stopped => None,
        error => Some(Err(error)),
    }
}

/// What of a call counts among the bytes that may wait.
fn counted_bytes(call: &Call) -> u32 {
    call.size_bytes.min(MAX_QUEUED_BYTES) as u32
}

impl Pending {
    /// Answers whoever asked.
    pub fn answer(self, answer: Result<Response>) {
        // The client may have given up meanwhile.
        let _ = self.reply.send(Outcome::Answer(answer));
    }

    /// Gives it back undone, for the server that leads.
    pub fn hand_back(self) {
        let _ = self.reply.send(Outcome::Elsewhere(self.call, self.bytes));
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_given_up(&self) -> bool {
        self.reply.is_closed()
    }
}
