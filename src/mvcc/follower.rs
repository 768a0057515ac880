//! Hears of what other servers have written.

use crate::error::{Error, Result};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::State;
use crate::mvcc::read;
use crate::mvcc::watch::Hub;
use crate::store::{Consistency, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How long this server's own sequencer may take to publish what it has written. It brings the
/// events along; whatever is published here, watchers must read from the store.
const OWN_GRACE: Duration = Duration::from_millis(100);
/// Pause before the store is asked again after it could not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Publishes to `hub` each state found in the store that is newer than what it knows.
pub async fn follow_forever(job: Job, hub: Arc<Hub>) {
    let mut states = hub.states();
    loop {
        // Before looking, so that what is written after the look ends the wait.
        let changed = job.store.changed(&job.layout.state());
        match newest(&job).await {
            Ok(state) => {
                if state.batch.writer == job.writer {
                    let published = states
                        .wait_for(|published| published.batch.sequence >= state.batch.sequence);
                    // Late or not, the next line is right.
                    let _ = tokio::time::timeout(OWN_GRACE, published).await;
                }
                hub.publish(state, Vec::new());
                changed.await;
            }
            Err(Error::Store(StoreError::Fatal(_))) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot follow other servers");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

async fn newest(job: &Job) -> Result<State> {
    let view = job.store.view(Consistency::Linearizable).await?;
    read::state(&view, &job.layout).await
}
