//! Deadlines of many requests that may all wait equally long.
//!
//! Nearly all are answered long before. Those that begin within a moment share one timer, which is
//! less work than one for each.

use futures_util::FutureExt;
use futures_util::future::Shared;
use parking_lot::Mutex;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How much longer than the timeout a request may wait.
const MOMENT: Duration = Duration::from_millis(50);

/// The end of the time of all requests that began within a [`MOMENT`].
pub type Deadline = Shared<Pin<Box<Sleep>>>;

/// Makes deadlines.
pub struct Deadlines {
    timeout: Duration,
    /// The newest, and until when it is given out.
    newest: Mutex<Option<(Instant, Deadline)>>,
}

impl Deadlines {
    /// Of requests that may wait so long.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            newest: Mutex::default(),
        }
    }

    /// That of a request that begins now.
    pub fn next(&self) -> Deadline {
        let now = Instant::now();
        let mut newest = self.newest.lock();
        if let Some((_, deadline)) = newest.as_ref().filter(|(until, _)| now < *until) {
            return deadline.clone();
        }
        let until = now + MOMENT;
        let deadline = Box::pin(sleep_until(until + self.timeout)).shared();
        *newest = Some((until, deadline.clone()));
        deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    const TIMEOUT: Duration = Duration::from_secs(7);

    /// Nobody waits for less than the timeout, and for hardly more.
    #[tokio::test(start_paused = true)]
    async fn all_wait_for_the_timeout_and_a_moment_at_most() {
        let deadlines = Deadlines::new(TIMEOUT);
        let mut waits = Vec::new();
        for _ in 0..40 {
            let (begin, deadline) = (Instant::now(), deadlines.next());
            waits.push(async move {
                deadline.await;
                begin.elapsed()
            });
            tokio::time::sleep(MOMENT / 7).await;
        }
        for waited in join_all(waits).await {
            // Timers go by milliseconds.
            let most = TIMEOUT + MOMENT + Duration::from_millis(1);
            assert!((TIMEOUT..=most).contains(&waited), "{waited:?}");
        }
    }
}
