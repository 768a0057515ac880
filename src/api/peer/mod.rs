//! What servers of one instance say to each other: writes, on their way to the one that leads.
//!
//! One stream carries all that one server hands to another. Both sides put what waits into one
//! frame, so many requests cost little more than one. The service is on the client ports, and
//! in a group on the peer ports, and lets in whoever shows the token of this server's record,
//! which is kept with the data.
//!
//! The side that serves says first that it takes no more; the other then ends its requests, gets
//! the answers to all of them, and nothing is in doubt. Only a connection that breaks leaves
//! requests without an outcome.

mod link;
mod service;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod wire;

pub use link::Links;
pub use service::Taking;
pub(super) use service::service;

use prost::Message;

/// The header that holds the token, in hexadecimal.
const TOKEN: &str = "kvtool-peer-token";
/// A frame takes no further message after these bytes.
const FRAME_BYTES: usize = 1 << 20;
/// The largest frame: one message of any size that a client may send or be sent.
const FRAME_BYTES_MAX: usize = i32::MAX as usize;
/// Frames that wait to be sent; behind them requests and answers gather in larger ones.
const FRAMES_WAITING: usize = 2;

/// The first of `messages`, as many as one frame takes.
fn fill<M: Message>(messages: &mut impl Iterator<Item = M>) -> Vec<M> {
    let mut frame = Vec::new();
    let mut bytes = 0;
    while bytes < FRAME_BYTES
        && let Some(message) = messages.next()
    {
        bytes += message.encoded_len();
        frame.push(message);
    }
    frame
}
