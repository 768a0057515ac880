//! The peer ports of a server.

use super::Traffic;
use super::service::service;
use crate::api::listener::{Listener, connections};
use crate::api::peer::{self, Taking};
use crate::api::server::{Limits, SHUTDOWN_GRACE, Stopping};
use crate::api::transport::Transport;
use crate::mvcc::Instance;
use crate::store::raft::Raft;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;

/// Open connections: each other member has a few.
const CONNECTIONS_MAX: usize = 1024;
/// Pings on a silent connection, by which a member that vanished is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves the members of a group, from before its keyspace is open until after it is closed.
pub struct PeerPort {
    taking: Taking,
    traffic: Arc<Traffic>,
    stop_taking: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl PeerPort {
    /// Begins to take messages for a member.
    pub fn open(listeners: Vec<Listener>, raft: &Raft, traffic: Arc<Traffic>) -> Self {
        let taking = Taking::default();
        let (stop_taking, stopping) = Stopping::new();
        let limits = Limits {
            max_request_bytes: 0,
            max_concurrent_streams: u32::MAX,
            max_connections: CONNECTIONS_MAX,
            keepalive_interval: Some(PING_INTERVAL),
            keepalive_timeout: PING_TIMEOUT,
        };
        let routes = Routes::new(service(raft, &taking, &traffic));
        let routes = routes.add_service(peer::service(&taking, &stopping));
        let connections = connections(listeners, limits.max_connections);
        let serving = Transport::new(&limits).serve(routes.prepare(), connections, pending());
        let serving = tokio::spawn(serving);
        Self {
            taking,
            traffic,
            stop_taking,
            serving,
        }
    }

    /// Others may hand requests over to an instance.
    pub fn begin_taking(&self, instance: &Instance) {
        self.taking.begin_own(instance);
    }

    /// Where they hand requests over.
    pub fn taking(&self) -> Taking {
        self.taking.clone()
    }

    /// What is exchanged with the others.
    pub fn traffic(&self) -> Arc<Traffic> {
        self.traffic.clone()
    }

    /// Says to others that no further requests are taken.
    pub fn stop_taking(&self) {
        self.stop_taking.send_replace(true);
    }

    /// Waits until what was taken is answered.
    pub async fn drained(&self) {
        if tokio::time::timeout(SHUTDOWN_GRACE, self.taking.drained())
            .await
            .is_err()
        {
            tracing::warn!("requests of other members are cut off");
        }
    }
}

impl Drop for PeerPort {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
