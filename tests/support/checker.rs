//! Checks a recorded history: is it what one keyspace, doing one thing at a time, would answer?
//!
//! Revisions give the order of all that changed something, so little has to be searched: the
//! history that a watch from the oldest revision hands out is replayed through a small model,
//! and every answer is compared with the model's at the revision the answer names. A request
//! whose outcome nobody knows either made one of the revisions that no answer claims, wholly, or
//! none. Time is respected when no answer but a serializable one names a revision older than one
//! that was known before its request was sent, and nothing made a revision that was known before.

use super::history::{Outcome, Recorded, Request, Response, changes, covers, mod_revision};
use super::model::Model;
use kvtool::pb::etcdserverpb::RequestOp;
use kvtool::pb::etcdserverpb::request_op::Request as OpRequest;
use kvtool::pb::mvccpb::{Event, event::EventType};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Choices of makers that are taken back before a history counts as one that nothing explains.
const MAX_RETRACTIONS: usize = 10_000;

/// What a check has seen.
#[derive(Debug, Default, Clone, Copy)]
pub struct Report {
    pub answered: usize,
    pub refused: usize,
    pub unknown_done: usize,
    pub unknown_not_done: usize,
    /// Leases that have ended by themselves, and had keys then.
    pub expired: usize,
    pub revisions: usize,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.unknown_done += other.unknown_done;
        self.unknown_not_done += other.unknown_not_done;
        self.expired += other.expired;
        self.revisions += other.revisions;
    }
}

impl Model {
    /// Goes on to `revision` along `history` (all events after where the model is), and checks
    /// the requests recorded meanwhile, none of which can still take effect later.
    pub fn check(
        &mut self,
        history: &[Event],
        revision: i64,
        recorded: &[Recorded],
    ) -> Result<Report, String> {
        let times = Times::of(recorded);
        times.check(recorded)?;
        let answers = Answers::of(self.revision(), recorded)?;
        let search = Search::new(self.clone(), history, recorded, &times);
        let explained = search.explain(&answers, revision)?;
        *self = explained.model;
        let mut report = explained.report;
        report.answered = answers.count;
        let refused = recorded.iter().map(|one| &one.outcome);
        report.refused = refused
            .filter(|outcome| matches!(outcome, Outcome::Refused))
            .count();
        Ok(report)
    }

    /// Does a request that was answered, and compares the answer and what it changed.
    fn replay(&mut self, one: &Recorded, changed: &[Event]) -> Result<(), String> {
        let before = self.revision();
        let (mut expected, events) = self.execute(&one.request);
        if events != changed {
            return Err(format!(
                "after {before}, {one:?} changed {changed:#?}, not {events:#?}"
            ));
        }
        let Outcome::Answered(answer) = &one.outcome else {
            return Ok(());
        };
        let mut answer = answer.clone();
        answer.mask();
        expected.mask();
        if answer != expected {
            return Err(format!("after {before}, {one:#?} should get {expected:#?}"));
        }
        Ok(())
    }
}

/// The answers, by the revision they name.
struct Answers<'a> {
    begin: i64,
    writes: BTreeMap<i64, &'a Recorded>,
    reads: BTreeMap<i64, Vec<&'a Recorded>>,
    count: usize,
}

impl<'a> Answers<'a> {
    fn of(begin: i64, recorded: &'a [Recorded]) -> Result<Self, String> {
        let mut answers = Self {
            begin,
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            count: 0,
        };
        for one in recorded {
            let Outcome::Answered(answer) = &one.outcome else {
                continue;
            };
            answers.count += 1;
            let revision = answer.revision();
            if *answer == Response::Revoke {
                // It names none.
            } else if !changes(answer) {
                answers.reads.entry(revision).or_default().push(one);
            } else if let Some(other) = answers.writes.insert(revision, one) {
                return Err(format!("one revision for {one:?} and {other:?}"));
            }
        }
        Ok(answers)
    }

    /// None of them names a revision that is not between the begin and the end.
    fn check_bounds(&self, end: i64) -> Result<(), String> {
        let outside = |revision: i64| revision < self.begin || revision > end;
        let lost = |(revision, _): &(&i64, _)| outside(**revision) || **revision == self.begin;
        if let Some((_, lost)) = self.writes.iter().find(lost) {
            return Err(format!("acknowledged, and lost: {lost:?}"));
        }
        let mut reads = self.reads.iter();
        match reads.find(|(revision, _)| outside(**revision)) {
            Some((_, ones)) => Err(format!("read from a future nobody has seen: {ones:?}")),
            None => Ok(()),
        }
    }
}

/// What does not say which revision it made, if any.
#[derive(Clone, Copy)]
struct Open<'a> {
    one: &'a Recorded,
    /// The newest revision known before it was called: what it made is newer.
    known: i64,
}

impl Open<'_> {
    /// Whether it may have made these changes. Quick, and true too often.
    fn may_explain(&self, revision: i64, changed: &[Event]) -> bool {
        let wrote = |key: &[u8], value: &[u8]| {
            let kvs = changed.iter().filter_map(|event| event.kv.as_ref());
            kvs.into_iter().any(|kv| kv.key == key && kv.value == value)
        };
        let deletion = changed
            .iter()
            .all(|event| event.r#type == EventType::Delete as i32);
        revision > self.known
            && match &self.one.request {
                Request::Put(put) => wrote(&put.key, &put.value),
                Request::Txn(txn) => puts(&txn.success).any(|put| wrote(&put.key, &put.value)),
                Request::Delete(delete) => {
                    let kvs = changed.iter().filter_map(|event| event.kv.as_ref());
                    let covered = |key: &[u8]| covers(&delete.key, &delete.range_end, key);
                    deletion && kvs.into_iter().all(|kv| covered(&kv.key))
                }
                Request::Revoke(revoke) => {
                    let former = changed.iter().map(|event| event.prev_kv.as_ref());
                    let leased = |kv: &kvtool::pb::mvccpb::KeyValue| kv.lease == revoke.id;
                    deletion && former.into_iter().all(|kv| kv.is_some_and(leased))
                }
                Request::Range(_) => false,
            }
    }
}

fn puts(operations: &[RequestOp]) -> impl Iterator<Item = &kvtool::pb::etcdserverpb::PutRequest> {
    operations.iter().filter_map(|one| match &one.request {
        Some(OpRequest::RequestPut(put)) => Some(put),
        _ => None,
    })
}

/// Explains a history by the requests that were made.
#[derive(Clone)]
struct Search<'a> {
    model: Model,
    history: &'a [Event],
    open: Vec<Open<'a>>,
    /// Leases that have ended.
    ended: BTreeSet<i64>,
    report: Report,
}

/// Where a search is after a step.
enum Step {
    /// At its end.
    Arrived,
    /// At a revision that no answer names; these of `open` could have made it.
    Ambiguous(Vec<usize>),
}

impl<'a> Search<'a> {
    fn new(model: Model, history: &'a [Event], recorded: &'a [Recorded], times: &Times) -> Self {
        let is_open = |one: &&Recorded| match &one.outcome {
            Outcome::Unknown | Outcome::Due => true,
            Outcome::Answered(answer) => *answer == Response::Revoke,
            Outcome::Refused => false,
        };
        let open = recorded.iter().filter(is_open).map(|one| Open {
            one,
            known: times.known_before(one.called),
        });
        Self {
            model,
            history,
            open: open.collect(),
            ended: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Goes on to `revision`. Where several requests could have made a revision, one after the
    /// other is tried: a wrong choice can leave a later revision without a maker.
    fn explain(mut self, answers: &Answers<'a>, revision: i64) -> Result<Self, String> {
        answers.check_bounds(revision)?;
        let mut others = Vec::new();
        let mut retractions = 0;
        let mut furthest = (0, String::new());
        loop {
            match self.advance(answers, revision) {
                Ok(Step::Arrived) => return Ok(self),
                Ok(Step::Ambiguous(makers)) => {
                    let mut makers = makers.into_iter();
                    let first = makers.next().expect("no step ends without a maker");
                    others.extend(makers.map(|maker| (self.clone(), maker)));
                    self.claim(first);
                }
                Err(error) => {
                    if self.model.revision() >= furthest.0 {
                        furthest = (self.model.revision(), error);
                    }
                    retractions += 1;
                    let other = others.pop().filter(|_| retractions <= MAX_RETRACTIONS);
                    let Some((search, maker)) = other else {
                        return Err(furthest.1);
                    };
                    self = search;
                    self.claim(maker);
                }
            }
        }
    }

    /// Follows the answers to the next revision that none of them names.
    fn advance(&mut self, answers: &Answers<'a>, revision: i64) -> Result<Step, String> {
        loop {
            let reads = answers.reads.get(&self.model.revision());
            for one in reads.into_iter().flatten() {
                self.model.clone().replay(one, &[])?;
            }
            if self.model.revision() == revision {
                self.end()?;
                return Ok(Step::Arrived);
            }
            let next = self.model.revision() + 1;
            let is_later = |event: &Event| mod_revision(event) != next;
            let count = self.history.iter().position(is_later);
            let (changed, later) = self.history.split_at(count.unwrap_or(self.history.len()));
            if changed.is_empty() {
                return Err(format!("revision {next} is not in the history"));
            }
            let kvs = changed.iter().filter_map(|event| event.kv.as_ref());
            if let Some(kv) = kvs.into_iter().find(|kv| self.ended.contains(&kv.lease)) {
                return Err(format!("its lease had ended before: {kv:?}"));
            }
            let explains = |open: &Open| {
                open.may_explain(next, changed)
                    && self.model.clone().execute(&open.one.request).1 == changed
            };
            if let Some(one) = answers.writes.get(&next) {
                self.model.replay(one, changed)?;
                self.history = later;
                self.report.revisions += 1;
                continue;
            }
            let open = self.open.iter().enumerate();
            let makers = open.filter(|(_, open)| explains(open)).map(|(at, _)| at);
            let makers = Vec::from_iter(makers);
            if makers.is_empty() {
                return Err(format!(
                    "nobody made revision {next}, or not all of it: {changed:?}"
                ));
            }
            self.history = later;
            self.report.revisions += 1;
            return Ok(Step::Ambiguous(makers));
        }
    }

    fn claim(&mut self, maker: usize) {
        let Open { one, .. } = self.open.remove(maker);
        self.model.execute(&one.request);
        if let Request::Revoke(revoke) = &one.request {
            self.ended.insert(revoke.id);
        }
        match one.outcome {
            Outcome::Unknown => self.report.unknown_done += 1,
            Outcome::Due => self.report.expired += 1,
            Outcome::Answered(_) | Outcome::Refused => {}
        }
    }

    fn end(&mut self) -> Result<(), String> {
        if let Some(event) = self.history.first() {
            let revision = self.model.revision();
            return Err(format!("out of order, or after {revision}: {event:?}"));
        }
        let live = self.model.live();
        for Open { one, .. } in &self.open {
            match (&one.request, &one.outcome) {
                (_, Outcome::Unknown) => self.report.unknown_not_done += 1,
                (Request::Revoke(revoke), _) => {
                    if let Some(kv) = live.iter().find(|kv| kv.lease == revoke.id) {
                        return Err(format!("its lease was revoked, or is over: {kv:?}"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What was known when.
struct Times {
    /// When an answer came, and the newest revision that was known then.
    known: Vec<(Instant, i64)>,
}

impl Times {
    fn of(recorded: &[Recorded]) -> Self {
        let answers = recorded.iter().filter_map(|one| match &one.outcome {
            Outcome::Answered(answer) => Some((one.returned, answer.revision())),
            _ => None,
        });
        let mut known = Vec::from_iter(answers);
        known.sort_by_key(|(returned, _)| *returned);
        let mut newest = 0;
        for (_, revision) in &mut known {
            newest = newest.max(*revision);
            *revision = newest;
        }
        Self { known }
    }

    /// The newest revision that anybody knew before a time.
    fn known_before(&self, time: Instant) -> i64 {
        let before = self.known.partition_point(|(returned, _)| *returned < time);
        before.checked_sub(1).map_or(0, |index| self.known[index].1)
    }

    /// No answer is older than what was known before its request was sent; a change is newer.
    fn check(&self, recorded: &[Recorded]) -> Result<(), String> {
        for one in recorded {
            let Outcome::Answered(answer) = &one.outcome else {
                continue;
            };
            if *answer == Response::Revoke || may_lag(&one.request) {
                continue;
            }
            let known = self.known_before(one.called);
            let revision = answer.revision();
            if revision < known || (revision == known && changes(answer)) {
                return Err(format!("{known} was known before {one:?}"));
            }
        }
        Ok(())
    }
}

fn may_lag(request: &Request) -> bool {
    matches!(request, Request::Range(range) if range.serializable)
}
