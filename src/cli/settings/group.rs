//! The group that a member founds or joins.

use super::layers::{Layers, Setting};
use super::{HostUrl, at_least_one, filled, listen_urls, parse, tls_files, values};
use crate::api::listener::Place;
use crate::api::tls;
use crate::cli::exit::UsageError;
use crate::store::raft::Policy;
use std::collections::{BTreeMap, BTreeSet, HashSet};
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
    /// The certificates, when members speak TLS.
    pub tls: Option<tls::Options>,
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
        if listen.iter().any(|url| matches!(url.place, Place::Unix(_))) {
            return Err(listening.refuse("members call each other over TCP"));
        }
        let advertising = layers.get("initial-advertise-peer-urls");
        let mut advertised = parse(advertising, values::urls)?;
        if advertised.is_empty() {
            advertised = match listen.is_empty() {
                true => values::urls(PEER_URL).unwrap_or_default(),
                false => listen.clone(),
            };
        }
        let cluster = layers.get("initial-cluster");
        let mut initial = parse(cluster, initial_cluster)?;
        if initial.is_empty() {
            initial.insert(name.to_owned(), advertised.clone());
        }
        check_own(cluster, &initial, name, &advertised)?;
        if initial.len() > 1 && listen.is_empty() {
            let problem = "members need a URL to listen on for each other: add --listen-peer-urls";
            return Err(cluster.refuse(problem));
        }
        let encrypted = listen.iter().any(|url| url.tls).then_some(listening);
        let tls = tls_files(layers, "peer-", encrypted)?;
        if let Some(files) = &tls
            && files.authorities.is_none()
            && files.self_signed.is_none()
        {
            let problem = "members check each other: name who signs their certificates with \
                           --peer-trusted-ca-file, or have any taken with --peer-auto-tls";
            return Err(listening.refuse(problem));
        }
        let (heartbeat, election_heartbeats) = times(layers)?;
        Ok(Self {
            listen,
            advertised,
            initial,
            token: parse(layers.get("initial-cluster-token"), filled)?,
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
            tls,
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
    cluster: &Setting,
    initial: &BTreeMap<String, Vec<HostUrl>>,
    name: &str,
    advertised: &[HostUrl],
) -> Result<(), UsageError> {
    let texts = |urls: &[HostUrl]| urls.iter().map(HostUrl::to_string).collect::<BTreeSet<_>>();
    let Some(listed) = initial.get(name) else {
        return Err(cluster.refuse(format!("this member is not in the list: add {name}=URL")));
    };
    if texts(listed) != texts(advertised) {
        let said = Vec::from_iter(texts(advertised)).join(",");
        return Err(cluster.refuse(format!(
            "the URLs of {name} are not those of --initial-advertise-peer-urls, {said}: no two \
             members have one name, and both must say the same"
        )));
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
