//! Counts gRPC calls, by method and by how they ended.

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::{Code, Status};

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
pub struct Calls(Vec<Arc<Line>>);

/// The calls of one method, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line {
    started: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    handled: [AtomicU64; CODES.len()],
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
}

impl Default for Calls {
    fn default() -> Self {
        Self(methods().map(|_| Arc::default()).collect())
    }
}

impl Calls {
    /// Notes the beginning of a call; `None` when nobody knows its method.
    pub fn begin(&self, path: &str) -> Option<Call> {
        let place = methods().position(|method| method.path == path)?;
        let line = self.0[place].clone();
        line.started.fetch_add(1, Ordering::Relaxed);
        Some(Call {
            line,
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
        };
        methods().zip(&self.0).map(calls).collect()
    }
}

/// A call under way. One that is dropped was given up by its client.
#[derive(Debug)]
pub struct Call {
    line: Arc<Line>,
    is_ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.is_ended, true) {
            self.line.handled[code as usize].fetch_add(1, Ordering::Relaxed);
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
        let calls = Calls::default();
        assert!(calls.begin("/etcdserverpb.KV/None").is_none());
        assert_eq!(put(&calls).method.kind, "unary");
    }

    #[test]
    fn a_call_ends_once_and_one_that_is_dropped_was_canceled() {
        let calls = Calls::default();
        let mut call = calls.begin(PUT).unwrap();
        call.end(Code::OutOfRange);
        call.end(Code::Ok);
        drop(call);
        drop(calls.begin(PUT));
        let put = put(&calls);
        assert_eq!(put.started, 2);
        let named = |name| put.handled[CODES.iter().position(|code| *code == name).unwrap()];
        assert_eq!((named("OutOfRange"), named("Canceled")), (1, 1));
        assert_eq!(put.handled.iter().sum::<u64>(), 2);
    }

    #[test]
    fn an_answer_without_a_body_has_its_code_in_its_headers() {
        let calls = Calls::default();
        let refused = Status::unavailable("x").into_http();
        drop(answered(refused, calls.begin(PUT)));
        assert_eq!(put(&calls).handled[Code::Unavailable as usize], 1);
        assert_eq!(put(&calls).handled.iter().sum::<u64>(), 1);
    }
}
