#![allow(clippy::unwrap_used)]

use super::cluster::Cluster;
use super::*;
use crate::store::{BatchId, Direction, Guard, PageLimit, Store};
use futures_util::FutureExt;

fn batch(guard: Option<Guard>, ops: Vec<Op>) -> Batch {
    Batch {
        id: BatchId {
            writer: 0,
            sequence: 0,
        },
        guard,
        ops,
    }
}

/// A key of a test's own.
async fn key(store: &Fdb, test: &str, name: &str) -> Bytes {
    let prefix = store.instance_prefix(test).await.unwrap();
    [&prefix, name.as_bytes()].concat().into()
}

fn set(key: &Bytes, value: &str) -> Op {
    Op::Set(key.clone(), Bytes::copy_from_slice(value.as_bytes()))
}

/// A guard remembered from an own commit is as good as one that is read, and no better.
#[tokio::test]
async fn remembered_guards_still_guard() {
    let Some(cluster) = Cluster::get("fdb guards") else {
        return;
    };
    let (one, two) = (Fdb::of(cluster).await, Fdb::of(cluster).await);
    let key = key(&one, "guards", "state").await;
    let guard = |value: Option<&str>| {
        Some(Guard {
            key: key.clone(),
            expected: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        })
    };
    one.apply(batch(guard(None), vec![set(&key, "1")]))
        .await
        .unwrap();
    assert!(
        one.0
            .guards
            .version_of(&guard(Some("1")).unwrap())
            .is_some()
    );
    one.apply(batch(guard(Some("1")), vec![set(&key, "2")]))
        .await
        .unwrap();
    two.apply(batch(guard(Some("2")), vec![set(&key, "3")]))
        .await
        .unwrap();
    let answer = one
        .apply(batch(guard(Some("2")), vec![set(&key, "4")]))
        .await;
    assert_eq!(answer, Err(ApplyError::Conflict));
    let view = one.view(Consistency::Linearizable).await.unwrap();
    assert_eq!(view.get(&key).await.unwrap().unwrap(), "3");
    one.apply(batch(guard(Some("3")), vec![set(&key, "5")]))
        .await
        .unwrap();
}

/// What another server has acknowledged is seen by the next linearizable view, and by others once
/// that server's version is known.
#[tokio::test]
async fn linearizable_views_are_fresh() {
    let Some(cluster) = Cluster::get("fdb views") else {
        return;
    };
    let (one, two) = (Fdb::of(cluster).await, Fdb::of(cluster).await);
    let key = key(&one, "views", "a").await;
    for round in 0..50 {
        let value = round.to_string();
        one.apply(batch(None, vec![set(&key, &value)]))
            .await
            .unwrap();
        let view = two.view(Consistency::Linearizable).await.unwrap();
        assert_eq!(view.get(&key).await.unwrap().unwrap(), value);
        let own = one.view(Consistency::Serializable).await.unwrap();
        assert_eq!(own.get(&key).await.unwrap().unwrap(), value);

        let value = format!("{round} again");
        one.apply(batch(None, vec![set(&key, &value)]))
            .await
            .unwrap();
        two.note_version(one.newest_version().unwrap());
        let view = two.view(Consistency::Serializable).await.unwrap();
        assert_eq!(view.get(&key).await.unwrap().unwrap(), value);
    }
}

/// A view past FoundationDB's five seconds says so, and one past the time of its transaction.
#[tokio::test]
async fn views_expire() {
    let Some(cluster) = Cluster::get("fdb expiry") else {
        return;
    };
    let store = Fdb::of(cluster).await;
    let key = key(&store, "expiry", "a").await;
    let (read, left) = tokio::join!(
        store.view(Consistency::Linearizable),
        store.view(Consistency::Linearizable),
    );
    let (read, left) = (read.unwrap(), left.unwrap());
    let limit = PageLimit { items: 1, bytes: 1 };
    let scan = async |view: &FdbView| view.scan(b"", &key, limit, Direction::Forward).await;
    // Nothing but time makes a version old, and on a busy cluster it takes longer.
    let begin = Instant::now();
    while scan(&read).await.is_ok() {
        assert!(begin.elapsed() < 2 * TRANSACTION_TIMEOUT);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let write = batch(None, vec![set(&key, "1")]);
        store.apply(write).await.unwrap();
    }
    tokio::time::sleep(TRANSACTION_TIMEOUT).await;
    for view in [read, left] {
        assert_eq!(scan(&view).await, Err(StoreError::ViewExpired));
        assert_eq!(view.get(&key).await, Err(StoreError::ViewExpired));
    }
}

/// Another server's write wakes within moments, again and again.
#[tokio::test]
async fn other_servers_wake_waiters() {
    let Some(cluster) = Cluster::get("fdb notices") else {
        return;
    };
    let (one, two) = (Fdb::of(cluster).await, Fdb::of(cluster).await);
    let key = key(&one, "notices", "a").await;
    // Wakes when it is first looked at.
    one.changed(&key).await;
    for round in 0..20 {
        let woken = one.changed(&key);
        two.apply(batch(None, vec![set(&key, &round.to_string())]))
            .await
            .unwrap();
        tokio::time::timeout(Duration::from_secs(10), woken)
            .await
            .unwrap();
    }
}

/// Of what a batch writes, others are told for their conflicts of what guards may be of, and of no more.
#[tokio::test]
async fn the_bulk_conflicts_with_nothing() {
    let Some(cluster) = Cluster::get("fdb conflicts") else {
        return;
    };
    let store = Fdb::of(cluster).await;
    let guard = key(&store, "conflicts", "mark").await;
    for (name, conflicts) in [("c", false), ("h", false), ("k", false), ("w", true)] {
        let key = key(&store, "conflicts", name).await;
        let ops = [set(&key, "1"), Op::Clear(key.clone())];
        for (op, drafted) in ops
            .into_iter()
            .flat_map(|op| [(op.clone(), false), (op, true)])
        {
            let other = store.0.connection.database().create_trx().unwrap();
            other.get(&key, false).await.unwrap();
            other.set(b"elsewhere", name.as_bytes());
            let expected = store.view(Consistency::Linearizable).await.unwrap();
            let guard = Guard {
                key: guard.clone(),
                expected: expected.get(&guard).await.unwrap(),
            };
            let ops = vec![op];
            let drafted = drafted.then(|| store.draft(&guard.key));
            let drafted = drafted.map(|mut draft| {
                draft.tell(&ops);
                draft
            });
            let batch = batch(Some(guard), ops);
            store.apply_drafted(batch, drafted).await.unwrap();
            assert_eq!(other.commit().await.is_err(), conflicts, "{name}");
        }
    }
}

/// A transaction that was begun too long ago is made anew, with all that it had been told.
#[tokio::test]
async fn an_old_draft_is_made_anew() {
    let Some(cluster) = Cluster::get("fdb drafts") else {
        return;
    };
    let store = Fdb::of(cluster).await;
    let guard = key(&store, "drafts", "guard").await;
    let ops = vec![set(&guard, "1"), set(&guard, "2")];
    let mut draft = store.draft(&guard);
    draft.tell(&ops[..1]);
    assert!(draft.is_good());
    draft.age(Duration::from_secs(2));
    assert!(!draft.is_good());
    let guarded = Some(Guard {
        key: guard.clone(),
        expected: None,
    });
    let applied = store.apply_drafted(batch(guarded, ops), Some(draft)).await;
    assert_eq!(applied, Ok(()));
    let view = store.view(Consistency::Linearizable).await.unwrap();
    assert_eq!(view.get(&guard).await.unwrap().unwrap(), "2");
}

/// What a server writes itself is no news from elsewhere; what another one writes is.
#[tokio::test]
async fn own_writes_are_not_from_elsewhere() {
    const ROUNDS: u32 = 20;
    let Some(cluster) = Cluster::get("fdb own notices") else {
        return;
    };
    let (one, two) = (Fdb::of(cluster).await, Fdb::of(cluster).await);
    let key = key(&one, "own", "a").await;
    one.changed_elsewhere(&key).await;
    let mut expected = None;
    let mut told = 0;
    for round in 0..ROUNDS {
        for (server, by) in [(&one, "own"), (&one, "own again"), (&two, "other")] {
            let changed = one.changed(&key);
            let elsewhere = one.changed_elsewhere(&key);
            let value = Bytes::from(format!("{round} {by}"));
            let guard = Guard {
                key: key.clone(),
                expected: expected.replace(value.clone()),
            };
            let ops = vec![Op::Set(key.clone(), value)];
            server.apply(batch(Some(guard), ops)).await.unwrap();
            let wait = async {
                match by {
                    "other" => elsewhere.await,
                    _ => {
                        changed.await;
                        told += u32::from(elsewhere.now_or_never().is_some());
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(10), wait)
                .await
                .unwrap();
        }
    }
    // One may be noticed before this process hears that it was committed.
    assert!(told < ROUNDS / 4, "{told} of its own were told of");
}

/// One of two leads; when it resigns the other does, in a later term.
#[tokio::test]
async fn servers_elect_one() {
    let Some(cluster) = Cluster::get("fdb election") else {
        return;
    };
    let (one, two) = (Fdb::of(cluster).await, Fdb::of(cluster).await);
    let key = key(&one, "election", "leader").await;
    let mut first = one.leadership(&key, 1);
    let led = *first
        .wait_for(|leadership| leadership.leads())
        .await
        .unwrap();
    assert_eq!(led.leader, Some(1));
    let mut second = two.leadership(&key, 2);
    let follows = *second
        .wait_for(|leadership| leadership.leader.is_some())
        .await
        .unwrap();
    assert_eq!(
        (follows.is_leader, follows.leader, follows.term),
        (false, Some(1), led.term)
    );
    one.close().await.unwrap();
    let leads = *second
        .wait_for(|leadership| leadership.leads())
        .await
        .unwrap();
    assert_eq!(leads.leader, Some(2));
    assert!(leads.term > led.term);
}

/// What an opening that must fail says.
async fn refusal(options: Options) -> String {
    let begin = Instant::now();
    let error = Fdb::open(&options).await.map(|_| ()).unwrap_err();
    assert!(begin.elapsed() < 2 * OPEN_TIMEOUT, "{error}");
    error.to_string()
}

#[tokio::test]
async fn wrong_clusters_are_told_in_one_sentence() {
    let Some(cluster) = Cluster::get("fdb refusals") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Options {
            cluster_file: Some(path),
            ..Options::default()
        }
    };
    let missing = Options {
        cluster_file: Some("/nowhere/fdb.cluster".into()),
        ..Options::default()
    };
    let sentence = refusal(missing).await;
    assert!(
        sentence.starts_with("/nowhere/fdb.cluster cannot be read"),
        "{sentence}"
    );
    let sentence = refusal(file("words", "these are words\n")).await;
    assert!(sentence.contains("words is no cluster file"), "{sentence}");
    // Port 9 discards, if anybody listens at all.
    let sentence = refusal(file("dead", "test:test@127.0.0.1:9\n")).await;
    assert!(sentence.contains("did not answer in 5 s"), "{sentence}");
    let garbage = Options {
        connection_string: Some("these are words".into()),
        ..Options::default()
    };
    let sentence = refusal(garbage).await;
    assert!(
        sentence.starts_with("the connection string is not of the form"),
        "{sentence}"
    );
    let connection_string = Some(format!("test:test@{}", cluster.address()));
    let options = Options {
        connection_string,
        ..Options::default()
    };
    Fdb::open(&options)
        .await
        .unwrap()
        .view(Consistency::Linearizable)
        .await
        .unwrap();
}

/// Nothing that concerns other directories of the cluster is touched.
#[tokio::test]
async fn instances_are_directories() {
    let Some(cluster) = Cluster::get("fdb directories") else {
        return;
    };
    let store = Store::Fdb(Fdb::of(cluster).await);
    let one = store.instance_prefix("directories-1").await.unwrap();
    let Store::Fdb(fdb) = &store else {
        unreachable!()
    };
    let transaction = fdb.0.transaction().unwrap();
    let path = ["kvtool".to_owned(), "directories-1".to_owned()];
    let opened = DirectoryLayer::default()
        .open(&transaction, &path, None)
        .await;
    assert_eq!(opened.unwrap().bytes().unwrap(), one);
    let root = ["kvtool".to_owned()];
    let names = DirectoryLayer::default().list(&transaction, &root).await;
    assert!(names.unwrap().contains(&"directories-1".to_owned()));
}

/// While the cluster is frozen nothing hangs, a commit under way is of unknown outcome, and nobody
/// is said to lead.
#[tokio::test]
async fn a_frozen_cluster_is_noticed_and_comes_back() {
    let Some(cluster) = Cluster::own("fdb frozen") else {
        return;
    };
    let store = Fdb::of(&cluster).await;
    let key = key(&store, "frozen", "a").await;
    store
        .apply(batch(None, vec![set(&key, "1")]))
        .await
        .unwrap();
    let late = store.view(Consistency::Serializable).await.unwrap();
    let other = Fdb::of(&cluster).await;
    let record = [&key, b"leader".as_slice()].concat().into();
    let mut leaderships = [store.leadership(&record, 1), other.leadership(&record, 2)];
    for leadership in &mut leaderships {
        let known = leadership.wait_for(|leadership| leadership.leader.is_some());
        known.await.unwrap();
    }
    cluster.signal("STOP");
    let begin = Instant::now();
    let (written, view, read) = tokio::join!(
        store.apply(batch(None, vec![set(&key, "2")])),
        store.view(Consistency::Linearizable),
        late.get(&key),
    );
    let unavailable = |error: StoreError| matches!(error, StoreError::Unavailable(_));
    assert_eq!(written, Err(ApplyError::Unknown));
    assert!(view.err().is_some_and(unavailable));
    assert!(read.err().is_some_and(unavailable));
    for leadership in &mut leaderships {
        let unknown = leadership.wait_for(|now| !now.is_leader && now.leader.is_none());
        let unknown = tokio::time::timeout(TRANSACTION_TIMEOUT, unknown).await;
        unknown.unwrap().unwrap();
    }
    assert!(begin.elapsed() < 2 * TRANSACTION_TIMEOUT);
    cluster.signal("CONT");
    let view = loop {
        match store.view(Consistency::Linearizable).await {
            Ok(view) => break view,
            Err(error) => assert!(unavailable(error)),
        }
    };
    let value = view.get(&key).await.unwrap().unwrap();
    assert!(value == "1" || value == "2", "{value:?}");
    for leadership in &mut leaderships {
        let known = leadership.wait_for(|leadership| leadership.leader.is_some());
        known.await.unwrap();
    }
}
