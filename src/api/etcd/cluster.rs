//! `etcdserverpb.Cluster`: the members of the group, or the servers that have the instance open.

use super::door::Door;
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use tonic::{Request, Response, Status, async_trait};

/// The member list, and changes of it.
pub struct Cluster {
    door: Door,
}

impl Cluster {
    /// The service behind `door`.
    pub fn new(door: Door) -> Self {
        Self { door }
    }
}

/// etcd's cluster answers carry no revision.
fn header(instance: &Instance) -> Option<ResponseHeader> {
    Some(ResponseHeader {
        revision: 0,
        ..instance.header()
    })
}

#[async_trait]
impl cluster_server::Cluster for Cluster {
    async fn member_add(
        &self,
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let MemberAddRequest {
            peer_ur_ls,
            is_learner,
        } = request.into_inner();
        let added = instance.add_member(peer_ur_ls, is_learner).await?;
        Ok(Response::new(MemberAddResponse {
            header: header(&instance),
            member: Some(added),
            members: instance.members(false).await?,
        }))
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        let instance = self.door.open(&request).await?;
        instance.remove_member(request.into_inner().id).await?;
        Ok(Response::new(MemberRemoveResponse {
            header: header(&instance),
            members: instance.members(false).await?,
        }))
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let MemberUpdateRequest { id, peer_ur_ls } = request.into_inner();
        instance.update_member(id, peer_ur_ls).await?;
        Ok(Response::new(MemberUpdateResponse {
            header: header(&instance),
            members: instance.members(false).await?,
        }))
    }

    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let linearizable = request.into_inner().linearizable;
        Ok(Response::new(MemberListResponse {
            members: instance.members(linearizable).await?,
            header: header(&instance),
        }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        let instance = self.door.open(&request).await?;
        instance.promote_member(request.into_inner().id).await?;
        Ok(Response::new(MemberPromoteResponse {
            header: header(&instance),
            members: instance.members(false).await?,
        }))
    }
}
