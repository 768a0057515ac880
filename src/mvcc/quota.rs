//! The bound on what a keyspace may take.
//!
//! To ask the store costs more than a write does, so what was admitted since is added to its last
//! answer. That errs on the side of too much: before a write is refused, the store is asked again.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// An answer of the store is believed for this long, as other servers may write, too.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Admits writes while there is room.
#[derive(Debug)]
pub struct Quota {
    bytes: u64,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    bytes: u64,
    /// When the store was asked; `None`: never.
    asked: Option<Instant>,
}

impl Quota {
    /// A bound in bytes.
    pub fn new(bytes: u64) -> Self {
        let used = Used {
            bytes: 0,
            asked: None,
        };
        Self {
            bytes,
            used: Mutex::new(used),
        }
    }

    /// Admits what costs so much, if there is room for certain; else the store must be asked.
    pub fn admit(&self, cost: u64) -> bool {
        let mut used = self.used.lock();
        let is_fresh = used.asked.is_some_and(|asked| asked.elapsed() < FRESH_FOR);
        is_fresh && used.admit(cost, self.bytes)
    }

    /// Admits it if there is room, now that the store has said what is used.
    pub fn admit_after(&self, used_bytes: u64, cost: u64) -> bool {
        let mut used = self.used.lock();
        *used = Used {
            bytes: used_bytes,
            asked: Some(Instant::now()),
        };
        used.admit(cost, self.bytes)
    }
}

impl Used {
    fn admit(&mut self, cost: u64, bound: u64) -> bool {
        let needed = self.bytes.saturating_add(cost);
        if needed < bound {
            self.bytes = needed;
        }
        needed < bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_admitted_counts_until_the_store_says_more() {
        let quota = Quota::new(100);
        assert!(!quota.admit(1), "nobody has asked the store");
        assert!(quota.admit_after(50, 30));
        assert!(!quota.admit(20));
        assert!(quota.admit(19));
        assert!(!quota.admit_after(99, 1));
        assert!(quota.admit_after(10, 1));
    }
}
