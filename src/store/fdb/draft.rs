//! A transaction that is filled while its batch is still being made.
//!
//! Each change is a call to the client's thread, and some are two. What is told early is done by the
//! time the batch is sent.

use super::Shared;
use crate::store::{Op, is_bulk};
use bytes::Bytes;
use foundationdb::options::TransactionOption;
use foundationdb::{FdbError, Transaction};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A transaction this old is not committed any more, but made anew: it has its time to end too.
const AGE_MAX: Duration = Duration::from_secs(1);

/// The beginning of a batch. Nothing happens to the cluster until it is committed.
pub struct Draft {
    shared: Arc<Shared>,
    unguarded: Unguarded,
    begun: Option<Begun>,
}

struct Begun {
    transaction: Transaction,
    at: Instant,
    /// So many changes are in it.
    told: usize,
}

/// Which keys no guard is of.
pub(super) struct Unguarded(Option<Bytes>);

impl Draft {
    pub(super) fn new(shared: Arc<Shared>, guard_key: &[u8]) -> Self {
        Self {
            unguarded: shared.unguarded(Some(guard_key)),
            shared,
            begun: None,
        }
    }

    /// Tells it of the changes of its batch so far; of those it knows already, it knows.
    pub fn tell(&mut self, ops: &[Op]) {
        if ops.is_empty() {
            return;
        }
        let begun = self.begun.take().or_else(|| {
            // Who commits the batch will see the same error, and say so.
            let transaction = self.shared.direct_transaction().ok()?;
            Some(Begun {
                transaction,
                at: Instant::now(),
                told: 0,
            })
        });
        self.begun = begun.and_then(|begun| {
            let new = &ops[begun.told..];
            self.unguarded.fill(&begun.transaction, new).ok()?;
            let told = ops.len();
            Some(Begun { told, ..begun })
        });
    }

    /// The transaction, and how many changes are in it, if it is still good.
    pub(super) fn transaction(self) -> Option<(Transaction, usize)> {
        let begun = self.begun.filter(Begun::is_good)?;
        Some((begun.transaction, begun.told))
    }

    /// Makes it older.
    #[cfg(test)]
    pub(super) fn age(&mut self, by: Duration) {
        if let Some(begun) = &mut self.begun {
            begun.at -= by;
        }
    }

    #[cfg(test)]
    pub(super) fn is_good(&self) -> bool {
        self.begun.as_ref().is_some_and(Begun::is_good)
    }
}

impl Begun {
    fn is_good(&self) -> bool {
        self.at.elapsed() < AGE_MAX
    }
}

impl Shared {
    /// Which keys of an instance no guard is of, if a guard of it is given.
    pub(super) fn unguarded(&self, guard_key: Option<&[u8]>) -> Unguarded {
        let prefix = guard_key.and_then(|key| self.prefixes.of(key));
        let unguarded = Unguarded(prefix);
        debug_assert!(!guard_key.is_some_and(|key| unguarded.has(key)));
        unguarded
    }
}

impl Unguarded {
    fn has(&self, key: &[u8]) -> bool {
        let prefix = self.0.as_deref();
        let rest = prefix.and_then(|prefix| key.strip_prefix(prefix));
        rest.is_some_and(is_bulk)
    }

    /// Puts changes into a transaction. What no guard is of need not be told to those who look for
    /// conflicts: comparing it is a quarter and more of what a commit costs the cluster.
    pub(super) fn fill(&self, transaction: &Transaction, ops: &[Op]) -> Result<(), FdbError> {
        for op in ops {
            if let Op::Set(key, _) | Op::Clear(key) = op
                && self.has(key)
            {
                transaction.set_option(TransactionOption::NextWriteNoWriteConflictRange)?;
            }
            match op {
                Op::Set(key, value) => transaction.set(key, value),
                Op::Clear(key) => transaction.clear(key),
                Op::ClearRange(start, end) if start < end => transaction.clear_range(start, end),
                Op::ClearRange(..) => {}
            }
        }
        Ok(())
    }
}
