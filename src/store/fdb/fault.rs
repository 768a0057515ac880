//! FoundationDB's errors as the contract's.

use crate::store::{ApplyError, StoreError};
use foundationdb::FdbError;
use std::path::Path;
use std::time::Duration;

/// `transaction_too_old`: the view is past its five seconds.
const TOO_OLD: i32 = 1007;
/// `future_version`: a storage server lags behind.
const FUTURE_VERSION: i32 = 1009;
/// `not_committed`: a conflict.
const NOT_COMMITTED: i32 = 1020;
/// `transaction_timed_out`.
pub(super) const TIMED_OUT: i32 = 1031;
/// `no_cluster_file_found`.
const NO_CLUSTER_FILE: i32 = 1515;
/// `connection_string_invalid`.
const BAD_CONNECTION_STRING: i32 = 2104;
/// `transaction_too_large`.
const TRANSACTION_TOO_LARGE: i32 = 2101;
/// `key_too_large` and `value_too_large`.
const KEY_TOO_LARGE: i32 = 2102;
const VALUE_TOO_LARGE: i32 = 2103;

/// Of a read.
pub(super) fn read(error: FdbError) -> StoreError {
    match error.code() {
        TOO_OLD | FUTURE_VERSION => StoreError::ViewExpired,
        TIMED_OUT => unavailable("no answer from the cluster in time"),
        _ if error.is_retryable() => unavailable(error.message()),
        code => StoreError::Fatal(sentence(error.message(), code).into()),
    }
}

/// What became of a commit.
pub(super) enum Outcome {
    /// As the contract says it.
    Answer(ApplyError),
    /// It was not applied and may be tried again after FoundationDB's own pause.
    Later,
}

/// Of a commit.
pub(super) fn commit(error: FdbError) -> Outcome {
    Outcome::Answer(match error.code() {
        NOT_COMMITTED | TOO_OLD => ApplyError::Conflict,
        // Our own deadline passed while the commit was under way.
        TIMED_OUT => ApplyError::Unknown,
        TRANSACTION_TOO_LARGE | KEY_TOO_LARGE | VALUE_TOO_LARGE => ApplyError::TooLarge,
        _ if error.is_maybe_committed() => ApplyError::Unknown,
        _ if error.is_retryable_not_committed() => return Outcome::Later,
        code => ApplyError::Fatal(sentence(error.message(), code).into()),
    })
}

/// How an operator has named a cluster.
pub(super) enum Name<'a> {
    /// By its cluster file; without one, by FoundationDB's default.
    File(Option<&'a Path>),
    /// By a connection string.
    String,
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(Some(path)) => write!(out, "{}", path.display()),
            Self::File(None) => write!(out, "the default cluster file"),
            Self::String => write!(out, "the connection string"),
        }
    }
}

/// Of opening a cluster.
pub(super) fn open(error: FdbError, name: &Name) -> StoreError {
    let sentence = match (error.code(), name) {
        (NO_CLUSTER_FILE, _) => format!(
            "{name} cannot be read: name FoundationDB's cluster file with --fdb-cluster-file"
        ),
        (BAD_CONNECTION_STRING, Name::String) => {
            format!("{name} is not of the form DESCRIPTION:ID@HOST:PORT,...")
        }
        (BAD_CONNECTION_STRING, Name::File(_)) => {
            format!("{name} is no cluster file: it holds one line DESCRIPTION:ID@HOST:PORT,...")
        }
        (code, _) => sentence(error.message(), code),
    };
    StoreError::Fatal(sentence.into())
}

/// Nobody answered when the cluster was first asked.
pub(super) fn unreachable(name: &Name, waited: Duration) -> StoreError {
    unavailable(&format!(
        "the FoundationDB cluster of {name} did not answer in {} s: check that it runs, that its \
         addresses can be reached, its TLS settings, and that the client library is of its version",
        waited.as_secs()
    ))
}

fn unavailable(sentence: &str) -> StoreError {
    StoreError::Unavailable(sentence.into())
}

fn sentence(message: &str, code: i32) -> String {
    format!("FoundationDB refuses to go on: {message} (error {code})")
}
