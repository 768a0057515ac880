//! Calls about the members of the group that keeps the instance.

use super::Instance;
use crate::error::{Error, Result};
use crate::mvcc::clock;
use crate::mvcc::peer;
use crate::pb::etcdserverpb::Member;
use crate::store::raft::{self, Change, Raft};
use crate::store::{Consistency, Store};
use std::time::Duration;

/// Pause before a member tells the others again that it has started.
const PUBLISH_PAUSE: Duration = Duration::from_secs(1);

/// Tells the group what this member is called and where clients reach it, once.
pub(super) async fn publish(store: Store, name: String, client_urls: Vec<String>) {
    let Some(raft) = store.member() else {
        return;
    };
    let said = raft::Member {
        id: raft.id(),
        name,
        client_urls,
        ..raft::Member::default()
    };
    let is_known = |members: &raft::Members| {
        let own = members.members.get(&said.id);
        own.is_some_and(|own| own.name == said.name && own.client_urls == said.client_urls)
    };
    while !is_known(&raft.members().borrow()) {
        match raft.change(Change::Publish(said.clone())).await {
            Err(raft::NotChanged::Fatal(_)) => return,
            Err(error) => {
                tracing::debug!(%error, "the group hears later that this member has started");
                tokio::time::sleep(PUBLISH_PAUSE).await;
            }
            Ok(()) => {}
        }
    }
}

fn shown(member: raft::Member) -> Member {
    Member {
        id: member.id,
        name: member.name,
        peer_ur_ls: member.peer_urls,
        client_ur_ls: member.client_urls,
        is_learner: member.is_learner,
    }
}

impl Instance {
    /// The members of the group, or the servers that have the instance open, in the order of
    /// their ids; none that was removed before the call if it is `linearizable`.
    pub async fn members(&self, linearizable: bool) -> Result<Vec<Member>> {
        self.check_known().await?;
        let store = &self.inner.store;
        let Some(raft) = store.member() else {
            return self.servers().await;
        };
        if linearizable {
            store.view(Consistency::Linearizable).await?;
        }
        let members = raft.members().borrow().members.clone();
        Ok(members.into_values().map(shown).collect())
    }

    /// The servers as they tell each other through the store.
    async fn servers(&self) -> Result<Vec<Member>> {
        let store = &self.inner.store;
        let mut peers = Vec::new();
        if store.is_shared() {
            let view = store.view(Consistency::Linearizable).await?;
            peers = peer::all(&view, &self.inner.layout).await?;
        }
        // This one is there, whatever became of its record.
        let own = self.inner.member_id;
        if let Err(place) = peers.binary_search_by_key(&own, |(id, _)| *id) {
            peers.insert(place, (own, self.inner.announcement.record.clone()));
        }
        let member = |(id, peer): (u64, crate::mvcc::keyspace::PeerRecord)| Member {
            id,
            name: peer.name,
            peer_ur_ls: peer.peer_urls,
            client_ur_ls: peer.client_urls,
            is_learner: false,
        };
        Ok(peers.into_iter().map(member).collect())
    }

    /// Whether this server is a member without a vote.
    pub fn is_learner(&self) -> bool {
        let progress = self.inner.store.progress();
        progress.is_some_and(|progress| progress.is_learner)
    }

    fn raft(&self) -> Result<&Raft> {
        self.inner.store.member().ok_or(Error::Unsupported(
            "the servers of this store are no group: each belongs to it as long as it runs",
        ))
    }

    /// Adds a member; answers with it.
    pub async fn add_member(&self, peer_urls: Vec<String>, is_learner: bool) -> Result<Member> {
        self.check_operator().await?;
        let raft = self.raft()?;
        check_urls(&peer_urls)?;
        if self.inner.options.advertised.peer_urls.is_empty() {
            return Err(Error::NoPeerPort);
        }
        let now_seconds = u64::try_from(clock::now_ms() / 1000).unwrap_or_default();
        let added = raft::Member {
            id: raft::member_id(&peer_urls, "", Some(now_seconds)),
            peer_urls,
            is_learner,
            ..raft::Member::default()
        };
        raft.change(Change::Add(added.clone())).await?;
        Ok(shown(added))
    }

    /// Removes a member for good.
    pub async fn remove_member(&self, id: u64) -> Result<()> {
        self.check_operator().await?;
        Ok(self.raft()?.change(Change::Remove(id)).await?)
    }

    /// Notes that other members reach a member elsewhere.
    pub async fn update_member(&self, id: u64, peer_urls: Vec<String>) -> Result<()> {
        self.check_operator().await?;
        let raft = self.raft()?;
        check_urls(&peer_urls)?;
        let member = raft::Member {
            id,
            peer_urls,
            ..raft::Member::default()
        };
        Ok(raft.change(Change::Update(member)).await?)
    }

    /// Gives a learner a vote.
    pub async fn promote_member(&self, id: u64) -> Result<()> {
        self.check_operator().await?;
        Ok(self.raft()?.change(Change::Promote(id)).await?)
    }

    /// Hands leadership from this server to another.
    pub async fn move_leader(&self, to: u64) -> Result<()> {
        self.check_operator().await?;
        let raft = self.raft()?;
        if !self.inner.leadership.borrow().leads() {
            return Err(Error::NotLeader);
        }
        let votes = |member: &raft::Member| !member.is_learner;
        if !raft.members().borrow().members.get(&to).is_some_and(votes) {
            return Err(Error::BadLeaderTransferee);
        }
        let moved = raft.transfer(to).await;
        match moved.map_err(|reason| Error::Store(crate::store::StoreError::Fatal(reason)))? {
            true => Ok(()),
            false => Err(Error::LeaderTransferTimeout),
        }
    }
}

/// Refuses what etcd takes for no peer URLs: other schemes, and of hosts those without a port, or with a
/// path.
fn check_urls(urls: &[String]) -> Result<()> {
    let is_peer_url = |url: &String| {
        if url.starts_with("unix://") || url.starts_with("unixs://") {
            return true;
        }
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        let Some((host, port)) = rest.and_then(|address| address.rsplit_once(':')) else {
            return false;
        };
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    };
    match !urls.is_empty() && urls.iter().all(is_peer_url) {
        true => Ok(()),
        false => Err(Error::MemberBadUrls),
    }
}
