//! `etcdserverpb.Cluster`: the members, which is this server alone.

use crate::api::server::Identity;
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use std::sync::Arc;
use tonic::{Request, Response, Status, async_trait};

/// The member list.
pub struct Cluster {
    instance: Instance,
    identity: Arc<Identity>,
}

impl Cluster {
    /// The service over `instance`, with this server as its one member.
    pub fn new(instance: Instance, identity: Arc<Identity>) -> Self {
        Self { instance, identity }
    }
}

#[async_trait]
impl cluster_server::Cluster for Cluster {
    async fn member_list(
        &self,
        _: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        // etcd's cluster answers carry no revision.
        let header = ResponseHeader {
            revision: 0,
            ..self.instance.header()
        };
        let member = Member {
            id: header.member_id,
            name: self.identity.name.clone(),
            peer_ur_ls: self.identity.peer_urls.clone(),
            client_ur_ls: self.identity.client_urls.clone(),
            is_learner: false,
        };
        Ok(Response::new(MemberListResponse {
            header: Some(header),
            members: vec![member],
        }))
    }
}
