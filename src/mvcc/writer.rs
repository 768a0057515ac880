//! A writer's record, by which the writer finds out what became of its batches.
//!
//! A writer is one opening of an instance, under a random id, so nobody else writes its record.
//! The record is there from the opening on: a writer that finds it gone knows that it was
//! collected, and that it cannot know any more which of its batches were applied.

use crate::error::{Error, Result};
use crate::mvcc::identity::made_once;
use crate::mvcc::job::{Job, in_parting};
use crate::mvcc::keyspace::{Layout, WriterRecord, successor};
use crate::store::{
    ApplyError, Batch, BatchId, Consistency, Direction, Guard, Op, PageLimit, Store, View,
};

/// A record that was not written for this long belongs to a writer that will not come back for it.
const STALE_AGE_MS: i64 = 24 * 3_600_000;
/// Records looked at in one view.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// Draws the id of a new writer and writes its record.
pub async fn register(store: &Store, layout: &Layout, now_ms: i64) -> Result<u64> {
    let writer = rand::random();
    let key = layout.writer(writer);
    let none_yet = BatchId {
        writer,
        sequence: 0,
    };
    made_once(store, &key, || vec![mark(layout, none_yet, now_ms)]).await?;
    Ok(writer)
}

/// The op by which a batch names itself as the last one of its writer.
pub fn mark(layout: &Layout, id: BatchId, now_ms: i64) -> Op {
    let record = WriterRecord {
        sequence: id.sequence,
        written_ms: now_ms,
    };
    Op::Set(layout.writer(id.writer), record.encode())
}

/// The number of a writer's last applied batch; `None` when its record was collected.
pub async fn last_sequence(view: &View, layout: &Layout, writer: u64) -> Result<Option<u64>> {
    let record = view.get(&layout.writer(writer)).await?;
    let record = record.map(WriterRecord::decode).transpose()?;
    Ok(record.map(|record| record.sequence))
}

/// Removes the record of a writer that will write no more and knows what became of its batches.
pub async fn forget(store: &Store, layout: &Layout, writer: u64) {
    let batch = Batch {
        id: BatchId {
            writer,
            sequence: 0,
        },
        guard: None,
        ops: vec![Op::Clear(layout.writer(writer))],
    };
    let forgotten = async { Ok(store.apply(batch).await?) };
    if let Err(error) = in_parting(forgotten).await {
        tracing::debug!(%error, "the writer's record is left to be collected");
    }
}

/// Removes records older than [`STALE_AGE_MS`], but this writer's own; answers how many.
pub async fn collect_stale(job: &Job, now_ms: i64) -> Result<usize> {
    let own = job.layout.writer(job.writer);
    let (mut from, end) = job.layout.subspace(b'w');
    let mut collected = 0;
    loop {
        let view = job.store.view(Consistency::Linearizable).await?;
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (key, record) in &page.items {
            let written_ms = WriterRecord::decode(record.clone())?.written_ms;
            if *key == own || now_ms - written_ms < STALE_AGE_MS {
                continue;
            }
            if !job.leads() {
                return Ok(collected);
            }
            let batch = Batch {
                id: job.batch_id(),
                // What the writer has written since tells it of a batch.
                guard: Some(Guard {
                    key: key.clone(),
                    expected: Some(record.clone()),
                }),
                ops: vec![Op::Clear(key.clone())],
            };
            match job.store.apply(batch).await {
                Ok(()) => collected += 1,
                // It is alive, or the next round looks again.
                Err(ApplyError::Conflict | ApplyError::Unknown) => {}
                Err(error) => return Err(Error::from(error)),
            }
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => return Ok(collected),
        }
    }
}
