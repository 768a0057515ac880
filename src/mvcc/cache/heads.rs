//! Where a key is among the sorted keys of a stretch.
//!
//! Keys that lie together begin alike. What follows in the next few bytes tells most of them apart, and
//! as numbers in a row they take a few lines of the processor's cache, where each key that a search
//! compares costs two of its own.

use crate::mvcc::read::Item;

/// The bytes of a head.
const HEAD_BYTES: usize = size_of::<u64>();

/// The heads of some sorted items: of each key the bytes behind what all have in common.
pub(super) struct Heads {
    common: Box<[u8]>,
    heads: Vec<u64>,
}

impl Heads {
    pub(super) fn of(items: &[Item]) -> Self {
        let common = match items {
            // One needs none, and says nothing of those that come.
            [] | [_] => &[],
            // What is between two keys begins as both do.
            [(first, _), .., (last, _)] => {
                let is_same = |(one, other): &(&u8, &u8)| one == other;
                let alike = first.iter().zip(last.iter()).take_while(is_same).count();
                &first[..alike]
            }
        };
        Self {
            heads: items
                .iter()
                .map(|(key, _)| head(&key[common.len()..]))
                .collect(),
            common: common.into(),
        }
    }

    /// Where a key is, or where it would be.
    pub(super) fn find(&self, items: &[Item], key: &[u8]) -> Result<usize, usize> {
        let Some(rest) = key.strip_prefix(&*self.common) else {
            // All of them are on the same side of it.
            return Err(if key < &*self.common { 0 } else { items.len() });
        };
        let head = head(rest);
        let from = self.heads.partition_point(|at| *at < head);
        let same = self.heads[from..].iter().take_while(|at| **at == head);
        let to = from + same.count();
        let found = items[from..to].binary_search_by(|(at, _)| at.as_ref().cmp(key));
        found
            .map(|place| from + place)
            .map_err(|place| from + place)
    }

    /// A key was put into this place of the items.
    pub(super) fn insert(&mut self, place: usize, items: &[Item]) {
        match items[place].0.strip_prefix(&*self.common) {
            Some(rest) if self.heads.len() > 1 => self.heads.insert(place, head(rest)),
            _ => *self = Self::of(items),
        }
    }

    /// The key of this place is gone.
    pub(super) fn remove(&mut self, place: usize) {
        self.heads.remove(place);
    }
}

/// The first bytes as a number that is in the same order.
fn head(key: &[u8]) -> u64 {
    let mut bytes = [0; HEAD_BYTES];
    let taken = key.len().min(HEAD_BYTES);
    bytes[..taken].copy_from_slice(&key[..taken]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvcc::keyspace::{Current, Value};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn item(key: Vec<u8>) -> Item {
        let current = Current {
            create_revision: 1,
            mod_revision: 1,
            sub: 0,
            version: 1,
            lease: 0,
            value: Value::Inline(Bytes::new()),
        };
        (key.into(), current)
    }

    /// Keys that begin alike, or begin each other, or differ in zeros at their end alone.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let begin = prop::sample::select(vec!["", "registry/", "registry/pods/"]);
        let end = prop::collection::vec(prop::sample::select(vec![0, 1, b'a', 255]), 0..12);
        (begin, end).prop_map(|(begin, end)| [begin.as_bytes(), &end].concat())
    }

    proptest! {
        #[test]
        fn a_key_is_found_where_a_search_of_all_finds_it(
            at_first in prop::collection::btree_set(key(), 0..20),
            turns in prop::collection::vec(key(), 0..40),
            asked in prop::collection::vec(key(), 20),
        ) {
            let mut items: Vec<Item> = at_first.into_iter().map(item).collect();
            let mut heads = Heads::of(&items);
            for turn in turns {
                match items.binary_search_by(|(at, _)| at.as_ref().cmp(turn.as_slice())) {
                    Ok(place) => {
                        items.remove(place);
                        heads.remove(place);
                    }
                    Err(place) => {
                        items.insert(place, item(turn));
                        heads.insert(place, &items);
                    }
                }
                for key in asked.iter().map(Vec::as_slice).chain(items.iter().map(|(key, _)| key.as_ref())) {
                    let expected = items.binary_search_by(|(at, _)| at.as_ref().cmp(key));
                    prop_assert_eq!(heads.find(&items, key), expected, "{:?}", key);
                }
            }
        }
    }
}
