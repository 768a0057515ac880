//! The suite on every store that needs no server, plain and failing on purpose.

use super::*;
use crate::store::faulty::{Fault, Faulty, Rates};
use crate::store::fdb::{Fdb, cluster::Cluster};
use crate::store::local::{BlockCache, Local};
use crate::store::memory::Memory;
use crate::store::raft::tests::{Trio, alone};

const SEED: u64 = 20_250_131;

/// Faults of writes only: the suite reads old views, which must not expire.
const WRITE_FAULTS: Rates = Rates {
    view_expired: 0.0,
    unavailable: 0.0,
    ..Rates::ALL
};

fn memory() -> Store {
    Store::Memory(Memory::new())
}

/// Limits like those of the smallest store to come.
fn small_memory() -> Store {
    Store::Memory(Memory::with_limits(Limits {
        batch_bytes: 100_000,
        key_bytes: 1_000,
        value_bytes: 10_000,
    }))
}

/// A new store in a directory of `root`.
fn local(root: &tempfile::TempDir) -> Store {
    let directory = tempfile::tempdir_in(root).unwrap().keep();
    Store::Local(Local::open(&directory, BlockCache::default()).unwrap())
}

/// The leader of three new members with directories in `root`, and another.
fn trio(root: &tempfile::TempDir) -> (Store, Store) {
    let directory = tempfile::tempdir_in(root).unwrap().keep();
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let trio = Trio::new(directory);
        let (_, leader) = runtime.block_on(trio.leader());
        let (_, follower) = runtime.block_on(trio.follower());
        (Store::Raft(leader), Store::Raft(follower))
    })
}

/// Another server of a cluster.
fn fdb(cluster: &Cluster) -> Store {
    let runtime = tokio::runtime::Handle::current();
    Store::Fdb(tokio::task::block_in_place(|| {
        runtime.block_on(Fdb::of(cluster))
    }))
}

fn faulty(store: Store) -> Store {
    Store::Faulty(Faulty::new(store, SEED, WRITE_FAULTS))
}

#[test]
fn memory_passes() {
    run(memory);
}

#[test]
fn memory_with_small_limits_passes() {
    run(small_memory);
}

#[test]
fn local_passes() {
    let root = tempfile::tempdir().unwrap();
    run(|| local(&root));
}

#[test]
fn a_group_of_one_passes() {
    let root = tempfile::tempdir().unwrap();
    run(|| {
        let directory = tempfile::tempdir_in(&root).unwrap().keep();
        Store::Raft(alone(&directory))
    });
}

#[test]
fn a_group_of_three_passes() {
    let root = tempfile::tempdir().unwrap();
    run(|| trio(&root).0);
    run(|| trio(&root).1);
}

#[test]
fn faulty_group_of_three_passes() {
    let root = tempfile::tempdir().unwrap();
    run_faulty(|| faulty(trio(&root).1));
}

#[test]
fn fdb_passes() {
    let Some(cluster) = Cluster::get("fdb suite") else {
        return;
    };
    run(|| fdb(cluster));
}

#[test]
fn faulty_fdb_passes() {
    let Some(cluster) = Cluster::get("fdb suite with faults") else {
        return;
    };
    run_faulty(|| faulty(fdb(cluster)));
}

#[test]
fn faulty_memory_passes() {
    run_faulty(|| faulty(memory()));
}

#[test]
fn faulty_local_passes() {
    let root = tempfile::tempdir().unwrap();
    run_faulty(|| faulty(local(&root)));
}

/// With every fault, those of reads as well.
#[tokio::test]
async fn a_counter_ends_exact_under_every_fault() {
    for seed in 0..20 {
        let faulty = Faulty::new(memory(), seed, Rates::ALL);
        let space = Space::new(&Store::Faulty(faulty.clone())).await;
        let mut writers = [(); 3].map(|()| Writer::new(&space));
        for _ in 0..30 {
            for writer in &mut writers {
                writer.increment(b"counter").await;
            }
        }
        faulty.set_rates(Rates::default());
        assert_eq!(number(space.get("counter").await), 90, "seed {seed}");
    }
}

/// Each fault does what its name says.
#[tokio::test]
async fn scripted_faults_happen_in_order() {
    let inner = memory();
    let faulty = Faulty::new(inner.clone(), SEED, Rates::default());
    let space = Space::new(&Store::Faulty(faulty.clone())).await;
    let faults = [
        Fault::Conflict,
        Fault::UnknownLost,
        Fault::UnknownApplied,
        Fault::Zombie,
    ];
    faulty.script(faults.map(Some));
    let apply = async |key, guard| {
        let batch = space.batch(guard, vec![space.set(key, "")]);
        space.store.apply(batch).await
    };
    assert_eq!(apply("conflict", None).await, Err(ApplyError::Conflict));
    assert_eq!(apply("lost", None).await, Err(ApplyError::Unknown));
    assert_eq!(apply("applied", None).await, Err(ApplyError::Unknown));
    assert_eq!(apply("zombie", None).await, Err(ApplyError::Unknown));
    // Each look is a call that brings the zombie nearer.
    let mut looks = 0;
    while space.get("zombie").await.is_none() {
        looks += 1;
        assert!(looks < 10, "the zombie never rose");
    }
    let present = space.all(&space.view().await).await;
    let present: Vec<_> = present.into_iter().map(|(key, _)| key).collect();
    assert_eq!(present, ["applied", "zombie"]);

    // A zombie whose guard holds no more stays dead.
    let guard = Guard {
        key: space.key("applied"),
        expected: Some(Bytes::new()),
    };
    faulty.script([Some(Fault::Zombie)]);
    assert_eq!(apply("dead", Some(guard)).await, Err(ApplyError::Unknown));
    // Below the faulty store, so that this is no call that could raise it first.
    let overtaking = space.batch(None, vec![space.clear("applied")]);
    inner.apply(overtaking).await.unwrap();
    for _ in 0..10 {
        space.view().await;
    }
    assert_eq!(space.get("dead").await, None);
}

/// Names made under faults, again and again, keep one prefix each.
#[tokio::test]
async fn instances_are_made_once_under_every_fault() {
    for seed in 0..20 {
        let store = Store::Faulty(Faulty::new(memory(), seed, Rates::ALL));
        let mut made = BTreeMap::new();
        for round in 0..3 {
            for name in ["a", "b", "c", "d"] {
                let prefix = store.instance_prefix(name).await.unwrap();
                let first = made.entry(name).or_insert_with(|| prefix.clone());
                assert_eq!(first, &prefix, "{name} in round {round} of seed {seed}");
            }
        }
        let distinct: std::collections::BTreeSet<_> = made.values().collect();
        assert_eq!(distinct.len(), made.len(), "seed {seed}");
    }
}

/// A view that expires answers nothing else from then on.
#[tokio::test]
async fn expired_views_stay_expired() {
    let rates = Rates {
        view_expired: 1.0,
        ..Rates::default()
    };
    let store = Store::Faulty(Faulty::new(memory(), SEED, rates));
    for _ in 0..20 {
        let view = store.view(Consistency::Linearizable).await.unwrap();
        let mut reads = 0;
        while view.get(b"a").await.is_ok() {
            reads += 1;
            assert!(reads < 100, "the view never expired");
        }
        assert_eq!(view.get_many(&[]).await, Err(StoreError::ViewExpired));
        let page = view
            .clone()
            .scan(b"a", b"b", NO_LIMIT, Direction::Forward)
            .await;
        assert_eq!(page, Err(StoreError::ViewExpired));
    }
}
