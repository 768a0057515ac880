//! Answers to ranges that are encoded as they are sent.
//!
//! A service of gRPC answers with a message, which is encoded as a whole. So one that is not made yet
//! travels beside an empty message, until [`unfold`] puts it in that one's place.

use crate::api::unary::well;
use crate::mvcc::{Listing, PIECE_BYTES, Ranged};
use crate::pb::etcdserverpb::RangeResponse;
use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::Response;

/// What is sent before a message: that it is not compressed, and its length.
const HEAD_BYTES: usize = 5;
/// The room in which a piece is encoded: the last key and value go beyond its length.
const ROOM_BYTES: usize = PIECE_BYTES + 4 * 1024;

/// What the service answers.
pub fn response(answer: Ranged) -> tonic::Response<RangeResponse> {
    match answer {
        Ranged::Whole(response) => tonic::Response::new(response),
        Ranged::Listing(listing) => {
            let mut response = tonic::Response::new(RangeResponse::default());
            response.extensions_mut().insert(listing);
            response
        }
    }
}

/// What the client is answered.
pub fn unfold(mut response: Response<Body>) -> Response<Body> {
    let listing = response.extensions_mut().remove::<Listing>();
    match listing {
        Some(listing) => response.map(|_| Body::new(Listed::new(listing))),
        None => response,
    }
}

/// The body of an answer.
pub enum Listed {
    /// The message that is to be sent.
    Begin(Listing),
    /// What is left of it.
    Rest(Listing),
    /// All was sent.
    Over,
}

impl Listed {
    /// Of which nothing was sent yet.
    pub fn new(listing: Listing) -> Self {
        Self::Begin(listing)
    }

    /// Bytes of the message that are still to be sent.
    pub fn left_bytes(&self) -> usize {
        match self {
            Self::Begin(listing) => HEAD_BYTES + listing.left_bytes(),
            Self::Rest(listing) => listing.left_bytes(),
            Self::Over => 0,
        }
    }
}

impl http_body::Body for Listed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (mut listing, is_first) = match std::mem::replace(&mut *self, Self::Over) {
            Self::Begin(listing) => (listing, true),
            Self::Rest(listing) => (listing, false),
            Self::Over => return Poll::Ready(None),
        };
        let room_bytes = (HEAD_BYTES + listing.left_bytes()).min(ROOM_BYTES);
        let mut piece = BytesMut::with_capacity(room_bytes);
        if is_first {
            piece.put_u8(0);
            piece.put_u32(listing.left_bytes() as u32);
        }
        if listing.encode_piece(&mut piece) {
            *self = Self::Rest(listing);
            return Poll::Ready(Some(Ok(Frame::data(piece.freeze()))));
        }
        Poll::Ready(Some(Ok(Frame::trailers(well()))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Over)
    }
}
