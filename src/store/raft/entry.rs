//! A batch as an entry of the log.
//!
//! ```text
//! version 1, writer (8 bytes), sequence (8 bytes)
//! guard: 0 | 1 key | 2 key value          none | the key is absent | the key holds the value
//! number of ops, then each:
//!   0 key value                           set
//!   1 key                                 clear
//!   2 start end                           clear a range
//!   3 key head op length                  set to the head, and the last `length` bytes of the
//!                                         value that the op of that number sets
//! ```
//! Numbers are varints, keys and values are preceded by their length. The fourth op is there
//! because a keyspace stores a value under more than one key, each time behind another head: the
//! log, its fsync and the network carry it once.

use crate::store::{Batch, BatchId, Guard, Op};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use foldhash::{HashMap, HashMapExt};
use prost::encoding::{decode_varint, encode_varint};

const VERSION: u8 = 1;
/// Ends of values are compared by so many bytes, and shared from this length on.
const SHARED_BYTES_MIN: usize = 32;
/// So many bytes are compared at once.
const COMPARED_BYTES: usize = 32;
/// Values that are put together have so much memory in common: else each would have its own.
const JOINED_BYTES: usize = 64 << 10;

const NO_GUARD: u8 = 0;
const GUARD_ABSENT: u8 = 1;
const GUARD_VALUE: u8 = 2;
const SET: u8 = 0;
const CLEAR: u8 = 1;
const CLEAR_RANGE: u8 = 2;
const SET_SHARED: u8 = 3;

/// An entry that is no batch of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry of the log cannot be read: it is damaged, or of a newer kvtool")]
pub struct Malformed;

/// A batch as bytes.
pub fn encode(batch: &Batch) -> Bytes {
    let bytes: usize = batch.ops.iter().map(Op::size_bytes).sum();
    let mut out = BytesMut::with_capacity(bytes + 64);
    out.put_u8(VERSION);
    out.put_u64(batch.id.writer);
    out.put_u64(batch.id.sequence);
    match &batch.guard {
        None => out.put_u8(NO_GUARD),
        Some(Guard { key, expected }) => {
            out.put_u8(expected.as_ref().map_or(GUARD_ABSENT, |_| GUARD_VALUE));
            put_bytes(&mut out, key);
            expected.iter().for_each(|value| put_bytes(&mut out, value));
        }
    }
    encode_varint(batch.ops.len() as u64, &mut out);
    let mut ends = HashMap::with_capacity(batch.ops.len());
    for (number, op) in batch.ops.iter().enumerate() {
        match op {
            Op::Set(key, value) => match shared(&mut ends, &batch.ops, number, value) {
                Some((earlier, length)) => {
                    out.put_u8(SET_SHARED);
                    put_bytes(&mut out, key);
                    put_bytes(&mut out, &value[..value.len() - length]);
                    encode_varint(earlier as u64, &mut out);
                    encode_varint(length as u64, &mut out);
                }
                None => {
                    out.put_u8(SET);
                    put_bytes(&mut out, key);
                    put_bytes(&mut out, value);
                }
            },
            Op::Clear(key) => {
                out.put_u8(CLEAR);
                put_bytes(&mut out, key);
            }
            Op::ClearRange(start, end) => {
                out.put_u8(CLEAR_RANGE);
                put_bytes(&mut out, start);
                put_bytes(&mut out, end);
            }
        }
    }
    out.freeze()
}

/// An earlier op whose value ends as this one does, and by how many bytes.
fn shared<'a>(
    ends: &mut HashMap<&'a [u8], usize>,
    ops: &'a [Op],
    number: usize,
    value: &'a Bytes,
) -> Option<(usize, usize)> {
    let end = &value[value.len().checked_sub(SHARED_BYTES_MIN)?..];
    let earlier = *ends.entry(end).or_insert(number);
    let Op::Set(_, other) = ops.get(earlier).filter(|_| earlier < number)? else {
        return None;
    };
    Some((earlier, common_end_bytes(value, other)))
}

/// How many bytes at the end of two values are the same. Most often all of one are.
fn common_end_bytes(one: &[u8], other: &[u8]) -> usize {
    let is_same = |(one, other): &(&[u8], &[u8])| one == other;
    let blocks = one.rchunks_exact(COMPARED_BYTES);
    let blocks = blocks.zip(other.rchunks_exact(COMPARED_BYTES));
    let same = COMPARED_BYTES * blocks.take_while(is_same).count();
    let (one, other) = (&one[..one.len() - same], &other[..other.len() - same]);
    let pairs = one.iter().rev().zip(other.iter().rev());
    same + pairs.take_while(|(one, other)| one == other).count()
}

/// The batch in an entry, which may hold at most `bytes_max` of keys and values.
pub fn decode(mut entry: Bytes, bytes_max: usize) -> Result<Batch, Malformed> {
    let entry = &mut entry;
    if take_u8(entry)? != VERSION {
        return Err(Malformed);
    }
    let id = BatchId {
        writer: take_u64(entry)?,
        sequence: take_u64(entry)?,
    };
    let guard = match take_u8(entry)? {
        NO_GUARD => None,
        tag @ (GUARD_ABSENT | GUARD_VALUE) => {
            let key = take_bytes(entry)?;
            let expected = match tag {
                GUARD_VALUE => Some(take_bytes(entry)?),
                _ => None,
            };
            Some(Guard { key, expected })
        }
        _ => return Err(Malformed),
    };
    let count = take_number(entry)?;
    // Each op takes a byte at least: no more is set aside than the entry can hold.
    if count > entry.len() {
        return Err(Malformed);
    }
    let mut ops = Vec::with_capacity(count);
    let mut joined = BytesMut::with_capacity(entry.len().min(JOINED_BYTES));
    let mut bytes = 0;
    for _ in 0..count {
        let op = take_op(entry, &ops, &mut joined, bytes_max)?;
        bytes += op.size_bytes();
        if bytes > bytes_max {
            return Err(Malformed);
        }
        ops.push(op);
    }
    if entry.is_empty() {
        Ok(Batch { id, guard, ops })
    } else {
        Err(Malformed)
    }
}

/// Takes the next op; a value that is not in one piece is put together behind those in `joined`.
fn take_op(
    entry: &mut Bytes,
    before: &[Op],
    joined: &mut BytesMut,
    bytes_max: usize,
) -> Result<Op, Malformed> {
    Ok(match take_u8(entry)? {
        SET => Op::Set(take_bytes(entry)?, take_bytes(entry)?),
        CLEAR => Op::Clear(take_bytes(entry)?),
        CLEAR_RANGE => Op::ClearRange(take_bytes(entry)?, take_bytes(entry)?),
        SET_SHARED => {
            let (key, head) = (take_bytes(entry)?, take_bytes(entry)?);
            let (earlier, length) = (take_number(entry)?, take_number(entry)?);
            let Some(Op::Set(_, value)) = before.get(earlier) else {
                return Err(Malformed);
            };
            let start = value.len().checked_sub(length).ok_or(Malformed)?;
            if head.is_empty() {
                return Ok(Op::Set(key, value.slice(start..)));
            }
            if head.len() + length > bytes_max {
                return Err(Malformed);
            }
            joined.reserve(head.len() + length);
            joined.put_slice(&head);
            joined.put_slice(&value[start..]);
            Op::Set(key, joined.split().freeze())
        }
        _ => return Err(Malformed),
    })
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

fn take_u8(entry: &mut Bytes) -> Result<u8, Malformed> {
    entry.try_get_u8().map_err(|_| Malformed)
}

fn take_u64(entry: &mut Bytes) -> Result<u64, Malformed> {
    entry.try_get_u64().map_err(|_| Malformed)
}

fn take_number(entry: &mut Bytes) -> Result<usize, Malformed> {
    let number = decode_varint(entry).map_err(|_| Malformed)?;
    usize::try_from(number).map_err(|_| Malformed)
}

fn take_bytes(entry: &mut Bytes) -> Result<Bytes, Malformed> {
    let length = take_number(entry)?;
    if length > entry.len() {
        return Err(Malformed);
    }
    Ok(entry.split_to(length))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYTES_MAX: usize = 1 << 20;

    fn bytes() -> impl Strategy<Value = Bytes> {
        let few = prop::collection::vec(0_u8..3, 0..8);
        let long = (0_u8..2, 30_usize..100).prop_map(|(byte, length)| vec![byte; length]);
        prop_oneof![few, long].prop_map(Bytes::from)
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (bytes(), bytes()).prop_map(|(key, value)| Op::Set(key, value)),
            1 => bytes().prop_map(Op::Clear),
            1 => (bytes(), bytes()).prop_map(|(start, end)| Op::ClearRange(start, end)),
        ]
    }

    fn batch() -> impl Strategy<Value = Batch> {
        let guard = (bytes(), prop::option::of(bytes()));
        let guard = guard.prop_map(|(key, expected)| Guard { key, expected });
        let id = (any::<u64>(), any::<u64>());
        let ops = prop::collection::vec(op(), 0..12);
        (id, prop::option::of(guard), ops).prop_map(|((writer, sequence), guard, ops)| Batch {
            id: BatchId { writer, sequence },
            guard,
            ops,
        })
    }

    proptest! {
        #[test]
        fn batches_come_back(batch in batch()) {
            let back = decode(encode(&batch), BYTES_MAX).unwrap();
            prop_assert_eq!((back.id, back.guard, back.ops), (batch.id, batch.guard, batch.ops));
        }

        /// Whatever an entry holds, it is a batch or refused.
        #[test]
        fn damage_is_refused_or_read(batch in batch(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut entry = encode(&batch).to_vec();
            let at = at.index(entry.len());
            entry[at] = byte;
            let _ = decode(entry.into(), BYTES_MAX);
        }

        #[test]
        fn a_cut_entry_is_refused(batch in batch(), at in any::<prop::sample::Index>()) {
            let entry = encode(&batch);
            let cut = entry.slice(..at.index(entry.len()));
            prop_assert_eq!(decode(cut, BYTES_MAX).unwrap_err(), Malformed);
        }
    }

    #[test]
    fn ends_of_values_are_as_long_as_they_are_the_same() {
        let one: Vec<u8> = (0..200).collect();
        for length in 0..=one.len() {
            let other = [b"other", &one[one.len() - length..]].concat();
            let longer = usize::from(length < one.len() && other[4] == one[one.len() - length - 1]);
            assert_eq!(common_end_bytes(&one, &other), length + longer);
            assert_eq!(common_end_bytes(&other, &one), length + longer);
            assert_eq!(common_end_bytes(&one[one.len() - length..], &one), length);
        }
    }

    /// A value under two keys, behind different heads, is in the entry once.
    #[test]
    fn a_value_is_carried_once() {
        let value: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let set = |key: &'static str, head: &[u8]| {
            Op::Set(key.into(), [head, value.as_slice()].concat().into())
        };
        let batch = Batch {
            id: BatchId {
                writer: 1,
                sequence: 2,
            },
            guard: None,
            ops: vec![set("c", b"12"), Op::Clear("x".into()), set("h", b"4567")],
        };
        let entry = encode(&batch);
        assert!(entry.len() < value.len() + 200, "{} bytes", entry.len());
        assert_eq!(decode(entry.clone(), BYTES_MAX).unwrap().ops, batch.ops);
        // And nobody makes much memory out of little.
        assert_eq!(decode(entry, 2 * value.len()).unwrap_err(), Malformed);
    }
}
