//! Open-loop pacing: when each operation is due, whether or not the ones before it are done.
//!
//! Latency counts from the moment an operation was due. A server that stalls is then charged
//! for everything that had to wait, not only for the one request it held.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// The pacing thread wakes at most this often: finer steps cost the server its processor.
const TICK_MIN: Duration = Duration::from_micros(200);
/// The pacing thread looks at least this often whether the run is over.
const TICK_MAX: Duration = Duration::from_millis(100);

/// Operations due at a steady rate.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    per_second: f64,
}

impl Schedule {
    /// `per_second` operations per second; more than zero.
    pub fn new(per_second: f64) -> Self {
        Self { per_second }
    }

    /// When operation number `index` is due, counted from the start.
    pub fn due_at(&self, index: u64) -> Duration {
        Duration::from_secs_f64(index as f64 / self.per_second)
    }

    /// How many operations are due once `elapsed` has passed: the first one is due at once.
    pub fn due_by(&self, elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * self.per_second) as u64 + 1
    }

    /// How long to sleep after `elapsed`, with `released` operations already due.
    fn pause(&self, elapsed: Duration, released: u64) -> Duration {
        self.due_at(released)
            .saturating_sub(elapsed)
            .clamp(TICK_MIN, TICK_MAX)
    }
}

/// Hands out one permit per due operation.
///
/// A thread of its own: the runtime's timer counts in milliseconds, which is longer than most
/// of the latencies measured here.
#[derive(Debug)]
pub struct Pacer {
    permits: Arc<Semaphore>,
    stopped: Arc<AtomicBool>,
}

impl Pacer {
    /// Starts handing out permits at `start`.
    pub fn start(schedule: Schedule, start: Instant) -> Self {
        let permits = Arc::new(Semaphore::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let (sink, over) = (permits.clone(), stopped.clone());
        thread::spawn(move || {
            thread::sleep(start.saturating_duration_since(Instant::now()));
            let mut released = 0;
            while !over.load(Ordering::Relaxed) {
                let elapsed = start.elapsed();
                let due = schedule.due_by(elapsed);
                sink.add_permits((due - released) as usize);
                released = due;
                thread::sleep(schedule.pause(elapsed, released));
            }
        });
        Self { permits, stopped }
    }

    /// Waits until one more operation is due.
    pub async fn next(&self) {
        // Nothing closes the semaphore, so the wait cannot fail.
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_due_evenly_and_the_first_at_once() {
        let schedule = Schedule::new(250.0);
        assert_eq!(schedule.due_at(0), Duration::ZERO);
        assert_eq!(schedule.due_at(1), Duration::from_millis(4));
        assert_eq!(schedule.due_at(1000), Duration::from_secs(4));
        assert_eq!(schedule.due_by(Duration::ZERO), 1);
        assert_eq!(schedule.due_by(Duration::from_millis(3)), 1);
        assert_eq!(schedule.due_by(Duration::from_millis(9)), 3);
    }

    #[test]
    fn a_late_tick_releases_everything_it_missed() {
        let schedule = Schedule::new(10_000.0);
        let mut released = 0;
        for elapsed_ms in [0, 1, 2, 500, 501] {
            let due = schedule.due_by(Duration::from_millis(elapsed_ms));
            assert_eq!(due, elapsed_ms * 10 + 1);
            assert!(due >= released);
            released = due;
        }
    }

    #[test]
    fn pauses_follow_the_rate_within_their_bounds() {
        let pause = |per_second, elapsed_us, released| {
            Schedule::new(per_second).pause(Duration::from_micros(elapsed_us), released)
        };
        assert_eq!(pause(1_000.0, 0, 1), Duration::from_millis(1));
        assert_eq!(pause(1_000.0, 400, 1), Duration::from_micros(600));
        assert_eq!(pause(1_000_000.0, 0, 1), TICK_MIN);
        assert_eq!(pause(0.1, 0, 1), TICK_MAX);
        assert_eq!(pause(1_000.0, 5_000, 1), TICK_MIN);
    }

    #[tokio::test]
    async fn the_pacer_gives_permits_until_it_is_dropped() {
        let pacer = Pacer::start(Schedule::new(1_000_000.0), Instant::now());
        for _ in 0..100 {
            pacer.next().await;
        }
        let permits = pacer.permits.clone();
        drop(pacer);
        // The thread holds the other count; it lets go once it has seen the stop.
        while Arc::strong_count(&permits) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
