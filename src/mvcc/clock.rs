//! The wall clock, in the unit deadlines are stored in.

#[cfg(not(test))]
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[cfg(not(test))]
pub fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// Milliseconds since an epoch of the tests, whose clock Tokio may stop and turn.
#[cfg(test)]
pub fn now_ms() -> i64 {
    use std::sync::LazyLock;
    use tokio::time::Instant;

    /// Far enough from 0 for tests of times long past.
    const BEGIN_MS: i64 = 1_000_000_000_000;
    static BEGIN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    let begin = *BEGIN;
    let elapsed = Instant::now().into_std().saturating_duration_since(begin);
    BEGIN_MS + elapsed.as_millis() as i64
}
