//! What a store asks of FoundationDB, noted where it is asked, for tests of what things cost.

use crate::store::Op;
use bytes::Bytes;
use parking_lot::Mutex;

/// One request to the cluster.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    /// A read of one key.
    Get(Bytes),
    /// A range read.
    RangeRead,
    /// A transaction with these changes is sent.
    Commit(Vec<Op>),
}

/// The calls of one store since they were asked for; none are kept before.
#[derive(Default)]
pub(crate) struct Costs(Mutex<Option<Vec<Call>>>);

impl Costs {
    pub(super) fn note(&self, call: impl FnOnce() -> Call) {
        if let Some(calls) = self.0.lock().as_mut() {
            calls.push(call());
        }
    }

    /// The calls since the last time, and from now on.
    pub(crate) fn take(&self) -> Vec<Call> {
        self.0.lock().replace(Vec::new()).unwrap_or_default()
    }
}
