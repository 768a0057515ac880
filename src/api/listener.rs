//! Client ports: TCP or sockets of the file system, TLS, and the bound on open connections.

use super::opening::Opening;
use super::tenancy::Origin;
use super::tls::{Rejected, Side, Tls};
use futures_util::Stream;
use socket2::{SockRef, TcpKeepalive};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

/// A peer that has not finished its TLS handshake after this long is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The first byte of a TLS connection; HTTP begins with a letter.
const TLS_HANDSHAKE: u8 = 0x16;
/// How often the kernel probes a silent peer, so that one that vanished gives its place back.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long to wait when the system cannot give a connection, for lack of descriptors mostly.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Connections that are ready and wait for the server to take them.
const READY_CONNECTIONS_MAX: usize = 64;
/// How much of the opening of a connection is read at a time.
const OPENING_CHUNK_BYTES: usize = 4096;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A port of this machine.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The port; 0 asks the system for a free one.
        port: u16,
    },
    /// A socket of the file system.
    Unix(PathBuf),
}

impl Place {
    /// The URL a client reaches it under.
    pub fn url(&self, tls: bool) -> String {
        let secure = if tls { "s" } else { "" };
        match self {
            Self::Tcp { host, port } if host.contains(':') => {
                format!("http{secure}://[{host}]:{port}")
            }
            Self::Tcp { host, port } => format!("http{secure}://{host}:{port}"),
            Self::Unix(path) => format!("unix{secure}://{}", path.display()),
        }
    }
}

/// One bound port.
pub struct Listener {
    socket: Socket,
    spoken: Spoken,
}

/// What is spoken on a port.
#[derive(Clone)]
enum Spoken {
    Plain,
    Tls(Arc<Tls>),
    /// Whatever a client begins with.
    Either(Arc<Tls>),
}

impl From<Option<Arc<Tls>>> for Spoken {
    fn from(tls: Option<Arc<Tls>>) -> Self {
        tls.map_or(Self::Plain, Self::Tls)
    }
}

enum Socket {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Binds `host:port`; with `tls`, only TLS is spoken there.
    pub async fn bind(host: &str, port: u16, tls: Option<Arc<Tls>>) -> io::Result<Self> {
        let listener = TcpListener::bind((host, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            socket: Socket::Tcp(listener, address),
            spoken: tls.into(),
        })
    }

    /// The same, which takes clients without TLS too.
    pub fn with_plain(mut self) -> Self {
        if let Spoken::Tls(tls) = &self.spoken {
            self.spoken = Spoken::Either(tls.clone());
        }
        self
    }

    /// Binds a place.
    pub async fn bind_place(place: &Place, tls: Option<Arc<Tls>>) -> io::Result<Self> {
        match place {
            Place::Tcp { host, port } => Self::bind(host, *port, tls).await,
            Place::Unix(path) => {
                // What a server that was killed has left; as etcd does it.
                if path
                    .symlink_metadata()
                    .is_ok_and(|found| found.file_type().is_socket())
                {
                    std::fs::remove_file(path)?;
                }
                Ok(Self {
                    socket: Socket::Unix(UnixListener::bind(path)?, path.clone()),
                    spoken: tls.into(),
                })
            }
        }
    }

    /// The address that was bound, with the port the system chose for port 0; `None` for a socket
    /// of the file system.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.socket {
            Socket::Tcp(_, address) => Some(address),
            Socket::Unix(..) => None,
        }
    }

    /// The URL a client reaches this listener under.
    pub fn url(&self) -> String {
        let place = match &self.socket {
            Socket::Tcp(_, address) => Place::Tcp {
                host: address.ip().to_string(),
                port: address.port(),
            },
            Socket::Unix(_, path) => Place::Unix(path.clone()),
        };
        place.url(!matches!(self.spoken, Spoken::Plain))
    }

    async fn accept(&self) -> io::Result<(Accepted, Origin)> {
        match &self.socket {
            Socket::Tcp(listener, address) => {
                let (stream, peer) = listener.accept().await?;
                tune(&stream);
                let origin = Origin {
                    listener: Some(*address),
                    peer: Some(peer),
                    ..Origin::default()
                };
                Ok((Accepted::Tcp(stream), origin))
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream), Origin::default()))
            }
        }
    }

    /// Hands connections on until nobody takes them any more, which closes the port.
    async fn accept_forever(self, places: Arc<Semaphore>, ready: mpsc::Sender<Connection>) {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = ready.closed() => return,
            };
            match accepted {
                Ok((stream, origin)) => {
                    tokio::spawn(open(
                        stream,
                        origin,
                        self.spoken.clone(),
                        place,
                        ready.clone(),
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            // Left behind, it would be in the way of nobody.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn tune(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = tuned {
        // Happens when the peer is gone already.
        tracing::debug!(%error, "cannot set socket options");
    }
}

/// A connection that has said nothing yet.
enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Accepted {
    /// Whether it begins with TLS; on a socket of the file system only one thing is spoken.
    async fn begins_with_tls(&self) -> bool {
        let mut first = [0];
        match self {
            Self::Tcp(stream) => match stream.peek(&mut first).await {
                Ok(1..) => first == [TLS_HANDSHAKE],
                // Over before it began, which the transport finds out by itself.
                Ok(0) | Err(_) => false,
            },
            Self::Unix(_) => true,
        }
    }

    fn into_io(self) -> Box<dyn Io> {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Unix(stream) => Box::new(stream),
        }
    }
}

/// Tells of a connection that did not come to pass; who only looked whether somebody is there is no
/// news.
fn tell_rejected(origin: &Origin, side: Side, rejected: &Rejected) {
    let Rejected { error, .. } = rejected;
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return tracing::debug!(%error, "TLS handshake failed");
    }
    let address = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    let shown = rejected.shown.as_ref();
    // The message and the names are etcd's.
    tracing::warn!(
        "remote-addr" = address(origin.peer),
        "local-addr" = address(origin.listener),
        "server-name" = rejected.server_name,
        "ip-addresses" = shown.map(|shown| format!("{:?}", shown.addresses)),
        "dns-names" = shown.map(|shown| format!("{:?}", shown.dns_names)),
        %error,
        "rejected connection on {side} endpoint"
    );
}

async fn open(
    stream: Accepted,
    mut origin: Origin,
    spoken: Spoken,
    place: OwnedSemaphorePermit,
    ready: mpsc::Sender<Connection>,
) {
    let tls = match spoken {
        Spoken::Plain => None,
        Spoken::Tls(tls) => Some(tls),
        Spoken::Either(tls) => {
            let first = timeout(HANDSHAKE_TIMEOUT, stream.begins_with_tls());
            match first.await {
                Ok(begins_with_tls) => begins_with_tls.then_some(tls),
                Err(_) => return tracing::debug!("a connection has said nothing"),
            }
        }
    };
    let stream = stream.into_io();
    let address = origin.peer.map(|peer| peer.ip());
    let io: Box<dyn Io> = match tls {
        None => stream,
        Some(tls) => match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream, address)).await {
            Ok(Ok((stream, shown))) => {
                let name = shown
                    .as_ref()
                    .and_then(|shown| shown.common_name.as_deref());
                origin.encrypted = true;
                origin.certified = name.filter(|_| tls.names_users()).map(Into::into);
                origin.shown = shown.map(Arc::new);
                Box::new(stream)
            }
            Ok(Err(rejected)) => return tell_rejected(&origin, tls.side(), &rejected),
            Err(_) => return tracing::debug!("TLS handshake timed out"),
        },
    };
    let connection = Connection {
        io,
        origin,
        opening: Some(Opening::default()),
        _place: place,
    };
    // An error when the server is stopping: the connection is then dropped, and so closed.
    let _ = ready.send(connection).await;
}

/// The connections of all `listeners`, of which at most `connections_max` are open at a time:
/// further ones wait in the system's queue.
pub(crate) fn connections(
    listeners: Vec<Listener>,
    connections_max: usize,
) -> impl Stream<Item = Connection> {
    let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
    let (ready, mut taken) = mpsc::channel(READY_CONNECTIONS_MAX);
    for listener in listeners {
        tokio::spawn(listener.accept_forever(places.clone(), ready.clone()));
    }
    futures_util::stream::poll_fn(move |context| taken.poll_recv(context))
}

/// A stream of bytes both ways.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// An open connection; holds one place of the connection limit.
pub(crate) struct Connection {
    io: Box<dyn Io>,
    origin: Origin,
    opening: Option<Opening>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Where it comes from.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it begins as HTTP/2 does; completes with the first bytes.
    pub(crate) async fn begins_with_http2(&mut self) -> io::Result<bool> {
        poll_fn(|context| {
            loop {
                let Self { io, opening, .. } = &mut *self;
                let Some(start) = opening else {
                    return Poll::Ready(Ok(false));
                };
                if let Some(is_http2) = start.is_http2() {
                    return Poll::Ready(Ok(is_http2));
                }
                ready!(poll_begin(io, start, context))?;
            }
        })
        .await
    }
}

/// Reads more of the beginning of a connection.
fn poll_begin(
    io: &mut Box<dyn Io>,
    start: &mut Opening,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let mut chunk = [0; OPENING_CHUNK_BYTES];
    let mut chunk = ReadBuf::new(&mut chunk);
    ready!(Pin::new(io).poll_read(context, &mut chunk))?;
    match chunk.filled() {
        [] => start.end(),
        bytes => start.feed(bytes),
    }
    Poll::Ready(Ok(()))
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, opening, .. } = &mut *self;
        let Some(start) = opening else {
            return Pin::new(io).poll_read(context, buffer);
        };
        loop {
            let passed = start.take(buffer.remaining());
            if !passed.is_empty() {
                buffer.put_slice(&passed);
                if start.is_over() {
                    *opening = None;
                }
                return Poll::Ready(Ok(()));
            }
            if start.is_over() {
                return Poll::Ready(Ok(()));
            }
            ready!(poll_begin(io, start, context))?;
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
