//! What the simulator meets too seldom to rely on.
#![allow(clippy::unwrap_used)]

use super::core::{Core, Settings};
use super::sim::disk::{Disk, Shared};
use super::state::evaluate;
use super::{Point, Refusal, Role, encode};
use crate::store::{Batch, BatchId};
use bytes::Bytes;
use raft::eraftpb::{ConfState, Entry, HardState, Message, MessageType};

struct Member {
    core: Core<Shared>,
    disk: Disk,
}

fn member(voters: &[u64], point_index: u64) -> Member {
    let members = ConfState {
        voters: voters.to_vec(),
        ..ConfState::default()
    };
    let point = Point {
        index: point_index,
        term: 1,
        members,
    };
    member_at(point)
}

fn member_at(point: Point) -> Member {
    let disk = Disk::new(point.clone());
    let settings = Settings {
        id: 1,
        opening: 7,
        election_ticks: 10,
        heartbeat_ticks: 1,
    };
    let core = Core::new(&settings, disk.log.clone(), HardState::default(), point);
    Member { core, disk }
}

fn data() -> Bytes {
    let id = BatchId {
        writer: 1,
        sequence: 1,
    };
    encode(&Batch {
        id,
        guard: None,
        ops: Vec::new(),
    })
}

impl Member {
    /// Does all there is to do.
    fn settle(&mut self) {
        while let Some(turn) = self.core.begin() {
            self.disk.write(&turn.write);
            self.disk.log.borrow_mut().sync();
            let effects = self.core.end(turn);
            let (point, map) = self.disk.state();
            let outcome = evaluate(map, point, effects.committed).ok().unwrap();
            self.disk.apply(outcome.point.clone(), outcome.changes);
            self.core.applied(outcome.point);
        }
    }
}

/// Who has an entry that was proposed behind a commit knows of that commit after a crash. Else
/// it could forget a change of members that it has applied, and be elected by the members before.
#[test]
fn the_commit_index_is_written_no_later_than_what_follows() {
    let mut member = member(&[1], 1);
    member.core.campaign();
    member.settle();
    assert_eq!(member.core.standing().role, Role::Leader);
    member.core.propose(data(), 1).unwrap();
    member.settle();
    let committed = member.core.point().index;
    member.core.propose(data(), 2).unwrap();
    let turn = member.core.begin().unwrap();
    assert_eq!(turn.write.entries.len(), 1);
    assert_eq!(turn.write.hard_state.unwrap().commit, committed);
}

fn message(kind: MessageType, change: impl FnOnce(&mut Message)) -> Message {
    let mut message = Message {
        to: 1,
        from: 2,
        term: 5,
        ..Message::default()
    };
    message.set_msg_type(kind);
    change(&mut message);
    message
}

fn entries(places: &[(u64, u64)]) -> Vec<Entry> {
    let entry = |(index, term): &(u64, u64)| Entry {
        index: *index,
        term: *term,
        ..Entry::default()
    };
    places.iter().map(entry).collect()
}

/// What the protocol library would end the process for, or take for true.
#[test]
fn senseless_messages_are_refused() {
    use MessageType::*;
    use Refusal::*;
    let append = |places: &'static [(u64, u64)]| {
        message(MsgAppend, |message| {
            message.index = 1;
            message.log_term = 1;
            message.set_entries(entries(places).into());
        })
    };
    let refused = [
        (message(MsgHeartbeat, |message| message.to = 3), Misdirected),
        (
            message(MsgHeartbeat, |message| message.from = 1),
            Misdirected,
        ),
        (
            message(MsgHeartbeat, |message| message.from = 0),
            Misdirected,
        ),
        (message(MsgPropose, |_| {}), Senseless),
        (message(MsgHup, |_| {}), Misdirected),
        (message(MsgCheckQuorum, |_| {}), Misdirected),
        (message(MsgTransferLeader, |_| {}), Misdirected),
        (append(&[(3, 1)]), Senseless),
        (append(&[(2, 1), (2, 1)]), Senseless),
        (append(&[(2, 3), (3, 2)]), Senseless),
        (append(&[(2, 6)]), Senseless),
        (message(MsgReadIndex, |_| {}), Senseless),
        (message(MsgReadIndexResp, |_| {}), Senseless),
        (message(MsgSnapshot, |_| {}), Senseless),
        // The leader has heard from this member of entries that it does not have.
        (message(MsgHeartbeat, |message| message.commit = 9), LogLost),
    ];
    for (message, refusal) in refused {
        let words = format!("{message:?}");
        let mut member = member(&[1, 2, 3], 1);
        assert_eq!(member.core.step(message), Err(refusal), "{words}");
        assert!(member.core.begin().is_none(), "{words}");
    }
    let mut member = member(&[1, 2, 3], 1);
    assert_eq!(member.core.step(append(&[(2, 2), (3, 5)])), Ok(()));
    member.settle();
    assert_eq!(super::Log::last_index(member.core.log()), 3);
}

/// Who votes alone leads at once. Its term is the next one of whoever forgets it, with other entries.
#[test]
fn who_votes_alone_says_nothing_of_its_term_before_that_is_written() {
    let members = ConfState {
        voters: vec![1],
        learners: vec![2],
        ..ConfState::default()
    };
    let mut member = member_at(Point {
        index: 1,
        term: 1,
        members,
    });
    member.core.campaign();
    member.core.propose(data(), 1).unwrap();
    let turn = member.core.begin().unwrap();
    assert!(turn.write.hard_state.is_some() && turn.write.must_sync);
    assert!(turn.send.is_empty(), "{:?}", turn.send);
    member.disk.write(&turn.write);
    member.disk.log.borrow_mut().sync();
    let said = member.core.end(turn).send;
    let terms: Vec<u64> = said.iter().map(|message| message.term).collect();
    assert!(
        !terms.is_empty() && terms.iter().all(|term| *term == 2),
        "{said:?}"
    );
    // From then on what is new goes off before it is written here.
    member.settle();
    let heard = message(MessageType::MsgAppendResponse, |message| {
        message.term = 2;
        message.index = 3;
    });
    member.core.step(heard).unwrap();
    member.settle();
    member.core.propose(data(), 2).unwrap();
    assert!(!member.core.begin().unwrap().send.is_empty());
}
