//! `etcdserverpb.Maintenance`.

use super::door::Door;
use crate::api::version::EtcdVersion;
use crate::error::Error;
use crate::pb::etcdserverpb::*;
use tonic::{Request, Response, Status, async_trait};

/// What etcd reports as its quota when none is set. kvtool's stores have none of their own.
const QUOTA_BYTES: i64 = 2 * 1024 * 1024 * 1024;

/// Status, alarms, hashes and defragmentation.
pub struct Maintenance {
    door: Door,
    version: EtcdVersion,
}

impl Maintenance {
    /// The service behind `door`.
    pub fn new(door: Door, version: EtcdVersion) -> Self {
        Self { door, version }
    }
}

/// A size as the wire has it; no disk is larger than that.
fn bytes(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn alarm_text(alarm: &AlarmMember) -> String {
    format!(
        "memberID:{} alarm:{}",
        alarm.member_id,
        alarm.alarm().as_str_name()
    )
}

#[async_trait]
impl maintenance_server::Maintenance for Maintenance {
    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.alarm(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        let status = self.door.open(&request).await?.status().await?;
        let member_id = status.header.member_id;
        let others = |leader: &u64| *leader != member_id;
        let leader = if status.leadership.leads() {
            member_id
        } else {
            // Not this server either, if its leadership has run out unnoticed.
            status.leadership.leader.filter(others).unwrap_or(0)
        };
        let no_leader = (leader == 0).then(|| Error::NoLeader.to_string());
        Ok(Response::new(StatusResponse {
            version: self.version.to_string(),
            storage_version: self.version.cluster().to_string(),
            db_size: bytes(status.usage.allocated_bytes),
            db_size_in_use: bytes(status.usage.live_bytes),
            db_size_quota: QUOTA_BYTES,
            leader,
            raft_index: status.progress.committed,
            raft_applied_index: status.progress.applied,
            raft_term: status.header.raft_term,
            errors: no_leader
                .into_iter()
                .chain(status.alarms.iter().map(alarm_text))
                .collect(),
            is_learner: status.progress.is_learner,
            downgrade_info: Some(DowngradeInfo::default()),
            header: Some(status.header),
        }))
    }

    async fn defragment(
        &self,
        request: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        let instance = self.door.open(&request).await?;
        Ok(Response::new(instance.defragment().await?))
    }

    async fn hash(&self, request: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let instance = self.door.open(&request).await?;
        Ok(Response::new(instance.hash().await?))
    }

    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.hash_kv(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let target = request.into_inner().target_id;
        instance.move_leader(target).await?;
        Ok(Response::new(MoveLeaderResponse::default()))
    }
}
