//! What certificates say, which are revoked, and how one is made.

use super::TlsError;
use std::collections::HashSet;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, UnixTime,
};
use tokio_rustls::rustls::server::ParsedCertificate;
use x509_parser::prelude::{
    ASN1Time, CertificateRevocationList, FromDer, GeneralName, X509Certificate, X509Name,
};

/// Whose a certificate is that was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The common name of its subject.
    pub common_name: Option<String>,
    /// The IP addresses of its subject.
    pub addresses: Vec<IpAddr>,
    /// The DNS names of its subject.
    pub dns_names: Vec<String>,
    /// The URIs of its subject.
    pub uris: Vec<String>,
}

impl Shown {
    /// Reads one.
    pub fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let mut shown = Self {
            common_name: common_name(certificate.subject()),
            ..Self::default()
        };
        let names = certificate.subject_alternative_name().ok()?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::IPAddress(bytes) => shown.addresses.extend(address(bytes)),
                GeneralName::DNSName(name) => shown.dns_names.push((*name).to_owned()),
                GeneralName::URI(uri) => shown.uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        Some(shown)
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

fn common_name(subject: &X509Name<'_>) -> Option<String> {
    let name = subject.iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

/// Whether a certificate is for a host.
pub fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let (Ok(parsed), Ok(host)) = (
        ParsedCertificate::try_from(certificate),
        ServerName::try_from(host),
    ) else {
        return false;
    };
    verify_server_name(&parsed, &host).is_ok()
}

/// Who shows a certificate.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// Who calls.
    Client,
    /// Who answers.
    Server,
}

/// Whether a certificate is valid at a time, and may be shown by this one.
pub fn is_good_for(role: Role, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let now = i64::try_from(now.as_secs()).ok();
    let now = now.and_then(|now| ASN1Time::from_timestamp(now).ok());
    let is_valid = now.is_some_and(|now| certificate.validity().is_valid_at(now));
    let use_is_right = match certificate.extended_key_usage() {
        Ok(Some(usage)) if usage.value.any => true,
        Ok(Some(usage)) => match role {
            Role::Client => usage.value.client_auth,
            Role::Server => usage.value.server_auth,
        },
        Ok(None) => true,
        Err(_) => false,
    };
    is_valid && use_is_right
}

/// Issuers, and the numbers of the certificates that they have revoked.
#[derive(Debug, Default)]
pub struct Revoked(HashSet<(Vec<u8>, Vec<u8>)>);

impl Revoked {
    /// Reads a list, PEM or not.
    pub fn read(text: &[u8]) -> Option<Self> {
        let der = match CertificateRevocationListDer::from_pem_slice(text) {
            Ok(der) => der.to_vec(),
            Err(_) => text.to_vec(),
        };
        let (_, list) = CertificateRevocationList::from_der(&der).ok()?;
        let issuer = list.issuer().as_raw().to_vec();
        let revoked = list.iter_revoked_certificates();
        let revoked = revoked.map(|it| (issuer.clone(), it.raw_serial().to_vec()));
        Some(Self(revoked.collect()))
    }

    /// Whether a certificate is in it.
    pub fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        // One that cannot be read has not been verified either.
        X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
            let issuer = certificate.issuer().as_raw().to_vec();
            self.0
                .contains(&(issuer, certificate.raw_serial().to_vec()))
        })
    }
}

/// A certificate that its owner has signed himself: the connection is encrypted, but to whom is not
/// known.
pub struct SelfSigned<'a> {
    /// Its file.
    pub certificate: &'a Path,
    /// The file of its key.
    pub key: &'a Path,
}

impl SelfSigned<'_> {
    /// Makes both, unless they are there.
    pub fn make_once(&self, hosts: &[String], years: u32) -> Result<(), TlsError> {
        if self.certificate.exists() && self.key.exists() {
            return Ok(());
        }
        let mut params = rcgen::CertificateParams::new(hosts)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let organization = rcgen::DnType::OrganizationName;
        params.distinguished_name.push(organization, "kvtool");
        params.not_before = std::time::SystemTime::now().into();
        params.not_after = params.not_before + YEAR * years;
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = rcgen::KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        write(self.key, &key.serialize_pem())?;
        write(self.certificate, &certificate.pem())
    }
}

/// Long enough for any calendar.
const YEAR: std::time::Duration = std::time::Duration::from_secs(366 * 24 * 60 * 60);
/// For nobody else's eyes.
const OWNER_ONLY: u32 = 0o600;

fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let written = || {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut file = options.mode(OWNER_ONLY).open(path)?;
        file.write_all(text.as_bytes())
    };
    written().map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    use std::time::Duration;

    #[test]
    fn one_shows_what_is_valid_and_for_ones_role() {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
        for (until, uses, for_client, for_server) in [
            (2100, vec![], true, true),
            (2100, vec![ServerAuth, ClientAuth], true, true),
            (2100, vec![ServerAuth], false, true),
            (2100, vec![ClientAuth], true, false),
            (2020, vec![], false, false),
        ] {
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
            params.extended_key_usages = uses;
            let made = params.self_signed(&rcgen::KeyPair::generate().unwrap());
            let made = made.unwrap();
            assert_eq!(is_good_for(Role::Client, made.der(), now), for_client);
            assert_eq!(is_good_for(Role::Server, made.der(), now), for_server);
        }
    }
}
