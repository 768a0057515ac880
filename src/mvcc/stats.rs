//! What an instance counts: what was asked of it, and what became of its batches.

use crate::mvcc::forward::Handover;
use crate::stats::{Counter, Histogram};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The first bound and the number of bounds of the times of commits and of looks.
const TIMES: (Duration, usize) = (Duration::from_micros(100), 17);
/// Bounds of the requests of a batch, from 1 on.
const BATCH_BOUNDS: usize = 11;

/// What some requests did, as etcd counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Readings of a range, those of compares and of previous versions too.
    pub ranges: u64,
    /// Keys written.
    pub puts: u64,
    /// Deletions of a key or of a range.
    pub deletes: u64,
    /// Transactions of more than one of these.
    pub txns: u64,
    /// Leases made.
    pub granted: u64,
    /// Leases kept alive.
    pub renewed: u64,
    /// Leases ended, by a client or by time.
    pub revoked: u64,
    /// Leases ended by time.
    pub expired: u64,
    /// Ranges, puts and deletions of the transaction under way.
    within: u64,
}

impl Tally {
    /// Counts readings of ranges.
    pub fn add_ranges(&mut self, count: u64) {
        self.ranges += count;
        self.within += count;
    }

    /// Counts a key written.
    pub fn add_put(&mut self) {
        self.puts += 1;
        self.within += 1;
    }

    /// Counts deletions.
    pub fn add_deletes(&mut self, count: u64) {
        self.deletes += count;
        self.within += count;
    }

    /// Ends the transaction under way.
    pub fn end_transaction(&mut self) {
        self.txns += u64::from(self.within > 1);
        self.within = 0;
    }
}

/// The counters of an instance, since this server opened it.
#[derive(Debug)]
pub struct Stats {
    /// See [`Tally::ranges`].
    pub ranges: Counter,
    /// See [`Tally::puts`].
    pub puts: Counter,
    /// See [`Tally::deletes`].
    pub deletes: Counter,
    /// See [`Tally::txns`].
    pub txns: Counter,
    /// See [`Tally::granted`].
    pub granted: Counter,
    /// See [`Tally::renewed`].
    pub renewed: Counter,
    /// See [`Tally::revoked`].
    pub revoked: Counter,
    /// See [`Tally::expired`].
    pub expired: Counter,
    /// Events handed to watch streams, once for each watcher.
    pub events: Counter,
    /// Leaders seen, one after the other.
    pub leader_changes: Counter,
    /// Requests that ended without an outcome.
    pub failed: Counter,
    /// Requests the sequencer is at work on.
    at_work: AtomicUsize,
    /// Requests of the batches that were committed.
    pub batch_requests: Histogram,
    /// Times of commits.
    pub commit_times: Histogram,
    /// Batches that another server was ahead of.
    pub conflicts: Counter,
    /// Batches whose outcome was unknown at first.
    pub unknown: Counter,
    /// Requests that the leader answered for this server.
    pub forwarded: Counter,
    /// Requests that the leader did not take; this server did them.
    pub forwards_refused: Counter,
    /// Requests that the leader never answered.
    pub forwards_lost: Counter,
    /// Requests of other servers that this one took.
    pub taken: Counter,
    /// Times of looks for what other servers have written.
    pub look_times: Histogram,
    /// Looks that failed.
    pub looks_failed: Counter,
    /// Requests of callers that came to be admitted.
    pub asked: Counter,
    /// Bytes of the writes among them that were admitted.
    pub write_bytes: Counter,
    /// Requests refused, for there were too many.
    pub refused_rate: Counter,
    /// Writes refused, for there is no room.
    pub refused_space: Counter,
}

impl Default for Stats {
    fn default() -> Self {
        let times = || Histogram::of_times(TIMES.0, TIMES.1);
        Self {
            ranges: Counter::default(),
            puts: Counter::default(),
            deletes: Counter::default(),
            txns: Counter::default(),
            granted: Counter::default(),
            renewed: Counter::default(),
            revoked: Counter::default(),
            expired: Counter::default(),
            events: Counter::default(),
            leader_changes: Counter::default(),
            failed: Counter::default(),
            at_work: AtomicUsize::new(0),
            batch_requests: Histogram::new(1, BATCH_BOUNDS),
            commit_times: times(),
            conflicts: Counter::default(),
            unknown: Counter::default(),
            forwarded: Counter::default(),
            forwards_refused: Counter::default(),
            forwards_lost: Counter::default(),
            taken: Counter::default(),
            look_times: times(),
            looks_failed: Counter::default(),
            asked: Counter::default(),
            write_bytes: Counter::default(),
            refused_rate: Counter::default(),
            refused_space: Counter::default(),
        }
    }
}

impl Stats {
    /// Counts what requests did that are answered now.
    pub fn count(&self, tally: &Tally) {
        for (counter, more) in [
            (&self.ranges, tally.ranges),
            (&self.puts, tally.puts),
            (&self.deletes, tally.deletes),
            (&self.txns, tally.txns),
            (&self.granted, tally.granted),
            (&self.renewed, tally.renewed),
            (&self.revoked, tally.revoked),
            (&self.expired, tally.expired),
        ] {
            if more > 0 {
                counter.add(more);
            }
        }
    }

    /// Counts a request that was handed over.
    pub fn count_handover(&self, handover: &Handover) {
        match handover {
            Handover::Answered(..) => self.forwarded.add(1),
            Handover::Refused => self.forwards_refused.add(1),
            Handover::Lost => self.forwards_lost.add(1),
        }
    }

    /// Says how many requests the sequencer is at work on.
    pub fn set_at_work(&self, requests: usize) {
        self.at_work.store(requests, Ordering::Relaxed);
    }

    /// Requests the sequencer is at work on.
    pub fn at_work(&self) -> usize {
        self.at_work.load(Ordering::Relaxed)
    }
}
