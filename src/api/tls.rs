//! TLS of the client ports.

use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// What a client may speak behind TLS, the best first: gRPC, or plain HTTP for health checks.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file holds no certificate, or a damaged one.
    #[error("the certificate file cannot be read as PEM: {0}")]
    Certificate(#[source] pem::Error),
    /// The key file holds no private key, or a damaged one.
    #[error("the key file cannot be read as PEM: {0}")]
    Key(#[source] pem::Error),
    /// The file of trusted authorities cannot be read.
    #[error("the trusted CA file cannot be read as PEM: {0}")]
    Authority(#[source] pem::Error),
    /// The trusted authorities are no use for checking clients.
    #[error("the trusted CA file cannot be used: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Certificate and key are damaged or do not fit each other.
    #[error("certificate and key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// Reads PEM texts. With `authorities_pem`, clients must show a certificate one of these signed.
pub fn acceptor(
    certificate_pem: &[u8],
    key_pem: &[u8],
    authorities_pem: Option<&[u8]>,
) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let builder = match authorities_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(pem).map_err(TlsError::Authority)? {
                roots.add(certificate)?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(certificate_pem).map_err(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::Key)?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_fits_is_taken_and_anything_else_is_named() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.pem().into_bytes();
        let key = made.signing_key.serialize_pem().into_bytes();
        let other_key = other.signing_key.serialize_pem().into_bytes();

        assert!(acceptor(&certificate, &key, None).is_ok());
        assert!(acceptor(&certificate, &key, Some(&certificate)).is_ok());
        let error = |certificate: &[u8], key: &[u8], authorities| {
            acceptor(certificate, key, authorities).err().unwrap()
        };
        assert!(matches!(error(b"x", &key, None), TlsError::Certificate(_)));
        assert!(matches!(error(&certificate, b"x", None), TlsError::Key(_)));
        assert!(matches!(
            error(&certificate, &key, Some(b"x")),
            TlsError::Authority(_)
        ));
        assert!(matches!(
            error(&certificate, &other_key, None),
            TlsError::Pair(_)
        ));
    }
}
