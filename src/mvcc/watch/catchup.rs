//! Brings watchers that are behind closer to the present, many of them with one reading.

use super::Commit;
use super::history::{History, Page, Span};
use super::hub::StreamId;
use super::outbox::{Delivery, Outbox};
use super::selector::{Groups, Selector};
use crate::error::Error;
use crate::pb::mvccpb::Event;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Watchers that share one reading.
const COHORT_WATCHERS: usize = 4096;

/// A watcher that is behind. It remembers where it is, not what it missed.
pub(super) struct Laggard {
    pub stream: StreamId,
    pub watch_id: i64,
    pub selector: Arc<Selector>,
    /// The first revision that was not handed to the stream.
    pub cursor: i64,
    pub outbox: Arc<Outbox>,
    /// It had everything until events did not come by the hub: a compaction does not end it
    /// while what it misses is still there.
    pub is_owed: bool,
    /// Falls when the watcher is canceled.
    pub open: Arc<AtomicBool>,
    pub history: Arc<History>,
}

/// What became of a watcher in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It may go on, or has arrived.
    Ready,
    /// Its stream is full; it stands where it stood.
    Refused,
    /// The store cannot be read.
    Failed(Error),
}

/// Watchers that wait for a reading, by their cursors.
#[derive(Default)]
pub(super) struct Behind {
    waiting: BTreeMap<i64, Vec<Laggard>>,
    /// Where the next cohort begins at the earliest, if anybody is there.
    sweep: i64,
}

impl Behind {
    pub fn push(&mut self, laggard: Laggard) {
        self.waiting
            .entry(laggard.cursor)
            .or_default()
            .push(laggard);
    }

    /// The watchers to be served next: those who stand within a page from the first of them.
    /// They are taken in sweeps over the history, as a lift serves its floors: nobody is passed
    /// over twice, and watchers gather on the way.
    pub fn take_cohort(&mut self, page_revisions: usize) -> Vec<Laggard> {
        let mut cohort = Vec::new();
        let ahead = self.waiting.range(self.sweep..).next();
        let Some((from, _)) = ahead.or_else(|| self.waiting.iter().next()) else {
            return cohort;
        };
        let page = *from..from.saturating_add(page_revisions as i64);
        self.sweep = from + 1;
        while cohort.len() < COHORT_WATCHERS
            && let Some((cursor, _)) = self.waiting.range(page.clone()).next()
        {
            let cursor = *cursor;
            let mut here = self.waiting.remove(&cursor).unwrap_or_default();
            let room = COHORT_WATCHERS - cohort.len();
            let rest = here.split_off(room.min(here.len()));
            if !rest.is_empty() {
                self.waiting.insert(cursor, rest);
            }
            cohort.append(&mut here);
        }
        cohort
    }
}

/// Where the next events come from.
pub(super) enum Source {
    /// Commits that the hub still remembers, from the first cursor of the cohort on.
    Memory(Vec<Arc<Commit>>),
    /// The store.
    Store(Arc<History>),
}

/// Watchers that take a step together.
pub(super) struct Cohort {
    laggards: Vec<Laggard>,
    /// Members are places in `laggards`.
    groups: Groups<Vec<usize>>,
    /// From the earliest cursor to the newest revision the hub has announced: nobody is to see
    /// events beyond that.
    span: Span,
}

impl Cohort {
    pub fn new(laggards: Vec<Laggard>, span: Span) -> Self {
        let mut groups = Groups::<Vec<usize>>::default();
        for (place, laggard) in laggards.iter().enumerate() {
            groups.members_of(&laggard.selector).push(place);
        }
        Self {
            laggards,
            groups,
            span,
        }
    }

    /// Hands each watcher the next stretch of what it missed. The revision is what the store says
    /// is the oldest readable one, when that stopped some of them.
    pub async fn advance(mut self, source: Source) -> (Vec<(Laggard, Outcome)>, Option<i64>) {
        let commits = match source {
            Source::Memory(commits) => {
                let commits: Vec<_> = commits.iter().map(AsRef::as_ref).collect();
                let last = commits
                    .last()
                    .map_or(self.span.newest, |commit| commit.revision);
                return (self.distribute(&commits, last + 1), None);
            }
            Source::Store(history) => history.page(&self.span, &self.groups).await,
        };
        match commits {
            Ok(Page::Commits { commits, next }) => {
                let commits: Vec<_> = commits.iter().collect();
                (self.distribute(&commits, next), None)
            }
            Ok(Page::Compacted(oldest)) => {
                for laggard in &mut self.laggards {
                    laggard.is_owed = false;
                }
                (self.all(Outcome::Ready), Some(oldest))
            }
            Err(error) => (self.all(Outcome::Failed(error)), None),
        }
    }

    fn all(self, outcome: Outcome) -> Vec<(Laggard, Outcome)> {
        let with = |laggard| (laggard, outcome.clone());
        self.laggards.into_iter().map(with).collect()
    }

    /// Gives out what happened before the revision `next`.
    fn distribute(mut self, commits: &[&Commit], next: i64) -> Vec<(Laggard, Outcome)> {
        let mut stretches = HashMap::<_, Vec<(i64, Vec<Event>)>>::new();
        for commit in commits {
            for (group, events) in self.groups.pick(commit) {
                let stretch = stretches.entry(group).or_default();
                stretch.push((commit.revision, events));
            }
        }
        let mut refused = HashSet::new();
        for (group, stretch) in stretches {
            if let Some((_, members)) = self.groups.group(group) {
                refused.extend(self.hand_over(members, &stretch));
            }
        }
        let step = |(place, mut laggard): (usize, Laggard)| {
            if refused.contains(&place) {
                return (laggard, Outcome::Refused);
            }
            laggard.cursor = laggard.cursor.max(next);
            (laggard, Outcome::Ready)
        };
        let laggards = std::mem::take(&mut self.laggards);
        laggards.into_iter().enumerate().map(step).collect()
    }

    /// Queues a stretch of events for the watchers that want just these, and returns those whose
    /// stream has no room. Watchers of one stream at one revision share an entry of its queue.
    fn hand_over(&self, members: &[usize], stretch: &[(i64, Vec<Event>)]) -> Vec<usize> {
        let mut alike = BTreeMap::<(i64, StreamId), Vec<usize>>::new();
        for place in members {
            let laggard = &self.laggards[*place];
            let key = (laggard.cursor, laggard.stream);
            alike.entry(key).or_default().push(*place);
        }
        let mut refused = Vec::new();
        let mut shared = None::<(i64, Arc<Delivery>)>;
        for ((cursor, _), places) in alike {
            let delivery = match &shared {
                Some((from, delivery)) if *from == cursor => delivery.clone(),
                _ => self.delivery(stretch, cursor),
            };
            shared = Some((cursor, delivery.clone()));
            let watchers: Vec<_> = places.iter().map(|place| &self.laggards[*place]).collect();
            let open = watchers
                .iter()
                .map(|watcher| (watcher.watch_id, &*watcher.open));
            let outbox = &watchers[0].outbox;
            if !delivery.events.is_empty() && !outbox.push_to_open(open, delivery) {
                refused.extend(places);
            }
        }
        refused
    }

    fn delivery(&self, stretch: &[(i64, Vec<Event>)], cursor: i64) -> Arc<Delivery> {
        let missed = stretch.iter().filter(|(revision, _)| *revision >= cursor);
        let events = missed.flat_map(|(_, events)| events).cloned().collect();
        Arc::new(Delivery::new(self.span.newest, events))
    }
}
