//! The settings of a server: given by flags, environment and config file, then validated.

mod certificates;
mod fdb;
pub(super) mod file;
mod group;
mod home;
pub(super) mod layers;
mod log;
pub(super) mod raw;
mod tokens;
mod values;

pub use fdb::FdbArgs;
pub use group::{Founders, FoundersArgs, Group};
pub use home::{GROUP_FLAGS, Home};
pub use layers::{Layers, Source};
pub use log::{Log, Output};
pub use raw::RawSettings;
pub use values::HostUrl;

use super::exit::UsageError;
use super::{bound, duration};
use crate::api::etcd::REQUEST_OVERHEAD_BYTES;
use crate::api::etcd::gateway::{Access, Web};
use crate::api::listener::Place;
use crate::api::server::Limits;
use crate::api::tenancy::Rule;
use crate::api::tls::{self, Side};
use crate::api::version::EtcdVersion;
use crate::mvcc::auth;
use crate::mvcc::{Allowance, Options};
use crate::store::local::BlockCache;
use certificates::tls_files;
use home::home;
use layers::Setting;
use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// More often would cost more than it tells; etcd's bound.
const WATCH_PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// What the length field of every gRPC implementation can say, with what etcd allows on top.
const REQUEST_BYTES_MAX: usize = i32::MAX as usize - REQUEST_OVERHEAD_BYTES;
/// etcd's: five seconds, and two elections of one second.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);

/// The keyspaces of connections that have one each.
#[derive(Debug, Clone, Copy)]
pub struct Tenants {
    /// Which of them is whose.
    pub rule: Rule,
    /// How many may be open at a time.
    pub open_max: usize,
    /// What each is allowed while nobody has said so of it alone.
    pub allowance: Allowance,
}

/// What a server is started with; everything in it fits together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the data is.
    pub home: Home,
    /// What a local home keeps of its tables.
    pub blocks: BlockCache,
    /// The group of a Raft home.
    pub group: Option<Group>,
    /// The keyspace to serve.
    pub instance: String,
    /// Whether each connection works in a keyspace of its own, and which.
    pub tenants: Option<Tenants>,
    /// How the keyspace behaves.
    pub options: Options,
    /// Where to listen for clients; never empty.
    pub listen: Vec<HostUrl>,
    /// Where to listen for plain HTTP, which those for clients then do not speak.
    pub listen_http: Vec<HostUrl>,
    /// Where to listen for those who watch over the server.
    pub listen_metrics: Vec<HostUrl>,
    /// Where to listen for those who say which keyspaces there are.
    pub listen_control: Vec<HostUrl>,
    /// How plain HTTP is served to clients.
    pub web: Web,
    /// Where clients are told to connect; empty: where the server listens.
    pub client_urls: Vec<HostUrl>,
    /// Where other members are told to connect.
    pub peer_urls: Vec<HostUrl>,
    /// Whether writes go to the server that leads.
    pub forward_writes: bool,
    /// The certificates, when a listener speaks TLS.
    pub tls: Option<tls::Options>,
    /// Most calls a client has open on one connection.
    pub max_concurrent_streams: u32,
    /// Time between pings on a silent connection; `None` is never.
    pub keepalive_interval: Option<Duration>,
    /// A ping without an answer after this long closes the connection.
    pub keepalive_timeout: Duration,
    /// A unary call that takes longer is told of in the log.
    pub slow_after: Duration,
    /// The etcd version reported to clients.
    pub version: EtcdVersion,
    /// What is logged, and how.
    pub log: Log,
}

impl Settings {
    /// Validates what was given. The error says which setting is wrong, where it stands, and what to do.
    pub fn validate(layers: &Layers) -> Result<Self, UsageError> {
        let clients = layers.get("listen-client-urls");
        let mut seen = HashSet::new();
        let listen = client_urls(clients, &mut seen)?;
        if listen.is_empty() {
            return Err(clients.refuse("a server needs at least one URL to listen on"));
        }
        let https = layers.get("listen-client-http-urls");
        let listen_http = client_urls(https, &mut seen)?;
        let watched = layers.get("listen-metrics-urls");
        let listen_metrics = listen_urls(watched, &mut seen)?;
        let controlled = layers.get("listen-control-urls");
        let listen_control = listen_urls(controlled, &mut seen)?;
        if let Some(open) = listen_control.iter().find(|url| !url.is_private()) {
            return Err(controlled.refuse(format!(
                "whoever reaches {open} may delete keyspaces: write unix://PATH or http://127.0.0.1:PORT"
            )));
        }
        let listening = [
            (clients, &listen),
            (https, &listen_http),
            (watched, &listen_metrics),
        ];
        let encrypted = listening
            .into_iter()
            .find(|(_, urls)| urls.iter().any(|url| url.tls))
            .map(|(setting, _)| setting);
        let keepalive_interval = parse(layers.get("grpc-keepalive-interval"), duration::parse)?;
        let mode = layers.get("auto-compaction-mode");
        let home = home(layers)?;
        let name = parse(layers.get("name"), filled)?;
        let group = match home {
            Home::Raft(_) => Some(Group::validate(layers, &name, &mut seen)?),
            _ => None,
        };
        let cache_bytes = parse(layers.get("cache-bytes"), values::cache_bytes)?;
        let (blocks, cache_bytes) = match home {
            Home::Raft(_) | Home::Local(_) => BlockCache::divide(cache_bytes),
            Home::Fdb(_) | Home::Memory => (BlockCache::default(), cache_bytes),
        };
        Ok(Self {
            home,
            blocks,
            group,
            instance: parse(layers.get("instance"), filled)?,
            tenants: tenants(layers)?,
            options: Options {
                name,
                max_txn_ops: parse(layers.get("max-txn-ops"), at_least_one)?,
                max_request_bytes: parse(layers.get("max-request-bytes"), request_bytes)?,
                watch_progress_interval: parse(
                    layers.get("watch-progress-notify-interval"),
                    watch_progress_interval,
                )?,
                auto_compaction: parse(layers.get("auto-compaction-retention"), |retention| {
                    values::auto_compaction(&mode.text, retention)
                })?,
                request_timeout: REQUEST_TIMEOUT,
                quota_bytes: parse(layers.get("quota-backend-bytes"), quota_bytes)?,
                cache_bytes,
                auth: auth::Options {
                    tokens: parse(layers.get("auth-token"), |text| {
                        tokens::tokens(text, &layers.get("auth-token-ttl").text)
                    })?,
                    bcrypt_cost: parse(layers.get("bcrypt-cost"), bcrypt_cost)?,
                },
                ..Options::default()
            },
            tls: tls_files(layers, Side::Client, encrypted)?,
            listen,
            listen_http,
            listen_metrics,
            listen_control,
            web: Web {
                gateway: parse(layers.get("enable-grpc-gateway"), str::parse)?,
                access: Access {
                    origins: parse(layers.get("cors"), values::origins)?,
                    hosts: parse(layers.get("host-whitelist"), values::hosts)?,
                },
            },
            client_urls: parse(layers.get("advertise-client-urls"), values::urls)?,
            peer_urls: parse(layers.get("initial-advertise-peer-urls"), values::urls)?,
            forward_writes: parse(layers.get("forward-writes"), str::parse)?,
            max_concurrent_streams: parse(layers.get("max-concurrent-streams"), at_least_one)?,
            keepalive_interval: Some(keepalive_interval).filter(|time| !time.is_zero()),
            slow_after: parse(
                layers.get("warning-unary-request-duration"),
                duration::parse,
            )?,
            keepalive_timeout: parse(layers.get("grpc-keepalive-timeout"), |text| {
                duration::parse(text).and_then(positive)
            })?,
            version: parse(layers.get("etcd-version"), str::parse::<EtcdVersion>)?,
            log: Log::validate(layers)?,
        })
    }

    /// The bounds of the server, which may hold `max_connections` open.
    pub fn limits(&self, max_connections: usize) -> Limits {
        Limits {
            max_request_bytes: self.options.max_request_bytes,
            max_concurrent_streams: self.max_concurrent_streams,
            max_connections,
            keepalive_interval: self.keepalive_interval,
            keepalive_timeout: self.keepalive_timeout,
        }
    }
}

fn parse<T, E: Display>(
    setting: &Setting,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, UsageError> {
    parse(&setting.text).map_err(|problem| setting.refuse(problem))
}

fn filled(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("the name is empty"),
        name => Ok(name.to_owned()),
    }
}

fn at_least_one<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, &'static str> {
    let number: Option<T> = text.parse().ok();
    number
        .filter(|number| *number >= T::from(1))
        .ok_or("not a number of 1 or more that fits")
}

fn bcrypt_cost(text: &str) -> Result<u32, String> {
    let cost = text.parse().ok().filter(|cost| auth::COSTS.contains(cost));
    cost.ok_or_else(|| {
        format!(
            "not a number from {} to {}",
            auth::COSTS.start(),
            auth::COSTS.end()
        )
    })
}

fn positive(time: Duration) -> Result<Duration, String> {
    if time.is_zero() {
        return Err("the time must be longer than 0".to_owned());
    }
    Ok(time)
}

fn request_bytes(text: &str) -> Result<usize, String> {
    let bytes = at_least_one::<usize>(text)?;
    if bytes > REQUEST_BYTES_MAX {
        return Err(format!("gRPC carries at most {REQUEST_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

fn quota_bytes(text: &str) -> Result<Option<u64>, &'static str> {
    let bytes: i64 = text.parse().map_err(|_| "not a number of bytes")?;
    Ok(u64::try_from(bytes).ok().filter(|bytes| *bytes > 0))
}

fn watch_progress_interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    if interval < WATCH_PROGRESS_INTERVAL_MIN {
        return Err("the interval must be 100ms or longer".to_owned());
    }
    Ok(interval)
}

/// URLs to listen on, none of whose places was `seen` before.
fn listen_urls(setting: &Setting, seen: &mut HashSet<Place>) -> Result<Vec<HostUrl>, UsageError> {
    let urls = parse(setting, values::urls)?;
    check_listen_urls(setting, &urls, seen)?;
    Ok(urls)
}

/// The same for clients, where two URLs may share a port, one with TLS and one without.
fn client_urls(setting: &Setting, seen: &mut HashSet<Place>) -> Result<Vec<HostUrl>, UsageError> {
    let urls = parse(setting, values::urls)?;
    let mut ports: Vec<HostUrl> = Vec::new();
    for url in &urls {
        if ports.contains(url) || !ports.iter().any(|other| other.shares_port(url)) {
            ports.push(url.clone());
        }
    }
    check_listen_urls(setting, &ports, seen)?;
    Ok(urls)
}

fn check_listen_urls(
    setting: &Setting,
    urls: &[HostUrl],
    seen: &mut HashSet<Place>,
) -> Result<(), UsageError> {
    for url in urls {
        if !url.is_local() {
            return Err(setting.refuse(format!(
                "{url} is a name: listen on an address of this machine, or 0.0.0.0 for all"
            )));
        }
        // Port 0 asks for any free port, so several do not collide.
        let is_any = matches!(url.place, Place::Tcp { port: 0, .. });
        if !is_any && !seen.insert(url.place.clone()) {
            return Err(setting.refuse(format!("{url} is given twice")));
        }
    }
    Ok(())
}

/// How connections find their keyspaces, if not all work in one.
fn tenants(layers: &Layers) -> Result<Option<Tenants>, UsageError> {
    let setting = layers.get("instance-from");
    if setting.text.is_empty() {
        return Ok(None);
    }
    if layers.get("trusted-ca-file").text.is_empty() {
        return Err(setting.refuse("nobody shows a certificate: add --trusted-ca-file"));
    }
    let bound = |key, parser: fn(&str) -> Result<u64, String>| {
        let bound = parse(layers.get(key), parser)?;
        Ok::<_, UsageError>(Some(bound).filter(|bound| *bound > 0))
    };
    Ok(Some(Tenants {
        rule: parse(setting, str::parse)?,
        open_max: parse(layers.get("instances-max"), at_least_one)?,
        allowance: Allowance {
            size_bytes: bound("instances-size", bound::size)?,
            requests_per_second: bound("instances-requests", bound::count)?,
            write_bytes_per_second: bound("instances-write-bytes", bound::size)?,
        },
    }))
}

#[cfg(test)]
mod tests;
