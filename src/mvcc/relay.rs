//! Committed batches, for the servers that hand their writes to this one: they need not read them
//! from the store.
//!
//! Nothing depends on it. Who misses a batch, or comes later, reads the store as if there were none.

use crate::error::{Error, Result};
use crate::mvcc::changes;
use crate::mvcc::feed::NOWHERE;
use crate::mvcc::keyspace::{Change, Layout, Revision, State};
use crate::pb::kvtool::peer::v1;
use crate::store::{APPENDED_SUBSPACE, Op};
use bytes::Bytes;
use prost::Message;
use tokio::sync::broadcast;

/// Batches that wait for a server that lags; it misses the oldest.
const WAITING_BATCHES: usize = 8;
/// Batches of more bytes of changes are left to be read from the store.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Where batches go. Clones are the same.
#[derive(Clone)]
pub struct Relay(broadcast::Sender<Bytes>);

/// The changes of a batch, as they are stored; `None` for too many.
pub struct Records(Option<Vec<v1::Record>>);

/// A batch that another server has committed.
pub struct Relayed {
    /// The revision before it, or [`NOWHERE`] if its changes have to be read.
    pub from: i64,
    /// The state it left.
    pub state: State,
    /// All it changed.
    pub changes: Vec<(Revision, Change)>,
    /// A version of the store that has it, where views can lag.
    pub version: Option<i64>,
}

impl Relay {
    /// To nobody so far.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(WAITING_BATCHES))
    }

    /// What is sent from now on.
    pub fn listen(&self) -> broadcast::Receiver<Bytes> {
        self.0.subscribe()
    }

    /// What of a batch's ops is sent once it is committed; `None` if nothing is.
    pub fn records(&self, layout: &Layout, ops: &[Op]) -> Option<Records> {
        if self.0.receiver_count() == 0 {
            return None;
        }
        let (history, _) = layout.subspace(APPENDED_SUBSPACE);
        let record = |op: &Op| match op {
            Op::Set(key, change) if key.starts_with(&history) => Some(v1::Record {
                key: key.clone(),
                change: change.clone(),
            }),
            _ => None,
        };
        let records: Vec<_> = ops.iter().filter_map(record).collect();
        let bytes: usize = records.iter().map(|record| record.change.len()).sum();
        Some(Records((bytes <= BATCH_BYTES_MAX).then_some(records)))
    }

    /// Says that another server has written this: what it changed has to be read.
    pub fn nudge(&self, state: &State) {
        if self.0.receiver_count() > 0 {
            self.send(NOWHERE, state, Records(None), None);
        }
    }

    /// Tells of a committed batch: the revision before it, the state it left, and a version of the
    /// store that has it.
    pub fn send(&self, from: i64, state: &State, records: Records, version: Option<i64>) {
        let batch = v1::Batch {
            from: if records.0.is_some() { from } else { NOWHERE },
            state: state.encode(),
            records: records.0.unwrap_or_default(),
            version,
        };
        // Whoever listened may have gone.
        let _ = self.0.send(batch.encode_to_vec().into());
    }
}

impl Relayed {
    /// What another server has sent.
    pub fn decode(layout: &Layout, batch: Bytes) -> Result<Self> {
        let damaged = |detail| Error::CorruptRecord {
            subspace: char::from(APPENDED_SUBSPACE),
            detail,
        };
        let batch = v1::Batch::decode(batch).map_err(|_| damaged("a relayed batch is no batch"))?;
        let (history, _) = layout.subspace(APPENDED_SUBSPACE);
        let change = |v1::Record { key, change }| {
            if !key.starts_with(&history) {
                return Err(damaged("a relayed change is of something else"));
            }
            // What is kept of one must not keep all of them.
            changes::decode(layout, &key, Bytes::copy_from_slice(&change))
        };
        Ok(Self {
            from: batch.from,
            state: State::decode(batch.state)?,
            changes: batch
                .records
                .into_iter()
                .map(change)
                .collect::<Result<_>>()?,
            version: batch.version,
        })
    }
}
