//! A tree without a journal: what is not in tables yet is gone after a crash, the newest first. Its
//! owner has a log to bring it back from.
//!
//! A thread of its own turns memtables that are full into tables, and another merges tables until
//! there is nothing to merge: a merge may take longer than memtables take to fill. Memtables are
//! numbered; those up to [`Tree::flushed`] are durable.
//!
//! Large values are in files of their own, which merges leave as they are until a good part of one is
//! dead. What is only appended is in a tree of its own, which is written by the same writes and seen
//! by the same views; of each round of memtables it becomes durable first. A tree that was made
//! otherwise stays so.
//!
//! ### What a view sees
//! A write has a number, and is visible once all of it is in the memtable. A view has the number of
//! the first write that it does not see, and of each key's versions the newest that is older than
//! that number. It keeps the memtables of when it was opened; tables come behind them, and whoever
//! opens a view later sees all that is in those.

use super::contents::Contents;
use super::memtable::Memtable;
use super::reach::Reach;
use super::{
    BlockCache, Hold, SEALED_MEMTABLES_MAX, Snapshot, TABLE_BYTES, Trees, UNMERGED_TABLES_MAX,
    merging,
};
use crate::store::local::POINT_KEY;
use crate::store::round::ChangeSet;
use bytes::Bytes;
use fjall::config::{
    BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry,
    RestartIntervalPolicy,
};
use fjall::{AbstractTree, AnyTree, CompressionType, KvSeparationOptions, SeqNo};
use lsm_tree::{Cache, Config, SequenceNumberCounter};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A full memtable; larger means fewer flushes and merges, smaller means less memory. Tests come
/// to it sooner.
pub(super) const MEMTABLE_BYTES: u64 = if cfg!(test) { 1 << 20 } else { 32 << 20 };

/// Values of this length are apart from their keys: the pieces of what is larger. Shorter ones would
/// gain too, but a file is only rewritten when all tables that name a value of it are merged at once:
/// those of pieces lie together, of other values they do not, and what is dead would stay.
const APART_BYTES: u32 = 64 << 10;
/// A file of them; in smaller ones less that is dead waits for the rest.
const APART_FILE_BYTES: u64 = 8 << 20;

/// In the directory of the tree: the tree of what is appended.
const APPENDED: &str = "appended";
/// How far that may be ahead. It is there where that is.
const REACH: &str = "reach";
/// What is in the directory of every tree.
const CURRENT: &str = "current";

/// See [`super::Tree`].
pub(in super::super) struct Tree {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What whoever writes, whoever reads and the threads share.
struct Shared {
    trees: Trees,
    /// Where there are two: how far the appended may be ahead.
    reach: Option<Reach>,
    /// Numbers of writes and of versions.
    seqno: SequenceNumberCounter,
    views: Arc<Views>,
    /// Held while writing, and while a memtable is sealed.
    writing: Mutex<()>,
    work: Mutex<Work>,
    /// Is notified when `work` changes.
    changed: Condvar,
}

/// A memtable that is written no more.
struct Sealed {
    /// How far the owner's log was in them.
    point: Option<Bytes>,
    memtable: Arc<Memtable>,
}

/// What the threads have to do, and how far they are.
#[derive(Default)]
struct Work {
    /// What becomes tables next.
    waiting: VecDeque<Sealed>,
    /// Memtables that were sealed.
    sealed: u64,
    /// Those that are in tables.
    flushed: u64,
    is_ending: bool,
    has_failed: bool,
    /// Why, until somebody was told.
    failure: Option<fjall::Error>,
}

impl Work {
    fn check(&mut self) -> fjall::Result<()> {
        match self.has_failed {
            true => Err(self.failure.take().unwrap_or(fjall::Error::Poisoned)),
            false => Ok(()),
        }
    }
}

/// Whether nothing is in a directory, or it is not there.
fn is_empty(directory: &Path) -> fjall::Result<bool> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Opens one tree, or makes it.
fn open(data: &Path, seqno: &SequenceNumberCounter, cache: &Arc<Cache>) -> fjall::Result<AnyTree> {
    let bits = |bits| FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(bits));
    let rare = BloomConstructionPolicy::FalsePositiveRate(0.0001);
    let apart = KvSeparationOptions::default()
        .separation_threshold(APART_BYTES)
        .file_target_size(APART_FILE_BYTES)
        // A merge rewrites whichever it may, not the oldest alone.
        .age_cutoff(1.0);
    let open = |apart| {
        // What the tree makes visible by itself is not heeded.
        Config::new(data, seqno.clone(), SequenceNumberCounter::default())
            .use_cache(cache.clone())
            .data_block_restart_interval_policy(RestartIntervalPolicy::new([10, 16]))
            .filter_policy(FilterPolicy::new([
                FilterPolicyEntry::Bloom(rare),
                bits(10.0),
            ]))
            .data_block_compression_policy(CompressionPolicy::new([
                CompressionType::None,
                CompressionType::None,
                CompressionType::Lz4,
            ]))
            .with_kv_separation(apart)
            .open()
    };
    Ok(match open(Some(apart)) {
        // Its answer also to a tree that was made without.
        Err(lsm_tree::Error::Unrecoverable) => open(None)?,
        opened => opened?,
    })
}

impl Tree {
    /// Opens the tree in a directory, or makes it.
    pub(in super::super) fn open(data: &Path, blocks: BlockCache) -> fjall::Result<Self> {
        let seqno = SequenceNumberCounter::default();
        let cache = Arc::new(Cache::with_capacity_bytes(blocks.0));
        let (appended, reach) = (data.join(APPENDED), data.join(REACH));
        let is_new = is_empty(data)?;
        let has_two = is_new || reach.exists();
        if has_two && !is_new && !appended.join(CURRENT).exists() {
            let cause = "a part of its data is missing";
            return Err(io::Error::new(ErrorKind::NotFound, cause).into());
        }
        let appended = has_two
            .then(|| open(&appended, &seqno, &cache))
            .transpose()?;
        let reach = has_two.then(|| Reach::open(&reach)).transpose()?;
        let rest = open(data, &seqno, &cache)?;
        let trees = Trees { rest, appended };
        let highest = trees.each().filter_map(AbstractTree::get_highest_seqno);
        let visible = highest.max().map_or(0, |highest| highest + 1);
        seqno.fetch_max(visible);
        let shared = Arc::new(Shared {
            trees,
            reach,
            seqno,
            views: Arc::new(Views::new(visible)),
            writing: Mutex::new(()),
            work: Mutex::default(),
            changed: Condvar::new(),
        });
        // Before the threads: should one not start, dropping this ends the other.
        let mut opened = Self {
            shared,
            workers: Vec::new(),
        };
        opened.start("kvtool-flushes", Shared::flush)?;
        opened.start("kvtool-merges", Shared::merge)?;
        Ok(opened)
    }

    fn start(&mut self, name: &str, work: fn(&Shared) -> fjall::Result<()>) -> fjall::Result<()> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.workers.push(thread.spawn(move || shared.run(work))?);
        Ok(())
    }

    pub(super) fn trees(&self) -> &Trees {
        &self.shared.trees
    }

    pub(super) fn reach(&self) -> fjall::Result<Option<Bytes>> {
        let reach = self.shared.reach.as_ref().map(Reach::get).transpose()?;
        Ok(reach.flatten())
    }

    /// All that was written, for whoever writes.
    pub(super) fn newest(&self) -> Contents {
        Contents {
            memtables: self.shared.views.memtables(),
            trees: self.shared.trees.clone(),
            seqno: SeqNo::MAX,
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let (place, memtables) = self.shared.views.open();
        Snapshot {
            contents: Contents {
                memtables,
                trees: self.shared.trees.clone(),
                seqno: place.seqno,
            },
            _hold: Hold::Bare { _place: place },
        }
    }

    /// Makes changes visible, all or none.
    pub(in super::super) fn write(&self, changes: ChangeSet) {
        self.write_telling(changes, || ());
    }

    /// The same, and tells of them as soon as no view is opened any more that does not see them.
    pub(super) fn write_telling(&self, changes: ChangeSet, tell: impl FnOnce()) {
        let _writing = self.shared.writing.lock();
        let seqno = self.shared.seqno.next();
        self.shared.views.write(changes, seqno, tell);
    }

    /// Bytes that are in memtables.
    pub(super) fn memtable_bytes(&self) -> u64 {
        let memtables = self.shared.views.memtables();
        memtables.iter().map(|memtable| memtable.bytes()).sum()
    }

    /// Seals the memtable when it is so large, and answers its number; waits while the threads are
    /// behind.
    pub(in super::super) fn make_room(&self, memtable_bytes: u64) -> fjall::Result<Option<u64>> {
        match self.shared.views.active().bytes() < memtable_bytes {
            true => Ok(None),
            false => self.seal().map(Some),
        }
    }

    /// How many memtables are in tables.
    pub(in super::super) fn flushed(&self) -> u64 {
        self.shared.work.lock().flushed
    }

    /// The number of the last memtable that was sealed: this one, unless it is empty.
    fn seal(&self) -> fjall::Result<u64> {
        let Shared {
            trees,
            writing,
            work,
            changed,
            ..
        } = &*self.shared;
        let mut work = work.lock();
        loop {
            work.check()?;
            let is_behind = work.sealed - work.flushed >= SEALED_MEMTABLES_MAX as u64
                || trees
                    .each()
                    .any(|tree| tree.l0_run_count() >= UNMERGED_TABLES_MAX);
            if !is_behind {
                break;
            }
            changed.wait(&mut work);
        }
        let _writing = writing.lock();
        let point = self.newest().get(POINT_KEY)?;
        if let Some(memtable) = self.shared.views.seal() {
            work.waiting.push_back(Sealed { point, memtable });
            work.sealed += 1;
            changed.notify_all();
        }
        Ok(work.sealed)
    }

    /// Makes everything durable that is visible.
    pub(in super::super) fn flush(&self) -> fjall::Result<()> {
        let number = self.seal()?;
        let mut work = self.shared.work.lock();
        while work.flushed < number {
            work.check()?;
            self.shared.changed.wait(&mut work);
        }
        Ok(())
    }

    pub(super) fn merge_all(&self) -> fjall::Result<()> {
        let Shared { trees, views, .. } = &*self.shared;
        for tree in trees.each() {
            tree.major_compact(TABLE_BYTES, views.oldest())?;
            // Only now it is known which large values are dead.
            if tree.stale_blob_bytes() > 0 {
                tree.major_compact(TABLE_BYTES, views.oldest())?;
            }
        }
        Ok(())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.shared.work.lock().is_ending = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A panic there is told of by `work`.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn run(&self, work: fn(&Self) -> fjall::Result<()>) {
        let ran = catch_unwind(AssertUnwindSafe(|| work(self)));
        if let Ok(Ok(())) = ran {
            return;
        }
        let mut work = self.work.lock();
        work.has_failed = true;
        work.failure = ran.ok().and_then(Result::err);
        self.changed.notify_all();
    }

    /// Turns memtables into tables, until the tree is to end.
    fn flush(&self) -> fjall::Result<()> {
        let mut work = self.work.lock();
        loop {
            let sealed = loop {
                if work.is_ending {
                    return Ok(());
                }
                match work.waiting.pop_front() {
                    Some(sealed) => break sealed,
                    None => self.changed.wait(&mut work),
                }
            };
            MutexGuard::unlocked(&mut work, || {
                self.make_tables(&sealed)?;
                self.forget();
                self.views.remove(&sealed.memtable);
                Ok::<_, fjall::Error>(())
            })?;
            work.flushed += 1;
            self.changed.notify_all();
        }
    }

    /// What is appended comes first: it may be there without the rest, not the other way round.
    fn make_tables(&self, sealed: &Sealed) -> fjall::Result<()> {
        if let (Some(reach), Some(point)) = (&self.reach, &sealed.point) {
            reach.note(point)?;
        }
        for (tree, side) in self.trees.each_with_side() {
            let oldest = self.views.oldest();
            sealed.memtable.make_tables(tree, side, oldest)?;
        }
        Ok(())
    }

    /// Merges tables, until the tree is to end; those that were left first.
    fn merge(&self) -> fjall::Result<()> {
        let strategy = Arc::new(merging());
        let mut work = self.work.lock();
        loop {
            let before = self.version();
            MutexGuard::unlocked(&mut work, || {
                for tree in self.trees.each() {
                    tree.compact(strategy.clone(), self.views.oldest())?;
                }
                self.forget();
                Ok::<_, fjall::Error>(())
            })?;
            // Who waits for fewer tables looks again.
            self.changed.notify_all();
            while self.version() == before && !work.is_ending {
                self.changed.wait(&mut work);
            }
            if work.is_ending {
                return Ok(());
            }
        }
    }

    /// Shows views the newest tables, and lets go of those that none needs any more.
    fn forget(&self) {
        {
            // Nothing is half written now, so views may see up to the newest version.
            let _writing = self.writing.lock();
            self.views.publish(self.seqno.get());
        }
        for tree in self.trees.each() {
            let path = &tree.tree_config().path;
            let mut versions = tree.get_version_history_lock();
            if let Err(error) = versions.maintenance(path, self.views.oldest()) {
                // It is tried again with the next.
                tracing::warn!(%error, "an old list of tables was not removed");
            }
        }
    }

    /// Grows with each change of the tables.
    fn version(&self) -> u64 {
        self.trees.sum(|tree| tree.current_version().id())
    }
}

/// The views of a tree that are open, and what memtables the next one has.
struct Views(Mutex<Open>);

struct Open {
    /// The number of the first write that cannot be seen yet.
    visible: SeqNo,
    /// How many see up to which.
    count: BTreeMap<SeqNo, usize>,
    /// The one that is written, and those that are sealed and not in tables yet, the newest first.
    memtables: Vec<Arc<Memtable>>,
}

impl Views {
    fn new(visible: SeqNo) -> Self {
        Self(Mutex::new(Open {
            visible,
            count: BTreeMap::new(),
            memtables: vec![Arc::default()],
        }))
    }

    fn open(self: &Arc<Self>) -> (Place, Vec<Arc<Memtable>>) {
        let mut open = self.0.lock();
        let seqno = open.visible;
        *open.count.entry(seqno).or_default() += 1;
        let views = self.clone();
        (Place { seqno, views }, open.memtables.clone())
    }

    /// Tells of changes, writes them, and shows them to views that are opened from now on.
    fn write(&self, changes: ChangeSet, seqno: SeqNo, tell: impl FnOnce()) {
        let mut open = self.0.lock();
        // Held meanwhile: a view that is opened sees none of it or all.
        tell();
        let newest_view = open.count.keys().next_back().copied();
        open.memtables[0].write(changes, seqno, newest_view);
        open.visible = open.visible.max(seqno + 1);
    }

    fn publish(&self, seqno: SeqNo) {
        let mut open = self.0.lock();
        open.visible = open.visible.max(seqno);
    }

    fn memtables(&self) -> Vec<Arc<Memtable>> {
        self.0.lock().memtables.clone()
    }

    fn active(&self) -> Arc<Memtable> {
        self.0.lock().memtables[0].clone()
    }

    /// Begins a new memtable, unless the one that is written is empty.
    fn seal(&self) -> Option<Arc<Memtable>> {
        let mut open = self.0.lock();
        let sealed = open.memtables[0].clone();
        if sealed.bytes() == 0 {
            return None;
        }
        open.memtables.insert(0, Arc::default());
        Some(sealed)
    }

    /// Forgets a memtable that is in tables, which new views see.
    fn remove(&self, flushed: &Arc<Memtable>) {
        let mut open = self.0.lock();
        open.memtables
            .retain(|memtable| !Arc::ptr_eq(memtable, flushed));
    }

    /// What the oldest view sees up to.
    fn oldest(&self) -> SeqNo {
        let open = self.0.lock();
        let oldest = open.count.keys().next();
        oldest.copied().unwrap_or(open.visible)
    }
}

/// The place of an open view.
pub(super) struct Place {
    seqno: SeqNo,
    views: Arc<Views>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.views.0.lock();
        if let Some(count) = open.count.get_mut(&self.seqno) {
            *count -= 1;
            if *count == 0 {
                open.count.remove(&self.seqno);
            }
        }
    }
}
