//! What only a store on a disk can be asked: openings, damage, full disks and sudden ends.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::store::{BatchId, Op};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

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
    let store = Local::open(path).unwrap();
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
    match Local::open(path) {
        Err(StoreError::Fatal(sentence)) => sentence.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

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
    assert_eq!(names(directory.path()), ["FORMAT", "LOCK", "data"]);
}

#[tokio::test]
async fn views_end_with_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_and_write(directory.path(), 0..1).await;
    let view = store.view().unwrap();
    store.close().await.unwrap();
    assert_eq!(view.get(b"a"), Err(StoreError::Fatal(closed())));
    // Nor does a view that is still held keep the directory.
    let store = Local::open(directory.path()).unwrap();
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
    assert_eq!(count(&Local::open(directory.path()).unwrap(), 100), Ok(2));
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
    fs::write(&format, "kvtool data format 2\nand more").unwrap();
    let sentence = refusal(directory.path());
    assert!(sentence.contains("damaged"), "{sentence}");
    fs::write(&format, "kvtool data format 2\n").unwrap();
    fs::remove_file(directory.path().join("LOCK")).unwrap();
    let sentence = refusal(directory.path());
    assert!(sentence.contains("use a newer kvtool"), "{sentence}");
    assert_eq!(names(directory.path()), ["FORMAT", "data"]);
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
    assert_eq!(count(&Local::open(directory.path()).unwrap(), 100), Ok(1));
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
    for below in [file.clone(), file.join("below")] {
        let sentence = refusal(&below);
        assert!(sentence.contains("is not a directory"), "{sentence}");
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("lost+found")).unwrap();
    Local::open(root.path()).unwrap();
    Local::open(&root.path().join("lost+found/deep/er")).unwrap();
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
    Local::open(directory.path()).unwrap();

    let directory = tempfile::tempdir().unwrap();
    junk(directory.path());
    fs::write(directory.path().join("FORMAT"), "kvtool data format 1\n").unwrap();
    Local::open(directory.path()).unwrap();
    assert_eq!(names(directory.path()), ["FORMAT", "LOCK", "data"]);

    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FORMAT"), "kvtool data format 1\n").unwrap();
    let sentence = refusal(directory.path());
    assert!(sentence.contains("data directory is missing"), "{sentence}");
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let below = entries.map(|entry| entry.unwrap().path());
    below
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A copy, in a directory of its own.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in files(from) {
        let target = to.path().join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
    to
}

/// Damage of any file is noticed, at the latest by the read that meets it. What is read is right,
/// and of a damaged journal at least what it was not needed for.
#[tokio::test]
async fn damage_is_never_served() {
    const IN_TABLES: u32 = 200;
    const ALL: u32 = 220;
    let directory = tempfile::tempdir().unwrap();
    let store = open_and_write(directory.path(), 0..IN_TABLES).await;
    store.reclaim().await.unwrap();
    for number in IN_TABLES..ALL {
        write(&store, number, 100).await.unwrap();
    }
    store.close().await.unwrap();
    // Again, because the first opening cuts the unwritten part off the journal.
    Local::open(directory.path())
        .unwrap()
        .close()
        .await
        .unwrap();
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.fill(0xab),
        |bytes| {
            bytes
                .iter_mut()
                .skip(40)
                .take(1)
                .for_each(|byte| *byte ^= 1)
        },
        |bytes| *bytes.last_mut().unwrap() ^= 1,
    ];
    let mut noticed = 0;
    for file in files(&directory.path().join("data")) {
        let bytes = fs::read(&file).unwrap();
        let damages = damages.iter().filter(|_| !bytes.is_empty());
        for (number, damage) in damages.enumerate() {
            let copy = copy(directory.path());
            let mut damaged = bytes.clone();
            damage(&mut damaged);
            fs::write(
                copy.path().join(file.strip_prefix(&directory).unwrap()),
                damaged,
            )
            .unwrap();
            let found = Local::open(copy.path()).and_then(|store| count(&store, 100));
            let case = format!("damage {number} of {}", file.display());
            let is_journal = file.extension().is_some_and(|name| name == "jnl");
            match found {
                Ok(found) if is_journal => assert!((IN_TABLES..=ALL).contains(&found), "{case}"),
                Ok(found) => assert_eq!(found, ALL, "{case}"),
                Err(StoreError::Fatal(sentence)) => {
                    noticed += 1;
                    assert!(sentence.contains("damaged"), "{case}: {sentence}");
                    assert!(
                        sentence.contains(copy.path().to_str().unwrap()),
                        "{sentence}"
                    );
                }
                Err(error) => panic!("{case}: {error}"),
            }
        }
    }
    assert!(noticed > 10, "{noticed}");
}

/// A journal that ends in the middle of a batch opens with the batches before it.
#[tokio::test]
async fn a_torn_journal_opens_with_a_prefix() {
    const ALL: u32 = 20;
    let directory = tempfile::tempdir().unwrap();
    open_and_write(directory.path(), 0..ALL)
        .await
        .close()
        .await
        .unwrap();
    Local::open(directory.path())
        .unwrap()
        .close()
        .await
        .unwrap();
    let journal = Path::new("data/0.jnl");
    let whole = fs::metadata(directory.path().join(journal)).unwrap().len();
    let mut last = ALL;
    for cut in (0..whole).rev().step_by(97) {
        let copy = copy(directory.path());
        let file = fs::OpenOptions::new()
            .write(true)
            .open(copy.path().join(journal));
        file.unwrap().set_len(cut).unwrap();
        let store = Local::open(copy.path()).unwrap();
        let found = count(&store, 100).unwrap();
        assert!(
            found <= last,
            "{found} batches in {cut} bytes, {last} in more"
        );
        last = found;
        // And goes on from there.
        write(&store, found, 100).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(
            count(&Local::open(copy.path()).unwrap(), 100),
            Ok(found + 1)
        );
    }
    assert_eq!(last, 0);
}

const KILLED_DIRECTORY: &str = "KVTOOL_TEST_KILLED_DIRECTORY";

/// The process that is killed: writes on and on, and says what has been acknowledged.
#[tokio::test]
#[ignore = "runs as a child of survives_being_killed"]
async fn killed_while_writing() {
    let path = PathBuf::from(std::env::var_os(KILLED_DIRECTORY).unwrap());
    let store = Local::open(&path).unwrap();
    for number in count(&store, 3_000).unwrap().. {
        write(&store, number, 3_000).await.unwrap();
        println!("\nacknowledged {number}");
    }
}

/// Killed again and again, the store keeps every acknowledged batch, and no half of another.
#[tokio::test]
async fn survives_being_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = None;
    for kill in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::local::tests::killed_while_writing", "--exact"])
            .args(["--ignored", "--nocapture"])
            .env(KILLED_DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.map_while(Result::ok).filter_map(|line| {
            let number = line.strip_prefix("acknowledged ")?;
            number.parse::<u32>().ok()
        });
        acknowledged = numbers.nth(10 + kill * 7);
        assert!(acknowledged.is_some(), "the child ended by itself");
        child.kill().unwrap();
        acknowledged = numbers.last().or(acknowledged);
        child.wait().unwrap();
        let store = Local::open(directory.path()).unwrap();
        let found = count(&store, 3_000).unwrap();
        assert!(
            Some(found) > acknowledged,
            "{found} found, {acknowledged:?} acknowledged"
        );
        store.close().await.unwrap();
    }
}

/// A file system of its own, in memory; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, and a line that says so, where one may not mount.
    fn mount(mebibytes: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let size = format!("size={mebibytes}m");
        let arguments = ["-t", "tmpfs", "-o", &size, "tmpfs"];
        let mounted = Command::new("mount")
            .args(arguments)
            .arg(disk.0.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(disk);
        }
        println!("skipped: this user may not mount a tmpfs");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(self.0.path())
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Fills the disk with values of this size, then gives it more room.
async fn fill_the_disk(mebibytes: u32, value_bytes: usize) {
    let Some(disk) = SmallDisk::mount(mebibytes) else {
        return;
    };
    let path = disk.0.path().join("store");
    let store = Local::open(&path).unwrap();
    let mut acknowledged = 0;
    let sentence = loop {
        match write(&store, acknowledged, value_bytes).await {
            Ok(()) => acknowledged += 1,
            Err(ApplyError::Fatal(sentence)) => break sentence,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(acknowledged > 0);
    assert!(sentence.contains("is full"), "{sentence}");
    assert!(
        sentence.contains("free some space and start kvtool again"),
        "{sentence}"
    );
    // It stays failed, also when there is room again.
    disk.remount("size=2g");
    assert_eq!(
        write(&store, 0, 1).await,
        Err(ApplyError::Fatal(sentence.clone()))
    );
    assert_eq!(
        store.view().err(),
        Some(StoreError::Fatal(sentence.clone()))
    );
    assert_eq!(store.usage(), Err(StoreError::Fatal(sentence.clone())));
    assert_eq!(
        store.reclaim().await,
        Err(StoreError::Fatal(sentence.clone()))
    );
    assert_eq!(store.close().await, Err(StoreError::Fatal(sentence)));

    let store = Local::open(&path).unwrap();
    let found = count(&store, value_bytes).unwrap();
    // One more is the batch that was written but not acknowledged.
    assert!(
        (acknowledged..=acknowledged + 1).contains(&found),
        "{found} of {acknowledged}"
    );
    write(&store, found, value_bytes).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_stops_the_journal() {
    fill_the_disk(4, 10_000).await;
}

/// Here the tables meet the end of the disk, on the engine's own thread.
#[tokio::test]
async fn a_full_disk_stops_the_tables() {
    fill_the_disk(48, 1_000_000).await;
}

#[tokio::test]
async fn unwritable_disks_say_so() {
    let Some(disk) = SmallDisk::mount(16) else {
        return;
    };
    let path = disk.0.path().join("store");
    open_and_write(&path, 0..10).await.close().await.unwrap();
    disk.remount("ro");
    for path in [path.clone(), disk.0.path().join("another")] {
        let sentence = refusal(&path);
        assert!(sentence.contains("read-only file system"), "{sentence}");
    }
    disk.remount("rw");
    fs::write(disk.0.path().join("filler"), vec![0; 16 << 20]).unwrap_err();
    let another = disk.0.path().join("another");
    let sentence = refusal(&another);
    assert!(sentence.contains("is full"), "{sentence}");
    fs::remove_file(disk.0.path().join("filler")).unwrap();
    assert_eq!(count(&Local::open(&path).unwrap(), 100), Ok(10));
    // What the failed first start has left does not stand in the way.
    Local::open(&another).unwrap();
}
