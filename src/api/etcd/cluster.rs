//! `etcdserverpb.Cluster`: the servers that have the instance open.

use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use tonic::{Request, Response, Status, async_trait};

/// The member list.
pub struct Cluster {
    instance: Instance,
}

impl Cluster {
    /// The service over `instance`.
    pub fn new(instance: Instance) -> Self {
        Self { instance }
    }
}

#[async_trait]
impl cluster_server::Cluster for Cluster {
    async fn member_list(
        &self,
        _: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let members = self.instance.members().await?;
        // etcd's cluster answers carry no revision.
        let header = ResponseHeader {
            revision: 0,
            ..self.instance.header()
        };
        Ok(Response::new(MemberListResponse {
            header: Some(header),
            members,
        }))
    }
}
