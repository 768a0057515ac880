//! A range that the cache knows, encoded as it is sent: of all that it has to say, a piece at a time.

use crate::mvcc::cache::{Part, Snapshot};
use crate::mvcc::keyspace::Current;
use crate::mvcc::read::{self, Item};
use crate::pb::etcdserverpb::range_request::SortTarget;
use crate::pb::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{
    self, WireType, encode_key, encode_varint, encoded_len_varint, int64, key_len,
};
use std::collections::VecDeque;
use std::hint::black_box;

/// The most that is encoded at a time, unless one value has more.
pub const PIECE_BYTES: usize = 64 * 1024;
/// The longest answer: what the length field of every gRPC implementation can say.
pub const ANSWER_BYTES_MAX: usize = i32::MAX as usize;
/// The field of a `RangeResponse` that repeats, and those of a `KeyValue`.
const KVS: u32 = 2;
const KEY: u32 = 1;
const CREATE_REVISION: u32 = 2;
const MOD_REVISION: u32 = 3;
const VERSION: u32 = 4;
const VALUE: u32 = 5;
const LEASE: u32 = 6;

/// So many items are brought into the processor's cache at a time, so much of each.
const TOUCHED_ITEMS: usize = 16;
const TOUCHED_BYTES: usize = 512;
const LINE_BYTES: usize = 64;

static EMPTY: Bytes = Bytes::new();

/// A `RangeResponse` on its way.
#[derive(Clone)]
pub struct Listing {
    left_bytes: usize,
    /// What comes before the keys.
    begin: Option<RangeResponse>,
    parts: VecDeque<Part>,
    /// What comes behind them.
    end: Option<RangeResponse>,
}

/// The answer to a range.
pub enum Ranged {
    /// As a message.
    Whole(RangeResponse),
    /// In pieces.
    Listing(Listing),
}

impl Listing {
    /// Answers a request from what the cache knows of its range; `None` when it asks for more than keys
    /// and values in their order, or for too many.
    pub fn new(
        request: &RangeRequest,
        header: ResponseHeader,
        snapshot: &Snapshot,
    ) -> Option<Self> {
        let is_plain = !request.keys_only
            && !request.count_only
            && request.sort_target() == SortTarget::Key
            && !read::has_custom_order(request)
            && !read::has_filter(request);
        if !is_plain {
            return None;
        }
        let limit = usize::try_from(request.limit)
            .ok()
            .filter(|limit| *limit > 0);
        let mut room = limit.unwrap_or(usize::MAX);
        let mut parts = snapshot.parts.clone();
        for part in &mut parts {
            part.to = part.to.min(part.from.saturating_add(room));
            room -= part.to - part.from;
        }
        parts.retain(|part| part.from < part.to);
        let begin = RangeResponse {
            header: Some(header),
            ..Default::default()
        };
        let end = RangeResponse {
            more: limit.is_some_and(|limit| snapshot.count > limit),
            count: snapshot.count as i64,
            ..Default::default()
        };
        let mut left_bytes = begin.encoded_len() + end.encoded_len();
        for (key, current) in parts.iter().flat_map(Part::items) {
            let length = key_value_len(key, current, current.value.inline()?);
            left_bytes += key_len(KVS) + encoded_len_varint(length as u64) + length;
        }
        (left_bytes <= ANSWER_BYTES_MAX).then_some(Self {
            left_bytes,
            begin: Some(begin),
            parts,
            end: Some(end),
        })
    }

    /// How long the pieces are that were not encoded yet.
    pub fn left_bytes(&self) -> usize {
        self.left_bytes
    }

    /// Encodes the next piece; `false` when nothing is left.
    pub fn encode_piece(&mut self, piece: &mut BytesMut) -> bool {
        let before = piece.len();
        let is_piece = self.encode_next(piece);
        self.left_bytes -= piece.len() - before;
        is_piece
    }

    fn encode_next(&mut self, piece: &mut BytesMut) -> bool {
        let Some(end) = &self.end else {
            return false;
        };
        if let Some(begin) = self.begin.take() {
            begin.encode_raw(piece);
        }
        while let Some(part) = self.parts.front_mut() {
            while let Some((key, current)) = part.items().first() {
                if piece.len() >= PIECE_BYTES {
                    return true;
                }
                if part.from.is_multiple_of(TOUCHED_ITEMS) {
                    touch(part.items());
                }
                // All are inline, as was seen at first.
                let value = current.value.inline().unwrap_or(&EMPTY);
                encode_key(KVS, WireType::LengthDelimited, piece);
                encode_varint(key_value_len(key, current, value) as u64, piece);
                encode_key_value(key, current, value, piece);
                part.from += 1;
            }
            self.parts.pop_front();
        }
        end.encode_raw(piece);
        self.end = None;
        true
    }
}

/// Brings the next items into the processor's cache: those that were written one by one lie anywhere in
/// memory, and waiting for many of them at once takes little longer than for one.
fn touch(items: &[Item]) {
    let values = items.iter().take(TOUCHED_ITEMS);
    let values = values.filter_map(|(_, current)| current.value.inline());
    let lines = values.flat_map(|value| value[..value.len().min(TOUCHED_BYTES)].chunks(LINE_BYTES));
    black_box(lines.fold(0, |sum, line| sum ^ line[0]));
}

/// The length of a `KeyValue`. What is empty or 0 is left out.
fn key_value_len(key: &Bytes, current: &Current, value: &Bytes) -> usize {
    let of_bytes = |tag, field: &Bytes| match field.is_empty() {
        true => 0,
        false => encoding::bytes::encoded_len(tag, field),
    };
    let of_number = |tag, field: i64| match field {
        0 => 0,
        field => int64::encoded_len(tag, &field),
    };
    of_bytes(KEY, key)
        + of_number(CREATE_REVISION, current.create_revision)
        + of_number(MOD_REVISION, current.mod_revision)
        + of_number(VERSION, current.version)
        + of_bytes(VALUE, value)
        + of_number(LEASE, current.lease)
}

fn encode_key_value(key: &Bytes, current: &Current, value: &Bytes, out: &mut BytesMut) {
    let put_bytes = |tag, field: &Bytes, out: &mut BytesMut| {
        // The library's would count a user of the memory up and down, which is mostly in no processor's cache.
        if !field.is_empty() {
            encode_key(tag, WireType::LengthDelimited, out);
            encode_varint(field.len() as u64, out);
            out.put_slice(field);
        }
    };
    let put_number = |tag, field: i64, out: &mut BytesMut| {
        if field != 0 {
            int64::encode(tag, &field, out);
        }
    };
    put_bytes(KEY, key, out);
    put_number(CREATE_REVISION, current.create_revision, out);
    put_number(MOD_REVISION, current.mod_revision, out);
    put_number(VERSION, current.version, out);
    put_bytes(VALUE, value, out);
    put_number(LEASE, current.lease, out);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mvcc::keyspace::{BlobRef, Value};
    use crate::pb::etcdserverpb::range_request::SortOrder;
    use std::sync::Arc;

    impl Ranged {
        /// What a client makes of it.
        pub fn into_message(self) -> RangeResponse {
            let mut listing = match self {
                Self::Whole(message) => return message,
                Self::Listing(listing) => listing,
            };
            let encoded_bytes = listing.left_bytes();
            let mut message = BytesMut::new();
            loop {
                let mut piece = BytesMut::new();
                if !listing.encode_piece(&mut piece) {
                    break;
                }
                assert!(!piece.is_empty());
                message.extend(piece);
            }
            assert_eq!(message.len(), encoded_bytes);
            assert_eq!(listing.left_bytes(), 0);
            RangeResponse::decode(message).unwrap()
        }
    }

    fn item(number: usize, value_bytes: usize) -> (Bytes, Current) {
        let current = Current {
            create_revision: number as i64,
            mod_revision: 1 << number.min(60),
            sub: 0,
            version: 1,
            lease: number as i64 % 3,
            value: Value::Inline(vec![b'v'; value_bytes].into()),
        };
        (Bytes::from(format!("{number:05}")), current)
    }

    fn snapshot(parts: Vec<Vec<(Bytes, Current)>>) -> Snapshot {
        Snapshot {
            revision: 7,
            count: parts.iter().map(Vec::len).sum(),
            parts: parts
                .into_iter()
                .map(|items| Part::of(Arc::new(items)))
                .collect(),
        }
    }

    fn all() -> RangeRequest {
        RangeRequest {
            key: Bytes::from_static(b"0"),
            range_end: Bytes::from_static(b"\0"),
            ..Default::default()
        }
    }

    #[test]
    fn a_listing_is_the_message_in_pieces_of_bounded_size() {
        let header = ResponseHeader {
            revision: 7,
            ..Default::default()
        };
        let sizes = [0, 1, 127, 128, 300, 20_000, PIECE_BYTES + 1];
        let items: Vec<_> = (0..700).map(|n| item(n, sizes[n % sizes.len()])).collect();
        let parts = items.chunks(100).map(<[_]>::to_vec).collect();
        let snapshot = snapshot(parts);
        for limit in [0, 1, 100, 250, 699, 700, 900] {
            let request = RangeRequest { limit, ..all() };
            let mut listing = Listing::new(&request, header, &snapshot).unwrap();
            let wanted = if limit == 0 {
                700
            } else {
                700.min(limit as usize)
            };
            let expected = RangeResponse {
                header: Some(header),
                kvs: items[..wanted]
                    .iter()
                    .map(|(key, current)| {
                        current.to_key_value(key.clone(), current.value.inline().unwrap().clone())
                    })
                    .collect(),
                more: wanted < 700,
                count: 700,
            };
            assert!(Ranged::Listing(listing.clone()).into_message() == expected);
            let mut piece = BytesMut::new();
            while listing.encode_piece(&mut piece) {
                let longest = PIECE_BYTES + sizes[sizes.len() - 1] + 100;
                assert!(piece.len() <= longest, "{}", piece.len());
                piece.clear();
            }
        }
    }

    #[test]
    fn what_is_more_than_keys_and_values_in_order_is_no_listing() {
        let header = ResponseHeader::default();
        let of = |request: &RangeRequest| {
            Listing::new(request, header, &snapshot(vec![vec![item(1, 10)]])).is_some()
        };
        assert!(of(&all()));
        let others = [
            RangeRequest {
                keys_only: true,
                ..all()
            },
            RangeRequest {
                count_only: true,
                ..all()
            },
            RangeRequest {
                max_mod_revision: 9,
                ..all()
            },
            RangeRequest {
                sort_order: SortOrder::Descend.into(),
                ..all()
            },
            RangeRequest {
                sort_target: SortTarget::Mod.into(),
                ..all()
            },
        ];
        assert!(!others.iter().any(of));
        let mut apart = item(1, 0);
        apart.1.value = Value::Blob(BlobRef {
            id: 1,
            len_bytes: 9,
        });
        assert!(Listing::new(&all(), header, &snapshot(vec![vec![apart]])).is_none());
    }
}
