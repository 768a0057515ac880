//! Trees with and without a journal.

use super::super::tree::Tree;
use super::*;
use crate::store::round::ChangeSet;
use fjall::{AbstractTree, AnyTree};
use lsm_tree::{Config, SequenceNumberCounter};
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
    let items = tree.snapshot().range(all);
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
    let tree = Tree::open(&data).unwrap();
    tree.write(changes(100, "1"), true).unwrap();
    tree.write(changes(50, "2"), false).unwrap();
    assert_eq!(values(&tree)[0], "2");
    let crashed = damage::copy(&data);
    let opened = Tree::open(crashed.path()).unwrap();
    assert_eq!(values(&opened), vec![Bytes::from("1"); 100]);
    opened.write(changes(1, "3"), false).unwrap();
    assert_eq!(values(&opened)[0], "3");
    opened.flush().unwrap();
    drop(opened);
    let opened = Tree::open(crashed.path()).unwrap();
    assert_eq!(values(&opened)[0], "3");
}

/// Memtables have numbers, by which their owner knows what a crash leaves.
#[test]
fn memtables_are_flushed_in_order() {
    let root = tempfile::tempdir().unwrap();
    let Tree::Bare(tree) = Tree::open(root.path()).unwrap() else {
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
    let tree = Tree::open(root.path()).unwrap();
    tree.write(changes(100, "1"), true).unwrap();
    let view = tree.snapshot();
    for _ in 0..20 {
        tree.write(changes(100, &"2".repeat(1_000)), true).unwrap();
    }
    let all = (Bound::Unbounded, Bound::Unbounded);
    let seen = view.range(all).map(|item| item.unwrap().1);
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
    let tree = Tree::open(data).unwrap();
    tree.write(changes(KEYS, "small"), true).unwrap();
    assert_eq!(apart(data), [""; 0].map(PathBuf::from));
    for number in 0..5 {
        let large = number.to_string().repeat(LARGE);
        tree.write(changes(KEYS, &large), true).unwrap();
        assert_eq!(values(&tree), vec![large; KEYS as usize]);
    }
    assert!(!apart(data).is_empty());
    drop(tree);
    let tree = Tree::open(data).unwrap();
    assert_eq!(values(&tree), vec!["4".repeat(LARGE); KEYS as usize]);
    // A view keeps what it sees. What is left lies between what goes.
    let view = tree.snapshot();
    let is_left = |number: &u32| number.is_multiple_of(4);
    let gone = (0..KEYS).filter(|number| !is_left(number));
    let gone = gone.map(|number| (key(b'a', number), None));
    tree.write(gone.collect(), true).unwrap();
    tree.merge_all().unwrap();
    let all = (Bound::Unbounded, Bound::Unbounded);
    assert!(view.range(all).all(|item| item.unwrap().1.len() == LARGE));
    drop(view);
    tree.merge_all().unwrap();
    let left = (0..KEYS).filter(is_left).count();
    assert_eq!(values(&tree), vec!["4".repeat(LARGE); left]);
    // The old files go with a new memtable.
    tree.write(changes(1, &"4".repeat(LARGE)), true).unwrap();
    let live = (left * LARGE) as u64;
    assert!(tree.bytes() < 2 * live, "{} of {live}", tree.bytes());
}

/// A tree from before that stays as it was made.
#[test]
fn large_values_stay_where_they_were_once() {
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
        let tree = Tree::open(root.path()).unwrap();
        assert_eq!(values(&tree), [number.to_string().repeat(LARGE)]);
        let next = (number + 1).to_string().repeat(LARGE);
        tree.write(changes(1, &next), true).unwrap();
        assert!(!root.path().join("blobs").exists());
    }
}

/// Damage of a large value is noticed, at the latest by the read that meets it.
#[test]
fn damage_of_large_values_is_never_served() {
    let root = tempfile::tempdir().unwrap();
    let tree = Tree::open(root.path()).unwrap();
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
            match Tree::open(copy.path()).and_then(|tree| read(&tree)) {
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
    let replica = Local::open_replica(root.path()).unwrap();
    assert_eq!(count(&replica, 100), Ok(50));
    assert!(!root.path().join("data/keyspaces").exists());
    drop(replica);
    // The tree has left its journal, and is not in its place yet.
    let data = root.path().join("data");
    fs::rename(&data, root.path().join("data.whole")).unwrap();
    fs::rename(before.path().join("data"), &data).unwrap();
    let replica = Local::open_replica(root.path()).unwrap();
    assert_eq!(count(&replica, 100), Ok(50));
    drop(replica);
    assert_eq!(names(root.path()), ALL_NAMES);
    let error = Local::open(root.path()).err().unwrap().to_string();
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
        let tree = Tree::open(&data).unwrap();
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
