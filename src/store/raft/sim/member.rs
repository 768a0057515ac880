//! A member as a process with a disk: what drives the core, and where it can die.

use super::disk::{Disk, Map, Shared};
use super::judge::Judge;
use super::random::Random;
use crate::store::raft::core::{Core, Settings};
use crate::store::raft::members::{MEMBERS_KEY, Members};
use crate::store::raft::state::evaluate;
use crate::store::raft::turn::{Committed, Effects, Turn};
use crate::store::raft::{Log, NotProposed, Point, Refused, Standing, Token, encode};
use crate::store::round::Answer;
use crate::store::{ApplyError, Batch};
use bytes::Bytes;
use prost::Message as _;
use protobuf::Message as _;
use raft::eraftpb::{ConfChangeV2, Message, MessageType};
use std::collections::{BTreeMap, VecDeque};

pub const ELECTION_TICKS: usize = 10;

/// A message, and the state when it carries one.
#[derive(Clone)]
pub struct Envelope {
    pub message: Message,
    pub state: Option<(Point, Map)>,
}

/// What a member is told.
pub enum Input {
    Message(Envelope),
    Tick,
    SnapshotSent { to: u64, has_arrived: bool },
    Apply(Token, Batch),
    Read(Token),
    Change(Token, Bytes),
    Transfer(u64),
}

/// What it says.
pub enum Output {
    Send(Envelope),
    /// It waits for its disk.
    Sync,
    /// To a write.
    Answer(Token, Answer),
    /// To a read: the state it may be read from.
    State(Token, Point),
}

/// What is done wrong on purpose, to see whether it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    None,
    /// Promises are sent before the disk has what they are about.
    SendsBeforeSync,
    /// Nothing is synced at all.
    NeverSyncs,
    /// Reads are answered from whatever state there is.
    ReadsAtOnce,
    /// The log is cut where the state is not durable.
    CutsTooFar,
    /// An answer tells of success, whatever it was.
    AlwaysOk,
    /// Who lost its leadership says that nothing was done.
    LostIsRefused,
}

/// Where a process can die, and how likely that is in a thousand.
pub struct Odds {
    pub crash: u64,
    pub flush: u64,
}

/// A member.
pub struct Member {
    pub id: u64,
    pub disk: Disk,
    pub sabotage: Sabotage,
    /// `None` while it is down.
    pub process: Option<Process>,
    /// Counts its starts.
    pub starts: u64,
}

/// What a crash takes.
pub struct Process {
    core: Core<Shared>,
    inbox: VecDeque<Input>,
    /// Waiting for the disk.
    turn: Option<Turn>,
    /// States that came with messages of this turn.
    staged: Vec<(Point, Map)>,
}

/// The process has died.
pub struct Died;

impl Member {
    pub fn new(id: u64, point: Point, sabotage: Sabotage) -> Self {
        Self {
            id,
            disk: Disk::new(point),
            sabotage,
            process: None,
            starts: 0,
        }
    }

    pub fn start(&mut self, random: &mut Random) {
        self.starts += 1;
        self.disk.recover();
        let settings = Settings {
            id: self.id,
            opening: random.next(),
            election_ticks: ELECTION_TICKS,
            heartbeat_ticks: 1,
        };
        let hard_state = self.disk.log.borrow().current.hard_state.clone();
        let point = self.disk.state().0.clone();
        self.process = Some(Process {
            core: Core::new(&settings, self.disk.log.clone(), hard_state, point),
            inbox: VecDeque::new(),
            turn: None,
            staged: Vec::new(),
        });
    }

    pub fn crash(&mut self, random: &mut Random) {
        self.process = None;
        self.disk.crash(random);
    }

    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub fn is_writing(&self) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.turn.is_some())
    }

    pub fn standing(&self) -> Option<Standing> {
        Some(self.process.as_ref()?.core.standing())
    }

    pub fn take(&mut self, input: Input) {
        if let Some(process) = &mut self.process {
            process.inbox.push_back(input);
        }
    }
}

/// Whether a change names one that was removed: those who lead refuse it.
fn brings_back(map: &Map, change: &Bytes) -> bool {
    let record = map.get(MEMBERS_KEY).cloned().unwrap_or_default();
    let members = Members::decode(record).expect("written by a member");
    let change = ConfChangeV2::parse_from_bytes(change).expect("proposed by this simulator");
    let mut changes = change.changes.iter();
    changes.any(|single| members.was_removed(single.node_id))
}

/// All members, and what one of them needs to go on.
pub struct Scene<'a> {
    pub members: &'a mut BTreeMap<u64, Member>,
    pub judge: &'a mut Judge,
    pub random: &'a mut Random,
    pub odds: &'a Odds,
    pub out: &'a mut Vec<Output>,
}

impl Scene<'_> {
    fn member(&mut self, id: u64) -> &mut Member {
        self.members.get_mut(&id).expect("a member of the scene")
    }

    fn process(&mut self, id: u64) -> &mut Process {
        self.member(id).process.as_mut().expect("it is up")
    }

    /// A boundary at which the process may die.
    fn boundary(&mut self) -> Result<(), Died> {
        match self.random.below(1000) < self.odds.crash {
            true => Err(Died),
            false => Ok(()),
        }
    }

    /// Goes on until the member waits for its disk, or for news.
    pub fn go_on(&mut self, id: u64) -> Result<(), Died> {
        while self.member(id).is_up() && !self.member(id).is_writing() {
            while let Some(input) = self.process(id).inbox.pop_front() {
                self.hand_in(id, input);
            }
            let turn = self.process(id).core.begin();
            self.stands(id);
            let Some(turn) = turn else {
                self.process(id).staged.clear();
                self.answer_lost(id);
                self.answer_reads(id);
                return Ok(());
            };
            self.begin(id, turn)?;
        }
        Ok(())
    }

    fn stands(&mut self, id: u64) {
        let member = self.members.get(&id).expect("a member of the scene");
        if let Some(standing) = member.standing() {
            self.judge.stands(id, standing, &member.disk);
        }
    }

    fn hand_in(&mut self, id: u64, input: Input) {
        let is_hasty = self.member(id).sabotage == Sabotage::ReadsAtOnce;
        let member = self.members.get_mut(&id).expect("a member of the scene");
        let map = &member.disk.state().1;
        let process = member.process.as_mut().expect("it is up");
        let core = &mut process.core;
        let (token, proposed) = match input {
            Input::Tick => return core.tick(),
            Input::SnapshotSent { to, has_arrived } => return core.snapshot_sent(to, has_arrived),
            Input::Transfer(to) => return core.transfer(to),
            Input::Read(token) if is_hasty => {
                let point = self.member(id).disk.state().0.clone();
                return self.out.push(Output::State(token, point));
            }
            Input::Read(token) => return core.read(token),
            Input::Message(envelope) => {
                process.staged.extend(envelope.state);
                let sent = format!("{:?}", envelope.message);
                if let Err(refusal) = core.step(envelope.message) {
                    panic!("member {id} refuses what a member has sent: {refusal}: {sent}");
                }
                for (from, entry) in core.asked() {
                    let name = entry.context.clone();
                    if brings_back(map, &entry.data) || core.grant(entry).is_err() {
                        core.refuse(from, name, Refused::Busy as u64);
                    }
                }
                return;
            }
            Input::Apply(token, batch) => (token, core.propose(encode(&batch), token)),
            Input::Change(token, change) if brings_back(map, &change) => {
                return self
                    .out
                    .push(Output::Answer(token, Err(ApplyError::NoLeader)));
            }
            Input::Change(token, change) => (token, core.propose_change(change, token)),
        };
        let answer = match proposed {
            Ok(()) => return,
            Err(NotProposed::NoLeader | NotProposed::Busy) => Err(ApplyError::NoLeader),
        };
        self.out.push(Output::Answer(token, answer));
    }

    fn send(&mut self, id: u64, messages: Vec<Message>) {
        for mut message in messages {
            let is_snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
            let state = is_snapshot.then(|| self.member(id).disk.state().clone());
            if let Some((point, _)) = &state {
                message.set_snapshot(point.snapshot());
            }
            self.out.push(Output::Send(Envelope { message, state }));
        }
    }

    fn begin(&mut self, id: u64, mut turn: Turn) -> Result<(), Died> {
        self.send(id, std::mem::take(&mut turn.send));
        self.boundary()?;
        let member = self.members.get_mut(&id).expect("a member of the scene");
        let process = member.process.as_mut().expect("it is up");
        if let Some(snapshot) = &turn.write.install {
            let point = Point::of(snapshot);
            let staged = process.staged.iter().find(|(staged, _)| *staged == point);
            let (point, map) = staged.expect("it came with a message").clone();
            member.disk.install(point, map);
            self.boundary()?;
        }
        let member = self.members.get_mut(&id).expect("a member of the scene");
        member.disk.write(&turn.write);
        if let Some(first) = turn.write.entries.first() {
            let before = member.disk.log.borrow().current.term_at(first.index - 1);
            self.judge.written(before, &turn.write.entries);
        }
        let must_sync = turn.write.must_sync;
        let sabotage = member.sabotage;
        member.process.as_mut().expect("it is up").turn = Some(turn);
        if must_sync && sabotage != Sabotage::NeverSyncs {
            self.out.push(Output::Sync);
        }
        let is_hasty = matches!(sabotage, Sabotage::SendsBeforeSync | Sabotage::NeverSyncs);
        match must_sync && !is_hasty {
            true => Ok(()),
            false => self.end(id),
        }
    }

    /// The disk has what it was given.
    pub fn synced(&mut self, id: u64) -> Result<(), Died> {
        let member = self.member(id);
        member.disk.log.borrow_mut().sync();
        if !member.is_writing() {
            return Ok(());
        }
        self.boundary()?;
        self.end(id)?;
        self.go_on(id)
    }

    fn end(&mut self, id: u64) -> Result<(), Died> {
        let process = self.process(id);
        let turn = process.turn.take().expect("it was writing");
        let Effects { send, committed } = process.core.end(turn);
        self.send(id, send);
        self.boundary()?;
        if !committed.is_empty() {
            self.apply(id, committed)?;
        }
        self.answer_lost(id);
        self.answer_reads(id);
        self.stands(id);
        Ok(())
    }

    fn answer_lost(&mut self, id: u64) {
        let answer = match self.member(id).sabotage {
            Sabotage::LostIsRefused => ApplyError::NoLeader,
            _ => ApplyError::Unknown,
        };
        let lost = self.process(id).core.lost().into_iter();
        let lost = lost.map(|token| Output::Answer(token, Err(answer.clone())));
        self.out.extend(lost);
        for (token, _) in self.process(id).core.refused() {
            let refused = Output::Answer(token, Err(ApplyError::NoLeader));
            self.out.push(refused);
        }
    }

    fn apply(&mut self, id: u64, committed: Vec<Committed>) -> Result<(), Died> {
        for entry in &committed {
            let disks = |id| Some(&self.members.get(&id)?.disk);
            self.judge.applies(entry, disks);
        }
        let member = self.members.get_mut(&id).expect("a member of the scene");
        let (point, map) = member.disk.state();
        let outcome = evaluate(map, point, committed);
        let outcome = outcome.unwrap_or_else(|_| panic!("member {id} cannot apply"));
        member.disk.apply(outcome.point.clone(), outcome.changes);
        let (point, map) = member.disk.state();
        self.judge.state(id, point, map);
        self.boundary()?;
        let always_ok = self.member(id).sabotage == Sabotage::AlwaysOk;
        for (token, answer) in outcome.answers {
            let answer = if always_ok { Ok(()) } else { answer };
            self.out.push(Output::Answer(token, answer));
        }
        self.process(id).core.applied(outcome.point);
        if self.random.below(1000) < self.odds.flush {
            self.flush_and_cut(id);
        }
        self.boundary()
    }

    /// Makes the state durable, and cuts the log somewhere below it.
    fn flush_and_cut(&mut self, id: u64) {
        let keep = self.random.below(8);
        let member = self.members.get_mut(&id).expect("a member of the scene");
        match member.sabotage {
            Sabotage::CutsTooFar => {}
            _ => member.disk.flush(),
        }
        let upto = member.disk.state().0.index.saturating_sub(keep);
        if upto > member.disk.log.cut().0 {
            member.disk.cut(upto);
        }
    }

    fn answer_reads(&mut self, id: u64) {
        let member = self.members.get_mut(&id).expect("a member of the scene");
        let point = member.disk.state().0.clone();
        let Some(process) = &mut member.process else {
            return;
        };
        for token in process.core.safe_reads() {
            self.out.push(Output::State(token, point.clone()));
        }
    }
}
