//! Sets of keys, as ranges that neither touch nor overlap.

use bytes::Bytes;

/// The keys from the first of a pair up to, not including, the second; `None` has no end.
type Range = (Bytes, Option<Bytes>);

/// Ascending, with gaps between.
#[derive(Debug, Default)]
pub struct Ranges(Vec<Range>);

/// A range as etcd spells it: no `range_end` is one key, `"\0"` is everything from `key` on.
pub fn range(key: &Bytes, range_end: &Bytes) -> Range {
    let end = match range_end.as_ref() {
        [] => Some(crate::mvcc::keyspace::successor(key)),
        [0] => None,
        _ => Some(range_end.clone()),
    };
    (key.clone(), end)
}

impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().collect();
        sorted.sort();
        let mut merged: Vec<Range> = Vec::with_capacity(sorted.len());
        for (start, end) in sorted {
            match merged.last_mut() {
                Some((_, last)) if last.as_ref().is_none_or(|last| start <= *last) => {
                    if !is_up_to(end.as_deref(), last.as_deref()) {
                        *last = end;
                    }
                }
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }
}

impl Ranges {
    /// Whether it holds all of a range, as etcd spells it.
    pub fn hold(&self, key: &[u8], range_end: &[u8]) -> bool {
        let before = self.0.partition_point(|(start, _)| start <= key);
        let Some((_, end)) = before.checked_sub(1).map(|place| &self.0[place]) else {
            return false;
        };
        match range_end {
            [] => end.as_ref().is_none_or(|end| key < end.as_ref()),
            [0] => end.is_none(),
            _ => is_up_to(Some(range_end), end.as_deref()),
        }
    }
}

/// Whether one end is no further than another.
fn is_up_to(end: Option<&[u8]>, other: Option<&[u8]>) -> bool {
    match (end, other) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(end), Some(other)) => end <= other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(0..3u8, 1..4).prop_map(Bytes::from)
    }

    fn any_range() -> impl Strategy<Value = (Bytes, Bytes)> {
        let end = prop_oneof![Just(Bytes::new()), Just(Bytes::from_static(&[0])), key()];
        (key(), end).prop_filter("a range", |(key, end)| {
            end.is_empty() || end.as_ref() == [0] || key < end
        })
    }

    fn holds(one: &(Bytes, Bytes), key: &[u8]) -> bool {
        match one.1.as_ref() {
            [] => one.0 == key,
            [0] => one.0.as_ref() <= key,
            end => one.0.as_ref() <= key && key < end,
        }
    }

    proptest! {
        /// Of all short keys, as many as matter.
        #[test]
        fn a_range_is_held_when_all_its_keys_are(
            granted in prop::collection::vec(any_range(), 0..6), asked in any_range(),
        ) {
            let ranges: Ranges = granted.iter().map(|(key, end)| range(key, end)).collect();
            let digits = [0u8, 1, 2, 3];
            let mut keys: Vec<Vec<u8>> = digits.iter().map(|a| vec![*a]).collect();
            for length in 1..5 {
                let longer: Vec<_> = keys.iter().filter(|key| key.len() == length)
                    .flat_map(|key| digits.iter().map(move |digit| [&key[..], &[*digit]].concat()))
                    .collect();
                keys.extend(longer);
            }
            let is_held = keys.iter().filter(|key| holds(&asked, key))
                .all(|key| granted.iter().any(|one| holds(one, key)));
            prop_assert_eq!(ranges.hold(&asked.0, &asked.1), is_held);
        }
    }

    #[test]
    fn touching_ranges_are_one() {
        let ranges: Ranges = [("a", "c"), ("c", "d"), ("x", "")]
            .map(|(key, end)| range(&key.into(), &end.into()))
            .into_iter()
            .collect();
        assert_eq!(ranges.0.len(), 2);
        assert!(ranges.hold(b"a", b"d"));
        assert!(ranges.hold(b"x", b""));
        assert!(!ranges.hold(b"x", b"y"));
        assert!(!ranges.hold(b"a", &[0]));
    }
}
