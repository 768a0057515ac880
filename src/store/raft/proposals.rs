//! Proposals that this member owes an answer for.

use super::Token;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::{BTreeMap, HashMap};

/// An opening, and a number.
pub(super) const NAME_BYTES: usize = 16;
/// How long a proposal may be on its way by another member.
const PATIENCE_TICKS: u64 = 50;

/// Why something was not proposed; it will not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProposed {
    /// Nobody leads, as far as this member knows.
    #[error("no member leads")]
    NoLeader,
    /// Too much is under way, or a change of members or of leaders is: try again later.
    #[error("this member takes no proposals at this moment")]
    Busy,
}

/// Proposals under way. A leader that stays one in its term commits all that it has taken; what
/// becomes of the others nobody can know.
pub(super) struct Proposals {
    /// Tells this opening's proposals from those of all others.
    opening: u64,
    next: u64,
    /// The term of all that are under way.
    term: u64,
    under_way: BTreeMap<u64, UnderWay>,
    /// Not told yet.
    lost: Vec<Token>,
    ticks: u64,
}

struct UnderWay {
    token: Token,
    since: u64,
}

impl Proposals {
    pub(super) fn new(opening: u64) -> Self {
        Self {
            opening,
            next: 0,
            term: 0,
            under_way: BTreeMap::new(),
            lost: Vec::new(),
            ticks: 0,
        }
    }

    /// Time passes. What was given to another member may have been lost on its way.
    pub(super) fn tick(&mut self, is_leader: bool) {
        self.ticks += 1;
        if is_leader {
            return;
        }
        while let Some(first) = self.under_way.first_entry()
            && first.get().since + PATIENCE_TICKS < self.ticks
        {
            self.lost.push(first.remove().token);
        }
    }

    /// The name that the next proposal travels under.
    pub(super) fn name(&self) -> Bytes {
        let mut name = BytesMut::with_capacity(NAME_BYTES);
        name.put_u64(self.opening);
        name.put_u64(self.next);
        name.freeze()
    }

    /// The proposal of that name was made in this term.
    pub(super) fn made(&mut self, term: u64, token: Token) {
        self.is_led_in(Some(term));
        self.term = term;
        let since = self.ticks;
        self.under_way.insert(self.next, UnderWay { token, since });
        self.next += 1;
    }

    /// Who waits for the entry of this name, if it was made here.
    pub(super) fn committed(&mut self, mut name: Bytes) -> Option<Token> {
        let opening = name.try_get_u64().ok()?;
        let number = name.try_get_u64().ok()?;
        if opening != self.opening {
            return None;
        }
        Some(self.under_way.remove(&number)?.token)
    }

    /// Those that nobody will hear of; `term` is that of the leader which this member knows.
    pub(super) fn lost(&mut self, term: Option<u64>) -> Vec<Token> {
        self.is_led_in(term);
        std::mem::take(&mut self.lost)
    }

    fn is_led_in(&mut self, term: Option<u64>) {
        if term != Some(self.term) {
            let under_way = std::mem::take(&mut self.under_way).into_values();
            self.lost.extend(under_way.map(|proposal| proposal.token));
        }
    }
}

/// What a leader has taken of others in its term.
#[derive(Default)]
pub(super) struct PassedOn {
    term: u64,
    /// The next number of each opening.
    next: HashMap<u64, u64>,
}

impl PassedOn {
    /// Whether a proposal of that name comes for the first time. One that was overtaken is lost.
    pub(super) fn is_news(&mut self, term: u64, mut name: &[u8]) -> bool {
        let (Ok(opening), Ok(number)) = (name.try_get_u64(), name.try_get_u64()) else {
            return false;
        };
        if self.term != term {
            self.term = term;
            self.next.clear();
        }
        let next = self.next.entry(opening).or_default();
        let is_news = number >= *next;
        *next = (*next).max(number.saturating_add(1));
        is_news
    }
}
