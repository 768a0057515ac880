//! What is around the translation: who may use it, where it is, and what bounds it.

use crate::CHEAP;
use crate::support::authority::Authority;
use crate::support::client::{Client, get};
use crate::support::json::{Http, post};
use crate::support::server::{Program, Server, free_port};
use kvtool::pb::etcdserverpb::{PutRequest, RangeRequest};
use serde_json::json;
use std::path::Path;

const RANGE: &str = r#"{"key":"Zm9v"}"#;

fn serve(directory: &Path, arguments: &[&str]) -> Server {
    Server::start(&Program::Kvtool, directory, arguments)
}

/// A server of https alone, with an authority that its clients must be signed by.
fn serve_tls(directory: &Path, authority: &Authority, arguments: &[&str]) -> Server {
    let files = authority.issue_files(directory);
    let port = free_port();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.args(["serve", "--store", "local", CHEAP, "--data-dir"]);
    command.arg(directory.join("data"));
    command.arg(format!("--listen-client-urls=https://127.0.0.1:{port}"));
    for (flag, path) in [
        ("cert-file", &files.certificate),
        ("key-file", &files.key),
        ("trusted-ca-file", &files.authority),
    ] {
        command.arg(format!("--{flag}={}", path.display()));
    }
    command.args(arguments);
    Server::launch(command, ([127, 0, 0, 1], port).into())
}

#[tokio::test]
async fn messages_come_and_go_while_the_request_is_still_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path(), &[]);
    let http = Http::connect(server.port()).await;
    let mut sending = http.begin("/v3/watch", &[]).await;
    sending.send(r#"{"create_request":{"ke"#).await;
    sending.send(r#"y":"Zm9v"}}"#).await;
    let mut watch = sending.answer().await;
    assert_eq!(watch.status, 200);
    assert_eq!(watch.value().await["result"]["created"], true);
    for revision in ["2", "3"] {
        let put = post(server.port(), "/v3/kv/put", &[], r#"{"key":"Zm9v"}"#).await;
        assert_eq!(put.json().await["header"]["revision"], revision);
        let event = watch.value().await;
        assert_eq!(event["result"]["events"][0]["kv"]["mod_revision"], revision);
    }
    watch.send(r#"{"cancel_request":{}}"#).await;
    assert_eq!(watch.value().await["result"]["canceled"], true);
    // The end of the server is the end of the stream, with the reason as its last line.
    let ended = tokio::task::spawn_blocking(move || server.terminate());
    let last = watch.value().await;
    assert_eq!(
        last,
        json!({"error": {"code": 14, "message": "etcdserver: server stopped"}})
    );
    assert_eq!(watch.line().await, None);
    assert!(ended.await.unwrap().success());
}

#[tokio::test]
async fn a_stream_that_is_sent_no_message_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &[]);
    // etcd ends the requests and leaves the client to wait.
    for (path, body) in [
        ("/v3/watch", r#"{"create_request":5}"#),
        ("/v3/watch", "{bad"),
        ("/v3/lease/keepalive", "[]"),
    ] {
        let answer = post(server.port(), path, &[], body).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        let said = answer.json().await;
        assert_eq!(said["error"]["code"], 3, "{said}");
    }
    // Behind good ones it is the last thing said.
    let body = r#"{"create_request":{"key":"Zm9v"}}{"create_request":5}"#;
    let mut answer = post(server.port(), "/v3/watch", &[], body).await;
    let mut last = answer.value().await;
    while let Some(line) = answer.line().await {
        last = serde_json::from_str(&line).unwrap();
    }
    assert_eq!(last["error"]["code"], 3, "{last}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_held() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &["--max-request-bytes=1000"]);
    let put = |bytes: usize| format!(r#"{{"key":"Zm9v","value":"{}"}}"#, "AAAA".repeat(bytes / 3));
    let answer = post(server.port(), "/v3/kv/put", &[], &put(900)).await;
    assert_eq!(answer.status, 200);
    let answer = post(server.port(), "/v3/kv/put", &[], &put(1200)).await;
    assert_eq!(answer.status, 400);
    let said = json!({"code": 3, "message": "etcdserver: request is too large"});
    assert_eq!(answer.json().await, said);
    // With gRPC's own bound, half a megabyte above.
    let answer = post(server.port(), "/v3/kv/put", &[], &put(600_000)).await;
    assert_eq!(answer.status, 429);
    let said = answer.json().await;
    let message = said["message"].as_str().unwrap();
    assert!(
        message.starts_with("grpc: received message larger than max"),
        "{said}"
    );
    // And what never ends: with the byte that is too many, all that was sent is read.
    let bound = 4 * (1000 + 512 * 1024);
    let http = Http::connect(server.port()).await;
    let mut sending = http.begin("/v3/kv/put", &[]).await;
    sending
        .send(&format!(r#"{{"key":"{}"#, "A".repeat(bound - 7)))
        .await;
    assert_eq!(sending.answer().await.status, 429);
}

#[tokio::test]
async fn pages_are_let_in_by_their_origin() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = async |server: &Server, method: &str, path: &str, origin: &str| {
        let http = Http::connect(server.port()).await;
        let headers = [("Origin", origin)];
        let asked = http.request(method, path, &headers, RANGE);
        let answer = asked.await.unwrap();
        let allowed = answer
            .header("access-control-allow-origin")
            .map(str::to_owned);
        for name in ["methods", "headers"] {
            let name = format!("access-control-allow-{name}");
            assert_eq!(answer.header(&name).is_some(), allowed.is_some());
        }
        (answer.status, allowed)
    };
    let own = Some("http://a.example:1".to_owned());
    let server = serve(
        &directory.path().join("one"),
        &["--cors=http://a.example:1"],
    );
    let asked = async |method, path, origin| allowed(&server, method, path, origin).await;
    let (a, b) = ("http://a.example:1", "http://b.example:1");
    assert_eq!(asked("POST", "/v3/kv/range", a).await, (200, own.clone()));
    assert_eq!(
        asked("OPTIONS", "/v3/kv/range", a).await,
        (200, own.clone())
    );
    assert_eq!(asked("GET", "/health", a).await, (200, own));
    assert_eq!(asked("POST", "/v3/kv/range", b).await, (200, None));
    assert_eq!(asked("OPTIONS", "/v3/kv/range", b).await, (200, None));
    drop(server);
    let server = serve(&directory.path().join("none"), &[]);
    assert_eq!(
        allowed(&server, "POST", "/v3/kv/range", a).await,
        (200, None)
    );
    drop(server);
    let server = serve(&directory.path().join("all"), &["--cors=*"]);
    let any = Some("*".to_owned());
    assert_eq!(
        allowed(&server, "OPTIONS", "/v3/watch", a).await,
        (200, any.clone())
    );
    assert_eq!(allowed(&server, "POST", "/v3/kv/none", b).await, (404, any));
}

#[tokio::test]
async fn a_foreign_host_is_refused_where_nothing_is_encrypted() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &["--host-whitelist=localhost,::1"]);
    for (host, status) in [
        ("localhost:1", 200),
        ("[::1]:1", 200),
        ("evil.example", 421),
    ] {
        let headers = [("Host", host)];
        let asked = post(server.port(), "/v3/kv/range", &headers, RANGE);
        assert_eq!(asked.await.status, status, "{host}");
        let health = Http::connect(server.port()).await;
        let health = health.request("GET", "/health", &headers, "");
        assert_eq!(health.await.unwrap().status, status, "{host}");
    }
    // gRPC is not for browsers.
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    client
        .kv
        .put(PutRequest {
            key: "a".into(),
            ..Default::default()
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn it_can_be_left_out_and_goes_where_http_goes() {
    let directory = tempfile::tempdir().unwrap();
    let off = serve(
        &directory.path().join("off"),
        &["--enable-grpc-gateway=false"],
    );
    let answer = post(off.port(), "/v3/kv/range", &[], RANGE).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.text().await, "404 page not found\n");
    drop(off);
    let http = free_port();
    let url = format!("--listen-client-http-urls=http://127.0.0.1:{http}");
    let apart = serve(&directory.path().join("apart"), &[&url]);
    let answer = post(http, "/v3/kv/put", &[], r#"{"key":"Zm9v","value":"YmFy"}"#).await;
    assert_eq!(answer.status, 200);
    let mut client = Client::connect(&apart.endpoint()).await.unwrap();
    let found = client.kv.range(RangeRequest {
        key: "foo".into(),
        ..Default::default()
    });
    assert_eq!(found.await.unwrap().into_inner().kvs[0].value, "bar");
    assert!(!get(apart.port(), "/v3/kv/range").await.contains("501"));
    assert!(get(http, "/v3/kv/range").await.contains("501"));
    assert!(get(http, "/health").await.contains("true"));
}

#[tokio::test]
async fn a_certificate_names_no_user_here() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let trusted = authority.pem();
    let server = serve_tls(directory.path(), &authority, &["--client-cert-auth"]);
    let root = authority.issue_to("root", &["localhost"], 1);
    let nameless = authority.issue_to("", &["localhost"], 2);
    let ask = async |shown, path: &str, headers: &[(&str, &str)], body: &str| {
        let http = Http::connect_tls(server.port(), &trusted, Some(shown))
            .await
            .unwrap();
        http.request("POST", &format!("/v3{path}"), headers, body)
            .await
            .unwrap()
    };
    for (path, body) in [
        ("/auth/user/add", r#"{"name":"root","password":"r"}"#),
        ("/auth/user/grant", r#"{"user":"root","role":"root"}"#),
        ("/auth/role/add", r#"{"name":"root"}"#),
        ("/auth/enable", "{}"),
    ] {
        assert_eq!(ask(&root, path, &[], body).await.status, 200, "{path}");
    }
    // As etcd: what would be another user with gRPC is refused, with and without a token.
    let ignored = "CommonName of client sending a request against gateway will be ignored and not \
                   used as expected\n";
    for headers in [&[][..], &[("Authorization", "nonsense")]] {
        let answer = ask(&root, "/kv/range", headers, RANGE).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.text().await, ignored);
    }
    let answer = ask(&nameless, "/kv/range", &[], RANGE).await;
    let said = json!({"code": 3, "message": "etcdserver: user name is empty"});
    assert_eq!((answer.status, answer.json().await), (400, said));
    let login = r#"{"name":"root","password":"r"}"#;
    let login = ask(&nameless, "/auth/authenticate", &[], login)
        .await
        .json()
        .await;
    let token = [("Authorization", login["token"].as_str().unwrap())];
    assert_eq!(ask(&nameless, "/kv/range", &token, RANGE).await.status, 200);
    // Health is not the gateway's.
    let http = Http::connect_tls(server.port(), &trusted, Some(&root))
        .await
        .unwrap();
    assert_eq!(
        http.request("GET", "/health", &[], "")
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn a_certificate_names_the_keyspace_here_too() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let trusted = authority.pem();
    let server = serve_tls(
        directory.path(),
        &authority,
        &["--instance-from=client-cert"],
    );
    let ask = async |tenant: &str, path: &str, body: &str| {
        let shown = authority.issue_to(tenant, &["localhost"], 1);
        let http = Http::connect_tls(server.port(), &trusted, Some(&shown))
            .await
            .unwrap();
        let path = format!("/v3{path}");
        let answer = http.request("POST", &path, &[], body).await.unwrap();
        (answer.status, answer.json().await)
    };
    let put = r#"{"key":"Zm9v","value":"YmFy"}"#;
    assert_eq!(ask("one", "/kv/put", put).await.0, 200);
    assert_eq!(
        ask("one", "/kv/range", RANGE).await.1["kvs"][0]["value"],
        "YmFy"
    );
    let (status, found) = ask("two", "/kv/range", RANGE).await;
    assert_eq!((status, &found["kvs"]), (200, &serde_json::Value::Null));
    // And neither is the server's.
    assert_eq!(ask("one", "/maintenance/defragment", "{}").await.0, 403);
}

#[tokio::test]
async fn http_and_https_share_a_port() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let port = free_port();
    let files = authority.issue_files(directory.path());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.args(["serve", "--store", "memory"]);
    command.arg(format!(
        "--listen-client-urls=http://127.0.0.1:{port},https://127.0.0.1:{port}"
    ));
    command.arg(format!("--cert-file={}", files.certificate.display()));
    command.arg(format!("--key-file={}", files.key.display()));
    let server = Server::launch(command, ([127, 0, 0, 1], port).into());
    let put = r#"{"key":"Zm9v","value":"YmFy"}"#;
    assert_eq!(post(port, "/v3/kv/put", &[], put).await.status, 200);
    let http = Http::connect_tls(port, &authority.pem(), None)
        .await
        .unwrap();
    let answer = http
        .request("POST", "/v3/kv/range", &[], RANGE)
        .await
        .unwrap();
    assert_eq!(answer.json().await["kvs"][0]["value"], "YmFy");
    let mut plain = Client::connect(&server.endpoint()).await.unwrap();
    let range = || RangeRequest {
        key: "foo".into(),
        ..Default::default()
    };
    assert_eq!(plain.kv.range(range()).await.unwrap().into_inner().count, 1);
    let tls = tonic::transport::ClientTlsConfig::new();
    let tls = tls.ca_certificate(tonic::transport::Certificate::from_pem(authority.pem()));
    let url = format!("https://localhost:{port}");
    let endpoint = tonic::transport::Endpoint::from_shared(url).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let mut encrypted = Client::over(channel);
    assert_eq!(
        encrypted
            .kv
            .range(range())
            .await
            .unwrap()
            .into_inner()
            .count,
        1
    );
}
