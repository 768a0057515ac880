//! Files of bbolt, in which etcd keeps and hands out its keyspace: read without trust, and
//! written from sorted records.
//!
//! ```text
//! page     id u64, flags u16, number of elements u16, further pages u32, then the elements;
//!          little-endian, as everything here
//! meta     pages 0 and 1, of which the one with the higher transaction counts: magic u32,
//!          version u32, page size u32, flags u32, root bucket, free list u64, number of pages u64,
//!          transaction u64, FNV-1a of all before u64
//! bucket   page of its root u64, sequence u64; as the value of its name in the bucket above.
//!          Root 0: the one page it has follows.
//! branch   elements: offset of the key u32, its length u32, page u64; then the keys
//! leaf     elements: flags u32 (1: a bucket), offset of the key u32, length of key u32 and value
//!          u32; then keys and values
//! ```
//!
//! Offsets count from their element on. A page whose elements need more room goes on in the pages
//! behind it.

mod read;
mod write;

pub use read::{Bucket, Database};
pub use write::Writer;

use std::io;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_BYTES: usize = 4096;
const PAGE_HEADER_BYTES: usize = 16;
const ELEMENT_BYTES: usize = 16;
const META_BYTES: usize = 64;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const META: u16 = 4;
/// Of an element: its value is a bucket.
const IS_BUCKET: u32 = 1;
/// In the place of the free list: there is none.
const NO_FREE_LIST: u64 = u64::MAX;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BoltError {
    /// The disk has failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no such file, or a damaged one.
    #[error("the file is no snapshot or a damaged one: {0}")]
    Damaged(&'static str),
}

/// The checksum of a meta page.
fn checksum(bytes: &[u8]) -> u64 {
    let fnv = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    type Records = Vec<(Vec<u8>, Vec<u8>)>;

    fn written(buckets: &[(&str, Records)]) -> (File, u64) {
        let mut writer = Writer::new(tempfile::tempfile().unwrap()).unwrap();
        for (name, records) in buckets {
            writer.bucket(name).unwrap();
            for (key, value) in records {
                writer.put(key.clone(), value.clone()).unwrap();
            }
        }
        let file = writer.finish().unwrap();
        let bytes = file.metadata().unwrap().len();
        (file, bytes)
    }

    fn read(database: &Database, name: &str) -> Result<Records, BoltError> {
        let mut records = Vec::new();
        if let Some(bucket) = database.bucket(name)? {
            bucket.walk(|key, value, _| {
                records.push((key.to_vec(), value.to_vec()));
                Ok::<_, BoltError>(())
            })?;
        }
        Ok(records)
    }

    /// Buckets without a page of their own, with one, with branches, and with a value of many pages.
    fn buckets(many: u32, large: usize) -> [(&'static str, Records); 4] {
        let numbered = |count: u32, value: usize| {
            let record = |number: u32| (number.to_be_bytes().to_vec(), vec![7; value]);
            (0..count).map(record).collect()
        };
        [
            ("a", Vec::new()),
            ("b", numbered(3, 10)),
            ("c", numbered(many, 30)),
            ("d", numbered(3, large)),
        ]
    }

    #[test]
    fn a_file_says_what_was_written() {
        let buckets = buckets(40_000, 50_000);
        let (file, bytes) = written(&buckets);
        assert_eq!(bytes % PAGE_BYTES as u64, 0);
        // A copy that lost its first meta page, too.
        let damaged = tempfile::tempfile().unwrap();
        std::io::copy(&mut &file, &mut &damaged).unwrap();
        for file in [file.try_clone().unwrap(), file] {
            let database = Database::open(file.try_clone().unwrap(), bytes).unwrap();
            assert_eq!(database.buckets().unwrap(), ["a", "b", "c", "d"]);
            for (name, records) in &buckets {
                assert!(&read(&database, name).unwrap() == records, "{name}");
            }
            file.write_all_at(&[0; PAGE_BYTES], 0).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn any_bytes_are_read_or_refused(
            changes in prop::collection::vec((0..40_000u64, any::<u8>()), 0..6),
            cut in 0..40_000u64,
        ) {
            let (file, bytes) = written(&buckets(600, 9_000));
            for (at, byte) in changes {
                file.write_all_at(&[byte], at % bytes).unwrap();
            }
            if cut < bytes / 4 {
                file.set_len(cut).unwrap();
            }
            // Only a panic, or a walk without an end, can fail this.
            if let Ok(database) = Database::open(file, bytes) {
                for name in database.buckets().unwrap_or_default() {
                    let _ = read(&database, &name);
                }
            }
        }
    }
}
