//! Connections from one server to another.

use super::server::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// How long one URL may take to connect.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time between pings, by which a server that was frozen or cut off is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A ping without an answer after this long ends the connection.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How a server connects to others.
#[derive(Debug, Clone, Default)]
pub struct Dialer {
    tls: Option<Files>,
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
        let tls = Files {
            certificate,
            key,
            authorities,
        };
        Self { tls: Some(tls) }
    }

    /// Connects to one URL; the error says why that cannot be done now.
    pub async fn open(&self, url: &str) -> Result<Channel, String> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| said(&error))?;
        let mut endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true);
        if url.starts_with("https://") {
            let Some(tls) = &self.tls else {
                return Err("no setting says whom to trust there".to_owned());
            };
            endpoint = endpoint
                .tls_config(tls.read()?)
                .map_err(|error| said(&error))?;
        }
        // The bound of the connection does not cover the handshakes after it.
        match tokio::time::timeout(2 * CONNECT_TIMEOUT, endpoint.connect()).await {
            Ok(opened) => opened.map_err(|error| said(&error)),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }
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
