//! The opening of a connection, mended for clients that name the server by a URL.
//!
//! etcd clients up to 3.4 make some calls (status, hash, defragment) on a connection of their
//! own, with `http://host:port` as HTTP/2 authority. That is no authority, and the HTTP/2
//! library resets such a stream before anyone can look at it. Nobody needs the authority
//! either, so the start of the URL is overwritten with as many letters that may stand in a
//! name. A header block refers to earlier ones by size and place: the text must keep its
//! length, both as it is sent and as it is read, or everything behind it would be misread.

use bytes::BytesMut;

/// What an HTTP/2 connection starts with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER_BYTES: usize = 9;
/// The largest frame a client may send before it is told of another bound.
const FRAME_BYTES_MAX: usize = 16 * 1024;
const HEADERS: u8 = 1;
const FLAG_PADDED: u8 = 0x8;
const FLAG_PRIORITY: u8 = 0x20;
const PRIORITY_BYTES: usize = 5;
/// The place of `:authority` in the table of well-known header names.
const AUTHORITY: usize = 1;

/// `http://` and `https://`, and names of the same length, as plain text.
const PLAIN: [(&[u8], &[u8]); 2] = [(b"http://", b"httpx--"), (b"https://", b"httpsx--")];
/// The same in the Huffman code of HTTP/2, in which `:` is as long as `x`, and `/` as `-`.
/// The last byte is shared with what follows; its mask says which bits are ours.
const HUFFMAN: [([u8; 6], [u8; 6], u8); 2] = [
    (
        [0x9d, 0x29, 0xae, 0xe3, 0x0c, 0x00],
        [0x9d, 0x29, 0xaf, 0xca, 0xcb, 0x00],
        0x80,
    ),
    (
        [0x9d, 0x29, 0xad, 0x17, 0x18, 0x60],
        [0x9d, 0x29, 0xad, 0x1e, 0x56, 0x58],
        0xfc,
    ),
];

/// The bytes of a connection up to its first request.
///
/// One request is enough: the later ones refer to its authority.
#[derive(Debug, Default)]
pub(super) struct Opening {
    held: BytesMut,
    /// How much of `held` may be passed on.
    ready_bytes: usize,
    preface_seen: bool,
    over: bool,
}

impl Opening {
    /// Takes what the client sent next.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        while !self.over && self.pass_one() {}
        if self.over {
            self.ready_bytes = self.held.len();
        }
    }

    /// Whether it is that of HTTP/2, once that can be told.
    pub fn is_http2(&self) -> Option<bool> {
        (self.preface_seen || self.over).then_some(self.preface_seen)
    }

    /// The client sends no more, so nothing is held back.
    pub fn end(&mut self) {
        self.over = true;
        self.ready_bytes = self.held.len();
    }

    /// What may be passed on, at most `limit` bytes of it.
    pub fn take(&mut self, limit: usize) -> BytesMut {
        let taken = self.held.split_to(self.ready_bytes.min(limit));
        self.ready_bytes -= taken.len();
        taken
    }

    /// Everything has been passed on, and what comes now needs no look.
    pub fn is_over(&self) -> bool {
        self.over && self.held.is_empty()
    }

    /// Passes on the preface or one whole frame; whether there was one.
    fn pass_one(&mut self) -> bool {
        let next = &mut self.held[self.ready_bytes..];
        if !self.preface_seen {
            let length = next.len().min(PREFACE.len());
            // Anything else is HTTP/1, whose authority is not of interest.
            self.over = next[..length] != PREFACE[..length];
            self.preface_seen = length == PREFACE.len() && !self.over;
            if self.preface_seen {
                self.ready_bytes += PREFACE.len();
            }
            return self.preface_seen;
        }
        let [a, b, c, kind, flags, ..] = *next else {
            return false;
        };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > FRAME_BYTES_MAX {
            self.over = true;
            return false;
        }
        let Some(payload) = next.get_mut(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length) else {
            return false;
        };
        if kind == HEADERS {
            mend_frame(payload, flags);
            self.over = true;
        }
        self.ready_bytes += FRAME_HEADER_BYTES + length;
        true
    }
}

fn mend_frame(mut payload: &mut [u8], flags: u8) {
    let mut skip = 0;
    if flags & FLAG_PADDED != 0 {
        skip += 1;
    }
    if flags & FLAG_PRIORITY != 0 {
        skip += PRIORITY_BYTES;
    }
    payload = payload.get_mut(skip..).unwrap_or_default();
    // `None` is a block cut short or malformed, which is for others to refuse.
    if let Some(authority) = find_authority(payload) {
        mend(authority);
    }
}

/// The authority in a header block, where it stands as text: its Huffman flag and its bytes.
fn find_authority(block: &mut [u8]) -> Option<(bool, &mut [u8])> {
    let mut at = 0;
    loop {
        let first = *block.get(at)?;
        if first & 0x80 != 0 {
            // An entry of a table, name and value.
            at = integer(block, at, 7)?.1;
        } else if first & 0xe0 == 0x20 {
            // A new size of the table.
            at = integer(block, at, 5)?.1;
        } else {
            let prefix_bits = if first & 0x40 != 0 { 6 } else { 4 };
            let (name, after) = integer(block, at, prefix_bits)?;
            at = after;
            if name == 0 {
                at = text(block, at)?.2;
            }
            let (huffman, start, end) = text(block, at)?;
            if name == AUTHORITY {
                return Some((huffman, block.get_mut(start..end)?));
            }
            at = end;
        }
    }
}

/// An integer whose first bits stand at the end of the byte at `at`, and where it ends.
fn integer(block: &[u8], at: usize, prefix_bits: u32) -> Option<(usize, usize)> {
    let full = (1 << prefix_bits) - 1;
    let mut value = usize::from(*block.get(at)?) & full;
    let mut at = at + 1;
    if value < full {
        return Some((value, at));
    }
    // Three further bytes say more than fits into a frame.
    for shift in [0, 7, 14] {
        let byte = usize::from(*block.get(at)?);
        value += (byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

/// Huffman flag, start and end of the text at `at`.
fn text(block: &[u8], at: usize) -> Option<(bool, usize, usize)> {
    let huffman = block.get(at)? & 0x80 != 0;
    let (length, start) = integer(block, at, 7)?;
    let end = start + length;
    (end <= block.len()).then_some((huffman, start, end))
}

fn mend((huffman, authority): (bool, &mut [u8])) {
    if !huffman {
        for (scheme, name) in PLAIN {
            if authority.starts_with(scheme) {
                authority[..name.len()].copy_from_slice(name);
            }
        }
        return;
    }
    let Some(start) = authority.first_chunk_mut::<6>() else {
        return;
    };
    for (scheme, name, mask) in HUFFMAN {
        if start[..5] == scheme[..5] && start[5] & mask == scheme[5] {
            let rest = start[5] & !mask;
            *start = name;
            start[5] |= rest;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use axum::http::uri::Authority;

    /// `:method POST`, `:scheme http`, `:path /a`, as grpc-go writes them before the authority.
    const BEFORE: &[u8] = &[0x83, 0x86, 0x44, 0x02, b'/', b'a'];

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    fn request(authority: &[u8], huffman: bool) -> Vec<u8> {
        let flag = if huffman { 0x80 } else { 0 };
        let length = u8::try_from(authority.len()).unwrap() | flag;
        [
            BEFORE,
            &[0x41, length],
            authority,
            &[0x40, 1, b'x', 1, b'y'],
        ]
        .concat()
    }

    /// Preface, settings and one request in `kind`; what comes out when `step` bytes come in at a time.
    fn pass(request: &[u8], flags: u8, step: usize) -> (Vec<u8>, Vec<u8>) {
        let sent = [
            PREFACE,
            &frame(4, 0, &[0; 6]),
            &frame(HEADERS, flags, request),
        ]
        .concat();
        let mut opening = Opening::default();
        let mut passed = Vec::new();
        for bytes in sent.chunks(step) {
            opening.feed(bytes);
            passed.extend(opening.take(usize::MAX));
        }
        assert!(opening.is_over());
        (sent, passed)
    }

    fn pairs() -> [(Vec<u8>, Vec<u8>, bool); 4] {
        // The Huffman texts go on with `127`, whose bits were worked out by hand:
        // 1 is 00001, 2 is 00010, 7 is 011101, and ones fill the last byte.
        let after = |start: [u8; 6], last: &[u8]| [&start[..5], last].concat();
        [
            (
                b"http://127.0.0.1:2".to_vec(),
                b"httpx--127.0.0.1:2".to_vec(),
                false,
            ),
            (
                b"https://[::1]:2".to_vec(),
                b"httpsx--[::1]:2".to_vec(),
                false,
            ),
            (
                after(HUFFMAN[0].0, &[0x04, 0x27, 0x7f]),
                after(HUFFMAN[0].1, &[0x04, 0x27, 0x7f]),
                true,
            ),
            (
                after(HUFFMAN[1].0, &[0x60, 0x84, 0xef]),
                after(HUFFMAN[1].1, &[0x58, 0x84, 0xef]),
                true,
            ),
        ]
    }

    #[test]
    fn a_url_becomes_a_name_of_the_same_length_however_it_arrives() {
        for (url, name, huffman) in pairs() {
            for step in [1, 7, 1000] {
                let (sent, passed) = pass(&request(&url, huffman), 0x4, step);
                assert_eq!(sent.len(), passed.len());
                let start = sent.len() - request(&url, huffman).len();
                assert_eq!(sent[..start], passed[..start]);
                assert_eq!(passed[start..], request(&name, huffman));
            }
        }
        for (url, name, _) in pairs().iter().filter(|(_, _, huffman)| !huffman) {
            assert!(Authority::try_from(&url[..]).is_err());
            assert!(Authority::try_from(&name[..]).is_ok());
        }
    }

    #[test]
    fn the_block_that_etcdctl_3_4_sends_for_status_is_mended() {
        let block = |authority: &[u8]| {
            let path = b"\x83\x86\x45\x97\x60\xa9\x24\x88\x2d\x9d\xcb\x65\x71\xaf\xa0\x66\xa9\x25\
                         \xa8\x75\x10\xac\x6e\x48\xd3\x6a\x3f";
            let port = b"\x04\x4e\xae\x05\xc0\xb8\x6e\x09\x97\xdf";
            [path, &b"\x41\x8f"[..], authority, port].concat()
        };
        let (_, passed) = pass(&block(b"\x9d\x29\xae\xe3\x0c"), 0x4, 1000);
        assert!(passed.ends_with(&block(b"\x9d\x29\xaf\xca\xcb")));
    }

    #[test]
    fn padding_and_priority_stand_before_the_block() {
        let (url, name, _) = pairs()[0].clone();
        let framed =
            |text: &[u8]| [&[2, 0, 0, 0, 0, 9], &request(text, false)[..], &[0, 0]].concat();
        let flags = 0x4 | FLAG_PADDED | FLAG_PRIORITY;
        let (_, passed) = pass(&framed(&url), flags, 1000);
        assert!(passed.ends_with(&framed(&name)));
    }

    #[test]
    fn everything_else_passes_as_it_came() {
        let value = [BEFORE, &[0x40, 1, b'x', 7], b"http://"].concat();
        for block in [
            request(b"127.0.0.1:2379", false),
            request(b"http:/", false),
            request(&HUFFMAN[0].0[..5], true),
            value,
            vec![0x41],
            vec![0x41, 0xff, 0xff, 0xff, 0xff, 0xff],
            Vec::new(),
        ] {
            let (sent, passed) = pass(&block, 0x4, 5);
            assert_eq!(sent, passed, "{block:x?}");
        }
    }

    #[test]
    fn nothing_waits_but_a_frame_that_is_not_complete() {
        let mut opening = Opening::default();
        assert_eq!(opening.is_http2(), None);
        opening.feed(b"GET");
        assert_eq!(opening.is_http2(), Some(false));
        assert_eq!(opening.take(2), &b"GE"[..]);
        assert!(!opening.is_over());
        assert_eq!(opening.take(2), &b"T"[..]);
        assert!(opening.is_over());

        let mut opening = Opening::default();
        opening.feed(b"GET / HTTP/1.1\r\nhost: longer than a preface\r\n");
        assert_eq!(opening.is_http2(), Some(false));

        let mut opening = Opening::default();
        opening.feed(&PREFACE[..8]);
        assert_eq!(opening.is_http2(), None);
        opening.end();
        assert_eq!(opening.is_http2(), Some(false));

        let mut opening = Opening::default();
        let settings = frame(4, 0, &[]);
        opening.feed(&[PREFACE, &settings, &settings[..4]].concat());
        assert_eq!(opening.is_http2(), Some(true));
        assert_eq!(opening.take(usize::MAX), [PREFACE, &settings].concat());
        opening.end();
        assert_eq!(opening.take(usize::MAX), settings[..4]);
        assert!(opening.is_over());

        let mut opening = Opening::default();
        let huge = [PREFACE, &[0xff, 0, 0, HEADERS, 0, 0]].concat();
        opening.feed(&huge);
        assert_eq!(opening.take(usize::MAX), huge);
        assert!(opening.is_over());
    }
}
