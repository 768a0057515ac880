//! Batches over a state: which of them hold, and what they change.

use super::{ApplyError, Batch, Op};
use bytes::Bytes;
use std::collections::BTreeMap;

/// New values of keys; `None` removes.
pub(super) type ChangeSet = BTreeMap<Bytes, Option<Bytes>>;

/// What became of a batch.
pub(super) type Answer = Result<(), ApplyError>;

/// The state before the batches.
pub(super) trait Base {
    /// Why it cannot be read.
    type Error;

    /// The value of a key.
    fn get(&self, key: &Bytes) -> Result<Option<Bytes>, Self::Error>;

    /// The keys in `[start, end)`, in order.
    fn keys(&self, start: &Bytes, end: &Bytes) -> impl Iterator<Item = Result<Bytes, Self::Error>>;
}

/// The state as it will be after the batches so far. What it answers depends on the base and on
/// the batches alone, so that every copy of a state comes to the same.
pub(super) struct Overlay<'a, B> {
    base: &'a B,
    /// How many bytes of keys one batch may clear by range.
    cleared_bytes_max: usize,
    /// What the batches have changed.
    pub(super) changes: ChangeSet,
}

impl<'a, B: Base> Overlay<'a, B> {
    pub(super) fn new(base: &'a B, cleared_bytes_max: usize) -> Self {
        Self {
            base,
            cleared_bytes_max,
            changes: ChangeSet::new(),
        }
    }

    /// The value of a key after the batches so far.
    pub(super) fn get(&self, key: &Bytes) -> Result<Option<Bytes>, B::Error> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    /// Lays a batch over the others, all of it or nothing.
    pub(super) fn add(&mut self, batch: Batch) -> Result<Answer, B::Error> {
        if let Some(guard) = batch.guard
            && self.get(&guard.key)? != guard.expected
        {
            return Ok(Err(ApplyError::Conflict));
        }
        // Apart from the round's changes, because a range may prove too long half-way.
        let mut changes = ChangeSet::new();
        // Those since the last range, which come in few runs that are in order: a map of all at once is
        // made faster than key by key.
        let mut latest = Vec::with_capacity(batch.ops.len());
        let mut cleared_bytes = 0;
        for op in batch.ops {
            match op {
                Op::Set(key, value) => latest.push((key, Some(value))),
                Op::Clear(key) => latest.push((key, None)),
                Op::ClearRange(start, end) if start < end => {
                    lay(&mut changes, latest.drain(..).collect());
                    for key in self.keys(&start, &end) {
                        let key = key?;
                        cleared_bytes += key.len();
                        if cleared_bytes > self.cleared_bytes_max {
                            return Ok(Err(ApplyError::TooLarge));
                        }
                        changes.insert(key, None);
                    }
                    let set_before = changes.range_mut::<Bytes, _>(start..end);
                    set_before.for_each(|(_, value)| *value = None);
                }
                Op::ClearRange(..) => {}
            }
        }
        lay(&mut changes, latest.into_iter().collect());
        lay(&mut self.changes, changes);
        Ok(Ok(()))
    }

    /// The keys of a range that may be present, some of them twice.
    fn keys(&self, start: &Bytes, end: &Bytes) -> impl Iterator<Item = Result<Bytes, B::Error>> {
        let of_round = self.changes.range(start.clone()..end.clone());
        let of_round = of_round.map(|(key, _)| Ok(key.clone()));
        of_round.chain(self.base.keys(start, end))
    }
}

/// Lays changes over others.
fn lay(below: &mut ChangeSet, changes: ChangeSet) {
    match below.is_empty() {
        true => *below = changes,
        false => below.extend(changes),
    }
}
