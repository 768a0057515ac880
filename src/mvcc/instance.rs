//! One keyspace: the calls the API makes.

mod access;
mod admission;
mod keys;
mod leases;
mod members;
mod observe;

pub use observe::Observation;

use crate::error::{Error, Result};
use crate::mvcc::allowance::{self, Allowance};
use crate::mvcc::audit::{Audit, Comparison, Told};
use crate::mvcc::auth::{self, Caller, Credentials, Passwords, Tokens};
use crate::mvcc::cache::Cache;
use crate::mvcc::census::Census;
use crate::mvcc::compact::{self, AutoCompaction};
use crate::mvcc::feed::Feed;
use crate::mvcc::follower::Follower;
use crate::mvcc::forward::{self, Handover, Peers};
use crate::mvcc::job::{Job, in_parting};
use crate::mvcc::keyspace::{Layout, PeerRecord, State};
use crate::mvcc::peer::Announcement;
use crate::mvcc::queue::{self, Handle};
use crate::mvcc::quota::Quota;
use crate::mvcc::rate::Rates;
use crate::mvcc::read;
use crate::mvcc::read_index::ReadIndex;
use crate::mvcc::request::{Call, Request, Response};
use crate::mvcc::sequencer;
use crate::mvcc::size::Size;
use crate::mvcc::stats::Stats;
use crate::mvcc::watch::{self, Hub, WatchAnswer, WatchContext};
use crate::mvcc::{
    alarm, audit, clock, collector, downgrade, hash, identity, lease, snapshot, writer,
};
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::downgrade_request::DowngradeAction;
use crate::pb::etcdserverpb::*;
use crate::store::{Consistency, Leadership, Progress, Store, StoreError, Usage, View};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch as state_watch};
use tokio::task::JoinHandle;

/// What a watch response may hold above `--max-request-bytes` before it is fragmented.
const GRPC_OVERHEAD_BYTES: usize = 512 * 1024;

/// How long the end of an instance waits for batches that were begun: nobody who asked for them is there any
/// more, and a store without a quorum may need much longer to say that it does not know.
const LAST_BATCH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a server that opens an instance waits to hear who leads.
const ELECTION_GRACE: Duration = Duration::from_secs(2);

/// How an instance behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// This server's name among those of the instance; with it comes the member id.
    pub name: String,
    /// Most compares, or operations of one branch, of a transaction.
    pub max_txn_ops: usize,
    /// Largest request, in bytes of its encoding.
    pub max_request_bytes: usize,
    /// Time between progress notices to watchers that asked for them and saw no event.
    pub watch_progress_interval: Duration,
    /// What is compacted without being asked.
    pub auto_compaction: AutoCompaction,
    /// A request without an outcome after this long answers `Timeout`.
    pub request_timeout: Duration,
    /// What live versions of keys may take in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// Most bytes that the keyspace may take; `None` is no bound.
    pub quota_bytes: Option<u64>,
    /// The directory for files that do not outlive their use.
    pub scratch: PathBuf,
    /// Where this server says it is.
    pub advertised: Advertised,
    /// The way to other servers of the instance, for writes to go to the one that leads; `None`:
    /// this server makes its own batches always.
    pub peers: Option<Arc<dyn Peers>>,
    /// How callers are recognised.
    pub auth: auth::Options,
    /// When it is compared with those of other members; `None` is never.
    pub audit: Option<Audit>,
    /// It is one of many that strangers have on one server: no caller of it may do what concerns
    /// the server as a whole.
    pub is_tenant: bool,
}

/// The URLs of a server.
#[derive(Debug, Clone, Default)]
pub struct Advertised {
    /// Where clients, and other servers of the instance, connect.
    pub client_urls: Vec<String>,
    /// Where other members connect; shown in the member list.
    pub peer_urls: Vec<String>,
}

impl Default for Options {
    /// etcd's defaults.
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            max_txn_ops: 128,
            max_request_bytes: 1_572_864,
            watch_progress_interval: Duration::from_secs(600),
            auto_compaction: AutoCompaction::Off,
            request_timeout: Duration::from_secs(7),
            cache_bytes: 256 << 20,
            quota_bytes: None,
            scratch: std::env::temp_dir(),
            advertised: Advertised::default(),
            peers: None,
            auth: auth::Options::default(),
            audit: None,
            is_tenant: false,
        }
    }
}

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

/// One etcd keyspace on a store, for one caller. Cheap to clone; clones are the same instance.
///
/// Who opens it may do everything; [`Instance::admit`] gives it to others.
#[derive(Clone)]
pub struct Instance {
    inner: Arc<Inner>,
    caller: Caller,
}

struct Inner {
    name: String,
    store: Store,
    layout: Layout,
    options: Options,
    cluster_id: u64,
    member_id: u64,
    leadership: state_watch::Receiver<Leadership>,
    announcement: Announcement,
    sequencer: Handle,
    quota: Option<Quota>,
    allowance: state_watch::Receiver<Allowance>,
    rates: Rates,
    hub: Arc<Hub>,
    feed: Arc<Feed>,
    read_index: ReadIndex,
    stats: Arc<Stats>,
    census: Arc<Census>,
    tokens: Tokens,
    passwords: Passwords,
    compacted: state_watch::Receiver<i64>,
    failed: state_watch::Receiver<Option<Arc<str>>>,
    closing: state_watch::Sender<bool>,
    tasks: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl Instance {
    /// Opens the instance `name`, making it on first use, and starts its background jobs.
    pub async fn open(store: Store, name: &str, options: Options) -> Result<Self> {
        let layout = Layout::new(store.instance_prefix(name).await?);
        let identity = identity::establish(&store, &layout, &options.name).await?;
        let writer = writer::register(&store, &layout, clock::now_ms()).await?;
        let view = store.view(Consistency::Linearizable).await?;
        let state = read::state(&view, &layout).await?;
        let complete = compact::complete(&view, &layout).await?;
        let size = Size::load(&view, &layout, &state).await?;
        let allowed = Allowance::load(&view, &layout).await?;
        let (allowances, allowance) = state_watch::channel(allowed);

        let hub = Arc::new(Hub::new(state));
        let cache = Arc::new(Cache::new(options.cache_bytes, state.revision));
        let feed = Arc::new(Feed::new(cache, hub.clone(), size));
        let stats = Arc::new(Stats::default());
        let granted = Arc::new(Notify::new());
        let (done, compacted) = state_watch::channel(complete);
        let (failed, failed_receiver) = state_watch::channel(None);
        let (closing, closing_receiver) = state_watch::channel(false);
        let mut leadership = store.leadership(&layout.leader(), identity.member_id);
        // A server that knows no leader would say so to clients. Late or not, it can serve.
        let known = leadership.wait_for(|now| now.is_leader || now.leader.is_some());
        let _ = tokio::time::timeout(ELECTION_GRACE, known).await;
        let job = Job {
            leadership,
            store,
            layout,
            writer,
        };
        let peer = PeerRecord {
            token: rand::random(),
            written_ms: clock::now_ms(),
            name: options.name.clone(),
            client_urls: options.advertised.client_urls.clone(),
            peer_urls: options.advertised.peer_urls.clone(),
        };
        let announcement = Announcement {
            job: job.clone(),
            member_id: identity.member_id,
            record: peer,
        };
        if job.store.is_shared() {
            announcement.write().await?;
        }
        let (links, link) = state_watch::channel(None);
        let is_shared = job.store.is_shared();
        let follower = is_shared.then(|| Arc::new(Follower::new(job.clone(), feed.clone())));
        let census = Arc::new(Census::new(job.clone(), feed.clone(), follower.clone()));
        let context = sequencer::Context {
            job: job.clone(),
            feed: feed.clone(),
            follower: follower.clone(),
            link: link.clone(),
            stats: stats.clone(),
            granted: granted.clone(),
            failed,
        };
        let timeout = options.request_timeout;
        let (sequencer, queue) = queue::open(&job, feed.clone(), link, timeout, stats.clone());
        let mut tasks = vec![
            tokio::spawn(sequencer::run(context, queue, closing_receiver)),
            tokio::spawn(lease::expire_forever(
                job.clone(),
                sequencer.clone(),
                granted,
            )),
            tokio::spawn(compact::delete_forever(job.clone(), hub.states(), done)),
            tokio::spawn(compact::compact_automatically(
                job.clone(),
                sequencer.clone(),
                hub.states(),
                options.auto_compaction,
            )),
            tokio::spawn(collector::collect_forever(job.clone())),
            tokio::spawn(observe::count_leaders(
                job.leadership.clone(),
                stats.clone(),
            )),
            tokio::spawn(census.clone().run()),
            tokio::spawn(allowance::follow_forever(job.clone(), allowances)),
        ];
        if let Some(follower) = &follower {
            tasks.push(tokio::spawn(follower.clone().run()));
            tasks.push(tokio::spawn(announcement.clone().renew_forever()));
            tasks.push(tokio::spawn(members::publish(
                job.store.clone(),
                options.name.clone(),
                options.advertised.client_urls.clone(),
            )));
            if let Some(peers) = options.peers.clone() {
                let id = identity.member_id;
                let connecting = forward::connect_forever(job.clone(), id, peers, links);
                tasks.push(tokio::spawn(connecting));
            }
        }
        let inner = Inner {
            announcement,
            leadership: job.leadership,
            store: job.store,
            layout: job.layout,
            quota: options.quota_bytes.map(Quota::new),
            allowance,
            rates: Rates::default(),
            name: name.to_owned(),
            tokens: Tokens::new(&options.auth.tokens),
            passwords: Passwords::new(options.auth.bcrypt_cost),
            options,
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            sequencer,
            hub,
            read_index: ReadIndex::new(feed.clone(), follower, stats.clone()),
            census,
            feed,
            stats,
            compacted,
            failed: failed_receiver,
            closing,
            tasks: parking_lot::Mutex::new(tasks),
        };
        let instance = Self {
            inner: Arc::new(inner),
            caller: Caller::Server,
        };
        if let Some(audit) = instance.inner.options.audit.clone() {
            let auditing = tokio::spawn(audit::audit_forever(instance.clone(), audit));
            instance.inner.tasks.lock().push(auditing);
        }
        Ok(instance)
    }

    /// The header for an answer that has none of its own, at the current revision.
    pub fn header(&self) -> ResponseHeader {
        self.header_at(self.state().revision)
    }

    fn header_at(&self, revision: i64) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.inner.cluster_id,
            member_id: self.inner.member_id,
            revision,
            raft_term: self.inner.leadership.borrow().term,
        }
    }

    /// Completes a header that holds the revision alone.
    fn complete(&self, header: &mut Option<ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |header| header.revision);
        *header = Some(self.header_at(revision));
    }

    /// Sees to it that this server knows what another has written for it.
    async fn catch_up(&self) -> Result<()> {
        let heard = self.inner.sequencer.heard();
        if heard.batch.sequence > self.inner.feed.state().batch.sequence {
            self.inner.read_index.newest().await?;
        }
        Ok(())
    }

    async fn view(&self, serializable: bool) -> Result<(View, State)> {
        let consistency = if serializable {
            self.catch_up().await?;
            Consistency::Serializable
        } else {
            Consistency::Linearizable
        };
        let view = self.inner.store.view(consistency).await?;
        let state = read::state(&view, &self.inner.layout).await?;
        Ok((view, state))
    }

    /// Serves one watch stream: many watchers, their events and progress in one order.
    ///
    /// With credentials, their owner is looked at for each watcher anew: a login may end before its
    /// streams. Without, it is the server itself that watches.
    pub fn watch(
        &self,
        credentials: Option<Credentials>,
        requests: impl Stream<Item = WatchRequest> + Send + 'static,
    ) -> impl Stream<Item = Result<WatchAnswer>> + Send + 'static {
        let inner = &self.inner;
        let context = WatchContext {
            hub: inner.hub.clone(),
            store: inner.store.clone(),
            layout: inner.layout.clone(),
            cluster_id: inner.cluster_id,
            member_id: inner.member_id,
            leadership: inner.leadership.clone(),
            stats: inner.stats.clone(),
            progress_interval: inner.options.watch_progress_interval,
            max_response_bytes: inner.options.max_request_bytes + GRPC_OVERHEAD_BYTES,
        };
        let instance = self.clone();
        let credentials = Arc::new(credentials);
        let requests = requests.then(move |request| {
            let (instance, credentials) = (instance.clone(), credentials.clone());
            async move {
                // A watcher from now on begins after all that its client was told of. Should the
                // store be out of reach, it begins a little earlier.
                if let Err(error) = instance.catch_up().await {
                    tracing::debug!(%error, "a watcher may be told of what its client knows");
                }
                let permitted = match credentials.as_ref() {
                    Some(credentials) => instance.may_watch(credentials, &request).await,
                    None => Ok(()),
                };
                (request, permitted)
            }
        });
        watch::serve(context, requests)
    }

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

    /// etcd's hash of the keyspace at a revision; 0 is the newest.
    pub async fn hash_kv(&self, request: HashKvRequest) -> Result<HashKvResponse> {
        self.check_admin().await?;
        let (view, state) = self.view(true).await?;
        let revision = match request.revision {
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
        let layout = &self.inner.layout;
        let hash = hash::history(&view, layout, revision, state.compacted, is_empty);
        Ok(HashKvResponse {
            header: Some(self.header_at(state.revision)),
            hash: hash.await?,
            compact_revision: state.compacted,
            hash_revision: revision,
        })
    }

    /// What this server says of its keyspace at a revision, 0 being the newest, to one that has all
    /// up to there.
    pub async fn tell(&self, revision: i64) -> Result<Told> {
        // What the other has seen committed is here after this.
        self.inner.store.view(Consistency::Linearizable).await?;
        let told = self.hash_kv(HashKvRequest { revision }).await?;
        Ok(Told {
            revision: told.hash_revision,
            compacted: told.compact_revision,
            hash: told.hash,
        })
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

    async fn raise(&self, alarm: AlarmType, member_id: u64) -> Result<()> {
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

    /// State for status and health.
    pub async fn status(&self) -> Result<InstanceStatus> {
        self.check_known().await?;
        let (view, state) = self.view(true).await?;
        let leadership = *self.inner.leadership.borrow();
        // The view may lag behind what this server has said already.
        let published = self.state();
        let batches = state.batch.sequence.max(published.batch.sequence);
        // A tenant is told of itself: the log, and most stores' sizes, are of all together.
        let is_tenant = self.inner.options.is_tenant;
        let log = self.inner.store.progress();
        let progress = log.filter(|_| !is_tenant).unwrap_or(Progress {
            committed: batches,
            applied: batches,
            is_learner: self.is_learner(),
            ..Progress::default()
        });
        let usage = match is_tenant {
            true => self.own_usage().await?,
            false => self.inner.store.usage(self.inner.layout.prefix()).await?,
        };
        let allowed = self.allowance().size_bytes;
        let quota_bytes = [allowed, self.inner.options.quota_bytes];
        Ok(InstanceStatus {
            header: self.header_at(state.revision),
            leadership,
            progress,
            usage,
            quota_bytes: quota_bytes.into_iter().flatten().min(),
            alarms: self.alarms(&view).await?,
            downgrade: self.downgrade_at(&view).await?,
        })
    }

    /// Its name in the store.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Where it is kept.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Tells this opening of this instance from all others.
    pub fn opening(&self) -> u128 {
        self.inner.announcement.record.token
    }

    /// Whether it is being closed, or was.
    pub fn is_closed(&self) -> bool {
        *self.inner.closing.borrow()
    }

    /// Whether it can serve no more: it is closed, or its store has failed, or it was deleted.
    pub fn is_over(&self) -> bool {
        self.is_closed() || self.inner.failed.borrow().is_some()
    }

    /// Who leads, now and as it changes.
    pub fn leadership(&self) -> state_watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Does what another server hands over, while this one leads.
    pub async fn take(&self, call: forward::Call) -> Handover {
        if !self.inner.leadership.borrow().leads() {
            return Handover::Refused;
        }
        self.inner.sequencer.take(call).await
    }

    /// Whether this server leads and `token` is that of its own record: what [`take`](Self::take)
    /// needs.
    pub fn admits(&self, token: u128) -> bool {
        token == self.inner.announcement.record.token && self.inner.leadership.borrow().leads()
    }

    /// A state that is durable, and as new as all that this server has said.
    pub fn state(&self) -> State {
        let (published, heard) = (self.inner.feed.state(), self.inner.sequencer.heard());
        if heard.batch.sequence > published.batch.sequence {
            heard
        } else {
            published
        }
    }

    /// The instance's id, the same for all servers of it.
    pub fn cluster_id(&self) -> u64 {
        self.inner.cluster_id
    }

    /// This server's id.
    pub fn member_id(&self) -> u64 {
        self.inner.member_id
    }

    /// Completes with the reason when the instance can serve no more (a failed disk).
    pub async fn failed(&self) -> Arc<str> {
        let mut failed = self.inner.failed.clone();
        loop {
            if let Some(reason) = failed.borrow_and_update().as_ref() {
                return reason.clone();
            }
            if failed.changed().await.is_err() {
                // The sequencer has ended in good order, so it will not fail any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until all keys are counted, in buckets of the right size.
    #[cfg(test)]
    pub async fn counted(&self) {
        self.inner.census.settled().await;
    }

    /// Ends background jobs; requests that wait are still done, if the store does them in a second. The store
    /// stays open.
    pub async fn close(&self) {
        self.inner.closing.send_replace(true);
        self.inner.hub.close();
        let mut tasks = std::mem::take(&mut *self.inner.tasks.lock()).into_iter();
        if let Some(mut sequencer) = tasks.next() {
            match tokio::time::timeout(LAST_BATCH_TIMEOUT, &mut sequencer).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the sequencer ended badly"),
                Err(_) => {
                    tracing::debug!("what becomes of the last batch is not waited for");
                    sequencer.abort();
                }
            }
        }
        for task in tasks {
            task.abort();
        }
        if let Err(error) = in_parting(self.inner.census.save()).await {
            tracing::debug!(%error, "the counts are left to be read anew");
        }
        let (job, feed) = (&self.inner.announcement.job, &self.inner.feed);
        if let Err(error) = in_parting(feed.size.save(job, &feed.state())).await {
            tracing::debug!(%error, "the size is left to be measured anew");
        }
        if self.inner.store.is_shared() {
            self.inner.announcement.withdraw().await;
        }
    }
}

fn mismatched<T>(response: &Response) -> Result<T> {
    tracing::error!(?response, "an answer to another request");
    Err(Error::Stopped)
}
