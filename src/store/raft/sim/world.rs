//! Members, clients and what befalls them, one event after the other.

mod mishap;

use super::disk::Map;
use super::judge::Judge;
use super::load::Client;
use super::member::{Died, Envelope, Input, Member, Odds, Output, Sabotage, Scene};
use super::network::{Network, Weather};
use super::random::Random;
use crate::store::ApplyError;
use crate::store::raft::{Point, Role, Token};
use mishap::Plan;
use raft::eraftpb::{ConfState, MessageType};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Units of time between two ticks.
const TICK: u64 = 100;
const CLIENTS: usize = 4;
/// Tokens of changes of members; below are those of clients.
const CHANGE_TOKENS: Token = 1 << 60;
/// How long a cluster without faults may take to agree.
const CALM_TIME_MAX: u64 = 2_000 * TICK;

enum Event {
    Tick(u64, u64),
    Deliver(Envelope),
    Synced(u64, u64),
    Client(usize),
    Mishap,
    Start(u64),
    SnapshotSent { at: u64, to: u64, has_arrived: bool },
}

/// A whole run.
pub struct World {
    now: u64,
    random: Random,
    plan: Plan,
    odds: Odds,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    members: BTreeMap<u64, Member>,
    judge: Judge,
    network: Network,
    clients: Vec<Client>,
    next_token: Token,
    changes: Token,
    next_member: u64,
    paused: BTreeMap<u64, u64>,
    slow: BTreeMap<u64, u64>,
    sabotage: Sabotage,
    is_calm: bool,
    /// Prints what happens.
    pub is_told: bool,
    pub counts: Counts,
}

/// What a run has seen, to tell that it was not idle.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub answered: u64,
    pub conflicts: u64,
    pub unknown: u64,
    pub reads: u64,
    pub crashes: u64,
    pub installs: u64,
    pub changes: u64,
    /// Proposals that went by another member, and arrived.
    pub passed_on: u64,
}

impl World {
    pub fn new(seed: u64, founders: u64, sabotage: Sabotage) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::of(&mut random, founders);
        let members: ConfState = ConfState {
            voters: (1..=plan.founders).collect(),
            ..ConfState::default()
        };
        let point = Point {
            index: 1,
            term: 1,
            members,
        };
        let mut world = Self {
            now: 0,
            odds: Odds {
                crash: plan.odds_crash,
                flush: plan.odds_flush,
            },
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            members: BTreeMap::new(),
            judge: Judge::new(&point),
            network: Network::new(plan.weather),
            clients: (0..CLIENTS).map(|_| Client::new()).collect(),
            next_token: 1,
            changes: 0,
            next_member: plan.founders + 1,
            paused: BTreeMap::new(),
            slow: BTreeMap::new(),
            sabotage,
            is_calm: false,
            is_told: false,
            counts: Counts::default(),
            random,
            plan,
        };
        for id in 1..=world.plan.founders {
            let member = Member::new(id, point.clone(), sabotage);
            world.members.insert(id, member);
            world.start(id);
        }
        for client in 0..CLIENTS {
            world.later(client as u64, Event::Client(client));
        }
        world.later(TICK, Event::Mishap);
        world
    }

    fn print(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:>6} {}", self.now, what());
        }
    }

    fn later(&mut self, delay: u64, event: Event) {
        self.next_event += 1;
        self.events.insert(self.next_event, event);
        self.queue
            .push(Reverse((self.now + delay, self.next_event)));
    }

    /// Runs with faults, then without until all agree.
    pub fn run(&mut self) {
        while self.now < self.plan.end {
            self.step();
        }
        self.calm_down();
        let end = self.now + CALM_TIME_MAX;
        let before = self.counts.answered;
        while self.counts.answered < before + 5 || !self.agree() {
            assert!(
                self.now < end,
                "no agreement after all faults are gone: {:?}",
                self.plan
            );
            self.step();
        }
    }

    fn step(&mut self) {
        let Reverse((at, number)) = self.queue.pop().expect("ticks never end");
        let event = self.events.remove(&number).expect("queued once");
        self.counts.events += 1;
        self.now = at;
        match event {
            Event::Tick(id, start) => self.tick(id, start),
            Event::Deliver(envelope) => {
                self.tell(envelope.message.to, Input::Message(envelope));
            }
            Event::Synced(id, start) => {
                if self.members[&id].starts == start && self.members[&id].is_up() {
                    self.play(id, |scene| scene.synced(id));
                }
            }
            Event::Client(client) => self.client(client),
            Event::Mishap if self.is_calm => {}
            Event::Mishap => {
                let mishap = self.random.pick(&self.plan.mishaps);
                self.happen(mishap);
                let pause = self.random.between(1, self.plan.mishap_pause);
                self.later(pause as u64, Event::Mishap);
            }
            Event::Start(id) => self.start(id),
            Event::SnapshotSent {
                at,
                to,
                has_arrived,
            } => self.tell(at, Input::SnapshotSent { to, has_arrived }),
        }
    }

    fn start(&mut self, id: u64) {
        let member = self.members.get_mut(&id).expect("a member");
        if member.is_up() {
            return;
        }
        member.start(&mut self.random);
        let start = member.starts;
        let delay = self.random.below(TICK);
        self.later(delay, Event::Tick(id, start));
    }

    fn tick(&mut self, id: u64, start: u64) {
        if self.members[&id].starts != start || !self.members[&id].is_up() {
            return;
        }
        self.tell(id, Input::Tick);
        // No two clocks are the same.
        let next = TICK - TICK / 10 + self.random.below(TICK / 5);
        self.later(next, Event::Tick(id, start));
    }

    /// Tells a member, which does what it can do now.
    fn tell(&mut self, id: u64, input: Input) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        member.take(input);
        let is_paused = self.paused.get(&id).is_some_and(|until| self.now < *until);
        if member.is_up() && !is_paused {
            self.play(id, |scene| scene.go_on(id));
        }
    }

    fn play(&mut self, id: u64, act: impl FnOnce(&mut Scene<'_>) -> Result<(), Died>) {
        let mut out = Vec::new();
        let mut scene = Scene {
            members: &mut self.members,
            judge: &mut self.judge,
            random: &mut self.random,
            odds: &self.odds,
            out: &mut out,
        };
        let played = act(&mut scene);
        let standing = self.members[&id].standing();
        self.print(|| format!("{id}: {standing:?}"));
        // What a process said before it died was said.
        for output in out {
            self.output(id, output);
        }
        if let Err(Died) = played {
            self.crash(id);
        }
    }

    /// A member waits for its disk.
    fn sync(&mut self, id: u64) {
        let (low, high) = self.plan.sync;
        let mut took = self.random.between(low, high) as u64;
        if self.slow.get(&id).is_some_and(|until| self.now < *until) {
            took *= 20;
        }
        let start = self.members[&id].starts;
        self.later(took, Event::Synced(id, start));
    }

    fn crash(&mut self, id: u64) {
        let member = self.members.get_mut(&id).expect("a member");
        if !member.is_up() {
            return;
        }
        member.crash(&mut self.random);
        let log = format!("{:?}", self.members[&id].disk);
        self.print(|| format!("{id} crashes: {log}"));
        self.counts.crashes += 1;
        let away = if self.is_calm { 1 } else { 30 * TICK };
        let away = self.random.below(away);
        self.later(away, Event::Start(id));
    }

    fn output(&mut self, from: u64, output: Output) {
        match output {
            Output::Send(envelope) => self.send(from, envelope),
            Output::Sync => self.sync(from),
            Output::Answer(token, answer) if token >= CHANGE_TOKENS => {
                self.counts.changes += u64::from(answer.is_ok());
            }
            Output::Answer(token, answer) => {
                let client = self.client_of(token);
                let floor = client.map(|client| self.clients[client].asked.take());
                let floor = floor.flatten().map_or(0, |asked| asked.floor);
                match &answer {
                    Err(ApplyError::NoLeader) => {
                        self.judge.refused(token);
                        if let Some(client) = client {
                            self.clients[client].target = None;
                        }
                    }
                    Err(ApplyError::Unknown) => self.counts.unknown += 1,
                    answer => {
                        self.judge.answered(token, answer, floor);
                        self.counts.answered += 1;
                        self.counts.conflicts += u64::from(answer.is_err());
                    }
                }
            }
            Output::State(token, point) => {
                let Some(client) = self.client_of(token) else {
                    return;
                };
                let client = &mut self.clients[client];
                let asked = client.asked.take().expect("it asked with this token");
                assert!(asked.is_read);
                self.judge.read(token, point.index, asked.floor);
                let map: &Map = &self.members[&from].disk.state().1;
                let all = map
                    .iter()
                    .map(|(key, value)| (key.clone(), Some(value.clone())));
                client.seen = all.collect();
                self.counts.reads += 1;
            }
        }
    }

    fn client_of(&self, token: Token) -> Option<usize> {
        let has = |client: &Client| {
            client
                .asked
                .as_ref()
                .is_some_and(|asked| asked.token == token)
        };
        self.clients.iter().position(has)
    }

    fn send(&mut self, from: u64, envelope: Envelope) {
        let to = envelope.message.to;
        let copies = self.network.fate(from, to, &mut self.random);
        self.print(|| format!("{from} in {copies:?}: {:?}", envelope.message));
        if envelope.state.is_some() {
            self.counts.installs += 1;
            // Whoever sends a state learns in the end whether it came over, or is told so wrongly.
            let has_arrived = !copies.is_empty() && !self.random.one_in(10);
            let event = Event::SnapshotSent {
                at: from,
                to,
                has_arrived,
            };
            self.later(2 * TICK, event);
        }
        if envelope.message.get_msg_type() == MessageType::MsgPropose {
            self.counts.passed_on += copies.len() as u64;
        }
        for delay in copies {
            self.later(delay, Event::Deliver(envelope.clone()));
        }
    }

    fn client(&mut self, number: usize) {
        if !self.clients[number].is_waiting(self.now) {
            let ids: Vec<u64> = self.members.keys().copied().collect();
            let target = self.clients[number].target.take();
            let target = target.unwrap_or_else(|| self.random.pick(&ids));
            let token = self.next_token;
            self.next_token += 1;
            let floor = self.judge.floor;
            let client = &mut self.clients[number];
            let input = client.ask(token, floor, self.now, &mut self.random);
            let is_read = matches!(input, Input::Read(_));
            if !is_read {
                // Clients keep to a member that they have found.
                client.target = Some(target);
            }
            self.tell(target, input);
        }
        let pause = self.random.below(TICK) + 1;
        self.later(pause, Event::Client(number));
    }

    fn leader(&self) -> Option<u64> {
        let leads = |member: &&Member| {
            member
                .standing()
                .is_some_and(|standing| standing.role == Role::Leader)
        };
        self.members
            .values()
            .rev()
            .find(leads)
            .map(|member| member.id)
    }

    /// No further faults; whoever is down comes back.
    fn calm_down(&mut self) {
        self.is_calm = true;
        self.network.heal();
        self.network.weather = Weather::CALM;
        self.odds.crash = 0;
        self.paused.clear();
        self.slow.clear();
        self.plan.sync = (1, 5);
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            self.start(id);
        }
    }

    /// Whether all members have all of the history.
    fn agree(&self) -> bool {
        let members = self.judge.members();
        let is_simple = members.voters_outgoing.is_empty();
        let all = members.voters.iter().chain(&members.learners);
        let last = self.judge.last();
        let has_all = |id: &u64| self.members[id].disk.state().0.index + 1 >= last;
        is_simple && self.leader().is_some() && all.copied().all(|id| has_all(&id))
    }
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.events += other.events;
        self.answered += other.answered;
        self.conflicts += other.conflicts;
        self.unknown += other.unknown;
        self.reads += other.reads;
        self.crashes += other.crashes;
        self.installs += other.installs;
        self.changes += other.changes;
        self.passed_on += other.passed_on;
    }

    /// Everything that should come up did.
    pub fn check_busy(&self) {
        let rare = [
            self.conflicts,
            self.unknown,
            self.reads,
            self.crashes,
            self.installs,
            self.changes,
            self.passed_on,
        ];
        assert!(rare.iter().all(|count| *count > 100), "{self:?}");
    }
}
