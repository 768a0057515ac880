//! Requests and their outcomes, to and from the messages of `kvtool.peer.v1`.

use crate::error::{Error, Result};
use crate::mvcc::auth::{AuthChange, Caller};
use crate::mvcc::forward::{Call, Handover, Request, Response};
use crate::mvcc::keyspace::State;
use crate::pb::kvtool::peer::v1::caller::Who;
use crate::pb::kvtool::peer::v1::{self, Answer, Failure, Refusal, User, answer, request};
use tonic::{Code, Status};

/// A request as it is sent; `None` for what no client asks for.
pub fn request(number: u64, call: Call) -> Option<v1::Request> {
    let request = match call.request {
        Request::Put(put) => request::Request::Put(put),
        Request::Delete(delete) => request::Request::DeleteRange(delete),
        Request::Txn(txn) => request::Request::Txn(txn),
        Request::Compact(revision) => request::Request::Compact(revision),
        Request::LeaseGrant(grant) => request::Request::LeaseGrant(grant),
        Request::LeaseKeepAlive(keep_alive) => request::Request::LeaseKeepAlive(keep_alive),
        Request::LeaseRevoke(id) => request::Request::LeaseRevoke(id),
        Request::Alarm(alarm) => request::Request::Alarm(alarm),
        Request::Downgrade(downgrade) => request::Request::Downgrade(downgrade),
        Request::Auth(change) => request::Request::Auth(AuthChange {
            change: Some(change),
        }),
        Request::LeaseExpire(_) => return None,
    };
    let who = match call.caller {
        Caller::Server => Some(Who::Server(true)),
        Caller::Nobody => None,
        // Not let in anywhere.
        Caller::Stranger => return None,
        Caller::User { name, revision } => Some(Who::User(User {
            name: name.to_string(),
            auth_revision: revision,
        })),
    };
    Some(v1::Request {
        number,
        request: Some(request),
        caller: Some(v1::Caller { who }),
    })
}

/// A request as it is done; `None` for one of a newer server.
pub fn requested(message: v1::Request) -> Option<Call> {
    let caller = match message.caller.and_then(|caller| caller.who) {
        Some(Who::Server(true)) => Caller::Server,
        Some(Who::User(user)) => Caller::User {
            name: user.name.into(),
            revision: user.auth_revision,
        },
        Some(Who::Server(false)) | None => Caller::Nobody,
    };
    let request = match message.request? {
        request::Request::Put(put) => Request::Put(put),
        request::Request::DeleteRange(delete) => Request::Delete(delete),
        request::Request::Txn(txn) => Request::Txn(txn),
        request::Request::Compact(revision) => Request::Compact(revision),
        request::Request::LeaseGrant(grant) => Request::LeaseGrant(grant),
        request::Request::LeaseKeepAlive(keep_alive) => Request::LeaseKeepAlive(keep_alive),
        request::Request::LeaseRevoke(id) => Request::LeaseRevoke(id),
        request::Request::Alarm(alarm) => Request::Alarm(alarm),
        request::Request::Downgrade(downgrade) => Request::Downgrade(downgrade),
        request::Request::Auth(auth) => Request::Auth(auth.change?),
    };
    Some(Call::new(caller, request))
}

/// An answer as it is sent, `None` being a refusal; `None` where there is none to send.
pub fn answer(number: u64, answer: Option<Result<Response>>) -> Option<Answer> {
    let answer = match answer {
        None => answer::Answer::Refusal(Refusal {}),
        Some(Err(error)) => failure(error),
        Some(Ok(response)) => match response {
            Response::Put(put) => answer::Answer::Put(put),
            Response::Delete(delete) => answer::Answer::DeleteRange(delete),
            Response::Txn(txn) => answer::Answer::Txn(txn),
            Response::Compact(revision) => answer::Answer::Compact(revision),
            Response::LeaseGrant(grant) => answer::Answer::LeaseGrant(grant),
            Response::LeaseKeepAlive(keep_alive) => answer::Answer::LeaseKeepAlive(keep_alive),
            Response::LeaseRevoke(revision) => answer::Answer::LeaseRevoke(revision),
            Response::Alarm(alarm) => answer::Answer::Alarm(alarm),
            Response::Downgrade(revision) => answer::Answer::Downgrade(revision),
            Response::Auth(revision) => answer::Answer::Auth(revision),
            Response::LeaseExpire(_) => return None,
        },
    };
    Some(Answer {
        number,
        answer: Some(answer),
    })
}

fn failure(error: Error) -> answer::Answer {
    let status = Status::from(error);
    answer::Answer::Failure(Failure {
        code: status.code() as i32,
        text: status.message().to_owned(),
    })
}

/// What an answer says, in a frame with this state. One that cannot be understood says nothing.
pub fn outcome(answer: Option<answer::Answer>, state: State) -> Handover {
    let answered: Result<Response> = match answer {
        None => return Handover::Lost,
        Some(answer::Answer::Refusal(Refusal {})) => return Handover::Refused,
        Some(answer::Answer::Failure(failure)) => {
            Err(Error::relayed(Code::from_i32(failure.code), &failure.text))
        }
        Some(answer::Answer::Put(put)) => Ok(Response::Put(put)),
        Some(answer::Answer::DeleteRange(delete)) => Ok(Response::Delete(delete)),
        Some(answer::Answer::Txn(txn)) => Ok(Response::Txn(txn)),
        Some(answer::Answer::Compact(revision)) => Ok(Response::Compact(revision)),
        Some(answer::Answer::LeaseGrant(grant)) => Ok(Response::LeaseGrant(grant)),
        Some(answer::Answer::LeaseKeepAlive(keep_alive)) => {
            Ok(Response::LeaseKeepAlive(keep_alive))
        }
        Some(answer::Answer::LeaseRevoke(revision)) => Ok(Response::LeaseRevoke(revision)),
        Some(answer::Answer::Alarm(alarm)) => Ok(Response::Alarm(alarm)),
        Some(answer::Answer::Downgrade(revision)) => Ok(Response::Downgrade(revision)),
        Some(answer::Answer::Auth(revision)) => Ok(Response::Auth(revision)),
    };
    Handover::Answered(answered, state)
}
