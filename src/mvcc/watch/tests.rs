//! Streams over a history that is written here, record by record, and a model that knows what
//! every watcher must see. What the client sees is checked as it arrives:
//!
//! - a watcher gets exactly the matching events from its first revision on, whole revisions, in
//!   order, none twice, however slow its client is;
//! - a progress notice comes when nothing up to its revision is missing;
//! - a watcher ends only when it was canceled or when what it needs was compacted.

use super::hub::Limits;
use super::*;
use crate::error::Error;
use crate::mvcc::compact;
use crate::mvcc::keyspace::{Change, Current, KeyRange, Revision, State, Value};
use crate::pb::etcdserverpb::watch_create_request::FilterType;
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::*;
use crate::pb::mvccpb::event::EventType;
use crate::store::faulty::{Faulty, Rates};
use crate::store::memory::Memory;
use crate::store::{Batch, BatchId, Op};
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::Pin;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

const BATCH: BatchId = BatchId {
    writer: 1,
    sequence: 1,
};
const PROGRESS_INTERVAL: Duration = Duration::from_secs(600);

/// Everything small, so that every way to fall behind and back is taken.
const TINY: Limits = Limits {
    outbox_items: 3,
    outbox_bytes: 200,
    recent_commits: 8,
    recent_bytes: 4096,
    attach_commits: 2,
    page_revisions: 4,
};

/// An instance without a sequencer: history, hub, and what they are to say.
struct World {
    store: Memory,
    layout: Layout,
    state: State,
    live: BTreeMap<Bytes, Current>,
    commits: Vec<Commit>,
    /// Where the versions of each key are, oldest first, and whether they are puts.
    versions: BTreeMap<Bytes, Vec<(Revision, bool)>>,
    context: WatchContext,
}

impl World {
    fn new(limits: Limits, rates: Option<Rates>) -> Self {
        let store = Memory::new();
        let layout = Layout::new(Bytes::from_static(b"i"));
        let state = State::new(BATCH);
        let plain = Store::Memory(store.clone());
        let leadership = plain.leadership(&layout.meta("leader"), 1);
        let context = WatchContext {
            stats: Arc::default(),
            hub: Arc::new(Hub::with_limits(state, limits)),
            store: match rates {
                Some(rates) => Store::Faulty(Faulty::new(plain, 7, rates)),
                None => plain,
            },
            layout: layout.clone(),
            cluster_id: 11,
            member_id: 22,
            leadership,
            progress_interval: PROGRESS_INTERVAL,
            max_response_bytes: 2 * 1024 * 1024,
        };
        let mut world = Self {
            store,
            layout,
            state,
            live: BTreeMap::new(),
            commits: Vec::new(),
            versions: BTreeMap::new(),
            context,
        };
        world.apply(Vec::new());
        world
    }

    fn apply(&mut self, mut ops: Vec<Op>) {
        self.state.batch.sequence += 1;
        ops.push(Op::Set(self.layout.state(), self.state.encode()));
        let batch = Batch {
            id: BATCH,
            guard: None,
            ops,
        };
        self.store.apply(batch).unwrap();
    }

    /// Writes a revision without telling the hub: puts, and deletions of keys that exist.
    fn write(&mut self, changes: &[(&str, Option<&str>)]) -> Commit {
        let main = self.state.revision + 1;
        let (mut ops, mut events) = (Vec::new(), Vec::new());
        for ((key, value), sub) in changes.iter().zip(0..) {
            let key = Bytes::copy_from_slice(key.as_bytes());
            let revision = Revision { main, sub };
            let before = self.live.get(&key).cloned();
            let replaced = before.as_ref().map(Current::as_replaced);
            let put = value.map(|value| Current {
                create_revision: before
                    .as_ref()
                    .map_or(main, |before| before.create_revision),
                mod_revision: main,
                sub,
                version: before.as_ref().map_or(0, |before| before.version) + 1,
                lease: 0,
                value: Value::Inline(Bytes::copy_from_slice(value.as_bytes())),
            });
            let kv = |current: &Current| match &current.value {
                Value::Inline(value) => current.to_key_value(key.clone(), value.clone()),
                _ => unreachable!("values here are small"),
            };
            let kind = match put {
                Some(_) => EventType::Put,
                None => EventType::Delete,
            };
            events.push(Event {
                r#type: kind as i32,
                kv: Some(put.as_ref().map(kv).unwrap_or_else(|| KeyValue {
                    key: key.clone(),
                    mod_revision: main,
                    ..KeyValue::default()
                })),
                prev_kv: before.as_ref().map(kv),
            });
            let versions = self.versions.entry(key.clone()).or_default();
            versions.push((revision, put.is_some()));
            match &put {
                Some(put) => self.live.insert(key.clone(), put.clone()),
                None => self.live.remove(&key),
            };
            let change = Change { key, put, replaced };
            ops.push(Op::Set(self.layout.history(revision), change.encode()));
        }
        self.state.revision = main;
        self.apply(ops);
        let commit = Commit {
            revision: main,
            events,
        };
        self.commits.push(commit.clone());
        commit
    }

    fn commit(&mut self, changes: &[(&str, Option<&str>)]) {
        let commit = self.write(changes);
        self.context.hub.publish(self.state, vec![commit]);
    }

    fn put(&mut self, key: &str, value: &str) {
        self.commit(&[(key, Some(value))]);
    }

    /// Forgets what etcd forgets: superseded versions, and tombstones below the revision.
    fn compact(&mut self, revision: i64) {
        let mut ops = Vec::new();
        for versions in self.versions.values_mut() {
            let old = versions.iter().rposition(|(at, _)| at.main <= revision);
            let Some(newest) = old else { continue };
            let (at, put) = versions[newest];
            let kept = usize::from(!put && at.main < revision);
            let gone = versions.drain(..newest + kept);
            ops.extend(gone.map(|(at, _)| Op::Clear(self.layout.history(at))));
        }
        self.state.compacted = revision;
        ops.push(compact::finished(&self.layout, revision));
        self.apply(ops);
        self.context.hub.publish(self.state, Vec::new());
    }

    fn open(&self) -> Client {
        Client::open(self.context.clone())
    }
}

type Responses = Pin<Box<dyn Stream<Item = Result<WatchResponse, Error>> + Send>>;

struct Client {
    requests: Option<mpsc::UnboundedSender<WatchRequest>>,
    responses: Responses,
}

impl Client {
    fn open(context: WatchContext) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let asked = UnboundedReceiverStream::new(receiver).map(|request| (request, Ok(())));
        Self {
            requests: Some(requests),
            responses: serve(context, asked)
                .map(|answer| answer.map(WatchResponse::from))
                .boxed(),
        }
    }

    fn send(&self, request: RequestUnion) {
        let request = WatchRequest {
            request_union: Some(request),
        };
        self.requests.as_ref().unwrap().send(request).unwrap();
    }

    fn create(&self, request: WatchCreateRequest) {
        self.send(RequestUnion::CreateRequest(request));
    }

    fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }

    fn ask_progress(&self) {
        self.send(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    }

    /// The next response; `None` when nothing is under way: paused time passes only then.
    async fn next(&mut self) -> Option<Result<WatchResponse, Error>> {
        let next = tokio::time::timeout(Duration::from_secs(1), self.responses.next());
        next.await.ok().flatten()
    }

    async fn response(&mut self) -> WatchResponse {
        self.next().await.unwrap().unwrap()
    }

    async fn nothing(&mut self) {
        assert_eq!(self.next().await, None);
    }
}

fn watch(key: &str) -> WatchCreateRequest {
    WatchCreateRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        ..WatchCreateRequest::default()
    }
}

fn watch_from(key: &str, start_revision: i64) -> WatchCreateRequest {
    WatchCreateRequest {
        start_revision,
        ..watch(key)
    }
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader {
        cluster_id: 11,
        member_id: 22,
        revision,
        raft_term: 1,
    })
}

fn created(watch_id: i64, revision: i64) -> WatchResponse {
    WatchResponse {
        header: header(revision),
        watch_id,
        created: true,
        ..WatchResponse::default()
    }
}

fn rejected(revision: i64, reason: &str) -> WatchResponse {
    WatchResponse {
        canceled: true,
        cancel_reason: reason.to_owned(),
        ..created(-1, revision)
    }
}

fn progress(watch_id: i64, revision: i64) -> WatchResponse {
    WatchResponse {
        header: header(revision),
        watch_id,
        ..WatchResponse::default()
    }
}

fn canceled(watch_id: i64, revision: i64) -> WatchResponse {
    WatchResponse {
        canceled: true,
        ..progress(watch_id, revision)
    }
}

fn revisions(response: &WatchResponse) -> Vec<i64> {
    let kvs = response
        .events
        .iter()
        .map(|event| event.kv.as_ref().unwrap());
    kvs.map(|kv| kv.mod_revision).collect()
}

// The shapes below were seen on the wire of etcd 3.7.1.

#[tokio::test(start_paused = true)]
async fn ids_are_chosen_by_the_server_or_by_the_client() {
    let world = World::new(Limits::default(), None);
    let mut client = world.open();
    let taken = "mvcc: duplicate watch ID provided on the WatchStream";
    for (watch_id, expected) in [
        (0, created(0, 1)),
        (2, created(2, 1)),
        (2, rejected(1, taken)),
        (0, created(1, 1)),
        (0, created(3, 1)),
        (-7, created(-7, 1)),
        (-1, created(-1, 1)),
        (-1, rejected(1, taken)),
        (i64::MAX, created(i64::MAX, 1)),
    ] {
        client.create(WatchCreateRequest {
            watch_id,
            ..watch("a")
        });
        assert_eq!(client.response().await, expected);
    }
    client.cancel(99);
    client.nothing().await;
    client.cancel(2);
    assert_eq!(client.response().await, canceled(2, 1));
    client.create(WatchCreateRequest {
        watch_id: 2,
        ..watch("a")
    });
    assert_eq!(client.response().await, created(2, 1));
    client.create(watch("a"));
    assert_eq!(client.response().await, created(4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_cannot_be_is_refused_and_the_stream_goes_on() {
    let world = World::new(Limits::default(), None);
    let mut client = world.open();
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    let span = |key: &str, end: &str, start_revision| WatchCreateRequest {
        range_end: Bytes::copy_from_slice(end.as_bytes()),
        ..watch_from(key, start_revision)
    };
    for (request, reason) in [
        (span("a", "", -1), compacted),
        (span("b", "a", -1), compacted),
        (span("a", "a", 0), "mvcc: watcher range is empty"),
        (span("b", "a", 0), "mvcc: watcher range is empty"),
    ] {
        client.create(request);
        assert_eq!(client.response().await, rejected(1, reason));
    }
    client.create(span("a", "\0", 0));
    assert_eq!(client.response().await, created(0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_starts_in_the_past_now_or_later() {
    let mut world = World::new(Limits::default(), None);
    for number in 2..=5 {
        world.put("a", &number.to_string());
    }
    let mut client = world.open();
    client.create(watch_from("a", 4));
    assert_eq!(client.response().await, created(0, 5));
    let missed = client.response().await;
    assert_eq!(revisions(&missed), [4, 5]);
    assert_eq!(missed.header, header(5));
    for start_revision in [0, 6, 7] {
        client.create(watch_from("a", start_revision));
    }
    for watch_id in 1..=3 {
        assert_eq!(client.response().await, created(watch_id, 5));
    }
    // The watchers at 6 and at 7 have nothing to say about revision 5.
    client.ask_progress();
    client.nothing().await;
    world.put("a", "6");
    let mut got = Vec::new();
    for _ in 0..3 {
        let response = client.response().await;
        assert_eq!(
            (revisions(&response), &response.header),
            (vec![6], &header(6))
        );
        got.push(response.watch_id);
    }
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2]);
    client.nothing().await;
    world.put("b", "7");
    client.ask_progress();
    assert_eq!(client.response().await, progress(-1, 7));
    world.put("a", "8");
    for _ in 0..4 {
        assert_eq!(revisions(&client.response().await), [8]);
    }
    client.nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_compacted_start_cancels_with_the_revision_and_blocks_progress_until_canceled() {
    let mut world = World::new(Limits::default(), None);
    for number in 2..=8 {
        world.put("a", &number.to_string());
    }
    world.compact(6);
    let mut client = world.open();
    client.ask_progress();
    client.nothing().await;
    client.create(watch_from("a", 5));
    assert_eq!(client.response().await, created(0, 8));
    let outlived = WatchResponse {
        compact_revision: 6,
        ..canceled(0, 0)
    };
    assert_eq!(client.response().await, outlived);
    client.create(WatchCreateRequest {
        prev_kv: true,
        ..watch_from("a", 6)
    });
    assert_eq!(client.response().await, created(1, 8));
    let rest = client.response().await;
    assert_eq!(revisions(&rest), [6, 7, 8]);
    let before = rest.events.iter().map(|event| event.prev_kv.as_ref());
    let before: Vec<_> = before.map(|kv| kv.map(|kv| kv.mod_revision)).collect();
    assert_eq!(before, [None, Some(6), Some(7)]);
    client.ask_progress();
    client.nothing().await;
    client.cancel(0);
    assert_eq!(client.response().await, canceled(0, 8));
    client.ask_progress();
    assert_eq!(client.response().await, progress(-1, 8));
}

#[tokio::test(start_paused = true)]
async fn what_was_before_the_compacted_revision_is_not_shown_from_memory() {
    let mut world = World::new(Limits::default(), None);
    // The hub remembers commits only while somebody watches.
    let mut other = world.open();
    other.create(watch("z"));
    assert_eq!(other.response().await, created(0, 1));
    world.put("a", "2");
    world.put("a", "3");
    world.compact(3);
    let mut client = world.open();
    client.create(WatchCreateRequest {
        prev_kv: true,
        ..watch_from("a", 3)
    });
    assert_eq!(client.response().await, created(0, 3));
    let response = client.response().await;
    assert_eq!(revisions(&response), [3]);
    assert_eq!(response.events[0].prev_kv, None);
}

#[tokio::test(start_paused = true)]
async fn quiet_watchers_are_told_of_progress_once_an_interval() {
    let mut world = World::new(Limits::default(), None);
    let mut client = world.open();
    client.create(WatchCreateRequest {
        progress_notify: true,
        ..watch("a")
    });
    client.create(watch("a"));
    assert_eq!(client.response().await, created(0, 1));
    assert_eq!(client.response().await, created(1, 1));
    let longest = PROGRESS_INTERVAL + PROGRESS_INTERVAL / 10;
    let within = async |client: &mut Client, time: Duration| {
        let next = tokio::time::timeout(time, client.responses.next());
        next.await.ok().flatten().map(Result::unwrap)
    };
    let start = tokio::time::Instant::now();
    let first = within(&mut client, longest + Duration::from_secs(1)).await;
    assert_eq!(first, Some(progress(0, 1)));
    assert!(start.elapsed() >= PROGRESS_INTERVAL - Duration::from_secs(5));
    world.put("b", "unseen");
    let second = within(&mut client, longest + Duration::from_secs(1)).await;
    assert_eq!(second, Some(progress(0, 2)));
    // An event takes the place of the next notice.
    world.put("a", "seen");
    for _ in 0..2 {
        let event = within(&mut client, Duration::from_secs(1)).await;
        assert_eq!(revisions(&event.unwrap()), [3]);
    }
    assert_eq!(within(&mut client, PROGRESS_INTERVAL * 3 / 2).await, None);
    let third = within(&mut client, longest).await;
    assert_eq!(third, Some(progress(0, 3)));
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_stream_keeps_its_watchers_and_a_dropped_one_is_forgotten() {
    let mut world = World::new(Limits::default(), None);
    let mut client = world.open();
    assert!(world.context.hub.is_watched());
    client.create(watch("a"));
    assert_eq!(client.response().await, created(0, 1));
    client.requests = None;
    client.nothing().await;
    world.put("a", "1");
    assert_eq!(revisions(&client.response().await), [2]);
    drop(client);
    assert!(!world.context.hub.is_watched());
}

#[tokio::test(start_paused = true)]
async fn closing_ends_all_streams_with_an_error_that_clients_retry() {
    let world = World::new(Limits::default(), None);
    let mut early = world.open();
    early.create(watch("a"));
    assert_eq!(early.response().await, created(0, 1));
    world.context.hub.close();
    // One that comes before the dispatcher has heard of it, and one that comes after.
    let mut late = world.open();
    for client in [&mut early, &mut late, &mut world.open()] {
        assert_eq!(client.next().await, Some(Err(Error::Stopped)));
        assert_eq!(client.responses.next().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_revision_is_cut_only_for_those_who_take_fragments() {
    let mut world = World::new(Limits::default(), None);
    world.context.max_response_bytes = 1000;
    let mut client = world.open();
    for fragment in [false, true] {
        client.create(WatchCreateRequest {
            fragment,
            range_end: Bytes::from_static(b"\0"),
            ..watch("a")
        });
        client.response().await;
    }
    let value = "x".repeat(350);
    world.commit(&[
        ("a", Some(&value)),
        ("b", Some(&value)),
        ("c", Some(&value)),
        ("d", Some(&value)),
        ("e", Some(&value)),
    ]);
    let mut seen = HashMap::<i64, Vec<(usize, bool)>>::new();
    for _ in 0..4 {
        let response = client.response().await;
        let pieces = seen.entry(response.watch_id).or_default();
        pieces.push((response.events.len(), response.fragment));
    }
    assert_eq!(seen[&0], [(5, false)]);
    assert_eq!(seen[&1], [(2, true), (2, true), (1, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_costs_a_bounded_queue_and_misses_nothing() {
    let mut world = World::new(Limits::default(), None);
    let (mut slow, mut fast) = (world.open(), world.open());
    for client in [&mut slow, &mut fast] {
        client.create(watch("a"));
        assert_eq!(client.response().await, created(0, 1));
    }
    for number in 2..=5000 {
        world.put("a", &"v".repeat(number % 300));
        assert_eq!(revisions(&fast.response().await), [number as i64]);
    }
    let (mut seen, mut largest) = (Vec::new(), 0);
    while let Some(response) = slow.next().await {
        let some = revisions(&response.unwrap());
        largest = largest.max(some.len());
        seen.extend(some);
    }
    assert_eq!(seen, (2..=5000).collect::<Vec<_>>());
    // It was read from the store, in pages.
    assert_eq!(largest, 1000);
}

#[tokio::test(start_paused = true)]
async fn of_two_publishers_the_later_state_counts() {
    let mut world = World::new(Limits::default(), None);
    let mut client = world.open();
    client.create(watch("a"));
    assert_eq!(client.response().await, created(0, 1));
    let hub = world.context.hub.clone();
    let first = world.write(&[("a", Some("1"))]);
    let after_first = world.state;
    let second = world.write(&[("a", Some("2"))]);
    let newest = world.state;
    // The one who read the store, or had no first commit to tell of, was faster.
    hub.publish(newest, vec![second]);
    hub.publish(after_first, vec![first]);
    assert_eq!(hub.state(), newest);
    assert_eq!(revisions(&client.response().await), [2, 3]);
    client.nothing().await;
    world.put("a", "3");
    assert_eq!(revisions(&client.response().await), [4]);
}

/// What the model knows of one watcher of one client.
#[derive(Debug, Clone)]
struct Watched {
    range: KeyRange,
    puts: bool,
    deletes: bool,
    prev_kv: bool,
    /// The first revision of which nothing was seen.
    next: i64,
    start: i64,
}

impl Watched {
    fn wants(&self, event: &Event) -> bool {
        let put = event.r#type == EventType::Put as i32;
        let kind = if put { self.puts } else { self.deletes };
        kind && self.range.contains(&event.kv.as_ref().unwrap().key)
    }

    /// The events of revisions up to `last` that were not seen.
    fn missing(&self, commits: &[Commit], last: i64) -> Vec<Event> {
        let unseen = self.next..=last;
        let commits = commits
            .iter()
            .filter(|commit| unseen.contains(&commit.revision));
        let events = commits.flat_map(|commit| &commit.events);
        events.filter(|event| self.wants(event)).cloned().collect()
    }
}

struct Observer {
    client: Client,
    asked: VecDeque<Watched>,
    cancels: Vec<i64>,
    watched: HashMap<i64, Watched>,
    /// Ended by compaction, but not by the client.
    outlived: Vec<i64>,
}

impl Observer {
    fn see(&mut self, response: WatchResponse, world: &World) -> Result<(), TestCaseError> {
        let revision = response.header.unwrap().revision;
        let id = response.watch_id;
        prop_assert!(revision <= world.state.revision);
        if response.created {
            let mut watched = self.asked.pop_front().unwrap();
            if watched.next == 0 {
                watched.next = revision + 1;
            }
            prop_assert!(self.watched.insert(id, watched).is_none());
        } else if response.canceled && response.compact_revision != 0 {
            let watched = self.watched.remove(&id).unwrap();
            prop_assert!(watched.next < response.compact_revision);
            prop_assert!(response.compact_revision <= world.state.compacted);
            self.outlived.push(id);
        } else if response.canceled {
            prop_assert!(self.cancels.contains(&id));
            self.cancels.retain(|other| *other != id);
            self.outlived.retain(|other| *other != id);
            self.watched.remove(&id);
        } else if response.events.is_empty() {
            prop_assert_eq!(id, -1);
            for watched in self.watched.values_mut() {
                prop_assert!(watched.start <= revision);
                prop_assert_eq!(watched.missing(&world.commits, revision), vec![]);
                watched.next = watched.next.max(revision + 1);
            }
        } else {
            let watched = self.watched.get_mut(&id).unwrap();
            let last = response
                .events
                .last()
                .unwrap()
                .kv
                .as_ref()
                .unwrap()
                .mod_revision;
            prop_assert!(last <= revision);
            let expected = watched.missing(&world.commits, last);
            prop_assert_eq!(expected.len(), response.events.len());
            for (mut expected, got) in expected.into_iter().zip(response.events) {
                let kv = expected.kv.clone().unwrap();
                let compacted = kv.mod_revision <= world.state.compacted;
                let forgotten = compacted && got.prev_kv.is_none();
                if !watched.prev_kv || forgotten {
                    expected.prev_kv = None;
                }
                prop_assert_eq!(expected, got);
            }
            watched.next = last + 1;
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Action {
    /// Keys and what becomes of them; told to the hub or left for it to find in the store.
    Commit(Vec<(u8, bool)>, bool),
    Create(usize, Box<WatchCreateRequest>),
    Cancel(usize, usize),
    Progress(usize),
    /// A client reads some responses.
    Read(usize, usize),
    /// Compacts a share of what is left, in percent.
    Compact(i64),
    /// Lets the tasks go on for some turns.
    Run(usize),
}

const CLIENTS: usize = 3;

fn key(number: u8) -> String {
    format!("k{number}")
}

fn create() -> impl Strategy<Value = Box<WatchCreateRequest>> {
    let end = prop_oneof![
        2 => Just(None),
        2 => (1u8..6).prop_map(|number| Some(Bytes::from(key(number)))),
        1 => Just(Some(Bytes::from_static(b"\0"))),
    ];
    let filters = prop::collection::vec(
        prop_oneof![
            Just(FilterType::Noput as i32),
            Just(FilterType::Nodelete as i32)
        ],
        0..2,
    );
    (0u8..5, end, -30i64..8, filters, any::<bool>()).prop_map(
        |(number, range_end, start_revision, filters, prev_kv)| {
            Box::new(WatchCreateRequest {
                key: Bytes::from(key(number)),
                range_end: range_end.unwrap_or_default(),
                // Relative to the newest revision, resolved when it is sent.
                start_revision,
                filters,
                prev_kv,
                ..WatchCreateRequest::default()
            })
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let changes = prop::collection::vec((0u8..5, prop::bool::weighted(0.7)), 1..4);
    prop_oneof![
        10 => (changes, prop::bool::weighted(0.95))
            .prop_map(|(changes, told)| Action::Commit(changes, told)),
        3 => (0..CLIENTS, create()).prop_map(|(client, request)| Action::Create(client, request)),
        1 => (0..CLIENTS, 0usize..8).prop_map(|(client, which)| Action::Cancel(client, which)),
        1 => (0..CLIENTS).prop_map(Action::Progress),
        4 => (0..CLIENTS, 1usize..6).prop_map(|(client, count)| Action::Read(client, count)),
        1 => (0i64..100).prop_map(Action::Compact),
        3 => (1usize..20).prop_map(Action::Run),
    ]
}

async fn check(actions: Vec<Action>) -> Result<(), TestCaseError> {
    let expiring = Rates {
        view_expired: 0.2,
        ..Rates::default()
    };
    let mut world = World::new(TINY, Some(expiring));
    let mut observers: Vec<_> = (0..CLIENTS)
        .map(|_| Observer {
            client: world.open(),
            asked: VecDeque::new(),
            cancels: Vec::new(),
            watched: HashMap::new(),
            outlived: Vec::new(),
        })
        .collect();
    for action in actions {
        match action {
            Action::Commit(changes, told) => {
                let mut wanted = BTreeMap::new();
                for (number, put) in changes {
                    let key = key(number);
                    if put || world.live.contains_key(key.as_bytes()) {
                        wanted.insert(key, put.then_some("value"));
                    }
                }
                let changes: Vec<_> = wanted.iter().map(|(key, put)| (&**key, *put)).collect();
                if !changes.is_empty() {
                    let commit = world.write(&changes);
                    let commits = if told { vec![commit] } else { Vec::new() };
                    world.context.hub.publish(world.state, commits);
                }
            }
            Action::Create(client, mut request) => {
                let range = KeyRange::new(request.key.clone(), request.range_end.clone());
                if range.is_empty() {
                    continue;
                }
                request.start_revision = match request.start_revision {
                    -30..-20 => 0,
                    offset => (world.state.revision + offset).max(1),
                };
                let start = request.start_revision;
                observers[client].asked.push_back(Watched {
                    range,
                    puts: !request.filters.contains(&(FilterType::Noput as i32)),
                    deletes: !request.filters.contains(&(FilterType::Nodelete as i32)),
                    prev_kv: request.prev_kv,
                    next: start,
                    start,
                });
                observers[client].client.create(*request);
            }
            Action::Cancel(client, which) => {
                let observer = &mut observers[client];
                let mut ids: Vec<_> = observer.watched.keys().chain(&observer.outlived).collect();
                ids.sort_unstable();
                ids.retain(|id| !observer.cancels.contains(id));
                if let Some(id) = ids.get(which).copied().copied() {
                    observer.cancels.push(id);
                    observer.client.cancel(id);
                }
            }
            Action::Progress(client) => observers[client].client.ask_progress(),
            Action::Read(client, count) => {
                for _ in 0..count {
                    let next = observers[client].client.responses.next().now_or_never();
                    if let Some(Some(response)) = next {
                        observers[client].see(response.unwrap(), &world)?;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Action::Compact(percent) => {
                let oldest = world.state.compacted.max(0);
                let revision = oldest + (world.state.revision - oldest) * percent / 100;
                if revision > world.state.compacted {
                    world.compact(revision);
                }
            }
            Action::Run(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    let newest = world.state.revision;
    for observer in &mut observers {
        while let Some(response) = observer.client.next().await {
            observer.see(response.unwrap(), &world)?;
        }
        prop_assert!(observer.asked.is_empty());
        prop_assert!(observer.cancels.is_empty());
        for watched in observer.watched.values() {
            prop_assert_eq!(watched.missing(&world.commits, newest), vec![]);
        }
        observer.client.ask_progress();
        let all_there = observer.outlived.is_empty()
            && !observer.watched.is_empty()
            && observer
                .watched
                .values()
                .all(|watched| watched.start <= newest);
        let expected = all_there.then(|| Ok(progress(-1, newest)));
        prop_assert_eq!(observer.client.next().await, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_watcher_sees_what_the_model_says(
        actions in prop::collection::vec(action(), 1..120),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(check(actions))?;
    }
}
