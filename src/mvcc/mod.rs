//! An etcd keyspace over any store.

pub mod instance;
pub mod keyspace;
pub use instance::{Instance, Options};
