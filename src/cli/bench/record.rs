//! What one generator thread saw, and how the threads' records become one.

use hdrhistogram::Histogram;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Latencies below this are not told apart.
const LATENCY_MIN_NS: u64 = 100;
/// Latencies above this count as this much: an hour.
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;
/// Three digits: a latency is off by less than 0.1 percent.
const LATENCY_DIGITS: u8 = 3;
/// A server that puts a number into its error texts must not fill our memory.
const ERROR_TEXTS_MAX: usize = 32;
const OTHER_ERRORS: &str = "other errors";
/// One day; later seconds are counted in the last one.
const SERIES_SECONDS_MAX: usize = 86_400;

/// What happened in one second of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Second {
    /// Operations that ended in it.
    pub operations: u64,
    /// Errors that ended in it.
    pub errors: u64,
    /// Sum of the latencies, in nanoseconds.
    pub latency_sum_ns: u64,
    /// Largest latency, in nanoseconds.
    pub latency_max_ns: u64,
}

/// Everything measured by one thread, or by several once merged.
#[derive(Debug, Clone)]
pub struct Record {
    start: Instant,
    end: Instant,
    kinds: Vec<Histogram<u64>>,
    headline: &'static [usize],
    errors: BTreeMap<String, u64>,
    series: Vec<Second>,
    unfinished: u64,
    unsent: u64,
}

impl Record {
    /// An empty record of a run that is measured from `start`, with `kinds` kinds of operation.
    /// The `headline` kinds are those its totals and its series speak of.
    pub fn new(start: Instant, kinds: usize, headline: &'static [usize]) -> Self {
        Self {
            start,
            end: start,
            kinds: vec![empty_histogram(); kinds],
            headline,
            errors: BTreeMap::new(),
            series: Vec::new(),
            unfinished: 0,
            unsent: 0,
        }
    }

    /// An operation that was due at `due` was answered at `ended`. What was due before the
    /// measuring began is warm-up and not counted. True if it was counted as a headline.
    pub fn done(&mut self, kind: usize, due: Instant, ended: Instant) -> bool {
        if due < self.start {
            return false;
        }
        let latency_ns = ended.duration_since(due).as_nanos() as u64;
        self.kinds[kind].saturating_record(latency_ns);
        let headline = self.headline.contains(&kind);
        if headline {
            let second = self.second(ended);
            second.operations += 1;
            second.latency_sum_ns += latency_ns;
            second.latency_max_ns = second.latency_max_ns.max(latency_ns);
            self.end = self.end.max(ended);
        }
        headline
    }

    /// An operation that was due at `due` failed at `ended`.
    pub fn failed(&mut self, due: Instant, ended: Instant, text: String) {
        if due < self.start {
            return;
        }
        self.second(ended).errors += 1;
        self.end = self.end.max(ended);
        self.count_errors(text, 1);
    }

    /// When the run was over, `unfinished` requests had no answer, and `unsent` were due and had
    /// not even been sent.
    pub fn abandoned(&mut self, unfinished: u64, unsent: u64) {
        self.unfinished += unfinished;
        self.unsent += unsent;
    }

    /// Adds what another thread of the same run saw.
    pub fn merge(&mut self, other: Self) {
        self.end = self.end.max(other.end);
        self.unfinished += other.unfinished;
        self.unsent += other.unsent;
        for (mine, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
            add(mine, theirs);
        }
        for (text, count) in other.errors {
            self.count_errors(text, count);
        }
        if self.series.len() < other.series.len() {
            self.series.resize_with(other.series.len(), Second::default);
        }
        for (mine, theirs) in self.series.iter_mut().zip(&other.series) {
            mine.operations += theirs.operations;
            mine.errors += theirs.errors;
            mine.latency_sum_ns += theirs.latency_sum_ns;
            mine.latency_max_ns = mine.latency_max_ns.max(theirs.latency_max_ns);
        }
    }

    /// Latencies of one kind, in nanoseconds.
    pub fn kind(&self, kind: usize) -> &Histogram<u64> {
        &self.kinds[kind]
    }

    /// Latencies of all headline kinds together, in nanoseconds.
    pub fn headline(&self) -> Histogram<u64> {
        let mut all = empty_histogram();
        for &kind in self.headline {
            add(&mut all, &self.kinds[kind]);
        }
        all
    }

    /// From the start of the measuring to the last answer.
    pub fn elapsed(&self) -> Duration {
        self.end.duration_since(self.start)
    }

    /// How often each error text was seen.
    pub fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    /// Operations without an answer when the run was over.
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Requests that were due and never sent.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Second by second from the start of the measuring.
    pub fn series(&self) -> &[Second] {
        &self.series
    }

    fn second(&mut self, ended: Instant) -> &mut Second {
        let elapsed = ended.duration_since(self.start).as_secs() as usize;
        let index = elapsed.min(SERIES_SECONDS_MAX - 1);
        if self.series.len() <= index {
            self.series.resize_with(index + 1, Second::default);
        }
        &mut self.series[index]
    }

    fn count_errors(&mut self, text: String, count: u64) {
        let full = self.errors.len() >= ERROR_TEXTS_MAX && !self.errors.contains_key(&text);
        let text = if full { OTHER_ERRORS.to_owned() } else { text };
        *self.errors.entry(text).or_default() += count;
    }
}

fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LATENCY_MIN_NS, LATENCY_MAX_NS, LATENCY_DIGITS)
        .expect("the bounds are constants and in order")
}

fn add(sum: &mut Histogram<u64>, part: &Histogram<u64>) {
    sum.add(part)
        .expect("all histograms here have the same bounds");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn warm_up_is_not_counted() {
        let start = Instant::now() + 10 * MS;
        let mut record = Record::new(start, 1, &[0]);
        record.done(0, start - MS, start + MS);
        record.failed(start - MS, start + MS, "late".into());
        assert_eq!((record.kind(0).len(), record.errors().len()), (0, 0));
        record.done(0, start, start + MS);
        assert_eq!(record.kind(0).len(), 1);
        assert_eq!(record.elapsed(), MS);
    }

    #[test]
    fn merged_threads_read_as_one() {
        let start = Instant::now();
        let mut left = Record::new(start, 2, &[1]);
        let mut right = left.clone();
        left.done(0, start, start + 900 * MS);
        left.done(1, start, start + 2 * MS);
        right.done(1, start + 1000 * MS, start + 1004 * MS);
        right.failed(start, start + MS, "busy".into());
        right.abandoned(3, 2);
        left.merge(right);
        assert_eq!(
            (
                left.kind(0).len(),
                left.kind(1).len(),
                left.headline().len()
            ),
            (1, 2, 2)
        );
        // Kind 0 ended at 900 ms and is no headline: it is in no second of the series.
        let operations: Vec<_> = left
            .series()
            .iter()
            .map(|second| second.operations)
            .collect();
        assert_eq!(operations, [1, 1]);
        assert_eq!(left.series()[0].errors, 1);
        assert_eq!(left.series()[1].latency_max_ns, 4_000_000);
        assert_eq!(left.errors().get("busy"), Some(&1));
        assert_eq!((left.unfinished(), left.unsent()), (3, 2));
        assert_eq!(left.elapsed(), 1004 * MS);
    }

    #[test]
    fn error_texts_are_bounded() {
        let start = Instant::now();
        let mut record = Record::new(start, 1, &[0]);
        for number in 0..100 {
            record.failed(start, start, format!("error {number}"));
        }
        assert_eq!(record.errors().len(), ERROR_TEXTS_MAX + 1);
        assert_eq!(record.errors()[OTHER_ERRORS], 100 - ERROR_TEXTS_MAX as u64);
        assert_eq!(record.errors().values().sum::<u64>(), 100);
    }
}
