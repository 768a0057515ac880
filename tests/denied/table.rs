//! Every method, what it is asked, and who may ask that.

/// Who asks. `reader`, `writer` and `both` may do so from `b` up to `d`; `idle` may do nothing.
pub const CALLERS: [&str; 7] = [
    "nobody", "stranger", "idle", "reader", "writer", "both", "root",
];

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Everybody.
    All,
    /// Everybody, but who shows a token that is none.
    Honest,
    /// Whoever has logged in.
    Users,
    /// Whoever may read there.
    Readers,
    /// Whoever may write there.
    Writers,
    /// Whoever may do both there.
    Both,
    /// One user for himself.
    Himself(&'static str),
    /// Who may do everything.
    Root,
}

impl Allowed {
    /// Whether a caller is among them.
    pub fn allows(self, caller: &str) -> bool {
        match self {
            Self::All => true,
            Self::Honest => caller != "stranger",
            Self::Users => !["nobody", "stranger"].contains(&caller),
            Self::Readers => ["reader", "both", "root"].contains(&caller),
            Self::Writers => ["writer", "both", "root"].contains(&caller),
            Self::Both => ["both", "root"].contains(&caller),
            Self::Himself(user) => [user, "root"].contains(&caller),
            Self::Root => caller == "root",
        }
    }
}

/// One thing to ask.
#[derive(Debug)]
pub struct Case {
    pub method: &'static str,
    /// Behind `/v3`; empty where there is none.
    pub path: &'static str,
    pub body: &'static str,
    pub allowed: Allowed,
    /// Why who may not is told nothing, if so.
    pub silent: Option<&'static str>,
}

const fn case(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    allowed: Allowed,
) -> Case {
    Case {
        method,
        path,
        body,
        allowed,
        silent: None,
    }
}

/// What there is: keys `a` to `d`, leases 6 on `a` and `b1`, 10 on `b2`, 7 to 9 on nothing, a leader of
/// `c`, and callers.
pub const SETUP: &[(&str, &str)] = &[
    ("etcdserverpb.Lease/LeaseGrant", r#"{"ID":6,"TTL":100000}"#),
    ("etcdserverpb.Lease/LeaseGrant", r#"{"ID":7,"TTL":100000}"#),
    ("etcdserverpb.Lease/LeaseGrant", r#"{"ID":8,"TTL":100000}"#),
    ("etcdserverpb.Lease/LeaseGrant", r#"{"ID":10,"TTL":100000}"#),
    (
        "etcdserverpb.KV/Put",
        r#"{"key":"YQ==","value":"c2VjcmV0","lease":6}"#,
    ),
    (
        "etcdserverpb.KV/Put",
        r#"{"key":"YjE=","value":"c2VjcmV0","lease":6}"#,
    ),
    (
        "etcdserverpb.KV/Put",
        r#"{"key":"YjI=","value":"c2VjcmV0","lease":10}"#,
    ),
    (
        "etcdserverpb.KV/Put",
        r#"{"key":"ZA==","value":"c2VjcmV0"}"#,
    ),
    (
        "v3electionpb.Election/Campaign",
        r#"{"name":"Yw==","lease":8,"value":"c2VjcmV0"}"#,
    ),
    (
        "etcdserverpb.Auth/UserAdd",
        r#"{"name":"root","password":"p"}"#,
    ),
    (
        "etcdserverpb.Auth/UserAdd",
        r#"{"name":"idle","password":"p"}"#,
    ),
    (
        "etcdserverpb.Auth/UserAdd",
        r#"{"name":"reader","password":"p"}"#,
    ),
    (
        "etcdserverpb.Auth/UserAdd",
        r#"{"name":"writer","password":"p"}"#,
    ),
    (
        "etcdserverpb.Auth/UserAdd",
        r#"{"name":"both","password":"p"}"#,
    ),
    ("etcdserverpb.Auth/RoleAdd", r#"{"name":"root"}"#),
    ("etcdserverpb.Auth/RoleAdd", r#"{"name":"reads"}"#),
    ("etcdserverpb.Auth/RoleAdd", r#"{"name":"writes"}"#),
    (
        "etcdserverpb.Auth/RoleGrantPermission",
        r#"{"name":"reads","perm":{"permType":"READ","key":"Yg==","range_end":"ZA=="}}"#,
    ),
    (
        "etcdserverpb.Auth/RoleGrantPermission",
        r#"{"name":"writes","perm":{"permType":"WRITE","key":"Yg==","range_end":"ZA=="}}"#,
    ),
    (
        "etcdserverpb.Auth/UserGrantRole",
        r#"{"user":"root","role":"root"}"#,
    ),
    (
        "etcdserverpb.Auth/UserGrantRole",
        r#"{"user":"reader","role":"reads"}"#,
    ),
    (
        "etcdserverpb.Auth/UserGrantRole",
        r#"{"user":"writer","role":"writes"}"#,
    ),
    (
        "etcdserverpb.Auth/UserGrantRole",
        r#"{"user":"both","role":"reads"}"#,
    ),
    (
        "etcdserverpb.Auth/UserGrantRole",
        r#"{"user":"both","role":"writes"}"#,
    ),
    ("etcdserverpb.Auth/AuthEnable", "{}"),
];

use Allowed::{All, Both, Himself, Honest, Readers, Root, Users, Writers};

/// In base64, `YQ==` is `a`, `Yg==` is `b`, `YjE=` is `b1`, `YjI=` is `b2`, `Yw==` is `c` and `ZA==` is `d`.
/// What may be done is of no consequence to what comes later, so that both servers stay alike.
#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // Keys: one, a range, half of a range, all of them, and by way of what is said of them.
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"YjI="}"#, Readers),
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"Yg==","range_end":"ZA==","serializable":true}"#, Readers),
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"Yg==","range_end":"ZAA="}"#, Root),
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"YQ==","range_end":"Yw=="}"#, Root),
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"AA==","range_end":"AA==","count_only":true}"#, Root),
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"Yg==","range_end":"AA==","keys_only":true,"serializable":true}"#, Root),
    case("etcdserverpb.KV/Range", "/kv/range", r#"{"key":"YQ==","revision":"2"}"#, Root),
    case("etcdserverpb.KV/RangeStream", "", r#"{"key":"Yg==","range_end":"ZA=="}"#, Readers),
    case("etcdserverpb.KV/RangeStream", "", r#"{"key":"YQ==","range_end":"ZA=="}"#, Root),
    case("etcdserverpb.KV/Put", "/kv/put", r#"{"key":"Y3g="}"#, Writers),
    case("etcdserverpb.KV/Put", "/kv/put", r#"{"key":"Y3g=","prev_kv":true}"#, Both),
    case("etcdserverpb.KV/Put", "/kv/put", r#"{"key":"ZA==","value":"c2VjcmV0"}"#, Root),
    case("etcdserverpb.KV/Put", "/kv/put", r#"{"key":"Y3g=","lease":"6"}"#, Root),
    case("etcdserverpb.KV/Put", "/kv/put", r#"{"key":"Y3g=","lease":"7"}"#, Writers),
    case("etcdserverpb.KV/Put", "/kv/put", r#"{"key":"Y3g=","ignore_value":true}"#, Writers),
    case("etcdserverpb.KV/DeleteRange", "/kv/deleterange", r#"{"key":"Y3g="}"#, Writers),
    case("etcdserverpb.KV/DeleteRange", "/kv/deleterange", r#"{"key":"Y3g=","prev_kv":true}"#, Both),
    case("etcdserverpb.KV/DeleteRange", "/kv/deleterange", r#"{"key":"Y3g=","range_end":"ZQ=="}"#, Root),
    case("etcdserverpb.KV/Compact", "/kv/compaction", r#"{"revision":"900"}"#, Root),
    // Transactions: what is compared, what is done, and what would be done otherwise.
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"compare":[{"key":"YjI="}]}"#, Readers),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"compare":[{"key":"YQ==","target":"VALUE","value":"c2VjcmV0"}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"compare":[{"key":"Yg==","range_end":"AA=="}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_range":{"key":"YjI="}}]}"#, Readers),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_range":{"key":"YQ=="}}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"failure":[{"request_range":{"key":"YQ=="}}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_put":{"key":"Y3g="}}]}"#, Writers),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_put":{"key":"Y3g="}},{"request_range":{"key":"YjI="}}]}"#, Both),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_put":{"key":"Y3g=","prev_kv":true}}]}"#, Both),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_put":{"key":"Y3g="}}],"failure":[{"request_put":{"key":"ZA=="}}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_put":{"key":"Y3g=","lease":"6"}}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_delete_range":{"key":"Y3g=","prev_kv":true}}]}"#, Both),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"success":[{"request_txn":{"failure":[{"request_txn":{"compare":[{"key":"ZA=="}]}}]}}]}"#, Root),
    case("etcdserverpb.KV/Txn", "/kv/txn", r#"{"failure":[{"request_txn":{"success":[{"request_delete_range":{"key":"Yg==","range_end":"AA=="}}]}}]}"#, Root),
    // Watchers.
    case("etcdserverpb.Watch/Watch", "/watch", r#"{"create_request":{"key":"YjI="}}"#, Readers),
    case("etcdserverpb.Watch/Watch", "/watch", r#"{"create_request":{"key":"Yg==","range_end":"ZA==","start_revision":"1"}}"#, Readers),
    case("etcdserverpb.Watch/Watch", "/watch", r#"{"create_request":{"key":"YQ==","range_end":"Yw==","start_revision":"1","prev_kv":true}}"#, Root),
    case("etcdserverpb.Watch/Watch", "/watch", r#"{"create_request":{"key":"","range_end":"AA==","start_revision":"1"}}"#, Root),
    case("etcdserverpb.Watch/Watch", "/watch", r#"{"create_request":{"key":"Yg==","range_end":"AA==","start_revision":"1"}}"#, Root),
    // Leases: who asks for one, and what hangs on it.
    case("etcdserverpb.Lease/LeaseGrant", "/lease/grant", r#"{"ID":"7","TTL":"100000"}"#, Users),
    case("etcdserverpb.Lease/LeaseKeepAlive", "/lease/keepalive", r#"{"ID":"6"}"#, Root),
    case("etcdserverpb.Lease/LeaseKeepAlive", "/lease/keepalive", r#"{"ID":"10"}"#, Writers),
    case("etcdserverpb.Lease/LeaseKeepAlive", "/lease/keepalive", r#"{"ID":"7"}"#, Users),
    case("etcdserverpb.Lease/LeaseTimeToLive", "/lease/timetolive", r#"{"ID":"6"}"#, Users),
    case("etcdserverpb.Lease/LeaseTimeToLive", "/lease/timetolive", r#"{"ID":"6","keys":true}"#, Root),
    case("etcdserverpb.Lease/LeaseTimeToLive", "/kv/lease/timetolive", r#"{"ID":"10","keys":true}"#, Readers),
    case("etcdserverpb.Lease/LeaseLeases", "/lease/leases", "{}", Root),
    case("etcdserverpb.Lease/LeaseLeases", "/kv/lease/leases", "{}", Root),
    case("etcdserverpb.Lease/LeaseRevoke", "/lease/revoke", r#"{"ID":"99"}"#, Users),
    // Members and maintenance.
    case("etcdserverpb.Cluster/MemberAdd", "/cluster/member/add", r#"{"peerURLs":["http://127.0.0.1:1"],"isLearner":true}"#, Root),
    case("etcdserverpb.Cluster/MemberRemove", "/cluster/member/remove", r#"{"ID":"1"}"#, Root),
    case("etcdserverpb.Cluster/MemberUpdate", "/cluster/member/update", r#"{"ID":"1","peerURLs":["http://127.0.0.1:1"]}"#, Root),
    case("etcdserverpb.Cluster/MemberPromote", "/cluster/member/promote", r#"{"ID":"1"}"#, Root),
    case("etcdserverpb.Cluster/MemberList", "/cluster/member/list", "{}", Users),
    case("etcdserverpb.Cluster/MemberList", "/cluster/member/list", r#"{"linearizable":true}"#, Users),
    case("etcdserverpb.Maintenance/Alarm", "/maintenance/alarm", "{}", Users),
    case("etcdserverpb.Maintenance/Alarm", "/maintenance/alarm", r#"{"action":"DEACTIVATE","alarm":"NOSPACE"}"#, Root),
    case("etcdserverpb.Maintenance/Status", "/maintenance/status", "{}", Users),
    case("etcdserverpb.Maintenance/Defragment", "/maintenance/defragment", "{}", Root),
    case("etcdserverpb.Maintenance/Hash", "/maintenance/hash", "{}", Root),
    case("etcdserverpb.Maintenance/HashKV", "/maintenance/hashkv", "{}", Root),
    case("etcdserverpb.Maintenance/Snapshot", "/maintenance/snapshot", "{}", Root),
    case("etcdserverpb.Maintenance/Downgrade", "/maintenance/downgrade", r#"{"version":"3.6.0"}"#, Root),
    case("etcdserverpb.Maintenance/MoveLeader", "/maintenance/transfer-leadership", r#"{"targetID":"1"}"#, Root),
    // Locks and elections.
    case("v3lockpb.Lock/Lock", "/lock/lock", r#"{"name":"Yg==","lease":"7"}"#, Both),
    case("v3lockpb.Lock/Lock", "/lock/lock", r#"{"name":"YQ==","lease":"6"}"#, Root),
    case("v3lockpb.Lock/Unlock", "/lock/unlock", r#"{"key":"Yi83"}"#, Writers),
    case("v3lockpb.Lock/Unlock", "/lock/unlock", r#"{"key":"YS82"}"#, Root),
    case("v3electionpb.Election/Campaign", "/election/campaign", r#"{"name":"YjM=","lease":"7","value":"YQ=="}"#, Both),
    case("v3electionpb.Election/Campaign", "/election/campaign", r#"{"name":"YQ==","lease":"6","value":"YQ=="}"#, Root),
    case("v3electionpb.Election/Leader", "/election/leader", r#"{"name":"Yw=="}"#, Readers),
    case("v3electionpb.Election/Leader", "/election/leader", r#"{"name":"YQ=="}"#, Root),
    case("v3electionpb.Election/Proclaim", "/election/proclaim", r#"{"leader":{"name":"Yw==","key":"Yy84","rev":"1","lease":"8"},"value":"YQ=="}"#, Both),
    case("v3electionpb.Election/Resign", "/election/resign", r#"{"leader":{"name":"Yw==","key":"Yy84","rev":"1","lease":"8"}}"#, Both),
    Case {
        silent: Some("etcd ends the stream without a word"),
        ..case("v3electionpb.Election/Observe", "/election/observe", r#"{"name":"Yw=="}"#, Readers)
    },
    // Users and roles.
    case("etcdserverpb.Auth/AuthStatus", "/auth/status", "{}", Honest),
    case("etcdserverpb.Auth/Authenticate", "/auth/authenticate", r#"{"name":"reader","password":"wrong"}"#, All),
    case("etcdserverpb.Auth/Authenticate", "/auth/authenticate", r#"{"name":"reader","password":"p"}"#, All),
    case("etcdserverpb.Auth/AuthEnable", "/auth/enable", "{}", Root),
    case("etcdserverpb.Auth/UserAdd", "/auth/user/add", r#"{"name":"reader","password":"x"}"#, Root),
    case("etcdserverpb.Auth/UserGet", "/auth/user/get", r#"{"name":"reader"}"#, Himself("reader")),
    case("etcdserverpb.Auth/UserGet", "/auth/user/get", r#"{"name":"root"}"#, Root),
    case("etcdserverpb.Auth/UserList", "/auth/user/list", "{}", Root),
    case("etcdserverpb.Auth/UserDelete", "/auth/user/delete", r#"{"name":"none"}"#, Root),
    case("etcdserverpb.Auth/UserChangePassword", "/auth/user/changepw", r#"{"name":"none","password":"x"}"#, Root),
    case("etcdserverpb.Auth/UserGrantRole", "/auth/user/grant", r#"{"user":"none","role":"root"}"#, Root),
    case("etcdserverpb.Auth/UserRevokeRole", "/auth/user/revoke", r#"{"name":"none","role":"root"}"#, Root),
    case("etcdserverpb.Auth/RoleAdd", "/auth/role/add", r#"{"name":"reads"}"#, Root),
    case("etcdserverpb.Auth/RoleGet", "/auth/role/get", r#"{"role":"reads"}"#, Readers),
    case("etcdserverpb.Auth/RoleGet", "/auth/role/get", r#"{"role":"root"}"#, Root),
    case("etcdserverpb.Auth/RoleList", "/auth/role/list", "{}", Root),
    case("etcdserverpb.Auth/RoleDelete", "/auth/role/delete", r#"{"role":"none"}"#, Root),
    case("etcdserverpb.Auth/RoleGrantPermission", "/auth/role/grant", r#"{"name":"none","perm":{"key":"YQ=="}}"#, Root),
    case("etcdserverpb.Auth/RoleRevokePermission", "/auth/role/revoke", r#"{"role":"reads","key":"YQ=="}"#, Root),
    // What hangs on it goes with it.
    case("etcdserverpb.Lease/LeaseRevoke", "/kv/lease/revoke", r#"{"ID":"6"}"#, Root),
    // The last: whoever may, opens the door to all.
    case("etcdserverpb.Auth/AuthDisable", "/auth/disable", "{}", Root),
];
