//! How messages go over the wire.

use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{BufferSettings, EncodeBuf, Encoder};
use tonic_prost::ProstDecoder;

/// Room for a message to begin with, which most fit into.
const ROOM_BYTES: usize = 512;
/// Messages of a stream that are ready go together up to about here.
const TOGETHER_BYTES: usize = 32 * 1024;

/// Writes messages `T` and reads messages `U`.
pub struct Codec<T, U>(PhantomData<(T, U)>);

/// Writes messages into the room that they take.
pub struct Writer<T>(PhantomData<T>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: prost::Message + 'static,
    U: prost::Message + Default + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Writer<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl<T: prost::Message> Encoder for Writer<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // Growing as they are written, long ones would be copied again and again.
        buffer.reserve(message.encoded_len());
        message.encode_raw(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(ROOM_BYTES, TOGETHER_BYTES)
    }
}
