//! The services of one instance.

use super::calls::Call;
use super::etcd::{kv, listed};
use super::http2::Inflow;
use super::tenancy::Origin;
use super::transport::Answers;
use super::unary::{self, Answer, Keys, Method};
use crate::mvcc::ANSWER_BYTES_MAX;
use crate::pb::etcdserverpb::kv_server::{Kv, KvServer, SERVICE_NAME};
use bytes::Bytes;
use futures_util::TryFutureExt;
use futures_util::future::{Either, MapOk};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::codegen::{BoxFuture, Service, StdError};
use tonic::service::Routes;

/// The services of one instance.
pub struct Services<K: Kv = kv::Kv> {
    keys: Option<KeyService<K>>,
    rest: Routes,
}

/// Keys and values, apart from the rest: nearly all calls are for them, and the router wraps what
/// comes and what goes anew at each of its steps.
pub struct KeyService<K: Kv> {
    keys: Arc<K>,
    request_bytes_max: usize,
    /// The same for who comes with more than one plain message each way.
    server: KvServer<K>,
}

impl<K: Kv> KeyService<K> {
    /// Takes requests of so many bytes.
    pub fn new(keys: K, request_bytes_max: usize) -> Self {
        let keys = Arc::new(keys);
        Self {
            request_bytes_max,
            server: KvServer::from_arc(keys.clone())
                .max_decoding_message_size(request_bytes_max)
                .max_encoding_message_size(ANSWER_BYTES_MAX),
            keys,
        }
    }
}

impl<K: Kv> Clone for KeyService<K> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            request_bytes_max: self.request_bytes_max,
            server: self.server.clone(),
        }
    }
}

impl<K: Kv + Keys> KeyService<K> {
    /// Makes a call by itself, and counts it.
    pub(super) fn answer(
        &self,
        method: Method,
        request: Request<Inflow>,
        origin: Arc<Origin>,
        call: Option<Call>,
    ) -> impl Future<Output = Response<Answer>> + Send + use<K> {
        let keys = self.keys.clone();
        unary::answer(keys, method, request, origin, self.request_bytes_max, call)
    }
}

impl<K: Kv> Services<K> {
    /// Of keys, and of whatever else.
    pub fn new(keys: KeyService<K>, rest: impl Into<Routes>) -> Self {
        Self {
            keys: Some(keys),
            ..Self::from(rest.into())
        }
    }

    /// Keys and values, where there are any.
    pub(super) fn keys(&self) -> Option<&KeyService<K>> {
        self.keys.as_ref()
    }
}

impl<K: Kv + Keys> Answers for Services<K> {
    type Body = Body;

    fn short(
        &mut self,
        request: Request<Inflow>,
        origin: &Arc<Origin>,
    ) -> Either<impl Future<Output = Response<Answer>> + Send + 'static + use<K>, Request<Inflow>>
    {
        match (Method::of(&request), &self.keys) {
            (Some(method), Some(keys)) => {
                Either::Left(keys.answer(method, request, origin.clone(), None))
            }
            _ => Either::Right(request),
        }
    }
}

impl<K: Kv> Clone for Services<K> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            rest: self.rest.clone(),
        }
    }
}

impl<K: Kv> From<Routes> for Services<K> {
    fn from(routes: Routes) -> Self {
        Self {
            keys: None,
            rest: routes.prepare(),
        }
    }
}

impl<K: Kv, B> Service<Request<B>> for Services<K>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<
        MapOk<BoxFuture<Response<Body>, Infallible>, fn(Response<Body>) -> Response<Body>>,
        <Routes as Service<Request<B>>>::Future,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // So are all of them always.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match &mut self.keys {
            Some(keys) if service(request.uri().path()) == Some(SERVICE_NAME) => {
                Either::Left(keys.server.call(request).map_ok(listed::unfold))
            }
            _ => Either::Right(self.rest.call(request)),
        }
    }
}

/// The service that a path of gRPC's names.
fn service(path: &str) -> Option<&str> {
    path.strip_prefix('/')?
        .split_once('/')
        .map(|(name, _)| name)
}
