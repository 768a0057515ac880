//! A group whose quorum is lost for good: one of its members becomes a group of one.

use super::log::Log;
use super::members::{MEMBERS_KEY, Member, Members};
use super::state::{Stop, evaluate};
use super::{Committed, Home, Local, POINT_KEY, Payload, Raft, Wal, unreadable, wal};
use crate::store::StoreError;
use crate::store::local::BlockCache;
use bytes::Bytes;
use prost::Message as _;
use protobuf::Message as _;
use raft::eraftpb::{ConfChangeV2, ConfState, Entry, EntryType};
use std::path::Path;

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// The group's id, as before.
    pub cluster_id: u64,
    /// The member that is left.
    pub member: Member,
    /// Those that belong to it no more.
    pub removed: Vec<Member>,
    /// The last entry it has.
    pub last_index: u64,
    /// So many entries before that it did not know to be committed. They are kept.
    pub uncertain: u64,
}

/// Makes a member a group of one, in a directory that nobody has open. All it has in its log is
/// kept; what the others have committed without it is lost.
///
/// One write to the state, so it has happened or not. The others must not be started again: a
/// quorum of them would go on by itself.
///
/// `None`: it is a group of one already, and nothing was changed.
pub fn force_new_cluster(path: &Path) -> Result<Option<Survivor>, StoreError> {
    if !Raft::is_member(path) {
        let directory = path.display();
        let sentence = format!("{directory} is not the data directory of a member of a group");
        return Err(StoreError::Fatal(sentence.into()));
    }
    let local = Local::open_replica(path, BlockCache::default())?;
    let engine = local.shared().engine().map_err(StoreError::Fatal)?;
    let fault = |error| engine.fault("making a group of one", &error);
    let wal = Wal::open(&path.join(super::LOG))?;
    let record = engine.record(POINT_KEY).map_err(fault)?;
    let record = record.ok_or_else(|| unreadable("the state of the member is not there"))?;
    let home = Home::known(&engine, &wal, &record)?;
    let Home {
        log,
        hard_state,
        point,
        members,
        ..
    } = home;
    let id = log.owner;
    let last_index = log.last_index();
    let entries = match last_index > point.index {
        true => log.entries(point.index + 1, last_index + 1, u64::MAX),
        false => Ok(Vec::new()),
    };
    let entries = entries.map_err(|error| unreadable(&error.to_string()))?;
    // The state of a process that was killed may be from before members were added.
    let mut known = members;
    for member in named(&entries)? {
        known.members.insert(member.id, member);
    }
    let Some(own) = known.members.get(&id).filter(|_| point.index > 0) else {
        return Err(unreadable("the member has no state of the group yet"));
    };
    if known.members.len() == 1 {
        return Ok(None);
    }
    let own = Member {
        is_learner: false,
        ..own.clone()
    };
    let uncertain = last_index - hard_state.commit.clamp(point.index, last_index);
    let committed = entries.into_iter().map(committed).collect();
    let mut outcome = evaluate(&*engine, &point, committed).map_err(|stop| match stop {
        Stop::State(error) => fault(error),
        Stop::Entry(error) => unreadable(&error.to_string()),
    })?;
    outcome.point.members = ConfState {
        voters: vec![id],
        ..ConfState::default()
    };
    let mut alone = known.clone();
    alone.change(&outcome.point.members, own.clone());
    let records = [
        (POINT_KEY, wal::encode_point(&outcome.point).into()),
        (MEMBERS_KEY, alone.encode()),
    ];
    let records = records.map(|(key, record)| (Bytes::from_static(key), Some(record)));
    outcome.changes.extend(records);
    engine.commit(outcome.changes).map_err(fault)?;
    let Members { mut members, .. } = known;
    members.remove(&id);
    Ok(Some(Survivor {
        cluster_id: alone.cluster_id,
        member: own,
        removed: members.into_values().collect(),
        last_index,
        uncertain,
    }))
}

/// The members that changes in the log are about, each as the change says.
fn named(entries: &[Entry]) -> Result<Vec<Member>, StoreError> {
    let is_change = |entry: &&Entry| entry.get_entry_type() == EntryType::EntryConfChangeV2;
    let damaged = || unreadable("a change of the members in the log cannot be read");
    let said = entries.iter().filter(is_change).map(|entry| {
        let change = ConfChangeV2::parse_from_bytes(&entry.data).map_err(|_| damaged())?;
        Member::decode(change.context).map_err(|_| damaged())
    });
    said.collect()
}

/// An entry as it is applied here: changes of members have no effect any more.
fn committed(entry: Entry) -> Committed {
    let has_data = entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty();
    Committed {
        index: entry.index,
        term: entry.term,
        token: None,
        payload: match has_data {
            true => Payload::Data(entry.data),
            false => Payload::Nothing,
        },
    }
}
