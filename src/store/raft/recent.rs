//! The end of a log, in memory: an entry is read once or more soon after it was written, to be
//! applied and to be sent, and the one before it for its term.

use protobuf::Message as _;
use raft::eraftpb::Entry;
use std::collections::VecDeque;

/// What the entries kept take together; a larger one is kept alone.
const BYTES_MAX: u64 = if cfg!(test) { 4 << 10 } else { 8 << 20 };

/// Entries one behind the other, as they were written last.
#[derive(Default)]
pub(super) struct Recent {
    entries: VecDeque<Entry>,
    bytes: u64,
}

impl Recent {
    /// The log from the first of them on is these.
    pub(super) fn write(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else {
            return;
        };
        let kept = self.place(first.index).unwrap_or(0);
        self.entries
            .drain(kept..)
            .for_each(|entry| self.bytes -= size(&entry));
        for entry in entries {
            self.bytes += size(entry);
            self.entries.push_back(entry.clone());
        }
        while self.bytes > BYTES_MAX && self.entries.len() > 1 {
            self.bytes -= self.entries.pop_front().map_or(0, |entry| size(&entry));
        }
    }

    /// The term of an entry, if it is here.
    pub(super) fn term(&self, index: u64) -> Option<u64> {
        let entry = self.entries.get(self.place(index)?)?;
        Some(entry.term)
    }

    /// The entries in `[low, high)` as [`Log::entries`](super::Log::entries) has them, if all are
    /// here.
    pub(super) fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Option<Vec<Entry>> {
        let (start, end) = (self.place(low)?, self.place(high)?);
        // What is behind the limit is not copied to be dropped.
        let mut bytes = 0;
        let within = |entry: &&Entry| {
            let fits = bytes == 0 || bytes + size(entry) <= bytes_max;
            bytes += size(entry);
            fits
        };
        let within = self.entries.range(start..end).take_while(within);
        Some(within.cloned().collect())
    }

    /// Where an entry is, or would be behind the last one.
    fn place(&self, index: u64) -> Option<usize> {
        let place = index.checked_sub(self.entries.front()?.index)?;
        let place = usize::try_from(place).ok()?;
        (place <= self.entries.len()).then_some(place)
    }
}

fn size(entry: &Entry) -> u64 {
    entry.compute_size().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use raft::util::limit_size;

    /// Entries behind each other, from an index on.
    fn written() -> impl Strategy<Value = (prop::sample::Index, Vec<usize>)> {
        let sizes = prop_oneof![9 => 0_usize..300, 1 => Just(2 * BYTES_MAX as usize)];
        (
            any::<prop::sample::Index>(),
            prop::collection::vec(sizes, 1..8),
        )
    }

    proptest! {
        /// What it answers is what a log that forgets nothing answers.
        #[test]
        fn it_answers_as_a_whole_log(writes in prop::collection::vec(written(), 1..20), limit in 0_u64..3000) {
            let (mut recent, mut whole) = (Recent::default(), Vec::<Entry>::new());
            for (term, (at, sizes)) in writes.into_iter().enumerate() {
                let place = at.index(whole.len() + 1);
                let entries = sizes.into_iter().enumerate().map(|(behind, size)| Entry {
                    term: term as u64,
                    index: (place + behind) as u64,
                    data: vec![7; size].into(),
                    ..Entry::default()
                });
                let entries: Vec<_> = entries.collect();
                recent.write(&entries);
                whole.truncate(place);
                whole.extend(entries);
                let last = whole.len() - 1;
                prop_assert_eq!(recent.term(last as u64), Some(term as u64));
                prop_assert_eq!(recent.term(whole.len() as u64), None);
                prop_assert!(recent.bytes <= BYTES_MAX || recent.entries.len() == 1);
                let sizes = recent.entries.iter().map(size);
                prop_assert_eq!(recent.bytes, sizes.sum::<u64>());
                for low in 0..whole.len() {
                    let here = recent.term(low as u64);
                    prop_assert!(here.is_none_or(|here| here == whole[low].term));
                    let mut wanted = whole[low..].to_vec();
                    limit_size(&mut wanted, Some(limit));
                    let wanted = here.map(|_| wanted);
                    prop_assert_eq!(recent.entries(low as u64, whole.len() as u64, limit), wanted);
                }
            }
        }
    }
}
