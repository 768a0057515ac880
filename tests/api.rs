//! The server in this process, over memory, spoken to by gRPC clients and over plain HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use kvtool::api::listener::Listener;
use kvtool::api::metrics::Metrics;
use kvtool::api::server::{self, Limits, Ports};
use kvtool::api::tls::{self, Tls};
use kvtool::mvcc::{Advertised, AutoCompaction, Instance, Options};
use kvtool::pb::etcdserverpb::cluster_client::ClusterClient;
use kvtool::pb::etcdserverpb::kv_client::KvClient;
use kvtool::pb::etcdserverpb::lease_client::LeaseClient;
use kvtool::pb::etcdserverpb::maintenance_client::MaintenanceClient;
use kvtool::pb::etcdserverpb::watch_client::WatchClient;
use kvtool::pb::etcdserverpb::*;
use kvtool::store::Store;
use kvtool::store::memory::Memory;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::authority::Authority;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Long enough for a server that would answer to have answered.
const SILENCE: Duration = Duration::from_millis(200);

struct Server {
    addresses: Vec<SocketAddr>,
    instance: Instance,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::start_with(usize::MAX, &[None]).await
    }

    /// One listener per entry of `acceptors`, at most `max_connections` open.
    async fn start_with(max_connections: usize, acceptors: &[Option<Arc<Tls>>]) -> Self {
        let options = Options {
            name: "n1".to_owned(),
            max_txn_ops: 128,
            max_request_bytes: MAX_REQUEST_BYTES,
            watch_progress_interval: Duration::from_secs(600),
            auto_compaction: AutoCompaction::Off,
            advertised: Advertised {
                client_urls: vec!["http://a:1".to_owned()],
                peer_urls: Vec::new(),
            },
            ..Options::default()
        };
        let store = Store::Memory(Memory::new());
        let instance = Instance::open(store, "default", options).await.unwrap();
        let mut listeners = Vec::new();
        for acceptor in acceptors {
            let listener = Listener::bind("127.0.0.1", 0, acceptor.clone()).await;
            listeners.push(listener.unwrap());
        }
        let addresses = listeners.iter().filter_map(Listener::address).collect();
        let version = "3.7.1".parse().unwrap();
        let metrics = Metrics::new(version, Duration::MAX, Arc::default());
        let limits = Limits {
            max_request_bytes: MAX_REQUEST_BYTES,
            max_concurrent_streams: u32::MAX,
            max_connections,
            keepalive_interval: None,
            keepalive_timeout: Duration::from_secs(20),
        };
        let (stop, stopped) = oneshot::channel();
        let served = instance.clone();
        let serving = tokio::spawn(async move {
            let shutdown = async {
                stopped.await.ok();
            };
            let ports = Ports {
                clients: listeners,
                ..Ports::default()
            };
            server::run(ports, served, metrics, limits, shutdown).await;
        });
        Self {
            addresses,
            instance,
            stop,
            serving,
        }
    }

    async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.addresses[0])).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// Sends one HTTP/1.1 request and returns its status line and body.
    async fn http(&self, request: &str) -> (String, String) {
        let stream = TcpStream::connect(self.addresses[0]).await.unwrap();
        http(stream, request).await
    }

    async fn raise(&self, alarm: AlarmType) {
        let request = AlarmRequest {
            action: alarm_request::AlarmAction::Activate as i32,
            member_id: self.instance.member_id(),
            alarm: alarm as i32,
        };
        self.instance.alarm(request).await.unwrap();
    }
}

async fn http(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> (String, String) {
    let request = format!("{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().trim_start_matches("HTTP/1.1 ");
    (status.to_owned(), body.to_owned())
}

#[tokio::test]
async fn http_answers_are_etcds() {
    let server = Server::start().await;
    const OK: &str = "200 OK";
    const FORBIDDEN: &str = "405 Method Not Allowed";
    const MISSING: &str = "404 Not Found";
    for (request, status, body) in [
        ("GET /health", OK, r#"{"health":"true","reason":""}"#),
        (
            "GET /health?serializable=true",
            OK,
            r#"{"health":"true","reason":""}"#,
        ),
        ("POST /health", FORBIDDEN, "Method Not Allowed\n"),
        ("HEAD /health", FORBIDDEN, ""),
        ("GET /livez", OK, "ok\n"),
        ("GET /livez?verbose", OK, "[+]serializable_read ok\nok\n"),
        ("DELETE /livez", FORBIDDEN, "Method Not Allowed\n"),
        ("GET /readyz", OK, "ok\n"),
        (
            "GET /readyz?verbose&exclude=non_learner&exclude=data_corruption",
            OK,
            "[+]serializable_read ok\n[+]linearizable_read ok\nok\n",
        ),
        ("GET /readyz/data_corruption", OK, "ok\n"),
        (
            "GET /readyz/linearizable_read?verbose",
            OK,
            "[+]linearizable_read ok\nok\n",
        ),
        ("GET /readyz/nothing", MISSING, "404 page not found\n"),
        ("GET /readyz/", MISSING, "404 page not found\n"),
        (
            "GET /version",
            OK,
            r#"{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}"#,
        ),
        ("POST /version", FORBIDDEN, "Method Not Allowed\n"),
        ("GET /", MISSING, "404 page not found\n"),
    ] {
        let expected = (status.to_owned(), body.to_owned());
        assert_eq!(server.http(request).await, expected, "{request}");
    }
    let (status, body) = server.http("GET /debug/vars").await;
    assert_eq!(status, OK);
    let variables: serde_json::Value = serde_json::from_str(&body).unwrap();
    let own = format!("{:x}", server.instance.member_id());
    assert_eq!(variables["raft.status"]["id"], own);
    assert_eq!(variables["raft.status"]["lead"], own);
    assert_eq!(variables["raft.status"]["raftState"], "StateLeader");
}

#[tokio::test]
async fn alarms_show_in_health_readiness_and_status() {
    let server = Server::start().await;
    server.raise(AlarmType::Nospace).await;
    let unavailable = |body: &str| ("503 Service Unavailable".to_owned(), body.to_owned());
    assert_eq!(
        server.http("GET /health").await,
        unavailable("{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n")
    );
    let (status, _) = server.http("GET /health?exclude=NOSPACE").await;
    assert_eq!(status, "200 OK");
    let (status, _) = server.http("GET /readyz").await;
    assert_eq!(status, "200 OK");

    server.raise(AlarmType::Corrupt).await;
    assert_eq!(
        server.http("GET /readyz/data_corruption").await,
        unavailable("[-]data_corruption failed: alarm activated: CORRUPT\n\n")
    );
    let (_, lines) = server.http("GET /readyz").await;
    assert!(lines.contains("[-]data_corruption failed"), "{lines}");
    assert!(lines.contains("[+]serializable_read ok\n"), "{lines}");
    let (status, _) = server.http("GET /readyz?exclude=data_corruption").await;
    assert_eq!(status, "200 OK");

    let mut maintenance = MaintenanceClient::new(server.channel().await);
    let answer = maintenance.status(StatusRequest {}).await.unwrap();
    let member = server.instance.member_id();
    assert_eq!(
        answer.into_inner().errors,
        [
            format!("memberID:{member} alarm:NOSPACE"),
            format!("memberID:{member} alarm:CORRUPT")
        ]
    );
}

#[tokio::test]
async fn only_flat_reads_get_past_a_corrupt_alarm() {
    let server = Server::start().await;
    server.raise(AlarmType::Corrupt).await;
    let mut kv = KvClient::new(server.channel().await);
    let transaction = |request| TxnRequest {
        success: vec![RequestOp {
            request: Some(request),
        }],
        ..TxnRequest::default()
    };
    let range = RangeRequest {
        key: "a".into(),
        ..RangeRequest::default()
    };
    let flat = transaction(request_op::Request::RequestRange(range));
    kv.txn(flat.clone()).await.unwrap();
    let nested = transaction(request_op::Request::RequestTxn(flat));
    let refused = kv.txn(nested).await.unwrap_err();
    assert_eq!(refused.code(), Code::DataLoss);
    assert_eq!(refused.message(), "etcdserver: corrupt cluster");
}

#[tokio::test]
async fn status_and_members_describe_the_server() {
    let server = Server::start().await;
    let member = server.instance.member_id();
    let mut maintenance = MaintenanceClient::new(server.channel().await);
    let status = maintenance.status(StatusRequest {}).await.unwrap();
    let status = status.into_inner();
    assert_eq!(status.version, "3.7.1");
    assert_eq!(status.storage_version, "3.7.0");
    assert_eq!(status.leader, member);
    assert_eq!(status.header.unwrap().revision, 1);
    assert_eq!(status.raft_index, status.raft_applied_index);
    assert_eq!(status.errors, [""; 0]);

    let mut cluster = ClusterClient::new(server.channel().await);
    let list = cluster.member_list(MemberListRequest::default()).await;
    let list = list.unwrap().into_inner();
    assert_eq!(list.header.unwrap().revision, 0);
    let expected = Member {
        id: member,
        name: "n1".to_owned(),
        peer_ur_ls: Vec::new(),
        client_ur_ls: vec!["http://a:1".to_owned()],
        is_learner: false,
    };
    assert_eq!(list.members, [expected]);

    let mut health = HealthClient::new(server.channel().await);
    let answer = health.check(tonic_health::pb::HealthCheckRequest::default());
    let answer = answer.await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
}

/// The numbers are those of etcd 3.7.1 after the same requests.
#[tokio::test]
async fn hashes_are_etcds() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let mut maintenance = MaintenanceClient::new(server.channel().await);
    let mut hash = async |revision| {
        let request = HashKvRequest { revision };
        let answer = maintenance.hash_kv(request).await.unwrap().into_inner();
        (answer.hash_revision, answer.hash)
    };
    let request = |key: &'static str, value: &'static str| PutRequest {
        key: key.into(),
        value: value.into(),
        ..PutRequest::default()
    };
    assert_eq!(hash(0).await, (1, 1_084_519_789));
    kv.put(request("a", "1")).await.unwrap();
    assert_eq!(hash(0).await, (2, 2_587_454_935));
    kv.put(request("b", "2")).await.unwrap();
    assert_eq!(hash(0).await, (3, 1_827_592_406));
    let delete = DeleteRangeRequest {
        key: "a".into(),
        ..DeleteRangeRequest::default()
    };
    kv.delete_range(delete).await.unwrap();
    assert_eq!(hash(0).await, (4, 1_562_576_432));
    assert_eq!(hash(2).await, (2, 2_587_454_935));
    let compaction = CompactionRequest {
        revision: 3,
        physical: true,
    };
    kv.compact(compaction).await.unwrap();
    // What was deleted after the compaction counts no more, though it is still there.
    assert_eq!(hash(0).await, (4, 776_148_148));
}

fn put(value_bytes: usize) -> PutRequest {
    PutRequest {
        key: Bytes::from_static(b"k"),
        value: vec![7; value_bytes].into(),
        ..PutRequest::default()
    }
}

#[tokio::test]
async fn a_request_over_a_limit_gets_etcds_error_for_that_limit() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    kv.put(put(MAX_REQUEST_BYTES - 1024)).await.unwrap();

    let refused = kv.put(put(MAX_REQUEST_BYTES)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "etcdserver: request is too large");

    let limit = MAX_REQUEST_BYTES + 512 * 1024;
    let refused = kv.put(put(limit)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let text = format!(
        "grpc: received message larger than max ({} vs. {limit})",
        limit + 7
    );
    assert_eq!(refused.message(), text);

    // The same on a stream.
    let mut leases = LeaseClient::new(server.channel().await);
    let mut watches = WatchClient::new(server.channel().await);
    let create = WatchCreateRequest {
        key: vec![7; limit].into(),
        ..WatchCreateRequest::default()
    };
    let request = WatchRequest {
        request_union: Some(watch_request::RequestUnion::CreateRequest(create)),
    };
    let stream = watches.watch(tokio_stream::iter([request])).await.unwrap();
    let refused = stream.into_inner().message().await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    // And the server serves on.
    leases.lease_leases(LeaseLeasesRequest {}).await.unwrap();
}

/// Long answers are encoded as they are sent, a piece at a time.
#[tokio::test]
async fn a_long_list_comes_whole() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await).max_decoding_message_size(usize::MAX);
    for number in 0..600 {
        let request = PutRequest {
            key: format!("{number:03}").into(),
            value: vec![b'v'; number * 3].into(),
            ..PutRequest::default()
        };
        server.instance.put(request).await.unwrap();
    }
    for limit in [0, 101, 250, 600, 1000] {
        let request = RangeRequest {
            key: Bytes::from_static(b"0"),
            range_end: Bytes::from_static(b"\0"),
            limit,
            ..RangeRequest::default()
        };
        let found = kv.range(request.clone()).await.unwrap().into_inner();
        assert!(found == server.instance.range(request).await.unwrap());
        assert_eq!(found.more, (1..600).contains(&limit));
    }
}

#[tokio::test]
async fn call_metadata_is_checked() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let mut request = Request::new(put(1));
    let metadata = request.metadata_mut();
    metadata.insert("client-api-version", MetadataValue::from_static("3.7"));
    metadata.insert("hasleader", MetadataValue::from_static("true"));
    kv.put(request).await.unwrap();

    let mut request = Request::new(put(1));
    let not_text = MetadataValue::try_from(&b"\xff"[..]).unwrap();
    request
        .metadata_mut()
        .insert("client-api-version", not_text);
    let refused = kv.put(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "etcdserver: invalid client api version");
}

#[tokio::test]
async fn what_is_not_offered_is_unimplemented() {
    let server = Server::start().await;
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    for (path, text) in [
        (
            "/etcdserverpb.Maintenance/Nothing",
            "this server does not offer the method",
        ),
        (
            "/etcdserverpb.Cluster/MemberRemove",
            "the servers of this store are no group: each belongs to it as long as it runs",
        ),
        (
            "/etcdserverpb.Nothing/Get",
            "unknown service etcdserverpb.Nothing",
        ),
    ] {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<StatusRequest, StatusResponse>::default();
        let request = Request::new(StatusRequest {});
        let refused = grpc.unary(request, path.parse().unwrap(), codec).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        assert_eq!(refused.message(), text);
    }
}

#[tokio::test]
async fn keep_alives_are_answered_in_order_and_a_lease_that_is_gone_with_ttl_0() {
    let server = Server::start().await;
    let mut leases = LeaseClient::new(server.channel().await);
    let grant = LeaseGrantRequest { ttl: 60, id: 7 };
    leases.lease_grant(grant).await.unwrap();
    let ids = [7, 8, 7];
    let requests = tokio_stream::iter(ids.map(|id| LeaseKeepAliveRequest { id }));
    let mut answers = leases
        .lease_keep_alive(requests)
        .await
        .unwrap()
        .into_inner();
    for (id, ttl) in [(7, 60), (8, 0), (7, 60)] {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!((answer.id, answer.ttl), (id, ttl));
    }
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_stop_ends_streams_with_a_status_that_makes_clients_try_again() {
    let server = Server::start().await;
    let mut leases = LeaseClient::new(server.channel().await);
    let (_requests, open) = tokio::sync::mpsc::channel(1);
    let open = tokio_stream::wrappers::ReceiverStream::new(open);
    let mut keep_alives = leases.lease_keep_alive(open).await.unwrap().into_inner();
    let mut watches = WatchClient::new(server.channel().await);
    let (_watch_requests, open) = tokio::sync::mpsc::channel(1);
    let open = tokio_stream::wrappers::ReceiverStream::new(open);
    let mut events = watches.watch(open).await.unwrap().into_inner();

    server.stop.send(()).unwrap();
    for status in [
        keep_alives.message().await.unwrap_err(),
        events.message().await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "etcdserver: server stopped");
    }
    // With its streams ended nothing holds the server up, and its port is closed.
    server.serving.await.unwrap();
    assert!(TcpStream::connect(server.addresses[0]).await.is_err());
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_its_turn() {
    let server = Server::start_with(1, &[None]).await;
    let first = TcpStream::connect(server.addresses[0]).await.unwrap();
    let waiting = server.http("GET /health");
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(SILENCE, &mut waiting).await.is_err());
    drop(first);
    assert_eq!(waiting.await.0, "200 OK");
}

#[tokio::test]
async fn a_tls_port_serves_grpc_and_http_to_clients_with_a_certificate() {
    let authority = Authority::new();
    let authority_pem = authority.pem();
    let directory = tempfile::tempdir().unwrap();
    let files = authority.issue_files(directory.path());
    let acceptor = Tls::open(tls::Options {
        certificate: files.certificate,
        key: files.key,
        authorities: Some(files.authority),
        ..tls::Options::default()
    });
    let acceptor = Arc::new(acceptor.unwrap());
    // Plain and encrypted side by side.
    let server = Server::start_with(usize::MAX, &[None, Some(acceptor)]).await;
    assert_eq!(server.http("GET /health").await.0, "200 OK");

    let url = format!("https://localhost:{}", server.addresses[1].port());
    let endpoint = Endpoint::from_shared(url).unwrap();
    let trust = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority_pem));
    let (certificate, key) = authority.issue();
    let identified = trust
        .clone()
        .identity(tonic::transport::Identity::from_pem(&certificate, &key));
    let channel = endpoint
        .clone()
        .tls_config(identified)
        .unwrap()
        .connect()
        .await;
    KvClient::new(channel.unwrap()).put(put(1)).await.unwrap();
    let channel = endpoint.tls_config(trust).unwrap().connect().await;
    // With TLS 1.3 a client may learn only after its handshake that it was refused.
    if let Ok(channel) = channel {
        KvClient::new(channel).put(put(1)).await.unwrap_err();
    }

    let stream = TcpStream::connect(server.addresses[1]).await.unwrap();
    let stream = encrypt(stream, &authority_pem, &certificate, &key).await;
    assert_eq!(http(stream, "GET /health").await.0, "200 OK");
}

/// A TLS connection that speaks nothing but HTTP/1.1.
async fn encrypt(
    stream: TcpStream,
    authority: &str,
    certificate: &str,
    key: &str,
) -> impl AsyncRead + AsyncWrite + Unpin {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = "localhost".try_into().unwrap();
    connector.connect(name, stream).await.unwrap()
}
