//! What is read after writes, also when their answers were lost.

use super::*;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

pub(super) async fn all(store: &Store) {
    order_within_a_batch(&Space::new(store).await).await;
    order_of_keys(&Space::new(store).await).await;
    pages(&Space::new(store).await).await;
    many_at_once(&Space::new(store).await).await;
    views_stay(&Space::new(store).await).await;
    all_or_nothing(&Space::new(store).await).await;
    no_lost_increments(&Space::new(store).await).await;
    large_values(&Space::new(store).await).await;
    reclaiming(&Space::new(store).await).await;
    views_while_reclaiming(&Space::new(store).await).await;
    neighbours(&Space::new(store).await, &Space::new(store).await).await;
}

/// A later op wins, also a range over keys and keys over a range.
async fn order_within_a_batch(space: &Space) {
    let mut writer = Writer::new(space);
    let set = |key, value| space.set(key, value);
    let ranges = |start, end| space.clear_range(start, end);
    let batches = [
        vec![set("a", "1"), set("b", "1"), set("c", "1"), set("d", "1")],
        vec![set("a", "2"), set("a", "3")],
        vec![set("b", "2"), space.clear("b")],
        vec![space.clear("c"), set("c", "2")],
        vec![set("bb", "1"), ranges("a", "c")],
        vec![ranges("a", "z"), set("b", "3"), set("d", "2")],
        vec![
            ranges("a", "c"),
            set("b", "4"),
            ranges("b", "c"),
            set("a", "5"),
        ],
        vec![ranges("z", "a"), ranges("a", "a"), space.clear("nothing")],
    ];
    let mut model = BTreeMap::new();
    for ops in batches {
        writer.write(ops.clone()).await;
        ops.iter().for_each(|op| apply_to_map(&mut model, op));
        let view = space.view().await;
        let want: Vec<_> = model
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let got = space.all(&view).await;
        let got: Vec<_> = got
            .into_iter()
            .map(|(key, value)| (space.key(key), value))
            .collect();
        assert_eq!(got, want, "after {ops:?}");
    }
}

/// Keys that are prefixes of one another and hold the smallest and largest bytes; empty values.
const KEYS: [&[u8]; 12] = [
    b"",
    b"\0",
    b"\0\0",
    b"\0\xff",
    b"\x01",
    b"a",
    b"a\0",
    b"a\0\0",
    b"a\xff",
    b"b",
    b"\xff",
    b"\xff\xff",
];

async fn fill(space: &Space) -> Vec<(Bytes, Bytes)> {
    // Written in an order unlike that of the keys.
    let ops = KEYS.iter().rev().enumerate();
    let ops = ops
        .map(|(i, key)| space.set(key, vec![b'v'; i % 4]))
        .collect();
    Writer::new(space).write(ops).await;
    let mut items: Vec<(Bytes, Bytes)> = KEYS
        .iter()
        .rev()
        .enumerate()
        .map(|(i, key)| (Bytes::from_static(key), vec![b'v'; i % 4].into()))
        .collect();
    items.sort();
    items
}

async fn order_of_keys(space: &Space) {
    let items = fill(space).await;
    let view = space.view().await;
    assert_eq!(space.all(&view).await, items);
    for (key, value) in items {
        assert_eq!(
            view.get(&space.key(&key)).await.unwrap(),
            Some(value),
            "{key:?}"
        );
    }
    assert_eq!(view.get(&space.key("aa")).await.unwrap(), None);
}

/// Every range between two keys, by every bound, in both directions.
async fn pages(space: &Space) {
    let items = fill(space).await;
    let limits = [0, 1, 2, 5, KEYS.len(), usize::MAX]
        .into_iter()
        .flat_map(|items| [0, 1, 30, usize::MAX].map(|bytes| PageLimit { items, bytes }));
    let prefix_bytes = space.key("").len();
    for limit in limits {
        // All ranges in one view would be more than some store's views live for.
        let view = space.view().await;
        for (start, end) in KEYS.iter().flat_map(|start| KEYS.map(|end| (*start, end))) {
            for direction in [Direction::Forward, Direction::Backward] {
                let got = space.scan(&view, (start, end), limit, direction).await;
                // The bound counts the bytes of the store's keys.
                let stored: Vec<_> = items
                    .iter()
                    .map(|(key, value)| (space.key(key), value.clone()))
                    .collect();
                let range = (space.key(start), space.key(end));
                let mut want = expected_page(&stored, (&range.0, &range.1), limit, direction);
                for (key, _) in &mut want.items {
                    *key = key.slice(prefix_bytes..);
                }
                assert_eq!(got, want, "{start:?}..{end:?} {limit:?} {direction:?}");
            }
        }
    }
}

/// Answers come in the order asked for, absent keys and repeated ones too.
async fn many_at_once(space: &Space) {
    fill(space).await;
    let view = space.view().await;
    let asked = ["b", "missing", "a", "b", "\0"];
    let keys = asked.map(|key| space.key(key));
    let mut want = Vec::new();
    for key in &keys {
        want.push(view.get(key).await.unwrap());
    }
    assert_eq!(want.iter().filter(|value| value.is_some()).count(), 4);
    assert_eq!(view.get_many(&keys).await.unwrap(), want);
    assert_eq!(view.get_many(&[]).await.unwrap(), []);
}

/// A view shows its moment while writes go on, whatever they do.
async fn views_stay(space: &Space) {
    let mut writer = Writer::new(space);
    let empty = space.view().await;
    let before = fill(space).await;
    let full = space.view().await;
    writer
        .write(vec![space.clear_range("", "b"), space.set("b", "new")])
        .await;
    let changed = space.view().await;
    writer
        .write(vec![
            space.clear("b"),
            space.clear("\u{0}"),
            space.set("c", ""),
        ])
        .await;
    assert_eq!(space.all(&empty).await, []);
    assert_eq!(space.all(&full).await, before);
    assert_eq!(
        full.clone().get(&space.key("a")).await.unwrap(),
        before[5].1.clone().into()
    );
    let want = [("b", "new")].map(|(key, value)| (Bytes::from(key), Bytes::from(value)));
    let [high, highest] = [before[10].clone(), before[11].clone()];
    assert_eq!(
        space.all(&changed).await,
        [want.to_vec(), vec![high, highest]].concat()
    );
}

/// No view sees a part of a batch.
async fn all_or_nothing(space: &Space) {
    const BATCHES: u64 = 40;
    let keys = ["a", "b", "c"];
    let mut writer = Writer::new(space);
    let writing = {
        let space = space.clone();
        tokio::spawn(async move {
            for number in 1..=BATCHES {
                let ops = keys.map(|key| space.set(key, number.to_be_bytes()));
                writer.write(ops.to_vec()).await;
            }
        })
    };
    let mut seen = 0;
    while seen < BATCHES {
        let view = space.view().await;
        let keys = keys.map(|key| space.key(key));
        let values = view.get_many(&keys).await.unwrap();
        assert!(values.iter().all(|value| value == &values[0]), "{values:?}");
        let scanned = space
            .scan(&view, (b"a", b"z"), NO_LIMIT, Direction::Forward)
            .await;
        let scanned = scanned.items.into_iter().map(|(_, value)| Some(value));
        assert_eq!(
            scanned.collect::<Vec<_>>(),
            values
                .iter()
                .filter(|value| value.is_some())
                .cloned()
                .collect::<Vec<_>>()
        );
        let now = number(values[0].clone());
        assert!(now >= seen, "views went back from {seen} to {now}");
        seen = now;
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

/// Writers that look, add one and write under a guard lose nothing and count nothing twice.
async fn no_lost_increments(space: &Space) {
    const WRITERS: u64 = 4;
    const INCREMENTS: u64 = 12;
    let writers = (0..WRITERS).map(|_| {
        let mut writer = Writer::new(space);
        tokio::spawn(async move {
            for _ in 0..INCREMENTS {
                writer.increment(b"counter").await;
            }
        })
    });
    for writer in futures_util::future::join_all(writers).await {
        writer.unwrap();
    }
    assert_eq!(number(space.get("counter").await), WRITERS * INCREMENTS);
}

/// The largest value, and a batch of as many as fit.
async fn large_values(space: &Space) {
    const ENOUGH_BYTES: usize = 32 << 20;
    let limits = space.store.limits();
    let value_bytes = limits.value_bytes.min(ENOUGH_BYTES);
    // Room for the keys and for what the writer adds.
    let values = (limits.batch_bytes.min(ENOUGH_BYTES) / (value_bytes + 1024)).max(1);
    let value = |i: usize| -> Bytes {
        let bytes = (0..value_bytes).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ i as u8);
        bytes.collect()
    };
    let ops = (0..values).map(|i| Op::Set(space.key(i.to_be_bytes()), value(i)));
    Writer::new(space).write(ops.collect()).await;
    for i in 0..values {
        let got = space.get(i.to_be_bytes()).await.unwrap();
        assert!(got == value(i), "value {i} of {value_bytes} bytes differs");
    }
    let all = space.clear_range("", [0xff]);
    Writer::new(space).write(vec![all]).await;
    assert_eq!(space.all(&space.view().await).await, []);
}

/// Giving space back changes nothing that can be read.
async fn reclaiming(space: &Space) {
    let before = fill(space).await;
    let view = space.view().await;
    Writer::new(space)
        .write(vec![space.clear_range("a", "b")])
        .await;
    let after = space.all(&space.view().await).await;
    assert_eq!(after.len(), before.len() - 4);
    space.store.reclaim().await.unwrap();
    assert_eq!(space.all(&view).await, before);
    assert_eq!(space.all(&space.view().await).await, after);
    let usage = space.store.usage(&space.prefix).await.unwrap();
    assert!(usage.allocated_bytes >= usage.live_bytes, "{usage:?}");
    assert!(usage.live_bytes > 0, "{usage:?}");
}

/// A view is of whole batches, and the same whenever it is read, also while the store rewrites
/// what it holds.
async fn views_while_reclaiming(space: &Space) {
    const BATCHES: u64 = 60;
    const KEYS: u64 = 300;
    let is_over = Arc::new(AtomicBool::new(false));
    let reclaiming = {
        let (store, is_over) = (space.store.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                store.reclaim().await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    let readers = [(); 2].map(|()| {
        let (space, is_over) = (space.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let view = space.view().await;
                let range = (b"".as_slice(), [0xff].as_slice());
                let first = space.scan(&view, range, NO_LIMIT, Direction::Forward).await;
                let again = space.scan(&view, range, NO_LIMIT, Direction::Forward).await;
                let values = first.items.iter().map(|(_, value)| value);
                let values: BTreeSet<_> = values.collect();
                assert!(values.len() <= 1, "parts of batches: {values:?}");
                assert!(first == again, "a view has changed");
            }
        })
    });
    let mut writer = Writer::new(space);
    for number in 1..=BATCHES {
        let ops = (0..KEYS).map(|key| space.set(key.to_be_bytes(), number.to_be_bytes()));
        writer.write(ops.collect()).await;
    }
    is_over.store(true, Ordering::Relaxed);
    reclaiming.await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}

/// Instances share no keys.
async fn neighbours(one: &Space, two: &Space) {
    let items = fill(one).await;
    fill(two).await;
    let everything = Op::ClearRange(
        two.prefix.clone(),
        [&two.prefix, [0xff; 8].as_slice()].concat().into(),
    );
    Writer::new(two).write(vec![everything]).await;
    assert_eq!(two.all(&two.view().await).await, []);
    assert_eq!(one.all(&one.view().await).await, items);
}
