//! Fills the cache after an instance was opened.

use crate::error::{Error, Result};
use crate::mvcc::cache::Cache;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{KeyRange, successor};
use crate::mvcc::read::{self, Cursor};
use crate::store::{Consistency, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Pages read in one view: a fraction of what a view may live.
const PAGES: usize = 16;
/// Pause before the store is asked again after it could not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Reads live keys in their order until the cache is nearly full or knows them all. Requests are
/// served meanwhile.
pub async fn warm(job: Job, cache: Arc<Cache>) {
    let mut from = Some(Bytes::new());
    while let Some(start) = from.take().filter(|_| !cache.is_nearly_full()) {
        match some_pages(&job, &cache, start.clone()).await {
            Ok(next) => from = next,
            Err(Error::Store(StoreError::Unavailable(_) | StoreError::ViewExpired)) => {
                from = Some(start);
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            Err(error) => return tracing::warn!(%error, "the cache is not filled"),
        }
    }
}

/// Where to go on.
async fn some_pages(job: &Job, cache: &Arc<Cache>, start: Bytes) -> Result<Option<Bytes>> {
    let range = KeyRange::Span(start, None);
    let Some(fill) = cache.fill(&range) else {
        return Ok(None);
    };
    let view = job.store.view(Consistency::Linearizable).await?;
    let state = read::state(&view, &job.layout).await?;
    let (store, layout) = (job.store.clone(), job.layout.clone());
    let mut cursor = Cursor::open(store, layout, view, &state, range, 0).filling(Some(fill));
    let mut last = None;
    for _ in 0..PAGES {
        let Some(page) = cursor.next_page().await? else {
            return Ok(None);
        };
        last = page.last().map(|(key, _)| successor(key));
        // Other work on this thread comes first.
        tokio::task::yield_now().await;
    }
    Ok(last)
}
