//! The flags that say where members find each other.

use super::flags::{DISCOVERY_ENDPOINTS, DISCOVERY_TOKEN, Meaning, meaning};
use crate::cli::duration;
use crate::cli::endpoint::ClientArgs;
use crate::cli::serve::registry::Registry;
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Pings that come more often end a connection with etcd; its own clients have this bound, too.
const KEEPALIVE_MIN: Duration = Duration::from_secs(10);

/// What was given of these flags.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Discovery(pub(super) BTreeMap<&'static str, String>);

impl Discovery {
    /// Whether members are to find each other.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.contains_key(DISCOVERY_TOKEN) || self.0.contains_key(DISCOVERY_ENDPOINTS)
    }

    /// The registry where they do.
    pub(super) fn registry(&self) -> Result<Registry> {
        let token = self.text(DISCOVERY_TOKEN);
        let endpoints = self.text(DISCOVERY_ENDPOINTS);
        if token.is_empty() || endpoints.is_empty() {
            bail!("both --discovery-token and --discovery-endpoints must be set");
        }
        let endpoints: Vec<_> = endpoints.split(',').map(str::trim).collect();
        if endpoints.contains(&"") {
            bail!("--discovery-endpoints must not contain empty endpoints");
        }
        let word = |name| Some(self.text(name).to_owned()).filter(|word| !word.is_empty());
        let file = |name| word(name).map(PathBuf::from);
        let (cert, key) = (file("discovery-cert"), file("discovery-key"));
        if cert.is_some() != key.is_some() {
            bail!("--discovery-cert and --discovery-key need each other");
        }
        let skips = self.text("discovery-insecure-skip-tls-verify") == "true";
        let is_encrypted = skips || self.text("discovery-insecure-transport") == "false";
        // A scheme says more than these flags.
        let url = |endpoint: &str| match is_encrypted && !endpoint.contains("://") {
            true => format!("https://{endpoint}"),
            false => endpoint.to_owned(),
        };
        let servers = ClientArgs {
            endpoints: endpoints.into_iter().map(url).collect(),
            cacert: file("discovery-cacert"),
            cert,
            key,
            insecure_skip_tls_verify: skips,
            user: word("discovery-user"),
            password: word("discovery-password"),
            dial_timeout: self.time("discovery-dial-timeout")?,
            command_timeout: self.time("discovery-request-timeout")?,
            keepalive_time: self.time("discovery-keepalive-time")?.max(KEEPALIVE_MIN),
            keepalive_timeout: self.time("discovery-keepalive-timeout")?,
        };
        Registry::new(token.to_owned(), &servers)
    }

    fn text(&self, name: &str) -> &str {
        match (self.0.get(name), meaning(name)) {
            (Some(given), _) => given,
            (None, Some(Meaning::Registry(_, default))) => default,
            (None, _) => "",
        }
    }

    fn time(&self, name: &str) -> Result<Duration> {
        let text = self.text(name);
        duration::parse(text).map_err(|problem| anyhow!("--{name} {text}: {problem}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refused(given: &[(&'static str, &str)]) -> String {
        let given = given.iter().map(|(name, text)| (*name, (*text).to_owned()));
        let discovery = Discovery(given.collect());
        assert!(discovery.is_wanted());
        format!("{:#}", discovery.registry().unwrap_err())
    }

    #[test]
    fn flags_that_do_not_fit_together_are_refused_in_etcds_words() {
        let token = (DISCOVERY_TOKEN, "t");
        let endpoints = (DISCOVERY_ENDPOINTS, "a:1");
        for (given, words) in [
            (&[token][..], "both --discovery-token and"),
            (&[endpoints], "both --discovery-token and"),
            (
                &[token, (DISCOVERY_ENDPOINTS, "a:1,")],
                "--discovery-endpoints must not contain empty endpoints",
            ),
            (
                &[token, endpoints, ("discovery-key", "k")],
                "--discovery-cert and --discovery-key",
            ),
            (
                &[token, endpoints, ("discovery-dial-timeout", "-1s")],
                "--discovery-dial-timeout -1s",
            ),
            (
                &[token, endpoints, ("discovery-cacert", "/no/such")],
                "/no/such",
            ),
            (
                &[token, endpoints, ("discovery-user", "u")],
                "no password for user u",
            ),
        ] {
            let said = refused(given);
            assert!(said.contains(words), "{said}");
        }
        assert!(!Discovery::default().is_wanted());
    }
}
