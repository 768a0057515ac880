//! A whole state that takes the place of another: a crash at any step leaves one of them.

use super::*;

const STATES: [&str; 2] = ["before", "after"];

fn entry(value: &str) -> (Bytes, Bytes) {
    ("key".into(), Bytes::copy_from_slice(value.as_bytes()))
}

fn commit(store: &Local, items: &[(Bytes, Bytes)]) {
    let changes = items.iter().cloned();
    let changes = changes.map(|(key, value)| (key, Some(value))).collect();
    store.shared.engine().unwrap().commit(changes).unwrap();
}

/// A member's store with the first state, and the second one beside it.
fn staged(path: &Path) -> (Local, Staged) {
    let store = Local::open_replica(path, BlockCache::default()).unwrap();
    commit(&store, &[entry(STATES[0]), ("old".into(), "".into())]);
    let mut staged = store.shared.engine().unwrap().stage().unwrap();
    let counters = [
        (Bytes::from_static(b"\x00c"), Bytes::from_static(&[9; 8])),
        (Bytes::from_static(b"\x00t"), Bytes::from_static(&[9; 8])),
    ];
    assert!(staged.add(counters.to_vec()).unwrap());
    assert!(staged.add(vec![entry(STATES[1])]).unwrap());
    assert_eq!(staged.last_key(), "key");
    assert!(!staged.add(vec![entry(STATES[1])]).unwrap());
    staged.sync().unwrap();
    (store, staged)
}

fn state(store: &Local) -> Option<usize> {
    let view = store.view().unwrap();
    let value = view.get(b"key").unwrap().unwrap();
    let found = STATES.iter().position(|state| value == state)?;
    let is_old = view.get(b"old").unwrap().is_some();
    (is_old == (found == 0)).then_some(found)
}

#[test]
fn a_staged_state_takes_the_place_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let (store, staged) = staged(directory.path());
    let before = store.view().unwrap();
    store.shared.replace(staged).unwrap();
    assert_eq!(before.get(b"key"), Err(StoreError::ViewExpired));
    assert_eq!(state(&store), Some(1));
    commit(&store, &[("more".into(), "".into())]);
    drop((before, store));
    let store = Local::open_replica(directory.path(), BlockCache::default()).unwrap();
    assert_eq!(state(&store), Some(1));
    let more = store.view().unwrap().get(b"more");
    assert_eq!(more, Ok(Some(Bytes::new())));
    assert_eq!(names(directory.path()), ALL_NAMES);
}

#[test]
fn a_crash_leaves_one_of_the_two_states() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let (store, unfinished) = staged(path);
    drop((unfinished, store));
    let store = Local::open_replica(path, BlockCache::default()).unwrap();
    assert_eq!(state(&store), Some(0));
    drop(store);

    // Complete, and not in its place yet; then with what was there removed in part, or wholly.
    for step in 0..3 {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        let (store, staged) = staged(path);
        staged.finish(100).unwrap();
        drop(store);
        fs::rename(path.join("data.stage"), path.join("data.whole")).unwrap();
        match step {
            1 => {
                let mut files = fs::read_dir(path.join("data")).unwrap();
                let file = files.find(|file| file.as_ref().unwrap().path().is_file());
                fs::remove_file(file.unwrap().unwrap().path()).unwrap();
            }
            2 => fs::remove_dir_all(path.join("data")).unwrap(),
            _ => {}
        }
        let store = Local::open_replica(path, BlockCache::default()).unwrap();
        assert_eq!(state(&store), Some(1), "step {step}");
        assert_eq!(names(path), ALL_NAMES);
    }
}
