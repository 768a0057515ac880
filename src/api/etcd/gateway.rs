//! etcd's JSON gateway: HTTP requests with JSON bodies become gRPC calls, and their answers JSON.
//!
//! It translates and has no rules: what comes out of it goes through the same [`Front`] as what
//! came as gRPC. Who may do what, what is counted, and which instance is meant is decided there.

mod access;
mod answer;
mod codec;
mod json;
mod metadata;
mod paths;
mod socket;

pub use access::{Access, Allowed};

use super::REQUEST_OVERHEAD_BYTES;
use crate::api::calls::{self, Answered};
use crate::api::front::Front;
use crate::api::http2::Inflow;
use crate::api::tenancy::Origin;
use crate::api::transport::Answers;
use crate::api::unary::Answer;
use codec::Dynamic;
use futures_util::future::{BoxFuture, Either, pending, ready};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use paths::Method;
use prost_reflect::DynamicMessage;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::Service;
use tonic::codegen::http::request::Parts;
use tonic::codegen::http::{self, HeaderMap, Request, Response, Uri, header};
use tonic::{Extensions, Status};

/// Where the gateway is, and where etcd 3.3 had it.
const ROOT: &str = "/v3/";
const OLD_ROOT: &str = "/v3beta/";
/// What JSON may be larger by than the message it stands for: base64 and the names of fields.
const JSON_FACTOR: usize = 4;

/// How plain HTTP is served on the ports of clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Web {
    /// Whether there is a gateway.
    pub gateway: bool,
    /// Who may use what is served.
    pub access: Access,
}

/// The way in for HTTP; gRPC passes through.
#[derive(Clone)]
pub struct Gateway {
    /// What serves all that is not for the gateway.
    rest: Front,
    shared: Arc<Shared>,
}

struct Shared {
    web: Web,
    /// What serves the calls that come out of the gateway.
    grpc: Front,
    json_bytes_max: usize,
}

impl Gateway {
    /// In front of `rest`; calls go to `grpc`, which takes requests of so many bytes.
    pub fn new(web: Web, rest: Front, grpc: Front, max_request_bytes: usize) -> Self {
        let request_bytes_max = max_request_bytes.saturating_add(REQUEST_OVERHEAD_BYTES);
        let shared = Shared {
            web,
            grpc,
            json_bytes_max: request_bytes_max.saturating_mul(JSON_FACTOR),
        };
        Self {
            rest,
            shared: Arc::new(shared),
        }
    }
}

impl Service<Request<Body>> for Gateway {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Either<
        <Front as Service<Request<Body>>>::Future,
        BoxFuture<'static, Result<Response<Answered>, Infallible>>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.rest.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_grpc(request.headers()) {
            return Either::Left(self.rest.call(request));
        }
        let (shared, rest) = (self.shared.clone(), self.rest.clone());
        Either::Right(async move { shared.serve(request, rest).await }.boxed())
    }
}

impl Answers for Gateway {
    type Body = Answered;

    fn short(
        &mut self,
        request: Request<Inflow>,
        origin: &Arc<Origin>,
    ) -> Either<impl Future<Output = Response<Answer>> + Send + 'static + use<>, Request<Inflow>>
    {
        self.rest.short(request, origin)
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

impl Shared {
    /// Serves a request as etcd does: first who asks, then what for.
    async fn serve(
        self: Arc<Self>,
        mut request: Request<Body>,
        mut rest: Front,
    ) -> Result<Response<Answered>, Infallible> {
        move_old_path(&mut request);
        let is_gateways = self.web.gateway && request.uri().path().starts_with(ROOT);
        let origin = request.extensions().get().cloned();
        let origin: Arc<Origin> = origin.unwrap_or_default();
        if !origin.encrypted && !self.web.access.knows_host(&request) {
            return Ok(ours(answer::unknown_host(access::host(&request))));
        }
        if is_gateways && self.is_user_by_certificate(&origin).await {
            return Ok(ours(answer::name_is_ignored()));
        }
        let allowed = self.web.access.allowed_origin(request.headers());
        let mut answer = if request.method() == http::Method::OPTIONS {
            ours(Response::default())
        } else if is_gateways && socket::is_asked(request.headers()) {
            let bytes_max = self.json_bytes_max;
            let translate = |request| async move { self.translate(request, origin).await };
            ours(socket::open(request, bytes_max, translate).await)
        } else if is_gateways {
            ours(self.translate(request, origin).await)
        } else {
            rest.call(request).await?
        };
        if let Some(origin) = allowed {
            access::allow(answer.headers_mut(), origin);
        }
        Ok(answer)
    }

    /// Whether a certificate names a user whom gRPC would take the caller for. etcd does not do so
    /// here, and rather refuses than do something else than was meant.
    async fn is_user_by_certificate(&self, origin: &Origin) -> bool {
        if origin.certified.as_ref().is_none_or(|name| name.is_empty()) {
            return false;
        }
        let instance = self.grpc.instance(origin).await;
        // Why there is none is told to who makes a call.
        instance.is_ok_and(|instance| instance.state().auth.enabled)
    }

    /// Makes the call that a request stands for.
    async fn translate(&self, request: Request<Body>, origin: Arc<Origin>) -> Response<Body> {
        let Some(method) = paths::method(request.uri().path()) else {
            return answer::error(&Status::not_found("Not Found"));
        };
        if request.method() != http::Method::POST {
            return answer::error(&Status::unimplemented("Method Not Allowed"));
        }
        let (parts, body) = request.into_parts();
        let call = Call {
            method,
            parts,
            origin,
            grpc: Grpc::new(self.grpc.clone()).max_decoding_message_size(usize::MAX),
        };
        let requests = json::messages(body, &method.request, self.json_bytes_max);
        if method.streams_requests {
            return call.stream(requests).await;
        }
        // Whatever stands behind the first message is not heeded; none is one without fields.
        let first = pin!(requests).next().await.transpose();
        match first
            .map(|first| first.unwrap_or_else(|| DynamicMessage::new(method.request.clone())))
        {
            Err(status) => answer::error(&status),
            Ok(first) if method.streams_answers => {
                call.stream(stream::once(ready(Ok(first)))).await
            }
            Ok(first) => call.once(first).await,
        }
    }
}

/// A call to be made.
struct Call {
    method: &'static Method,
    parts: Parts,
    origin: Arc<Origin>,
    grpc: Grpc<Front>,
}

impl Call {
    /// As the request of a gRPC client on the same connection, but that a certificate names nobody.
    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut extensions = Extensions::new();
        extensions.insert(Arc::new(Origin {
            certified: None,
            ..Origin::clone(&self.origin)
        }));
        let metadata = metadata::of(&self.parts.headers);
        tonic::Request::from_parts(metadata, extensions, message)
    }

    fn codec(&self) -> Dynamic {
        Dynamic(self.method.answer.clone())
    }

    /// One message, and one answer.
    async fn once(mut self, message: DynamicMessage) -> Response<Body> {
        let request = self.request(message);
        let path = self.method.path.clone();
        let answered = self.grpc.unary(request, path, self.codec()).await;
        match answered.and_then(|answer| json::text(answer.get_ref())) {
            Ok(text) => answer::message(text),
            Err(status) => answer::error(&status),
        }
    }

    /// Messages as they come, and answers as they come.
    async fn stream(
        mut self,
        messages: impl Stream<Item = Result<DynamicMessage, Status>> + Send + 'static,
    ) -> Response<Body> {
        let (refuse, refused) = oneshot::channel();
        let messages = messages.scan(Some(refuse), |refuse, message| {
            ready(
                message
                    .map_err(|status| refuse.take().map(|refuse| refuse.send(status)))
                    .ok(),
            )
        });
        let request = self.request(messages);
        let path = self.method.path.clone();
        let answers = match self.grpc.streaming(request, path, self.codec()).await {
            Ok(answers) => answers.into_inner(),
            Err(status) => return answer::broken_off(&status),
        };
        let refused = refused.shared();
        let last = refused.clone();
        let refused = async {
            // An error when there were no more messages: that ends nothing.
            if refused.await.is_err() {
                pending::<()>().await;
            }
        };
        // A service may end with its last message, before it is asked why there was no other.
        let last = async { last.now_or_never().and_then(Result::ok).map(Err) };
        let last = stream::once(last).filter_map(ready);
        let mut answers = Box::pin(answers.take_until(refused).chain(last));
        // The first answer says which status this is.
        match answers.next().await {
            None => Response::default(),
            Some(Err(status)) => answer::broken_off(&status),
            Some(first) => answer::lines(stream::once(ready(first)).chain(answers)),
        }
    }
}

/// Moves the paths of etcd 3.3 to where they are now.
fn move_old_path(request: &mut Request<Body>) {
    let target = request.uri().path_and_query();
    let Some(rest) = target.and_then(|target| target.as_str().strip_prefix(OLD_ROOT)) else {
        return;
    };
    let mut parts = request.uri().clone().into_parts();
    // A part of a good path is a good path.
    parts.path_and_query = format!("{ROOT}{rest}").parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// An answer that no call was made for here: those are counted behind the front.
fn ours(answer: Response<Body>) -> Response<Answered> {
    calls::answered(answer, None)
}
