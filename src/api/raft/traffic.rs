//! What a member has said to each of the others, and they to it.

use crate::stats::{Counter, Histogram};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The first bound and the number of bounds of the times of round trips, as etcd has them.
const TIMES: (Duration, usize) = (Duration::from_micros(100), 15);

/// The other members by their ids; none where there is no group.
#[derive(Debug, Default)]
pub struct Traffic(Mutex<BTreeMap<u64, Arc<Exchange>>>);

impl Traffic {
    /// What is exchanged with a member.
    pub fn with(&self, member: u64) -> Arc<Exchange> {
        self.0.lock().entry(member).or_default().clone()
    }

    /// Forgets a member that was removed.
    pub fn forget(&self, member: u64) {
        self.0.lock().remove(&member);
    }

    /// All others.
    pub fn get(&self) -> Vec<(u64, Arc<Exchange>)> {
        let others = self.0.lock();
        let others = others.iter().map(|(id, exchange)| (*id, exchange.clone()));
        others.collect()
    }
}

/// What two members have said to each other.
#[derive(Debug)]
pub struct Exchange {
    /// Bytes of messages sent.
    pub sent_bytes: Counter,
    /// Messages that were lost: nobody was there, or too many waited.
    pub lost_messages: Counter,
    /// Bytes of messages received.
    pub received_bytes: Counter,
    /// Streams to the other that have ended.
    pub disconnections: Counter,
    /// Times until the other has answered.
    pub round_trips: Histogram,
    is_connected: AtomicBool,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            sent_bytes: Counter::default(),
            lost_messages: Counter::default(),
            received_bytes: Counter::default(),
            disconnections: Counter::default(),
            round_trips: Histogram::of_times(TIMES.0, TIMES.1),
            is_connected: AtomicBool::new(false),
        }
    }
}

impl Exchange {
    /// Whether there is a stream to the other.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Notes that a stream has begun, or ended.
    pub fn set_connected(&self, is_connected: bool) {
        let was = self.is_connected.swap(is_connected, Ordering::Relaxed);
        if was && !is_connected {
            self.disconnections.add(1);
        }
    }
}
