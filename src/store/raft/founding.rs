//! A group that begins with a state: each of its members has been given the same.

use super::members::Members;
use super::{FIRST, Home, LOG, Local, POINT_KEY, Point, Wal};
use crate::store::StoreError;
use crate::store::local::BlockCache;
use std::path::Path;

/// The index that such a group begins with. It is behind that of a group without a state, so that a
/// founder whose directory was forgotten is sent the state, and does not take part without it.
const FIRST_WITH_STATE: u64 = FIRST + 1;

/// Makes a directory that holds a state that of the founder `id` of a group. All founders must have
/// the same state and say the same of the group.
pub fn found_with_state(path: &Path, id: u64, group: Members) -> Result<(), StoreError> {
    let local = Local::open_replica(path, BlockCache::default())?;
    let engine = local.shared().engine().map_err(StoreError::Fatal)?;
    let fault = |error| engine.fault("looking for a group", &error);
    if engine.record(POINT_KEY).map_err(fault)?.is_some() || path.join(LOG).exists() {
        let sentence = "this directory is that of a member already";
        return Err(StoreError::Fatal(sentence.into()));
    }
    let wal = Wal::open(&path.join(LOG))?;
    let mut point = Point {
        index: FIRST_WITH_STATE,
        term: FIRST,
        ..Point::default()
    };
    point.members.voters = group.members.keys().copied().collect();
    Home::begin(&engine, &wal, id, point, group).map(drop)
}
