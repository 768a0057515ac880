//! Full and read-only disks, and space given back.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::process::Command;

/// Values that no compression makes smaller.
async fn write_noise(store: &Local, values: u64, value_bytes: usize) -> Result<(), ApplyError> {
    for number in 0..values {
        let mut value = vec![0; value_bytes];
        StdRng::seed_from_u64(number).fill_bytes(&mut value);
        let key = Bytes::copy_from_slice(&number.to_be_bytes());
        store.apply(batch(vec![Op::Set(key, value.into())])).await?;
    }
    Ok(())
}

#[tokio::test]
async fn reclaiming_gives_space_back() {
    const WRITTEN_BYTES: u64 = 8_000_000;
    let directory = tempfile::tempdir().unwrap();
    let store = Local::open(directory.path(), BlockCache::default()).unwrap();
    write_noise(&store, 80, 100_000).await.unwrap();
    store.reclaim().await.unwrap();
    let full = store.usage().unwrap();
    assert!(full.live_bytes >= WRITTEN_BYTES, "{full:?}");
    let everything = Op::ClearRange(Bytes::new(), vec![0xff; 8].into());
    store.apply(batch(vec![everything])).await.unwrap();
    store.reclaim().await.unwrap();
    let empty = store.usage().unwrap();
    assert!(empty.live_bytes < WRITTEN_BYTES / 10, "{empty:?}");
    assert!(
        empty.allocated_bytes + WRITTEN_BYTES <= full.allocated_bytes,
        "{full:?} {empty:?}"
    );
}

/// Where there is no room for new tables, the old ones serve on.
#[tokio::test]
async fn reclaiming_without_room_changes_nothing() {
    let Some(disk) = SmallDisk::mount(40) else {
        return;
    };
    let store = Local::open(&disk.0.path().join("store"), BlockCache::default()).unwrap();
    write_noise(&store, 100, 100_000).await.unwrap();
    store.reclaim().await.unwrap();
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![0; 12 << 20]).unwrap();
    let error = store.reclaim().await.unwrap_err();
    assert!(
        error.to_string().contains("no space was given back"),
        "{error}"
    );
    write(&store, 0, 100).await.unwrap();
    fs::remove_file(&filler).unwrap();
    store.reclaim().await.unwrap();
    let last = store.view().unwrap().get(&99_u64.to_be_bytes()).unwrap();
    assert_eq!(last.map(|value| value.len()), Some(100_000));
    assert_eq!(count(&store, 100), Ok(1));
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

/// A store that met the end of its disk stays failed, also when there is room again; started
/// again it has everything.
async fn check_failed(disk: &SmallDisk, store: Local, sentence: Arc<str>, acknowledged: u32) {
    assert!(sentence.contains("is full"), "{sentence}");
    assert!(
        sentence.contains("free some space and start kvtool again"),
        "{sentence}"
    );
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

    let store = Local::open(&disk.0.path().join("store"), BlockCache::default()).unwrap();
    let found = count(&store, VALUE_BYTES).unwrap();
    // One more is a batch that was written but not acknowledged.
    assert!(
        (acknowledged..=acknowledged + 1).contains(&found),
        "{found} of {acknowledged}"
    );
    write(&store, found, VALUE_BYTES).await.unwrap();
}

/// The journal compresses larger values.
const VALUE_BYTES: usize = 3_000;

#[tokio::test]
async fn a_full_disk_stops_the_journal() {
    let Some(disk) = SmallDisk::mount(4) else {
        return;
    };
    let store = Local::open(&disk.0.path().join("store"), BlockCache::default()).unwrap();
    let mut acknowledged = 0;
    let sentence = loop {
        match write(&store, acknowledged, VALUE_BYTES).await {
            Ok(()) => acknowledged += 1,
            Err(ApplyError::Fatal(sentence)) => break sentence,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(acknowledged > 0);
    assert!(sentence.contains("(while writing)"), "{sentence}");
    check_failed(&disk, store, sentence, acknowledged).await;
}

/// Here a table meets the end of the disk, on the engine's own thread.
#[tokio::test]
async fn a_full_disk_stops_the_tables() {
    const BATCHES: u32 = 400;
    let Some(disk) = SmallDisk::mount(4) else {
        return;
    };
    let store = Local::open(&disk.0.path().join("store"), BlockCache::default()).unwrap();
    for number in 0..BATCHES {
        write(&store, number, VALUE_BYTES).await.unwrap();
    }
    let sentence = match store.reclaim().await {
        Err(StoreError::Fatal(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    assert!(sentence.contains("(while writing tables)"), "{sentence}");
    check_failed(&disk, store, sentence, BATCHES).await;
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
    assert_eq!(
        count(&Local::open(&path, BlockCache::default()).unwrap(), 100),
        Ok(10)
    );
    // What the failed first start has left does not stand in the way.
    Local::open(&another, BlockCache::default()).unwrap();
}
