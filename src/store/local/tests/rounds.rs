//! Rounds of the writer: batches that share one fsync are still batches.

use super::*;
use crate::store::Guard;
use crate::store::memory::Memory;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = Bytes> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")].prop_map(Bytes::from)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (name(), name()).prop_map(|(key, value)| Op::Set(key, value)),
        2 => name().prop_map(Op::Clear),
        1 => (name(), name()).prop_map(|(start, end)| Op::ClearRange(start, end)),
    ]
}

fn guarded_batch() -> impl Strategy<Value = Batch> {
    let guard = (name(), proptest::option::of(name()));
    let guard = guard.prop_map(|(key, expected)| Guard { key, expected });
    let ops = proptest::collection::vec(op(), 0..4);
    (proptest::option::of(guard), ops).prop_map(|(guard, ops)| Batch {
        guard,
        ..batch(ops)
    })
}

fn everything(items: Page) -> Vec<(Bytes, Bytes)> {
    assert!(!items.more);
    items.items
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever shares a round, each batch is answered as if it came alone.
    #[test]
    fn a_round_is_its_batches_in_order(
        rounds in proptest::collection::vec(proptest::collection::vec(guarded_batch(), 0..6), 1..5)
    ) {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::claim(directory.path()).unwrap();
        home.create(Engine::create).unwrap();
        let (engine, _) = Engine::open(home, BlockCache::default()).unwrap();
        let model = Memory::new();
        let limit = PageLimit { items: 100, bytes: 100_000 };
        for round in rounds {
            let want: Vec<_> = round.iter().map(|batch| model.apply(batch.clone())).collect();
            prop_assert_eq!(writer::commit(&engine, round).unwrap(), want);
            let range = (Bound::Included(b"a".as_slice()), Bound::Excluded(b"z".as_slice()));
            let found = engine.snapshot().range(range, Direction::Forward);
            let found = collect(found.map(|item| Ok(item.unwrap())), limit);
            let model = model.view().unwrap().scan(b"a", b"z", limit, Direction::Forward);
            prop_assert_eq!(everything(found.unwrap()), everything(model.unwrap()));
        }
    }
}

/// Many callers at once share fsyncs, and each is answered for its own batch.
#[tokio::test(flavor = "multi_thread")]
async fn callers_share_rounds() {
    let directory = tempfile::tempdir().unwrap();
    let store = Local::open(directory.path(), BlockCache::default()).unwrap();
    // More than the queue and than one round hold.
    let callers = (0..QUEUE_BATCHES as u32 * 3).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { write(&store, number, 10).await })
    });
    for answer in futures_util::future::join_all(callers).await {
        answer.unwrap().unwrap();
    }
    assert_eq!(count(&store, 10), Ok(QUEUE_BATCHES as u32 * 3));
}

/// A range of more keys than a batch may hold is refused whole, and can be cleared in pieces.
#[tokio::test]
async fn a_range_of_too_many_keys_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Local::open(directory.path(), BlockCache::default()).unwrap();
    let longest = |number: u32| -> Bytes {
        let padding = vec![b'k'; LIMITS.key_bytes - 4];
        [number.to_be_bytes().as_slice(), &padding].concat().into()
    };
    let keys = (LIMITS.batch_bytes / LIMITS.key_bytes) as u32 + 2;
    for piece in [0..keys / 2, keys / 2..keys] {
        let ops = piece.map(|number| Op::Set(longest(number), Bytes::new()));
        store.apply(batch(ops.collect())).await.unwrap();
    }
    let range = |start, end| Op::ClearRange(longest(start), longest(end));
    let ops = vec![Op::Set("before".into(), "".into()), range(0, keys)];
    assert_eq!(store.apply(batch(ops)).await, Err(ApplyError::TooLarge));
    let present = |view: LocalView, key: &[u8]| view.get(key).unwrap().is_some();
    assert!(!present(store.view().unwrap(), b"before"));
    assert!(present(store.view().unwrap(), &longest(keys - 1)));
    for ops in [range(0, keys / 2), range(keys / 2, keys)] {
        store.apply(batch(vec![ops])).await.unwrap();
    }
    let limit = PageLimit { items: 1, bytes: 1 };
    let view = store.view().unwrap();
    let left = view.scan(&longest(0), &longest(keys), limit, Direction::Forward);
    assert_eq!(left, Ok(Page::default()));
}
