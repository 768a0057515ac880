//! The values of an instance's records, to and from bytes.

use super::{Revision, truncated};
use crate::error::{Error, Result};
use crate::pb::mvccpb::KeyValue;
use crate::store::BatchId;
use bytes::{Buf, BufMut, Bytes, BytesMut};

// What the first byte of a change says.
const IS_PUT: u8 = 1;
const HAS_REPLACED: u8 = 2;
const REPLACED_BLOB: u8 = 4;
/// Of so many versions of a key one is in the index: an older one is found in no more steps than these
/// from the next that is.
pub const INDEX_STRIDE: i64 = 8;
/// Of a version beside its key and value, mostly.
const NUMBERS_BYTES: usize = 32;
/// Of a [`State`] without users.
const STATE_BYTES: usize = 33;

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
    /// Which users and roles there are, and whether they matter.
    pub auth: AuthState,
    /// The batch that wrote this record.
    pub batch: BatchId,
}

/// Names the rules of who may do what: as long as it is the same, they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthState {
    /// Callers must say who they are.
    pub enabled: bool,
    /// Rises with every change, but for turning authentication on.
    pub revision: u64,
}

/// A value, or where it is. Many are in memory: what few of them need is apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The bytes themselves.
    Inline(Bytes),
    /// Stored in `b`.
    Blob(BlobRef),
    /// To be stored in `b` by a batch that is not committed yet.
    Fresh(Box<(BlobRef, Bytes)>),
}

const _: () = assert!(size_of::<Value>() == size_of::<Bytes>() + size_of::<u64>());

/// A blob's name and length, side by side: else each value would have to lie as one of 16 bytes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(8))]
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

/// A key that came to be, or ceased to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The revision that did it.
    pub revision: i64,
    /// The key.
    pub key: Bytes,
    /// It exists now, and did not before; else the other way round.
    pub came: bool,
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
    /// Where its entry in `d` stands.
    pub due_ms: i64,
}

/// Which batch of a writer was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterRecord {
    /// The batch's number; 0 before the first.
    pub sequence: u64,
    /// When the writer made that batch, in milliseconds since the Unix epoch.
    pub written_ms: i64,
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
        let mut out = BytesMut::with_capacity(NUMBERS_BYTES + self.value.inline_bytes());
        self.put(&mut out);
        out.freeze()
    }

    /// The same behind what is there.
    pub fn put(&self, out: &mut BytesMut) {
        put_varint(out, self.mod_revision as u64);
        put_varint(out, u64::from(self.sub));
        self.encode_rest(out);
    }

    /// Reads a record of `c`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        let main = get_varint(&mut record, 'c')? as i64;
        let sub = get_varint(&mut record, 'c')? as u32;
        Self::decode_rest(Revision { main, sub }, record, 'c')
    }

    /// What every record of a version has, beside the value.
    fn numbers(&self) -> [u64; 3] {
        let age = self.mod_revision - self.create_revision;
        [age, self.version, self.lease].map(|number| number as u64)
    }

    fn encode_rest(&self, out: &mut BytesMut) {
        for number in self.numbers() {
            put_varint(out, number);
        }
        match self.value.blob() {
            None => {
                out.put_u8(0);
                out.put_slice(self.value.inline().map_or(&[], AsRef::as_ref));
            }
            Some(blob) => {
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
    /// The bytes, if they stand in the record itself.
    pub fn inline(&self) -> Option<&Bytes> {
        match self {
            Value::Inline(bytes) => Some(bytes),
            Value::Blob(_) | Value::Fresh(_) => None,
        }
    }

    /// The bytes, if they are at hand.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Value::Inline(bytes) => Some(bytes),
            Value::Fresh(fresh) => Some(&fresh.1),
            Value::Blob(_) => None,
        }
    }

    /// The blob that has them.
    pub fn blob(&self) -> Option<BlobRef> {
        match self {
            Value::Inline(_) => None,
            Value::Blob(blob) => Some(*blob),
            Value::Fresh(fresh) => Some(fresh.0),
        }
    }

    fn inline_bytes(&self) -> usize {
        self.inline().map_or(0, Bytes::len)
    }
}

impl Change {
    /// Its record for `k`, if it has one: what ends a life of its key has, and some versions.
    pub fn index_record(&self) -> Option<Bytes> {
        match &self.put {
            None => Some(Bytes::from_static(&[0])),
            Some(put) if put.version % INDEX_STRIDE == 0 => Some(Bytes::from_static(&[1])),
            Some(_) => None,
        }
    }

    /// Whether the version it replaced may be in the index.
    pub fn may_replace_indexed(&self) -> bool {
        let follows = |put: &Current| (put.version - 1) % INDEX_STRIDE == 0;
        self.put.as_ref().is_none_or(follows)
    }

    /// Bytes of the value that stand in the record itself.
    pub fn value_bytes(&self) -> usize {
        self.put.as_ref().map_or(0, |put| put.value.inline_bytes())
    }

    /// Whether the key came or went by it, at `revision`.
    pub fn turn(&self, revision: Revision) -> Option<Turn> {
        (self.put.is_some() != self.replaced.is_some()).then(|| Turn {
            revision: revision.main,
            key: self.key.clone(),
            came: self.put.is_some(),
        })
    }

    /// The record for `h`.
    pub fn encode(&self) -> Bytes {
        let bytes = NUMBERS_BYTES + self.key.len() + self.value_bytes();
        let mut out = BytesMut::with_capacity(bytes);
        self.put(&mut out);
        out.freeze()
    }

    /// The same behind what is there.
    pub fn put(&self, out: &mut BytesMut) {
        let flags = [
            (IS_PUT, self.put.is_some()),
            (HAS_REPLACED, self.replaced.is_some()),
            (REPLACED_BLOB, self.replaced.is_some_and(|it| it.is_blob)),
        ];
        out.put_u8(flags.iter().map(|(bit, set)| bit * u8::from(*set)).sum());
        put_varint(out, self.key.len() as u64);
        out.put_slice(&self.key);
        if let Some(Replaced { revision, .. }) = self.replaced {
            put_varint(out, revision.main as u64);
            put_varint(out, u64::from(revision.sub));
        }
        if let Some(put) = &self.put {
            put.encode_rest(out);
        }
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
            auth: AuthState::default(),
            batch,
        }
    }

    /// The record for `m`. It is as long as it was before there were users until there are some:
    /// from then on, a kvtool that would not ask for them cannot read it.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(STATE_BYTES + 8);
        out.put_i64(self.revision);
        out.put_i64(self.compacted);
        let flags = [self.no_space, self.corrupt, self.auth.enabled];
        out.put_u8(
            (0..)
                .zip(flags)
                .map(|(bit, set)| u8::from(set) << bit)
                .sum(),
        );
        out.put_u64(self.batch.writer);
        out.put_u64(self.batch.sequence);
        if self.auth != AuthState::default() {
            out.put_u64(self.auth.revision);
        }
        out.freeze()
    }

    /// Reads the record of `m`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        let has_auth = record.len() == STATE_BYTES + 8;
        if record.len() != STATE_BYTES && !has_auth {
            return Err(truncated('m'));
        }
        let revision = record.get_i64();
        let compacted = record.get_i64();
        let flags = record.get_u8();
        let batch = BatchId {
            writer: record.get_u64(),
            sequence: record.get_u64(),
        };
        let mut auth = AuthState::default();
        if has_auth {
            auth.enabled = flags & 4 != 0;
            auth.revision = record.get_u64();
        }
        Ok(Self {
            revision,
            compacted,
            no_space: flags & 1 != 0,
            corrupt: flags & 2 != 0,
            auth,
            batch,
        })
    }
}

impl Default for AuthState {
    /// Before the first user.
    fn default() -> Self {
        Self {
            enabled: false,
            revision: 1,
        }
    }
}

impl LeaseRecord {
    /// The record for `l`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(24);
        out.put_i64(self.ttl_seconds);
        out.put_i64(self.deadline_ms);
        out.put_i64(self.due_ms);
        out.freeze()
    }

    /// Reads a record of `l`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != 24 {
            return Err(truncated('l'));
        }
        Ok(Self {
            ttl_seconds: record.get_i64(),
            deadline_ms: record.get_i64(),
            due_ms: record.get_i64(),
        })
    }
}

impl WriterRecord {
    /// The record for `w`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(16);
        out.put_u64(self.sequence);
        out.put_i64(self.written_ms);
        out.freeze()
    }

    /// Reads a record of `w`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != 16 {
            return Err(truncated('w'));
        }
        Ok(Self {
            sequence: record.get_u64(),
            written_ms: record.get_i64(),
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

fn get_u8(record: &mut Bytes, subspace: char) -> Result<u8> {
    if record.is_empty() {
        return Err(truncated(subspace));
    }
    Ok(record.get_u8())
}

pub(super) fn put_varint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

pub(super) fn get_varint(record: &mut Bytes, subspace: char) -> Result<u64> {
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
