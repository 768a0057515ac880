//! A log on the disk, as short as one can be: what no server that makes writes durable can do without.
//!
//! One thread takes all records that wait, writes them behind one another and syncs once for all of
//! them. The file has its full length from the start and is written over again and again, so that
//! a sync has nothing to say but the records.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use std::{fs::File, io::Write, os::unix::fs::FileExt, thread};
use tokio::sync::{mpsc, oneshot};

/// Bytes of the file.
const FILE_BYTES: usize = 64 << 20;
/// Records that may wait for their turn; who has more waits before.
const WAITING_MAX: usize = 4096;
/// Bytes that are synced at a time, but for the last record.
const SYNCED_BYTES_MAX: usize = 8 << 20;

/// A key, its value, and whom to tell when they are durable.
type Record = (Bytes, Bytes, oneshot::Sender<()>);

/// The log of a server.
pub struct Log(mpsc::Sender<Record>);

impl Log {
    /// In a new file where the system keeps what is temporary; it is gone with the process.
    pub fn open() -> Result<Self> {
        let mut file = tempfile::tempfile().context("cannot make the log's file")?;
        let zeros = vec![0; SYNCED_BYTES_MAX];
        for _ in 0..FILE_BYTES / zeros.len() {
            file.write_all(&zeros)
                .context("cannot fill the log's file")?;
        }
        file.sync_all().context("cannot sync the log's file")?;
        let (log, records) = mpsc::channel(WAITING_MAX);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || keep(&file, records))
            .context("cannot start the log's thread")?;
        Ok(Self(log))
    }

    /// Waits until a key and its value are durable.
    pub async fn write(&self, key: Bytes, value: Bytes) -> Result<()> {
        let (durable, is_durable) = oneshot::channel();
        // Either fails when the file could not be written, of which the thread has told.
        self.0.send((key, value, durable)).await?;
        Ok(is_durable.await?)
    }
}

/// Keeps records until there are no more, or the disk fails.
fn keep(file: &File, mut records: mpsc::Receiver<Record>) {
    let mut bytes = Vec::new();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(first) = records.blocking_recv() {
        let mut next = Some(first);
        while let Some((key, value, durable)) = next {
            bytes.extend_from_slice(&key);
            bytes.extend_from_slice(&value);
            kept.push(durable);
            let has_room = bytes.len() < SYNCED_BYTES_MAX;
            next = has_room.then(|| records.try_recv().ok()).flatten();
        }
        if let Err(error) = append(file, &bytes, &mut at) {
            return eprintln!("the bare server's log: {error:#}");
        }
        bytes.clear();
        for durable in kept.drain(..) {
            // Who does not wait any more need not know.
            let _ = durable.send(());
        }
    }
}

/// Writes behind what was written last, or again from the beginning.
fn append(file: &File, bytes: &[u8], at: &mut usize) -> Result<()> {
    if bytes.len() > FILE_BYTES {
        bail!("{} bytes are more than it has room for", bytes.len());
    }
    if *at + bytes.len() > FILE_BYTES {
        *at = 0;
    }
    file.write_all_at(bytes, *at as u64)?;
    file.sync_data()?;
    *at += bytes.len();
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    #[test]
    fn records_follow_one_another_and_begin_anew_at_the_end() {
        let file = tempfile::tempfile().unwrap();
        let mut at = 0;
        append(&file, b"one", &mut at).unwrap();
        append(&file, b"two", &mut at).unwrap();
        let mut found = [0; 6];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"onetwo");
        at = FILE_BYTES - 2;
        append(&file, b"new", &mut at).unwrap();
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!((&found, at), (b"newtwo", 3));
        assert!(append(&file, &vec![0; FILE_BYTES + 1], &mut at).is_err());
    }

    #[tokio::test]
    async fn everybody_hears_of_his_record() {
        let log = Log::open().unwrap();
        let value = Bytes::from(vec![7; 1 << 20]);
        let writes = (0..40).map(|_| log.write(Bytes::from_static(b"key"), value.clone()));
        assert!(join_all(writes).await.iter().all(Result::is_ok));
    }
}
