//! A server as a member of a group.

use super::texts;
use crate::api::channel::Dialer;
use crate::api::listener::Listener;
use crate::api::raft::{Network, PeerPort, Traffic, describe};
use crate::api::tls;
use crate::cli::exit::UsageError;
use crate::cli::settings::{Founders, Group, HostUrl};
use crate::error::Error;
use crate::store::local::BlockCache;
use crate::store::raft::{Member, Members, Options, Raft, cluster_id, member_id};
use anyhow::{Context, Result, bail};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Opens a member's directory, and its peer ports for the others.
pub(super) async fn open(
    path: PathBuf,
    name: &str,
    group: &Group,
    dialer: Dialer,
    listeners: Vec<Listener>,
    blocks: BlockCache,
) -> Result<(Raft, PeerPort)> {
    let (own, heard) = match group.joins {
        true if Raft::is_member(&path) => (0, Members::default()),
        true => join(group, &dialer).await?,
        false => found(name, &group.initial, &group.token),
    };
    if !group.joins && !Raft::is_member(&path) {
        check_new(own, &heard, &dialer).await?;
    }
    let founders = match group.joins {
        true => Vec::new(),
        false => heard.members.values().cloned().collect(),
    };
    let options = Options {
        id: own,
        cluster_id: heard.cluster_id,
        founders,
        heartbeat: group.heartbeat,
        election_heartbeats: group.election_heartbeats,
        policy: group.policy,
        blocks,
    };
    let traffic = Arc::new(Traffic::default());
    let network = Arc::new(Network::new(dialer.clone(), traffic.clone()));
    let carrier = network.clone();
    // Opening reads the disk, which may take a while after a crash, so it gets a thread of its own.
    let opened = tokio::task::spawn_blocking(move || {
        let opened = Raft::open(&path, &options, carrier).map_err(Error::from);
        opened.with_context(|| format!("cannot open the data directory {}", path.display()))
    });
    let raft = opened.await.context("opening was cut off")??;
    tracing::debug!(
        member = format!("{:x}", raft.id()),
        cluster = format!("{:x}", raft.members().borrow().cluster_id),
        "opened the directory of a member"
    );
    // One that was stopped before its first state came has to hear of the others again.
    let knows_nobody = raft.members().borrow().members.is_empty() && heard.members.is_empty();
    let heard = match knows_nobody {
        true => join(group, &dialer).await?.1,
        false => heard,
    };
    let following = network.follow(raft.id(), heard, raft.members());
    let member = raft.clone();
    tokio::spawn(async move {
        if following.await {
            member.expel().await;
        }
    });
    let port = PeerPort::open(listeners, &raft, traffic);
    Ok((raft, port))
}

/// How a member calls others.
pub(super) fn dialer(group: &Group) -> Dialer {
    if let Some(tls::Options {
        self_signed: None,
        authorities: None,
        ..
    }) = &group.tls
    {
        tracing::warn!(
            "without --peer-trusted-ca-file whoever reaches the peer port is taken for a member"
        );
    }
    let dialer = speaking(group.tls.as_ref(), group.calls_as.clone());
    dialer.from_address(group.calls_from)
}

/// How to call others whose ports are like one's own: with the same certificate, or with another, and
/// trusting whom one asks for a certificate of.
pub(super) fn speaking(tls: Option<&tls::Options>, calls_as: Option<(PathBuf, PathBuf)>) -> Dialer {
    let Some(tls) = tls else {
        return Dialer::default();
    };
    if tls.self_signed.is_some() {
        return Dialer::with_any_certificate();
    }
    let own = || (tls.certificate.clone(), tls.key.clone());
    let (certificate, key) = calls_as.unwrap_or_else(own);
    Dialer::with_tls(certificate, key, tls.authorities.clone())
}

/// The group that its first members found, and the id of one of them: all come to the same without
/// talking.
fn found(own: &str, initial: &BTreeMap<String, Vec<HostUrl>>, token: &str) -> (u64, Members) {
    let founder = |(name, urls): (&String, &Vec<HostUrl>)| {
        let peer_urls = texts(urls);
        Member {
            id: member_id(&peer_urls, token, None),
            name: name.clone(),
            peer_urls,
            ..Member::default()
        }
    };
    let founders: Vec<_> = initial.iter().map(founder).collect();
    let id = founders.iter().find(|founder| founder.name == own);
    let id = id.map_or(0, |founder| founder.id);
    let cluster = cluster_id(founders.iter().map(|founder| founder.id));
    (id, Members::founded(cluster, &founders))
}

/// The group that is founded out of a snapshot. Its id tells what it begins with: members that were
/// given something else keep away from it.
pub(in crate::cli) fn found_with_state(founders: &Founders, state: u64) -> (u64, Members) {
    let (id, mut group) = found(&founders.name, &founders.initial, &founders.token);
    group.cluster_id = cluster_id(group.members.keys().copied().chain([state]));
    (id, group)
}

/// The group as its members know it, and the id that this one has there.
async fn join(group: &Group, dialer: &Dialer) -> Result<(u64, Members)> {
    let own = texts(&group.advertised);
    let mut reasons = Vec::new();
    for url in group.initial.values().flatten().map(HostUrl::to_string) {
        if own.contains(&url) {
            continue;
        }
        match describe(dialer, &url).await {
            Ok(known) => return check(group, known),
            Err(reason) => reasons.push(format!("{url}: {reason}")),
        }
    }
    let reasons = match reasons.is_empty() {
        true => "--initial-cluster names no other member".to_owned(),
        false => reasons.join("; "),
    };
    bail!(
        "cannot fetch cluster info from peer urls: could not retrieve cluster information from \
         the given URLs ({reasons})"
    );
}

/// Refuses to found a group anew that has this member already, when another member can say so:
/// this one would vote, and has forgotten for whom it did before.
async fn check_new(own: u64, group: &Members, dialer: &Dialer) -> Result<()> {
    let others = group.members.values().filter(|member| member.id != own);
    let urls = others.flat_map(|member| &member.peer_urls);
    let known = join_all(urls.map(|url| describe(dialer, url))).await;
    let same = known.iter().flatten();
    let mut same = same.filter(|known| known.cluster_id == group.cluster_id);
    match same.any(|known| has_started(own, known)) {
        true => bail!(already_started(own)),
        false => Ok(()),
    }
}

/// Whether the others know a member from an earlier start, or have removed it.
fn has_started(id: u64, group: &Members) -> bool {
    let member = group.members.get(&id);
    member.is_none_or(|member| !member.client_urls.is_empty())
}

fn already_started(id: u64) -> String {
    format!(
        "member {id:x} has already been bootstrapped, and its data directory holds nothing: remove \
         it from the cluster with `kvtool member remove`, add it again, and start it with \
         --initial-cluster-state existing"
    )
}

/// Refuses a group that is not the one that was meant.
fn check(group: &Group, known: Members) -> Result<(u64, Members)> {
    let set = |urls: Vec<String>| urls.into_iter().collect::<BTreeSet<_>>();
    let meant = group.initial.values().map(|urls| set(texts(urls)));
    let meant: BTreeSet<_> = meant.collect();
    let members = known.members.values();
    let there = members.map(|member| set(member.peer_urls.clone()));
    let there: BTreeSet<_> = there.collect();
    if meant != there {
        let said = |all: &BTreeSet<BTreeSet<String>>| {
            let all = all
                .iter()
                .map(|urls| Vec::from_iter(urls.clone()).join("+"));
            all.collect::<Vec<_>>().join(", ")
        };
        return Err(UsageError::new(format!(
            "--initial-cluster is not the cluster {:x}, which has {} at {}, and {} was given: \
             add this member there first, and name all of them",
            known.cluster_id,
            known.members.len(),
            said(&there),
            said(&meant),
        ))
        .into());
    }
    let own = set(texts(&group.advertised));
    let mut members = known.members.values();
    let own = members.find(|member| set(member.peer_urls.clone()) == own);
    let id = own.map_or(0, |member| member.id);
    if has_started(id, &known) {
        return Err(UsageError::new(already_started(id)).into());
    }
    Ok((id, known))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::raft::Policy;
    use std::time::Duration;

    fn group(initial: &[(&str, &str)], own: &str) -> Group {
        let urls = |url: &str| vec![url.parse::<HostUrl>().unwrap()];
        Group {
            listen: Vec::new(),
            advertised: urls(own),
            initial: initial
                .iter()
                .map(|(name, url)| ((*name).to_owned(), urls(url)))
                .collect(),
            token: "t".to_owned(),
            joins: true,
            heartbeat: Duration::from_millis(100),
            election_heartbeats: 10,
            policy: Policy::default(),
            audit: Default::default(),
            tls: None,
            calls_from: None,
            calls_as: None,
        }
    }

    fn all_at(all: &[(&str, &str)]) -> BTreeMap<String, Vec<HostUrl>> {
        group(all, all[0].1).initial
    }

    #[test]
    fn founders_agree_and_a_token_tells_groups_apart() {
        let all = [("a", "http://a:1"), ("b", "http://b:1")];
        let (a, group_a) = found("a", &all_at(&all), "t");
        let (b, group_b) = found("b", &all_at(&all), "t");
        assert_eq!(group_a, group_b);
        assert_ne!(a, b);
        assert_eq!(group_a.members[&a].name, "a");
        let other = found("a", &all_at(&all), "other").1;
        assert_ne!(other.cluster_id, group_a.cluster_id);
    }

    #[test]
    fn founders_with_one_state_agree_and_those_with_another_keep_away() {
        let all = [("a", "http://a:1"), ("b", "http://b:1")];
        let founders = |name: &str| Founders {
            name: name.to_owned(),
            initial: all_at(&all),
            token: "t".to_owned(),
        };
        let (a, group) = found_with_state(&founders("a"), 5);
        let (b, same) = found_with_state(&founders("b"), 5);
        assert_ne!(a, b);
        assert_eq!(group, same);
        let (_, other) = found_with_state(&founders("a"), 6);
        let (_, without) = found("a", &all_at(&all), "t");
        assert_ne!(group.cluster_id, other.cluster_id);
        assert_ne!(group.cluster_id, without.cluster_id);
    }

    #[test]
    fn who_joins_names_all_members() {
        let all = [("a", "http://a:1"), ("b", "http://b:1")];
        let (_, known) = found("a", &all_at(&all), "t");
        let (b, _) = check(&group(&all, "http://b:1"), known.clone()).unwrap();
        assert_eq!(known.members[&b].name, "b");
        // One that has been there before has lost its log.
        let mut started = known.clone();
        let before = started.members.get_mut(&b).unwrap();
        before.client_urls.push("http://b:2".to_owned());
        let refused = check(&group(&all, "http://b:1"), started);
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.contains("already been bootstrapped"), "{sentence}");
        for wrong in [&all[1..], &[all[1], ("c", "http://c:1")]] {
            let refused = check(&group(wrong, "http://b:1"), known.clone());
            let sentence = refused.unwrap_err().to_string();
            assert!(sentence.contains("is not the cluster"), "{sentence}");
            assert!(sentence.contains("http://a:1"), "{sentence}");
        }
    }
}
