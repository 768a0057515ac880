//! What happened between two revisions, as the history tells it.

use crate::error::Result;
use crate::mvcc::keyspace::{Change, Layout, Revision, successor};
use crate::store::{Direction, PageLimit, View};
use bytes::Bytes;

/// What is asked of the store at once.
const PAGE: PageLimit = PageLimit {
    items: 4096,
    bytes: 4 << 20,
};

/// Where the changes after a revision begin.
pub fn after(layout: &Layout, revision: i64) -> Bytes {
    layout.history(Revision::first_of(revision + 1))
}

/// Some changes from `start` on, up to a revision and with it, and where to go on if there are more.
pub async fn page(
    view: &View,
    layout: &Layout,
    start: &Bytes,
    until: i64,
) -> Result<(Vec<(Revision, Change)>, Option<Bytes>)> {
    let end = after(layout, until);
    if *start >= end {
        return Ok((Vec::new(), None));
    }
    let page = view.scan(start, &end, PAGE, Direction::Forward).await?;
    let next = page.items.last().filter(|_| page.more);
    let next = next.map(|(key, _)| successor(key));
    let change = |(key, record): (Bytes, Bytes)| decode(layout, &key, record);
    let changes: Result<Vec<_>> = page.items.into_iter().map(change).collect();
    Ok((changes?, next))
}

/// A change and its revision, from a key of the history and what it holds.
pub fn decode(layout: &Layout, key: &Bytes, record: Bytes) -> Result<(Revision, Change)> {
    let revision = layout.history_revision(key)?;
    Ok((revision, Change::decode(revision, record)?))
}
