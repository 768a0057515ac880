//! A keyspace as the file in which etcd keeps one, and a keyspace out of such a file.
//!
//! Everything is in the buckets and encodings of etcd 3.7: changes under their revisions, leases,
//! alarms, users and roles. Members are not: who restores a file begins a cluster of his own.
//! What a compaction has not deleted yet goes along; whoever opens the file deletes it.

mod restore;
mod save;
mod settle;

pub use restore::{Bump, Restored, restore};
pub use save::{About, save};
pub use settle::settle;

use crate::bolt::BoltError;
use crate::error::Error;
use crate::store::StoreError;

/// The names of etcd's buckets, in their order.
mod bucket {
    pub const ALARM: &str = "alarm";
    pub const AUTH: &str = "auth";
    pub const AUTH_ROLES: &str = "authRoles";
    pub const AUTH_USERS: &str = "authUsers";
    pub const CLUSTER: &str = "cluster";
    pub const KEY: &str = "key";
    pub const LEASE: &str = "lease";
    pub const MEMBERS: &str = "members";
    pub const MEMBERS_REMOVED: &str = "members_removed";
    pub const META: &str = "meta";
}

/// Names in the bucket `auth`.
const AUTH_ENABLED: &[u8] = b"authEnabled";
const AUTH_REVISION: &[u8] = b"authRevision";
/// Names in the bucket `meta`: what a compaction was asked for, and what it has finished.
const SCHEDULED_COMPACTION: &[u8] = b"scheduledCompactRev";
const FINISHED_COMPACTION: &[u8] = b"finishedCompactRev";

/// A lease, as etcd stores it.
#[derive(Clone, PartialEq, prost::Message)]
struct StoredLease {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
    /// What was left of it; 0: nobody has noted that.
    #[prost(int64, tag = "3")]
    remaining_ttl: i64,
}

impl From<BoltError> for Error {
    fn from(error: BoltError) -> Self {
        match error {
            BoltError::Io(error) => failed(&error),
            error => Self::Store(StoreError::Unreadable(error.to_string().into())),
        }
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::Store(StoreError::Fatal(
        format!("a snapshot file failed: {error}").into(),
    ))
}

fn damaged(what: &'static str) -> Error {
    BoltError::Damaged(what).into()
}
