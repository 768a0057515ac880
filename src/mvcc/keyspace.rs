//! Where an instance keeps what, and how its records are written.
//!
//! An instance owns one key prefix. Behind it one byte names the subspace:
//!
//! | subspace | key | value |
//! |---|---|---|
//! | `m` | name | metadata: [`State`], format, ids, alarms |
//! | `c` | user key | [`Current`]: the live version, all that a latest read needs |
//! | `h` | main, sub revision | [`Change`]: what that revision did |
//! | `k` | escaped user key, main, sub revision | `1` put, `0` deletion |
//! | `b` | blob id, chunk number | a piece of a value over [`BLOB_THRESHOLD_BYTES`] |
//! | `l` | lease id | [`LeaseRecord`] |
//! | `a` | lease id, user key | empty: the key hangs on the lease |
//! | `w` | writer | sequence of the writer's last applied batch |
//! | `s` | blob id | a blob being written; what stays behind is an orphan |
//!
//! Numbers in keys are big-endian and of fixed width, so that byte order is number order.
//! Numbers in values are LEB128 varints.

use crate::error::{Error, Result};
use crate::pb::mvccpb::KeyValue;
use crate::store::BatchId;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The newest record format this build reads and writes.
pub const FORMAT: u32 = 1;

/// Values over this many bytes are stored once, as a blob that `c` and `h` refer to.
pub const BLOB_THRESHOLD_BYTES: usize = 64 * 1024;

/// Bytes of one piece of a blob: below the smallest value limit of any store.
pub const BLOB_CHUNK_BYTES: usize = 64 * 1024;

// What the first byte of a change says.
const IS_PUT: u8 = 1;
const HAS_REPLACED: u8 = 2;
const REPLACED_BLOB: u8 = 4;

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

    /// The first key it can hold.
    pub fn start(&self) -> &Bytes {
        match self {
            Self::Point(key) | Self::Span(key, _) => key,
        }
    }
}

/// What the sequencer knows of the keyspace as a whole. Its record is the guard of every write,
/// so it names the batch that wrote it: no two batches leave the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The newest revision.
    pub revision: i64,
    /// Revisions below this one are gone; -1 before the first compaction.
    pub compacted: i64,
    /// A NOSPACE alarm is raised.
    pub no_space: bool,
    /// A CORRUPT alarm is raised.
    pub corrupt: bool,
    /// The batch that wrote this record.
    pub batch: BatchId,
}

/// A value, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The bytes themselves.
    Inline(Bytes),
    /// Stored in `b`.
    Blob(BlobRef),
    /// To be stored in `b` by a batch that is not committed yet.
    Fresh(BlobRef, Bytes),
}

/// A blob's name and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRef {
    /// Unique for ever.
    pub id: u128,
    /// Bytes of the whole value.
    pub len_bytes: u64,
}

/// The live version of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// When this life of the key began.
    pub create_revision: i64,
    /// When it was last written.
    pub mod_revision: i64,
    /// The place of that write within its transaction.
    pub sub: u32,
    /// Writes in this life of the key.
    pub version: i64,
    /// The lease it hangs on; 0 is none.
    pub lease: i64,
    /// Its value.
    pub value: Value,
}

/// What one operation did to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Bytes,
    /// What it became; `None` is deleted.
    pub put: Option<Current>,
    /// The version it replaced; `None` when the key did not exist.
    pub replaced: Option<Replaced>,
}

/// The version a change replaced: what compaction deletes, and what a watcher sees as previous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Where its change stands in `h`.
    pub revision: Revision,
    /// Its value is a blob.
    pub is_blob: bool,
}

/// A lease as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Granted seconds.
    pub ttl_seconds: i64,
    /// When it ends, in milliseconds since the Unix epoch.
    pub deadline_ms: i64,
}

/// A blob whose pieces are still being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedBlob {
    /// When writing began, in milliseconds since the Unix epoch.
    pub begun_ms: i64,
}

impl Current {
    /// Where its change stands in `h`.
    pub fn revision(&self) -> Revision {
        Revision {
            main: self.mod_revision,
            sub: self.sub,
        }
    }

    /// As what the change after it names it.
    pub fn as_replaced(&self) -> Replaced {
        Replaced {
            revision: self.revision(),
            is_blob: !matches!(self.value, Value::Inline(_)),
        }
    }

    /// As clients see it; `value` is the value with blobs read.
    pub fn to_key_value(&self, key: Bytes, value: Bytes) -> KeyValue {
        KeyValue {
            key,
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            value,
            lease: self.lease,
        }
    }

    /// The record for `c`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(48 + self.value.inline_bytes());
        put_varint(&mut out, self.mod_revision as u64);
        put_varint(&mut out, u64::from(self.sub));
        self.encode_rest(&mut out);
        out.freeze()
    }

    /// Reads a record of `c`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        let main = get_varint(&mut record, 'c')? as i64;
        let sub = get_varint(&mut record, 'c')? as u32;
        Self::decode_rest(Revision { main, sub }, record, 'c')
    }

    fn encode_rest(&self, out: &mut BytesMut) {
        put_varint(out, (self.mod_revision - self.create_revision) as u64);
        put_varint(out, self.version as u64);
        put_varint(out, self.lease as u64);
        match &self.value {
            Value::Inline(bytes) => {
                out.put_u8(0);
                out.put_slice(bytes);
            }
            Value::Blob(blob) | Value::Fresh(blob, _) => {
                out.put_u8(1);
                out.put_u128(blob.id);
                put_varint(out, blob.len_bytes);
            }
        }
    }

    fn decode_rest(revision: Revision, mut record: Bytes, subspace: char) -> Result<Self> {
        let age = get_varint(&mut record, subspace)? as i64;
        let version = get_varint(&mut record, subspace)? as i64;
        let lease = get_varint(&mut record, subspace)? as i64;
        let value = match get_u8(&mut record, subspace)? {
            0 => Value::Inline(record),
            1 => {
                if record.len() < 16 {
                    return Err(truncated(subspace));
                }
                let id = record.get_u128();
                let len_bytes = get_varint(&mut record, subspace)?;
                Value::Blob(BlobRef { id, len_bytes })
            }
            _ => {
                return Err(Error::CorruptRecord {
                    subspace,
                    detail: "unknown kind of value",
                });
            }
        };
        Ok(Self {
            create_revision: revision.main.wrapping_sub(age),
            mod_revision: revision.main,
            sub: revision.sub,
            version,
            lease,
            value,
        })
    }
}

impl Value {
    fn inline_bytes(&self) -> usize {
        match self {
            Value::Inline(bytes) => bytes.len(),
            Value::Blob(_) | Value::Fresh(..) => 0,
        }
    }
}

impl Change {
    /// Bytes of the value that stand in the record itself.
    pub fn value_bytes(&self) -> usize {
        self.put.as_ref().map_or(0, |put| put.value.inline_bytes())
    }

    /// The record for `h`.
    pub fn encode(&self) -> Bytes {
        let value_bytes = self.value_bytes();
        let mut out = BytesMut::with_capacity(48 + self.key.len() + value_bytes);
        let flags = [
            (IS_PUT, self.put.is_some()),
            (HAS_REPLACED, self.replaced.is_some()),
            (REPLACED_BLOB, self.replaced.is_some_and(|it| it.is_blob)),
        ];
        out.put_u8(flags.iter().map(|(bit, set)| bit * u8::from(*set)).sum());
        put_varint(&mut out, self.key.len() as u64);
        out.put_slice(&self.key);
        if let Some(replaced) = &self.replaced {
            put_varint(&mut out, replaced.revision.main as u64);
            put_varint(&mut out, u64::from(replaced.revision.sub));
        }
        if let Some(put) = &self.put {
            put.encode_rest(&mut out);
        }
        out.freeze()
    }

    /// Reads the record of `h` that stands at `revision`.
    pub fn decode(revision: Revision, mut record: Bytes) -> Result<Self> {
        let flags = get_u8(&mut record, 'h')?;
        let key_len = get_varint(&mut record, 'h')? as usize;
        if record.len() < key_len {
            return Err(truncated('h'));
        }
        let key = record.split_to(key_len);
        let replaced = if flags & HAS_REPLACED != 0 {
            Some(Replaced {
                revision: Revision {
                    main: get_varint(&mut record, 'h')? as i64,
                    sub: get_varint(&mut record, 'h')? as u32,
                },
                is_blob: flags & REPLACED_BLOB != 0,
            })
        } else {
            None
        };
        let put = (flags & IS_PUT != 0)
            .then(|| Current::decode_rest(revision, record, 'h'))
            .transpose()?;
        Ok(Self { key, put, replaced })
    }
}

impl State {
    /// Before the first write: revision 1, nothing compacted.
    pub fn new(batch: BatchId) -> Self {
        Self {
            revision: 1,
            compacted: -1,
            no_space: false,
            corrupt: false,
            batch,
        }
    }

    /// The record for `m`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(33);
        out.put_i64(self.revision);
        out.put_i64(self.compacted);
        out.put_u8(u8::from(self.no_space) | u8::from(self.corrupt) << 1);
        out.put_u64(self.batch.writer);
        out.put_u64(self.batch.sequence);
        out.freeze()
    }

    /// Reads the record of `m`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != 33 {
            return Err(truncated('m'));
        }
        let revision = record.get_i64();
        let compacted = record.get_i64();
        let flags = record.get_u8();
        Ok(Self {
            revision,
            compacted,
            no_space: flags & 1 != 0,
            corrupt: flags & 2 != 0,
            batch: BatchId {
                writer: record.get_u64(),
                sequence: record.get_u64(),
            },
        })
    }
}

impl LeaseRecord {
    /// The record for `l`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(16);
        out.put_i64(self.ttl_seconds);
        out.put_i64(self.deadline_ms);
        out.freeze()
    }

    /// Reads a record of `l`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != 16 {
            return Err(truncated('l'));
        }
        Ok(Self {
            ttl_seconds: record.get_i64(),
            deadline_ms: record.get_i64(),
        })
    }
}

impl StagedBlob {
    /// The record for `s`.
    pub fn encode(&self) -> Bytes {
        Bytes::copy_from_slice(&self.begun_ms.to_be_bytes())
    }

    /// Reads a record of `s`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != 8 {
            return Err(truncated('s'));
        }
        Ok(Self {
            begun_ms: record.get_i64(),
        })
    }
}

/// Builds the store keys of one instance.
#[derive(Debug, Clone)]
pub struct Layout {
    prefix: Bytes,
}

impl Layout {
    /// The layout under an instance's prefix.
    pub fn new(prefix: Bytes) -> Self {
        Self { prefix }
    }

    fn key(&self, subspace: u8, capacity: usize) -> BytesMut {
        let mut out = BytesMut::with_capacity(self.prefix.len() + 1 + capacity);
        out.put_slice(&self.prefix);
        out.put_u8(subspace);
        out
    }

    /// Bytes before the subspace's own part of a key.
    pub fn head_bytes(&self) -> usize {
        self.prefix.len() + 1
    }

    /// All of a subspace, as `[start, end)`.
    pub fn subspace(&self, subspace: u8) -> (Bytes, Bytes) {
        (
            self.key(subspace, 0).freeze(),
            self.key(subspace + 1, 0).freeze(),
        )
    }

    /// A metadata key.
    pub fn meta(&self, name: &str) -> Bytes {
        let mut out = self.key(b'm', name.len());
        out.put_slice(name.as_bytes());
        out.freeze()
    }

    /// The key of [`State`].
    pub fn state(&self) -> Bytes {
        self.meta("revision")
    }

    /// The key of the live version of a user key.
    pub fn current(&self, key: &[u8]) -> Bytes {
        let mut out = self.key(b'c', key.len());
        out.put_slice(key);
        out.freeze()
    }

    /// The live versions of a range, as `[start, end)`.
    pub fn current_range(&self, range: &KeyRange) -> (Bytes, Bytes) {
        match range {
            KeyRange::Point(key) => (self.current(key), self.current(&successor(key))),
            KeyRange::Span(start, Some(end)) => (self.current(start), self.current(end)),
            KeyRange::Span(start, None) => (self.current(start), self.subspace(b'c').1),
        }
    }

    /// The user key of a store key in `c`.
    pub fn user_key(&self, store_key: &Bytes) -> Bytes {
        store_key.slice(self.head_bytes()..)
    }

    /// The key of a change.
    pub fn history(&self, revision: Revision) -> Bytes {
        let mut out = self.key(b'h', 12);
        out.put_i64(revision.main);
        out.put_u32(revision.sub);
        out.freeze()
    }

    /// The revision of a store key in `h`.
    pub fn history_revision(&self, store_key: &Bytes) -> Result<Revision> {
        revision_at(store_key.slice(self.head_bytes()..), 'h')
    }

    /// The key of one version in the index.
    pub fn index(&self, key: &[u8], revision: Revision) -> Bytes {
        let mut out = self.key(b'k', key.len() + 14);
        put_escaped(&mut out, key);
        out.put_i64(revision.main);
        out.put_u32(revision.sub);
        out.freeze()
    }

    /// The versions of a range, as `[start, end)`.
    pub fn index_range(&self, range: &KeyRange) -> (Bytes, Bytes) {
        let at = |key: &[u8]| {
            let mut out = self.key(b'k', key.len() + 2);
            put_escaped(&mut out, key);
            out.freeze()
        };
        match range {
            KeyRange::Point(key) => (at(key), at(&successor(key))),
            KeyRange::Span(start, Some(end)) => (at(start), at(end)),
            KeyRange::Span(start, None) => (at(start), self.subspace(b'k').1),
        }
    }

    /// The user key and the revision of a store key in `k`.
    pub fn index_entry(&self, store_key: &Bytes) -> Result<(Bytes, Revision)> {
        let body = store_key.slice(self.head_bytes()..);
        let Some(split) = body.len().checked_sub(12) else {
            return Err(truncated('k'));
        };
        let revision = revision_at(body.slice(split..), 'k')?;
        Ok((unescape(body.slice(..split))?, revision))
    }

    /// The key of one piece of a blob.
    pub fn blob(&self, id: u128, chunk: u32) -> Bytes {
        let mut out = self.key(b'b', 20);
        out.put_u128(id);
        out.put_u32(chunk);
        out.freeze()
    }

    /// All pieces of a blob, as `[start, end)`.
    pub fn blob_range(&self, id: u128) -> (Bytes, Bytes) {
        let mut end = self.key(b'b', 21);
        end.put_u128(id);
        end.put_u32(u32::MAX);
        end.put_u8(0);
        (self.blob(id, 0), end.freeze())
    }

    /// The mark of a blob being written.
    pub fn staged(&self, id: u128) -> Bytes {
        let mut out = self.key(b's', 16);
        out.put_u128(id);
        out.freeze()
    }

    /// The blob id of a store key in `s`.
    pub fn staged_id(&self, store_key: &Bytes) -> Result<u128> {
        let mut body = store_key.slice(self.head_bytes()..);
        if body.len() != 16 {
            return Err(truncated('s'));
        }
        Ok(body.get_u128())
    }

    /// The key of a lease.
    pub fn lease(&self, id: i64) -> Bytes {
        let mut out = self.key(b'l', 8);
        out.put_i64(id);
        out.freeze()
    }

    /// The lease id of a store key in `l`.
    pub fn lease_id(&self, store_key: &Bytes) -> Result<i64> {
        let mut body = store_key.slice(self.head_bytes()..);
        if body.len() != 8 {
            return Err(truncated('l'));
        }
        Ok(body.get_i64())
    }

    /// The key that says that a user key hangs on a lease.
    pub fn attachment(&self, lease: i64, key: &[u8]) -> Bytes {
        let mut out = self.key(b'a', 8 + key.len());
        out.put_i64(lease);
        out.put_slice(key);
        out.freeze()
    }

    /// The attachments of a lease, as `[start, end)`.
    pub fn attachment_range(&self, lease: i64) -> (Bytes, Bytes) {
        let end = match lease.checked_add(1) {
            Some(next) => self.attachment(next, &[]),
            None => self.subspace(b'a').1,
        };
        (self.attachment(lease, &[]), end)
    }

    /// The user key of a store key in `a`.
    pub fn attached_key(&self, store_key: &Bytes) -> Bytes {
        store_key.slice(self.head_bytes() + 8..)
    }

    /// The key of the last applied batch of a writer.
    pub fn writer(&self, writer: u64) -> Bytes {
        let mut out = self.key(b'w', 8);
        out.put_u64(writer);
        out.freeze()
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

fn get_u8(record: &mut Bytes, subspace: char) -> Result<u8> {
    if record.is_empty() {
        return Err(truncated(subspace));
    }
    Ok(record.get_u8())
}

fn put_varint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

fn get_varint(record: &mut Bytes, subspace: char) -> Result<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = get_u8(record, subspace)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Error::CorruptRecord {
        subspace,
        detail: "a number of more than 64 bits",
    })
}

fn revision_at(mut body: Bytes, subspace: char) -> Result<Revision> {
    if body.len() != 12 {
        return Err(truncated(subspace));
    }
    Ok(Revision {
        main: body.get_i64(),
        sub: body.get_u32(),
    })
}

/// `0` becomes `0 255` and the end is `0`: what follows, a revision, never begins with 255, so the
/// versions of a key stay together and keys keep their order.
fn put_escaped(out: &mut BytesMut, key: &[u8]) {
    for part in key.split_inclusive(|byte| *byte == 0) {
        out.put_slice(part);
        if part.ends_with(&[0]) {
            out.put_u8(0xff);
        }
    }
    out.put_u8(0);
}

fn unescape(escaped: Bytes) -> Result<Bytes> {
    let Some((0, body)) = escaped.split_last() else {
        return Err(truncated('k'));
    };
    if !body.contains(&0) {
        return Ok(escaped.slice(..body.len()));
    }
    let mut out = BytesMut::with_capacity(body.len());
    let mut rest = body.iter();
    while let Some(byte) = rest.next() {
        out.put_u8(*byte);
        if *byte == 0 && rest.next() != Some(&0xff) {
            return Err(Error::CorruptRecord {
                subspace: 'k',
                detail: "a zero byte that is not escaped",
            });
        }
    }
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout() -> Layout {
        Layout::new(Bytes::from_static(b"\x01p"))
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
            batch: BatchId {
                writer: 3,
                sequence: 4,
            },
        };
        assert_eq!(State::decode(state.encode()).unwrap(), state);
    }
}
