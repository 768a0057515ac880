//! One member of one group, without I/O.
//!
//! ```text
//! tick, step, propose, read ...        what has happened
//! begin  -> Turn                       send `send`; make `write` durable
//! end    -> Effects                    send `send`; apply `committed`
//! applied                              what was applied
//! lost                                 whose proposals nobody will hear of
//! safe_reads                           who may read now
//! ```
//!
//! ### To ensure correctness, whoever drives it
//! - makes a turn's write durable, all of it, before it calls [`Core::end`]: what is sent then are
//!   promises about it. A write that fails ends the member; it is not tried again.
//! - puts the installed state before the log behind it, see [`Write::install`].
//! - applies committed entries in order, each once, and stores with them how far they go.
//! - hands in nothing between `begin` and `end`.

use super::change::Vitals;
use super::check::{self, Own, Refusal};
use super::log::{Log, Point, View};
use super::proposals::{NotProposed, PassedOn, Proposals};
use super::reads::Reads;
use super::turn::{Committed, Effects, Payload, Turn, Write};
use super::{Token, trace};
use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{ConfChangeV2, Entry, EntryType, HardState, Message, MessageType};
use raft::{Config, RawNode, SnapshotStatus, StateRole};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeSet, HashMap};

/// Entries of one message; a larger entry travels alone.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;
/// Messages on their way to one member.
const INFLIGHT_MESSAGES_MAX: usize = 256;
/// Entries proposed and not committed; further proposals wait.
const UNCOMMITTED_BYTES_MAX: u64 = 64 << 20;
/// Entries applied in one turn.
const COMMITTED_BYTES_MAX: u64 = 4 << 20;

/// What a member is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its id; not 0.
    pub id: u64,
    /// A number that no other opening of the member has: names travel under it, and chance
    /// follows from it.
    pub opening: u64,
    /// Followers wait so many ticks for their leader, up to twice as many by chance.
    pub election_ticks: usize,
    /// Leaders make themselves heard every so many ticks.
    pub heartbeat_ticks: usize,
}

/// What a member is in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It follows a leader, or waits for one.
    Follower,
    /// It asks to be elected.
    Candidate,
    /// It leads.
    Leader,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub role: Role,
    /// Who leads, when known; itself while it does.
    pub leader: Option<u64>,
    /// The term it is in.
    pub term: u64,
}

/// One member of one group.
pub struct Core<L: Log> {
    node: RawNode<View<L>>,
    proposals: Proposals,
    /// Those of others, while this member leads.
    passed_on: PassedOn,
    asked: Vec<(u64, Entry)>,
    refused: Vec<(Token, u64)>,
    reads: Reads,
    outbox: Vec<Message>,
    ticks: u64,
    /// When each other member was last heard of.
    heard: HashMap<u64, u64>,
    random: SmallRng,
    election_ticks: usize,
    /// The chance of this wait, and how long it had lasted when last looked at.
    timeout: usize,
    waited: usize,
    last_standing: Standing,
    /// The commit index has grown since the last write.
    is_commit_unwritten: bool,
    /// The term and the vote of the last write.
    written: (u64, u64),
}

impl<L: Log> Core<L> {
    /// A member with the log it has, whose state goes as far as `point`.
    ///
    /// A group begins with members whose `point` names the same first entry and the same members,
    /// and whose logs are cut there; a member that joins begins with nothing at all.
    pub fn new(settings: &Settings, log: L, mut hard_state: HardState, point: Point) -> Self {
        // How far was committed is written without haste, and what was applied was committed.
        hard_state.commit = hard_state.commit.max(point.index);
        // An entry that was committed in a term is no part of an earlier one.
        hard_state.term = hard_state.term.max(point.term);
        let config = Config {
            id: settings.id,
            election_tick: settings.election_ticks,
            heartbeat_tick: settings.heartbeat_ticks,
            applied: point.index,
            max_size_per_msg: MESSAGE_BYTES_MAX,
            max_inflight_msgs: INFLIGHT_MESSAGES_MAX,
            check_quorum: true,
            pre_vote: true,
            max_uncommitted_size: UNCOMMITTED_BYTES_MAX,
            max_committed_size_per_ready: COMMITTED_BYTES_MAX,
            ..Config::default()
        };
        let written = (hard_state.term, hard_state.vote);
        let view = View {
            log,
            point,
            first_hard_state: hard_state,
        };
        let node = RawNode::new(&config, view, &trace::logger());
        let node = node.expect("the settings are right, and nothing else can fail");
        let mut core = Self {
            last_standing: standing(&node),
            node,
            proposals: Proposals::new(settings.opening),
            passed_on: PassedOn::default(),
            asked: Vec::new(),
            refused: Vec::new(),
            outbox: Vec::new(),
            ticks: 0,
            heard: HashMap::new(),
            reads: Reads::new(settings.id, settings.opening),
            random: SmallRng::seed_from_u64(settings.opening),
            election_ticks: settings.election_ticks,
            timeout: 0,
            waited: 0,
            is_commit_unwritten: false,
            written,
        };
        core.draw_timeout();
        core
    }

    /// Time passes.
    pub fn tick(&mut self) {
        self.ticks += 1;
        self.reads.tick();
        self.proposals.tick(self.is_leader());
        self.node.tick();
        self.settle_timeout();
    }

    /// Asks to be elected at once, as who is alone can.
    pub fn campaign(&mut self) {
        // Who may not be elected, or leads, stays what it is.
        let _ = self.node.campaign();
        self.settle_timeout();
    }

    /// A message has come.
    pub fn step(&mut self, message: Message) -> Result<(), Refusal> {
        let own = Own {
            id: self.node.raft.id,
            term: self.node.raft.term,
            last_index: self.node.raft.raft_log.last_index(),
            is_leader: self.is_leader(),
        };
        check::check(&message, &own)?;
        self.heard.insert(message.from, self.ticks);
        if message.get_msg_type() == MessageType::MsgPropose {
            self.take_over(message);
            return Ok(());
        }
        // The library would pass it on, in the name of the member that had asked: it asks again.
        if message.get_msg_type() == MessageType::MsgReadIndex && !own.is_leader {
            return Ok(());
        }
        // The library refuses answers from those who were removed, which is no news.
        let _ = self.node.step(message);
        self.settle_timeout();
        Ok(())
    }

    /// Proposes an entry, by way of the leader; `token` is answered when it is committed, or lost.
    pub fn propose(&mut self, data: Bytes, token: Token) -> Result<(), NotProposed> {
        self.propose_entry(EntryType::EntryNormal, data, token)
    }

    /// Proposes other members. Who leads appends what is given, which must be an encoded
    /// `ConfChangeV2`; who follows passes it on for the leader to make one of it.
    pub fn propose_change(&mut self, change: Bytes, token: Token) -> Result<(), NotProposed> {
        self.propose_entry(EntryType::EntryConfChangeV2, change, token)
    }

    /// Changes that other members propose to this one, which leads: each is to be
    /// [granted](Self::grant) or [refused](Self::refuse) at once.
    pub fn asked(&mut self) -> Vec<(u64, Entry)> {
        std::mem::take(&mut self.asked)
    }

    /// Appends a change that another member has proposed, and that is a `ConfChangeV2` by now.
    pub fn grant(&mut self, entry: Entry) -> Result<(), NotProposed> {
        self.append(entry)
    }

    /// Tells another member that its proposal of that name will not be made.
    pub fn refuse(&mut self, to: u64, name: Bytes, reason: u64) {
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = self.node.raft.id;
        message.to = to;
        message.term = self.node.raft.term;
        message.reject = true;
        message.reject_hint = reason;
        let entry = Entry {
            context: name,
            ..Entry::default()
        };
        message.set_entries(vec![entry].into());
        self.outbox.push(message);
    }

    /// Proposals of this member that its leader has refused, and why.
    pub fn refused(&mut self) -> Vec<(Token, u64)> {
        std::mem::take(&mut self.refused)
    }

    fn propose_entry(
        &mut self,
        kind: EntryType,
        data: Bytes,
        token: Token,
    ) -> Result<(), NotProposed> {
        let Standing { leader, term, .. } = self.standing();
        let leader = leader.ok_or(NotProposed::NoLeader)?;
        let mut entry = Entry::default();
        entry.set_entry_type(kind);
        entry.data = data;
        entry.context = self.proposals.name();
        if leader == self.node.raft.id {
            self.append(entry)?;
        } else {
            let mut message = Message::default();
            message.set_msg_type(MessageType::MsgPropose);
            message.from = self.node.raft.id;
            message.to = leader;
            message.term = term;
            message.set_entries(vec![entry].into());
            self.outbox.push(message);
        }
        self.proposals.made(term, token);
        Ok(())
    }

    /// Appends an entry to the log of the group, which this member leads.
    fn append(&mut self, entry: Entry) -> Result<(), NotProposed> {
        if entry.get_entry_type() == EntryType::EntryConfChangeV2 && self.is_changing() {
            return Err(NotProposed::Busy);
        }
        let raft = &mut self.node.raft;
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = raft.id;
        message.set_entries(vec![entry].into());
        raft.step(message).map_err(|_| NotProposed::Busy)
    }

    /// Proposes what another member was asked for. It was sent to the leader of its term, and what
    /// cannot be taken is lost: it must not be appended in another term, for a message may come
    /// late and twice, and who leads remembers within its term alone what it has taken.
    fn take_over(&mut self, message: Message) {
        if message.reject {
            for entry in message.entries {
                let token = self.proposals.committed(entry.context);
                let reason = message.reject_hint;
                self.refused.extend(token.map(|token| (token, reason)));
            }
            return;
        }
        let term = self.node.raft.term;
        if !self.is_leader() || message.term != term {
            return;
        }
        for entry in message.entries {
            if !self.passed_on.is_news(term, &entry.context) {
                continue;
            }
            match entry.get_entry_type() {
                EntryType::EntryConfChangeV2 => self.asked.push((message.from, entry)),
                _ => {
                    let _ = self.append(entry);
                }
            }
        }
    }

    /// Whether a change of members, or of leaders, is under way.
    pub fn is_changing(&self) -> bool {
        let raft = &self.node.raft;
        let conf = raft.prs().conf().to_conf_state();
        raft.has_pending_conf()
            || !conf.voters_outgoing.is_empty()
            || raft.lead_transferee.is_some()
    }

    /// What this member, which leads, knows of all.
    pub(super) fn vitals(&self) -> Vitals {
        let raft = &self.node.raft;
        let last_index = raft.raft_log.last_index();
        let is_close = |matched: u64| matched * 10 >= last_index * 9;
        let is_heard = |id: &u64| {
            let heard = self.heard.get(id);
            *id == raft.id || heard.is_some_and(|at| self.ticks < at + self.election_ticks as u64)
        };
        let all = || raft.prs().iter();
        Vitals {
            active: all().map(|(id, _)| *id).filter(is_heard).collect(),
            // Of connections nothing is known here.
            steady: BTreeSet::new(),
            in_sync: all()
                .filter(|(_, progress)| is_close(progress.matched))
                .map(|(id, _)| *id)
                .collect(),
        }
    }

    /// Asks when a read may be answered from the state here: [`safe_reads`](Self::safe_reads)
    /// names the token when the state holds everything acknowledged before this call.
    pub fn read(&mut self, token: Token) {
        self.reads.add(token);
    }

    /// Who is to lead when this member, which does, ends: of the voters that are heard of the one
    /// with most of the log.
    pub fn heir(&self) -> Option<u64> {
        let raft = &self.node.raft;
        let active = self.vitals().active;
        let is_heir = |id: u64| {
            let is_voter = self.point().members.voters.contains(&id);
            id != raft.id && is_voter && active.contains(&id)
        };
        let others = raft.prs().iter().filter(|(id, _)| is_heir(**id));
        let heir = others.max_by_key(|(_, progress)| progress.matched);
        heir.map(|(id, _)| *id).filter(|_| self.is_leader())
    }

    /// Asks another member to lead, if this one does.
    pub fn transfer(&mut self, to: u64) {
        if self.is_leader() {
            self.node.transfer_leader(to);
            self.settle_timeout();
        }
    }

    /// Messages to a member were lost.
    pub fn unreachable(&mut self, id: u64) {
        self.node.report_unreachable(id);
    }

    /// A snapshot for a member has arrived there, or has not.
    pub fn snapshot_sent(&mut self, id: u64, has_arrived: bool) {
        let status = match has_arrived {
            true => SnapshotStatus::Finish,
            false => SnapshotStatus::Failure,
        };
        self.node.report_snapshot(id, status);
    }

    /// What is to be done first; `None` when there is nothing.
    pub fn begin(&mut self) -> Option<Turn> {
        self.ask_for_reads();
        let mut send = std::mem::take(&mut self.outbox);
        if !self.node.has_ready() {
            return (!send.is_empty()).then(|| Turn {
                send,
                write: Write::default(),
                ready: None,
                late: Vec::new(),
            });
        }
        let mut ready = self.node.ready();
        let install = Some(ready.snapshot().clone()).filter(|snapshot| !snapshot.is_empty());
        // The library names a commit index that grew at the end of a turn once, and there. It must
        // be written no later than the entries that follow it: who has an entry that was proposed
        // after a change of members must not forget that the change was committed, or it could be
        // elected by the members before.
        let is_due = ready.hs().is_some() || self.is_commit_unwritten;
        let hard_state = is_due.then(|| self.node.raft.hard_state());
        self.is_commit_unwritten = false;
        let mut late = ready.take_messages();
        // Who votes alone leads at once, in a term that a crash would still take back.
        let stand = (self.node.raft.term, self.node.raft.vote);
        if std::mem::replace(&mut self.written, stand) == stand {
            send.append(&mut late);
        }
        Some(Turn {
            send,
            write: Write {
                install,
                entries: ready.take_entries(),
                hard_state,
                must_sync: ready.must_sync(),
            },
            ready: Some(ready),
            late,
        })
    }

    /// The write of a turn is done: what is to be done now.
    pub fn end(&mut self, turn: Turn) -> Effects {
        let Turn {
            write,
            ready,
            late: mut send,
            ..
        } = turn;
        let Some(mut ready) = ready else {
            return Effects::default();
        };
        for read in ready.take_read_states() {
            self.reads.answered(&read.request_ctx, read.index);
        }
        send.append(&mut ready.take_persisted_messages());
        let mut entries = ready.take_committed_entries();
        let mut light = self.node.advance_append(ready);
        self.is_commit_unwritten |= light.commit_index().is_some();
        send.append(&mut light.take_messages());
        entries.append(&mut light.take_committed_entries());
        if let Some(snapshot) = write.install {
            self.applied(Point::of(&snapshot));
        }
        let committed = entries.into_iter().map(|entry| self.committed(entry));
        let committed = committed.collect();
        let standing = self.standing();
        if self.last_standing != standing {
            self.last_standing = standing;
            self.reads.retry();
        }
        self.settle_timeout();
        Effects { send, committed }
    }

    /// Proposals of which this member will not hear: they may be applied or not.
    pub fn lost(&mut self) -> Vec<Token> {
        let Standing { leader, term, .. } = self.standing();
        self.proposals.lost(leader.map(|_| term))
    }

    fn committed(&mut self, entry: Entry) -> Committed {
        let payload = match entry.get_entry_type() {
            EntryType::EntryNormal if entry.data.is_empty() => Payload::Nothing,
            EntryType::EntryNormal => Payload::Data(entry.data),
            EntryType::EntryConfChangeV2 => self.change(&entry.data),
            // Nobody proposes the older form.
            EntryType::EntryConfChange => Payload::Members(None, Bytes::new()),
        };
        Committed {
            index: entry.index,
            term: entry.term,
            token: self.proposals.committed(entry.context),
            payload,
        }
    }

    /// Changes the members, or not: on every member alike, for all look at the same ones.
    fn change(&mut self, data: &[u8]) -> Payload {
        let Ok(change) = ConfChangeV2::parse_from_bytes(data) else {
            return Payload::Members(None, Bytes::new());
        };
        let mut members = self.node.apply_conf_change(&change).ok();
        if let Some(members) = &mut members {
            // The library keeps them in no order, and states must be the same everywhere.
            members.voters.sort_unstable();
            members.learners.sort_unstable();
            members.voters_outgoing.sort_unstable();
            members.learners_next.sort_unstable();
        }
        // Who was removed leads no more: it could say how far it has committed without asking
        // anybody. It still votes, for the others may need it to learn that it was removed.
        if self.is_leader() && !self.node.raft.promotable() {
            let term = self.node.raft.term;
            self.node.raft.become_follower(term, 0);
        }
        Payload::Members(members, change.context)
    }

    /// The state goes so far now.
    pub fn applied(&mut self, point: Point) {
        let index = point.index;
        self.node.mut_store().point = point;
        self.node.advance_apply_to(index);
    }

    /// Those who may read the state as it is now, or a later one.
    pub fn safe_reads(&mut self) -> Vec<Token> {
        self.reads.safe(self.node.store().point.index)
    }

    /// Where this member stands.
    pub fn standing(&self) -> Standing {
        standing(&self.node)
    }

    /// The last entry that is known to be committed.
    pub fn committed_index(&self) -> u64 {
        self.node.raft.raft_log.committed
    }

    /// How far the state goes.
    pub fn point(&self) -> &Point {
        &self.node.store().point
    }

    /// The log.
    pub fn log(&self) -> &L {
        &self.node.store().log
    }

    /// The log, to cut it behind an entry that is applied, durably.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.node.mut_store().log
    }

    fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    /// Asks for the next round of reads, where asking can lead to an answer.
    fn ask_for_reads(&mut self) {
        let raft = &self.node.raft;
        let can_answer = match raft.state {
            StateRole::Leader => raft.commit_to_current_term(),
            _ => raft.leader_id != 0,
        };
        if can_answer && let Some(name) = self.reads.next_round() {
            self.node.read_index(name);
        }
    }

    fn draw_timeout(&mut self) {
        let ticks = self.election_ticks;
        self.timeout = self.random.random_range(ticks..2 * ticks);
        self.waited = self.node.raft.election_elapsed;
        self.node.raft.set_randomized_election_timeout(self.timeout);
    }

    /// The library draws how long to wait from the system's chance; here it follows from the
    /// seed. A wait that has begun anew is a new one.
    fn settle_timeout(&mut self) {
        let elapsed = self.node.raft.election_elapsed;
        if elapsed < self.waited {
            return self.draw_timeout();
        }
        self.waited = elapsed;
        self.node.raft.set_randomized_election_timeout(self.timeout);
    }
}

fn standing<L: Log>(node: &RawNode<View<L>>) -> Standing {
    let raft = &node.raft;
    Standing {
        role: match raft.state {
            StateRole::Leader => Role::Leader,
            StateRole::Follower => Role::Follower,
            StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
        },
        leader: Some(raft.leader_id).filter(|leader| *leader != 0),
        term: raft.term,
    }
}
