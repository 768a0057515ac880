//! How many bytes one instance takes in a store that it shares with others.
//!
//! A store of one disk knows what all of them take together. Of one alone it is found by adding up
//! its keys and values, which reads all of it; where the store can tell without (FoundationDB
//! estimates), it is asked. From then on what commits add is added, whichever server made them.
//! That is hardly ever too little: overwritten versions count until compaction has
//! deleted them, and what compaction deletes is seen when the size is next measured. So before a
//! write is refused the size is measured again, for one of [`MEASURING_SHARE`] parts of the time; in
//! between, what is refused is refused by an estimate, and no alarm is raised for it.

use crate::error::{Error, Result};
use crate::mvcc::feed::Committed;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{Current, Layout, State};
use crate::store::{ApplyError, Batch, Guard, Op, Store, View};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// The metadata record of the size when the instance was last closed.
const META: &str = "size";
/// The part of the time that goes into measuring: one of so many.
const MEASURING_SHARE: u32 = 10;
/// What the records of one change take beside its key and value: two revisions, and prefixes.
const CHANGE_BYTES: u64 = 96;
/// Each change leaves its key in the index, in the history, and with the live version.
const KEY_COPIES: u64 = 3;
/// A value that is no blob is in the history and with the live version.
const VALUE_COPIES: u64 = 2;

/// The size of one instance.
#[derive(Debug, Default)]
pub struct Size {
    known: Mutex<Option<Known>>,
    /// Held by who measures: others would measure the same.
    measuring: tokio::sync::Mutex<()>,
    /// What commits have added since the instance was opened.
    added: Mutex<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    bytes: u64,
    /// When it was measured, and how long that took; `None`: a record told it.
    measured: Option<(Instant, Duration)>,
    /// It is what was measured, and nothing has been added since.
    is_exact: bool,
}

impl Size {
    /// As the last server wrote it down, if nothing was written after that.
    pub async fn load(view: &View, layout: &Layout, state: &State) -> Result<Self> {
        let record = view.get(&layout.meta(META)).await?;
        let bytes = record.map(decode).transpose()?;
        let bytes =
            bytes.and_then(|(bytes, sequence)| (sequence == state.batch.sequence).then_some(bytes));
        Ok(Self {
            known: Mutex::new(bytes.map(|bytes| Known {
                bytes,
                measured: None,
                is_exact: false,
            })),
            ..Self::default()
        })
    }

    /// Takes in what a commit has added.
    pub fn note(&self, batch: &Committed) {
        if batch.added_bytes > 0 {
            let mut known = self.known.lock();
            *self.added.lock() += batch.added_bytes;
            if let Some(known) = known.as_mut() {
                known.bytes += batch.added_bytes;
                known.is_exact = false;
            }
        }
    }

    /// As far as it is known.
    pub fn estimate(&self) -> Option<u64> {
        self.known.lock().map(|known| known.bytes)
    }

    /// The size as it is, if it may be measured now; else `None`.
    pub async fn measured(&self, store: &Store, layout: &Layout) -> Result<Option<u64>> {
        let _turn = self.measuring.lock().await;
        if let Some(known) = *self.known.lock() {
            if known.is_exact {
                return Ok(Some(known.bytes));
            }
            let is_early = |(at, took): (Instant, Duration)| at.elapsed() < took * MEASURING_SHARE;
            if known.measured.is_some_and(is_early) {
                return Ok(None);
            }
        }
        self.measure(store, layout).await.map(Some)
    }

    /// What it is known to be; measured, if it is not known.
    pub async fn get(&self, store: &Store, layout: &Layout) -> Result<u64> {
        let _turn = self.measuring.lock().await;
        match self.estimate() {
            Some(bytes) => Ok(bytes),
            None => self.measure(store, layout).await,
        }
    }

    async fn measure(&self, store: &Store, layout: &Layout) -> Result<u64> {
        let (began, before) = (Instant::now(), *self.added.lock());
        let found = store.size(layout.prefix()).await?;
        let mut known = self.known.lock();
        // What was added meanwhile may have been found already: rather twice than never.
        let meanwhile = *self.added.lock() - before;
        let bytes = found + meanwhile;
        *known = Some(Known {
            bytes,
            measured: Some((Instant::now(), began.elapsed())),
            is_exact: meanwhile == 0,
        });
        Ok(bytes)
    }

    /// Writes it down for the server that opens the instance next. Guarded by the state: of one that
    /// was deleted, or that others have written to, nothing is said.
    pub async fn save(&self, job: &Job, state: &State) -> Result<()> {
        let Some(bytes) = self.estimate().filter(|_| job.leads()) else {
            return Ok(());
        };
        let batch = Batch {
            id: job.batch_id(),
            guard: Some(Guard {
                key: job.layout.state(),
                expected: Some(state.encode()),
            }),
            ops: vec![Op::Set(
                job.layout.meta(META),
                encode(bytes, state.batch.sequence),
            )],
        };
        match job.store.apply(batch).await {
            Ok(()) | Err(ApplyError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The size that a view's record tells, of an instance that may be closed.
pub async fn recorded(view: &View, layout: &Layout) -> Result<Option<u64>> {
    let record = view.get(&layout.meta(META)).await?;
    Ok(record.map(decode).transpose()?.map(|(bytes, _)| bytes))
}

/// The bytes that a change of a key to a version, or to none, adds.
pub fn change_bytes(key: &[u8], put: Option<&Current>) -> u64 {
    let value = put.map_or(0, |put| match put.value.blob() {
        Some(blob) => blob.len_bytes,
        None => VALUE_COPIES * put.value.inline().map_or(0, Bytes::len) as u64,
    });
    KEY_COPIES * key.len() as u64 + value + CHANGE_BYTES
}

fn encode(bytes: u64, sequence: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(16);
    out.put_u64(bytes);
    out.put_u64(sequence);
    out.freeze()
}

fn decode(mut record: Bytes) -> Result<(u64, u64)> {
    if record.len() != 16 {
        return Err(Error::CorruptRecord {
            subspace: 'm',
            detail: "a size of a wrong length",
        });
    }
    Ok((record.get_u64(), record.get_u64()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mvcc::keyspace::BLOB_THRESHOLD_BYTES;
    use crate::mvcc::{Instance, Options};
    use crate::pb::etcdserverpb::{CompactionRequest, DeleteRangeRequest, PutRequest};
    use crate::store::memory::Memory;

    async fn open(store: &Store) -> Instance {
        let options = Options {
            is_tenant: true,
            ..Options::default()
        };
        let opened = Instance::open(store.clone(), "test", options).await;
        opened.unwrap()
    }

    #[tokio::test]
    async fn the_sum_is_not_too_small_and_is_kept() {
        let store = Store::Memory(Memory::new());
        let instance = open(&store).await;
        assert_eq!(instance.size_estimate(), None, "nobody has asked");
        instance.status().await.unwrap();
        let prefix = store.instance_prefix("test").await.unwrap();
        let put = async |key: usize, bytes: usize| {
            let request = PutRequest {
                key: format!("key/{key}").into(),
                value: vec![7; bytes].into(),
                ..PutRequest::default()
            };
            instance.put(request).await.unwrap();
        };
        for number in 0..100 {
            put(number % 60, number * 10).await;
        }
        put(0, BLOB_THRESHOLD_BYTES * 2).await;
        let delete = DeleteRangeRequest {
            key: "key/1".into(),
            range_end: "key/3".into(),
            ..DeleteRangeRequest::default()
        };
        instance.delete_range(delete).await.unwrap();
        let (sum, size) = (instance.size_estimate().unwrap(), store.size(&prefix).await);
        let size = size.unwrap();
        assert!((size..size * 2).contains(&sum), "{sum} of {size}");
        let compact = CompactionRequest {
            revision: instance.state().revision,
            physical: true,
        };
        instance.compact(compact).await.unwrap();
        let size = store.size(&prefix).await.unwrap();
        assert!(size < sum);
        instance.close().await;
        let instance = open(&store).await;
        assert_eq!(
            instance.size_estimate(),
            Some(sum),
            "as it was written down"
        );
        put_elsewhere(&store, &instance).await;
        instance.close().await;
    }

    /// What is written while nobody counts is not overlooked: the record is not believed then.
    async fn put_elsewhere(store: &Store, instance: &Instance) {
        let request = PutRequest {
            key: "later".into(),
            ..PutRequest::default()
        };
        instance.put(request).await.unwrap();
        // As after a crash: the one that is open has written nothing down.
        let other = open(store).await;
        assert_eq!(other.size_estimate(), None);
        other.close().await;
    }
}
