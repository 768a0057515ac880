//! `v3electionpb.Election`: who has the turn leads, and its value is what the leader proclaims.

use super::door::Door;
use super::turn::{self, Contender};
use super::until;
use crate::api::server::Stopping;
use crate::error::{Error, Result};
use crate::mvcc::Instance;
use crate::pb::etcdserverpb::range_request::SortOrder;
use crate::pb::etcdserverpb::request_op::Request as Op;
use crate::pb::etcdserverpb::{ResponseHeader, TxnRequest, WatchCreateRequest};
use crate::pb::mvccpb::KeyValue;
use crate::pb::mvccpb::event::EventType;
use crate::pb::v3electionpb::*;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

/// Leaders that an observer has not read yet; further ones wait.
const UNREAD_LEADERS_MAX: usize = 16;

/// Elections among holders of leases.
pub struct Election {
    door: Door,
    stopping: Stopping,
}

impl Election {
    /// The service behind `door`; nobody waits longer than the server serves.
    pub fn new(door: Door, stopping: Stopping) -> Self {
        Self { door, stopping }
    }
}

async fn campaign(contender: &Contender, request: CampaignRequest) -> Result<CampaignResponse> {
    let instance = &contender.instance;
    let CampaignRequest { name, lease, value } = request;
    let lease = turn::lease(instance, lease).await?;
    let key = turn::key(&name, lease);
    let entry = TxnRequest {
        compare: vec![turn::is_created_at(&key, 0)],
        success: turn::ops([turn::put(&key, value.clone(), lease)]),
        failure: turn::ops([Op::RequestRange(turn::get(&key))]),
    };
    let entered = instance.txn(entry).await?;
    let own = turn::read(&entered, 0);
    let rev = match own {
        Some(own) => own.create_revision,
        None => turn::revision(entered.header.as_ref()),
    };
    let place = turn::Place::new(instance, &key, rev);
    let leader = LeaderKey {
        name,
        key,
        rev,
        lease,
    };
    if own.is_some_and(|own| own.value != value) {
        proclaim(instance, &leader, lease, value).await?;
    }
    turn::wait(contender, &turn::prefix(&leader.name), rev - 1).await?;
    place.keep();
    Ok(CampaignResponse {
        header: entered.header,
        leader: Some(leader),
    })
}

async fn proclaim(
    instance: &Instance,
    leader: &LeaderKey,
    lease: i64,
    value: Bytes,
) -> Result<Option<ResponseHeader>> {
    let request = TxnRequest {
        compare: vec![turn::is_created_at(&leader.key, leader.rev)],
        success: turn::ops([turn::put(&leader.key, value, lease)]),
        failure: Vec::new(),
    };
    let answer = instance.txn(request).await?;
    match answer.succeeded {
        true => Ok(answer.header),
        false => Err(Error::NotElected),
    }
}

/// Sends who leads, and what he proclaims, until nobody listens.
async fn observe(
    contender: &Contender,
    name: &[u8],
    leaders: &mpsc::Sender<Result<LeaderResponse, Status>>,
) -> Result<()> {
    let prefix = turn::prefix(name);
    let send = async |header, kv| {
        let kv = Some(kv);
        leaders
            .send(Ok(LeaderResponse { header, kv }))
            .await
            .is_ok()
    };
    loop {
        let first = turn::one(&prefix, SortOrder::Ascend, 0);
        let range_end = first.range_end.clone();
        let mut found = contender.instance.range(first).await?;
        let (header, kv) = match found.kvs.pop() {
            Some(kv) => (found.header, kv),
            None => {
                let from = WatchCreateRequest {
                    key: prefix.clone(),
                    range_end,
                    start_revision: turn::revision(found.header.as_ref()),
                    ..WatchCreateRequest::default()
                };
                first_put(contender, from).await?
            }
        };
        let from = WatchCreateRequest {
            key: kv.key.clone(),
            start_revision: turn::revision(header.as_ref()) + 1,
            ..WatchCreateRequest::default()
        };
        if !send(header, kv).await {
            return Ok(());
        }
        let mut answers = Box::pin(turn::watch(contender, from));
        'leader: while let Some(answer) = answers.next().await {
            let answer = answer?;
            for event in answer.events {
                if event.r#type() == EventType::Delete {
                    break 'leader;
                }
                if let Some(kv) = event.kv
                    && !send(answer.header, kv).await
                {
                    return Ok(());
                }
            }
        }
    }
}

/// Waits for the first key that is written.
async fn first_put(
    contender: &Contender,
    from: WatchCreateRequest,
) -> Result<(Option<ResponseHeader>, KeyValue)> {
    let mut answers = Box::pin(turn::watch(contender, from));
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        let mut events = answer.events.into_iter();
        let put = events.find(|event| event.r#type() == EventType::Put);
        if let Some(kv) = put.and_then(|event| event.kv) {
            // There may be later events in the same answer.
            let revision = kv.mod_revision;
            let header = answer
                .header
                .map(|header| ResponseHeader { revision, ..header });
            return Ok((header, kv));
        }
    }
    Err(Error::Stopped)
}

#[async_trait]
impl election_server::Election for Election {
    async fn campaign(
        &self,
        request: Request<CampaignRequest>,
    ) -> Result<Response<CampaignResponse>, Status> {
        let contender = Contender::enter(&self.door, &request).await?;
        let answer = tokio::select! {
            answer = campaign(&contender, request.into_inner()) => answer.map_err(turn::failed)?,
            () = self.stopping.wait() => return Err(Error::Stopped.into()),
        };
        Ok(Response::new(answer))
    }

    async fn proclaim(
        &self,
        request: Request<ProclaimRequest>,
    ) -> Result<Response<ProclaimResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let ProclaimRequest { leader, value } = request.into_inner();
        let leader = leader.ok_or(Error::NoLeaderKey)?;
        let lease = turn::lease(&instance, leader.lease).await;
        let lease = lease.map_err(turn::failed)?;
        let header = proclaim(&instance, &leader, lease, value).await;
        let header = header.map_err(turn::failed)?;
        Ok(Response::new(ProclaimResponse { header }))
    }

    async fn leader(
        &self,
        request: Request<LeaderRequest>,
    ) -> Result<Response<LeaderResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let prefix = turn::prefix(&request.into_inner().name);
        let first = turn::one(&prefix, SortOrder::Ascend, 0);
        let mut found = instance.range(first).await.map_err(turn::failed)?;
        let kv = found.kvs.pop().ok_or(Error::NobodyElected)?;
        Ok(Response::new(LeaderResponse {
            header: found.header,
            kv: Some(kv),
        }))
    }

    type ObserveStream = BoxStream<LeaderResponse>;

    async fn observe(
        &self,
        request: Request<LeaderRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let (leaders, unread) = mpsc::channel(UNREAD_LEADERS_MAX);
        let contender = Contender::enter(&self.door, &request).await?;
        tokio::spawn(async move {
            let name = request.into_inner().name;
            let observed = tokio::select! {
                observed = observe(&contender, &name, &leaders) => observed,
                () = leaders.closed() => return,
            };
            // As with etcd, the stream just ends.
            if let Err(error) = observed {
                tracing::debug!(%error, "an observer is told nothing more");
            }
        });
        let stopped = self.stopping.clone();
        let end = async move {
            stopped.wait().await;
            Error::Stopped.into()
        };
        Ok(Response::new(until(ReceiverStream::new(unread), end)))
    }

    async fn resign(
        &self,
        request: Request<ResignRequest>,
    ) -> Result<Response<ResignResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let leader = request.into_inner().leader.ok_or(Error::NoLeaderKey)?;
        let request = TxnRequest {
            compare: vec![turn::is_created_at(&leader.key, leader.rev)],
            success: turn::ops([Op::RequestDeleteRange(turn::delete(&leader.key))]),
            failure: Vec::new(),
        };
        let answer = instance.txn(request).await;
        let header = answer.map_err(turn::failed)?.header;
        Ok(Response::new(ResignResponse { header }))
    }
}
