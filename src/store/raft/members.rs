//! Who belongs to a group, and where they are.
//!
//! The record of it is part of the state, so all members have the same one at the same point of
//! their history. Entries that change the members carry who was added, or what is new of him.

use super::change::Refused;
use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::ConfState;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::collections::BTreeMap;

/// The record in the state; byte 0 begins no instance's prefix.
pub(super) const MEMBERS_KEY: &[u8] = b"\x00m";

/// One that belongs to a group.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Member {
    /// Its id; not 0.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// What its operator calls it; empty until it has started for the first time.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where other members reach it.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// It has no vote.
    #[prost(bool, tag = "4")]
    pub is_learner: bool,
    /// Where clients reach it; none until it has started for the first time.
    #[prost(string, repeated, tag = "5")]
    pub client_urls: Vec<String>,
}

/// All that belong to a group, and those that did.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Members {
    /// The group's id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// By their ids.
    #[prost(btree_map = "uint64, message", tag = "2")]
    pub members: BTreeMap<u64, Member>,
    /// Ids that will not come back, in their order.
    #[prost(uint64, repeated, tag = "3")]
    pub removed: Vec<u64>,
}

impl Members {
    /// Those that found a group.
    pub fn founded(cluster_id: u64, founders: &[Member]) -> Self {
        let by_id = |member: &Member| (member.id, member.clone());
        Self {
            cluster_id,
            members: founders.iter().map(by_id).collect(),
            removed: Vec::new(),
        }
    }

    /// Whether an id was that of a member.
    pub fn was_removed(&self, id: u64) -> bool {
        self.removed.binary_search(&id).is_ok()
    }

    /// One of them.
    pub(super) fn get(&self, id: u64) -> Result<&Member, Refused> {
        self.members.get(&id).ok_or(Refused::NoSuchMember)
    }

    /// The members with a vote.
    pub(super) fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| !member.is_learner)
    }

    /// Makes a change: the roles are these now, and `said` is what the entry says of a member.
    pub(super) fn change(&mut self, roles: &ConfState, said: Member) {
        let all = [
            &roles.voters,
            &roles.voters_outgoing,
            &roles.learners,
            &roles.learners_next,
        ];
        let mut before = std::mem::take(&mut self.members);
        before.insert(said.id, said);
        for id in all.into_iter().flatten() {
            let mut member = before.remove(id).unwrap_or_default();
            member.id = *id;
            member.is_learner = roles.learners.contains(id);
            self.members.entry(*id).or_insert(member);
        }
        for id in before.into_keys().filter(|id| *id != 0) {
            if !self.members.contains_key(&id) && !self.was_removed(id) {
                self.removed.push(id);
            }
        }
        self.removed.sort_unstable();
    }

    /// The record.
    pub(super) fn encode(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

/// The id of a member, by etcd's rule: all founders come to the same ids without talking. One that
/// is added later is told apart from an earlier one at its place by the time, in seconds.
pub fn member_id(peer_urls: &[String], cluster_token: &str, added: Option<u64>) -> u64 {
    let mut urls = peer_urls.to_vec();
    urls.sort_unstable();
    let added = added.map(|seconds| seconds.to_string());
    hash(
        format!(
            "{}{cluster_token}{}",
            urls.concat(),
            added.unwrap_or_default()
        )
        .as_bytes(),
    )
}

/// The id of a group, by etcd's rule, from the ids of its founders.
pub fn cluster_id(members: impl IntoIterator<Item = u64>) -> u64 {
    let mut ids: Vec<u64> = members.into_iter().collect();
    ids.sort_unstable();
    let bytes: Vec<u8> = ids.into_iter().flat_map(u64::to_be_bytes).collect();
    hash(&bytes)
}

fn hash(bytes: &[u8]) -> u64 {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let first = digest.as_ref().iter().take(8);
    first.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What etcd says of itself when it is started without any settings.
    #[test]
    fn ids_are_those_of_etcd() {
        let urls = ["http://localhost:2380".to_owned()];
        let id = member_id(&urls, "etcd-cluster", None);
        assert_eq!(id, 0x8e9e_05c5_2164_694d);
        assert_eq!(cluster_id([id]), 0xcdf8_1819_4e3a_8c32);
    }

    #[test]
    fn ids_depend_on_no_order_and_on_the_time() {
        let urls = ["http://b:2380".to_owned(), "http://a:2380".to_owned()];
        let turned = [urls[1].clone(), urls[0].clone()];
        assert_eq!(member_id(&urls, "t", None), member_id(&turned, "t", None));
        assert_ne!(
            member_id(&urls, "t", None),
            member_id(&urls, "t", Some(1_700_000_000))
        );
        assert_eq!(cluster_id([1, 2]), cluster_id([2, 1]));
    }

    fn member(id: u64, url: &str) -> Member {
        Member {
            id,
            peer_urls: vec![url.to_owned()],
            ..Member::default()
        }
    }

    #[test]
    fn changes_keep_the_roles_and_who_has_gone() {
        let mut members = Members::founded(7, &[member(1, "a"), member(2, "b")]);
        let roles = |voters: &[u64], learners: &[u64]| ConfState {
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            ..ConfState::default()
        };
        members.change(&roles(&[1, 2], &[3]), member(3, "c"));
        assert!(members.members[&3].is_learner);
        members.change(&roles(&[1, 2, 3], &[]), member(3, "c"));
        assert!(!members.members[&3].is_learner);
        members.change(&roles(&[1, 2, 3], &[]), member(2, "elsewhere"));
        assert_eq!(members.members[&2].peer_urls, ["elsewhere"]);
        members.change(&roles(&[1, 3], &[]), Member::default());
        assert_eq!(members.members.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert!(members.was_removed(2) && !members.was_removed(1));
        assert_eq!(Members::decode(members.encode()).unwrap(), members);
    }
}
