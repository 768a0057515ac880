//! What a restored keyspace gets from the first who opens it.
//!
//! A restored keyspace holds nothing that differs from one restore of its file to the next, so that
//! members of a group who each restore the file begin with the same state. What depends on time or
//! chance comes with the first opening, through the store like any write: the time leases have left
//! begins to run, and tokens get a secret.

use crate::error::Result;
use crate::mvcc::auth::new_secret;
use crate::mvcc::keyspace::{Layout, LeaseRecord, successor};
use crate::mvcc::{identity, lease};
use crate::store::{ApplyError, Batch, BatchId, Consistency, Direction, Op, PageLimit, Store};

/// Leases that one batch dates.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// Settles a keyspace. Several may do so at once: the first to end it has done it, and nothing is
/// written after that.
pub async fn settle(store: &Store, layout: &Layout) -> Result<()> {
    let (mut from, end) = layout.subspace(b'l');
    loop {
        let view = store.view(Consistency::Linearizable).await?;
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        let mut dated = Vec::new();
        for (key, record) in &page.items {
            let stored = LeaseRecord::decode(record.clone())?;
            let id = layout.lease_id(key)?;
            if let Some((lease, due)) = lease::dated(id, stored) {
                dated.push(Op::Set(key.clone(), lease.encode()));
                dated.push(Op::Set(layout.due(due), Default::default()));
            }
        }
        if !dated.is_empty() && !write(store, layout, dated).await? {
            return Ok(());
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => break,
        }
    }
    let mut last = identity::first_records(layout);
    // The tokens of those who logged in where the file was made are worth nothing here.
    last.push(Op::Set(layout.secret(), new_secret()));
    write(store, layout, last).await.map(drop)
}

/// Writes, unless somebody else has settled the keyspace, or may have.
async fn write(store: &Store, layout: &Layout, ops: Vec<Op>) -> Result<bool> {
    let batch = Batch {
        id: BatchId {
            writer: 0,
            sequence: 0,
        },
        guard: Some(identity::unsettled(layout)),
        ops,
    };
    match store.apply(batch).await {
        Ok(()) => Ok(true),
        // Whoever asked looks again.
        Err(ApplyError::Conflict | ApplyError::Unknown) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
