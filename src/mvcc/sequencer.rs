//! The one writer of an instance: group commit, dense revisions, settled outcomes.
//!
//! Where another server leads, requests go to its sequencer, while it can be reached.
//!
//! Requests wait in one bounded queue. The sequencer takes what is waiting, evaluates it over
//! one view and applies the result as one batch, guarded by the state record. Whoever else wrote
//! in between makes that a conflict, and the batch is evaluated again, in the end with fewer
//! requests. A write whose outcome is unknown is settled by looking: the batch leaves its number
//! under its writer's key, and no later attempt can commit before an earlier one without its guard
//! failing.

use crate::error::{Error, Result};
use crate::mvcc::base::Base;
use crate::mvcc::feed::{Committed, Feed};
use crate::mvcc::follower::Follower;
use crate::mvcc::forward::{self, Handover, Heard};
use crate::mvcc::keyspace::{Due, Layout, State};
use crate::mvcc::pace::Pace;
use crate::mvcc::scratch::{Scratch, Staged};
use crate::mvcc::{alarm, blob, clock, compact, lease, read, txn, writer};
use crate::pb::etcdserverpb::*;
use crate::store::{ApplyError, Batch, BatchId, Consistency, Guard, Op, Store, StoreError, View};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

/// Requests that may wait; one more is refused as etcd refuses it.
const MAX_QUEUED_REQUESTS: usize = 5000;
/// Bytes of requests that may wait; further ones wait at their connections.
const MAX_QUEUED_BYTES: usize = 256 << 20;
/// Requests evaluated into one batch.
const MAX_BATCH_REQUESTS: usize = 1024;
/// Bytes of ops after which a batch takes no further request.
const MAX_BATCH_BYTES: usize = 8 << 20;
/// Evaluations of one batch before its requests are given up, but for those that met a conflict.
const MAX_ATTEMPTS: u32 = 100;
/// Conflicts in a row after which a batch is made smaller: one that takes long to evaluate would
/// lose to a busy neighbour again and again.
const LARGE_BATCH_CONFLICTS: u32 = 4;
/// Pause before the store is asked again after it was out of reach or the outcome unknown.
const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// Conflicts in a row after which a pause comes before the next evaluation.
const CONFLICTS_AT_ONCE: u32 = 2;
/// The longest pause after a conflict at first; it doubles with each further one.
const CONFLICT_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause after any number of conflicts.
const CONFLICT_PAUSE_MAX: Duration = Duration::from_millis(16);
/// A server that was beaten this lately has rivals, and makes room for them after its own batches.
const RIVALRY: Duration = Duration::from_secs(1);
/// The longest time it makes room for.
const ROOM_MAX: Duration = Duration::from_millis(64);

/// What the sequencer can be asked to do.
#[derive(Debug, Clone)]
pub enum Request {
    /// Write a key.
    Put(PutRequest),
    /// Delete keys.
    Delete(DeleteRangeRequest),
    /// Compare, read and write.
    Txn(TxnRequest),
    /// Forget what is older than a revision.
    Compact(i64),
    /// Make a lease.
    LeaseGrant(LeaseGrantRequest),
    /// Extend a lease.
    LeaseKeepAlive(LeaseKeepAliveRequest),
    /// End a lease.
    LeaseRevoke(i64),
    /// Look at a lease that is due, and end it if its time is over.
    LeaseExpire(Due),
    /// Raise or clear an alarm.
    Alarm(AlarmRequest),
}

/// The answer to the request of the same name.
#[derive(Debug)]
pub enum Response {
    /// To `Put`.
    Put(PutResponse),
    /// To `Delete`.
    Delete(DeleteRangeResponse),
    /// To `Txn`.
    Txn(TxnResponse),
    /// To `Compact`: the newest revision.
    Compact(i64),
    /// To `LeaseGrant`.
    LeaseGrant(LeaseGrantResponse),
    /// To `LeaseKeepAlive`.
    LeaseKeepAlive(LeaseKeepAliveResponse),
    /// To `LeaseRevoke`: the newest revision.
    LeaseRevoke(i64),
    /// To `LeaseExpire`: whether it ended the lease.
    LeaseExpire(bool),
    /// To `Alarm`.
    Alarm(AlarmResponse),
}

/// A waiting request.
struct Pending {
    request: Request,
    staged: Vec<Staged>,
    reply: oneshot::Sender<Outcome>,
    bytes: OwnedSemaphorePermit,
}

/// What the sequencer says of a request.
enum Outcome {
    /// It is done, or cannot be.
    Answer(Result<Response>),
    /// Nothing was done, and the server that leads can be reached meanwhile.
    Elsewhere(Request, OwnedSemaphorePermit),
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
    store: Store,
    layout: Layout,
    writer: u64,
    timeout: Duration,
}

/// What the sequencer works with.
pub struct Context {
    /// Where the keyspace is.
    pub store: Store,
    /// Its layout.
    pub layout: Layout,
    /// This opening of the instance, among all writers of it; its record is there.
    pub writer: u64,
    /// Whom to tell of commits.
    pub feed: Arc<Feed>,
    /// Where others write too, who hears of them.
    pub follower: Option<Arc<Follower>>,
    /// The way to another server that leads.
    pub link: forward::Current,
    /// Is notified of leases that were granted.
    pub granted: Arc<Notify>,
    /// Gets the reason when the store has failed for good.
    pub failed: watch::Sender<Option<Arc<str>>>,
}

/// Makes the queue and its handle; `run` must be spawned with the other end.
pub fn queue(context: &Context, timeout: Duration) -> (Handle, Receiver) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED_REQUESTS);
    let handle = Handle {
        queue: sender,
        bytes: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
        forwards: Arc::new(Semaphore::new(MAX_QUEUED_REQUESTS)),
        link: context.link.clone(),
        heard: Arc::new(Heard::new(context.feed.state())),
        feed: context.feed.clone(),
        store: context.store.clone(),
        layout: context.layout.clone(),
        writer: context.writer,
        timeout,
    };
    (handle, Receiver(receiver))
}

/// The sequencer's end of the queue.
pub struct Receiver(mpsc::Receiver<Pending>);

impl Handle {
    /// Waits for the outcome of a request. `Timeout` leaves it open.
    pub async fn submit(&self, request: Request) -> Result<Response> {
        match tokio::time::timeout(self.timeout, self.submit_without_timeout(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn submit_without_timeout(&self, request: Request) -> Result<Response> {
        let mut permit = self.permit(&request).await?;
        let mut request = request;
        loop {
            if let Some(answer) = self.hand_over(&request).await {
                return answer;
            }
            match self.enqueue(request, permit).await?.await {
                Ok(Outcome::Answer(answer)) => return answer,
                Ok(Outcome::Elsewhere(back, bytes)) => (request, permit) = (back, bytes),
                Err(_) => return Err(Error::Stopped),
            }
        }
    }

    /// Lets the server that leads do a request; `None` when this server has to.
    async fn hand_over(&self, request: &Request) -> Option<Result<Response>> {
        let link = self.link.borrow().clone();
        let link = link.filter(|_| request.concerns_any_server())?;
        let Ok(_place) = self.forwards.try_acquire() else {
            return Some(Err(Error::TooManyRequests));
        };
        match link.call(request.clone()).await {
            Handover::Answered(answer, state) => {
                self.heard.note(state);
                Some(answer)
            }
            Handover::Lost if !request.can_be_repeated() => Some(Err(Error::LeaderLost)),
            Handover::Lost | Handover::Refused => None,
        }
    }

    /// Does what another server hands over.
    pub async fn take(&self, request: Request) -> Handover {
        let queued = async {
            let permit = self.permit(&request).await?;
            self.enqueue(request, permit).await
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

    /// The newest state that another server has answered from. Nothing that this server says may
    /// be older, though it may not have been told of it yet.
    pub fn heard(&self) -> State {
        self.heard.state()
    }

    async fn permit(&self, request: &Request) -> Result<OwnedSemaphorePermit> {
        let bytes = request.size_bytes().min(MAX_QUEUED_BYTES) as u32;
        let permit = self.bytes.clone().acquire_many_owned(bytes).await;
        permit.map_err(|_| Error::Stopped)
    }

    /// Queues a request; after an error it is not queued, and never will be.
    async fn enqueue(
        &self,
        request: Request,
        permit: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Outcome>> {
        let mut staged = Vec::new();
        let stage_above = self.store.limits().batch_bytes / 4;
        if permit.num_permits() > stage_above {
            let mut values = Vec::new();
            request.values(&mut values);
            for value in values.into_iter().filter(|value| value.len() > stage_above) {
                let id = BatchId {
                    writer: self.writer,
                    sequence: 0,
                };
                let now_ms = clock::now_ms();
                let blob = blob::stage(&self.store, &self.layout, id, value, now_ms).await?;
                staged.push(Staged {
                    value: value.clone(),
                    blob,
                });
            }
        }
        let (reply, outcome) = oneshot::channel();
        let pending = Pending {
            request,
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
}

impl Request {
    fn size_bytes(&self) -> usize {
        use prost::Message;
        match self {
            Request::Put(put) => put.encoded_len(),
            Request::Delete(delete) => delete.encoded_len(),
            Request::Txn(txn) => txn.encoded_len(),
            _ => 64,
        }
    }

    fn values<'a>(&'a self, values: &mut Vec<&'a Bytes>) {
        match self {
            Request::Put(put) => values.push(&put.value),
            Request::Txn(txn) => txn::collect_values(txn, values),
            _ => {}
        }
    }

    fn points(&self, keys: &mut Vec<Bytes>, leases: &mut Vec<i64>) {
        match self {
            Request::Put(put) => {
                keys.push(put.key.clone());
                leases.extend((put.lease != 0).then_some(put.lease));
            }
            Request::Delete(delete) if delete.range_end.is_empty() => {
                keys.push(delete.key.clone());
            }
            Request::Txn(txn) => txn::collect_points(txn, keys, leases),
            Request::LeaseGrant(LeaseGrantRequest { id, .. })
            | Request::LeaseKeepAlive(LeaseKeepAliveRequest { id })
            | Request::LeaseRevoke(id)
            | Request::LeaseExpire(Due { lease: id, .. }) => leases.push(*id),
            _ => {}
        }
    }

    /// Whether it can be handed to another server; what a background job asks for stays here.
    fn concerns_any_server(&self) -> bool {
        !matches!(self, Request::LeaseExpire(_))
    }

    /// Whether to do it twice is as good as once, for all who can see.
    fn can_be_repeated(&self) -> bool {
        matches!(self, Request::LeaseKeepAlive(_))
    }

    /// Refuses what a raised alarm forbids.
    fn check_alarms(&self, state: &State) -> Result<()> {
        let is_alarm_or_lease_upkeep = matches!(
            self,
            Request::Alarm(_) | Request::LeaseKeepAlive(_) | Request::LeaseExpire(_)
        );
        if state.corrupt && !is_alarm_or_lease_upkeep {
            return Err(Error::Corrupt);
        }
        let needs_space = match self {
            Request::Put(_) | Request::LeaseGrant(_) => true,
            Request::Txn(txn) => txn::needs_space(txn),
            _ => false,
        };
        if state.no_space && needs_space {
            return Err(Error::NoSpace);
        }
        Ok(())
    }
}

/// Serves the queue until `closing` says so or the store fails; what waits then is still done.
pub async fn run(context: Context, mut receiver: Receiver, mut closing: watch::Receiver<bool>) {
    let mut sequencer = Sequencer {
        context,
        sequence: 0,
        unsettled: Vec::new(),
        cap: MAX_BATCH_REQUESTS,
        beaten: None,
        pace: Pace::default(),
    };
    let mut waiting = VecDeque::new();
    let mut taken = Vec::new();
    loop {
        if waiting.is_empty() {
            let is_end = tokio::select! {
                biased;
                count = receiver.0.recv_many(&mut taken, MAX_BATCH_REQUESTS) => count == 0,
                _ = closing.wait_for(|closing| *closing), if !receiver.0.is_closed() => {
                    receiver.0.close();
                    false
                }
            };
            if is_end {
                return sequencer.end().await;
            }
            waiting.extend(taken.drain(..));
        }
        while waiting.len() < MAX_BATCH_REQUESTS
            && let Ok(pending) = receiver.0.try_recv()
        {
            waiting.push_back(pending);
        }
        sequencer.gather(&mut waiting, &mut receiver).await;
        if let Err(reason) = sequencer.commit(&mut waiting).await {
            sequencer.fail(reason, waiting, receiver).await;
            return;
        }
        sequencer.pace.left(waiting.len() + receiver.0.len());
    }
}

struct Sequencer {
    context: Context,
    /// Of the last batch tried.
    sequence: u64,
    /// Batches that may have been applied, or may yet be: at most one of them, for they
    /// exclude each other by their guards.
    unsettled: Vec<Attempt>,
    /// Requests the next batch may take; lowered when a batch is too large for the store, or to
    /// be in time.
    cap: usize,
    /// When another server was first, the last time.
    beaten: Option<Instant>,
    pace: Pace,
}

/// An evaluated batch: what it answers to the first requests, and what it tells watchers.
struct Attempt {
    sequence: u64,
    answers: Vec<Result<Response>>,
    committed: Committed,
    /// It grants a lease, whether or not somebody still waits for the answer.
    has_grant: bool,
}

/// What a look at the writer's record shows of its attempts.
enum Looked {
    /// This one was applied; the others never will be.
    Applied(Attempt),
    /// None, so far.
    NotYet,
    /// The record was collected: it can be found out no more.
    Unknowable,
}

/// What to do after one attempt.
enum Step {
    /// The first requests are answered.
    Done,
    /// Evaluate again at once.
    Again,
    /// Another server was first, with a batch of so many requests of ours: evaluate again, at last
    /// after a pause.
    Beaten(usize),
    /// Evaluate again after [`RETRY_PAUSE`].
    Wait,
}

impl Sequencer {
    /// Waits for those who will come soon, where a commit takes long.
    async fn gather(&self, waiting: &mut VecDeque<Pending>, receiver: &mut Receiver) {
        let Some((wanted, patience)) = self.pace.patience() else {
            return;
        };
        let deadline = Instant::now() + patience;
        let wanted = wanted.min(MAX_BATCH_REQUESTS);
        while waiting.len() < wanted
            && let Ok(Some(pending)) = timeout_at(deadline, receiver.0.recv()).await
        {
            waiting.push_back(pending);
        }
    }

    /// Commits a batch made of the first requests of `waiting` and answers them.
    async fn commit(&mut self, waiting: &mut VecDeque<Pending>) -> Result<(), Arc<str>> {
        let mut is_first = true;
        let (mut attempts, mut conflicts) = (0, 0);
        while attempts < MAX_ATTEMPTS {
            let begin = Instant::now();
            match self.attempt(waiting, is_first).await {
                Ok(Step::Done) => {
                    self.make_room(begin.elapsed()).await;
                    return Ok(());
                }
                Ok(Step::Beaten(requests)) if self.unsettled.is_empty() => {
                    self.beaten = Some(Instant::now());
                    conflicts += 1;
                    if conflicts >= LARGE_BATCH_CONFLICTS {
                        self.cap = (requests / 2).max(1);
                    }
                    self.hand_back(waiting);
                    // Nothing of it was done, so who waits no more need not be heeded. That ends
                    // this, for all wait only so long.
                    waiting.retain(|pending| !pending.reply.is_closed());
                    if waiting.is_empty() {
                        return Ok(());
                    }
                    if conflicts > CONFLICTS_AT_ONCE {
                        let pause = conflict_pause(conflicts - CONFLICTS_AT_ONCE);
                        tokio::time::sleep(pause).await;
                    }
                }
                Ok(Step::Beaten(_) | Step::Again) | Err(Error::Store(StoreError::ViewExpired)) => {
                    attempts += 1;
                }
                Ok(Step::Wait) | Err(Error::Store(StoreError::Unavailable(_))) => {
                    attempts += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                // Also a record that cannot be read: no write may be built on it.
                Err(error) => return Err(error.to_string().into()),
            }
            is_first = false;
        }
        self.give_up(waiting, &Error::Timeout);
        Ok(())
    }

    /// The newest state, and what to evaluate over it. Where others write too, a first attempt
    /// may lag: that costs a conflict and no more, and what it needs may be at hand.
    async fn base(&self, may_lag: bool) -> Result<(Base, State)> {
        let Context {
            store,
            layout,
            feed,
            follower,
            ..
        } = &self.context;
        if feed.cache.is_enabled() {
            if let Some(follower) = follower.as_ref().filter(|_| !may_lag) {
                follower.look().await?;
            }
            let state = feed.state();
            let cache = feed.cache.clone();
            let base = Base::cached(store.clone(), cache, layout.clone(), state);
            return Ok((base, state));
        }
        let consistency = if may_lag {
            Consistency::Serializable
        } else {
            Consistency::Linearizable
        };
        let view = store.view(consistency).await?;
        let state = read::state(&view, layout).await?;
        Ok((Base::of_view(view, layout.clone(), state), state))
    }

    /// What became of earlier attempts: the one that was applied.
    async fn look_for_applied(&mut self, view: &View) -> Result<Looked> {
        let Context { layout, writer, .. } = &self.context;
        let Some(last) = writer::last_sequence(view, layout, *writer).await? else {
            return Ok(Looked::Unknowable);
        };
        let mut unsettled = self.unsettled.iter();
        let applied = unsettled.position(|attempt| attempt.sequence == last);
        Ok(match applied {
            Some(applied) => Looked::Applied(self.unsettled.swap_remove(applied)),
            None => Looked::NotYet,
        })
    }

    /// Only what does not lag settles earlier attempts, and answers what needs no commit.
    async fn attempt(&mut self, waiting: &mut VecDeque<Pending>, is_first: bool) -> Result<Step> {
        let layout = self.context.layout.clone();
        let is_lagging = is_first && self.context.follower.is_some() && self.unsettled.is_empty();
        let (base, before) = if self.unsettled.is_empty() {
            self.base(is_lagging).await?
        } else {
            let view = self.context.store.view(Consistency::Linearizable).await?;
            match self.look_for_applied(&view).await? {
                Looked::Applied(attempt) => {
                    tracing::debug!(attempt.sequence, "a batch of unknown outcome was applied");
                    self.settle(attempt, waiting);
                    return Ok(Step::Done);
                }
                Looked::Unknowable => {
                    // If one of them was applied, the follower tells the watchers.
                    self.unsettled.clear();
                    self.give_up(waiting, &Error::Timeout);
                    return Ok(Step::Done);
                }
                Looked::NotYet => {}
            }
            let state = read::state(&view, &layout).await?;
            (Base::of_view(view, layout.clone(), state), state)
        };
        let mut scratch = Scratch::new(base, before);
        let answers = self.evaluate(&mut scratch, waiting).await?;
        // While an earlier attempt is unsettled even an empty batch is written: it is the fence.
        if scratch.is_unchanged(&before) && self.unsettled.is_empty() {
            if is_lagging {
                return Ok(Step::Again);
            }
            answer(answers, waiting);
            return Ok(Step::Done);
        }
        // It rises with every batch of any writer: it is the applied index, and orders states.
        self.sequence = self.sequence.max(before.batch.sequence) + 1;
        let id = BatchId {
            writer: self.context.writer,
            sequence: self.sequence,
        };
        let mut outcome = scratch.finish();
        outcome.state.batch = id;
        outcome
            .ops
            .push(Op::Set(layout.state(), outcome.state.encode()));
        outcome.ops.push(writer::mark(&layout, id, clock::now_ms()));
        let is_grant = |answer: &Response| matches!(answer, Response::LeaseGrant(_));
        let attempt = Attempt {
            sequence: id.sequence,
            has_grant: answers.iter().flatten().any(is_grant),
            answers,
            committed: Committed {
                state: outcome.state,
                from: before.revision,
                changes: outcome.changes,
                commits: outcome.commits,
            },
        };
        let batch = Batch {
            id,
            guard: Some(Guard {
                key: layout.state(),
                expected: Some(before.encode()),
            }),
            ops: outcome.ops,
        };
        let begin = Instant::now();
        match self.context.store.apply(batch).await {
            Ok(()) => {
                let answered = attempt.answers.len();
                self.pace.committed(begin.elapsed(), answered);
                self.settle(attempt, waiting);
                Ok(Step::Done)
            }
            Err(ApplyError::Conflict) => Ok(Step::Beaten(attempt.answers.len())),
            Err(ApplyError::Unknown) => {
                tracing::debug!(attempt.sequence, "the outcome of a batch is unknown");
                self.unsettled.push(attempt);
                Ok(Step::Wait)
            }
            Err(ApplyError::TooLarge) if attempt.answers.len() > 1 => {
                self.cap = attempt.answers.len() / 2;
                Ok(Step::Again)
            }
            Err(ApplyError::TooLarge) if is_lagging => Ok(Step::Again),
            Err(ApplyError::TooLarge) => {
                answer(vec![Err(Error::RequestTooLarge)], waiting);
                Ok(Step::Done)
            }
            Err(ApplyError::NotLeader { .. }) => {
                self.give_up(waiting, &Error::LeaderChanged);
                Ok(Step::Done)
            }
            Err(ApplyError::Fatal(reason)) => Err(Error::Store(StoreError::Fatal(reason))),
        }
    }

    /// Evaluates the first requests, as many as one batch may hold.
    async fn evaluate(
        &self,
        scratch: &mut Scratch,
        waiting: &VecDeque<Pending>,
    ) -> Result<Vec<Result<Response>>> {
        let max_bytes = MAX_BATCH_BYTES.min(self.context.store.limits().batch_bytes / 2);
        let (mut keys, mut leases) = (Vec::new(), Vec::new());
        for pending in waiting.iter().take(self.cap) {
            pending.request.points(&mut keys, &mut leases);
        }
        scratch.prefetch(keys, leases).await?;
        let mut answers = Vec::with_capacity(waiting.len().min(self.cap));
        for pending in waiting.iter().take(self.cap) {
            if scratch.ops_bytes() > max_bytes || reads_ahead(scratch, &pending.request) {
                break;
            }
            scratch.add_staged(pending.staged.iter().cloned());
            match evaluate_one(scratch, &pending.request).await {
                Err(error @ (Error::Store(_) | Error::CorruptRecord { .. })) => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    /// An attempt has been applied: tells watchers, then those who wait.
    fn settle(&mut self, attempt: Attempt, waiting: &mut VecDeque<Pending>) {
        self.unsettled.clear();
        self.cap = (self.cap * 2).min(MAX_BATCH_REQUESTS);
        self.context.feed.publish(attempt.committed);
        if attempt.has_grant {
            self.context.granted.notify_one();
        }
        answer(attempt.answers, waiting);
    }

    /// After a batch that took so long, lets rivals have theirs. Who has just won knows the newest
    /// state and is ready again before anybody else: without a pause he wins for ever.
    async fn make_room(&self, took: Duration) {
        if self.beaten.is_some_and(|at| at.elapsed() < RIVALRY) {
            let pause = took.mul_f64(2.0 * rand::random::<f64>());
            tokio::time::sleep(pause.min(ROOM_MAX)).await;
        }
    }

    /// Where the server that leads can be reached again, it is better asked than competed with:
    /// gives back what came in before. Nothing of it may have been done.
    fn hand_back(&self, waiting: &mut VecDeque<Pending>) {
        if self.context.link.borrow().is_none() {
            return;
        }
        let here = |pending: &Pending| !pending.request.concerns_any_server();
        let (here, elsewhere): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(waiting).into_iter().partition(here);
        *waiting = here;
        for pending in elsewhere {
            let back = Outcome::Elsewhere(pending.request, pending.bytes);
            // The client may have given up meanwhile.
            let _ = pending.reply.send(back);
        }
    }

    /// Answers all that wait with `error`. An outcome that is unknown stays so to them, but
    /// watchers will hear of it once it is settled.
    fn give_up(&mut self, waiting: &mut VecDeque<Pending>, error: &Error) {
        for attempt in &mut self.unsettled {
            attempt.answers.clear();
        }
        for pending in waiting.drain(..) {
            reply(pending, Err(error.clone()));
        }
    }

    /// The queue is closed and empty.
    async fn end(self) {
        if self.unsettled.is_empty() {
            let Context {
                store,
                layout,
                writer,
                ..
            } = &self.context;
            writer::forget(store, layout, *writer).await;
        }
    }

    /// The store has failed for good: nothing is acknowledged any more.
    async fn fail(self, reason: Arc<str>, waiting: VecDeque<Pending>, mut receiver: Receiver) {
        tracing::error!(%reason, "the store has failed");
        let error = Error::Store(StoreError::Fatal(reason.clone()));
        self.context.failed.send_replace(Some(reason));
        receiver.0.close();
        for pending in waiting {
            reply(pending, Err(error.clone()));
        }
        while let Some(pending) = receiver.0.recv().await {
            reply(pending, Err(error.clone()));
        }
    }
}

/// How long to stay out of the way of others, drawn so that no two servers keep step.
fn conflict_pause(doublings: u32) -> Duration {
    let doubled = CONFLICT_PAUSE.saturating_mul(2u32.saturating_pow(doublings - 1));
    doubled.min(CONFLICT_PAUSE_MAX).mul_f64(rand::random())
}

/// Whether a request reads an old revision that only this batch makes: it must be the first of
/// the next batch then.
fn reads_ahead(scratch: &Scratch, request: &Request) -> bool {
    match request {
        Request::Txn(txn) => scratch.is_ahead_of(txn::newest_old_revision(txn)),
        _ => false,
    }
}

async fn evaluate_one(scratch: &mut Scratch, request: &Request) -> Result<Response> {
    request.check_alarms(&scratch.state)?;
    Ok(match request {
        Request::Put(put) => Response::Put(txn::put(scratch, put).await?),
        Request::Delete(delete) => Response::Delete(txn::delete(scratch, delete).await?),
        Request::Txn(txn) => Response::Txn(txn::txn(scratch, txn).await?),
        Request::Compact(revision) => Response::Compact(compact::begin(scratch, *revision)?),
        Request::LeaseGrant(grant) => Response::LeaseGrant(lease::grant(scratch, grant).await?),
        Request::LeaseKeepAlive(keep_alive) => {
            Response::LeaseKeepAlive(lease::keep_alive(scratch, keep_alive).await?)
        }
        Request::LeaseRevoke(id) => {
            lease::revoke(scratch, *id).await?;
            Response::LeaseRevoke(scratch.state.revision)
        }
        Request::LeaseExpire(due) => Response::LeaseExpire(lease::expire(scratch, *due).await?),
        Request::Alarm(alarm) => Response::Alarm(alarm::change(scratch, alarm).await?),
    })
}

fn answer(answers: Vec<Result<Response>>, waiting: &mut VecDeque<Pending>) {
    for answer in answers {
        if let Some(pending) = waiting.pop_front() {
            reply(pending, answer);
        }
    }
}

fn reply(pending: Pending, answer: Result<Response>) {
    // The client may have given up meanwhile.
    let _ = pending.reply.send(Outcome::Answer(answer));
}
