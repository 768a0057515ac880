//! Memory for many small things that are made one behind the other.

use bytes::{Bytes, BytesMut};

/// Who keeps one of them keeps the whole piece, as a store may: so that a batch of few must not have a
/// large one, pieces are as large as all that was made before them, within these bounds.
const PIECE_BYTES_MIN: usize = 1 << 10;
const PIECE_BYTES_MAX: usize = 32 << 10;

/// Makes keys and records, many in one piece of memory.
pub struct Pieces {
    piece: BytesMut,
    made_bytes: usize,
}

impl Pieces {
    /// Nothing made yet.
    pub fn new() -> Self {
        Self {
            piece: BytesMut::with_capacity(PIECE_BYTES_MIN),
            made_bytes: 0,
        }
    }

    /// What `write` appends.
    pub fn make(&mut self, write: impl FnOnce(&mut BytesMut)) -> Bytes {
        write(&mut self.piece);
        let made = self.piece.split().freeze();
        self.made_bytes += made.len();
        // The next one is about as long.
        if self.piece.capacity() < made.len() {
            let bytes = self.made_bytes.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
            self.piece.reserve(bytes);
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;

    const THING: [u8; 100] = [7; 100];

    #[test]
    fn who_keeps_one_of_few_keeps_a_small_piece() {
        let mut pieces = Pieces::new();
        let kept = pieces.make(|piece| piece.put_slice(&THING));
        let _ = pieces.make(|piece| piece.put_slice(&THING));
        drop(pieces);
        let piece = kept.try_into_mut().expect("nobody else has a part of it");
        assert!(piece.capacity() <= PIECE_BYTES_MIN, "{}", piece.capacity());
    }

    #[test]
    fn many_share_pieces_of_bounded_size() {
        let mut pieces = Pieces::new();
        let made: Vec<Bytes> = (0..10_000)
            .map(|_| pieces.make(|piece| piece.put_slice(&THING)))
            .collect();
        assert!(made.iter().all(|made| made[..] == THING));
        let begins = |pair: &[Bytes]| pair[0].as_ptr_range().end != pair[1].as_ptr();
        let count = 1 + made.windows(2).filter(|pair| begins(pair)).count();
        // 1 MB in pieces of 32 KiB, and some smaller ones at first.
        assert!((30..50).contains(&count), "{count}");
    }
}
