//! A keyspace that several servers keep together, by the Raft protocol.
//!
//! - `entry`: a batch as an entry of the log.
//! - `core`: one member of one group. It is told of messages, ticks and proposals, and answers
//!   with what is to be sent, written and applied, and in which order.
//! - `log`: the log as the core reads it.
//! - `proposals`, `reads`: whom this member owes an answer.
//! - `check`: what is refused of what peers send.
//! - `change`: which changes of members are made.
//! - `members`: who belongs to the group, and where they are.
//! - `state`: committed entries applied to a state.
//! - `sim`: whole clusters in one thread, from a seed.
//!
//! Nothing of these touches a disk, a socket or a clock, so a cluster can be run by a simulator.
//! What does:
//! - `wal`: the log on a disk, and `recent`, its end in memory.
//! - `founding`: a group that begins with a state.
//! - `survivor`: a group of one, of a member whose group has lost its quorum.
//! - `driver`: the one thread that drives a member.
//! - `whole`: whole states, for members that lag behind the log.
//!
//! `docs/adr/0013-raft-store.md` says why the order of its effects is safe.

mod change;
mod check;
mod core;
#[cfg(test)]
mod core_test;
mod driver;
mod entry;
mod founding;
mod log;
mod members;
mod proposals;
mod reads;
mod recent;
#[cfg(test)]
mod sim;
mod state;
mod survivor;
#[cfg(test)]
pub(crate) mod tests;
mod trace;
mod turn;
mod wal;
mod whole;

pub use self::change::{Change, NotChanged, Policy, Refused};
pub use self::check::Refusal;
pub use self::core::{Core, Role, Settings, Standing};
pub use self::entry::{Malformed, decode, encode};
pub use self::founding::found_with_state;
pub use self::log::{Fit, Log, LogError, Point};
pub use self::members::{Member, Members, cluster_id, member_id};
pub use self::proposals::NotProposed;
pub use self::survivor::{Survivor, force_new_cluster};
pub use self::turn::{Committed, Effects, Payload, Turn, Write};
pub use self::whole::{Incoming, Outgoing};
pub use ::raft::eraftpb;

use super::local::{BlockCache, Engine, Local, LocalView, POINT_KEY};
use super::{
    ApplyError, Batch, Changes, Consistency, Leadership, Limits, Progress, StoreError, Usage,
    closed,
};
use crate::stats::{Distribution, Histogram};
use ::raft::eraftpb::{HardState, Message};
use arc_swap::ArcSwap;
use driver::{Ask, Driver, Inbox};
use futures_util::future::BoxFuture;
use members::MEMBERS_KEY;
use prost::Message as _;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot, watch};
use wal::{GroupLog, Wal};
use whole::Arrived;

/// Names a caller who waits for an answer; the one who makes it says what it means.
pub type Token = u64;

/// The only group of a process, so far.
const GROUP: u64 = 1;
/// Where the log is in a member's directory.
const LOG: &str = "log";
/// The index and the term that a group begins with.
const FIRST: u64 = 1;
/// What waits for the thread; further callers wait their turn.
const QUEUE_ASKS: usize = 1024;
/// What peers have sent and the thread has not taken; further messages are lost.
const QUEUE_MESSAGES: usize = 1024;
/// How long a read waits for a quorum.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a change of members waits for a leader and for others to end, and another member for
/// being the leader.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a member that ends waits for another one to lead.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(1);
/// After this long a change that others were in the way of is tried again.
const CHANGE_PAUSE: Duration = Duration::from_millis(100);

/// The way to other members. A message may be lost, or come late, or twice.
pub trait Carrier: Send + Sync {
    /// Takes a message to the member it names, and does not wait; `false` when it is lost.
    fn send(&self, message: Message) -> bool;

    /// Takes a whole state to the member that its message names, and does not wait.
    fn send_state(&self, state: Outgoing);

    /// For how long it has been connected to a member without a break; one that needs no
    /// connections always was.
    fn connected_for(&self, _: u64) -> Duration {
        Duration::MAX
    }
}

/// A carrier for those who are alone.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Carrier for Nobody {
    fn send(&self, _: Message) -> bool {
        false
    }

    fn send_state(&self, _: Outgoing) {}
}

/// Who a member is, and how it keeps time.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its id; not 0. As with all that follows up to the founders, a directory that is a member's
    /// already knows better.
    pub id: u64,
    /// The group's id.
    pub cluster_id: u64,
    /// All who found the group, itself too: the same on each of them. None for one that joins a
    /// group which knows of it.
    pub founders: Vec<Member>,
    /// Time between two signs of life of a leader.
    pub heartbeat: Duration,
    /// So many of them are missed before others ask to be elected.
    pub election_heartbeats: usize,
    /// Which changes of the members it refuses while it leads.
    pub policy: Policy,
    /// For its state.
    pub blocks: BlockCache,
}

/// A member of a group. Cheap to clone; clones are the same member.
#[derive(Clone)]
pub struct Raft {
    id: u64,
    local: Local,
    asks: mpsc::Sender<Ask>,
    messages: mpsc::Sender<Message>,
    states: mpsc::Sender<Arrived>,
    /// A state that has not come whole.
    staged: Arc<Mutex<Option<Incoming>>>,
    leadership: watch::Receiver<Leadership>,
    members: watch::Receiver<Members>,
    progress: Arc<ArcSwap<Progress>>,
    /// Of what was not proposed here.
    elsewhere: Arc<Changes>,
    write_times: Arc<Histogram>,
}

/// A state that comes in; what there is of it stays for the next try when this is dropped.
pub struct Stage {
    place: OwnedMutexGuard<Option<Incoming>>,
    state: Option<Incoming>,
}

impl Stage {
    /// The state, to be added to.
    pub fn state(&mut self) -> Option<&mut Incoming> {
        self.state.as_mut()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        *self.place = self.state.take();
    }
}

impl Raft {
    /// Opens a member in a directory. An empty one becomes that of a founder, or of one that
    /// joins; one that a single server has kept alone becomes a group of one with all it holds.
    pub fn open(
        path: &Path,
        options: &Options,
        carrier: Arc<dyn Carrier>,
    ) -> Result<Self, StoreError> {
        let local = Local::open_replica(path, options.blocks)?;
        let shared = local.shared().clone();
        let engine = shared.engine().map_err(StoreError::Fatal)?;
        let fault = |error| engine.fault("reading its point", &error);
        let wal = Wal::open(&path.join(LOG))?;
        let home = match engine.record(POINT_KEY).map_err(fault)? {
            Some(point) => Home::known(&engine, &wal, &point)?,
            None => Home::found(&engine, &wal, options)?,
        };
        drop(engine);
        let Home {
            log,
            hard_state,
            point,
            reach,
            members,
        } = home;
        let id = log.owner;
        let settings = Settings {
            id,
            opening: rand::random(),
            election_ticks: options.election_heartbeats,
            heartbeat_ticks: 1,
        };
        let write_times = log.write_times.clone();
        let is_alone = point.members.voters == [id];
        let durable = [point.index].into();
        let mut core = Core::new(&settings, log, hard_state, point);
        if is_alone {
            core.campaign();
        }
        let (leadership, told) = watch::channel(Leadership {
            is_leader: false,
            leader: None,
            term: 0,
            until: None,
        });
        let progress = Arc::new(ArcSwap::from_pointee(Progress::default()));
        let (members, members_told) = watch::channel(members);
        let (asks, asked) = mpsc::channel(QUEUE_ASKS);
        let (messages, said) = mpsc::channel(QUEUE_MESSAGES);
        let (states, arrived) = mpsc::channel(1);
        let (reporting, reports) = mpsc::unbounded_channel();
        let elsewhere = Arc::new(Changes::new());
        let election = options.election_heartbeats as u32;
        let mut driver = Driver {
            id,
            core,
            shared,
            carrier,
            policy: options.policy,
            leadership,
            progress: progress.clone(),
            elsewhere: elsewhere.clone(),
            members,
            tick: options.heartbeat,
            tenure: options.heartbeat * election,
            waiting: HashMap::new(),
            next_token: 0,
            held: VecDeque::new(),
            sealed: VecDeque::new(),
            durable,
            reporting,
            arrived: None,
            ends_at: None,
        };
        let inbox = Inbox {
            asks: asked,
            messages: said,
            states: arrived,
            reports,
        };
        driver.catch_up(reach)?;
        driver.leave_if_removed();
        driver::start(driver, inbox)?;
        Ok(Self {
            id,
            local,
            asks,
            messages,
            states,
            staged: Arc::default(),
            leadership: told,
            members: members_told,
            progress,
            elsewhere,
            write_times,
        })
    }

    /// Its id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The group's id.
    pub fn cluster_id(&self) -> u64 {
        self.members.borrow().cluster_id
    }

    /// Who belongs to the group, now and as it changes.
    pub fn members(&self) -> watch::Receiver<Members> {
        self.members.clone()
    }

    /// Takes a message that another member has sent; it is lost when too many wait.
    pub fn receive(&self, message: Message) {
        let _ = self.messages.try_send(message);
    }

    /// Begins to take in the state that goes with a message, or goes on where that was left;
    /// `None` while another one comes in.
    pub fn stage(&self, message: &Message) -> Result<Option<Stage>, StoreError> {
        let Ok(mut place) = self.staged.clone().try_lock_owned() else {
            return Ok(None);
        };
        let point = Point::of(message.get_snapshot());
        let state = match place.take() {
            Some(state) if state.is(&point) => state,
            other => {
                // First, for both have one place on the disk.
                drop(other);
                let engine = self.local.shared().engine();
                let staged = engine.map_err(StoreError::Fatal)?.stage()?;
                Incoming::new(point, staged)
            }
        };
        Ok(Some(Stage {
            place,
            state: Some(state),
        }))
    }

    /// Takes a message, with the state that goes with it: whole and durable.
    pub async fn install(&self, message: Message, mut stage: Stage) -> Result<(), StoreError> {
        let (taken, answer) = oneshot::channel();
        if let Some(state) = stage.state.take() {
            let arrived = Arrived {
                message,
                state,
                taken,
            };
            // An error is the end of the thread, which the answer tells of.
            let _ = self.states.send(arrived).await;
        }
        let lost = || StoreError::Unavailable("the state was not taken".into());
        answer.await.map_err(|_| lost())
    }

    /// A snapshot.
    pub async fn view(&self, consistency: Consistency) -> Result<LocalView, StoreError> {
        // Who is alone has applied whatever was acknowledged, and nobody has to be asked.
        if consistency == Consistency::Linearizable && self.progress().alone_since.is_none() {
            let (reply, safe) = oneshot::channel();
            match tokio::time::timeout(READ_TIMEOUT, self.ask(Ask::Read(reply), safe)).await {
                Ok(safe) => safe.map_err(StoreError::Fatal)?,
                Err(_) => {
                    let sentence = "no quorum of the members says how far the data goes";
                    return Err(StoreError::Unavailable(sentence.into()));
                }
            }
        }
        self.local.view()
    }

    /// Applies a batch, by way of the member that leads.
    pub async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        self.limits().check(&batch)?;
        let (reply, answer) = oneshot::channel();
        let answer = self.ask(Ask::Apply(batch, reply), answer).await;
        answer.map_err(ApplyError::Fatal)?
    }

    /// Changes who belongs to the group, by way of the member that leads. `Ok` when the change is
    /// in the [`members`](Self::members) of this one.
    pub async fn change(&self, change: Change) -> Result<(), NotChanged> {
        let deadline = Instant::now() + CHANGE_TIMEOUT;
        let mut members = self.members();
        loop {
            members.mark_unchanged();
            let (reply, answer) = oneshot::channel();
            let asked = self.ask(Ask::Change(change.clone(), reply), answer).await;
            match asked.map_err(NotChanged::Fatal)? {
                Err(NotChanged::Refused(Refused::Busy) | NotChanged::NoLeader)
                    if Instant::now() < deadline =>
                {
                    // Most often it is another change that ends.
                    let _ = tokio::time::timeout(CHANGE_PAUSE, members.changed()).await;
                }
                answer => return answer,
            }
        }
    }

    /// Ends the member: others say that it was removed, which it could not hear of.
    pub async fn expel(&self) {
        // One that has ended already need not be told.
        let _ = self.asks.send(Ask::Expel).await;
    }

    /// Whether it has ended because it was removed.
    pub fn was_removed(&self) -> bool {
        let ended = self.local.shared().engine().err();
        ended.is_some_and(|sentence| sentence == removed(self.id))
    }

    /// Lets another member lead, if this one does and that one can; false when it does not in time.
    pub async fn transfer(&self, to: u64) -> Result<bool, Arc<str>> {
        let mut leadership = self.leadership();
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Transfer(to, reply), answer).await?;
        let leads = |now: &Leadership| match to == self.id {
            true => now.is_leader,
            false => now.leader == Some(to),
        };
        let led = tokio::time::timeout(CHANGE_TIMEOUT, leadership.wait_for(leads)).await;
        Ok(matches!(led, Ok(Ok(_))))
    }

    /// Lets another member lead, if this one does and one can: for one that is about to end, so that
    /// the others need not find out that it has.
    pub async fn hand_over(&self) {
        let (reply, answer) = oneshot::channel();
        let handing_over = async {
            if let Ok(Some(heir)) = self.ask(Ask::Heir(reply), answer).await {
                let _ = self.transfer(heir).await;
            }
        };
        // Else they do find out.
        let _ = tokio::time::timeout(HAND_OVER_TIMEOUT, handing_over).await;
    }

    /// Asks the thread; the error is why it has gone.
    async fn ask<T>(&self, ask: Ask, answer: oneshot::Receiver<T>) -> Result<T, Arc<str>> {
        if self.asks.send(ask).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return Ok(answer);
        }
        match self.local.shared().engine() {
            Ok(_) => Err("the thread of the store has died: start kvtool again".into()),
            Err(sentence) => Err(sentence),
        }
    }

    /// Whether a directory is that of a member already.
    pub fn is_member(path: &Path) -> bool {
        path.join(LOG).is_dir()
    }

    /// Completes with the reason when the member has ended.
    pub async fn failed(&self) -> Arc<str> {
        let mut leadership = self.leadership.clone();
        while leadership.changed().await.is_ok() {}
        let engine = self.local.shared().engine();
        engine.err().unwrap_or_else(closed)
    }

    /// Completes after the next batch of any key that is applied here, whoever wrote it.
    pub fn changed(&self) -> BoxFuture<'static, ()> {
        self.local.changed()
    }

    /// Completes after the next batch that is applied here and was not proposed here.
    pub fn changed_elsewhere(&self) -> BoxFuture<'static, ()> {
        self.elsewhere.next()
    }

    /// Who leads the group.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// What a batch may hold.
    pub fn limits(&self) -> Limits {
        self.local.limits()
    }

    /// What the state occupies.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.local.usage()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        **self.progress.load()
    }

    /// How long writes of the log took that had to become durable, in nanoseconds.
    pub fn disk_times(&self) -> Distribution {
        self.write_times.get()
    }

    /// How long writes of the state took, in nanoseconds; `None` once it has ended.
    pub fn commit_times(&self) -> Option<Distribution> {
        self.local.disk_times()
    }

    /// Rewrites the state without what is dead.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        self.local.reclaim().await
    }

    /// Finishes what is waiting and gives up the directory.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let closed = self.ask(Ask::Close(reply), answer).await;
        closed.map_err(StoreError::Fatal)
    }
}

/// What a member has on its disk.
struct Home {
    log: GroupLog,
    hard_state: HardState,
    point: Point,
    /// The entry up to which the state is brought before anybody sees it.
    reach: u64,
    members: Members,
}

impl Home {
    /// Makes the directory that of a member: first the log and then the state, so that a state
    /// without a log is always one that has lost it.
    fn found(engine: &Engine, wal: &Wal, options: &Options) -> Result<Self, StoreError> {
        let Options { id, founders, .. } = options;
        let is_alone = founders.len() == 1 && founders[0].id == *id;
        if !is_alone && !engine.is_empty() {
            let sentence =
                "this directory holds data: open it as a group of one, and add the others";
            return Err(StoreError::Fatal(sentence.into()));
        }
        // Whoever has a log is not asked who he is.
        if *id == 0 {
            return Err(unreadable("this directory was left half made: empty it"));
        }
        if let Some((log, votes)) = wal.group(GROUP)?
            && (log.last_index() > log.cut().0 || votes != HardState::default())
        {
            return Err(unreadable("the state that belongs to the log is gone"));
        }
        let mut point = Point::default();
        if !founders.is_empty() {
            (point.index, point.term) = (FIRST, FIRST);
            point.members.voters = founders.iter().map(|founder| founder.id).collect();
            point.members.voters.sort_unstable();
        }
        let members = Members::founded(options.cluster_id, founders);
        Self::begin(engine, wal, *id, point, members)
    }

    /// Makes the directory that of a member whose history begins here.
    fn begin(
        engine: &Engine,
        wal: &Wal,
        id: u64,
        point: Point,
        members: Members,
    ) -> Result<Self, StoreError> {
        let (log, hard_state) = wal.begin(GROUP, id, &point)?;
        let record = wal::encode_point(&point).into();
        let changes = [
            (POINT_KEY.into(), Some(record)),
            (MEMBERS_KEY.into(), Some(members.encode())),
        ];
        let made = engine.commit(changes.into());
        made.map_err(|error| engine.fault("founding the group", &error))?;
        Ok(Self {
            log,
            hard_state,
            reach: point.index,
            point,
            members,
        })
    }

    /// A member as it was left.
    fn known(engine: &Engine, wal: &Wal, point: &[u8]) -> Result<Self, StoreError> {
        let damaged = || unreadable("the record of the applied entries is damaged");
        let point = wal::decode_point(point).ok_or_else(damaged)?;
        let record = engine.record(MEMBERS_KEY);
        let record = record.map_err(|error| engine.fault("reading its members", &error))?;
        let members = Members::decode(record.unwrap_or_default())
            .map_err(|_| unreadable("the record of the members is damaged"))?;
        let (log, hard_state) = wal.group(GROUP)?.ok_or_else(log_lost)?;
        let fit = point.fit(&log);
        let (log, mut hard_state) = match fit.map_err(|error| unreadable(&error.to_string()))? {
            Fit::Whole => (log, hard_state),
            Fit::LogBehind => wal.begin(GROUP, log.owner, &point)?,
            Fit::Gap => return Err(log_lost()),
        };
        let reach = reach(engine)?.max(point.index);
        if reach > log.last_index() {
            return Err(log_lost());
        }
        // What was applied was committed.
        hard_state.commit = hard_state.commit.max(reach);
        Ok(Self {
            log,
            hard_state,
            point,
            reach,
            members,
        })
    }
}

/// The last entry that parts of a state may have: all of it has them before anybody reads it.
fn reach(engine: &Engine) -> Result<u64, StoreError> {
    let record = engine.reach();
    let record = record.map_err(|error| engine.fault("reading how far it goes", &error))?;
    let point = record.as_deref().and_then(wal::decode_point);
    Ok(point.map_or(0, |point| point.index))
}

fn unreadable(words: &str) -> StoreError {
    StoreError::Unreadable(words.into())
}

fn log_lost() -> StoreError {
    unreadable(
        "the log does not reach back to the state, or is gone: remove the member, empty its data \
         directory and add it again",
    )
}

/// What a member says that was removed from its group.
fn removed(id: u64) -> Arc<str> {
    let words = "was removed from its group for good: to join again it needs an empty data \
                 directory and a new id, which `kvtool member add` gives";
    format!("member {id:x} {words}").into()
}
