//! Writers and watchers that go on until their server is killed.

use crate::support::client::Client;
use crate::support::history::{Outcome, Recorded, Request, Response, covers, mod_revision};
use crate::support::random::Random;
use bytes::Bytes;
use kvtool::error::Error;
use kvtool::pb::etcdserverpb::compare::{CompareTarget, TargetUnion};
use kvtool::pb::etcdserverpb::request_op::Request as OpRequest;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// Keys all writers share, so that they meet.
const KEYS: u64 = 24;

/// A value that a store may keep apart from its key.
const LARGE_BYTES: usize = 100_000;

/// Lease of the writers' leased keys: far longer than a test.
const LEASE_SECONDS: i64 = 100_000;

/// A progress request that was dropped is sent again after this long.
const PROGRESS_AGAIN: Duration = Duration::from_millis(100);

/// How long watchers may take to catch up after a restart.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// One writer, in one round.
pub struct Writer {
    name: String,
    random: Random,
    leases: Vec<i64>,
    written: u64,
    recorded: Vec<Recorded>,
}

impl Writer {
    /// A writer with a name and choices nobody else has.
    pub fn new(name: String, seed: u64) -> Self {
        Self {
            name,
            random: Random::new(seed),
            leases: Vec::new(),
            written: 0,
            recorded: Vec::new(),
        }
    }

    /// Writes until the server is gone; answers with all that was asked.
    pub async fn run(mut self, mut client: Client, progress: Arc<Progress>) -> Vec<Recorded> {
        loop {
            let going = match self.random.below(40) {
                0 => self.grant(&mut client).await,
                1 => self.compact(&mut client, &progress).await,
                _ => {
                    let request = self.request();
                    self.record(&mut client, request).await
                }
            };
            if !going {
                return self.recorded;
            }
            progress.answered.fetch_add(1, Ordering::Relaxed);
            progress.changed.notify_one();
        }
    }

    /// Makes a lease. Leases are not part of the history, only what hangs on them.
    async fn grant(&mut self, client: &mut Client) -> bool {
        let request = LeaseGrantRequest {
            ttl: LEASE_SECONDS,
            id: 0,
        };
        match client.lease.lease_grant(request).await {
            Ok(answer) => {
                self.leases.push(answer.into_inner().id);
                true
            }
            Err(status) => lost(&status),
        }
    }

    async fn compact(&mut self, client: &mut Client, progress: &Progress) -> bool {
        let newest = progress.compactable.load(Ordering::Relaxed);
        let request = CompactionRequest {
            revision: newest - self.random.between(0, 20),
            physical: self.random.one_in(2),
        };
        match client.kv.compact(request).await {
            Ok(_) => true,
            Err(status) => refused(&status) || lost(&status),
        }
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
        let operation = |request| RequestOp {
            request: Some(request),
        };
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

    async fn record(&mut self, client: &mut Client, request: Request) -> bool {
        let called = Instant::now();
        let answer = send(client, &request).await;
        let returned = Instant::now();
        let (outcome, going) = match answer {
            Ok(answer) => (Outcome::Answered(answer), true),
            Err(status) if refused(&status) => (Outcome::Refused, true),
            Err(status) => (Outcome::Unknown, lost(&status)),
        };
        self.recorded.push(Recorded {
            request,
            outcome,
            called,
            returned,
        });
        going
    }
}

async fn send(client: &mut Client, request: &Request) -> Result<Response, Status> {
    Ok(match request.clone() {
        Request::Put(request) => Response::Put(client.kv.put(request).await?.into_inner()),
        Request::Delete(request) => {
            Response::Delete(client.kv.delete_range(request).await?.into_inner())
        }
        Request::Txn(request) => Response::Txn(client.kv.txn(request).await?.into_inner()),
        Request::Range(request) => Response::Range(client.kv.range(request).await?.into_inner()),
        Request::Revoke(request) => {
            client.lease.lease_revoke(request).await?;
            Response::Revoke
        }
    })
}

/// Whether an error says that nothing was done, and that the server lives.
fn refused(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange | Code::FailedPrecondition
    )
}

/// Whether an error says that another server was killed, and not whether it did what was asked.
fn lost(status: &Status) -> bool {
    status.message() == Error::LeaderLost.to_string()
}

/// A watcher that resumes where it was when its server is back.
pub struct Follower {
    range: (Bytes, Bytes),
    /// The first revision it has not been promised.
    next: i64,
    /// Events nobody has checked.
    events: Vec<Event>,
    /// Progress it was told, and how many of `events` it had then.
    bookmarks: Vec<(i64, usize)>,
    stream: Option<(mpsc::Sender<WatchRequest>, Streaming<WatchResponse>)>,
}

impl Follower {
    /// A watcher of a range from the start.
    pub fn new(key: &str, range_end: &str) -> Self {
        Self {
            range: (key.to_owned().into(), range_end.to_owned().into()),
            next: 2,
            events: Vec::new(),
            bookmarks: Vec::new(),
            stream: None,
        }
    }

    /// Connects, resumes, and reads until it has all up to `revision`.
    pub async fn catch_up(&mut self, client: &Client, revision: i64) -> Result<(), String> {
        let (requests, receiver) = mpsc::channel(4);
        let create = WatchCreateRequest {
            key: self.range.0.clone(),
            range_end: self.range.1.clone(),
            start_revision: self.next,
            prev_kv: true,
            ..WatchCreateRequest::default()
        };
        ask(&requests, RequestUnion::CreateRequest(create)).await?;
        let mut client = client.watch.clone();
        let answers = client.watch(ReceiverStream::new(receiver)).await;
        let answers = answers.map_err(|error| error.to_string())?;
        self.stream = Some((requests, answers.into_inner()));
        let deadline = Instant::now() + PATIENCE;
        while self.next <= revision {
            if Instant::now() > deadline {
                return Err(format!("at {}, not at {revision}", self.next - 1));
            }
            let (requests, answers) = self.stream.as_mut().expect("just opened");
            ask(
                requests,
                RequestUnion::ProgressRequest(WatchProgressRequest {}),
            )
            .await?;
            let wait = tokio::time::timeout(PROGRESS_AGAIN, answers.message());
            if let Ok(answer) = wait.await {
                let answer = answer.map_err(|error| error.to_string())?;
                self.take(answer.ok_or("the stream ended")?)?;
            }
        }
        Ok(())
    }

    /// Reads until the server is gone.
    pub async fn follow(mut self) -> Result<Self, String> {
        let Some((requests, mut answers)) = self.stream.take() else {
            return Ok(self);
        };
        let mut messages = 0_u64;
        while let Ok(Some(answer)) = answers.message().await {
            self.take(answer)?;
            messages += 1;
            if messages.is_multiple_of(20) {
                let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
                if ask(&requests, progress).await.is_err() {
                    break;
                }
            }
        }
        Ok(self)
    }

    fn take(&mut self, answer: WatchResponse) -> Result<(), String> {
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if answer.canceled {
            return Err(format!("canceled: {answer:?}"));
        }
        if answer.created {
            return Ok(());
        }
        for event in answer.events {
            if mod_revision(&event) < self.next {
                return Err(format!("again, or below {}: {event:?}", self.next));
            }
            self.events.push(event);
        }
        let newest = self.events.last().map_or(0, mod_revision);
        if revision < newest {
            return Err(format!("at {revision}, but it sent {newest}"));
        }
        if answer.watch_id == -1 {
            self.bookmarks.push((revision, self.events.len()));
            self.next = self.next.max(revision + 1);
        }
        // Without fragments a revision comes whole.
        self.next = self.next.max(newest + 1);
        Ok(())
    }

    /// Compares what it saw up to `revision` with the history since the last check.
    pub fn check(&mut self, history: &[Event], revision: i64) -> Result<(), String> {
        let (key, range_end) = &self.range;
        let covered = |event: &&Event| {
            let kv = event.kv.as_ref();
            kv.is_some_and(|kv| covers(key, range_end, &kv.key))
        };
        let expected = Vec::from_iter(history.iter().filter(covered));
        let seen = self.events.len();
        if expected.len() != seen {
            return Err(format!(
                "watcher {key:?} saw {seen} events up to {revision}, not {}",
                expected.len()
            ));
        }
        for (event, expected) in self.events.iter().zip(&expected) {
            // What a compaction has taken away is left out.
            let same = event.kv == expected.kv && event.r#type == expected.r#type;
            if !same || (event.prev_kv.is_some() && event.prev_kv != expected.prev_kv) {
                return Err(format!("watcher {key:?} saw {event:?}, not {expected:?}"));
            }
        }
        for (bookmark, count) in &self.bookmarks {
            let due = expected.partition_point(|event| mod_revision(event) <= *bookmark);
            if due > *count {
                return Err(format!(
                    "watcher {key:?} was told {bookmark} after {count} events, {due} were due"
                ));
            }
        }
        self.events.clear();
        self.bookmarks.clear();
        Ok(())
    }
}

async fn ask(requests: &mpsc::Sender<WatchRequest>, union: RequestUnion) -> Result<(), String> {
    let request = WatchRequest {
        request_union: Some(union),
    };
    let sent = requests.send(request).await;
    sent.map_err(|_| "the request stream is closed".to_owned())
}
