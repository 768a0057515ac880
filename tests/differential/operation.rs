//! What is done to both servers, and what they answer.

use crate::support::client::Client;
use bytes::Bytes;
use kvtool::pb::etcdserverpb::range_request::SortTarget;
use kvtool::pb::etcdserverpb::request_op::Request;
use kvtool::pb::etcdserverpb::response_op::Response;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::KeyValue;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// One step of a run.
#[derive(Debug, Clone)]
pub enum Operation {
    Range(RangeRequest),
    RangeStream(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(CompactionRequest),
    Grant(LeaseGrantRequest),
    Revoke(LeaseRevokeRequest),
    TimeToLive(LeaseTimeToLiveRequest),
    KeepAlive(LeaseKeepAliveRequest),
    Leases(LeaseLeasesRequest),
    HashKv(HashKvRequest),
    Alarm(AlarmRequest),
    /// Opens a watcher on the numbered stream.
    Watch(usize, WatchCreateRequest),
    /// Ends a watcher on the numbered stream.
    Unwatch(usize, WatchCancelRequest),
    /// Asks the numbered stream how far it is.
    Progress(usize),
    /// Waits until every watcher has seen everything, and compares what they saw.
    Settle,
}

impl Operation {
    /// The name under which a run counts it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Range(_) => "range",
            Self::RangeStream(_) => "range-stream",
            Self::Put(_) => "put",
            Self::Delete(_) => "delete",
            Self::Txn(_) => "txn",
            Self::Compact(_) => "compact",
            Self::Grant(_) => "lease-grant",
            Self::Revoke(_) => "lease-revoke",
            Self::TimeToLive(_) => "lease-ttl",
            Self::KeepAlive(_) => "lease-keepalive",
            Self::Leases(_) => "leases",
            Self::HashKv(_) => "hashkv",
            Self::Alarm(_) => "alarm",
            Self::Watch(..) => "watch",
            Self::Unwatch(..) => "unwatch",
            Self::Progress(_) => "progress",
            Self::Settle => "settle",
        }
    }
}

/// What a server answered, without what may differ between two servers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Range(RangeResponse),
    Put(PutResponse),
    Delete(DeleteRangeResponse),
    Txn(TxnResponse),
    Compact(CompactionResponse),
    Grant(LeaseGrantResponse),
    Revoke(LeaseRevokeResponse),
    TimeToLive(LeaseTimeToLiveResponse),
    KeepAlive(LeaseKeepAliveResponse),
    Leases(LeaseLeasesResponse),
    HashKv(HashKvResponse),
    Alarm(AlarmResponse),
    /// Messages of a watch stream that answer a request.
    Watch(WatchResponse),
    Nothing,
    Refused {
        code: Code,
        message: String,
    },
}

/// Seconds by which two servers may disagree on what is left of a lease.
const TTL_TOLERANCE_SECONDS: i64 = 2;

impl Answer {
    /// The store revision the answer was given at; 0 when it names none.
    pub fn revision(&self) -> i64 {
        let header = match self {
            Self::Range(answer) => &answer.header,
            Self::Put(answer) => &answer.header,
            Self::Delete(answer) => &answer.header,
            Self::Txn(answer) => &answer.header,
            Self::Compact(answer) => &answer.header,
            Self::Grant(answer) => &answer.header,
            Self::Revoke(answer) => &answer.header,
            Self::TimeToLive(answer) => &answer.header,
            Self::KeepAlive(answer) => &answer.header,
            Self::Leases(answer) => &answer.header,
            Self::HashKv(answer) => &answer.header,
            Self::Alarm(answer) => &answer.header,
            Self::Watch(answer) => &answer.header,
            Self::Nothing | Self::Refused { .. } => &None,
        };
        header.as_ref().map_or(0, |header| header.revision)
    }

    /// Whether two servers gave the same answer.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::TimeToLive(left), Self::TimeToLive(right)) => {
                let mut left = left.clone();
                if (left.ttl - right.ttl).abs() <= TTL_TOLERANCE_SECONDS {
                    left.ttl = right.ttl;
                }
                left == *right
            }
            (left, right) => left == right,
        }
    }
}

/// One server, as a run sees it.
pub struct Side {
    client: Client,
    keep_alive: mpsc::Sender<LeaseKeepAliveRequest>,
    kept_alive: Streaming<LeaseKeepAliveResponse>,
}

impl Side {
    /// Opens the streams that live as long as the run.
    pub async fn new(client: Client) -> Result<Self, Status> {
        let (keep_alive, requests) = mpsc::channel(1);
        // A server may send its headers with the first answer only, so a first question goes out
        // before the stream is awaited.
        let first = LeaseKeepAliveRequest { id: i64::MAX };
        keep_alive.send(first).await.expect("the receiver is here");
        let mut kept_alive = client
            .clone()
            .lease
            .lease_keep_alive(ReceiverStream::new(requests))
            .await?
            .into_inner();
        kept_alive.message().await?;
        Ok(Self {
            client,
            keep_alive,
            kept_alive,
        })
    }

    /// Does everything but watching.
    pub async fn answer(&mut self, operation: &Operation) -> Answer {
        match self.call(operation.clone()).await {
            Ok(answer) => answer,
            Err(status) => Answer::Refused {
                code: status.code(),
                message: status.message().to_owned(),
            },
        }
    }

    async fn call(&mut self, operation: Operation) -> Result<Answer, Status> {
        let client = &mut self.client;
        Ok(match operation {
            Operation::Range(request) => {
                let values = self.hidden_values(&request).await?;
                let answer = self.client.kv.range(request.clone()).await?;
                Answer::Range(range_answer(&request, answer.into_inner(), &values))
            }
            Operation::RangeStream(request) => {
                let values = self.hidden_values(&request).await?;
                let answer = self.range_stream(request.clone()).await?;
                Answer::Range(range_answer(&request, answer, &values))
            }
            Operation::Put(request) => {
                let mut answer = client.kv.put(request).await?.into_inner();
                mask(&mut answer.header);
                Answer::Put(answer)
            }
            Operation::Delete(request) => {
                let mut answer = client.kv.delete_range(request).await?.into_inner();
                mask(&mut answer.header);
                Answer::Delete(answer)
            }
            Operation::Txn(request) => {
                let answer = client.kv.txn(request.clone()).await?.into_inner();
                Answer::Txn(txn_answer(&request, answer))
            }
            Operation::Compact(request) => {
                let mut answer = client.kv.compact(request).await?.into_inner();
                mask(&mut answer.header);
                Answer::Compact(answer)
            }
            Operation::Grant(request) => {
                let mut answer = client.lease.lease_grant(request).await?.into_inner();
                mask(&mut answer.header);
                Answer::Grant(answer)
            }
            Operation::Revoke(request) => {
                let mut answer = client.lease.lease_revoke(request).await?.into_inner();
                mask(&mut answer.header);
                Answer::Revoke(answer)
            }
            Operation::TimeToLive(request) => {
                let answer = client.lease.lease_time_to_live(request).await?;
                let mut answer = answer.into_inner();
                mask(&mut answer.header);
                // etcd hands out the keys of a lease in no order.
                answer.keys.sort();
                Answer::TimeToLive(answer)
            }
            Operation::KeepAlive(request) => {
                let sent = self.keep_alive.send(request).await;
                sent.map_err(|_| Status::internal("the keep-alive stream is gone"))?;
                let answer = self.kept_alive.message().await?;
                let mut answer = answer.ok_or_else(|| Status::internal("no answer"))?;
                mask(&mut answer.header);
                Answer::KeepAlive(answer)
            }
            Operation::Leases(request) => {
                let mut answer = client.lease.lease_leases(request).await?.into_inner();
                mask(&mut answer.header);
                // Ordered by deadline, which two servers put at slightly different times.
                answer.leases.sort_by_key(|lease| lease.id);
                Answer::Leases(answer)
            }
            Operation::HashKv(request) => {
                let mut answer = client.maintenance.hash_kv(request).await?.into_inner();
                mask(&mut answer.header);
                Answer::HashKv(answer)
            }
            Operation::Alarm(request) => {
                let mut answer = client.maintenance.alarm(request).await?.into_inner();
                mask(&mut answer.header);
                answer
                    .alarms
                    .sort_by_key(|alarm| (alarm.member_id, alarm.alarm));
                Answer::Alarm(answer)
            }
            Operation::Watch(..)
            | Operation::Unwatch(..)
            | Operation::Progress(_)
            | Operation::Settle => Answer::Nothing,
        })
    }

    /// The whole answer of a stream. Only the last piece may name revision, count and more.
    async fn range_stream(&mut self, request: RangeRequest) -> Result<RangeResponse, Status> {
        let mut pieces = self.client.kv.range_stream(request).await?.into_inner();
        let mut whole = RangeResponse::default();
        while let Some(piece) = pieces.message().await? {
            let piece = piece
                .range_response
                .ok_or_else(|| Status::internal("an empty piece"))?;
            if whole.header.is_some() || whole.count != 0 || whole.more {
                return Err(Status::internal(
                    "a piece after the one that closes the answer",
                ));
            }
            whole.kvs.extend(piece.kvs);
            whole.header = piece.header;
            whole.count = piece.count;
            whole.more = piece.more;
        }
        Ok(whole)
    }

    /// Values by which an answer is sorted but which it does not show.
    async fn hidden_values(
        &mut self,
        request: &RangeRequest,
    ) -> Result<BTreeMap<Bytes, Bytes>, Status> {
        if !request.keys_only || request.sort_target != SortTarget::Value as i32 {
            return Ok(BTreeMap::new());
        }
        let shown = RangeRequest {
            keys_only: false,
            limit: 0,
            ..request.clone()
        };
        let answer = self.client.kv.range(shown).await?.into_inner();
        let pairs = answer.kvs.into_iter().map(|kv| (kv.key, kv.value));
        Ok(pairs.collect())
    }
}

/// Hides what names the server.
pub fn mask(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        header.cluster_id = 0;
        header.member_id = 0;
        header.raft_term = 0;
    }
}

fn range_answer(
    request: &RangeRequest,
    mut answer: RangeResponse,
    hidden: &BTreeMap<Bytes, Bytes>,
) -> RangeResponse {
    mask(&mut answer.header);
    settle_ties(request, &mut answer, hidden);
    answer
}

fn txn_answer(request: &TxnRequest, mut answer: TxnResponse) -> TxnResponse {
    mask(&mut answer.header);
    let branch = if answer.succeeded {
        &request.success
    } else {
        &request.failure
    };
    for (request, answer) in branch.iter().zip(&mut answer.responses) {
        match (&request.request, &mut answer.response) {
            (Some(Request::RequestRange(request)), Some(Response::ResponseRange(answer))) => {
                mask(&mut answer.header);
                settle_ties(request, answer, &BTreeMap::new());
            }
            (_, Some(Response::ResponsePut(answer))) => mask(&mut answer.header),
            (_, Some(Response::ResponseDeleteRange(answer))) => mask(&mut answer.header),
            (Some(Request::RequestTxn(request)), Some(Response::ResponseTxn(answer))) => {
                *answer = txn_answer(request, std::mem::take(answer));
            }
            _ => {}
        }
    }
    answer
}

/// etcd promises no order among keys that sort alike. They are put in key order here; of those
/// cut off by a limit in the middle of such a run only the number is left.
fn settle_ties(
    request: &RangeRequest,
    answer: &mut RangeResponse,
    hidden: &BTreeMap<Bytes, Bytes>,
) {
    let target = request.sort_target;
    if target == SortTarget::Key as i32 {
        return;
    }
    let attribute = |kv: &KeyValue| match SortTarget::try_from(target) {
        Ok(SortTarget::Version) => (kv.version, Bytes::new()),
        Ok(SortTarget::Create) => (kv.create_revision, Bytes::new()),
        Ok(SortTarget::Mod) => (kv.mod_revision, Bytes::new()),
        Ok(SortTarget::Value) => (0, hidden.get(&kv.key).unwrap_or(&kv.value).clone()),
        Ok(SortTarget::Key) | Err(_) => (0, Bytes::new()),
    };
    for run in answer
        .kvs
        .chunk_by_mut(|left, right| attribute(left) == attribute(right))
    {
        run.sort_by(|left, right| left.key.cmp(&right.key));
    }
    if answer.more
        && let Some(last) = answer.kvs.last().map(&attribute)
    {
        for kv in &mut answer.kvs {
            if attribute(kv) == last {
                *kv = KeyValue {
                    version: last.0,
                    value: last.1.clone(),
                    ..KeyValue::default()
                };
            }
        }
    }
}
