//! Three members, which a test may disturb.

use crate::network::Network;
use crate::support::client::Client;
use crate::support::group::Group;
use kvtool::pb::etcdserverpb::{MemberAddRequest, MemberListRequest, MemberRemoveRequest};
use std::time::Duration;

/// Servers of a site.
pub const SERVERS: usize = 3;

/// Pause before a change of members is tried again, and how long it may take.
const CHANGE_AGAIN: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(30);

/// A group.
pub struct Site {
    // The servers end first.
    pub group: Group,
    network: Option<Network>,
}

impl Site {
    /// All of it on loopback.
    pub fn new() -> Self {
        Self::over(Group::new(SERVERS, &["--log-level", "debug"]), None)
    }

    /// Each member in a network of its own.
    pub fn with_network(test: &str) -> Option<Self> {
        let network = Network::new(test)?;
        let places = (0..SERVERS).map(|number| network.place(number)).collect();
        let group = Group::at(places, "http", &["--log-level", "debug"]);
        Some(Self::over(group, Some(network)))
    }

    fn over(mut group: Group, network: Option<Network>) -> Self {
        group.start_all();
        Self { group, network }
    }

    /// A client of a member.
    pub async fn client(&self, number: usize) -> Client {
        self.group.client(number).await
    }

    /// The member that leads.
    pub async fn leader(&self) -> usize {
        self.group.leader(&Vec::from_iter(0..SERVERS)).await
    }

    /// Removes a member that does not run, and adds and starts a new one at its place.
    pub async fn replace(&mut self, number: usize) {
        let others = Vec::from_iter((0..SERVERS).filter(|other| *other != number));
        let leader = self.group.leader(&others).await;
        let mut cluster = self.client(leader).await.cluster;
        let url = self.group.peer_url(number).to_owned();
        let changed = async {
            loop {
                let list = cluster.member_list(MemberListRequest::default()).await;
                let members = list.map_or_else(|_| Vec::new(), |list| list.into_inner().members);
                let old = members.iter().find(|one| one.peer_ur_ls == [url.clone()]);
                // One that has never started was added by a try whose outcome was not told.
                let done = match old {
                    Some(old) if old.name.is_empty() => return,
                    Some(old) => {
                        let request = MemberRemoveRequest { id: old.id };
                        cluster.member_remove(request).await.map(drop)
                    }
                    None => {
                        let request = MemberAddRequest {
                            peer_ur_ls: vec![url.clone()],
                            is_learner: false,
                        };
                        cluster.member_add(request).await.map(drop)
                    }
                };
                // Not while the others are not sure of each other.
                if done.is_err() {
                    tokio::time::sleep(CHANGE_AGAIN).await;
                }
            }
        };
        let changed = tokio::time::timeout(PATIENCE, changed).await;
        changed.expect("the members change");
        let mut command = self.group.command(number);
        command.args(["--initial-cluster-state", "existing"]);
        self.group.start_as(number, command);
    }

    /// How often the members that run have logged a text.
    pub fn logged(&mut self, text: &str) -> usize {
        let servers = 0..SERVERS;
        servers
            .map(|number| self.group.server(number).logged(text))
            .sum()
    }

    /// Cuts a member off from the others, or joins it again.
    pub fn cut(&self, number: usize, is_cut: bool) {
        let network = self.network.as_ref().expect("it has one");
        network.cut(number, is_cut);
    }
}
