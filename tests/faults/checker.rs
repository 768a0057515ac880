//! The check of a drill finds what it is there to find.

use crate::support::follower::Follower;
use crate::support::history::{Outcome, Recorded, Request, Response};
use crate::support::model::Model;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::time::{Duration, Instant};

const LEASE: i64 = 7;

fn put(key: &'static str, lease: i64) -> Request {
    Request::Put(PutRequest {
        key: key.into(),
        lease,
        ..PutRequest::default()
    })
}

fn end() -> Request {
    Request::Revoke(LeaseRevokeRequest { id: LEASE })
}

/// What a keyspace does that is asked these things one after the other.
fn history(requests: &[Request]) -> Vec<Event> {
    let mut model = Model::default();
    let events = requests.iter().flat_map(|one| model.execute(one).1);
    events.collect()
}

/// One request after the other, each answered at its revision; what is due, at its time.
fn recorded(requests: &[Request]) -> Vec<Recorded> {
    let mut model = Model::default();
    let mut now = Instant::now();
    let record = |request: &Request| {
        let answer = model.execute(request).0;
        let (called, returned) = (now, now + Duration::from_millis(1));
        now += Duration::from_millis(2);
        let outcome = match answer {
            Response::Revoke => Outcome::Due,
            answer => Outcome::Answered(answer),
        };
        Recorded {
            request: request.clone(),
            outcome,
            called,
            returned,
        }
    };
    requests.iter().map(record).collect()
}

fn check(events: &[Event], revision: i64, recorded: &[Recorded]) -> Result<usize, String> {
    let report = Model::default().check(events, revision, recorded);
    report.map(|report| report.expired)
}

#[test]
fn accepts_a_lease_that_ends_once() {
    let requests = [
        put("a", LEASE),
        put("b", LEASE),
        put("c", 0),
        end(),
        put("a", 0),
    ];
    let asked = recorded(&requests);
    assert_eq!(check(&history(&requests), 6, &asked), Ok(1));
}

#[test]
fn finds_a_lease_that_ends_twice() {
    let twice = [put("a", LEASE), end(), put("a", LEASE), end()];
    let asked = recorded(&twice[..3]);
    let error = check(&history(&twice), 5, &asked).unwrap_err();
    assert!(error.contains("its lease had ended before"), "{error}");
}

#[test]
fn finds_a_lease_that_ends_early() {
    let requests = [put("a", LEASE), end(), put("b", 0)];
    let mut asked = recorded(&requests);
    asked[1].called = asked[2].returned + Duration::from_millis(1);
    let error = check(&history(&requests), 4, &asked).unwrap_err();
    assert!(error.contains("nobody made revision 3"), "{error}");
}

#[test]
fn finds_a_lease_that_ends_in_pieces() {
    let whole = [put("a", LEASE), put("b", LEASE), end()];
    let asked = recorded(&whole);
    let mut events = history(&whole);
    if let Some(kv) = events.last_mut().and_then(|event| event.kv.as_mut()) {
        kv.mod_revision += 1;
    }
    let error = check(&events, 5, &asked).unwrap_err();
    assert!(error.contains("nobody made revision 4"), "{error}");
}

#[test]
fn finds_a_lease_that_does_not_end() {
    let requests = [put("a", LEASE), end()];
    let asked = recorded(&requests);
    let error = check(&history(&requests[..1]), 2, &asked).unwrap_err();
    assert!(error.contains("is over"), "{error}");
}

/// A serializable read may be of the past, but must be of one that was.
#[test]
fn serializable_reads_are_right_about_the_past() {
    let range = |serializable| {
        Request::Range(RangeRequest {
            key: "a".into(),
            serializable,
            ..RangeRequest::default()
        })
    };
    let writes = [put("a", 0), put("b", 0)];
    let events = history(&writes);
    // Answered at revision 1, where there is no `a`.
    let mut lagging = recorded(&[put("a", 0), put("b", 0), range(true)]);
    lagging[2].outcome = Outcome::Answered(Model::default().execute(&range(true)).0);
    assert!(check(&events, 3, &lagging).is_ok());
    let mut back = lagging.clone();
    back[2].request = range(false);
    let error = check(&events, 3, &back).unwrap_err();
    assert!(error.contains("3 was known before"), "{error}");
    let Outcome::Answered(Response::Range(answer)) = &mut lagging[2].outcome else {
        unreachable!()
    };
    answer.header = Some(ResponseHeader {
        revision: 2,
        ..ResponseHeader::default()
    });
    let error = check(&events, 3, &lagging).unwrap_err();
    assert!(error.contains("should get"), "{error}");
}

#[test]
fn finds_what_a_watcher_missed_or_saw_twice() {
    let events = history(&[put("a", 0), put("b", 0), put("a", 0)]);
    let seeing = |seen: &[&Event]| {
        let mut follower = Follower::new("\0", "\0");
        let messages = seen.iter().map(|event| WatchResponse {
            header: Some(ResponseHeader {
                revision: 4,
                ..ResponseHeader::default()
            }),
            events: vec![(*event).clone()],
            ..WatchResponse::default()
        });
        let took = Vec::from_iter(messages)
            .into_iter()
            .try_for_each(|message| follower.take(message));
        took.and_then(|()| follower.check(&events, 4))
    };
    let [first, second, third] = &events[..] else {
        unreachable!()
    };
    assert_eq!(seeing(&[first, second, third]), Ok(()));
    assert!(seeing(&[first, third]).is_err());
    assert!(seeing(&[first, second]).is_err());
    assert!(seeing(&[first, second, second, third]).is_err());
    assert!(seeing(&[second, first, third]).is_err());
}
