//! TLS to a server.

use crate::api::tls::AnyCertificate;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Whose certificates a client takes.
pub enum Trust {
    /// Those that one of these authorities signed, PEM, for the server's name.
    Authorities(Vec<u8>),
    /// Any, as `--insecure-skip-tls-verify` asks.
    Anyone,
}

/// Encrypts connections. Cheap to clone.
#[derive(Clone)]
pub struct Encryption(TlsConnector);

impl Encryption {
    /// With the client's own certificate and key, PEM, if it has them. The error names the flag to look at.
    pub fn new(trust: Trust, identity: Option<(Vec<u8>, Vec<u8>)>) -> Result<Self, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = match trust {
            Trust::Authorities(pem) => config.with_root_certificates(authorities(&pem)?),
            Trust::Anyone => config
                .dangerous()
                .with_custom_certificate_verifier(AnyCertificate::verifier()),
        };
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some((certificates, key)) => {
                let certificates = certificates_of(&certificates, "--cert")?;
                let key = PrivateKeyDer::from_pem_slice(&key);
                let key = key.map_err(|error| format!("--key: {error}"))?;
                let config = config.with_client_auth_cert(certificates, key);
                config.map_err(|error| error.to_string())?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with the server that `host` names.
    pub async fn wrap(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}

/// Authorities, of which a system's bundle may hold some that this library does not understand.
fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates_of(pem, "--cacert")?);
    match added {
        0 => Err("--cacert: no certificate in it".to_owned()),
        _ => Ok(roots),
    }
}

fn certificates_of(pem: &[u8], flag: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
    certificates.map_err(|error| format!("{flag}: {error}"))
}
