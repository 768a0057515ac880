//! What a member of a group has to do: the halves of a turn of [`Core`](super::core::Core), and what
//! is between them.

use super::Token;
use bytes::Bytes;
use raft::Ready;
use raft::eraftpb::{ConfState, Entry, HardState, Message, Snapshot};

/// What must become durable, all or nothing, in this order.
#[derive(Debug, Default)]
pub struct Write {
    /// Replaces the state and, behind it, the whole log. The state must be durable first: then
    /// a member that crashes in between finds its log behind its state and cuts it there.
    pub install: Option<Snapshot>,
    /// Replaces the log from the first of them on.
    pub entries: Vec<Entry>,
    /// The term, the vote and the commit index.
    pub hard_state: Option<HardState>,
    /// Whether it must be durable before [`Core::end`](super::core::Core::end); else it is enough if it ever is.
    pub must_sync: bool,
}

/// The first half of a turn.
#[derive(Debug)]
pub struct Turn {
    /// To be sent, before or after the write.
    pub send: Vec<Message>,
    /// To be written.
    pub write: Write,
    /// `None` when there is nothing but what the core itself has to send.
    pub(super) ready: Option<Ready>,
    /// To be sent after the write alone.
    pub(super) late: Vec<Message>,
}

/// The second half of a turn.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be sent.
    pub send: Vec<Message>,
    /// To be applied, in order.
    pub committed: Vec<Committed>,
}

/// An entry that every member applies at its place.
#[derive(Debug)]
pub struct Committed {
    /// Its place.
    pub index: u64,
    /// The term it was made in.
    pub term: u64,
    /// Who waits for it here.
    pub token: Option<Token>,
    /// What it says.
    pub payload: Payload,
}

/// What an entry says.
#[derive(Debug, PartialEq)]
pub enum Payload {
    /// Nothing: a leader's first entry.
    Nothing,
    /// What was proposed.
    Data(Bytes),
    /// The members are these from now on; `None` when the change made no sense, and was not made.
    Members(Option<ConfState>, Bytes),
}
