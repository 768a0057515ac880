//! The settings of a server: given by flags, environment and config file, then validated.

mod fdb;
pub(super) mod file;
mod group;
pub(super) mod layers;
pub(super) mod raw;
mod tokens;
mod values;

pub use fdb::FdbArgs;
pub use group::{Founders, FoundersArgs, Group};
pub use layers::{Layers, Source};
pub use raw::RawSettings;
pub use values::HostUrl;

use super::duration;
use super::exit::UsageError;
use crate::api::etcd::REQUEST_OVERHEAD_BYTES;
use crate::api::etcd::gateway::{Access, Web};
use crate::api::listener::Place;
use crate::api::server::Limits;
use crate::api::tenancy::Rule;
use crate::api::tls;
use crate::api::version::EtcdVersion;
use crate::mvcc::Options;
use crate::mvcc::auth;
use crate::store::fdb as store;
use crate::store::local::CERTIFICATES;
use layers::Setting;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// More often would cost more than it tells; etcd's bound.
const WATCH_PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// What the length field of every gRPC implementation can say, with what etcd allows on top.
const REQUEST_BYTES_MAX: usize = i32::MAX as usize - REQUEST_OVERHEAD_BYTES;
/// etcd's: five seconds, and two elections of one second.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);

/// The home of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// A directory of this machine, and those of the other members of its group.
    Raft(PathBuf),
    /// A directory of this machine alone.
    Local(PathBuf),
    /// A FoundationDB cluster.
    Fdb(Box<store::Options>),
    /// This process's memory.
    Memory,
}

impl Home {
    /// Validates what flags and environment variables say of it, for a verb without other settings.
    pub fn given(
        store: Option<String>,
        data_dir: Option<String>,
        fdb: FdbArgs,
    ) -> Result<Self, UsageError> {
        let flags = RawSettings::of_home(store, data_dir, fdb);
        let environment = |name: &str| std::env::var(name).ok();
        home(&Layers::merge(&flags, environment, None)?)
    }
}

/// What is logged, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The level of the least important messages.
    pub level: tracing::Level,
    /// As JSON, one object per line.
    pub json: bool,
    /// Where every line goes.
    pub outputs: BTreeSet<Output>,
}

/// Where lines of the log go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// The end of a file.
    File(PathBuf),
}

impl Log {
    /// Validates what was given.
    pub fn validate(layers: &Layers) -> Result<Self, UsageError> {
        Ok(Self {
            level: parse(layers.get("log-level"), log_level)?,
            json: parse(layers.get("log-format"), |format| match format {
                "json" => Ok(true),
                "console" => Ok(false),
                _ => Err("the log format is console or json"),
            })?,
            outputs: parse(layers.get("log-outputs"), log_outputs)?,
        })
    }
}

/// What a server is started with; everything in it fits together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the data is.
    pub home: Home,
    /// The group of a Raft home.
    pub group: Option<Group>,
    /// The keyspace to serve.
    pub instance: String,
    /// Whether each connection works in a keyspace of its own, and how many of them may be open.
    pub instance_from: Option<(Rule, usize)>,
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
        Ok(Self {
            home,
            group,
            instance: parse(layers.get("instance"), filled)?,
            instance_from: instance_from(layers)?,
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
                cache_bytes: parse(layers.get("cache-bytes"), |text| {
                    text.parse::<usize>().map_err(|_| "not a number of bytes")
                })?,
                auth: auth::Options {
                    tokens: parse(layers.get("auth-token"), |text| {
                        tokens::tokens(text, &layers.get("auth-token-ttl").text)
                    })?,
                    bcrypt_cost: parse(layers.get("bcrypt-cost"), bcrypt_cost)?,
                },
                ..Options::default()
            },
            tls: tls_files(layers, "", encrypted)?,
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

fn log_level(text: &str) -> Result<tracing::Level, &'static str> {
    match text {
        "debug" | "info" | "warn" | "error" => text.parse().map_err(|_| "not a log level"),
        // etcd's levels above that are of messages that end it.
        "dpanic" | "panic" | "fatal" => Ok(tracing::Level::ERROR),
        _ => Err("the log level is debug, info, warn or error"),
    }
}

fn log_outputs(text: &str) -> Result<BTreeSet<Output>, &'static str> {
    let output = |name: &str| match name {
        "default" | "stderr" => Ok(Output::Stderr),
        "stdout" => Ok(Output::Stdout),
        "" => Err("name stderr, stdout or files, with commas between"),
        path => Ok(Output::File(path.into())),
    };
    text.split(',').map(|name| output(name.trim())).collect()
}

/// How settings begin that concern a group alone.
pub(super) const GROUP_FLAGS: [&str; 10] = [
    "corrupt-check-time",
    "compact-hash-check-",
    "initial-corrupt-check",
    "strict-reconfig-check",
    "max-learners",
    "listen-peer-urls",
    "initial-cluster",
    "heartbeat-interval",
    "election-timeout",
    "peer-",
];

fn home(layers: &Layers) -> Result<Home, UsageError> {
    let directory = layers.get("data-dir");
    let store = layers.get("store");
    if !["raft", "local"].contains(&store.text.as_str()) && directory.source != Source::Default {
        let problem = format!(
            "the store {} has no directory, so leave this out",
            store.text
        );
        return Err(directory.refuse(problem));
    }
    if store.text != "fdb"
        && let Some(setting) = layers.flag("fdb-")
    {
        return Err(setting.refuse("this is for --store fdb: add that, or leave this out"));
    }
    if store.text != "raft"
        && let Some(setting) = GROUP_FLAGS.iter().find_map(|prefix| layers.flag(prefix))
    {
        return Err(setting.refuse("this is for --store raft: add that, or leave this out"));
    }
    match store.text.as_str() {
        "raft" => parse(directory, filled).map(|path| Home::Raft(path.into())),
        "local" => parse(directory, filled).map(|path| Home::Local(path.into())),
        "fdb" => foundationdb(layers).map(|options| Home::Fdb(Box::new(options))),
        "memory" => Ok(Home::Memory),
        _ => Err(store.refuse("the store is raft, local, fdb or memory")),
    }
}

fn foundationdb(layers: &Layers) -> Result<store::Options, UsageError> {
    let text = |key| Some(layers.get(key).text.clone()).filter(|text| !text.is_empty());
    let path = |key| text(key).map(PathBuf::from);
    let connection_string = text("fdb-connection-string");
    let cluster_file = path("fdb-cluster-file");
    if connection_string.is_some() && cluster_file.is_some() {
        return Err(layers
            .get("fdb-connection-string")
            .refuse("a cluster file says the same: leave one of them out"));
    }
    Ok(store::Options {
        library: path("fdb-client-library"),
        cluster_file,
        connection_string,
        tls: store::Tls {
            certificate_file: path("fdb-tls-certificate-file"),
            key_file: path("fdb-tls-key-file"),
            ca_file: path("fdb-tls-ca-file"),
            verify_peers: text("fdb-tls-verify-peers"),
        },
        trace_dir: path("fdb-trace-dir"),
        external_client_dir: path("fdb-external-client-dir"),
        tag: text("fdb-transaction-tag"),
        batch_priority: parse(layers.get("fdb-priority"), |priority| match priority {
            "default" => Ok(false),
            "batch" => Ok(true),
            _ => Err("the priority is default or batch"),
        })?,
    })
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

/// The certificates for the URLs of the setting `encrypted`, if one has such URLs; their settings
/// have a prefix.
fn tls_files(
    layers: &Layers,
    prefix: &str,
    encrypted: Option<&Setting>,
) -> Result<Option<tls::Options>, UsageError> {
    let setting = |key: &str| layers.get(&format!("{prefix}{key}"));
    let given = |key| Some(setting(key)).filter(|setting| !setting.text.is_empty());
    let certificate = given("cert-file");
    let key = given("key-file");
    let authorities = given("trusted-ca-file");
    let require_certificate = setting("client-cert-auth");
    let wanted = parse(require_certificate, str::parse::<bool>)?;
    if wanted && authorities.is_none() {
        return Err(require_certificate.refuse(format!(
            "name the authorities whose clients are accepted with --{prefix}trusted-ca-file"
        )));
    }
    let self_signed = encrypted.map(|_| self_signed(layers, prefix));
    if let Some(made) = self_signed.transpose()?.flatten() {
        return Ok(Some(made));
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) if encrypted.is_some() => Ok(Some(tls::Options {
            certificate: certificate.text.clone().into(),
            key: key.text.clone().into(),
            authorities: authorities.map(|setting| setting.text.clone().into()),
            names_users: wanted,
            ..strictness(layers, prefix, authorities.is_some())?
        })),
        (Some(one), None) => Err(one.refuse(format!(
            "a certificate needs its key: add --{prefix}key-file"
        ))),
        (None, Some(one)) => Err(one.refuse(format!(
            "a key needs its certificate: add --{prefix}cert-file"
        ))),
        (None, None) if let Some(urls) = encrypted => Err(urls.refuse(format!(
            "https needs --{prefix}cert-file and --{prefix}key-file"
        ))),
        _ => match certificate.or(authorities) {
            Some(setting) => {
                let urls = if prefix.is_empty() { "client" } else { "peer" };
                Err(setting.refuse(format!(
                    "no URL of --listen-{urls}-urls is https, so nothing would be encrypted: \
                     write https:// there, or leave this out"
                )))
            }
            None => Ok(None),
        },
    }
}

/// What is asked of callers beside a certificate, and what is spoken with them.
fn strictness(
    layers: &Layers,
    prefix: &str,
    shows_certificate: bool,
) -> Result<tls::Options, UsageError> {
    let side = if prefix.is_empty() { "client-" } else { prefix };
    let list = |key: &str| -> Result<Vec<String>, UsageError> {
        let setting = layers.get(key);
        if !setting.text.is_empty() && !shows_certificate {
            return Err(setting.refuse(format!(
                "nobody shows a certificate: add --{prefix}trusted-ca-file"
            )));
        }
        let names = setting.text.split(',').filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    };
    let revoked = list(&format!("{side}crl-file"))?.join(",");
    let mut options = tls::Options {
        revoked: Some(revoked)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        allowed_hosts: list(&format!("{side}cert-allowed-hostname"))?,
        ciphers: ciphers(layers)?,
        ..tls::Options::default()
    };
    if !prefix.is_empty() {
        options.allowed_names = list(&format!("{side}cert-allowed-cn"))?;
    }
    Ok(options)
}

/// How connections find their keyspaces, if not all work in one.
fn instance_from(layers: &Layers) -> Result<Option<(Rule, usize)>, UsageError> {
    let setting = layers.get("instance-from");
    if setting.text.is_empty() {
        return Ok(None);
    }
    if layers.get("trusted-ca-file").text.is_empty() {
        return Err(setting.refuse("nobody shows a certificate: add --trusted-ca-file"));
    }
    let open_max = parse(layers.get("instances-max"), at_least_one)?;
    Ok(Some((parse(setting, str::parse)?, open_max)))
}

fn ciphers(layers: &Layers) -> Result<tls::Ciphers, UsageError> {
    let ciphers = tls::Ciphers::default();
    let ciphers = parse(layers.get("tls-min-version"), |it| ciphers.at_least(it))?;
    let ciphers = parse(layers.get("tls-max-version"), |it| ciphers.at_most(it))?;
    parse(layers.get("cipher-suites"), |it| ciphers.only(it))
}

/// The certificate that a server makes for itself, if it is to.
fn self_signed(layers: &Layers, prefix: &str) -> Result<Option<tls::Options>, UsageError> {
    let setting = layers.get(&format!("{prefix}auto-tls"));
    if !parse(setting, str::parse::<bool>)? {
        return Ok(None);
    }
    if ["fdb", "memory"].contains(&layers.get("store").text.as_str()) {
        return Err(
            setting.refuse("the certificate is kept in the data directory, and there is none")
        );
    }
    if !layers.get(&format!("{prefix}cert-file")).text.is_empty() {
        return Err(setting.refuse(format!(
            "--{prefix}cert-file names a certificate: leave one of them out"
        )));
    }
    let (side, urls) = match prefix {
        "" => ("client", &CLIENT_URLS[..]),
        _ => ("peer", &PEER_URLS[..]),
    };
    let mut hosts = Vec::new();
    for url in urls
        .iter()
        .flat_map(|key| values::urls(&layers.get(key).text).unwrap_or_default())
    {
        if let Place::Tcp { host, .. } = url.place
            && !hosts.contains(&host)
        {
            hosts.push(host);
        }
    }
    let directory = PathBuf::from(&layers.get("data-dir").text);
    let directory = directory.join(CERTIFICATES).join(side);
    let years = parse(layers.get("self-signed-cert-validity"), at_least_one)?;
    Ok(Some(tls::Options {
        certificate: directory.join("cert.pem"),
        key: directory.join("key.pem"),
        self_signed: Some((hosts, years)),
        ciphers: ciphers(layers)?,
        ..tls::Options::default()
    }))
}

/// For whose hosts such a certificate is made: to clients, and to other members.
const CLIENT_URLS: [&str; 3] = [
    "listen-client-urls",
    "listen-metrics-urls",
    "advertise-client-urls",
];
const PEER_URLS: [&str; 2] = ["listen-peer-urls", "initial-advertise-peer-urls"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mvcc::AutoCompaction;
    use clap::{Args, Command, FromArgMatches};

    fn settings(args: &[&str]) -> Result<Settings, UsageError> {
        let command = RawSettings::augment_args(Command::new("serve"));
        let args = std::iter::once(&"serve").chain(args);
        let raw =
            RawSettings::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap();
        Settings::validate(&Layers::merge(&raw, |_| None, None)?)
    }

    #[test]
    fn the_defaults_are_etcds() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.options.name, "default");
        assert_eq!(settings.home, Home::Raft("./kvtool.data".into()));
        let group = settings.group.unwrap();
        assert_eq!(group.advertised[0].to_string(), "http://localhost:2380");
        assert_eq!(group.initial["default"], group.advertised);
        assert_eq!(group.heartbeat.as_millis(), 100);
        assert_eq!(group.election_heartbeats, 10);
        assert_eq!(group.token, "etcd-cluster");
        assert!(group.listen.is_empty() && group.tls.is_none() && !group.joins);
        assert_eq!(settings.listen[0].to_string(), "http://127.0.0.1:2379");
        assert_eq!(settings.options.max_request_bytes, 1_572_864);
        assert_eq!(settings.options.max_txn_ops, 128);
        assert_eq!(settings.options.auto_compaction, AutoCompaction::Off);
        assert_eq!(settings.options.watch_progress_interval.as_secs(), 600);
        assert_eq!(settings.max_concurrent_streams, u32::MAX);
        assert_eq!(settings.keepalive_interval.unwrap().as_secs(), 7200);
        assert_eq!(settings.version.to_string(), "3.7.1");
        assert_eq!(settings.tls, None);
    }

    #[test]
    fn tls_takes_certificate_key_and_an_https_url() {
        let files = ["--cert-file", "c", "--key-file", "k"];
        let https = [
            "--listen-client-urls",
            "https://127.0.0.1:0,http://127.0.0.1:0",
        ];
        let settings = settings(&[&files[..], &https].concat()).unwrap();
        let tls = settings.tls.unwrap();
        assert_eq!((tls.certificate, tls.key), ("c".into(), "k".into()));
        assert_eq!(tls.authorities, None);
    }

    #[test]
    fn every_bad_setting_gets_a_sentence_that_names_it() {
        for (args, sentence) in [
            (&["--name", ""][..], "--name : the name is empty"),
            (&["--instance="], "the name is empty"),
            (&["--data-dir="], "the name is empty"),
            (&["--max-txn-ops", "0"], "1 or more"),
            (
                &["--max-txn-ops", "many"],
                "--max-txn-ops many: not a number",
            ),
            (&["--max-request-bytes=-1"], "not a number"),
            (
                &["--max-request-bytes", "2147483647"],
                "gRPC carries at most",
            ),
            (&["--max-concurrent-streams", "4294967296"], "not a number"),
            (
                &["--watch-progress-notify-interval", "99ms"],
                "100ms or longer",
            ),
            (
                &["--watch-progress-notify-interval", "10"],
                "not a duration",
            ),
            (&["--grpc-keepalive-timeout", "0"], "longer than 0"),
            (&["--grpc-keepalive-interval=-1s"], "not a duration"),
            (&["--etcd-version", "3.7"], "not a version"),
            (&["--auto-compaction-retention", "1y"], "not a duration"),
            (
                &[
                    "--auto-compaction-mode=revision",
                    "--auto-compaction-retention=1h",
                ],
                "number of revisions",
            ),
            (&["--listen-client-urls", "127.0.0.1:2379"], "not a URL"),
            (&["--listen-client-urls="], "at least one URL"),
            (
                &["--listen-client-urls", "http://etcd.example:1"],
                "is a name",
            ),
            (
                &[
                    "--listen-client-urls",
                    "http://127.0.0.1:1,http://127.0.0.1:1",
                ],
                "given twice",
            ),
            (&["--advertise-client-urls", "http://a"], "needs a port"),
            (&["--initial-advertise-peer-urls", "a"], "not a URL"),
            (
                &["--listen-client-urls", "https://127.0.0.1:1"],
                "https needs",
            ),
            (
                &["--listen-metrics-urls", "https://127.0.0.1:1"],
                "--listen-metrics-urls https://127.0.0.1:1: https needs",
            ),
            (
                &["--listen-metrics-urls", "http://127.0.0.1:2379"],
                "given twice",
            ),
            (&["--cert-file", "c"], "add --key-file"),
            (&["--key-file", "k"], "add --cert-file"),
            (
                &["--cert-file", "c", "--key-file", "k"],
                "nothing would be encrypted",
            ),
            (&["--trusted-ca-file", "a"], "nothing would be encrypted"),
            (&["--client-cert-auth"], "--trusted-ca-file"),
            (
                &[
                    "--tls-min-version",
                    "TLS1.1",
                    "--listen-client-urls=https://127.0.0.1:1",
                    "--cert-file=c",
                    "--key-file=k",
                ],
                "TLS1.2 or TLS1.3",
            ),
            (
                &[
                    "--cipher-suites",
                    "x",
                    "--listen-client-urls=https://127.0.0.1:1",
                    "--cert-file=c",
                    "--key-file=k",
                ],
                "x is none of TLS_",
            ),
            (
                &[
                    "--client-crl-file",
                    "x",
                    "--listen-client-urls=https://127.0.0.1:1",
                    "--cert-file=c",
                    "--key-file=k",
                ],
                "--trusted-ca-file",
            ),
            (
                &[
                    "--auto-tls",
                    "--store=memory",
                    "--listen-client-urls=https://127.0.0.1:1",
                ],
                "data directory",
            ),
            (&["--instance-from", "client-cert"], "--trusted-ca-file"),
            (&["--auth-token-ttl", "0"], "1 or more"),
            (&["--auth-token", "x"], "simple or jwt"),
            (&["--auth-token", "jwt,x=y"], "x=y: write sign-method="),
            (&["--auth-token", "jwt"], "sign-method=RS256"),
            (&["--auth-token", "jwt,sign-method=x"], "is one of HS256"),
            (
                &["--auth-token", "jwt,sign-method=ES256"],
                "a key is missing",
            ),
            (&["--auth-token", "jwt,priv-key=/none"], "cannot read /none"),
            (&["--bcrypt-cost", "3"], "from 4 to 31"),
            (&["--initial-cluster", "a=http://a:1"], "add default=URL"),
            (
                &["--initial-cluster", "default=http://a:1,b=http://a:1"],
                "given twice",
            ),
            (&["--initial-cluster", "default"], "write it as"),
            (
                &["--initial-cluster", "default=http://a:1,default=http://b:1"],
                "no two members have one name",
            ),
            (
                &["--initial-cluster", "default=http://a:1"],
                "--initial-advertise-peer-urls, http://localhost:2380",
            ),
            (
                &[
                    "--initial-cluster",
                    "default=http://localhost:2380,b=http://b:1",
                ],
                "add --listen-peer-urls",
            ),
            (
                &["--listen-peer-urls", "http://127.0.0.1:2379"],
                "given twice",
            ),
            (
                &["--listen-peer-urls", "https://127.0.0.1:1"],
                "https needs --peer-cert-file",
            ),
            (
                &[
                    "--listen-peer-urls=https://127.0.0.1:1",
                    "--peer-cert-file=c",
                    "--peer-key-file=k",
                ],
                "--peer-trusted-ca-file",
            ),
            (&["--peer-cert-file", "c"], "add --peer-key-file"),
            (&["--peer-client-cert-auth"], "--peer-trusted-ca-file"),
            (&["--election-timeout", "499"], "5 heartbeats"),
            (&["--election-timeout", "50001"], "too long"),
            (&["--heartbeat-interval", "0"], "1 or more"),
            (&["--max-learners", "0"], "1 or more"),
            (&["--quota-backend-bytes", "2G"], "not a number of bytes"),
            (&["--initial-cluster-token="], "is empty"),
            (
                &["--store=local", "--initial-cluster=default=http://a:1"],
                "this is for --store raft",
            ),
            (&["--store", "memory", "--data-dir", "d"], "leave this out"),
            (&["--store", "fdb", "--data-dir", "d"], "leave this out"),
            (&["--fdb-cluster-file", "f"], "this is for --store fdb"),
            (
                &[
                    "--store=fdb",
                    "--fdb-cluster-file=f",
                    "--fdb-connection-string=a:b@c:1",
                ],
                "leave one of them out",
            ),
        ] {
            let error = settings(args).unwrap_err().to_string();
            assert!(error.contains(sentence), "{args:?}: {error}");
        }
    }

    #[test]
    fn a_bad_choice_in_the_environment_is_refused_like_a_flag() {
        for (name, sentence) in [
            (
                "KVTOOL_STORE",
                "KVTOOL_STORE=bad: the store is raft, local, fdb or memory",
            ),
            ("KVTOOL_LOG_LEVEL", "the log level is"),
            ("KVTOOL_LOG_FORMAT", "the log format is"),
            ("KVTOOL_CLIENT_CERT_AUTH", "KVTOOL_CLIENT_CERT_AUTH=bad"),
        ] {
            let environment = |asked: &str| (asked == name).then(|| "bad".to_owned());
            let layers = Layers::merge(&RawSettings::default(), environment, None).unwrap();
            let error = Settings::validate(&layers).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }
}
