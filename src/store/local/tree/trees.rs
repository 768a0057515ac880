//! What a store's keys are in: one tree, or two of which the other has what is only appended.
//!
//! Tables of keys that follow one another never overlap, so in a tree of their own they are written
//! once; between other keys they are rewritten with each merge of those.

use crate::store::Direction;
use crate::store::directory::appended;
use bytes::Bytes;
use fjall::{AbstractTree, AnyTree, SeqNo};
use lsm_tree::{Guard, IterGuardImpl};
use std::ops::Bound;

/// The keys of a range.
pub(super) type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

type Item = fjall::Result<(Bytes, Bytes)>;

/// Where keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Rest,
    Appended,
    Either,
}

impl Side {
    pub(super) fn of_key(key: &[u8]) -> Self {
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

    /// Both, and which keys are in each.
    pub(super) fn each_with_side(&self) -> impl Iterator<Item = (&AnyTree, Side)> {
        let appended = self.appended.iter().map(|tree| (tree, Side::Appended));
        let rest = match self.appended {
            Some(_) => Side::Rest,
            None => Side::Either,
        };
        appended.chain([(&self.rest, rest)])
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

    /// The keys of a range and their values, in order; in each tree that has any.
    pub(super) fn range(
        &self,
        range: Range<'_>,
        direction: Direction,
        seqno: SeqNo,
    ) -> Vec<Box<dyn Iterator<Item = Item>>> {
        let items = |tree: &AnyTree| {
            let items = tree.range::<&[u8], _>(range, seqno, None);
            let of = |item: IterGuardImpl| {
                let (key, value) = item.into_inner()?;
                Ok((key.into(), value.into()))
            };
            match direction {
                Direction::Forward => Box::new(items.map(of)) as Box<dyn Iterator<Item = Item>>,
                Direction::Backward => Box::new(items.rev().map(of)),
            }
        };
        match (&self.appended, Side::of(range)) {
            (None, _) | (_, Side::Rest) => vec![items(&self.rest)],
            (Some(appended), Side::Appended) => vec![items(appended)],
            (Some(appended), Side::Either) => vec![items(appended), items(&self.rest)],
        }
    }
}
