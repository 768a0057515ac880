//! Counts gRPC calls, by method and by how they ended, and tells of slow ones.

use crate::stats::{Distribution, Histogram};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::{Code, Status};

/// The first bound and the number of bounds of the times of calls.
const TIMES: (Duration, usize) = (Duration::from_micros(500), 15);
/// Slow calls that are told of in a second: where all are slow, the log must not make it worse.
const SLOW_TOLD_MAX: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// The kind of calls with one message each way.
const UNARY: &str = "unary";

/// The codes of gRPC by their numbers, as etcd's metrics name them.
pub const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// A method that clients or other servers may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its service, with the package.
    pub service: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Which sides send streams, in the words of etcd's metrics.
    pub kind: &'static str,
    path: &'static str,
}

macro_rules! method {
    ($service:literal, $name:literal, $kind:literal) => {
        Method {
            service: $service,
            name: $name,
            kind: $kind,
            path: concat!("/", $service, "/", $name),
        }
    };
}

/// Those of `proto/`, keys first.
const OWN: &[Method] = &include!(concat!(env!("OUT_DIR"), "/methods.rs"));
const HEALTH: &[Method] = &[
    method!("grpc.health.v1.Health", "Check", "unary"),
    method!("grpc.health.v1.Health", "Watch", "server_stream"),
];

fn methods() -> impl Iterator<Item = &'static Method> {
    OWN.iter().chain(HEALTH)
}

/// The calls of a server.
#[derive(Debug)]
pub struct Calls {
    lines: Vec<Arc<Line>>,
    slow: Arc<Slow>,
}

/// The calls of one method, on cache lines of their own.
#[derive(Debug)]
#[repr(align(64))]
struct Line {
    started: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    handled: [AtomicU64; CODES.len()],
    times: Histogram,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            started: AtomicU64::default(),
            received_bytes: AtomicU64::default(),
            sent_bytes: AtomicU64::default(),
            handled: Default::default(),
            times: Histogram::of_times(TIMES.0, TIMES.1),
        }
    }
}

/// Tells of calls that take long.
#[derive(Debug)]
struct Slow {
    after: Duration,
    told: Mutex<Told>,
}

/// What was told of in the second that began then.
#[derive(Debug)]
struct Told {
    since: Instant,
    calls: u32,
    /// Calls that were not told of since one was.
    untold: u64,
}

impl Slow {
    fn new(after: Duration) -> Self {
        let told = Told {
            since: Instant::now(),
            calls: 0,
            untold: 0,
        };
        Self {
            after,
            told: Mutex::new(told),
        }
    }

    /// Whether a call that ends now is told of; then how many before it were not.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut told = self.told.lock();
        if now.duration_since(told.since) >= SECOND {
            (told.since, told.calls) = (now, 0);
        }
        if told.calls == SLOW_TOLD_MAX {
            told.untold += 1;
            return None;
        }
        told.calls += 1;
        Some(std::mem::take(&mut told.untold))
    }
}

/// What the calls of one method have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodCalls {
    /// Which.
    pub method: Method,
    /// Calls that have begun.
    pub started: u64,
    /// Calls that have ended, by the number of their code.
    pub handled: [u64; CODES.len()],
    /// Bytes of messages from clients.
    pub received_bytes: u64,
    /// Bytes of messages to clients.
    pub sent_bytes: u64,
    /// How long the calls took that have ended, in nanoseconds.
    pub times: Distribution,
}

impl Calls {
    /// Counts from 0; unary calls that take longer than `slow_after` are told of.
    pub fn new(slow_after: Duration) -> Self {
        Self {
            lines: methods().map(|_| Arc::default()).collect(),
            slow: Arc::new(Slow::new(slow_after)),
        }
    }

    /// Notes the beginning of a call by a client, if his address is known; `None` when nobody knows
    /// its method.
    pub fn begin(&self, path: &str, client: Option<SocketAddr>) -> Option<Call> {
        let (method, line) = methods()
            .zip(&self.lines)
            .find(|(method, _)| method.path == path)?;
        line.started.fetch_add(1, Ordering::Relaxed);
        Some(Call {
            method,
            line: line.clone(),
            client,
            began: Instant::now(),
            slow: self.slow.clone(),
            is_ended: false,
        })
    }

    /// What the calls have come to.
    pub fn get(&self) -> Vec<MethodCalls> {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let calls = |(method, line): (&Method, &Arc<Line>)| MethodCalls {
            method: *method,
            started: get(&line.started),
            handled: std::array::from_fn(|code| get(&line.handled[code])),
            received_bytes: get(&line.received_bytes),
            sent_bytes: get(&line.sent_bytes),
            times: line.times.get(),
        };
        methods().zip(&self.lines).map(calls).collect()
    }
}

/// A call under way. One that is dropped was given up by its client.
#[derive(Debug)]
pub struct Call {
    method: &'static Method,
    line: Arc<Line>,
    client: Option<SocketAddr>,
    began: Instant,
    slow: Arc<Slow>,
    is_ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        self.line.handled[code as usize].fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let time = now.duration_since(self.began);
        self.line.times.note_time(time);
        if time > self.slow.after
            && self.method.kind == UNARY
            && let Some(untold) = self.slow.admit(now)
        {
            // The message is etcd's.
            tracing::warn!(
                "time spent" = ?time,
                remote = self.client.map(|client| client.to_string()),
                "response type" = self.method.path,
                code = CODES[code as usize],
                untold,
                "request stats"
            );
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// Counts what a client sends in a call.
pub fn received(request: Request<Body>, call: Option<&Call>) -> Request<Received> {
    let line = call.map(|call| call.line.clone());
    request.map(|body| Received { body, line })
}

/// Counts what a call is answered, and how it ends.
pub fn answered(answer: Response<Body>, mut call: Option<Call>) -> Response<Answered> {
    if let Some(code) = code(answer.headers())
        && let Some(call) = &mut call
    {
        call.end(code);
    }
    answer.map(|body| Answered { body, call })
}

fn code(headers: &HeaderMap) -> Option<Code> {
    let code = headers.get(Status::GRPC_STATUS)?;
    Some(Code::from_bytes(code.as_bytes()))
}

fn data_bytes(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

/// The messages from a client.
pub struct Received {
    body: Body,
    line: Option<Arc<Line>>,
}

/// The messages to a client.
pub struct Answered {
    body: Body,
    call: Option<Call>,
}

/// That no call is counted for.
impl From<Body> for Answered {
    fn from(body: Body) -> Self {
        Self { body, call: None }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let (Some(line), Some(Ok(frame))) = (&self.line, &polled) {
            let bytes = data_bytes(frame);
            line.received_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl http_body::Body for Answered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(call) = &mut this.call {
            match &polled {
                Some(Ok(frame)) => match frame.trailers_ref().and_then(code) {
                    Some(code) => call.end(code),
                    None => {
                        let bytes = data_bytes(frame);
                        call.line.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
                    }
                },
                Some(Err(status)) => call.end(status.code()),
                None => call.end(Code::Unknown),
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PUT: &str = "/etcdserverpb.KV/Put";

    fn put(calls: &Calls) -> MethodCalls {
        let all = calls.get();
        let put = all.into_iter().find(|calls| calls.method.path == PUT);
        put.unwrap()
    }

    #[test]
    fn a_method_knows_its_service_and_its_streams() {
        let watch = methods().find(|method| method.path == "/etcdserverpb.Watch/Watch");
        let watch = watch.unwrap();
        assert_eq!(
            (watch.service, watch.name, watch.kind),
            ("etcdserverpb.Watch", "Watch", "bidi_stream")
        );
        let calls = Calls::new(SECOND);
        assert!(calls.begin("/etcdserverpb.KV/None", None).is_none());
        assert_eq!(put(&calls).method.kind, "unary");
    }

    #[test]
    fn a_call_ends_once_and_one_that_is_dropped_was_canceled() {
        let calls = Calls::new(SECOND);
        let mut call = calls.begin(PUT, None).unwrap();
        call.end(Code::OutOfRange);
        call.end(Code::Ok);
        drop(call);
        drop(calls.begin(PUT, None));
        let put = put(&calls);
        assert_eq!(put.started, 2);
        let named = |name| put.handled[CODES.iter().position(|code| *code == name).unwrap()];
        assert_eq!((named("OutOfRange"), named("Canceled")), (1, 1));
        assert_eq!(put.handled.iter().sum::<u64>(), 2);
        assert_eq!(put.times.count, 2);
    }

    #[test]
    fn of_many_slow_calls_some_are_told_of_and_the_others_counted() {
        let slow = Slow::new(SECOND);
        let begin = slow.told.lock().since;
        for _ in 0..SLOW_TOLD_MAX {
            assert_eq!(slow.admit(begin), Some(0));
        }
        assert_eq!(slow.admit(begin), None);
        assert_eq!(slow.admit(begin + SECOND / 2), None);
        assert_eq!(slow.admit(begin + SECOND), Some(2));
        assert_eq!(slow.admit(begin + SECOND), Some(0));
    }

    #[test]
    fn an_answer_without_a_body_has_its_code_in_its_headers() {
        let calls = Calls::new(SECOND);
        let refused = Status::unavailable("x").into_http();
        drop(answered(refused, calls.begin(PUT, None)));
        assert_eq!(put(&calls).handled[Code::Unavailable as usize], 1);
        assert_eq!(put(&calls).handled.iter().sum::<u64>(), 1);
    }
}
