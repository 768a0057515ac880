//! Writers: random requests, and a record of what became of each.

use super::client::Client;
use super::history::{Request, Response};
use super::random::Random;
use super::recorder::{ANSWER_LIMIT, Recorder, lost, refused};
use bytes::Bytes;
use kvtool::pb::etcdserverpb::compare::{CompareTarget, TargetUnion};
use kvtool::pb::etcdserverpb::request_op::Request as OpRequest;
use kvtool::pb::etcdserverpb::response_op::Response as OpResponse;
use kvtool::pb::etcdserverpb::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Keys all writers share, so that they meet.
const KEYS: u64 = 24;

/// Values that a store may keep apart from their keys, whole or in pieces.
const LARGE_BYTES: usize = 3_000;
const PIECES_BYTES: usize = 100_000;

/// Lease of the writers' leased keys: far longer than a test.
const LEASE_SECONDS: i64 = 100_000;

/// The key that writers count in: each new value is one more than that which it replaces.
pub const COUNTER: &str = "key/count";

/// Pause of a writer that goes on after a request without an answer.
const PAUSE: Duration = Duration::from_millis(200);

/// What the writers of one round share.
#[derive(Default)]
pub struct Progress {
    /// Requests answered.
    pub answered: AtomicU64,
    /// Signals each of them.
    pub changed: tokio::sync::Notify,
    /// The newest revision that may be compacted.
    pub compactable: AtomicI64,
}

fn key(random: &mut Random) -> Bytes {
    Bytes::from(format!("key/{:02}", random.below(KEYS)))
}

/// One writer.
pub struct Writer {
    name: String,
    random: Random,
    leases: Vec<i64>,
    written: u64,
    /// The revision and the number in the counter, as last seen.
    counter: (i64, u64),
    recorder: Recorder,
}

impl Writer {
    /// A writer with a name and choices nobody else has.
    pub fn new(name: String, seed: u64) -> Self {
        Self {
            name,
            random: Random::new(seed),
            leases: Vec::new(),
            written: 0,
            counter: (0, 0),
            recorder: Recorder::default(),
        }
    }

    /// Writes until the server is gone; answers with all that was asked.
    pub async fn run(mut self, mut client: Client, progress: Arc<Progress>) -> Recorder {
        while self.step(&mut client, &progress).await || self.recorder.is_other_lost {}
        self.recorder
    }

    /// Writes until it is stopped, whatever becomes of single requests.
    pub async fn endure(
        mut self,
        mut client: Client,
        progress: Arc<Progress>,
        mut stop: watch::Receiver<bool>,
    ) -> Recorder {
        while !*stop.borrow() {
            if !self.step(&mut client, &progress).await {
                let stopped = stop.wait_for(|stop| *stop);
                // Whether it has stopped, the loop asks.
                let _ = tokio::time::timeout(PAUSE, stopped).await;
            }
        }
        self.recorder
    }

    /// One request; false when its outcome is unknown.
    async fn step(&mut self, client: &mut Client, progress: &Progress) -> bool {
        let going = match self.random.below(40) {
            0 => self.grant(client).await,
            1 => self.compact(client, progress).await,
            2..5 => self.count(client).await,
            _ => {
                let request = self.request();
                self.recorder.ask(client, request).await.is_known()
            }
        };
        if going {
            progress.answered.fetch_add(1, Ordering::Relaxed);
            progress.changed.notify_one();
        }
        going
    }

    /// Makes a lease. Leases are not part of the history, only what hangs on them.
    async fn grant(&mut self, client: &mut Client) -> bool {
        let request = LeaseGrantRequest {
            ttl: LEASE_SECONDS,
            id: 0,
        };
        let granted = client.lease.lease_grant(request);
        match self.recorder.within("a grant", granted).await {
            Ok(answer) => {
                self.leases.push(answer.into_inner().id);
                true
            }
            Err(_) => false,
        }
    }

    async fn compact(&mut self, client: &mut Client, progress: &Progress) -> bool {
        let newest = progress.compactable.load(Ordering::Relaxed);
        let request = CompactionRequest {
            revision: newest - self.random.between(0, 20),
            physical: self.random.one_in(2),
        };
        let compacted = client.kv.compact(request);
        let answer = if request.physical {
            // It lasts as long as the deletion does, whatever holds that up.
            match tokio::time::timeout(ANSWER_LIMIT, compacted).await {
                Ok(answer) => answer,
                Err(_) => return false,
            }
        } else {
            self.recorder.within("a compaction", compacted).await
        };
        match answer {
            Ok(_) => true,
            Err(status) => refused(&status) || lost(&status),
        }
    }

    /// Adds one to the counter, unless somebody else did since it was last seen.
    async fn count(&mut self, client: &mut Client) -> bool {
        let (seen, number) = self.counter;
        self.written += 1;
        let put = PutRequest {
            key: COUNTER.into(),
            value: format!("{} {}/{}", number + 1, self.name, self.written).into(),
            ..PutRequest::default()
        };
        let range = RangeRequest {
            key: COUNTER.into(),
            ..RangeRequest::default()
        };
        let request = TxnRequest {
            compare: vec![Compare {
                key: COUNTER.into(),
                target: CompareTarget::Mod as i32,
                target_union: Some(TargetUnion::ModRevision(seen)),
                ..Compare::default()
            }],
            success: vec![operation(OpRequest::RequestPut(put))],
            failure: vec![operation(OpRequest::RequestRange(range))],
        };
        let asked = self.recorder.ask(client, Request::Txn(request)).await;
        if let Some(Response::Txn(answer)) = asked.answer() {
            self.counter = match answer
                .responses
                .first()
                .and_then(|one| one.response.as_ref())
            {
                Some(OpResponse::ResponseRange(range)) => range
                    .kvs
                    .first()
                    .map_or((0, 0), |kv| (kv.mod_revision, counted(&kv.value))),
                _ => (
                    answer.header.as_ref().map_or(0, |header| header.revision),
                    number + 1,
                ),
            };
        }
        asked.is_known()
    }

    fn request(&mut self) -> Request {
        match self.random.below(20) {
            0..8 => Request::Put(self.put()),
            8..10 => Request::Delete(self.delete()),
            10..15 => Request::Txn(self.txn()),
            15 if !self.leases.is_empty() => {
                let index = self.random.below(self.leases.len() as u64) as usize;
                let id = self.leases.swap_remove(index);
                Request::Revoke(LeaseRevokeRequest { id })
            }
            _ => Request::Range(RangeRequest {
                key: key(&mut self.random),
                range_end: if self.random.one_in(3) {
                    Bytes::from_static(b"key0")
                } else {
                    Bytes::new()
                },
                serializable: self.random.one_in(3),
                ..RangeRequest::default()
            }),
        }
    }

    /// Every value is written once, so that it says who wrote it.
    fn put(&mut self) -> PutRequest {
        self.written += 1;
        let lease = match self.leases.as_slice() {
            [] => 0,
            leases if self.random.one_in(3) => self.random.pick(leases),
            _ => 0,
        };
        let mut value = format!("{}/{}", self.name, self.written);
        if self.random.one_in(50) {
            value.push_str(&" ".repeat(PIECES_BYTES));
        } else if self.random.one_in(8) {
            value.push_str(&" ".repeat(LARGE_BYTES));
        }
        PutRequest {
            key: key(&mut self.random),
            value: value.into(),
            lease,
            prev_kv: self.random.one_in(3),
            ..PutRequest::default()
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        let key = key(&mut self.random);
        DeleteRangeRequest {
            range_end: if self.random.one_in(4) {
                Bytes::from([&key[..], b"9"].concat())
            } else {
                Bytes::new()
            },
            key,
            prev_kv: self.random.one_in(2),
        }
    }

    /// A compare that may hold, then two writes, else a read.
    fn txn(&mut self) -> TxnRequest {
        let first = self.put();
        let mut second = self.put();
        let range = RangeRequest {
            key: first.key.clone(),
            ..RangeRequest::default()
        };
        let compare = Compare {
            result: self.random.below(4) as i32,
            key: first.key.clone(),
            range_end: Bytes::new(),
            ..match self.random.below(2) {
                0 => Compare {
                    target: CompareTarget::Version as i32,
                    target_union: Some(TargetUnion::Version(self.random.between(0, 3))),
                    ..Compare::default()
                },
                _ => Compare {
                    target: CompareTarget::Mod as i32,
                    target_union: Some(TargetUnion::ModRevision(0)),
                    ..Compare::default()
                },
            }
        };
        if second.key == first.key {
            second.key = Bytes::from_static(b"key/of two");
        }
        TxnRequest {
            compare: vec![compare],
            success: vec![
                operation(OpRequest::RequestPut(first)),
                operation(OpRequest::RequestPut(second)),
            ],
            failure: vec![operation(OpRequest::RequestRange(range))],
        }
    }
}

fn operation(request: OpRequest) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

/// The number in a value of the counter.
pub fn counted(value: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(value);
    let number = text.split(' ').next().unwrap_or_default();
    number.parse().expect("only writers write the counter")
}
