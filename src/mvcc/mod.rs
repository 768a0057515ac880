//! An etcd keyspace over any store: revisions, transactions, watches, leases, compaction.
//!
//! Reads open a view of the store and see one revision of it. Writes go through the
//! [`sequencer`], which evaluates many of them over one [`scratch`] and commits them as one batch.
//!
//! Several servers may have the same keyspace open, where the store can be shared. Nothing they
//! write depends on which of them leads, or on how many there are; the [`follower`] of each hears
//! of what the others have written, and [`forward`] spares them to be in each other's way.

mod alarm;
mod allowance;
pub mod audit;
pub mod auth;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod auth_test;
mod base;
mod blob;
mod cache;
mod census;
mod changes;
mod checkpoint;
mod clock;
mod collector;
mod compact;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod costs_test;
mod counts;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod counts_test;
mod deadline;
mod downgrade;
mod evaluation;
#[cfg(test)]
mod evaluation_test;
mod feed;
mod follower;
pub mod forward;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod forward_test;
mod hash;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod history_test;
mod identity;
pub mod instance;
pub mod instances;
mod job;
pub mod keyspace;
mod lease;
mod listing;
#[cfg(test)]
mod model_test;
mod pace;
mod peer;
mod piece;
mod queue;
mod quota;
mod rate;
mod read;
mod read_index;
mod relay;
mod request;
mod scratch;
mod sequencer;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod servers_test;
mod size;
pub mod snapshot;
pub mod stats;
mod stream;
mod txn;
pub mod watch;
mod writer;

pub use allowance::Allowance;
pub use cache::Coverage;
pub use compact::AutoCompaction;
pub use follower::Follower;
pub use instance::{Advertised, Instance, InstanceStatus, Observation, Options};
pub use listing::{ANSWER_BYTES_MAX, Listing, PIECE_BYTES, Ranged};
pub use queue::{Queued, Taken};
pub use read::may_take_long;
pub use watch::{Audience, WatchAnswer};
