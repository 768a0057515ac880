//! How long a batch waits for company.
//!
//! Clients that wait for their answers come in two shifts where a commit takes long: one shift
//! is committed while the other queues up, and each batch has half of what it could have. The
//! clients just answered will soon ask again, so a batch waits for them, for a fraction of what
//! the commit will take anyway.

use std::time::Duration;

/// A batch waits for no more than this part of a commit.
const PART_OF_COMMIT: u32 = 4;
/// Waiting for less is not worth it, and finer than the timer.
const PATIENCE_MIN: Duration = Duration::from_micros(500);
/// Nobody waits for more requests than this: a batch of so many is worth a commit of its own, and what
/// could be done meanwhile is not done.
const COMPANY_MAX: usize = 128;
/// Waiting for longer helps nobody.
const PATIENCE_MAX: Duration = Duration::from_millis(10);

/// What recent commits tell of the next one.
#[derive(Debug, Default)]
pub struct Pace {
    /// What a commit takes, smoothed.
    commit: Duration,
    /// Requests that the last commit answered.
    answered: usize,
    /// Requests that had come meanwhile.
    left: usize,
}

impl Pace {
    /// Notes a commit: what it took, and how many requests it answered.
    pub fn committed(&mut self, took: Duration, answered: usize) {
        self.commit = (self.commit * 3 + took) / 4;
        self.answered = answered;
    }

    /// Notes how many requests wait after a commit.
    pub fn left(&mut self, waiting: usize) {
        self.left = waiting;
    }

    /// Requests worth waiting for, and how long; `None` where that does not pay.
    pub fn patience(&self) -> Option<(usize, Duration)> {
        let patience = (self.commit / PART_OF_COMMIT).min(PATIENCE_MAX);
        // Somebody is always late.
        let crowd = self.answered + self.left;
        let wanted = (crowd - crowd / 8).min(COMPANY_MAX);
        (patience >= PATIENCE_MIN && wanted > 1).then_some((wanted, patience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(commit: Duration, answered: usize, waiting: usize) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.committed(commit, answered);
            pace.left(waiting);
        }
        pace
    }

    #[test]
    fn a_slow_commit_is_worth_waiting_for_the_others() {
        let patience = after(Duration::from_millis(8), 30, 34).patience();
        let (wanted, patience) = patience.expect("it pays");
        assert_eq!(wanted, 56);
        assert!(patience > Duration::from_micros(1900) && patience <= Duration::from_millis(2));
    }

    #[test]
    fn a_large_batch_waits_for_nobody() {
        let patience = after(Duration::from_millis(20), 500, 400).patience();
        assert!(patience.is_some_and(|(wanted, _)| wanted == COMPANY_MAX));
    }

    #[test]
    fn a_fast_commit_or_a_single_client_is_not() {
        assert_eq!(after(Duration::from_micros(300), 30, 34).patience(), None);
        assert_eq!(after(Duration::from_millis(8), 1, 0).patience(), None);
        assert_eq!(Pace::default().patience(), None);
    }
}
