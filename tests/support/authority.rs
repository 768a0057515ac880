//! Who signs certificates in tests.

use super::cluster::Tls;
use std::path::Path;

/// An authority that nobody has heard of before.
pub struct Authority {
    certificate: rcgen::Certificate,
    key: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    /// With a key of its own.
    pub fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        // Of a certificate that has its signer's name, OpenSSL thinks that it signs itself.
        let name = &mut params.distinguished_name;
        name.push(rcgen::DnType::CommonName, "authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![
            rcgen::KeyUsagePurpose::KeyCertSign,
            rcgen::KeyUsagePurpose::CrlSign,
        ];
        let key = rcgen::KeyPair::generate().expect("there is randomness");
        let certificate = params.self_signed(&key).expect("its own key");
        Self {
            certificate,
            key: key.serialize_pem(),
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The same with its key.
    pub fn own(&self) -> (String, String) {
        (self.pem(), self.key.clone())
    }

    /// A certificate for `localhost` and its key, as PEM.
    pub fn issue(&self) -> (String, String) {
        self.sign(rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name"))
    }

    /// A certificate with a common name, good for some hosts, and its key, as PEM.
    pub fn issue_to(&self, name: &str, hosts: &[&str], serial: u64) -> (String, String) {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(hosts).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        let common_name = rcgen::DnType::CommonName;
        params.distinguished_name.push(common_name, name);
        params.serial_number = Some(serial.into());
        self.sign(params)
    }

    /// A list of revoked certificates, as PEM.
    pub fn revoke(&self, serials: &[u64]) -> String {
        let now = rcgen::date_time_ymd(2020, 1, 1);
        let revoked = |serial: &u64| rcgen::RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let list = rcgen::CertificateRevocationListParams {
            this_update: now,
            next_update: rcgen::date_time_ymd(2100, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("an authority may");
        list.pem().expect("it can be written")
    }

    fn sign(&self, params: rcgen::CertificateParams) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("there is randomness");
        let certificate = params.signed_by(&key, &self.issuer);
        (certificate.expect("its own key").pem(), key.serialize_pem())
    }

    /// The same as files of a directory, with the authority's own certificate.
    pub fn issue_files(&self, directory: &Path) -> Tls {
        self.write_files(directory, self.issue())
    }

    /// Files of a certificate whose time is over.
    pub fn issue_expired_files(&self, directory: &Path) -> Tls {
        self.write_files(directory, self.issue_expired())
    }

    /// A certificate whose time is over, and its key, as PEM.
    pub fn issue_expired(&self) -> (String, String) {
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]);
        let mut params = params.expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(params)
    }

    /// Files of a certificate, its key and the authority.
    pub fn write_files(&self, directory: &Path, (certificate, key): (String, String)) -> Tls {
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("room for a file");
            path
        };
        Tls {
            certificate: write("certificate.pem", certificate),
            key: write("key.pem", key),
            authority: write("authority.pem", self.pem()),
        }
    }
}
