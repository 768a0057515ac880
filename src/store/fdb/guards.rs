//! What the guards of recent batches held, and when.
//!
//! A batch is applied only if its guard key holds what the caller has read. Whoever has read it
//! at some version need not read it again: a transaction at that version which declares the
//! read conflicts with every later write of the key. So a commit costs no read before it.

use crate::store::Guard;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
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
    /// This process has written the value.
    is_own: bool,
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
            is_own: false,
        };
        guards.insert(guard.key.clone(), unknown);
        None
    }

    /// A version after `version` at which the key held what this process had written.
    pub(super) fn own_since(&self, key: &[u8], version: i64) -> Option<i64> {
        let guards = self.0.lock();
        let known = guards.get(key)?;
        let is_own = known.is_own && known.at.elapsed() < AGE_MAX;
        known.version.filter(|own| is_own && *own > version)
    }

    /// Whether this process has written what the key holds.
    pub(super) fn is_own(&self, key: &[u8], value: &Option<Bytes>) -> bool {
        let guards = self.0.lock();
        guards
            .get(key)
            .is_some_and(|known| known.is_own && known.value == *value)
    }

    /// Notes what a read at a version has shown.
    pub(super) fn seen(&self, key: &[u8], value: &Option<Bytes>, version: i64) {
        self.note(key, value, version, false);
    }

    /// Notes what a commit at a version has written.
    pub(super) fn wrote(&self, key: &[u8], value: &Option<Bytes>, version: i64) {
        self.note(key, value, version, true);
    }

    fn note(&self, key: &[u8], value: &Option<Bytes>, version: i64, is_own: bool) {
        if let Some(known) = self.0.lock().get_mut(key)
            && known.version.is_none_or(|known| known <= version)
        {
            known.is_own = is_own || known.is_own && known.value == *value;
            known.value.clone_from(value);
            known.version = Some(version);
            known.at = Instant::now();
        }
    }
}

/// The prefixes of the instances that this process has opened, none of which begins another: they
/// tell which keys no guard is of.
#[derive(Default)]
pub(super) struct Prefixes(RwLock<BTreeSet<Bytes>>);

impl Prefixes {
    /// From now on an instance is known.
    pub(super) fn add(&self, prefix: &Bytes) {
        self.0.write().insert(prefix.clone());
    }

    /// The prefix of the instance that a key is of, if it is known.
    pub(super) fn of(&self, key: &[u8]) -> Option<Bytes> {
        let prefixes = self.0.read();
        let up_to = (Bound::Unbounded, Bound::Included(key));
        let prefix = prefixes.range::<[u8], _>(up_to).next_back()?;
        key.starts_with(prefix).then(|| prefix.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_instance_whose_prefix_it_begins_with() {
        let prefixes = Prefixes::default();
        assert_eq!(prefixes.of(b"\x15\x01m"), None);
        for prefix in [&b"\x15\x01"[..], b"\x15\x02", b"\x16\x01\x02"] {
            prefixes.add(&Bytes::from_static(prefix));
        }
        for (key, prefix) in [
            (&b"\x15\x01"[..], Some(&b"\x15\x01"[..])),
            (b"\x15\x01m", Some(b"\x15\x01")),
            (b"\x15\x02\xff", Some(b"\x15\x02")),
            (b"\x16\x01\x02c", Some(b"\x16\x01\x02")),
            (b"\x16\x01\x01c", None),
            (b"\x15\x03", None),
            (b"\x15", None),
            (b"", None),
        ] {
            assert_eq!(prefixes.of(key).as_deref(), prefix, "{key:?}");
        }
    }

    #[test]
    fn what_a_process_wrote_is_its_own_until_another_value_is_seen() {
        let guards = Guards::default();
        let key = Bytes::from_static(b"k");
        let value = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        guards.wrote(&key, &value("unknown key"), 1);
        assert!(!guards.is_own(&key, &value("unknown key")));
        let guard = Guard {
            key: key.clone(),
            expected: None,
        };
        assert_eq!(guards.version_of(&guard), None);
        guards.wrote(&key, &value("a"), 5);
        assert!(guards.is_own(&key, &value("a")) && !guards.is_own(&key, &value("b")));
        assert_eq!(guards.own_since(&key, 4), Some(5));
        assert_eq!(guards.own_since(&key, 5), None);
        guards.seen(&key, &value("a"), 6);
        assert_eq!(guards.own_since(&key, 5), Some(6));
        guards.seen(&key, &value("b"), 7);
        assert_eq!(guards.own_since(&key, 5), None);
        // What was written before it is late, and no news.
        guards.wrote(&key, &value("a"), 6);
        assert!(!guards.is_own(&key, &value("a")));
    }
}
