//! The one thread that drives the members of this process: it alone touches their log and state.
//!
//! A turn takes everything that waits, writes once, and applies once. What fails ends the store:
//! nothing is tried again behind a write whose fate is unknown.

use super::change::{Change, HEALTH_INTERVAL, NotChanged, Policy, Refused};
use super::core::{Core, Role};
use super::members::{MEMBERS_KEY, Members};
use super::state::{Stop, evaluate};
use super::turn::Payload;
use super::wal::{GroupLog, encode_point};
use super::whole::{Arrived, Report};
use super::{Carrier, Incoming, NotProposed, Outgoing, POINT_KEY, Point, Token, encode, removed};
use crate::store::local::{LocalView, Shared};
use crate::store::round::Answer;
use crate::store::{ApplyError, Batch, Changes, Leadership, Progress, StoreError, closed};
use arc_swap::ArcSwap;
use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{Message, MessageType};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

/// What is taken into one turn.
const TURN_ASKS_MAX: usize = 1024;
/// Proposals held back while the group takes none; what else is asked for then waits in the queue.
const HELD_MAX: usize = 256;
/// How long a proposal is held back while nobody leads.
const LEADERLESS_TIMEOUT: Duration = Duration::from_secs(5);
/// The log is cut where so many memtables began before the last one that is durable. Who lags behind
/// gets a whole state; tests come to it sooner.
const LOG_MEMTABLES: usize = if cfg!(test) { 1 } else { 3 };

/// How many tenures a removed member stays: the others may need its vote to learn that it was.
const GOODBYE_TENURES: u32 = 4;

/// What the thread is asked for.
pub(super) enum Ask {
    /// Propose a batch.
    Apply(Batch, oneshot::Sender<Answer>),
    /// Change the members.
    Change(Change, oneshot::Sender<Result<(), NotChanged>>),
    /// Let another member lead.
    Transfer(u64, oneshot::Sender<()>),
    /// Say who could lead in this member's place.
    Heir(oneshot::Sender<Option<u64>>),
    /// Say when the state may be read.
    Read(oneshot::Sender<()>),
    /// End, for this member was removed.
    Expel,
    /// Finish what came before, then give up the directory.
    Close(oneshot::Sender<()>),
}

/// Who waits for an answer.
enum Waiter {
    Write(oneshot::Sender<Answer>),
    Change(oneshot::Sender<Result<(), NotChanged>>),
    Read(oneshot::Sender<()>),
}

/// A member, and what it works on.
pub(super) struct Driver {
    pub(super) id: u64,
    pub(super) core: Core<GroupLog>,
    pub(super) shared: Arc<Shared>,
    pub(super) carrier: Arc<dyn Carrier>,
    pub(super) policy: Policy,
    pub(super) leadership: watch::Sender<Leadership>,
    pub(super) progress: Arc<ArcSwap<Progress>>,
    pub(super) elsewhere: Arc<Changes>,
    pub(super) members: watch::Sender<Members>,
    /// Time between two ticks, and how long a leader leads without news of a quorum.
    pub(super) tick: Duration,
    pub(super) tenure: Duration,
    pub(super) waiting: HashMap<Token, Waiting>,
    pub(super) next_token: Token,
    pub(super) held: VecDeque<Held>,
    /// The state's memtables that were sealed, with the last entry in each.
    pub(super) sealed: VecDeque<(u64, u64)>,
    /// How far the state was durable the last times that more of it became so.
    pub(super) durable: VecDeque<u64>,
    /// Given to those who take states to other members.
    pub(super) reporting: mpsc::UnboundedSender<Report>,
    /// The state that goes with the message just taken.
    pub(super) arrived: Option<Incoming>,
    /// When it ends, once it was removed.
    pub(super) ends_at: Option<Instant>,
}

/// See [`Waiter`].
pub(super) struct Waiting(Waiter);

/// A proposal that could not be made yet.
pub(super) struct Held {
    data: Bytes,
    reply: oneshot::Sender<Answer>,
    since: Instant,
}

/// What the thread takes in. What peers say waits for nothing that is asked for here: it may be
/// what that waits for.
pub(super) struct Inbox {
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) states: mpsc::Receiver<Arrived>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
}

/// Starts the thread; it ends when the store is closed, fails, or has no more users.
pub(super) fn start(mut driver: Driver, mut inbox: Inbox) -> Result<(), StoreError> {
    let fault = |error: std::io::Error| {
        StoreError::Fatal(format!("the thread of the store cannot be started: {error}").into())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(fault)?;
    let thread = std::thread::Builder::new().name("kvtool-raft".into());
    let run = move || {
        let shared = driver.shared.clone();
        // The libraries below panic where a promise cannot be kept any more.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(driver.run(&mut inbox))
        }));
        let sentence = match ran {
            Ok(Ok(close)) => {
                drop(driver);
                // So that the next start has nothing to do again; it could.
                if let Ok(engine) = shared.engine()
                    && let Err(error) = engine.sync()
                {
                    tracing::warn!(%error, "the state was not made durable, the log is");
                }
                shared.end(closed());
                if let Some(reply) = close {
                    let _ = reply.send(());
                }
                return;
            }
            Ok(Err(error)) => error.to_string().into(),
            Err(_) => "the log or the state could not be kept: start kvtool again".into(),
        };
        shared.end(sentence);
    };
    thread.spawn(run).map_err(fault)?;
    Ok(())
}

impl Driver {
    /// Runs until it is asked to close, or nobody is left to ask.
    async fn run(&mut self, inbox: &mut Inbox) -> Result<Option<oneshot::Sender<()>>, StoreError> {
        let Inbox {
            asks,
            messages,
            states,
            reports,
        } = inbox;
        let mut ticks = tokio::time::interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut next = None;
            let mut taken_state = None;
            tokio::select! {
                Some(message) = messages.recv() => self.step(message)?,
                Some(Arrived { message, state, taken }) = states.recv() => {
                    self.arrived = Some(state);
                    taken_state = Some(taken);
                    self.step(message)?;
                }
                Some(report) = reports.recv() => {
                    self.core.snapshot_sent(report.member, report.has_arrived);
                }
                ask = asks.recv(), if self.held.len() < HELD_MAX => match ask {
                    Some(ask) => next = Some(ask),
                    None => return Ok(None),
                },
                _ = ticks.tick() => self.core.tick(),
            };
            if self.ends_at.is_some_and(|at| at <= Instant::now()) {
                return Err(StoreError::Fatal(removed(self.id)));
            }
            for _ in 0..TURN_ASKS_MAX {
                match messages.try_recv() {
                    Ok(message) => self.step(message)?,
                    Err(_) => break,
                }
            }
            self.propose_held();
            let mut close = None;
            let mut taken = 0;
            while let Some(ask) = next {
                if let Ask::Close(reply) = ask {
                    close = Some(reply);
                    break;
                }
                if let Ask::Expel = ask {
                    tracing::warn!("{}", removed(self.id));
                    return Err(StoreError::Fatal(removed(self.id)));
                }
                self.take(ask);
                taken += 1;
                let is_full = taken >= TURN_ASKS_MAX || self.held.len() >= HELD_MAX;
                next = match is_full {
                    true => None,
                    false => asks.try_recv().ok(),
                };
            }
            while self.turn()? {}
            if let Some(taken) = taken_state {
                // Still there when it was no news.
                self.arrived = None;
                let _ = taken.send(());
            }
            if close.is_some() {
                return Ok(close);
            }
        }
    }

    /// Applies entries that are known to be committed, up to one.
    pub(super) fn catch_up(&mut self, index: u64) -> Result<(), StoreError> {
        while self.core.point().index < index {
            if !self.turn()? {
                let sentence = "entries of the log that the state has parts of cannot be applied";
                return Err(StoreError::Unreadable(sentence.into()));
            }
        }
        Ok(())
    }

    fn token(&mut self, waiter: Waiter) -> Token {
        self.next_token += 1;
        self.waiting.insert(self.next_token, Waiting(waiter));
        self.next_token
    }

    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::Apply(batch, reply) => self.propose(Held {
                data: encode(&batch),
                reply,
                since: Instant::now(),
            }),
            Ask::Read(reply) => {
                let token = self.token(Waiter::Read(reply));
                self.core.read(token);
            }
            Ask::Change(change, reply) => self.change(change, reply),
            Ask::Transfer(to, reply) => {
                self.core.transfer(to);
                let _ = reply.send(());
            }
            Ask::Heir(reply) => {
                let _ = reply.send(self.core.heir());
            }
            Ask::Close(_) | Ask::Expel => {}
        }
    }

    fn step(&mut self, message: Message) -> Result<(), StoreError> {
        use super::Refusal::{LogLost, Misdirected, Senseless};
        if message.get_msg_type() == MessageType::MsgSnapshot && self.arrived.is_none() {
            tracing::warn!("a peer sent the message of a state without the state");
            return Ok(());
        }
        match self.core.step(message) {
            Ok(()) => {
                self.decide();
                Ok(())
            }
            Err(refusal @ LogLost) => Err(StoreError::Fatal(refusal.to_string().into())),
            Err(refusal @ (Misdirected | Senseless)) => {
                tracing::warn!("{refusal}");
                Ok(())
            }
        }
    }

    /// Proposes a change of members to whoever leads.
    fn change(&mut self, change: Change, reply: oneshot::Sender<Result<(), NotChanged>>) {
        let leads = self.core.standing().role == Role::Leader;
        let planned = match leads {
            true => self.plan(change),
            false => Ok(change.to_bytes()),
        };
        self.next_token += 1;
        let token = self.next_token;
        let proposed = planned.map_err(NotChanged::Refused).and_then(|data| {
            let proposed = self.core.propose_change(data.into(), token);
            proposed.map_err(NotChanged::from)
        });
        match proposed {
            Ok(()) => {
                self.waiting.insert(token, Waiting(Waiter::Change(reply)));
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    /// The entry that makes a change, if this leader makes it.
    fn plan(&self, change: Change) -> Result<Vec<u8>, Refused> {
        match self.core.is_changing() {
            true => Err(Refused::Busy),
            false => {
                let mut vitals = self.core.vitals();
                let is_steady =
                    |id: &u64| *id == self.id || self.carrier.connected_for(*id) >= HEALTH_INTERVAL;
                let active = vitals.active.iter().copied();
                vitals.steady = active.filter(is_steady).collect();
                self.members.borrow().plan(change, &vitals, self.policy)
            }
        }
    }

    /// Decides what other members have proposed.
    fn decide(&mut self) {
        for (from, mut entry) in self.core.asked() {
            let name = entry.context.clone();
            let change = Change::of_bytes(&entry.data).ok_or(Refused::Busy);
            let granted = change.and_then(|change| {
                entry.data = self.plan(change)?.into();
                self.core.grant(entry).map_err(|_| Refused::Busy)
            });
            if let Err(refused) = granted {
                self.core.refuse(from, name, refused as u64);
            }
        }
    }

    fn propose(&mut self, held: Held) {
        // Those who came first go first.
        if !self.held.is_empty() {
            return self.held.push_back(held);
        }
        self.next_token += 1;
        let token = self.next_token;
        match self.core.propose(held.data.clone(), token) {
            Ok(()) => {
                let waiter = Waiter::Write(held.reply);
                self.waiting.insert(token, Waiting(waiter));
            }
            Err(NotProposed::NoLeader) if held.since.elapsed() >= LEADERLESS_TIMEOUT => {
                let _ = held.reply.send(Err(ApplyError::NoLeader));
            }
            Err(NotProposed::NoLeader | NotProposed::Busy) => self.held.push_back(held),
        }
    }

    fn propose_held(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.propose(held);
        }
    }

    fn answer(&mut self, token: Token, answer: Answer) {
        // A caller that has gone away does not mind.
        match self.waiting.remove(&token) {
            Some(Waiting(Waiter::Write(reply))) => {
                let _ = reply.send(answer);
            }
            Some(Waiting(Waiter::Change(reply))) => {
                let _ = reply.send(answer.map_err(|_| NotChanged::Unknown));
            }
            Some(Waiting(Waiter::Read(_))) | None => {}
        }
    }

    /// One turn of the core; whether there was anything to do.
    fn turn(&mut self) -> Result<bool, StoreError> {
        let Some(mut turn) = self.core.begin() else {
            self.answer_lost();
            self.answer_reads();
            return Ok(false);
        };
        let mut unreached = self.send(std::mem::take(&mut turn.send))?;
        if let Some(snapshot) = &turn.write.install {
            self.install(&Point::of(snapshot))?;
        }
        self.core.log_mut().write(&turn.write)?;
        let effects = self.core.end(turn);
        unreached.extend(self.send(effects.send)?);
        if !effects.committed.is_empty() {
            self.apply(effects.committed)?;
        }
        for member in unreached {
            self.core.unreachable(member);
        }
        self.answer_lost();
        self.answer_reads();
        self.tell_progress();
        self.tell_leadership();
        Ok(true)
    }

    /// Sends messages; which members those that are lost were for.
    fn send(&mut self, messages: Vec<Message>) -> Result<Vec<u64>, StoreError> {
        let mut unreached = Vec::new();
        for message in messages {
            let member = message.to;
            if message.get_msg_type() == MessageType::MsgSnapshot {
                // Nothing was applied since the message was made.
                let view = LocalView::of(&self.shared)?;
                let reporting = self.reporting.clone();
                self.carrier
                    .send_state(Outgoing::new(message, view, reporting));
            } else if !self.carrier.send(message) {
                unreached.push(member);
            }
        }
        unreached.dedup();
        Ok(unreached)
    }

    /// Puts the state that has arrived in the place of this one, durably.
    fn install(&mut self, point: &Point) -> Result<(), StoreError> {
        let Some(state) = self.arrived.take_if(|state| state.is(point)) else {
            let sentence = "a whole state was to be installed that has not come";
            return Err(StoreError::Fatal(sentence.into()));
        };
        self.shared.replace(state.into_staged())?;
        self.elsewhere.announce();
        self.sealed.clear();
        self.durable = [point.index].into();
        let engine = self.shared.engine().map_err(StoreError::Fatal)?;
        let record = engine.record(MEMBERS_KEY);
        let record = record.map_err(|error| engine.fault("reading its members", &error))?;
        self.tell_members(decode_members(record.unwrap_or_default())?);
        tracing::info!(index = point.index, "took a whole state from the leader");
        Ok(())
    }

    fn apply(&mut self, committed: Vec<super::Committed>) -> Result<(), StoreError> {
        let engine = self.shared.engine().map_err(StoreError::Fatal)?;
        let fault = |error| engine.fault("applying", &error);
        let sealed = engine.make_room().map_err(fault)?;
        let applied = self.core.point().index;
        self.sealed.extend(sealed.map(|number| (number, applied)));
        let is_data = |entry: &&super::Committed| matches!(entry.payload, Payload::Data(_));
        let mut news = committed.iter().filter(is_data).peekable();
        let is_news = news.peek().is_some();
        let is_from_elsewhere = news.any(|entry| entry.token.is_none());
        let outcome = evaluate(&*engine, self.core.point(), committed);
        let mut outcome = outcome.map_err(|stop| match stop {
            Stop::State(error) => fault(error),
            Stop::Entry(error) => StoreError::Unreadable(error.to_string().into()),
        })?;
        let members = outcome.changes.get(MEMBERS_KEY).cloned().flatten();
        let members = members.map(decode_members).transpose()?;
        let record = Bytes::from(encode_point(&outcome.point));
        let key = Bytes::from_static(POINT_KEY);
        outcome.changes.insert(key, Some(record));
        // Who waits may go on as soon as no view is opened without the changes.
        let tell = || {
            self.core.applied(outcome.point);
            // First: who hears of the rest may ask how far this member is, and whether it is alone.
            self.tell_progress();
            if let Some(members) = members {
                self.tell_members(members);
            }
            for (token, answer) in outcome.answers {
                self.answer(token, answer);
            }
        };
        engine.apply(outcome.changes, tell).map_err(fault)?;
        if is_news {
            self.shared.announce();
        }
        if is_from_elsewhere {
            self.elsewhere.announce();
        }
        self.cut_log(engine.flushed())
    }

    fn tell_members(&mut self, members: Members) {
        self.members.send_replace(members);
        self.leave_if_removed();
    }

    /// Ends soon when the member was removed.
    pub(super) fn leave_if_removed(&mut self) {
        if self.ends_at.is_none() && self.members.borrow().was_removed(self.id) {
            tracing::warn!("{}", removed(self.id));
            self.ends_at = Some(Instant::now() + self.tenure * GOODBYE_TENURES);
        }
    }

    /// Cuts the log some way behind the state that is durable, with memtables up to `flushed`.
    fn cut_log(&mut self, flushed: u64) -> Result<(), StoreError> {
        while let Some(&(_, index)) = self.sealed.front().filter(|(number, _)| *number <= flushed) {
            self.sealed.pop_front();
            self.durable.push_back(index);
        }
        let mut cut = None;
        while self.durable.len() > LOG_MEMTABLES {
            cut = self.durable.pop_front();
        }
        match cut {
            Some(index) => self.core.log_mut().cut_behind(index),
            None => Ok(()),
        }
    }

    fn answer_lost(&mut self) {
        for token in self.core.lost() {
            self.answer(token, Err(ApplyError::Unknown));
        }
        for (token, reason) in self.core.refused() {
            if let Some(Waiting(Waiter::Change(reply))) = self.waiting.remove(&token) {
                let _ = reply.send(Err(NotChanged::Refused(Refused::of(reason))));
            }
        }
    }

    fn answer_reads(&mut self) {
        for token in self.core.safe_reads() {
            if let Some(Waiting(Waiter::Read(reply))) = self.waiting.remove(&token) {
                let _ = reply.send(());
            }
        }
    }

    fn tell_progress(&self) {
        let Point {
            index,
            term,
            members,
        } = self.core.point();
        let standing = self.core.standing();
        let is_alone = members.voters == [self.id]
            && members.voters_outgoing.is_empty()
            && members.learners.is_empty();
        // An entry of its own term is behind everything that was ever committed.
        let leads = standing.role == Role::Leader && standing.term == *term;
        let before = self.progress.load().alone_since;
        self.progress.store(Arc::new(Progress {
            committed: self.core.committed_index(),
            applied: *index,
            is_learner: members.learners.contains(&self.id),
            alone_since: (is_alone && leads).then(|| before.unwrap_or(*index)),
        }));
    }

    fn tell_leadership(&mut self) {
        let standing = self.core.standing();
        let is_leader = standing.role == Role::Leader;
        let is_alone = self.core.point().members.voters == [self.id];
        let now = Leadership {
            is_leader,
            leader: standing.leader,
            term: standing.term,
            // A leader that hears of no quorum for so long steps down at its next tick, which a
            // frozen one does not have.
            until: (is_leader && !is_alone).then(|| Instant::now() + self.tenure),
        };
        self.leadership.send_if_modified(|told| {
            let is_same = told.is_leader == now.is_leader
                && told.leader == now.leader
                && told.term == now.term;
            *told = now;
            !is_same
        });
    }
}

fn decode_members(record: Bytes) -> Result<Members, StoreError> {
    let malformed = |_| StoreError::Unreadable(super::Malformed.to_string().into());
    Members::decode(record).map_err(malformed)
}
