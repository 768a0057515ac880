//! Counts and pages while everything changes: each answer is held against a walk of the store at
//! its revision.

use crate::error::Error;
use crate::mvcc::keyspace::{KeyRange, Layout};
use crate::mvcc::read::{self, Cursor, Item};
use crate::mvcc::servers_test::FOREVER;
use crate::mvcc::{Instance, Options};
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::*;
use crate::store::faulty::{Faulty, Rates};
use crate::store::fdb::{Fdb, cluster::Cluster};
use crate::store::memory::Memory;
use crate::store::{Consistency, Store};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

const INSTANCE: &str = "counts";
const KEYS: u32 = 3000;
/// Room for a few hundred items: most of them are forgotten all the time.
const CACHE_BYTES: usize = 60_000;
/// Requests of each reader.
const READS: usize = 100;
/// Revisions that compaction leaves.
const KEPT: i64 = 2000;

fn key(number: u32) -> Bytes {
    Bytes::from(format!("k{number:05}"))
}

/// One server, and what its tasks need.
#[derive(Clone)]
struct Server {
    /// As it is, without faults.
    store: Store,
    layout: Layout,
    instance: Instance,
}

impl Server {
    async fn open(plain: &Store, store: Store, name: &str, cache_bytes: usize) -> Self {
        let options = Options {
            name: name.to_owned(),
            cache_bytes,
            ..Options::default()
        };
        Self {
            store: plain.clone(),
            layout: Layout::new(store.instance_prefix(INSTANCE).await.unwrap()),
            instance: Instance::open(store, INSTANCE, options).await.unwrap(),
        }
    }

    /// All keys of a range at a revision, as the store has them.
    async fn walk(&self, range: KeyRange, revision: i64) -> Result<Vec<Item>, Error> {
        let view = self.store.view(Consistency::Linearizable).await?;
        let state = read::state(&view, &self.layout).await?;
        read::check_revision(revision, &state)?;
        let (store, layout) = (self.store.clone(), self.layout.clone());
        let mut cursor = Cursor::open(store, layout, view, &state, range, revision);
        let mut items = Vec::new();
        while let Some(page) = cursor.next_page().await? {
            items.extend(page);
        }
        Ok(items)
    }

    async fn fill(&self) {
        for keys in (0..KEYS).collect::<Vec<_>>().chunks(100) {
            let put = |number: &u32| {
                self.instance.put(PutRequest {
                    key: key(*number),
                    value: vec![b'v'; 100].into(),
                    ..Default::default()
                })
            };
            for put in join_all(keys.iter().map(put)).await {
                put.unwrap();
            }
        }
    }

    async fn write(&self, random: &mut StdRng) {
        let number = random.random_range(0..KEYS);
        let outcome = match random.random_range(0..10) {
            0..7 => {
                let request = PutRequest {
                    key: key(number),
                    value: vec![b'v'; random.random_range(0..200)].into(),
                    ..Default::default()
                };
                self.instance.put(request).await.map(drop)
            }
            7..9 => self.delete(key(number), Bytes::new()).await,
            _ => self.delete(key(number), key(number + 20)).await,
        };
        // A store that fails may leave an outcome unknown.
        assert!(matches!(
            outcome,
            Ok(()) | Err(Error::Store(_) | Error::Timeout)
        ));
    }

    async fn delete(&self, key: Bytes, range_end: Bytes) -> Result<(), Error> {
        let request = DeleteRangeRequest {
            key,
            range_end,
            prev_kv: false,
        };
        self.instance.delete_range(request).await.map(drop)
    }

    async fn compact(&self) {
        let request = CompactionRequest {
            revision: self.instance.header().revision - KEPT,
            physical: true,
        };
        // Another server may have compacted further, or nothing is old enough.
        let _ = self.instance.compact(request).await;
    }

    /// A page, or a count alone; `after` is a revision that was seen before.
    async fn read(&self, random: &mut StdRng, after: i64) -> i64 {
        let number = random.random_range(0..KEYS);
        let range_end = match random.random_range(0..3) {
            0 => Bytes::from_static(b"\0"),
            1 => Bytes::from_static(b"l"),
            _ => key(number + random.random_range(0..1000)),
        };
        let is_count = random.random_bool(0.4);
        let revision = if random.random_bool(0.3) { after } else { 0 };
        let request = RangeRequest {
            key: key(number),
            range_end: range_end.clone(),
            limit: random.random_range(1..60),
            revision,
            count_only: is_count,
            serializable: random.random_bool(0.2),
            ..Default::default()
        };
        let answer = if random.random_bool(0.8) {
            self.instance.range(request.clone()).await
        } else {
            self.stream(request.clone()).await
        };
        let answer = match answer {
            Err(Error::Store(_) | Error::Compacted) => return after,
            // A view that lags does not hold what was seen before.
            Err(Error::FutureRevision) if request.serializable => return after,
            answer => answer.unwrap(),
        };
        let newest = answer.header.unwrap().revision;
        let at = if revision > 0 { revision } else { newest };
        let range = KeyRange::new(key(number), range_end);
        let items = match self.walk(range, at).await {
            Err(Error::Compacted) => return newest,
            items => items.unwrap(),
        };
        assert_eq!(answer.count, items.len() as i64, "{request:?} at {at}");
        let wanted = if is_count { 0 } else { request.limit as usize };
        let expected = items.iter().map(|(key, item)| (key, item.mod_revision));
        let found = answer.kvs.iter().map(|kv| (&kv.key, kv.mod_revision));
        assert!(found.eq(expected.take(wanted)), "{request:?} at {at}");
        assert_eq!(answer.more, !is_count && items.len() > wanted);
        newest
    }

    async fn stream(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        let mut chunks = Box::pin(self.instance.range_stream(request).await?);
        let mut answer = RangeResponse::default();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            answer.kvs.extend(chunk.kvs);
            (answer.header, answer.count, answer.more) = (chunk.header, chunk.count, chunk.more);
        }
        Ok(answer)
    }

    async fn watch(&self, seen: watch::Sender<usize>) {
        let create = WatchCreateRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            ..Default::default()
        };
        let request = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        let requests = futures_util::stream::iter([request]).chain(futures_util::stream::pending());
        let mut answers = Box::pin(self.instance.watch(None, requests));
        while let Some(Ok(answer)) = answers.next().await {
            let response = WatchResponse::from(answer);
            seen.send_modify(|seen| *seen += response.events.len());
        }
    }
}

/// Writers, readers, a watcher and a compactor on every server at the same time.
async fn stress(servers: &[Server]) {
    let mut watchers = Vec::new();
    let mut others = Vec::new();
    let mut readers = Vec::new();
    for server in servers {
        for _ in 0..2 {
            let server = server.clone();
            others.push(tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(rand::random());
                loop {
                    server.write(&mut random).await;
                    tokio::task::yield_now().await;
                }
            }));
            let server = servers[0].clone();
            others.push(tokio::spawn(async move {
                loop {
                    server.compact().await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }));
        }
        let (watching, (seen, events)) = (server.clone(), watch::channel(0));
        others.push(tokio::spawn(async move { watching.watch(seen).await }));
        watchers.push(events);
        for _ in 0..3 {
            let server = server.clone();
            readers.push(tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(rand::random());
                let mut after = server.instance.header().revision;
                for _ in 0..READS {
                    after = server.read(&mut random, after).await;
                }
            }));
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
    for mut events in watchers {
        let seen = events.wait_for(|events| *events > 0);
        timeout(FOREVER, seen).await.unwrap().unwrap();
    }
    for other in others {
        other.abort();
    }
}

/// A server for each of `stores`, twice: what the first ones leave the second ones find.
async fn check(stores: &[Store], cache_bytes: usize, rates: Rates) {
    for round in 0..2 {
        let mut faulty = Vec::new();
        let mut servers = Vec::new();
        for (number, store) in stores.iter().enumerate() {
            let failing = Faulty::new(store.clone(), number as u64, Rates::default());
            faulty.push(failing.clone());
            let name = format!("server {number}");
            let server = Server::open(store, Store::Faulty(failing), &name, cache_bytes);
            servers.push(server.await);
        }
        if round == 0 {
            servers[0].fill().await;
        }
        for store in &faulty {
            store.set_rates(rates);
        }
        stress(&servers).await;
        for store in &faulty {
            store.set_rates(Rates::default());
        }
        for server in servers {
            server.instance.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_while_keys_come_and_go() {
    for cache_bytes in [0, CACHE_BYTES, 1 << 30] {
        let store = Store::Memory(Memory::new());
        check(&[store], cache_bytes, Rates::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_on_a_store_that_fails() {
    let store = Store::Memory(Memory::new());
    check(&[store], CACHE_BYTES, Rates::ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_on_several_servers() {
    for cache_bytes in [0, CACHE_BYTES] {
        let store = Store::Memory(Memory::shared());
        check(&[store.clone(), store], cache_bytes, Rates::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_on_foundationdb() {
    if let Some(cluster) = Cluster::get("fdb counts") {
        let one = Store::Fdb(Fdb::of(cluster).await);
        let other = Store::Fdb(Fdb::of(cluster).await);
        check(&[one, other], CACHE_BYTES, Rates::default()).await;
    }
}
