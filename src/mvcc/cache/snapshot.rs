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
    pub(super) parts: VecDeque<Part>,
}

pub(super) struct Part {
    pub items: Arc<Vec<Item>>,
    pub from: usize,
    pub to: usize,
}

impl Snapshot {
    /// Of one key.
    pub fn point(revision: i64, found: Option<Item>) -> Self {
        let items: Vec<_> = found.into_iter().collect();
        let count = items.len();
        let part = Part {
            items: Arc::new(items),
            from: 0,
            to: count,
        };
        Self {
            revision,
            count,
            parts: VecDeque::from([part]),
        }
    }

    /// The next items in key order, and whether there are more.
    pub fn next_page(&mut self) -> (Vec<Item>, bool) {
        while let Some(part) = self.parts.pop_front() {
            let more = !self.parts.is_empty();
            if part.from < part.to || !more {
                return (part.items[part.from..part.to].to_vec(), more);
            }
        }
        (Vec::new(), false)
    }
}
