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
/// Batches of more bytes of records are left to be read from the store.
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
        let size = |record: &v1::Record| record.key.len() + record.change.len();
        let bytes: usize = records.iter().map(size).sum();
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::BatchId;
    use proptest::prelude::*;

    fn layout(instance: u8) -> Layout {
        Layout::new(vec![instance].into())
    }

    fn state() -> State {
        State {
            revision: 9,
            ..State::new(BatchId {
                writer: 3,
                sequence: 7,
            })
        }
    }

    fn deletion(key: impl Into<Bytes>) -> Change {
        Change {
            key: key.into(),
            put: None,
            replaced: None,
        }
    }

    fn op(layout: &Layout, revision: Revision, change: &Change) -> Op {
        Op::Set(layout.history(revision), change.encode())
    }

    /// What a server hears that listens while these ops are committed.
    fn relayed(layout: &Layout, ops: &[Op]) -> Bytes {
        let relay = Relay::new();
        assert!(relay.records(layout, ops).is_none(), "nobody listens");
        let mut listener = relay.listen();
        let records = relay.records(layout, ops).unwrap();
        relay.send(8, &state(), records, Some(5));
        listener.try_recv().unwrap()
    }

    #[test]
    fn a_batch_comes_with_its_changes_and_nothing_else() {
        let layout = layout(1);
        let revision = Revision { main: 9, sub: 1 };
        let change = deletion("k");
        let other = Op::Set(layout.current(b"k"), Bytes::from_static(b"x"));
        let batch = relayed(&layout, &[other, op(&layout, revision, &change)]);
        let batch = Relayed::decode(&layout, batch).unwrap();
        assert_eq!((batch.from, batch.version), (8, Some(5)));
        assert_eq!(batch.state, state());
        assert_eq!(batch.changes, [(revision, change)]);
    }

    #[test]
    fn what_is_too_much_has_to_be_read() {
        let layout = layout(1);
        let change = deletion(vec![b'k'; BATCH_BYTES_MAX]);
        let ops = [op(&layout, Revision::first_of(9), &change)];
        let batch = Relayed::decode(&layout, relayed(&layout, &ops)).unwrap();
        assert_eq!((batch.from, batch.state), (NOWHERE, state()));
        assert_eq!(batch.changes, []);
    }

    #[test]
    fn changes_of_something_else_are_refused() {
        let ops = [op(&layout(1), Revision::first_of(9), &deletion("k"))];
        let batch = relayed(&layout(1), &ops);
        assert!(Relayed::decode(&layout(2), batch).is_err());
        let short = v1::Batch {
            state: state().encode(),
            records: vec![v1::Record::default()],
            ..v1::Batch::default()
        };
        assert!(Relayed::decode(&layout(1), short.encode_to_vec().into()).is_err());
    }

    proptest! {
        #[test]
        fn damage_is_refused_or_read(at in any::<prop::sample::Index>(), byte: u8) {
            let ops = [op(&layout(1), Revision::first_of(9), &deletion("k"))];
            let mut batch = relayed(&layout(1), &ops).to_vec();
            let at = at.index(batch.len());
            batch[at] = byte;
            let _ = Relayed::decode(&layout(1), batch.into());
        }
    }
}
