//! Calls with one message each way, of keys and values: nearly all calls are such, and what tonic keeps
//! ready for streams of messages, and boxes for it, is most of what it does for them.

use super::calls::Call;
use super::etcd::listed::Listed;
use super::tenancy::Origin;
use crate::mvcc::{ANSWER_BYTES_MAX, Ranged};
use crate::pb::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, TxnRequest,
    TxnResponse,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::Either;
use http_body::{Body, Frame};
use prost::Message;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::codegen::StdError;
use tonic::codegen::http::header::CONTENT_TYPE;
use tonic::codegen::http::request::Parts;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

/// In front of a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// Names how messages are compressed; nothing of that is done here.
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// The code of a call that went well.
const OK: &str = "0";
/// What the content type of gRPC begins with.
const GRPC: &[u8] = b"application/grpc";

/// The methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads keys.
    Range,
    /// Writes a key.
    Put,
    /// Deletes keys.
    DeleteRange,
    /// Compares, then reads and writes.
    Txn,
}

impl Method {
    /// That of a request, if it can be answered here.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let method = match request.uri().path() {
            "/etcdserverpb.KV/Range" => Self::Range,
            "/etcdserverpb.KV/Put" => Self::Put,
            "/etcdserverpb.KV/DeleteRange" => Self::DeleteRange,
            "/etcdserverpb.KV/Txn" => Self::Txn,
            _ => return None,
        };
        let headers = request.headers();
        let content_type = headers.get(CONTENT_TYPE)?;
        let is_plain =
            content_type.as_bytes().starts_with(GRPC) && !headers.contains_key(&ENCODING);
        is_plain.then_some(method)
    }
}

/// Who asks, and with what head.
pub struct Asker {
    /// The headers of the request.
    pub headers: HeaderMap,
    /// Where it comes from.
    pub origin: Arc<Origin>,
}

impl Asker {
    /// Who makes a call, apart from its message.
    pub fn of<T>(request: tonic::Request<T>) -> (Self, T) {
        let (metadata, extensions, message) = request.into_parts();
        let asker = Self {
            headers: metadata.into_headers(),
            origin: extensions.get().cloned().unwrap_or_default(),
        };
        (asker, message)
    }
}

/// What the methods do. Who asks is let go before anything is waited for that may take long: the head of
/// a request is large.
pub trait Keys: Send + Sync + 'static {
    /// Reads keys.
    fn range(
        &self,
        asker: Asker,
        request: RangeRequest,
    ) -> impl Future<Output = Result<Ranged, Status>> + Send;

    /// Writes a key.
    fn put(
        &self,
        asker: Asker,
        request: PutRequest,
    ) -> impl Future<Output = Result<PutResponse, Status>> + Send;

    /// Deletes keys.
    fn delete_range(
        &self,
        asker: Asker,
        request: DeleteRangeRequest,
    ) -> impl Future<Output = Result<DeleteRangeResponse, Status>> + Send;

    /// Compares, then reads and writes.
    fn txn(
        &self,
        asker: Asker,
        request: TxnRequest,
    ) -> impl Future<Output = Result<TxnResponse, Status>> + Send;
}

/// Answers a request with a message of so many bytes at most, and counts that.
pub(super) fn answer<K: Keys, B>(
    keys: Arc<K>,
    method: Method,
    request: Request<B>,
    origin: Arc<Origin>,
    bytes_max: usize,
    mut call: Option<Call>,
) -> impl Future<Output = Response<Answer>> + Send + use<K, B>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<StdError>,
{
    let (Parts { headers, .. }, body) = request.into_parts();
    async move {
        let answered = match read(body, bytes_max).await {
            Ok(message) => {
                if let Some(call) = &call {
                    call.received(PREFIX_BYTES + message.len());
                }
                match call_method(&*keys, method, Asker { headers, origin }, message) {
                    Ok(answering) => answering.await,
                    Err(status) => Err(status),
                }
            }
            Err(status) => Err(status),
        };
        match answered {
            Ok(answer) => {
                if let Some(call) = &mut call {
                    call.answered(answer.bytes());
                }
                let mut response = Response::new(answer);
                let grpc = HeaderValue::from_static("application/grpc");
                response.headers_mut().insert(CONTENT_TYPE, grpc);
                response
            }
            Err(status) => refusal(status, call),
        }
    }
}

/// Says why there is no answer.
pub(super) fn refusal(status: Status, call: Option<Call>) -> Response<Answer> {
    if let Some(mut call) = call {
        call.end(status.code());
    }
    status.into_http()
}

/// Begins to do what a message asks for.
fn call_method<K: Keys>(
    keys: &K,
    method: Method,
    asker: Asker,
    message: Bytes,
) -> Result<impl Future<Output = Result<Answer, Status>> + Send + use<'_, K>, Status> {
    Ok(match method {
        Method::Range => {
            let ranged = keys.range(asker, decode(message)?);
            Either::Left(Either::Left(ranged.map(|ranged| match ranged? {
                Ranged::Whole(response) => encode(&response),
                Ranged::Listing(listing) => Ok(Answer::Listed(Box::new(Listed::new(listing)))),
            })))
        }
        Method::Put => {
            let put = keys.put(asker, decode(message)?);
            Either::Left(Either::Right(put.map(|response| encode(&response?))))
        }
        Method::DeleteRange => {
            let deleted = keys.delete_range(asker, decode(message)?);
            Either::Right(Either::Left(deleted.map(|response| encode(&response?))))
        }
        Method::Txn => {
            // Most have one of each, for which they would set aside four times as much.
            let begun = TxnRequest {
                compare: Vec::with_capacity(1),
                success: Vec::with_capacity(1),
                failure: Vec::with_capacity(1),
            };
            let txn = keys.txn(asker, decode_into(begun, message)?);
            Either::Right(Either::Right(txn.map(|response| encode(&response?))))
        }
    })
}

fn decode<M: Message + Default>(message: Bytes) -> Result<M, Status> {
    decode_into(M::default(), message)
}

fn decode_into<M: Message>(mut begun: M, message: Bytes) -> Result<M, Status> {
    let decoded = begun.merge(message);
    decoded.map_err(|error| Status::internal(error.to_string()))?;
    Ok(begun)
}

/// A message with its prefix.
fn encode(message: &impl Message) -> Result<Answer, Status> {
    let length = message.encoded_len();
    if length > ANSWER_BYTES_MAX {
        return Err(Status::resource_exhausted(format!(
            "trying to send message larger than max ({length} vs. {ANSWER_BYTES_MAX})"
        )));
    }
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(length as u32);
    message.encode_raw(&mut bytes);
    Ok(Answer::Message(bytes.freeze()))
}

/// Reads the one message of a body, without its prefix.
async fn read<B>(body: B, bytes_max: usize) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes>,
    B::Error: Into<StdError>,
{
    let mut body = pin!(body);
    // Mostly all of it comes in one piece.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut announced = None;
    while !body.is_end_stream()
        && let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        let read_bytes = first.len().max(all.len());
        // What comes behind the message is not heeded.
        let is_read = announced.is_some_and(|announced| announced <= read_bytes);
        let Some(piece) = frame.into_data().ok().filter(|_| !is_read) else {
            continue;
        };
        if first.is_empty() {
            announced = announced_bytes(&piece, bytes_max)?;
            first = piece;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&piece);
        announced = announced_bytes(&all, bytes_max)?;
        all.reserve(announced.unwrap_or_default().saturating_sub(all.len()));
    }
    let mut bytes = if all.is_empty() { first } else { all.freeze() };
    if bytes.is_empty() {
        return Err(Status::internal("Missing request message."));
    }
    match announced {
        Some(announced) if announced <= bytes.len() => {
            bytes.truncate(announced);
            bytes.advance(PREFIX_BYTES);
            Ok(bytes)
        }
        _ => Err(Status::internal("Unexpected EOF decoding stream.")),
    }
}

/// How long a message says it is, with its prefix, once that is there.
fn announced_bytes(mut begun: &[u8], bytes_max: usize) -> Result<Option<usize>, Status> {
    if begun.len() < PREFIX_BYTES {
        return Ok(None);
    }
    if begun.get_u8() != 0 {
        return Err(Status::internal(
            "grpc: compressed flag set with identity or empty encoding",
        ));
    }
    let length = begun.get_u32() as usize;
    if length > bytes_max {
        return Err(Status::resource_exhausted(format!(
            "grpc: received message larger than max ({length} vs. {bytes_max})"
        )));
    }
    Ok(Some(PREFIX_BYTES + length))
}

/// The body of an answer.
#[derive(Default)]
pub(crate) enum Answer {
    /// A message with its prefix, and then that all is well.
    Message(Bytes),
    /// That all is well.
    Status,
    /// A message that is encoded as it is sent.
    Listed(Box<Listed>),
    /// All was said, or is in the head.
    #[default]
    Over,
}

impl Answer {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.len(),
            Self::Listed(listed) => listed.left_bytes(),
            Self::Status | Self::Over => 0,
        }
    }
}

/// The end of an answer that went well.
pub(super) fn well() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static(OK));
    trailers
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (frame, rest) = match std::mem::take(&mut *self) {
            Self::Message(message) => (Frame::data(message), Self::Status),
            Self::Status => (Frame::trailers(well()), Self::Over),
            Self::Listed(mut listed) => {
                let polled = Pin::new(&mut *listed).poll_frame(context);
                *self = Self::Listed(listed);
                return polled;
            }
            Self::Over => return Poll::Ready(None),
        };
        *self = rest;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Listed(listed) => listed.is_end_stream(),
            Self::Over => true,
            Self::Message(_) | Self::Status => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use tonic::Code;

    const BYTES_MAX: usize = 100;

    /// A body that comes in pieces.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    async fn read_in(bytes: &[u8], piece_bytes: usize) -> Result<Bytes, Status> {
        let pieces = bytes.chunks(piece_bytes).map(Bytes::copy_from_slice);
        read(Pieces(pieces.collect()), BYTES_MAX).await
    }

    fn framed(message: &impl Message) -> Bytes {
        match encode(message).unwrap() {
            Answer::Message(bytes) => bytes,
            _ => unreachable!("a message"),
        }
    }

    #[tokio::test]
    async fn a_message_is_read_however_it_comes() {
        let request = PutRequest {
            key: "key".into(),
            value: vec![7; 50].into(),
            ..PutRequest::default()
        };
        let bytes = framed(&request);
        for piece_bytes in [1, 4, 5, 6, 20, 1000] {
            let message = read_in(&bytes, piece_bytes).await.unwrap();
            assert_eq!(decode::<PutRequest>(message).unwrap(), request);
            let empty = read_in(&framed(&PutRequest::default()), piece_bytes).await;
            assert_eq!(empty.unwrap(), "");
            // What comes behind it is not heeded, as with tonic.
            let twice = [&bytes[..], &bytes[..]].concat();
            let message = read_in(&twice, piece_bytes).await.unwrap();
            assert_eq!(decode::<PutRequest>(message).unwrap(), request);
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        let bytes = framed(&PutRequest {
            value: vec![7; BYTES_MAX].into(),
            ..PutRequest::default()
        });
        for piece_bytes in [1, 1000] {
            let refused = read_in(&bytes, piece_bytes).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted);
            assert_eq!(
                refused.message(),
                "grpc: received message larger than max (102 vs. 100)"
            );
            for malformed in [&b""[..], &[0, 0], &[0, 0, 0, 0, 9, 1], &[1, 0, 0, 0, 1, 1]] {
                let refused = read_in(malformed, piece_bytes).await.unwrap_err();
                assert_eq!(refused.code(), Code::Internal, "{malformed:?}");
            }
        }
        assert_eq!(
            decode::<PutRequest>(Bytes::from_static(&[0xff]))
                .unwrap_err()
                .code(),
            Code::Internal
        );
    }

    proptest! {
        /// Whatever comes, and however it is cut.
        #[test]
        fn the_pieces_make_no_difference(
            flag in 0..2_u8,
            announced in 0..120_u32,
            rest in prop::collection::vec(any::<u8>(), 0..130),
            cut in 0..140_usize,
            piece_bytes in 1..20_usize,
        ) {
            let mut bytes = vec![flag];
            bytes.extend(announced.to_be_bytes());
            bytes.extend(&rest);
            bytes.truncate(cut);
            let said = |read: Option<Result<Bytes, Status>>| {
                let read = read.unwrap();
                read.map_err(|status| (status.code(), status.message().to_owned()))
            };
            let whole = said(read_in(&bytes, 1000).now_or_never());
            prop_assert_eq!(&said(read_in(&bytes, piece_bytes).now_or_never()), &whole);
            let is_good = flag == 0
                && announced as usize <= BYTES_MAX
                && bytes.len() >= PREFIX_BYTES + announced as usize;
            prop_assert_eq!(whole.is_ok(), is_good);
            if let Ok(message) = whole {
                prop_assert_eq!(&message[..], &rest[..announced as usize]);
            }
        }
    }

    #[test]
    fn plain_calls_of_known_methods_are_answered() {
        let method = |path: &str, headers: &[(&str, &str)]| {
            let mut request = Request::post(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Method::of(&request.body(()).unwrap())
        };
        let plain = ("content-type", "application/grpc+proto");
        let put = "/etcdserverpb.KV/Put";
        assert_eq!(method(put, &[plain]), Some(Method::Put));
        assert_eq!(method("/etcdserverpb.KV/Compact", &[plain]), None);
        assert_eq!(method(put, &[plain, ("grpc-encoding", "gzip")]), None);
        assert_eq!(method(put, &[("content-type", "application/json")]), None);
        assert_eq!(method(put, &[]), None);
    }
}
