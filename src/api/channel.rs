//! Connections from one server to another.

use super::server::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use super::tls::AnyCertificate;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::codegen::http::uri::{Scheme, Uri};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// How long one URL may take to connect.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time between pings, by which a server that was frozen or cut off is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A ping without an answer after this long ends the connection.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Where an `https` URL without a port leads.
const HTTPS_PORT: u16 = 443;

/// How a server connects to others.
#[derive(Debug, Clone, Default)]
pub struct Dialer {
    trust: Trust,
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
    authorities: PathBuf,
}

impl Files {
    /// As they are now: they may change while the server runs.
    fn read(&self) -> Result<ClientTlsConfig, String> {
        let read = |path: &PathBuf| {
            let read = std::fs::read(path);
            read.map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let identity = Identity::from_pem(read(&self.certificate)?, read(&self.key)?);
        let authorities = Certificate::from_pem(read(&self.authorities)?);
        Ok(ClientTlsConfig::new()
            .ca_certificate(authorities)
            .identity(identity))
    }
}

impl Dialer {
    /// Speaks TLS to `https` URLs: shows the certificate in a file, and trusts what the authorities in
    /// another have signed.
    pub fn with_tls(certificate: PathBuf, key: PathBuf, authorities: PathBuf) -> Self {
        let files = Files {
            certificate,
            key,
            authorities,
        };
        Self {
            trust: Trust::Signed(files),
        }
    }

    /// Speaks TLS to `https` URLs, and takes any certificate there: what is said is hidden from those
    /// who listen, but not from one who answers in another's place.
    pub fn with_any_certificate() -> Self {
        Self {
            trust: Trust::Anyone,
        }
    }

    /// Connects to one URL; the error says why that cannot be done now.
    pub async fn open(&self, url: &str) -> Result<Channel, String> {
        let uri: Uri = url.parse().map_err(|error| said(&error))?;
        let is_encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        // The bound of the connection does not cover the handshakes after it.
        let opened = tokio::time::timeout(2 * CONNECT_TIMEOUT, async {
            match &self.trust {
                Trust::Nobody if is_encrypted => {
                    Err("no setting says whom to trust there".to_owned())
                }
                Trust::Signed(files) if is_encrypted => {
                    let endpoint = endpoint(uri).tls_config(files.read()?);
                    let endpoint = endpoint.map_err(|error| said(&error))?;
                    endpoint.connect().await.map_err(|error| said(&error))
                }
                Trust::Anyone if is_encrypted => open_to_anyone(uri).await,
                _ => endpoint(uri).connect().await.map_err(|error| said(&error)),
            }
        });
        opened
            .await
            .unwrap_or_else(|_| Err("it does not answer".to_owned()))
    }
}

fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
}

/// Connects to whoever answers there.
async fn open_to_anyone(uri: Uri) -> Result<Channel, String> {
    let mut parts = uri.clone().into_parts();
    // The transport gets a stream that is encrypted already: to it it is a plain one.
    parts.scheme = Some(Scheme::HTTP);
    let plain = Uri::from_parts(parts).map_err(|error| said(&error))?;
    let endpoint = endpoint(plain).origin(uri.clone());
    let connector = tower::service_fn(move |_| {
        let uri = uri.clone();
        async move { encrypt(&uri).await.map(TokioIo::new) }
    });
    let opened = endpoint.connect_with_connector(connector);
    opened.await.map_err(|error| said(&error))
}

/// Shakes hands with whoever answers there.
async fn encrypt(uri: &Uri) -> io::Result<TlsStream<TcpStream>> {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(HTTPS_PORT))).await?;
    stream.set_nodelay(true)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions();
    let mut config = config
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(AnyCertificate::verifier())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// An error with what is behind it.
fn said(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
