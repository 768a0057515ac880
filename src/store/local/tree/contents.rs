//! What is in a tree at one moment: in memtables and in tables.

use super::memtable::Memtable;
use super::trees::{Range, Trees};
use crate::store::Direction;
use bytes::Bytes;
use fjall::SeqNo;
use std::cmp::Ordering;
use std::sync::Arc;

/// A version of a key; `None`: it is gone.
type Item = fjall::Result<(Bytes, Option<Bytes>)>;

/// See the module.
pub(super) struct Contents {
    /// The newest first. What is in tables may be in one of them as well.
    pub(super) memtables: Vec<Arc<Memtable>>,
    pub(super) trees: Trees,
    /// The number of the first write that is not seen.
    pub(super) seqno: SeqNo,
}

impl Contents {
    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> fjall::Result<Option<Bytes>> {
        let written = |memtable: &Arc<Memtable>| memtable.get(key, self.seqno);
        match self.memtables.iter().find_map(written) {
            Some(value) => Ok(value),
            None => self.trees.get(key, self.seqno),
        }
    }

    /// The keys of a range and their values, in order.
    pub(super) fn range(
        &self,
        range: Range<'_>,
        direction: Direction,
    ) -> impl Iterator<Item = fjall::Result<(Bytes, Bytes)>> + use<> {
        let mut sources = Vec::new();
        for memtable in &self.memtables {
            let items = memtable.range(range, direction, self.seqno);
            sources.push(Source::new(items.map(Ok)));
        }
        for items in self.trees.range(range, direction, self.seqno) {
            sources.push(Source::new(items.map(|item| {
                let (key, value) = item?;
                Ok((key, Some(value)))
            })));
        }
        Merged { sources, direction }
    }
}

/// Items in order, and the first of them.
struct Source {
    first: Option<Item>,
    others: Box<dyn Iterator<Item = Item>>,
}

impl Source {
    fn new(items: impl Iterator<Item = Item> + 'static) -> Self {
        let mut others = Box::new(items);
        Self {
            first: others.next(),
            others,
        }
    }

    fn next(&mut self) -> Option<Item> {
        std::mem::replace(&mut self.first, self.others.next())
    }
}

/// The items of all sources in order. Of those of one key, the one of the first source.
struct Merged {
    sources: Vec<Source>,
    direction: Direction,
}

impl Merged {
    /// The source whose first item is next; what that hides in others is passed over.
    fn next_source(&mut self) -> Option<&mut Source> {
        let mut next: Option<(usize, Bytes)> = None;
        for (at, source) in self.sources.iter_mut().enumerate() {
            let key = match &source.first {
                None => continue,
                // Before anything else is answered.
                Some(Err(_)) => {
                    next = Some((at, Bytes::new()));
                    break;
                }
                Some(Ok((key, _))) => key.clone(),
            };
            let order = next.as_ref().map(|(_, next)| match self.direction {
                Direction::Forward => key.cmp(next),
                Direction::Backward => next.cmp(&key),
            });
            match order {
                None | Some(Ordering::Less) => next = Some((at, key)),
                Some(Ordering::Equal) => drop(source.next()),
                Some(Ordering::Greater) => {}
            }
        }
        self.sources.get_mut(next?.0)
    }
}

impl Iterator for Merged {
    type Item = fjall::Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_source()?.next()? {
                Ok((key, Some(value))) => return Some(Ok((key, value))),
                Ok((_, None)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
