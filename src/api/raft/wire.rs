//! Who belongs to a group, to and from the messages of `kvtool.raft.v1`.

use crate::pb::kvtool::raft::v1::{self, Description};
use crate::store::raft::{Member, Members};

/// As it is told.
pub fn description(group: &Members) -> Description {
    let member = |member: &Member| v1::Member {
        id: member.id,
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        is_learner: member.is_learner,
        client_urls: member.client_urls.clone(),
    };
    Description {
        cluster_id: group.cluster_id,
        members: group.members.values().map(member).collect(),
    }
}

/// As it was told.
pub fn group(told: Description) -> Members {
    let member = |member: v1::Member| Member {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_urls,
        is_learner: member.is_learner,
        client_urls: member.client_urls,
    };
    let members: Vec<_> = told.members.into_iter().map(member).collect();
    Members::founded(told.cluster_id, &members)
}
