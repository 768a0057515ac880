//! How an instance behaves.

use crate::mvcc::allowance::Allowance;
use crate::mvcc::audit::Audit;
use crate::mvcc::auth;
use crate::mvcc::compact::AutoCompaction;
use crate::mvcc::forward::Peers;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How an instance behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// This server's name among those of the instance; with it comes the member id.
    pub name: String,
    /// Most compares, or operations of one branch, of a transaction.
    pub max_txn_ops: usize,
    /// Largest request, in bytes of its encoding.
    pub max_request_bytes: usize,
    /// Time between progress notices to watchers that asked for them and saw no event.
    pub watch_progress_interval: Duration,
    /// What is compacted without being asked.
    pub auto_compaction: AutoCompaction,
    /// A request without an outcome after this long answers `Timeout`.
    pub request_timeout: Duration,
    /// What live versions of keys may take in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// Most bytes that the keyspace may take; `None` is no bound.
    pub quota_bytes: Option<u64>,
    /// What it is allowed while nobody has said so of it alone.
    pub allowance: Allowance,
    /// The directory for files that do not outlive their use.
    pub scratch: PathBuf,
    /// Where this server says it is.
    pub advertised: Advertised,
    /// The way to other servers of the instance, for writes to go to the one that leads; `None`:
    /// this server makes its own batches always.
    pub peers: Option<Arc<dyn Peers>>,
    /// How callers are recognised.
    pub auth: auth::Options,
    /// When it is compared with those of other members; `None` is never.
    pub audit: Option<Audit>,
    /// It is one of many that strangers have on one server: no caller of it may do what concerns
    /// the server as a whole.
    pub is_tenant: bool,
}

/// The URLs of a server.
#[derive(Debug, Clone, Default)]
pub struct Advertised {
    /// Where clients, and other servers of the instance, connect.
    pub client_urls: Vec<String>,
    /// Where other members connect; shown in the member list.
    pub peer_urls: Vec<String>,
}

impl Default for Options {
    /// etcd's defaults.
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            max_txn_ops: 128,
            max_request_bytes: 1_572_864,
            watch_progress_interval: Duration::from_secs(600),
            auto_compaction: AutoCompaction::Off,
            request_timeout: Duration::from_secs(7),
            cache_bytes: 256 << 20,
            quota_bytes: None,
            allowance: Allowance::default(),
            scratch: std::env::temp_dir(),
            advertised: Advertised::default(),
            peers: None,
            auth: auth::Options::default(),
            audit: None,
            is_tenant: false,
        }
    }
}
