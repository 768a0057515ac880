//! The same watchers on two servers, and what each of them saw.
//!
//! A watcher on everything records the history. What any other watcher must see follows from
//! it, so a run knows how many events to wait for, and a missing one is a difference and not a
//! matter of patience.

use crate::generate::ODD_STREAM;
use crate::operation::{Answer, mask};
use crate::support::client::Client;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// How long an event or an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// etcd drops a progress request while a watcher catches up; it is sent again after this long.
const PROGRESS_AGAIN: Duration = Duration::from_millis(30);

/// What two servers disagree on.
pub type Difference = String;

/// All watch streams of a run.
pub struct Watching {
    streams: Vec<Pair>,
    history: Vec<Event>,
    recorder: Pair,
    ended: Vec<(usize, i64)>,
}

impl Watching {
    /// Opens `streams` streams on both servers, and the watcher that records the history.
    pub async fn new(streams: usize, left: &Client, right: &Client) -> Result<Self, Difference> {
        let mut pairs = Vec::new();
        for _ in 0..streams {
            pairs.push(Pair::open(left, right).await?);
        }
        let mut recorder = Pair::open(left, right).await?;
        let everything = WatchCreateRequest {
            range_end: vec![0].into(),
            prev_kv: true,
            ..WatchCreateRequest::default()
        };
        recorder.create(everything, -1).await?;
        Ok(Self {
            streams: pairs,
            history: Vec::new(),
            recorder,
            ended: Vec::new(),
        })
    }

    /// Opens a watcher.
    pub async fn create(
        &mut self,
        stream: usize,
        request: WatchCreateRequest,
        compacted: i64,
    ) -> Result<Answer, Difference> {
        let pair = &mut self.streams[stream];
        let (answer, watch_id) = pair.create(request, compacted).await?;
        if let Some(watcher) = watch_id.and_then(|id| pair.watchers.get_mut(&id)) {
            for event in &self.history {
                watcher.expect(event);
            }
        }
        Ok(answer)
    }

    /// Ends a watcher after it has seen everything up to `revision`.
    pub async fn cancel(
        &mut self,
        stream: usize,
        request: WatchCancelRequest,
        revision: i64,
        compacted: i64,
    ) -> Result<Answer, Difference> {
        self.settle(revision, compacted).await?;
        let pair = &mut self.streams[stream];
        let watch_id = request.watch_id;
        pair.send(RequestUnion::CancelRequest(request)).await?;
        match pair.watchers.remove(&watch_id) {
            Some(_) => pair.canceled(watch_id).await.map(Answer::Watch),
            // Nobody answers the cancel of a watcher that is not there.
            None => Ok(Answer::Nothing),
        }
    }

    /// Waits until every watcher has seen everything up to `revision` and compares what they
    /// saw.
    pub async fn settle(&mut self, revision: i64, compacted: i64) -> Result<(), Difference> {
        self.record(revision).await?;
        for (stream, pair) in self.streams.iter_mut().enumerate() {
            for watch_id in pair.settle(compacted).await? {
                self.ended.push((stream, watch_id));
            }
            if stream != ODD_STREAM && pair.watchers.values().any(|watcher| !watcher.synced) {
                pair.progress(revision).await?;
            }
        }
        Ok(())
    }

    /// The watchers that compactions have ended since the last time, with their streams.
    pub fn take_ended(&mut self) -> Vec<(usize, i64)> {
        std::mem::take(&mut self.ended)
    }

    /// Asks a stream for its progress and compares the answers.
    pub async fn progress(
        &mut self,
        stream: usize,
        revision: i64,
        compacted: i64,
    ) -> Result<Answer, Difference> {
        self.settle(revision, compacted).await?;
        let pair = &mut self.streams[stream];
        if !pair.watchers.is_empty() {
            pair.progress(revision).await?;
        }
        Ok(Answer::Nothing)
    }

    /// Takes in the history up to `revision`, and tells the watchers what they must see of it.
    async fn record(&mut self, revision: i64) -> Result<(), Difference> {
        let recorded = self.history.last().map_or(1, mod_revision);
        if recorded >= revision {
            return Ok(());
        }
        let complete = |state: &mut State| {
            let seen = state.watchers.get_mut(&0)?;
            (seen.events.last().map_or(0, mod_revision) >= revision)
                .then(|| std::mem::take(&mut seen.events))
        };
        let what = format!("the history up to {revision}");
        let left = self.recorder.left.until(&what, complete).await?;
        let right = self.recorder.right.until(&what, complete).await?;
        same_events(&what, &left, &right)?;
        let mut expected = recorded;
        for event in &right {
            let revision = mod_revision(event);
            if revision != expected && revision != expected + 1 {
                return Err(format!("revision {expected} is followed by {revision}"));
            }
            expected = revision;
            for watcher in self
                .streams
                .iter_mut()
                .flat_map(|pair| pair.watchers.values_mut())
            {
                watcher.expect(event);
            }
        }
        self.history.extend(right);
        Ok(())
    }
}

/// A watcher, and what it has to see that was not compared yet.
struct Watcher {
    request: WatchCreateRequest,
    start: i64,
    expected: Vec<Event>,
    /// It starts below the compacted revision, so all it gets is its end.
    doomed: bool,
    /// It is known to have caught up.
    synced: bool,
}

impl Watcher {
    fn expect(&mut self, event: &Event) {
        if self.doomed || mod_revision(event) < self.start || !self.covers(event) {
            return;
        }
        if self.request.filters.contains(&event.r#type) {
            return;
        }
        self.expected.push(event.clone());
    }

    fn covers(&self, event: &Event) -> bool {
        let key = event.kv.as_ref().map_or(&[][..], |kv| kv.key.as_ref());
        let start = match self.request.key.as_ref() {
            // An empty key watches from the first key there is.
            [] => &[0][..],
            start => start,
        };
        match self.request.range_end.as_ref() {
            [] => key == start,
            [0] => key >= start,
            end => key >= start && key < end,
        }
    }

    /// Whether `event` is what is expected; previous values may be gone by compaction.
    fn accepts(&self, expected: &Event, event: &Event, compacted: i64) -> bool {
        let previous = match (&event.prev_kv, &expected.prev_kv) {
            (None, Some(_)) => !self.request.prev_kv || mod_revision(expected) - 1 < compacted,
            (Some(_), _) if !self.request.prev_kv => false,
            (previous, expected) => previous == expected,
        };
        previous && event.r#type == expected.r#type && event.kv == expected.kv
    }
}

/// One stream on each server, with the same watchers.
struct Pair {
    left: Stream,
    right: Stream,
    watchers: BTreeMap<i64, Watcher>,
}

impl Pair {
    async fn open(left: &Client, right: &Client) -> Result<Self, Difference> {
        Ok(Self {
            left: Stream::open(left).await?,
            right: Stream::open(right).await?,
            watchers: BTreeMap::new(),
        })
    }

    async fn send(&self, request: RequestUnion) -> Result<(), Difference> {
        self.left.send(request.clone()).await?;
        self.right.send(request).await
    }

    async fn create(
        &mut self,
        request: WatchCreateRequest,
        compacted: i64,
    ) -> Result<(Answer, Option<i64>), Difference> {
        self.send(RequestUnion::CreateRequest(request.clone()))
            .await?;
        let answer = |state: &mut State| state.created.pop_front();
        let left = self.left.until("the created answer", answer).await?;
        let right = self.right.until("the created answer", answer).await?;
        same(&left, &right)?;
        let watch_id = (!right.canceled).then_some(right.watch_id);
        if let Some(id) = watch_id {
            let revision = right.header.as_ref().map_or(0, |header| header.revision);
            let start = match request.start_revision {
                0 => revision + 1,
                start => start,
            };
            let watcher = Watcher {
                start,
                expected: Vec::new(),
                doomed: start < compacted,
                synced: start > revision,
                request,
            };
            self.watchers.insert(id, watcher);
        }
        Ok((Answer::Watch(right), watch_id))
    }

    async fn canceled(&self, watch_id: i64) -> Result<WatchResponse, Difference> {
        let what = format!("the end of watcher {watch_id}");
        let answer = |state: &mut State| {
            let canceled = state.watchers.get_mut(&watch_id)?.canceled.take()?;
            state.watchers.remove(&watch_id);
            Some(canceled)
        };
        let left = self.left.until(&what, answer).await?;
        let right = self.right.until(&what, answer).await?;
        same(&left, &right)?;
        Ok(right)
    }

    async fn settle(&mut self, compacted: i64) -> Result<Vec<i64>, Difference> {
        let ids = |doomed: bool, watchers: &BTreeMap<i64, Watcher>| {
            let some = watchers.iter().filter(|(_, one)| one.doomed == doomed);
            Vec::from_iter(some.map(|(id, _)| *id))
        };
        let ended = ids(true, &self.watchers);
        for watch_id in &ended {
            self.canceled(*watch_id).await?;
            self.watchers.remove(watch_id);
        }
        for (watch_id, watcher) in &mut self.watchers {
            let what = format!("watcher {watch_id} ({:?})", watcher.request);
            let expected = std::mem::take(&mut watcher.expected);
            let complete = |state: &mut State| {
                let seen = state.watchers.get_mut(watch_id)?;
                (seen.events.len() >= expected.len()).then(|| std::mem::take(&mut seen.events))
            };
            let left = self.left.until(&what, complete).await;
            let left = left.map_err(|error| format!("left: {error}, of {expected:#?}"))?;
            let right = self.right.until(&what, complete).await;
            let right = right.map_err(|error| format!("right: {error}, of {expected:#?}"))?;
            same_events(&what, &left, &right)?;
            if right.len() != expected.len() {
                return Err(format!("{what} saw {right:#?}, not {expected:#?}"));
            }
            for (event, expected) in right.iter().zip(&expected) {
                if !watcher.accepts(expected, event, compacted) {
                    return Err(format!("{what} saw {event:#?}, not {expected:#?}"));
                }
            }
        }
        Ok(ended)
    }

    /// Asks both servers until they answer that the stream is at `revision`.
    async fn progress(&mut self, revision: i64) -> Result<(), Difference> {
        self.left
            .progress(revision)
            .await
            .map_err(|error| format!("left: {error}"))?;
        self.right
            .progress(revision)
            .await
            .map_err(|error| format!("right: {error}"))?;
        for watcher in self.watchers.values_mut() {
            watcher.synced = true;
        }
        Ok(())
    }
}

/// One watch stream of one server.
struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    created: VecDeque<WatchResponse>,
    watchers: BTreeMap<i64, Seen>,
    progress: Option<i64>,
    violation: Option<String>,
}

/// What a watcher was sent and nobody has looked at.
#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    canceled: Option<WatchResponse>,
    /// The newest revision sent, and whether more of it is announced.
    newest: i64,
    fragmented: bool,
    /// No event up to this revision may follow.
    bookmark: i64,
}

impl Stream {
    async fn open(client: &Client) -> Result<Self, Difference> {
        let (requests, receiver) = mpsc::channel(16);
        let shared = Arc::<Shared>::default();
        let reader = Arc::clone(&shared);
        let mut client = client.watch.clone();
        // Servers may send their headers with the first answer only, so the stream must not be
        // awaited before the first request.
        tokio::spawn(async move {
            let end = async {
                let mut answers = client
                    .watch(ReceiverStream::new(receiver))
                    .await?
                    .into_inner();
                while let Some(mut answer) = answers.message().await? {
                    mask(&mut answer.header);
                    reader.state.lock().expect("no holder panics").take(answer);
                    reader.changed.notify_one();
                }
                Ok::<_, Status>(())
            };
            let end = end.await;
            let mut state = reader.state.lock().expect("no holder panics");
            state.violation = Some(format!("the watch stream ended: {end:?}"));
            reader.changed.notify_one();
        });
        Ok(Self { requests, shared })
    }

    async fn send(&self, request: RequestUnion) -> Result<(), Difference> {
        let request = WatchRequest {
            request_union: Some(request),
        };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| "the watch stream is closed".to_owned())
    }

    /// Waits until `look` finds what it looks for.
    async fn until<T>(
        &self,
        what: &str,
        look: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Difference> {
        let found = self.until_within(PATIENCE, look).await?;
        found.ok_or_else(|| format!("{what} did not come"))
    }

    async fn until_within<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, Difference> {
        let deadline = Instant::now() + patience;
        loop {
            {
                let mut state = self.shared.state.lock().expect("no holder panics");
                if let Some(violation) = &state.violation {
                    return Err(violation.clone());
                }
                if let Some(found) = look(&mut state) {
                    return Ok(Some(found));
                }
            }
            let changed = timeout_at(deadline, self.shared.changed.notified()).await;
            if changed.is_err() {
                return Ok(None);
            }
        }
    }

    async fn progress(&self, revision: i64) -> Result<(), Difference> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.send(RequestUnion::ProgressRequest(WatchProgressRequest {}))
                .await?;
            let answer = |state: &mut State| state.progress.take();
            match self.until_within(PROGRESS_AGAIN, answer).await? {
                Some(answer) if answer == revision => return Ok(()),
                Some(answer) if answer > revision => {
                    return Err(format!("progress {answer}, but the store is at {revision}"));
                }
                // None, or the late answer to an earlier question.
                _ => {}
            }
        }
        Err(format!("no progress answer at {revision}"))
    }
}

impl State {
    /// Takes in one message, and checks what every watcher is promised.
    fn take(&mut self, answer: WatchResponse) {
        if let Err(violation) = self.try_take(answer) {
            self.violation.get_or_insert(violation);
        }
    }

    fn try_take(&mut self, answer: WatchResponse) -> Result<(), String> {
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if answer.created {
            if !answer.canceled {
                self.watchers.insert(answer.watch_id, Seen::default());
            }
            self.created.push_back(answer);
            return Ok(());
        }
        if answer.watch_id == -1 {
            self.progress = Some(revision);
            for seen in self.watchers.values_mut() {
                seen.bookmark = seen.bookmark.max(revision);
            }
            return Ok(());
        }
        let seen = self
            .watchers
            .get_mut(&answer.watch_id)
            .ok_or_else(|| format!("nobody watches: {answer:#?}"))?;
        if seen.canceled.is_some() {
            return Err(format!("after the end of the watcher: {answer:#?}"));
        }
        if answer.canceled {
            seen.canceled = Some(answer);
            return Ok(());
        }
        let (Some(first), Some(last)) = (answer.events.first(), answer.events.last()) else {
            seen.bookmark = seen.bookmark.max(revision);
            return Ok(());
        };
        let first = mod_revision(first);
        if first < seen.newest || (first == seen.newest && !seen.fragmented) {
            return Err(format!("revision {first} again or split: {answer:#?}"));
        }
        if first <= seen.bookmark {
            return Err(format!("below the bookmark {}: {answer:#?}", seen.bookmark));
        }
        let ordered = answer
            .events
            .is_sorted_by(|left, right| mod_revision(left) <= mod_revision(right));
        if !ordered || revision < mod_revision(last) {
            return Err(format!(
                "out of order, or newer than its header: {answer:#?}"
            ));
        }
        seen.newest = mod_revision(last);
        seen.fragmented = answer.fragment;
        seen.events.extend(answer.events);
        Ok(())
    }
}

fn mod_revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

fn same<T: PartialEq + std::fmt::Debug>(left: &T, right: &T) -> Result<(), Difference> {
    if left == right {
        return Ok(());
    }
    Err(format!("left: {left:#?}\nright: {right:#?}"))
}

fn same_events(what: &str, left: &[Event], right: &[Event]) -> Result<(), Difference> {
    if let Some((left, right)) = left.iter().zip(right).find(|(left, right)| left != right) {
        return Err(format!("{what}\nleft saw {left:#?}\nright saw {right:#?}"));
    }
    if left.len() != right.len() {
        let shorter = left.len().min(right.len());
        let rest = if left.len() > shorter { left } else { right };
        return Err(format!(
            "{what}: left saw {} events, right {}; the rest: {:#?}",
            left.len(),
            right.len(),
            &rest[shorter..]
        ));
    }
    Ok(())
}
