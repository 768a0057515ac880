//! One keyspace: the calls the API makes.

use crate::error::Result;
use crate::pb::etcdserverpb::*;
use crate::store::{Leadership, Store, Usage};
use futures_util::Stream;
use std::time::Duration;

/// How an instance behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most compares, or operations of one branch, of a transaction.
    pub max_txn_ops: usize,
    /// Largest request, in bytes of its encoding.
    pub max_request_bytes: usize,
    /// Time between progress notices to watchers that asked for them and saw no event.
    pub watch_progress_interval: Duration,
    /// How old revisions must be, or how many must be newer, before they are compacted by themselves.
    pub auto_compaction: AutoCompaction,
    /// A request without an outcome after this long answers `Timeout`.
    pub request_timeout: Duration,
}

/// When old revisions are compacted without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoCompaction {
    /// Never.
    Off,
    /// Revisions older than this.
    Periodic(Duration),
    /// All but the newest this many revisions.
    Revisions(i64),
}

/// What `Maintenance.Status` and the health endpoints ask of an instance.
#[derive(Debug, Clone)]
pub struct InstanceStatus {
    /// Cluster and member id, current revision and term.
    pub header: ResponseHeader,
    /// Who leads.
    pub leadership: Leadership,
    /// Running number of the last durable batch.
    pub applied_index: u64,
    /// Space taken.
    pub usage: Usage,
    /// Raised alarms.
    pub alarms: Vec<AlarmMember>,
}

/// One etcd keyspace on a store. Cheap to clone; clones are the same instance.
#[derive(Clone)]
pub struct Instance {}

#[allow(unused_variables, clippy::todo)]
impl Instance {
    /// Opens the instance `name`, making it on first use, and starts its background jobs.
    pub async fn open(store: Store, name: &str, options: Options) -> Result<Self> {
        todo!()
    }
    /// The header for an answer that has none of its own, at the current revision.
    pub fn header(&self) -> ResponseHeader {
        todo!()
    }
    /// Reads keys.
    pub async fn range(&self, request: RangeRequest) -> Result<RangeResponse> {
        todo!()
    }
    /// Reads keys in pieces, pinned at one revision.
    pub fn range_stream(
        &self,
        request: RangeRequest,
    ) -> impl Stream<Item = Result<RangeResponse>> + Send + 'static {
        futures_util::stream::empty()
    }
    /// Writes a key.
    pub async fn put(&self, request: PutRequest) -> Result<PutResponse> {
        todo!()
    }
    /// Deletes keys.
    pub async fn delete_range(&self, request: DeleteRangeRequest) -> Result<DeleteRangeResponse> {
        todo!()
    }
    /// Compares, then reads and writes, atomically.
    pub async fn txn(&self, request: TxnRequest) -> Result<TxnResponse> {
        todo!()
    }
    /// Forgets what happened before a revision.
    pub async fn compact(&self, request: CompactionRequest) -> Result<CompactionResponse> {
        todo!()
    }
    /// Serves one watch stream: many watchers, their events and progress in one order.
    pub fn watch(
        &self,
        requests: impl Stream<Item = WatchRequest> + Send + 'static,
    ) -> impl Stream<Item = Result<WatchResponse>> + Send + 'static {
        futures_util::stream::empty()
    }
    /// Makes a lease.
    pub async fn lease_grant(&self, request: LeaseGrantRequest) -> Result<LeaseGrantResponse> {
        todo!()
    }
    /// Ends a lease and deletes its keys.
    pub async fn lease_revoke(&self, request: LeaseRevokeRequest) -> Result<LeaseRevokeResponse> {
        todo!()
    }
    /// Extends a lease; a lease that is gone answers TTL 0.
    pub async fn lease_keep_alive(
        &self,
        request: LeaseKeepAliveRequest,
    ) -> Result<LeaseKeepAliveResponse> {
        todo!()
    }
    /// What is left of a lease.
    pub async fn lease_time_to_live(
        &self,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse> {
        todo!()
    }
    /// All leases, the next to expire first.
    pub async fn lease_leases(&self, request: LeaseLeasesRequest) -> Result<LeaseLeasesResponse> {
        todo!()
    }
    /// Reads, raises and clears alarms.
    pub async fn alarm(&self, request: AlarmRequest) -> Result<AlarmResponse> {
        todo!()
    }
    /// A hash of everything stored.
    pub async fn hash(&self) -> Result<HashResponse> {
        todo!()
    }
    /// etcd's hash of the keyspace at a revision.
    pub async fn hash_kv(&self, request: HashKvRequest) -> Result<HashKvResponse> {
        todo!()
    }
    /// Gives freed space back to the disk.
    pub async fn defragment(&self) -> Result<DefragmentResponse> {
        todo!()
    }
    /// State for status and health.
    pub async fn status(&self) -> Result<InstanceStatus> {
        todo!()
    }
    /// This server's id.
    pub fn member_id(&self) -> u64 {
        todo!()
    }
    /// Completes with the reason when the instance can serve no more (a failed disk).
    pub async fn failed(&self) -> String {
        todo!()
    }
    /// Ends background jobs and answers waiting requests with `Stopped`; the store stays open.
    pub async fn close(&self) {
        todo!()
    }
}
