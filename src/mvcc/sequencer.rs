//! The one writer of an instance: group commit, dense revisions, settled outcomes.
//!
//! It takes what waits in the queue, evaluates it over one state and applies the result as one
//! batch, guarded by the state record. While that is committed, the next one is evaluated over it.
//! Whoever else wrote in between makes that a conflict, and the batch is evaluated again, in the end
//! with fewer requests. A write whose outcome is unknown is settled by looking: the batch leaves its
//! number under its writer's key, and no later attempt can commit before an earlier one without its
//! guard failing.

use crate::error::{Error, Result};
use crate::mvcc::base::Base;
use crate::mvcc::evaluation::{Ahead, Evaluation, Room};
use crate::mvcc::feed::{Committed, Feed};
use crate::mvcc::follower::Follower;
use crate::mvcc::forward;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::State;
use crate::mvcc::pace::Pace;
use crate::mvcc::queue::{Pending, Receiver};
use crate::mvcc::relay::{Records, Relay};
use crate::mvcc::request::Response;
use crate::mvcc::stats::{Stats, Tally};
use crate::mvcc::{clock, read, writer};
use crate::store::{ApplyError, Batch, BatchId, Consistency, Guard, Op, StoreError, View};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

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

/// What the sequencer works with.
pub struct Context {
    /// Where the keyspace is, and as whom to write there.
    pub job: Job,
    /// Whom to tell of commits.
    pub feed: Arc<Feed>,
    /// Where others write too, who hears of them.
    pub follower: Option<Arc<Follower>>,
    /// Where those hear of commits who hand their writes over.
    pub relay: Relay,
    /// The way to another server that leads.
    pub link: forward::Current,
    /// Where it counts.
    pub stats: Arc<Stats>,
    /// Is notified of leases that were granted.
    pub granted: Arc<Notify>,
    /// Gets the reason when the store has failed for good.
    pub failed: watch::Sender<Option<Arc<str>>>,
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
        evaluated: None,
    };
    let mut waiting = VecDeque::new();
    let mut taken = Vec::new();
    loop {
        if waiting.is_empty() {
            let is_end = tokio::select! {
                biased;
                count = receiver.recv_many(&mut taken, MAX_BATCH_REQUESTS) => count == 0,
                _ = closing.wait_for(|closing| *closing), if !receiver.is_closed() => {
                    receiver.close();
                    false
                }
            };
            if is_end {
                return sequencer.end().await;
            }
            waiting.extend(taken.drain(..));
        }
        while waiting.len() < MAX_BATCH_REQUESTS
            && let Ok(pending) = receiver.try_recv()
        {
            waiting.push_back(pending);
        }
        sequencer.gather(&mut waiting, &mut receiver).await;
        sequencer.context.stats.set_at_work(waiting.len());
        if let Err(reason) = sequencer.commit(&mut waiting, &mut receiver).await {
            sequencer.fail(reason, waiting, receiver).await;
            return;
        }
        sequencer.context.stats.set_at_work(waiting.len());
        sequencer.pace.left(waiting.len() + receiver.len());
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
    /// The beginning of the next batch.
    evaluated: Option<Evaluation>,
}

/// An evaluated batch: what it answers to the first requests, and what it tells watchers.
struct Attempt {
    sequence: u64,
    answers: Vec<Result<Response>>,
    tally: Tally,
    committed: Committed,
    /// What other servers are told of it.
    records: Option<Records>,
    /// It grants a lease, whether or not somebody still waits for the answer.
    has_grant: bool,
}

/// What a look at the writer's record shows of its attempts.
enum Looked {
    /// This one was applied; the others never will be.
    Applied(Box<Attempt>),
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
    /// Waits for those who will come soon, where a commit takes long, and evaluates them as they come.
    async fn gather(&mut self, waiting: &mut VecDeque<Pending>, receiver: &mut Receiver) {
        let Some((wanted, patience)) = self.pace.patience() else {
            return;
        };
        let deadline = Instant::now() + patience;
        let wanted = wanted.min(MAX_BATCH_REQUESTS);
        let room = self.room();
        let evaluated = self.take_evaluated();
        let feed = &self.context.feed;
        let state = feed.state();
        let mut ahead = (feed.cache.is_enabled() && self.unsettled.is_empty()).then(|| {
            let evaluation = evaluated.unwrap_or_else(|| self.cached(state));
            Ahead::new(evaluation, &feed.cache, state.revision, &[])
        });
        let mut taken = Vec::new();
        loop {
            if let Some(ahead) = &mut ahead {
                ahead.extend(waiting, 0, room);
            }
            let space = wanted.saturating_sub(waiting.len());
            if space == 0 {
                break;
            }
            let more = timeout_at(deadline, receive(receiver, &mut taken, space)).await;
            let Ok(Some(_)) = more else {
                break;
            };
            waiting.extend(taken.drain(..));
        }
        self.evaluated = ahead.and_then(Ahead::finish);
    }

    /// An evaluation over what the cache knows, at a state.
    fn cached(&self, state: State) -> Evaluation {
        let Job { store, layout, .. } = &self.context.job;
        let base = Base::cached(
            store.clone(),
            self.context.feed.clone(),
            layout.clone(),
            state,
        );
        Evaluation::new(base, state, store.draft(&layout.state()))
    }

    /// Commits a batch made of the first requests of `waiting` and answers them.
    async fn commit(
        &mut self,
        waiting: &mut VecDeque<Pending>,
        receiver: &mut Receiver,
    ) -> Result<(), Arc<str>> {
        let mut is_first = true;
        let (mut attempts, mut conflicts) = (0, 0);
        while attempts < MAX_ATTEMPTS {
            let begin = Instant::now();
            match self.attempt(waiting, receiver, is_first).await {
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
                    waiting.retain(|pending| !pending.is_given_up());
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
                    // A store may take long to say that it is out of reach.
                    if waiting.iter().all(Pending::is_given_up) {
                        break;
                    }
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

    /// An evaluation over the newest state. Where others write too, a first attempt
    /// may lag: that costs a conflict and no more, and what it needs may be at hand.
    async fn base(&self, may_lag: bool) -> Result<Evaluation> {
        let Context {
            job: Job { store, .. },
            feed,
            follower,
            ..
        } = &self.context;
        if feed.cache.is_enabled() {
            if let Some(follower) = follower.as_ref().filter(|_| !may_lag) {
                follower.catch_up().await?;
            }
            return Ok(self.cached(feed.state()));
        }
        let consistency = if may_lag {
            Consistency::Serializable
        } else {
            Consistency::Linearizable
        };
        let view = store.view(consistency).await?;
        self.base_of(view).await
    }

    /// An evaluation over what a view holds. What others wrote is told before what is
    /// to follow it.
    async fn base_of(&self, view: View) -> Result<Evaluation> {
        let Job { store, layout, .. } = &self.context.job;
        let state = read::state(&view, layout).await?;
        if let Some(follower) = &self.context.follower {
            follower.bring(&view, &state).await?;
        }
        let base = Base::of_view(view, self.context.feed.clone(), layout.clone(), state);
        Ok(Evaluation::new(base, state, store.draft(&layout.state())))
    }

    /// The batch that was evaluated while the one before was committed, unless somebody wrote since.
    fn take_evaluated(&mut self) -> Option<Evaluation> {
        let newest = self.context.feed.state();
        self.evaluated
            .take()
            .filter(|next| self.unsettled.is_empty() && next.before == newest)
    }

    /// What became of earlier attempts: the one that was applied.
    async fn look_for_applied(&mut self, view: &View) -> Result<Looked> {
        let Job { layout, writer, .. } = &self.context.job;
        let Some(last) = writer::last_sequence(view, layout, *writer).await? else {
            return Ok(Looked::Unknowable);
        };
        let mut unsettled = self.unsettled.iter();
        let applied = unsettled.position(|attempt| attempt.sequence == last);
        Ok(match applied {
            Some(applied) => Looked::Applied(Box::new(self.unsettled.swap_remove(applied))),
            None => Looked::NotYet,
        })
    }

    /// Only what does not lag settles earlier attempts, and answers what needs no commit.
    async fn attempt(
        &mut self,
        waiting: &mut VecDeque<Pending>,
        receiver: &mut Receiver,
        is_first: bool,
    ) -> Result<Step> {
        let layout = self.context.job.layout.clone();
        let is_lagging = is_first && self.context.follower.is_some() && self.unsettled.is_empty();
        let mut evaluation = if let Some(evaluation) = self.take_evaluated() {
            evaluation
        } else if self.unsettled.is_empty() {
            self.base(is_lagging).await?
        } else {
            let view = self
                .context
                .job
                .store
                .view(Consistency::Linearizable)
                .await?;
            match self.look_for_applied(&view).await? {
                Looked::Applied(attempt) => {
                    tracing::debug!(attempt.sequence, "a batch of unknown outcome was applied");
                    self.settle(*attempt, waiting);
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
            self.base_of(view).await?
        };
        evaluation.extend(waiting, self.room()).await?;
        let Evaluation {
            before,
            scratch,
            answers,
            draft,
        } = evaluation;
        // While an earlier attempt is unsettled even an empty batch is written: it is the fence.
        if scratch.is_unchanged(&before) && self.unsettled.is_empty() {
            if is_lagging {
                return Ok(Step::Again);
            }
            self.context.stats.count(&scratch.tally);
            answer(answers, waiting);
            return Ok(Step::Done);
        }
        // It rises with every batch of any writer: it is the applied index, and orders states.
        self.sequence = self.sequence.max(before.batch.sequence) + 1;
        let id = BatchId {
            writer: self.context.job.writer,
            sequence: self.sequence,
        };
        let tally = scratch.tally;
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
            tally,
            records: self.context.relay.records(&layout, &outcome.ops),
            committed: Committed {
                state: outcome.state,
                from: before.revision,
                changes: outcome.changes,
                adds_to_cache: true,
                turns: outcome.turns,
                commits: outcome.commits,
                added_bytes: outcome.added_bytes,
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
        let commit = self.context.job.store.apply_drafted(batch, draft);
        let (outcome, next) = self.meanwhile(commit, &attempt, waiting, receiver).await;
        match outcome {
            Ok(()) => {
                let (took, answered) = (begin.elapsed(), attempt.answers.len());
                self.evaluated = next;
                self.pace.committed(took, answered);
                self.context.stats.commit_times.note_time(took);
                self.settle(attempt, waiting);
                Ok(Step::Done)
            }
            Err(ApplyError::Conflict) => {
                self.context.stats.conflicts.add(1);
                Ok(Step::Beaten(attempt.answers.len()))
            }
            Err(ApplyError::Unknown) => {
                self.context.stats.unknown.add(1);
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
            Err(ApplyError::NoLeader) => {
                self.give_up(waiting, &Error::NoLeader);
                Ok(Step::Done)
            }
            Err(ApplyError::Fatal(reason)) => Err(Error::Store(StoreError::Fatal(reason))),
        }
    }

    /// What a batch may hold now.
    fn room(&self) -> Room {
        let limit = self.context.job.store.limits().batch_bytes;
        Room {
            requests: self.cap,
            bytes: MAX_BATCH_BYTES.min(limit / 2),
        }
    }

    /// Waits for a commit of the first requests. What comes meanwhile, and what waits already, is
    /// evaluated for the next batch.
    async fn meanwhile(
        &self,
        commit: impl Future<Output = Result<(), ApplyError>>,
        attempt: &Attempt,
        waiting: &mut VecDeque<Pending>,
        receiver: &mut Receiver,
    ) -> (Result<(), ApplyError>, Option<Evaluation>) {
        let cache = &self.context.feed.cache;
        tokio::pin!(commit);
        // It goes off before anything else is done.
        if let Poll::Ready(outcome) = futures_util::poll!(&mut commit) {
            return (outcome, None);
        }
        let committing = attempt.answers.len();
        let Committed {
            state,
            from,
            changes,
            ..
        } = &attempt.committed;
        let mut ahead = cache
            .is_enabled()
            .then(|| Ahead::new(self.cached(*state), cache, *from, changes));
        let room = self.room();
        let mut taken = Vec::new();
        loop {
            if let Some(ahead) = &mut ahead {
                ahead.extend(waiting, committing, room);
            }
            let space = (committing + MAX_BATCH_REQUESTS).saturating_sub(waiting.len());
            tokio::select! {
                biased;
                outcome = &mut commit => return (outcome, ahead.and_then(Ahead::finish)),
                // At the end of the queue too it is the commit that is waited for.
                Some(_) = receive(receiver, &mut taken, space) => waiting.extend(taken.drain(..)),
            }
        }
    }

    /// An attempt has been applied: tells watchers, then those who wait.
    fn settle(&mut self, attempt: Attempt, waiting: &mut VecDeque<Pending>) {
        self.unsettled.clear();
        self.cap = (self.cap * 2).min(MAX_BATCH_REQUESTS);
        let stats = &self.context.stats;
        stats.count(&attempt.tally);
        stats.batch_requests.note(attempt.answers.len() as u64);
        let Committed { from, state, .. } = attempt.committed;
        self.context.feed.publish(attempt.committed);
        if let Some(records) = attempt.records {
            let version = self.context.job.store.newest_version();
            self.context.relay.send(from, &state, records, version);
        }
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
        let here = |pending: &Pending| !pending.call.request.concerns_any_server();
        let (here, elsewhere): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(waiting).into_iter().partition(here);
        *waiting = here;
        for pending in elsewhere {
            pending.hand_back();
        }
    }

    /// Answers all that wait with `error`. An outcome that is unknown stays so to them, but
    /// watchers will hear of it once it is settled.
    fn give_up(&mut self, waiting: &mut VecDeque<Pending>, error: &Error) {
        for attempt in &mut self.unsettled {
            attempt.answers.clear();
        }
        for pending in waiting.drain(..) {
            pending.answer(Err(error.clone()));
        }
    }

    /// The queue is closed and empty.
    async fn end(self) {
        if self.unsettled.is_empty() {
            let Job {
                store,
                layout,
                writer,
                ..
            } = &self.context.job;
            writer::forget(store, layout, *writer).await;
        }
    }

    /// The store has failed for good: nothing is acknowledged any more.
    async fn fail(self, reason: Arc<str>, waiting: VecDeque<Pending>, mut receiver: Receiver) {
        tracing::error!(%reason, "the store has failed");
        let error = Error::Store(StoreError::Fatal(reason.clone()));
        self.context.failed.send_replace(Some(reason));
        receiver.close();
        for pending in waiting {
            pending.answer(Err(error.clone()));
        }
        while let Some(pending) = receiver.recv().await {
            pending.answer(Err(error.clone()));
        }
    }
}

/// How long to stay out of the way of others, drawn so that no two servers keep step.
fn conflict_pause(doublings: u32) -> Duration {
    let doubled = CONFLICT_PAUSE.saturating_mul(2u32.saturating_pow(doublings - 1));
    doubled.min(CONFLICT_PAUSE_MAX).mul_f64(rand::random())
}

/// Takes at least one and at most so many requests; `None` at the end of the queue.
async fn receive(receiver: &mut Receiver, taken: &mut Vec<Pending>, most: usize) -> Option<usize> {
    let count = receiver.recv_many(taken, most).await;
    (count > 0).then_some(count)
}

fn answer(answers: Vec<Result<Response>>, waiting: &mut VecDeque<Pending>) {
    for answer in answers {
        if let Some(pending) = waiting.pop_front() {
            pending.answer(answer);
        }
    }
}
