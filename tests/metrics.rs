//! `/metrics` of a running server: what a known set of requests adds to it, beside a real etcd where
//! there is one, and that everything in it is documented.
#![allow(clippy::unwrap_used)]

mod support;

use kvtool::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use kvtool::pb::etcdserverpb::request_op::Request;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::client::Client;
use support::cluster::Cluster;
use support::group::Group;
use support::server::{Etcd, Program, Server, free_port};
use support::skip;
use tonic::Code;

/// Longer than anything here takes that ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// A counter that has not moved yet is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What [`script`] adds to the counters that both servers have.
const ADDED: &[(&str, f64)] = &[
    // Five gets, two of them refused, and that of the health check; puts and a deletion that read;
    // four compares, as the first that fails ends its transaction's; two gets in transactions.
    ("etcd_mvcc_range_total", 15.0),
    ("etcd_mvcc_put_total", 8.0),
    // Four, and the two keys of the lease that was revoked.
    ("etcd_mvcc_delete_total", 6.0),
    // Puts and deletes that read, the compares and the rest of a transaction, the revocation.
    ("etcd_mvcc_txn_total", 7.0),
    ("etcd_debugging_lease_granted_total", 1.0),
    ("etcd_debugging_lease_renewed_total", 1.0),
    ("etcd_debugging_lease_revoked_total", 1.0),
    ("etcd_debugging_server_lease_expired_total", 0.0),
    ("etcd_debugging_mvcc_current_revision", 10.0),
    ("etcd_debugging_mvcc_keys_total", 2.0),
    ("etcd_debugging_mvcc_events_total", 4.0),
    ("etcd_debugging_mvcc_watch_stream_total", 1.0),
    ("etcd_debugging_mvcc_watcher_total", 2.0),
    ("etcd_debugging_mvcc_slow_watcher_total", 0.0),
    ("etcd_debugging_mvcc_pending_events_total", 0.0),
    ("etcd_server_health_success", 1.0),
    ("etcd_server_health_failures", 0.0),
    ("etcd_server_leader_changes_seen_total", 0.0),
    ("etcd_server_proposals_failed_total", 0.0),
    ("etcd_server_read_indexes_failed_total", 0.0),
];

/// What etcd adds on top: it finds its revision by reading a range, when it compacts.
const ETCD_READS: f64 = 1.0;

/// The calls of [`script`]: service, method, those begun, and those ended by their code.
type Called = (
    &'static str,
    &'static str,
    f64,
    &'static [(&'static str, f64)],
);
const CALLED: &[Called] = &[
    ("KV", "Range", 5.0, &[("OK", 3.0), ("OutOfRange", 2.0)]),
    ("KV", "Put", 7.0, &[("OK", 6.0), ("NotFound", 1.0)]),
    ("KV", "DeleteRange", 4.0, &[("OK", 4.0)]),
    ("KV", "Txn", 4.0, &[("OK", 4.0)]),
    ("KV", "Compact", 1.0, &[("OK", 1.0)]),
    ("Lease", "LeaseGrant", 1.0, &[("OK", 1.0)]),
    ("Lease", "LeaseKeepAlive", 1.0, &[("OK", 1.0)]),
    ("Lease", "LeaseRevoke", 1.0, &[("OK", 1.0)]),
    ("Watch", "Watch", 1.0, &[]),
];

/// The body of an answer to a GET; its status must be 200.
fn get(address: SocketAddr, path: &str) -> String {
    let (status, body) = ask(address, path);
    assert_eq!(status, "200 OK", "{path}: {body}");
    body
}

fn ask(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    // The older protocol, so that nobody answers in chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: a\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().split_once(' ').unwrap().1;
    (status.to_owned(), body.to_owned())
}

/// A page of metrics.
#[derive(Debug)]
struct Page {
    types: BTreeMap<String, String>,
    /// By the name with its labels.
    samples: BTreeMap<String, f64>,
}

impl Page {
    /// The first one of a server that has counted its keys.
    fn first(address: SocketAddr) -> Self {
        let begin = Instant::now();
        loop {
            let page = Self::of(address);
            if page.types.contains_key("etcd_debugging_mvcc_keys_total") {
                return page;
            }
            assert!(begin.elapsed() < PATIENCE, "the keys are not counted");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn of(address: SocketAddr) -> Self {
        let mut page = Self {
            types: BTreeMap::new(),
            samples: BTreeMap::new(),
        };
        for line in get(address, "/metrics").lines() {
            if let Some(named) = line.strip_prefix("# TYPE ") {
                let (name, kind) = named.split_once(' ').unwrap();
                let before = page.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} is there twice");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let before = page.samples.insert(name.to_owned(), value.parse().unwrap());
                assert_eq!(before, None, "{name} is there twice");
            }
        }
        page
    }

    /// A sample; 0 where a label has a value that was not met yet.
    fn sample(&self, name: &str) -> f64 {
        let is_labeled = name.contains('{');
        match self.samples.get(name) {
            Some(value) => *value,
            None if is_labeled => 0.0,
            None => panic!("there is no {name}"),
        }
    }

    /// The names of the labels of a metric.
    fn labels(&self, name: &str) -> BTreeSet<&str> {
        let labels = self.samples.keys().filter_map(|sample| {
            let (of, labels) = sample.split_once('{')?;
            (of == name).then_some(labels)
        });
        let pairs = labels.flat_map(|labels| labels.trim_end_matches('}').split("\","));
        pairs.map(|pair| pair.split_once('=').unwrap().0).collect()
    }
}

fn calls(kind: &str, (service, method): (&str, &str), code: Option<&str>) -> String {
    let code = code.map_or(String::new(), |code| format!("grpc_code=\"{code}\","));
    let streams = match method {
        "Watch" | "LeaseKeepAlive" => "bidi_stream",
        _ => "unary",
    };
    format!(
        "grpc_server_{kind}_total{{{code}grpc_method=\"{method}\",\
         grpc_service=\"etcdserverpb.{service}\",grpc_type=\"{streams}\"}}"
    )
}

fn range(key: &str) -> RangeRequest {
    RangeRequest {
        key: key.to_owned().into(),
        ..RangeRequest::default()
    }
}

fn put(key: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: "value".into(),
        ..PutRequest::default()
    }
}

fn delete(key: &str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.to_owned().into(),
        ..DeleteRangeRequest::default()
    }
}

fn exists(key: &str) -> Compare {
    Compare {
        result: CompareResult::Greater.into(),
        target: CompareTarget::Version.into(),
        key: key.to_owned().into(),
        target_union: Some(TargetUnion::Version(0)),
        ..Compare::default()
    }
}

fn ops(requests: impl IntoIterator<Item = Request>) -> Vec<RequestOp> {
    let op = |request| RequestOp {
        request: Some(request),
    };
    requests.into_iter().map(op).collect()
}

fn watch(key: &str) -> WatchRequest {
    WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: key.to_owned().into(),
            ..WatchCreateRequest::default()
        })),
    }
}

/// The requests whose traces are looked for. The stream that it answers is still open.
async fn script(client: &mut Client, address: SocketAddr) -> impl Sized + use<> {
    let Client {
        kv, watch: watches, ..
    } = client;
    let (sender, requests) = tokio::sync::mpsc::channel(2);
    sender.send(watch("a")).await.unwrap();
    sender.send(watch("b")).await.unwrap();
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut events = watches.watch(requests).await.unwrap().into_inner();
    for _ in 0..2 {
        assert!(events.message().await.unwrap().unwrap().created);
    }

    kv.put(put("a")).await.unwrap();
    let with_previous = PutRequest {
        prev_kv: true,
        ..put("a")
    };
    kv.put(with_previous).await.unwrap();
    let keeping = PutRequest {
        ignore_value: true,
        value: Default::default(),
        ..put("a")
    };
    kv.put(keeping).await.unwrap();
    let nobodys = PutRequest {
        lease: 77,
        ..put("c")
    };
    let refused = kv.put(nobodys).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    kv.range(range("a")).await.unwrap();
    let serializable = RangeRequest {
        serializable: true,
        ..range("a")
    };
    kv.range(serializable).await.unwrap();
    let at = |revision| RangeRequest {
        revision,
        ..range("a")
    };
    kv.range(at(2)).await.unwrap();
    let refused = kv.range(at(1000)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);

    let found = TxnRequest {
        compare: vec![exists("a"), exists("a")],
        success: ops([
            Request::RequestPut(put("b")),
            Request::RequestRange(range("b")),
        ]),
        ..TxnRequest::default()
    };
    kv.txn(found).await.unwrap();
    let missing = TxnRequest {
        compare: vec![exists("none"), exists("a")],
        failure: ops([Request::RequestPut(put("c"))]),
        ..TxnRequest::default()
    };
    kv.txn(missing).await.unwrap();
    let reading = TxnRequest {
        compare: vec![exists("a")],
        success: ops([Request::RequestRange(range("a"))]),
        ..TxnRequest::default()
    };
    kv.txn(reading).await.unwrap();
    kv.txn(TxnRequest::default()).await.unwrap();

    for one in [delete("c"), delete("c"), delete("none")] {
        kv.delete_range(one).await.unwrap();
    }
    let all = DeleteRangeRequest {
        range_end: "d".into(),
        prev_kv: true,
        ..delete("c")
    };
    kv.delete_range(all).await.unwrap();

    let leases = &mut client.lease;
    let grant = LeaseGrantRequest { ttl: 600, id: 7 };
    leases.lease_grant(grant).await.unwrap();
    for key in ["l1", "l2", "l1"] {
        let leased = PutRequest {
            lease: 7,
            ..put(key)
        };
        kv.put(leased).await.unwrap();
    }
    let keep = tokio_stream::iter([LeaseKeepAliveRequest { id: 7 }]);
    let mut kept = leases.lease_keep_alive(keep).await.unwrap().into_inner();
    assert_eq!(kept.message().await.unwrap().unwrap().ttl, 600);
    assert_eq!(kept.message().await.unwrap(), None);
    let revoke = LeaseRevokeRequest { id: 7 };
    leases.lease_revoke(revoke).await.unwrap();

    let compact = CompactionRequest {
        revision: 5,
        physical: true,
    };
    kv.compact(compact).await.unwrap();
    let refused = kv.range(at(2)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    get(address, "/health");

    let mut seen = 0;
    while seen < 4 {
        seen += events.message().await.unwrap().unwrap().events.len();
    }
    (sender, events)
}

/// A page on which the last of what was counted has arrived: a stream is counted when its end was
/// sent, and the client may see that a moment earlier.
async fn settled(address: SocketAddr) -> Page {
    let begin = Instant::now();
    let last = calls("handled", ("Lease", "LeaseKeepAlive"), Some("OK"));
    loop {
        let page = Page::of(address);
        if page.sample(&last) == 1.0 {
            return page;
        }
        assert!(begin.elapsed() < PATIENCE, "{last} stays 0");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn check_counts(program: &Program) -> Page {
    let directory = tempfile::tempdir().unwrap();
    let arguments: &[&str] = match program {
        Program::Etcd(_) => &["--metrics=extensive"],
        _ => &[],
    };
    let server = Server::start(program, directory.path(), arguments);
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    let before = Page::first(address);
    let _open = script(&mut client, address).await;
    let after = settled(address).await;
    let added = |(name, wanted): &(&'static str, f64)| {
        let reads_more = *name == "etcd_mvcc_range_total" && matches!(program, Program::Etcd(_));
        let wanted = wanted + if reads_more { ETCD_READS } else { 0.0 };
        (*name, after.sample(name) - before.sample(name), wanted)
    };
    let added = ADDED.iter().map(added);
    let wrong: Vec<_> = added.filter(|(_, found, wanted)| found != wanted).collect();
    assert!(wrong.is_empty(), "{program:?}: found, wanted: {wrong:?}");
    for (service, method, started, handled) in CALLED {
        let called = (*service, *method);
        let added = |name: &str| after.sample(name) - before.sample(name);
        let name = calls("started", called, None);
        assert_eq!(added(&name), *started, "{program:?}: {name}");
        let mut ended = 0.0;
        for (code, count) in *handled {
            let name = calls("handled", called, Some(code));
            assert_eq!(added(&name), *count, "{program:?}: {name}");
            ended += count;
        }
        let all = after.samples.iter().filter(|(name, _)| {
            let method =
                format!("grpc_method=\"{method}\",grpc_service=\"etcdserverpb.{service}\"");
            name.starts_with("grpc_server_handled_total") && name.contains(&method)
        });
        assert_eq!(all.map(|(_, value)| value).sum::<f64>(), ended, "{method}");
        let timed =
            calls("started", called, None).replace("started_total", "handling_seconds_count");
        assert_eq!(
            after.sample(&timed) - before.sample(&timed),
            ended,
            "{program:?}: {timed}"
        );
    }
    for (name, value) in [
        ("etcd_server_has_leader", 1.0),
        ("etcd_server_is_leader", 1.0),
        ("etcd_debugging_mvcc_compact_revision", 5.0),
        ("etcd_server_proposals_pending", 0.0),
    ] {
        assert_eq!(after.sample(name), value, "{program:?}: {name}");
    }
    for name in [
        "etcd_mvcc_db_total_size_in_bytes",
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "etcd_server_proposals_committed_total",
        "etcd_server_proposals_applied_total",
        "etcd_disk_wal_fsync_duration_seconds_count",
        "etcd_disk_backend_commit_duration_seconds_count",
        "etcd_network_client_grpc_received_bytes_total",
        "etcd_network_client_grpc_sent_bytes_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
    ] {
        assert!(after.sample(name) > 0.0, "{program:?}: {name}");
    }
    after
}

#[tokio::test]
async fn a_known_set_of_requests_is_counted_exactly() {
    let page = check_counts(&Program::Kvtool).await;
    // Those that had something to commit, one at a time.
    assert_eq!(page.sample("kvtool_queue_requests"), 0.0);
    assert_eq!(page.sample("kvtool_queue_bytes"), 0.0);
    assert_eq!(page.sample("kvtool_batch_requests_sum"), 13.0);
    assert_eq!(page.sample("kvtool_batch_requests_count"), 13.0);
    assert_eq!(page.sample("kvtool_commit_duration_seconds_count"), 13.0);
    assert_eq!(page.sample("kvtool_cache_keys"), 2.0);
    assert!(page.sample("kvtool_cache_hits_total") > 0.0);
}

#[tokio::test]
async fn what_is_named_as_etcds_is_counted_as_etcd_counts() {
    let Some(etcd) = Etcd::find().filter(|etcd| etcd.version >= (3, 7)) else {
        return skip("metrics beside etcd's", "no etcd of version 3.7");
    };
    let theirs = check_counts(&Program::Etcd(etcd)).await;
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, directory.path(), &[]);
    let ours = Page::first(([127, 0, 0, 1], server.port()).into());
    let mut shared = 0;
    for (name, kind) in &ours.types {
        if name.starts_with("kvtool_") {
            continue;
        }
        assert_eq!(theirs.types.get(name), Some(kind), "{name}");
        if kind != "histogram" {
            assert_eq!(ours.labels(name), theirs.labels(name), "{name}");
        }
        shared += 1;
    }
    assert!(shared > 30, "{shared}");
    // Every method, as etcd knows it.
    for name in ours.samples.keys() {
        // etcd counts neither our own services nor those that it serves as a client of itself.
        let others = ["\"kvtool.", "\"v3lockpb.", "\"v3electionpb."];
        let is_other = others.iter().any(|service| name.contains(service));
        let is_time = name.starts_with("grpc_server_handling_seconds");
        if name.starts_with("grpc_server_") && !is_other && !is_time {
            assert!(theirs.samples.contains_key(name), "{name}");
        }
    }
    for bound in ["0.001", "0.064", "8.192", "+Inf"] {
        let name = format!("etcd_disk_wal_fsync_duration_seconds_bucket{{le=\"{bound}\"}}");
        for page in [&ours, &theirs] {
            assert!(page.samples.contains_key(&name), "{name}");
        }
    }
}

#[test]
fn urls_for_metrics_serve_metrics_and_health_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let arguments = ["--listen-metrics-urls", &url];
    let server = Server::start(&Program::Kvtool, directory.path(), &arguments);
    let clients = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let watched = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(get(watched, "/health"), get(clients, "/health"));
    assert_eq!(ask(watched, "/version").0, "404 Not Found");
    // Both tell of the same server.
    for address in [watched, clients] {
        let page = Page::of(address);
        assert_eq!(page.sample("etcd_server_health_success"), 2.0);
    }
}

#[test]
fn every_metric_is_documented_with_its_type() {
    let directory = tempfile::tempdir().unwrap();
    // What has no bound tells of none.
    let quota = ["--quota-backend-bytes=1073741824"];
    let server = Server::start(&Program::Kvtool, directory.path(), &quota);
    let page = Page::first(([127, 0, 0, 1], server.port()).into());
    let text = include_str!("../docs/METRICS.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeMap<String, String> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next().unwrap().trim_end_matches('`');
            (name.to_owned(), cells.next().unwrap().to_owned())
        })
        // This server has no tenants; `tests/tenants.rs` looks at theirs.
        .filter(|(name, _)| !name.starts_with("kvtool_instance"))
        .collect();
    let (of_peers, documented): (BTreeMap<_, _>, BTreeMap<_, _>) = documented
        .into_iter()
        .partition(|(name, _)| name.contains("peer"));
    assert_eq!(documented, page.types);
    drop(server);

    let mut group = Group::new(3, &[]);
    group.start_all();
    let address = |group: &mut Group, number| {
        let port = group.server(number).port();
        SocketAddr::from(([127, 0, 0, 1], port))
    };
    let begin = Instant::now();
    let told = |page: &Page, name: &str| {
        let all = page.samples.iter().filter(|(sample, _)| {
            let of = sample.split('{').next();
            of == Some(name)
        });
        Vec::from_iter(all.map(|(_, value)| *value))
    };
    // Each has a stream to both others, and has timed them once.
    for number in 0..3 {
        loop {
            let page = Page::of(address(&mut group, number));
            let timed = told(&page, "etcd_network_peer_round_trip_time_seconds_count");
            if timed.len() == 2 && timed.iter().all(|count| *count >= 1.0) {
                assert_eq!(told(&page, "etcd_network_active_peers"), [1.0, 1.0]);
                let received = told(&page, "etcd_network_peer_received_bytes_total");
                assert!(received.iter().any(|bytes| *bytes > 0.0), "{received:?}");
                let types = page.types.into_iter();
                let types: BTreeMap<_, _> =
                    types.filter(|(name, _)| name.contains("peer")).collect();
                assert_eq!(types, of_peers);
                break;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "member {number} has not timed the others"
            );
            std::thread::sleep(LOOK_AGAIN);
        }
    }
    group.kill(2);
    loop {
        let page = Page::of(address(&mut group, 0));
        if told(&page, "etcd_network_disconnected_peers_total").contains(&1.0) {
            assert!(told(&page, "etcd_network_active_peers").contains(&0.0));
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "nobody has noticed");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Where there are several servers, a write is counted by the one that makes its batch.
#[tokio::test]
async fn what_is_handed_over_is_counted_where_it_is_done() {
    const PUTS: u32 = 5;
    let Some(cluster) = Cluster::get("metrics of several servers") else {
        return;
    };
    let start = |name| {
        let server = Server::spawn_on(cluster, "metrics", name, free_port());
        assert!(server.ready(), "{}", server.log());
        server
    };
    let servers = [start("a"), start("b")];
    let address = |server: &Server| SocketAddr::from(([127, 0, 0, 1], server.port()));
    let leads = |server: &Server| Page::of(address(server)).sample("etcd_server_is_leader") == 1.0;
    let begin = Instant::now();
    let leader = loop {
        assert!(begin.elapsed() < PATIENCE, "nobody leads");
        match servers.iter().position(leads) {
            Some(place) => break place,
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    };
    let (leader, other) = (&servers[leader], &servers[1 - leader]);
    let mut client = Client::connect(&other.endpoint()).await.unwrap();
    let answered = "kvtool_forwarded_requests_total{outcome=\"answered\"}";
    // Until the other has found its way to the one that leads.
    while Page::of(address(other)).sample(answered) == 0.0 {
        assert!(begin.elapsed() < PATIENCE, "nothing is handed over");
        client.kv.put(put("a")).await.unwrap();
    }
    let before = [leader, other].map(|server| Page::of(address(server)));
    for _ in 0..PUTS {
        client.kv.put(put("a")).await.unwrap();
    }
    client.kv.range(range("a")).await.unwrap();
    let after = [leader, other].map(|server| Page::of(address(server)));
    let added =
        |name: &str| [0, 1].map(|place| after[place].sample(name) - before[place].sample(name));
    let puts = f64::from(PUTS);
    assert_eq!(added(answered), [0.0, puts]);
    assert_eq!(added("kvtool_taken_requests_total"), [puts, 0.0]);
    assert_eq!(added("etcd_mvcc_put_total"), [puts, 0.0]);
    assert_eq!(added("etcd_mvcc_range_total"), [0.0, 1.0]);
    assert!(added("kvtool_read_index_duration_seconds_count")[1] >= 1.0);
    assert_eq!(added("kvtool_commit_duration_seconds_count")[1], 0.0);
    let leads = after
        .each_ref()
        .map(|page| page.sample("etcd_server_is_leader"));
    assert_eq!(leads, [1.0, 0.0]);
    for page in &after {
        assert_eq!(page.sample("etcd_server_has_leader"), 1.0);
        // FoundationDB says what it takes, but has no disk of this machine's.
        assert!(
            page.samples
                .contains_key("etcd_mvcc_db_total_size_in_bytes")
        );
        assert!(
            !page
                .types
                .contains_key("etcd_disk_wal_fsync_duration_seconds")
        );
    }
}
