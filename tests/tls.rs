//! Certificates: who is let in by what he shows, and what changes while the server runs.
#![allow(clippy::unwrap_used)]

mod support;

use kvtool::pb::authpb::{Permission, permission::Type};
use kvtool::pb::etcdserverpb::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use support::authority::Authority;
use support::client::Client;
use support::cluster::Cluster;
use support::server::{Server, free_port};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn serve(directory: &Path, port: u16, arguments: &[String]) -> Server {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.args(["serve", "--store", "local", "--data-dir"]);
    command.arg(directory.join("data"));
    command.arg(format!("--listen-client-urls=https://127.0.0.1:{port}"));
    command.args(arguments);
    Server::launch(command, ([127, 0, 0, 1], port).into())
}

/// Connects anew; `trusted` signed the server's certificate.
async fn connect(
    server: &Server,
    trusted: &str,
    shown: Option<&(String, String)>,
) -> Result<Client, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted));
    if let Some((certificate, key)) = shown {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", server.port()))?;
    Ok(Client::over(endpoint.tls_config(tls)?.connect().await?))
}

/// Whether who shows a certificate can read. With TLS 1.3 a client may learn only after its
/// handshake that it was refused.
async fn is_let_in(server: &Server, trusted: &str, shown: Option<&(String, String)>) -> bool {
    match connect(server, trusted, shown).await {
        Ok(mut client) => client.kv.range(range("a")).await.is_ok(),
        Err(_) => false,
    }
}

fn range(key: &str) -> RangeRequest {
    RangeRequest {
        key: key.to_owned().into(),
        ..Default::default()
    }
}

fn put(key: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn callers_are_let_in_by_what_they_show() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, foreign) = (Authority::new(), Authority::new());
    let trusted = authority.pem();
    let files = authority.issue_files(directory.path());
    let crl = directory.path().join("crl.pem");
    fs::write(&crl, authority.revoke(&[7])).unwrap();
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let server = serve(
        directory.path(),
        free_port(),
        &[
            flag("cert-file", &files.certificate),
            flag("key-file", &files.key),
            flag("trusted-ca-file", &files.authority),
            flag("client-crl-file", &crl),
            "--client-cert-allowed-hostname=one.example,two.example".to_owned(),
        ],
    );
    let good = authority.issue_to("client", &["two.example"], 8);
    assert!(is_let_in(&server, &trusted, Some(&good)).await);
    let refused = [
        ("expired", authority.issue_expired()),
        (
            "of another authority",
            foreign.issue_to("client", &["two.example"], 8),
        ),
        ("revoked", authority.issue_to("client", &["two.example"], 7)),
        (
            "for another host",
            authority.issue_to("client", &["three.example"], 9),
        ),
    ];
    for (why, shown) in &refused {
        assert!(!is_let_in(&server, &trusted, Some(shown)).await, "{why}");
    }
    assert!(!is_let_in(&server, &trusted, None).await);
    // A connection outlives the news, and whoever comes next does not.
    let mut open = connect(&server, &trusted, Some(&good)).await.unwrap();
    fs::write(&crl, authority.revoke(&[7, 8])).unwrap();
    assert!(!is_let_in(&server, &trusted, Some(&good)).await);
    open.kv.range(range("a")).await.unwrap();
    // A file that is no list changes nothing, and says so.
    fs::write(&crl, "nonsense").unwrap();
    assert!(!is_let_in(&server, &trusted, Some(&good)).await);
    assert_eq!(server.logged("the former stay"), 1);
    fs::write(&crl, authority.revoke(&[])).unwrap();
    assert!(is_let_in(&server, &trusted, Some(&good)).await);
    // Another certificate of the server: the key first, for which the old one is no match.
    let (certificate, key) = foreign.issue();
    fs::write(&files.key, key).unwrap();
    assert!(is_let_in(&server, &trusted, Some(&good)).await);
    fs::write(&files.certificate, certificate).unwrap();
    assert!(!is_let_in(&server, &trusted, Some(&good)).await);
    assert!(is_let_in(&server, &foreign.pem(), Some(&good)).await);
    // The log tells of all who were not, but of nobody who only looked.
    let rejected = server.logged("rejected connection on client endpoint");
    assert!(rejected > refused.len(), "{}", server.log());
    for why in ["client certificate authentication failed", "Revoked"] {
        assert!(server.logged(why) > 0, "{why}: {}", server.log());
    }
}

/// As one that `openssl req -x509` has made: it signs itself, and may sign others.
#[tokio::test]
async fn who_is_trusted_himself_may_call() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = authority.issue_files(directory.path());
    let server = serve(
        directory.path(),
        free_port(),
        &[
            format!("--cert-file={}", files.certificate.display()),
            format!("--key-file={}", files.key.display()),
            format!("--trusted-ca-file={}", files.authority.display()),
        ],
    );
    let trusted = authority.pem();
    assert!(is_let_in(&server, &trusted, Some(&authority.own())).await);
    assert!(!is_let_in(&server, &trusted, Some(&Authority::new().own())).await);
    let (certificate, _) = authority.own();
    let (_, other_key) = authority.issue();
    assert!(!is_let_in(&server, &trusted, Some(&(certificate, other_key))).await);
}

#[tokio::test]
async fn a_common_name_is_a_user() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let trusted = authority.pem();
    let files = authority.issue_files(directory.path());
    let server = serve(
        directory.path(),
        free_port(),
        &[
            format!("--cert-file={}", files.certificate.display()),
            format!("--key-file={}", files.key.display()),
            format!("--trusted-ca-file={}", files.authority.display()),
            "--client-cert-auth".to_owned(),
            "--bcrypt-cost=4".to_owned(),
        ],
    );
    let client = async |name: &str| {
        let shown = authority.issue_to(name, &["localhost"], 1);
        connect(&server, &trusted, Some(&shown)).await.unwrap()
    };
    let mut root = client("root").await;
    for name in ["root", "alice"] {
        let add = AuthUserAddRequest {
            name: name.to_owned(),
            password: name.to_owned(),
            ..Default::default()
        };
        root.auth.user_add(add).await.unwrap();
        let role = AuthRoleAddRequest {
            name: name.to_owned(),
        };
        root.auth.role_add(role).await.unwrap();
        let grant = AuthUserGrantRoleRequest {
            user: name.to_owned(),
            role: name.to_owned(),
        };
        root.auth.user_grant_role(grant).await.unwrap();
    }
    let grant = AuthRoleGrantPermissionRequest {
        name: "alice".to_owned(),
        perm: Some(Permission {
            perm_type: Type::Readwrite.into(),
            key: "a".into(),
            range_end: "".into(),
        }),
    };
    root.auth.role_grant_permission(grant).await.unwrap();
    root.auth.auth_enable(AuthEnableRequest {}).await.unwrap();
    root.kv.put(put("b")).await.unwrap();
    let code = |answer: Result<_, Status>| answer.map(drop).map_err(|status| status.code());
    let mut alice = client("alice").await;
    assert_eq!(code(alice.kv.put(put("a")).await), Ok(()));
    assert_eq!(
        code(alice.kv.put(put("b")).await),
        Err(Code::PermissionDenied)
    );
    // Nobody has heard of him.
    let mut mallory = client("mallory").await;
    assert_eq!(
        code(mallory.kv.put(put("a")).await),
        Err(Code::PermissionDenied)
    );
    // A token wins.
    let login = AuthenticateRequest {
        name: "alice".to_owned(),
        password: "alice".to_owned(),
    };
    let token = mallory.auth.authenticate(login).await.unwrap().into_inner();
    let mut request = tonic::Request::new(put("a"));
    request
        .metadata_mut()
        .insert("token", token.token.parse().unwrap());
    assert_eq!(code(mallory.kv.put(request).await), Ok(()));
    let mut request = tonic::Request::new(put("a"));
    request
        .metadata_mut()
        .insert("token", "forged".parse().unwrap());
    assert_eq!(code(root.kv.put(request).await), Err(Code::Unauthenticated));
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "--auto-tls".to_owned(),
        "--advertise-client-urls=https://localhost:1".to_owned(),
    ];
    let mut server = serve(directory.path(), free_port(), &arguments);
    let files = directory.path().join("data/fixtures/client");
    let certificate = fs::read_to_string(files.join("cert.pem")).unwrap();
    let mode = fs::metadata(files.join("key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(is_let_in(&server, &certificate, None).await);
    assert!(server.terminate().success());
    let server = serve(directory.path(), free_port(), &arguments);
    assert!(is_let_in(&server, &certificate, None).await);
}

/// What a tenant could see of another: keys, events, leases, revisions.
async fn tenant_sees(client: &mut Client) -> (Vec<String>, usize, Vec<i64>, i64) {
    let everything = RangeRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        ..Default::default()
    };
    let range = client.kv.range(everything).await.unwrap().into_inner();
    let key = |kv: &kvtool::pb::mvccpb::KeyValue| String::from_utf8(kv.key.to_vec()).unwrap();
    let create = WatchRequest {
        request_union: Some(watch_request::RequestUnion::CreateRequest(
            WatchCreateRequest {
                key: "\0".into(),
                range_end: "\0".into(),
                start_revision: 1,
                ..Default::default()
            },
        )),
    };
    let (requests, open) = tokio::sync::mpsc::channel(2);
    requests.send(create).await.unwrap();
    let open = tokio_stream::wrappers::ReceiverStream::new(open);
    let mut watch = client.watch.watch(open).await.unwrap().into_inner();
    let mut events = 0;
    // Up to its own newest revision, of which it is told when it has seen all before.
    while events < range.kvs.len() {
        events += watch.message().await.unwrap().unwrap().events.len();
    }
    let leases = client.lease.lease_leases(LeaseLeasesRequest {}).await;
    let leases = leases.unwrap().into_inner().leases;
    (
        range.kvs.iter().map(key).collect(),
        events,
        leases.iter().map(|lease| lease.id).collect(),
        range.header.unwrap().revision,
    )
}

async fn tenants_are_apart(store: &[String]) {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let trusted = authority.pem();
    let files = authority.issue_files(directory.path());
    let port = free_port();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.arg("serve").args(store);
    if !["--store=memory", "--store=fdb"].contains(&store[0].as_str()) {
        command.arg("--data-dir").arg(directory.path().join("data"));
    }
    command.args([
        format!("--listen-client-urls=https://127.0.0.1:{port}"),
        format!("--cert-file={}", files.certificate.display()),
        format!("--key-file={}", files.key.display()),
        format!("--trusted-ca-file={}", files.authority.display()),
        "--instance-from=client-cert:san-dns".to_owned(),
        "--instances-max=2".to_owned(),
    ]);
    let server = Server::launch(command, ([127, 0, 0, 1], port).into());
    let client = async |names: &[&str]| {
        let shown = authority.issue_to("anybody", names, 1);
        connect(&server, &trusted, Some(&shown)).await.unwrap()
    };
    let (mut one, mut two) = (client(&["one"]).await, client(&["two"]).await);
    for key in ["a", "b", "c"] {
        one.kv.put(put(key)).await.unwrap();
    }
    let grant = LeaseGrantRequest { ttl: 1000, id: 7 };
    one.lease.lease_grant(grant).await.unwrap();
    two.kv.put(put("z")).await.unwrap();
    // The same id is free for another.
    two.lease.lease_grant(grant).await.unwrap();
    let revoke = LeaseRevokeRequest { id: 7 };
    two.lease.lease_revoke(revoke).await.unwrap();
    let compact = CompactionRequest {
        revision: 2,
        physical: true,
    };
    two.kv.compact(compact).await.unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let of_one = tenant_sees(&mut one).await;
    assert_eq!(of_one, (names(&["a", "b", "c"]), 3, vec![7], 4));
    let of_two = two.kv.range(range("a")).await.unwrap().into_inner();
    assert_eq!((of_two.count, of_two.header.unwrap().revision), (0, 2));
    // The users of one are not those of another.
    let user = AuthUserAddRequest {
        name: "root".to_owned(),
        ..Default::default()
    };
    one.auth.user_add(user).await.unwrap();
    let users = two.auth.user_list(AuthUserListRequest {}).await.unwrap();
    assert!(users.into_inner().users.is_empty());
    // What concerns all is for nobody.
    let denied = |answer: Result<_, Status>| answer.unwrap_err().code();
    let remove = MemberRemoveRequest { id: 1 };
    let answer = one.cluster.member_remove(remove).await.map(drop);
    assert_eq!(denied(answer), Code::PermissionDenied);
    let answer = one.maintenance.defragment(DefragmentRequest {}).await;
    assert_eq!(denied(answer.map(drop)), Code::PermissionDenied);
    // Two are in use, and no third may be; a certificate of two names has none.
    let mut third = client(&["three"]).await;
    let answer = third.kv.put(put("x")).await.map(drop);
    assert_eq!(
        answer.unwrap_err().message(),
        "etcdserver: too many requests"
    );
    let answer = client(&["one", "two"]).await.kv.put(put("x")).await;
    assert_eq!(denied(answer.map(drop)), Code::PermissionDenied);
    // When one is gone there is room, and what he has stays.
    drop(one);
    let entered = async {
        while third.kv.put(put("x")).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, entered).await.unwrap();
    drop((two, third));
    let mut again = client(&["one"]).await;
    let entered = async {
        while again.kv.range(range("a")).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, entered).await.unwrap();
    assert_eq!(tenant_sees(&mut again).await, of_one);
}

#[tokio::test]
async fn each_certificate_has_a_keyspace_of_its_own() {
    for store in ["memory", "local", "raft"] {
        tenants_are_apart(&[format!("--store={store}")]).await;
    }
}

#[tokio::test]
async fn each_certificate_has_a_keyspace_of_its_own_on_foundationdb() {
    let Some(cluster) = Cluster::get("tenants") else {
        return;
    };
    let file = format!("--fdb-cluster-file={}", cluster.file().display());
    tenants_are_apart(&["--store=fdb".to_owned(), file]).await;
}

/// Servers on FoundationDB show each other what they show their clients.
#[tokio::test]
async fn writes_are_handed_over_behind_tls() {
    let Some(cluster) = Cluster::get("handing over behind TLS") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = authority.issue_files(directory.path());
    let start = |name: &str| {
        let (port, watched) = (free_port(), free_port());
        let url = format!("https://localhost:{port}");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvtool"));
        command
            .args([
                "serve",
                "--store=fdb",
                "--instance=handed",
                "--client-cert-auth",
            ])
            .args(["--name", name, "--fdb-cluster-file"])
            .arg(cluster.file())
            .args([
                "--listen-client-urls",
                &url,
                "--advertise-client-urls",
                &url,
            ])
            .args([
                "--listen-metrics-urls",
                &format!("http://127.0.0.1:{watched}"),
            ]);
        for (flag, path) in [
            ("--cert-file", &files.certificate),
            ("--key-file", &files.key),
            ("--trusted-ca-file", &files.authority),
        ] {
            command.arg(flag).arg(path);
        }
        let server = Server::launch(command, ([127, 0, 0, 1], port).into());
        (server, watched)
    };
    let servers = [start("a"), start("b")];
    let shown = authority.issue();
    let begin = Instant::now();
    loop {
        for (server, watched) in &servers {
            let client = connect(server, &authority.pem(), Some(&shown)).await;
            client.unwrap().kv.put(put("a")).await.unwrap();
            let page = support::client::get(*watched, "/metrics").await;
            let name = "kvtool_forwarded_requests_total{outcome=\"answered\"} ";
            let count = page
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            if count.trim() != "0" {
                return;
            }
        }
        let log = servers[0].0.log() + &servers[1].0.log();
        assert!(begin.elapsed() < PATIENCE, "nothing is handed over: {log}");
    }
}
