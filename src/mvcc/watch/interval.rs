//! Finds the ranges that hold a key, without looking at the others.
//!
//! Single keys are in a hash map. Spans are in a treap ordered by start, then end, in which each
//! node knows the furthest end below it: a subtree that ends at or before the key is skipped.

use crate::mvcc::keyspace::KeyRange;
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::HashMap;

/// A map from distinct ranges to values that can be asked for the ranges around a key.
#[derive(Debug)]
pub(super) struct IntervalIndex<T> {
    points: HashMap<Bytes, T>,
    spans: Tree<T>,
}

/// Where a span ends. The derived order is the right one: every bound is before no bound.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Before(Bytes),
    Open,
}

impl End {
    fn is_after(&self, key: &[u8]) -> bool {
        match self {
            End::Before(end) => key < end.as_ref(),
            End::Open => true,
        }
    }
}

type Tree<T> = Option<Box<Node<T>>>;

#[derive(Debug)]
struct Node<T> {
    start: Bytes,
    end: End,
    /// The furthest end in this subtree.
    furthest: End,
    /// A parent's priority is never below its children's. Random, so that no order of
    /// insertions makes the tree deep.
    priority: u64,
    left: Tree<T>,
    right: Tree<T>,
    value: T,
}

impl<T> Default for IntervalIndex<T> {
    fn default() -> Self {
        Self {
            points: HashMap::new(),
            spans: None,
        }
    }
}

impl<T: Default> IntervalIndex<T> {
    /// The value of a range, made when there is none.
    pub fn entry(&mut self, range: &KeyRange) -> &mut T {
        match range {
            KeyRange::Point(key) => self.points.entry(key.clone()).or_default(),
            KeyRange::Span(start, end) => {
                let end = bound(end);
                if find(&mut self.spans, start, &end).is_none() {
                    let (left, right) = split(self.spans.take(), start, &end);
                    let node = Node::leaf(start.clone(), end.clone());
                    self.spans = merge(merge(left, Some(Box::new(node))), right);
                }
                match find(&mut self.spans, start, &end) {
                    Some(value) => value,
                    None => unreachable!("the span was just put in"),
                }
            }
        }
    }
}

impl<T> IntervalIndex<T> {
    /// The value of a range.
    pub fn get_mut(&mut self, range: &KeyRange) -> Option<&mut T> {
        match range {
            KeyRange::Point(key) => self.points.get_mut(key),
            KeyRange::Span(start, end) => find(&mut self.spans, start, &bound(end)),
        }
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: &KeyRange) -> Option<T> {
        match range {
            KeyRange::Point(key) => self.points.remove(key),
            KeyRange::Span(start, end) => remove(&mut self.spans, start, &bound(end)),
        }
    }

    /// Visits the value of every range that holds `key`.
    pub fn stab(&self, key: &[u8], mut visit: impl FnMut(&T)) {
        if let Some(value) = self.points.get(key) {
            visit(value);
        }
        stab(&self.spans, key, &mut visit);
    }
}

impl<T: Default> Node<T> {
    fn leaf(start: Bytes, end: End) -> Self {
        Self {
            start,
            furthest: end.clone(),
            end,
            priority: rand::random(),
            left: None,
            right: None,
            value: T::default(),
        }
    }
}

impl<T> Node<T> {
    fn order(&self, start: &[u8], end: &End) -> Ordering {
        start
            .cmp(self.start.as_ref())
            .then_with(|| end.cmp(&self.end))
    }

    fn measure(&mut self) {
        let below = [&self.left, &self.right];
        let furthest = below
            .into_iter()
            .flatten()
            .map(|child| &child.furthest)
            .fold(&self.end, Ord::max);
        if *furthest != self.furthest {
            self.furthest = furthest.clone();
        }
    }
}

fn bound(end: &Option<Bytes>) -> End {
    end.clone().map_or(End::Open, End::Before)
}

fn find<'a, T>(tree: &'a mut Tree<T>, start: &[u8], end: &End) -> Option<&'a mut T> {
    let node = tree.as_mut()?;
    match node.order(start, end) {
        Ordering::Equal => Some(&mut node.value),
        Ordering::Less => find(&mut node.left, start, end),
        Ordering::Greater => find(&mut node.right, start, end),
    }
}

/// The spans before `(start, end)`, and the rest.
fn split<T>(tree: Tree<T>, start: &[u8], end: &End) -> (Tree<T>, Tree<T>) {
    let Some(mut node) = tree else {
        return (None, None);
    };
    if node.order(start, end) == Ordering::Greater {
        let (before, after) = split(node.right.take(), start, end);
        node.right = before;
        node.measure();
        (Some(node), after)
    } else {
        let (before, after) = split(node.left.take(), start, end);
        node.left = after;
        node.measure();
        (before, Some(node))
    }
}

/// Joins two trees of which all of `left` is before all of `right`.
fn merge<T>(left: Tree<T>, right: Tree<T>) -> Tree<T> {
    match (left, right) {
        (None, tree) | (tree, None) => tree,
        (Some(mut left), Some(right)) if left.priority >= right.priority => {
            left.right = merge(left.right.take(), Some(right));
            left.measure();
            Some(left)
        }
        (left, Some(mut right)) => {
            right.left = merge(left, right.left.take());
            right.measure();
            Some(right)
        }
    }
}

fn remove<T>(tree: &mut Tree<T>, start: &[u8], end: &End) -> Option<T> {
    let node = tree.as_mut()?;
    let removed = match node.order(start, end) {
        Ordering::Less => remove(&mut node.left, start, end),
        Ordering::Greater => remove(&mut node.right, start, end),
        Ordering::Equal => {
            let found = *tree.take()?;
            *tree = merge(found.left, found.right);
            return Some(found.value);
        }
    };
    node.measure();
    removed
}

fn stab<T>(tree: &Tree<T>, key: &[u8], visit: &mut impl FnMut(&T)) {
    let Some(node) = tree else { return };
    if !node.furthest.is_after(key) {
        return;
    }
    stab(&node.left, key, visit);
    if node.start.as_ref() <= key {
        if node.end.is_after(key) {
            visit(&node.value);
        }
        stab(&node.right, key, visit);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(0u8..4, 0..4).prop_map(Bytes::from)
    }

    fn range() -> impl Strategy<Value = KeyRange> {
        prop_oneof![
            key().prop_map(KeyRange::Point),
            (key(), prop::option::of(key())).prop_map(|(start, end)| KeyRange::Span(start, end)),
        ]
    }

    fn depth<T>(tree: &Tree<T>) -> usize {
        tree.as_ref()
            .map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
    }

    proptest! {
        #[test]
        fn a_stab_finds_what_a_scan_finds(
            steps in prop::collection::vec((range(), any::<bool>()), 0..200),
            keys in prop::collection::vec(key(), 1..20),
        ) {
            let mut index = IntervalIndex::<Option<KeyRange>>::default();
            let mut model = Vec::<KeyRange>::new();
            for (range, insert) in steps {
                if insert {
                    *index.entry(&range) = Some(range.clone());
                    if !model.contains(&range) {
                        model.push(range);
                    }
                } else {
                    let removed = index.remove(&range).is_some();
                    let expected = model.iter().position(|other| *other == range);
                    prop_assert_eq!(removed, expected.is_some());
                    if let Some(place) = expected {
                        model.swap_remove(place);
                    }
                }
            }
            for key in keys {
                let mut found = Vec::new();
                index.stab(&key, |range| found.push(range.clone().unwrap()));
                let mut expected: Vec<_> =
                    model.iter().filter(|range| range.contains(&key)).cloned().collect();
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn sorted_insertions_do_not_make_it_deep() {
        let mut index = IntervalIndex::<()>::default();
        for number in 0..10_000u32 {
            let start = Bytes::copy_from_slice(&number.to_be_bytes());
            index.entry(&KeyRange::Span(start, None));
        }
        assert!(depth(&index.spans) < 80, "{}", depth(&index.spans));
    }
}
