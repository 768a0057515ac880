//! What one instance of a shared store is allowed: how large it may grow, and how much may be asked
//! of it. Kept with the instance, so every server that has it open obeys.

use crate::error::{Error, Result};
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::Layout;
use crate::store::{Batch, BatchId, Consistency, Op, Store, View};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::time::Duration;
use tokio::sync::watch;

/// The metadata record.
const META: &str = "allowance";
/// Bytes of that record.
const RECORD_BYTES: usize = 24;
/// How soon a server obeys what was changed. One small read each time: to be told of changes would
/// cost something with every batch.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Bounds of one instance; `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes that its keys, values and their history may take.
    pub size_bytes: Option<u64>,
    /// Requests that one server admits in a second.
    pub requests_per_second: Option<u64>,
    /// Bytes of writes that one server admits in a second.
    pub write_bytes_per_second: Option<u64>,
}

impl Allowance {
    fn decode(mut record: Bytes) -> Result<Self> {
        if record.len() != RECORD_BYTES {
            return Err(Error::CorruptRecord {
                subspace: 'm',
                detail: "an allowance of a wrong length",
            });
        }
        let mut bound = || Some(record.get_u64()).filter(|bound| *bound > 0);
        Ok(Self {
            size_bytes: bound(),
            requests_per_second: bound(),
            write_bytes_per_second: bound(),
        })
    }

    fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(RECORD_BYTES);
        for bound in [
            self.size_bytes,
            self.requests_per_second,
            self.write_bytes_per_second,
        ] {
            out.put_u64(bound.unwrap_or(0));
        }
        out.freeze()
    }

    /// That of the instance in a view; `None`: nobody has said so.
    pub async fn load(view: &View, layout: &Layout) -> Result<Option<Self>> {
        let record = view.get(&layout.meta(META)).await?;
        record.map(Self::decode).transpose()
    }

    /// Makes it that of the instance. Of two who do that at once, one is the last.
    pub async fn save(&self, store: &Store, layout: &Layout) -> Result<()> {
        let batch = Batch {
            id: BatchId {
                writer: rand::random(),
                sequence: 0,
            },
            guard: None,
            ops: vec![Op::Set(layout.meta(META), self.encode())],
        };
        Ok(store.apply(batch).await?)
    }
}

/// Looks now and then what is allowed, and says so; while nobody has said it, the default is.
pub async fn follow_forever(job: Job, default: Allowance, allowance: watch::Sender<Allowance>) {
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        ticks.tick().await;
        let found = async {
            let view = job.store.view(Consistency::Serializable).await?;
            Allowance::load(&view, &job.layout).await
        };
        match found.await {
            Ok(found) => {
                let found = found.unwrap_or(default);
                allowance.send_if_modified(|known| std::mem::replace(known, found) != found);
            }
            // What was allowed stays so.
            Err(error) => tracing::debug!(%error, "cannot see what the instance is allowed"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_comes_back_as_written() {
        let all = Allowance {
            size_bytes: Some(1),
            requests_per_second: Some(2),
            write_bytes_per_second: Some(u64::MAX),
        };
        for allowance in [all, Allowance::default()] {
            assert_eq!(Allowance::decode(allowance.encode()).unwrap(), allowance);
        }
        assert!(Allowance::decode(Bytes::from_static(b"short")).is_err());
    }
}
