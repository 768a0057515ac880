//! `etcdserverpb.Watch`.
//!
//! Written out where the others are generated: most of its answers are encoded before they come
//! here.

use super::door::{Door, credentials};
use super::until;
use crate::api::front::in_etcd_words;
use crate::api::server::Stopping;
use crate::error::Error;
use crate::mvcc::WatchAnswer;
use crate::pb::etcdserverpb::*;
use futures_util::{FutureExt, Stream, StreamExt, future, stream};
use http_body::Body as HttpBody;
use std::convert::Infallible;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codec::{Codec, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, BoxStream, Service, StdError, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstDecoder;

const PATH: &str = "/etcdserverpb.Watch/Watch";

/// Events of keys.
#[derive(Clone)]
pub struct Watch {
    door: Door,
    stopping: Stopping,
    decode_bytes_max: usize,
    encode_bytes_max: usize,
}

impl Watch {
    /// The service behind `door`; its streams end when the server stops. Messages are refused
    /// above these sizes.
    pub fn new(
        door: Door,
        stopping: Stopping,
        decode_bytes_max: usize,
        encode_bytes_max: usize,
    ) -> Self {
        Self {
            door,
            stopping,
            decode_bytes_max,
            encode_bytes_max,
        }
    }
}

impl NamedService for Watch {
    const NAME: &'static str = "etcdserverpb.Watch";
}

impl<B> Service<http::Request<B>> for Watch
where
    B: HttpBody + Send + 'static,
    B::Error: Into<StdError> + Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        if request.uri().path() != PATH {
            return future::ready(Ok(Status::unimplemented("").into_http())).boxed();
        }
        let watch = self.clone();
        let mut grpc = Grpc::new(Answers).apply_max_message_size_config(
            Some(self.decode_bytes_max),
            Some(self.encode_bytes_max),
        );
        async move { Ok(grpc.streaming(watch, request).await) }.boxed()
    }
}

impl StreamingService<WatchRequest> for Watch {
    type Response = WatchAnswer;
    type ResponseStream = BoxStream<WatchAnswer>;
    type Future = future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<WatchRequest>>) -> Self::Future {
        let credentials = credentials(request.metadata(), request.extensions());
        let (requests, broken) = until_broken(request.into_inner());
        let answers = self.door.watch(credentials, requests);
        let answers = answers.map(|answer| Ok(answer?));
        let stopped = self.stopping.clone();
        let end = async move {
            tokio::select! {
                status = broken => status,
                () = stopped.wait() => Error::Stopped.into(),
            }
        };
        future::ready(Ok(Response::new(until(answers, end))))
    }
}

/// Reads requests, and writes answers as they come.
struct Answers;

impl Codec for Answers {
    type Encode = WatchAnswer;
    type Decode = WatchRequest;
    type Encoder = Self;
    type Decoder = ProstDecoder<WatchRequest>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for Answers {
    type Item = WatchAnswer;
    type Error = Status;

    fn encode(&mut self, answer: WatchAnswer, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let encoded = answer.encode(buffer);
        encoded.map_err(|error| Status::internal(error.to_string()))
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
