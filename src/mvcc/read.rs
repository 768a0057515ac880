//! Reads through a view: one key, a range, at the newest or at an older revision.

mod cursor;

pub use cursor::{Cursor, Overlay};

use crate::error::{Error, Result};
use crate::mvcc::blob;
use crate::mvcc::keyspace::{Change, Current, Layout, Revision, State, Value};
use crate::pb::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::pb::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use crate::pb::mvccpb::KeyValue;
use crate::store::View;
use bytes::Bytes;
use std::cmp::Ordering;

/// A live key and its version.
pub type Item = (Bytes, Current);

/// The keyspace's state in this view.
pub async fn state(view: &View, layout: &Layout) -> Result<State> {
    decode_state(view.get(&layout.state()).await?)
}

/// The state as its record has it.
pub fn decode_state(record: Option<Bytes>) -> Result<State> {
    State::decode(record.ok_or(Error::CorruptRecord {
        subspace: 'm',
        detail: "the revision is missing",
    })?)
}

/// The live version of a key.
pub async fn current(view: &View, layout: &Layout, key: &[u8]) -> Result<Option<Current>> {
    let record = view.get(&layout.current(key)).await?;
    record.map(Current::decode).transpose()
}

/// The bytes of a value, wherever they are.
pub async fn value(view: &View, layout: &Layout, value: &Value) -> Result<Bytes> {
    match value {
        Value::Inline(bytes) => Ok(bytes.clone()),
        Value::Fresh(fresh) => Ok(fresh.1.clone()),
        Value::Blob(blob) => blob::read(view, layout, blob).await,
    }
}

/// The change at a revision; `None` once compaction has deleted it.
pub async fn change(view: &View, layout: &Layout, revision: Revision) -> Result<Option<Change>> {
    let record = view.get(&layout.history(revision)).await?;
    record
        .map(|record| Change::decode(revision, record))
        .transpose()
}

fn missing_change() -> Error {
    Error::CorruptRecord {
        subspace: 'h',
        detail: "a change named by the index is missing",
    }
}

/// Refuses revisions that are compacted or not written yet.
pub fn check_revision(revision: i64, state: &State) -> Result<()> {
    if revision > state.revision {
        return Err(Error::FutureRevision);
    }
    if revision > 0 && revision < state.compacted {
        return Err(Error::Compacted);
    }
    Ok(())
}

/// Whether the request filters by revision.
pub fn has_filter(request: &RangeRequest) -> bool {
    request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

/// Whether the request asks for another order than that of the keys.
pub fn has_custom_order(request: &RangeRequest) -> bool {
    match request.sort_order() {
        SortOrder::None => false,
        SortOrder::Ascend => request.sort_target() != SortTarget::Key,
        SortOrder::Descend => true,
    }
}

fn passes(request: &RangeRequest, item: &Current) -> bool {
    (request.max_mod_revision == 0 || item.mod_revision <= request.max_mod_revision)
        && (request.min_mod_revision == 0 || item.mod_revision >= request.min_mod_revision)
        && (request.max_create_revision == 0 || item.create_revision <= request.max_create_revision)
        && (request.min_create_revision == 0 || item.create_revision >= request.min_create_revision)
}

/// Answers from more items may take long.
const SHORT_ITEMS: usize = 100;

/// Whether a request may take long to answer.
pub fn may_take_long(request: &RangeRequest) -> bool {
    let is_bounded = !request.count_only && items_wanted(request) <= SHORT_ITEMS;
    !request.range_end.is_empty() && !is_bounded
}

/// Whether a request is answered by what one key is now, all of it.
pub fn is_get(request: &RangeRequest) -> bool {
    request.range_end.is_empty()
        && request.revision <= 0
        && !request.keys_only
        && !request.count_only
        && !has_filter(request)
}

/// How many items of its range, in key order, a request is answered from, besides their count.
pub fn items_wanted(request: &RangeRequest) -> usize {
    let cut_late = has_filter(request) || has_custom_order(request);
    match usize::try_from(request.limit) {
        _ if request.count_only => 0,
        Ok(limit @ 1..) if !cut_late => limit.saturating_add(1),
        _ => usize::MAX,
    }
}

/// Answers a range request whose revision has been checked; the header holds `revision` alone.
pub async fn range(
    mut cursor: Cursor<'_>,
    request: &RangeRequest,
    revision: i64,
) -> Result<RangeResponse> {
    let mut response = RangeResponse {
        header: Some(ResponseHeader {
            revision,
            ..Default::default()
        }),
        ..Default::default()
    };
    let target = request.sort_target();
    // etcd sorts ascending when a target but no order is given, yet only what the limit let in.
    let order = match (request.sort_order(), target) {
        (SortOrder::None, SortTarget::Key) => SortOrder::None,
        (SortOrder::None, _) => SortOrder::Ascend,
        (order, _) => order,
    };
    let limit = usize::try_from(request.limit).unwrap_or(0);
    let keep = items_wanted(request);
    let mut kept = Vec::new();
    loop {
        if kept.len() >= keep
            && let Some(count) = cursor.count().await?
        {
            response.count = count as i64;
            break;
        }
        let Some(page) = cursor.next_page().await? else {
            response.count = cursor.walked() as i64;
            break;
        };
        let room = keep - kept.len();
        kept.extend(
            page.into_iter()
                .filter(|(_, item)| passes(request, item))
                .take(room),
        );
    }
    let by_value = target == SortTarget::Value;
    if by_value {
        for (_, item) in &mut kept {
            item.value = Value::Inline(cursor.value(item).await?);
        }
    }
    if order != SortOrder::None {
        // Keys that sort alike stay in key order, either way, as in short answers of etcd.
        kept.sort_by(|a, b| match order {
            SortOrder::Descend => compare(target, b, a),
            _ => compare(target, a, b),
        });
    }
    if limit > 0 && kept.len() > limit {
        kept.truncate(limit);
        response.more = true;
    }
    response.kvs.reserve(kept.len());
    for item in kept {
        let answer = key_value(&cursor, request, item).await?;
        response.kvs.push(answer);
    }
    Ok(response)
}

/// One key of an answer. etcd serves `keys_only` from its index, which knows no leases.
pub async fn key_value(
    cursor: &Cursor<'_>,
    request: &RangeRequest,
    (key, mut item): Item,
) -> Result<KeyValue> {
    if !request.keys_only {
        let value = match &mut item.value {
            Value::Inline(value) => std::mem::take(value),
            _ => cursor.value(&item).await?,
        };
        return Ok(item.to_key_value(key, value));
    }
    let mut answer = item.to_key_value(key, Bytes::new());
    if request.sort_target() != SortTarget::Value {
        answer.lease = 0;
    }
    Ok(answer)
}

fn compare(target: SortTarget, a: &Item, b: &Item) -> Ordering {
    match target {
        SortTarget::Key => a.0.cmp(&b.0),
        SortTarget::Version => a.1.version.cmp(&b.1.version),
        SortTarget::Create => a.1.create_revision.cmp(&b.1.create_revision),
        SortTarget::Mod => a.1.mod_revision.cmp(&b.1.mod_revision),
        SortTarget::Value => match (&a.1.value, &b.1.value) {
            (Value::Inline(a), Value::Inline(b)) => a.cmp(b),
            _ => Ordering::Equal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_few_keys_is_short() {
        let key = RangeRequest {
            key: Bytes::from_static(b"a"),
            ..Default::default()
        };
        assert!(!may_take_long(&key));
        let range = RangeRequest {
            range_end: Bytes::from_static(b"b"),
            ..key
        };
        assert!(may_take_long(&range));
        let page = RangeRequest { limit: 10, ..range };
        assert!(!may_take_long(&page));
        // These look at the whole range, whatever they answer.
        let sorted = RangeRequest {
            sort_order: SortOrder::Descend.into(),
            ..page.clone()
        };
        let counted = RangeRequest {
            count_only: true,
            ..page.clone()
        };
        let filtered = RangeRequest {
            min_mod_revision: 5,
            ..page
        };
        assert!([sorted, counted, filtered].iter().all(may_take_long));
    }
}
