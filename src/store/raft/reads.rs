//! Reads that must see everything acknowledged before them.
//!
//! All that wait share one round: the leader says how far it has committed, once a quorum has
//! said that it still leads. A round is asked for under a name that no other attempt has or
//! had, because the answers to an earlier one say nothing about now.

use super::Token;
use bytes::{BufMut, BytesMut};
use std::collections::BTreeMap;

/// A round that was not answered in this many ticks is asked for again.
const PATIENCE_TICKS: u32 = 5;

/// Reads that wait.
pub(super) struct Reads {
    member: u64,
    opening: u64,
    next_attempt: u64,
    /// Of no round yet.
    waiting: Vec<Token>,
    round: Option<Round>,
    /// Waiting for the state to reach an entry.
    confirmed: BTreeMap<u64, Vec<Token>>,
}

struct Round {
    name: Vec<u8>,
    tokens: Vec<Token>,
    ticks: u32,
}

impl Reads {
    pub(super) fn new(member: u64, opening: u64) -> Self {
        Self {
            member,
            opening,
            next_attempt: 0,
            waiting: Vec::new(),
            round: None,
            confirmed: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, token: Token) {
        self.waiting.push(token);
    }

    pub(super) fn tick(&mut self) {
        let Some(round) = &mut self.round else {
            return;
        };
        round.ticks += 1;
        if round.ticks >= PATIENCE_TICKS {
            self.retry();
        }
    }

    /// Forgets the round under way; those who waited for it wait for the next.
    pub(super) fn retry(&mut self) {
        if let Some(mut round) = self.round.take() {
            self.waiting.append(&mut round.tokens);
        }
    }

    /// The name of a round to ask for, when there should be one.
    pub(super) fn next_round(&mut self) -> Option<Vec<u8>> {
        if self.waiting.is_empty() || self.round.is_some() {
            return None;
        }
        self.next_attempt += 1;
        let mut name = BytesMut::with_capacity(24);
        name.put_u64(self.member);
        name.put_u64(self.opening);
        name.put_u64(self.next_attempt);
        let name = name.to_vec();
        self.round = Some(Round {
            name: name.clone(),
            tokens: std::mem::take(&mut self.waiting),
            ticks: 0,
        });
        Some(name)
    }

    /// A round was answered: everything acknowledged before it was asked for is up to `index`.
    pub(super) fn answered(&mut self, name: &[u8], index: u64) {
        if let Some(round) = self.round.take_if(|round| round.name == name) {
            self.confirmed
                .entry(index)
                .or_default()
                .extend(round.tokens);
        }
    }

    /// Those that may read a state that goes so far.
    pub(super) fn safe(&mut self, applied: u64) -> Vec<Token> {
        let later = self.confirmed.split_off(&(applied + 1));
        let safe = std::mem::replace(&mut self.confirmed, later);
        safe.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to an earlier attempt says nothing about now.
    #[test]
    fn a_round_that_is_retried_has_another_name_as_in_etcd_20418() {
        let mut reads = Reads::new(1, 7);
        reads.add(1);
        let first = reads.next_round().expect("one waits");
        reads.add(2);
        (0..PATIENCE_TICKS).for_each(|_| reads.tick());
        let second = reads.next_round().expect("two wait");
        assert_ne!(first, second);
        reads.answered(&first, 10);
        assert_eq!(reads.safe(u64::MAX - 1), [0; 0]);
        reads.answered(&second, 10);
        assert_eq!(reads.safe(9), [0; 0]);
        let mut safe = reads.safe(10);
        safe.sort_unstable();
        assert_eq!(safe, [1, 2]);
        // Nor has another opening any of them.
        let mut again = Reads::new(1, 8);
        again.add(1);
        let other = again.next_round().expect("one waits");
        assert!(other != first && other != second);
    }
}
