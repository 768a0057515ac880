//! JSON into messages and back, by protobuf's rules for it.

use bytes::BytesMut;
use futures_util::{Stream, StreamExt, stream};
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Deserializer, Serializer};
use tonic::Status;
use tonic::body::Body;

/// As etcd has it: names as they stand in `proto/`, and nothing that is zero.
const WRITTEN: SerializeOptions = SerializeOptions::new().use_proto_field_name(true);
/// What is unknown is not heeded.
const READ: DeserializeOptions = DeserializeOptions::new().deny_unknown_fields(false);

/// A message as JSON.
pub(super) fn text(message: &DynamicMessage) -> Result<Vec<u8>, Status> {
    let mut text = Vec::new();
    let written = message.serialize_with_options(&mut Serializer::new(&mut text), &WRITTEN);
    written
        .map(|()| text)
        .map_err(|error| Status::internal(error.to_string()))
}

fn message(kind: &MessageDescriptor, text: &[u8]) -> Result<DynamicMessage, Status> {
    let mut text = Deserializer::from_slice(text);
    DynamicMessage::deserialize_with_options(kind.clone(), &mut text, &READ)
        .map_err(|error| Status::invalid_argument(error.to_string()))
}

/// The messages of a body as they come, none of which may take more than so many bytes; they end
/// with the first that is none.
pub(super) fn messages(
    body: Body,
    kind: &MessageDescriptor,
    bytes_max: usize,
) -> impl Stream<Item = Result<DynamicMessage, Status>> + Send + 'static {
    let kind = kind.clone();
    let body = axum::body::Body::new(body).into_data_stream();
    let values = Values::default();
    stream::try_unfold((body, values), move |(mut body, mut values)| {
        let kind = kind.clone();
        async move {
            let value = loop {
                if let Some(value) = values.take() {
                    break value;
                }
                if values.held.len() > bytes_max {
                    return Err(Status::resource_exhausted(format!(
                        "the JSON of a message is larger than max ({bytes_max} bytes)"
                    )));
                }
                match body.next().await {
                    Some(Ok(bytes)) => values.feed(&bytes),
                    // Nobody is there any more to be told.
                    Some(Err(error)) => return Err(Status::cancelled(error.to_string())),
                    None => match values.rest() {
                        Some(rest) => break rest,
                        None => return Ok(None),
                    },
                }
            };
            Ok(Some((message(&kind, &value)?, (body, values))))
        }
    })
}

/// Tells where one JSON object ends and the next begins.
#[derive(Default)]
struct Values {
    held: BytesMut,
    /// How much of it was looked at.
    seen: usize,
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Values {
    fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next value, once it is whole. What begins as no object is none of ours: all of it is then
    /// one value, for others to refuse.
    fn take(&mut self) -> Option<BytesMut> {
        if self.seen == 0 {
            let blank = self
                .held
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace());
            let blank = blank.count();
            let _ = self.held.split_to(blank);
            if *self.held.first()? != b'{' {
                return Some(self.held.split());
            }
        }
        while let Some(byte) = self.held.get(self.seen) {
            self.seen += 1;
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                let value = self.held.split_to(self.seen);
                self.seen = 0;
                return Some(value);
            }
        }
        None
    }

    /// What is left when nothing comes any more.
    fn rest(&mut self) -> Option<BytesMut> {
        let rest = self.held.split();
        *self = Self::default();
        (!rest.trim_ascii().is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, step: usize) -> Vec<String> {
        let mut values = Values::default();
        let mut found = Vec::new();
        for bytes in text.as_bytes().chunks(step) {
            values.feed(bytes);
            found.extend(std::iter::from_fn(|| values.take()));
        }
        found.extend(values.rest());
        let text = |value: BytesMut| String::from_utf8_lossy(&value).into_owned();
        found.into_iter().map(text).collect()
    }

    #[test]
    fn objects_are_told_apart_however_they_come() {
        let nested = r#"{"a":[{"b":"}\"]{"},{}],"c":"\\"}"#;
        for step in [1, 2, 7, 1000] {
            assert_eq!(values("", step), [""; 0]);
            assert_eq!(values(" \n\t", step), [""; 0]);
            assert_eq!(values("{}{}", step), ["{}", "{}"]);
            let text = format!(" {nested}\n{nested} {{\"half\":");
            assert_eq!(values(&text, step), [nested, nested, "{\"half\":"]);
        }
        assert_eq!(values("[{}]", 1000), ["[{}]"]);
        assert_eq!(values("{} null", 1000), ["{}", "null"]);
    }
}
