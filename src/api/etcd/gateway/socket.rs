//! WebSockets: what comes over one are the messages of a call, and what goes the lines of its answer.
//!
//! As with etcd the method of the request does not matter, of its head the call is told the token
//! alone, and the end of either side is the end of both.

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::IntoResponse;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::http::request::Parts;
use tonic::codegen::http::{HeaderMap, HeaderValue, Method, Request, Response, header};

/// What names a token among the protocols that a client offers, and in a request's head.
const BEARER: &str = "Bearer";
/// The cookie that holds a token.
const COOKIE: &str = "token=";
/// Messages that wait for the call to take them.
const MESSAGES_MAX: usize = 1;
/// How long a client may take to close a socket whose call is over.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a request asks for a socket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    let names = |header, name: &str| {
        let listed = headers
            .get(header)
            .and_then(|listed: &HeaderValue| listed.to_str().ok());
        let mut listed = listed.into_iter().flat_map(|listed| listed.split(','));
        listed.any(|listed| listed.trim().eq_ignore_ascii_case(name))
    };
    names(header::CONNECTION, "upgrade") && names(header::UPGRADE, "websocket")
}

/// Opens a socket for the call that `answer` makes of a request; messages are within a bound.
pub(super) async fn open<A>(
    request: Request<Body>,
    message_bytes_max: usize,
    answer: impl FnOnce(Request<Body>) -> A + Send + 'static,
) -> Response<Body>
where
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.into_response().map(Body::new),
    };
    parts.method = Method::POST;
    parts.headers = authorization(&parts.headers);
    let opening = upgrade
        .protocols([BEARER])
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
        .on_upgrade(move |socket| converse(socket, parts, answer));
    opening.map(Body::new)
}

/// The token that comes with a request for a socket, as a head that says nothing else.
fn authorization(headers: &HeaderMap) -> HeaderMap {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let offered = text(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = offered.and_then(|offered| offered.split_once(&format!("{BEARER},")));
    let mut cookies = text(header::COOKIE)
        .into_iter()
        .flat_map(|all| all.split(';'));
    let kept = cookies.find_map(|cookie| cookie.trim().strip_prefix(COOKIE));
    let token = kept.or(offered.map(|(_, token)| token.trim()));
    let token = token.and_then(|token| HeaderValue::try_from(format!("{BEARER} {token}")).ok());
    token
        .map(|token| (header::AUTHORIZATION, token))
        .into_iter()
        .collect()
}

/// Makes the call, until it is over or the client is gone.
async fn converse<A>(socket: WebSocket, head: Parts, answer: impl FnOnce(Request<Body>) -> A)
where
    A: Future<Output = Response<Body>>,
{
    let (mut lines, mut messages) = socket.split();
    let (feed, taken) = mpsc::channel(MESSAGES_MAX);
    let reading = async move {
        while let Some(Ok(message)) = messages.next().await {
            let text: Bytes = match message {
                Message::Text(text) => text.into(),
                Message::Binary(bytes) => bytes,
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) => return,
            };
            let mut line = BytesMut::from(text);
            line.extend_from_slice(b"\n");
            // A call that takes no more messages may still answer those before.
            let _ = feed.send(Ok::<_, Infallible>(line)).await;
        }
    };
    let answering = async move {
        let body = axum::body::Body::from_stream(ReceiverStream::new(taken));
        let answer = answer(Request::from_parts(head, Body::new(body))).await;
        let mut frames = axum::body::Body::new(answer.into_body()).into_data_stream();
        // Each frame of an answer is a line.
        while let Some(Ok(line)) = frames.next().await {
            let line = line.slice(..line.trim_ascii_end().len());
            // JSON is text.
            let Ok(line) = Utf8Bytes::try_from(line) else {
                break;
            };
            if lines.send(Message::Text(line)).await.is_err() {
                return;
            }
        }
        // A client that is gone needs no farewell.
        let _ = lines.close().await;
    };
    let mut reading = pin!(reading);
    tokio::select! {
        () = &mut reading => return,
        () = answering => {}
    }
    // What was sent is lost if the connection ends before the client has read it.
    let _ = tokio::time::timeout(CLOSING_TIMEOUT, reading).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_cookie_or_an_offered_protocol() {
        for (head, expected) in [
            (&[][..], None),
            (
                &[("sec-websocket-protocol", "Bearer, one")],
                Some("Bearer one"),
            ),
            (
                &[("sec-websocket-protocol", "Bearer,one")],
                Some("Bearer one"),
            ),
            (&[("sec-websocket-protocol", "chat")], None),
            (&[("cookie", "a=b; token=two; c=d")], Some("Bearer two")),
            (
                &[
                    ("sec-websocket-protocol", "Bearer, one"),
                    ("cookie", "token=two"),
                ],
                Some("Bearer two"),
            ),
            (
                &[("cookie", "tokens=two"), ("authorization", "three")],
                None,
            ),
        ] {
            let headers: HeaderMap = head
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect();
            let found = authorization(&headers);
            let found = found
                .get("authorization")
                .map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{head:?}");
        }
    }
}
