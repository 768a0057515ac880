//! What the client of a stream is sent.

use crate::pb::etcdserverpb::WatchResponse;
use bytes::{BufMut, Bytes};
use prost::Message;
use prost::encoding::int64;

/// The number of `WatchResponse.watch_id`.
const WATCH_ID: u32 = 2;

/// One message of a stream.
#[derive(Debug, Clone)]
pub enum WatchAnswer {
    /// One that nobody else gets.
    Own(WatchResponse),
    /// Events, encoded once for all watchers that get the same.
    Shared {
        /// Who gets them here.
        watch_id: i64,
        /// The encoded [`WatchResponse`], without an id.
        response: Bytes,
    },
}

impl WatchAnswer {
    /// The [`WatchResponse`] that it is.
    pub fn into_response(self) -> Result<WatchResponse, prost::DecodeError> {
        match self {
            Self::Own(response) => Ok(response),
            Self::Shared { watch_id, response } => Ok(WatchResponse {
                watch_id,
                ..WatchResponse::decode(response)?
            }),
        }
    }

    /// Writes the [`WatchResponse`] that it is.
    pub fn encode(&self, buffer: &mut impl BufMut) -> Result<(), prost::EncodeError> {
        match self {
            Self::Own(response) => response.encode(buffer),
            Self::Shared { watch_id, response } => {
                // The fields of a message may stand in any order.
                int64::encode(WATCH_ID, watch_id, buffer);
                buffer.put_slice(response);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
impl From<WatchAnswer> for WatchResponse {
    fn from(answer: WatchAnswer) -> Self {
        let mut bytes = Vec::new();
        let read = answer.encode(&mut bytes).map(|()| Self::decode(&*bytes));
        match read {
            Ok(Ok(response)) => response,
            other => panic!("{other:?}"),
        }
    }
}
