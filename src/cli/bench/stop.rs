//! The one way to end a run early.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Set once, on Ctrl-C; looked at before every request and waited for by those who sleep.
#[derive(Debug)]
pub struct Stop {
    flag: AtomicBool,
    signal: watch::Sender<bool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            flag: AtomicBool::new(false),
            signal: watch::Sender::new(false),
        }
    }
}

impl Stop {
    /// Ends the run.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.signal.send_replace(true);
    }

    /// Whether the run was ended.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Completes when the run is ended.
    pub async fn wait(&self) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.signal.subscribe().wait_for(|set| *set).await;
    }
}
