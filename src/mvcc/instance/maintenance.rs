//! Calls about the keyspace as a whole: alarms, downgrades, hashes, snapshots, status.

use super::{Inner, Instance, mismatched};
use crate::error::{Error, Result};
use crate::mvcc::audit::{self, Comparison, Told};
use crate::mvcc::auth::Caller;
use crate::mvcc::keyspace::State;
use crate::mvcc::request::{Call, Request, Response};
use crate::mvcc::{alarm, downgrade, hash, snapshot};
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::downgrade_request::DowngradeAction;
use crate::pb::etcdserverpb::*;
use crate::store::{Consistency, Leadership, Progress, StoreError, Usage, View};
use bytes::Bytes;
use std::fs::File;

/// What `Maintenance.Status` and the health endpoints ask of an instance.
#[derive(Debug, Clone)]
pub struct InstanceStatus {
    /// Cluster and member id, current revision and term.
    pub header: ResponseHeader,
    /// Who leads.
    pub leadership: Leadership,
    /// How far this server is in the log that the servers share; where there is none, in the
    /// running numbers of durable batches.
    pub progress: Progress,
    /// Space taken.
    pub usage: Usage,
    /// Most bytes that the keyspace may take.
    pub quota_bytes: Option<u64>,
    /// Raised alarms.
    pub alarms: Vec<AlarmMember>,
    /// Whether a downgrade is under way, and to which version.
    pub downgrade: DowngradeInfo,
}

impl Instance {
    /// Reads, raises and clears alarms.
    pub async fn alarm(&self, request: AlarmRequest) -> Result<AlarmResponse> {
        if request.action == AlarmAction::Get as i32 {
            self.check_known().await?;
            let (view, state) = self.view(false).await?;
            let alarms = self.alarms(&view).await?;
            return Ok(AlarmResponse {
                header: Some(self.header_at(state.revision)),
                alarms: alarm::matching(alarms, &request),
            });
        }
        match self.submit(Request::Alarm(request)).await? {
            Response::Alarm(mut response) => {
                response.header = Some(self.header());
                Ok(response)
            }
            other => mismatched(&other),
        }
    }

    /// The alarms that are raised, as far as this server has heard: it asks nobody.
    pub async fn raised(&self) -> Result<Vec<AlarmMember>> {
        let (view, _) = self.view(true).await?;
        self.alarms(&view).await
    }

    async fn alarms(&self, view: &View) -> Result<Vec<AlarmMember>> {
        alarm::decode(view.get(&self.inner.layout.meta(alarm::META)).await?)
    }

    /// Begins or cancels a downgrade, or says whether one could begin. What is wrong with the request
    /// is only told to those who may make it.
    pub async fn change_downgrade(
        &self,
        action: Result<DowngradeAction>,
        target: Result<String>,
    ) -> Result<()> {
        self.check_operator().await?;
        let request = DowngradeRequest {
            action: action?.into(),
            version: target?,
        };
        match self.submit(Request::Downgrade(request)).await? {
            Response::Downgrade(_) => Ok(()),
            other => mismatched(&other),
        }
    }

    /// Whether a downgrade is under way, and to which version.
    pub async fn downgrade(&self) -> Result<DowngradeInfo> {
        let view = self.inner.store.view(Consistency::Serializable).await?;
        self.downgrade_at(&view).await
    }

    async fn downgrade_at(&self, view: &View) -> Result<DowngradeInfo> {
        downgrade::decode(view.get(&self.inner.layout.meta(downgrade::META)).await?)
    }

    /// A hash of everything stored.
    pub async fn hash(&self) -> Result<HashResponse> {
        self.check_admin().await?;
        let (view, state) = self.view(true).await?;
        Ok(HashResponse {
            header: Some(self.header_at(state.revision)),
            hash: hash::everything(&view, &self.inner.layout).await?,
        })
    }

    /// etcd's hash of the keyspace at a revision; 0 is the newest. What was told of a revision before it was
    /// compacted is told of it afterwards, too.
    pub async fn hash_kv(&self, request: HashKvRequest) -> Result<HashKvResponse> {
        self.check_admin().await?;
        let (view, state) = self.view(true).await?;
        let remembered = &self.inner.hashes;
        let known = match request.revision <= state.compacted {
            true => remembered.lock().of(request.revision),
            false => None,
        };
        let told = match known {
            Some(told) => told,
            None => {
                let told = self.hash_at(request.revision, &view, state).await?;
                if told.revision > state.compacted {
                    remembered.lock().keep(told);
                }
                told
            }
        };
        Ok(HashKvResponse {
            header: Some(self.header_at(state.revision)),
            hash: told.hash,
            compact_revision: told.compacted,
            hash_revision: told.revision,
        })
    }

    async fn hash_at(&self, revision: i64, view: &View, state: State) -> Result<Told> {
        let revision = match revision {
            0 => state.revision,
            revision => revision,
        };
        if revision > 0 && revision < state.compacted {
            return Err(Error::Compacted);
        }
        if revision > state.revision {
            return Err(Error::FutureRevision);
        }
        let everything = RangeRequest {
            key: Bytes::from_static(&[0]),
            range_end: Bytes::from_static(&[0]),
            revision,
            count_only: true,
            ..Default::default()
        };
        let server = Self {
            inner: self.inner.clone(),
            caller: Caller::Server,
        };
        let is_empty = server.range(everything).await?.count == 0;
        let Inner { layout, .. } = &*self.inner;
        let hash = hash::history(view, layout, revision, state.compacted, is_empty).await?;
        Ok(Told {
            revision,
            compacted: state.compacted,
            hash,
        })
    }

    /// What this server has at a revision, 0 being the newest, for one that has all up to there. It is read,
    /// not remembered: a disk may have changed it since.
    pub async fn tell(&self, revision: i64) -> Result<Told> {
        // What the other has seen committed is here after this.
        self.inner.store.view(Consistency::Linearizable).await?;
        let (view, state) = self.view(true).await?;
        self.hash_at(revision, &view, state).await
    }

    /// Compares this server's keyspace with those of others.
    pub async fn compare(&self, others: &dyn audit::Others) -> Result<Comparison> {
        let own = self.tell(0).await?;
        let told = others.ask(own.revision).await;
        Ok(Comparison::new(self.inner.member_id, own, &told))
    }

    /// Raises the alarm CORRUPT for a member.
    pub async fn raise_corrupt(&self, member_id: u64) -> Result<()> {
        self.raise(AlarmType::Corrupt, member_id).await
    }

    pub(super) async fn raise(&self, alarm: AlarmType, member_id: u64) -> Result<()> {
        let raised = AlarmRequest {
            action: AlarmAction::Activate.into(),
            member_id,
            alarm: alarm.into(),
        };
        let call = Call::of_server(Request::Alarm(raised));
        self.inner.sequencer.submit(call).await.map(drop)
    }

    /// The keyspace and its history as a file of etcd's, which no directory names; `version` is
    /// the storage version it is marked with.
    pub async fn snapshot(&self, version: String) -> Result<File> {
        self.check_admin().await?;
        let Inner { store, layout, .. } = &*self.inner;
        let progress = self.inner.store.progress();
        let sequence = self.state().batch.sequence;
        let about = snapshot::About {
            version,
            index: progress.map_or(sequence, |progress| progress.applied),
            term: self.inner.leadership.borrow().term,
            member_id: self.inner.member_id,
        };
        let made = tempfile::tempfile_in(&self.inner.options.scratch);
        let file = made.map_err(|error| {
            StoreError::Unavailable(format!("a snapshot needs a file: {error}").into())
        })?;
        snapshot::save(store, layout, &about, &file).await?;
        Ok(file)
    }

    /// Gives freed space back to the disk.
    pub async fn defragment(&self) -> Result<DefragmentResponse> {
        self.check_operator().await?;
        self.inner.store.reclaim().await?;
        Ok(DefragmentResponse::default())
    }

    /// Bytes that the keyspace may take; `None`: any number.
    pub(super) fn quota_bytes(&self) -> Option<u64> {
        let allowed = self.allowance().size_bytes;
        let quotas = [allowed, self.inner.options.quota_bytes];
        quotas.into_iter().flatten().min()
    }

    /// How far the log has come, as this server knows it.
    pub fn progress(&self) -> Progress {
        self.progress_at(0)
    }

    /// The same, where a view is of this batch, which may be older or newer than what this server has
    /// said already.
    fn progress_at(&self, batch: u64) -> Progress {
        let batches = batch.max(self.state().batch.sequence);
        // The log is of all tenants together.
        let log = self.inner.store.progress();
        log.filter(|_| !self.inner.options.is_tenant)
            .unwrap_or(Progress {
                committed: batches,
                applied: batches,
                is_learner: self.is_learner(),
                ..Progress::default()
            })
    }

    /// State for status and health.
    pub async fn status(&self) -> Result<InstanceStatus> {
        self.check_known().await?;
        let (view, state) = self.view(true).await?;
        let leadership = *self.inner.leadership.borrow();
        // A tenant is told of itself: most stores' sizes are of all together.
        let usage = match self.inner.options.is_tenant {
            true => self.own_usage().await?,
            false => self.inner.store.usage(self.inner.layout.prefix()).await?,
        };
        Ok(InstanceStatus {
            header: self.header_at(state.revision),
            leadership,
            progress: self.progress_at(state.batch.sequence),
            usage,
            quota_bytes: self.quota_bytes(),
            alarms: self.alarms(&view).await?,
            downgrade: self.downgrade_at(&view).await?,
        })
    }
}
