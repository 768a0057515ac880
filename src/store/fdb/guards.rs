//! What the guards of recent batches held, and when.
//!
//! A batch is applied only if its guard key holds what the caller has read. Whoever has read it
//! at some version need not read it again: a transaction at that version which declares the
//! read conflicts with every later write of the key. So a commit costs no read before it.

use crate::store::Guard;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Guard keys remembered; there is one for each instance served, and a few of background jobs.
const GUARDS_MAX: usize = 64;
/// A version this old may be too old when the commit arrives.
const AGE_MAX: Duration = Duration::from_secs(3);

struct Known {
    value: Option<Bytes>,
    /// `None`: not seen yet.
    version: Option<i64>,
    at: Instant,
}

/// The remembered guards. A wrong entry could only cause a conflict, never a wrong write.
#[derive(Default)]
pub(super) struct Guards(Mutex<HashMap<Bytes, Known>>);

impl Guards {
    /// The version at which the guard was seen to hold.
    pub(super) fn version_of(&self, guard: &Guard) -> Option<i64> {
        let mut guards = self.0.lock();
        if let Some(known) = guards.get(&guard.key) {
            let holds = known.value == guard.expected && known.at.elapsed() < AGE_MAX;
            return known.version.filter(|_| holds);
        }
        if guards.len() >= GUARDS_MAX {
            guards.clear();
        }
        // From now on its reads are remembered.
        let unknown = Known {
            value: None,
            version: None,
            at: Instant::now(),
        };
        guards.insert(guard.key.clone(), unknown);
        None
    }

    /// Notes what a read or a commit at a version has shown.
    pub(super) fn seen(&self, key: &[u8], value: &Option<Bytes>, version: i64) {
        if let Some(known) = self.0.lock().get_mut(key)
            && known.version.is_none_or(|known| known <= version)
        {
            known.value.clone_from(value);
            known.version = Some(version);
            known.at = Instant::now();
        }
    }
}
