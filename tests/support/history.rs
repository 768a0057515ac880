//! Checks a recorded history: is it what one keyspace, doing one thing at a time, would answer?
//!
//! Revisions give the order of all that changed something, so nothing has to be searched: the
//! history that a watch from the oldest revision hands out is replayed through a small model,
//! and every answer is compared with the model's at the revision the answer names. A request
//! whose outcome nobody knows either made one of the revisions that no answer claims, wholly, or
//! none. Time is respected when no answer names a revision older than one that was known
//! before its request was sent.

use bytes::Bytes;
use kvtool::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use kvtool::pb::etcdserverpb::request_op::Request as OpRequest;
use kvtool::pb::etcdserverpb::response_op::Response as OpResponse;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::{Event, KeyValue, event::EventType};
use std::collections::BTreeMap;
use std::time::Instant;

/// What a client asked. Transactions are flat: their operations are puts, ranges and deletes.
#[derive(Debug, Clone)]
pub enum Request {
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Range(RangeRequest),
    Revoke(LeaseRevokeRequest),
}

/// What a server answered, or a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    Put(PutResponse),
    Delete(DeleteRangeResponse),
    Txn(TxnResponse),
    Range(RangeResponse),
    Revoke,
}

impl Response {
    /// The revision it was given at.
    fn revision(&self) -> i64 {
        let header = match self {
            Self::Put(answer) => &answer.header,
            Self::Delete(answer) => &answer.header,
            Self::Txn(answer) => &answer.header,
            Self::Range(answer) => &answer.header,
            Self::Revoke => &None,
        };
        header.as_ref().map_or(0, |header| header.revision)
    }

    /// Hides all of the headers but the revision, and that too in what is nested.
    fn mask(&mut self) {
        let bare = |header: &mut Option<ResponseHeader>| {
            let revision = header.as_ref().map_or(0, |header| header.revision);
            *header = Some(ResponseHeader {
                revision,
                ..ResponseHeader::default()
            });
        };
        match self {
            Self::Put(answer) => bare(&mut answer.header),
            Self::Delete(answer) => bare(&mut answer.header),
            Self::Range(answer) => bare(&mut answer.header),
            Self::Revoke => {}
            Self::Txn(answer) => {
                bare(&mut answer.header);
                for nested in &mut answer.responses {
                    match &mut nested.response {
                        Some(OpResponse::ResponsePut(answer)) => answer.header = None,
                        Some(OpResponse::ResponseRange(answer)) => answer.header = None,
                        Some(OpResponse::ResponseDeleteRange(answer)) => answer.header = None,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// With an answer.
    Answered(Response),
    /// With an error that says it was not done.
    Refused,
    /// It may have been done, or not.
    Unknown,
}

/// One request of a history.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub request: Request,
    pub outcome: Outcome,
    pub called: Instant,
    pub returned: Instant,
}

/// A keyspace at a revision.
#[derive(Debug, Clone)]
pub struct Model {
    revision: i64,
    live: BTreeMap<Bytes, KeyValue>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            revision: 1,
            live: BTreeMap::new(),
        }
    }
}

/// What a check has seen.
#[derive(Debug, Default, Clone, Copy)]
pub struct Report {
    pub answered: usize,
    pub refused: usize,
    pub unknown_done: usize,
    pub unknown_not_done: usize,
    pub revisions: usize,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.unknown_done += other.unknown_done;
        self.unknown_not_done += other.unknown_not_done;
        self.revisions += other.revisions;
    }
}

impl Model {
    /// Where it is.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The live keys, in order.
    pub fn live(&self) -> Vec<KeyValue> {
        self.live.values().cloned().collect()
    }

    /// Goes on to `revision` along `history` (all events after where the model is), and checks
    /// the requests recorded meanwhile, none of which can still take effect later.
    pub fn check(
        &mut self,
        history: &[Event],
        revision: i64,
        recorded: &[Recorded],
    ) -> Result<Report, String> {
        check_time(recorded)?;
        let explained = Search::new(self.clone(), history, recorded)?.explain(revision)?;
        *self = explained.model;
        Ok(explained.report)
    }

    /// Does a request that was answered, and compares the answer and what it changed.
    fn replay(&mut self, one: &Recorded, changed: &[Event]) -> Result<(), String> {
        let before = self.revision;
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

    /// Does a request: the answer, and what a watcher of everything sees.
    pub fn execute(&mut self, request: &Request) -> (Response, Vec<Event>) {
        let mut events = Vec::new();
        let mut response = match request {
            Request::Put(request) => Response::Put(self.put(request, &mut events)),
            Request::Delete(request) => Response::Delete(self.delete(request, &mut events)),
            Request::Range(request) => Response::Range(self.range(request)),
            Request::Revoke(request) => {
                let leased = self.live.values().filter(|kv| kv.lease == request.id);
                for key in Vec::from_iter(leased.map(|kv| kv.key.clone())) {
                    self.delete_key(&key, &mut events);
                }
                Response::Revoke
            }
            Request::Txn(request) => {
                let succeeded = request.compare.iter().all(|one| self.holds(one));
                let branch = if succeeded {
                    &request.success
                } else {
                    &request.failure
                };
                let operation = |operation: &RequestOp| ResponseOp {
                    response: Some(match &operation.request {
                        Some(OpRequest::RequestPut(request)) => {
                            OpResponse::ResponsePut(self.put(request, &mut events))
                        }
                        Some(OpRequest::RequestDeleteRange(request)) => {
                            OpResponse::ResponseDeleteRange(self.delete(request, &mut events))
                        }
                        Some(OpRequest::RequestRange(request)) => {
                            OpResponse::ResponseRange(self.range(request))
                        }
                        other => panic!("not an operation of a flat transaction: {other:?}"),
                    }),
                };
                Response::Txn(TxnResponse {
                    header: None,
                    succeeded,
                    responses: branch.iter().map(operation).collect(),
                })
            }
        };
        if !events.is_empty() {
            self.revision += 1;
        }
        let header = Some(ResponseHeader {
            revision: self.revision,
            ..ResponseHeader::default()
        });
        match &mut response {
            Response::Put(answer) => answer.header = header,
            Response::Delete(answer) => answer.header = header,
            Response::Txn(answer) => answer.header = header,
            Response::Range(answer) => answer.header = header,
            Response::Revoke => {}
        }
        (response, events)
    }

    fn put(&mut self, request: &PutRequest, events: &mut Vec<Event>) -> PutResponse {
        let revision = self.revision + 1;
        let previous = self.live.get(&request.key).cloned();
        let kv = KeyValue {
            key: request.key.clone(),
            value: request.value.clone(),
            lease: request.lease,
            mod_revision: revision,
            create_revision: previous.as_ref().map_or(revision, |kv| kv.create_revision),
            version: previous.as_ref().map_or(0, |kv| kv.version) + 1,
        };
        self.live.insert(request.key.clone(), kv.clone());
        events.push(Event {
            r#type: EventType::Put as i32,
            kv: Some(kv),
            prev_kv: previous.clone(),
        });
        PutResponse {
            header: None,
            prev_kv: previous.filter(|_| request.prev_kv),
        }
    }

    fn delete(
        &mut self,
        request: &DeleteRangeRequest,
        events: &mut Vec<Event>,
    ) -> DeleteRangeResponse {
        let keys = self.keys(&request.key, &request.range_end);
        let previous = keys.iter().map(|key| self.delete_key(key, events));
        let previous = Vec::from_iter(previous);
        DeleteRangeResponse {
            header: None,
            deleted: previous.len() as i64,
            prev_kvs: if request.prev_kv {
                previous
            } else {
                Vec::new()
            },
        }
    }

    fn delete_key(&mut self, key: &Bytes, events: &mut Vec<Event>) -> KeyValue {
        let previous = self.live.remove(key).expect("only live keys are deleted");
        events.push(Event {
            r#type: EventType::Delete as i32,
            kv: Some(KeyValue {
                key: key.clone(),
                mod_revision: self.revision + 1,
                ..KeyValue::default()
            }),
            prev_kv: Some(previous.clone()),
        });
        previous
    }

    fn range(&self, request: &RangeRequest) -> RangeResponse {
        let keys = self.keys(&request.key, &request.range_end);
        RangeResponse {
            header: None,
            count: keys.len() as i64,
            more: false,
            kvs: keys.iter().map(|key| self.live[key].clone()).collect(),
        }
    }

    fn keys(&self, key: &Bytes, range_end: &Bytes) -> Vec<Bytes> {
        let covered = self.live.keys().filter(|live| covers(key, range_end, live));
        covered.cloned().collect()
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kv = self.live.get(&compare.key);
        let number = |of: fn(&KeyValue) -> i64| kv.map_or(0, of);
        let order = match (compare.target(), &compare.target_union) {
            (CompareTarget::Version, Some(TargetUnion::Version(than))) => {
                number(|kv| kv.version).cmp(than)
            }
            (CompareTarget::Create, Some(TargetUnion::CreateRevision(than))) => {
                number(|kv| kv.create_revision).cmp(than)
            }
            (CompareTarget::Mod, Some(TargetUnion::ModRevision(than))) => {
                number(|kv| kv.mod_revision).cmp(than)
            }
            (CompareTarget::Value, Some(TargetUnion::Value(than))) => match kv {
                Some(kv) => kv.value.cmp(than),
                None => return false,
            },
            other => panic!("the model does not know {other:?}"),
        };
        match compare.result() {
            CompareResult::Equal => order.is_eq(),
            CompareResult::NotEqual => order.is_ne(),
            CompareResult::Greater => order.is_gt(),
            CompareResult::Less => order.is_lt(),
        }
    }
}

/// Whether `live` is one of the keys a request names.
pub fn covers(key: &[u8], range_end: &[u8], live: &[u8]) -> bool {
    match range_end {
        [] => live == key,
        [0] => live >= key,
        end => live >= key && live < end,
    }
}

/// The revision of an event.
pub fn mod_revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

/// Whether what was answered has made a revision.
fn changes(answer: &Response) -> bool {
    match answer {
        Response::Put(_) => true,
        Response::Delete(answer) => answer.deleted > 0,
        Response::Range(_) | Response::Revoke => false,
        Response::Txn(answer) => answer.responses.iter().any(|one| match &one.response {
            Some(OpResponse::ResponsePut(_)) => true,
            Some(OpResponse::ResponseDeleteRange(answer)) => answer.deleted > 0,
            _ => false,
        }),
    }
}

/// Explains a history by the requests that were made.
#[derive(Clone)]
struct Search<'a> {
    model: Model,
    history: &'a [Event],
    /// Answered, by the revision they were answered with.
    writes: BTreeMap<i64, &'a Recorded>,
    reads: BTreeMap<i64, Vec<&'a Recorded>>,
    /// Requests that do not say which revision they made, and whether they were answered.
    unclaimed: Vec<(&'a Recorded, bool)>,
    /// Leases whose revocation was answered.
    revoked: Vec<i64>,
    report: Report,
}

impl<'a> Search<'a> {
    fn new(model: Model, history: &'a [Event], recorded: &'a [Recorded]) -> Result<Self, String> {
        let mut search = Self {
            model,
            history,
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            unclaimed: Vec::new(),
            revoked: Vec::new(),
            report: Report::default(),
        };
        for one in recorded {
            match &one.outcome {
                Outcome::Refused => search.report.refused += 1,
                Outcome::Unknown => search.unclaimed.push((one, false)),
                Outcome::Answered(answer) => {
                    search.report.answered += 1;
                    if let Request::Revoke(request) = &one.request {
                        search.revoked.push(request.id);
                        search.unclaimed.push((one, true));
                    } else if !changes(answer) {
                        search.reads.entry(answer.revision()).or_default().push(one);
                    } else if let Some(other) = search.writes.insert(answer.revision(), one) {
                        return Err(format!("one revision for {one:?} and {other:?}"));
                    }
                }
            }
        }
        Ok(search)
    }

    /// Goes on to `revision`. Where several requests could have made a revision, one after the
    /// other is tried: a wrong choice can leave a later revision without a maker.
    fn explain(mut self, revision: i64) -> Result<Self, String> {
        loop {
            let reads = self.reads.remove(&self.model.revision);
            for one in reads.unwrap_or_default() {
                self.model.clone().replay(one, &[])?;
            }
            if self.model.revision == revision {
                return self.end();
            }
            let next = self.model.revision + 1;
            let is_later = |event: &Event| mod_revision(event) != next;
            let count = self.history.iter().position(is_later);
            let (changed, later) = self.history.split_at(count.unwrap_or(self.history.len()));
            if changed.is_empty() {
                return Err(format!("revision {next} is not in the history"));
            }
            self.history = later;
            self.report.revisions += 1;
            if let Some(one) = self.writes.remove(&next) {
                self.model.replay(one, changed)?;
                continue;
            }
            let explains = |(one, _): &(&Recorded, bool)| {
                self.model.clone().execute(&one.request).1 == changed
            };
            let makers = self.unclaimed.iter().enumerate();
            let makers = makers.filter(|(_, one)| explains(one)).map(|(at, _)| at);
            let mut makers = Vec::from_iter(makers);
            let Some(last) = makers.pop() else {
                return Err(format!(
                    "nobody made revision {next}, or not all of it: {changed:?}"
                ));
            };
            for maker in makers {
                let mut other = self.clone();
                other.claim(maker);
                if let Ok(explained) = other.explain(revision) {
                    return Ok(explained);
                }
            }
            self.claim(last);
        }
    }

    fn claim(&mut self, maker: usize) {
        let (one, answered) = self.unclaimed.remove(maker);
        self.model.execute(&one.request);
        self.report.unknown_done += usize::from(!answered);
    }

    fn end(mut self) -> Result<Self, String> {
        if let Some(event) = self.history.first() {
            let revision = self.model.revision;
            return Err(format!("out of order, or after {revision}: {event:?}"));
        }
        if let Some((_, lost)) = self.writes.pop_first() {
            return Err(format!("acknowledged, and lost: {lost:?}"));
        }
        if let Some((_, ones)) = self.reads.pop_first() {
            return Err(format!("read from a future nobody has seen: {ones:?}"));
        }
        let mut live = self.model.live.values();
        if let Some(kv) = live.find(|kv| self.revoked.contains(&kv.lease)) {
            return Err(format!("its lease was revoked: {kv:?}"));
        }
        let open = self.unclaimed.iter().filter(|(_, answered)| !answered);
        self.report.unknown_not_done += open.count();
        Ok(self)
    }
}

/// No answer is older than what had been answered before its request was sent; a change is newer.
fn check_time(recorded: &[Recorded]) -> Result<(), String> {
    let answers = recorded.iter().filter_map(|one| match &one.outcome {
        Outcome::Answered(answer) if *answer != Response::Revoke => Some((one, answer)),
        _ => None,
    });
    let mut by_return = Vec::from_iter(answers);
    by_return.sort_by_key(|(one, _)| one.returned);
    let mut newest = Vec::with_capacity(by_return.len());
    let mut so_far = 0;
    for (_, answer) in &by_return {
        so_far = answer.revision().max(so_far);
        newest.push(so_far);
    }
    for (one, answer) in &by_return {
        let before = by_return.partition_point(|(other, _)| other.returned < one.called);
        let known = before.checked_sub(1).map_or(0, |index| newest[index]);
        let revision = answer.revision();
        if revision < known || (revision == known && changes(answer)) {
            return Err(format!("{known} was known before {one:?}"));
        }
    }
    Ok(())
}
