//! Reads what happened from the store, for watchers that cannot be served from memory.

use super::Commit;
use super::selector::{Groups, Wanted};
use crate::error::{Error, Result};
use crate::mvcc::keyspace::{Change, Layout, Revision, State, Value, successor};
use crate::mvcc::{compact, read};
use crate::pb::mvccpb::event::EventType;
use crate::pb::mvccpb::{Event, KeyValue};
use crate::store::{Consistency, Direction, PageLimit, Store, StoreError, View};
use futures_util::future::try_join_all;
use std::time::Duration;

/// A page ends with the revision that reaches this many bytes of wanted keys and values.
const PAGE_BYTES: u64 = 1024 * 1024;

/// A page ends with the revision that reaches this many records, wanted or not.
const PAGE_RECORDS: usize = 16 * 1024;

/// What is asked of the store at once while scanning.
const SCAN_LIMIT: PageLimit = PageLimit {
    items: 1000,
    bytes: 1024 * 1024,
};

/// Changes whose blobs and former versions are read at the same time.
const LOADS_AT_ONCE: usize = 64;

/// Pause before a store that was out of reach is asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How often in a row a page that outlives its view is begun again before its watchers are given up.
const VIEW_ATTEMPTS: usize = 8;

/// The history subspace of an instance.
#[derive(Clone)]
pub(super) struct History {
    pub store: Store,
    pub layout: Layout,
}

/// The revisions to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub from: i64,
    pub newest: i64,
    /// A page ends with this many revisions in which something wanted happened.
    pub page_revisions: usize,
}

/// A stretch of history.
#[derive(Debug)]
pub(super) enum Page {
    /// What happened, of that which is wanted.
    Commits {
        commits: Vec<Commit>,
        /// The first revision that is not on the page.
        next: i64,
    },
    /// The first revision asked for is compacted, and may be gone; this is the oldest one left.
    Compacted(i64),
}

/// What a change's value takes beside its record.
fn blob_bytes(change: &Change) -> u64 {
    match change.put.as_ref().map(|put| &put.value) {
        Some(Value::Blob(blob)) => blob.len_bytes,
        _ => 0,
    }
}

struct Found {
    revision: Revision,
    change: Change,
    wanted: Wanted,
}

impl History {
    /// Reads what the groups want of a span of revisions, or of as much of it as a page holds.
    pub async fn page<M>(&self, span: &Span, groups: &Groups<M>) -> Result<Page> {
        let mut consistency = Consistency::Serializable;
        let mut attempts = 0;
        while attempts < VIEW_ATTEMPTS {
            match self.page_of(consistency, span, groups).await {
                Err(Error::Store(StoreError::ViewExpired)) => attempts += 1,
                // Watchers need nothing from the client while they wait for the store.
                Err(Error::Store(StoreError::Unavailable(_))) => {
                    attempts = 0;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                // A view that lags behind what the hub has announced is of no use here.
                Ok(Page::Commits { next, .. }) if next <= span.from => {
                    attempts += 1;
                    consistency = Consistency::Linearizable;
                }
                outcome => return outcome,
            }
        }
        Err(StoreError::ViewExpired.into())
    }

    async fn page_of<M>(
        &self,
        consistency: Consistency,
        span: &Span,
        groups: &Groups<M>,
    ) -> Result<Page> {
        let view = &self.store.view(consistency).await?;
        let state = read::state(view, &self.layout).await?;
        if span.from < state.compacted
            && !compact::is_whole_from(view, &self.layout, span.from).await?
        {
            return Ok(Page::Compacted(state.compacted));
        }
        let readable = Span {
            newest: span.newest.min(state.revision),
            ..*span
        };
        let (found, next) = self.scan(view, &readable, groups).await?;
        let mut commits = Vec::<Commit>::new();
        for some in found.chunks(LOADS_AT_ONCE) {
            let load = some.iter().map(|found| self.event(view, &state, found));
            let events = try_join_all(load).await?;
            for (found, event) in some.iter().zip(events) {
                match commits.last_mut() {
                    Some(commit) if commit.revision == found.revision.main => {
                        commit.events.push(event);
                    }
                    _ => commits.push(Commit {
                        revision: found.revision.main,
                        events: vec![event],
                    }),
                }
            }
        }
        Ok(Page::Commits { commits, next })
    }

    /// The wanted changes from `from` on, whole revisions only, and the revision to go on with.
    async fn scan<M>(
        &self,
        view: &View,
        span: &Span,
        groups: &Groups<M>,
    ) -> Result<(Vec<Found>, i64)> {
        let end = self.layout.history(Revision::first_of(span.newest + 1));
        let mut start = self.layout.history(Revision::first_of(span.from));
        let mut found = Vec::<Found>::new();
        let (mut revisions, mut records, mut bytes) = (0, 0, 0u64);
        let mut last_scanned = span.from;
        while start < end {
            let page = view
                .scan(&start, &end, SCAN_LIMIT, Direction::Forward)
                .await?;
            for (key, record) in &page.items {
                let revision = self.layout.history_revision(key)?;
                let full = revisions >= span.page_revisions
                    || bytes >= PAGE_BYTES
                    || records >= PAGE_RECORDS;
                if full && revision.main != last_scanned {
                    return Ok((found, revision.main));
                }
                last_scanned = revision.main;
                records += 1;
                let change = Change::decode(revision, record.clone())?;
                if let Some(wanted) = groups.wanted(&change.key, change.put.is_some()) {
                    bytes += record.len() as u64;
                    bytes = bytes.saturating_add(blob_bytes(&change));
                    let same = |found: &Found| found.revision.main == revision.main;
                    revisions += usize::from(!found.last().is_some_and(same));
                    found.push(Found {
                        revision,
                        change,
                        wanted,
                    });
                }
            }
            match page.items.last() {
                Some((key, _)) if page.more => start = successor(key),
                _ => break,
            }
        }
        Ok((found, span.newest + 1))
    }

    async fn event(&self, view: &View, state: &State, found: &Found) -> Result<Event> {
        let key = found.change.key.clone();
        let main = found.revision.main;
        let (kind, kv, created) = match &found.change.put {
            Some(put) => {
                let value = read::value(view, &self.layout, &put.value).await?;
                let created = put.create_revision == put.mod_revision;
                (
                    EventType::Put,
                    put.to_key_value(key.clone(), value),
                    created,
                )
            }
            None => {
                let kv = KeyValue {
                    key: key.clone(),
                    mod_revision: main,
                    ..KeyValue::default()
                };
                (EventType::Delete, kv, false)
            }
        };
        // What was before is read as of the revision before, which must not be compacted.
        let readable = main > state.compacted;
        let prev_kv = match found.wanted.prev_kv && !created && readable {
            true => self.before(view, &found.change, main).await?,
            false => None,
        };
        Ok(Event {
            r#type: kind as i32,
            kv: Some(kv),
            prev_kv,
        })
    }

    /// The version that the transaction `main` found when it made this change.
    async fn before(&self, view: &View, change: &Change, main: i64) -> Result<Option<KeyValue>> {
        let mut replaced = change.replaced;
        while let Some(version) = replaced {
            let Some(before) = read::change(view, &self.layout, version.revision).await? else {
                return Ok(None);
            };
            match before.put {
                // The transaction replaced what it had written itself: look behind that.
                Some(_) if version.revision.main == main => replaced = before.replaced,
                Some(put) => {
                    let value = read::value(view, &self.layout, &put.value).await?;
                    return Ok(Some(put.to_key_value(change.key.clone(), value)));
                }
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}
