//! Seeded random operations over a small key space, so that they meet each other.

use crate::operation::{Answer, Operation};
use crate::support::random::Random;
use bytes::Bytes;
use kvtool::pb::etcdserverpb::compare::TargetUnion;
use kvtool::pb::etcdserverpb::request_op::Request;
use kvtool::pb::etcdserverpb::*;
use std::collections::BTreeSet;

/// Keys, with the bytes that break comparisons among them.
const KEYS: &[&[u8]] = &[
    b"\0",
    b"a",
    b"a\0",
    b"a/",
    b"a/1",
    b"a/2",
    b"a0",
    b"b",
    b"b/1",
    b"b/2",
    b"b/3",
    b"c",
    b"c\xff",
    b"c\xff\xff",
    b"d",
    b"e",
    b"f",
    b"g",
    b"\xff",
    b"\xff\xff",
];

/// Ends of ranges besides the keys: none, everything, ends of prefixes.
const ENDS: &[&[u8]] = &[b"", b"\0", b"a0", b"b0", b"d", b"h", b"\xff\xff\xff"];

const VALUES: &[&[u8]] = &[
    b"",
    b"0",
    b"1",
    b"2",
    b"\0",
    b"\xff",
    b"longer than the others",
];

/// Leases that operations are about; the last ones are never granted.
const LEASES: &[i64] = &[1, 2, 3, 4, 5, 6, 1 << 40, -7, 98, 99];
const GRANTED_LEASES: usize = 8;

/// Members that alarms are raised for.
const ALARM_MEMBERS: &[u64] = &[7, 8];

/// Watch streams of a run, and most watchers of one stream.
pub const STREAMS: usize = 3;
const WATCHERS: usize = 10;

/// The stream of the watchers that start in the future or too far in the past. etcd answers no
/// progress request on a stream while it holds one of them, and progress is how a run knows that
/// the watchers of the other streams have caught up.
pub const ODD_STREAM: usize = STREAMS - 1;

/// Makes operations, and knows enough of the answers to aim them.
pub struct Generator {
    random: Random,
    revision: i64,
    compacted: i64,
    compactions: BTreeSet<i64>,
    alarms: BTreeSet<(u64, i32)>,
    watchers: [Vec<i64>; STREAMS],
    follow_up: Option<FollowUp>,
    /// The transaction under way may delete ranges that have no end. etcd does not see that a put
    /// overlaps with those, and it crashes when such a put keeps the value or lease of the key.
    open_deletes: bool,
}

/// What comes right after a [`Operation::Settle`]; its details are chosen when its turn comes.
enum FollowUp {
    /// Watchers that are still catching up would race with a compaction.
    Compact,
    /// etcd answers the cancel of a watcher that a compaction has ended a second time, so it
    /// must be known which ones that are.
    Unwatch,
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            revision: 1,
            compacted: -1,
            compactions: BTreeSet::new(),
            alarms: BTreeSet::new(),
            watchers: Default::default(),
            follow_up: None,
            open_deletes: false,
        }
    }

    /// The revision below which nothing is left.
    pub fn compacted(&self) -> i64 {
        self.compacted
    }

    /// The next operation.
    pub fn next(&mut self) -> Operation {
        match self.follow_up.take() {
            Some(FollowUp::Compact) => {
                return Operation::Compact(CompactionRequest {
                    revision: self.compaction_revision(),
                    physical: self.random.one_in(3),
                });
            }
            Some(FollowUp::Unwatch) => return self.unwatch(),
            None => {}
        }
        if let Some((member_id, alarm)) = self.alarms.first().copied()
            && self.random.one_in(6)
        {
            return Operation::Alarm(AlarmRequest {
                action: 2,
                member_id,
                alarm,
            });
        }
        let weights = [260, 30, 260, 80, 220, 4, 14, 8, 12, 8, 4, 6, 2, 14, 8, 5, 2];
        match self.random.weighted(&weights) {
            0 => Operation::Range(self.range(false)),
            1 => Operation::RangeStream(self.stream_range()),
            2 => Operation::Put(self.put()),
            3 => Operation::Delete(self.delete()),
            4 => {
                self.open_deletes = self.random.one_in(2);
                Operation::Txn(self.txn(3))
            }
            5 => {
                self.follow_up = Some(FollowUp::Compact);
                Operation::Settle
            }
            6 => Operation::Grant(LeaseGrantRequest {
                ttl: self.ttl(),
                id: LEASES[self.random.below(GRANTED_LEASES as u64) as usize],
            }),
            7 => Operation::Revoke(LeaseRevokeRequest { id: self.lease() }),
            8 => Operation::TimeToLive(LeaseTimeToLiveRequest {
                id: self.lease(),
                keys: self.random.one_in(2),
            }),
            9 => Operation::KeepAlive(LeaseKeepAliveRequest { id: self.lease() }),
            10 => Operation::Leases(LeaseLeasesRequest {}),
            11 => Operation::HashKv(HashKvRequest {
                revision: self.hash_revision(),
            }),
            12 => {
                let action = self.random.below(3) as i32;
                let member_id = self.random.pick(ALARM_MEMBERS);
                Operation::Alarm(self.alarm(action, member_id))
            }
            13 => self.watch(),
            14 => {
                self.follow_up = Some(FollowUp::Unwatch);
                Operation::Settle
            }
            15 => Operation::Progress(self.random.below(ODD_STREAM as u64) as usize),
            _ => Operation::Settle,
        }
    }

    /// Learns from what the operation did.
    pub fn learn(&mut self, operation: &Operation, answer: &Answer) {
        self.revision = self.revision.max(answer.revision());
        match (operation, answer) {
            (Operation::Compact(request), Answer::Compact(_)) => {
                self.compacted = request.revision;
                self.compactions.insert(request.revision);
            }
            (Operation::Alarm(request), Answer::Alarm(_)) => {
                let alarm = (request.member_id, request.alarm);
                match request.action {
                    1 if request.alarm != 0 => {
                        self.alarms.insert(alarm);
                    }
                    2 => {
                        self.alarms.remove(&alarm);
                    }
                    _ => {}
                }
            }
            (Operation::Watch(stream, _), Answer::Watch(answer)) if !answer.canceled => {
                self.watchers[*stream].push(answer.watch_id);
            }
            _ => {}
        }
    }

    /// Forgets a watcher the server has ended.
    pub fn watcher_ended(&mut self, stream: usize, watch_id: i64) {
        self.watchers[stream].retain(|id| *id != watch_id);
    }

    fn key(&mut self) -> Bytes {
        if self.random.one_in(120) {
            return Bytes::new();
        }
        Bytes::from_static(self.random.pick(KEYS))
    }

    fn end(&mut self) -> Bytes {
        match self.random.below(10) {
            0..5 => Bytes::new(),
            5..8 => Bytes::from_static(self.random.pick(ENDS)),
            _ => Bytes::from_static(self.random.pick(KEYS)),
        }
    }

    fn value(&mut self) -> Bytes {
        match self.random.below(20) {
            0 => {
                let length = self.random.below(4000) as usize;
                Bytes::from(vec![self.random.next() as u8; length])
            }
            1..6 => Bytes::from(format!("value {}", self.random.below(1000))),
            _ => Bytes::from_static(self.random.pick(VALUES)),
        }
    }

    fn lease(&mut self) -> i64 {
        if self.random.one_in(8) {
            return self.random.pick(LEASES);
        }
        LEASES[self.random.below(GRANTED_LEASES as u64) as usize]
    }

    fn ttl(&mut self) -> i64 {
        match self.random.below(30) {
            0 => 9_000_000_001,
            1 => 9_000_000_000,
            // Long enough to outlive any run.
            _ => self.random.between(100_000, 900_000),
        }
    }

    fn revision(&mut self) -> i64 {
        let (revision, compacted) = (self.revision, self.compacted);
        match self.random.below(24) {
            0..12 => 0,
            12..16 => revision - self.random.between(0, 30),
            16 => revision,
            17 => revision + self.random.between(1, 3),
            18 => compacted,
            19 => compacted - 1,
            20 => compacted + 1,
            21 => -self.random.between(1, 3),
            22 => 1,
            _ => self.random.between(1, revision.max(1)),
        }
    }

    /// At a revision it was compacted to, etcd may answer with a hash from before that compaction,
    /// if its background work has come so far. So it may at 0, though that asks for the newest.
    fn hash_revision(&mut self) -> i64 {
        let mut revision = self.revision();
        if self.compactions.contains(&revision) {
            revision = 0;
        }
        while self.compactions.contains(&revision) {
            revision += 1;
        }
        revision
    }

    fn compaction_revision(&mut self) -> i64 {
        match self.random.below(12) {
            0 => self.random.between(-2, 0),
            1 => self.revision + self.random.between(0, 2),
            2 => self.compacted,
            _ => self.random.between(self.compacted.max(0), self.revision),
        }
    }

    fn limit(&mut self) -> i64 {
        match self.random.below(10) {
            0..6 => 0,
            6..9 => self.random.between(1, 6),
            _ => self.random.pick(&[-1, 20, 1000, i64::MAX]),
        }
    }

    fn range(&mut self, in_txn: bool) -> RangeRequest {
        let mut request = RangeRequest {
            key: self.key(),
            range_end: self.end(),
            limit: self.limit(),
            revision: self.revision(),
            serializable: self.random.one_in(4),
            keys_only: self.random.one_in(6),
            count_only: self.random.one_in(10),
            ..RangeRequest::default()
        };
        if self.random.one_in(3) {
            request.sort_order = self.random.below(3) as i32;
            request.sort_target = self.random.below(5) as i32;
        }
        if self.random.one_in(80) {
            request.sort_order = self.random.pick(&[3, -1]);
        }
        if self.random.one_in(80) {
            request.sort_target = self.random.pick(&[5, -1]);
        }
        if self.random.one_in(6) {
            self.revision_filters(&mut request);
        }
        if !in_txn {
            return request;
        }
        // Values by which keys are sorted cannot be looked up later, and one refused operation
        // refuses the transaction.
        request.keys_only &= request.sort_target != 4;
        if !self.random.one_in(8) {
            request.revision = 0;
        }
        request
    }

    fn revision_filters(&mut self, request: &mut RangeRequest) {
        let near = |generator: &mut Self| match generator.random.below(6) {
            0 => -1,
            1 => i64::MAX,
            _ => generator.revision - generator.random.between(0, 40),
        };
        if self.random.one_in(2) {
            request.min_mod_revision = near(self);
        }
        if self.random.one_in(3) {
            request.max_mod_revision = near(self);
        }
        if self.random.one_in(3) {
            request.min_create_revision = near(self);
        }
        if self.random.one_in(3) {
            request.max_create_revision = near(self);
        }
    }

    fn stream_range(&mut self) -> RangeRequest {
        let mut request = self.range(false);
        // Streams take neither sorting nor filters; most requests must get past that.
        if !self.random.one_in(8) {
            request = RangeRequest {
                sort_order: 0,
                sort_target: 0,
                min_mod_revision: 0,
                max_mod_revision: 0,
                min_create_revision: 0,
                max_create_revision: 0,
                ..request
            };
        }
        // Without an order etcd sorts every piece by itself, and goes on from the last of it.
        if request.sort_order == 0 && (0..5).contains(&request.sort_target) {
            request.sort_target = 0;
        }
        request
    }

    fn put(&mut self) -> PutRequest {
        let mut request = PutRequest {
            key: self.key(),
            value: self.value(),
            prev_kv: self.random.one_in(3),
            ignore_value: self.random.one_in(15),
            ignore_lease: self.random.one_in(15),
            lease: 0,
        };
        if self.random.one_in(4) {
            request.lease = self.lease();
        }
        // Most of the time the flags are used as they are meant.
        if request.ignore_value && !self.random.one_in(5) {
            request.value = Bytes::new();
        }
        if request.ignore_lease && !self.random.one_in(5) {
            request.lease = 0;
        }
        request
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        DeleteRangeRequest {
            key: self.key(),
            range_end: if self.random.one_in(3) {
                self.end()
            } else {
                Bytes::new()
            },
            prev_kv: self.random.one_in(2),
        }
    }

    fn txn(&mut self, depth: usize) -> TxnRequest {
        if self.random.one_in(150) {
            return self.large_txn();
        }
        let compares = self.random.below(4);
        TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success: self.branch(depth),
            failure: self.branch(depth),
        }
    }

    /// Around the 128 operations a transaction may have.
    fn large_txn(&mut self) -> TxnRequest {
        let operations = self.random.between(126, 130);
        let puts = self.random.one_in(2);
        let operation = |index: i64| {
            let key = Bytes::from(format!("large/{index}"));
            let request = if puts {
                Request::RequestPut(PutRequest {
                    key,
                    ..PutRequest::default()
                })
            } else {
                Request::RequestDeleteRange(DeleteRangeRequest {
                    key,
                    ..DeleteRangeRequest::default()
                })
            };
            RequestOp {
                request: Some(request),
            }
        };
        let mut request = TxnRequest {
            success: (0..operations).map(operation).collect(),
            ..TxnRequest::default()
        };
        if self.random.one_in(3) {
            // A child's budget is what its parent leaves.
            let child = Request::RequestTxn(request);
            request = TxnRequest {
                success: vec![RequestOp {
                    request: Some(child),
                }],
                ..TxnRequest::default()
            };
        }
        request
    }

    fn branch(&mut self, depth: usize) -> Vec<RequestOp> {
        let operations = self.random.weighted(&[2, 6, 4, 2, 1]);
        (0..operations)
            .map(|_| self.branch_operation(depth))
            .collect()
    }

    fn branch_operation(&mut self, depth: usize) -> RequestOp {
        let request = match self.random.below(40) {
            0..12 => Some(Request::RequestRange(self.range(true))),
            12..27 => Some(Request::RequestPut(self.put_in_txn())),
            27..33 => Some(Request::RequestDeleteRange(self.delete_in_txn())),
            33..39 if depth > 0 => Some(Request::RequestTxn(self.txn(depth - 1))),
            39 if self.random.one_in(4) => None,
            _ => Some(Request::RequestPut(self.put_in_txn())),
        };
        RequestOp { request }
    }

    fn put_in_txn(&mut self) -> PutRequest {
        let mut request = self.put();
        request.ignore_value &= !self.open_deletes;
        request.ignore_lease &= !self.open_deletes;
        request
    }

    fn delete_in_txn(&mut self) -> DeleteRangeRequest {
        let mut request = self.delete();
        if request.range_end == [0][..] && !self.open_deletes {
            request.range_end = Bytes::from_static(b"\xff\xff\xff");
        }
        request
    }

    fn compare(&mut self) -> Compare {
        let target = if self.random.one_in(100) {
            self.random.pick(&[5, -1])
        } else {
            self.random.below(5) as i32
        };
        let revision = match self.random.below(3) {
            0 => 0,
            _ => self.revision - self.random.between(-1, 25),
        };
        // The operand belongs to the target, but for once in a while.
        let operand = match self.random.below(40) {
            0 => self.random.below(6) as i32,
            1 => -1,
            _ => target,
        };
        let target_union = match operand {
            0 => Some(TargetUnion::Version(self.random.between(0, 4))),
            1 => Some(TargetUnion::CreateRevision(revision)),
            2 => Some(TargetUnion::ModRevision(revision)),
            3 => Some(TargetUnion::Value(self.value())),
            4 => Some(TargetUnion::Lease(match self.random.below(2) {
                0 => 0,
                _ => self.lease(),
            })),
            _ => None,
        };
        Compare {
            result: if self.random.one_in(100) {
                self.random.pick(&[4, -1])
            } else {
                self.random.below(4) as i32
            },
            target,
            key: self.key(),
            target_union,
            range_end: if self.random.one_in(5) {
                self.end()
            } else {
                Bytes::new()
            },
        }
    }

    fn alarm(&mut self, action: i32, member_id: u64) -> AlarmRequest {
        AlarmRequest {
            action,
            member_id,
            alarm: match (action, self.random.below(4)) {
                (0, 0..3) => 0,
                (_, 0) => 2,
                (_, 1) => 0,
                _ => 1,
            },
        }
    }

    fn watch(&mut self) -> Operation {
        let stream = self.random.below(STREAMS as u64) as usize;
        if self.watchers[stream].len() >= WATCHERS {
            self.follow_up = Some(FollowUp::Unwatch);
            return Operation::Settle;
        }
        let start_revision = if stream == ODD_STREAM {
            match self.random.below(6) {
                0..3 => self.revision + self.random.between(1, 20),
                3 => self.compacted - self.random.between(1, 3),
                _ => 0,
            }
        } else {
            match self.random.below(20) {
                0..8 => 0,
                8..12 => (self.oldest() + self.random.between(0, 2)).min(self.revision),
                12 => -1,
                13..16 => (self.revision - self.random.between(0, 100)).max(self.oldest()),
                _ => self.random.between(self.oldest(), self.revision),
            }
        };
        let filters = match self.random.below(12) {
            0 => vec![0],
            1 => vec![1],
            2 => vec![0, 1],
            3 => vec![5],
            _ => vec![],
        };
        let watch_id = match self.random.below(8) {
            // etcd keeps the id of a watcher that a compaction has ended.
            _ if stream == ODD_STREAM => 0,
            0 => self.random.between(1, 12),
            1 => self.watchers[stream].first().copied().unwrap_or(0),
            _ => 0,
        };
        let request = WatchCreateRequest {
            key: self.key(),
            range_end: self.end(),
            start_revision,
            progress_notify: self.random.one_in(4),
            filters,
            prev_kv: self.random.one_in(2),
            watch_id,
            fragment: self.random.one_in(4),
        };
        Operation::Watch(stream, request)
    }

    /// The oldest revision a watcher can start at.
    fn oldest(&self) -> i64 {
        self.compacted.clamp(1, self.revision)
    }

    fn unwatch(&mut self) -> Operation {
        let stream = self.random.below(STREAMS as u64) as usize;
        let watch_id = match self.watchers[stream].as_slice() {
            [] => 77,
            _ if self.random.one_in(10) => 77,
            ids => self.random.pick(ids),
        };
        Operation::Unwatch(stream, WatchCancelRequest { watch_id })
    }
}
