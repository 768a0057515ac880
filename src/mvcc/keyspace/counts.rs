//! The records of a checkpoint of the counts, to and from bytes.

use super::records::{get_varint, put_varint};
use super::truncated;
use crate::error::Result;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Where the checkpoint is that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountsRecord {
    /// The revision it is of.
    pub revision: i64,
    /// The place of its pieces.
    pub token: u128,
    /// How many they are.
    pub pieces: u32,
}

/// Some buckets of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountsPiece {
    /// Where each begins, and its keys.
    pub buckets: Vec<(Bytes, usize)>,
}

impl CountsRecord {
    /// The record for `m`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(28);
        out.put_i64(self.revision);
        out.put_u128(self.token);
        out.put_u32(self.pieces);
        out.freeze()
    }

    /// Reads the record of `m`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != 28 {
            return Err(truncated('m'));
        }
        Ok(Self {
            revision: record.get_i64(),
            token: record.get_u128(),
            pieces: record.get_u32(),
        })
    }
}

impl CountsPiece {
    /// The most bytes of a bucket beside its beginning.
    pub const BUCKET_BYTES_MAX: usize = 20;

    /// The record for `n`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        for (start, keys) in &self.buckets {
            put_varint(&mut out, start.len() as u64);
            out.put_slice(start);
            put_varint(&mut out, *keys as u64);
        }
        out.freeze()
    }

    /// Reads a record of `n`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        let mut buckets = Vec::new();
        while !record.is_empty() {
            let length = get_varint(&mut record, 'n')? as usize;
            if record.len() < length {
                return Err(truncated('n'));
            }
            // Few of its bytes are kept for long.
            let start = Bytes::copy_from_slice(&record.split_to(length));
            buckets.push((start, get_varint(&mut record, 'n')? as usize));
        }
        Ok(Self { buckets })
    }
}
