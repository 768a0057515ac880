//! Trust in whoever answers, and in who is trusted himself.

use super::certificate::{Revoked, Role, Shown, is_for, is_good_for};
use std::sync::Arc;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
};

/// The signatures of a handshake, as the provider of a verifier checks them.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    };
}

/// Takes any certificate; that the server has its key is checked all the same.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

/// Takes whom the authorities have signed, and the certificates of the authorities themselves:
/// one that signs itself is both, as `openssl req -x509` makes it, and Go takes it.
#[derive(Debug)]
pub(super) struct OrAuthority<V: ?Sized> {
    pub(super) signed: Arc<V>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl<V: ?Sized> OrAuthority<V> {
    fn is_authority(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities.iter().any(|known| known == certificate)
    }
}

impl ClientCertVerifier for OrAuthority<dyn ClientCertVerifier> {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let signed = self
            .signed
            .verify_client_cert(certificate, intermediates, now);
        let is_trusted =
            || self.is_authority(certificate) && is_good_for(Role::Client, certificate, now);
        match signed {
            Err(_) if is_trusted() => Ok(ClientCertVerified::assertion()),
            answer => answer,
        }
    }

    signatures!();
}

impl ServerCertVerifier for OrAuthority<WebPkiServerVerifier> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let signed = self
            .signed
            .verify_server_cert(certificate, intermediates, name, ocsp, now);
        let is_trusted = || {
            self.is_authority(certificate)
                && is_good_for(Role::Server, certificate, now)
                && is_for(certificate, &name.to_str())
        };
        match signed {
            Err(_) if is_trusted() => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    signatures!();
}

/// Takes those who are trusted, unless they are revoked or nobody whom this port is for. Who is
/// refused is told so by TLS itself.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) trusted: OrAuthority<dyn ClientCertVerifier>,
    pub(super) revoked: Revoked,
    /// The common names that are let in; none: all.
    pub(super) names: Vec<String>,
    /// The hosts of which a certificate must name one; none: any.
    pub(super) hosts: Vec<String>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Admitted {
    fn admits(&self, certificate: &CertificateDer<'_>) -> bool {
        let name = Shown::read(certificate).and_then(|shown| shown.common_name);
        let is_named = self.names.is_empty() || name.is_some_and(|name| self.names.contains(&name));
        let mut hosts = self.hosts.iter();
        is_named && (self.hosts.is_empty() || hosts.any(|host| is_for(certificate, host)))
    }
}

impl ClientCertVerifier for Admitted {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.trusted.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .trusted
            .verify_client_cert(certificate, intermediates, now)?;
        let mut chain = [certificate].into_iter().chain(intermediates);
        if chain.any(|certificate| self.revoked.has(certificate)) {
            return Err(CertificateError::Revoked.into());
        }
        match self.admits(certificate) {
            true => Ok(verified),
            false => Err(CertificateError::NotValidForName.into()),
        }
    }

    signatures!();
}
