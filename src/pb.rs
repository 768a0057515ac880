//! Messages, clients and servers generated from `proto/`.
//!
//! The messages are also the vocabulary of `mvcc`: a request is validated and answered in
//! the shape it arrived in, so no value is copied between two spellings of the same record.
#![allow(missing_docs, clippy::all)]

pub mod codec;

/// Keys, values and events.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// Users and roles.
pub mod authpb {
    tonic::include_proto!("authpb");
}

/// The etcd v3 services.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// The lock service.
pub mod v3lockpb {
    tonic::include_proto!("v3lockpb");
}

/// The election service.
pub mod v3electionpb {
    tonic::include_proto!("v3electionpb");
}

/// Packages of our own.
pub mod kvtool {
    /// What an operator asks about the keyspaces of a server.
    pub mod control {
        /// The first version.
        pub mod v1 {
            tonic::include_proto!("kvtool.control.v1");
        }
    }

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

/// Shows who it is about, and no secret.
macro_rules! debug_without_secret {
    ($($message:path, $name:ident;)*) => {$(
        impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($message));
                shown.field(stringify!($name), &self.$name).finish_non_exhaustive()
            }
        }
    )*};
}

debug_without_secret! {
    authpb::User, name;
    etcdserverpb::AuthenticateRequest, name;
    etcdserverpb::AuthenticateResponse, header;
    etcdserverpb::AuthUserAddRequest, name;
    etcdserverpb::AuthUserChangePasswordRequest, name;
}
