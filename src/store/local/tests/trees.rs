//! Trees with and without a journal.

use super::super::tree::{BlockCache, Tree};
use super::*;
use crate::store::APPENDED_SUBSPACE;
use crate::store::round::ChangeSet;
use fjall::{AbstractTree, AnyTree};
use lsm_tree::{Config, SequenceNumberCounter};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Long enough for a view of a part of a write, where there can be one: seen within a second.
const FLUSHES_FOR: Duration = Duration::from_secs(3);

fn changes(keys: u32, value: &str) -> ChangeSet {
    let value = Bytes::copy_from_slice(value.as_bytes());
    let keys = (0..keys).map(|number| key(b'a', number));
    keys.map(|key| (key, Some(value.clone()))).collect()
}

fn read(tree: &Tree) -> fjall::Result<Vec<Bytes>> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let items = tree.snapshot().range(all, Direction::Forward);
    items.map(|item| Ok(item?.1)).collect()
}

fn values(tree: &Tree) -> Vec<Bytes> {
    read(tree).unwrap()
}

/// The length of a value that is apart from its key.
const LARGE: usize = 64 << 10;

/// The files of values that are apart from their keys.
fn apart(data: &Path) -> Vec<PathBuf> {
    damage::files(&data.join("blobs"))
}

/// A crash takes what is in no table yet, and nothing before it.
#[test]
fn what_was_flushed_is_there_after_a_crash() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let tree = Tree::open(&data, BlockCache::default()).unwrap();
    tree.write(changes(100, "1"), true).unwrap();
    tree.write(changes(50, "2"), false).unwrap();
    assert_eq!(values(&tree)[0], "2");
    let crashed = damage::copy(&data);
    let opened = Tree::open(crashed.path(), BlockCache::default()).unwrap();
    assert_eq!(values(&opened), vec![Bytes::from("1"); 100]);
    opened.write(changes(1, "3"), false).unwrap();
    assert_eq!(values(&opened)[0], "3");
    opened.flush().unwrap();
    drop(opened);
    let opened = Tree::open(crashed.path(), BlockCache::default()).unwrap();
    assert_eq!(values(&opened)[0], "3");
}

/// Memtables have numbers, by which their owner knows what a crash leaves.
#[test]
fn memtables_are_flushed_in_order() {
    let root = tempfile::tempdir().unwrap();
    let Tree::Bare(tree) = Tree::open(root.path(), BlockCache::default()).unwrap() else {
        panic!("a new tree has no journal");
    };
    assert_eq!(tree.make_room(1).unwrap(), None);
    for number in 1..=5 {
        tree.write(changes(1, "1"));
        assert_eq!(tree.make_room(1).unwrap(), Some(number));
        assert!(tree.flushed() <= number);
    }
    tree.flush().unwrap();
    assert_eq!(tree.flushed(), 5);
}

/// What was overwritten before a flush is not written, and what no view sees is not kept.
#[test]
fn old_versions_go_when_nobody_sees_them() {
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
    tree.write(changes(100, "1"), true).unwrap();
    let view = tree.snapshot();
    for _ in 0..20 {
        tree.write(changes(100, &"2".repeat(1_000)), true).unwrap();
    }
    let all = (Bound::Unbounded, Bound::Unbounded);
    let seen = view
        .range(all, Direction::Forward)
        .map(|item| item.unwrap().1);
    assert_eq!(seen.collect::<Vec<_>>(), vec![Bytes::from("1"); 100]);
    drop(view);
    tree.write(changes(100, "3"), true).unwrap();
    tree.merge_all().unwrap();
    tree.write(changes(1, "3"), true).unwrap();
    assert!(tree.bytes() < 50_000, "{}", tree.bytes());
    assert_eq!(values(&tree), vec![Bytes::from("3"); 100]);
}

/// Large values are in files of their own, which go when a good part of them is dead.
#[test]
fn large_values_are_apart() {
    const KEYS: u32 = 100;
    let root = tempfile::tempdir().unwrap();
    let data = root.path();
    let tree = Tree::open(data, BlockCache::default()).unwrap();
    tree.write(changes(KEYS, "small"), true).unwrap();
    assert_eq!(apart(data), [""; 0].map(PathBuf::from));
    for number in 0..5 {
        let large = number.to_string().repeat(LARGE);
        tree.write(changes(KEYS, &large), true).unwrap();
        assert_eq!(values(&tree), vec![large; KEYS as usize]);
    }
    assert!(!apart(data).is_empty());
    drop(tree);
    let tree = Tree::open(data, BlockCache::default()).unwrap();
    assert_eq!(values(&tree), vec!["4".repeat(LARGE); KEYS as usize]);
    // A view keeps what it sees. What is left lies between what goes.
    let view = tree.snapshot();
    let is_left = |number: &u32| number.is_multiple_of(4);
    let gone = (0..KEYS).filter(|number| !is_left(number));
    let gone = gone.map(|number| (key(b'a', number), None));
    tree.write(gone.collect(), true).unwrap();
    tree.merge_all().unwrap();
    let all = (Bound::Unbounded, Bound::Unbounded);
    let mut seen = view.range(all, Direction::Forward);
    assert!(seen.all(|item| item.unwrap().1.len() == LARGE));
    drop(view);
    tree.merge_all().unwrap();
    let left = (0..KEYS).filter(is_left).count();
    assert_eq!(values(&tree), vec!["4".repeat(LARGE); left]);
    // The old files go with a new memtable.
    tree.write(changes(1, &"4".repeat(LARGE)), true).unwrap();
    let live = (left * LARGE) as u64;
    assert!(tree.bytes() < 2 * live, "{} of {live}", tree.bytes());
}

/// A tree from before that, and from before what is appended was apart, stays as it was made.
#[test]
fn a_tree_stays_as_it_was_made() {
    let root = tempfile::tempdir().unwrap();
    let counter = SequenceNumberCounter::default;
    let config = Config::new(root.path(), counter(), counter());
    let AnyTree::Standard(older) = config.open().unwrap() else {
        panic!("values are apart unasked");
    };
    older.insert(key(b'a', 0), "1".repeat(LARGE), 0);
    older.flush_active_memtable(0).unwrap();
    drop(older);
    for number in 1..4 {
        let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
        assert_eq!(values(&tree), [number.to_string().repeat(LARGE)]);
        let next = (number + 1).to_string().repeat(LARGE);
        tree.write(changes(1, &next), true).unwrap();
        assert!(!root.path().join("blobs").exists());
        assert!(!root.path().join("appended").exists());
    }
}

/// Damage of a large value is noticed, at the latest by the read that meets it.
#[test]
fn damage_of_large_values_is_never_served() {
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
    let large = "large".repeat(LARGE / 4);
    tree.write(changes(20, &large), true).unwrap();
    drop(tree);
    let mut noticed = 0;
    for file in apart(root.path()) {
        for (number, damage) in damage::DAMAGES.iter().enumerate() {
            let copy = damage::copy(root.path());
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            let name = file.strip_prefix(root.path()).unwrap();
            fs::write(copy.path().join(name), bytes).unwrap();
            match Tree::open(copy.path(), BlockCache::default()).and_then(|tree| read(&tree)) {
                Ok(found) => assert_eq!(found, vec![large.clone(); 20], "damage {number}"),
                Err(_) => noticed += 1,
            }
        }
    }
    assert!(noticed >= 4, "{noticed}");
}

/// A directory with a journal becomes one without, whole, whatever step a crash comes at.
#[tokio::test]
async fn a_journal_is_left_behind() {
    let root = tempfile::tempdir().unwrap();
    let store = open_and_write(root.path(), 0..50).await;
    store.close().await.unwrap();
    let before = damage::copy(root.path());
    let replica = Local::open_replica(root.path(), BlockCache::default()).unwrap();
    assert_eq!(count(&replica, 100), Ok(50));
    assert!(!root.path().join("data/keyspaces").exists());
    drop(replica);
    // The tree has left its journal, and is not in its place yet.
    let data = root.path().join("data");
    fs::rename(&data, root.path().join("data.whole")).unwrap();
    fs::rename(before.path().join("data"), &data).unwrap();
    let replica = Local::open_replica(root.path(), BlockCache::default()).unwrap();
    assert_eq!(count(&replica, 100), Ok(50));
    drop(replica);
    assert_eq!(names(root.path()), ALL_NAMES);
    let error = Local::open(root.path(), BlockCache::default())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("member of a group"), "{error}");
}

/// A flush ends while a write is under way: no view sees a part of that, or changes.
#[test]
fn views_are_of_whole_writes_while_memtables_are_flushed() {
    const KEYS: u32 = 300;
    let root = tempfile::tempdir().unwrap();
    let journaled = root.path().join("journaled");
    Tree::create_journaled(&journaled).unwrap();
    for data in [journaled, root.path().join("bare")] {
        let tree = Tree::open(&data, BlockCache::default()).unwrap();
        tree.write(changes(KEYS, "0"), false).unwrap();
        let is_over = AtomicBool::new(false);
        let until_over = |work: &(dyn Fn() + Sync)| {
            while !is_over.load(Ordering::Relaxed) {
                work();
            }
        };
        let read = || {
            let view = tree.snapshot();
            let first = view.get(&key(b'a', 0)).unwrap();
            let last = view.get(&key(b'a', KEYS - 1)).unwrap();
            assert_eq!(first, last);
        };
        let begin = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| until_over(&|| tree.flush().unwrap()));
            let reader = scope.spawn(|| until_over(&read));
            for number in 1.. {
                let changes = changes(KEYS, &number.to_string());
                tree.write(changes, true).unwrap();
                if begin.elapsed() > FLUSHES_FOR || reader.is_finished() {
                    break;
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}

/// Who is told of a write finds it, though it may not be in memory yet.
#[test]
fn who_is_told_of_a_write_sees_it() {
    // Much longer than it takes to open a view, where nothing holds it up.
    const HELD_UP: Duration = Duration::from_millis(200);
    let root = tempfile::tempdir().unwrap();
    let journaled = root.path().join("journaled");
    Tree::create_journaled(&journaled).unwrap();
    for data in [journaled, root.path().join("bare")] {
        let tree = &Tree::open(&data, BlockCache::default()).unwrap();
        std::thread::scope(|scope| {
            let (sender, seen) = std::sync::mpsc::channel();
            let mut first = None;
            let tell = || {
                scope.spawn(move || sender.send(tree.snapshot().get(&key(b'a', 0)).unwrap()));
                first = seen.recv_timeout(HELD_UP).ok();
            };
            tree.write_telling(changes(1, "1"), tell).unwrap();
            let found = first.unwrap_or_else(|| seen.recv().unwrap());
            assert_eq!(found, Some(Bytes::from("1")));
        });
    }
}

/// A key that is appended, of an instance.
fn appended(instance: u8, number: u32) -> Bytes {
    let number = number.to_be_bytes();
    [[1, 0, 0, instance, APPENDED_SUBSPACE].as_slice(), &number]
        .concat()
        .into()
}

/// Where what is appended lies.
fn tables_of_appended(data: &Path) -> Vec<PathBuf> {
    damage::files(&data.join("appended/tables"))
}

/// What is appended is written once: no merge touches it until something of it is deleted.
#[test]
fn what_is_appended_is_written_once() {
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
    let mut tables = Vec::new();
    for round in 0..20 {
        let mut changes = changes(100, "overwritten");
        let numbers = round * 10..(round + 1) * 10;
        changes.extend(numbers.map(|number| (appended(1, number), Some("once".into()))));
        tree.write(changes, true).unwrap();
        let now = tables_of_appended(root.path());
        assert!(tables.iter().all(|table| now.contains(table)));
        assert_eq!(now.len(), tables.len() + 1);
        tables = now;
    }
    assert_eq!(values(&tree).len(), 300);
    let gone = (0..100).map(|number| (appended(1, number), None)).collect();
    tree.write(gone, true).unwrap();
    tree.merge_all().unwrap();
    assert_eq!(values(&tree).len(), 200);
    drop(tree);
    assert_eq!(
        values(&Tree::open(root.path(), BlockCache::default()).unwrap()).len(),
        200
    );
    fs::remove_dir_all(root.path().join("appended")).unwrap();
    assert!(Tree::open(root.path(), BlockCache::default()).is_err());
}

/// A crash between the two flushes leaves what is appended further than the rest, and says how far
/// at most.
#[test]
fn what_is_appended_is_durable_first() {
    let point = |number: u32| {
        (
            Bytes::from_static(POINT_KEY),
            Some(key(b'p', number).slice(1..)),
        )
    };
    let root = tempfile::tempdir().unwrap();
    let (data, before) = (root.path().join("data"), root.path().join("before"));
    let tree = Tree::open(&data, BlockCache::default()).unwrap();
    let write = |number| {
        let record = (key(b'a', 0), Some(value(number, 1)));
        let changes = [
            point(number),
            record,
            (appended(1, number), Some("once".into())),
        ];
        tree.write(changes.into(), true).unwrap();
    };
    write(1);
    let copied = damage::copy(&data);
    write(2);
    fs::rename(copied.path(), &before).unwrap();
    for part in ["appended", "reach"] {
        let part = Path::new(part);
        let (from, to) = (data.join(part), before.join(part));
        match from.is_dir() {
            true => {
                fs::remove_dir_all(&to).unwrap();
                fs::rename(damage::copy(&from).keep(), to).unwrap();
            }
            false => fs::copy(from, to).map(drop).unwrap(),
        }
    }
    let uneven = Tree::open(&before, BlockCache::default()).unwrap();
    assert_eq!(uneven.reach().unwrap(), point(2).1);
    assert_eq!(uneven.get(POINT_KEY).unwrap(), point(1).1);
    assert_eq!(uneven.get(&key(b'a', 0)).unwrap(), Some(value(1, 1)));
    let view = uneven.snapshot();
    for number in 1..=2 {
        assert!(view.get(&appended(1, number)).unwrap().is_some());
    }
}

/// Keys of both kinds, and of none.
fn any_key() -> impl Strategy<Value = Bytes> {
    let subspace = prop_oneof![
        Just(APPENDED_SUBSPACE - 1),
        Just(APPENDED_SUBSPACE),
        Just(APPENDED_SUBSPACE + 1)
    ];
    let instance = (0..3u8, subspace, vec(0..4u8, 0..3));
    prop_oneof![
        6 => instance.prop_map(|(instance, subspace, rest)| {
            [&[1, 0, 0, instance, subspace], rest.as_slice()].concat().into()
        }),
        1 => vec(0..3u8, 1..6).prop_map(Bytes::from),
    ]
}

fn any_bound() -> impl Strategy<Value = Bound<Bytes>> {
    prop_oneof![
        any_key().prop_map(Bound::Included),
        any_key().prop_map(Bound::Excluded),
        Just(Bound::Unbounded)
    ]
}

/// A write, whether it is flushed, whether the memtable is sealed behind it, and how many of the views
/// of before are closed then.
fn any_step() -> impl Strategy<Value = (ChangeSet, bool, bool, usize)> {
    let value = any::<Option<u8>>().prop_map(|value| value.map(|byte| Bytes::from(vec![byte])));
    let changes = vec((any_key(), value), 1..20).prop_map(ChangeSet::from_iter);
    let is_flushed = prop::bool::weighted(0.2);
    (changes, is_flushed, prop::bool::weighted(0.3), 0..3usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Two trees and their memtables answer as one map does, in either direction, and every view as
    /// the map was when it was opened, however often keys were overwritten since.
    #[test]
    fn trees_and_memtables_are_one_map(
        steps in vec(any_step(), 1..16),
        ranges in vec((any_bound(), any_bound()), 20),
    ) {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
        let Tree::Bare(bare) = &tree else { panic!("a new tree has no journal") };
        let mut model = BTreeMap::new();
        let mut views = Vec::new();
        for (changes, is_flushed, is_sealed, closed) in steps {
            model.extend(changes.clone());
            tree.write(changes, is_flushed).unwrap();
            if is_sealed {
                bare.make_room(1).unwrap();
            }
            views.drain(..closed.min(views.len()));
            views.push((tree.snapshot(), model.clone()));
        }
        for (view, mut model) in views {
            model.retain(|_, value| value.is_some());
            for (key, value) in &model {
                prop_assert_eq!(&view.get(key).unwrap(), value);
            }
            for (start, end) in &ranges {
                let key = |bound: &Bound<Bytes>| match bound {
                    Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
                    Bound::Unbounded => None,
                };
                if key(start).zip(key(end)).is_some_and(|(start, end)| start >= end) {
                    continue;
                }
                let range = (start.as_ref().map(AsRef::as_ref), end.as_ref().map(AsRef::as_ref));
                let within = model.range((start.clone(), end.clone()));
                let mut expected: Vec<_> =
                    within.map(|(key, value)| (key.clone(), value.clone().unwrap())).collect();
                for direction in [Direction::Forward, Direction::Backward] {
                    let found = view.range(range, direction).map(Result::unwrap);
                    prop_assert_eq!(&found.collect::<Vec<_>>(), &expected);
                    expected.reverse();
                }
            }
        }
    }
}

/// Ranges longer than what a reader takes of a memtable at once, while it is written.
#[test]
fn a_range_is_read_while_its_keys_are_overwritten() {
    const KEYS: u32 = 1_000;
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
    tree.write(changes(KEYS, "1"), false).unwrap();
    let view = tree.snapshot();
    let all = (Bound::Unbounded, Bound::Unbounded);
    for direction in [Direction::Forward, Direction::Backward] {
        for (number, item) in view.range(all, direction).enumerate() {
            assert_eq!(item.unwrap().1, "1");
            if number % 100 == 0 {
                tree.write(changes(KEYS + 1, "2"), number == 500).unwrap();
            }
        }
        assert_eq!(view.range(all, direction).count(), KEYS as usize);
    }
    assert_eq!(values(&tree), vec![Bytes::from("2"); KEYS as usize + 1]);
}

/// Appended keys that came in order, those that did not, and all others lie apart in a memtable: more of
/// each than a reader takes at once, and all of them between each other.
#[test]
fn a_long_range_is_in_order_across_the_parts_of_a_memtable() {
    const KEYS: u32 = 300;
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
    let mut expected = BTreeMap::new();
    // In order are those of the first turn and of the second; what comes later lies between them.
    for (turn, instance) in [(0, 1), (0, 3), (0, 2), (1, 1)] {
        for number in 0..KEYS {
            for subspace in [APPENDED_SUBSPACE - 1, APPENDED_SUBSPACE] {
                let number = 2 * number + turn;
                let head = [1, 0, 0, instance, subspace];
                let key = Bytes::from([&head[..], &number.to_be_bytes()].concat());
                expected.insert(key.clone(), key.clone());
                tree.write([(key.clone(), Some(key))].into(), false)
                    .unwrap();
            }
        }
    }
    let mut expected: Vec<_> = expected.into_iter().collect();
    assert_eq!(expected.len(), 8 * KEYS as usize);
    let all = (Bound::Unbounded, Bound::Unbounded);
    for direction in [Direction::Forward, Direction::Backward] {
        let found = tree.snapshot().range(all, direction).map(Result::unwrap);
        assert!(found.collect::<Vec<_>>() == expected);
        expected.reverse();
    }
    tree.flush().unwrap();
    let found = tree.snapshot().range(all, Direction::Forward);
    assert!(found.map(Result::unwrap).eq(expected));
}

/// Keys that are overwritten where nobody sees what they were take no more memory than once, but
/// what was written bounds the memtable.
#[test]
fn a_flush_has_each_key_once() {
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path(), BlockCache::default()).unwrap();
    let view = tree.snapshot();
    for _ in 0..50 {
        tree.write(changes(100, &"v".repeat(100)), false).unwrap();
    }
    assert!(tree.unwritten_bytes() > 50 * 100 * 100);
    tree.flush().unwrap();
    assert_eq!(tree.unwritten_bytes(), 0);
    assert!(tree.bytes() < 2 * 100 * 110, "{}", tree.bytes());
    assert_eq!(
        view.range((Bound::Unbounded, Bound::Unbounded), Direction::Forward)
            .count(),
        0
    );
}
