//! Turns under a name, which locks and elections are: each contender makes a key `name/LEASE`,
//! and the oldest has the turn. The others wait until it is theirs.

use super::door::{Door, credentials};
use crate::error::{Error, Result};
use crate::mvcc::Instance;
use crate::mvcc::auth::Credentials;
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::pb::etcdserverpb::request_op::Request as Op;
use crate::pb::etcdserverpb::response_op::Response as Done;
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::*;
use crate::pb::mvccpb::KeyValue;
use crate::pb::mvccpb::event::EventType;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tonic::{Request, Status};

/// The lease of a contender that brings none, in seconds; nobody keeps it alive for him.
const LEASE_TTL_SECONDS: i64 = 60;

/// A contender, and what he came with.
pub(super) struct Contender {
    /// The instance as it is for him.
    pub(super) instance: Instance,
    credentials: Credentials,
}

impl Contender {
    /// Whoever makes a call.
    pub(super) async fn enter<T>(door: &Door, request: &Request<T>) -> Result<Self, Status> {
        Ok(Self {
            instance: door.open(request).await?,
            credentials: credentials(request.metadata(), request.extensions()),
        })
    }
}

/// The lease that a contender brings, or a new one.
pub(super) async fn lease(instance: &Instance, brought: i64) -> Result<i64> {
    if brought != 0 {
        return Ok(brought);
    }
    let request = LeaseGrantRequest {
        ttl: LEASE_TTL_SECONDS,
        id: 0,
    };
    Ok(instance.lease_grant(request).await?.id)
}

/// An error as these services say it: in etcd they are clients of the server themselves, whose
/// errors come with their words and without their codes.
pub(super) fn failed(error: Error) -> Status {
    Status::unknown(Status::from(error).message())
}

/// What all keys under a name begin with.
pub(super) fn prefix(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

/// The key of a contender.
pub(super) fn key(name: &[u8], lease: i64) -> Bytes {
    // As Go writes it: with a sign.
    let sign = if lease < 0 { "-" } else { "" };
    let lease = format!("/{sign}{:x}", lease.unsigned_abs());
    [name, lease.as_bytes()].concat().into()
}

/// Reads one of the keys under a prefix: the first by creation, or the last, of those up to a
/// revision (0: of all).
pub(super) fn one(prefix: &Bytes, order: SortOrder, max_create_revision: i64) -> RangeRequest {
    let mut range_end = prefix.to_vec();
    if let Some(slash) = range_end.last_mut() {
        *slash += 1;
    }
    RangeRequest {
        key: prefix.clone(),
        range_end: range_end.into(),
        limit: 1,
        sort_order: order.into(),
        sort_target: SortTarget::Create.into(),
        max_create_revision,
        ..RangeRequest::default()
    }
}

/// Holds when a key was created at a revision; 0: when it is not there.
pub(super) fn is_created_at(key: &Bytes, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Compare::default()
    }
}

/// A branch of a transaction.
pub(super) fn ops(ops: impl IntoIterator<Item = Op>) -> Vec<RequestOp> {
    let op = |op| RequestOp { request: Some(op) };
    ops.into_iter().map(op).collect()
}

/// Writes a value under a lease.
pub(super) fn put(key: &Bytes, value: Bytes, lease: i64) -> Op {
    Op::RequestPut(PutRequest {
        key: key.clone(),
        value,
        lease,
        ..PutRequest::default()
    })
}

/// Reads a key.
pub(super) fn get(key: &Bytes) -> RangeRequest {
    RangeRequest {
        key: key.clone(),
        ..RangeRequest::default()
    }
}

/// Deletes a key.
pub(super) fn delete(key: &Bytes) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.clone(),
        ..DeleteRangeRequest::default()
    }
}

/// The first key that an operation of a transaction has read.
pub(super) fn read(answer: &TxnResponse, op: usize) -> Option<&KeyValue> {
    match answer.responses.get(op)?.response.as_ref()? {
        Done::ResponseRange(range) => range.kvs.first(),
        _ => None,
    }
}

/// The revision of an answer.
pub(super) fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

/// Waits until no key under a prefix is left that was created up to a revision.
pub(super) async fn wait(contender: &Contender, prefix: &Bytes, up_to: i64) -> Result<()> {
    loop {
        let request = one(prefix, SortOrder::Descend, up_to);
        let found = contender.instance.range(request).await?;
        let Some(before) = found.kvs.first() else {
            return Ok(());
        };
        let from = WatchCreateRequest {
            key: before.key.clone(),
            start_revision: revision(found.header.as_ref()),
            ..WatchCreateRequest::default()
        };
        let mut answers = Box::pin(watch(contender, from));
        while let Some(answer) = answers.next().await {
            let mut events = answer?.events.into_iter();
            if events.any(|event| event.r#type() == EventType::Delete) {
                break;
            }
        }
    }
}

/// One watcher; its end is an error.
pub(super) fn watch(
    contender: &Contender,
    request: WatchCreateRequest,
) -> impl Stream<Item = Result<WatchResponse>> + Send + 'static {
    let request = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(request)),
    };
    let requests = stream::once(async { request }).chain(stream::pending());
    let ended = stream::once(async { Err(Error::Stopped) });
    let credentials = Some(contender.credentials.clone());
    let answers = contender
        .instance
        .watch(credentials, requests)
        .map(|answer| {
            // It was encoded by this process.
            let answer = answer?.into_response().map_err(|_| Error::Stopped)?;
            match (answer.canceled, answer.compact_revision) {
                (false, _) => Ok(answer),
                (true, 0) => Err(Error::Stopped),
                (true, _) => Err(Error::Compacted),
            }
        });
    answers.chain(ended)
}

/// Gives a place up when its contender is not heard of any more.
pub(super) struct Place {
    instance: Instance,
    given_up: Option<TxnRequest>,
}

impl Place {
    /// The place of the key that was created at a revision.
    pub(super) fn new(instance: &Instance, key: &Bytes, created: i64) -> Self {
        Self {
            instance: instance.clone(),
            given_up: Some(TxnRequest {
                compare: vec![is_created_at(key, created)],
                success: ops([Op::RequestDeleteRange(delete(key))]),
                failure: Vec::new(),
            }),
        }
    }

    /// Leaves it to the lease.
    pub(super) fn keep(mut self) {
        self.given_up = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(given_up) = self.given_up.take() else {
            return;
        };
        let instance = self.instance.clone();
        tokio::spawn(async move {
            if let Err(error) = instance.txn(given_up).await {
                tracing::debug!(%error, "a place that nobody waits for ends with its lease");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_go_writes_them() {
        assert_eq!(key(b"a", 0x694d_0000_0000_00ff), "a/694d0000000000ff");
        assert_eq!(key(b"", -0x10), "/-10");
        let request = one(&prefix(b"a"), SortOrder::Ascend, 0);
        assert_eq!(
            (&request.key[..], &request.range_end[..]),
            (&b"a/"[..], &b"a0"[..])
        );
    }
}
