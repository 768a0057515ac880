//! The checker of histories finds what it is there to find.

use crate::support::history::{Outcome, Recorded, Request, Response};
use crate::support::model::Model;
use kvtool::pb::etcdserverpb::request_op::Request as OpRequest;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::time::{Duration, Instant};

fn put(value: &'static str) -> Request {
    Request::Put(PutRequest {
        key: "key".into(),
        value: value.into(),
        ..PutRequest::default()
    })
}

fn recorded(request: Request, outcome: Outcome) -> Recorded {
    let now = Instant::now();
    Recorded {
        request,
        outcome,
        called: now,
        returned: now,
    }
}

fn acknowledged(request: Request, revision: i64) -> Recorded {
    let header = Some(ResponseHeader {
        revision,
        ..ResponseHeader::default()
    });
    let answer = PutResponse {
        header,
        prev_kv: None,
    };
    recorded(request, Outcome::Answered(Response::Put(answer)))
}

fn history(requests: &[Request]) -> Vec<Event> {
    let mut model = Model::default();
    let events = requests.iter().flat_map(|one| model.execute(one).1);
    events.collect()
}

#[test]
fn accepts_an_unknown_request_done_or_not() {
    let all = [
        acknowledged(put("a"), 2),
        recorded(put("b"), Outcome::Unknown),
        recorded(put("c"), Outcome::Unknown),
    ];
    let events = history(&[put("a"), put("c")]);
    let report = Model::default().check(&events, 3, &all).unwrap();
    assert_eq!((report.unknown_done, report.unknown_not_done), (1, 1));
}

/// A revocation and a deletion without an answer would both have made revision 3. Only the
/// deletion can have made revision 5.
#[test]
fn finds_who_made_what_when_several_could_have() {
    let leased = Request::Put(PutRequest {
        key: "key".into(),
        lease: 7,
        ..PutRequest::default()
    });
    let revoke = Request::Revoke(LeaseRevokeRequest { id: 7 });
    let delete = Request::Delete(DeleteRangeRequest {
        key: "key".into(),
        ..DeleteRangeRequest::default()
    });
    let events = history(&[leased.clone(), revoke.clone(), put("a"), delete.clone()]);
    let all = [
        recorded(delete, Outcome::Unknown),
        acknowledged(leased, 2),
        recorded(revoke, Outcome::Answered(Response::Revoke)),
        acknowledged(put("a"), 4),
    ];
    let report = Model::default().check(&events, 5, &all).unwrap();
    assert_eq!((report.unknown_done, report.unknown_not_done), (1, 0));
}

#[test]
fn finds_a_lost_write() {
    let all = [acknowledged(put("a"), 2), acknowledged(put("b"), 3)];
    let events = history(&[put("a")]);
    let error = Model::default().check(&events, 2, &all).unwrap_err();
    assert!(error.contains("lost"), "{error}");
}

#[test]
fn finds_a_write_done_twice() {
    let all = [acknowledged(put("a"), 2)];
    let events = history(&[put("a"), put("a")]);
    let error = Model::default().check(&events, 3, &all).unwrap_err();
    assert!(error.contains("nobody made revision 3"), "{error}");
}

#[test]
fn finds_a_gap_in_the_history() {
    let all = [acknowledged(put("a"), 2), acknowledged(put("b"), 3)];
    let events = history(&[put("a"), put("b")]);
    let error = Model::default().check(&events[1..], 3, &all).unwrap_err();
    assert!(error.contains("revision 2 is not"), "{error}");
}

#[test]
fn finds_half_a_transaction() {
    let operation = |key: &'static str| RequestOp {
        request: Some(OpRequest::RequestPut(PutRequest {
            key: key.into(),
            ..PutRequest::default()
        })),
    };
    let txn = Request::Txn(TxnRequest {
        success: vec![operation("a"), operation("b")],
        ..TxnRequest::default()
    });
    let events = history(std::slice::from_ref(&txn));
    let all = [recorded(txn, Outcome::Unknown)];
    assert!(Model::default().check(&events, 2, &all).is_ok());
    let error = Model::default().check(&events[..1], 2, &all).unwrap_err();
    assert!(error.contains("not all of it"), "{error}");
}

#[test]
fn finds_a_read_of_the_past() {
    let write = acknowledged(put("a"), 2);
    let header = Some(ResponseHeader {
        revision: 1,
        ..ResponseHeader::default()
    });
    let answer = RangeResponse {
        header,
        ..RangeResponse::default()
    };
    let request = Request::Range(RangeRequest {
        key: "key".into(),
        ..RangeRequest::default()
    });
    let mut read = recorded(request, Outcome::Answered(Response::Range(answer)));
    let later = write.returned + Duration::from_millis(1);
    (read.called, read.returned) = (later, later);
    let events = history(&[put("a")]);
    let all = [write, read];
    let error = Model::default().check(&events, 2, &all).unwrap_err();
    assert!(error.contains("2 was known before"), "{error}");
}
