//! `etcdserverpb.KV`.

use crate::error::Error;
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use futures_util::StreamExt;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

/// Keys and values.
pub struct Kv {
    instance: Instance,
}

impl Kv {
    /// The service over `instance`.
    pub fn new(instance: Instance) -> Self {
        Self { instance }
    }
}

#[async_trait]
impl kv_server::Kv for Kv {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let request = request.into_inner();
        if !request.serializable && self.instance.is_learner() {
            return Err(Error::NotSupportedForLearner.into());
        }
        let answer = self.instance.range(request).await?;
        Ok(Response::new(answer))
    }

    type RangeStreamStream = BoxStream<RangeStreamResponse>;

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let pieces = self.instance.range_stream(request.into_inner()).await?;
        Ok(Response::new(Box::pin(pieces.map(|piece| {
            Ok(RangeStreamResponse {
                range_response: Some(piece?),
            })
        }))))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let answer = self.instance.put(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let answer = self.instance.delete_range(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let answer = self.instance.txn(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let answer = self.instance.compact(request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
