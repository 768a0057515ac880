//! `etcdserverpb.Cluster`: the members of the group, or the servers that have the instance open.

use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use tonic::{Request, Response, Status, async_trait};

/// The member list, and changes of it.
pub struct Cluster {
    instance: Instance,
}

impl Cluster {
    /// The service over `instance`.
    pub fn new(instance: Instance) -> Self {
        Self { instance }
    }

    /// etcd's cluster answers carry no revision.
    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            revision: 0,
            ..self.instance.header()
        })
    }

    /// As this member knows them after a change that was asked for here.
    async fn members(&self) -> Result<Vec<Member>, Status> {
        Ok(self.instance.members(false).await?)
    }
}

#[async_trait]
impl cluster_server::Cluster for Cluster {
    async fn member_add(
        &self,
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        let MemberAddRequest {
            peer_ur_ls,
            is_learner,
        } = request.into_inner();
        let added = self.instance.add_member(peer_ur_ls, is_learner).await?;
        Ok(Response::new(MemberAddResponse {
            header: self.header(),
            member: Some(added),
            members: self.members().await?,
        }))
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        self.instance.remove_member(request.into_inner().id).await?;
        Ok(Response::new(MemberRemoveResponse {
            header: self.header(),
            members: self.members().await?,
        }))
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        let MemberUpdateRequest { id, peer_ur_ls } = request.into_inner();
        self.instance.update_member(id, peer_ur_ls).await?;
        Ok(Response::new(MemberUpdateResponse {
            header: self.header(),
            members: self.members().await?,
        }))
    }

    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let linearizable = request.into_inner().linearizable;
        Ok(Response::new(MemberListResponse {
            members: self.instance.members(linearizable).await?,
            header: self.header(),
        }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        self.instance
            .promote_member(request.into_inner().id)
            .await?;
        Ok(Response::new(MemberPromoteResponse {
            header: self.header(),
            members: self.members().await?,
        }))
    }
}
