//! A range of the cache, as a reader holds it.

use crate::mvcc::read::Item;
use std::collections::VecDeque;
use std::sync::Arc;

/// A range as it was at one revision.
pub struct Snapshot {
    /// The revision.
    pub revision: i64,
    /// Live keys of the range.
    pub count: usize,
    /// Its items in key order, with those in front that are wanted and maybe a few more.
    pub parts: VecDeque<Part>,
}

/// Some items of a stretch.
#[derive(Clone)]
pub struct Part {
    pub(super) stretch: Arc<Vec<Item>>,
    /// The first of them.
    pub from: usize,
    /// Behind the last.
    pub to: usize,
}

impl Part {
    /// All items of a stretch.
    pub fn of(stretch: Arc<Vec<Item>>) -> Self {
        let to = stretch.len();
        Self {
            stretch,
            from: 0,
            to,
        }
    }

    /// These.
    pub fn items(&self) -> &[Item] {
        &self.stretch[self.from..self.to]
    }
}

impl Snapshot {
    /// Of one key.
    pub fn point(revision: i64, found: Option<Item>) -> Self {
        let items: Vec<_> = found.into_iter().collect();
        let count = items.len();
        Self {
            revision,
            count,
            parts: VecDeque::from([Part::of(Arc::new(items))]),
        }
    }

    /// The next items in key order, and whether there are more.
    pub fn next_page(&mut self) -> (Vec<Item>, bool) {
        while let Some(part) = self.parts.pop_front() {
            let more = !self.parts.is_empty();
            if part.from < part.to || !more {
                return (part.items().to_vec(), more);
            }
        }
        (Vec::new(), false)
    }
}
