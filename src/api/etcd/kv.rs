//! `etcdserverpb.KV`.

use super::door::Door;
use super::listed;
use crate::api::aboard::apart;
use crate::error::Error;
use crate::mvcc::{Ranged, may_take_long};
use crate::pb::etcdserverpb::*;
use futures_util::StreamExt;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

/// Whether what a transaction reads may take long.
fn is_long_txn(request: &TxnRequest) -> bool {
    let mut operations = request.success.iter().chain(&request.failure);
    operations.any(|operation| match &operation.request {
        Some(request_op::Request::RequestRange(range)) => may_take_long(range),
        Some(request_op::Request::RequestTxn(_)) => true,
        _ => false,
    })
}

/// Keys and values.
pub struct Kv {
    door: Door,
}

impl Kv {
    /// The service behind `door`.
    pub fn new(door: Door) -> Self {
        Self { door }
    }
}

#[async_trait]
impl kv_server::Kv for Kv {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let request = request.into_inner();
        if !request.serializable && instance.is_learner() {
            return Err(Error::NotSupportedForLearner.into());
        }
        let answer = match may_take_long(&request) {
            true => apart(async move { instance.list(request).await }).await?,
            false => Ranged::Whole(instance.range(request).await?),
        };
        Ok(listed::response(answer))
    }

    type RangeStreamStream = BoxStream<RangeStreamResponse>;

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let instance = self.door.open(&request).await?;
        let pieces = instance.range_stream(request.into_inner()).await?;
        Ok(Response::new(Box::pin(pieces.map(|piece| {
            Ok(RangeStreamResponse {
                range_response: Some(piece?),
            })
        }))))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.put(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.delete_range(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let request = request.into_inner();
        let answer = match is_long_txn(&request) {
            true => apart(async move { instance.txn(request).await }).await?,
            false => instance.txn(request).await?,
        };
        Ok(Response::new(answer))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.compact(request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
