//! What a request needs, and whether its caller may have it.

use super::Caller;
use super::rules::{Need, Rules};
use crate::error::Result;
use crate::mvcc::request::Request;
use crate::mvcc::scratch::Scratch;
use crate::pb::etcdserverpb::request_op::Request as Op;
use crate::pb::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest};

/// Refuses a request that its caller may not make, as of the state of a scratch.
pub async fn check(scratch: &mut Scratch, caller: &Caller, request: &Request) -> Result<()> {
    if !scratch.state.auth.enabled || *caller == Caller::Server {
        return Ok(());
    }
    let rules = scratch.rules().await?;
    let mut judge = Judge {
        rules: &rules,
        caller,
        scratch,
    };
    match request {
        Request::Put(put) => judge.put(put).await,
        Request::Delete(delete) => judge.delete(delete),
        Request::Txn(txn) => judge.txn(txn).await,
        Request::LeaseGrant(_) => rules.check_known(caller),
        Request::LeaseKeepAlive(keep_alive) => judge.lease(keep_alive.id).await,
        Request::LeaseRevoke(id) => judge.lease(*id).await,
        Request::Compact(_)
        | Request::Alarm(_)
        | Request::Downgrade(_)
        | Request::Auth(_)
        | Request::LeaseExpire(_) => rules.check_admin(caller),
    }
}

/// Refuses a transaction that only reads and that its caller may not make: all of it counts,
/// whatever branch it takes.
pub async fn check_reads(scratch: &mut Scratch, caller: &Caller, txn: &TxnRequest) -> Result<()> {
    if !scratch.state.auth.enabled || *caller == Caller::Server {
        return Ok(());
    }
    let rules = scratch.rules().await?;
    let mut judge = Judge {
        rules: &rules,
        caller,
        scratch,
    };
    judge.txn(txn).await?;
    // Also of one that asks for no key.
    rules.check_revision(caller)
}

struct Judge<'a> {
    rules: &'a Rules,
    caller: &'a Caller,
    scratch: &'a mut Scratch,
}

impl Judge<'_> {
    fn keys(&self, need: Need, key: &[u8], range_end: &[u8]) -> Result<()> {
        self.rules.check(self.caller, need, key, range_end)
    }

    fn range(&self, range: &RangeRequest) -> Result<()> {
        self.keys(Need::Read, &range.key, &range.range_end)
    }

    fn delete(&self, delete: &DeleteRangeRequest) -> Result<()> {
        self.keys(Need::Write, &delete.key, &delete.range_end)?;
        if delete.prev_kv {
            self.keys(Need::Read, &delete.key, &delete.range_end)?;
        }
        Ok(())
    }

    async fn put(&mut self, put: &PutRequest) -> Result<()> {
        self.keys(Need::Write, &put.key, &[])?;
        if put.lease != 0 {
            self.lease(put.lease).await?;
        }
        if put.prev_kv {
            self.keys(Need::Read, &put.key, &[])?;
        }
        Ok(())
    }

    async fn txn(&mut self, txn: &TxnRequest) -> Result<()> {
        for compare in &txn.compare {
            self.keys(Need::Read, &compare.key, &compare.range_end)?;
        }
        for op in txn.success.iter().chain(&txn.failure) {
            match &op.request {
                Some(Op::RequestRange(range)) => self.range(range)?,
                Some(Op::RequestPut(put)) => self.put(put).await?,
                Some(Op::RequestDeleteRange(delete)) => self.delete(delete)?,
                Some(Op::RequestTxn(txn)) => Box::pin(self.txn(txn)).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// Who lets a lease live or die does it to all of its keys.
    async fn lease(&mut self, id: i64) -> Result<()> {
        self.rules.check_known(self.caller)?;
        if self.rules.check_admin(self.caller).is_ok() || self.scratch.lease(id).await?.is_none() {
            return Ok(());
        }
        let keys = self.scratch.attached_keys(id).await?;
        self.rules.check_keys(self.caller, Need::Write, &keys)
    }
}
