//! Proposals that this member owes an answer for.

use super::Token;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::BTreeMap;

/// Why something was not proposed; it will not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProposed {
    /// Another member leads, if any.
    #[error("this member does not lead")]
    NotLeader {
        /// The leader, when known.
        leader: Option<u64>,
    },
    /// Too much is under way, or a change of members or of leaders is: try again later.
    #[error("this member takes no proposals at this moment")]
    Busy,
}

/// Proposals under way. A leader that stays one in its term commits all of them; one that does not
/// cannot know.
pub(super) struct Proposals {
    /// Tells this opening's proposals from those of all others.
    opening: u64,
    next: u64,
    /// The term of all that are under way.
    term: u64,
    under_way: BTreeMap<u64, Token>,
    /// Of an earlier term, and not told yet.
    lost: Vec<Token>,
}

impl Proposals {
    pub(super) fn new(opening: u64) -> Self {
        Self {
            opening,
            next: 0,
            term: 0,
            under_way: BTreeMap::new(),
            lost: Vec::new(),
        }
    }

    /// The name that the next proposal travels under.
    pub(super) fn name(&self) -> Bytes {
        let mut name = BytesMut::with_capacity(16);
        name.put_u64(self.opening);
        name.put_u64(self.next);
        name.freeze()
    }

    /// The proposal of that name was made in this term.
    pub(super) fn made(&mut self, term: u64, token: Token) {
        self.lead_in(Some(term));
        self.term = term;
        self.under_way.insert(self.next, token);
        self.next += 1;
    }

    /// Who waits for the entry of this name, if it was made here.
    pub(super) fn committed(&mut self, mut name: Bytes) -> Option<Token> {
        let opening = name.try_get_u64().ok()?;
        let number = name.try_get_u64().ok()?;
        if opening != self.opening {
            return None;
        }
        self.under_way.remove(&number)
    }

    /// Those that nobody will hear of; `leads_in` is the term in which this member leads.
    pub(super) fn lost(&mut self, leads_in: Option<u64>) -> Vec<Token> {
        self.lead_in(leads_in);
        std::mem::take(&mut self.lost)
    }

    fn lead_in(&mut self, term: Option<u64>) {
        if term != Some(self.term) {
            let under_way = std::mem::take(&mut self.under_way);
            self.lost.extend(under_way.into_values());
        }
    }
}
