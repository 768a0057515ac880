//! A group whose quorum is lost for good: one of its members becomes a group of one.

use super::log::Log;
use super::members::{MEMBERS_KEY, Member, Members};
use super::state::{Stop, evaluate};
use super::{Committed, Home, Local, POINT_KEY, Payload, Raft, Wal, unreadable, wal};
use crate::store::StoreError;
use bytes::Bytes;
use raft::eraftpb::{ConfState, Entry, EntryType};
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
    let local = Local::open_replica(path)?;
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
    } = home;
    let id = log.owner;
    let Some(own) = members.members.get(&id).filter(|_| point.index > 0) else {
        return Err(unreadable("the member has no state of the group yet"));
    };
    if members.members.len() == 1 {
        return Ok(None);
    }
    let own = Member {
        is_learner: false,
        ..own.clone()
    };
    let last_index = log.last_index();
    let entries = match last_index > point.index {
        true => log.entries(point.index + 1, last_index + 1, u64::MAX),
        false => Ok(Vec::new()),
    };
    let entries = entries.map_err(|error| unreadable(&error.to_string()))?;
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
    let mut alone = members.clone();
    alone.change(&outcome.point.members, own.clone());
    let records = [
        (POINT_KEY, wal::encode_point(&outcome.point).into()),
        (MEMBERS_KEY, alone.encode()),
    ];
    let records = records.map(|(key, record)| (Bytes::from_static(key), Some(record)));
    outcome.changes.extend(records);
    engine.commit(outcome.changes).map_err(fault)?;
    let Members { mut members, .. } = members;
    members.remove(&id);
    Ok(Some(Survivor {
        cluster_id: alone.cluster_id,
        member: own,
        removed: members.into_values().collect(),
        last_index,
        uncertain,
    }))
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
