//! How bytes are shown in text formats.

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::ValueEnum;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use std::{borrow::Cow, fmt::Write};

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    /// Text where it is UTF-8, else base64
    Auto,
    /// Text only: the first key or value that is no UTF-8 ends the command
    Text,
    /// Base64 always
    Base64,
    /// Hexadecimal always
    Hex,
}

/// Bytes as text, with the suffix that tells a reader how to get the bytes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Encoded<'a> {
    /// Goes behind the field name: empty, `_base64` or `_hex`.
    pub suffix: &'static str,
    /// The text.
    pub text: Cow<'a, str>,
}

impl Encoding {
    /// Encodes `bytes`; fails only under [`Encoding::Text`].
    pub fn encode<'a>(self, bytes: &'a [u8]) -> Result<Encoded<'a>> {
        let (suffix, text) = match (self, std::str::from_utf8(bytes)) {
            (Self::Auto | Self::Text, Ok(text)) => ("", text.into()),
            (Self::Auto, Err(_)) | (Self::Base64, _) => ("_base64", STANDARD.encode(bytes).into()),
            (Self::Hex, _) => ("_hex", hex(bytes).into()),
            (Self::Text, Err(_)) => anyhow::bail!(
                "{} is no UTF-8: use --encoding auto, base64 or hex",
                bytes.escape_ascii()
            ),
        };
        Ok(Encoded { suffix, text })
    }
}

/// Bytes under a field name that tells how they are written: `key`, or `key_base64`.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    field: &'static str,
    bytes: Vec<u8>,
}

impl Name {
    /// `bytes` as a record with the one field `field`, to be flattened into a larger one.
    pub fn new(field: &'static str, bytes: Vec<u8>) -> Self {
        Self { field, bytes }
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Encoded { suffix, text } = Encoding::Auto
            .encode(&self.bytes)
            .map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&format!("{}{suffix}", self.field), &text)?;
        map.end()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes on one line for a person: control characters and what is no UTF-8 are escaped, and
/// what is longer than `max_chars` is cut.
pub fn printable(bytes: &[u8], max_chars: usize) -> String {
    let mut line = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\\' {
                line.extend(c.escape_default());
            } else {
                line.push(c);
            }
        }
        line.extend(chunk.invalid().escape_ascii().map(char::from));
        if line.len() > 4 * max_chars {
            break;
        }
    }
    match line.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn encoded(encoding: Encoding, bytes: &[u8]) -> (&'static str, String) {
        let Encoded { suffix, text } = encoding.encode(bytes).unwrap();
        (suffix, text.into_owned())
    }

    #[test]
    fn the_suffix_says_how_to_read_the_text() {
        assert_eq!(encoded(Encoding::Auto, b"a"), ("", "a".into()));
        assert_eq!(encoded(Encoding::Auto, b"\xff"), ("_base64", "/w==".into()));
        assert_eq!(encoded(Encoding::Base64, b"a"), ("_base64", "YQ==".into()));
        assert_eq!(encoded(Encoding::Hex, b"\x00\xff"), ("_hex", "00ff".into()));
    }

    #[test]
    fn text_refuses_other_bytes_and_names_them() {
        let error = Encoding::Text.encode(b"k\xff").unwrap_err();
        assert!(error.to_string().contains(r"k\xff"), "{error}");
    }

    #[test]
    fn printable_stays_on_one_line_and_cannot_touch_the_terminal() {
        assert_eq!(printable(b"a\nb\x1b[0m\xff\\", 99), r"a\nb\u{1b}[0m\xff\\");
        assert_eq!(printable("h\u{e9}llo".as_bytes(), 3), "h\u{e9}l...");
        assert_eq!(printable(&[b'x'; 3], 3), "xxx");
    }
}
