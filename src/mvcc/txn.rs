//! What put, delete and transaction requests mean: which are refused, and what the others do.
//!
//! A request is checked against the state before it, all of it, before its first change: an
//! error means that nothing happened.

use crate::error::{Error, Result};
use crate::mvcc::keyspace::{KeyRange, State};
use crate::mvcc::read::check_revision;
use crate::mvcc::scratch::Scratch;
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::pb::etcdserverpb::request_op::Request;
use crate::pb::etcdserverpb::response_op::Response;
use crate::pb::etcdserverpb::{
    Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest,
    RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use crate::pb::mvccpb::KeyValue;
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Refuses a range request that can never be answered.
pub fn check_range(request: &RangeRequest) -> Result<()> {
    if request.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if SortOrder::try_from(request.sort_order).is_err()
        || SortTarget::try_from(request.sort_target).is_err()
    {
        return Err(Error::InvalidSortOption);
    }
    Ok(())
}

/// Refuses a put request that can never be done.
pub fn check_put(request: &PutRequest) -> Result<()> {
    if request.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

/// Refuses a delete request that can never be done.
pub fn check_delete(request: &DeleteRangeRequest) -> Result<()> {
    if request.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    Ok(())
}

/// Refuses a transaction that can never be done.
pub fn check_txn(request: &TxnRequest, max_ops: usize) -> Result<()> {
    check_branches(request, max_ops)?;
    for branch in [&request.success, &request.failure] {
        // One alone writes no key twice, unless it is a transaction.
        if branch.len() > 1 || branch.iter().any(is_txn) {
            Writes::of(branch)?;
        }
    }
    Ok(())
}

fn is_txn(op: &RequestOp) -> bool {
    matches!(op.request, Some(Request::RequestTxn(_)))
}

/// A nested transaction may hold as many operations as its parent left over.
fn check_branches(request: &TxnRequest, max_ops: usize) -> Result<()> {
    let ops = request
        .compare
        .len()
        .max(request.success.len())
        .max(request.failure.len());
    let Some(left) = max_ops.checked_sub(ops) else {
        return Err(Error::TooManyOps);
    };
    if request.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Error::EmptyKey);
    }
    for op in request.success.iter().chain(&request.failure) {
        match &op.request {
            None => return Err(Error::KeyNotFound),
            Some(Request::RequestRange(range)) => check_range(range)?,
            Some(Request::RequestPut(put)) => check_put(put)?,
            Some(Request::RequestDeleteRange(delete)) => check_delete(delete)?,
            Some(Request::RequestTxn(txn)) => check_branches(txn, left)?,
        }
    }
    Ok(())
}

/// The keys a branch writes. No key may be put twice, or put and deleted.
#[derive(Default)]
struct Writes<'a> {
    puts: HashSet<&'a [u8]>,
    deletes: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Writes<'a> {
    fn of(ops: &'a [RequestOp]) -> Result<Self> {
        let mut all = Self::default();
        for op in ops {
            if let Some(Request::RequestDeleteRange(delete)) = &op.request {
                all.deletes.push((&delete.key, &delete.range_end));
            }
        }
        for op in ops {
            let Some(Request::RequestTxn(txn)) = &op.request else {
                continue;
            };
            let then = Self::of(&txn.success)?;
            let otherwise = Self::of(&txn.failure)?;
            for key in &then.puts {
                all.add_put(key)?;
            }
            for key in &otherwise.puts {
                // Only one of the two branches runs, so they may share keys.
                if then.puts.contains(key) {
                    all.check_deletes(key)?;
                } else {
                    all.add_put(key)?;
                }
            }
            all.deletes.extend(then.deletes);
            all.deletes.extend(otherwise.deletes);
        }
        for op in ops {
            if let Some(Request::RequestPut(put)) = &op.request {
                all.add_put(&put.key)?;
            }
        }
        Ok(all)
    }

    fn add_put(&mut self, key: &'a [u8]) -> Result<()> {
        if !self.puts.insert(key) {
            return Err(Error::DuplicateKey);
        }
        self.check_deletes(key)
    }

    fn check_deletes(&self, key: &[u8]) -> Result<()> {
        let deleted = self.deletes.iter().any(|(start, end)| match *end {
            [] => key == *start,
            // As in etcd, an open end ("\0") is below every key here, and so holds none.
            end => *start <= key && key < end,
        });
        if deleted {
            return Err(Error::DuplicateKey);
        }
        Ok(())
    }
}

/// Whether a transaction only reads, as etcd sees it: one that holds another never does, and so
/// meets what writes meet, such as the CORRUPT alarm.
pub fn is_read_only(request: &TxnRequest) -> bool {
    let reads = |op: &RequestOp| matches!(op.request, Some(Request::RequestRange(_)));
    request.success.iter().chain(&request.failure).all(reads)
}

/// Whether a transaction may be served without a quorum: it reads, and every range of it says so.
pub fn is_serializable(request: &TxnRequest) -> bool {
    let serializable = |op: &RequestOp| match &op.request {
        Some(Request::RequestRange(range)) => range.serializable,
        _ => false,
    };
    let mut ops = request.success.iter().chain(&request.failure).peekable();
    ops.peek().is_some() && ops.all(serializable)
}

/// What a put needs of the quota beside its key and value, about; etcd's.
const PUT_BYTES: usize = 256;

/// What a put needs of the quota.
pub fn put_cost(request: &PutRequest) -> usize {
    PUT_BYTES + request.key.len() + request.value.len()
}

/// What a transaction needs of the quota, in whatever branch.
pub fn cost(request: &TxnRequest) -> usize {
    let op = |op: &RequestOp| match &op.request {
        Some(Request::RequestPut(put)) => put_cost(put),
        Some(Request::RequestTxn(txn)) => cost(txn),
        _ => 0,
    };
    let branch = |ops: &[RequestOp]| ops.iter().map(op).sum();
    usize::max(branch(&request.success), branch(&request.failure))
}

/// The newest of the old revisions a transaction reads; 0 if it reads only the newest.
pub fn newest_old_revision(request: &TxnRequest) -> i64 {
    let revision = |op: &RequestOp| match &op.request {
        Some(Request::RequestRange(range)) => range.revision,
        Some(Request::RequestTxn(txn)) => newest_old_revision(txn),
        _ => 0,
    };
    let ops = request.success.iter().chain(&request.failure);
    ops.map(revision).max().unwrap_or(0).max(0)
}

/// The keys and leases a put will read; whether it needs no more than its key.
pub fn put_points(put: &PutRequest, keys: &mut Vec<Bytes>, leases: &mut Vec<i64>) -> bool {
    keys.push(put.key.clone());
    leases.extend((put.lease != 0).then_some(put.lease));
    put.lease == 0 && !put.ignore_lease
}

/// The key a range is, if it is one; whether it is.
pub fn point(key: &Bytes, range_end: &Bytes, keys: &mut Vec<Bytes>) -> bool {
    if range_end.is_empty() {
        keys.push(key.clone());
    }
    range_end.is_empty()
}

/// The keys and leases a transaction may read, as far as the request alone tells; whether it needs
/// no more than these keys.
pub fn points(request: &TxnRequest, keys: &mut Vec<Bytes>, leases: &mut Vec<i64>) -> bool {
    let mut is_all = true;
    for compare in &request.compare {
        is_all &= point(&compare.key, &compare.range_end, keys);
    }
    for op in request.success.iter().chain(&request.failure) {
        is_all &= match &op.request {
            Some(Request::RequestPut(put)) => put_points(put, keys, leases),
            Some(Request::RequestDeleteRange(delete)) => {
                point(&delete.key, &delete.range_end, keys)
            }
            Some(Request::RequestRange(range)) => {
                range.revision <= 0 && point(&range.key, &range.range_end, keys)
            }
            Some(Request::RequestTxn(txn)) => points(txn, keys, leases),
            None => true,
        };
    }
    is_all
}

/// The values a transaction may write.
pub fn collect_values<'a>(request: &'a TxnRequest, values: &mut Vec<&'a Bytes>) {
    for op in request.success.iter().chain(&request.failure) {
        match &op.request {
            Some(Request::RequestPut(put)) => values.push(&put.value),
            Some(Request::RequestTxn(txn)) => collect_values(txn, values),
            _ => {}
        }
    }
}

/// Does a put request as a transaction of its own.
pub async fn put(scratch: &mut Scratch, request: &PutRequest) -> Result<PutResponse> {
    precheck_put(scratch, request).await?;
    let response = do_put(scratch, request).await?;
    scratch.end_transaction();
    Ok(response)
}

/// Does a delete request as a transaction of its own.
pub async fn delete(
    scratch: &mut Scratch,
    request: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse> {
    let response = do_delete(scratch, request).await?;
    scratch.end_transaction();
    Ok(response)
}

/// Does a transaction. All compares, nested ones too, look at the state before it.
pub async fn txn(scratch: &mut Scratch, request: &TxnRequest) -> Result<TxnResponse> {
    let path = choose(scratch, request).await?;
    let checked = precheck(scratch, request, &path).await;
    // etcd looks at the state before it begins to write, in a transaction of its own.
    if checked.is_err() || !is_read_only(request) {
        scratch.tally.end_transaction();
    }
    checked?;
    let mut response = run(scratch, request, &path).await?;
    response.header = Some(header(scratch.read_revision()));
    scratch.end_transaction();
    Ok(response)
}

/// The branch a transaction takes, and those its nested transactions take.
struct Path {
    succeeded: bool,
    nested: Vec<Path>,
}

impl Path {
    fn ops<'a>(&self, request: &'a TxnRequest) -> &'a [RequestOp] {
        if self.succeeded {
            &request.success
        } else {
            &request.failure
        }
    }
}

async fn choose(scratch: &mut Scratch, request: &TxnRequest) -> Result<Path> {
    let mut succeeded = true;
    for compare in &request.compare {
        if !holds(scratch, compare).await? {
            succeeded = false;
            break;
        }
    }
    let mut path = Path {
        succeeded,
        nested: Vec::new(),
    };
    for op in path.ops(request) {
        if let Some(Request::RequestTxn(txn)) = &op.request {
            path.nested.push(Box::pin(choose(scratch, txn)).await?);
        }
    }
    Ok(path)
}

async fn precheck(scratch: &mut Scratch, request: &TxnRequest, path: &Path) -> Result<()> {
    let mut nested = path.nested.iter();
    for op in path.ops(request) {
        match &op.request {
            Some(Request::RequestRange(range)) => {
                check_txn_revision(range.revision, &scratch.state)?
            }
            Some(Request::RequestPut(put)) => {
                scratch.tally.add_ranges(keeps_something(put).into());
                precheck_put(scratch, put).await?;
            }
            Some(Request::RequestTxn(txn)) => {
                if let Some(path) = nested.next() {
                    Box::pin(precheck(scratch, txn, path)).await?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Within a transaction only 0 means the newest revision.
fn check_txn_revision(revision: i64, state: &State) -> Result<()> {
    if revision < 0 && revision < state.compacted {
        return Err(Error::Compacted);
    }
    check_revision(revision, state)
}

async fn precheck_put(scratch: &mut Scratch, request: &PutRequest) -> Result<()> {
    if request.lease != 0 && scratch.lease(request.lease).await?.is_none() {
        return Err(Error::LeaseNotFound);
    }
    if keeps_something(request) && scratch.get(&request.key).await?.is_none() {
        return Err(Error::KeyNotFound);
    }
    Ok(())
}

/// Whether a put leaves the value or the lease as it is.
fn keeps_something(put: &PutRequest) -> bool {
    put.ignore_value || put.ignore_lease
}

async fn run(scratch: &mut Scratch, request: &TxnRequest, path: &Path) -> Result<TxnResponse> {
    let mut responses = Vec::with_capacity(path.ops(request).len());
    let mut nested = path.nested.iter();
    for op in path.ops(request) {
        let response = match &op.request {
            None => return Err(Error::KeyNotFound),
            Some(Request::RequestRange(range)) => {
                scratch.tally.add_ranges(1);
                Response::ResponseRange(scratch.range(range).await?)
            }
            Some(Request::RequestPut(put)) => Response::ResponsePut(do_put(scratch, put).await?),
            Some(Request::RequestDeleteRange(delete)) => {
                Response::ResponseDeleteRange(do_delete(scratch, delete).await?)
            }
            Some(Request::RequestTxn(txn)) => {
                let path = nested.next().ok_or(Error::KeyNotFound)?;
                Response::ResponseTxn(Box::pin(run(scratch, txn, path)).await?)
            }
        };
        responses.push(ResponseOp {
            response: Some(response),
        });
    }
    Ok(TxnResponse {
        header: Some(ResponseHeader::default()),
        succeeded: path.succeeded,
        responses,
    })
}

async fn do_put(scratch: &mut Scratch, request: &PutRequest) -> Result<PutResponse> {
    let mut value = request.value.clone();
    let mut lease = request.lease;
    scratch
        .tally
        .add_ranges((keeps_something(request) || request.prev_kv).into());
    scratch.tally.add_put();
    if keeps_something(request)
        && let Some(before) = scratch.get(&request.key).await?
    {
        if request.ignore_value {
            value = scratch.value(&before.value).await?;
        }
        if request.ignore_lease {
            lease = before.lease;
        }
    }
    let before = scratch.put(request.key.clone(), value, lease).await?;
    let prev_kv = match before {
        Some(before) if request.prev_kv => Some(scratch.key_value(&request.key, &before).await?),
        _ => None,
    };
    Ok(PutResponse {
        header: Some(header(scratch.read_revision())),
        prev_kv,
    })
}

async fn do_delete(
    scratch: &mut Scratch,
    request: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse> {
    scratch.tally.add_ranges(request.prev_kv.into());
    scratch.tally.add_deletes(1);
    let items = match KeyRange::new(request.key.clone(), request.range_end.clone()) {
        KeyRange::Point(key) => {
            let found = scratch.get(&key).await?;
            found.map(|found| (key, found)).into_iter().collect()
        }
        range => scratch.items(range).await?,
    };
    let mut response = DeleteRangeResponse {
        deleted: items.len() as i64,
        ..Default::default()
    };
    for (key, before) in items {
        if request.prev_kv {
            let prev_kv: KeyValue = scratch.key_value(&key, &before).await?;
            response.prev_kvs.push(prev_kv);
        }
        scratch.delete(key, &before).await?;
    }
    response.header = Some(header(scratch.read_revision()));
    Ok(response)
}

fn header(revision: i64) -> ResponseHeader {
    ResponseHeader {
        revision,
        ..Default::default()
    }
}

async fn holds(scratch: &mut Scratch, compare: &Compare) -> Result<bool> {
    scratch.tally.add_ranges(1);
    let items = match KeyRange::new(compare.key.clone(), compare.range_end.clone()) {
        KeyRange::Point(key) => {
            let found = scratch.get(&key).await?;
            found.map(|found| (key, found)).into_iter().collect()
        }
        range => scratch.items(range).await?,
    };
    if items.is_empty() {
        // A missing key has no value to compare, but counts as version, revision and lease 0.
        return Ok(compare.target != CompareTarget::Value as i32
            && compare_one(compare, &KeyValue::default()));
    }
    for (key, item) in &items {
        if !compare_one(compare, &scratch.key_value(key, item).await?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare_one(compare: &Compare, found: &KeyValue) -> bool {
    let number = |wanted: Option<i64>, found: i64| found.cmp(&wanted.unwrap_or(0));
    let wanted = compare.target_union.as_ref();
    let ordering = match CompareTarget::try_from(compare.target) {
        Ok(CompareTarget::Version) => number(
            match wanted {
                Some(TargetUnion::Version(number)) => Some(*number),
                _ => None,
            },
            found.version,
        ),
        Ok(CompareTarget::Create) => number(
            match wanted {
                Some(TargetUnion::CreateRevision(number)) => Some(*number),
                _ => None,
            },
            found.create_revision,
        ),
        Ok(CompareTarget::Mod) => number(
            match wanted {
                Some(TargetUnion::ModRevision(number)) => Some(*number),
                _ => None,
            },
            found.mod_revision,
        ),
        Ok(CompareTarget::Lease) => number(
            match wanted {
                Some(TargetUnion::Lease(number)) => Some(*number),
                _ => None,
            },
            found.lease,
        ),
        Ok(CompareTarget::Value) => match wanted {
            Some(TargetUnion::Value(value)) => found.value.cmp(value),
            _ => found.value.cmp(&Bytes::new()),
        },
        Err(_) => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering == Ordering::Equal,
        Ok(CompareResult::NotEqual) => ordering != Ordering::Equal,
        Ok(CompareResult::Greater) => ordering == Ordering::Greater,
        Ok(CompareResult::Less) => ordering == Ordering::Less,
        // etcd lets a compare with an unknown operator pass.
        Err(_) => true,
    }
}
