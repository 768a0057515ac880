//! A batch being evaluated: requests in the order they came, each over what those before it did.

use crate::error::{Error, Result};
use crate::mvcc::base::Base;
use crate::mvcc::cache::Cache;
use crate::mvcc::keyspace::{Current, State};
use crate::mvcc::queue::Pending;
use crate::mvcc::request::{Request, Response};
use crate::mvcc::scratch::Scratch;
use crate::store::Draft;
use bytes::Bytes;
use foldhash::HashMap;
use futures_util::FutureExt;
use std::collections::VecDeque;
use std::sync::Arc;

/// What one batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Requests.
    pub requests: usize,
    /// Bytes of ops after which it takes no further request.
    pub bytes: usize,
}

/// The first requests of those that wait, evaluated over one state.
pub struct Evaluation {
    /// The state it began with.
    pub before: State,
    /// What the requests did.
    pub scratch: Scratch,
    /// What they are answered once that is durable.
    pub answers: Vec<Result<Response>>,
    /// What the store has been told of that.
    pub draft: Draft,
}

impl Evaluation {
    /// Of no request yet, over a base at the state `before`.
    pub fn new(base: Base, before: State, draft: Draft) -> Self {
        Self {
            before,
            scratch: Scratch::new(base, before),
            answers: Vec::new(),
            draft,
        }
    }

    /// Evaluates those of `waiting` that come next, as many as there is room for.
    pub async fn extend(&mut self, waiting: &VecDeque<Pending>, room: Room) -> Result<()> {
        let next = || waiting.iter().take(room.requests).skip(self.answers.len());
        let (mut keys, mut leases) = (Vec::new(), Vec::new());
        for pending in next() {
            pending.call.request.points(&mut keys, &mut leases);
        }
        self.scratch.prefetch(keys, leases).await?;
        for pending in next() {
            if self.is_full_for(&pending.call.request, room) {
                break;
            }
            self.scratch.add_staged(pending.staged.iter().cloned());
            match pending.call.evaluate(&mut self.scratch).await {
                Err(error) if is_failure(&error) => return Err(error),
                answer => self.answers.push(answer),
            }
        }
        Ok(())
    }

    fn is_full_for(&self, request: &Request, room: Room) -> bool {
        self.answers.len() >= room.requests
            || self.scratch.ops_bytes() > room.bytes
            || request.reads_ahead(&self.scratch)
    }
}

/// Not an answer: nothing can be said of the request yet.
fn is_failure(error: &Error) -> bool {
    matches!(error, Error::Store(_) | Error::CorruptRecord { .. })
}

/// A batch evaluated before its turn comes, over what the cache knows and what is being committed on
/// top of that, as if that had succeeded. It takes requests that need no more than some keys, as long as
/// these are known.
pub struct Ahead<'a> {
    evaluation: Evaluation,
    cache: &'a Arc<Cache>,
    /// Where the cache is.
    revision: i64,
    /// What is being committed, by key.
    changes: HashMap<&'a [u8], &'a Option<Current>>,
    /// A request came that must wait for the commit.
    is_held: bool,
    /// A request could not be evaluated to its end: all of it is worth nothing.
    is_spoilt: bool,
}

impl<'a> Ahead<'a> {
    /// Goes on with an evaluation over a cache at `revision` and `changes`, each of another key.
    pub fn new(
        evaluation: Evaluation,
        cache: &'a Arc<Cache>,
        revision: i64,
        changes: &'a [(Bytes, Option<Current>)],
    ) -> Self {
        Self {
            evaluation,
            cache,
            revision,
            changes: changes
                .iter()
                .map(|(key, change)| (key.as_ref(), change))
                .collect(),
            is_held: false,
            is_spoilt: false,
        }
    }

    /// Evaluates what of `waiting` comes behind the `committing` requests being committed.
    pub fn extend(&mut self, waiting: &VecDeque<Pending>, committing: usize, room: Room) {
        let mut keys = Vec::new();
        while !self.is_held {
            let taken = self.evaluation.answers.len();
            let Some(pending) = waiting.get(committing + taken) else {
                break;
            };
            keys.clear();
            let needs_keys_alone = pending.call.request.points(&mut keys, &mut Vec::new());
            if !needs_keys_alone
                || self.evaluation.is_full_for(&pending.call.request, room)
                || !self.learn(&keys)
            {
                self.is_held = true;
                break;
            }
            let Evaluation {
                scratch, answers, ..
            } = &mut self.evaluation;
            scratch.add_staged(pending.staged.iter().cloned());
            // It has all it needs, so it does not wait for anything.
            match pending.call.evaluate(scratch).now_or_never() {
                Some(Err(error)) if is_failure(&error) => self.is_spoilt = true,
                None => self.is_spoilt = true,
                Some(answer) => answers.push(answer),
            }
            self.is_held = self.is_spoilt;
        }
        let Evaluation { scratch, draft, .. } = &mut self.evaluation;
        draft.tell(scratch.ops());
    }

    /// Tells the scratch what the keys will be; `false` when that is not known.
    fn learn(&mut self, keys: &[Bytes]) -> bool {
        for key in keys {
            if self.evaluation.scratch.knows(key) {
                continue;
            }
            let found: Option<Current> = match self.changes.get(key.as_ref()) {
                Some(change) => (*change).clone(),
                None => match self.cache.get(key, self.revision) {
                    Ok(Some(found)) => found,
                    Ok(None) | Err(_) => return false,
                },
            };
            self.evaluation.scratch.learn(key.clone(), found);
        }
        true
    }

    /// What it came to, now that the commit has succeeded.
    pub fn finish(self) -> Option<Evaluation> {
        let is_useful = !self.is_spoilt && !self.evaluation.answers.is_empty();
        is_useful.then_some(self.evaluation)
    }
}
