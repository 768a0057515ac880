//! The task that hands commits to watchers, and knows where each of them stands.

use super::Commit;
use super::catchup::{Behind, Cohort, Laggard, Outcome, Source};
use super::history::{History, Span};
use super::hub::{Audience, Inbox, Limits, Message, Request, StreamId};
use super::outbox::{Delivery, Outbox};
use super::selector::{Groups, Selector};
use crate::error::Error;
use crate::mvcc::keyspace::State;
use crate::pb::etcdserverpb::WatchResponse;
use crate::pb::mvccpb::Event;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The watch id of a response that concerns no watcher, or all of a stream.
pub(super) const NO_WATCHER: i64 = -1;

/// Readings of missed events that run at the same time.
const CATCH_UPS_AT_ONCE: usize = 4;

/// Owns all watchers of a hub.
pub(super) struct Dispatcher {
    inbox: Arc<Inbox>,
    limits: Limits,
    /// Everything up to its revision was handed to the watchers that are live.
    state: State,
    recent: VecDeque<Arc<Commit>>,
    recent_bytes: usize,
    live: Groups<HashMap<StreamId, Member>>,
    streams: HashMap<StreamId, Stream>,
    /// Watchers of revisions to come, by the first they want.
    future: BTreeMap<i64, Vec<(StreamId, i64)>>,
    /// Watchers that are behind and whose streams have room.
    behind: Behind,
    catch_ups: usize,
}

/// The watchers of one stream that want the same.
struct Member {
    outbox: Arc<Outbox>,
    watch_ids: Arc<Vec<i64>>,
}

struct Stream {
    outbox: Arc<Outbox>,
    history: Arc<History>,
    watchers: HashMap<i64, Watcher>,
    /// Watchers that are behind and wait for room in the outbox.
    parked: Vec<Laggard>,
}

struct Watcher {
    selector: Arc<Selector>,
    start_revision: i64,
    phase: Phase,
}

/// Where a watcher is.
enum Phase {
    /// Among the live ones: it has everything up to the dispatcher's revision.
    Live,
    /// It wants nothing before a revision to come.
    Future,
    /// On its way, as a [`Laggard`]; the flag tells that one of a cancellation.
    Behind(Arc<AtomicBool>),
    /// What it needs was compacted. It keeps its id until the client cancels it.
    Compacted,
}

impl Dispatcher {
    pub fn new(inbox: Arc<Inbox>, state: State, limits: Limits) -> Self {
        Self {
            inbox,
            limits,
            state,
            recent: VecDeque::new(),
            recent_bytes: 0,
            live: Groups::default(),
            streams: HashMap::new(),
            future: BTreeMap::new(),
            behind: Behind::default(),
            catch_ups: 0,
        }
    }

    /// Works until told to close.
    pub async fn run(mut self) {
        let inbox = self.inbox.clone();
        loop {
            let mut messages = inbox.take().await;
            while let Some(message) = messages.pop_front() {
                match message {
                    Message::Close => return self.close(messages),
                    Message::Published { state, commits } => self.published(state, commits),
                    Message::Open {
                        stream,
                        outbox,
                        history,
                    } => self.open(stream, outbox, history),
                    Message::Request {
                        stream,
                        request,
                        permit,
                    } => {
                        self.request(stream, request);
                        drop(permit);
                    }
                    Message::Drained(stream) => self.drained(stream),
                    Message::Stepped {
                        watchers,
                        compacted,
                    } => self.stepped(watchers, compacted),
                    Message::Gone(stream) => self.gone(stream),
                    Message::Count(reply) => {
                        // Who asked may have given up meanwhile.
                        let _ = reply.send(self.audience());
                    }
                }
            }
            self.catch_up();
            // A busy writer must not keep this worker from the streams' own tasks.
            tokio::task::yield_now().await;
        }
    }

    fn close(self, unheard: VecDeque<Message>) {
        self.inbox.close(unheard);
        for stream in self.streams.values() {
            stream.outbox.end(Error::Stopped);
        }
    }

    fn audience(&self) -> Audience {
        let mut audience = Audience {
            streams: self.streams.len(),
            ..Audience::default()
        };
        for stream in self.streams.values() {
            audience.pending_events += stream.outbox.events();
            for watcher in stream.watchers.values() {
                match watcher.phase {
                    Phase::Live | Phase::Future => audience.watchers += 1,
                    Phase::Behind(_) => {
                        audience.watchers += 1;
                        audience.slow_watchers += 1;
                    }
                    Phase::Compacted => {}
                }
            }
        }
        audience
    }

    fn published(&mut self, state: State, commits: Vec<Commit>) {
        for commit in commits {
            self.deliver(Arc::new(commit));
        }
        self.skip_to(state.revision);
        self.state = state;
    }

    /// Accepts that commits up to `revision` did not come this way: whoever is live reads them
    /// from the store.
    fn skip_to(&mut self, revision: i64) {
        if revision <= self.state.revision {
            return;
        }
        let missed = self.state.revision + 1;
        self.state.revision = revision;
        self.recent.clear();
        self.recent_bytes = 0;
        let mut left = Vec::new();
        for (stream, entry) in &self.streams {
            for (watch_id, watcher) in &entry.watchers {
                let from = match watcher.phase {
                    Phase::Live => missed,
                    Phase::Future if watcher.start_revision <= revision => watcher.start_revision,
                    _ => continue,
                };
                left.push((*stream, *watch_id, from));
            }
        }
        self.live = Groups::default();
        self.future = self.future.split_off(&(revision + 1));
        for (stream, watch_id, from) in left {
            self.fall_behind(stream, watch_id, from, true);
        }
    }

    /// Hands a commit to the watchers that want it.
    fn deliver(&mut self, commit: Arc<Commit>) {
        let revision = commit.revision;
        self.start_future(revision);
        let mut refused = Vec::new();
        for (group, events) in self.live.pick(&commit) {
            let Some((selector, members)) = self.live.group(group) else {
                continue;
            };
            let delivery = Arc::new(Delivery::new(revision, events));
            for (stream, member) in members {
                let watch_ids = member.watch_ids.clone();
                if !member.outbox.push_events(watch_ids, delivery.clone()) {
                    refused.push((selector.clone(), *stream));
                }
            }
        }
        self.state.revision = revision;
        self.remember(commit);
        for (selector, stream) in refused {
            for watch_id in self.detach_all(&selector, stream).iter() {
                self.fall_behind(stream, *watch_id, revision, false);
            }
        }
    }

    fn remember(&mut self, commit: Arc<Commit>) {
        self.recent_bytes += commit.size_bytes();
        self.recent.push_back(commit);
        while self.recent.len() > self.limits.recent_commits
            || self.recent_bytes > self.limits.recent_bytes
        {
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.recent_bytes -= oldest.size_bytes();
        }
    }

    /// The commits from `cursor` on, if all of them are at hand.
    fn recent_since(&self, cursor: i64) -> Option<impl ExactSizeIterator<Item = &Arc<Commit>>> {
        // What was before the compacted revision is gone, but not from these commits: the store
        // is asked instead.
        if cursor <= self.state.compacted {
            return None;
        }
        let missed = usize::try_from(self.state.revision + 1 - cursor).ok()?;
        let skipped = self.recent.len().checked_sub(missed)?;
        Some(self.recent.iter().skip(skipped))
    }

    fn start_future(&mut self, revision: i64) {
        let later = self.future.split_off(&(revision + 1));
        for (stream, watch_id) in std::mem::replace(&mut self.future, later)
            .into_values()
            .flatten()
        {
            self.attach(stream, watch_id);
        }
    }

    fn open(&mut self, stream: StreamId, outbox: Arc<Outbox>, history: Arc<History>) {
        self.streams.insert(
            stream,
            Stream {
                outbox,
                history,
                watchers: HashMap::new(),
                parked: Vec::new(),
            },
        );
    }

    fn request(&mut self, stream: StreamId, request: Request) {
        let revision = self.state.revision;
        let Some(entry) = self.streams.get(&stream) else {
            return;
        };
        match request {
            Request::Create {
                watch_id,
                selector,
                start_revision,
            } => self.create(stream, watch_id, selector, start_revision),
            Request::Reject { reason } => entry.outbox.push_control(
                revision,
                WatchResponse {
                    watch_id: NO_WATCHER,
                    created: true,
                    canceled: true,
                    cancel_reason: reason,
                    ..WatchResponse::default()
                },
            ),
            Request::Cancel { watch_id } => self.cancel(stream, watch_id),
            Request::Progress => {
                let all = entry
                    .watchers
                    .values()
                    .all(|watcher| watcher.is_at(revision));
                if all && !entry.watchers.is_empty() {
                    entry.outbox.push_progress(revision, NO_WATCHER);
                }
            }
            Request::ProgressOf(watch_ids) => {
                for watch_id in watch_ids {
                    let watcher = entry.watchers.get(&watch_id);
                    if watcher.is_some_and(|watcher| watcher.is_at(revision)) {
                        entry.outbox.push_progress(revision, watch_id);
                    }
                }
            }
        }
    }

    fn create(
        &mut self,
        stream: StreamId,
        watch_id: i64,
        selector: Arc<Selector>,
        start_revision: i64,
    ) {
        let revision = self.state.revision;
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        entry.outbox.push_control(
            revision,
            WatchResponse {
                watch_id,
                created: true,
                ..WatchResponse::default()
            },
        );
        let watcher = Watcher {
            selector,
            start_revision,
            phase: Phase::Future,
        };
        entry.watchers.insert(watch_id, watcher);
        if start_revision == 0 || start_revision == revision + 1 {
            self.attach(stream, watch_id);
        } else if start_revision > revision {
            let waiting = self.future.entry(start_revision).or_default();
            waiting.push((stream, watch_id));
        } else {
            self.fall_behind(stream, watch_id, start_revision, false);
        }
    }

    fn cancel(&mut self, stream: StreamId, watch_id: i64) {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        let Some(watcher) = entry.watchers.remove(&watch_id) else {
            return;
        };
        let outbox = entry.outbox.clone();
        match watcher.phase {
            Phase::Live => self.detach(&watcher.selector, stream, watch_id),
            Phase::Future => self.forget_future(watcher.start_revision, stream, watch_id),
            Phase::Behind(open) => open.store(false, Ordering::Release),
            Phase::Compacted => {}
        }
        outbox.push_control(
            self.state.revision,
            WatchResponse {
                watch_id,
                canceled: true,
                ..WatchResponse::default()
            },
        );
    }

    fn gone(&mut self, stream: StreamId) {
        let Some(entry) = self.streams.remove(&stream) else {
            return;
        };
        entry.outbox.end(Error::WatchCanceled);
        for (watch_id, watcher) in entry.watchers {
            match watcher.phase {
                Phase::Live => drop(self.detach_all(&watcher.selector, stream)),
                Phase::Future => self.forget_future(watcher.start_revision, stream, watch_id),
                Phase::Behind(open) => open.store(false, Ordering::Release),
                Phase::Compacted => {}
            }
        }
    }

    fn forget_future(&mut self, start_revision: i64, stream: StreamId, watch_id: i64) {
        if let Some(waiting) = self.future.get_mut(&start_revision) {
            waiting.retain(|other| *other != (stream, watch_id));
            if waiting.is_empty() {
                self.future.remove(&start_revision);
            }
        }
    }

    /// Puts a watcher that has everything up to the dispatcher's revision among the live ones.
    fn attach(&mut self, stream: StreamId, watch_id: i64) {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        let Some(watcher) = entry.watchers.get_mut(&watch_id) else {
            return;
        };
        watcher.phase = Phase::Live;
        let members = self.live.members_of(&watcher.selector);
        let member = members.entry(stream).or_insert_with(|| Member {
            outbox: entry.outbox.clone(),
            watch_ids: Arc::default(),
        });
        Arc::make_mut(&mut member.watch_ids).push(watch_id);
    }

    /// Takes one watcher from the live ones.
    fn detach(&mut self, selector: &Selector, stream: StreamId, watch_id: i64) {
        let members = self.live.members_of(selector);
        if let Some(member) = members.get_mut(&stream) {
            let watch_ids = Arc::make_mut(&mut member.watch_ids);
            watch_ids.retain(|other| *other != watch_id);
            if watch_ids.is_empty() {
                self.detach_all(selector, stream);
            }
        }
    }

    /// Takes all watchers of a stream that want the same from the live ones.
    fn detach_all(&mut self, selector: &Selector, stream: StreamId) -> Arc<Vec<i64>> {
        let members = self.live.members_of(selector);
        let member = members.remove(&stream);
        if members.is_empty() {
            self.live.remove(selector);
        }
        member.map(|member| member.watch_ids).unwrap_or_default()
    }

    /// Makes a laggard of a watcher that is not among the live ones.
    fn fall_behind(&mut self, stream: StreamId, watch_id: i64, cursor: i64, is_owed: bool) {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        let Some(watcher) = entry.watchers.get_mut(&watch_id) else {
            return;
        };
        let open = Arc::new(AtomicBool::new(true));
        watcher.phase = Phase::Behind(open.clone());
        let laggard = Laggard {
            stream,
            watch_id,
            selector: watcher.selector.clone(),
            cursor,
            outbox: entry.outbox.clone(),
            is_owed,
            open,
            history: entry.history.clone(),
        };
        self.park(laggard);
    }

    /// Lets a laggard wait for room, or go on when there is some.
    fn park(&mut self, laggard: Laggard) {
        if laggard.outbox.has_drained() {
            self.place(laggard);
        } else if let Some(entry) = self.streams.get_mut(&laggard.stream) {
            entry.parked.push(laggard);
        }
    }

    fn drained(&mut self, stream: StreamId) {
        if let Some(entry) = self.streams.get_mut(&stream) {
            for laggard in std::mem::take(&mut entry.parked) {
                self.place(laggard);
            }
        }
    }

    fn stepped(&mut self, watchers: Vec<(Laggard, Outcome)>, compacted: Option<i64>) {
        self.catch_ups -= 1;
        // The store may know of a compaction before it is announced here.
        self.state.compacted = self.state.compacted.max(compacted.unwrap_or(i64::MIN));
        for (laggard, outcome) in watchers {
            match outcome {
                Outcome::Ready => self.place(laggard),
                Outcome::Refused => self.park(laggard),
                Outcome::Failed(error) => laggard.outbox.end(error),
            }
        }
    }

    /// Sends a laggard where it belongs now: among the live ones when little is missing, to its
    /// end when what it misses is compacted, else to those who wait for a reading.
    fn place(&mut self, laggard: Laggard) {
        if !laggard.open.load(Ordering::Acquire) {
            return;
        }
        if laggard.cursor < self.state.compacted && !laggard.is_owed {
            return self.outlived(&laggard);
        }
        let Some(events) = self.little_missed(&laggard) else {
            return self.behind.push(laggard);
        };
        if !events.is_empty() {
            let watch_ids = Arc::new(vec![laggard.watch_id]);
            let delivery = Arc::new(Delivery::new(self.state.revision, events));
            if !laggard.outbox.push_events(watch_ids, delivery) {
                return self.park(laggard);
            }
        }
        self.attach(laggard.stream, laggard.watch_id);
    }

    /// What a laggard wants of the commits it missed; `None` when these are many, or not at hand.
    fn little_missed(&self, laggard: &Laggard) -> Option<Vec<Event>> {
        let missed = self.recent_since(laggard.cursor)?;
        if missed.len() > self.limits.attach_commits {
            return None;
        }
        Some(
            missed
                .flat_map(|commit| laggard.selector.pick(&commit.events))
                .collect(),
        )
    }

    fn outlived(&mut self, laggard: &Laggard) {
        let Some(entry) = self.streams.get_mut(&laggard.stream) else {
            return;
        };
        if let Some(watcher) = entry.watchers.get_mut(&laggard.watch_id) {
            watcher.phase = Phase::Compacted;
        }
        // etcd leaves the header's revision out here.
        entry.outbox.push_control(
            0,
            WatchResponse {
                watch_id: laggard.watch_id,
                canceled: true,
                compact_revision: self.state.compacted,
                ..WatchResponse::default()
            },
        );
    }

    /// Starts readings for those who wait.
    fn catch_up(&mut self) {
        while self.catch_ups < CATCH_UPS_AT_ONCE {
            let laggards = self.behind.take_cohort(self.limits.page_revisions);
            let Some(first) = laggards.first() else {
                return;
            };
            let span = Span {
                from: first.cursor,
                newest: self.state.revision,
                page_revisions: self.limits.page_revisions,
            };
            let source = match self.recent_since(span.from) {
                Some(commits) => {
                    Source::Memory(commits.take(span.page_revisions).cloned().collect())
                }
                None => Source::Store(first.history.clone()),
            };
            let cohort = Cohort::new(laggards, span);
            let inbox = self.inbox.clone();
            self.catch_ups += 1;
            tokio::spawn(async move {
                let (watchers, compacted) = cohort.advance(source).await;
                inbox.push(Message::Stepped {
                    watchers,
                    compacted,
                });
            });
        }
    }
}

impl Watcher {
    /// Whether it has everything up to `revision`, and that says something to it.
    fn is_at(&self, revision: i64) -> bool {
        matches!(self.phase, Phase::Live) && revision >= self.start_revision
    }
}
