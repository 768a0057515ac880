//! HTTP/2 and HTTP/1.1 on a connection, below all services.
//!
//! Tonic's own server would do but for two things: it gives no connection up to a WebSocket, and
//! it boxes every call and copies the service for it twice.

use super::http2::{self, Answering, Inflow};
use super::listener::Connection;
use super::server::Limits;
use super::tenancy::Origin;
use super::unary::Answer;
use bytes::Bytes;
use futures_util::future::{Either, Ready};
use futures_util::{FutureExt, Stream, StreamExt};
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{Service, StdError};
use tonic::service::Routes;

/// How long a call is given by its client.
static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Most digits of that, by the rules of gRPC.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// What answers the requests of connections; it is always ready.
pub(crate) trait Answers:
    Service<
        Request<Body>,
        Response = Response<Self::Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// What it answers.
    type Body: http_body::Body<Data = Bytes, Error: Into<StdError>>
        + Default
        + Send
        + Unpin
        + 'static;

    /// Answers a short call of a connection, which that does itself; gives back what is none.
    fn short(
        &mut self,
        request: Request<Inflow>,
        origin: &Arc<Origin>,
    ) -> Either<impl Future<Output = Response<Answer>> + Send + 'static + use<Self>, Request<Inflow>>;
}

impl Answers for Routes {
    type Body = Body;

    fn short(
        &mut self,
        request: Request<Inflow>,
        _: &Arc<Origin>,
    ) -> Either<impl Future<Output = Response<Answer>> + Send + 'static + use<>, Request<Inflow>>
    {
        Either::<Ready<_>, _>::Right(request)
    }
}

/// How connections are spoken on.
pub struct Transport(Limits);

impl Transport {
    /// Within these bounds.
    pub fn new(limits: &Limits) -> Self {
        Self(*limits)
    }

    /// Serves connections until there are no more, or `stopped` completes; then those that are open
    /// take no further calls, and are waited for.
    pub(crate) async fn serve(
        self,
        service: impl Answers,
        connections: impl Stream<Item = Connection>,
        stopped: impl Future<Output = ()>,
    ) {
        let (stop, stopping) = watch::channel(false);
        {
            // Gone before the last calls are waited for: meanwhile nobody is to connect in vain.
            let mut connections = pin!(connections.take_until(stopped));
            while let Some(connection) = connections.next().await {
                let (service, limits) = (service.clone(), self.0);
                let mut stopping = stopping.clone();
                tokio::spawn(async move {
                    if let Err(error) = speak(connection, service, &limits, &mut stopping).await {
                        tracing::debug!(error, "a connection has failed");
                    }
                });
            }
        }
        drop(stopping);
        stop.send_replace(true);
        stop.closed().await;
    }
}

/// Speaks on one connection what its client begins with.
async fn speak(
    mut connection: Connection,
    mut service: impl Answers,
    limits: &Limits,
    stopping: &mut watch::Receiver<bool>,
) -> Result<(), StdError> {
    let origin = Arc::new(connection.origin().clone());
    let is_http2 = tokio::select! {
        is_http2 = connection.begins_with_http2() => is_http2?,
        _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
    };
    if is_http2 {
        let calls = move |request: Request<Inflow>| {
            let timeout = timeout(request.headers());
            match service.short(request, &origin) {
                Either::Left(answering) => Answering::Short(within(timeout, answering)),
                Either::Right(request) => Answering::Long(answer(&mut service, &origin, request)),
            }
        };
        let stopping = stopping.wait_for(|stopping| *stopping);
        return Ok(http2::speak(connection, limits, calls, stopping).await?);
    }
    let calls = service_fn(move |request: Request<Incoming>| {
        answer(&mut service.clone(), &origin, request).map(Ok::<_, Infallible>)
    });
    let mut builder = http1::Builder::new();
    // With it, who is too slow to send the head of a request is let go.
    builder.timer(TokioTimer::new());
    let serving = builder.serve_connection(TokioIo::new(connection), calls);
    let mut serving = pin!(serving.with_upgrades());
    tokio::select! {
        served = serving.as_mut() => return Ok(served?),
        _ = stopping.wait_for(|stopping| *stopping) => serving.as_mut().graceful_shutdown(),
    }
    Ok(serving.await?)
}

/// What a service answers, if it begins to in time.
fn answer<S: Answers, B>(
    service: &mut S,
    origin: &Arc<Origin>,
    request: Request<B>,
) -> impl Future<Output = Response<S::Body>> + use<S, B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    let timeout = timeout(request.headers());
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(origin.clone());
    within(timeout, service.call(request).map(|Ok(answer)| answer))
}

/// An answer, if it begins in time.
fn within<A, B>(timeout: Option<Duration>, answering: A) -> impl Future<Output = Response<B>>
where
    A: Future<Output = Response<B>>,
    B: Default,
{
    let Some(timeout) = timeout else {
        return Either::Left(answering);
    };
    let late = |_| {
        let late = Status::deadline_exceeded("context deadline exceeded");
        late.into_http()
    };
    let answering = tokio::time::timeout(timeout, answering);
    // In a box, or every call would be as large.
    Either::Right(Box::pin(
        answering.map(move |answer| answer.unwrap_or_else(late)),
    ))
}

/// How long the caller waits for the beginning of an answer; what is no time is none.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&TIMEOUT)?.to_str().ok()?;
    let (count, unit) = text.split_at(text.len().checked_sub(1)?);
    if count.len() > TIMEOUT_DIGITS_MAX {
        return None;
    }
    let count: u64 = count.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::codegen::http::HeaderValue;

    #[test]
    fn a_timeout_is_a_number_with_a_unit() {
        let given = |text: &'static str| {
            let header = (TIMEOUT.clone(), HeaderValue::from_static(text));
            timeout(&[header].into_iter().collect())
        };
        for (text, expected) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("5m", Some(Duration::from_millis(5))),
            ("6u", Some(Duration::from_micros(6))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("100000000n", None),
            ("S", None),
            ("", None),
            ("1", None),
            ("-1S", None),
            ("1s", None),
        ] {
            assert_eq!(given(text), expected, "{text}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }
}
