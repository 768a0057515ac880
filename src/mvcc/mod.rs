//! An etcd keyspace over any store: revisions, transactions, watches, leases, compaction.
//!
//! Reads open a view of the store and see one revision of it. Writes go through the
//! [`sequencer`], which evaluates many of them over one [`scratch`] and commits them as one batch.

mod alarm;
mod blob;
mod clock;
mod compact;
mod hash;
pub mod instance;
pub mod keyspace;
mod lease;
#[cfg(test)]
mod model_test;
mod read;
mod scratch;
mod sequencer;
mod stream;
mod txn;
pub mod watch;

pub use compact::AutoCompaction;
pub use instance::{Instance, InstanceStatus, Options};
