//! A server's record for the others.

use super::records::{get_varint, put_varint};
use super::truncated;
use crate::error::{Error, Result};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Where one server of the instance can be reached, and what it wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRecord {
    /// What another server shows to prove that it reads the same store; new at each opening.
    pub token: u128,
    /// When it was last written, in milliseconds since the Unix epoch.
    pub written_ms: i64,
    /// The server's name.
    pub name: String,
    /// Where it serves clients.
    pub client_urls: Vec<String>,
    /// What it says of peer URLs.
    pub peer_urls: Vec<String>,
}

impl PeerRecord {
    /// The record for `m`.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u128(self.token);
        out.put_i64(self.written_ms);
        put_text(&mut out, &self.name);
        for urls in [&self.client_urls, &self.peer_urls] {
            put_varint(&mut out, urls.len() as u64);
            for url in urls {
                put_text(&mut out, url);
            }
        }
        out.freeze()
    }

    /// Reads the record of `m`.
    pub fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() < 24 {
            return Err(truncated('m'));
        }
        Ok(Self {
            token: record.get_u128(),
            written_ms: record.get_i64(),
            name: get_text(&mut record)?,
            client_urls: get_texts(&mut record)?,
            peer_urls: get_texts(&mut record)?,
        })
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    put_varint(out, text.len() as u64);
    out.put_slice(text.as_bytes());
}

fn get_text(record: &mut Bytes) -> Result<String> {
    let bytes = usize::try_from(get_varint(record, 'm')?).ok();
    let Some(bytes) = bytes.filter(|bytes| *bytes <= record.len()) else {
        return Err(truncated('m'));
    };
    let text = record.split_to(bytes);
    String::from_utf8(text.into()).map_err(|_| Error::CorruptRecord {
        subspace: 'm',
        detail: "a text that is not UTF-8",
    })
}

fn get_texts(record: &mut Bytes) -> Result<Vec<String>> {
    let count = get_varint(record, 'm')?;
    (0..count).map(|_| get_text(record)).collect()
}
