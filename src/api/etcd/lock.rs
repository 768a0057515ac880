//! `v3lockpb.Lock`: a lock is a turn.

use super::door::Door;
use super::turn::{self, Contender};
use crate::api::server::Stopping;
use crate::error::{Error, Result};
use crate::pb::etcdserverpb::TxnRequest;
use crate::pb::etcdserverpb::range_request::SortOrder;
use crate::pb::etcdserverpb::request_op::Request as Op;
use crate::pb::v3lockpb::*;
use bytes::Bytes;
use tonic::{Request, Response, Status, async_trait};

/// Locks that end with a lease.
pub struct Lock {
    door: Door,
    stopping: Stopping,
}

impl Lock {
    /// The service behind `door`; nobody waits longer than the server serves.
    pub fn new(door: Door, stopping: Stopping) -> Self {
        Self { door, stopping }
    }
}

async fn lock(contender: &Contender, request: LockRequest) -> Result<LockResponse> {
    let instance = &contender.instance;
    let lease = turn::lease(instance, request.lease).await?;
    let (key, prefix) = (turn::key(&request.name, lease), turn::prefix(&request.name));
    let owner = || Op::RequestRange(turn::one(&prefix, SortOrder::Ascend, 0));
    let entry = TxnRequest {
        compare: vec![turn::is_created_at(&key, 0)],
        success: turn::ops([turn::put(&key, Bytes::new(), lease), owner()]),
        failure: turn::ops([Op::RequestRange(turn::get(&key)), owner()]),
    };
    let entered = instance.txn(entry).await?;
    let created = match turn::read(&entered, 0) {
        Some(own) => own.create_revision,
        None => turn::revision(entered.header.as_ref()),
    };
    let is_owner = turn::read(&entered, 1).is_none_or(|owner| owner.create_revision == created);
    let header = if is_owner {
        entered.header
    } else {
        let place = turn::Place::new(instance, &key, created);
        turn::wait(contender, &prefix, created - 1).await?;
        // The lease may have ended meanwhile, and the key with it.
        let own = instance.range(turn::get(&key)).await?;
        place.keep();
        if own.kvs.is_empty() {
            return Err(Error::SessionExpired);
        }
        own.header
    };
    Ok(LockResponse { header, key })
}

#[async_trait]
impl lock_server::Lock for Lock {
    async fn lock(&self, request: Request<LockRequest>) -> Result<Response<LockResponse>, Status> {
        let contender = Contender::enter(&self.door, &request).await?;
        let answer = tokio::select! {
            answer = lock(&contender, request.into_inner()) => answer.map_err(turn::failed)?,
            () = self.stopping.wait() => return Err(Error::Stopped.into()),
        };
        Ok(Response::new(answer))
    }

    async fn unlock(
        &self,
        request: Request<UnlockRequest>,
    ) -> Result<Response<UnlockResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let request = turn::delete(&request.into_inner().key);
        let answer = instance.delete_range(request).await;
        let header = answer.map_err(turn::failed)?.header;
        Ok(Response::new(UnlockResponse { header }))
    }
}
