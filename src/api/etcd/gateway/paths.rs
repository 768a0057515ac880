//! Which path of the gateway is which method.

use prost_reflect::{DescriptorPool, MessageDescriptor};
use std::collections::HashMap;
use std::sync::LazyLock;
use tonic::codegen::http::uri::PathAndQuery;

/// The paths behind `/v3`, as etcd has them. `RangeStream` has none.
const PATHS: &[(&str, &str)] = &[
    ("/kv/range", "etcdserverpb.KV/Range"),
    ("/kv/put", "etcdserverpb.KV/Put"),
    ("/kv/deleterange", "etcdserverpb.KV/DeleteRange"),
    ("/kv/txn", "etcdserverpb.KV/Txn"),
    ("/kv/compaction", "etcdserverpb.KV/Compact"),
    ("/watch", "etcdserverpb.Watch/Watch"),
    ("/lease/grant", "etcdserverpb.Lease/LeaseGrant"),
    ("/lease/revoke", "etcdserverpb.Lease/LeaseRevoke"),
    ("/kv/lease/revoke", "etcdserverpb.Lease/LeaseRevoke"),
    ("/lease/keepalive", "etcdserverpb.Lease/LeaseKeepAlive"),
    ("/lease/timetolive", "etcdserverpb.Lease/LeaseTimeToLive"),
    ("/kv/lease/timetolive", "etcdserverpb.Lease/LeaseTimeToLive"),
    ("/lease/leases", "etcdserverpb.Lease/LeaseLeases"),
    ("/kv/lease/leases", "etcdserverpb.Lease/LeaseLeases"),
    ("/cluster/member/add", "etcdserverpb.Cluster/MemberAdd"),
    (
        "/cluster/member/remove",
        "etcdserverpb.Cluster/MemberRemove",
    ),
    (
        "/cluster/member/update",
        "etcdserverpb.Cluster/MemberUpdate",
    ),
    ("/cluster/member/list", "etcdserverpb.Cluster/MemberList"),
    (
        "/cluster/member/promote",
        "etcdserverpb.Cluster/MemberPromote",
    ),
    ("/maintenance/alarm", "etcdserverpb.Maintenance/Alarm"),
    ("/maintenance/status", "etcdserverpb.Maintenance/Status"),
    (
        "/maintenance/defragment",
        "etcdserverpb.Maintenance/Defragment",
    ),
    ("/maintenance/hash", "etcdserverpb.Maintenance/Hash"),
    ("/maintenance/hashkv", "etcdserverpb.Maintenance/HashKV"),
    ("/maintenance/snapshot", "etcdserverpb.Maintenance/Snapshot"),
    (
        "/maintenance/transfer-leadership",
        "etcdserverpb.Maintenance/MoveLeader",
    ),
    (
        "/maintenance/downgrade",
        "etcdserverpb.Maintenance/Downgrade",
    ),
    ("/auth/enable", "etcdserverpb.Auth/AuthEnable"),
    ("/auth/disable", "etcdserverpb.Auth/AuthDisable"),
    ("/auth/status", "etcdserverpb.Auth/AuthStatus"),
    ("/auth/authenticate", "etcdserverpb.Auth/Authenticate"),
    ("/auth/user/add", "etcdserverpb.Auth/UserAdd"),
    ("/auth/user/get", "etcdserverpb.Auth/UserGet"),
    ("/auth/user/list", "etcdserverpb.Auth/UserList"),
    ("/auth/user/delete", "etcdserverpb.Auth/UserDelete"),
    (
        "/auth/user/changepw",
        "etcdserverpb.Auth/UserChangePassword",
    ),
    ("/auth/user/grant", "etcdserverpb.Auth/UserGrantRole"),
    ("/auth/user/revoke", "etcdserverpb.Auth/UserRevokeRole"),
    ("/auth/role/add", "etcdserverpb.Auth/RoleAdd"),
    ("/auth/role/get", "etcdserverpb.Auth/RoleGet"),
    ("/auth/role/list", "etcdserverpb.Auth/RoleList"),
    ("/auth/role/delete", "etcdserverpb.Auth/RoleDelete"),
    ("/auth/role/grant", "etcdserverpb.Auth/RoleGrantPermission"),
    (
        "/auth/role/revoke",
        "etcdserverpb.Auth/RoleRevokePermission",
    ),
    ("/lock/lock", "v3lockpb.Lock/Lock"),
    ("/lock/unlock", "v3lockpb.Lock/Unlock"),
    ("/election/campaign", "v3electionpb.Election/Campaign"),
    ("/election/proclaim", "v3electionpb.Election/Proclaim"),
    ("/election/leader", "v3electionpb.Election/Leader"),
    ("/election/observe", "v3electionpb.Election/Observe"),
    ("/election/resign", "v3electionpb.Election/Resign"),
];

/// A method of gRPC.
#[derive(Debug)]
pub(super) struct Method {
    /// Where it is called.
    pub path: PathAndQuery,
    /// What it is sent.
    pub request: MessageDescriptor,
    /// What it answers.
    pub answer: MessageDescriptor,
    /// Whether it is sent many.
    pub streams_requests: bool,
    /// Whether it answers with many.
    pub streams_answers: bool,
}

/// The method at a path.
pub(super) fn method(path: &str) -> Option<&'static Method> {
    METHODS.get(path.strip_prefix("/v3")?)
}

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let written = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    DescriptorPool::decode(&written[..]).expect("written by build.rs")
});

static METHODS: LazyLock<HashMap<&str, Method>> = LazyLock::new(|| {
    let found = |(path, called): &(&'static str, &str)| Some((*path, described(called)?));
    PATHS.iter().filter_map(found).collect()
});

fn described(called: &str) -> Option<Method> {
    let (service, name) = called.split_once('/')?;
    let service = DESCRIPTORS.get_service_by_name(service)?;
    let method = service.methods().find(|method| method.name() == name)?;
    Some(Method {
        path: format!("/{called}").parse().ok()?,
        request: method.input(),
        answer: method.output(),
        streams_requests: method.is_client_streaming(),
        streams_answers: method.is_server_streaming(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Called by servers of kvtool's own, or by nobody over JSON.
    const WITHOUT: &str = "etcdserverpb.KV/RangeStream";

    #[test]
    fn every_method_of_etcds_has_a_path_and_every_path_a_method() {
        let of_etcd = |package: &str| !package.starts_with("kvtool");
        let services = DESCRIPTORS.services();
        let all: BTreeSet<String> = services
            .filter(|service| of_etcd(service.package_name()))
            .flat_map(|service| {
                let called = |method: prost_reflect::MethodDescriptor| {
                    format!("{}/{}", service.full_name(), method.name())
                };
                service.methods().map(called).collect::<Vec<_>>()
            })
            .filter(|called| called != WITHOUT)
            .collect();
        let named = PATHS.iter().map(|(_, called)| (*called).to_owned());
        assert_eq!(named.collect::<BTreeSet<_>>(), all);
        assert_eq!(METHODS.len(), PATHS.len());
        assert!(method("/v3/kv/range").is_some());
        for path in ["/kv/range", "/v3", "/v3/", "/v3/kv/range/", "/v3kv/range"] {
            assert!(method(path).is_none(), "{path}");
        }
    }
}
