//! Counts gRPC calls, by method and by how they ended, and tells of slow ones.

use crate::stats::{Distribution, Histogram, STRIPES, stripe};
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
    lines: Vec<[Line; STRIPES]>,
    slow: Slow,
}

/// The calls of one method that some threads count, on cache lines of their own.
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
            lines: methods().map(|_| Default::default()).collect(),
            slow: Slow::new(slow_after),
        }
    }

    /// Notes the beginning of a call by a client, if his address is known; `None` when nobody knows
    /// its method.
    pub fn begin(self: &Arc<Self>, path: &str, client: Option<SocketAddr>) -> Option<Call> {
        let is_asked = |(_, method): &(usize, &Method)| method.path == path;
        let (index, method) = methods().enumerate().find(is_asked)?;
        let call = Call {
            method,
            index,
            client,
            began: Instant::now(),
            is_ended: false,
            calls: self.clone(),
        };
        call.line().started.fetch_add(1, Ordering::Relaxed);
        Some(call)
    }

    /// What the calls have come to.
    pub fn get(&self) -> Vec<MethodCalls> {
        let calls = |(method, lines): (&Method, &[Line; STRIPES])| {
            let sum = |number: &dyn Fn(&Line) -> &AtomicU64| {
                let parts = lines.iter().map(number);
                parts.map(|part| part.load(Ordering::Relaxed)).sum()
            };
            let [first, rest @ ..] = lines;
            let times = rest.iter().map(|line| line.times.get());
            MethodCalls {
                method: *method,
                started: sum(&|line| &line.started),
                handled: std::array::from_fn(|code| sum(&|line| &line.handled[code])),
                received_bytes: sum(&|line| &line.received_bytes),
                sent_bytes: sum(&|line| &line.sent_bytes),
                times: times.fold(first.times.get(), |all, times| all.plus(&times)),
            }
        };
        methods().zip(&self.lines).map(calls).collect()
    }
}

/// A call under way. One that is dropped was given up by its client.
#[derive(Debug)]
pub struct Call {
    method: &'static Method,
    index: usize,
    client: Option<SocketAddr>,
    began: Instant,
    is_ended: bool,
    calls: Arc<Calls>,
}

impl Call {
    fn line(&self) -> &Line {
        &self.calls.lines[self.index][stripe()]
    }

    /// Counts a message from the client.
    pub fn received(&self, bytes: usize) {
        let received = &self.line().received_bytes;
        received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a message to the client, which is all that he is answered.
    pub fn answered(&mut self, bytes: usize) {
        self.line()
            .sent_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        self.end(Code::Ok);
    }

    /// Counts how it ended, once.
    pub fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        let now = Instant::now();
        let time = now.duration_since(self.began);
        let line = self.line();
        line.handled[code as usize].fetch_add(1, Ordering::Relaxed);
        line.times.note_time(time);
        if time > self.calls.slow.after
            && self.method.kind == UNARY
            && let Some(untold) = self.calls.slow.admit(now)
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
    let counted = call.map(|call| (call.calls.clone(), call.index));
    request.map(|body| Received { body, counted })
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
    /// Where, and for which method.
    counted: Option<(Arc<Calls>, usize)>,
}

/// The messages to a client.
#[derive(Default)]
pub struct Answered {
    body: Body,
    call: Option<Call>,
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let (Some((calls, index)), Some(Ok(frame))) = (&self.counted, &polled) {
            let line = &calls.lines[*index][stripe()];
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
                        call.line().sent_bytes.fetch_add(bytes, Ordering::Relaxed);
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
        let calls = Arc::new(Calls::new(SECOND));
        assert!(calls.begin("/etcdserverpb.KV/None", None).is_none());
        assert_eq!(put(&calls).method.kind, "unary");
    }

    #[test]
    fn a_call_ends_once_and_one_that_is_dropped_was_canceled() {
        let calls = Arc::new(Calls::new(SECOND));
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
        let calls = Arc::new(Calls::new(SECOND));
        let refused = Status::unavailable("x").into_http();
        drop(answered(refused, calls.begin(PUT, None)));
        assert_eq!(put(&calls).handled[Code::Unavailable as usize], 1);
        assert_eq!(put(&calls).handled.iter().sum::<u64>(), 1);
    }
}
