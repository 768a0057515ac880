//! The counts as of one revision, in the store, so that a server that starts need not count all
//! keys.
//!
//! What has happened since is in the history, which is read from there on. Without a checkpoint, or
//! with one that is older than the last compaction, the keys are counted once again: that is
//! slower, never wrong. Each checkpoint has a place of its own, under a random token, and counts
//! for nothing until the one record is written that names it. So one that was broken off, or two
//! that were written at the same time, do no harm.

use crate::error::{Error, Result};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{CountsPiece, CountsRecord, Layout, State, successor};
use crate::store::{ApplyError, Batch, Direction, Guard, Op, PageLimit, View};
use bytes::Bytes;

/// Buckets go into one record up to this many bytes: with the longest key, less than any store
/// takes.
const PIECE_BYTES: usize = if cfg!(test) { 200 } else { 32 << 10 };
/// Records go into one batch up to this many bytes.
const BATCH_BYTES: usize = if cfg!(test) { 400 } else { 512 << 10 };
/// What is read at a time.
const PAGE: PageLimit = PageLimit {
    items: 64,
    bytes: 4 << 20,
};

/// The keys of all buckets, as of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The revision.
    pub revision: i64,
    /// Where each bucket begins, ascending, and its keys.
    pub buckets: Vec<(Bytes, usize)>,
}

/// The checkpoint in a view, if there is one that leads to the state there.
pub async fn load(view: &View, layout: &Layout, state: &State) -> Result<Option<Checkpoint>> {
    let Some(record) = view.get(&layout.counts()).await? else {
        return Ok(None);
    };
    let record = CountsRecord::decode(record)?;
    if !(state.compacted..=state.revision).contains(&record.revision) {
        return Ok(None);
    }
    let (mut from, end) = layout.counts_pieces(record.token);
    let mut pieces = 0;
    let mut buckets = Vec::new();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        pieces += page.items.len();
        for (_, piece) in &page.items {
            buckets.extend(CountsPiece::decode(piece.clone())?.buckets);
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => break,
        }
    }
    let is_ascending = buckets.is_sorted_by(|(one, _), (next, _)| one < next);
    let is_whole = buckets.first().is_some_and(|(start, _)| start.is_empty());
    if pieces != record.pieces as usize || !is_ascending || !is_whole {
        return Err(Error::CorruptRecord {
            subspace: 'n',
            detail: "a piece is missing",
        });
    }
    let revision = record.revision;
    Ok(Some(Checkpoint { revision, buckets }))
}

/// Writes a checkpoint in the place of the one in a view; answers whether it counts now.
pub async fn save(job: &Job, view: &View, checkpoint: Checkpoint) -> Result<bool> {
    let layout = &job.layout;
    let before = view.get(&layout.counts()).await?;
    let token = rand::random();
    let mut ops = Vec::new();
    let mut pieces = 0;
    for piece in divided(checkpoint.buckets) {
        let record = piece.encode();
        let bytes: usize = ops.iter().map(Op::size_bytes).sum();
        if bytes + record.len() > BATCH_BYTES.min(job.store.limits().batch_bytes / 2)
            && !apply(job, &before, std::mem::take(&mut ops)).await?
        {
            return Ok(false);
        }
        ops.push(Op::Set(layout.counts_piece(token, pieces), record));
        pieces += 1;
    }
    let record = CountsRecord {
        revision: checkpoint.revision,
        token,
        pieces,
    };
    ops.push(Op::Set(layout.counts(), record.encode()));
    // All others, whether or not they were ever whole.
    let (start, end) = layout.subspace(b'n');
    let (own_start, own_end) = layout.counts_pieces(token);
    ops.push(Op::ClearRange(start, own_start));
    ops.push(Op::ClearRange(own_end, end));
    apply(job, &before, ops).await
}

/// Guarded, so that what comes late does not stay behind.
async fn apply(job: &Job, before: &Option<Bytes>, ops: Vec<Op>) -> Result<bool> {
    let batch = Batch {
        id: job.batch_id(),
        guard: Some(Guard {
            key: job.layout.counts(),
            expected: before.clone(),
        }),
        ops,
    };
    match job.store.apply(batch).await {
        Ok(()) => Ok(true),
        Err(ApplyError::Conflict | ApplyError::Unknown) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn divided(buckets: Vec<(Bytes, usize)>) -> Vec<CountsPiece> {
    let mut pieces = vec![CountsPiece::default()];
    let mut bytes = 0;
    for (start, keys) in buckets {
        if bytes > PIECE_BYTES {
            pieces.push(CountsPiece::default());
            bytes = 0;
        }
        bytes += start.len() + CountsPiece::BUCKET_BYTES_MAX;
        if let Some(piece) = pieces.last_mut() {
            piece.buckets.push((start, keys));
        }
    }
    pieces
}
