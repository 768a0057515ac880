//! Serves an instance on its listeners until told to stop.

use super::etcd::gateway::{Gateway, Web};
use super::front::{Front, Maker};
use super::listener::{Listener, connections};
use super::metrics::Metrics;
use super::services::Services;
use super::tenancy::Tenancy;
use super::transport::{Answers, Transport};
use super::version::EtcdVersion;
use super::{control, etcd, ops, peer};
use crate::mvcc::Instance;
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::service::Routes;

/// How long running requests may still take after the server was told to stop.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// Connections of those who watch over the server, which are not among those of its clients.
const WATCHED_CONNECTIONS_MAX: usize = 64;

/// Where a server listens, and how it serves plain HTTP there.
#[derive(Default)]
pub struct Ports {
    /// For clients.
    pub clients: Vec<Listener>,
    /// For clients that speak plain HTTP; those above then speak gRPC alone.
    pub http: Vec<Listener>,
    /// For those who watch over the server: health and metrics alone.
    pub watched: Vec<Listener>,
    /// For those who say which instances there are. Whoever reaches these may do that.
    pub control: Vec<Listener>,
    /// How plain HTTP is served, but to those.
    pub web: Web,
}

/// The bounds of a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest request, in bytes of its encoding.
    pub max_request_bytes: usize,
    /// Most calls a client has open on one connection.
    pub max_concurrent_streams: u32,
    /// Most open connections.
    pub max_connections: usize,
    /// Time between pings on a silent connection; `None` is never.
    pub keepalive_interval: Option<Duration>,
    /// A ping without an answer after this long closes the connection.
    pub keepalive_timeout: Duration,
}

/// Serves the instances of a tenancy on its ports until `shutdown` completes; what it counts and which
/// version of etcd it is said to be is in `metrics`.
///
/// Then the ports are closed, watch and keep-alive streams end with `server stopped`, and
/// requests under way get [`SHUTDOWN_GRACE`] to finish. The instances stay open.
pub async fn run(
    ports: Ports,
    tenancy: impl Tenancy,
    metrics: Metrics,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = Stopping::new();
    let version = metrics.version();
    let (tenancy, metrics) = (Arc::new(tenancy), Arc::new(metrics));
    let operators = tenancy.of_operators();
    let is_shared = operators.is_some();
    let of_operators: Arc<dyn Tenancy> = match operators {
        Some(instance) => Arc::new(instance),
        None => tenancy.clone(),
    };
    let front = |tenancy, maker| Front::new(tenancy, metrics.calls.clone(), maker);
    let connections_max = limits.max_connections;
    let watched_max = WATCHED_CONNECTIONS_MAX;
    let (told, tenants) = (metrics.clone(), tenancy.clone() as Arc<dyn Tenancy>);
    let watched: Maker = Box::new(move |instance| {
        let routes = ops::watched(instance.clone(), tenants.clone(), told.clone());
        Routes::from(routes).into()
    });
    let watched = front(of_operators.clone(), watched);
    let watched = serve(watched, ports.watched, watched_max, &limits, &stopping);
    let tenants = tenancy.clone() as Arc<dyn Tenancy>;
    let control: Maker = Box::new(move |instance| control::routes(instance, &tenants).into());
    let control = front(of_operators, control);
    let control = serve(control, ports.control, watched_max, &limits, &stopping);
    // What the server as a whole does is not for those who have a part of it.
    let shows_metrics = !is_shared;
    let told = metrics.clone();
    let http: Maker = Box::new(move |instance| {
        let routes = ops::router(instance.clone(), version, told.clone(), shows_metrics);
        Routes::from(routes).into()
    });
    let http = front(tenancy.clone(), http);
    let is_http_apart = !ports.http.is_empty();
    let (told, stopped) = (metrics.clone(), stopping.clone());
    let clients: Maker = Box::new(move |instance| {
        let keys = etcd::keys(instance, limits.max_request_bytes);
        let grpc = grpc(instance, version, &limits, &stopped);
        if is_http_apart {
            return Services::new(keys, grpc);
        }
        let http = ops::router(instance.clone(), version, told.clone(), shows_metrics);
        // Of two fallbacks axum takes none, so tonic's gives way to ours, which knows both protocols.
        let grpc = grpc.into_axum_router().reset_fallback();
        Services::new(keys, grpc.merge(http))
    });
    let clients = front(tenancy, clients);
    let with_gateway = |rest| {
        let max_request_bytes = limits.max_request_bytes;
        Gateway::new(ports.web.clone(), rest, clients.clone(), max_request_bytes)
    };
    let http = with_gateway(http);
    let http = serve(http, ports.http, connections_max, &limits, &stopping);
    let listeners = ports.clients;
    let clients = match is_http_apart {
        true => serve(clients, listeners, connections_max, &limits, &stopping).left_future(),
        false => {
            let clients = with_gateway(clients.clone());
            serve(clients, listeners, connections_max, &limits, &stopping).right_future()
        }
    };
    let serving = async { tokio::join!(clients, http, watched, control) };
    tokio::pin!(serving);
    tokio::select! {
        _ = &mut serving => return,
        () = shutdown => {}
    }
    stop.send_replace(true);
    if tokio::time::timeout(SHUTDOWN_GRACE, serving).await.is_err() {
        tracing::warn!(grace = ?SHUTDOWN_GRACE, "requests are still running, they are cut off");
    }
}

/// Serves on some ports until the server stops.
fn serve<S: Answers>(
    service: S,
    listeners: Vec<Listener>,
    connections_max: usize,
    limits: &Limits,
    stopping: &Stopping,
) -> impl Future<Output = ()> + use<S> {
    let connections = connections(listeners, connections_max);
    let stopping = stopping.clone();
    let stopped = async move { stopping.wait().await };
    Transport::new(limits).serve(service, connections, stopped)
}

fn grpc(instance: &Instance, version: EtcdVersion, limits: &Limits, stopping: &Stopping) -> Routes {
    // Answers SERVING for the service "" from the start, as etcd does.
    let (_, health) = tonic_health::server::health_reporter();
    let taking = peer::Taking::default();
    taking.begin(instance);
    etcd::routes(instance, version, limits.max_request_bytes, stopping)
        .add_service(peer::service(&taking, stopping))
        .add_service(health)
}

/// Tells streams without an end of their own that the server stops.
#[derive(Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// With who says when.
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (stop, stopping) = watch::channel(false);
        (stop, Self(stopping))
    }

    /// Whether the server stops.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when the server stops.
    pub async fn wait(&self) {
        // An error means that `run` is gone, and the server with it.
        let _ = self.0.clone().wait_for(|stopping| *stopping).await;
    }
}
