//! A kube-apiserver as a child process, and its API over HTTP/2.

use super::support::authority::Authority;
use super::support::server::{Server, free_port};
use serde_json::Value;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tonic::body::Body;
use tonic::codegen::{Body as _, http};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tower::ServiceExt;

/// Longer than anything here takes that ends.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// What has not come true yet is asked for again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// The token of somebody who may do everything.
const TOKEN: &str = "31ada4fd-adec-460c-809a-9e56ceb75269";

/// The kube-apiserver on the path, if there is one.
pub fn find() -> Option<PathBuf> {
    let path = PathBuf::from("kube-apiserver");
    let mut asked = Command::new(&path);
    let asked = asked.arg("--version").stdin(Stdio::null()).output();
    asked
        .is_ok_and(|output| output.status.success())
        .then_some(path)
}

/// A running kube-apiserver. Dropped, it is killed.
pub struct Apiserver {
    server: Server,
    channel: Channel,
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

impl Apiserver {
    /// Starts one on an etcd, and waits until it says that it is ready.
    pub async fn start(
        program: &Path,
        directory: &Path,
        etcd: &str,
        arguments: &[&str],
    ) -> (Self, Duration) {
        std::fs::create_dir_all(directory).expect("room for a directory");
        let authority = Authority::new();
        let tls = authority.issue_files(directory);
        let tokens = directory.join("tokens.csv");
        let line = format!("{TOKEN},admin,admin,system:masters\n");
        std::fs::write(&tokens, line).expect("room for a file");
        let port = free_port();
        let mut command = Command::new(program);
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        command.args([
            &format!("--etcd-servers={etcd}"),
            &format!("--secure-port={port}"),
            "--bind-address=127.0.0.1",
            // One that is for documents: nobody calls it.
            "--advertise-address=192.0.2.1",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            &flag("token-auth-file", &tokens),
            &flag("tls-cert-file", &tls.certificate),
            &flag("tls-private-key-file", &tls.key),
            &flag("service-account-signing-key-file", &tls.key),
            &flag("service-account-key-file", &tls.certificate),
            &flag("cert-dir", directory),
            // What is asked of etcd now and then is asked often, so that a test sees it.
            "--etcd-db-metric-poll-interval=1s",
            "--etcd-compaction-interval=10s",
            "--event-ttl=3s",
        ]);
        command.args(arguments);
        let began = Instant::now();
        let server = Server::run(command, ([127, 0, 0, 1], port).into());
        assert!(server.ready(), "it ended:\n{}", server.log());
        let certificate = Certificate::from_pem(authority.pem());
        let channel = Endpoint::from_shared(format!("https://localhost:{port}"))
            .and_then(|at| at.tls_config(ClientTlsConfig::new().ca_certificate(certificate)))
            .expect("a URL")
            .connect_lazy();
        let apiserver = Self { server, channel };
        apiserver.is_ready().await;
        (apiserver, began.elapsed())
    }

    /// Waits until it says that it is ready.
    pub async fn is_ready(&self) {
        eventually("/readyz", async || self.text("/readyz").await.0 == 200).await;
    }

    /// What it has logged, as far as it is kept.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The answer to a GET as text.
    pub async fn text(&self, path: &str) -> (u16, String) {
        let Ok((status, mut body)) = self.ask("GET", path, "", String::new()).await else {
            return (0, String::new());
        };
        let mut text = Vec::new();
        while let Some(piece) = body.next().await {
            text.extend(piece);
        }
        (status, String::from_utf8_lossy(&text).into_owned())
    }

    /// Reads an object, or a list.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "", Value::Null).await
    }

    /// Makes an object.
    pub async fn create(&self, path: &str, object: Value) -> Answer {
        self.call("POST", path, "application/json", object).await
    }

    /// Writes an object in the place of another.
    pub async fn update(&self, path: &str, object: Value) -> Answer {
        self.call("PUT", path, "application/json", object).await
    }

    /// Changes some of an object.
    pub async fn patch(&self, path: &str, object: Value) -> Answer {
        let kind = "application/merge-patch+json";
        self.call("PATCH", path, kind, object).await
    }

    /// Deletes an object.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, "", Value::Null).await
    }

    /// Begins to watch a list.
    pub async fn watch(&self, path: &str) -> Watch {
        let asked = self.ask("GET", path, "", String::new()).await;
        let (status, body) = asked.expect("an answer");
        assert_eq!(status, 200, "{path}");
        let line = Vec::new();
        Watch { body, line }
    }

    async fn call(&self, method: &str, path: &str, kind: &str, object: Value) -> Answer {
        let sent = match object {
            Value::Null => String::new(),
            object => object.to_string(),
        };
        let asked = self.ask(method, path, kind, sent).await;
        let (status, mut body) = asked.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let mut text = Vec::new();
        while let Some(piece) = body.next().await {
            text.extend(piece);
        }
        let body = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()));
        Answer { status, body }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        sent: String,
    ) -> Result<(u16, Pieces), tonic::transport::Error> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept", "application/json");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let body = match sent.is_empty() {
            true => Body::empty(),
            false => Body::new(axum::body::Body::from(sent)),
        };
        let request = request.body(body).expect("a request");
        let answer = self.channel.clone().oneshot(request).await?;
        Ok((answer.status().as_u16(), Pieces(answer.into_body())))
    }
}

/// The body of an answer, as it comes.
struct Pieces(Body);

impl Pieces {
    /// The next piece; `None` at the end, and when the connection has ended.
    async fn next(&mut self) -> Option<bytes::Bytes> {
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.0).poll_frame(context)).await;
            if let Ok(data) = frame?.ok()?.into_data() {
                return Some(data);
            }
        }
    }
}

/// Events of a list.
pub struct Watch {
    body: Pieces,
    line: Vec<u8>,
}

impl Watch {
    /// The next event; `None` when the watch has ended.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("an event"));
            }
            let next = tokio::time::timeout(PATIENCE, self.body.next()).await;
            self.line.extend(next.expect("no event comes")?);
        }
    }

    /// The first event that is looked for; `None` when the watch ends before.
    pub async fn find(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        loop {
            let event = self.next().await?;
            if is_wanted(&event) {
                return Some(event);
            }
        }
    }
}

/// Waits until something has come true.
pub async fn eventually(what: &str, is_true: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(Instant::now() < deadline, "not so: {what}");
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
