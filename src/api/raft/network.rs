//! The way to the other members of a group.

use super::link::Link;
use super::{Route, Traffic, wire};
use crate::api::channel::{CONNECT_TIMEOUT, Dialer, failure};
use crate::pb::kvtool::raft::v1::{DescribeRequest, raft_client::RaftClient};
use crate::store::raft::eraftpb::Message;
use crate::store::raft::{Carrier, Members, Outgoing};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tonic::Request;

/// How long the link to a removed member stays.
const GOODBYE: Duration = Duration::from_secs(5);

/// Links to all other members of a group.
pub struct Network {
    dialer: Dialer,
    /// Where states are sent, which the thread of the store must not wait for.
    runtime: Handle,
    links: Mutex<HashMap<u64, Link>>,
    traffic: Arc<Traffic>,
    expelled: Arc<Notify>,
}

impl Network {
    /// One that reaches nobody yet; made within the runtime that it uses.
    pub fn new(dialer: Dialer, traffic: Arc<Traffic>) -> Self {
        Self {
            dialer,
            runtime: Handle::current(),
            links: Mutex::default(),
            traffic,
            expelled: Arc::default(),
        }
    }

    /// Keeps links from the member `id` to the others of its group, until the store is gone. As
    /// long as it has no state, and so knows of nobody, they are those it has `heard` of. True when
    /// one of them says that this member was removed while it could not hear of it.
    pub async fn follow(
        self: Arc<Self>,
        id: u64,
        heard: Members,
        mut members: watch::Receiver<Members>,
    ) -> bool {
        loop {
            let known = members.borrow_and_update().clone();
            self.connect(
                id,
                if known.members.is_empty() {
                    &heard
                } else {
                    &known
                },
            );
            tokio::select! {
                changed = members.changed() => if changed.is_err() {
                    return false;
                },
                () = self.expelled.notified() => return true,
            }
        }
    }

    fn connect(&self, id: u64, group: &Members) {
        let mut links = self.links.lock();
        let gone = links.extract_if(|id, _| !group.members.contains_key(id));
        let gone: Vec<_> = gone.collect();
        for (id, _) in &gone {
            self.traffic.forget(*id);
        }
        if !gone.is_empty() {
            // The last that a removed member is sent tells it so.
            tokio::spawn(async move {
                tokio::time::sleep(GOODBYE).await;
                drop(gone);
            });
        }
        for member in group.members.values().filter(|member| member.id != id) {
            let urls = member.peer_urls.clone();
            let route = Route {
                cluster_id: group.cluster_id,
                from: id,
                to: member.id,
            };
            match links.get(&member.id) {
                Some(link) => link.moved(urls),
                None => {
                    let (dialer, expelled) = (self.dialer.clone(), self.expelled.clone());
                    let exchange = self.traffic.with(member.id);
                    let link = Link::open(dialer, route, urls, exchange, expelled);
                    links.insert(member.id, link);
                }
            }
        }
    }
}

impl Carrier for Network {
    fn send(&self, message: Message) -> bool {
        let links = self.links.lock();
        let link = links.get(&message.to);
        link.is_some_and(|link| link.send(message))
    }

    fn send_state(&self, state: Outgoing) {
        let links = self.links.lock();
        if let Some(link) = links.get(&state.message().to) {
            self.runtime.spawn(link.send_state(state));
        }
    }

    fn connected_for(&self, id: u64) -> Duration {
        let links = self.links.lock();
        links.get(&id).map_or(Duration::ZERO, Link::open_for)
    }
}

/// Asks the member at a URL who belongs to its group; the error says why it does not answer.
pub async fn describe(dialer: &Dialer, url: &str) -> Result<Members, String> {
    let mut client = RaftClient::new(dialer.open(url).await?);
    let mut request = Request::new(DescribeRequest {});
    request.set_timeout(CONNECT_TIMEOUT);
    let answer = client.describe(request).await;
    let answer = answer.map_err(|status| failure(&status))?;
    Ok(wire::group(answer.into_inner()))
}
