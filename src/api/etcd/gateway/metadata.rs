//! What of an HTTP request's head a gRPC call is told.

use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::metadata::MetadataMap;

/// What stands before the name of metadata.
const PREFIX: &str = "grpc-metadata-";

/// The token of a login, and what is called metadata; nothing else means anything to a call.
pub(super) fn of(headers: &HeaderMap) -> MetadataMap {
    let told = headers.iter().filter_map(|(name, value)| {
        let name = match name.as_str().strip_prefix(PREFIX) {
            // What is no name is not passed on, as grpc-gateway does it.
            Some(name) if is_text(value) => name.parse().ok()?,
            None if name == header::AUTHORIZATION => name.clone(),
            _ => return None,
        };
        Some((name, value.clone()))
    });
    let mut metadata = HeaderMap::new();
    told.for_each(|(name, value): (HeaderName, _)| {
        metadata.append(name, value);
    });
    MetadataMap::from_headers(metadata)
}

fn is_text(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .iter()
        .all(|byte| (0x20..=0x7e).contains(byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_its_token_and_metadata_and_no_more() {
        let headers: HeaderMap = [
            ("authorization", &b"one"[..]),
            ("grpc-metadata-token", b"two"),
            ("grpc-metadata-hasleader", b"true"),
            ("grpc-metadata-", b"nameless"),
            ("grpc-metadata-not-text", b"\xff"),
            ("token", b"three"),
            ("cookie", b"four"),
        ]
        .into_iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_bytes(value);
            (HeaderName::from_static(name), value.unwrap())
        })
        .collect();
        let told = of(&headers).into_headers();
        let mut told: Vec<_> = told
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        told.sort_unstable();
        let expected = [
            ("authorization", "one"),
            ("hasleader", "true"),
            ("token", "two"),
        ];
        assert_eq!(told, expected);
    }
}
