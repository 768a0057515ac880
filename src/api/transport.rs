//! HTTP/2 and HTTP/1.1 on a connection, below all services.
//!
//! Tonic's own server would do but for two things: it gives no connection up to a WebSocket, and
//! it boxes every call and copies the service for it twice.

use super::aboard::{self, Aboard};
use super::gather::{Underway, gathered};
use super::listener::Connection;
use super::server::Limits;
use super::tenancy::Origin;
use futures_util::future::Either;
use futures_util::{FutureExt, Stream, StreamExt};
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{Service, StdError};

/// What a client may send on one stream before it must wait for us: a largest request fits.
pub(super) const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// What a client may send on one connection before it must wait for us.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Streams that a client gave up before we saw them. A client whose thousand calls time out at
/// once is no attacker, so this is far above hyper's default of 20.
const RESET_STREAMS_MAX: usize = 4096;
/// How long a call is given by its client.
static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Most digits of that, by the rules of gRPC.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// How connections are spoken on.
pub struct Transport(Limits);

impl Transport {
    /// Within these bounds.
    pub fn new(limits: &Limits) -> Self {
        Self(*limits)
    }

    /// Speaks on one connection, which does short calls itself.
    fn builder(&self, aboard: Aboard) -> Builder<Aboard> {
        let limits = &self.0;
        let mut builder = Builder::new(aboard);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_concurrent_streams)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .keep_alive_interval(limits.keepalive_interval)
            .keep_alive_timeout(limits.keepalive_timeout);
        // With it, who is too slow to send the head of a request is let go.
        builder.http1().timer(TokioTimer::new());
        builder
    }

    /// Serves connections until there are no more, or `stopped` completes; then those that are open
    /// take no further calls, and are waited for. The service must always be ready.
    pub(crate) async fn serve<S, B>(
        self,
        service: S,
        connections: impl Stream<Item = Connection>,
        stopped: impl Future<Output = ()>,
    ) where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: http_body::Body + From<Body> + Send + 'static,
        B::Data: Send,
        B::Error: Into<StdError>,
    {
        let open = GracefulShutdown::new();
        {
            // Gone before the last calls are waited for: meanwhile nobody is to connect in vain.
            let mut connections = pin!(connections.take_until(stopped));
            while let Some(connection) = connections.next().await {
                let (service, origin) = (service.clone(), connection.origin().clone());
                let aboard = Aboard::default();
                let (builder, watcher) = (self.builder(aboard.clone()), open.watcher());
                tokio::spawn(async move {
                    let (io, driver) = gathered(connection);
                    let underway = Underway::default();
                    let (short, others) = (aboard.clone(), underway.clone());
                    let calls = service_fn(move |request: Request<Incoming>| {
                        let call = match aboard::is_short(request.uri().path()) {
                            true => {
                                short.expect_short();
                                None
                            }
                            false => Some(underway.begin()),
                        };
                        answer(service.clone(), &origin, request).inspect(move |_| drop(call))
                    });
                    let serving = builder.serve_connection_with_upgrades(TokioIo::new(io), calls);
                    let serving = watcher.watch(serving.into_owned());
                    let more = || aboard.has_ended_some() || others.count() > 0;
                    let speaking = aboard.clone().speak(serving);
                    if let Err(error) = driver.drive(speaking, more).await {
                        tracing::debug!(error, "a connection has failed");
                    }
                });
            }
        }
        open.shutdown().await;
    }
}

/// What a service answers, if it begins to in time.
fn answer<S, B>(
    mut service: S,
    origin: &Origin,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<B>, Infallible>> + use<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: From<Body> + Send + 'static,
{
    let timeout = timeout(request.headers());
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(origin.clone());
    let answering = service.call(request);
    let Some(timeout) = timeout else {
        return Either::Left(answering);
    };
    let answering = tokio::time::timeout(timeout, answering);
    let late = |_| {
        let late = Status::deadline_exceeded("context deadline exceeded");
        Ok(late.into_http().map(B::from))
    };
    let answering = answering.map(move |answer| answer.unwrap_or_else(late));
    Either::Right(answering.boxed())
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
