//! `etcdserverpb.Watch`.

use super::until;
use crate::api::front::in_etcd_words;
use crate::api::server::Stopping;
use crate::error::Error;
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use futures_util::{Stream, StreamExt, future, stream};
use tokio::sync::oneshot;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// Events of keys.
pub struct Watch {
    instance: Instance,
    stopping: Stopping,
}

impl Watch {
    /// The service over `instance`; its streams end when the server stops.
    pub fn new(instance: Instance, stopping: Stopping) -> Self {
        Self { instance, stopping }
    }
}

#[async_trait]
impl watch_server::Watch for Watch {
    type WatchStream = BoxStream<WatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (requests, broken) = until_broken(request.into_inner());
        let answers = self.instance.watch(requests).map(|answer| Ok(answer?));
        let stopped = self.stopping.clone();
        let end = async move {
            tokio::select! {
                status = broken => status,
                () = stopped.wait() => Error::Stopped.into(),
            }
        };
        Ok(Response::new(until(answers, end)))
    }
}

/// The requests of a stream up to the first that cannot be read, and the status of that one.
///
/// The status never comes when the client ends its side in order.
fn until_broken<T: Send + 'static>(
    requests: Streaming<T>,
) -> (
    impl Stream<Item = T> + Send + 'static,
    impl Future<Output = Status> + Send + 'static,
) {
    let (broken, status) = oneshot::channel();
    let requests = stream::unfold((requests, broken), |(mut requests, broken)| async move {
        match requests.message().await {
            Ok(Some(request)) => Some((request, (requests, broken))),
            Ok(None) => None,
            Err(status) => {
                // Nobody listens any more when the answers have ended before.
                let _ = broken.send(in_etcd_words(status));
                // To end here would look like a client that ends its side in order.
                future::pending().await
            }
        }
    });
    let status = async move {
        match status.await {
            Ok(status) => status,
            Err(_) => future::pending().await,
        }
    };
    (requests, status)
}
