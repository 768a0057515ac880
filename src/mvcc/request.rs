//! What can be asked of an instance's sequencer, and what it answers.

use crate::error::{Error, Result};
use crate::mvcc::auth::{self, Caller, Change, check};
use crate::mvcc::keyspace::{Due, State};
use crate::mvcc::scratch::Scratch;
use crate::mvcc::{alarm, compact, downgrade, lease, txn};
use crate::pb::etcdserverpb::*;
use bytes::Bytes;

/// What a lease needs of the quota, about; etcd's.
const LEASE_BYTES: usize = 64;

/// A request, and who makes it.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who.
    pub caller: Caller,
    /// What.
    pub request: Request,
    /// About what the request takes in memory.
    pub size_bytes: usize,
}

/// What the sequencer can be asked to do.
#[derive(Debug, Clone)]
pub enum Request {
    /// Write a key.
    Put(PutRequest),
    /// Delete keys.
    Delete(DeleteRangeRequest),
    /// Compare, read and write.
    Txn(TxnRequest),
    /// Forget what is older than a revision.
    Compact(i64),
    /// Make a lease.
    LeaseGrant(LeaseGrantRequest),
    /// Extend a lease.
    LeaseKeepAlive(LeaseKeepAliveRequest),
    /// End a lease.
    LeaseRevoke(i64),
    /// Look at a lease that is due, and end it if its time is over.
    LeaseExpire(Due),
    /// Raise or clear an alarm.
    Alarm(AlarmRequest),
    /// Begin or cancel a downgrade, or say whether one could begin.
    Downgrade(DowngradeRequest),
    /// Change users, roles, or whether they matter.
    Auth(Change),
}

/// The answer to the request of the same name.
#[derive(Debug)]
pub enum Response {
    /// To `Put`.
    Put(PutResponse),
    /// To `Delete`.
    Delete(DeleteRangeResponse),
    /// To `Txn`.
    Txn(TxnResponse),
    /// To `Compact`: the newest revision.
    Compact(i64),
    /// To `LeaseGrant`.
    LeaseGrant(LeaseGrantResponse),
    /// To `LeaseKeepAlive`.
    LeaseKeepAlive(LeaseKeepAliveResponse),
    /// To `LeaseRevoke`: the newest revision.
    LeaseRevoke(i64),
    /// To `LeaseExpire`: whether it ended the lease.
    LeaseExpire(bool),
    /// To `Alarm`.
    Alarm(AlarmResponse),
    /// To `Downgrade`: the newest revision.
    Downgrade(i64),
    /// To `Auth`: the newest revision.
    Auth(i64),
}

impl Call {
    /// A request of somebody.
    pub fn new(caller: Caller, request: Request) -> Self {
        Self {
            caller,
            size_bytes: request.size_bytes(),
            request,
        }
    }

    /// What a server asks for of its own accord.
    pub fn of_server(request: Request) -> Self {
        Self::new(Caller::Server, request)
    }

    /// Does it over all that the batch did before, if the caller may have it.
    pub async fn evaluate(&self, scratch: &mut Scratch) -> Result<Response> {
        self.request.check_alarms(&scratch.state)?;
        check::check(scratch, &self.caller, &self.request).await?;
        self.request.evaluate(scratch).await
    }
}

impl Request {
    /// About what it takes in memory.
    fn size_bytes(&self) -> usize {
        use prost::Message;
        match self {
            Request::Put(put) => put.encoded_len(),
            Request::Delete(delete) => delete.encoded_len(),
            Request::Txn(txn) => txn.encoded_len(),
            Request::Auth(change) => change.encoded_len(),
            _ => 64,
        }
    }

    /// The values it brings.
    pub fn values<'a>(&'a self, values: &mut Vec<&'a Bytes>) {
        match self {
            Request::Put(put) => values.push(&put.value),
            Request::Txn(txn) => txn::collect_values(txn, values),
            _ => {}
        }
    }

    /// The keys and leases it will read, as far as the request alone tells; whether it needs no
    /// more than these keys.
    pub fn points(&self, keys: &mut Vec<Bytes>, leases: &mut Vec<i64>) -> bool {
        match self {
            Request::Put(put) => txn::put_points(put, keys, leases),
            Request::Delete(delete) => txn::point(&delete.key, &delete.range_end, keys),
            Request::Txn(txn) => txn::points(txn, keys, leases),
            Request::LeaseGrant(LeaseGrantRequest { id, .. })
            | Request::LeaseKeepAlive(LeaseKeepAliveRequest { id })
            | Request::LeaseRevoke(id)
            | Request::LeaseExpire(Due { lease: id, .. }) => {
                leases.push(*id);
                false
            }
            Request::Compact(_) | Request::Alarm(_) | Request::Downgrade(_) | Request::Auth(_) => {
                false
            }
        }
    }

    /// Whether it can be handed to another server; what a background job asks for stays here.
    pub fn concerns_any_server(&self) -> bool {
        !matches!(self, Request::LeaseExpire(_))
    }

    /// Whether to do it twice is as good as once, for all who can see.
    pub fn can_be_repeated(&self) -> bool {
        matches!(self, Request::LeaseKeepAlive(_))
    }

    /// What it needs of the quota, as etcd estimates it; nothing, if it takes no space.
    pub fn cost(&self) -> u64 {
        let bytes = match self {
            Request::Put(put) => txn::put_cost(put),
            Request::LeaseGrant(_) => LEASE_BYTES,
            Request::Txn(txn) => txn::cost(txn),
            _ => 0,
        };
        bytes as u64
    }

    /// Refuses what a raised alarm forbids.
    fn check_alarms(&self, state: &State) -> Result<()> {
        let is_alarm_or_lease_upkeep = matches!(
            self,
            Request::Alarm(_)
                | Request::Downgrade(_)
                | Request::LeaseKeepAlive(_)
                | Request::LeaseExpire(_)
                | Request::Auth(_)
        );
        if state.corrupt && !is_alarm_or_lease_upkeep {
            return Err(Error::Corrupt);
        }
        if state.no_space && self.cost() > 0 {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    /// Whether a request reads an old revision that only this batch makes: it must be the first of
    /// the next batch then.
    pub fn reads_ahead(&self, scratch: &Scratch) -> bool {
        match self {
            Request::Txn(txn) => scratch.is_ahead_of(txn::newest_old_revision(txn)),
            _ => false,
        }
    }

    async fn evaluate(&self, scratch: &mut Scratch) -> Result<Response> {
        Ok(match self {
            Request::Put(put) => Response::Put(txn::put(scratch, put).await?),
            Request::Delete(delete) => Response::Delete(txn::delete(scratch, delete).await?),
            Request::Txn(txn) => Response::Txn(txn::txn(scratch, txn).await?),
            Request::Compact(revision) => Response::Compact(compact::begin(scratch, *revision)?),
            Request::LeaseGrant(grant) => Response::LeaseGrant(lease::grant(scratch, grant).await?),
            Request::LeaseKeepAlive(keep_alive) => {
                Response::LeaseKeepAlive(lease::keep_alive(scratch, keep_alive).await?)
            }
            Request::LeaseRevoke(id) => {
                lease::revoke(scratch, *id).await?;
                Response::LeaseRevoke(scratch.state.revision)
            }
            Request::LeaseExpire(due) => Response::LeaseExpire(lease::expire(scratch, *due).await?),
            Request::Alarm(alarm) => Response::Alarm(alarm::change(scratch, alarm).await?),
            Request::Downgrade(request) => {
                downgrade::change(scratch, request).await?;
                Response::Downgrade(scratch.state.revision)
            }
            Request::Auth(change) => {
                auth::change(scratch, change).await?;
                Response::Auth(scratch.state.revision)
            }
        })
    }
}
