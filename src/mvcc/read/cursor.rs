//! Walking the keys of a range, as they are or as they were.

use super::{Item, current, missing_change, state, value};
use crate::error::{Error, Result};
use crate::mvcc::cache::{Fill, Snapshot};
use crate::mvcc::census::Census;
use crate::mvcc::keyspace::{Change, Current, KeyRange, Layout, Revision, State, Value, successor};
use crate::store::{Consistency, Direction, PageLimit, Store, StoreError, View};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Items read from the store at a time: large enough to hide a round trip, small enough to
/// stay far below the five seconds a view may live.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// Items read at a time only to come to where the rest is counted: about what a store answers at
/// once.
const TO_BOUNDARY_ITEMS: usize = 250;

/// Changes that are not in the view yet; `None` is a deleted key.
pub type Overlay = BTreeMap<Bytes, Option<Current>>;

/// Which version of each key a cursor hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The live one, including the overlay.
    Latest,
    /// The newest at or below a revision.
    Revision(i64),
}

/// Walks the keys of a range in ascending order, page by page, as one consistent answer.
///
/// When its view expires it goes on in a new one, pinned at the revision it began with.
pub struct Cursor<'a> {
    /// Where to open further views; without it an expired view is the caller's problem.
    store: Option<Store>,
    layout: Layout,
    source: Source,
    overlay: Option<&'a Overlay>,
    at: At,
    /// The revision `Latest` means.
    pinned: i64,
    /// What is left to walk.
    rest: Option<KeyRange>,
    /// Whom to tell what is found.
    fill: Option<Fill>,
    /// Whom to ask how many keys are left.
    census: Option<Arc<Census>>,
    /// Keys handed out.
    walked: usize,
    /// A key from where on the rest was counted lately, and the keys handed out before it.
    mark: Option<(Bytes, usize)>,
    /// Keys that are asked for, besides their count.
    wanted: usize,
}

enum Source {
    View(View),
    Cached(Snapshot),
}

impl Cursor<'static> {
    /// Over committed data only; `revision` is 0 for the newest, which is `state.revision`.
    pub fn open(
        store: Store,
        layout: Layout,
        view: View,
        state: &State,
        range: KeyRange,
        revision: i64,
    ) -> Self {
        let source = Source::View(view);
        Self::new(
            Some(store),
            layout,
            source,
            None,
            state.revision,
            range,
            revision,
        )
    }
}

impl<'a> Cursor<'a> {
    /// Over what the cache knows of a range, with `overlay` laid over it.
    pub fn cached(
        layout: Layout,
        snapshot: Snapshot,
        overlay: Option<&'a Overlay>,
        range: KeyRange,
    ) -> Self {
        let revision = snapshot.revision;
        let source = Source::Cached(snapshot);
        Self::new(None, layout, source, overlay, revision, range, 0)
    }

    /// Over committed data with `overlay` laid over the newest revision.
    pub fn over(
        layout: Layout,
        view: View,
        overlay: &'a Overlay,
        state: &State,
        range: KeyRange,
        revision: i64,
    ) -> Self {
        let source = Source::View(view);
        Self::new(
            None,
            layout,
            source,
            Some(overlay),
            state.revision,
            range,
            revision,
        )
    }

    fn new(
        store: Option<Store>,
        layout: Layout,
        source: Source,
        overlay: Option<&'a Overlay>,
        newest: i64,
        range: KeyRange,
        revision: i64,
    ) -> Self {
        let latest = revision <= 0 || (revision == newest && overlay.is_none());
        Self {
            store,
            layout,
            source,
            overlay,
            at: if latest {
                At::Latest
            } else {
                At::Revision(revision)
            },
            pinned: newest,
            rest: (!range.is_empty()).then_some(range),
            fill: None,
            census: None,
            walked: 0,
            mark: None,
            wanted: usize::MAX,
        }
    }

    /// Tells `fill` what is found.
    pub fn filling(mut self, fill: Option<Fill>) -> Self {
        self.fill = fill.filter(|_| self.at == At::Latest);
        self
    }

    /// Asks `census` for [`count`](Self::count), which knows committed data only; so no more need
    /// be walked than is `wanted`.
    pub fn counted_by(mut self, census: Arc<Census>, wanted: usize) -> Self {
        if let (Some(KeyRange::Span(start, _)), None) = (&self.rest, self.overlay) {
            let boundary = census.boundary(start, start);
            self.mark = boundary.map(|boundary| (boundary, 0));
            self.census = Some(census);
            self.wanted = wanted;
        }
        self
    }

    fn page_limit(&self) -> PageLimit {
        let items = match self.wanted.saturating_sub(self.walked) {
            _ if matches!(self.rest, Some(KeyRange::Point(_))) => 1,
            _ if self.census.is_none() => PAGE.items,
            0 => TO_BOUNDARY_ITEMS,
            // One more shows that there are more.
            wanted => wanted.saturating_add(1).min(PAGE.items),
        };
        PageLimit { items, ..PAGE }
    }

    /// The revision of what it hands out.
    pub fn revision(&self) -> i64 {
        match self.at {
            At::Latest => self.pinned,
            At::Revision(revision) => revision,
        }
    }

    /// What the cache knows of the range, if that is all there is to hand out.
    pub fn known(&self) -> Option<&Snapshot> {
        match (&self.source, self.overlay) {
            (Source::Cached(snapshot), None) => Some(snapshot),
            _ => None,
        }
    }

    /// What is left to walk.
    pub fn rest(&self) -> Option<&KeyRange> {
        self.rest.as_ref()
    }

    /// Whether what it finds is told: not in a second view any more.
    pub fn is_filling(&self) -> bool {
        self.fill.is_some()
    }

    /// How many keys were handed out.
    pub fn walked(&self) -> usize {
        self.walked
    }

    /// How many keys there are in the whole range, if that can be told before all are walked.
    pub async fn count(&mut self) -> Result<Option<usize>> {
        if let Some(snapshot) = self.known() {
            return Ok(Some(snapshot.count));
        }
        let Some(rest) = &self.rest else {
            return Ok(Some(self.walked));
        };
        let revision = self.revision();
        match (&self.census, &self.mark) {
            (Some(census), Some((from, before))) => {
                let behind = Box::pin(census.count(revision, from, rest.end())).await?;
                let count = behind.map(|behind| before + behind);
                // Asked in vain once, it would be asked again for every page.
                self.census = self.census.take().filter(|_| count.is_some());
                Ok(count)
            }
            _ => Ok(None),
        }
    }

    fn view(&self) -> Result<&View> {
        match &self.source {
            Source::View(view) => Ok(view),
            Source::Cached(_) => Err(StoreError::ViewExpired.into()),
        }
    }

    /// The next keys; `None` at the end. A page may be empty.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Item>>> {
        loop {
            let Some(rest) = self.rest.clone() else {
                return Ok(None);
            };
            let page = match self.at {
                At::Latest => self.latest_page(rest.clone()).await,
                // In boxes, here and below: a read of what the cache knows is to be small.
                At::Revision(revision) => Box::pin(self.old_page(rest.clone(), revision)).await,
            };
            match (page, &self.store) {
                (Err(Error::Store(StoreError::ViewExpired)), Some(store)) => {
                    let pinned = self.revision();
                    let view = Box::pin(view_of(store, &self.layout, pinned)).await?;
                    self.source = Source::View(view);
                    self.at = At::Revision(pinned);
                    self.fill = None;
                }
                (page, _) => {
                    let page = page?;
                    self.handed_out(rest.start(), &page);
                    return Ok(Some(page));
                }
            }
        }
    }

    fn handed_out(&mut self, start: &Bytes, page: &[Item]) {
        if let (Some(census), Some(rest)) = (&self.census, &self.rest)
            && let Some(boundary) = census.boundary(start, rest.start())
        {
            let before = page.partition_point(|(key, _)| *key < boundary);
            self.mark = Some((boundary, self.walked + before));
        }
        self.walked += page.len();
    }

    /// The bytes of a value this cursor handed out.
    pub async fn value(&self, item: &Current) -> Result<Bytes> {
        if let Some(bytes) = item.value.bytes() {
            return Ok(bytes.clone());
        }
        Box::pin(self.stored_value(&item.value)).await
    }

    async fn stored_value(&self, of: &Value) -> Result<Bytes> {
        match (value(self.view()?, &self.layout, of).await, &self.store) {
            (Err(Error::Store(StoreError::ViewExpired)), Some(store)) => {
                let view = store.view(Consistency::Linearizable).await?;
                value(&view, &self.layout, of).await
            }
            (result, _) => result,
        }
    }

    async fn latest_page(&mut self, rest: KeyRange) -> Result<Vec<Item>> {
        if let KeyRange::Point(key) = &rest {
            let found = match self.overlay.and_then(|overlay| overlay.get(key)) {
                Some(changed) => changed.clone().map(|found| (key.clone(), found)),
                None => self.current(key).await?,
            };
            let items: Vec<Item> = found.into_iter().collect();
            self.found(&rest, &items);
            self.rest = None;
            return Ok(items);
        }
        let (mut items, more) = match &mut self.source {
            Source::Cached(snapshot) => snapshot.next_page(),
            Source::View(_) => Box::pin(self.live_page(&rest)).await?,
        };
        let covered = items.last().filter(|_| more).map(|(key, _)| key.clone());
        match &covered {
            Some(last) => {
                let walked = KeyRange::Span(rest.start().clone(), Some(successor(last)));
                self.found(&walked, &items);
            }
            None => self.found(&rest, &items),
        }
        if let Some(overlay) = self.overlay {
            items = overlaid(items, overlay, &rest, covered.as_ref());
        }
        self.rest = covered.and_then(|last| after(&rest, &last));
        Ok(items)
    }

    /// The first live keys of a range, and whether there are more.
    async fn live_page(&self, range: &KeyRange) -> Result<(Vec<Item>, bool)> {
        let (start, end) = self.layout.current_range(range);
        let limit = self.page_limit();
        let scan = self.view()?.scan(&start, &end, limit, Direction::Forward);
        let page = scan.await?;
        let decode = |(store_key, record): (Bytes, Bytes)| {
            Ok((self.layout.user_key(&store_key), Current::decode(record)?))
        };
        let items: Result<Vec<_>> = page.items.into_iter().map(decode).collect();
        Ok((items?, page.more))
    }

    async fn current(&mut self, key: &Bytes) -> Result<Option<Item>> {
        match &mut self.source {
            Source::Cached(snapshot) => Ok(snapshot.next_page().0.pop()),
            Source::View(view) => {
                let found = Box::pin(current(view, &self.layout, key)).await?;
                Ok(found.map(|found| (key.clone(), found)))
            }
        }
    }

    fn found(&self, range: &KeyRange, items: &[Item]) {
        if let Some(fill) = &self.fill {
            fill.cover(self.pinned, range, items);
        }
    }

    /// What was live at a revision lies on the way back from the first change after it that the index
    /// names, or else from what is live now.
    async fn old_page(&mut self, rest: KeyRange, revision: i64) -> Result<Vec<Item>> {
        let (mut changed, undecided) = self.changed_after(&rest, revision).await?;
        let decided = match &undecided {
            Some(key) => KeyRange::Span(rest.start().clone(), Some(key.clone())),
            None => rest.clone(),
        };
        let (live, more) = self.live_page(&decided).await?;
        let last = live.last().filter(|_| more);
        let beyond = last.map(|(key, _)| successor(key)).or(undecided);
        let mut items = Vec::with_capacity(live.len());
        let mut ways = Vec::new();
        for (key, current) in live {
            if current.mod_revision <= revision {
                items.push((key, current));
            } else if let Some(named) = changed.remove(&key) {
                ways.push((key, named));
            } else if current.create_revision <= revision {
                let newest = current.revision();
                ways.push((key, newest));
            }
        }
        if let Some(beyond) = &beyond {
            changed.split_off(beyond);
        }
        ways.extend(changed);
        if !ways.is_empty() {
            items.extend(self.walk_back(ways, revision).await?);
            items.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        self.rest = beyond.and_then(|key| at_or_after(&rest, key));
        Ok(items)
    }

    /// The first change after a revision that the index names, of each key of a range that has one;
    /// and the key from which on that is not known, if there is one, behind the first of the range.
    async fn changed_after(
        &self,
        range: &KeyRange,
        revision: i64,
    ) -> Result<(BTreeMap<Bytes, Revision>, Option<Bytes>)> {
        // All of the first key are after the revision, so a page decides one key at least.
        let after = Revision::first_of(revision.saturating_add(1));
        let start = self.layout.index(range.start(), after);
        let (_, end) = self.layout.index_range(range);
        let limit = self.page_limit();
        let scan = self.view()?.scan(&start, &end, limit, Direction::Forward);
        let page = scan.await?;
        let mut changed = BTreeMap::new();
        let mut last = None;
        for (store_key, _) in &page.items {
            let (key, at) = self.layout.index_entry(store_key)?;
            if at >= after {
                changed.entry(key.clone()).or_insert(at);
            }
            last = Some(key);
        }
        let undecided = last.filter(|_| page.more).map(|key| match &changed {
            changed if changed.contains_key(&key) => successor(&key),
            _ => key,
        });
        Ok((changed, undecided))
    }

    /// What keys were at a revision, each behind one of its changes after it. All go one step at a time.
    async fn walk_back(
        &self,
        mut ways: Vec<(Bytes, Revision)>,
        revision: i64,
    ) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(ways.len());
        while !ways.is_empty() {
            let at = ways.iter().map(|(_, at)| self.layout.history(*at));
            let records = self.view()?.get_many(&at.collect::<Vec<_>>()).await?;
            let mut further = Vec::with_capacity(ways.len());
            for ((key, at), record) in ways.into_iter().zip(records) {
                let change = Change::decode(at, record.ok_or_else(missing_change)?)?;
                match (change.put, change.replaced) {
                    (Some(put), _) if at.main <= revision => items.push((key, put)),
                    (Some(put), _) if put.create_revision > revision => {}
                    (_, Some(replaced)) if at.main > revision => {
                        further.push((key, replaced.revision))
                    }
                    _ => {}
                }
            }
            ways = further;
        }
        Ok(items)
    }
}

/// A view in which an older revision can be read.
async fn view_of(store: &Store, layout: &Layout, revision: i64) -> Result<View> {
    let view = store.view(Consistency::Linearizable).await?;
    match revision < state(&view, layout).await?.compacted {
        true => Err(Error::Compacted),
        false => Ok(view),
    }
}

/// `items` with the changes of `overlay` up to `covered` (`None`: to the end of the range).
fn overlaid(
    items: Vec<Item>,
    overlay: &Overlay,
    range: &KeyRange,
    covered: Option<&Bytes>,
) -> Vec<Item> {
    let upper = match (covered, range) {
        (Some(last), _) => Bound::Included(last),
        (None, KeyRange::Span(_, Some(end))) => Bound::Excluded(end),
        (None, _) => Bound::Unbounded,
    };
    let mut changes = overlay
        .range::<Bytes, _>((Bound::Included(range.start()), upper))
        .peekable();
    let mut merged = Vec::with_capacity(items.len());
    for item in items {
        while let Some((key, change)) = changes.next_if(|(key, _)| **key < item.0) {
            merged.extend(change.clone().map(|change| (key.clone(), change)));
        }
        match changes.next_if(|(key, _)| **key == item.0) {
            Some((key, change)) => {
                merged.extend(change.clone().map(|change| (key.clone(), change)));
            }
            None => merged.push(item),
        }
    }
    for (key, change) in changes {
        merged.extend(change.clone().map(|change| (key.clone(), change)));
    }
    merged
}

/// What is left of `range` behind `last`.
fn after(range: &KeyRange, last: &Bytes) -> Option<KeyRange> {
    at_or_after(range, successor(last))
}

/// What is left of `range` from `key` on.
fn at_or_after(range: &KeyRange, key: Bytes) -> Option<KeyRange> {
    match range {
        KeyRange::Point(point) => (key <= *point).then(|| range.clone()),
        KeyRange::Span(_, end) => Some(KeyRange::Span(key, end.clone())),
    }
    .filter(|rest| !rest.is_empty())
}
