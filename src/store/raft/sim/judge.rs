//! What must hold after every step.

use super::disk::{Disk, Map};
use crate::store::raft::members::{MEMBERS_KEY, Member, Members};
use crate::store::raft::{Committed, Payload, Point, Role, Standing, Token, decode};
use crate::store::round::Answer;
use crate::store::{ApplyError, Op};
use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{ConfState, Entry};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The one history that all members share, and who may claim what of it.
pub struct Judge {
    /// Committed entries from the founders' on, and the state after each.
    history: Vec<Moment>,
    /// Who led in a term.
    leaders: BTreeMap<u64, u64>,
    /// By index and term: the term before, and what the entry says.
    entries: HashMap<(u64, u64), (u64, Entry)>,
    /// Proposals that were committed, and where.
    committed: HashMap<Token, u64>,
    /// Proposals of which was said that they never will be.
    refused: HashSet<Token>,
    /// The newest moment that anybody outside has seen.
    pub floor: u64,
}

struct Moment {
    term: u64,
    payload: Payload,
    map: Map,
    members: ConfState,
    answer: Answer,
}

const FIRST: u64 = 1;

/// The plainest way to apply a batch.
fn apply(map: &mut Map, payload: &Payload) -> (Answer, Option<Token>) {
    let Payload::Data(data) = payload else {
        return (Ok(()), None);
    };
    let batch = decode(data.clone(), usize::MAX).expect("proposed by this simulator");
    let token = Some(batch.id.sequence);
    if let Some(guard) = &batch.guard
        && map.get(&guard.key) != guard.expected.as_ref()
    {
        return (Err(ApplyError::Conflict), token);
    }
    for op in batch.ops {
        match op {
            Op::Set(key, value) => {
                map.insert(key, value);
            }
            Op::Clear(key) => {
                map.remove(&key);
            }
            Op::ClearRange(start, end) => {
                let outside = |(key, _): &(Bytes, Bytes)| *key < start || *key >= end;
                *map = map.clone().into_iter().filter(outside).collect();
            }
        }
    }
    (Ok(()), token)
}

/// Changes the record of the members; whoever has gone does not come back.
fn change_members(map: &mut Map, roles: &ConfState, said: &Bytes) {
    let key = Bytes::from_static(MEMBERS_KEY);
    let record = map.get(&key).cloned().unwrap_or_default();
    let before = Members::decode(record).expect("written by a member");
    let mut members = before.clone();
    members.change(roles, Member::decode(said.clone()).expect("proposed here"));
    let all = roles.voters.iter().chain(&roles.voters_outgoing);
    let all = all.chain(&roles.learners).chain(&roles.learners_next);
    let all: BTreeSet<u64> = all.copied().collect();
    assert!(members.members.keys().eq(&all), "{members:?} in {roles:?}");
    assert!(all.iter().all(|id| !members.was_removed(*id)));
    let gone = before.members.into_keys().filter(|id| !all.contains(id));
    assert!(gone.chain(before.removed).all(|id| members.was_removed(id)));
    map.insert(key, members.encode());
}

fn is_majority(voters: &[u64], has: impl Fn(u64) -> bool) -> bool {
    let count = voters.iter().filter(|id| has(**id)).count();
    voters.is_empty() || count > voters.len() / 2
}

fn is_quorum(members: &ConfState, has: impl Fn(u64) -> bool) -> bool {
    is_majority(&members.voters, &has) && is_majority(&members.voters_outgoing, &has)
}

impl Judge {
    pub fn new(founders: &Point) -> Self {
        assert_eq!(founders.index, FIRST);
        Self {
            history: vec![Moment {
                term: founders.term,
                payload: Payload::Nothing,
                map: Map::new(),
                members: founders.members.clone(),
                answer: Ok(()),
            }],
            leaders: BTreeMap::new(),
            entries: HashMap::new(),
            committed: HashMap::new(),
            refused: HashSet::new(),
            floor: FIRST,
        }
    }

    /// The last committed entry that was applied anywhere.
    pub fn last(&self) -> u64 {
        FIRST + self.history.len() as u64 - 1
    }

    fn at(&self, index: u64) -> &Moment {
        &self.history[(index - FIRST) as usize]
    }

    /// The newest members.
    pub fn members(&self) -> &ConfState {
        &self.at(self.last()).members
    }

    /// Log matching: an entry of the same place and term says the same, after the same.
    pub fn written(&mut self, before: Option<u64>, entries: &[Entry]) {
        let mut before = before;
        for entry in entries {
            if let Some(term) = before {
                let first = self.entries.entry((entry.index, entry.term));
                let (known_before, known) = first.or_insert_with(|| (term, entry.clone()));
                assert_eq!(
                    *known_before, term,
                    "logs differ before entry {}",
                    entry.index
                );
                assert_eq!(known, entry, "logs differ in entry {}", entry.index);
            }
            before = Some(entry.term);
        }
    }

    /// Election safety and leader completeness.
    pub fn stands(&mut self, id: u64, standing: Standing, disk: &Disk) {
        // Nobody has heard of a term that is not on its leader's disk.
        let written = disk.log.borrow().durable.hard_state.term;
        if standing.role != Role::Leader || written < standing.term {
            return;
        }
        let leader = *self.leaders.entry(standing.term).or_insert_with(|| {
            let log = disk.log.borrow();
            for index in FIRST..=FIRST + self.history.len() as u64 - 1 {
                let moment = &self.history[(index - FIRST) as usize];
                let has = log.current.holds(index, moment.term);
                assert!(has, "member {id} leads without committed entry {index}");
            }
            id
        });
        assert_eq!(leader, id, "two lead in term {}", standing.term);
    }

    /// State machine safety, and durability: who applies an entry for the first time must find
    /// it on the disks of a quorum.
    pub fn applies<'a>(
        &mut self,
        entry: &Committed,
        disks: impl Fn(u64) -> Option<&'a Disk> + Copy,
    ) {
        let index = entry.index;
        if index <= self.last() {
            let moment = self.at(index);
            assert_eq!(entry.term, moment.term, "entry {index} has two terms");
            assert_eq!(entry.payload, moment.payload, "entry {index}");
            return;
        }
        assert_eq!(index, self.last() + 1, "entry {index} is applied too early");
        let is_durable = |id: u64| {
            disks(id).is_some_and(|disk| {
                let log = disk.log.borrow();
                log.durable.holds(index, entry.term) || disk.flushed().index >= index
            })
        };
        // Whoever committed it may not have applied the last change of members yet.
        let now = &self.at(index - 1).members;
        let mut earlier = self.history.iter().rev().map(|moment| &moment.members);
        let before = earlier.find(|members| *members != now).unwrap_or(now);
        let is_durable = is_quorum(now, is_durable) || is_quorum(before, is_durable);
        assert!(
            is_durable,
            "entry {index} is committed and on no quorum of disks"
        );
        let mut map = self.at(index - 1).map.clone();
        let (answer, token) = apply(&mut map, &entry.payload);
        if let Payload::Members(Some(roles), said) = &entry.payload {
            change_members(&mut map, roles, said);
        }
        if let Some(token) = token {
            assert!(
                !self.refused.contains(&token),
                "{token} was refused and is committed"
            );
            let twice = self.committed.insert(token, index);
            assert_eq!(twice, None, "{token} is committed twice");
        }
        let members = match &entry.payload {
            Payload::Members(Some(members), _) => members.clone(),
            _ => self.members().clone(),
        };
        let payload = match &entry.payload {
            Payload::Nothing => Payload::Nothing,
            Payload::Data(data) => Payload::Data(data.clone()),
            Payload::Members(members, context) => {
                Payload::Members(members.clone(), context.clone())
            }
        };
        self.history.push(Moment {
            term: entry.term,
            payload,
            map,
            members,
            answer,
        });
    }

    /// Every copy of the state is the same at the same point.
    pub fn state(&self, id: u64, point: &Point, map: &Map) {
        if point.index < FIRST {
            assert!(map.is_empty());
            return;
        }
        let moment = self.at(point.index);
        assert_eq!(
            point.members, moment.members,
            "member {id} at {}",
            point.index
        );
        assert_eq!(point.term, moment.term, "member {id} at {}", point.index);
        assert!(
            *map == moment.map,
            "member {id} has another state at {}",
            point.index
        );
    }

    /// A write was answered; it was asked for when `floor` was the newest anybody had seen.
    pub fn answered(&mut self, token: Token, answer: &Answer, floor: u64) {
        let index = self.committed.get(&token);
        let index = *index.unwrap_or_else(|| panic!("{token} is answered and not committed"));
        assert!(index > floor, "{token} took effect before it was asked for");
        assert_eq!(*answer, self.at(index).answer, "{token} at {index}");
        self.floor = self.floor.max(index);
    }

    /// A write was refused.
    pub fn refused(&mut self, token: Token) {
        assert!(
            !self.committed.contains_key(&token),
            "{token} is refused and committed"
        );
        self.refused.insert(token);
    }

    /// A read was answered from a state at `index`.
    pub fn read(&mut self, token: Token, index: u64, floor: u64) {
        assert!(
            index >= floor,
            "read {token} at {index} misses what {floor} has shown"
        );
        assert!(
            index <= self.last(),
            "read {token} sees what is not committed"
        );
        self.floor = self.floor.max(index);
    }
}
