//! `etcdserverpb.Maintenance`.

use super::door::Door;
use crate::api::version::EtcdVersion;
use crate::error::Error;
use crate::pb::etcdserverpb::downgrade_request::DowngradeAction;
use crate::pb::etcdserverpb::*;
use bytes::Bytes;
use ring::digest;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

/// What etcd reports as its quota when none is set. kvtool has none then, and clients expect one.
const QUOTA_BYTES: i64 = 2 * 1024 * 1024 * 1024;

/// What one message of a snapshot holds; etcd's.
const SNAPSHOT_BLOB_BYTES: u64 = 32 * 1024;
/// Messages of a snapshot that were read and not sent yet.
const UNSENT_BLOBS_MAX: usize = 16;

/// Status, alarms, hashes, snapshots, defragmentation and downgrades.
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

/// The version that a cluster can go back to, if it is that.
fn downgrade_target(cluster: EtcdVersion, version: &str) -> Result<String, Error> {
    let target = EtcdVersion::of_cluster(version).ok_or(Error::WrongDowngradeVersion)?;
    match cluster.minor_release_before() {
        Some(before) if before == target => Ok(target.to_string()),
        _ => Err(Error::InvalidDowngradeTarget),
    }
}

/// A size as the wire has it; no disk is larger than that.
fn bytes(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Sends a file, and the hash of it behind it. Ends early when nobody takes it.
fn send(mut file: File, version: &str, blobs: &mpsc::Sender<Result<SnapshotResponse, Status>>) {
    let sent = send_file(&mut file, |remaining_bytes, blob| {
        let answer = SnapshotResponse {
            remaining_bytes,
            blob,
            version: version.to_owned(),
            header: None,
        };
        blobs.blocking_send(Ok(answer)).is_ok()
    });
    if let Err(error) = sent {
        tracing::error!(%error, "a snapshot cannot be read back");
        let _ = blobs.blocking_send(Err(Status::unavailable("the snapshot cannot be read back")));
    }
}

fn send_file(file: &mut File, send: impl Fn(u64, Bytes) -> bool) -> io::Result<()> {
    let mut left = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut hash = digest::Context::new(&digest::SHA256);
    while left > 0 {
        let length = left.min(SNAPSHOT_BLOB_BYTES);
        let mut blob = vec![0; length as usize];
        file.read_exact(&mut blob)?;
        hash.update(&blob);
        left -= length;
        if !send(left, blob.into()) {
            return Ok(());
        }
    }
    send(0, Bytes::copy_from_slice(hash.finish().as_ref()));
    Ok(())
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
            storage_version: self.version.cluster_during(&status.downgrade).to_string(),
            db_size: bytes(status.usage.allocated_bytes),
            db_size_in_use: bytes(status.usage.live_bytes),
            db_size_quota: status.quota_bytes.map_or(QUOTA_BYTES, bytes),
            leader,
            raft_index: status.progress.committed,
            raft_applied_index: status.progress.applied,
            raft_term: status.header.raft_term,
            errors: no_leader
                .into_iter()
                .chain(status.alarms.iter().map(alarm_text))
                .collect(),
            is_learner: status.progress.is_learner,
            downgrade_info: Some(status.downgrade),
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

    type SnapshotStream = BoxStream<SnapshotResponse>;

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let instance = self.door.open(&request).await?;
        let version = self.version.cluster().to_string();
        let file = instance.snapshot(version.clone()).await?;
        let (blobs, unsent) = mpsc::channel(UNSENT_BLOBS_MAX);
        tokio::task::spawn_blocking(move || send(file, &version, &blobs));
        Ok(Response::new(Box::pin(ReceiverStream::new(unsent))))
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

    async fn downgrade(
        &self,
        request: Request<DowngradeRequest>,
    ) -> Result<Response<DowngradeResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let DowngradeRequest { action, version } = request.into_inner();
        let action = DowngradeAction::try_from(action).map_err(|_| Error::UnknownMethod);
        let cluster = self.version.cluster_during(&instance.downgrade().await?);
        let target = match action {
            Ok(DowngradeAction::Cancel) => Ok(String::new()),
            _ => downgrade_target(cluster, &version),
        };
        // Who may not ask is not told what is wrong with the request.
        instance.change_downgrade(action, target).await?;
        Ok(Response::new(DowngradeResponse {
            header: Some(instance.header()),
            version: cluster.minor_release(),
        }))
    }
}
