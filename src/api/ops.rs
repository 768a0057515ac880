//! Health, version and metrics over plain HTTP, with etcd's paths, statuses and bodies.

use super::metrics::{CONTENT_TYPE, Metrics, descriptors_max};
use super::tenancy::Tenancy;
use super::version::EtcdVersion;
use crate::error::{Error, Result};
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::{AlarmType, RangeRequest};
use crate::store::Leadership;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use std::sync::Arc;
use tonic::Status;

/// The pairs of a query string, in order and with repeats.
type Pairs = Query<Vec<(String, String)>>;

const TEXT: (header::HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
const NO_SNIFF: (header::HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

/// What the endpoints tell of.
#[derive(Clone)]
struct Told {
    instance: Instance,
    metrics: Arc<Metrics>,
    /// Whose instances are told of too.
    tenancy: Option<Arc<dyn Tenancy>>,
}

/// The HTTP endpoints of a client port, and the answer to every path that nothing else serves.
/// Metrics tell what the server as a whole does.
pub fn router(
    instance: Instance,
    version: EtcdVersion,
    metrics: Arc<Metrics>,
    shows_metrics: bool,
) -> Router {
    let told = instance.clone();
    let version = get(move || version_body(version, told.clone()));
    endpoints(instance, metrics, None, shows_metrics).route("/version", only_get(version))
}

/// The endpoints of a port for those who watch over the server.
pub fn watched(instance: Instance, tenancy: Arc<dyn Tenancy>, metrics: Arc<Metrics>) -> Router {
    endpoints(instance, metrics, Some(tenancy), true)
}

fn endpoints(
    instance: Instance,
    metrics: Arc<Metrics>,
    tenancy: Option<Arc<dyn Tenancy>>,
    shows_metrics: bool,
) -> Router {
    let mut router = Router::<Told>::new()
        .route("/debug/vars", only_get(get(variables)))
        .route("/health", only_get(get(health)))
        .fallback(not_found);
    if shows_metrics {
        router = router.route("/metrics", only_get(get(metrics_page)));
    }
    for (path, checks) in [("/livez", LIVE), ("/readyz", READY)] {
        router = router.route(path, checked(checks));
        for check in checks {
            let path = format!("{path}/{}", check.name());
            router = router.route(&path, checked(std::slice::from_ref(check)));
        }
    }
    router.with_state(Told {
        instance,
        metrics,
        tenancy,
    })
}

async fn metrics_page(State(told): State<Told>) -> Response {
    let tenants = match &told.tenancy {
        Some(tenancy) => tenancy.open_instances().await,
        None => Vec::new(),
    };
    let page = told.metrics.page(&told.instance, tenants).await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response()
}

fn only_get<S: Clone + Send + Sync + 'static>(route: MethodRouter<S>) -> MethodRouter<S> {
    // Without its own HEAD, axum would answer it through GET.
    route.head(method_not_allowed).fallback(method_not_allowed)
}

async fn method_not_allowed() -> Response {
    let allow = [(header::ALLOW, Method::GET.as_str())];
    let body = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    (allow, body).into_response()
}

/// One port serves two protocols, so a path nobody knows is answered in the protocol it came in.
async fn not_found(request: Request) -> Response {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        let path = request.uri().path().trim_start_matches('/');
        let service = path.split_once('/').map_or(path, |(service, _)| service);
        return Status::unimplemented(format!("unknown service {service}")).into_http();
    }
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn text(status: StatusCode, body: impl Into<String>) -> Response {
    (status, [TEXT, NO_SNIFF], body.into()).into_response()
}

/// What etcd tells there of itself, as far as it is not Go's.
async fn variables(State(told): State<Told>) -> Response {
    let instance = &told.instance;
    let leadership = *instance.leadership().borrow();
    let progress = instance.progress();
    let own = instance.member_id();
    let (state, leader) = match leadership {
        _ if leadership.leads() => ("StateLeader", own),
        Leadership { leader, .. } => ("StateFollower", leader.unwrap_or(0)),
    };
    let body = serde_json::json!({
        "file_descriptor_limit": descriptors_max(),
        "raft.status": {
            "id": format!("{own:x}"),
            "term": leadership.term,
            "commit": progress.committed,
            "lead": format!("{leader:x}"),
            "raftState": state,
            "applied": progress.applied,
        },
    });
    let json = "application/json; charset=utf-8";
    ([(header::CONTENT_TYPE, json)], body.to_string()).into_response()
}

async fn version_body(version: EtcdVersion, instance: Instance) -> Response {
    let cluster = version.cluster_during(&instance.told_downgrade().await);
    let body =
        format!(r#"{{"etcdserver":"{version}","etcdcluster":"{cluster}","storage":"{cluster}"}}"#);
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn health(State(told): State<Told>, Query(query): Pairs) -> Response {
    let body = |health: bool, reason: &str| {
        serde_json::json!({ "health": health.to_string(), "reason": reason }).to_string()
    };
    match healthy(&told.instance, &query).await {
        Ok(()) => {
            told.metrics.healthy.add(1);
            ([TEXT], body(true, "")).into_response()
        }
        Err(reason) => {
            told.metrics.unhealthy.add(1);
            tracing::warn!(reason, "/health is false");
            text(StatusCode::SERVICE_UNAVAILABLE, body(false, &reason) + "\n")
        }
    }
}

/// Whether this server can be used; the error is the reason why not.
async fn healthy(instance: &Instance, query: &[(String, String)]) -> Result<(), String> {
    let asked = |name: &str, value: &str| query.iter().any(|(n, v)| n == name && v == value);
    let failed = |error: Error| format!("RANGE ERROR:{error}");
    for alarm in alarms(instance).await.map_err(failed)? {
        if !asked("exclude", alarm.as_str_name()) {
            return Err(format!("ALARM {}", alarm.as_str_name()));
        }
    }
    match read(instance, asked("serializable", "true")).await {
        Err(Error::NoLeader) => Err("RAFT NO LEADER".to_owned()),
        outcome => outcome.map_err(failed),
    }
}

async fn alarms(instance: &Instance) -> Result<Vec<AlarmType>> {
    let raised = instance.raised().await?;
    Ok(raised.iter().map(|member| member.alarm()).collect())
}

/// Reads one key, which need not exist.
async fn read(instance: &Instance, serializable: bool) -> Result<()> {
    let request = RangeRequest {
        key: Bytes::from_static(b"health"),
        keys_only: true,
        limit: 1,
        serializable,
        ..RangeRequest::default()
    };
    instance.range(request).await.map(drop)
}

/// One line of `/livez` or `/readyz`.
#[derive(Debug, Clone, Copy)]
enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

/// What a server needs to be left running.
const LIVE: &[Check] = &[Check::SerializableRead];
/// What a server needs to be sent requests.
const READY: &[Check] = &[
    Check::DataCorruption,
    Check::SerializableRead,
    Check::LinearizableRead,
    Check::NonLearner,
];

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
        }
    }

    async fn run(self, instance: &Instance) -> Result<(), String> {
        let failed = |error: Error| format!("range error: {error}");
        match self {
            Self::DataCorruption => match alarms(instance).await {
                Ok(raised) if raised.contains(&AlarmType::Corrupt) => {
                    Err("alarm activated: CORRUPT".to_owned())
                }
                outcome => outcome.map(drop).map_err(|error| error.to_string()),
            },
            Self::SerializableRead => read(instance, true).await.map_err(failed),
            Self::LinearizableRead => read(instance, false).await.map_err(failed),
            Self::NonLearner => match instance.is_learner() {
                true => Err("the member is a learner".to_owned()),
                false => Ok(()),
            },
        }
    }
}

fn checked(checks: &'static [Check]) -> MethodRouter<Told> {
    only_get(get(
        async move |State(told): State<Told>, Query(query): Pairs| {
            report(&told.instance, checks, &query).await
        },
    ))
}

/// Runs the checks that are not excluded; a failure shows all of them, success only on `verbose`.
async fn report(instance: &Instance, checks: &[Check], query: &[(String, String)]) -> Response {
    let mut lines = String::new();
    let mut status = StatusCode::OK;
    for check in checks {
        let name = check.name();
        if query.iter().any(|(n, v)| n == "exclude" && v == name) {
            continue;
        }
        lines += &match check.run(instance).await {
            Ok(()) => format!("[+]{name} ok\n"),
            Err(reason) => {
                tracing::warn!(check = name, reason, "health check failed");
                status = StatusCode::SERVICE_UNAVAILABLE;
                format!("[-]{name} failed: {reason}\n")
            }
        };
    }
    let verbose = query.iter().any(|(name, _)| name == "verbose");
    text(
        status,
        match status {
            StatusCode::OK if verbose => lines + "ok\n",
            StatusCode::OK => "ok\n".to_owned(),
            _ => lines + "\n",
        },
    )
}
