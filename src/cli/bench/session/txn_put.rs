//! Writes as Kubernetes sends them: if the key is still at the revision I know, put.

use super::{Picker, PutIf, Seat, Session, Writer};
use crate::{
    cli::{
        bench::keys::{Keys, Values},
        client::Client,
    },
    pb::etcdserverpb::{
        Compare, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
        compare::{CompareResult, CompareTarget, TargetUnion},
        request_op::Request,
        response_op::Response,
    },
};
use anyhow::{Context, Result};
use bytes::{BufMut, Bytes, BytesMut};
use rand::RngExt;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tonic::Status;

/// Keys asked for at once when the revisions are loaded.
const LOAD_PAGE_KEYS: i64 = 10_000;

const UPDATE: usize = 0;
const CREATE: usize = 1;
const CONFLICT: usize = 2;

/// The modification revisions on the server before the run.
#[derive(Debug, Default)]
pub struct Versions {
    /// By key number; 0 for a key that does not exist.
    revisions: Vec<i64>,
    /// Number of the next key that nobody has created yet.
    next_fresh: AtomicU64,
}

impl Versions {
    /// None of `keys` exists.
    pub fn none(keys: &Keys) -> Self {
        Self {
            revisions: vec![0; keys.count() as usize],
            next_fresh: AtomicU64::new(keys.count()),
        }
    }

    /// A key that exists, and its revision.
    pub fn add(&mut self, keys: &Keys, key: &[u8], revision: i64) {
        let Some(index) = keys.index_of(key) else {
            return;
        };
        match self.revisions.get_mut(index as usize) {
            Some(known) => *known = revision,
            None => {
                self.next_fresh.fetch_max(index + 1, Ordering::Relaxed);
            }
        }
    }

    /// Reads the revision of every key in `keys`.
    pub async fn load(client: &Client, keys: &Keys) -> Result<Self> {
        let mut versions = Self::none(keys);
        let mut from = keys.prefix();
        loop {
            let request = RangeRequest {
                key: from,
                range_end: keys.prefix_end(),
                limit: LOAD_PAGE_KEYS,
                keys_only: true,
                ..RangeRequest::default()
            };
            let page = client.kv.clone().range(client.request(request)).await;
            let page = page.context("cannot read the keys to update")?.into_inner();
            for kv in &page.kvs {
                versions.add(keys, &kv.key, kv.mod_revision);
            }
            match page.kvs.last() {
                Some(last) if page.more => from = successor(&last.key),
                _ => return Ok(versions),
            }
        }
    }
}

/// Updates the keys that are its own, and creates new ones.
pub struct TxnPutSession<W> {
    writer: W,
    picker: Picker,
    values: Arc<Values>,
    /// The first of its keys; the others follow at a distance of `stride`.
    first: u64,
    stride: u64,
    revisions: Vec<i64>,
    versions: Arc<Versions>,
    create_percent: u8,
}

impl<W: Writer> TxnPutSession<W> {
    /// A client that updates every `clients`-th key from its number on.
    pub fn new(seat: Seat<W>, versions: &Arc<Versions>, create_percent: u8) -> Self {
        let own = versions.revisions.iter().copied();
        Self {
            first: seat.number,
            stride: seat.clients,
            revisions: own
                .skip(seat.number as usize)
                .step_by(seat.clients as usize)
                .collect(),
            versions: versions.clone(),
            writer: seat.client,
            picker: seat.picker,
            values: seat.values,
            create_percent,
        }
    }

    async fn put_if(&mut self, key: Bytes, revision: i64) -> Result<PutIf, Status> {
        let value = self.values.pick(self.picker.rng());
        self.writer.put_if(key, value, revision).await
    }
}

impl<W: Writer> Session for TxnPutSession<W> {
    async fn send(&mut self, index: u64) -> Result<usize, Status> {
        if self.picker.rng().random_range(0..100) < self.create_percent {
            let fresh = self.versions.next_fresh.fetch_add(1, Ordering::Relaxed);
            let key = self.picker.keys().fresh(fresh);
            let answer = self.put_if(key, 0).await?;
            return Ok(if answer.succeeded { CREATE } else { CONFLICT });
        }
        let slot = self.picker.index(index, self.revisions.len() as u64);
        let key = self.picker.keys().key(self.first + slot * self.stride);
        let known = &self.revisions[slot as usize];
        let answer = self.put_if(key, *known).await?;
        self.revisions[slot as usize] = answer.revision;
        Ok(if answer.succeeded { UPDATE } else { CONFLICT })
    }
}

/// The smallest key above `key`.
fn successor(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// The revision of the key after the transaction, whoever wrote it.
pub fn revision_after(answer: &TxnResponse) -> i64 {
    if answer.succeeded {
        return answer.header.as_ref().map_or(0, |header| header.revision);
    }
    let first = answer.responses.first().and_then(|op| op.response.as_ref());
    match first {
        Some(Response::ResponseRange(range)) => range.kvs.first().map_or(0, |kv| kv.mod_revision),
        _ => 0,
    }
}

/// Puts if the key is at the revision, and reads it if not.
pub fn put_if(key: Bytes, value: Bytes, revision: i64) -> TxnRequest {
    let op = |request| RequestOp {
        request: Some(request),
    };
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(revision)),
            ..Compare::default()
        }],
        success: vec![op(Request::RequestPut(PutRequest {
            key: key.clone(),
            value,
            ..PutRequest::default()
        }))],
        failure: vec![op(Request::RequestRange(RangeRequest {
            key,
            ..RangeRequest::default()
        }))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::{
        etcdserverpb::{RangeResponse, ResponseHeader, ResponseOp},
        mvccpb::KeyValue,
    };

    #[test]
    fn the_next_update_compares_with_what_the_answer_said() {
        let header = Some(ResponseHeader {
            revision: 9,
            ..ResponseHeader::default()
        });
        let mut answer = TxnResponse {
            header,
            succeeded: true,
            responses: Vec::new(),
        };
        assert_eq!(revision_after(&answer), 9);
        answer.succeeded = false;
        assert_eq!(revision_after(&answer), 0);
        let kv = KeyValue {
            mod_revision: 7,
            ..KeyValue::default()
        };
        answer.responses = vec![ResponseOp {
            response: Some(Response::ResponseRange(RangeResponse {
                kvs: vec![kv],
                ..RangeResponse::default()
            })),
        }];
        assert_eq!(revision_after(&answer), 7);
    }

    #[test]
    fn the_transaction_puts_or_reads_the_key_it_compared() {
        let txn = put_if("k".into(), "v".into(), 5);
        assert_eq!(
            txn.compare[0].target_union,
            Some(TargetUnion::ModRevision(5))
        );
        let keys: Vec<_> = [&txn.success[0], &txn.failure[0]]
            .into_iter()
            .map(|op| match op.request.as_ref() {
                Some(Request::RequestPut(put)) => put.key.clone(),
                Some(Request::RequestRange(range)) => range.key.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(keys, ["k", "k"]);
    }
}
