//! What requests cost on FoundationDB: mutations and bytes of a put, reads of a list.
//!
//! A page of a list is one scan. FoundationDB cuts its answers at [`REPLY_BYTES`], so a page of many
//! bytes takes several range reads, one after the other.

use crate::mvcc::keyspace::{INDEX_STRIDE, Layout};
use crate::mvcc::{Instance, Options};
use crate::pb::etcdserverpb::{PutRequest, RangeRequest};
use crate::store::fdb::costs::Call;
use crate::store::fdb::{Fdb, cluster::Cluster};
use crate::store::{Op, Store};
use bytes::Bytes;
use futures_util::future::join_all;

/// `c` and `h`; and `k`, once in so many versions as [`INDEX_STRIDE`] says.
const RECORDS_PER_PUT: usize = 2;
/// The state and the mark of the writer.
const RECORDS_PER_BATCH: usize = 2;
/// Keys, and what stands beside the value in its two records.
const OVERHEAD_BYTES_PER_PUT: usize = 250;
const OVERHEAD_BYTES_PER_BATCH: usize = 150;
const VALUE_BYTES: [usize; 2] = [256, 10 * 1024];
/// What stands beside the value in the record of a list, with the key's own prefix.
const RECORD_BYTES: usize = 16;
/// Items and bytes of a page of a cursor.
const PAGE_ITEMS: usize = 1000;
const PAGE_BYTES: usize = 1 << 20;
/// FoundationDB answers a range read with no more, and counts so much for an item beside its bytes.
const REPLY_BYTES: usize = 80_000;
const ITEM_BYTES: usize = 32;

struct Server {
    fdb: Fdb,
    layout: Layout,
    instance: Instance,
}

impl Server {
    async fn open(cluster: &Cluster, name: &str) -> Self {
        let fdb = Fdb::of(cluster).await;
        let store = Store::Fdb(fdb.clone());
        let layout = Layout::new(store.instance_prefix(name).await.unwrap());
        // Without a cache, so that all reads are the store's.
        let options = Options {
            cache_bytes: 0,
            ..Options::default()
        };
        let instance = Instance::open(store, name, options).await.unwrap();
        Self {
            fdb,
            layout,
            instance,
        }
    }

    async fn put(&self, number: usize, value: Bytes) {
        let request = PutRequest {
            key: key(number),
            value,
            ..PutRequest::default()
        };
        self.instance.put(request).await.unwrap();
    }

    /// Puts keys `0..count` at once, so that several share a batch.
    async fn put_all(&self, count: usize, value: &Bytes) {
        join_all((0..count).map(|number| self.put(number, value.clone()))).await;
    }

    /// The batches written since the last look, without the beats of the leader.
    fn batches(&self) -> Vec<Vec<Op>> {
        let leader = self.layout.leader();
        let is_beat = |ops: &[Op]| matches!(ops, [Op::Set(key, _)] if *key == leader);
        let calls = self.fdb.costs().take().into_iter();
        calls
            .filter_map(|call| match call {
                Call::Commit(ops) if !is_beat(&ops) => Some(ops),
                _ => None,
            })
            .collect()
    }
}

fn key(number: usize) -> Bytes {
    format!("/registry/pods/default/pod-{number:08}").into()
}

fn value(length: usize) -> Bytes {
    // No record holds such bytes by chance.
    (0..length).map(|place| 128 + (place % 97) as u8).collect()
}

fn holds(op: &Op, value: &Bytes) -> bool {
    matches!(op, Op::Set(_, record) if record.ends_with(value))
}

#[tokio::test]
async fn a_put_writes_two_records_and_its_value_twice() {
    let Some(cluster) = Cluster::get("costs of a put") else {
        return;
    };
    let server = Server::open(cluster, "costs-put").await;
    for length in VALUE_BYTES {
        let value = value(length);
        for (what, puts) in [("alone", 1), ("100 at once", 100), ("again", 100)] {
            server.batches();
            server.put_all(puts, &value).await;
            let batches = server.batches();
            let ops: Vec<&Op> = batches.iter().flatten().collect();
            let bytes: usize = ops.iter().map(|op| op.size_bytes()).sum();
            let values = ops.iter().filter(|op| holds(op, &value)).count();
            println!(
                "put of {length} B, {what}: {} batches, {:.2} mutations and {} B per put, value \
                 written {:.2} times",
                batches.len(),
                ops.len() as f64 / puts as f64,
                bytes / puts,
                values as f64 / puts as f64,
            );
            let batches = batches.len();
            assert!(puts == 1 || batches < puts / 2, "they share batches");
            assert_eq!(
                ops.len(),
                RECORDS_PER_PUT * puts + RECORDS_PER_BATCH * batches
            );
            assert_eq!(values, 2 * puts);
            let overhead = bytes - 2 * length * puts;
            assert!(
                overhead <= OVERHEAD_BYTES_PER_PUT * puts + OVERHEAD_BYTES_PER_BATCH * batches,
                "{overhead} B beside the values"
            );
        }
    }
    server.batches();
    for _ in 0..INDEX_STRIDE {
        server.put(0, Bytes::new()).await;
    }
    let (start, end) = server.layout.subspace(b'k');
    let in_index = |op: &&Op| matches!(op, Op::Set(key, _) if (&start..&end).contains(&key));
    let batches = server.batches();
    assert_eq!(batches.iter().flatten().filter(in_index).count(), 1);
    server.instance.close().await;
}

#[tokio::test]
async fn a_list_costs_no_more_range_reads_than_answers_that_hold_it() {
    let Some(cluster) = Cluster::get("costs of a list") else {
        return;
    };
    for (length, keys) in VALUE_BYTES.into_iter().zip([2500, 500]) {
        let server = Server::open(cluster, &format!("costs-list-{length}")).await;
        server.put_all(keys, &value(length)).await;
        server.instance.counted().await;
        server.fdb.costs().take();
        let request = RangeRequest {
            key: "/".into(),
            range_end: "0".into(),
            ..RangeRequest::default()
        };
        let list = server.instance.range(request).await.unwrap();
        assert_eq!(list.kvs.len(), keys);
        let calls = server.fdb.costs().take();
        // What the server reads beside, of its own records, is no read of a key.
        let of_keys = [b'c', b'h', b'k'].map(|subspace| server.layout.subspace(subspace));
        let is_of_keys = |key: &Bytes| of_keys.iter().any(|(from, end)| (from..end).contains(&key));
        let is_get = |call: &&Call| matches!(call, Call::Get(key) if is_of_keys(key));
        let gets = calls.iter().filter(is_get).count();
        let range_reads = calls.iter().filter(|call| matches!(call, Call::RangeRead));
        let range_reads = range_reads.count();
        let item_bytes = length + key(0).len() + RECORD_BYTES;
        let page_items = PAGE_ITEMS.min(PAGE_BYTES.div_ceil(item_bytes));
        let reply_items = REPLY_BYTES / (item_bytes + ITEM_BYTES);
        // Every page needs one item more, to know whether there is one, at times by another read.
        let (whole, last) = (keys / page_items, keys % page_items);
        let expected = whole * (page_items + 1).div_ceil(reply_items) + last.div_ceil(reply_items);
        let pages = keys.div_ceil(page_items);
        println!(
            "list of {keys} keys of {length} B: {pages} pages, {range_reads} range reads, {gets} \
             reads of keys"
        );
        assert_eq!(gets, 0);
        assert!(range_reads >= pages);
        assert!(
            range_reads <= expected + pages,
            "more than the {expected} answers that hold the list, and one for each page"
        );
        server.instance.close().await;
    }
}
