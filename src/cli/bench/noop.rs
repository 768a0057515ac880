//! The empty server: what any gRPC server can reach at most on this machine with this generator.
//!
//! It decodes every request and answers with as many bytes as a real server would, from memory
//! made at the start, and keeps nothing; the bare one keeps what it is told in a table and a log.

use super::{
    keys::{Keys, Values},
    log::Log,
    plan::CONNECTIONS_MAX,
};
use crate::api::{
    listener::{Listener, connections},
    services::{KeyService, Services},
    transport::Transport,
    unary::{Asker, Keys as KeyMethods},
};
use crate::cli::settings::{Layers, RawSettings, Settings};
use crate::mvcc::Ranged;
use crate::pb::{
    etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
        LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
        LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse,
        LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, PutRequest, PutResponse, RangeRequest,
        RangeResponse, RangeStreamResponse, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
        WatchCreateRequest, WatchRequest, WatchResponse,
        kv_server::Kv,
        lease_server::{Lease, LeaseServer},
        request_op,
        response_op::Response as Op,
        watch_request::RequestUnion,
        watch_server::{Watch, WatchServer},
    },
    mvccpb::{Event, KeyValue},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use futures_util::{
    FutureExt,
    future::{Either, ready},
};
use parking_lot::{Mutex, RwLock};
use rand::{SeedableRng, rngs::SmallRng};
use std::{
    collections::HashMap,
    io::Write,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};
use tokio::{io::AsyncReadExt, sync::mpsc};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::service::Routes;
use tonic::{Request, Response, Result as Answer, Status, Streaming};

/// Events a slow watch stream may be behind; then the puts wait for it.
const STREAM_QUEUE: usize = 1024;
const FULL_TTL_SECONDS: i64 = 60;
/// What tonic takes, too.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Flags of the hidden subcommand that runs it.
#[derive(Debug, Clone, Args)]
pub struct NoopArgs {
    /// What all keys start with
    #[arg(long)]
    pub prefix: String,
    /// Length of a key
    #[arg(long)]
    pub key_size: usize,
    /// Number of keys it pretends to hold
    #[arg(long)]
    pub key_space: u64,
    /// Length of a value
    #[arg(long)]
    pub value_size: usize,
    /// Keep keys, and answer a write when it is on the disk
    #[arg(long)]
    pub bare: bool,
}

/// Serves on a free port of the loopback address, prints the port, and ends with its input:
/// it cannot outlive the run that started it.
pub async fn serve(args: NoopArgs) -> Result<()> {
    let listener = Listener::bind("127.0.0.1", 0, None)
        .await
        .context("cannot listen")?;
    let port = listener.address().map_or(0, |address| address.port());
    let noop = Noop::new(&args)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{port}").and_then(|()| stdout.flush())?;
    let defaults = Layers::merge(&RawSettings::default(), |_| None, None)?;
    let limits = Settings::validate(&defaults)?.limits(CONNECTIONS_MAX);
    let keys = KeyService::new(noop.clone(), REQUEST_BYTES_MAX);
    let routes = Routes::new(WatchServer::new(noop.clone())).add_service(LeaseServer::new(noop));
    let connections = connections(vec![listener], CONNECTIONS_MAX);
    Transport::new(&limits)
        .serve(Services::new(keys, routes), connections, input_closed())
        .await;
    Ok(())
}

async fn input_closed() {
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while matches!(input.read(&mut byte).await, Ok(1..)) {}
}

#[derive(Clone)]
struct Noop(Arc<State>);

struct State {
    /// Every key with a value, in order.
    kvs: Vec<KeyValue>,
    value: Bytes,
    revision: AtomicI64,
    leases: AtomicI64,
    watchers: Mutex<Vec<Watcher>>,
    /// How many there are; puts look at it without the lock.
    watching: AtomicUsize,
    kept: Option<Kept>,
}

/// The least that keeps keys and loses none.
struct Kept {
    table: RwLock<HashMap<Bytes, KeyValue>>,
    log: Log,
}

struct Watcher {
    id: i64,
    key: Bytes,
    range_end: Bytes,
    stream: mpsc::Sender<Answer<WatchResponse>>,
}

impl Noop {
    fn new(args: &NoopArgs) -> Result<Self> {
        let keys = Keys::new(&args.prefix, args.key_size, args.key_space);
        let value = Values::new(args.value_size, 1).pick(&mut SmallRng::seed_from_u64(1));
        let kv = |index| KeyValue {
            value: value.clone(),
            ..key_value(keys.key(index))
        };
        Ok(Self(Arc::new(State {
            kvs: (0..keys.count()).map(kv).collect(),
            value: value.clone(),
            revision: AtomicI64::new(1),
            leases: AtomicI64::new(1),
            watchers: Mutex::default(),
            watching: AtomicUsize::new(0),
            kept: args.bare.then(|| Kept::new(&keys, &value)).transpose()?,
        })))
    }

    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            cluster_id: 1,
            member_id: 1,
            revision: self.0.revision.load(Ordering::Relaxed),
            raft_term: 1,
        })
    }

    fn read(&self, request: &RangeRequest) -> RangeResponse {
        let mut answer = RangeResponse {
            header: self.header(),
            ..RangeResponse::default()
        };
        if let Some(kept) = self
            .0
            .kept
            .as_ref()
            .filter(|_| request.range_end.is_empty())
        {
            answer
                .kvs
                .extend(kept.table.read().get(&request.key).cloned());
            answer.count = answer.kvs.len() as i64;
            return answer;
        }
        if request.range_end.is_empty() {
            answer.count = 1;
            answer.kvs.push(KeyValue {
                value: self.0.value.clone(),
                ..key_value(request.key.clone())
            });
            return answer;
        }
        let from = self.0.kvs.partition_point(|kv| kv.key < request.key);
        let found = &self.0.kvs[from..];
        answer.count = found.len() as i64;
        if request.count_only {
            return answer;
        }
        let limit = match request.limit {
            0 => found.len(),
            limit => found.len().min(limit as usize),
        };
        answer.more = limit < found.len();
        answer.kvs = found[..limit].to_vec();
        if request.keys_only {
            for kv in &mut answer.kvs {
                kv.value = Bytes::new();
            }
        }
        answer
    }

    async fn write(&self, request: PutRequest) -> Answer<PutResponse> {
        if let Some(kept) = &self.0.kept {
            let written = kept.write(&request);
            let failed = |_| Status::unavailable("the bare server's log has failed");
            written.await.map_err(failed)?;
        }
        let revision = self.0.revision.fetch_add(1, Ordering::Relaxed) + 1;
        if self.0.watching.load(Ordering::Relaxed) > 0 {
            self.tell_watchers(request, revision).await;
        }
        Ok(PutResponse {
            header: self.header(),
            prev_kv: None,
        })
    }

    async fn run(&self, request: TxnRequest) -> Answer<TxnResponse> {
        let mut responses = Vec::new();
        for op in request.success {
            let response = match op.request {
                Some(request_op::Request::RequestPut(put)) => {
                    Op::ResponsePut(self.write(put).await?)
                }
                Some(request_op::Request::RequestRange(range)) => {
                    Op::ResponseRange(self.read(&range))
                }
                _ => return not_offered(),
            };
            responses.push(ResponseOp {
                response: Some(response),
            });
        }
        Ok(TxnResponse {
            header: self.header(),
            succeeded: true,
            responses,
        })
    }

    /// Does at once what there is nothing to wait for; the rest is in a box, or every call would be as large.
    fn at_once<'a, T: Send + 'a>(
        &self,
        work: impl Future<Output = Answer<T>> + Send + 'a,
    ) -> impl Future<Output = Answer<T>> + Send + 'a {
        let waits = self.0.kept.is_some() || self.0.watching.load(Ordering::Relaxed) > 0;
        match waits {
            true => Either::Right(work.boxed()),
            false => {
                Either::Left(ready(work.now_or_never().unwrap_or_else(|| {
                    Err(Status::unavailable("a watcher came meanwhile"))
                })))
            }
        }
    }

    async fn tell_watchers(&self, request: PutRequest, revision: i64) {
        let kv = KeyValue {
            value: request.value,
            mod_revision: revision,
            ..key_value(request.key)
        };
        let interested: Vec<_> = self
            .0
            .watchers
            .lock()
            .iter()
            .filter(|watcher| watcher.wants(&kv.key))
            .map(|watcher| (watcher.id, watcher.stream.clone()))
            .collect();
        for (watch_id, stream) in interested {
            let answer = WatchResponse {
                header: self.header(),
                watch_id,
                events: vec![Event {
                    kv: Some(kv.clone()),
                    ..Event::default()
                }],
                ..WatchResponse::default()
            };
            // A stream that is gone is forgotten when its task ends.
            let _ = stream.send(Ok(answer)).await;
        }
    }

    fn add_watcher(&self, watcher: Watcher) {
        self.0.watchers.lock().push(watcher);
        self.0.watching.fetch_add(1, Ordering::Relaxed);
    }

    fn forget_stream(&self, stream: &mpsc::Sender<Answer<WatchResponse>>) {
        let mut watchers = self.0.watchers.lock();
        watchers.retain(|watcher| !watcher.stream.same_channel(stream));
        self.0.watching.store(watchers.len(), Ordering::Relaxed);
    }
}

impl Kept {
    /// Each key with a value of its own.
    fn new(keys: &Keys, value: &Bytes) -> Result<Self> {
        let keys = (0..keys.count()).map(|index| keys.key(index));
        let kept = keys.map(|key| {
            let value = Bytes::copy_from_slice(value);
            (
                key.clone(),
                KeyValue {
                    value,
                    ..key_value(key)
                },
            )
        });
        Ok(Self {
            table: RwLock::new(kept.collect()),
            log: Log::open()?,
        })
    }

    async fn write(&self, request: &PutRequest) -> Result<()> {
        let (key, value) = (&request.key, &request.value);
        self.log.write(key.clone(), value.clone()).await?;
        // With bytes of its own, for those of a request may hold much else in memory.
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        let kept = KeyValue {
            value,
            ..key_value(key.clone())
        };
        self.table.write().insert(key, kept);
        Ok(())
    }
}

impl Watcher {
    fn wants(&self, key: &Bytes) -> bool {
        if self.range_end.is_empty() {
            return self.key == *key;
        }
        self.key <= *key && *key < self.range_end
    }
}

fn key_value(key: Bytes) -> KeyValue {
    KeyValue {
        key,
        create_revision: 1,
        mod_revision: 1,
        version: 1,
        ..KeyValue::default()
    }
}

fn not_offered<T>() -> Answer<T> {
    Err(Status::unimplemented(
        "the empty server has no such request",
    ))
}

type Answers<T> = Pin<Box<dyn Stream<Item = Answer<T>> + Send>>;

impl KeyMethods for Noop {
    fn range(
        &self,
        _: Asker,
        request: RangeRequest,
    ) -> impl Future<Output = Answer<Ranged>> + Send {
        ready(Ok(Ranged::Whole(self.read(&request))))
    }

    fn put(
        &self,
        _: Asker,
        request: PutRequest,
    ) -> impl Future<Output = Answer<PutResponse>> + Send {
        self.at_once(self.write(request))
    }

    async fn delete_range(&self, _: Asker, _: DeleteRangeRequest) -> Answer<DeleteRangeResponse> {
        not_offered()
    }

    fn txn(
        &self,
        _: Asker,
        request: TxnRequest,
    ) -> impl Future<Output = Answer<TxnResponse>> + Send {
        self.at_once(self.run(request))
    }
}

#[tonic::async_trait]
impl Kv for Noop {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<Response<RangeResponse>> {
        Ok(Response::new(self.read(request.get_ref())))
    }

    type RangeStreamStream = Answers<RangeStreamResponse>;

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Answer<Response<Self::RangeStreamStream>> {
        let answer = RangeStreamResponse {
            range_response: Some(self.read(request.get_ref())),
        };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(answer)))))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<Response<PutResponse>> {
        Ok(Response::new(self.write(request.into_inner()).await?))
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Answer<Response<DeleteRangeResponse>> {
        not_offered()
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<Response<TxnResponse>> {
        Ok(Response::new(self.run(request.into_inner()).await?))
    }

    async fn compact(&self, _: Request<CompactionRequest>) -> Answer<Response<CompactionResponse>> {
        not_offered()
    }
}

#[tonic::async_trait]
impl Watch for Noop {
    type WatchStream = Answers<WatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Answer<Response<Self::WatchStream>> {
        let mut requests = request.into_inner();
        let (stream, answers) = mpsc::channel(STREAM_QUEUE);
        let noop = self.clone();
        tokio::spawn(async move {
            let mut id = 0;
            while let Ok(Some(request)) = requests.message().await {
                let Some(RequestUnion::CreateRequest(create)) = request.request_union else {
                    continue;
                };
                noop.create_watch(create, id, &stream).await;
                id += 1;
            }
            noop.forget_stream(&stream);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

impl Noop {
    async fn create_watch(
        &self,
        create: WatchCreateRequest,
        id: i64,
        stream: &mpsc::Sender<Answer<WatchResponse>>,
    ) {
        let created = WatchResponse {
            header: self.header(),
            watch_id: id,
            created: true,
            ..WatchResponse::default()
        };
        if stream.send(Ok(created)).await.is_ok() {
            self.add_watcher(Watcher {
                id,
                key: create.key,
                range_end: create.range_end,
                stream: stream.clone(),
            });
        }
    }
}

#[tonic::async_trait]
impl Lease for Noop {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Answer<Response<LeaseGrantResponse>> {
        Ok(Response::new(LeaseGrantResponse {
            header: self.header(),
            id: self.0.leases.fetch_add(1, Ordering::Relaxed),
            ttl: request.get_ref().ttl,
            ..LeaseGrantResponse::default()
        }))
    }

    async fn lease_revoke(
        &self,
        _: Request<LeaseRevokeRequest>,
    ) -> Answer<Response<LeaseRevokeResponse>> {
        Ok(Response::new(LeaseRevokeResponse {
            header: self.header(),
        }))
    }

    type LeaseKeepAliveStream = Answers<LeaseKeepAliveResponse>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Response<Self::LeaseKeepAliveStream>> {
        let noop = self.clone();
        let answers = request.into_inner().map(move |request| {
            request.map(|request| LeaseKeepAliveResponse {
                header: noop.header(),
                id: request.id,
                ttl: FULL_TTL_SECONDS,
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        _: Request<LeaseTimeToLiveRequest>,
    ) -> Answer<Response<LeaseTimeToLiveResponse>> {
        not_offered()
    }

    async fn lease_leases(
        &self,
        _: Request<LeaseLeasesRequest>,
    ) -> Answer<Response<LeaseLeasesResponse>> {
        not_offered()
    }
}
