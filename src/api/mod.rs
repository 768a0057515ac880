//! gRPC services and HTTP endpoints over an instance. Translates; the rules are in `mvcc`.
//!
//! - [`server`]: serves everything below on its listeners until told to stop.
//! - [`listener`]: client ports, TLS, the connection limit.
//! - [`transport`]: HTTP/2 and HTTP/1.1 on a connection; `http2` does its calls, the short ones itself, `unary`
//!   reads and writes their messages.
//! - `opening`: lets old clients in that name the server by a URL.
//! - [`tenancy`]: which instance a connection works in.
//! - [`front`]: what is checked or put right for every gRPC call alike.
//! - [`calls`]: counts gRPC calls.
//! - [`etcd`]: the etcd v3 services.
//! - [`control`]: what an operator asks about the instances of a server.
//! - [`peer`]: what servers of one instance say to each other.
//! - [`raft`]: what members of a group say to each other.
//! - [`channel`]: connections from one server to another.
//! - [`ops`]: health, version and metrics over plain HTTP.
//! - [`metrics`]: the page for Prometheus.
//! - [`tls`]: certificates of the client ports.
//! - [`version`]: the etcd version a server reports.

pub(crate) mod calling;
pub mod calls;
pub mod channel;
pub mod control;
pub mod etcd;
pub mod front;
pub(crate) mod gather;
pub(crate) mod http2;
pub mod listener;
pub mod metrics;
mod opening;
pub mod ops;
pub mod peer;
pub mod raft;
pub mod server;
pub mod services;
pub mod tenancy;
pub mod tls;
pub mod transport;
pub(crate) mod unary;
pub mod version;
