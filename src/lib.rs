//! kvtool: an etcd v3 server and operator toolkit.
//!
//! # Layout
//! Dependencies point down this list only.
//!
//! - [`cli`]: one file per verb; settings from flags, environment and YAML; output formats.
//! - [`api`]: gRPC services and HTTP endpoints; translates, holds no rules.
//! - [`mvcc`]: an etcd keyspace over any store: revisions, transactions, watches, leases, compaction.
//! - [`bolt`]: the file format of etcd's snapshots.
//! - [`store`]: ordered bytes with consistent views and one way to write, a guarded batch.
//! - [`pb`]: messages generated from `proto/`.
//! - [`error`]: the one table from a domain error to gRPC, HTTP and exit codes.
//! - [`stats`]: counters and histograms.

pub mod api;
pub mod bolt;
pub mod cli;
pub mod error;
pub mod mvcc;
pub mod pb;
pub mod stats;
pub mod store;
