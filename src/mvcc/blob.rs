//! Values too large for one record: written once, in pieces, and named by the records.
//!
//! A value that does not fit into a batch is *staged*: its pieces go in first, under a mark in
//! `s`; the batch that makes it visible clears the mark. A mark that stays belongs to a write
//! that never came to pass, and its pieces are collected.

use crate::error::{Error, Result};
use crate::mvcc::clock;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{BLOB_CHUNK_BYTES, BlobRef, Layout, Revision, StagedBlob, successor};
use crate::store::{
    ApplyError, Batch, BatchId, Consistency, Direction, Op, PageLimit, Store, View,
};
use bytes::{Bytes, BytesMut};

/// Pieces read at a time.
const PAGE: PageLimit = PageLimit {
    items: 64,
    bytes: 4 << 20,
};

/// How long a mark must stand before its blob counts as an orphan: far above any request timeout
/// and any difference between the clocks of two servers.
const ORPHAN_AGE_MS: i64 = 3_600_000;

/// Bits of a name that tell when it was given: milliseconds since 1970.
const NAME_TIME_BITS: u32 = 48;

/// Names under which one value is tried to be staged.
const STAGE_ATTEMPTS: u32 = 5;

/// A new name for a value. It begins with the time, so that pieces written about the same time lie
/// together, and a store that keeps its keys in order need not move older ones for them.
pub fn name(value: &Bytes) -> BlobRef {
    let since_epoch_ms = u128::from(clock::now_ms().unsigned_abs());
    let chance = rand::random::<u128>() >> NAME_TIME_BITS;
    BlobRef {
        id: since_epoch_ms << (u128::BITS - NAME_TIME_BITS) | chance,
        len_bytes: value.len() as u64,
    }
}

/// The name of a blob in a keyspace that is restored: it follows from the change that brings the
/// value, and is below all that begin with a time of this century.
pub fn restored_name(at: Revision, value: &Bytes) -> BlobRef {
    let main = at.main.unsigned_abs();
    BlobRef {
        id: u128::from(main) << u32::BITS | u128::from(at.sub),
        len_bytes: value.len() as u64,
    }
}

/// The ops that write a blob's pieces.
pub fn pieces(layout: &Layout, blob: &BlobRef, value: &Bytes) -> impl Iterator<Item = Op> {
    (0..value.len())
        .step_by(BLOB_CHUNK_BYTES)
        .zip(0u32..)
        .map(move |(at, chunk)| {
            let end = value.len().min(at + BLOB_CHUNK_BYTES);
            Op::Set(layout.blob(blob.id, chunk), value.slice(at..end))
        })
}

/// The op that removes a blob.
pub fn clear(layout: &Layout, blob: &BlobRef) -> Op {
    let (start, end) = layout.blob_range(blob.id);
    Op::ClearRange(start, end)
}

/// The whole value.
pub async fn read(view: &View, layout: &Layout, blob: &BlobRef) -> Result<Bytes> {
    let corrupt = |detail| Error::CorruptRecord {
        subspace: 'b',
        detail,
    };
    let len = usize::try_from(blob.len_bytes).map_err(|_| corrupt("a length beyond memory"))?;
    let (mut from, end) = layout.blob_range(blob.id);
    let mut value = BytesMut::new();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (_, piece) in &page.items {
            value.extend_from_slice(piece);
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => break,
        }
    }
    if value.len() != len {
        return Err(corrupt("a piece is missing"));
    }
    Ok(value.freeze())
}

/// Writes the pieces of a value under a mark, in as many batches as they need.
///
/// After an unknown outcome it begins again under another name: were the mark written once more
/// after the value became visible, the value would be collected.
pub async fn stage(
    store: &Store,
    layout: &Layout,
    id: BatchId,
    value: &Bytes,
    now_ms: i64,
) -> Result<BlobRef> {
    for _ in 0..STAGE_ATTEMPTS {
        let blob = name(value);
        match stage_as(store, layout, id, &blob, value, now_ms).await {
            Ok(()) => return Ok(blob),
            Err(ApplyError::Unknown) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Timeout)
}

async fn stage_as(
    store: &Store,
    layout: &Layout,
    id: BatchId,
    blob: &BlobRef,
    value: &Bytes,
    now_ms: i64,
) -> Result<(), ApplyError> {
    let mark = StagedBlob { begun_ms: now_ms }.encode();
    let mut ops = vec![Op::Set(layout.staged(blob.id), mark)];
    let mut bytes = 0;
    let room = store.limits().batch_bytes / 2;
    for piece in pieces(layout, blob, value) {
        if bytes + piece.size_bytes() > room {
            let full = std::mem::take(&mut ops);
            store.apply(unguarded(id, full)).await?;
            bytes = 0;
        }
        bytes += piece.size_bytes();
        ops.push(piece);
    }
    store.apply(unguarded(id, ops)).await
}

fn unguarded(id: BatchId, ops: Vec<Op>) -> Batch {
    Batch {
        id,
        guard: None,
        ops,
    }
}

/// Removes the blobs whose marks are older than [`ORPHAN_AGE_MS`]; answers how many.
pub async fn collect_orphans(job: &Job, now_ms: i64) -> Result<usize> {
    let layout = &job.layout;
    let (mut from, end) = layout.subspace(b's');
    let mut collected = 0;
    loop {
        let view = job.store.view(Consistency::Linearizable).await?;
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (key, mark) in &page.items {
            if now_ms - StagedBlob::decode(mark.clone())?.begun_ms < ORPHAN_AGE_MS {
                continue;
            }
            if !job.leads() {
                return Ok(collected);
            }
            let (start, end) = layout.blob_range(layout.staged_id(key)?);
            let ops = vec![Op::ClearRange(start, end), Op::Clear(key.clone())];
            match job.store.apply(unguarded(job.batch_id(), ops)).await {
                // Removed or not, the next round looks again.
                Ok(()) | Err(ApplyError::Unknown) => collected += 1,
                Err(error) => return Err(error.into()),
            }
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => return Ok(collected),
        }
    }
}
