//! One keyspace: the calls the API makes.

mod access;
mod admission;
mod keys;
mod leases;
mod maintenance;
mod members;
mod observe;
mod options;

pub use maintenance::InstanceStatus;
pub use observe::Observation;
pub use options::{Advertised, Options};

use crate::error::{Error, Result};
use crate::mvcc::allowance::{self, Allowance};
use crate::mvcc::auth::{Caller, Credentials, Passwords, Tokens};
use crate::mvcc::cache::Cache;
use crate::mvcc::census::Census;
use crate::mvcc::compact;
use crate::mvcc::feed::Feed;
use crate::mvcc::follower::Follower;
use crate::mvcc::forward;
use crate::mvcc::hash::Remembered;
use crate::mvcc::job::{Job, in_parting};
use crate::mvcc::keyspace::{Layout, PeerRecord, State};
use crate::mvcc::peer::Announcement;
use crate::mvcc::queue::{self, Handle, Taken};
use crate::mvcc::quota::Quota;
use crate::mvcc::rate::Rates;
use crate::mvcc::read;
use crate::mvcc::read_index::ReadIndex;
use crate::mvcc::relay::Relay;
use crate::mvcc::request::Response;
use crate::mvcc::sequencer;
use crate::mvcc::size::Size;
use crate::mvcc::stats::Stats;
use crate::mvcc::watch::{self, Hub, WatchAnswer, WatchContext};
use crate::mvcc::{audit, clock, collector, identity, lease, writer};
use crate::pb::etcdserverpb::*;
use crate::store::{Consistency, Leadership, Store, View};
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{FutureExt, Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch as state_watch};
use tokio::task::JoinHandle;

/// What a watch response may hold above `--max-request-bytes` before it is fragmented.
const GRPC_OVERHEAD_BYTES: usize = 512 * 1024;

/// How long the end of an instance waits for batches that were begun: nobody who asked for them is there any
/// more, and a store without a quorum may need much longer to say that it does not know.
const LAST_BATCH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a server that opens an instance waits to hear who leads.
const ELECTION_GRACE: Duration = Duration::from_secs(2);

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
    relay: Relay,
    stats: Arc<Stats>,
    census: Arc<Census>,
    tokens: Tokens,
    passwords: Passwords,
    hashes: parking_lot::Mutex<Remembered>,
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
        let allowed = allowed.unwrap_or(options.allowance);
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
        let relay = Relay::new();
        let follower = || Arc::new(Follower::new(job.clone(), feed.clone(), relay.clone()));
        let follower = is_shared.then(follower);
        let census = Arc::new(Census::new(job.clone(), feed.clone(), follower.clone()));
        let context = sequencer::Context {
            job: job.clone(),
            feed: feed.clone(),
            follower: follower.clone(),
            relay: relay.clone(),
            link: link.clone(),
            stats: stats.clone(),
            granted: granted.clone(),
            failed,
        };
        let timeout = options.request_timeout;
        let (sequencer, queue) = queue::open(&job, feed.state(), link, timeout, stats.clone());
        let mut tasks = vec![
            tokio::spawn(sequencer::run(context, queue, closing_receiver)),
            tokio::spawn(lease::expire_forever(
                job.clone(),
                sequencer.clone(),
                granted,
            )),
            tokio::spawn(compact::delete_forever(
                job.clone(),
                hub.compactions(),
                done,
            )),
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
            tokio::spawn(allowance::follow_forever(
                job.clone(),
                options.allowance,
                allowances,
            )),
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
                let follower = follower.clone();
                let connecting = forward::connect_forever(job.clone(), id, peers, follower, links);
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
            relay,
            census,
            feed,
            stats,
            hashes: Default::default(),
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

    /// Sees to it that this server knows what another has written for it; the state that it then knows.
    async fn catch_up(&self) -> Result<State> {
        match self.known_state(true) {
            Some(state) => Ok(state),
            None => self.inner.read_index.newest().await,
        }
    }

    /// The state that a read must see, if this server knows that without asking. It is then what the feed
    /// tells, or older.
    fn known_state(&self, serializable: bool) -> Option<State> {
        let Inner {
            feed,
            sequencer,
            read_index,
            ..
        } = &*self.inner;
        match serializable {
            true => {
                let told = feed.state();
                (sequencer.heard(told) == told).then_some(told)
            }
            false => read_index.known(),
        }
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
        self.inner.read_index.told(&state).await;
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
    pub fn take(&self, call: forward::Call) -> Taken {
        if !self.inner.leadership.borrow().leads() {
            return Taken::Later(ready(None).boxed());
        }
        self.inner.sequencer.take(call)
    }

    /// The batches that this server commits from now on, for a server that reads the same store.
    /// `None` in a group: there each has a store of its own, which has the batch sooner or later.
    pub fn relayed(&self) -> Option<broadcast::Receiver<Bytes>> {
        let is_same = self.inner.store.member().is_none();
        is_same.then(|| self.inner.relay.listen())
    }

    /// Whether this server leads and `token` is that of its own record: what [`take`](Self::take)
    /// needs.
    pub fn admits(&self, token: u128) -> bool {
        token == self.inner.announcement.record.token && self.inner.leadership.borrow().leads()
    }

    /// A state that is durable, and as new as all that this server has said.
    pub fn state(&self) -> State {
        self.inner.sequencer.heard(self.inner.feed.state())
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
