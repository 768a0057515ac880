//! Messages that are known by their descriptors, on the wire of gRPC.

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Of calls with such answers.
pub(super) struct Dynamic(pub MessageDescriptor);

/// Writes requests.
pub(super) struct Requests;

/// Reads answers.
pub(super) struct Answers(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Requests;
    type Decoder = Answers;

    fn encoder(&mut self) -> Requests {
        Requests
    }

    fn decoder(&mut self) -> Answers {
        Answers(self.0.clone())
    }
}

impl Encoder for Requests {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Answers {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let decoded = DynamicMessage::decode(self.0.clone(), from);
        decoded
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
