//! What members of a group say to each other, on their peer ports.
//!
//! - `network`: the way to the others, one link for each.
//! - `link`: one stream to one member; what cannot be sent is lost, and the store is told.
//! - `state`: whole states, to members that lag.
//! - `service`: what the others send.
//! - `traffic`: how much of it there was.
//! - `audit`: what the others say of their keyspaces.
//! - `port`: serves all of it, and what is handed over to a leader, on the peer ports.
//!
//! A stream names the group, its member and the member it is for. Who is not meant refuses it, and
//! says why.

mod audit;
mod link;
mod network;
mod port;
mod service;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod traffic;
mod wire;

pub use audit::Others;
pub use network::{Network, describe};
pub use port::PeerPort;
pub use traffic::{Exchange, Traffic};

use tonic::metadata::MetadataMap;

/// Headers of a stream: ids in hexadecimal.
const CLUSTER: &str = "kvtool-cluster-id";
const FROM: &str = "kvtool-from";
const TO: &str = "kvtool-to";

/// A frame takes no further message after these bytes.
const FRAME_BYTES: usize = 1 << 20;
/// The largest frame: one entry with the largest batch, and many small ops.
const FRAME_BYTES_MAX: usize = 128 << 20;

/// Whose stream this is, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    cluster_id: u64,
    from: u64,
    to: u64,
}

impl Route {
    fn write(&self, headers: &mut MetadataMap) {
        let ids = [(CLUSTER, self.cluster_id), (FROM, self.from), (TO, self.to)];
        for (name, id) in ids {
            let id = format!("{id:x}").parse();
            headers.insert(name, id.expect("digits are text"));
        }
    }

    /// `None` where a header is missing or no number.
    fn read(headers: &MetadataMap) -> Option<Self> {
        let id = |name: &str| u64::from_str_radix(headers.get(name)?.to_str().ok()?, 16).ok();
        Some(Self {
            cluster_id: id(CLUSTER)?,
            from: id(FROM)?,
            to: id(TO)?,
        })
    }
}
