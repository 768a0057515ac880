//! What only a store on a disk can be asked. Here: openings.
#![allow(clippy::unwrap_used)]

mod damage;
mod disk;
mod rounds;
mod stage;
mod trees;

use super::*;
use crate::store::{BatchId, Op};
use std::fs;

fn batch(ops: Vec<Op>) -> Batch {
    Batch {
        id: BatchId {
            writer: 1,
            sequence: 1,
        },
        guard: None,
        ops,
    }
}

fn key(prefix: u8, number: u32) -> Bytes {
    [&[prefix], number.to_be_bytes().as_slice()].concat().into()
}

fn value(number: u32, bytes: usize) -> Bytes {
    [&number.to_be_bytes(), vec![b'v'; bytes].as_slice()]
        .concat()
        .into()
}

/// Writes batch `number`: two keys, so that half a batch can be told.
async fn write(store: &Local, number: u32, value_bytes: usize) -> Result<(), ApplyError> {
    let ops = [b'a', b'b'].map(|prefix| Op::Set(key(prefix, number), value(number, value_bytes)));
    store.apply(batch(ops.to_vec())).await
}

async fn open_and_write(path: &Path, numbers: std::ops::Range<u32>) -> Local {
    let store = Local::open(path, BlockCache::default()).unwrap();
    for number in numbers {
        write(&store, number, 100).await.unwrap();
    }
    store
}

/// How many batches there are, all of them whole and without a gap before the last.
fn count(store: &Local, value_bytes: usize) -> Result<u32, StoreError> {
    let view = store.view()?;
    let limit = PageLimit {
        items: usize::MAX,
        bytes: usize::MAX,
    };
    let a = view.scan(b"a", b"b", limit, Direction::Forward)?.items;
    let b = view.scan(b"b", b"c", limit, Direction::Forward)?.items;
    assert_eq!(a.len(), b.len());
    for (number, (a, b)) in (0..).zip(a.iter().zip(&b)) {
        assert_eq!((&a.0, &b.0), (&key(b'a', number), &key(b'b', number)));
        assert!(a.1 == value(number, value_bytes) && a.1 == b.1, "{number}");
    }
    Ok(a.len() as u32)
}

/// What an opening that must fail says.
fn refusal(path: &Path) -> String {
    match Local::open(path, BlockCache::default()) {
        Err(StoreError::Fatal(sentence) | StoreError::Unreadable(sentence)) => sentence.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

/// What the directory of a store holds.
const ALL_NAMES: [&str; 4] = ["ACKNOWLEDGED", "FORMAT", "LOCK", "data"];

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

#[tokio::test]
async fn reopening_keeps_everything_and_begins_a_term() {
    let directory = tempfile::tempdir().unwrap();
    for opening in 0..4 {
        let store = open_and_write(directory.path(), opening * 10..opening * 10 + 10).await;
        assert_eq!(count(&store, 100), Ok(opening * 10 + 10));
        assert_eq!(store.leadership().borrow().term, u64::from(opening) + 1);
        store.close().await.unwrap();
    }
    assert_eq!(names(directory.path()), ALL_NAMES);
}

#[tokio::test]
async fn views_end_with_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_and_write(directory.path(), 0..1).await;
    let view = store.view().unwrap();
    store.close().await.unwrap();
    assert_eq!(view.get(b"a"), Err(StoreError::Fatal(closed())));
    // Nor does a view that is still held keep the directory.
    let store = Local::open(directory.path(), BlockCache::default()).unwrap();
    assert_eq!(count(&store, 100), Ok(1));
}

#[tokio::test]
async fn only_one_has_a_directory_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_and_write(directory.path(), 0..1).await;
    let sentence = refusal(directory.path());
    assert!(sentence.contains("another kvtool uses"), "{sentence}");
    assert!(
        sentence.contains(directory.path().to_str().unwrap()),
        "{sentence}"
    );
    write(&store, 1, 100).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(
        count(
            &Local::open(directory.path(), BlockCache::default()).unwrap(),
            100
        ),
        Ok(2)
    );
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    open_and_write(directory.path(), 0..1)
        .await
        .close()
        .await
        .unwrap();
    let format = directory.path().join("FORMAT");
    let ours = fs::read_to_string(&format).unwrap();
    assert_eq!(ours, "kvtool data format 1\n");
    fs::write(&format, "kvtool data format 5\nand more").unwrap();
    let sentence = refusal(directory.path());
    assert!(sentence.contains("damaged"), "{sentence}");
    fs::write(&format, "kvtool data format 5\n").unwrap();
    fs::remove_file(directory.path().join("LOCK")).unwrap();
    let sentence = refusal(directory.path());
    assert!(sentence.contains("use a newer kvtool"), "{sentence}");
    assert_eq!(names(directory.path()), ["ACKNOWLEDGED", "FORMAT", "data"]);
    for garbage in [
        "",
        "kvtool data format 0\n",
        "kvtool data format x\n",
        "\u{0}\u{1}",
    ] {
        fs::write(&format, garbage).unwrap();
        let sentence = refusal(directory.path());
        assert!(sentence.contains("damaged"), "{garbage:?}: {sentence}");
    }
    fs::write(&format, ours).unwrap();
    assert_eq!(
        count(
            &Local::open(directory.path(), BlockCache::default()).unwrap(),
            100
        ),
        Ok(1)
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let sentence = refusal(Path::new("/proc/kvtool"));
    assert!(
        sentence.starts_with("/proc/kvtool cannot be made"),
        "{sentence}"
    );
}

#[test]
fn strangers_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("letters.txt");
    fs::write(&file, "dear").unwrap();
    let sentence = refusal(directory.path());
    assert!(
        sentence.contains("holds letters.txt and no kvtool data"),
        "{sentence}"
    );
    assert_eq!(names(directory.path()), ["letters.txt"]);
    let etcds = tempfile::tempdir().unwrap();
    fs::create_dir_all(etcds.path().join("member/snap")).unwrap();
    fs::write(etcds.path().join(ETCD_DATABASE), "").unwrap();
    let sentence = refusal(etcds.path());
    assert!(sentence.contains("db --skip-hash-check"), "{sentence}");
    fs::create_dir(etcds.path().join(TAKEN_OVER)).unwrap();
    let sentence = refusal(etcds.path());
    assert!(sentence.contains("was taken over there"), "{sentence}");
    for below in [file.clone(), file.join("below")] {
        let sentence = refusal(&below);
        assert!(sentence.contains("is not a directory"), "{sentence}");
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("lost+found")).unwrap();
    Local::open(root.path(), BlockCache::default()).unwrap();
    Local::open(
        &root.path().join("lost+found/deep/er"),
        BlockCache::default(),
    )
    .unwrap();
}

/// A first start that ended at any point is begun anew; data that has gone is not.
#[test]
fn an_unfinished_first_start_is_begun_anew() {
    let junk = |path: &Path| {
        fs::create_dir(path.join("data.new")).unwrap();
        fs::write(path.join("data.new/0.jnl"), "junk").unwrap();
        fs::write(path.join("LOCK"), "").unwrap();
    };
    let directory = tempfile::tempdir().unwrap();
    junk(directory.path());
    fs::write(directory.path().join("FORMAT.new"), "kvtool").unwrap();
    Local::open(directory.path(), BlockCache::default()).unwrap();

    let directory = tempfile::tempdir().unwrap();
    junk(directory.path());
    fs::write(directory.path().join("FORMAT"), "kvtool data format 1\n").unwrap();
    Local::open(directory.path(), BlockCache::default()).unwrap();
    assert_eq!(names(directory.path()), ALL_NAMES);

    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FORMAT"), "kvtool data format 1\n").unwrap();
    let sentence = refusal(directory.path());
    assert!(sentence.contains("data directory is missing"), "{sentence}");
}
