//! The cache beside a plain map of the truth: what it says it knows must be true.

use super::contents::bounds;
use super::stretch::{UNREAD_CHANGES_MAX, overhead_bytes};
use super::*;
use crate::mvcc::keyspace::Value;
use proptest::prelude::*;

type Truth = BTreeMap<Bytes, Current>;

const KEYS: u16 = 600;

#[derive(Debug, Clone)]
enum Step {
    /// A batch; `true` puts the key, and lets unknown keys become known.
    Write(Vec<(u16, bool)>, bool),
    /// A range is read at once.
    Read(u16, u16),
    /// A range is read, and told of after the next steps.
    BeginRead(u16, u16),
    EndRead,
    /// Batches were missed.
    Gap,
    Look(u16, u16),
}

fn key(number: u16) -> Bytes {
    Bytes::from(format!("{:05}", number % KEYS))
}

fn put(revision: i64) -> Current {
    Current {
        create_revision: revision,
        mod_revision: revision,
        sub: 0,
        version: 1,
        lease: 0,
        value: Value::Inline(Bytes::from(vec![b'v'; 100])),
    }
}

fn range(from: u16, length: u16) -> KeyRange {
    match length {
        0 => KeyRange::Point(key(from)),
        length if length > KEYS => KeyRange::Span(key(from), None),
        length => KeyRange::Span(
            key(from),
            Some(Bytes::from(format!("{:05}", from % KEYS + length))),
        ),
    }
}

fn items(truth: &Truth, range: &KeyRange) -> Vec<Item> {
    let within = truth.iter().filter(|(key, _)| range.contains(key));
    within
        .map(|(key, current)| (key.clone(), current.clone()))
        .collect()
}

fn all(mut snapshot: Snapshot) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        let (page, more) = snapshot.next_page();
        items.extend(page);
        if !more {
            return items;
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let writes = || prop::collection::vec((0..KEYS, prop::bool::weighted(0.7)), 1..40);
    let range = || (0..KEYS, prop_oneof![Just(0), 1..KEYS + 10]);
    prop_oneof![
        4 => (writes(), prop::bool::ANY).prop_map(|(writes, adds)| Step::Write(writes, adds)),
        3 => range().prop_map(|(from, length)| Step::Read(from, length)),
        1 => range().prop_map(|(from, length)| Step::BeginRead(from, length)),
        1 => Just(Step::EndRead),
        1 => Just(Step::Gap),
        4 => range().prop_map(|(from, length)| Step::Look(from, length)),
    ]
}

fn run(capacity_bytes: usize, steps: Vec<Step>) {
    let mut truth = Truth::new();
    let mut revision = 1;
    let mut past = BTreeMap::from([(revision, truth.clone())]);
    let cache = Arc::new(Cache::new(capacity_bytes, revision));
    let mut reading = None;
    for step in steps {
        match step {
            Step::Write(writes, adds) => {
                let from = revision;
                let mut turns = Vec::new();
                let mut changes = Vec::new();
                for (number, is_put) in writes {
                    revision += 1;
                    let (key, current) = (key(number), is_put.then(|| put(revision)));
                    let before = match &current {
                        Some(current) => truth.insert(key.clone(), current.clone()),
                        None => truth.remove(&key),
                    };
                    if before.is_some() != is_put {
                        turns.push(Turn {
                            revision,
                            key: key.clone(),
                            came: is_put,
                        });
                    }
                    changes.push((key, current));
                }
                cache.apply(from, revision, changes, turns, adds);
            }
            Step::Read(from, length) => {
                let range = range(from, length);
                let fill = cache.fill(&range);
                fill.cover(revision, &range, &items(&truth, &range));
            }
            Step::BeginRead(from, length) => {
                let range = range(from, length);
                let fill = cache.fill(&range);
                reading = Some((fill, revision, items(&truth, &range), range));
            }
            Step::EndRead => {
                if let Some((fill, at, found, range)) = reading.take() {
                    fill.cover(at, &range, &found);
                }
            }
            Step::Gap => {
                truth.insert(key(revision as u16), put(revision + 5));
                cache.apply(revision + 4, revision + 5, Vec::new(), Vec::new(), true);
                revision += 5;
            }
            Step::Look(from, length) => {
                let range = range(from, length);
                if let Some(snapshot) = cache.snapshot(&range, usize::MAX) {
                    assert_eq!(snapshot.revision, revision);
                    assert_eq!(snapshot.count, items(&truth, &range).len());
                    assert_eq!(all(snapshot), items(&truth, &range));
                }
                if let Some(snapshot) = cache.snapshot(&range, 10) {
                    let expected = items(&truth, &range);
                    assert_eq!(snapshot.count, expected.len());
                    let some = all(snapshot);
                    assert!(some.len() >= expected.len().min(10));
                    assert_eq!(some, expected[..some.len()]);
                }
                look_at_counts(&cache, &past, &range);
                let key = key(from);
                if let Some(known) = cache.get(&key, revision).unwrap() {
                    assert_eq!(known.as_ref(), truth.get(&key));
                }
                assert!(cache.get(&key, revision - 1).is_err());
            }
        }
        past.insert(revision, truth.clone());
        let inner = cache.inner.read();
        for (range, keys) in inner.counts.buckets() {
            let found = items(&truth, &range).len();
            assert!(keys.is_none_or(|keys| keys == found), "{range:?}");
        }
        assert!(inner.bytes <= capacity_bytes);
        let counted: usize = inner.stretches.values().map(|stretch| stretch.bytes).sum();
        assert_eq!(inner.bytes, counted);
        for stretch in inner.stretches.values() {
            assert_eq!(stretch.count, stretch.items.len());
            let sizes = stretch
                .items
                .iter()
                .map(|(key, current)| size_bytes(key, current));
            assert_eq!(
                stretch.bytes,
                overhead_bytes(stretch.end.as_ref()) + sizes.sum::<usize>()
            );
        }
        let mut edge = Some(Bytes::new());
        for (start, stretch) in &inner.stretches {
            assert!(
                edge.as_ref().is_some_and(|edge| edge <= start),
                "stretches overlap"
            );
            assert!(stretch.end.as_ref().is_none_or(|end| start < end));
            edge.clone_from(&stretch.end);
        }
    }
}

/// Whatever is told of a range, at any revision, must be true; and it can be told once all is read
/// that is asked for.
fn look_at_counts(cache: &Arc<Cache>, past: &BTreeMap<i64, Truth>, range: &KeyRange) {
    let (newest, truth) = past.last_key_value().unwrap();
    let (start, end) = bounds(range);
    if let Some(snapshot) = cache.snapshot(range, 0) {
        assert_eq!(snapshot.count, items(truth, range).len());
    }
    let Some(from) = cache.boundary(&start, end.as_deref().unwrap_or(&[0xff])) else {
        return;
    };
    let rest = KeyRange::Span(from.clone(), end.clone());
    for (revision, truth) in past.iter().rev().take(5) {
        match cache.count(*revision, &from, end.as_ref()) {
            Count::Known(count) => assert_eq!(count, items(truth, &rest).len()),
            Count::Unknowable => assert!(revision < newest),
            Count::Missing(pieces) => {
                let fill = cache.fill_counts();
                let (newest, truth) = past.last_key_value().unwrap();
                for piece in pieces {
                    fill.cover(*newest, &piece, &items(truth, &piece));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn what_it_counts_is_true_without_items(steps in prop::collection::vec(step(), 1..80)) {
        run(0, steps);
    }

    #[test]
    fn what_it_knows_is_true(steps in prop::collection::vec(step(), 1..80)) {
        run(1 << 20, steps);
    }

    #[test]
    fn what_it_knows_is_true_while_it_forgets(steps in prop::collection::vec(step(), 1..80)) {
        run(40_000, steps);
    }
}

#[test]
fn a_range_that_was_read_is_known_until_it_is_forgotten() {
    let cache = Arc::new(Cache::new(1 << 20, 1));
    let everything = KeyRange::Span(Bytes::new(), None);
    let some: Vec<Item> = (0..KEYS).map(|number| (key(number), put(1))).collect();
    assert!(cache.snapshot(&everything, usize::MAX).is_none());
    cache.fill(&everything).cover(1, &everything, &some);
    assert_eq!(all(cache.snapshot(&everything, usize::MAX).unwrap()), some);
    assert_eq!(cache.get(b"absent", 1).unwrap(), Some(None));
    // A hole in the middle.
    let start = cache.inner.read().stretch_of(&key(300)).unwrap().0.clone();
    cache.inner.write().remove(&start);
    assert!(cache.snapshot(&everything, usize::MAX).is_none());
    assert_eq!(cache.get(&key(300), 1).unwrap(), None);
}

/// Or it would hold the whole frame that a request came in.
#[test]
fn it_keeps_nothing_of_a_request() {
    let cache = Arc::new(Cache::new(1 << 20, 1));
    let frame = Bytes::from(b"00001 00003 00004".as_slice().to_vec());
    let of_frame = |bytes: &Bytes| frame.as_ptr_range().contains(&bytes.as_ptr());
    let point = KeyRange::Point(frame.slice(0..5));
    let span = KeyRange::Span(frame.slice(6..11), Some(frame.slice(12..17)));
    for range in [point, span] {
        assert!(of_frame(range.start()));
        cache
            .fill(&range)
            .cover(1, &range, &[(range.start().clone(), put(1))]);
    }
    let inner = cache.inner.read();
    assert_eq!(inner.stretches.len(), 2);
    for (start, stretch) in &inner.stretches {
        let keys = stretch.items.iter().map(|(key, _)| key);
        assert!(!keys.chain(&stretch.end).chain([start]).any(of_frame));
    }
}

#[test]
fn what_changes_and_is_not_read_is_forgotten() {
    let known = |is_read: bool| {
        let cache = Arc::new(Cache::new(1 << 20, 1));
        let point = KeyRange::Point(key(1));
        cache.fill(&point).cover(1, &point, &[(key(1), put(1))]);
        let changes = i64::from(UNREAD_CHANGES_MAX) + 2;
        for revision in 2..2 + changes {
            let both = [key(1), key(2)].map(|key| (key, Some(put(revision))));
            cache.apply(revision - 1, revision, both.into(), Vec::new(), false);
            if is_read {
                assert_eq!(
                    cache.get(&key(1), revision).unwrap(),
                    Some(Some(put(revision)))
                );
            }
        }
        cache.coverage().items
    };
    // Nobody has asked for the other key.
    assert_eq!(known(true), 1);
    assert_eq!(known(false), 0);
}

#[test]
fn a_view_that_lags_or_is_ahead_does_not_fill() {
    let cache = Arc::new(Cache::new(1 << 20, 5));
    let point = KeyRange::Point(key(1));
    let fill = cache.fill(&point);
    fill.cover(4, &point, &[]);
    fill.cover(6, &point, &[]);
    assert_eq!(cache.get(&key(1), 5).unwrap(), None);
    fill.cover(5, &point, &[]);
    assert_eq!(cache.get(&key(1), 5).unwrap(), Some(None));
}

/// Of a page, the cache needs no items beyond it where the counts know the rest.
#[test]
fn a_page_is_known_without_what_is_beyond_it() {
    let cache = Arc::new(Cache::new(1 << 20, 1));
    let truth: Truth = (0..KEYS).map(|number| (key(number), put(1))).collect();
    let everything = KeyRange::Span(key(0), None);
    let known = items(&truth, &everything);
    cache.fill_counts().cover(1, &everything, &known);
    let page = range(0, 20);
    cache.fill(&page).cover(1, &page, &items(&truth, &page));
    let snapshot = cache.snapshot(&everything, 20).unwrap();
    assert_eq!(snapshot.count, usize::from(KEYS));
    assert_eq!(all(snapshot), items(&truth, &page));
    assert!(cache.snapshot(&everything, 21).is_none());
}

#[test]
fn one_reading_does_not_drive_out_everything() {
    let cache = Arc::new(Cache::new(100_000, 1));
    let hot = KeyRange::Point(key(1));
    cache.fill(&hot).cover(1, &hot, &[(key(1), put(1))]);
    let long = KeyRange::Span(key(2), None);
    let fill = cache.fill(&long);
    for number in (2..KEYS).step_by(10) {
        let page: Vec<Item> = (number..number + 10)
            .map(|number| (key(number), put(1)))
            .collect();
        let until = Bytes::from(format!("{:05}", number + 10));
        fill.cover(1, &KeyRange::Span(key(number), Some(until)), &page);
    }
    assert!(cache.inner.read().bytes < 60_000);
    assert!(cache.get(&key(1), 1).unwrap().is_some());
}

#[test]
fn counts_of_a_while_ago_are_taken_over_with_what_has_happened_since() {
    let cache = Cache::new(0, 1);
    let turn = |revision, key: &'static str, came| Turn {
        revision,
        key: key.into(),
        came,
    };
    let restored = || {
        Counts::restored(Checkpoint {
            revision: 2,
            buckets: vec![(Bytes::new(), 10), ("m".into(), 5)],
        })
    };
    let first = vec![turn(2, "a", true), turn(3, "z", false), turn(4, "b", true)];
    cache.apply(1, 4, Vec::new(), first, true);
    assert!(cache.adopt(&mut restored()));
    assert_eq!(cache.total(), (4, Some(15)));
    let from = Bytes::new();
    assert_eq!(cache.count(4, &from, Some(&"m".into())), Count::Known(11));
    assert_eq!(cache.count(2, &from, Some(&"m".into())), Count::Known(10));
    assert_eq!(cache.count(2, &"m".into(), None), Count::Known(5));
    // So many keys come and go that nobody remembers the first of them.
    let many = (0..500).map(|number| turn(5 + number, "c", number % 2 == 0));
    cache.apply(4, 504, Vec::new(), many.collect(), true);
    assert!(!cache.adopt(&mut restored()));
    assert_eq!(cache.total(), (504, Some(15)));
    assert_eq!(cache.count(4, &from, None), Count::Unknowable);
}
