//! Token buckets: how much is admitted in a second.
//!
//! What was not used for a while may be used at once later, up to the allowance of one second. A
//! request that is larger than that is admitted too, and those after it wait until it is made up
//! for: else it could never be made.

use crate::mvcc::allowance::Allowance;
use parking_lot::Mutex;
use std::time::Instant;

/// Admits requests, and the bytes they write.
#[derive(Debug)]
pub struct Rates(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    requests: Bucket,
    bytes: Bucket,
}

/// What may still be used; less than nothing after a large request. It begins full.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    filled: Option<Instant>,
}

impl Default for Rates {
    fn default() -> Self {
        let empty = Bucket {
            level: 0.0,
            filled: None,
        };
        Self(Mutex::new(Buckets {
            requests: empty,
            bytes: empty,
        }))
    }
}

impl Rates {
    /// Admits a request that writes so many bytes, if the allowance has room for it now.
    pub fn admit(&self, allowance: &Allowance, write_bytes: u64) -> bool {
        // The way of most requests, without a lock or a look at the clock.
        let is_free = allowance.requests_per_second.is_none()
            && (allowance.write_bytes_per_second.is_none() || write_bytes == 0);
        is_free || self.admit_at(allowance, write_bytes, Instant::now())
    }

    fn admit_at(&self, allowance: &Allowance, write_bytes: u64, now: Instant) -> bool {
        let bytes_rate = allowance.write_bytes_per_second.filter(|_| write_bytes > 0);
        let mut buckets = self.0.lock();
        let Buckets { requests, bytes } = &mut *buckets;
        // Both or neither: what is refused uses nothing.
        let mut wanted = [
            (requests, allowance.requests_per_second, 1.0),
            (bytes, bytes_rate, write_bytes as f64),
        ];
        let has_room = wanted
            .iter_mut()
            .all(|(bucket, rate, _)| rate.is_none_or(|rate| bucket.has_room(rate as f64, now)));
        if has_room {
            for (bucket, rate, amount) in wanted {
                if rate.is_some() {
                    bucket.level -= amount;
                }
            }
        }
        has_room
    }
}

impl Bucket {
    fn has_room(&mut self, rate: f64, now: Instant) -> bool {
        let gained = self.filled.map_or(rate, |filled| {
            now.saturating_duration_since(filled).as_secs_f64() * rate
        });
        self.level = (self.level + gained).min(rate);
        self.filled = Some(now);
        self.level > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_second_holds_what_is_allowed_and_a_large_request_is_made_up_for() {
        let allowance = Allowance {
            requests_per_second: Some(3),
            write_bytes_per_second: Some(100),
            ..Allowance::default()
        };
        let (rates, start) = (Rates::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        let admitted = |at, bytes| rates.admit_at(&allowance, bytes, at);
        // Three at once, and a third of a second later one more.
        assert!((0..3).all(|_| admitted(start, 0)));
        assert!(!admitted(start, 0));
        assert!(!admitted(start, 1), "of no use to the bytes");
        assert!(admitted(after(333), 0));
        assert!(!admitted(after(333), 0));
        // 300 bytes are three seconds' worth: two of them are to be waited for.
        assert!(admitted(after(10_000), 300));
        assert!(!admitted(after(11_900), 1));
        assert!(admitted(after(11_900), 0), "reads go on");
        assert!(admitted(after(12_100), 1));
    }

    #[test]
    fn without_a_bound_all_is_admitted() {
        let rates = Rates::default();
        assert!((0..10_000).all(|_| rates.admit(&Allowance::default(), u64::MAX)));
    }
}
