//! Connections from one server to another.

use super::server::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use std::error::Error;
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
    tls: Option<ClientTlsConfig>,
}

impl Dialer {
    /// Speaks TLS to `https` URLs: shows this certificate, and trusts what these authorities signed.
    pub fn with_tls(certificate_pem: &[u8], key_pem: &[u8], authorities_pem: &[u8]) -> Self {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authorities_pem))
            .identity(Identity::from_pem(certificate_pem, key_pem));
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
                .tls_config(tls.clone())
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
