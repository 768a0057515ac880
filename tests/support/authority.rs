//! Who signs certificates in tests.

use super::cluster::Tls;
use std::path::Path;

/// An authority that nobody has heard of before.
pub struct Authority {
    certificate: rcgen::Certificate,
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
        let key = rcgen::KeyPair::generate().expect("there is randomness");
        let certificate = params.self_signed(&key).expect("its own key");
        Self {
            certificate,
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for `localhost` and its key, as PEM.
    pub fn issue(&self) -> (String, String) {
        self.sign(rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name"))
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
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]);
        let mut params = params.expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.write_files(directory, self.sign(params))
    }

    fn write_files(&self, directory: &Path, (certificate, key): (String, String)) -> Tls {
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
