//! Calls with one message each way, without tonic: the generator makes little else, and what tonic's
//! client takes for one is a fifth of what the whole generator does.

use super::wire::{Answer, Wire};
use crate::{
    cli::client::MESSAGE_LIMIT_BYTES,
    pb::etcdserverpb::{
        PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
    },
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;
use prost::Message;
use std::borrow::Borrow;
use tonic::{
    Code, Status,
    codegen::http::{
        HeaderMap, HeaderValue, Method, Request, Version,
        header::{CONTENT_TYPE, TE},
        uri::PathAndQuery,
    },
    metadata::MetadataMap,
};

/// In front of a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
const OK: &[u8] = b"0";

/// Keys and values on a connection. Clones share it.
#[derive(Clone)]
pub struct Kv {
    wire: Wire,
    /// What a call of each method begins with.
    range: Request<()>,
    put: Request<()>,
    txn: Request<()>,
}

impl Kv {
    /// With `metadata` on every call.
    pub fn new(wire: Wire, metadata: MetadataMap) -> Result<Self, Status> {
        let mut headers = metadata.into_headers();
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let head = |path| {
            let mut head = Request::new(());
            *head.method_mut() = Method::POST;
            *head.uri_mut() = wire.uri(PathAndQuery::from_static(path))?;
            *head.version_mut() = Version::HTTP_2;
            *head.headers_mut() = headers.clone();
            Ok::<_, Status>(head)
        };
        Ok(Self {
            range: head("/etcdserverpb.KV/Range")?,
            put: head("/etcdserverpb.KV/Put")?,
            txn: head("/etcdserverpb.KV/Txn")?,
            wire,
        })
    }

    /// Reads keys.
    pub async fn range(&mut self, request: &RangeRequest) -> Result<RangeResponse, Status> {
        call::<RangeRequest, _>(&mut self.wire, &self.range, request).await
    }

    /// Writes a key.
    pub async fn put(&mut self, request: PutRequest) -> Result<PutResponse, Status> {
        call::<PutRequest, _>(&mut self.wire, &self.put, request).await
    }

    /// Compares, then reads and writes.
    pub async fn txn(&mut self, request: TxnRequest) -> Result<TxnResponse, Status> {
        call::<TxnRequest, _>(&mut self.wire, &self.txn, request).await
    }
}

async fn call<Q: Message, A: Message + Default>(
    wire: &mut Wire,
    head: &Request<()>,
    request: impl Borrow<Q>,
) -> Result<A, Status> {
    let waiting = wire.ask(head.clone(), framed::<Q>(request)?).await?;
    let (head, Answer(body)) = waiting.await?.into_parts();
    check(&head.headers)?;
    if !head.status.is_success() {
        let sentence = format!("the server answers with HTTP status {}", head.status);
        return Err(Status::unknown(sentence));
    }
    received(body).await
}

/// A message with its prefix. What it is given is gone then, and not only when there is an answer.
fn framed<M: Message>(message: impl Borrow<M>) -> Result<Bytes, Status> {
    let message = message.borrow();
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).map_err(|_| Status::internal("the message is too large"))?);
    message
        .encode(&mut bytes)
        .map_err(|error| Status::internal(error.to_string()))?;
    Ok(bytes.freeze())
}

/// Reads the one message of an answer, and how the call ended.
async fn received<A: Message + Default>(mut body: RecvStream) -> Result<A, Status> {
    // Mostly all of it comes in one piece.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        if first.is_empty() {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced_bytes(&first));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&piece);
        if all.len() > PREFIX_BYTES + MESSAGE_LIMIT_BYTES {
            return Err(Status::resource_exhausted("the answer is too large"));
        }
    }
    check(&body.trailers().await?.unwrap_or_default())?;
    unframed(if all.is_empty() { first } else { all.freeze() })
}

/// How long a message says it is, with its prefix, as far as that is there.
fn announced_bytes(mut piece: &[u8]) -> usize {
    let _ = piece.try_get_u8();
    let length = piece.try_get_u32().map_or(0, |length| length as usize);
    PREFIX_BYTES + length.min(MESSAGE_LIMIT_BYTES)
}

/// A message without its prefix.
fn unframed<A: Message + Default>(mut bytes: Bytes) -> Result<A, Status> {
    let malformed = |detail: &str| Status::internal(format!("a malformed answer: {detail}"));
    if bytes.len() < PREFIX_BYTES {
        return Err(malformed("no message"));
    }
    if bytes.get_u8() != 0 {
        return Err(malformed("compressed"));
    }
    if bytes.get_u32() as usize != bytes.len() {
        return Err(malformed("another length than it says"));
    }
    A::decode(bytes).map_err(|error| malformed(&error.to_string()))
}

/// How a call ended, if these headers say that.
fn check(headers: &HeaderMap) -> Result<(), Status> {
    match headers.get(Status::GRPC_STATUS) {
        None => Ok(()),
        Some(code) if code.as_bytes() == OK => Ok(()),
        Some(_) => Err(Status::from_header_map(headers)
            .unwrap_or_else(|| Status::new(Code::Unknown, "a malformed status"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_out_of_its_frame() {
        let request = PutRequest {
            key: "k".into(),
            value: vec![7; 300].into(),
            ..PutRequest::default()
        };
        let bytes = framed::<PutRequest>(&request).unwrap();
        assert_eq!(announced_bytes(&bytes), bytes.len());
        assert_eq!(unframed::<PutRequest>(bytes.clone()).unwrap(), request);
        assert_eq!(
            unframed::<PutRequest>(framed::<PutRequest>(PutRequest::default()).unwrap()).unwrap(),
            PutRequest::default()
        );
        let mut compressed = bytes.to_vec();
        compressed[0] = 1;
        for malformed in [bytes.slice(..4), bytes.slice(..200), compressed.into()] {
            let status = unframed::<PutRequest>(malformed).unwrap_err();
            assert_eq!(status.code(), Code::Internal, "{status}");
        }
    }

    #[test]
    fn a_call_ends_well_with_0_alone() {
        let headers = |code: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(Status::GRPC_STATUS, code.parse().unwrap());
            headers
        };
        assert!(check(&HeaderMap::new()).is_ok());
        assert!(check(&headers("0")).is_ok());
        assert_eq!(check(&headers("11")).unwrap_err().code(), Code::OutOfRange);
        assert_eq!(check(&headers("x")).unwrap_err().code(), Code::Unknown);
    }
}
