//! What a store's keys are in: one tree, or two of which the other has what is only appended.
//!
//! Tables of keys that follow one another never overlap, so in a tree of their own they are written
//! once; between other keys they are rewritten with each merge of those.

use crate::store::directory::appended;
use bytes::Bytes;
use fjall::{AbstractTree, AnyTree, SeqNo};
use lsm_tree::Guard;
use std::ops::Bound;

/// The keys of a range.
pub(super) type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

type Item = fjall::Result<(Bytes, Bytes)>;

/// Where the keys of a range are.
#[derive(Debug, PartialEq, Eq)]
enum Side {
    Rest,
    Appended,
    Either,
}

impl Side {
    fn of_key(key: &[u8]) -> Self {
        let at =
            |(start, end): ([u8; _], [u8; _])| (start.as_slice()..end.as_slice()).contains(&key);
        match appended(key).is_some_and(at) {
            true => Self::Appended,
            false => Self::Rest,
        }
    }

    fn of((start, end): Range<'_>) -> Self {
        let (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end)) = (start, end)
        else {
            return Self::Either;
        };
        match appended(start) {
            Some((first, behind)) if start >= &first[..] && end <= &behind[..] => Self::Appended,
            Some((first, _)) if end <= &first[..] => Self::Rest,
            // Up to the next instance's.
            Some((_, behind)) if start >= &behind[..] && end.get(..4) == start.get(..4) => {
                Self::Rest
            }
            _ => Self::Either,
        }
    }
}

/// See the module. Cheap to clone; clones are the same trees.
#[derive(Clone)]
pub(super) struct Trees {
    /// All other keys; all of them where there is one tree.
    pub(super) rest: AnyTree,
    /// Those that are [`appended`].
    pub(super) appended: Option<AnyTree>,
}

impl Trees {
    /// The one that has a key.
    pub(super) fn of(&self, key: &[u8]) -> &AnyTree {
        match &self.appended {
            Some(appended) if Side::of_key(key) == Side::Appended => appended,
            _ => &self.rest,
        }
    }

    /// Both.
    pub(super) fn each(&self) -> impl Iterator<Item = &AnyTree> {
        self.appended.iter().chain([&self.rest])
    }

    /// The sum of a number of each.
    pub(super) fn sum(&self, number: impl Fn(&AnyTree) -> u64) -> u64 {
        self.each().map(number).sum()
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8], seqno: SeqNo) -> fjall::Result<Option<Bytes>> {
        Ok(self.of(key).get(key, seqno)?.map(Bytes::from))
    }

    /// The keys of a range, in order, and their values.
    pub(super) fn range(
        &self,
        range: Range<'_>,
        seqno: SeqNo,
    ) -> Box<dyn DoubleEndedIterator<Item = Item>> {
        let of = |tree: &AnyTree| {
            let items = tree.range::<&[u8], _>(range, seqno, None);
            items.map(|item| {
                let (key, value) = item.into_inner()?;
                Ok((key.into(), value.into()))
            })
        };
        match &self.appended {
            None => Box::new(of(&self.rest)),
            Some(appended) => match Side::of(range) {
                Side::Appended => Box::new(of(appended)),
                Side::Rest => Box::new(of(&self.rest)),
                Side::Either => Box::new(Merged {
                    one: Ends::of(of(&self.rest)),
                    other: Ends::of(of(appended)),
                }),
            },
        }
    }
}

/// The items of two iterators that are in order and have no key in common.
struct Merged<One: Iterator, Other: Iterator> {
    one: Ends<One>,
    other: Ends<Other>,
}

/// An iterator, and what was taken of its ends and not given away.
struct Ends<I: Iterator> {
    items: I,
    first: Option<I::Item>,
    last: Option<I::Item>,
}

impl<I: DoubleEndedIterator<Item = Item>> Ends<I> {
    fn of(items: I) -> Self {
        Self {
            items,
            first: None,
            last: None,
        }
    }

    fn first(&mut self) -> &mut Option<Item> {
        if self.first.is_none() {
            self.first = self.items.next().or_else(|| self.last.take());
        }
        &mut self.first
    }

    fn last(&mut self) -> &mut Option<Item> {
        if self.last.is_none() {
            self.last = self.items.next_back().or_else(|| self.first.take());
        }
        &mut self.last
    }
}

/// Takes the one of two whose key, if both have one, is `before` the other's.
fn take(
    one: &mut Option<Item>,
    other: &mut Option<Item>,
    before: impl Fn(&Bytes, &Bytes) -> bool,
) -> Option<Item> {
    match (&one, &other) {
        (Some(Ok((key, _))), Some(Ok((other_key, _)))) if before(other_key, key) => other.take(),
        (Some(_), _) => one.take(),
        (None, _) => other.take(),
    }
}

impl<One, Other> Iterator for Merged<One, Other>
where
    One: DoubleEndedIterator<Item = Item>,
    Other: DoubleEndedIterator<Item = Item>,
{
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        take(self.one.first(), self.other.first(), |key, other| {
            key < other
        })
    }
}

impl<One, Other> DoubleEndedIterator for Merged<One, Other>
where
    One: DoubleEndedIterator<Item = Item>,
    Other: DoubleEndedIterator<Item = Item>,
{
    fn next_back(&mut self) -> Option<Item> {
        take(self.one.last(), self.other.last(), |key, other| key > other)
    }
}
