//! The `watch` workload: how long until the watchers have seen a put.
//!
//! Every value starts with the number of its put and the time it was due, so that a watcher
//! needs nothing but the event to know the latency, even when the event overtakes the answer
//! to the put.

use super::{
    lane::{Lane, Run},
    plan::{Plan, Workload},
    record::Record,
    session::{Picker, Seat},
    stop::Stop,
    unary::Kv,
    wire::Connection,
};
use crate::pb::etcdserverpb::{
    PutRequest, WatchCreateRequest, WatchRequest, WatchResponse, watch_client::WatchClient,
    watch_request::RequestUnion,
};
use anyhow::{Context, Result, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::spawn_local, time::timeout};
use tokio_stream::StreamExt;
use tonic::{
    Status, Streaming,
    body::Body,
    client::GrpcService,
    codegen::{Body as HttpBody, StdError},
};

/// Number and due time of a put, at the start of its value.
pub const STAMP_BYTES: usize = 16;

/// With `--rate`: puts that some watcher has not seen yet; more of them wait.
const WINDOW_PUTS: usize = 1024;
/// All watchers of a stream must exist within this time.
const CREATE_TIMEOUT: Duration = Duration::from_secs(60);
/// After the last put, its watchers are waited for this long.
const LAST_EVENT_GRACE: Duration = Duration::from_secs(5);

const PUT: usize = 0;
const EACH_WATCHER: usize = 1;
const LAST_WATCHER: usize = 2;

/// The puts under way, shared by the writer and all watchers.
pub struct Fanout {
    epoch: Instant,
    /// Watchers of each put.
    expected: u64,
    /// A permit for every put that may be under way.
    window: Semaphore,
    permits: usize,
    /// By put number modulo the window: who has seen it.
    slots: Vec<Slot>,
    over: Stop,
}

/// How many watchers have seen one put.
#[derive(Default)]
struct Slot {
    number: AtomicU64,
    seen: AtomicU64,
}

impl Fanout {
    /// The state of one run. Without a rate each put waits for the one before it.
    pub fn new(plan: &Plan) -> Self {
        let expected = match plan.workload {
            Workload::Watch {
                watchers,
                distinct: false,
                ..
            } => watchers,
            _ => 1,
        };
        let permits = if plan.load.rate.is_some() {
            WINDOW_PUTS
        } else {
            1
        };
        Self::with(expected, permits)
    }

    fn with(expected: u64, permits: usize) -> Self {
        Self {
            epoch: Instant::now(),
            expected,
            window: Semaphore::new(permits),
            permits,
            slots: std::iter::repeat_with(Slot::default)
                .take(permits)
                .collect(),
            over: Stop::default(),
        }
    }

    fn slot(&self, number: u64) -> &Slot {
        &self.slots[number as usize % self.slots.len()]
    }

    /// Waits until one more put may be under way. False if a watch broke.
    async fn enter(&self, number: u64) -> bool {
        let Ok(permit) = self.window.acquire().await else {
            return false;
        };
        permit.forget();
        let slot = self.slot(number);
        slot.seen.store(0, Ordering::Relaxed);
        slot.number.store(number, Ordering::Release);
        true
    }

    /// One more watcher has seen the put; true if it was the last one.
    fn seen(&self, number: u64) -> bool {
        let slot = self.slot(number);
        // A failed put gave its place to a later one; if its events come after all, they are late.
        if slot.number.load(Ordering::Acquire) != number {
            return false;
        }
        let last = slot.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.expected;
        if last {
            self.window.add_permits(1);
        }
        last
    }

    /// The put failed: no watcher will see it.
    fn give_up(&self) {
        self.window.add_permits(1);
    }

    /// Waits until every put under way was seen, then ends the run for the watchers.
    async fn finish(&self) {
        let _ = timeout(
            LAST_EVENT_GRACE,
            self.window.acquire_many(self.permits as u32),
        )
        .await;
        self.over.set();
    }

    fn stamp(&self, number: u64, due: Instant, filler: &Bytes) -> Bytes {
        let mut value = BytesMut::with_capacity(filler.len());
        value.put_u64(number);
        value.put_u64(due.duration_since(self.epoch).as_nanos() as u64);
        value.put_slice(&filler[STAMP_BYTES..]);
        value.freeze()
    }

    /// The number of a put and when it was due; `None` if someone else wrote the value.
    fn read_stamp(&self, mut value: &[u8]) -> Option<(u64, Instant)> {
        if value.len() < STAMP_BYTES {
            return None;
        }
        let number = value.get_u64();
        let due = self
            .epoch
            .checked_add(Duration::from_nanos(value.get_u64()))?;
        Some((number, due))
    }
}

/// Opens this lane's streams on `connections` and runs its part: the first lane writes, all lanes
/// watch.
pub async fn run(
    lane: Lane,
    writer: Option<Connection>,
    connections: Vec<Connection>,
) -> Result<Option<Record>> {
    let plan = lane.plan.clone();
    let fanout = lane.fanout.clone();
    let mut streams = Vec::new();
    if let Workload::Watch { streams: total, .. } = plan.workload {
        for (number, client) in lane.share(total).zip(connections.iter().cycle()) {
            streams.push(open(&client.watch, create_requests(&plan, number)).await?);
        }
    }
    let writer = match (lane.number, writer) {
        (0, Some(client)) => Some(Writer::new(&lane, &client)),
        _ => None,
    };
    let Some(run) = lane.ready().await else {
        return Ok(None);
    };
    for stream in streams {
        spawn_local(watch(stream, run.clone(), fanout.clone()));
    }
    let work = async {
        match writer {
            Some(writer) => writer.run(&run, &fanout).await,
            None => fanout.over.wait().await,
        }
    };
    run.until_over(work).await;
    fanout.over.set();
    Ok(Some(run.finish()))
}

/// The watches of stream `number`.
fn create_requests(plan: &Plan, number: u64) -> Vec<WatchRequest> {
    let Workload::Watch {
        watchers,
        streams,
        distinct,
        prev_kv,
        ..
    } = plan.workload
    else {
        return Vec::new();
    };
    let keys = &plan.data.keys;
    let create = |watcher| {
        let (key, range_end) = if distinct {
            (keys.key(watcher), Bytes::new())
        } else {
            (keys.prefix(), keys.prefix_end())
        };
        create_request(key, range_end, prev_kv)
    };
    (number..watchers)
        .step_by(streams as usize)
        .map(create)
        .collect()
}

/// Asks for a watcher of what is put from now on.
pub fn create_request(key: Bytes, range_end: Bytes, prev_kv: bool) -> WatchRequest {
    WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key,
            range_end,
            prev_kv,
            ..WatchCreateRequest::default()
        })),
    }
}

/// Opens a stream with these watches and waits until the server has them all.
pub async fn open<T>(
    client: &WatchClient<T>,
    creates: Vec<WatchRequest>,
) -> Result<Streaming<WatchResponse>>
where
    T: GrpcService<Body, ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send>
        + Clone,
    T::ResponseBody: 'static,
{
    let expected = creates.len();
    // The stream stays open for as long as we read it, though no more requests come.
    let requests = tokio_stream::iter(creates).chain(tokio_stream::pending());
    let created = async {
        let mut stream = client.clone().watch(requests).await?.into_inner();
        let mut created = 0;
        while created < expected {
            let answer = stream
                .message()
                .await?
                .context("the server ended the stream")?;
            ensure!(
                !answer.canceled,
                "the server refused it: {}",
                answer.cancel_reason
            );
            created += usize::from(answer.created);
        }
        Ok(stream)
    };
    match timeout(CREATE_TIMEOUT, created).await {
        Ok(stream) => stream.context("cannot watch"),
        Err(_) => {
            anyhow::bail!("the server did not create {expected} watches within {CREATE_TIMEOUT:?}")
        }
    }
}

async fn watch(mut stream: Streaming<WatchResponse>, run: Rc<Run>, fanout: Arc<Fanout>) {
    loop {
        let broken = match stream.message().await {
            Ok(Some(answer)) if !answer.canceled => {
                arrived(&answer, &run, &fanout);
                continue;
            }
            Ok(Some(answer)) => format!("the server cancelled a watch: {}", answer.cancel_reason),
            Ok(None) => "the server ended a watch stream".to_owned(),
            Err(status) => format!("a watch stream broke: {}", status.message()),
        };
        // Its watchers will miss every further put, so nothing more can be measured.
        run.failed(broken);
        fanout.window.close();
        return;
    }
}

fn arrived(answer: &WatchResponse, run: &Run, fanout: &Fanout) {
    let now = Instant::now();
    let values = answer.events.iter().filter_map(|event| event.kv.as_ref());
    for (number, due) in values.filter_map(|kv| fanout.read_stamp(&kv.value)) {
        run.done(EACH_WATCHER, due, now);
        if fanout.seen(number) {
            run.done(LAST_WATCHER, due, now);
        }
    }
}

/// Puts what the others watch.
struct Writer {
    kv: Kv,
    picker: Picker,
    filler: Bytes,
    /// Keys to choose from.
    keys: u64,
}

impl Writer {
    fn new(lane: &Lane, client: &Connection) -> Self {
        let mut seat = Seat::new(lane, 0, client);
        let keys = match lane.plan.workload {
            Workload::Watch {
                watchers,
                distinct: true,
                ..
            } => watchers,
            _ => seat.picker.keys().count(),
        };
        Self {
            filler: seat.values.pick(seat.picker.rng()),
            kv: seat.client.kv,
            picker: seat.picker,
            keys,
        }
    }

    async fn run(mut self, run: &Run, fanout: &Fanout) {
        let mut number = 0;
        while fanout.enter(number).await {
            let Some(ticket) = run.gate.ticket(Instant::now()).await else {
                fanout.give_up();
                break;
            };
            let index = self.picker.index(ticket.index, self.keys);
            let request = PutRequest {
                key: self.picker.keys().key(index),
                value: fanout.stamp(number, ticket.due, &self.filler),
                ..PutRequest::default()
            };
            run.measure(ticket, self.put(request, fanout)).await;
            number += 1;
        }
        fanout.finish().await;
    }

    async fn put(&mut self, request: PutRequest, fanout: &Fanout) -> Result<usize, Status> {
        let answer = self.kv.put(request).await;
        if answer.is_err() {
            fanout.give_up();
        }
        answer.map(|_| PUT)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_the_value() {
        let fanout = Fanout::with(1, 1);
        let due = fanout.epoch + Duration::from_nanos(12_345);
        let value = fanout.stamp(7, due, &Bytes::from(vec![9; 20]));
        assert_eq!(value.len(), 20);
        assert_eq!(fanout.read_stamp(&value), Some((7, due)));
        assert_eq!(fanout.read_stamp(b"someone else's"), None);
    }

    #[tokio::test]
    async fn the_last_watcher_lets_the_next_put_in() {
        let fanout = Fanout::with(3, 1);
        assert!(fanout.enter(0).await);
        assert_eq!(
            [0; 3].map(|number| fanout.seen(number)),
            [false, false, true]
        );
        assert!(fanout.enter(1).await);
        assert!(!fanout.seen(0), "a put that is over is not counted again");
        fanout.give_up();
        assert!(fanout.enter(2).await);
    }

    #[tokio::test]
    async fn a_broken_watch_ends_the_run() {
        let fanout = Fanout::with(1, 1);
        fanout.window.close();
        assert!(!fanout.enter(0).await);
        fanout.finish().await;
        assert!(fanout.over.is_set());
    }
}
