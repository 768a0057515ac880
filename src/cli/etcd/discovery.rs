//! The flags that say where members find each other.

use super::flags::{DISCOVERY, DISCOVERY_ENDPOINTS, DISCOVERY_TOKEN};
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

    /// The registry where they do; `None`: they are named.
    pub(super) fn registry(&self, initial_cluster: &str) -> Result<Option<Registry>> {
        if !self.is_wanted() {
            return Ok(None);
        }
        if !initial_cluster.is_empty() {
            bail!(
                "multiple discovery or bootstrap flags are set: leave out --initial-cluster or \
                 --discovery-endpoints"
            );
        }
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
        let token = token.to_owned();
        Ok(Some(Registry { token, servers }))
    }

    fn text(&self, name: &str) -> &str {
        let flag = DISCOVERY.iter().find(|(flag, ..)| *flag == name);
        let default = flag.map_or("", |(.., default)| default);
        self.0.get(name).map_or(default, String::as_str)
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

    fn registry(given: &[(&'static str, &str)], initial_cluster: &str) -> Result<Option<Registry>> {
        let given = given.iter().map(|(name, text)| (*name, (*text).to_owned()));
        Discovery(given.collect()).registry(initial_cluster)
    }

    const TOKEN: (&str, &str) = (DISCOVERY_TOKEN, "t");
    const ENDPOINTS: (&str, &str) = (DISCOVERY_ENDPOINTS, "a:1, http://b:2");

    #[test]
    fn flags_that_do_not_fit_together_are_refused() {
        for (given, initial_cluster, words) in [
            (&[TOKEN][..], "", "both --discovery-token and"),
            (&[ENDPOINTS], "", "both --discovery-token and"),
            (&[TOKEN, ENDPOINTS], "a=http://a:1", "multiple discovery"),
            (
                &[TOKEN, (DISCOVERY_ENDPOINTS, "a:1,")],
                "",
                "--discovery-endpoints must not contain empty endpoints",
            ),
            (
                &[TOKEN, ENDPOINTS, ("discovery-key", "k")],
                "",
                "--discovery-cert and --discovery-key",
            ),
            (
                &[TOKEN, ENDPOINTS, ("discovery-dial-timeout", "-1s")],
                "",
                "--discovery-dial-timeout -1s",
            ),
        ] {
            let said = registry(given, initial_cluster).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
        assert!(registry(&[], "a=http://a:1").unwrap().is_none());
    }

    #[test]
    fn the_defaults_are_etcds_and_an_address_alone_is_encrypted_if_that_is_wanted() {
        let found = registry(&[TOKEN, ENDPOINTS], "").unwrap().unwrap();
        assert_eq!(found.token, "t");
        assert_eq!(found.servers.endpoints, ["a:1", "http://b:2"]);
        assert_eq!(found.servers.command_timeout, Duration::from_secs(5));
        assert_eq!(found.servers.keepalive_time, KEEPALIVE_MIN);
        for flag in [
            ("discovery-insecure-transport", "false"),
            ("discovery-insecure-skip-tls-verify", "true"),
        ] {
            let found = registry(&[TOKEN, ENDPOINTS, flag], "").unwrap().unwrap();
            assert_eq!(found.servers.endpoints, ["https://a:1", "http://b:2"]);
        }
    }
}
