//! The keyspace as it will be once the batch being built is committed.

use crate::error::Result;
use crate::mvcc::auth::Rules;
use crate::mvcc::base::Base;
use crate::mvcc::blob;
use crate::mvcc::cache::Snapshot;
use crate::mvcc::keyspace::{
    BLOB_THRESHOLD_BYTES, BlobRef, Change, Current, Due, KeyRange, Layout, LeaseRecord, Revision,
    State, Turn, Value,
};
use crate::mvcc::piece::Pieces;
use crate::mvcc::read::{self, Cursor, Item, Overlay};
use crate::mvcc::size::change_bytes;
use crate::mvcc::stats::Tally;
use crate::mvcc::watch::Commit;
use crate::pb::etcdserverpb::{RangeRequest, RangeResponse};
use crate::pb::mvccpb::{Event, KeyValue, event::EventType};
use crate::store::{Direction, Op, PageLimit, View};
use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Attachments read at a time.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// Keys for which there is room at first: those of the requests that a batch waits for.
const KEYS_EXPECTED: usize = 128;

/// A value whose pieces are in the store already.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The value, as the request holds it.
    pub value: Bytes,
    /// Where its pieces are.
    pub blob: BlobRef,
}

/// A base, the changes made over it, and the ops that will make them true.
pub struct Scratch {
    base: Base,
    layout: Layout,
    /// As if all changes were committed.
    pub state: State,
    /// What the requests did so far.
    pub tally: Tally,
    /// What it has changed.
    keys: Overlay,
    /// What keys are that it has changed or read.
    known: HashMap<Bytes, Option<Current>>,
    /// Keys that came or went, transaction by transaction.
    turns: Vec<Turn>,
    leases: HashMap<i64, Option<LeaseRecord>>,
    /// Who may do what, if the batch has changed it.
    rules: Option<Arc<Rules>>,
    attachments: BTreeMap<(i64, Bytes), bool>,
    staged: Vec<(Staged, bool)>,
    ops: Vec<Op>,
    ops_bytes: usize,
    /// Of which keys and records are made.
    pieces: Pieces,
    added_bytes: u64,
    /// The revision it began with.
    from: i64,
    /// Changes of the transaction under way.
    written: u32,
    /// Whether anybody wants to see events.
    is_watched: bool,
    commits: Vec<Commit>,
    /// Events of the transaction under way.
    events: Vec<Event>,
}

/// What a batch came to.
pub struct Outcome {
    /// The state to commit.
    pub state: State,
    /// The ops to commit, but for the state's own.
    pub ops: Vec<Op>,
    /// What each key became.
    pub changes: Vec<(Bytes, Option<Current>)>,
    /// Which keys came or went.
    pub turns: Vec<Turn>,
    /// What watchers will see; nothing, if there were none.
    pub commits: Vec<Commit>,
    /// What the instance takes more, in bytes.
    pub added_bytes: u64,
}

impl Scratch {
    /// Nothing changed yet.
    pub fn new(base: Base, state: State) -> Self {
        Self {
            layout: base.layout.clone(),
            is_watched: base.is_watched(),
            base,
            from: state.revision,
            state,
            tally: Tally::default(),
            keys: Overlay::new(),
            known: HashMap::with_capacity(KEYS_EXPECTED),
            turns: Vec::new(),
            leases: HashMap::new(),
            rules: None,
            attachments: BTreeMap::new(),
            staged: Vec::new(),
            ops: Vec::new(),
            ops_bytes: 0,
            pieces: Pieces::new(),
            added_bytes: 0,
            written: 0,
            commits: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Reads keys and leases that requests will ask for, all at once.
    pub async fn prefetch(&mut self, keys: Vec<Bytes>, leases: Vec<i64>) -> Result<()> {
        let mut missing = BTreeSet::new();
        for (key, known) in keys.iter().zip(self.base.known(&keys)?) {
            match known {
                _ if self.knows(key) => {}
                Some(found) => self.learn(key.clone(), found),
                None => {
                    missing.insert(key.clone());
                }
            }
        }
        if missing.is_empty() && leases.is_empty() {
            return Ok(());
        }
        let store_keys: Vec<Bytes> = missing
            .iter()
            .map(|key| self.layout.current(key))
            .chain(leases.iter().map(|id| self.layout.lease(*id)))
            .collect();
        let view = self.base.view().await?;
        let mut records = view.get_many(&store_keys).await?.into_iter();
        for (key, record) in missing.into_iter().zip(records.by_ref()) {
            let found = record.map(Current::decode).transpose()?;
            self.learn(key, found);
        }
        for (id, record) in leases.into_iter().zip(records) {
            let found = record.map(LeaseRecord::decode).transpose()?;
            self.leases.insert(id, found);
        }
        Ok(())
    }

    /// Whether it can tell a key without reading.
    pub fn knows(&self, key: &Bytes) -> bool {
        self.known.contains_key(key)
    }

    /// Tells it what a key was before the batch.
    pub fn learn(&mut self, key: Bytes, found: Option<Current>) {
        self.known.insert(key, found);
    }

    /// Makes values known whose pieces are in the store already.
    pub fn add_staged(&mut self, staged: impl IntoIterator<Item = Staged>) {
        self.staged
            .extend(staged.into_iter().map(|staged| (staged, false)));
    }

    /// The ops so far, to which others will be added.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Bytes of the ops so far.
    pub fn ops_bytes(&self) -> usize {
        self.ops_bytes
    }

    /// Whether a read at `revision` would have to see changes that are only here.
    pub fn is_ahead_of(&self, revision: i64) -> bool {
        revision > self.from && self.state.revision > self.from
    }

    /// The revision a read sees now: that of the transaction under way once it changed something.
    pub fn read_revision(&self) -> i64 {
        self.state.revision + i64::from(self.written > 0)
    }

    /// The live version of a key.
    pub async fn get(&mut self, key: &Bytes) -> Result<Option<Current>> {
        if let Some(known) = self.known.get(key) {
            return Ok(known.clone());
        }
        let found = self.base.current(key).await?;
        self.learn(key.clone(), found.clone());
        Ok(found)
    }

    /// The bytes of a value.
    pub async fn value(&self, value: &Value) -> Result<Bytes> {
        match value.bytes() {
            Some(bytes) => Ok(bytes.clone()),
            None => read::value(self.base.view().await?, &self.layout, value).await,
        }
    }

    /// A key as clients see it.
    pub async fn key_value(&self, key: &Bytes, current: &Current) -> Result<KeyValue> {
        let value = self.value(&current.value).await?;
        Ok(current.to_key_value(key.clone(), value))
    }

    /// The live keys of a range.
    pub async fn items(&self, range: KeyRange) -> Result<Vec<Item>> {
        let mut cursor = self.cursor(range, 0, usize::MAX).await?;
        let mut items = Vec::new();
        while let Some(page) = cursor.next_page().await? {
            items.extend(page);
        }
        Ok(items)
    }

    /// Answers a range request whose revision has been checked.
    pub async fn range(&self, request: &RangeRequest) -> Result<RangeResponse> {
        let range = KeyRange::new(request.key.clone(), request.range_end.clone());
        let wanted = read::items_wanted(request);
        let cursor = self.cursor(range, request.revision, wanted).await?;
        read::range(cursor, request, self.read_revision()).await
    }

    /// A range that is one key, if that is known with its value.
    fn point(&self, range: &KeyRange) -> Option<Snapshot> {
        let KeyRange::Point(key) = range else {
            return None;
        };
        let found = self
            .known
            .get(key)?
            .clone()
            .map(|current| (key.clone(), current));
        let in_pieces = |(_, current): &Item| matches!(current.value, Value::Blob(_));
        (!found.as_ref().is_some_and(in_pieces))
            .then(|| Snapshot::point(self.state.revision, found))
    }

    /// Over a range of which `wanted` items are asked for, and their count.
    async fn cursor(&self, range: KeyRange, revision: i64, wanted: usize) -> Result<Cursor<'_>> {
        let (layout, overlay) = (self.layout.clone(), &self.keys);
        if revision <= 0
            && let Some(snapshot) = self.point(&range)
        {
            return Ok(Cursor::cached(layout, snapshot, None, range));
        }
        // What is changed here is in no count.
        let is_changed = !overlay.is_empty();
        let limit = if is_changed { usize::MAX } else { wanted };
        if revision <= 0
            && let Some(snapshot) = self.base.snapshot(&range, limit)?
        {
            let overlay = is_changed.then_some(overlay);
            return Ok(Cursor::cached(layout, snapshot, overlay, range));
        }
        let view = self.base.view().await?.clone();
        Ok(Cursor::over(
            layout,
            view,
            overlay,
            &self.state,
            range,
            revision,
        ))
    }

    /// Writes a key; answers what it was.
    pub async fn put(&mut self, key: Bytes, value: Bytes, lease: i64) -> Result<Option<Current>> {
        let before = self.get(&key).await?;
        let revision = self.next_revision();
        let put = Current {
            create_revision: before
                .as_ref()
                .map_or(revision.main, |before| before.create_revision),
            mod_revision: revision.main,
            sub: revision.sub,
            version: before.as_ref().map_or(1, |before| before.version + 1),
            lease,
            value: self.store_value(&value),
        };
        self.move_lease(
            &key,
            before.as_ref().map_or(0, |before| before.lease),
            lease,
        );
        if self.is_watched {
            let event = Event {
                r#type: EventType::Put.into(),
                kv: Some(put.to_key_value(key.clone(), value)),
                prev_kv: self.seen_before(&key, before.as_ref()).await?,
            };
            self.tell(event);
        }
        self.record(revision, key, Some(put), before.as_ref());
        Ok(before)
    }

    /// Deletes a live key.
    pub async fn delete(&mut self, key: Bytes, before: &Current) -> Result<()> {
        let revision = self.next_revision();
        self.move_lease(&key, before.lease, 0);
        if self.is_watched {
            let event = Event {
                r#type: EventType::Delete.into(),
                kv: Some(KeyValue {
                    key: key.clone(),
                    mod_revision: revision.main,
                    ..Default::default()
                }),
                prev_kv: self.seen_before(&key, Some(before)).await?,
            };
            self.tell(event);
        }
        self.record(revision, key, None, Some(before));
        Ok(())
    }

    fn tell(&mut self, event: Event) {
        // Most transactions have one, and events are large.
        if self.events.is_empty() {
            self.events.reserve_exact(1);
        }
        self.events.push(event);
    }

    /// What a watcher sees as the previous version: that before the transaction, even when the
    /// transaction has written the key already.
    async fn seen_before(&self, key: &Bytes, before: Option<&Current>) -> Result<Option<KeyValue>> {
        let Some(before) = before else {
            return Ok(None);
        };
        if before.mod_revision <= self.state.revision {
            return Ok(Some(self.key_value(key, before).await?));
        }
        let wrote = |event: &&Event| event.kv.as_ref().is_some_and(|kv| kv.key == *key);
        let first = self.events.iter().find(wrote);
        Ok(first.and_then(|event| event.prev_kv.clone()))
    }

    /// Ends the transaction under way; it takes a revision if it changed something.
    pub fn end_transaction(&mut self) {
        self.tally.end_transaction();
        if self.written == 0 {
            return;
        }
        self.written = 0;
        self.state.revision += 1;
        if self.is_watched {
            self.commits.push(Commit {
                revision: self.state.revision,
                events: std::mem::take(&mut self.events),
            });
        }
    }

    /// A lease, if it exists.
    pub async fn lease(&mut self, id: i64) -> Result<Option<LeaseRecord>> {
        if let Some(known) = self.leases.get(&id) {
            return Ok(*known);
        }
        let record = self.base.view().await?.get(&self.layout.lease(id)).await?;
        let found = record.map(LeaseRecord::decode).transpose()?;
        self.leases.insert(id, found);
        Ok(found)
    }

    /// Makes, changes (`Some`) or ends (`None`) a lease.
    pub fn set_lease(&mut self, id: i64, lease: Option<LeaseRecord>) {
        let key = self.layout.lease(id);
        self.push(match &lease {
            Some(lease) => Op::Set(key, lease.encode()),
            None => Op::Clear(key),
        });
        self.leases.insert(id, lease);
    }

    /// Says when to look at a lease.
    pub fn set_due(&mut self, due: Due) {
        self.push(Op::Set(self.layout.due(due), Bytes::new()));
    }

    /// Takes that back.
    pub fn clear_due(&mut self, due: Due) {
        self.push(Op::Clear(self.layout.due(due)));
    }

    /// The keys that hang on a lease, ascending.
    pub async fn attached_keys(&self, lease: i64) -> Result<Vec<Bytes>> {
        let mut keys = attached_keys(self.base.view().await?, &self.layout, lease).await?;
        let first = (lease, Bytes::new());
        for ((id, key), attached) in self.attachments.range(first..) {
            if *id != lease {
                break;
            }
            match (keys.binary_search(key), attached) {
                (Err(place), true) => keys.insert(place, key.clone()),
                (Ok(place), false) => {
                    keys.remove(place);
                }
                _ => {}
            }
        }
        Ok(keys)
    }

    /// Who may do what.
    pub async fn rules(&self) -> Result<Arc<Rules>> {
        match &self.rules {
            Some(rules) => Ok(rules.clone()),
            None => self.base.rules().await,
        }
    }

    /// Changes who may do what.
    pub fn set_rules(&mut self, former: &Rules, rules: Rules) {
        for op in rules.ops(former, &self.layout.clone()) {
            self.push(op);
        }
        self.state.auth = rules.state;
        self.rules = Some(Arc::new(rules));
    }

    /// A metadata record.
    pub async fn meta(&self, name: &str) -> Result<Option<Bytes>> {
        let key = self.layout.meta(name);
        let written = self.ops.iter().rev().find_map(|op| match op {
            Op::Set(at, value) if *at == key => Some(value.clone()),
            _ => None,
        });
        match written {
            Some(value) => Ok(Some(value)),
            None => Ok(self.base.view().await?.get(&key).await?),
        }
    }

    /// Writes a metadata record.
    pub fn set_meta(&mut self, name: &str, value: Bytes) {
        let key = self.layout.meta(name);
        self.push(Op::Set(key, value));
    }

    /// Whether anything is to be committed; `before` is the state the scratch began with.
    pub fn is_unchanged(&self, before: &State) -> bool {
        // Pieces that no request used must be removed.
        let unused_pieces = !self.staged.is_empty();
        self.ops.is_empty() && self.keys.is_empty() && !unused_pieces && self.state == *before
    }

    /// Ends the batch.
    pub fn finish(mut self) -> Outcome {
        let changes: Vec<_> = std::mem::take(&mut self.keys).into_iter().collect();
        for (key, change) in &changes {
            let layout = &self.layout;
            let at = self.pieces.make(|piece| layout.put_current(key, piece));
            let op = match change {
                Some(current) => Op::Set(at, self.pieces.make(|piece| current.put(piece))),
                None => Op::Clear(at),
            };
            self.push(op);
        }
        for ((lease, key), attached) in std::mem::take(&mut self.attachments) {
            let at = self.layout.attachment(lease, &key);
            self.push(if attached {
                Op::Set(at, Bytes::new())
            } else {
                Op::Clear(at)
            });
        }
        for (staged, used) in std::mem::take(&mut self.staged) {
            self.push(Op::Clear(self.layout.staged(staged.blob.id)));
            if !used {
                self.push(blob::clear(&self.layout, &staged.blob));
            }
        }
        Outcome {
            state: self.state,
            ops: self.ops,
            changes,
            turns: self.turns,
            commits: self.commits,
            added_bytes: self.added_bytes,
        }
    }

    fn next_revision(&self) -> Revision {
        Revision {
            main: self.state.revision + 1,
            sub: self.written,
        }
    }

    fn record(
        &mut self,
        revision: Revision,
        key: Bytes,
        put: Option<Current>,
        before: Option<&Current>,
    ) {
        self.written += 1;
        self.added_bytes += change_bytes(&key, put.as_ref());
        let change = Change {
            key,
            put,
            replaced: before.map(Current::as_replaced),
        };
        self.turns.extend(change.turn(revision));
        let layout = &self.layout;
        let at = self
            .pieces
            .make(|piece| layout.put_history(revision, piece));
        let record = self.pieces.make(|piece| change.put(piece));
        self.push(Op::Set(at, record));
        if let Some(record) = change.index_record() {
            self.push(Op::Set(self.layout.index(&change.key, revision), record));
        }
        // The live record, written once at the end of the batch, holds the value again.
        self.ops_bytes += change.key.len() + change.value_bytes();
        self.known.insert(change.key.clone(), change.put.clone());
        self.keys.insert(change.key, change.put);
    }

    fn store_value(&mut self, value: &Bytes) -> Value {
        if value.len() <= BLOB_THRESHOLD_BYTES {
            return Value::Inline(value.clone());
        }
        // The very bytes of the request, so that the address tells them apart.
        let staged = self.staged.iter_mut().find(|(staged, used)| {
            !used && staged.value.as_ptr() == value.as_ptr() && staged.value.len() == value.len()
        });
        if let Some((staged, used)) = staged {
            *used = true;
            return Value::Fresh(Box::new((staged.blob, value.clone())));
        }
        let blob = blob::name(value);
        let layout = self.layout.clone();
        for piece in blob::pieces(&layout, &blob, value) {
            self.push(piece);
        }
        Value::Fresh(Box::new((blob, value.clone())))
    }

    fn move_lease(&mut self, key: &Bytes, from: i64, to: i64) {
        if from == to {
            return;
        }
        if from != 0 {
            self.attachments.insert((from, key.clone()), false);
        }
        if to != 0 {
            self.attachments.insert((to, key.clone()), true);
        }
    }

    fn push(&mut self, op: Op) {
        self.ops_bytes += op.size_bytes();
        self.ops.push(op);
    }
}

/// The keys that hang on a lease in a view, ascending.
pub async fn attached_keys(view: &View, layout: &Layout, lease: i64) -> Result<Vec<Bytes>> {
    let (mut from, end) = layout.attachment_range(lease);
    let mut keys = Vec::new();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        keys.extend(page.items.iter().map(|(key, _)| layout.attached_key(key)));
        match page.items.last() {
            Some((key, _)) if page.more => from = crate::mvcc::keyspace::successor(key),
            _ => return Ok(keys),
        }
    }
}
