//! What the other members of a group say of their keyspaces.

use super::Route;
use crate::api::channel::Dialer;
use crate::mvcc::audit::{self, Told};
use crate::pb::kvtool::raft::v1::{HashRequest, raft_client::RaftClient};
use crate::store::raft::{Member, Members, Raft};
use futures_util::future::{BoxFuture, join_all};
use std::time::Duration;
use tokio::sync::watch;
use tonic::Request;

/// How long a member may take to read all that it holds.
const HASH_TIMEOUT: Duration = Duration::from_secs(300);

/// The other members of a group.
#[derive(Debug)]
pub struct Others {
    dialer: Dialer,
    id: u64,
    members: watch::Receiver<Members>,
}

impl Others {
    /// Of a member.
    pub fn of(raft: &Raft, dialer: Dialer) -> Self {
        Self {
            dialer,
            id: raft.id(),
            members: raft.members(),
        }
    }

    async fn ask_one(&self, cluster_id: u64, member: &Member, revision: i64) -> Option<Told> {
        let route = Route {
            cluster_id,
            from: self.id,
            to: member.id,
        };
        for url in &member.peer_urls {
            let Ok(channel) = self.dialer.open(url).await else {
                continue;
            };
            let mut request = Request::new(HashRequest { revision });
            route.write(request.metadata_mut());
            request.set_timeout(HASH_TIMEOUT);
            match RaftClient::new(channel).hash(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    return Some(Told {
                        revision,
                        compacted: answer.compacted,
                        hash: answer.hash,
                    });
                }
                Err(status) => {
                    let member = format!("{:x}", member.id);
                    let reason = status.message();
                    tracing::debug!(member, reason, "a member is not compared");
                }
            }
        }
        None
    }
}

impl audit::Others for Others {
    fn ask(&self, revision: i64) -> BoxFuture<'_, Vec<(u64, Option<Told>)>> {
        Box::pin(async move {
            let group = self.members.borrow().clone();
            let others = group.members.values().filter(|other| other.id != self.id);
            let asked = others.map(|other| async {
                let told = self.ask_one(group.cluster_id, other, revision).await;
                (other.id, told)
            });
            join_all(asked).await
        })
    }
}
