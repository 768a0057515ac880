//! What befalls a cluster.

use super::super::member::{Input, Member};
use super::super::network::Weather;
use super::super::random::Random;
use super::{CHANGE_TOKENS, TICK, World};
use crate::store::raft::{self, Point};
use ::raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2};
use prost::Message as _;
use protobuf::Message as _;
use std::collections::BTreeSet;

const MEMBERS_EVER_MAX: u64 = 12;

/// What a seed makes of a run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) founders: u64,
    pub(super) end: u64,
    pub(super) weather: Weather,
    pub(super) odds_crash: u64,
    pub(super) odds_flush: u64,
    /// What happens now and then, and how often.
    pub(super) mishaps: Vec<Mishap>,
    pub(super) mishap_pause: i64,
    /// How long a disk takes to sync.
    pub(super) sync: (i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    Crash,
    CrashAll,
    Split,
    SplitOneWay,
    Heal,
    Pause,
    TickJump,
    SlowDisk,
    Change,
    Transfer,
}

impl Plan {
    pub(super) fn of(random: &mut Random, founders: u64) -> Self {
        use Mishap::*;
        let kinds = [
            Crash,
            CrashAll,
            Split,
            SplitOneWay,
            Pause,
            TickJump,
            SlowDisk,
            Change,
            Transfer,
        ];
        // Each run meets some of them: rare combinations come up more often so.
        let mut mishaps: Vec<Mishap> = kinds.into_iter().filter(|_| random.one_in(2)).collect();
        mishaps.extend([Heal, Heal]);
        let longest = random.pick(&[5, 40, 150, 600]);
        Self {
            founders,
            end: 150 * TICK,
            weather: Weather {
                lost: random.pick(&[0, 0, 10, 100, 300]),
                doubled: random.pick(&[0, 10, 200]),
                delay: (1, longest),
            },
            odds_crash: random.pick(&[0, 0, 1, 4]),
            odds_flush: random.pick(&[5, 50, 300]),
            mishaps,
            mishap_pause: random.pick(&[2, 5, 15, 40]) * TICK as i64,
            sync: random.pick(&[(0, 1), (1, 20), (1, 200)]),
        }
    }
}

impl World {
    pub(super) fn happen(&mut self, mishap: Mishap) {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        let one = self.random.pick(&ids);
        self.print(|| format!("{mishap:?}, perhaps of {one}"));
        match mishap {
            Mishap::Crash => self.crash(one),
            Mishap::CrashAll => ids.iter().for_each(|id| self.crash(*id)),
            Mishap::Split | Mishap::SplitOneWay => {
                let (left, right): (Vec<u64>, Vec<u64>) =
                    ids.iter().partition(|_| self.random.one_in(2));
                self.network
                    .split((&left, &right), mishap == Mishap::SplitOneWay);
            }
            Mishap::Heal => self.network.heal(),
            Mishap::Pause => {
                let until = self.now + self.random.below(30 * TICK);
                self.paused.insert(one, until);
            }
            Mishap::TickJump => {
                for _ in 0..self.random.below(40) {
                    self.tell(one, Input::Tick);
                }
            }
            Mishap::SlowDisk => {
                let until = self.now + self.random.below(30 * TICK);
                self.slow.insert(one, until);
            }
            Mishap::Transfer => {
                if let Some(leader) = self.leader() {
                    self.tell(leader, Input::Transfer(one));
                }
            }
            Mishap::Change => self.change(),
        }
    }

    /// Asks whoever leads for other members.
    fn change(&mut self) {
        let now = self.judge.members().clone();
        let mut singles = Vec::new();
        let count = if self.random.one_in(3) { 2 } else { 1 };
        let mut voters: BTreeSet<u64> = now.voters.iter().copied().collect();
        for _ in 0..count {
            let add = self.next_member <= MEMBERS_EVER_MAX && voters.len() < 6;
            let (kind, id) = match self.random.below(3) {
                0 if add => {
                    let id = self.next_member;
                    self.next_member += 1;
                    let empty = Point::default();
                    self.members
                        .insert(id, Member::new(id, empty, self.sabotage));
                    self.start(id);
                    let kinds = [ConfChangeType::AddNode, ConfChangeType::AddLearnerNode];
                    (self.random.pick(&kinds), id)
                }
                1 if !now.learners.is_empty() => {
                    let learners = now.learners.clone();
                    (ConfChangeType::AddNode, self.random.pick(&learners))
                }
                _ if voters.len() > 1 => {
                    let all: Vec<u64> = voters.iter().copied().collect();
                    let id = self.random.pick(&all);
                    voters.remove(&id);
                    let kinds = [ConfChangeType::RemoveNode, ConfChangeType::AddLearnerNode];
                    (self.random.pick(&kinds), id)
                }
                _ => continue,
            };
            let mut single = ConfChangeSingle::default();
            single.set_change_type(kind);
            single.node_id = id;
            if singles
                .iter()
                .all(|other: &ConfChangeSingle| other.node_id != id)
            {
                singles.push(single);
            }
        }
        if singles.is_empty() {
            return;
        }
        let mut change = ConfChangeV2::default();
        change.set_transition(ConfChangeTransition::Auto);
        // As many are told of as one entry can tell of.
        let said = raft::Member {
            id: singles[0].node_id,
            name: format!("m{}", self.changes),
            ..raft::Member::default()
        };
        change.context = said.encode_to_vec().into();
        change.set_changes(singles.into());
        self.changes += 1;
        self.print(|| format!("somebody is asked for {change:?}"));
        let change = change.write_to_bytes().unwrap().into();
        // It may be asked for anywhere.
        let ids: Vec<u64> = self.members.keys().copied().collect();
        let asked = match self.leader() {
            Some(leader) if !self.random.one_in(4) => leader,
            _ => self.random.pick(&ids),
        };
        self.tell(asked, Input::Change(CHANGE_TOKENS + self.changes, change));
    }
}
