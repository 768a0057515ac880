//! Which versions of TLS are spoken, and with which ciphers.

use std::fmt;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// Versions, and ciphers of the older one; by default all that are sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ciphers {
    without_tls12: bool,
    without_tls13: bool,
    /// Those of TLS 1.2 that are let in; none: all.
    suites: Vec<String>,
}

/// Why no TLS can be spoken like that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCipher(String);

impl fmt::Display for NoCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ciphers {
    /// From a version, of TLS1.2 and TLS1.3, on.
    pub fn at_least(mut self, version: &str) -> Result<Self, NoCipher> {
        self.without_tls12 = is_tls13(version)?;
        Ok(self)
    }

    /// Up to a version; empty: the newest.
    pub fn at_most(mut self, version: &str) -> Result<Self, NoCipher> {
        self.without_tls13 = !version.is_empty() && !is_tls13(version)?;
        if self.without_tls12 && self.without_tls13 {
            return Err(NoCipher("no version is left".to_owned()));
        }
        Ok(self)
    }

    /// These ciphers of TLS 1.2 alone, by etcd's names, with commas between; empty: all. Those of
    /// TLS 1.3 are always there.
    pub fn only(mut self, names: &str) -> Result<Self, NoCipher> {
        for name in names.split(',').filter(|_| !names.is_empty()) {
            let known: Vec<_> = all().map(|suite| name_of(&suite)).collect();
            // As Go once named them, and etcd still takes them.
            let name = match name.ends_with("_CHACHA20_POLY1305") {
                true => format!("{name}_SHA256"),
                false => name.to_owned(),
            };
            if !known.contains(&name) {
                return Err(NoCipher(format!("{name} is none of {}", known.join(", "))));
            }
            self.suites.push(name);
        }
        let has_older = all().any(|suite| suite.tls13().is_none() && self.has(&suite));
        if self.without_tls13 && !has_older {
            return Err(NoCipher("none of these is of TLS 1.2".to_owned()));
        }
        Ok(self)
    }

    fn has(&self, suite: &SupportedCipherSuite) -> bool {
        suite.tls13().is_some() || self.suites.is_empty() || self.suites.contains(&name_of(suite))
    }

    pub(super) fn provider(&self) -> CryptoProvider {
        let mut provider = ring::default_provider();
        provider.cipher_suites.retain(|suite| self.has(suite));
        provider
    }

    pub(super) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let older = all().any(|suite| suite.tls13().is_none() && self.has(&suite));
        let mut versions = Vec::new();
        if !self.without_tls13 {
            versions.push(&TLS13);
        }
        if !self.without_tls12 && older {
            versions.push(&TLS12);
        }
        versions
    }
}

fn is_tls13(version: &str) -> Result<bool, NoCipher> {
    match version {
        "TLS1.2" => Ok(false),
        "TLS1.3" => Ok(true),
        _ => Err(NoCipher("the version is TLS1.2 or TLS1.3".to_owned())),
    }
}

fn all() -> impl Iterator<Item = SupportedCipherSuite> {
    ring::default_provider().cipher_suites.into_iter()
}

/// etcd's name, which is that of the standard.
fn name_of(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_let_in_is_what_is_named() {
        let one = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        let ciphers = Ciphers::default().only(one).unwrap();
        let named = ciphers.provider().cipher_suites;
        let older: Vec<_> = named
            .iter()
            .filter(|it| it.tls13().is_none())
            .map(name_of)
            .collect();
        assert_eq!(older, [one]);
        assert_eq!(ciphers.versions().len(), 2);
        let former = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305";
        assert!(Ciphers::default().only(former).is_ok());
        let newest = Ciphers::default().at_least("TLS1.3").unwrap();
        assert_eq!(newest.versions(), [&TLS13]);
        let refused = [
            Ciphers::default().only("TLS_RSA_WITH_RC4_128_SHA"),
            Ciphers::default().at_least("TLS1.1"),
            newest.at_most("TLS1.2"),
            Ciphers::default()
                .at_most("TLS1.2")
                .unwrap()
                .only("TLS_AES_128_GCM_SHA256"),
        ];
        for refused in refused {
            assert!(refused.is_err(), "{refused:?}");
        }
    }
}
