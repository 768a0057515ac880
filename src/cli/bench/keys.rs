//! The keys and values a run uses, made before the clock starts.

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// Random bytes the values are cut from: large enough that neighbours differ, small enough for the cache.
const VALUE_POOL_BYTES: usize = 1 << 20;

/// Keys of one length under one prefix: the prefix, then the index with leading zeros.
///
/// They lie in one block of memory, so that taking one allocates nothing.
#[derive(Debug)]
pub struct Keys {
    prefix: Bytes,
    block: Bytes,
    key_bytes: usize,
    count: u64,
}

impl Keys {
    /// Makes `count` keys of `key_bytes` each. The caller has checked that index and prefix fit.
    pub fn new(prefix: &str, key_bytes: usize, count: u64) -> Self {
        let digits = key_bytes - prefix.len();
        let mut block = String::with_capacity(key_bytes * count as usize);
        for index in 0..count {
            block.push_str(prefix);
            push_padded(&mut block, index, digits);
        }
        Self {
            prefix: Bytes::copy_from_slice(prefix.as_bytes()),
            block: block.into(),
            key_bytes,
            count,
        }
    }

    /// How many keys there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Length of a key in bytes, with its prefix.
    pub fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    /// Key number `index`, which is below [`Keys::count`].
    pub fn key(&self, index: u64) -> Bytes {
        let start = index as usize * self.key_bytes;
        self.block.slice(start..start + self.key_bytes)
    }

    /// A key outside the set, for creates: `index` is not below [`Keys::count`].
    pub fn fresh(&self, index: u64) -> Bytes {
        let mut key = String::with_capacity(self.key_bytes);
        key.push_str(&String::from_utf8_lossy(&self.prefix));
        push_padded(&mut key, index, self.key_bytes - self.prefix.len());
        key.into()
    }

    /// The number of `key`, if it is spelled as these keys are.
    pub fn index_of(&self, key: &[u8]) -> Option<u64> {
        let digits = key.strip_prefix(self.prefix.as_ref())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// What all keys start with.
    pub fn prefix(&self) -> Bytes {
        self.prefix.clone()
    }

    /// The end of the range of all keys with the prefix.
    pub fn prefix_end(&self) -> Bytes {
        prefix_end(&self.prefix)
    }
}

/// The smallest key above every key with this prefix; etcd's spelling of "no end" if there is none.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(b"\0")
}

/// How many decimal digits the largest of `count` indexes takes.
pub fn index_digits(count: u64) -> usize {
    count.saturating_sub(1).max(1).ilog10() as usize + 1
}

fn push_padded(text: &mut String, index: u64, digits: usize) {
    use std::fmt::Write;
    // Writing into a String cannot fail.
    let _ = write!(text, "{index:0digits$}");
}

/// Values of one length, cut from a pool of random bytes, so that no store gets them for free by
/// compressing or sharing them.
#[derive(Debug)]
pub struct Values {
    pool: Bytes,
    value_bytes: usize,
}

impl Values {
    /// Values of `value_bytes`; the same seed makes the same values.
    pub fn new(value_bytes: usize, seed: u64) -> Self {
        let mut pool = vec![0; VALUE_POOL_BYTES + value_bytes];
        SmallRng::seed_from_u64(seed).fill(&mut pool[..]);
        Self {
            pool: pool.into(),
            value_bytes,
        }
    }

    /// Length of a value in bytes.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// Some value.
    pub fn pick(&self, rng: &mut SmallRng) -> Bytes {
        let start = rng.random_range(0..VALUE_POOL_BYTES);
        self.pool.slice(start..start + self.value_bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_length_and_order() {
        let keys = Keys::new("bench/", 12, 1001);
        assert_eq!(keys.key(0), "bench/000000");
        assert_eq!(keys.key(1000), "bench/001000");
        assert_eq!(keys.fresh(1001), "bench/001001");
        assert_eq!(keys.index_of(b"bench/000042"), Some(42));
        assert_eq!(keys.index_of(b"other/000042"), None);
        assert_eq!(keys.index_of(b"bench/x"), None);
        assert_eq!(
            (keys.prefix(), keys.prefix_end()),
            ("bench/".into(), "bench0".into())
        );
    }

    #[test]
    fn the_end_of_a_prefix_skips_bytes_that_cannot_grow() {
        assert_eq!(prefix_end(b"a\xff"), "b");
        assert_eq!(prefix_end(b"\xff\xff"), "\0");
        assert_eq!(prefix_end(b""), "\0");
    }

    #[test]
    fn index_digits_cover_the_largest_index() {
        for (count, digits) in [(1, 1), (10, 1), (11, 2), (100, 2), (101, 3), (1_000_000, 6)] {
            assert_eq!(index_digits(count), digits, "{count}");
        }
    }

    #[test]
    fn values_have_their_length_and_follow_the_seed() {
        let pick = |seed| Values::new(300, seed).pick(&mut SmallRng::seed_from_u64(7));
        assert_eq!(pick(1).len(), 300);
        assert_eq!(pick(1), pick(1));
        assert_ne!(pick(1), pick(2));
        assert!(
            Values::new(0, 1)
                .pick(&mut SmallRng::seed_from_u64(7))
                .is_empty()
        );
    }
}
