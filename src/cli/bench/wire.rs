//! The generator's own connections: gRPC calls straight on HTTP/2.
//!
//! tonic's channel reconnects, is shared by threads and can be balanced, and every call pays for that. A
//! generator needs none of it, and what it saves of a small machine its server has.

use super::unary::Kv;
use crate::{
    api::gather::{Call, Underway, gathered},
    cli::{
        client::{Dialer, MESSAGE_LIMIT_BYTES, Token},
        endpoint::{CONNECTION_WINDOW_BYTES, Endpoint, STREAM_WINDOW_BYTES, chain},
    },
    pb::etcdserverpb::{kv_client::KvClient, lease_client::LeaseClient, watch_client::WatchClient},
};
use anyhow::Result;
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{self, Either, Ready},
};
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http_body::{Body as _, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::{
    Status,
    body::Body,
    codegen::{
        InterceptedService, Service,
        http::{Request, Response, Uri, uri::PathAndQuery},
    },
    service::Interceptor,
};

/// The clients of one such connection.
#[derive(Clone)]
pub struct Connection {
    /// Keys and values.
    pub kv: Kv,
    /// Lists in pieces.
    pub lists: KvClient<Transport>,
    /// Watches.
    pub watch: WatchClient<Transport>,
    /// Leases.
    pub lease: LeaseClient<Transport>,
}

/// A connection that puts the login token on every request.
pub type Transport = InterceptedService<Wire, Token>;

impl Connection {
    /// Opens `count` of them, spread evenly over `endpoints`, under one login.
    pub async fn open_many(
        dialer: &Dialer,
        endpoints: &[Endpoint],
        count: usize,
    ) -> Result<Vec<Self>> {
        let Some(first) = endpoints.first() else {
            return Ok(Vec::new());
        };
        let mut token = dialer.token(first).await?;
        let (metadata, ..) = token.call(tonic::Request::new(()))?.into_parts();
        let mut connections = Vec::with_capacity(count);
        for endpoint in endpoints.iter().cycle().take(count) {
            let wire = dialer.in_time(endpoint, Wire::open(endpoint)).await?;
            let kv = Kv::new(wire.clone(), metadata.clone())?;
            let wire = InterceptedService::new(wire, token.clone());
            connections.push(Self {
                kv,
                lists: KvClient::new(wire.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
                watch: WatchClient::new(wire.clone()),
                lease: LeaseClient::new(wire),
            });
        }
        Ok(connections)
    }
}

/// One HTTP/2 connection. Clones share it; it ends when the last one is gone.
#[derive(Clone)]
pub struct Wire {
    requests: SendRequest<Bytes>,
    underway: Underway,
    origin: Uri,
}

impl Wire {
    async fn open(endpoint: &Endpoint) -> Result<Self, String> {
        let stream = endpoint.stream().await.map_err(|error| chain(&error))?;
        let mut http2 = h2::client::Builder::new();
        http2
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let (stream, driver) = gathered(stream);
        let opened = http2.handshake(stream).await;
        let (requests, connection) = opened.map_err(|error| chain(&error))?;
        // How it ended, the calls under way are told.
        let underway = Underway::default();
        let others = underway.clone();
        let driven = driver.drive(connection, move || others.count() > 1);
        tokio::spawn(driven.map(drop));
        Ok(Self {
            requests,
            underway,
            origin: endpoint.uri().clone(),
        })
    }

    /// Where a path is on the other side.
    pub fn uri(&self, path: PathAndQuery) -> Result<Uri, Status> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))
    }

    /// Makes a call with one message, once there is room for it.
    pub async fn ask(&mut self, head: Request<()>, message: Bytes) -> Result<Waiting, Status> {
        future::poll_fn(|cx| self.requests.poll_ready(cx)).await?;
        let (answer, mut stream) = self.requests.send_request(head, false)?;
        stream.send_data(message, true)?;
        Ok(self.waiting(answer))
    }

    fn waiting(&self, answer: ResponseFuture) -> Waiting {
        let _call = self.underway.begin();
        Waiting { answer, _call }
    }

    fn send(&mut self, request: Request<Body>) -> Result<ResponseFuture, Status> {
        let (mut head, body) = request.into_parts();
        if let Some(path) = head.uri.path_and_query() {
            head.uri = self.uri(path.clone())?;
        }
        let head = Request::from_parts(head, ());
        let (answer, stream) = self.requests.send_request(head, false)?;
        // A single message is there at once.
        let mut upload = Box::pin(upload(body, stream));
        match upload.as_mut().now_or_never() {
            Some(sent) => sent?,
            None => drop(tokio::spawn(upload)),
        }
        Ok(answer)
    }
}

/// Sends a body. The last piece closes the stream, if it is known to be the last by then.
async fn upload(mut body: Body, mut stream: SendStream<Bytes>) -> Result<(), Status> {
    let mut piece = next(&mut body).await?;
    while let Some(data) = piece {
        let ahead = next(&mut body).now_or_never();
        let is_last = matches!(ahead, Some(Ok(None)));
        stream.send_data(data, is_last)?;
        if is_last {
            return Ok(());
        }
        piece = match ahead {
            Some(ahead) => ahead?,
            None => next(&mut body).await?,
        };
    }
    Ok(stream.send_data(Bytes::new(), true)?)
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Status> {
    let frame = future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
    Ok(frame.transpose()?.and_then(|frame| frame.into_data().ok()))
}

/// A call whose answer has not begun.
pub struct Waiting {
    answer: ResponseFuture,
    _call: Call,
}

impl Future for Waiting {
    type Output = Result<Response<Answer>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.poll_unpin(cx))?;
        Poll::Ready(Ok(answer.map(Answer)))
    }
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Answer>;
    type Error = Status;
    type Future = Either<Waiting, Ready<Result<Self::Response, Status>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.requests.poll_ready(cx).map_err(Status::from)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.send(request) {
            Ok(answer) => self.waiting(answer).left_future(),
            Err(status) => future::err(status).right_future(),
        }
    }
}

/// The body of an answer. What was read of it makes room for more.
pub struct Answer(pub RecvStream);

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(self.0.poll_data(cx)) {
            Some(data) => data.and_then(|data| {
                self.0.flow_control().release_capacity(data.len())?;
                Ok(Some(Frame::data(data)))
            }),
            None => ready!(self.0.poll_trailers(cx)).map(|trailers| trailers.map(Frame::trailers)),
        };
        Poll::Ready(frame.map_err(Status::from).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
