//! Where an instance keeps what, and how its records are written.
//!
//! An instance owns one key prefix. Behind it one byte names the subspace:
//!
//! | subspace | key | value |
//! |---|---|---|
//! | `m` | name | metadata: [`State`], format, ids, alarms, [`PeerRecord`]s, [`CountsRecord`] |
//! | `c` | user key | [`Current`]: the live version, all that a latest read needs |
//! | `h` | main, sub revision | [`Change`]: what that revision did |
//! | `k` | escaped user key, main, sub revision | `1` put, `0` deletion: [`Change::index_record`] |
//! | `b` | blob id, chunk number | a piece of a value over [`BLOB_THRESHOLD_BYTES`] |
//! | `l` | lease id | [`LeaseRecord`] |
//! | `d` | due time, lease id | empty: when to look whether the lease is over |
//! | `a` | lease id, user key | empty: the key hangs on the lease |
//! | `w` | writer | [`WriterRecord`]: the writer's last applied batch |
//! | `s` | blob id | a blob being written; what stays behind is an orphan |
//! | `u` | `u` user, `r` role, or `s` | a user, a role (`authpb`), or the secret of tokens |
//! | `n` | token, piece number | [`CountsPiece`]: numbers of keys, see `mvcc/checkpoint.rs` |
//!
//! Numbers in keys are big-endian and of fixed width, so that byte order is number order.
//! Numbers in values are LEB128 varints.

mod counts;
mod layout;
mod peer;
mod records;

pub use counts::{CountsPiece, CountsRecord};
pub use layout::Layout;
pub use peer::PeerRecord;
pub use records::{
    AuthState, BlobRef, Change, Current, INDEX_STRIDE, LeaseRecord, Replaced, StagedBlob, State,
    Turn, Value, WriterRecord,
};

use crate::error::Error;
use crate::store::APPENDED_SUBSPACE;
use bytes::{BufMut, Bytes, BytesMut};

/// The newest record format this build reads and writes.
pub const FORMAT: u32 = 2;

/// The format in which every version had a record in `k`.
pub const DENSE_FORMAT: u32 = 1;

/// Values over this many bytes are stored once, as a blob that `c` and `h` refer to.
pub const BLOB_THRESHOLD_BYTES: usize = 64 * 1024;

/// Bytes of one piece of a blob: below the smallest value limit of any store.
pub const BLOB_CHUNK_BYTES: usize = 64 * 1024;

/// The subspaces of an instance, each with what it holds.
pub const SUBSPACES: [(u8, &str); 12] = [
    (b'm', "metadata"),
    (b'c', "current"),
    (APPENDED_SUBSPACE, "history"),
    (b'k', "index"),
    (b'b', "blobs"),
    (b'l', "leases"),
    (b'd', "due"),
    (b'a', "attachments"),
    (b'w', "writers"),
    (b's', "staged"),
    (b'u', "users"),
    (b'n', "counts"),
];

/// A point in the history: the transaction, and the operation within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The transaction's revision.
    pub main: i64,
    /// The operation's place within the transaction.
    pub sub: u32,
}

impl Revision {
    /// Below every operation of the transaction `main`.
    pub fn first_of(main: i64) -> Self {
        Self { main, sub: 0 }
    }
}

/// When to look whether a lease is over. Keep-alives leave it where it stands, so the lease may
/// turn out to have time left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The time, in milliseconds since the Unix epoch.
    pub due_ms: i64,
    /// The lease.
    pub lease: i64,
}

/// The user keys a request means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyRange {
    /// One key.
    Point(Bytes),
    /// From the first key up to, not including, the second; `None` has no end.
    Span(Bytes, Option<Bytes>),
}

impl KeyRange {
    /// As etcd spells it: no `range_end` is one key, `"\0"` is everything from `key` on.
    pub fn new(key: Bytes, range_end: Bytes) -> Self {
        match range_end.as_ref() {
            [] => Self::Point(key),
            [0] => Self::Span(key, None),
            _ => Self::Span(key, Some(range_end)),
        }
    }

    /// Whether no key can be in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Span(start, Some(end)) if end <= start)
    }

    /// Whether `key` is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::Point(point) => point == key,
            Self::Span(start, end) => {
                start.as_ref() <= key && end.as_ref().is_none_or(|end| key < end.as_ref())
            }
        }
    }

    /// The same with bytes of its own, to be kept: those of a request hold all that came with it.
    pub fn detached(&self) -> Self {
        let own = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        match self {
            Self::Point(key) => Self::Point(own(key)),
            Self::Span(start, end) => Self::Span(own(start), end.as_ref().map(own)),
        }
    }

    /// The first key it can hold.
    pub fn start(&self) -> &Bytes {
        match self {
            Self::Point(key) | Self::Span(key, _) => key,
        }
    }

    /// The first key beyond a span, if it ends.
    pub fn end(&self) -> Option<&Bytes> {
        match self {
            Self::Point(_) => None,
            Self::Span(_, end) => end.as_ref(),
        }
    }
}

/// The smallest key above `key`.
pub fn successor(key: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(key.len() + 1);
    out.put_slice(key);
    out.put_u8(0);
    out.freeze()
}

fn truncated(subspace: char) -> Error {
    Error::CorruptRecord {
        subspace,
        detail: "wrong length",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BatchId, is_bulk};
    use proptest::prelude::*;

    fn layout() -> Layout {
        Layout::new(Bytes::from_static(b"\x01p"))
    }

    #[test]
    fn guards_are_of_metadata_and_the_bulk_is_of_keys() {
        let layout = layout();
        let is_bulk = |key: Bytes| is_bulk(&key[layout.prefix().len()..]);
        for key in [
            layout.state(),
            layout.leader(),
            layout.counts(),
            layout.writer(7),
        ] {
            assert!(!is_bulk(key.clone()), "{key:?}");
        }
        let revision = Revision { main: 3, sub: 0 };
        let (current, index) = (layout.current(b"a"), layout.index(b"a", revision));
        for key in [current, index, layout.history(revision)] {
            assert!(is_bulk(key.clone()), "{key:?}");
        }
    }

    fn bytes() -> impl Strategy<Value = Bytes> {
        // Few distinct bytes, so that keys are prefixes of one another and hold zeros.
        prop::collection::vec(
            prop_oneof![Just(0u8), Just(1), Just(0xff), any::<u8>()],
            0..12,
        )
        .prop_map(Bytes::from)
    }

    fn current() -> impl Strategy<Value = Current> {
        let value = prop_oneof![
            bytes().prop_map(Value::Inline),
            (any::<u128>(), any::<u64>())
                .prop_map(|(id, len_bytes)| Value::Blob(BlobRef { id, len_bytes })),
        ];
        let revision = (1..i64::MAX / 2, 0..i64::MAX / 2, any::<u32>());
        (revision, 1..i64::MAX, any::<i64>(), value).prop_map(
            |((create, age, sub), version, lease, value)| Current {
                create_revision: create,
                mod_revision: create + age,
                sub,
                version,
                lease,
                value,
            },
        )
    }

    proptest! {
        #[test]
        fn records_come_back_as_written(current in current(), key in bytes()) {
            prop_assert_eq!(&Current::decode(current.encode()).unwrap(), &current);
            let at = current.revision();
            let replaced = Some(current.as_replaced());
            let put = Change { key: key.clone(), put: Some(current), replaced: None };
            prop_assert_eq!(&Change::decode(at, put.encode()).unwrap(), &put);
            let deleted = Change { key, put: None, replaced };
            prop_assert_eq!(&Change::decode(at, deleted.encode()).unwrap(), &deleted);
        }

        #[test]
        fn decoders_survive_any_bytes(record in prop::collection::vec(any::<u8>(), 0..64)) {
            let record = Bytes::from(record);
            // Only a panic can fail this: any answer is allowed.
            let _ = Current::decode(record.clone());
            let _ = Change::decode(Revision::first_of(1), record.clone());
            let _ = State::decode(record.clone());
            let _ = LeaseRecord::decode(record.clone());
            let _ = WriterRecord::decode(record.clone());
            let _ = PeerRecord::decode(record.clone());
            let _ = CountsRecord::decode(record.clone());
            let _ = CountsPiece::decode(record.clone());
            let mut key = BytesMut::from(&b"\x01pk"[..]);
            key.put_slice(&record);
            let _ = layout().index_entry(&key.freeze());
        }

        #[test]
        fn the_index_sorts_by_key_then_revision(
            a in (bytes(), 0..i64::MAX, any::<u32>()), b in (bytes(), 0..i64::MAX, any::<u32>()),
        ) {
            let layout = layout();
            let key = |(key, main, sub): &(Bytes, i64, u32)| {
                layout.index(key, Revision { main: *main, sub: *sub })
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            let entry = layout.index_entry(&key(&a)).unwrap();
            prop_assert_eq!(entry, (a.0.clone(), Revision { main: a.1, sub: a.2 }));
        }

        #[test]
        fn ranges_hold_their_keys_and_no_others(key in bytes(), start in bytes(), end in bytes()) {
            let layout = layout();
            let range = KeyRange::new(start, end);
            let inside = |(from, to): (Bytes, Bytes), at: Bytes| from <= at && at < to;
            let version = layout.index(&key, Revision { main: 7, sub: 0 });
            prop_assert_eq!(inside(layout.current_range(&range), layout.current(&key)), range.contains(&key));
            prop_assert_eq!(inside(layout.index_range(&range), version), range.contains(&key));
        }
    }

    #[test]
    fn state_comes_back_as_written() {
        let state = State {
            revision: 9,
            compacted: -1,
            no_space: true,
            corrupt: false,
            auth: AuthState::default(),
            batch: BatchId {
                writer: 3,
                sequence: 4,
            },
        };
        assert_eq!(State::decode(state.encode()).unwrap(), state);
        assert_eq!(
            state.encode().len(),
            33,
            "as it was before there were users"
        );
        let mut with_users = state;
        for enabled in [true, false] {
            with_users.auth = AuthState {
                enabled,
                revision: 7,
            };
            assert_eq!(State::decode(with_users.encode()).unwrap(), with_users);
        }
    }

    #[test]
    fn counts_come_back_as_written() {
        let record = CountsRecord {
            revision: 7,
            token: u128::MAX - 1,
            pieces: 3,
        };
        assert_eq!(CountsRecord::decode(record.encode()).unwrap(), record);
        let piece = CountsPiece {
            buckets: vec![(Bytes::new(), 0), (Bytes::from_static(b"key"), usize::MAX)],
        };
        assert_eq!(CountsPiece::decode(piece.encode()).unwrap(), piece);
        let layout = layout();
        let (start, end) = layout.counts_pieces(9);
        assert_eq!(start, layout.counts_piece(9, 0));
        assert!(layout.counts_piece(9, u32::MAX) < end);
        assert!(end <= layout.counts_piece(10, 0));
        let (_, end) = layout.counts_pieces(u128::MAX);
        assert!(layout.counts_piece(u128::MAX, u32::MAX) < end);
        assert!(end <= layout.subspace(b'n').1);
    }

    #[test]
    fn a_servers_record_comes_back_as_written() {
        let record = PeerRecord {
            token: u128::MAX - 1,
            written_ms: 7,
            name: "one".to_owned(),
            client_urls: vec!["http://a:1".to_owned(), "http://b:2".to_owned()],
            peer_urls: Vec::new(),
        };
        assert_eq!(PeerRecord::decode(record.encode()).unwrap(), record);
        let layout = layout();
        let key = layout.peer(0xfedc);
        assert_eq!(layout.peer_member(&key).unwrap(), 0xfedc);
        let (start, end) = layout.peers();
        assert!(start < key && key < end);
    }
}
