//! What is refused of what peers send.
//!
//! The protocol library trusts its peers: it ends the process when they contradict themselves, or
//! when they remember more of this member than it does itself. Here both are told apart first.

use super::proposals::NAME_BYTES;
use raft::eraftpb::{Entry, Message, MessageType};

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is for another member, or of a kind that is not sent between members.
    #[error("a peer sent a message that is not for this member")]
    Misdirected,
    /// It contradicts itself.
    #[error("a peer sent a message that makes no sense")]
    Senseless,
    /// The leader knows that this member has had entries which it does not have.
    #[error(
        "this member's log has lost entries that it had acknowledged: remove the member from the \
         cluster, empty its data directory and add it again"
    )]
    LogLost,
}

/// What this member knows of itself.
pub(super) struct Own {
    pub(super) id: u64,
    pub(super) term: u64,
    pub(super) last_index: u64,
    pub(super) is_leader: bool,
}

/// Refuses what would be wrong to step.
pub(super) fn check(message: &Message, own: &Own) -> Result<(), Refusal> {
    if message.to != own.id || message.from == own.id || message.from == 0 {
        return Err(Refusal::Misdirected);
    }
    match message.get_msg_type() {
        MessageType::MsgAppend => {
            let follow = message.entries.iter().zip(message.index.wrapping_add(1)..);
            let mut term = message.log_term;
            for (entry, index) in follow {
                if entry.index != index || entry.term < term || entry.term > message.term {
                    return Err(Refusal::Senseless);
                }
                term = entry.term;
            }
        }
        // A leader says only what this member has acknowledged to it in this term.
        MessageType::MsgHeartbeat => {
            if message.term >= own.term && message.commit > own.last_index {
                return Err(Refusal::LogLost);
            }
        }
        MessageType::MsgAppendResponse => {
            let is_own_term = message.term == own.term && own.is_leader;
            if is_own_term && !message.reject && message.index > own.last_index {
                return Err(Refusal::Senseless);
            }
        }
        MessageType::MsgReadIndex | MessageType::MsgReadIndexResp => {
            if message.entries.len() != 1 {
                return Err(Refusal::Senseless);
            }
        }
        MessageType::MsgSnapshot => {
            if message.get_snapshot().get_metadata().index == 0 {
                return Err(Refusal::Senseless);
            }
        }
        MessageType::MsgRequestVote
        | MessageType::MsgRequestVoteResponse
        | MessageType::MsgRequestPreVote
        | MessageType::MsgRequestPreVoteResponse
        | MessageType::MsgHeartbeatResponse
        | MessageType::MsgTimeoutNow => {}
        MessageType::MsgPropose => {
            let is_named = |entry: &Entry| entry.context.len() == NAME_BYTES;
            if message.entries.is_empty() || !message.entries.iter().all(is_named) {
                return Err(Refusal::Senseless);
            }
        }
        // The others are no messages between members.
        MessageType::MsgTransferLeader
        | MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum => return Err(Refusal::Misdirected),
    }
    Ok(())
}
