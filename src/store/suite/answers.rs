//! What each call answers.

use super::*;
use std::time::Duration;

/// Longer than any store needs, shorter than a stuck test is worth.
const WAIT_MAX: Duration = Duration::from_secs(20);

pub(super) async fn all(open: &impl Fn() -> Store) {
    let store = open();
    guards(&Space::new(&store).await).await;
    one_of_many_wins(&Space::new(&store).await).await;
    larger_than_limits(&Space::new(&store).await).await;
    changes_wake(&Space::new(&store).await).await;
    names(&store).await;
    removals(&store).await;
    leads(&Space::new(&store).await).await;
    after_close(open()).await;
}

/// Who stands alone for election leads soon; among several everybody knows who does.
async fn leads(space: &Space) {
    let mut leadership = space.store.leadership(&space.key("leader"), 1);
    let is_settled = |now: &Leadership| now.leads() || now.leader.is_some();
    let leads = leadership.wait_for(is_settled);
    let leadership = tokio::time::timeout(WAIT_MAX, leads).await.unwrap();
    assert!(leadership.unwrap().term > 0);
}

/// A guard holds only for exactly the value expected, and a conflict changes nothing.
async fn guards(space: &Space) {
    let absent = None;
    let empty = Some(Bytes::new());
    let one = Some(Bytes::from("1"));
    let two = Some(Bytes::from("2"));
    // (what the key holds, what the guard expects)
    for held in [&absent, &empty, &one, &two] {
        for expected in [&absent, &empty, &one, &two] {
            let reset = match held {
                None => space.clear("guard"),
                Some(value) => space.set("guard", value),
            };
            let reset = vec![reset, space.set("data", "before")];
            space.store.apply(space.batch(None, reset)).await.unwrap();
            let guard = Guard {
                key: space.key("guard"),
                expected: expected.clone(),
            };
            let ops = vec![space.clear("guard"), space.set("data", "after")];
            let answer = space.store.apply(space.batch(Some(guard), ops)).await;
            let (want, guard_after, data_after) = if held == expected {
                (Ok(()), &absent, "after")
            } else {
                (Err(ApplyError::Conflict), held, "before")
            };
            assert_eq!(answer, want, "{held:?} guarded by {expected:?}");
            assert_eq!(&space.get("guard").await, guard_after);
            assert_eq!(space.get("data").await.unwrap(), data_after);
        }
    }
}

/// Of writers that expect the same, exactly one is first.
async fn one_of_many_wins(space: &Space) {
    const WRITERS: usize = 16;
    let writers = (0..WRITERS).map(|writer| {
        let space = space.clone();
        tokio::spawn(async move {
            let guard = Guard {
                key: space.key("winner"),
                expected: None,
            };
            let ops = vec![space.set("winner", writer.to_be_bytes())];
            space.store.apply(space.batch(Some(guard), ops)).await
        })
    });
    let mut winners = Vec::new();
    for (writer, answer) in futures_util::future::join_all(writers)
        .await
        .into_iter()
        .enumerate()
    {
        match answer.unwrap() {
            Ok(()) => winners.push(writer),
            Err(error) => assert_eq!(error, ApplyError::Conflict),
        }
    }
    let [winner] = winners[..] else {
        panic!("writers {winners:?} won")
    };
    assert_eq!(
        space.get("winner").await.unwrap(),
        winner.to_be_bytes().as_slice()
    );
}

/// A batch above a limit is refused whole; one at the limit is taken.
async fn larger_than_limits(space: &Space) {
    let limits = space.store.limits();
    let padding = limits.key_bytes - space.key("").len();
    let longest_key = vec![b'k'; padding];
    let longer_key = vec![b'k'; padding + 1];
    let value = |bytes| Bytes::from(vec![b'v'; bytes]);
    let values = limits.batch_bytes / limits.value_bytes + 1;
    let many_values = |_| Op::Set(space.key("many"), value(limits.value_bytes));
    let too_large = [
        vec![space.set(&longer_key, "")],
        vec![space.clear(&longer_key)],
        vec![Op::Set(Bytes::new(), Bytes::new())],
        vec![Op::Set(space.key("value"), value(limits.value_bytes + 1))],
        (0..values).map(many_values).collect(),
    ];
    for ops in too_large {
        let ops = [vec![space.set("before", "")], ops].concat();
        let answer = space.store.apply(space.batch(None, ops)).await;
        assert_eq!(answer, Err(ApplyError::TooLarge));
    }
    assert_eq!(space.all(&space.view().await).await, []);
    let ops = vec![space.set(&longest_key, "fits")];
    assert_eq!(space.store.apply(space.batch(None, ops)).await, Ok(()));
    assert_eq!(space.get(&longest_key).await.unwrap(), "fits");
}

/// A waiter that asked before the write wakes, though it is polled only after it, and sees the write.
async fn changes_wake(space: &Space) {
    let waiting = [space.key("a"), space.key("a")].map(|key| space.store.changed(&key));
    let batch = space.batch(None, vec![space.set("a", "1")]);
    assert_eq!(space.store.apply(batch).await, Ok(()));
    for wait in waiting {
        tokio::time::timeout(WAIT_MAX, wait).await.unwrap();
        let key = space.key("a");
        let look = space.store.look(&key, Consistency::Serializable).await;
        assert_eq!(look.unwrap().1.unwrap(), "1");
    }
    // And one that was waiting already.
    let waiting = tokio::spawn(space.store.changed(&space.key("a")));
    tokio::task::yield_now().await;
    let batch = space.batch(None, vec![space.clear("a")]);
    assert_eq!(space.store.apply(batch).await, Ok(()));
    // It may have been spawned late and have missed nothing, since the call came before.
    tokio::time::timeout(WAIT_MAX, waiting)
        .await
        .unwrap()
        .unwrap();
}

/// Instances: same name, same prefix; other name, other keys.
async fn names(store: &Store) {
    let longest = "n".repeat(255);
    let names = ["one", "two", "\u{0}", "one\u{0}", &longest];
    let mut prefixes = Vec::new();
    for name in names {
        prefixes.push(store.instance_prefix(name).await.unwrap());
    }
    for (name, prefix) in names.iter().zip(&prefixes) {
        assert_eq!(&store.instance_prefix(name).await.unwrap(), prefix);
    }
    for (i, prefix) in prefixes.iter().enumerate() {
        for other in &prefixes[i + 1..] {
            assert!(!other.starts_with(prefix) && !prefix.starts_with(other));
        }
    }
    for bad in ["", &"n".repeat(256)] {
        let error = store.instance_prefix(bad).await.unwrap_err();
        assert!(error.to_string().contains("1 to 255 bytes"), "{error}");
    }
    let makers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.instance_prefix("contested").await.unwrap() })
    });
    let made = futures_util::future::join_all(makers).await;
    let made: Vec<Bytes> = made.into_iter().map(Result::unwrap).collect();
    assert!(made.iter().all(|prefix| prefix == &made[0]), "{made:?}");
}

/// A removed instance leaves nothing behind and touches no other, and its name begins anew.
async fn removals(store: &Store) {
    // More than one batch of deletions takes.
    const KEYS: usize = 2500;
    let space = Space {
        store: store.clone(),
        prefix: store.instance_prefix("removed").await.unwrap(),
    };
    let neighbour = Space::new(store).await;
    let kept = neighbour.batch(None, vec![neighbour.set("kept", "value")]);
    store.apply(kept).await.unwrap();
    for begin in (0..KEYS).step_by(500) {
        let sets = (begin..begin + 500).map(|number| space.set(number.to_string(), "value"));
        let batch = space.batch(None, sets.collect());
        store.apply(batch).await.unwrap();
    }
    let size = store.size(&space.prefix).await.unwrap();
    // FoundationDB estimates, from samples that come behind the writes.
    let estimates = matches!(store, Store::Fdb(_));
    assert!(estimates || size >= (KEYS * "value".len()) as u64, "{size}");
    assert!(store.remove_instance("removed").await.unwrap());
    assert!(!store.remove_instance("removed").await.unwrap());
    let view = store.view(Consistency::Linearizable).await.unwrap();
    assert_eq!(space.all(&view).await, []);
    assert_eq!(neighbour.get("kept").await.unwrap(), "value");
    let names = store.instances().await.unwrap();
    assert!(names.iter().all(|(name, _)| name != "removed"), "{names:?}");
    let anew = store.instance_prefix("removed").await.unwrap();
    assert_ne!(anew, space.prefix);
}

/// A closed store answers, and does not hang.
async fn after_close(store: Store) {
    let space = Space::new(&store).await;
    store.close().await.unwrap();
    let batch = space.batch(None, vec![space.set("a", "1")]);
    let closed = "the store is closed";
    assert_eq!(
        store.apply(batch).await,
        Err(ApplyError::Fatal(closed.into()))
    );
    let view = store.view(Consistency::Linearizable).await;
    assert_eq!(view.err(), Some(StoreError::Fatal(closed.into())));
    assert_eq!(
        store.usage(&space.prefix).await,
        Err(StoreError::Fatal(closed.into()))
    );
}
