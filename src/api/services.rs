//! The services of one instance.

use super::etcd::{kv, listed};
use crate::pb::etcdserverpb::kv_server::{Kv, KvServer, SERVICE_NAME};
use bytes::Bytes;
use futures_util::TryFutureExt;
use futures_util::future::{Either, MapOk};
use std::convert::Infallible;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::codegen::{BoxFuture, Service, StdError};
use tonic::service::Routes;

/// The services of one instance.
pub struct Services<K: Kv = kv::Kv> {
    kv: Option<KvServer<K>>,
    rest: Routes,
}

impl<K: Kv> Services<K> {
    /// Keys and values apart from the rest: nearly all calls are for them, and the router wraps what
    /// comes and what goes anew at each of its steps.
    pub fn new(kv: KvServer<K>, rest: impl Into<Routes>) -> Self {
        Self {
            kv: Some(kv),
            ..Self::from(rest.into())
        }
    }
}

impl<K: Kv> From<Routes> for Services<K> {
    fn from(routes: Routes) -> Self {
        Self {
            kv: None,
            rest: routes.prepare(),
        }
    }
}

impl<K: Kv> Clone for Services<K> {
    fn clone(&self) -> Self {
        Self {
            kv: self.kv.clone(),
            rest: self.rest.clone(),
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
        match &mut self.kv {
            Some(kv) if service(request.uri().path()) == Some(SERVICE_NAME) => {
                Either::Left(kv.call(request).map_ok(listed::unfold))
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
