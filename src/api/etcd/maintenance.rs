//! `etcdserverpb.Maintenance`.

use crate::api::version::EtcdVersion;
use crate::error::Error;
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::*;
use tonic::{Request, Response, Status, async_trait};

/// What etcd reports as its quota when none is set. kvtool's stores have none of their own.
const QUOTA_BYTES: i64 = 2 * 1024 * 1024 * 1024;

/// Status, alarms, hashes and defragmentation.
pub struct Maintenance {
    instance: Instance,
    version: EtcdVersion,
}

impl Maintenance {
    /// The service over `instance`.
    pub fn new(instance: Instance, version: EtcdVersion) -> Self {
        Self { instance, version }
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
        let answer = self.instance.alarm(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let status = self.instance.status().await?;
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
        _: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        Ok(Response::new(self.instance.defragment().await?))
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        Ok(Response::new(self.instance.hash().await?))
    }

    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        let answer = self.instance.hash_kv(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        let target = request.into_inner().target_id;
        self.instance.move_leader(target).await?;
        Ok(Response::new(MoveLeaderResponse::default()))
    }
}
