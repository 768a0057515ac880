//! What a server knows of the counts when it starts, from what another left behind.

use super::*;
use crate::mvcc::keyspace::Layout;
use crate::mvcc::size::Size;
use crate::mvcc::watch::Hub;
use crate::mvcc::{Instance, Options};
use crate::pb::etcdserverpb::{CompactionRequest, DeleteRangeRequest, PutRequest};
use crate::store::memory::Memory;
use crate::store::{Batch, Direction, Leadership, Op, PageLimit, Store};
use tokio::sync::watch;

const INSTANCE: &str = "test";
const KEYS: usize = 500;
const EVERYTHING: PageLimit = PageLimit {
    items: usize::MAX,
    bytes: usize::MAX,
};

struct World {
    store: Store,
    layout: Layout,
    instance: Instance,
}

impl World {
    async fn new() -> Self {
        let store = Store::Memory(Memory::new());
        let opened = Instance::open(store.clone(), INSTANCE, Options::default()).await;
        let layout = Layout::new(store.instance_prefix(INSTANCE).await.unwrap());
        let world = Self {
            store,
            layout,
            instance: opened.unwrap(),
        };
        world.put(0..KEYS).await;
        world
    }

    async fn put(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let request = PutRequest {
                key: format!("{number:05}").into(),
                ..Default::default()
            };
            self.instance.put(request).await.unwrap();
        }
    }

    async fn delete(&self, from: &'static str, to: &'static str) {
        let request = DeleteRangeRequest {
            key: from.into(),
            range_end: to.into(),
            prev_kv: false,
        };
        self.instance.delete_range(request).await.unwrap();
    }

    /// Of a server that has just been started, and keeps no items.
    async fn census(&self) -> Census {
        let view = self.store.view(Consistency::Linearizable).await.unwrap();
        let state = read::state(&view, &self.layout).await.unwrap();
        let job = Job {
            store: self.store.clone(),
            layout: self.layout.clone(),
            writer: 0,
            leadership: watch::channel(Leadership {
                is_leader: true,
                leader: None,
                term: 1,
                until: None,
            })
            .1,
        };
        let cache = Arc::new(Cache::new(0, state.revision));
        let feed = Arc::new(Feed::new(cache, Arc::new(Hub::new(state)), Size::default()));
        Census::new(job, feed, None)
    }

    /// What a server that starts now knows before it has read any key.
    async fn restored(&self) -> Option<usize> {
        let census = self.census().await;
        census.restore().await.unwrap();
        let (revision, total) = census.cache().total();
        assert_eq!(revision, self.instance.header().revision);
        total
    }

    async fn save(&self) {
        let census = self.census().await;
        census
            .read(KeyRange::Span(Bytes::new(), None))
            .await
            .unwrap();
        census.save().await.unwrap();
    }

    async fn pieces(&self) -> Vec<Bytes> {
        let (start, end) = self.layout.subspace(b'n');
        let view = self.store.view(Consistency::Linearizable).await.unwrap();
        let page = view
            .scan(&start, &end, EVERYTHING, Direction::Forward)
            .await;
        page.unwrap()
            .items
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }

    async fn apply(&self, op: Op) {
        let batch = Batch {
            id: self.census().await.job.batch_id(),
            guard: None,
            ops: vec![op],
        };
        self.store.apply(batch).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_begins_with_the_checkpoint_and_what_has_happened_since() {
    let world = World::new().await;
    assert_eq!(world.restored().await, None);
    world.save().await;
    assert!(world.pieces().await.len() > 1);
    assert_eq!(world.restored().await, Some(KEYS));
    world.put(KEYS..KEYS + 100).await;
    world.delete("00010", "00050").await;
    world.put(10..20).await;
    assert_eq!(world.restored().await, Some(KEYS + 100 - 40 + 10));
    // Every bucket, not only their sum.
    let census = world.census().await;
    census.restore().await.unwrap();
    census
        .read(KeyRange::Span(Bytes::new(), None))
        .await
        .unwrap();
    assert_eq!(census.cache().total().1, Some(KEYS + 100 - 40 + 10));
}

#[tokio::test]
async fn a_server_that_ends_leaves_a_checkpoint() {
    let world = World::new().await;
    world.instance.close().await;
    assert_eq!(world.restored().await, Some(KEYS));
}

#[tokio::test]
async fn a_checkpoint_older_than_a_compaction_is_not_used() {
    let world = World::new().await;
    world.save().await;
    let saved = world.instance.header().revision;
    world.delete("00010", "00050").await;
    for revision in [saved, saved + 1] {
        let request = CompactionRequest {
            revision,
            physical: true,
        };
        world.instance.compact(request).await.unwrap();
        let expected = (revision == saved).then_some(KEYS - 40);
        assert_eq!(world.restored().await, expected);
    }
}

#[tokio::test]
async fn a_torn_checkpoint_is_not_used() {
    let world = World::new().await;
    world.save().await;
    for piece in world.pieces().await {
        let record = world.store.view(Consistency::Linearizable).await.unwrap();
        let record = record.get(&piece).await.unwrap().unwrap();
        world.apply(Op::Clear(piece.clone())).await;
        assert_eq!(world.restored().await, None);
        world.apply(Op::Set(piece, record)).await;
    }
    assert_eq!(world.restored().await, Some(KEYS));
    world
        .apply(Op::Set(world.layout.counts(), Bytes::new()))
        .await;
    assert_eq!(world.restored().await, None);
    world.save().await;
    assert_eq!(world.restored().await, Some(KEYS));
}

#[tokio::test]
async fn checkpoints_of_several_servers_do_not_mix() {
    let world = World::new().await;
    let everything = || KeyRange::Span(Bytes::new(), None);
    let (one, other) = (world.census().await, world.census().await);
    one.read(everything()).await.unwrap();
    other.read(everything()).await.unwrap();
    let (first, second) = tokio::join!(one.save(), other.save());
    first.unwrap();
    second.unwrap();
    assert_eq!(world.restored().await, Some(KEYS));
    // What the one that was beaten has left behind goes with the next one.
    world.put(KEYS..KEYS + 1).await;
    let whole = world.pieces().await.len();
    world.save().await;
    assert!(world.pieces().await.len() <= whole);
    let pieces = world.pieces().await;
    let token = |key: &Bytes| key.slice(world.layout.head_bytes()..key.len() - 4);
    assert!(pieces.iter().all(|key| token(key) == token(&pieces[0])));
    assert_eq!(world.restored().await, Some(KEYS + 1));
}
