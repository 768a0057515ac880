//! The directory of an etcd, taken over by who is started in its place.
//!
//! What etcd has written stays as it is, so that it can be gone back to. The keyspace is read from its
//! database, and kept in a directory beside it from then on.

use crate::bolt::Database;
use crate::cli::serve;
use crate::cli::settings::Home;
use crate::error::Error;
use crate::mvcc::snapshot::{Bump, restore};
use crate::store::local::{BlockCache, ETCD_DATABASE, TAKEN_OVER};
use anyhow::{Context, Result, bail};
use prost::Message;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where in its directory an etcd keeps its log.
const LOG: &str = "member/wal";
/// What is kept there instead, while it is not complete.
const OWN_NEW: &str = "kvtool.new";
/// In etcd's database: who belongs to the cluster, and what was applied of the log.
const MEMBERS: &str = "members";
const META: &str = "meta";
const APPLIED: &[u8] = b"consistent_index";
/// The kind of the records of its log that are entries.
const ENTRY: i64 = 2;
/// A record that is larger is none.
const RECORD_BYTES_MAX: u64 = 1 << 30;

/// Where the data is kept for which the directory `given` was named; an etcd's is taken over first,
/// if it was alone, or is to be from now on.
pub(super) async fn home(given: &Path, instance: &str, is_to_be_alone: bool) -> Result<PathBuf> {
    let own = given.join(TAKEN_OVER);
    if own.is_dir() {
        return Ok(own);
    }
    if !given.join(ETCD_DATABASE).is_file() {
        return Ok(given.to_owned());
    }
    let taken = take_over(given, instance, is_to_be_alone).await;
    taken.with_context(|| format!("cannot take over the etcd in {}", given.display()))?;
    Ok(own)
}

async fn take_over(given: &Path, instance: &str, is_to_be_alone: bool) -> Result<()> {
    let file = File::open(given.join(ETCD_DATABASE))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => bail!("it is running"),
        locked => locked.context("cannot lock its database")?,
    }
    let bytes = file.metadata()?.len();
    let database = Database::open(file, bytes).map_err(Error::from)?;
    let members = count(&database, MEMBERS)?;
    if members > 1 && !is_to_be_alone {
        bail!(
            "it is one of {members} members: stop all of them, and make the directory of each anew, \
             out of the database of one, with `kvtool snapshot restore --initial-cluster`; or, if \
             the others are lost, start this one with --force-new-cluster"
        );
    }
    let (applied, last) = (applied(&database)?, last_entry(&given.join(LOG))?);
    if last > applied {
        bail!(
            "it was not stopped in good order: its log goes to entry {last}, and its database to \
             {applied}. Start that etcd once more, and stop it with SIGTERM"
        );
    }
    tracing::info!(bytes, "reading the database of an etcd");
    let new = given.join(OWN_NEW);
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        // One that was cut off begins anew.
        _ => {}
    }
    let store = serve::open_store(Home::Raft(new.clone()), BlockCache::default()).await?;
    let restored = restore(&store, instance, Arc::new(database), Bump::default()).await;
    store.close().await.map_err(Error::from)?;
    let restored = restored?;
    fs::rename(&new, given.join(TAKEN_OVER))?;
    File::open(given)?.sync_all()?;
    tracing::info!(
        keys = restored.keys,
        revision = restored.revision,
        leases = restored.leases,
        kept = %given.join("member").display(),
        "took over the keyspace of an etcd; its own files stay as they are"
    );
    Ok(())
}

/// How many records a bucket has.
fn count(database: &Database, bucket: &str) -> Result<usize, Error> {
    let mut count = 0;
    if let Some(bucket) = database.bucket(bucket)? {
        bucket.walk::<Error>(|_, _, _| {
            count += 1;
            Ok(())
        })?;
    }
    Ok(count)
}

/// The last entry of the log that the database has.
fn applied(database: &Database) -> Result<u64, Error> {
    let mut applied = 0;
    if let Some(meta) = database.bucket(META)? {
        meta.walk::<Error>(|key, value, _| {
            if key == APPLIED
                && let Ok(number) = value.try_into()
            {
                applied = u64::from_be_bytes(number);
            }
            Ok(())
        })?;
    }
    Ok(applied)
}

/// A record of etcd's log.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(bytes = "vec", optional, tag = "3")]
    data: Option<Vec<u8>>,
}

/// The number of an entry, which is all that is looked for in it.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(uint64, tag = "3")]
    index: u64,
}

/// The last entry of a log. One who is alone has committed all of them, or will.
fn last_entry(log: &Path) -> Result<u64> {
    let mut last = 0;
    let listed = fs::read_dir(log).with_context(|| format!("cannot read {}", log.display()))?;
    for file in listed {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "wal") {
            let read = File::open(&path).and_then(|file| last_entry_of(BufReader::new(file)));
            last = last.max(read.with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(last)
}

/// The last entry in a file of the log: records behind their lengths, up to the zeros that the file was
/// made with.
fn last_entry_of(mut file: impl Read) -> io::Result<u64> {
    let mut last = 0;
    loop {
        let mut head = [0; 8];
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(last),
            read => read?,
        }
        let head = u64::from_le_bytes(head);
        // The highest byte says how much was put behind the record, if anything was.
        let (bytes, flags) = (head & !(0xff << 56), head >> 56);
        let padding = if flags & 0x80 == 0 { 0 } else { flags & 7 };
        if bytes == 0 {
            return Ok(last);
        }
        if bytes > RECORD_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "it is damaged"));
        }
        let mut record = Vec::new();
        let wanted = bytes + padding;
        if file.by_ref().take(wanted).read_to_end(&mut record)? as u64 != wanted {
            // It was being written, and nobody was told of it.
            return Ok(last);
        }
        record.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        let record = Record::decode(&*record)?;
        if record.kind == ENTRY {
            let entry = Entry::decode(&*record.data.unwrap_or_default())?;
            last = entry.index;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(record: &Record) -> Vec<u8> {
        let record = record.encode_to_vec();
        let padding = record.len().next_multiple_of(8) - record.len();
        let flags = if padding == 0 {
            0
        } else {
            0x80 | padding as u64
        };
        let head = record.len() as u64 | flags << 56;
        let mut framed = head.to_le_bytes().to_vec();
        framed.extend(record);
        framed.extend(vec![0; padding]);
        framed
    }

    fn entry(index: u64) -> Record {
        Record {
            kind: ENTRY,
            data: Some(Entry { index }.encode_to_vec()),
        }
    }

    #[test]
    fn the_last_entry_counts_and_what_was_cut_off_does_not() {
        let state = Record {
            kind: 3,
            data: Some(vec![8, 1]),
        };
        let mut log = Vec::new();
        for record in [entry(3), entry(4), state, entry(5)] {
            log.extend(framed(&record));
        }
        let of = |log: &[u8]| last_entry_of(log).unwrap();
        assert_eq!(of(&log), 5);
        assert_eq!(of(&log[..log.len() - 1]), 4);
        log.extend([0; 512]);
        assert_eq!(of(&log), 5);
        // Entries that were written again, in another term, count from there.
        assert_eq!(of(&[framed(&entry(9)), framed(&entry(7))].concat()), 7);
    }

    proptest! {
        #[test]
        fn no_bytes_are_more_than_an_error(log: Vec<u8>) {
            let _ = last_entry_of(&*log);
        }
    }
}
