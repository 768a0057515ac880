//! Messages, clients and servers generated from `proto/`.
//!
//! The messages are also the vocabulary of `mvcc`: a request is validated and answered in
//! the shape it arrived in, so no value is copied between two spellings of the same record.
#![allow(missing_docs, clippy::all)]

/// Keys, values and events.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// The etcd v3 services.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// Packages of our own.
pub mod kvtool {
    /// What servers of one instance say to each other.
    pub mod peer {
        /// The first version.
        pub mod v1 {
            tonic::include_proto!("kvtool.peer.v1");
        }
    }

    /// What members of a group say to each other.
    pub mod raft {
        /// The first version.
        pub mod v1 {
            tonic::include_proto!("kvtool.raft.v1");
        }
    }
}
