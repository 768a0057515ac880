//! Random batches against a map, with views held open and compared again at the end.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const CASES: u32 = 32;

/// A change by keys of the check.
#[derive(Debug, Clone)]
enum Change {
    Set(Vec<u8>, Vec<u8>),
    Clear(Vec<u8>),
    ClearRange(Vec<u8>, Vec<u8>),
}

#[derive(Debug, Clone)]
struct Step {
    batch: Vec<Change>,
    holds_view: bool,
    scan: (Vec<u8>, Vec<u8>),
    limit: PageLimit,
}

/// Few distinct bytes, so that keys meet, are prefixes of one another, and lie at both ends.
fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(b'k'), Just(0xff)], 0..4)
}

fn change() -> impl Strategy<Value = Change> {
    let value = proptest::collection::vec(any::<u8>(), 0..6);
    prop_oneof![
        5 => (key(), value).prop_map(|(key, value)| Change::Set(key, value)),
        2 => key().prop_map(Change::Clear),
        1 => (key(), key()).prop_map(|(start, end)| Change::ClearRange(start, end)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let batch = proptest::collection::vec(change(), 0..8);
    let limit = (1..6_usize, 1..60_usize);
    (batch, any::<bool>(), (key(), key()), limit).prop_map(|(batch, holds_view, scan, limit)| {
        Step {
            batch,
            holds_view,
            scan,
            limit: PageLimit {
                items: limit.0,
                bytes: limit.1,
            },
        }
    })
}

pub(super) fn check(runtime: &Runtime, store: &Store) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = proptest::collection::vec(step(), 1..10);
    let outcome = TestRunner::new(config).run(&steps, |steps| {
        runtime.block_on(run_steps(&steps, store));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn run_steps(steps: &[Step], store: &Store) {
    let space = Space::new(store).await;
    let mut writer = Writer::new(&space);
    let mut map = BTreeMap::new();
    let mut held = Vec::new();
    for step in steps {
        let op = |change: &Change| match change {
            Change::Set(key, value) => space.set(key, value),
            Change::Clear(key) => space.clear(key),
            Change::ClearRange(start, end) => space.clear_range(start, end),
        };
        let ops: Vec<Op> = step.batch.iter().map(op).collect();
        ops.iter().for_each(|op| apply_to_map(&mut map, op));
        writer.write(ops).await;

        let view = space.view().await;
        let want: Vec<(Bytes, Bytes)> = map.clone().into_iter().collect();
        let (start, end) = (space.key(&step.scan.0), space.key(&step.scan.1));
        for direction in [Direction::Forward, Direction::Backward] {
            let got = view.scan(&start, &end, step.limit, direction).await;
            let page = expected_page(&want, (&start, &end), step.limit, direction);
            assert_eq!(got.unwrap(), page);
        }
        if step.holds_view {
            held.push((view, want));
        }
    }
    held.push((space.view().await, map.into_iter().collect()));
    for (view, want) in held {
        let got = space.all(&view).await.into_iter();
        let got: Vec<_> = got.map(|(key, value)| (space.key(key), value)).collect();
        assert_eq!(got, want);
    }
}
