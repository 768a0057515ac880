//! Users on several servers of one store: what one changes, all heed at once.

use crate::error::Error;
use crate::mvcc::Instance;
use crate::mvcc::auth::{self, Caller, Change, Credentials};
use crate::mvcc::servers_test::{FOLLOWS, LEADS, Server};
use crate::mvcc::{Advertised, Options};
use crate::pb::authpb::{Permission, permission::Type};
use crate::pb::etcdserverpb::*;
use crate::store::Store;
use crate::store::memory::Memory;

/// Rounds of a race.
const ROUNDS: u32 = 30;
/// Users whose loads race with a change.
const WRITERS: usize = 4;

async fn open(memory: &Memory, name: &str, leads: bool) -> Server {
    let options = Options {
        name: name.to_owned(),
        advertised: Advertised::default(),
        auth: auth::Options {
            bcrypt_cost: 4,
            ..auth::Options::default()
        },
        ..Options::default()
    };
    let leadership = if leads { LEADS } else { FOLLOWS };
    Server::open_with(Store::Memory(memory.clone()), Some(leadership), options).await
}

fn grant_a() -> Change {
    Change::RoleGrantPermission(AuthRoleGrantPermissionRequest {
        name: "r".to_owned(),
        perm: Some(Permission {
            perm_type: Type::Readwrite.into(),
            key: "a".into(),
            range_end: "".into(),
        }),
    })
}

fn revoke_a() -> Change {
    Change::RoleRevokePermission(AuthRoleRevokePermissionRequest {
        role: "r".to_owned(),
        key: "a".into(),
        range_end: "".into(),
    })
}

/// root, and alice who may do what the role `r` may; authentication is on.
async fn set_up(instance: &Instance) {
    let user = |name: &str| {
        Change::UserAdd(AuthUserAddRequest {
            name: name.to_owned(),
            password: name.to_owned(),
            ..Default::default()
        })
    };
    let role = |name: &str| {
        Change::RoleAdd(AuthRoleAddRequest {
            name: name.to_owned(),
        })
    };
    let grant = |user: &str, role: &str| {
        Change::UserGrantRole(AuthUserGrantRoleRequest {
            user: user.to_owned(),
            role: role.to_owned(),
        })
    };
    let changes = [
        user("root"),
        user("alice"),
        role("r"),
        grant("root", "root"),
        grant("alice", "r"),
        grant_a(),
        Change::Enable(AuthEnableRequest {}),
    ];
    for change in changes {
        instance.change_auth(change).await.unwrap();
    }
}

async fn log_in(instance: &Instance, name: &str, password: &str) -> Result<Credentials, Error> {
    let request = AuthenticateRequest {
        name: name.to_owned(),
        password: password.to_owned(),
    };
    Ok(Credentials {
        token: Some(instance.authenticate(request).await?.token.into()),
        certified: None,
    })
}

async fn put(instance: &Instance, who: &Credentials, key: &'static str) -> Result<i64, Error> {
    let request = PutRequest {
        key: key.into(),
        ..Default::default()
    };
    let answer = instance.admit(who).await?.put(request).await?;
    Ok(answer.header.unwrap().revision)
}

async fn get(instance: &Instance, who: &Credentials, key: &'static str) -> Result<i64, Error> {
    let request = RangeRequest {
        key: key.into(),
        ..Default::default()
    };
    Ok(instance.admit(who).await?.range(request).await?.count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_one_server_binds_all_others_at_once() {
    let memory = Memory::shared();
    let (one, other) = (
        open(&memory, "one", true).await,
        open(&memory, "other", false).await,
    );
    let (one, other) = (&one.instance, &other.instance);
    set_up(one).await;
    let nobody = Credentials::default();
    assert_eq!(put(other, &nobody, "a").await, Err(Error::UserEmpty));
    assert_eq!(get(other, &nobody, "a").await, Err(Error::UserEmpty));
    assert_eq!(
        log_in(other, "alice", "x").await.err(),
        Some(Error::AuthFailed)
    );
    // A token of one server is good on the other.
    let alice = log_in(one, "alice", "alice").await.unwrap();
    put(other, &alice, "a").await.unwrap();
    assert_eq!(get(other, &alice, "a").await, Ok(1));
    assert_eq!(put(other, &alice, "b").await, Err(Error::PermissionDenied));
    for _ in 0..ROUNDS {
        one.change_auth(revoke_a()).await.unwrap();
        let refused = [get(other, &alice, "a").await, put(other, &alice, "a").await];
        for answer in refused {
            // The second, when the token was read by rules that had changed a moment ago.
            assert!(
                matches!(
                    answer,
                    Err(Error::PermissionDenied | Error::AuthOldRevision)
                ),
                "{answer:?}"
            );
        }
        one.change_auth(grant_a()).await.unwrap();
    }
    // Another password, and the token is worth nothing anywhere.
    let change = AuthUserChangePasswordRequest {
        name: "alice".to_owned(),
        password: "new".to_owned(),
        ..Default::default()
    };
    let root = other
        .admit(&log_in(other, "root", "root").await.unwrap())
        .await
        .unwrap();
    root.change_auth(Change::UserChangePassword(change))
        .await
        .unwrap();
    for server in [one, other] {
        assert_eq!(get(server, &alice, "a").await, Err(Error::InvalidAuthToken));
        let alice = log_in(server, "alice", "new").await.unwrap();
        assert_eq!(get(server, &alice, "a").await, Ok(1));
        assert_eq!(
            log_in(server, "alice", "alice").await.err(),
            Some(Error::AuthFailed)
        );
    }
    // Turned off and on again, all have to log in anew.
    one.change_auth(Change::Disable(AuthDisableRequest {}))
        .await
        .unwrap();
    get(other, &nobody, "a").await.unwrap();
    one.change_auth(Change::Enable(AuthEnableRequest {}))
        .await
        .unwrap();
    let old = other
        .admit(&log_in(one, "alice", "new").await.unwrap())
        .await;
    assert!(old.is_ok());
    assert_eq!(get(other, &alice, "a").await, Err(Error::InvalidAuthToken));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_forbidden_is_not_done_later() {
    let memory = Memory::shared();
    let (one, other) = (
        open(&memory, "one", true).await,
        open(&memory, "other", false).await,
    );
    let (one, other) = (one.instance, other.instance);
    set_up(&one).await;
    let alice = log_in(&one, "alice", "alice").await.unwrap();
    for _ in 0..ROUNDS {
        let writing = (0..WRITERS).map(|number| {
            let server = if number % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            let alice = alice.clone();
            tokio::spawn(async move { while put(&server, &alice, "a").await.is_ok() {} })
        });
        let writing: Vec<_> = writing.collect();
        tokio::task::yield_now().await;
        let forbidden = one.change_auth(revoke_a()).await.unwrap().revision;
        for writer in writing {
            writer.await.unwrap();
        }
        let request = RangeRequest {
            key: "a".into(),
            ..Default::default()
        };
        let found = other.range(request).await.unwrap().kvs.pop();
        let last = found.map_or(0, |found| found.mod_revision);
        assert!(
            last <= forbidden,
            "{last} was written after it was forbidden at {forbidden}"
        );
        one.change_auth(grant_a()).await.unwrap();
    }
}

#[test]
fn no_secret_is_shown() {
    let secret = "hidden-from-all-eyes";
    let shown = [
        format!(
            "{:?}",
            Change::UserAdd(AuthUserAddRequest {
                name: "alice".to_owned(),
                password: secret.to_owned(),
                hashed_password: secret.to_owned(),
                ..Default::default()
            })
        ),
        format!(
            "{:?}",
            AuthenticateRequest {
                name: "alice".to_owned(),
                password: secret.to_owned(),
            }
        ),
        format!(
            "{:?}",
            AuthenticateResponse {
                header: None,
                token: secret.to_owned(),
            }
        ),
        format!(
            "{:?}",
            Credentials {
                token: Some(secret.into()),
                certified: Some("alice".into()),
            }
        ),
        format!(
            "{:?}",
            Caller::User {
                name: "alice".into(),
                revision: 1,
            }
        ),
    ];
    for shown in shown {
        assert!(!shown.contains(secret), "{shown}");
    }
}
