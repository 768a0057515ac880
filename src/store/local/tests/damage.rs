//! Damaged files and sudden ends.

use super::*;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut below: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    below.sort();
    below
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A copy, in a directory of its own, of one moment: files come and go while tables are merged.
pub(super) fn copy(from: &Path) -> tempfile::TempDir {
    const ATTEMPTS: u32 = 100;
    for _ in 0..ATTEMPTS {
        let (before, to) = (files(from), tempfile::tempdir().unwrap());
        let copied = before.iter().all(|file| {
            let target = to.path().join(file.strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(file, target).is_ok()
        });
        if copied && files(from) == before {
            return to;
        }
    }
    panic!("{} changes all the time", from.display());
}

/// What may happen to a file.
pub(super) const DAMAGES: [fn(&mut Vec<u8>); 5] = [
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

/// Damage of any file is noticed, at the latest by the read that meets it.
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
    Local::open(directory.path(), BlockCache::default())
        .unwrap()
        .close()
        .await
        .unwrap();
    let mut noticed = 0;
    for file in files(&directory.path().join("data")) {
        let bytes = fs::read(&file).unwrap();
        let damages = DAMAGES.iter().filter(|_| !bytes.is_empty());
        for (number, damage) in damages.enumerate() {
            let copy = copy(directory.path());
            let mut damaged = bytes.clone();
            damage(&mut damaged);
            fs::write(
                copy.path().join(file.strip_prefix(&directory).unwrap()),
                damaged,
            )
            .unwrap();
            let found = Local::open(copy.path(), BlockCache::default())
                .and_then(|store| count(&store, 100));
            let case = format!("damage {number} of {}", file.display());
            match found {
                Ok(found) => assert_eq!(found, ALL, "{case}"),
                Err(StoreError::Unreadable(sentence)) => {
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

/// A journal that ends in the middle of a batch, where a crash has torn it, opens with the
/// batches before. If those after it were acknowledged, it does not open.
#[tokio::test]
async fn a_torn_journal_opens_with_a_prefix() {
    const ALL: u32 = 20;
    let directory = tempfile::tempdir().unwrap();
    open_and_write(directory.path(), 0..ALL)
        .await
        .close()
        .await
        .unwrap();
    Local::open(directory.path(), BlockCache::default())
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
        let sentence = refusal(copy.path());
        assert!(
            sentence.contains("acknowledged commits are missing"),
            "{sentence}"
        );
        assert_eq!(refusal(copy.path()), sentence);
        // As if the crash had come before they were acknowledged.
        fs::remove_file(copy.path().join("ACKNOWLEDGED")).unwrap();
        let store = Local::open(copy.path(), BlockCache::default()).unwrap();
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
            count(
                &Local::open(copy.path(), BlockCache::default()).unwrap(),
                100
            ),
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
    let store = Local::open(&path, BlockCache::default()).unwrap();
    for number in count(&store, 3_000).unwrap().. {
        write(&store, number, 3_000).await.unwrap();
        println!("\nacknowledged {number}");
    }
}

/// Killed again and again, the store keeps every acknowledged batch, and no half of another.
#[tokio::test]
async fn survives_being_killed() {
    let directory = tempfile::tempdir().unwrap();
    for kill in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "store::local::tests::damage::killed_while_writing",
                "--exact",
            ])
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
        let early = numbers.nth(10 + kill * 7);
        assert!(early.is_some(), "the child ended by itself");
        child.kill().unwrap();
        let acknowledged = numbers.last().or(early);
        child.wait().unwrap();
        let store = Local::open(directory.path(), BlockCache::default()).unwrap();
        let found = count(&store, 3_000).unwrap();
        assert!(
            Some(found) > acknowledged,
            "{found} found, {acknowledged:?} acknowledged"
        );
        store.close().await.unwrap();
    }
}
