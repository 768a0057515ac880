//! Reads of old revisions of keys with long histories, several lives and gaps, before and after
//! compactions, in keyspaces of both formats; all held against what was written.

use crate::mvcc::keyspace::{Change, DENSE_FORMAT, FORMAT, INDEX_STRIDE, Layout, successor};
use crate::mvcc::{Instance, Options};
use crate::pb::etcdserverpb::request_op::Request;
use crate::pb::etcdserverpb::*;
use crate::pb::mvccpb::KeyValue;
use crate::store::fdb::{Fdb, cluster::Cluster};
use crate::store::memory::Memory;
use crate::store::{Batch, BatchId, Consistency, Direction, Op, PageLimit, Store};
use bytes::Bytes;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

const KEYS: u8 = 4;
const ALL: PageLimit = PageLimit {
    items: usize::MAX,
    bytes: usize::MAX,
};

/// What a transaction does to keys: `None` deletes.
type Changes = BTreeMap<u8, Option<u8>>;
/// The live keys at a revision: value, create and mod revision, and version.
type Live = BTreeMap<u8, (u8, i64, i64, i64)>;

/// An instance, and what it was at each of its revisions.
struct Written {
    name: String,
    store: Store,
    layout: Layout,
    instance: Instance,
    at: Vec<Live>,
}

fn key(number: u8) -> Bytes {
    // One begins another, and one has a zero byte.
    Bytes::from_static([&b"a"[..], b"a\0", b"aa", b"b"][usize::from(number)])
}

fn number(key: &[u8]) -> u8 {
    (0..KEYS).find(|number| self::key(*number) == key).unwrap()
}

impl Written {
    async fn open(store: Store) -> Self {
        let name = format!("history-{}", rand::random::<u64>());
        let layout = Layout::new(store.instance_prefix(&name).await.unwrap());
        let instance = Self::instance(&store, &name).await;
        // Revision 0, which is none, and 1.
        let at = vec![Live::new(); 2];
        Self {
            name,
            store,
            layout,
            instance,
            at,
        }
    }

    async fn instance(store: &Store, name: &str) -> Instance {
        let options = Options::default();
        Instance::open(store.clone(), name, options).await.unwrap()
    }

    async fn reopen(&mut self) {
        self.instance.close().await;
        self.instance = Self::instance(&self.store, &self.name).await;
    }

    async fn write(&mut self, changes: &Changes) {
        let ops = changes.iter().map(|(number, value)| {
            let key = key(*number);
            let request = match value {
                Some(value) => Request::RequestPut(PutRequest {
                    key,
                    value: vec![*value].into(),
                    ..Default::default()
                }),
                None => Request::RequestDeleteRange(DeleteRangeRequest {
                    key,
                    ..Default::default()
                }),
            };
            RequestOp {
                request: Some(request),
            }
        });
        let txn = TxnRequest {
            success: ops.collect(),
            ..Default::default()
        };
        let mut live = self.at.last().unwrap().clone();
        let revision = self.at.len() as i64;
        let mut is_changed = false;
        for (number, value) in changes {
            let before = live.remove(number);
            is_changed |= value.is_some() || before.is_some();
            if let Some(value) = value {
                let (_, create, _, version) = before.unwrap_or((0, revision, 0, 0));
                live.insert(*number, (*value, create, revision, version + 1));
            }
        }
        if is_changed {
            self.at.push(live);
        }
        let answer = self.instance.txn(txn).await.unwrap();
        assert_eq!(answer.header.unwrap().revision, self.newest());
    }

    fn newest(&self) -> i64 {
        self.at.len() as i64 - 1
    }

    async fn compact(&self, revision: i64) {
        let request = CompactionRequest {
            revision,
            physical: true,
        };
        self.instance.compact(request).await.unwrap();
    }

    /// Reads everything from `first` on, as ranges and key by key.
    async fn check(&self, first: i64) {
        for revision in first.max(1)..=self.newest() {
            let request = RangeRequest {
                key: "a".into(),
                range_end: Bytes::from_static(b"\0"),
                revision,
                ..Default::default()
            };
            let live = self.read(request.clone()).await;
            let expected = &self.at[revision as usize];
            assert_eq!(live, *expected, "at {revision}");
            for number in 0..KEYS {
                let one = RangeRequest {
                    key: key(number),
                    range_end: Bytes::new(),
                    ..request.clone()
                };
                let found = self.read(one).await;
                let expected = expected.get_key_value(&number);
                assert_eq!(found.first_key_value(), expected, "{number} at {revision}");
            }
        }
    }

    async fn read(&self, request: RangeRequest) -> Live {
        let answer = self.instance.range(request).await.unwrap();
        assert_eq!(answer.count as usize, answer.kvs.len());
        let item = |kv: &KeyValue| {
            let revisions = (kv.value[0], kv.create_revision, kv.mod_revision, kv.version);
            (number(&kv.key), revisions)
        };
        answer.kvs.iter().map(item).collect()
    }

    async fn index_records(&self) -> usize {
        let view = self.store.view(Consistency::Linearizable).await.unwrap();
        let (start, end) = self.layout.subspace(b'k');
        let page = view.scan(&start, &end, ALL, Direction::Forward).await;
        page.unwrap().items.len()
    }

    /// Makes the keyspace what an older kvtool would have written, and opens it.
    async fn become_dense(&mut self) {
        let view = self.store.view(Consistency::Linearizable).await.unwrap();
        let layout = &self.layout;
        let (start, end) = layout.subspace(b'h');
        let page = view.scan(&start, &end, ALL, Direction::Forward).await;
        let mut ops = Vec::new();
        for (store_key, record) in page.unwrap().items {
            let at = layout.history_revision(&store_key).unwrap();
            let change = Change::decode(at, record).unwrap();
            let kind = Bytes::copy_from_slice(&[u8::from(change.put.is_some())]);
            ops.push(Op::Set(layout.index(&change.key, at), kind));
        }
        let format = DENSE_FORMAT.to_be_bytes();
        ops.push(Op::Set(
            layout.meta("format"),
            Bytes::copy_from_slice(&format),
        ));
        let batch = Batch {
            id: BatchId {
                writer: 0,
                sequence: 0,
            },
            guard: None,
            ops,
        };
        self.store.apply(batch).await.unwrap();
        self.reopen().await;
        let view = self.store.view(Consistency::Linearizable).await.unwrap();
        let format = view.get(&self.layout.meta("format")).await.unwrap();
        assert_eq!(format.as_deref(), Some(&FORMAT.to_be_bytes()[..]));
    }
}

/// A life of a key, a compaction somewhere in what is there, and what follows.
#[derive(Debug, Clone)]
struct Story {
    before: Vec<Changes>,
    /// What was written before came from an older kvtool.
    is_dense: bool,
    between: Vec<Changes>,
    /// In thousandths of the revisions.
    compacted: i64,
    after: Vec<Changes>,
}

fn stories() -> impl Strategy<Value = Story> {
    // Deletions are rare enough for lives of some dozen versions.
    let value = prop_oneof![24 => any::<u8>().prop_map(Some), 1 => Just(None)];
    let changes = prop::collection::btree_map(0..KEYS, value, 1..3);
    let some = || prop::collection::vec(changes.clone(), 0..40);
    let all = (some(), any::<bool>(), some(), 0..=1000i64, some());
    all.prop_map(|(before, is_dense, between, compacted, after)| Story {
        before,
        is_dense,
        between,
        compacted,
        after,
    })
}

async fn check(store: Store, story: &Story) {
    let mut written = Written::open(store).await;
    for changes in &story.before {
        written.write(changes).await;
    }
    let mut dense_until = 0;
    if story.is_dense {
        dense_until = written.newest();
        written.become_dense().await;
        written.check(1).await;
    }
    for changes in &story.between {
        written.write(changes).await;
    }
    written.check(1).await;
    let compacted = 1 + (written.newest() - 1) * story.compacted / 1000;
    written.compact(compacted).await;
    written.check(compacted).await;
    for changes in &story.after {
        written.write(changes).await;
    }
    written.check(compacted).await;
    // A deletion at the compacted revision would stay.
    written.write(&[(0, Some(0))].into()).await;
    written.compact(written.newest()).await;
    let live = written.at.last().unwrap();
    let is_indexed = |(_, _, mod_revision, version): &&(u8, i64, i64, i64)| {
        version % INDEX_STRIDE == 0 || *mod_revision <= dense_until
    };
    let expected = live.values().filter(is_indexed).count();
    assert_eq!(written.index_records().await, expected);
    written.instance.close().await;
}

fn run(open: impl Fn() -> Store, cases: u32) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let told = TestRunner::new(config).run(&stories(), |story| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(check(open(), &story));
        Ok(())
    });
    told.unwrap();
}

#[test]
fn every_revision_is_found() {
    run(|| Store::Memory(Memory::new()), 48);
}

#[test]
fn every_revision_is_found_on_foundationdb() {
    let Some(cluster) = Cluster::get("old revisions") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fdb = || Store::Fdb(runtime.block_on(Fdb::of(cluster)));
    run(fdb, 4);
}

const MANY: usize = 2500;
const HOT: &[u8] = b"key 01000";

async fn list(instance: &Instance, revision: i64, limit: i64, from: Bytes) -> RangeResponse {
    let request = RangeRequest {
        key: from,
        range_end: Bytes::from_static(b"\0"),
        revision,
        limit,
        ..Default::default()
    };
    instance.range(request).await.unwrap()
}

async fn put(instance: &Instance, keys: impl Iterator<Item = Bytes>, value: usize) {
    let put = |key| {
        instance.put(PutRequest {
            key,
            value: value.to_string().into(),
            ..Default::default()
        })
    };
    for put in join_all(keys.map(put)).await {
        put.unwrap();
    }
}

/// More records than a page has, of many keys and of one.
#[tokio::test]
async fn long_lists_of_old_revisions_are_as_they_were() {
    let options = Options::default();
    let opened = Instance::open(Store::Memory(Memory::new()), "lists", options);
    let instance = opened.await.unwrap();
    let key = |number: usize| Bytes::from(format!("key {number:05}"));
    let mut seen = Vec::new();
    for round in 0..10 {
        put(&instance, (0..MANY).map(key), round).await;
        seen.push(list(&instance, 0, 0, key(0)).await);
    }
    for round in 0..10 {
        let hot = (0..1000).map(|_| Bytes::from_static(HOT));
        put(&instance, hot, round).await;
        seen.push(list(&instance, 0, 0, key(0)).await);
    }
    for (first, last) in [(0, 900), (1500, 2400)] {
        let request = DeleteRangeRequest {
            key: key(first),
            range_end: key(last),
            ..Default::default()
        };
        instance.delete_range(request).await.unwrap();
        seen.push(list(&instance, 0, 0, key(0)).await);
    }
    put(&instance, (500..2000).map(key), 0).await;
    for then in seen {
        let revision = then.header.unwrap().revision;
        let now = list(&instance, revision, 0, key(0)).await;
        assert_eq!((now.count, &now.kvs), (then.count, &then.kvs));
        let mut pages = Vec::new();
        let mut more = true;
        while more {
            let from = pages
                .last()
                .map_or(key(0), |kv: &KeyValue| successor(&kv.key));
            let page = list(&instance, revision, 400, from).await;
            assert_eq!(page.count as usize, then.kvs.len() - pages.len());
            pages.extend(page.kvs);
            more = page.more;
        }
        assert_eq!(pages, then.kvs);
    }
    instance.close().await;
}
