//! TLS to a server.

use super::trust::{AnyCertificate, OrAuthority};
use super::{TlsError, certificates};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where systems keep the certificates they trust; the first that exists is used.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The file of the authorities that the system trusts, if there is one.
pub fn system_authorities() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let known = SYSTEM_BUNDLES.iter().map(PathBuf::from);
    named.into_iter().chain(known).find(|file| file.exists())
}

/// Whose certificates a client takes.
pub enum Trust {
    /// Those that one of these authorities signed, PEM, for the server's name.
    Authorities(Vec<u8>),
    /// Any: what is said is hidden from those who listen, but not from one who answers in another's
    /// place.
    Anyone,
}

/// What a client shows.
pub struct Identity {
    /// Its certificate chain, PEM.
    pub certificate: Vec<u8>,
    /// The private key of it, PEM.
    pub key: Vec<u8>,
}

/// Encrypts connections to servers. Cheap to clone.
#[derive(Clone)]
pub struct Encryption(TlsConnector);

impl Encryption {
    /// Fails where something is not PEM, or of no use.
    pub fn new(trust: Trust, identity: Option<Identity>) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous();
        let config = match trust {
            Trust::Anyone => {
                config.with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
            }
            Trust::Authorities(pem) => {
                let authorities = certificates(&pem).map_err(TlsError::Authority)?;
                let mut roots = RootCertStore::empty();
                // A system's bundle may hold some that this library does not understand.
                roots.add_parsable_certificates(authorities.iter().cloned());
                let signed =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
                config.with_custom_certificate_verifier(Arc::new(OrAuthority {
                    signed: signed.build()?,
                    authorities,
                    provider,
                }))
            }
        };
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = certificates(&certificate).map_err(TlsError::Certificate)?;
                let key = PrivateKeyDer::from_pem_slice(&key).map_err(TlsError::Key)?;
                config.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with the server that `host` names.
    pub async fn wrap<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}
