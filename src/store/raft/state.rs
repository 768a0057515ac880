//! Committed entries applied to a state.

use super::entry::{self, Malformed};
use super::members::{MEMBERS_KEY, Member, Members};
use super::turn::{Committed, Payload};
use super::{Point, Token};
use crate::store::local::LIMITS;
use crate::store::round::{Answer, Base, ChangeSet, Overlay};
use bytes::Bytes;
use prost::Message as _;

/// What committed entries come to: the same on every member.
pub(super) struct Outcome {
    /// What they change.
    pub(super) changes: ChangeSet,
    /// How far the state goes with them.
    pub(super) point: Point,
    /// What those who wait here are told, once the changes are made.
    pub(super) answers: Vec<(Token, Answer)>,
}

/// Why entries cannot be applied; the member must stop.
#[derive(Debug)]
pub(super) enum Stop<E> {
    /// The state cannot be read.
    State(E),
    /// An entry cannot be read.
    Entry(Malformed),
}

/// Evaluates committed entries over a state that goes as far as `point`.
pub(super) fn evaluate<B: Base>(
    base: &B,
    point: &Point,
    committed: Vec<Committed>,
) -> Result<Outcome, Stop<B::Error>> {
    let mut state = Overlay::new(base, LIMITS.batch_bytes);
    let mut point = point.clone();
    let mut answers = Vec::new();
    for entry in committed {
        debug_assert_eq!(entry.index, point.index + 1);
        (point.index, point.term) = (entry.index, entry.term);
        let answer = match entry.payload {
            Payload::Nothing => Ok(()),
            Payload::Data(data) => {
                let batch = entry::decode(data, LIMITS.batch_bytes).map_err(Stop::Entry)?;
                state.add(batch).map_err(Stop::State)?
            }
            Payload::Members(Some(roles), said) => {
                let key = Bytes::from_static(MEMBERS_KEY);
                let record = state.get(&key).map_err(Stop::State)?.unwrap_or_default();
                let malformed = |_| Stop::Entry(Malformed);
                let mut members = Members::decode(record).map_err(malformed)?;
                members.change(&roles, Member::decode(said).map_err(malformed)?);
                state.changes.insert(key, Some(members.encode()));
                point.members = roles;
                Ok(())
            }
            Payload::Members(None, _) => Err(crate::store::ApplyError::Conflict),
        };
        answers.extend(entry.token.map(|token| (token, answer)));
    }
    Ok(Outcome {
        changes: state.changes,
        point,
        answers,
    })
}
