//! A keyspace that several servers keep together: the Raft protocol, without I/O.
//!
//! - `entry`: a batch as an entry of the log.
//! - `core`: one member of one group. It is told of messages, ticks and proposals, and answers
//!   with what is to be sent, written and applied, and in which order.
//! - `log`: the log as the core reads it.
//! - `proposals`, `reads`: whom this member owes an answer.
//! - `check`: what is refused of what peers send.
//! - `state`: committed entries applied to a state.
//! - `sim`: whole clusters in one thread, from a seed.
//!
//! Nothing here touches a disk, a socket or a clock, so a cluster can be run by a simulator.
//! `docs/adr/0012-raft-store.md` says why the order of its effects is safe.

mod check;
mod core;
mod entry;
mod log;
mod proposals;
mod reads;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod state;
mod trace;

pub use self::check::Refusal;
pub use self::core::{Committed, Core, Effects, Payload, Role, Settings, Standing, Turn, Write};
pub use self::entry::{Malformed, decode, encode};
pub use self::log::{Fit, Log, LogError, Point};
pub use self::proposals::NotProposed;
pub use ::raft::eraftpb;

/// Names a caller who waits for an answer; the one who makes it says what it means.
pub type Token = u64;
