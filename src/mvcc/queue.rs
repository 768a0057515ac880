//! Where requests wait for the sequencer, of this server or of the one that leads.

use crate::error::{Error, Result};
use crate::mvcc::feed::Feed;
use crate::mvcc::forward::{self, Handover, Heard};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::State;
use crate::mvcc::request::{Call, Request, Response};
use crate::mvcc::scratch::Staged;
use crate::mvcc::stats::Stats;
use crate::mvcc::{blob, clock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

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

/// Hands requests to the sequencer. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Pending>,
    bytes: Arc<Semaphore>,
    /// Places for requests that another server has.
    forwards: Arc<Semaphore>,
    link: forward::Current,
    heard: Arc<Heard>,
    feed: Arc<Feed>,
    job: Job,
    timeout: Duration,
    stats: Arc<Stats>,
}

/// Makes a queue: where requests go in, and the end that [`sequencer::run`](super::sequencer::run)
/// takes them from.
pub fn open(
    job: &Job,
    feed: Arc<Feed>,
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
        heard: Arc::new(Heard::new(feed.state())),
        feed,
        job: job.clone(),
        timeout,
        stats,
    };
    (handle, receiver)
}

impl Handle {
    /// Waits for the outcome of a request. `Timeout` leaves it open.
    pub async fn submit(&self, call: Call) -> Result<Response> {
        let submitted = self.submit_without_timeout(call);
        let outcome = match tokio::time::timeout(self.timeout, submitted).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout),
        };
        if let Err(Error::Timeout | Error::LeaderLost | Error::LeaderChanged) = outcome {
            self.stats.failed.add(1);
        }
        outcome
    }

    /// Requests that wait for the sequencer.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Bytes of the requests that wait for an outcome.
    pub fn waiting_bytes(&self) -> usize {
        MAX_QUEUED_BYTES - self.bytes.available_permits()
    }

    async fn submit_without_timeout(&self, mut call: Call) -> Result<Response> {
        let mut permit = self.permit(&call.request).await?;
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
    pub async fn take(&self, call: Call) -> Handover {
        let queued = async {
            let permit = self.permit(&call.request).await?;
            let staged = self.staged(&call.request, &permit).await?;
            let queued = self.enqueue(call, staged, permit)?;
            self.stats.taken.add(1);
            Ok(queued)
        };
        let deadline = Instant::now() + self.timeout;
        let answer = match timeout_at(deadline, queued).await {
            Ok(Ok(outcome)) => match timeout_at(deadline, outcome).await {
                Ok(Ok(Outcome::Answer(answer))) => answer,
                Ok(Ok(Outcome::Elsewhere(..))) => return Handover::Refused,
                Ok(Err(_)) => Err(Error::Stopped),
                Err(_) => Err(Error::Timeout),
            },
            Ok(Err(Error::Stopped)) | Err(_) => return Handover::Refused,
            Ok(Err(error)) => Err(error),
        };
        Handover::Answered(answer, self.feed.state())
    }

    /// The newest state that another server has answered from, or `known` if that is newer. Nothing that
    /// this server says may be older, though it may not have been told of it yet.
    pub fn heard(&self, known: State) -> State {
        self.heard.state(known)
    }

    async fn permit(&self, request: &Request) -> Result<OwnedSemaphorePermit> {
        let bytes = request.size_bytes().min(MAX_QUEUED_BYTES) as u32;
        if let Ok(permit) = self.bytes.clone().try_acquire_many_owned(bytes) {
            return Ok(permit);
        }
        // In a box, here and below, or every request would be as large.
        let permit = Box::pin(self.bytes.clone().acquire_many_owned(bytes)).await;
        permit.map_err(|_| Error::Stopped)
    }

    /// What of a request of so many bytes has to be in the store before it is queued.
    async fn staged(&self, request: &Request, bytes: &OwnedSemaphorePermit) -> Result<Vec<Staged>> {
        let stage_above = self.job.store.limits().batch_bytes / 4;
        match bytes.num_permits() > stage_above {
            true => Box::pin(self.stage(request, stage_above)).await,
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
