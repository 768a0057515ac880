//! Domain errors and the one table that maps them to gRPC, HTTP and exit codes.
//!
//! The texts are etcd's: its clients match on them.

use crate::store::raft::{NotChanged, Refused};
use crate::store::{ApplyError, StoreError};
use std::sync::Arc;
use tonic::{Code, Status};

/// `Result` with kvtool's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a request, a start or a background job can fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request named no key.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// `ignore_value` or `ignore_lease` on a key that does not exist, or an empty operation.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// `ignore_value` together with a value.
    #[error("etcdserver: value is provided")]
    ValueProvided,
    /// `ignore_lease` together with a lease.
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    /// A transaction holds more compares or operations than `--max-txn-ops`.
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    /// One transaction writes a key twice.
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    /// Unknown sort order or target.
    #[error("etcdserver: invalid sort option")]
    InvalidSortOption,
    /// The `client-api-version` metadata is not text.
    #[error("etcdserver: invalid client api version")]
    InvalidClientApiVersion,
    /// The request is larger than `--max-request-bytes`.
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    /// The revision asked for is older than the compacted revision.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// The revision asked for has not been written yet.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// A lease of more than 9,000,000,000 seconds.
    #[error("etcdserver: too large lease TTL")]
    LeaseTtlTooLarge,
    /// No such lease.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// The lease id is taken.
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    /// The NOSPACE alarm is raised.
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    /// The CORRUPT alarm is raised.
    #[error("etcdserver: corrupt cluster")]
    Corrupt,
    /// The write queue is full.
    #[error("etcdserver: too many requests")]
    TooManyRequests,
    /// No outcome within the request timeout; the request may still take effect.
    #[error("etcdserver: request timed out")]
    Timeout,
    /// The server that leads has the request and cannot be heard any more; the request may have
    /// taken effect, or may still.
    #[error("etcdserver: request timed out, possibly due to previous leader failure")]
    LeaderLost,
    /// No server leads, so nothing can be written or read linearizably.
    #[error("etcdserver: no leader")]
    NoLeader,
    /// Leadership moved while the request was under way; it may have taken effect.
    #[error("etcdserver: leader changed")]
    LeaderChanged,
    /// A member's URLs are none, or no URLs.
    #[error("etcdserver: given member URLs are invalid")]
    MemberBadUrls,
    /// No member has that id.
    #[error("etcdserver: member not found")]
    MemberNotFound,
    /// The id of a new member is taken.
    #[error("etcdserver: member ID already exist")]
    MemberExists,
    /// No other member could reach this server, so the group would lose its quorum at once.
    #[error(
        "this server listens on no peer port: start it with --listen-peer-urls, tell its URL with \
         `kvtool member update`, and add others then"
    )]
    NoPeerPort,
    /// Another member has one of the URLs.
    #[error("etcdserver: Peer URLs already exists")]
    PeerUrlExists,
    /// Too few members have ever started for a quorum after the change.
    #[error("etcdserver: re-configuration failed due to not enough started members")]
    NotEnoughStarted,
    /// Too few members are heard of for the change to be safe, or another change is under way.
    #[error("etcdserver: unhealthy cluster")]
    UnhealthyCluster,
    /// The group has as many learners as it may.
    #[error("etcdserver: too many learner members in cluster")]
    TooManyLearners,
    /// Promoted was one that has a vote.
    #[error("etcdserver: can only promote a learner member")]
    MemberNotLearner,
    /// A learner that lags behind gets no vote.
    #[error("etcdserver: can only promote a learner member which is in sync with leader")]
    LearnerNotReady,
    /// A learner serves nothing but its status and reads that may be stale.
    #[error("etcdserver: rpc not supported for learner")]
    NotSupportedForLearner,
    /// Only the server that leads can hand leadership over.
    #[error("etcdserver: not leader")]
    NotLeader,
    /// Leadership cannot be handed to that member.
    #[error("etcdserver: bad leader transferee")]
    BadLeaderTransferee,
    /// The other member did not take leadership over in time.
    #[error("etcdserver: request timed out, leader transfer took too long")]
    LeaderTransferTimeout,
    /// The text is no version.
    #[error("etcdserver: wrong downgrade target version format")]
    WrongDowngradeVersion,
    /// Only to the minor release before can be gone back.
    #[error("etcdserver: invalid downgrade target version")]
    InvalidDowngradeTarget,
    /// A downgrade is under way.
    #[error("etcdserver: cluster has a downgrade job in progress")]
    DowngradeInProcess,
    /// A request asks for an action of a newer version.
    #[error("etcdserver: unknown method")]
    UnknownMethod,
    /// Authentication is off.
    #[error("etcdserver: authentication is not enabled")]
    AuthNotEnabled,
    /// Authentication cannot be turned on without a root user.
    #[error("etcdserver: root user does not exist")]
    RootUserNotExist,
    /// Authentication cannot be turned on before the root user has the root role.
    #[error("etcdserver: root user does not have root role")]
    RootRoleNotExist,
    /// The request comes from nobody, or names no user.
    #[error("etcdserver: user name is empty")]
    UserEmpty,
    /// The user name is taken.
    #[error("etcdserver: user name already exists")]
    UserExists,
    /// No such user.
    #[error("etcdserver: user name not found")]
    UserNotFound,
    /// A role without a name.
    #[error("etcdserver: role name is empty")]
    RoleEmpty,
    /// The role name is taken.
    #[error("etcdserver: role name already exists")]
    RoleExists,
    /// No such role.
    #[error("etcdserver: role name not found")]
    RoleNotFound,
    /// The user does not have the role that was to be taken away.
    #[error("etcdserver: role is not granted to the user")]
    RoleNotGranted,
    /// The role does not have the permission that was to be taken away.
    #[error("etcdserver: permission is not granted to the role")]
    PermissionNotGranted,
    /// A grant that says not what is granted.
    #[error("etcdserver: permission not given")]
    PermissionNotGiven,
    /// The caller may not do that.
    #[error("etcdserver: permission denied")]
    PermissionDenied,
    /// Wrong user name or password.
    #[error("etcdserver: authentication failed, invalid user ID or password")]
    AuthFailed,
    /// The user is one that logs in by a certificate alone.
    #[error("auth: authentication failed, password was given for no password user")]
    NoPasswordUser,
    /// The password is longer than its hash can tell.
    #[error("bcrypt: password length exceeds 72 bytes")]
    PasswordTooLong,
    /// The token is forged, expired, or of another time.
    #[error("etcdserver: invalid auth token")]
    InvalidAuthToken,
    /// The change would leave nobody in charge, or the range is none.
    #[error("etcdserver: invalid auth management")]
    InvalidAuthMgmt,
    /// Users or roles have changed since the caller was recognised.
    #[error("etcdserver: revision of auth store is old")]
    AuthOldRevision,
    /// The server has no key to sign tokens with.
    #[error("auth: token signing attempted with verify-only key")]
    VerifyOnly,
    /// The lease of who waited for a lock has ended.
    #[error("mutex: session is expired")]
    SessionExpired,
    /// Only who leads can proclaim.
    #[error("election: not leader")]
    NotElected,
    /// Nobody stands for the election.
    #[error("election: no leader")]
    NobodyElected,
    /// It was not said for which leader.
    #[error("\"leader\" field must be provided")]
    NoLeaderKey,
    /// The certificate of the connection names no instance, and each works in that which it names.
    #[error("the certificate of this connection names no keyspace, or several")]
    NoInstance,
    /// An instance that there is none of.
    #[error("there is no keyspace of that name")]
    InstanceNotFound,
    /// An instance that is to be made, and is there.
    #[error("there is a keyspace of that name already")]
    InstanceExists,
    /// The instance that the server itself works in.
    #[error("the server itself works in that keyspace")]
    InstanceInUse,
    /// What concerns the whole server is not for those who have one keyspace of many.
    #[error("etcdserver: permission denied")]
    TenantDenied,
    /// The server is shutting down.
    #[error("etcdserver: server stopped")]
    Stopped,
    /// The client canceled its watch stream.
    #[error("etcdserver: watch canceled")]
    WatchCanceled,
    /// The service does not offer this combination of options.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The keyspace was written by a newer kvtool.
    #[error(
        "the data has format {found}, this kvtool reads up to {supported}: use a newer kvtool, nothing was changed"
    )]
    NewerFormat {
        /// The format found in the data.
        found: u32,
        /// The newest format this build reads.
        supported: u32,
    },
    /// A stored record cannot be decoded.
    #[error("corrupted record in subspace '{subspace}': {detail}")]
    CorruptRecord {
        /// The one-letter subspace of the record.
        subspace: char,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The store under the keyspace failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server that leads has failed in a way that has no name here.
    #[error("{text}")]
    Relayed {
        /// What it would tell a client of its own.
        code: Code,
        /// The words for it.
        text: Arc<str>,
    },
}

/// Everything a write may be answered with that has no more to say than its text: these are still
/// told apart after another server has sent them.
const NAMED: &[Error] = &[
    Error::EmptyKey,
    Error::KeyNotFound,
    Error::ValueProvided,
    Error::LeaseProvided,
    Error::TooManyOps,
    Error::DuplicateKey,
    Error::InvalidSortOption,
    Error::RequestTooLarge,
    Error::Compacted,
    Error::FutureRevision,
    Error::LeaseTtlTooLarge,
    Error::LeaseNotFound,
    Error::LeaseExists,
    Error::NoSpace,
    Error::Corrupt,
    Error::TooManyRequests,
    Error::Timeout,
    Error::LeaderLost,
    Error::NoLeader,
    Error::LeaderChanged,
    Error::DowngradeInProcess,
    Error::AuthNotEnabled,
    Error::RootUserNotExist,
    Error::RootRoleNotExist,
    Error::UserEmpty,
    Error::UserExists,
    Error::UserNotFound,
    Error::RoleEmpty,
    Error::RoleExists,
    Error::RoleNotFound,
    Error::RoleNotGranted,
    Error::PermissionNotGranted,
    Error::PermissionNotGiven,
    Error::PermissionDenied,
    Error::AuthFailed,
    Error::NoPasswordUser,
    Error::PasswordTooLong,
    Error::InvalidAuthToken,
    Error::InvalidAuthMgmt,
    Error::AuthOldRevision,
    Error::VerifyOnly,
];

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Conflict | ApplyError::Unknown => Self::Timeout,
            ApplyError::NoLeader => Self::NoLeader,
            ApplyError::TooLarge => Self::RequestTooLarge,
            ApplyError::Fatal(reason) => Self::Store(StoreError::Fatal(reason)),
        }
    }
}

impl From<NotChanged> for Error {
    fn from(error: NotChanged) -> Self {
        match error {
            NotChanged::Refused(refused) => match refused {
                Refused::Busy | Refused::Unhealthy => Self::UnhealthyCluster,
                Refused::NoSuchMember => Self::MemberNotFound,
                Refused::IdTaken => Self::MemberExists,
                Refused::UrlTaken => Self::PeerUrlExists,
                Refused::NotEnoughStarted => Self::NotEnoughStarted,
                Refused::TooManyLearners => Self::TooManyLearners,
                Refused::NotLearner => Self::MemberNotLearner,
                Refused::NotInSync => Self::LearnerNotReady,
            },
            NotChanged::NoLeader => Self::NoLeader,
            NotChanged::Unknown => Self::Timeout,
            NotChanged::Fatal(reason) => Self::Store(StoreError::Fatal(reason)),
        }
    }
}

impl Error {
    /// The error that another server has put into a status.
    pub fn relayed(code: Code, text: &str) -> Self {
        let named = NAMED
            .iter()
            .find(|error| error.code() == code && error.to_string() == text);
        named.cloned().unwrap_or_else(|| Self::Relayed {
            code,
            text: text.into(),
        })
    }

    /// The gRPC status code clients of etcd expect with this error.
    pub fn code(&self) -> Code {
        match self {
            Self::EmptyKey
            | Self::KeyNotFound
            | Self::ValueProvided
            | Self::LeaseProvided
            | Self::TooManyOps
            | Self::DuplicateKey
            | Self::InvalidSortOption
            | Self::InvalidClientApiVersion
            | Self::RequestTooLarge
            | Self::MemberBadUrls
            | Self::WrongDowngradeVersion
            | Self::InvalidDowngradeTarget
            | Self::UserEmpty
            | Self::RoleEmpty
            | Self::PermissionNotGiven
            | Self::AuthFailed
            | Self::InvalidAuthMgmt
            | Self::AuthOldRevision => Code::InvalidArgument,
            Self::Compacted | Self::FutureRevision | Self::LeaseTtlTooLarge => Code::OutOfRange,
            Self::LeaseNotFound | Self::MemberNotFound | Self::InstanceNotFound => Code::NotFound,
            Self::InstanceExists
            | Self::InstanceInUse
            | Self::LeaseExists
            | Self::MemberExists
            | Self::NoPeerPort
            | Self::PeerUrlExists
            | Self::NotEnoughStarted
            | Self::TooManyLearners
            | Self::MemberNotLearner
            | Self::LearnerNotReady
            | Self::NotSupportedForLearner
            | Self::NotLeader
            | Self::BadLeaderTransferee
            | Self::DowngradeInProcess
            | Self::AuthNotEnabled
            | Self::RootUserNotExist
            | Self::RootRoleNotExist
            | Self::UserExists
            | Self::UserNotFound
            | Self::RoleExists
            | Self::RoleNotFound
            | Self::RoleNotGranted
            | Self::PermissionNotGranted => Code::FailedPrecondition,
            Self::PermissionDenied | Self::NoInstance | Self::TenantDenied => {
                Code::PermissionDenied
            }
            Self::InvalidAuthToken => Code::Unauthenticated,
            Self::NoSpace => Code::ResourceExhausted,
            // etcd sends the first as Unknown, although its clients name it ResourceExhausted, and
            // has no code for the others.
            Self::TooManyRequests
            | Self::UnknownMethod
            | Self::NoPasswordUser
            | Self::PasswordTooLong
            | Self::VerifyOnly
            | Self::SessionExpired
            | Self::NotElected
            | Self::NobodyElected
            | Self::NoLeaderKey => Code::Unknown,
            Self::Corrupt | Self::CorruptRecord { .. } | Self::NewerFormat { .. } => Code::DataLoss,
            Self::Timeout
            | Self::LeaderLost
            | Self::NoLeader
            | Self::LeaderChanged
            | Self::UnhealthyCluster
            | Self::LeaderTransferTimeout
            | Self::Stopped => Code::Unavailable,
            Self::Relayed { code, .. } => *code,
            Self::WatchCanceled => Code::Cancelled,
            Self::Unsupported(_) => Code::Unimplemented,
            Self::Store(error) => match error {
                StoreError::ViewExpired | StoreError::Unavailable(_) | StoreError::Fatal(_) => {
                    Code::Unavailable
                }
                StoreError::Unreadable(_) => Code::DataLoss,
            },
        }
    }

    /// The HTTP status with which this error leaves an HTTP endpoint.
    pub fn http_status(&self) -> u16 {
        match self.code() {
            Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
            Code::Unauthenticated => 401,
            Code::PermissionDenied => 403,
            Code::NotFound => 404,
            Code::Cancelled => 499,
            Code::ResourceExhausted => 429,
            Code::Unimplemented => 501,
            Code::Unavailable => 503,
            _ => 500,
        }
    }

    /// The exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Store(StoreError::Fatal(_)) => EXIT_FAILURE,
            error => exit_code(error.code()),
        }
    }
}

/// What clients are told when the store has failed.
const STORE_FAILED: &str = "etcdserver: the store has failed, the server's log says why";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            // Names paths of this machine: for its log, not for clients.
            Error::Store(StoreError::Fatal(_) | StoreError::Unreadable(_)) => {
                Status::new(error.code(), STORE_FAILED)
            }
            error => Status::new(error.code(), error.to_string()),
        }
    }
}

/// Exit code: any failure without a number of its own.
pub const EXIT_FAILURE: u8 = 1;
/// Exit code: wrong flags, arguments, settings or request.
pub const EXIT_USAGE: u8 = 2;
/// Exit code: no server could be reached, or it answered that it cannot serve now.
pub const EXIT_UNAVAILABLE: u8 = 3;
/// Exit code: the server refused: what was asked for is compacted, missing or forbidden.
pub const EXIT_REFUSED: u8 = 4;
/// Exit code: the data is damaged, or of a newer format.
pub const EXIT_DATA: u8 = 5;
/// Exit code: interrupted by the user.
pub const EXIT_INTERRUPTED: u8 = 130;

/// The exit code that stands for a gRPC status code.
pub fn exit_code(code: Code) -> u8 {
    match code {
        Code::Ok => 0,
        Code::InvalidArgument => EXIT_USAGE,
        Code::Unavailable | Code::DeadlineExceeded => EXIT_UNAVAILABLE,
        Code::OutOfRange
        | Code::NotFound
        | Code::FailedPrecondition
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::ResourceExhausted
        | Code::Unimplemented => EXIT_REFUSED,
        Code::DataLoss => EXIT_DATA,
        _ => EXIT_FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_after_another_server_has_sent_it() {
        let across = |error: &Error| {
            let status = Status::from(error.clone());
            Error::relayed(status.code(), status.message())
        };
        for error in NAMED {
            assert_eq!(&across(error), error);
        }
        let unnamed = [
            Error::Store(StoreError::Unavailable("injected".into())),
            Error::Store(StoreError::Fatal("the disk of /srv/secret is full".into())),
            Error::Unsupported("not in this version"),
        ];
        for error in unnamed {
            let sent = Status::from(error.clone());
            let told = Status::from(across(&error));
            assert_eq!((told.code(), told.message()), (sent.code(), sent.message()));
        }
    }

    #[test]
    fn clients_are_not_told_where_the_store_is() {
        let error = Error::Store(StoreError::Fatal("the disk of /srv/secret is full".into()));
        assert_eq!(error.exit_code(), EXIT_FAILURE);
        let status = Status::from(error);
        assert_eq!(status.code(), Code::Unavailable);
        assert!(!status.message().contains("secret"), "{status}");
    }
}
