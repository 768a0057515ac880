//! Members with real logs and states, in one process.
#![allow(clippy::unwrap_used)]

mod membership;
mod whole;

use super::*;
use crate::store::{APPENDED_SUBSPACE, BatchId, Op, Store};
use bytes::Bytes;
use parking_lot::Mutex;
use std::fs;
use std::path::PathBuf;

/// Longer than anything takes, shorter than a stuck test is worth.
const WAIT_MAX: Duration = Duration::from_secs(30);
pub const CLUSTER: u64 = 77;

/// Carries messages between the members of one process.
struct Hub {
    members: Mutex<HashMap<u64, Raft>>,
    /// Of each of so many states one page comes through, and nothing of further ones; `None`: all
    /// of all.
    cuts: Mutex<Option<usize>>,
    /// How many have been cut off.
    cut_off: watch::Sender<usize>,
}

impl Carrier for Hub {
    fn send(&self, message: Message) -> bool {
        let all = self.members.lock();
        let raft = all.get(&message.to);
        raft.map(|raft| raft.receive(message)).is_some()
    }

    fn send_state(&self, state: Outgoing) {
        let all = self.members.lock();
        let Some(to) = all.get(&state.message().to).cloned() else {
            return;
        };
        let pages_max = match &mut *self.cuts.lock() {
            None => usize::MAX,
            Some(0) => return,
            Some(cuts) => {
                *cuts -= 1;
                1
            }
        };
        let cut_off = self.cut_off.clone();
        std::thread::spawn(move || {
            whole::take(&to, state, pages_max);
            cut_off.send_modify(|count| *count += 1);
        });
    }
}

fn member(id: u64) -> Member {
    Member {
        id,
        name: format!("m{id}"),
        peer_urls: vec![format!("http://m{id}:2380")],
        ..Member::default()
    }
}

fn options(id: u64, founders: u64) -> Options {
    Options {
        id,
        cluster_id: CLUSTER,
        founders: (1..=founders).map(member).collect(),
        heartbeat: Duration::from_millis(30),
        election_heartbeats: 50,
        policy: Policy::default(),
        blocks: BlockCache::default(),
    }
}

/// A member that is alone.
pub fn alone(path: &Path) -> Raft {
    Raft::open(path, &options(1, 1), Arc::new(Nobody)).unwrap()
}

/// Three members.
pub struct Trio {
    hub: Arc<Hub>,
    root: PathBuf,
}

impl Trio {
    pub fn new(root: PathBuf) -> Self {
        let trio = Self {
            hub: Arc::new(Hub {
                members: Mutex::default(),
                cuts: Mutex::default(),
                cut_off: watch::Sender::default(),
            }),
            root,
        };
        (1..=3).for_each(|id| trio.open(id));
        trio
    }

    /// Opens a member: one of the three founders, or one that joins them.
    pub fn open(&self, id: u64) {
        let path = self.root.join(id.to_string());
        let raft = Raft::open(
            &path,
            &options(id, if id <= 3 { 3 } else { 0 }),
            self.hub.clone(),
        )
        .unwrap();
        self.hub.members.lock().insert(id, raft);
    }

    /// Ends a member; without a word, for nothing is made durable at the end.
    pub async fn stop(&self, id: u64) {
        let raft = self.hub.members.lock().remove(&id).unwrap();
        raft.close().await.unwrap();
    }

    /// A member that has ended by itself.
    fn forget(&self, id: u64) {
        self.hub.members.lock().remove(&id);
    }

    fn all(&self) -> Vec<Raft> {
        self.hub.members.lock().values().cloned().collect()
    }

    pub fn get(&self, id: u64) -> Raft {
        self.hub.members.lock()[&id].clone()
    }

    /// The member that leads, once one does.
    pub async fn leader(&self) -> (u64, Raft) {
        let leading = async |(id, raft): (u64, Raft)| {
            let mut told = raft.leadership();
            // One that ends meanwhile never leads.
            if told.wait_for(Leadership::leads).await.is_err() {
                std::future::pending::<()>().await;
            }
            (id, raft)
        };
        let all = self.hub.members.lock().clone();
        let all = all.into_iter().map(|one| Box::pin(leading(one)));
        let first = futures_util::future::select_all(all);
        tokio::time::timeout(WAIT_MAX, first).await.unwrap().0
    }

    pub async fn follower(&self) -> (u64, Raft) {
        let (leader, _) = self.leader().await;
        let all = self.hub.members.lock();
        let (id, raft) = all.iter().find(|(id, _)| **id != leader).unwrap();
        (*id, raft.clone())
    }
}

fn batch(key: &str, value: &str) -> Batch {
    let own = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Batch {
        id: BatchId {
            writer: 0,
            sequence: 0,
        },
        guard: None,
        ops: vec![Op::Set(own(key), own(value))],
    }
}

async fn read(raft: &Raft, key: &str, consistency: Consistency) -> Option<Bytes> {
    let view = raft.view(consistency).await.unwrap();
    view.get(key.as_bytes()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

/// The log brings a state up that was never made durable, and nothing twice.
#[tokio::test]
async fn a_state_that_fell_back_is_brought_up() {
    let root = tempfile::tempdir().unwrap();
    let (path, crashed) = (root.path().join("member"), root.path().join("crashed"));
    let raft = alone(&path);
    raft.apply(batch("a", "0")).await.unwrap();
    raft.close().await.unwrap();
    let raft = alone(&path);
    for number in 1..=50 {
        raft.apply(batch("a", &number.to_string())).await.unwrap();
        raft.apply(batch(&number.to_string(), "")).await.unwrap();
    }
    let guard = crate::store::Guard {
        key: "a".into(),
        expected: Some("50".into()),
    };
    let guarded = Batch {
        guard: Some(guard),
        ..batch("a", "last")
    };
    raft.apply(guarded.clone()).await.unwrap();
    assert_eq!(raft.apply(guarded).await, Err(ApplyError::Conflict));
    copy(&path, &crashed);
    raft.close().await.unwrap();
    let state = Local::open_read_only(&crashed).unwrap();
    let fallen = state.view().unwrap().get(b"a").unwrap();
    assert_eq!(fallen.unwrap(), "0");
    drop(state);
    let raft = alone(&crashed);
    assert_eq!(
        read(&raft, "a", Consistency::Linearizable).await.unwrap(),
        "last"
    );
    assert!(read(&raft, "50", Consistency::Serializable).await.is_some());
}

/// A crash between two flushes leaves what is appended ahead of the rest. Nobody sees that.
#[tokio::test]
async fn a_state_that_is_ahead_in_parts_is_brought_up() {
    let root = tempfile::tempdir().unwrap();
    let (path, crashed) = (root.path().join("member"), root.path().join("crashed"));
    let appended = |number: u8| Bytes::from(vec![1, 0, 0, 1, APPENDED_SUBSPACE, number]);
    let write = async |numbers: std::ops::RangeInclusive<u8>| {
        let raft = alone(&path);
        for number in numbers {
            let mut write = batch("a", &number.to_string());
            write.ops.push(Op::Set(appended(number), "once".into()));
            raft.apply(write).await.unwrap();
        }
        raft.close().await.unwrap();
    };
    write(1..=10).await;
    copy(&path, &crashed);
    write(11..=20).await;
    for part in ["log", "data/appended"] {
        fs::remove_dir_all(crashed.join(part)).unwrap();
        copy(&path.join(part), &crashed.join(part));
    }
    fs::copy(path.join("data/reach"), crashed.join("data/reach")).unwrap();
    let error = Local::open_read_only(&crashed).err().unwrap().to_string();
    assert!(error.contains("let `kvtool serve` open it once"), "{error}");
    let raft = alone(&crashed);
    let view = raft.view(Consistency::Serializable).await.unwrap();
    assert_eq!(view.get(b"a").unwrap().unwrap(), "20");
    for number in 1..=20 {
        assert!(view.get(&appended(number)).unwrap().is_some());
    }
    drop(view);
    raft.close().await.unwrap();
    assert!(Local::open_read_only(&crashed).is_ok());
}

/// A leader that ends is followed by another at once: nobody has to find out that it has gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_ends_hands_over() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (id, leader) = trio.leader().await;
    leader.apply(batch("a", "1")).await.unwrap();
    let (_, follower) = trio.follower().await;
    follower.hand_over().await;
    assert!(leader.leadership().borrow().leads());
    // On a busy machine one try may take too long.
    while leader.leadership().borrow().leads() {
        leader.hand_over().await;
    }
    let heir = leader.leadership().borrow().leader;
    let next = trio.get(heir.expect("it is known when this returns"));
    assert_ne!(next.id(), id);
    trio.stop(id).await;
    next.apply(batch("a", "2")).await.unwrap();
    alone(&root.path().join("alone")).hand_over().await;
}

/// A log that is cut, and a state behind the cut.
#[tokio::test]
async fn the_log_is_cut_behind_a_durable_state() {
    let root = tempfile::tempdir().unwrap();
    let (path, old) = (root.path().join("member"), root.path().join("old"));
    let raft = alone(&path);
    raft.apply(batch("a", "0")).await.unwrap();
    raft.close().await.unwrap();
    copy(&path.join("data"), &old);
    let raft = alone(&path);
    // More than some memtables hold, in as many turns.
    let value = "v".repeat(1_000);
    for round in 0..10 {
        let writes = (0..1_000).map(|number| {
            let write = batch(&format!("b{round}-{number}"), &value);
            let raft = raft.clone();
            async move { raft.apply(write).await.unwrap() }
        });
        futures_util::future::join_all(writes).await;
    }
    raft.close().await.unwrap();
    let raft = alone(&path);
    let view = raft.view(Consistency::Linearizable).await.unwrap();
    let limit = crate::store::PageLimit {
        items: usize::MAX,
        bytes: usize::MAX,
    };
    let page = view.scan(b"b", b"c", limit, crate::store::Direction::Forward);
    assert_eq!(page.unwrap().items.len(), 10_000);
    drop(view);
    raft.close().await.unwrap();
    fs::remove_dir_all(path.join("data")).unwrap();
    fs::remove_file(path.join("ACKNOWLEDGED")).unwrap();
    copy(&old, &path.join("data"));
    let refused = Raft::open(&path, &options(1, 1), Arc::new(Nobody));
    let sentence = refused.err().unwrap().to_string();
    assert!(sentence.contains("does not reach back"), "{sentence}");
}

#[tokio::test]
async fn a_local_directory_becomes_a_group_of_one() {
    let root = tempfile::tempdir().unwrap();
    let local = Local::open(root.path(), BlockCache::default()).unwrap();
    local.apply(batch("a", "1")).await.unwrap();
    local.close().await.unwrap();
    let three = Raft::open(root.path(), &options(1, 3), Arc::new(Nobody));
    let sentence = three.err().unwrap().to_string();
    assert!(sentence.contains("holds data"), "{sentence}");
    let raft = alone(root.path());
    assert_eq!(
        read(&raft, "a", Consistency::Linearizable).await.unwrap(),
        "1"
    );
    raft.close().await.unwrap();
    // The directory knows better who it is.
    let again = Raft::open(root.path(), &options(2, 3), Arc::new(Nobody)).unwrap();
    assert_eq!(again.id(), 1);
    assert_eq!(again.members().borrow().members.len(), 1);
    again.close().await.unwrap();
    let refused = Local::open(root.path(), BlockCache::default())
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("a member of a group"), "{refused}");
    assert!(Local::open_read_only(root.path()).is_ok());
}

/// Any member writes, reads what any other has acknowledged, and says who leads.
#[tokio::test(flavor = "multi_thread")]
async fn followers_read_write_and_name_the_leader() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (leader_id, leader) = trio.leader().await;
    let (_, follower) = trio.follower().await;
    let mut known = follower.leadership();
    known
        .wait_for(|now| now.leader == Some(leader_id))
        .await
        .unwrap();
    for number in 0..100 {
        let value = number.to_string();
        let woken = [follower.changed(), follower.changed_elsewhere()];
        let mut elsewhere = leader.changed_elsewhere();
        leader.apply(batch("a", &value)).await.unwrap();
        let own = futures_util::poll!(&mut elsewhere);
        assert!(own.is_pending(), "told of its own write");
        let seen = read(&follower, "a", Consistency::Linearizable)
            .await
            .unwrap();
        assert_eq!(seen, value);
        // What a follower has applied it can read, and so can all others.
        follower.apply(batch("b", &value)).await.unwrap();
        let own = read(&follower, "b", Consistency::Serializable).await;
        let others = read(&leader, "b", Consistency::Linearizable).await;
        assert_eq!(
            (own, others),
            (Some(value.clone().into()), Some(value.into()))
        );
        for wait in woken.into_iter().chain([elsewhere]) {
            tokio::time::timeout(WAIT_MAX, wait).await.unwrap();
        }
    }
    assert!(Store::Raft(follower).is_shared());
}

/// The others go on without a leader that has gone; it finds what it missed.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_goes_and_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    for round in 0..3 {
        let (id, leader) = trio.leader().await;
        leader
            .apply(batch("a", &format!("{round} before")))
            .await
            .unwrap();
        trio.stop(id).await;
        let (_, next) = trio.leader().await;
        let seen = read(&next, "a", Consistency::Linearizable).await.unwrap();
        assert_eq!(seen, format!("{round} before"));
        next.apply(batch("a", &format!("{round} after")))
            .await
            .unwrap();
        trio.open(id);
        let back = trio.get(id);
        let seen = read(&back, "a", Consistency::Linearizable).await.unwrap();
        assert_eq!(seen, format!("{round} after"));
    }
}

/// Without a quorum nothing is acknowledged, and nothing hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_minority_says_so() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (id, leader) = trio.leader().await;
    leader.apply(batch("a", "1")).await.unwrap();
    for other in (1..=3).filter(|other| *other != id) {
        trio.stop(other).await;
    }
    let written = tokio::time::timeout(WAIT_MAX, leader.apply(batch("a", "2")));
    assert_eq!(written.await.unwrap(), Err(ApplyError::Unknown));
    let refused = leader.apply(batch("a", "3")).await;
    assert_eq!(refused, Err(ApplyError::NoLeader));
    let view = leader.view(Consistency::Linearizable).await;
    assert!(matches!(view, Err(StoreError::Unavailable(_))));
    assert_eq!(
        read(&leader, "a", Consistency::Serializable).await.unwrap(),
        "1"
    );
    let (other, _) = (1..=3)
        .map(|other| (other, ()))
        .find(|(other, _)| *other != id)
        .unwrap();
    trio.open(other);
    let (_, leader) = trio.leader().await;
    leader.apply(batch("a", "4")).await.unwrap();
    assert_eq!(
        read(&leader, "a", Consistency::Linearizable).await.unwrap(),
        "4"
    );
}
