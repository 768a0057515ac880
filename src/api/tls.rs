//! TLS of ports: certificates that may change while the server runs, and what callers must show.
//!
//! Every handshake looks whether the files are still those that were read; if not, they are read
//! again. What cannot be used then is not used: the server goes on with what it has, and says so.

mod address;
mod certificate;
mod client;
mod suites;
mod trust;

pub use certificate::Shown;
pub use client::{Encryption, Identity, Trust, system_authorities};
use trust::{Admitted, OrAuthority};

use certificate::{Revoked, SelfSigned};
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{Acceptor, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, CertificateError, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// What a client may speak behind TLS, the best first: gRPC, or plain HTTP for health checks.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Whom a port is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// Clients.
    #[default]
    Client,
    /// Other members.
    Peer,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Client => "client",
            Self::Peer => "peer",
        })
    }
}

/// Where certificates are, and what is asked of callers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whom the ports are for.
    pub side: Side,
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Both are made where they do not exist, for these hosts and so many years.
    pub self_signed: Option<(Vec<String>, u32)>,
    /// Who signs the callers' certificates; those without one are refused.
    pub authorities: Option<PathBuf>,
    /// Which of these are revoked.
    pub revoked: Option<PathBuf>,
    /// The common names that are let in; none: all.
    pub allowed_names: Vec<String>,
    /// The hosts of which a certificate must name one; none: any.
    pub allowed_hosts: Vec<String>,
    /// A certificate that names hosts or addresses must be shown from one of them.
    pub is_for_caller: bool,
    /// The common name of a certificate is that of a user.
    pub names_users: bool,
    /// What is spoken.
    pub ciphers: Ciphers,
}

pub use suites::Ciphers;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The certificate file holds no certificate, or a damaged one.
    #[error("the certificate file cannot be read as PEM: {0}")]
    Certificate(#[source] pem::Error),
    /// The key file holds no private key, or a damaged one.
    #[error("the key file cannot be read as PEM: {0}")]
    Key(#[source] pem::Error),
    /// The file of trusted authorities cannot be read.
    #[error("the trusted CA file cannot be read as PEM: {0}")]
    Authority(#[source] pem::Error),
    /// The file of revoked certificates is none.
    #[error("the CRL file holds no list of revoked certificates")]
    Revoked,
    /// The trusted authorities are no use for checking anybody.
    #[error("the trusted CA file cannot be used: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Certificate and key are damaged or do not fit each other.
    #[error("certificate and key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("no certificate can be made: {0}")]
    SelfSigned(#[from] rcgen::Error),
}

/// A caller who was not let in.
#[derive(Debug)]
pub struct Rejected {
    /// The host that he has called, if he said so.
    pub server_name: Option<String>,
    /// What his certificate says, if it was good but for where he calls from.
    pub shown: Option<Shown>,
    /// Why.
    pub error: io::Error,
}

impl From<io::Error> for Rejected {
    fn from(error: io::Error) -> Self {
        Self {
            server_name: None,
            shown: None,
            error: in_etcd_words(error),
        }
    }
}

/// The error of a handshake, in the words that etcd has for those whose names are not let in.
fn in_etcd_words(error: io::Error) -> io::Error {
    let refused = rustls::Error::InvalidCertificate(CertificateError::NotValidForName);
    let found = error.get_ref().and_then(|it| it.downcast_ref());
    match found == Some(&refused) {
        true => io::Error::new(error.kind(), "client certificate authentication failed"),
        false => error,
    }
}

/// The TLS of some ports.
pub struct Tls {
    options: Options,
    current: Mutex<Current>,
}

/// What was read last, and when the files were written.
struct Current {
    written: Vec<Option<SystemTime>>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files for the first time.
    pub fn open(options: Options) -> Result<Self, TlsError> {
        if let Some((hosts, years)) = &options.self_signed {
            let made = SelfSigned {
                certificate: &options.certificate,
                key: &options.key,
            };
            made.make_once(hosts, *years)?;
        }
        let current = Mutex::new(read_all(&options)?);
        Ok(Self { options, current })
    }

    /// Shakes hands with a caller at this address, if he has one; answers what he has shown, if he had
    /// to show something.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        address: Option<IpAddr>,
    ) -> Result<(TlsStream<S>, Option<Shown>), Rejected> {
        let config = self.newest();
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let server_name = hello.client_hello().server_name().map(str::to_owned);
        let stream = match hello.into_stream(config).await {
            Ok(stream) => stream,
            Err(error) => {
                return Err(Rejected {
                    server_name,
                    ..error.into()
                });
            }
        };
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates();
        let Some(certificate) = chain.and_then(|chain| chain.first()) else {
            return Ok((stream, None));
        };
        let shown = Shown::read(certificate);
        let why = match (&shown, address) {
            (None, _) => "the certificate cannot be read".to_owned(),
            (Some(shown), Some(address))
                if self.options.is_for_caller && !address::is_at_home(shown, address).await =>
            {
                address::refusal(shown, address)
            }
            _ => return Ok((stream, shown)),
        };
        Err(Rejected {
            server_name,
            shown,
            error: io::Error::new(io::ErrorKind::PermissionDenied, why),
        })
    }

    /// Whom the ports are for.
    pub fn side(&self) -> Side {
        self.options.side
    }

    /// Whether the common name of a certificate is that of a user.
    pub fn names_users(&self) -> bool {
        self.options.names_users
    }

    fn newest(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock();
        let written = written(&self.options);
        if written != current.written {
            match read_all(&self.options) {
                Ok(read) => {
                    tracing::info!("the certificates have changed, and are read again");
                    *current = read;
                }
                Err(error) => {
                    tracing::warn!(%error, "the certificates have changed, and the former stay");
                    // Until they change once more.
                    current.written = written;
                }
            }
        }
        current.config.clone()
    }
}

fn files(options: &Options) -> impl Iterator<Item = &PathBuf> {
    let needed = [&options.certificate, &options.key].into_iter();
    needed.chain(&options.authorities).chain(&options.revoked)
}

fn written(options: &Options) -> Vec<Option<SystemTime>> {
    let written = |path: &PathBuf| path.metadata().and_then(|it| it.modified()).ok();
    files(options).map(written).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}

fn read_all(options: &Options) -> Result<Current, TlsError> {
    // Before the files themselves: should they change meanwhile, they are read once more.
    let written = written(options);
    let revoked = match &options.revoked {
        None => Revoked::default(),
        Some(path) => Revoked::read(&read(path)?).ok_or(TlsError::Revoked)?,
    };
    let provider = Arc::new(options.ciphers.provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&options.ciphers.versions())?;
    let builder = match &options.authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let authorities = certificates(&read(path)?).map_err(TlsError::Authority)?;
            let mut roots = RootCertStore::empty();
            for certificate in &authorities {
                roots.add(certificate.clone())?;
            }
            let signed =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            let trusted = OrAuthority {
                signed: signed.build()?,
                authorities,
                provider: provider.clone(),
            };
            builder.with_client_cert_verifier(Arc::new(Admitted {
                trusted,
                revoked,
                names: options.allowed_names.clone(),
                hosts: options.allowed_hosts.clone(),
                provider,
            }))
        }
    };
    let chain = certificates(&read(&options.certificate)?).map_err(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&options.key)?).map_err(TlsError::Key)?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(Current {
        written,
        config: Arc::new(config),
    })
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
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = write("certificate", made.cert.pem());
        let key = write("key", made.signing_key.serialize_pem());
        let other_key = write("other", other.signing_key.serialize_pem());
        let bad = write("bad", "x".to_owned());
        let open = |certificate: &PathBuf, key: &PathBuf, authorities: Option<&PathBuf>| {
            Tls::open(Options {
                certificate: certificate.clone(),
                key: key.clone(),
                authorities: authorities.cloned(),
                ..Options::default()
            })
            .map(drop)
        };
        assert!(open(&certificate, &key, None).is_ok());
        assert!(open(&certificate, &key, Some(&certificate)).is_ok());
        let error =
            |certificate, key, authorities| open(certificate, key, authorities).unwrap_err();
        assert!(matches!(error(&bad, &key, None), TlsError::Certificate(_)));
        assert!(matches!(error(&certificate, &bad, None), TlsError::Key(_)));
        assert!(matches!(
            error(&certificate, &key, Some(&bad)),
            TlsError::Authority(_)
        ));
        assert!(matches!(
            error(&certificate, &other_key, None),
            TlsError::Pair(_)
        ));
        let missing = directory.path().join("missing");
        assert!(matches!(error(&missing, &key, None), TlsError::File { .. }));
    }
}
