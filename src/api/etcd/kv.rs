//! `etcdserverpb.KV`.

use super::door::Door;
use crate::error::Error;
use crate::pb::etcdserverpb::*;
use futures_util::StreamExt;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

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
        let answer = instance.range(request).await?;
        Ok(Response::new(answer))
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
        let answer = instance.txn(request.into_inner()).await?;
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
