//! Numbers that are noted where things happen, and read when somebody asks.
//!
//! To note one is a relaxed addition: no lock, no allocation, no look-up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Parts of what many threads note at once: a processor that adds to what another has added to last
/// waits for that one's cache.
pub const STRIPES: usize = 4;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
}

/// The part that this thread adds to.
pub fn stripe() -> usize {
    STRIPE.with(|stripe| *stripe)
}

/// A number that only rises, in parts.
#[derive(Debug, Default)]
pub struct Counter([Line; STRIPES]);

/// A number with a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

impl Counter {
    /// Raises it.
    pub fn add(&self, more: u64) {
        self.0[stripe()].0.fetch_add(more, Ordering::Relaxed);
    }

    /// What it has come to.
    pub fn get(&self) -> u64 {
        let parts = self.0.iter().map(|line| line.0.load(Ordering::Relaxed));
        parts.fold(0, u64::wrapping_add)
    }
}

/// How many of the values noted were at most as large as each of some bounds, of which each is
/// twice the one before.
#[derive(Debug)]
pub struct Histogram {
    first: u64,
    /// One for each bound, and one for what is above all.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// What a histogram has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The bounds, each with the number of values up to it.
    pub up_to: Vec<(u64, u64)>,
    /// All values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl Distribution {
    /// With what another of the same bounds has come to.
    pub fn plus(mut self, other: &Self) -> Self {
        for ((_, values), (_, more)) in self.up_to.iter_mut().zip(&other.up_to) {
            *values += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self
    }
}

impl Histogram {
    /// With `bounds` bounds from `first` on, which is not 0.
    pub fn new(first: u64, bounds: usize) -> Self {
        Self {
            first,
            counts: (0..=bounds).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Of times, in nanoseconds.
    pub fn of_times(first: Duration, bounds: usize) -> Self {
        Self::new(nanoseconds(first), bounds)
    }

    /// Notes a value.
    pub fn note(&self, value: u64) {
        let doublings = match value.div_ceil(self.first) {
            0 | 1 => 0,
            times => (times - 1).ilog2() as usize + 1,
        };
        let place = doublings.min(self.counts.len() - 1);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Notes a time.
    pub fn note_time(&self, time: Duration) {
        self.note(nanoseconds(time));
    }

    /// What it has come to.
    pub fn get(&self) -> Distribution {
        let mut count = 0;
        let mut up_to = Vec::with_capacity(self.counts.len());
        for (doublings, within) in self.counts.iter().enumerate() {
            count += within.load(Ordering::Relaxed);
            up_to.push((self.first << doublings, count));
        }
        // The last is above all bounds.
        up_to.pop();
        Distribution {
            up_to,
            count,
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_up_to_the_first_bound_that_holds_it() {
        for (value, expected) in [
            (0, [1, 1, 1]),
            (10, [1, 1, 1]),
            (11, [0, 1, 1]),
            (20, [0, 1, 1]),
            (21, [0, 0, 1]),
            (40, [0, 0, 1]),
            (41, [0, 0, 0]),
            (u64::MAX, [0, 0, 0]),
        ] {
            let histogram = Histogram::new(10, 3);
            histogram.note(value);
            let found = histogram.get();
            let counts: Vec<u64> = found.up_to.iter().map(|(_, count)| *count).collect();
            assert_eq!(counts, expected, "{value}");
            assert_eq!((found.count, found.sum), (1, value));
        }
    }

    #[test]
    fn bounds_double() {
        let bounds = Histogram::of_times(Duration::from_millis(1), 3).get().up_to;
        assert_eq!(bounds, [(1_000_000, 0), (2_000_000, 0), (4_000_000, 0)]);
    }
}
