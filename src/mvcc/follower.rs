//! Hears of what other servers have written.

use crate::error::{Error, Result};
use crate::mvcc::changes;
use crate::mvcc::feed::{Committed, Feed, NOWHERE};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{Change, Current, Revision, State};
use crate::mvcc::read;
use crate::mvcc::relay::{Relay, Relayed};
use crate::mvcc::size::change_bytes;
use crate::mvcc::watch::Commit;
use crate::pb::mvccpb::event::EventType;
use crate::pb::mvccpb::{Event, KeyValue};
use crate::store::{Consistency, StoreError, View};
use bytes::Bytes;
use futures_util::FutureExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long the feed may take to be told of what the store shows, by who brings all of it along: this
/// server's own sequencer, or the server that leads.
const TOLD_GRACE: Duration = Duration::from_millis(100);
/// So long after another server's write further ones are expected.
const BUSY: Duration = Duration::from_secs(1);
/// How often this server then looks for itself, while somebody watches: a store may take many
/// times as long to say that a key has changed as to be read.
const BUSY_INTERVAL: Duration = Duration::from_millis(2);
/// Pause before the store is asked again after it could not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// How often this server looks for itself while the server that leads tells it of everything: also when
/// that cannot be heard any more, and has not been missed yet.
const RELAYED_INTERVAL: Duration = Duration::from_millis(500);
/// No index of a log.
const NEVER: u64 = u64::MAX;
/// No writer.
const NOBODY: u64 = u64::MAX;
/// Changes of others that are read at once; behind more the cache begins anew.
const PULL_CHANGES_MAX: usize = 16 * 1024;

/// Brings the feed up to what the store holds.
pub struct Follower {
    job: Job,
    feed: Arc<Feed>,
    relay: Relay,
    pulling: tokio::sync::Mutex<()>,
    /// Since when this server was alone when the feed was last brought up to the store, or [`NEVER`].
    alone_since: AtomicU64,
    /// Whose batches are relayed to this server, or [`NOBODY`]'s.
    relaying: AtomicU64,
    /// One of them came that joins nothing.
    missed: Notify,
}

impl Follower {
    /// Of an instance's feed. Who listens to the relay is told when there is something to be read.
    pub fn new(job: Job, feed: Arc<Feed>, relay: Relay) -> Self {
        Self {
            job,
            feed,
            relay,
            pulling: tokio::sync::Mutex::default(),
            alone_since: AtomicU64::new(NEVER),
            relaying: AtomicU64::new(NOBODY),
            missed: Notify::new(),
        }
    }

    /// Follows until the store fails.
    pub async fn run(self: Arc<Self>) {
        let mut last_news = None::<Instant>;
        loop {
            // Before looking, so that what is written after the look ends the wait.
            let changed = match self.relaying() {
                NOBODY => self.job.store.changed_elsewhere(&self.job.layout.state()),
                _ => tokio::time::sleep(RELAYED_INTERVAL).boxed(),
            };
            let known = self.feed.state();
            match self.take(Consistency::Serializable).await {
                Ok(state) => {
                    if !self.is_told(&state) && state != known {
                        last_news = Some(Instant::now());
                    }
                    let expects_more = last_news.is_some_and(|at| at.elapsed() < BUSY);
                    tokio::select! {
                        () = changed => {}
                        () = self.missed.notified() => {}
                        () = tokio::time::sleep(BUSY_INTERVAL),
                            if expects_more && self.feed.is_watched() => {}
                    }
                }
                Err(Error::Store(StoreError::Fatal(_))) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot follow other servers");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// The feed's state, where it has all that was acknowledged before: nobody but this server, which
    /// tells of what it writes first, has written since the feed was brought up to the store.
    pub fn known(&self) -> Option<State> {
        let alone_since = self.alone_since()?;
        (self.alone_since.load(Ordering::Acquire) == alone_since).then(|| self.feed.state())
    }

    fn alone_since(&self) -> Option<u64> {
        self.job.store.progress()?.alone_since
    }

    /// The newest state, with the feed brought to it or beyond: whoever reads the cache then
    /// sees everything acknowledged before the call.
    pub async fn look(&self) -> Result<State> {
        if let Some(state) = self.known() {
            return Ok(state);
        }
        let alone_since = self.alone_since();
        let state = self.catch_up().await?;
        let alone_since = alone_since.unwrap_or(NEVER);
        self.alone_since.store(alone_since, Ordering::Release);
        Ok(state)
    }

    /// The same, from the store in any case: for who has seen that there is more than the feed has.
    pub async fn catch_up(&self) -> Result<State> {
        self.take(Consistency::Linearizable).await
    }

    /// The state that the store shows, with the feed brought to it or beyond.
    async fn take(&self, consistency: Consistency) -> Result<State> {
        let state = self.job.layout.state();
        let (view, record) = self.job.store.look(&state, consistency).await?;
        let state = read::decode_state(record)?;
        if self.has(&state) {
            return Ok(state);
        }
        if self.is_told(&state) {
            let mut states = self.feed.states();
            let published =
                states.wait_for(|published| published.batch.sequence >= state.batch.sequence);
            if let Ok(Ok(_)) = tokio::time::timeout(TOLD_GRACE, published).await {
                return Ok(state);
            }
            self.end_relay();
        }
        self.bring(&view, &state).await?;
        Ok(state)
    }

    /// Whether somebody is to tell the feed of it.
    fn is_told(&self, state: &State) -> bool {
        let writer = state.batch.writer;
        writer == self.job.writer || writer == self.relaying()
    }

    fn relaying(&self) -> u64 {
        self.relaying.load(Ordering::Relaxed)
    }

    /// From now on this server looks for itself.
    pub fn end_relay(&self) {
        self.relaying.store(NOBODY, Ordering::Relaxed);
        self.missed.notify_one();
    }

    /// Takes in a batch that the server which leads has committed, if all before it is known.
    pub fn hear(&self, batch: Bytes) {
        let batch = match Relayed::decode(&self.job.layout, batch) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, "the server that leads cannot be understood");
                return;
            }
        };
        if self.has(&batch.state) {
            return;
        }
        if batch.from != self.feed.state().revision {
            self.end_relay();
            return;
        }
        if let Some(version) = batch.version {
            self.job.store.note_version(version);
        }
        let writer = batch.state.batch.writer;
        self.publish(batch.from, batch.state, batch.changes);
        self.relaying.store(writer, Ordering::Relaxed);
    }

    /// Brings the feed to the state in a view or beyond.
    pub async fn bring(&self, view: &View, state: &State) -> Result<()> {
        if self.has(state) {
            return Ok(());
        }
        let _alone = self.pulling.lock().await;
        while !self.has(state) {
            let known = self.feed.state();
            let pulled = self.pull(view, known.revision, state).await?;
            // What this server's own sequencer told of meanwhile is not told again.
            if self.feed.state() != known {
                continue;
            }
            match pulled {
                Some(changes) => self.publish(known.revision, *state, changes),
                None => self.publish(NOWHERE, *state, Vec::new()),
            }
            self.relay.nudge(state);
        }
        Ok(())
    }

    /// Tells the feed what led from a revision to a state.
    fn publish(&self, from: i64, state: State, changes: Vec<(Revision, Change)>) {
        self.feed.publish(Committed {
            state,
            from,
            commits: self.commits(from, &changes).unwrap_or_default(),
            turns: changes.iter().filter_map(|(at, it)| it.turn(*at)).collect(),
            added_bytes: changes
                .iter()
                .map(|(_, it)| change_bytes(&it.key, it.put.as_ref()))
                .sum(),
            changes: changes
                .into_iter()
                .map(|(_, it)| (it.key, it.put))
                .collect(),
            // Watchers are told what was there before.
            adds_to_cache: self.feed.is_watched(),
        });
    }

    fn has(&self, state: &State) -> bool {
        state.batch.sequence <= self.feed.state().batch.sequence
    }

    /// What happened after a revision; `None` when that is too much, or compacted.
    async fn pull(
        &self,
        view: &View,
        from: i64,
        state: &State,
    ) -> Result<Option<Vec<(Revision, Change)>>> {
        let layout = &self.job.layout;
        let too_many = state.revision - from > PULL_CHANGES_MAX as i64;
        // Compaction takes superseded versions, also of revisions that can still be watched.
        if too_many || from < state.compacted {
            return Ok(None);
        }
        let mut next = Some(changes::after(layout, from));
        let mut pulled = Vec::new();
        while let Some(start) = next {
            let page = changes::page(view, layout, &start, state.revision).await?;
            pulled.extend(page.0);
            next = page.1;
            if pulled.len() > PULL_CHANGES_MAX {
                return Ok(None);
            }
        }
        Ok(Some(pulled))
    }

    /// What watchers see of the changes that followed a revision; `None` when that is not at hand:
    /// a former version, or a value in pieces.
    fn commits(&self, from: i64, changes: &[(Revision, Change)]) -> Option<Vec<Commit>> {
        if !self.feed.is_watched() {
            return None;
        }
        let mut before = HashMap::new();
        let mut commits = Vec::new();
        for transaction in changes.chunk_by(|(one, _), (next, _)| one.main == next.main) {
            let mut events = Vec::with_capacity(transaction.len());
            for (revision, change) in transaction {
                if !before.contains_key(&change.key) {
                    let known = match change.replaced {
                        None => None,
                        Some(_) => self.feed.cache.get(&change.key, from).ok()??,
                    };
                    before.insert(change.key.clone(), known);
                }
                events.push(event(*revision, change, before[&change.key].as_ref())?);
            }
            // All of a transaction sees what was before it.
            let became = transaction
                .iter()
                .map(|(_, it)| (it.key.clone(), it.put.clone()));
            before.extend(became);
            let revision = transaction[0].0.main;
            commits.push(Commit { revision, events });
        }
        Some(commits)
    }
}

fn event(revision: Revision, change: &Change, before: Option<&Current>) -> Option<Event> {
    let visible = |current: &Current| {
        let value = current.value.inline()?;
        Some(current.to_key_value(change.key.clone(), value.clone()))
    };
    let (kind, kv) = match &change.put {
        Some(put) => (EventType::Put, visible(put)?),
        None => {
            let kv = KeyValue {
                key: change.key.clone(),
                mod_revision: revision.main,
                ..KeyValue::default()
            };
            (EventType::Delete, kv)
        }
    };
    let prev_kv = match before {
        Some(before) => Some(visible(before)?),
        None => None,
    };
    Some(Event {
        r#type: kind.into(),
        kv: Some(kv),
        prev_kv,
    })
}
