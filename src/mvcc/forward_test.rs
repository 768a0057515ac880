//! Several servers on one store that hand their writes to the one that leads.

use super::servers_test::{FOLLOWS, FOREVER, LEADS, Server, at, layout, put};
use crate::error::Error;
use crate::mvcc::forward::{Call, Handover, Link, Peers};
use crate::mvcc::keyspace::PeerRecord;
use crate::mvcc::queue::Taken;
use crate::mvcc::{Advertised, Follower, Instance, Options, clock, peer};
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::*;
use crate::store::faulty::Rates;
use crate::store::memory::Memory;
use crate::store::{Consistency, Leadership, Store};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use rand::RngExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// What becomes of requests on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Requests are lost.
    LosesRequests,
    /// What is done is not told.
    LosesAnswers,
    /// One of the two, or neither.
    LosesSome,
    /// Nobody can be reached.
    Cut,
}

/// Servers that reach each other without a network: by their names, which are their URLs.
#[derive(Clone)]
struct Wire(Arc<Shared>);

struct Shared {
    servers: Mutex<HashMap<String, Instance>>,
    way: Mutex<Way>,
    /// Requests handed over.
    calls: AtomicUsize,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

struct WireLink {
    wire: Wire,
    to: Instance,
    closed: watch::Sender<bool>,
}

impl Wire {
    fn new() -> Self {
        Self(Arc::new(Shared {
            servers: Mutex::default(),
            way: Mutex::new(Way::Open),
            calls: AtomicUsize::new(0),
        }))
    }

    fn set(&self, way: Way) {
        *self.0.way.lock() = way;
    }

    fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    async fn open(&self, memory: &Memory, name: &str) -> Server {
        let options = Options {
            name: name.to_owned(),
            advertised: Advertised {
                client_urls: vec![name.to_owned()],
                peer_urls: Vec::new(),
            },
            peers: Some(Arc::new(self.clone())),
            ..Options::default()
        };
        let store = Store::Memory(memory.clone());
        let server = Server::open_with(store, Some(FOLLOWS), options).await;
        let mut servers = self.0.servers.lock();
        servers.insert(name.to_owned(), server.instance.clone());
        server
    }
}

impl Peers for Wire {
    fn connect(
        &self,
        peer: PeerRecord,
        follower: Arc<Follower>,
    ) -> BoxFuture<'_, Result<Arc<dyn Link>, String>> {
        async move {
            let to = self.0.servers.lock().get(&peer.client_urls[0]).cloned();
            let to = to.filter(|to| to.admits(peer.token) && *self.0.way.lock() != Way::Cut);
            let to = to.ok_or("nobody is there")?;
            let wire = self.clone();
            let mut relayed = to.relayed().unwrap();
            tokio::spawn(async move {
                while let Ok(batch) = relayed.recv().await {
                    if *wire.0.way.lock() == Way::Open {
                        follower.hear(batch);
                    }
                }
            });
            let link = WireLink {
                wire: self.clone(),
                to,
                closed: watch::Sender::new(false),
            };
            Ok(Arc::new(link) as Arc<dyn Link>)
        }
        .boxed()
    }
}

impl Link for WireLink {
    fn call(&self, call: Call) -> BoxFuture<'_, Handover> {
        async move {
            self.wire.0.calls.fetch_add(1, Ordering::Relaxed);
            let mut way = *self.wire.0.way.lock();
            if way == Way::LosesSome {
                way = match rand::rng().random_range(0..20) {
                    0 => Way::LosesRequests,
                    1 => Way::LosesAnswers,
                    _ => Way::Open,
                };
            }
            if matches!(way, Way::LosesRequests | Way::Cut) {
                return Handover::Lost;
            }
            let outcome = match self.to.take(call) {
                Taken::Queued(queued) => queued.await,
                Taken::Later(later) => later.await,
            };
            match (way, outcome) {
                (_, None) => {
                    self.closed.send_replace(true);
                    Handover::Refused
                }
                (Way::LosesAnswers, _) => Handover::Lost,
                (_, Some(answer)) => Handover::Answered(answer, self.to.state()),
            }
        }
        .boxed()
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        let mut closed = self.closed.subscribe();
        async move {
            closed.wait_for(|closed| *closed).await.ok();
        }
        .boxed()
    }
}

/// Makes one of `servers` the leader, in a new term; the others hear of it.
async fn elect(servers: &[&Server], leader: usize, term: u64) {
    let id = servers[leader].instance.member_id();
    for (number, server) in servers.iter().enumerate() {
        server.store.elect(Leadership {
            is_leader: number == leader,
            leader: Some(id),
            term,
            until: None,
        });
    }
    // They have connected when this is over.
    sleep(Duration::from_millis(1)).await;
}

/// A leader and a server that cannot commit anything by itself.
async fn pair(memory: &Memory) -> (Wire, Server, Server) {
    let wire = Wire::new();
    let leader = wire.open(memory, "leader").await;
    let other = wire.open(memory, "other").await;
    elect(&[&leader, &other], 0, 2).await;
    other.store.set_rates(Rates {
        conflict: 1.0,
        ..Rates::default()
    });
    (wire, leader, other)
}

fn revision(header: &Option<ResponseHeader>) -> i64 {
    header.as_ref().unwrap().revision
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_write_is_done_by_the_server_that_leads() {
    let memory = Memory::shared();
    let (wire, leader, other) = pair(&memory).await;
    let writes = (0..100).map(|_| other.put("k", "v", 0));
    let mut revisions = Vec::new();
    for answer in join_all(writes).await {
        let header = answer.header.unwrap();
        assert_eq!(header.member_id, other.instance.member_id());
        revisions.push(header.revision);
    }
    revisions.sort_unstable();
    assert_eq!(revisions, Vec::from_iter(2..102));

    let id = other.grant(100).await;
    assert_eq!(other.keep_alive(id).await, 100);
    assert_eq!(leader.keep_alive(id).await, 100);
    other.put("leased", "v", id).await;
    let revoke = LeaseRevokeRequest { id };
    let revoked = other.instance.lease_revoke(revoke).await.unwrap();
    assert_eq!(revision(&revoked.header), 103);
    let delete = DeleteRangeRequest {
        key: "k".into(),
        prev_kv: true,
        ..Default::default()
    };
    let deleted = other.instance.delete_range(delete).await.unwrap();
    assert_eq!(deleted.prev_kvs[0].version, 100);
    let txn = TxnRequest {
        success: vec![RequestOp {
            request: Some(request_op::Request::RequestPut(put("k", "w".into()))),
        }],
        ..Default::default()
    };
    let done = other.instance.txn(txn).await.unwrap();
    assert_eq!((done.succeeded, revision(&done.header)), (true, 105));
    let alarm = AlarmRequest {
        action: AlarmAction::Activate.into(),
        member_id: 7,
        alarm: AlarmType::Nospace.into(),
    };
    assert_eq!(other.instance.alarm(alarm).await.unwrap().alarms.len(), 1);
    let refused = other.instance.put(put("k", "v".into())).await;
    assert_eq!(refused.err(), Some(Error::NoSpace));
    let compact = CompactionRequest {
        revision: 105,
        physical: true,
    };
    let compaction = other.instance.compact(compact);
    timeout(FOREVER, compaction).await.unwrap().unwrap();
    let again = other.instance.compact(compact).await;
    assert_eq!(again.err(), Some(Error::Compacted));
    assert_eq!(wire.calls(), 110);
}

#[tokio::test(start_paused = true)]
async fn what_a_client_was_told_it_sees_on_the_same_server() {
    let memory = Memory::shared();
    let (_wire, _leader, other) = pair(&memory).await;
    for number in 0..100 {
        let told = revision(&other.put("k", &number.to_string(), 0).await.header);
        let get = RangeRequest {
            key: "k".into(),
            serializable: true,
            ..Default::default()
        };
        match number % 4 {
            0 => {
                let found = other.instance.range(get).await.unwrap();
                assert_eq!(revision(&found.header), told);
                assert_eq!(found.kvs[0].mod_revision, told);
            }
            1 => {
                let txn = TxnRequest {
                    success: vec![RequestOp {
                        request: Some(request_op::Request::RequestRange(get)),
                    }],
                    ..Default::default()
                };
                let found = other.instance.txn(txn).await.unwrap();
                assert_eq!(revision(&found.header), told);
            }
            2 => {
                assert_eq!(other.instance.header().revision, told);
                let lease = LeaseGrantRequest { ttl: 100, id: 0 };
                let granted = other.instance.lease_grant(lease).await.unwrap();
                assert_eq!(revision(&granted.header), told);
            }
            _ => {
                // It begins after what its client knows.
                let mut watch = other.watch().await;
                watch.nothing_for(Duration::from_secs(1)).await;
                let next = revision(&other.put("k", "next", 0).await.header);
                let events = watch.until(next).await;
                assert_eq!(events.iter().map(at).collect::<Vec<_>>(), [next]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_not_done_again() {
    for (way, version) in [(Way::LosesAnswers, 1), (Way::LosesRequests, 0)] {
        let memory = Memory::shared();
        let (wire, leader, other) = pair(&memory).await;
        let id = other.grant(100).await;
        other.store.set_rates(Rates::default());
        wire.set(way);
        let lost = other.instance.put(put("k", "v".into())).await;
        assert_eq!(lost.err(), Some(Error::LeaderLost));
        let found = leader.get("k").await.unwrap();
        assert_eq!(found.map_or(0, |kv| kv.version), version);
        // What may be done twice is.
        assert_eq!(other.keep_alive(id).await, 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_unwilling_or_out_of_reach_stops_nobody() {
    let memory = Memory::shared();
    let (wire, leader, other) = pair(&memory).await;
    other.store.set_rates(Rates::default());
    other.put("k", "v", 0).await;
    assert_eq!(wire.calls(), 1);
    // Frozen and thawed, before anybody else has noticed.
    leader.store.elect(Leadership {
        until: Some(std::time::Instant::now()),
        ..LEADS
    });
    for _ in 0..10 {
        other.put("k", "v", 0).await;
    }
    // It has refused one; it is not asked again at once.
    assert_eq!(wire.calls(), 2);
    leader.store.elect(LEADS);
    sleep(Duration::from_secs(1)).await;
    other.put("k", "v", 0).await;
    assert_eq!(wire.calls(), 3);

    // Gone without a word: nobody answers under the name any more.
    wire.set(Way::Cut);
    elect(&[&leader, &other], 0, 3).await;
    other.put("k", "v", 0).await;
    assert_eq!(wire.calls(), 3);

    // No leader at all.
    wire.set(Way::Open);
    other.store.elect(FOLLOWS);
    sleep(Duration::from_secs(1)).await;
    other.put("k", "v", 0).await;
    assert_eq!(wire.calls(), 3);
    assert_eq!(other.get("k").await.unwrap().unwrap().version, 14);
}

#[tokio::test(start_paused = true)]
async fn what_lost_to_others_goes_to_a_leader_that_is_found_later() {
    let memory = Memory::shared();
    let (wire, leader, other) = pair(&memory).await;
    wire.set(Way::Cut);
    elect(&[&leader, &other], 0, 3).await;
    let puts = join_all((0..10).map(|_| other.put("k", "v", 0)));
    tokio::pin!(puts);
    // It is beaten all the time.
    let early = timeout(Duration::from_millis(500), &mut puts).await;
    assert!(early.is_err());
    wire.set(Way::Open);
    timeout(FOREVER, puts).await.unwrap();
    assert_eq!(wire.calls(), 10);
    assert_eq!(leader.get("k").await.unwrap().unwrap().version, 10);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_opening_of_the_leader_is_not_taken_for_it() {
    let memory = Memory::shared();
    let (wire, leader, other) = pair(&memory).await;
    other.store.set_rates(Rates::default());
    let layout = layout(&memory).await;
    let find = || async {
        let store = Store::Memory(memory.clone());
        let view = store.view(Consistency::Linearizable).await.unwrap();
        let id = leader.instance.member_id();
        peer::find(&view, &layout, id).await.unwrap()
    };
    let old = find().await.unwrap();
    assert!(leader.instance.admits(old.token));
    assert!(!other.instance.admits(old.token));
    let again = wire.open(&memory, "leader").await;
    let new = find().await.unwrap();
    assert_ne!(new.token, old.token);
    elect(&[&again, &other], 0, 3).await;
    assert!(!again.instance.admits(old.token));
    assert!(again.instance.admits(new.token));
    // The end of the earlier one leaves the record of the later one alone.
    leader.instance.close().await;
    assert!(find().await.is_some());
    again.instance.close().await;
    assert!(find().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_member_list_shows_all_servers_but_those_long_gone() {
    let memory = Memory::shared();
    let (_wire, leader, other) = pair(&memory).await;
    let named = |members: Vec<Member>| {
        assert!(members.is_sorted_by_key(|member| member.id));
        let mut names = Vec::new();
        for member in members {
            assert_eq!(member.client_ur_ls, [member.name.as_str()]);
            names.push(member.name);
        }
        names.sort();
        names
    };
    for server in [&leader, &other] {
        let members = server.instance.members(true).await.unwrap();
        assert_eq!(named(members), ["leader", "other"]);
    }
    let hour_ms = 3_600_000;
    let job = crate::mvcc::job::Job {
        leadership: watch::channel(LEADS).1,
        store: Store::Memory(memory.clone()),
        layout: layout(&memory).await,
        writer: 0,
    };
    let now_ms = clock::now_ms();
    let collect = |now_ms| peer::collect_stale(&job, now_ms);
    assert_eq!(collect(now_ms + hour_ms - 60_000).await.unwrap(), 0);
    assert_eq!(collect(now_ms + hour_ms + 60_000).await.unwrap(), 2);
    // A server is never missing in what it says itself, and comes back to the others.
    let members = other.instance.members(true).await.unwrap();
    assert_eq!(named(members), ["other"]);
    sleep(Duration::from_secs(301)).await;
    let members = other.instance.members(true).await.unwrap();
    assert_eq!(named(members), ["leader", "other"]);
    leader.instance.close().await;
    let members = other.instance.members(true).await.unwrap();
    assert_eq!(named(members), ["other"]);
}

/// Leaders come and go, requests and answers are lost, stores fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_while_leaders_change() {
    const TASKS: usize = 4;
    const TERMS: u64 = 40;
    let memory = Memory::shared();
    let wire = Wire::new();
    let mut servers = Vec::new();
    for name in ["a", "b", "c"] {
        servers.push(wire.open(&memory, name).await);
    }
    let mut watches = Vec::new();
    for server in &servers {
        watches.push(server.watch().await);
        server.store.set_rates(Rates {
            unavailable: 0.002,
            ..Rates::ALL
        });
    }
    wire.set(Way::LosesSome);
    let ended = AtomicBool::new(false);
    let work = servers.iter().enumerate().flat_map(|(number, server)| {
        let ended = &ended;
        (0..TASKS).map(move |task| async move {
            let mut written = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let key = format!("{number}/{task}/{}", written.len());
                let request = PutRequest {
                    key: key.clone().into(),
                    value: key.clone().into(),
                    ..Default::default()
                };
                let outcome = match server.instance.put(request).await {
                    Ok(answer) => Some(revision(&answer.header)),
                    Err(Error::LeaderLost | Error::Timeout) => None,
                    Err(error) => panic!("{error}"),
                };
                written.push((key, outcome));
                tokio::task::yield_now().await;
            }
            written
        })
    });
    let reign = async {
        let all = Vec::from_iter(&servers);
        for term in 2..TERMS {
            let leader = rand::rng().random_range(0..all.len());
            elect(&all, leader, term).await;
            sleep(Duration::from_millis(25)).await;
        }
        ended.store(true, Ordering::Relaxed);
    };
    let (written, ()) = tokio::join!(join_all(work), reign);
    for server in &servers {
        server.store.set_rates(Rates::default());
    }
    wire.set(Way::Open);
    let newest = revision(&servers[0].put("end", "", 0).await.header);
    let (mut acknowledged, mut unknown) = (0, 0);
    for (watch, server) in watches.iter_mut().zip(&servers) {
        let events = timeout(FOREVER, watch.until(newest)).await.unwrap();
        let revisions: Vec<_> = events.iter().map(at).collect();
        assert_eq!(revisions, Vec::from_iter(2..=newest));
        let mut found = HashMap::new();
        for event in &events {
            let kv = event.kv.as_ref().unwrap();
            assert_eq!(kv.version, 1, "{kv:?} was written again");
            found.insert(kv.key.clone(), kv.mod_revision);
        }
        for (key, outcome) in written.iter().flatten() {
            let revision = found.get(key.as_bytes());
            match outcome {
                Some(told) => {
                    acknowledged += 1;
                    assert_eq!(revision, Some(told), "{key}");
                }
                None => unknown += 1,
            }
        }
        assert_eq!(server.instance.header().revision, newest);
    }
    assert!(acknowledged > 100 && unknown > 0 && wire.calls() > 100);
}
