#![allow(clippy::unwrap_used)]
use super::*;
use crate::store::{BatchId, Guard, Op};

fn batch(guard: Option<Guard>, ops: Vec<Op>) -> Batch {
    Batch {
        id: BatchId {
            writer: 1,
            sequence: 1,
        },
        guard,
        ops,
    }
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let store = Local::open(directory.path()).unwrap();
    store
        .apply(batch(None, vec![Op::Set("a".into(), "1".into())]))
        .await
        .unwrap();
    assert_eq!(store.leadership().borrow().term, 1);
    store.close().await.unwrap();
    let store = Local::open(directory.path()).unwrap();
    let view = store.view().unwrap();
    assert_eq!(view.get(b"a"), Ok(Some("1".into())));
    assert_eq!(store.leadership().borrow().term, 2);
    store.close().await.unwrap();
    assert_eq!(view.get(b"a"), Err(StoreError::Fatal(closed())));
}
