//! What was asked of servers and what they answered.

use kvtool::pb::etcdserverpb::response_op::Response as OpResponse;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
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
    pub fn revision(&self) -> i64 {
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
    pub fn mask(&mut self) {
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
    /// Nobody asks for it: once it has been called, it happens by itself, and once. So leases end.
    Due,
}

impl Outcome {
    /// Whether it is known what became of the request.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Answered(_) | Self::Refused)
    }

    /// The answer, if there was one.
    pub fn answer(&self) -> Option<&Response> {
        match self {
            Self::Answered(answer) => Some(answer),
            _ => None,
        }
    }
}

/// One request of a history.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub request: Request,
    pub outcome: Outcome,
    pub called: Instant,
    pub returned: Instant,
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
pub fn changes(answer: &Response) -> bool {
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
