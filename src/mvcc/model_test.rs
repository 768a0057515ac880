//! Random requests to an instance and to a small model of etcd, on every store, with faults.
//!
//! The model keeps every version of every key in one list and answers by walking it. It shares
//! no code with the instance but the messages.

use crate::error::Error;
use crate::mvcc::keyspace::{BLOB_CHUNK_BYTES, BLOB_THRESHOLD_BYTES, INDEX_STRIDE, Layout};
use crate::mvcc::{Instance, Options};
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::request_op::Request;
use crate::pb::etcdserverpb::response_op::Response;
use crate::pb::etcdserverpb::*;
use crate::pb::mvccpb::KeyValue;
use crate::store::faulty::{Faulty, Rates};
use crate::store::fdb::{Fdb, cluster::Cluster};
use crate::store::local::{BlockCache, Local};
use crate::store::memory::Memory;
use crate::store::raft::tests::{Trio, alone};
use crate::store::{Consistency, Direction, Limits, PageLimit, Store};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};

/// One version: the revision that wrote it, the key, and what it became.
type Version = (i64, Bytes, Option<KeyValue>);

#[derive(Debug, Clone, Default)]
struct Model {
    revision: i64,
    compacted: i64,
    versions: Vec<Version>,
    leases: BTreeSet<i64>,
    /// Writes of the transaction under way.
    pending: usize,
}

#[derive(Debug, Clone)]
enum Step {
    Range(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(i64),
    Grant(i64),
    Revoke(i64),
    TimeToLive(i64),
}

/// Keys written at once.
const MANY: usize = 50;

/// What a step came to, in a form both sides can produce.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Range(RangeResponse),
    Put(PutResponse),
    Delete(DeleteRangeResponse),
    Txn(TxnResponse),
    Revision(i64),
    Keys(Vec<Bytes>),
    Failed(Error),
}

impl Model {
    fn new() -> Self {
        Self {
            revision: 1,
            compacted: -1,
            ..Self::default()
        }
    }

    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            revision: self.revision + i64::from(self.pending > 0),
            ..Default::default()
        })
    }

    fn at(&self, revision: i64) -> BTreeMap<Bytes, KeyValue> {
        let mut live = BTreeMap::new();
        for (at, key, kv) in &self.versions {
            if *at <= revision {
                match kv {
                    Some(kv) => live.insert(key.clone(), kv.clone()),
                    None => live.remove(key),
                };
            }
        }
        live
    }

    fn live(&self, key: &Bytes, end: &Bytes, revision: i64) -> Vec<KeyValue> {
        let inside = |at: &Bytes| match end.as_ref() {
            [] => at == key,
            [0] => at >= key,
            _ => at >= key && at < end,
        };
        let all = self.at(revision).into_values();
        all.filter(|kv| inside(&kv.key)).collect()
    }

    fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        if request.key.is_empty() {
            return Err(Error::EmptyKey);
        }
        if request.revision > self.revision {
            return Err(Error::FutureRevision);
        }
        if request.revision > 0 && request.revision < self.compacted {
            return Err(Error::Compacted);
        }
        let revision = match request.revision {
            ..=0 => i64::MAX,
            revision => revision,
        };
        let mut kvs = self.live(&request.key, &request.range_end, revision);
        let count = kvs.len() as i64;
        kvs.retain(|kv| {
            kv.mod_revision >= request.min_mod_revision
                && (request.max_mod_revision == 0 || kv.mod_revision <= request.max_mod_revision)
        });
        if request.sort_order == range_request::SortOrder::Descend as i32 {
            kvs.reverse();
        }
        let limit = request.limit as usize;
        let more = !request.count_only && limit > 0 && kvs.len() > limit;
        if more {
            kvs.truncate(limit);
        }
        if request.count_only {
            kvs.clear();
        }
        if request.keys_only {
            for kv in &mut kvs {
                kv.value = Bytes::new();
                kv.lease = 0;
            }
        }
        Ok(RangeResponse {
            header: self.header(),
            kvs,
            more,
            count,
        })
    }

    fn check_put(&self, request: &PutRequest) -> Result<(), Error> {
        if request.lease != 0 && !self.leases.contains(&request.lease) {
            return Err(Error::LeaseNotFound);
        }
        if request.ignore_value && !self.at(i64::MAX).contains_key(&request.key) {
            return Err(Error::KeyNotFound);
        }
        Ok(())
    }

    fn put(&mut self, request: &PutRequest) -> PutResponse {
        let before = self.at(i64::MAX).remove(&request.key);
        let revision = self.revision + 1;
        let value = match &before {
            Some(before) if request.ignore_value => before.value.clone(),
            _ => request.value.clone(),
        };
        let kv = KeyValue {
            key: request.key.clone(),
            create_revision: before.as_ref().map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: before.as_ref().map_or(1, |kv| kv.version + 1),
            value,
            lease: request.lease,
        };
        self.versions
            .push((revision, request.key.clone(), Some(kv)));
        self.pending += 1;
        PutResponse {
            header: self.header(),
            prev_kv: before.filter(|_| request.prev_kv),
        }
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let doomed = self.live(&request.key, &request.range_end, i64::MAX);
        for kv in &doomed {
            self.versions
                .push((self.revision + 1, kv.key.clone(), None));
            self.pending += 1;
        }
        DeleteRangeResponse {
            header: self.header(),
            deleted: doomed.len() as i64,
            prev_kvs: if request.prev_kv { doomed } else { Vec::new() },
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let mut kvs = self.live(&compare.key, &compare.range_end, i64::MAX);
        if kvs.is_empty() {
            if compare.target == CompareTarget::Value as i32 {
                return false;
            }
            kvs.push(KeyValue::default());
        }
        kvs.iter().all(|kv| {
            let ordering = match compare.target_union.as_ref() {
                Some(TargetUnion::Version(wanted)) => kv.version.cmp(wanted),
                Some(TargetUnion::CreateRevision(wanted)) => kv.create_revision.cmp(wanted),
                Some(TargetUnion::ModRevision(wanted)) => kv.mod_revision.cmp(wanted),
                Some(TargetUnion::Lease(wanted)) => kv.lease.cmp(wanted),
                Some(TargetUnion::Value(wanted)) => kv.value.cmp(wanted),
                None => unreachable!("the generator always sets one"),
            };
            match compare.result() {
                CompareResult::Equal => ordering.is_eq(),
                CompareResult::NotEqual => ordering.is_ne(),
                CompareResult::Greater => ordering.is_gt(),
                CompareResult::Less => ordering.is_lt(),
            }
        })
    }

    /// The operations a transaction will do, nested ones by their own compares.
    fn plan(&self, txn: &TxnRequest) -> (bool, Vec<Planned>) {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        let ops = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let planned = ops.iter().map(|op| match op.request.clone() {
            Some(Request::RequestTxn(txn)) => {
                let (succeeded, ops) = self.plan(&txn);
                Planned::Txn(succeeded, ops)
            }
            Some(request) => Planned::One(request),
            None => unreachable!("the generator always sets one"),
        });
        (succeeded, planned.collect())
    }

    fn check(&self, ops: &[Planned]) -> Result<(), Error> {
        for op in ops {
            match op {
                Planned::One(Request::RequestPut(put)) => self.check_put(put)?,
                Planned::One(Request::RequestRange(range)) => {
                    self.range(range)?;
                }
                Planned::One(_) => {}
                Planned::Txn(_, ops) => self.check(ops)?,
            }
        }
        Ok(())
    }

    fn run(&mut self, succeeded: bool, ops: &[Planned]) -> TxnResponse {
        let mut responses = Vec::new();
        for op in ops {
            let response = match op {
                Planned::One(Request::RequestRange(range)) => match self.range(range) {
                    Ok(response) => Response::ResponseRange(response),
                    Err(error) => unreachable!("checked before: {error}"),
                },
                Planned::One(Request::RequestPut(put)) => Response::ResponsePut(self.put(put)),
                Planned::One(Request::RequestDeleteRange(delete)) => {
                    Response::ResponseDeleteRange(self.delete(delete))
                }
                Planned::One(Request::RequestTxn(_)) => unreachable!("planned as Txn"),
                Planned::Txn(succeeded, ops) => Response::ResponseTxn(self.run(*succeeded, ops)),
            };
            responses.push(ResponseOp {
                response: Some(response),
            });
        }
        TxnResponse {
            header: Some(ResponseHeader::default()),
            succeeded,
            responses,
        }
    }

    fn commit(&mut self) {
        self.revision += i64::from(self.pending > 0);
        self.pending = 0;
    }

    fn apply(&mut self, step: &Step) -> Answer {
        let answer = self.try_apply(step).unwrap_or_else(Answer::Failed);
        self.commit();
        answer
    }

    fn try_apply(&mut self, step: &Step) -> Result<Answer, Error> {
        Ok(match step {
            Step::Range(range) => Answer::Range(self.range(range)?),
            Step::Put(put) => {
                self.check_put(put)?;
                Answer::Put(self.put(put))
            }
            Step::Delete(delete) => Answer::Delete(self.delete(delete)),
            Step::Txn(txn) => {
                check_duplicates(txn)?;
                let (succeeded, ops) = self.plan(txn);
                self.check(&ops)?;
                let mut response = self.run(succeeded, &ops);
                response.header = self.header();
                Answer::Txn(response)
            }
            Step::Compact(revision) => {
                if *revision <= self.compacted {
                    return Err(Error::Compacted);
                }
                if *revision > self.revision {
                    return Err(Error::FutureRevision);
                }
                self.compacted = *revision;
                Answer::Revision(self.revision)
            }
            Step::Grant(id) => {
                if !self.leases.insert(*id) {
                    return Err(Error::LeaseExists);
                }
                Answer::Revision(self.revision)
            }
            Step::Revoke(id) => {
                if !self.leases.remove(id) {
                    return Err(Error::LeaseNotFound);
                }
                for key in self.attached(*id) {
                    self.versions.push((self.revision + 1, key, None));
                    self.pending += 1;
                }
                Answer::Revision(self.revision + i64::from(self.pending > 0))
            }
            Step::TimeToLive(id) => Answer::Keys(self.attached(*id)),
        })
    }

    fn attached(&self, lease: i64) -> Vec<Bytes> {
        let live = self.at(i64::MAX).into_values();
        live.filter(|kv| kv.lease == lease)
            .map(|kv| kv.key)
            .collect()
    }
}

#[derive(Debug, Clone)]
enum Planned {
    One(Request),
    Txn(bool, Vec<Planned>),
}

/// An operation on a way through the branches, and its place at each level of nesting.
type Placed = (Vec<usize>, Request);

/// The model's own reading of which transactions write a key twice: along no way through the
/// branches may a key be put twice, or put and deleted.
fn check_duplicates(txn: &TxnRequest) -> Result<(), Error> {
    for way in ways(&txn.success).into_iter().chain(ways(&txn.failure)) {
        for (first, (at, request)) in way.iter().enumerate() {
            for (other_at, other) in &way[first + 1..] {
                let writes_twice = match (request, other) {
                    (Request::RequestPut(a), Request::RequestPut(b)) => a.key == b.key,
                    (Request::RequestDeleteRange(delete), Request::RequestPut(put)) => {
                        deletes(delete, put)
                    }
                    (Request::RequestPut(put), Request::RequestDeleteRange(delete)) => {
                        deletes(delete, put) && !is_overlooked(at, other_at)
                    }
                    _ => false,
                };
                if writes_twice {
                    return Err(Error::DuplicateKey);
                }
            }
        }
    }
    Ok(())
}

fn deletes(delete: &DeleteRangeRequest, put: &PutRequest) -> bool {
    if delete.range_end.is_empty() {
        put.key == delete.key
    } else {
        delete.key <= put.key && put.key < delete.range_end
    }
}

/// etcd does not see that a nested transaction deletes what one beside it, before it, has put.
fn is_overlooked(put: &[usize], delete: &[usize]) -> bool {
    let shared = put.iter().zip(delete).take_while(|(a, b)| a == b).count();
    put.len() > shared + 1 && delete.len() > shared + 1
}

/// All ways through a branch.
fn ways(ops: &[RequestOp]) -> Vec<Vec<Placed>> {
    let mut all: Vec<Vec<Placed>> = vec![Vec::new()];
    for (place, op) in ops.iter().enumerate() {
        let Some(request) = &op.request else { continue };
        let nested = match request {
            Request::RequestTxn(txn) => [ways(&txn.success), ways(&txn.failure)].concat(),
            one => vec![vec![(Vec::new(), one.clone())]],
        };
        let placed = nested.into_iter().map(|way| {
            let under = |(at, request)| ([vec![place], at].concat(), request);
            way.into_iter().map(under).collect::<Vec<Placed>>()
        });
        let placed: Vec<_> = placed.collect();
        all = all
            .iter()
            .flat_map(|way| placed.iter().map(|end| [way.clone(), end.clone()].concat()))
            .collect();
    }
    all
}

async fn apply(instance: &Instance, step: &Step) -> Answer {
    let answer = try_apply(instance, step).await;
    let mut answer = answer.unwrap_or_else(Answer::Failed);
    // The model has no ids.
    let header = match &mut answer {
        Answer::Range(response) => &mut response.header,
        Answer::Put(response) => &mut response.header,
        Answer::Delete(response) => &mut response.header,
        Answer::Txn(response) => &mut response.header,
        _ => return answer,
    };
    if let Some(header) = header {
        (header.cluster_id, header.member_id, header.raft_term) = (0, 0, 0);
    }
    answer
}

async fn try_apply(instance: &Instance, step: &Step) -> Result<Answer, Error> {
    let revision = |header: Option<ResponseHeader>| {
        Answer::Revision(header.map_or(0, |header| header.revision))
    };
    Ok(match step.clone() {
        Step::Range(range) => {
            let whole = instance.range(range.clone()).await?;
            let listed = instance.list(range).await?;
            assert_eq!(listed.into_message(), whole);
            Answer::Range(whole)
        }
        Step::Put(put) => Answer::Put(instance.put(put).await?),
        Step::Delete(delete) => Answer::Delete(instance.delete_range(delete).await?),
        Step::Txn(txn) => Answer::Txn(instance.txn(txn).await?),
        Step::Compact(revision_wanted) => {
            let request = CompactionRequest {
                revision: revision_wanted,
                physical: true,
            };
            revision(instance.compact(request).await?.header)
        }
        Step::Grant(id) => {
            let request = LeaseGrantRequest { ttl: 10_000, id };
            revision(instance.lease_grant(request).await?.header)
        }
        Step::Revoke(id) => {
            let request = LeaseRevokeRequest { id };
            revision(instance.lease_revoke(request).await?.header)
        }
        Step::TimeToLive(id) => {
            let request = LeaseTimeToLiveRequest { id, keys: true };
            Answer::Keys(instance.lease_time_to_live(request).await?.keys)
        }
    })
}

fn key() -> impl Strategy<Value = Bytes> {
    let keys: &'static [&'static [u8]] = &[b"a", b"a\0", b"ab", b"b", b"b\0\xff", b"c"];
    prop_oneof![
        3 => prop::sample::select(keys).prop_map(Bytes::from_static),
        2 => (0..MANY).prop_map(numbered),
    ]
}

/// One of so many that they fill several buckets of the counts.
fn numbered(number: usize) -> Bytes {
    Bytes::from(format!("n{number:02}"))
}

/// All of them at once.
fn many() -> Step {
    let put = |number| RequestOp {
        request: Some(Request::RequestPut(PutRequest {
            key: numbered(number),
            value: Bytes::from_static(b"many"),
            ..Default::default()
        })),
    };
    Step::Txn(TxnRequest {
        success: (0..MANY).map(put).collect(),
        ..Default::default()
    })
}

fn range_end() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => Just(Bytes::new()),
        1 => Just(Bytes::from_static(b"\0")),
        3 => key(),
    ]
}

fn range() -> impl Strategy<Value = RangeRequest> {
    let flags = (any::<bool>(), prop::bool::weighted(0.2), any::<bool>());
    let revisions = (
        prop_oneof![3 => Just(0i64), 2 => 1..60i64],
        prop_oneof![4 => Just(0i64), 1 => 1..30i64],
    );
    (key(), range_end(), 0..4i64, revisions, flags).prop_map(
        |(
            key,
            range_end,
            limit,
            (revision, min_mod_revision),
            (keys_only, count_only, descend),
        )| {
            RangeRequest {
                key,
                range_end,
                limit,
                revision,
                min_mod_revision,
                keys_only,
                count_only,
                sort_order: if descend { 2 } else { 0 },
                ..Default::default()
            }
        },
    )
}

fn put() -> impl Strategy<Value = PutRequest> {
    let value = prop_oneof![
        8 => (0..4u8, 0..20usize).prop_map(|(byte, len)| vec![byte; len]),
        // A blob, in several pieces.
        1 => (0..4u8, 65_537..140_000usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let lease = prop_oneof![3 => Just(0i64), 1 => 1..4i64];
    (
        key(),
        value,
        lease,
        any::<bool>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(key, value, lease, prev_kv, ignore_value)| PutRequest {
            key,
            value: if ignore_value {
                Bytes::new()
            } else {
                value.into()
            },
            lease,
            prev_kv,
            ignore_value,
            ignore_lease: false,
        })
}

fn delete() -> impl Strategy<Value = DeleteRangeRequest> {
    (key(), range_end(), any::<bool>()).prop_map(|(key, range_end, prev_kv)| DeleteRangeRequest {
        key,
        // An open end is exempt from the check for duplicates, which the model does not copy.
        range_end: if range_end.as_ref() == b"\0" {
            Bytes::new()
        } else {
            range_end
        },
        prev_kv,
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    let target = prop_oneof![
        (0..4i64).prop_map(TargetUnion::Version),
        (0..30i64).prop_map(TargetUnion::CreateRevision),
        (0..30i64).prop_map(TargetUnion::ModRevision),
        (0..3i64).prop_map(TargetUnion::Lease),
        (0..3u8, 0..3usize).prop_map(|(byte, len)| TargetUnion::Value(vec![byte; len].into())),
    ];
    (key(), range_end(), 0..4i32, target).prop_map(|(key, range_end, result, target)| Compare {
        result,
        target: match target {
            TargetUnion::Version(_) => CompareTarget::Version,
            TargetUnion::CreateRevision(_) => CompareTarget::Create,
            TargetUnion::ModRevision(_) => CompareTarget::Mod,
            TargetUnion::Value(_) => CompareTarget::Value,
            TargetUnion::Lease(_) => CompareTarget::Lease,
        }
        .into(),
        key,
        range_end,
        target_union: Some(target),
    })
}

fn txn() -> impl Strategy<Value = TxnRequest> {
    let op = prop_oneof![
        range().prop_map(Request::RequestRange),
        put().prop_map(Request::RequestPut),
        delete().prop_map(Request::RequestDeleteRange),
    ];
    let wrap = |requests: Vec<Request>| {
        let wrap_one = |request| RequestOp {
            request: Some(request),
        };
        requests.into_iter().map(wrap_one).collect::<Vec<_>>()
    };
    let branches = move |op: BoxedStrategy<Request>| {
        (
            prop::collection::vec(compare(), 0..3),
            prop::collection::vec(op.clone(), 0..4),
            prop::collection::vec(op, 0..3),
        )
            .prop_map(move |(compare, success, failure)| TxnRequest {
                compare,
                success: wrap(success),
                failure: wrap(failure),
            })
    };
    let flat = branches(op.clone().boxed()).boxed();
    let nested = prop_oneof![3 => op, 1 => flat.prop_map(Request::RequestTxn)].boxed();
    branches(nested)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => range().prop_map(Step::Range),
        6 => put().prop_map(Step::Put),
        2 => delete().prop_map(Step::Delete),
        6 => txn().prop_map(Step::Txn),
        1 => (-1..60i64).prop_map(Step::Compact),
        1 => (1..4i64).prop_map(Step::Grant),
        1 => (1..4i64).prop_map(Step::Revoke),
        1 => (1..4i64).prop_map(Step::TimeToLive),
    ];
    prop::collection::vec(step, 1..60)
}

/// No cache, one that must forget all the time, one that knows everything.
fn cache_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(2_000), Just(1 << 30)]
}

/// Opens the instance through each of `stores`, which hold the same data, and lets these servers
/// take the steps in turn.
fn check(stores: &[Store], reopen: bool, cache_bytes: usize, steps: &[Step]) {
    // Where nothing waits for other threads, pauses need not last.
    let is_in_memory = match &stores[0] {
        Store::Faulty(store) => store.is_in_memory(),
        store => matches!(store, Store::Memory(_)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(is_in_memory)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut model = Model::new();
        // A cluster outlives the test.
        let name = rand::random::<u64>().to_string();
        let mut instances = Vec::new();
        for store in stores {
            instances.push(open(store, &name, cache_bytes).await);
        }
        set_rates(stores, Rates::ALL);
        let many = many();
        let steps = steps
            .iter()
            .take(1)
            .chain([&many])
            .chain(steps.iter().skip(1));
        for (number, step) in steps.enumerate() {
            let turn = number % stores.len();
            if reopen && number % 20 == 19 {
                instances[turn].close().await;
                instances[turn] = open(&stores[turn], &name, cache_bytes).await;
            }
            let expected = model.apply(step);
            let answer = loop {
                match apply(&instances[turn], step).await {
                    // Reads do not hide that a store is out of reach; here it is for a moment.
                    Answer::Failed(Error::Store(_)) => {}
                    answer => break answer,
                }
            };
            assert_eq!(answer, expected, "step {number}: {step:?}");
        }
        set_rates(stores, Rates::default());
        check_what_compaction_leaves(&stores[0], &name, &instances, &mut model).await;
        for instance in instances {
            instance.close().await;
        }
    });
}

async fn open(store: &Store, name: &str, cache_bytes: usize) -> Instance {
    let options = Options {
        cache_bytes,
        ..Options::default()
    };
    Instance::open(store.clone(), name, options)
        .await
        .expect("the instance opens")
}

fn set_rates(stores: &[Store], rates: Rates) {
    for store in stores {
        if let Store::Faulty(store) = store {
            store.set_rates(rates);
        }
    }
}

/// Another server of a cluster.
fn fdb(cluster: &Cluster) -> Store {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    Store::Fdb(runtime.block_on(Fdb::of(cluster)))
}

/// After a compaction to the newest revision, the store holds the live keys and nothing else.
async fn check_what_compaction_leaves(
    store: &Store,
    name: &str,
    servers: &[Instance],
    model: &mut Model,
) {
    let instance = &servers[0];
    // A deletion at the compacted revision would stay.
    let last = Step::Put(PutRequest {
        key: Bytes::from_static(b"z"),
        ..Default::default()
    });
    assert_eq!(apply(instance, &last).await, model.apply(&last));
    let compact = Step::Compact(model.revision);
    assert_eq!(apply(instance, &compact).await, model.apply(&compact));

    let layout = Layout::new(store.instance_prefix(name).await.expect("a prefix"));
    let live = model.at(i64::MAX);
    let is_blob = |kv: &&KeyValue| kv.value.len() > BLOB_THRESHOLD_BYTES;
    let pieces = |kv: &KeyValue| kv.value.len().div_ceil(BLOB_CHUNK_BYTES);
    let is_indexed = |kv: &&KeyValue| kv.version % INDEX_STRIDE == 0;
    let expected = [
        (b'c', live.len()),
        (b'h', live.len()),
        (b'k', live.values().filter(is_indexed).count()),
        (b'b', live.values().filter(is_blob).map(pieces).sum()),
        (b'a', live.values().filter(|kv| kv.lease != 0).count()),
        (b'l', model.leases.len()),
        (b'd', model.leases.len()),
        (b's', 0),
        (b'w', servers.len()),
    ];
    let view = store.view(Consistency::Linearizable).await.expect("a view");
    for (subspace, records) in expected {
        let (start, end) = layout.subspace(subspace);
        let all = PageLimit {
            items: usize::MAX,
            bytes: usize::MAX,
        };
        let page = view.scan(&start, &end, all, Direction::Forward).await;
        let found = page.expect("a page").items.len();
        assert_eq!(found, records, "records in '{}'", char::from(subspace));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn memory_answers_as_the_model(steps in steps(), cache in cache_bytes()) {
        check(&[Store::Memory(Memory::new())], true, cache, &steps);
    }

    #[test]
    fn a_store_of_small_batches_answers_as_the_model(steps in steps(), cache in cache_bytes()) {
        // Values of several pieces must be staged.
        let limits = Limits { batch_bytes: 280_000, key_bytes: 10_000, value_bytes: 100_000 };
        check(&[Store::Memory(Memory::with_limits(limits))], true, cache, &steps);
    }

    #[test]
    fn a_store_that_fails_answers_as_the_model(steps in steps(), cache in cache_bytes(), seed in any::<u64>()) {
        let store = Faulty::new(Store::Memory(Memory::new()), seed, Rates::default());
        check(&[Store::Faulty(store)], false, cache, &steps);
    }

    #[test]
    fn two_servers_in_turn_answer_as_the_model(steps in steps(), cache in cache_bytes()) {
        let store = Store::Memory(Memory::shared());
        check(&[store.clone(), store], true, cache, &steps);
    }

    #[test]
    fn two_servers_on_a_store_that_fails_answer_as_the_model(steps in steps(), cache in cache_bytes(), seed in any::<u64>()) {
        let memory = Store::Memory(Memory::shared());
        let store = |seed| Store::Faulty(Faulty::new(memory.clone(), seed, Rates::default()));
        check(&[store(seed), store(!seed)], false, cache, &steps);
    }
}

proptest! {
    // Every case opens a store and waits for its disk.
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn local_answers_as_the_model(steps in steps(), cache in cache_bytes()) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Local::open(directory.path(), BlockCache::default()).expect("the store opens");
        check(&[Store::Local(store)], true, cache, &steps);
    }

    #[test]
    fn a_group_of_one_answers_as_the_model(steps in steps(), cache in cache_bytes()) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::Raft(alone(directory.path()));
        check(&[store], true, cache, &steps);
    }

    #[test]
    fn two_servers_on_foundationdb_answer_as_the_model(steps in steps(), cache in cache_bytes(), seed in any::<u64>()) {
        if let Some(cluster) = Cluster::get("fdb model") {
            let stores = [fdb(cluster), fdb(cluster)];
            check(&stores, true, cache, &steps);
            let [one, two] = stores;
            let failing = |store, seed| Store::Faulty(Faulty::new(store, seed, Rates::default()));
            check(&[failing(one, seed), failing(two, !seed)], false, cache, &steps);
        }
    }
}

/// In turn, with and without faults.
#[test]
fn members_of_a_group_answer_as_the_model() {
    let root = tempfile::tempdir().expect("a directory");
    let trio = Trio::new(root.path().to_owned());
    let stores = [1, 2, 3].map(|id| Store::Raft(trio.get(id)));
    let config = ProptestConfig {
        cases: 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = (steps(), cache_bytes(), any::<u64>());
    let mut runner = TestRunner::new(config);
    let ran = runner.run(&cases, |(steps, cache, seed)| {
        check(&stores, true, cache, &steps);
        let failing = stores
            .clone()
            .map(|store| Store::Faulty(Faulty::new(store, seed, Rates::default())));
        check(&failing, false, cache, &steps);
        Ok(())
    });
    ran.expect("the model is right");
}
