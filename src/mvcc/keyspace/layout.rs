//! The keys of an instance's records, to and from bytes.

use super::{Due, KeyRange, Revision, successor, truncated};
use crate::error::{Error, Result};
use crate::store::APPENDED_SUBSPACE;
use bytes::{Buf, BufMut, Bytes, BytesMut};

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

    /// What all keys of the instance begin with.
    pub fn prefix(&self) -> &Bytes {
        &self.prefix
    }

    fn key(&self, subspace: u8, capacity: usize) -> BytesMut {
        let mut out = BytesMut::with_capacity(self.prefix.len() + 1 + capacity);
        self.put_head(subspace, &mut out);
        out
    }

    fn put_head(&self, subspace: u8, out: &mut BytesMut) {
        out.put_slice(&self.prefix);
        out.put_u8(subspace);
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

    /// The key that servers hold to lead.
    pub fn leader(&self) -> Bytes {
        self.meta("leader")
    }

    /// The key of the id of the server `name`.
    pub fn member(&self, name: &str) -> Bytes {
        self.meta(&format!("member/{name}"))
    }

    /// The key of a server's [`PeerRecord`](super::PeerRecord).
    pub fn peer(&self, member_id: u64) -> Bytes {
        self.meta(&format!("peer/{member_id:016x}"))
    }

    /// The records of all servers, as `[start, end)`.
    pub fn peers(&self) -> (Bytes, Bytes) {
        (self.meta("peer/"), self.meta("peer0"))
    }

    /// The member id of a key in [`peers`](Self::peers).
    pub fn peer_member(&self, store_key: &Bytes) -> Result<u64> {
        let hex = store_key.slice(self.meta("peer/").len()..);
        let id = std::str::from_utf8(&hex).ok();
        id.and_then(|hex| u64::from_str_radix(hex, 16).ok())
            .ok_or(truncated('m'))
    }

    /// The key of [`State`].
    pub fn state(&self) -> Bytes {
        self.meta("revision")
    }

    /// The key of the live version of a user key.
    pub fn current(&self, key: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(self.head_bytes() + key.len());
        self.put_current(key, &mut out);
        out.freeze()
    }

    /// The same behind what is there.
    pub fn put_current(&self, key: &[u8], out: &mut BytesMut) {
        self.put_head(b'c', out);
        out.put_slice(key);
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
        let mut out = BytesMut::with_capacity(self.head_bytes() + 12);
        self.put_history(revision, &mut out);
        out.freeze()
    }

    /// The same behind what is there.
    pub fn put_history(&self, revision: Revision, out: &mut BytesMut) {
        self.put_head(APPENDED_SUBSPACE, out);
        out.put_i64(revision.main);
        out.put_u32(revision.sub);
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

    /// The key that says when to look at a lease.
    pub fn due(&self, due: Due) -> Bytes {
        let mut out = self.key(b'd', 16);
        out.put_i64(due.due_ms);
        out.put_i64(due.lease);
        out.freeze()
    }

    /// What a store key in `d` says.
    pub fn due_entry(&self, store_key: &Bytes) -> Result<Due> {
        let mut body = store_key.slice(self.head_bytes()..);
        if body.len() != 16 {
            return Err(truncated('d'));
        }
        Ok(Due {
            due_ms: body.get_i64(),
            lease: body.get_i64(),
        })
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

    /// The key that names the checkpoint of the counts.
    pub fn counts(&self) -> Bytes {
        self.meta("counts")
    }

    /// The key of one piece of a checkpoint.
    pub fn counts_piece(&self, token: u128, piece: u32) -> Bytes {
        let mut out = self.key(b'n', 20);
        out.put_u128(token);
        out.put_u32(piece);
        out.freeze()
    }

    /// All pieces of a checkpoint, as `[start, end)`.
    pub fn counts_pieces(&self, token: u128) -> (Bytes, Bytes) {
        let end = match token.checked_add(1) {
            Some(next) => self.counts_piece(next, 0),
            None => self.subspace(b'n').1,
        };
        (self.counts_piece(token, 0), end)
    }

    /// The key of a user.
    pub fn user(&self, name: &str) -> Bytes {
        self.named(b'u', b'u', name)
    }

    /// The key of a role.
    pub fn role(&self, name: &str) -> Bytes {
        self.named(b'u', b'r', name)
    }

    /// The key of what tokens are signed with.
    pub fn secret(&self) -> Bytes {
        self.named(b'u', b's', "")
    }

    fn named(&self, subspace: u8, kind: u8, name: &str) -> Bytes {
        let mut out = self.key(subspace, 1 + name.len());
        out.put_u8(kind);
        out.put_slice(name.as_bytes());
        out.freeze()
    }

    /// The key of a writer's record.
    pub fn writer(&self, writer: u64) -> Bytes {
        let mut out = self.key(b'w', 8);
        out.put_u64(writer);
        out.freeze()
    }
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
