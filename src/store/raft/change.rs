//! Changes of the members: which are made, and which are refused.
//!
//! Whoever leads decides, with the members as they are: one change is under way at a time, so
//! what was checked still holds when the entry is applied. What is refused is what etcd refuses,
//! with its strict checks or without.

use super::NotProposed;
use super::members::{Member, Members};
use prost::{Message as _, Oneof};
use protobuf::Message as _;
use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Who has not been connected for so long does not count as healthy; etcd's.
pub(super) const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// What the one that leads refuses beside what can never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Changes that may cost the group its quorum.
    pub is_strict: bool,
    /// More members without a vote than so many.
    pub learners_max: usize,
}

impl Default for Policy {
    /// etcd's.
    fn default() -> Self {
        Self {
            is_strict: true,
            learners_max: 1,
        }
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Change {
    /// One more belongs to the group.
    #[prost(message, tag = "1")]
    Add(Member),
    /// One leaves it for good.
    #[prost(uint64, tag = "2")]
    Remove(u64),
    /// A learner gets a vote.
    #[prost(uint64, tag = "3")]
    Promote(u64),
    /// One is reached elsewhere: its id and its peer URLs count.
    #[prost(message, tag = "4")]
    Update(Member),
    /// One has started: its id, its name and its client URLs count.
    #[prost(message, tag = "5")]
    Publish(Member),
}

/// A change as it is passed on to the leader.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Envelope {
    #[prost(oneof = "Change", tags = "1, 2, 3, 4, 5")]
    change: Option<Change>,
}

/// Why a change was not made. The numbers go between members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u64)]
pub enum Refused {
    /// Another change, or one of leaders, is under way.
    #[error("another change of the members is under way")]
    Busy = 0,
    /// Nobody has that id, or has it any more.
    #[error("there is no such member")]
    NoSuchMember = 1,
    /// The id is taken, or was.
    #[error("a member has or had this id")]
    IdTaken = 2,
    /// A peer URL is that of another member.
    #[error("another member has this peer URL")]
    UrlTaken = 3,
    /// Too few members have ever started for a quorum afterwards.
    #[error("not enough members have started")]
    NotEnoughStarted = 4,
    /// Too few members are heard of, or have been for long enough.
    #[error("not enough members are heard of")]
    Unhealthy = 5,
    /// The group has as many learners as it may.
    #[error("there are too many learners")]
    TooManyLearners = 6,
    /// It has a vote already.
    #[error("it is no learner")]
    NotLearner = 7,
    /// It lags too far behind to get a vote.
    #[error("the learner lags behind the leader")]
    NotInSync = 8,
}

/// Why the members are not as was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// Whoever leads has refused it.
    #[error("{0}")]
    Refused(Refused),
    /// Nobody leads; nothing was changed.
    #[error("no member leads")]
    NoLeader,
    /// It may have been made, or may be later.
    #[error("whether the members were changed is unknown")]
    Unknown,
    /// The member has ended.
    #[error("{0}")]
    Fatal(Arc<str>),
}

impl From<NotProposed> for NotChanged {
    fn from(error: NotProposed) -> Self {
        match error {
            NotProposed::NoLeader => Self::NoLeader,
            NotProposed::Busy => Self::Refused(Refused::Busy),
        }
    }
}

impl Refused {
    /// That of a number; an unknown one is of a newer member.
    pub(super) fn of(number: u64) -> Self {
        use Refused::*;
        let all = [
            NoSuchMember,
            IdTaken,
            UrlTaken,
            NotEnoughStarted,
            Unhealthy,
            TooManyLearners,
            NotLearner,
            NotInSync,
        ];
        all.into_iter()
            .find(|refused| *refused as u64 == number)
            .unwrap_or(Busy)
    }
}

/// What a leader knows of its members at this moment.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// Those that were heard of lately, itself too.
    pub(super) active: BTreeSet<u64>,
    /// Those of them that have been connected for [`HEALTH_INTERVAL`].
    pub(super) steady: BTreeSet<u64>,
    /// Those whose logs are nearly as long as its own.
    pub(super) in_sync: BTreeSet<u64>,
}

impl Change {
    /// As bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let change = Some(self.clone());
        Envelope { change }.encode_to_vec()
    }

    /// From bytes that another member has sent.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Envelope::decode(bytes).ok()?.change
    }
}

impl Members {
    /// The entry that makes a change.
    pub(super) fn plan(
        &self,
        change: Change,
        vitals: &Vitals,
        policy: Policy,
    ) -> Result<Vec<u8>, Refused> {
        use ConfChangeType::{AddLearnerNode, AddNode, RemoveNode};
        let (kind, said) = match change {
            Change::Add(member) => {
                self.check_added(&member, vitals, policy)?;
                (role(&member), member)
            }
            Change::Remove(id) => {
                self.check_removed(id, vitals, policy)?;
                let id_alone = Member {
                    id,
                    ..Member::default()
                };
                (RemoveNode, id_alone)
            }
            Change::Promote(id) => (AddNode, self.check_promoted(id, vitals, policy)?),
            Change::Update(Member { id, peer_urls, .. }) => {
                let before = self.get(id)?.clone();
                self.check_urls(id, &peer_urls)?;
                (
                    role(&before),
                    Member {
                        peer_urls,
                        ..before
                    },
                )
            }
            Change::Publish(Member {
                id,
                name,
                client_urls,
                ..
            }) => {
                let before = self.get(id)?.clone();
                let after = Member {
                    name,
                    client_urls,
                    ..before
                };
                (role(&after), after)
            }
        };
        debug_assert!(kind != AddLearnerNode || said.is_learner);
        let mut single = ConfChangeSingle::default();
        single.set_change_type(kind);
        single.node_id = said.id;
        let mut entry = ConfChangeV2::default();
        entry.set_changes(vec![single].into());
        entry.context = said.encode_to_vec().into();
        let bytes = entry.write_to_bytes();
        Ok(bytes.expect("a message without required fields can be written"))
    }

    fn check_added(&self, added: &Member, vitals: &Vitals, policy: Policy) -> Result<(), Refused> {
        // The first one more may be the repair of a group that has lost all others.
        let (started, voters) = self.started(None);
        let is_second = started == 1 && voters == 1;
        let is_started = added.is_learner || is_second || started >= quorum(voters + 1);
        if policy.is_strict && !is_started {
            return Err(Refused::NotEnoughStarted);
        }
        // The new one may never come.
        let steady = self
            .voters()
            .filter(|voter| vitals.steady.contains(&voter.id));
        if policy.is_strict && voters > 1 && steady.count() < quorum(voters + 1) {
            return Err(Refused::Unhealthy);
        }
        if self.members.contains_key(&added.id) || self.was_removed(added.id) || added.id == 0 {
            return Err(Refused::IdTaken);
        }
        self.check_urls(added.id, &added.peer_urls)?;
        let learners = self.members.len() - voters;
        if added.is_learner && learners >= policy.learners_max {
            return Err(Refused::TooManyLearners);
        }
        Ok(())
    }

    fn check_removed(&self, id: u64, vitals: &Vitals, policy: Policy) -> Result<(), Refused> {
        if self.get(id)?.is_learner {
            return Ok(());
        }
        let (started, voters) = self.started(Some(id));
        if voters == 0 || (policy.is_strict && started < quorum(voters)) {
            return Err(Refused::NotEnoughStarted);
        }
        if !policy.is_strict {
            return Ok(());
        }
        // Whoever is not heard of is no part of the quorum that there is.
        let is_steady = |voter: &&Member| vitals.steady.contains(&voter.id);
        let left = self.voters().filter(|voter| voter.id != id);
        let left = left.filter(is_steady);
        if vitals.active.contains(&id) && left.count() < quorum(voters) {
            return Err(Refused::Unhealthy);
        }
        Ok(())
    }

    fn check_promoted(&self, id: u64, vitals: &Vitals, policy: Policy) -> Result<Member, Refused> {
        let learner = self.get(id)?;
        if !learner.is_learner {
            return Err(Refused::NotLearner);
        }
        if !vitals.in_sync.contains(&id) {
            return Err(Refused::NotInSync);
        }
        let (started, voters) = self.started(None);
        let started = started + usize::from(!learner.name.is_empty());
        if policy.is_strict && started < quorum(voters + 1) {
            return Err(Refused::NotEnoughStarted);
        }
        Ok(Member {
            is_learner: false,
            ..learner.clone()
        })
    }

    fn check_urls(&self, id: u64, urls: &[String]) -> Result<(), Refused> {
        let mut others = self.members.values().filter(|member| member.id != id);
        let is_taken = |member: &Member| urls.iter().any(|url| member.peer_urls.contains(url));
        match others.any(is_taken) {
            true => Err(Refused::UrlTaken),
            false => Ok(()),
        }
    }

    /// How many voters have ever started, and how many there are, without one.
    fn started(&self, without: Option<u64>) -> (usize, usize) {
        let voters = self.voters().filter(|voter| Some(voter.id) != without);
        voters.fold((0, 0), |(started, all), voter| {
            (started + usize::from(!voter.name.is_empty()), all + 1)
        })
    }
}

fn role(member: &Member) -> ConfChangeType {
    match member.is_learner {
        true => ConfChangeType::AddLearnerNode,
        false => ConfChangeType::AddNode,
    }
}

fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn member(id: u64) -> Member {
        Member {
            id,
            name: format!("m{id}"),
            peer_urls: vec![format!("http://m{id}:2380")],
            ..Member::default()
        }
    }

    fn unstarted(id: u64) -> Member {
        Member {
            name: String::new(),
            ..member(id)
        }
    }

    fn learner(id: u64) -> Member {
        Member {
            is_learner: true,
            ..member(id)
        }
    }

    fn vitals(active: &[u64]) -> Vitals {
        Vitals {
            active: active.iter().copied().collect(),
            steady: active.iter().copied().collect(),
            in_sync: active.iter().copied().collect(),
        }
    }

    /// What is refused, and what is not; as etcd with its strict checks.
    #[test]
    fn only_changes_that_leave_a_quorum_are_made() {
        use Change::*;
        use Refused::*;
        let three: &[Member] = &[member(1), member(2), member(3)];
        let four: &[Member] = &[member(1), member(2), member(3), member(4)];
        let one: &[Member] = &[member(1)];
        let with_learner: &[Member] = &[member(1), learner(2)];
        let no_urls = |id| Member {
            peer_urls: Vec::new(),
            ..member(id)
        };
        let cases = [
            (three, &[1, 2, 3][..], Add(member(4)), Ok(())),
            (three, &[1, 2], Add(member(4)), Err(Unhealthy)),
            (three, &[1, 2], Add(learner(4)), Err(Unhealthy)),
            // There is a quorum also when the new one does not come.
            (four, &[1, 2, 3], Add(learner(5)), Ok(())),
            (four, &[1, 2], Add(learner(5)), Err(Unhealthy)),
            (three, &[1, 2, 3], Add(member(3)), Err(IdTaken)),
            (three, &[1, 2, 3], Add(no_urls(0)), Err(IdTaken)),
            (
                three,
                &[1, 2, 3],
                Add(Member { id: 4, ..member(3) }),
                Err(UrlTaken),
            ),
            (one, &[1], Add(member(2)), Ok(())),
            // A second one that never came.
            (
                &[member(1), unstarted(2)],
                &[1],
                Add(member(3)),
                Err(NotEnoughStarted),
            ),
            (
                &[member(1), member(2), unstarted(3)],
                &[1, 2, 3],
                Add(member(4)),
                Err(NotEnoughStarted),
            ),
            (with_learner, &[1, 2], Add(learner(3)), Err(TooManyLearners)),
            (with_learner, &[1, 2], Promote(2), Ok(())),
            (with_learner, &[1], Promote(2), Err(NotInSync)),
            (with_learner, &[1, 2], Promote(1), Err(NotLearner)),
            (with_learner, &[1, 2], Promote(3), Err(NoSuchMember)),
            (with_learner, &[1], Remove(2), Ok(())),
            (three, &[1, 2, 3], Remove(1), Ok(())),
            // The one that is down may go; of those that are not, none.
            (three, &[1, 2], Remove(3), Ok(())),
            (three, &[1, 2], Remove(2), Err(Unhealthy)),
            (three, &[1, 2, 3], Remove(9), Err(NoSuchMember)),
            (one, &[1], Remove(1), Err(NotEnoughStarted)),
            (
                &[member(1), unstarted(2)],
                &[1],
                Remove(1),
                Err(NotEnoughStarted),
            ),
            (&[member(1), unstarted(2)], &[1], Remove(2), Ok(())),
            (three, &[1, 2, 3], Update(no_urls(2)), Ok(())),
            (
                three,
                &[1],
                Update(Member { id: 2, ..member(3) }),
                Err(UrlTaken),
            ),
            (three, &[1], Update(member(9)), Err(NoSuchMember)),
            (three, &[1], Publish(member(9)), Err(NoSuchMember)),
        ];
        for (members, active, change, expected) in cases {
            let members = Members::founded(7, members);
            let words = format!("{change:?} of {members:?} with {active:?}");
            let back = Change::of_bytes(&change.to_bytes());
            assert_eq!(back.as_ref(), Some(&change));
            let planned = members.plan(change, &vitals(active), Policy::default());
            assert_eq!(planned.map(|_| ()), expected, "{words}");
        }
    }

    #[test]
    fn without_strict_checks_a_quorum_may_be_lost_but_not_the_last_member() {
        let members = Members::founded(7, &[member(1), unstarted(2), learner(3)]);
        let policy = Policy {
            is_strict: false,
            learners_max: 2,
        };
        let plan = |change| members.plan(change, &vitals(&[1]), policy).map(|_| ());
        assert_eq!(plan(Change::Add(member(4))), Ok(()));
        assert_eq!(plan(Change::Add(learner(4))), Ok(()));
        assert_eq!(plan(Change::Remove(1)), Ok(()));
        assert_eq!(plan(Change::Promote(3)), Err(Refused::NotInSync));
        let last = Members::founded(7, &[member(1)]);
        let planned = last.plan(Change::Remove(1), &vitals(&[1]), policy);
        assert_eq!(planned, Err(Refused::NotEnoughStarted));
    }

    /// Connections that have just come may go as soon.
    #[test]
    fn who_has_just_come_does_not_count_for_a_quorum() {
        let members = Members::founded(7, &[member(1), member(2), member(3)]);
        let vitals = Vitals {
            steady: [1, 2].into(),
            ..vitals(&[1, 2, 3])
        };
        let plan = |change| members.plan(change, &vitals, Policy::default()).map(drop);
        assert_eq!(plan(Change::Add(member(4))), Err(Refused::Unhealthy));
        assert_eq!(plan(Change::Remove(2)), Err(Refused::Unhealthy));
        assert_eq!(plan(Change::Remove(3)), Ok(()));
    }

    #[test]
    fn a_removed_id_does_not_come_back() {
        let mut members = Members::founded(7, &[member(1)]);
        members.removed.push(2);
        let planned = members.plan(Change::Add(member(2)), &vitals(&[1]), Policy::default());
        assert_eq!(planned, Err(Refused::IdTaken));
    }

    /// Else an update of its URLs would promote it, and nobody would know.
    #[test]
    fn an_update_leaves_a_learner_one_as_in_etcd_21694() {
        let members = Members::founded(7, &[member(1), learner(2)]);
        for change in [Change::Update(member(2)), Change::Publish(member(2))] {
            let planned = members.plan(change, &vitals(&[1]), Policy::default());
            let planned = planned.unwrap();
            let entry = ConfChangeV2::parse_from_bytes(&planned).unwrap();
            let kind = entry.changes[0].get_change_type();
            assert_eq!(kind, ConfChangeType::AddLearnerNode);
            assert!(Member::decode(entry.context).unwrap().is_learner);
        }
    }

    #[test]
    fn refusals_keep_their_numbers() {
        for number in 0..9 {
            assert_eq!(Refused::of(number) as u64, number);
        }
        assert_eq!(Refused::of(99), Refused::Busy);
    }
}
