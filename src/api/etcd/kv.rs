//! `etcdserverpb.KV`.

use super::door::Door;
use super::listed;
use crate::api::unary::{Asker, Keys};
use crate::error::{self, Error};
use crate::mvcc::{Ranged, may_take_long};
use crate::pb::etcdserverpb::*;
use futures_util::future::Either;
use futures_util::{StreamExt, TryFutureExt};
use tokio::task::JoinSet;
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

/// Does what may take long in a task of the runtime, so that the other calls of its connection need
/// not wait for it; given up with the call.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = error::Result<T>> + Send + 'static,
) -> error::Result<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(done)) => done,
        _ => Err(Error::Stopped),
    }
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

// While nobody is asked who he is, a request goes on at once, and its head need not wait with it.
impl Keys for Kv {
    fn range(
        &self,
        asker: Asker,
        request: RangeRequest,
    ) -> impl Future<Output = Result<Ranged, Status>> + Send {
        match self.door.unasked() {
            Some(instance) if !may_take_long(&request) && !instance.is_learner() => {
                let ranged = instance.range(request);
                Either::Left(ranged.map_ok(Ranged::Whole).map_err(Status::from))
            }
            _ => Either::Right(Box::pin(async move {
                let instance = self.door.open_to(asker).await?;
                if !request.serializable && instance.is_learner() {
                    return Err(Error::NotSupportedForLearner.into());
                }
                Ok(match may_take_long(&request) {
                    true => apart(async move { instance.list(request).await }).await?,
                    false => Ranged::Whole(instance.range(request).await?),
                })
            })),
        }
    }

    fn put(
        &self,
        asker: Asker,
        request: PutRequest,
    ) -> impl Future<Output = Result<PutResponse, Status>> + Send {
        match self.door.unasked() {
            Some(instance) => Either::Left(instance.put(request).map_err(Status::from)),
            None => Either::Right(Box::pin(async move {
                Ok(self.door.open_to(asker).await?.put(request).await?)
            })),
        }
    }

    fn delete_range(
        &self,
        asker: Asker,
        request: DeleteRangeRequest,
    ) -> impl Future<Output = Result<DeleteRangeResponse, Status>> + Send {
        match self.door.unasked() {
            Some(instance) => Either::Left(instance.delete_range(request).map_err(Status::from)),
            None => Either::Right(Box::pin(async move {
                Ok(self
                    .door
                    .open_to(asker)
                    .await?
                    .delete_range(request)
                    .await?)
            })),
        }
    }

    fn txn(
        &self,
        asker: Asker,
        request: TxnRequest,
    ) -> impl Future<Output = Result<TxnResponse, Status>> + Send {
        match self.door.unasked() {
            Some(instance) if !is_long_txn(&request) => {
                Either::Left(instance.txn(request).map_err(Status::from))
            }
            _ => Either::Right(Box::pin(async move {
                let instance = self.door.open_to(asker).await?;
                Ok(match is_long_txn(&request) {
                    true => apart(async move { instance.txn(request).await }).await?,
                    false => instance.txn(request).await?,
                })
            })),
        }
    }
}

/// The same, where tonic has read the message.
#[async_trait]
impl kv_server::Kv for Kv {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let (asker, request) = Asker::of(request);
        let answer = Keys::range(self, asker, request).await?;
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
        let (asker, request) = Asker::of(request);
        let answer = Keys::put(self, asker, request).await?;
        Ok(Response::new(answer))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let (asker, request) = Asker::of(request);
        let answer = Keys::delete_range(self, asker, request).await?;
        Ok(Response::new(answer))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let (asker, request) = Asker::of(request);
        let answer = Keys::txn(self, asker, request).await?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::pending;
    use std::pin::pin;
    use tokio::sync::oneshot;

    /// What goes apart is given up with whoever waits for it.
    #[tokio::test]
    async fn what_goes_apart_is_given_up_with_its_call() {
        assert_eq!(apart(async { Ok(1) }).await, Ok(1));
        let (sender, told) = oneshot::channel::<()>();
        let work = apart(async move {
            pending::<()>().await;
            drop(sender);
            Ok(())
        });
        {
            let mut work = pin!(work);
            assert!(poll!(&mut work).is_pending());
        }
        assert!(told.await.is_err());
    }
}
