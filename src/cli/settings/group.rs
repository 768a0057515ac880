//! The group that a member founds or joins.

use super::layers::Layers;
use super::{
    HostUrl, RawSettings, at_least_one, duration, filled, listen_urls, parse, positive, tls_files,
    values,
};
use crate::api::listener::Place;
use crate::api::tls::{self, Side};
use crate::cli::exit::UsageError;
use crate::store::raft::Policy;
use clap::Args;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// An election that takes longer helps nobody; etcd's bound.
const ELECTION_TIMEOUT_MAX: u64 = 50_000;
/// Heartbeats that may be late before others ask to be elected; etcd's bound.
const HEARTBEATS_MIN: u64 = 5;
/// What a member that says nothing else is known under; etcd's.
const PEER_URL: &str = "http://localhost:2380";

/// What a member of a group is started with; everything in it fits together.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where to listen for other members; empty: nowhere.
    pub listen: Vec<HostUrl>,
    /// Where others reach this member; never empty.
    pub advertised: Vec<HostUrl>,
    /// The members of the beginning, this one too: names and peer URLs.
    pub initial: BTreeMap<String, Vec<HostUrl>>,
    /// Tells groups of the same members apart.
    pub token: String,
    /// The group is there, and knows of this member.
    pub joins: bool,
    /// Time between two signs of life of a leader.
    pub heartbeat: Duration,
    /// So many of them are missed before others ask to be elected.
    pub election_heartbeats: usize,
    /// Which changes of the members are refused.
    pub policy: Policy,
    /// How members are compared.
    pub audit: Audit,
    /// The address that other members are called from, if it is to be a certain one.
    pub calls_from: Option<IpAddr>,
    /// The certificates, when members speak TLS.
    pub tls: Option<tls::Options>,
    /// The certificate and the key that others are shown when they are called, if it is another one.
    pub calls_as: Option<(PathBuf, PathBuf)>,
}

/// The files of the certificate that calls are made with.
fn calls_as(layers: &Layers) -> Result<Option<(PathBuf, PathBuf)>, UsageError> {
    let certificate = layers.get("peer-client-cert-file");
    let key = layers.get("peer-client-key-file");
    match (certificate.text.as_str(), key.text.as_str()) {
        ("", "") => Ok(None),
        (_, "") => {
            let problem = "a certificate needs its key: add --peer-client-key-file";
            Err(certificate.refuse(problem))
        }
        ("", _) => Err(key.refuse("a key needs its certificate: add --peer-client-cert-file")),
        (certificate, key) => Ok(Some((certificate.into(), key.into()))),
    }
}

/// The address that calls are made from: of those that are advertised, one that others can call.
fn calls_from(layers: &Layers, advertised: &[HostUrl]) -> Result<Option<IpAddr>, UsageError> {
    if !parse(layers.get("set-member-localaddr"), str::parse::<bool>)? {
        return Ok(None);
    }
    let address = |url: &HostUrl| match &url.place {
        Place::Tcp { host, .. } => host.parse::<IpAddr>().ok(),
        Place::Unix(_) => None,
    };
    let mut addresses = advertised.iter().filter_map(address);
    let found = addresses.find(|it| !it.is_loopback() && !it.is_unspecified());
    if found.is_none() {
        tracing::warn!("--initial-advertise-peer-urls has no address to call other members from");
    }
    Ok(found)
}

/// When the keyspaces of the members are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Again and again after so long.
    pub every: Option<Duration>,
    /// After so long if there was a compaction meanwhile.
    pub after_compactions: Option<Duration>,
    /// Before clients are served.
    pub at_start: bool,
}

impl Audit {
    fn validate(layers: &Layers) -> Result<Self, UsageError> {
        let every = parse(layers.get("corrupt-check-time"), duration::parse)?;
        let after = parse(layers.get("compact-hash-check-time"), |text| {
            duration::parse(text).and_then(positive)
        })?;
        let is_after = parse(layers.get("compact-hash-check-enabled"), str::parse::<bool>)?;
        Ok(Self {
            every: Some(every).filter(|time| !time.is_zero()),
            after_compactions: is_after.then_some(after),
            at_start: parse(layers.get("initial-corrupt-check"), str::parse)?,
        })
    }
}

/// Those who found a group, as each of them is told.
#[derive(Debug, Clone)]
pub struct Founders {
    /// The name of the one who is told.
    pub name: String,
    /// Names and peer URLs of all.
    pub initial: BTreeMap<String, Vec<HostUrl>>,
    /// Tells groups of the same members apart.
    pub token: String,
}

/// Who founds a group out of a snapshot, for a verb without other settings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Group")]
pub struct FoundersArgs {
    /// Name of the member whose directory is made [default: default]
    #[arg(long, requires = "initial_cluster")]
    pub(super) name: Option<String>,
    /// Members of the new group, this one too: NAME=URL,... [default: whoever starts with the
    /// directory is a group of one]
    #[arg(long, value_name = "MEMBERS")]
    pub(super) initial_cluster: Option<String>,
    /// URLs of this member in that list [default: http://localhost:2380]
    #[arg(long, value_name = "URLS", requires = "initial_cluster")]
    pub(super) initial_advertise_peer_urls: Option<String>,
    /// Tells groups that begin with the same members apart [default: etcd-cluster]
    #[arg(long, value_name = "TOKEN", requires = "initial_cluster")]
    pub(super) initial_cluster_token: Option<String>,
}

impl Founders {
    /// Validates what flags and environment variables say; `None`: there is to be no group.
    pub fn given(args: FoundersArgs) -> Result<Option<Self>, UsageError> {
        if args.initial_cluster.is_none() {
            return Ok(None);
        }
        let environment = |name: &str| std::env::var(name).ok();
        let layers = Layers::merge(&RawSettings::of_founders(args), environment, None)?;
        let name = parse(layers.get("name"), filled)?;
        let mut advertised = parse(layers.get("initial-advertise-peer-urls"), values::urls)?;
        if advertised.is_empty() {
            advertised = values::urls(PEER_URL).unwrap_or_default();
        }
        Self::validate(&layers, &name, &advertised).map(Some)
    }

    fn validate(layers: &Layers, name: &str, advertised: &[HostUrl]) -> Result<Self, UsageError> {
        let cluster = layers.get("initial-cluster");
        let mut initial = parse(cluster, initial_cluster)?;
        if initial.is_empty() {
            initial.insert(name.to_owned(), advertised.to_vec());
        }
        check_own(&initial, name, advertised).map_err(|problem| cluster.refuse(problem))?;
        Ok(Self {
            name: name.to_owned(),
            initial,
            token: parse(layers.get("initial-cluster-token"), filled)?,
        })
    }
}

impl Group {
    /// Validates what was given, for the member `name`.
    pub(super) fn validate(
        layers: &Layers,
        name: &str,
        seen: &mut HashSet<Place>,
    ) -> Result<Self, UsageError> {
        let listening = layers.get("listen-peer-urls");
        let listen = listen_urls(listening, seen)?;
        let advertising = layers.get("initial-advertise-peer-urls");
        let mut advertised = parse(advertising, values::urls)?;
        if advertised.is_empty() {
            advertised = match listen.is_empty() {
                true => values::urls(PEER_URL).unwrap_or_default(),
                false => listen.clone(),
            };
        }
        let Founders { initial, token, .. } = Founders::validate(layers, name, &advertised)?;
        if initial.len() > 1 && listen.is_empty() {
            let problem = "members need a URL to listen on for each other: add --listen-peer-urls";
            return Err(layers.get("initial-cluster").refuse(problem));
        }
        let encrypted = listen.iter().any(|url| url.tls).then_some(listening);
        let tls = tls_files(layers, Side::Peer, encrypted)?;
        let (heartbeat, election_heartbeats) = times(layers)?;
        Ok(Self {
            listen,
            initial,
            token,
            joins: parse(layers.get("initial-cluster-state"), |state| match state {
                "new" => Ok(false),
                "existing" => Ok(true),
                _ => Err("the state of the cluster is new or existing"),
            })?,
            heartbeat,
            election_heartbeats,
            policy: Policy {
                is_strict: parse(layers.get("strict-reconfig-check"), str::parse)?,
                learners_max: parse(layers.get("max-learners"), at_least_one::<u16>)?.into(),
            },
            audit: Audit::validate(layers)?,
            calls_from: calls_from(layers, &advertised)?,
            tls,
            advertised,
            calls_as: calls_as(layers)?,
        })
    }

    /// The same group of the member `name` with other founders, who are told apart from others by
    /// `token`: those that a text like that of `--initial-cluster` names.
    pub fn founded_by(&self, name: &str, founders: &str, token: &str) -> Result<Self, String> {
        let initial = initial_cluster(founders)?;
        check_own(&initial, name, &self.advertised)?;
        Ok(Self {
            initial,
            token: token.to_owned(),
            ..self.clone()
        })
    }
}

/// `name=url` with commas between; a member with several URLs is named with each of them.
fn initial_cluster(text: &str) -> Result<BTreeMap<String, Vec<HostUrl>>, String> {
    const FORM: &str = "write it as name=http://10.0.0.1:2380,other=http://10.0.0.2:2380";
    let mut members = BTreeMap::<_, Vec<HostUrl>>::new();
    let mut seen = BTreeSet::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (name, url) = part.trim().split_once('=').ok_or(FORM)?;
        if name.is_empty() {
            return Err(FORM.to_owned());
        }
        let url: HostUrl = url.parse()?;
        if !seen.insert(url.to_string()) {
            return Err(format!("{url} is given twice"));
        }
        members.entry(name.to_owned()).or_default().push(url);
    }
    Ok(members)
}

/// A member is in the list, as it says where it is.
fn check_own(
    initial: &BTreeMap<String, Vec<HostUrl>>,
    name: &str,
    advertised: &[HostUrl],
) -> Result<(), String> {
    let texts = |urls: &[HostUrl]| urls.iter().map(HostUrl::to_string).collect::<BTreeSet<_>>();
    let Some(listed) = initial.get(name) else {
        return Err(format!("this member is not in the list: add {name}=URL"));
    };
    if texts(listed) != texts(advertised) {
        let said = Vec::from_iter(texts(advertised)).join(",");
        return Err(format!(
            "the URLs of {name} are not those of --initial-advertise-peer-urls, {said}: no two \
             members have one name, and both must say the same"
        ));
    }
    Ok(())
}

/// The time between heartbeats, and how many of them an election waits for.
fn times(layers: &Layers) -> Result<(Duration, usize), UsageError> {
    let milliseconds = |text: &str| match text.parse::<u64>() {
        Ok(time) if time > 0 => Ok(time),
        _ => Err("not a number of milliseconds of 1 or more"),
    };
    let heartbeat = parse(layers.get("heartbeat-interval"), milliseconds)?;
    let election = layers.get("election-timeout");
    let timeout = parse(election, milliseconds)?;
    if timeout < heartbeat.saturating_mul(HEARTBEATS_MIN) {
        return Err(election.refuse(format!(
            "an election must wait for {HEARTBEATS_MIN} heartbeats at least, which are \
             {heartbeat} ms apart"
        )));
    }
    if timeout > ELECTION_TIMEOUT_MAX {
        return Err(election.refuse(format!("more than {ELECTION_TIMEOUT_MAX} ms is too long")));
    }
    let heartbeats = timeout / heartbeat;
    Ok((
        Duration::from_millis(heartbeat),
        usize::try_from(heartbeats).unwrap_or(usize::MAX),
    ))
}
