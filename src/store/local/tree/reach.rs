//! How far the tree of what is appended may be ahead of the other.
//!
//! The two become durable one after the other. A crash in between leaves the first with entries of
//! the owner's log that the second does not have, so before that it is noted up to which.

use bytes::Bytes;
use crc32c::crc32c;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The note, in a file of its own: its length and its checksum, 4 bytes each, and the owner's record.
pub(super) struct Reach(File);

impl Reach {
    /// Opens the note, or makes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        options.open(path).map(Self)
    }

    /// Notes a record, durably.
    pub(super) fn note(&self, record: &Bytes) -> io::Result<()> {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        let head = [length.to_be_bytes(), crc32c(record).to_be_bytes()];
        (&self.0).seek(SeekFrom::Start(0))?;
        (&self.0).write_all(&[&head.concat(), record.as_ref()].concat())?;
        self.0.sync_data()
    }

    /// The last record. `None`: there is none, or it was not written whole. Then both trees go as far
    /// as the other, for the first one waits for it.
    pub(super) fn get(&self) -> io::Result<Option<Bytes>> {
        let mut bytes = Vec::new();
        (&self.0).seek(SeekFrom::Start(0))?;
        (&self.0).read_to_end(&mut bytes)?;
        let record = || {
            let (length, rest) = bytes.split_first_chunk()?;
            let (check, rest) = rest.split_first_chunk()?;
            let record = rest.get(..u32::from_be_bytes(*length) as usize)?;
            let is_whole = crc32c(record) == u32::from_be_bytes(*check);
            is_whole.then(|| Bytes::copy_from_slice(record))
        };
        Ok(record())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    #[test]
    fn a_note_is_whole_or_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reach = Reach::open(file.path()).unwrap();
        assert_eq!(reach.get().unwrap(), None);
        for record in ["a longer record", "short"] {
            reach.note(&record.into()).unwrap();
            assert_eq!(reach.get().unwrap().unwrap(), record);
        }
        let whole = fs::read(file.path()).unwrap();
        // Behind the length and the checksum there are 5 bytes, and what is left of the one before.
        for byte in 0..8 + 5 {
            let mut torn = whole.clone();
            torn[byte] ^= 1;
            fs::write(file.path(), torn).unwrap();
            assert_eq!(reach.get().unwrap(), None, "byte {byte}");
            fs::write(file.path(), &whole[..byte]).unwrap();
            assert_eq!(reach.get().unwrap(), None, "{byte} bytes");
        }
    }
}
