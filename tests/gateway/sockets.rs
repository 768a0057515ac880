//! The gateway over WebSockets: the same conversations with kvtool and with a real etcd.

use crate::side::strip;
use crate::support::json::post;
use crate::support::server::{Program, Server};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open socket.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>, String);

impl Socket {
    async fn open(port: u16, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let url = format!("ws://127.0.0.1:{port}{path}");
        let mut request = url.clone().into_client_request()?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)?;
            request.headers_mut().insert(*name, value);
        }
        Ok(Self(connect_async(request).await?.0, url))
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message; `None` when the socket was closed.
    async fn receive(&mut self) -> Option<Value> {
        let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
        match message.unwrap_or_else(|_| panic!("no message in time on {}", self.1)) {
            Some(Ok(Message::Text(text))) => {
                let mut value = serde_json::from_str(&text).unwrap();
                strip(&mut value);
                Some(value)
            }
            // etcd cuts the connection; a proper end is one too.
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }
}

/// What is said on a socket, and how many messages are read after it.
type Said = (&'static str, usize);

/// A path, a head, and what is said there.
type Conversation = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [Said],
);

/// Of calls with one message etcd waits for the end of the socket, which is the end of its answer
/// too: they cannot be compared.
const CONVERSATIONS: &[Conversation] = &[
    ("/v3/none", &[], &[("{}", 2)]),
    (
        "/v3/watch?method=GET",
        &[],
        &[
            (
                r#"{"create_request":{"key":"Zm9v","start_revision":"1","watch_id":"7"}}"#,
                1,
            ),
            (r#"{"create_request":{"key":"Zm9v","watch_id":"7"}}"#, 1),
            (r#"{"cancel_request":{"watch_id":"7"}}"#, 1),
        ],
    ),
    (
        "/v3beta/lease/keepalive",
        &[("cookie", "token=none")],
        &[(r#"{"ID":"5"}"#, 1), (r#"{"ID":"6"}"#, 1)],
    ),
];

/// All that a server says in all conversations, one after the other.
async fn converse(port: u16) -> Vec<Vec<Option<Value>>> {
    let mut heard = Vec::new();
    for (path, headers, said) in CONVERSATIONS {
        let mut socket = Socket::open(port, path, headers).await.unwrap();
        let mut messages = Vec::new();
        for (text, count) in *said {
            socket.send(text).await;
            for _ in 0..*count {
                messages.push(socket.receive().await);
            }
        }
        heard.push(messages);
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_over_sockets_go_as_with_etcd() {
    let directories = tempfile::tempdir().unwrap();
    let Some([(ours, _), (theirs, _)]) = crate::both("sockets", directories.path()) else {
        return;
    };
    let found = converse(ours.port()).await;
    let expected = converse(theirs.port()).await;
    for (conversation, (found, expected)) in CONVERSATIONS.iter().zip(found.iter().zip(&expected)) {
        assert_eq!(
            found, expected,
            "left is kvtool, right is etcd; {conversation:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_one_call_and_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, directory.path(), &[]);
    let port = server.port();
    // A call that is answered once closes it.
    let mut put = Socket::open(port, "/v3/kv/put", &[]).await.unwrap();
    put.send(r#"{"key":"Zm9v","#).await;
    put.send(r#""value":"YmFy"}"#).await;
    assert_eq!(put.receive().await.unwrap()["header"]["revision"], "2");
    assert_eq!(put.receive().await, None);
    // The protocol by which a token came is the one that is spoken.
    let offered = [("sec-websocket-protocol", "Bearer, token")];
    let mut watch = Socket::open(port, "/v3/watch", &offered).await.unwrap();
    watch.send(r#"{"create_request":{"key":"Zm9v"}}"#).await;
    assert_eq!(watch.receive().await.unwrap()["result"]["created"], true);
    // A client that goes ends its call: who waits for a lock then waits no more.
    let lock = json!({"name": "bG9jaw=="}).to_string();
    let mut holder = Socket::open(port, "/v3/lock/lock", &[]).await.unwrap();
    holder.send(&lock).await;
    let held = holder.receive().await.unwrap()["key"].clone();
    let mut waiting = Socket::open(port, "/v3/lock/lock", &[]).await.unwrap();
    waiting.send(&lock).await;
    let waiters = async || {
        let mut asked = Socket::open(port, "/v3/kv/range", &[]).await.unwrap();
        asked
            .send(r#"{"key":"bG9jay8=","range_end":"bG9jazA=","count_only":true}"#)
            .await;
        asked.receive().await.unwrap()["count"].clone()
    };
    let until = async |count: &str| {
        let reached = async {
            while waiters().await != *count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap();
    };
    until("2").await;
    drop(waiting);
    until("1").await;
    assert!(held.is_string());
    // What offers no change of the connection is a request like others.
    let plain = post(
        port,
        "/v3/kv/range",
        &[("Upgrade", "websocket")],
        r#"{"key":"Zm9v"}"#,
    );
    assert_eq!(plain.await.json().await["count"], "1");
}
