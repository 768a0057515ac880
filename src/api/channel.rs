//! Connections from one server to another.

use super::http2::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use super::listener::Io;
use super::tls::{self, Encryption, Identity};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tonic::Status;
use tonic::codegen::http::uri::{Scheme, Uri};
use tonic::transport::{Channel, Endpoint};

/// How long one URL may take to connect.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time between pings, by which a server that was frozen or cut off is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A ping without an answer after this long ends the connection.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Where URLs without a port lead.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// What is called at a socket of the file system, which has no name that could be called.
const HERE: &str = "http://localhost";
const HERE_ENCRYPTED: &str = "https://localhost";

/// How a server connects to others.
#[derive(Debug, Clone, Default)]
pub struct Dialer {
    trust: Trust,
    /// The address that calls are made from.
    local: Option<IpAddr>,
}

/// Whom a server trusts behind `https` URLs.
#[derive(Debug, Clone, Default)]
enum Trust {
    /// Nobody: there is no telling.
    #[default]
    Nobody,
    /// Those whose certificates these authorities have signed.
    Signed(Files),
    /// Whoever answers.
    Anyone,
}

/// What a server shows when it calls, and whom it trusts.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// Without, those that the system trusts.
    authorities: Option<PathBuf>,
}

impl Files {
    /// As they are now: they may change while the server runs.
    fn read(&self) -> Result<(tls::Trust, Identity), String> {
        let read = |path: &PathBuf| {
            let read = std::fs::read(path);
            read.map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let identity = Identity {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        };
        let authorities = self.authorities.clone().or_else(tls::system_authorities);
        let authorities = authorities.ok_or("the system has no certificates to trust")?;
        Ok((tls::Trust::Authorities(read(&authorities)?), identity))
    }
}

impl Trust {
    /// How to speak to whom this trusts.
    fn encryption(&self) -> Result<Encryption, String> {
        let (trust, identity) = match self {
            Self::Nobody => return Err("no setting says whom to trust there".to_owned()),
            Self::Signed(files) => {
                let (trust, identity) = files.read()?;
                (trust, Some(identity))
            }
            Self::Anyone => (tls::Trust::Anyone, None),
        };
        Encryption::new(trust, identity).map_err(|error| said(&error))
    }
}

impl Dialer {
    /// Speaks TLS to `https` URLs: shows the certificate in a file, and trusts what the authorities in
    /// another have signed, or those whom the system trusts.
    pub fn with_tls(certificate: PathBuf, key: PathBuf, authorities: Option<PathBuf>) -> Self {
        let files = Files {
            certificate,
            key,
            authorities,
        };
        Self {
            trust: Trust::Signed(files),
            local: None,
        }
    }

    /// Speaks TLS to `https` URLs, and takes any certificate there: what is said is hidden from those
    /// who listen, but not from one who answers in another's place.
    pub fn with_any_certificate() -> Self {
        Self {
            trust: Trust::Anyone,
            local: None,
        }
    }

    /// Calls from this address.
    pub fn from_address(self, local: Option<IpAddr>) -> Self {
        Self { local, ..self }
    }

    /// Connects to one URL; the error says why that cannot be done now.
    pub async fn open(&self, url: &str) -> Result<Channel, String> {
        let target = Target::parse(url)?;
        let encryption = match target.is_encrypted() {
            true => Some(self.trust.encryption()?),
            false => None,
        };
        // To the transport a stream that is encrypted already is a plain one.
        let endpoint = configured(Uri::from_static(HERE)).origin(target.origin.clone());
        let local = self.local;
        let connector = tower::service_fn(move |_| {
            let (target, encryption) = (target.clone(), encryption.clone());
            async move {
                let stream = target.connect(local).await?;
                Ok::<_, io::Error>(TokioIo::new(match encryption {
                    Some(encryption) => Box::new(encryption.wrap(target.host(), stream).await?),
                    None => stream,
                }))
            }
        });
        // The bound of the connection does not cover the handshakes after it.
        let opened = tokio::time::timeout(
            2 * CONNECT_TIMEOUT,
            endpoint.connect_with_connector(connector),
        );
        match opened.await {
            Ok(opened) => opened.map_err(|error| said(&error)),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }
}

fn configured(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
}

/// Where a URL leads.
#[derive(Clone)]
struct Target {
    /// The URL, or one in place of it that names a host.
    origin: Uri,
    /// The socket of the file system that it means.
    socket: Option<PathBuf>,
}

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        let sockets = [("unix://", HERE), ("unixs://", HERE_ENCRYPTED)];
        let socket = sockets
            .iter()
            .find_map(|(scheme, origin)| Some((url.strip_prefix(scheme)?, origin)));
        let origin = socket.map_or(url, |(_, origin)| origin);
        Ok(Self {
            origin: origin.parse().map_err(|error| said(&error))?,
            socket: socket.map(|(path, _)| path.into()),
        })
    }

    fn is_encrypted(&self) -> bool {
        self.origin.scheme() == Some(&Scheme::HTTPS)
    }

    fn host(&self) -> &str {
        let host = self.origin.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Connects from an address, or from whatever one leads there.
    async fn connect(&self, local: Option<IpAddr>) -> io::Result<Box<dyn Io>> {
        if let Some(path) = &self.socket {
            return Ok(Box::new(UnixStream::connect(path).await?));
        }
        let usual = match self.is_encrypted() {
            true => HTTPS_PORT,
            false => HTTP_PORT,
        };
        let port = self.origin.port_u16().unwrap_or(usual);
        let stream = match local {
            None => TcpStream::connect((self.host(), port)).await?,
            Some(local) => connect_from(local, self.host(), port).await?,
        };
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// Connects from one of this machine's addresses, to one of the host's of the same kind.
async fn connect_from(local: IpAddr, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in lookup_host((host, port)).await? {
        let socket = match (local, address) {
            (IpAddr::V4(_), SocketAddr::V4(_)) => TcpSocket::new_v4()?,
            (IpAddr::V6(_), SocketAddr::V6(_)) => TcpSocket::new_v6()?,
            _ => continue,
        };
        socket.bind(SocketAddr::new(local, 0))?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// An error with what is behind it.
fn said(error: &dyn Error) -> String {
    with_causes(error.to_string(), error)
}

/// Why a call has failed, with what is behind it.
pub(super) fn failure(status: &Status) -> String {
    with_causes(status.message().to_owned(), status)
}

fn with_causes(mut text: String, error: &dyn Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    in_gos_words(text)
}

/// What the other side of TLS has refused, in the words that etcd's logs have for it.
fn in_gos_words(text: String) -> String {
    let Some((before, alert)) = text.split_once("received fatal alert: ") else {
        return text;
    };
    let spaced = alert.chars().map(|letter| match letter.is_uppercase() {
        true => format!(" {}", letter.to_lowercase()),
        false => letter.to_string(),
    });
    format!("{before}remote error: tls:{}", spaced.collect::<String>())
}
