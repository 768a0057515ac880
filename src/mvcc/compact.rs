//! Compaction: forgetting what happened before a revision.
//!
//! The compacted revision is committed first, by the sequencer; from then on older revisions
//! are refused. Deletion follows in bounded batches off the write path. It walks the history
//! between the last compaction and this one: every change there supersedes the version of its
//! key before it, and nothing older is left, for the compaction before has seen to that. So it
//! costs what has changed, not what is stored. How far it came is written with each batch: a
//! compaction that is killed goes on where it was.

use crate::error::{Error, Result};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{Change, Layout, Revision, State, Value};
use crate::mvcc::queue::Handle;
use crate::mvcc::request::{Call, Request};
use crate::mvcc::scratch::Scratch;
use crate::mvcc::{blob, identity, read};
use crate::store::{
    ApplyError, Batch, Consistency, Direction, Guard, Op, PageLimit, StoreError, View,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The metadata record that says up to where deletion has come.
const META_PROGRESS: &str = "compaction progress";
/// Changes looked at for one batch of deletions.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};
/// Pause after a batch, so that writes go in between.
const BATCH_PAUSE: Duration = Duration::from_millis(1);
/// How long deletion waits where there are several servers, for one that lags a little: it still
/// finds what its watchers have not seen, and a compaction does not end them.
pub(super) const DELETION_DELAY: Duration = Duration::from_secs(1);
/// How often a server that does not lead looks how far the leader has come, beside being told.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);
/// Pause before a failed batch is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// How often compaction by number of revisions looks.
const REVISION_INTERVAL: Duration = Duration::from_secs(300);
/// How finely compaction by age knows when a revision was: a tenth of the age, within bounds.
const PERIODIC_SAMPLES: u32 = 10;
const MIN_SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
const MAX_SAMPLE_INTERVAL: Duration = Duration::from_secs(300);

/// When old revisions are compacted without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoCompaction {
    /// Never.
    Off,
    /// Revisions older than this.
    Periodic(Duration),
    /// All but the newest this many revisions.
    Revisions(i64),
}

/// Makes `revision` the oldest that can be read; answers the newest.
pub fn begin(scratch: &mut Scratch, revision: i64) -> Result<i64> {
    if revision <= scratch.state.compacted {
        return Err(Error::Compacted);
    }
    if revision > scratch.state.revision {
        return Err(Error::FutureRevision);
    }
    scratch.state.compacted = revision;
    Ok(scratch.state.revision)
}

/// How far deletion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// The compaction up to this revision is finished.
    complete: i64,
    /// The next change to look at. What a finished compaction looked at last is looked at again
    /// by the next one: a deletion at the compacted revision itself stays until then.
    next: Revision,
}

impl Progress {
    /// Before the first compaction.
    const START: Self = Self {
        complete: -1,
        next: Revision { main: 0, sub: 0 },
    };

    async fn load(view: &View, layout: &Layout) -> Result<Option<Self>> {
        let Some(mut record) = view.get(&layout.meta(META_PROGRESS)).await? else {
            return Ok(None);
        };
        if record.len() != 20 {
            return Err(Error::CorruptRecord {
                subspace: 'm',
                detail: "compaction progress of a wrong length",
            });
        }
        Ok(Some(Self {
            complete: record.get_i64(),
            next: Revision {
                main: record.get_i64(),
                sub: record.get_u32(),
            },
        }))
    }

    fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(20);
        out.put_i64(self.complete);
        out.put_i64(self.next.main);
        out.put_u32(self.next.sub);
        out.freeze()
    }
}

/// The revision up to which superseded versions are deleted.
pub async fn complete(view: &View, layout: &Layout) -> Result<i64> {
    let progress = Progress::load(view, layout).await?;
    Ok(progress.unwrap_or(Progress::START).complete)
}

/// The first change whose predecessor may still have to be deleted.
pub async fn next(view: &View, layout: &Layout) -> Result<Revision> {
    let progress = Progress::load(view, layout).await?;
    Ok(progress.unwrap_or(Progress::START).next)
}

/// Says that a compaction is finished.
#[cfg(test)]
pub fn finished(layout: &Layout, revision: i64) -> Op {
    let progress = Progress {
        complete: revision,
        next: Revision::first_of(revision),
    };
    Op::Set(layout.meta(META_PROGRESS), progress.encode())
}

/// Whether all is there yet that happened from a revision on.
pub async fn is_whole_from(view: &View, layout: &Layout, revision: i64) -> Result<bool> {
    Ok(next(view, layout).await? <= Revision::first_of(revision))
}

/// Deletes what compactions leave behind, while this server leads, and follows how far another
/// server has come, while it does not. `compactions` brings the compacted revision; `done` tells those
/// who wait for a physical compaction.
pub async fn delete_forever(
    mut job: Job,
    mut compactions: watch::Receiver<i64>,
    done: watch::Sender<i64>,
) {
    let mut target = i64::MIN;
    loop {
        let finished = *done.borrow();
        if finished >= target {
            match compactions
                .wait_for(|compacted| *compacted > finished)
                .await
            {
                Ok(compacted) => target = *compacted,
                Err(_) => return,
            }
            if job.has_company() {
                tokio::time::sleep(DELETION_DELAY).await;
            }
        }
        let complete = if job.leads() {
            delete_page(&job, target).await
        } else {
            follow(&mut job, target).await
        };
        match complete {
            Ok(complete) if complete >= target => {
                done.send_replace(complete);
                tracing::info!(revision = complete, "compaction finished");
            }
            // So that writes go in between.
            Ok(_) => tokio::time::sleep(BATCH_PAUSE).await,
            Err(Error::Store(StoreError::Fatal(_) | StoreError::Unreadable(_))) => return,
            Err(error) => {
                tracing::warn!(%error, "compaction will be tried again");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Makes one batch of deletions for a compaction to `target`; answers the revision to which
/// everything is deleted.
///
/// The batch is guarded by the progress it goes on from. Of two servers that both delete one
/// goes on and the other looks again, and an old batch cannot turn the progress back.
pub(super) async fn delete_page(job: &Job, target: i64) -> Result<i64> {
    let layout = &job.layout;
    let view = job.store.view(Consistency::Linearizable).await?;
    let stored = Progress::load(&view, layout).await?;
    let before = stored.unwrap_or(Progress::START);
    if before.complete >= target {
        return Ok(before.complete);
    }
    let (mut ops, after) = doomed(&view, layout, before, target).await?;
    ops.push(Op::Set(layout.meta(META_PROGRESS), after.encode()));
    let batch = Batch {
        id: job.batch_id(),
        guard: Some(Guard {
            key: layout.meta(META_PROGRESS),
            expected: stored.map(|progress| progress.encode()),
        }),
        ops,
    };
    if !job.leads() {
        return Ok(before.complete);
    }
    match job.store.apply(batch).await {
        Ok(()) => Ok(after.complete),
        Err(ApplyError::Conflict | ApplyError::Unknown) => Ok(before.complete),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the server that leads to come to `target`, or for a reason to look again; answers as
/// [`delete_page`] does.
async fn follow(job: &mut Job, target: i64) -> Result<i64> {
    // Before looking, so that what is written after the look ends the wait.
    let changed = job.store.changed(&job.layout.meta(META_PROGRESS));
    let view = job.store.view(Consistency::Linearizable).await?;
    let found = complete(&view, &job.layout).await?;
    if found < target {
        tokio::select! {
            () = changed => {}
            Ok(()) = job.leadership.changed() => {}
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
    }
    Ok(found)
}

/// The next deletions of a compaction to `target`, and how far it will have come with them.
async fn doomed(
    view: &View,
    layout: &Layout,
    progress: Progress,
    target: i64,
) -> Result<(Vec<Op>, Progress)> {
    let start = layout.history(progress.next);
    let end = layout.history(Revision::first_of(target + 1));
    let page = view.scan(&start, &end, PAGE, Direction::Forward).await?;
    let dense_until = identity::dense_until(view, layout).await?;
    let mut ops = Vec::new();
    let mut next = Revision::first_of(target);
    for (store_key, record) in page.items {
        let revision = layout.history_revision(&store_key)?;
        let change = Change::decode(revision, record)?;
        if let Some(replaced) = change.replaced {
            if replaced.is_blob
                && let Some(old) = read::change(view, layout, replaced.revision).await?
                && let Some(Value::Blob(blob)) = old.put.map(|put| put.value)
            {
                ops.push(blob::clear(layout, &blob));
            }
            ops.push(Op::Clear(layout.history(replaced.revision)));
            if replaced.revision.main <= dense_until || change.may_replace_indexed() {
                ops.push(Op::Clear(layout.index(&change.key, replaced.revision)));
            }
        }
        if change.put.is_none() && revision.main < target {
            ops.push(Op::Clear(store_key));
            ops.push(Op::Clear(layout.index(&change.key, revision)));
        }
        if page.more {
            next = Revision {
                sub: revision.sub + 1,
                ..revision
            };
        }
    }
    let complete = if page.more { progress.complete } else { target };
    Ok((ops, Progress { complete, next }))
}

/// Compacts by itself, while this server leads, as `mode` says.
pub async fn compact_automatically(
    job: Job,
    sequencer: Handle,
    states: watch::Receiver<State>,
    mode: AutoCompaction,
) {
    let (interval, mut pick): (Duration, Box<dyn FnMut(i64) -> i64 + Send>) = match mode {
        AutoCompaction::Off => return,
        AutoCompaction::Revisions(keep) => {
            (REVISION_INTERVAL, Box::new(move |newest| newest - keep))
        }
        AutoCompaction::Periodic(retention) => {
            let interval =
                (retention / PERIODIC_SAMPLES).clamp(MIN_SAMPLE_INTERVAL, MAX_SAMPLE_INTERVAL);
            let mut samples: VecDeque<(Instant, i64)> = VecDeque::new();
            let pick = move |newest| {
                let now = Instant::now();
                samples.push_back((now, newest));
                let mut oldest = 0;
                while let Some((at, revision)) = samples.front().copied()
                    && now.duration_since(at) >= retention
                {
                    oldest = revision;
                    samples.pop_front();
                }
                oldest
            };
            (interval, Box::new(pick))
        }
    };
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        let state = *states.borrow();
        let revision = pick(state.revision);
        if !job.leads() || revision <= state.compacted.max(0) {
            continue;
        }
        match sequencer
            .submit(Call::of_server(Request::Compact(revision)))
            .await
        {
            Ok(_) => tracing::info!(revision, "compacted automatically"),
            // Somebody else has compacted further.
            Err(Error::Compacted) => {}
            Err(Error::Stopped) => return,
            Err(error) => tracing::warn!(%error, "cannot compact"),
        }
    }
}
