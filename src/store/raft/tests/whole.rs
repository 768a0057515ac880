//! Whole states.

use super::*;
use crate::store::{Direction, PageLimit};

const ALL: PageLimit = PageLimit {
    items: usize::MAX,
    bytes: usize::MAX,
};

/// Takes a state to a member, as far as so many pages.
pub(super) fn take(to: &Raft, state: Outgoing, pages_max: usize) {
    let message = state.message().clone();
    let Ok(Some(mut stage)) = to.stage(&message) else {
        return;
    };
    for _ in 0..pages_max {
        let coming = stage.state().unwrap();
        let Ok(items) = state.after(coming.last_key()) else {
            return;
        };
        if items.is_empty() {
            coming.sync().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread();
            let installing = to.install(message, stage);
            if let Ok(()) = { runtime }.build().unwrap().block_on(installing) {
                state.arrived();
            }
            return;
        }
        assert!(coming.add(items).unwrap());
    }
}

fn everything(view: &LocalView) -> Vec<(Bytes, Bytes)> {
    let page = view.scan(&[1], &[0xff], ALL, Direction::Forward);
    page.unwrap().items
}

/// More than the log keeps: some memtables, in as many turns.
async fn write_much(raft: &Raft, round: u32) {
    let value = round.to_string().repeat(3000);
    for hundred in 0..30 {
        let writes = (0..100).map(|number| {
            let write = batch(&format!("k{hundred:02}{number:02}"), &value);
            let raft = raft.clone();
            async move { raft.apply(write).await.unwrap() }
        });
        futures_util::future::join_all(writes).await;
    }
}

impl Trio {
    /// Lets a page of each of so many states through, and waits until it has.
    async fn cut_off(&self, count: usize) {
        let mut counted = self.hub.cut_off.subscribe();
        let before = *counted.borrow();
        *self.hub.cuts.lock() = Some(count);
        let counted = counted.wait_for(|counted| *counted >= before + count);
        tokio::time::timeout(WAIT_MAX, counted)
            .await
            .unwrap()
            .unwrap();
    }

    /// Waits until a member has what the one that leads has; it is the same then.
    async fn caught_up(&self, id: u64) {
        let member = self.get(id);
        let same = async {
            loop {
                // A view of before the new state is of no use any more.
                if let Ok(view) = member.view(Consistency::Linearizable).await
                    && let Ok(page) = view.scan(&[1], &[0xff], ALL, Direction::Forward)
                {
                    return page.items;
                }
            }
        };
        let there = tokio::time::timeout(WAIT_MAX, same).await.unwrap();
        let (_, leader) = self.leader().await;
        let here = everything(&leader.view(Consistency::Linearizable).await.unwrap());
        assert!(here == there, "{} and {}", here.len(), there.len());
    }
}

/// A member was away while the log was cut. What it gets breaks off again and again, and it is
/// stopped in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_lags_behind_the_log_gets_the_whole_state() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (leader_id, leader) = trio.leader().await;
    let away = leader_id % 3 + 1;
    trio.get(away).apply(batch("old", "1")).await.unwrap();
    trio.stop(away).await;
    let gone = Batch {
        ops: vec![Op::Clear("old".into())],
        ..batch("", "")
    };
    leader.apply(gone).await.unwrap();
    write_much(&leader, 1).await;
    *trio.hub.cuts.lock() = Some(0);
    trio.open(away);
    trio.cut_off(2).await;
    let path = root.path().join(away.to_string()).join("data.stage");
    assert!(path.exists());
    trio.stop(away).await;
    trio.open(away);
    trio.cut_off(3).await;
    // Before a state may come whole: it would be a view of that one otherwise.
    let before = trio.get(away).view(Consistency::Serializable).await;
    let before = before.unwrap();
    *trio.hub.cuts.lock() = None;
    trio.caught_up(away).await;
    assert_eq!(before.get(b"old"), Err(StoreError::ViewExpired));
    let seen = read(&trio.get(away), "old", Consistency::Linearizable).await;
    assert_eq!(seen, None);
    assert!(!path.exists());

    // It is a member as any other: it leads, and opens again with what it has.
    trio.stop(leader_id).await;
    let (_, next) = trio.leader().await;
    next.apply(batch("after", "1")).await.unwrap();
    trio.stop(away).await;
    trio.open(leader_id);
    trio.open(away);
    trio.caught_up(away).await;
    let seen = read(&trio.get(away), "after", Consistency::Linearizable).await;
    assert_eq!(seen.unwrap(), "1");
}

/// The messages that go with states are worth nothing without them.
#[tokio::test]
async fn a_message_without_its_state_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let raft = alone(root.path());
    raft.apply(batch("a", "1")).await.unwrap();
    let point = Point {
        index: 1_000_000,
        term: 1_000,
        members: raft::eraftpb::ConfState {
            voters: vec![1, 2],
            ..Default::default()
        },
    };
    let mut message = Message::default();
    message.set_msg_type(raft::eraftpb::MessageType::MsgSnapshot);
    (message.from, message.to, message.term) = (2, 1, 1_000);
    message.set_snapshot(point.snapshot());
    raft.receive(message);
    raft.apply(batch("a", "2")).await.unwrap();
    let seen = read(&raft, "a", Consistency::Linearizable).await;
    assert_eq!(seen.unwrap(), "2");
}
