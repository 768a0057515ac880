//! Removes what servers left behind that ended in the middle of something.

use crate::error::Result;
use crate::mvcc::job::Job;
use crate::mvcc::{blob, clock, peer, writer};
use std::time::Duration;

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Looks once an interval, while this server leads.
pub async fn collect_forever(job: Job) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        if !job.leads() {
            continue;
        }
        let now_ms = clock::now_ms();
        report(
            "unfinished values",
            blob::collect_orphans(&job, now_ms).await,
        );
        report(
            "records of writers",
            writer::collect_stale(&job, now_ms).await,
        );
        report(
            "records of servers",
            peer::collect_stale(&job, now_ms).await,
        );
    }
}

fn report(what: &str, collected: Result<usize>) {
    match collected {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "collected {what} that were left behind"),
        Err(error) => tracing::warn!(%error, "cannot collect {what} that were left behind"),
    }
}
