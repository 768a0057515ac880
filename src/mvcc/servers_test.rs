//! Several servers on one store: each test opens the same instance several times, as servers of
//! different names do, and holds them to what one etcd promises.

use crate::error::Error;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{Due, Layout, LeaseRecord};
use crate::mvcc::{Instance, Options, clock, compact, writer};
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::request_op::Request;
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::*;
use crate::pb::mvccpb::event::EventType;
use crate::pb::mvccpb::{Event, KeyValue};
use crate::store::faulty::{Fault, Faulty, Rates, ZOMBIE_CALLS_MAX};
use crate::store::fdb::{Fdb, cluster::Cluster};
use crate::store::memory::Memory;
use crate::store::raft::tests::{CLUSTER, Trio, alone};
use crate::store::{Batch, BatchId, Consistency, Direction, Leadership, Op, PageLimit, Store};
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt};
use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const INSTANCE: &str = "test";
/// Longer than anything here takes that ends.
pub(super) const FOREVER: Duration = Duration::from_secs(60);

pub(super) const LEADS: Leadership = Leadership {
    is_leader: true,
    leader: None,
    term: 1,
    until: None,
};
pub(super) const FOLLOWS: Leadership = Leadership {
    is_leader: false,
    leader: None,
    term: 1,
    until: None,
};

/// One server: its own way to the store that all share.
pub(super) struct Server {
    pub(super) store: Faulty,
    pub(super) instance: Instance,
}

impl Server {
    pub(super) async fn open(memory: &Memory, name: &str, leadership: Leadership) -> Self {
        Self::open_on(Store::Memory(memory.clone()), name, Some(leadership)).await
    }

    /// On any store, which says who leads if the test does not.
    pub(super) async fn open_on(store: Store, name: &str, leadership: Option<Leadership>) -> Self {
        let options = Options {
            name: name.to_owned(),
            ..Options::default()
        };
        Self::open_with(store, leadership, options).await
    }

    pub(super) async fn open_with(
        store: Store,
        leadership: Option<Leadership>,
        options: Options,
    ) -> Self {
        let seed = options.name.bytes().map(u64::from).sum();
        let store = Faulty::new(store, seed, Rates::default());
        if let Some(leadership) = leadership {
            store.elect(leadership);
        }
        let opened = Instance::open(Store::Faulty(store.clone()), INSTANCE, options);
        let instance = opened.await.unwrap();
        // Its jobs have had their first look when this is over.
        sleep(Duration::from_millis(1)).await;
        Self { store, instance }
    }

    pub(super) async fn put(&self, key: &'static str, value: &str, lease: i64) -> PutResponse {
        let request = PutRequest {
            lease,
            ..put(key, value.to_owned().into())
        };
        self.instance.put(request).await.unwrap()
    }

    pub(super) async fn get(&self, key: &'static str) -> Result<Option<KeyValue>, Error> {
        let request = RangeRequest {
            key: key.into(),
            ..Default::default()
        };
        Ok(self.instance.range(request).await?.kvs.pop())
    }

    async fn delete(&self, key: &'static str) -> i64 {
        let request = DeleteRangeRequest {
            key: key.into(),
            ..Default::default()
        };
        self.instance.delete_range(request).await.unwrap().deleted
    }

    pub(super) async fn grant(&self, ttl: i64) -> i64 {
        let request = LeaseGrantRequest { ttl, id: 0 };
        self.instance.lease_grant(request).await.unwrap().id
    }

    pub(super) async fn keep_alive(&self, id: i64) -> i64 {
        let request = LeaseKeepAliveRequest { id };
        self.instance.lease_keep_alive(request).await.unwrap().ttl
    }

    async fn compact(&self, revision: i64) {
        let request = CompactionRequest {
            revision,
            physical: true,
        };
        self.instance.compact(request).await.unwrap();
    }

    async fn applied_index(&self) -> u64 {
        self.instance.status().await.unwrap().progress.applied
    }

    /// A watcher of everything from now on.
    pub(super) async fn watch(&self) -> Watch {
        self.watch_from(0).await
    }

    async fn watch_from(&self, start_revision: i64) -> Watch {
        let request = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
                key: Bytes::from_static(b"\0"),
                range_end: Bytes::from_static(b"\0"),
                prev_kv: true,
                start_revision,
                ..Default::default()
            })),
        };
        let requests = futures_util::stream::iter([request]).chain(futures_util::stream::pending());
        let responses = self.instance.watch(None, requests);
        let mut responses = responses
            .map(|answer| answer.map(WatchResponse::from))
            .boxed();
        assert!(responses.next().await.unwrap().unwrap().created);
        Watch { responses }
    }
}

pub(super) struct Watch {
    responses: Pin<Box<dyn Stream<Item = Result<WatchResponse, Error>> + Send>>,
}

impl Watch {
    /// The next events, up to that of a revision.
    pub(super) async fn until(&mut self, revision: i64) -> Vec<Event> {
        let mut events = Vec::<Event>::new();
        while events.last().is_none_or(|last| at(last) < revision) {
            let response = timeout(FOREVER, self.responses.next()).await.unwrap();
            events.extend(response.unwrap().unwrap().events);
        }
        events
    }

    /// What it is canceled with, before any further event.
    async fn compacted(&mut self) -> i64 {
        let response = timeout(FOREVER, self.responses.next()).await.unwrap();
        let response = response.unwrap().unwrap();
        assert!(response.canceled && response.events.is_empty());
        response.compact_revision
    }

    pub(super) async fn nothing_for(&mut self, time: Duration) {
        assert!(timeout(time, self.responses.next()).await.is_err());
    }
}

pub(super) fn at(event: &Event) -> i64 {
    event.kv.as_ref().unwrap().mod_revision
}

pub(super) fn put(key: &'static str, value: Bytes) -> PutRequest {
    PutRequest {
        key: key.into(),
        value,
        ..Default::default()
    }
}

/// Puts a key if it was last written at a revision; 0 is never.
fn put_if(key: &'static str, mod_revision: i64, value: Bytes) -> TxnRequest {
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.into(),
            target_union: Some(TargetUnion::ModRevision(mod_revision)),
            ..Default::default()
        }],
        success: vec![RequestOp {
            request: Some(Request::RequestPut(put(key, value))),
        }],
        failure: Vec::new(),
    }
}

pub(super) async fn layout(memory: &Memory) -> Layout {
    let store = Store::Memory(memory.clone());
    Layout::new(store.instance_prefix(INSTANCE).await.unwrap())
}

/// The keys of a subspace.
pub(super) async fn keys(memory: &Memory, subspace: u8) -> Vec<Bytes> {
    let (start, end) = layout(memory).await.subspace(subspace);
    let all = PageLimit {
        items: usize::MAX,
        bytes: usize::MAX,
    };
    let view = memory.view().unwrap();
    let page = view.scan(&start, &end, all, Direction::Forward).unwrap();
    page.items.into_iter().map(|(key, _)| key).collect()
}

/// The revisions of which something is left.
async fn history(memory: &Memory) -> Vec<i64> {
    let layout = layout(memory).await;
    let keys = keys(memory, b'h').await;
    let revision = |key| layout.history_revision(key).unwrap().main;
    keys.iter().map(revision).collect()
}

fn apply(memory: &Memory, ops: Vec<Op>) {
    let id = BatchId {
        writer: 0,
        sequence: 0,
    };
    let batch = Batch {
        id,
        guard: None,
        ops,
    };
    memory.apply(batch).unwrap();
}

/// Adds one to the number at a key, as a client does who knows that others do the same.
async fn increment(server: &Server, key: &'static str) {
    loop {
        // The store may be out of reach for a moment.
        let Ok(found) = server.get(key).await else {
            continue;
        };
        let (number, revision) = found.map_or((0, 0), |kv| (number(&kv), kv.mod_revision));
        let request = put_if(key, revision, (number + 1).to_string().into());
        if server.instance.txn(request).await.unwrap().succeeded {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn number(kv: &KeyValue) -> i64 {
    std::str::from_utf8(&kv.value).unwrap().parse().unwrap()
}

/// Counts to a number with all servers at once, on stores that fail. All increments are there in
/// the end, and a watcher of each server sees every one of them once.
pub(super) async fn count_together(servers: &[Server]) {
    const TASKS: usize = 3;
    const INCREMENTS: usize = 20;
    // Seldom enough that a page of history is read within a few attempts.
    let rates = Rates {
        unavailable: 0.002,
        ..Rates::ALL
    };
    let mut watches = Vec::new();
    for server in servers {
        watches.push(server.watch().await);
        server.store.set_rates(rates);
    }
    let total = (servers.len() * TASKS * INCREMENTS) as i64;
    let newest = 1 + total;
    let work = servers.iter().flat_map(|server| {
        (0..TASKS).map(move |_| async move {
            for _ in 0..INCREMENTS {
                increment(server, "n").await;
            }
        })
    });
    let watching = join_all(watches.iter_mut().map(|watch| watch.until(newest)));
    let (_, seen) = tokio::join!(join_all(work), watching);
    for server in servers {
        server.store.set_rates(Rates::default());
        let found = server.get("n").await.unwrap().unwrap();
        assert_eq!((number(&found), found.mod_revision), (total, newest));
    }
    for events in seen {
        let revisions: Vec<_> = events.iter().map(at).collect();
        assert_eq!(revisions, (2..=newest).collect::<Vec<_>>());
        for (event, before) in events.iter().zip(0..) {
            let prev = event.prev_kv.as_ref().map_or(0, number);
            let kv = event.kv.as_ref().unwrap();
            assert_eq!((prev, number(kv)), (before, before + 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_count_together() {
    let memory = Memory::shared();
    let mut servers = Vec::new();
    for name in ["a", "b", "c"] {
        servers.push(Server::open(&memory, name, LEADS).await);
    }
    count_together(&servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_foundationdb_are_one_etcd() {
    let Some(cluster) = Cluster::get("fdb servers") else {
        return;
    };
    let mut servers = Vec::new();
    for name in ["a", "b", "c"] {
        let store = Store::Fdb(Fdb::of(cluster).await);
        servers.push(Server::open_on(store, name, None).await);
    }
    are_one_etcd(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_group_are_one_etcd() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let mut servers = Vec::new();
    for (id, name) in (1..).zip(["a", "b", "c"]) {
        servers.push(Server::open_on(Store::Raft(trio.get(id)), name, None).await);
    }
    for (id, server) in (1..).zip(&servers) {
        let header = server.instance.header();
        assert_eq!((header.cluster_id, header.member_id), (CLUSTER, id));
        let (leader, _) = trio.leader().await;
        let mut told = server.instance.leadership();
        let known = told.wait_for(|told| told.leader == Some(leader));
        timeout(FOREVER, known).await.unwrap().unwrap();
    }
    are_one_etcd(servers).await;
}

/// A server that takes itself to be alone, and is not, learns of it by what it cannot write.
#[tokio::test]
async fn who_is_not_alone_finds_out() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::Raft(alone(root.path()));
    let mut servers = Vec::new();
    for name in ["a", "b"] {
        let options = Options {
            name: name.to_owned(),
            ..Options::default()
        };
        let opened = Instance::open(store.clone(), INSTANCE, options);
        servers.push(opened.await.unwrap());
    }
    for revision in 2..8 {
        let server = &servers[revision as usize % 2];
        let written = timeout(FOREVER, server.put(put("n", "v".into())));
        let header = written.await.unwrap().unwrap().header.unwrap();
        assert_eq!(header.revision, revision);
    }
}

/// Members leave, in good order and without a word, and come back: nothing is lost, and a watcher
/// of whoever comes back sees all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_group_come_and_go() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let open = async |id: u64| {
        let name = id.to_string();
        Server::open_on(Store::Raft(trio.get(id)), &name, None).await
    };
    let mut servers = HashMap::new();
    for id in 1..=3 {
        servers.insert(id, open(id).await);
    }
    let mut newest = 1;
    for round in 0..4 {
        let (leader, _) = trio.leader().await;
        let gone = if round % 2 == 0 {
            leader
        } else {
            leader % 3 + 1
        };
        let server = servers.remove(&gone).unwrap();
        if round < 2 {
            server.instance.close().await;
        }
        trio.stop(gone).await;
        trio.leader().await;
        for server in servers.values() {
            for _ in 0..5 {
                increment(server, "n").await;
                newest += 1;
            }
        }
        trio.open(gone);
        let server = open(gone).await;
        increment(&server, "n").await;
        newest += 1;
        let events = server.watch_from(2).await.until(newest).await;
        let revisions: Vec<_> = events.iter().map(at).collect();
        assert_eq!(revisions, (2..=newest).collect::<Vec<_>>());
        servers.insert(gone, server);
    }
}

/// Without a quorum nothing can be written any more, so an end waits for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_quorum_ends_in_time() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (leader, raft) = trio.leader().await;
    let server = Server::open_on(Store::Raft(raft.clone()), "a", None).await;
    server.put("k", "v", 0).await;
    for other in (1..=3).filter(|other| *other != leader) {
        trio.stop(other).await;
    }
    let lost = timeout(FOREVER, server.instance.put(put("k", Bytes::new()))).await;
    assert!(lost.unwrap().is_err());
    let end = async {
        server.instance.close().await;
        raft.close().await.unwrap();
    };
    timeout(Duration::from_secs(15), end).await.unwrap();
}

/// Servers that have their own elections and notices, and take their own time.
async fn are_one_etcd(servers: Vec<Server>) {
    count_together(&servers).await;
    for server in &servers {
        let revision = server.put("k", "v", 0).await.header.unwrap().revision;
        timeout(FOREVER, server.compact(revision)).await.unwrap();
    }
    // A watcher begins at what its server knows, and of what the others have compacted it is told
    // no more.
    servers[0].get("k").await.unwrap();
    let mut watch = servers[0].watch().await;
    let mut newest = 0;
    for server in &servers {
        let id = server.grant(2).await;
        newest = server.put("k", "v", id).await.header.unwrap().revision;
        assert_eq!(watch.until(newest).await.len(), 1);
        let ended = watch.until(newest + 1).await;
        assert_eq!(ended[0].r#type, EventType::Delete as i32);
        newest += 1;
    }
    watch.nothing_for(Duration::from_secs(1)).await;
    for server in &servers {
        assert_eq!(
            server.instance.status().await.unwrap().header.revision,
            newest
        );
        server.instance.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn servers_have_ids_of_their_own_and_the_cluster_one() {
    let memory = Memory::shared();
    let (a, b) = (
        Server::open(&memory, "a", LEADS).await,
        Server::open(&memory, "b", FOLLOWS).await,
    );
    let (of_a, of_b) = (a.instance.header(), b.instance.header());
    assert_eq!(of_a.cluster_id, of_b.cluster_id);
    assert_ne!(of_a.member_id, of_b.member_id);
    a.instance.close().await;
    let a = Server::open(&memory, "a", LEADS).await;
    assert_eq!(a.instance.header().member_id, of_a.member_id);
    let nameless = Options {
        name: String::new(),
        ..Options::default()
    };
    let refused = Instance::open(Store::Memory(memory), INSTANCE, nameless).await;
    assert!(matches!(refused.err(), Some(Error::Store(_))));
}

#[tokio::test(start_paused = true)]
async fn the_applied_index_rises_over_servers_and_restarts() {
    let memory = Memory::shared();
    let mut last = 0;
    for name in ["a", "a", "b", "a"] {
        let server = Server::open(&memory, name, LEADS).await;
        assert_eq!(server.applied_index().await, last);
        for _ in 0..3 {
            server.put("k", "v", 0).await;
            let index = server.applied_index().await;
            assert!(index > last);
            last = index;
        }
        server.instance.close().await;
        // Those who went in good order leave nothing behind.
        assert_eq!(keys(&memory, b'w').await, Vec::<Bytes>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_another_server_expires_once() {
    for leaderships in [[FOLLOWS, LEADS], [LEADS, LEADS], [LEADS, FOLLOWS]] {
        let memory = Memory::shared();
        let a = Server::open(&memory, "a", leaderships[0]).await;
        let b = Server::open(&memory, "b", leaderships[1]).await;
        let begin = Instant::now();
        let id = a.grant(2).await;
        let mut watch = b.watch().await;
        let revision = a.put("k", "v", id).await.header.unwrap().revision;
        let events = watch.until(revision + 1).await;
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].r#type, EventType::Delete as i32);
        assert!((2000..2600).contains(&begin.elapsed().as_millis()));
        assert_eq!(a.get("k").await.unwrap(), None);
        for subspace in [b'd', b'l', b'a'] {
            assert_eq!(keys(&memory, subspace).await, Vec::<Bytes>::new());
        }
        sleep(Duration::from_secs(1)).await;
        let index = a.applied_index().await;
        watch.nothing_for(Duration::from_secs(60)).await;
        assert_eq!(a.applied_index().await, index);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_kept_alive_on_any_server_lives_on() {
    let memory = Memory::shared();
    let a = Server::open(&memory, "a", FOLLOWS).await;
    let b = Server::open(&memory, "b", LEADS).await;
    let id = a.grant(2).await;
    let granted = keys(&memory, b'd').await;
    sleep(Duration::from_millis(1900)).await;
    assert_eq!(b.keep_alive(id).await, 2);
    // Only the time it is due moves it.
    assert_eq!(keys(&memory, b'd').await, granted);
    sleep(Duration::from_millis(700)).await;
    let moved = keys(&memory, b'd').await;
    assert!(moved > granted);
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(a.keep_alive(id).await, 2);
    sleep(Duration::from_millis(2600)).await;
    assert_eq!(b.keep_alive(id).await, 0);
    // One that is ended by its owner takes its entry along, wherever that stands.
    let id = a.grant(2).await;
    sleep(Duration::from_millis(1000)).await;
    b.keep_alive(id).await;
    sleep(Duration::from_millis(1600)).await;
    let request = LeaseRevokeRequest { id };
    a.instance.lease_revoke(request).await.unwrap();
    assert_eq!(keys(&memory, b'd').await, Vec::<Bytes>::new());
}

#[tokio::test(start_paused = true)]
async fn a_lease_granted_by_a_clock_that_is_ahead_ends_by_the_clock_that_kept_it_alive() {
    let memory = Memory::shared();
    let server = Server::open(&memory, "a", LEADS).await;
    let layout = layout(&memory).await;
    let due_ms = clock::now_ms() + 100_000;
    let record = LeaseRecord {
        ttl_seconds: 2,
        deadline_ms: due_ms,
        due_ms,
    };
    let due = Due { due_ms, lease: 7 };
    let ops = vec![
        Op::Set(layout.lease(7), record.encode()),
        Op::Set(layout.due(due), Bytes::new()),
    ];
    apply(&memory, ops);
    assert_eq!(server.keep_alive(7).await, 2);
    sleep(Duration::from_millis(2600)).await;
    for subspace in [b'd', b'l'] {
        assert_eq!(keys(&memory, subspace).await, Vec::<Bytes>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_physical_compaction_ends_on_every_server() {
    for leaderships in [[LEADS, FOLLOWS], [FOLLOWS, LEADS], [LEADS, LEADS]] {
        let memory = Memory::shared();
        let servers = [
            Server::open(&memory, "a", leaderships[0]).await,
            Server::open(&memory, "b", leaderships[1]).await,
        ];
        // Several pages of it.
        for number in 0..2500 {
            servers[number % 2].put("k", "v", 0).await;
        }
        for (server, revision) in servers.iter().zip([2000, 2501]) {
            timeout(FOREVER, server.compact(revision)).await.unwrap();
            let left = (revision..=2501).collect::<Vec<_>>();
            assert_eq!(history(&memory).await, left);
        }
    }
}

/// Watchers that have everything are told of what a compaction takes, as by etcd, also where the
/// store cannot be read for a while; for longer they are ended.
#[tokio::test(start_paused = true)]
async fn a_compaction_ends_no_watcher_of_a_server_that_lags_a_little() {
    let memory = Memory::shared();
    let leader = Server::open(&memory, "a", LEADS).await;
    let lagging = Server::open(&memory, "b", FOLLOWS).await;
    let mut watch = lagging.watch().await;
    let out_of_reach = Rates {
        unavailable: 1.0,
        ..Rates::default()
    };
    let little = compact::DELETION_DELAY / 2;
    for (lag, is_told) in [(little, true), (2 * compact::DELETION_DELAY, false)] {
        lagging.store.set_rates(out_of_reach);
        leader.put("k", "1", 0).await;
        leader.delete("k").await;
        let newest = leader.put("k", "2", 0).await.header.unwrap().revision;
        let request = CompactionRequest {
            revision: newest,
            physical: false,
        };
        leader.instance.compact(request).await.unwrap();
        sleep(lag).await;
        lagging.store.set_rates(Rates::default());
        match is_told {
            true => {
                let told = watch.until(newest).await;
                assert_eq!(
                    told.iter().map(at).collect::<Vec<_>>(),
                    [newest - 2, newest - 1, newest]
                );
            }
            false => assert_eq!(watch.compacted().await, newest),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_former_leader_writes_late_does_not_turn_a_compaction_back() {
    let memory = Memory::shared();
    let server = Server::open(&memory, "a", FOLLOWS).await;
    for _ in 0..2500 {
        server.put("k", "v", 0).await;
    }
    let compaction = server.compact(2501);
    tokio::pin!(compaction);
    assert!(timeout(FOREVER, &mut compaction).await.is_err());
    // The first page of the former leader, on its way for longer than all that follows takes.
    let layout = layout(&memory).await;
    let late = Faulty::new(Store::Memory(memory.clone()), 0, Rates::default());
    late.script([Some(Fault::Zombie)]);
    let former = Job {
        leadership: tokio::sync::watch::channel(LEADS).1,
        store: Store::Faulty(late),
        layout: layout.clone(),
        writer: 0,
    };
    assert_eq!(compact::delete_page(&former, 2501).await.unwrap(), -1);
    server.store.elect(LEADS);
    timeout(FOREVER, &mut compaction).await.unwrap();
    for _ in 0..ZOMBIE_CALLS_MAX {
        let view = former.store.view(Consistency::Linearizable).await.unwrap();
        assert_eq!(compact::complete(&view, &layout).await.unwrap(), 2501);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_leadership_has_run_out_does_nothing_for_the_others() {
    let memory = Memory::shared();
    let frozen = Leadership {
        until: Some(std::time::Instant::now()),
        ..LEADS
    };
    let a = Server::open(&memory, "a", frozen).await;
    let b = Server::open(&memory, "b", FOLLOWS).await;
    let id = b.grant(2).await;
    b.put("k", "v", id).await;
    b.put("k", "w", id).await;
    let compaction = b.compact(3);
    tokio::pin!(compaction);
    let early = timeout(FOREVER, &mut compaction).await;
    assert!(early.is_err());
    assert_eq!(history(&memory).await, [2, 3]);
    assert!(b.get("k").await.unwrap().is_some());

    a.store.elect(LEADS);
    timeout(FOREVER, &mut compaction).await.unwrap();
    sleep(Duration::from_millis(10)).await;
    assert!(b.get("k").await.unwrap().is_none());
    // The compaction has taken one, the end of the lease has added one.
    assert_eq!(history(&memory).await, [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_leadership_that_ran_out_and_was_renewed_in_silence_is_noticed() {
    let memory = Memory::shared();
    let frozen = Leadership {
        until: Some(std::time::Instant::now()),
        ..LEADS
    };
    let (elections, leadership) = tokio::sync::watch::channel(frozen);
    let mut job = Job {
        leadership,
        store: Store::Memory(memory.clone()),
        layout: layout(&memory).await,
        writer: 0,
    };
    let waiting = job.wait_to_lead();
    tokio::pin!(waiting);
    assert!(timeout(FOREVER, &mut waiting).await.is_err());
    elections.send_if_modified(|leadership| {
        *leadership = LEADS;
        false
    });
    assert!(timeout(FOREVER, &mut waiting).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_view_that_lags_answers_nothing() {
    let memory = Memory::shared();
    let server = Server::open(&memory, "a", LEADS).await;
    // The first serializable view is the only one from here on.
    let stale = Rates {
        stale: 1.0,
        ..Rates::default()
    };
    server.store.set_rates(stale);
    server.put("k", "v", 0).await;
    let id = server.grant(100).await;
    assert_eq!(server.keep_alive(id).await, 100);
    let lost = server.instance.txn(put_if("k", 0, Bytes::new())).await;
    assert!(!lost.unwrap().succeeded);
    let won = server.instance.txn(put_if("k", 2, Bytes::new())).await;
    assert!(won.unwrap().succeeded);
    assert_eq!(server.delete("k").await, 1);
    assert_eq!(server.delete("k").await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_known_any_more_is_not_guessed() {
    for (fault, version) in [(Fault::UnknownApplied, 1), (Fault::UnknownLost, 0)] {
        let memory = Memory::shared();
        let server = Server::open(&memory, "a", FOLLOWS).await;
        let layout = layout(&memory).await;
        server.store.script([Some(fault)]);
        let forget = async {
            // Time passes when all others wait: the sequencer before it looks what has become
            // of its batch.
            sleep(Duration::from_millis(1)).await;
            let (start, end) = layout.subspace(b'w');
            apply(&memory, vec![Op::ClearRange(start, end)]);
        };
        let outcome = server.instance.put(put("k", Bytes::new()));
        let (outcome, ()) = tokio::join!(outcome, forget);
        assert_eq!(outcome.err(), Some(Error::Timeout));
        let found = server.get("k").await.unwrap();
        assert_eq!(found.map_or(0, |kv| kv.version), version);
        // The next write is as any other.
        server.put("k", "w", 0).await;
        let found = server.get("k").await.unwrap().unwrap();
        assert_eq!(found.version, version + 1);
    }
}

/// A large batch takes long to evaluate, and a neighbour with small ones is always first.
#[tokio::test(start_paused = true)]
async fn a_large_batch_gets_its_turn_beside_a_busy_neighbour() {
    let server = Server::open(&Memory::shared(), "a", FOLLOWS).await;
    server.store.hurry(20);
    let put = |number: usize| {
        server.instance.put(PutRequest {
            key: format!("k/{number}").into(),
            ..PutRequest::default()
        })
    };
    for outcome in join_all((0..500).map(put)).await {
        outcome.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_writers_that_never_came_back_are_collected() {
    let memory = Memory::shared();
    let layout = layout(&memory).await;
    let store = Store::Memory(memory.clone());
    let now_ms = clock::now_ms();
    let day_ms = 24 * 3_600_000;
    let own = writer::register(&store, &layout, now_ms).await.unwrap();
    let old = writer::register(&store, &layout, now_ms).await.unwrap();
    let fresh = writer::register(&store, &layout, now_ms + 1).await.unwrap();
    let mut job = Job {
        leadership: tokio::sync::watch::channel(FOLLOWS).1,
        store: store.clone(),
        layout: layout.clone(),
        writer: own,
    };
    let later = now_ms + day_ms;
    assert_eq!(writer::collect_stale(&job, later).await.unwrap(), 0);
    job.leadership = tokio::sync::watch::channel(LEADS).1;
    assert_eq!(writer::collect_stale(&job, later).await.unwrap(), 1);
    let view = store.view(Consistency::Linearizable).await.unwrap();
    for (writer, left) in [(own, true), (old, false), (fresh, true)] {
        let last = writer::last_sequence(&view, &layout, writer).await;
        assert_eq!(last.unwrap().is_some(), left);
    }
}
