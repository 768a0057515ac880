//! `/metrics`: what the server and an instance have counted, for Prometheus.
//!
//! Names are etcd's where the meaning is, so that its dashboards work. `docs/METRICS.md` lists them.
//! Who counts owns its counters and knows nothing of this module; a page is made when it is asked
//! for.

mod keyspace;
mod peers;
mod process;
mod tenants;
mod text;

pub use process::descriptors_max;
pub use text::CONTENT_TYPE;

use super::calls::{CODES, Calls};
use super::raft::Traffic;
use super::version::EtcdVersion;
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::DowngradeInfo;
use crate::stats::Counter;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use text::Page;

/// Of services whose package begins like this other servers are the clients.
const INTERNAL: &str = "kvtool.";

/// What a server counts, of all its instances together.
#[derive(Debug)]
pub struct Metrics {
    /// gRPC calls.
    pub calls: Arc<Calls>,
    /// Questions for `/health` that were answered with true.
    pub healthy: Counter,
    /// Those that were answered with false.
    pub unhealthy: Counter,
    version: EtcdVersion,
    started: SystemTime,
    traffic: Arc<Traffic>,
}

impl Metrics {
    /// Of a server that starts now, as an etcd of this version, and tells of unary calls that take
    /// longer than `slow_after`; `traffic` is that with the other members.
    pub fn new(version: EtcdVersion, slow_after: Duration, traffic: Arc<Traffic>) -> Self {
        Self {
            calls: Arc::new(Calls::new(slow_after)),
            healthy: Counter::default(),
            unhealthy: Counter::default(),
            version,
            started: SystemTime::now(),
            traffic,
        }
    }

    /// The version of etcd that clients are told.
    pub fn version(&self) -> EtcdVersion {
        self.version
    }

    /// All metrics of the server and of one of its instances, and some of those of its tenants.
    pub async fn page(&self, instance: &Instance, tenants: Vec<Instance>) -> String {
        let mut page = Page::default();
        self.write_server(&mut page, &instance.told_downgrade().await);
        keyspace::write(&mut page, instance).await;
        peers::write(&mut page, instance.member_id(), &self.traffic);
        tenants::write(&mut page, tenants);
        self.write_calls(&mut page);
        process::write(&mut page, self.started);
        page.into_text()
    }

    fn write_server(&self, page: &mut Page, downgrade: &DowngradeInfo) {
        page.fact(
            "kvtool_build_info",
            "The version of kvtool, as the label.",
            "version",
            env!("CARGO_PKG_VERSION"),
        );
        page.fact(
            "etcd_server_version",
            "The etcd version reported to clients, as the label.",
            "server_version",
            self.version,
        );
        page.fact(
            "etcd_cluster_version",
            "The minor release of that version, or of one that a downgrade goes to, as the label.",
            "cluster_version",
            self.version.cluster_during(downgrade).minor_release(),
        );
        page.counter(
            "etcd_server_health_success",
            "Questions for /health answered with true.",
            self.healthy.get(),
        );
        page.counter(
            "etcd_server_health_failures",
            "Questions for /health answered with false.",
            self.unhealthy.get(),
        );
    }

    fn write_calls(&self, page: &mut Page) {
        let calls = self.calls.get();
        let clients = calls
            .iter()
            .filter(|calls| !calls.method.service.starts_with(INTERNAL));
        let received = clients.clone().map(|calls| calls.received_bytes).sum();
        let sent = clients.map(|calls| calls.sent_bytes).sum();
        page.counter(
            "etcd_network_client_grpc_received_bytes_total",
            "Bytes of messages from clients.",
            received,
        );
        page.counter(
            "etcd_network_client_grpc_sent_bytes_total",
            "Bytes of messages to clients.",
            sent,
        );
        let name = "grpc_server_started_total";
        page.family(name, "counter", "Calls that have begun.");
        for calls in &calls {
            let method = calls.method;
            let labels = [
                ("grpc_method", method.name),
                ("grpc_service", method.service),
                ("grpc_type", method.kind),
            ];
            page.sample(name, &labels, calls.started);
        }
        let name = "grpc_server_handled_total";
        page.family(name, "counter", "Calls that have ended, by their code.");
        for calls in &calls {
            let method = calls.method;
            for (place, (code, count)) in CODES.iter().zip(calls.handled).enumerate() {
                // Of all codes that never came the first is enough to show that there are none.
                if count > 0 || place == 0 {
                    let labels = [
                        ("grpc_code", *code),
                        ("grpc_method", method.name),
                        ("grpc_service", method.service),
                        ("grpc_type", method.kind),
                    ];
                    page.sample(name, &labels, count);
                }
            }
        }
        let name = "grpc_server_handling_seconds";
        page.family(name, "histogram", "Times of the calls that have ended.");
        for calls in calls.iter().filter(|calls| calls.times.count > 0) {
            let method = calls.method;
            let labels = [
                ("grpc_method", method.name),
                ("grpc_service", method.service),
                ("grpc_type", method.kind),
            ];
            page.times_of(name, &labels, &calls.times);
        }
    }
}
