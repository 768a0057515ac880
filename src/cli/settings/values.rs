//! Values with a syntax of their own.

use crate::api::etcd::gateway::Allowed;
use crate::api::listener::Place;
use crate::cli::{bound, duration};
use crate::mvcc::AutoCompaction;
use axum::http::Uri;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// `http://host:port`, or `unix://path`; with TLS `https://` or `unixs://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUrl {
    /// TLS is spoken there.
    pub tls: bool,
    /// Where that is.
    pub place: Place,
}

impl HostUrl {
    /// Whether it can be bound without asking a name server: an address, `localhost`, or a socket
    /// of the file system.
    pub fn is_local(&self) -> bool {
        match &self.place {
            Place::Tcp { host, .. } => host == "localhost" || host.parse::<IpAddr>().is_ok(),
            Place::Unix(_) => true,
        }
    }

    /// Whether only this machine reaches it, and without TLS.
    pub fn is_private(&self) -> bool {
        let is_here = match &self.place {
            Place::Tcp { host, .. } => {
                let address = host.parse::<IpAddr>();
                host == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            Place::Unix(_) => true,
        };
        is_here && !self.tls
    }
}

impl HostUrl {
    /// Whether another URL is that of the same port of this machine, and one of them speaks TLS. As
    /// with etcd, a client is then served in what it begins with.
    pub fn shares_port(&self, other: &Self) -> bool {
        let is_one = matches!(self.place, Place::Tcp { port: 1.., .. });
        is_one && self.place == other.place && self.tls != other.tls
    }
}

impl fmt::Display for HostUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.url(self.tls).fmt(f)
    }
}

impl FromStr for HostUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "not a URL: write it as http://127.0.0.1:2379";
        for (scheme, tls) in [("unix://", false), ("unixs://", true)] {
            match text.strip_prefix(scheme) {
                Some("") => return Err("the URL must name a socket, as in unix:///run/a.sock"),
                Some(path) => {
                    let place = Place::Unix(path.into());
                    return Ok(Self { tls, place });
                }
                None => {}
            }
        }
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => {
                return Err("the URL must start with http://, https://, unix:// or unixs://");
            }
            None => return Err(FORM),
        };
        let authority = uri.authority().ok_or(FORM)?;
        let port = authority
            .port_u16()
            .ok_or("the URL needs a port, as in http://127.0.0.1:2379")?;
        if authority.host().is_empty() {
            return Err(FORM);
        }
        let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
        if rest != "/" || authority.as_str().contains('@') {
            return Err("the URL must end with its port");
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let place = Place::Tcp { host, port };
        Ok(Self { tls, place })
    }
}

/// URLs with commas between; an empty text is none.
pub fn urls(text: &str) -> Result<Vec<HostUrl>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(|url| url.trim().parse()).collect()
}

/// Origins of pages with commas between, or `*`.
pub fn origins(text: &str) -> Result<Allowed, &'static str> {
    allowed(text, |origin| {
        let uri: Option<Uri> = origin.parse().ok();
        uri.is_some_and(|uri| {
            let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
            is_web && uri.authority().is_some() && !origin.ends_with('/') && uri.path() == "/"
        })
    })
    .ok_or("not an origin: write it as a browser does, as in http://console.example:8080")
}

/// Hosts with commas between, or `*`.
pub fn hosts(text: &str) -> Result<Allowed, &'static str> {
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', ' ']);
    match text {
        // As etcd reads it.
        "" => Ok(Allowed::Any),
        text => allowed(text, is_host).ok_or("not a host: write it without scheme and port"),
    }
}

fn allowed(text: &str, is_good: impl Fn(&str) -> bool) -> Option<Allowed> {
    let mut names = BTreeSet::new();
    for name in text.split(',').map(str::trim) {
        match name {
            "*" => return Some(Allowed::Any),
            "" if text.is_empty() => {}
            name => is_good(name)
                .then(|| names.insert(name.to_owned()))
                .map(drop)?,
        }
    }
    Some(Allowed::Only(names))
}

/// A number of bytes, with or without a unit; 0 is none.
pub fn cache_bytes(text: &str) -> Result<usize, &'static str> {
    let bytes = match text {
        "0" => Some(0),
        "none" => None,
        text => bound::size(text).ok(),
    };
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or("not a number of bytes, such as 67108864 or 64MiB")
}

/// How much history to keep. As etcd reads it, a bare number is hours in the mode `periodic`.
pub fn auto_compaction(mode: &str, retention: &str) -> Result<AutoCompaction, String> {
    let count = retention.parse::<u32>();
    match (mode, count) {
        ("periodic" | "revision", Ok(0)) => Ok(AutoCompaction::Off),
        ("periodic", Ok(hours)) => Ok(AutoCompaction::Periodic(Duration::from_secs(
            u64::from(hours) * 3600,
        ))),
        ("periodic", Err(_)) => match duration::parse(retention)? {
            Duration::ZERO => Ok(AutoCompaction::Off),
            age => Ok(AutoCompaction::Periodic(age)),
        },
        ("revision", Ok(revisions)) => Ok(AutoCompaction::Revisions(i64::from(revisions))),
        ("revision", Err(_)) => Err(
            "with --auto-compaction-mode revision this is a number of revisions, such as 1000"
                .to_owned(),
        ),
        (mode, _) => Err(format!(
            "--auto-compaction-mode is periodic or revision, not {mode}"
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_scheme_host_and_port() {
        for (text, tls, host, port) in [
            ("http://127.0.0.1:2379", false, "127.0.0.1", 2379),
            ("https://etcd.example:1", true, "etcd.example", 1),
            ("http://[::1]:0/", false, "::1", 0),
        ] {
            let url: HostUrl = text.parse().unwrap();
            let host = host.to_owned();
            let place = Place::Tcp { host, port };
            assert_eq!(url, HostUrl { tls, place });
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        for (text, tls, path) in [
            ("unix:///run/a.sock", false, "/run/a.sock"),
            // As etcd reads it, this is a path too.
            ("unixs://localhost:2379", true, "localhost:2379"),
        ] {
            let url: HostUrl = text.parse().unwrap();
            let place = Place::Unix(path.into());
            assert_eq!(url, HostUrl { tls, place });
            assert_eq!(url.to_string(), text);
        }
        assert_eq!(urls("").unwrap(), []);
        assert_eq!(urls("http://a:1, https://b:2").unwrap().len(), 2);
    }

    #[test]
    fn anything_else_is_not_a_url() {
        for text in [
            "",
            "127.0.0.1:2379",
            "http://127.0.0.1",
            "http://:2379",
            "http://a:99999",
            "http://a:1/path",
            "http://a:1?q",
            "http://user@a:1",
            "ftp://a:1",
            "unix://",
            "unix:/run/a.sock",
            "http://a b:1",
        ] {
            assert!(text.parse::<HostUrl>().is_err(), "{text}");
        }
        assert!(urls("http://a:1,").is_err());
    }

    #[test]
    fn pages_and_hosts_are_named_as_browsers_name_them() {
        let only = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            Ok(Allowed::Only(names.collect()))
        };
        assert_eq!(origins(""), only(&[]));
        assert_eq!(origins("*"), Ok(Allowed::Any));
        assert_eq!(
            origins("http://a:1, https://b"),
            only(&["http://a:1", "https://b"])
        );
        assert_eq!(origins("http://a:1,*"), Ok(Allowed::Any));
        for text in [
            "a",
            "http://",
            "http://a/",
            "http://a/b",
            "ftp://a",
            "http://a,",
        ] {
            assert!(origins(text).is_err(), "{text}");
        }
        assert_eq!(hosts(""), Ok(Allowed::Any));
        assert_eq!(hosts("*"), Ok(Allowed::Any));
        assert_eq!(hosts("a,127.0.0.1,::1"), only(&["a", "127.0.0.1", "::1"]));
        for text in ["http://a", "a,", "a b"] {
            assert!(hosts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_addresses_and_localhost_are_local() {
        let local = |text: &str| text.parse::<HostUrl>().unwrap().is_local();
        assert!(local("http://0.0.0.0:1"));
        assert!(local("http://[::]:1"));
        assert!(local("http://localhost:1"));
        assert!(local("unix://etcd.example:1"));
        assert!(!local("http://etcd.example:1"));
    }

    #[test]
    fn retention_is_read_as_etcd_reads_it() {
        let hours = |hours: u64| AutoCompaction::Periodic(Duration::from_secs(hours * 3600));
        for (mode, retention, expected) in [
            ("periodic", "0", AutoCompaction::Off),
            ("periodic", "0s", AutoCompaction::Off),
            ("periodic", "1", hours(1)),
            ("periodic", "72h", hours(72)),
            ("periodic", "120m", hours(2)),
            ("revision", "0", AutoCompaction::Off),
            ("revision", "1000", AutoCompaction::Revisions(1000)),
        ] {
            assert_eq!(auto_compaction(mode, retention), Ok(expected));
        }
        for (mode, retention) in [
            ("periodic", "-1"),
            ("periodic", "x"),
            ("revision", "30m"),
            ("revision", "-1"),
            ("other", "1"),
            ("other", "0"),
        ] {
            assert!(
                auto_compaction(mode, retention).is_err(),
                "{mode} {retention}"
            );
        }
    }
}
