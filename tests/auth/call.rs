//! Calls of every kind, by users with and without a login.

use crate::support::client::Client;
use crate::support::random::Random;
use bytes::Bytes;
use kvtool::pb::authpb::{Permission, UserAddOptions};
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use std::collections::HashMap;
use std::fmt::Debug;
use tonic::{Request, Response, Status};

const USERS: [&str; 4] = ["root", "alice", "bob", "carol"];
const ROLES: [&str; 4] = ["root", "reader", "writer", "both"];
const PASSWORDS: [&str; 2] = ["one", "two"];
const KEYS: [&str; 6] = ["a", "b", "c", "ca", "d", "e"];
const ENDS: [&str; 6] = ["", "\0", "b", "c", "d", "f"];
/// What is granted: never two permissions on one key, which etcd keeps in an order of their own.
const GRANTED: [(&str, &str); 6] = [
    ("a", "b"),
    ("b", ""),
    ("c", "d"),
    ("ca", "\0"),
    ("d", "f"),
    ("e", ""),
];
const LEASES: [i64; 3] = [11, 12, 13];
/// Longer than any run.
const TTL_SECONDS: i64 = 100_000;

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which of the logins so far, if any.
    token: Token,
    what: What,
}

#[derive(Debug, Clone)]
enum Token {
    None,
    Garbage,
    Text(&'static str),
    /// The newest of a user, or an older one.
    Of(&'static str, usize),
}

macro_rules! kinds {
    ($($service:ident.$call:ident($request:ident);)*) => {
        /// What is asked for, beside streams.
        #[derive(Debug, Clone)]
        #[allow(non_camel_case_types)]
        enum What {
            $($call($request),)*
            Log(AuthenticateRequest),
            Watch(WatchCreateRequest),
            KeepAlive(i64),
            Stream(RangeRequest),
        }

        impl Side {
            async fn ask(&mut self, call: &Call) -> Result<String, Status> {
                let token = self.token(&call.token);
                let message = |response| shown(&response);
                match call.what.clone() {
                    $(What::$call(request) => {
                        let answer = self.client.$service.$call(with(request, token)).await?;
                        Ok(shown_of(stringify!($call), answer))
                    })*
                    What::Log(request) => {
                        let name = request.name.clone();
                        let answer = self.client.auth.authenticate(request).await?.into_inner();
                        let user = USERS.iter().find(|user| **user == name).expect("one of them");
                        self.tokens.entry(*user).or_default().push(answer.token.clone());
                        Ok(message(answer.header))
                    }
                    What::Watch(create) => {
                        let create = WatchRequest {
                            request_union: Some(RequestUnion::CreateRequest(create)),
                        };
                        let requests = with(tokio_stream::iter([create]), token);
                        let mut answers = self.client.watch.watch(requests).await?.into_inner();
                        let answer = answers.message().await?.expect("an answer");
                        let WatchResponse { created, canceled, cancel_reason, .. } = answer;
                        Ok(format!("watch {created} {canceled} {cancel_reason}"))
                    }
                    What::KeepAlive(id) => {
                        let request = LeaseKeepAliveRequest { id };
                        let requests = with(tokio_stream::iter([request]), token);
                        let answers = self.client.lease.lease_keep_alive(requests).await?;
                        let answer = answers.into_inner().message().await?;
                        Ok(format!("{:?}", answer.map(|answer| answer.ttl)))
                    }
                    What::Stream(request) => {
                        let pieces = self.client.kv.range_stream(with(request, token)).await?;
                        let mut pieces = pieces.into_inner();
                        let mut keys = Vec::new();
                        while let Some(piece) = pieces.message().await? {
                            keys.extend(piece.range_response.unwrap_or_default().kvs);
                        }
                        Ok(format!("{keys:?}"))
                    }
                }
            }
        }
    };
}

kinds! {
    kv.range(RangeRequest);
    kv.put(PutRequest);
    kv.delete_range(DeleteRangeRequest);
    kv.txn(TxnRequest);
    kv.compact(CompactionRequest);
    lease.lease_grant(LeaseGrantRequest);
    lease.lease_revoke(LeaseRevokeRequest);
    lease.lease_time_to_live(LeaseTimeToLiveRequest);
    lease.lease_leases(LeaseLeasesRequest);
    cluster.member_list(MemberListRequest);
    cluster.member_remove(MemberRemoveRequest);
    cluster.member_promote(MemberPromoteRequest);
    maintenance.alarm(AlarmRequest);
    maintenance.status(StatusRequest);
    maintenance.hash(HashRequest);
    maintenance.hash_kv(HashKvRequest);
    maintenance.defragment(DefragmentRequest);
    maintenance.downgrade(DowngradeRequest);
    auth.auth_enable(AuthEnableRequest);
    auth.auth_disable(AuthDisableRequest);
    auth.auth_status(AuthStatusRequest);
    auth.user_add(AuthUserAddRequest);
    auth.user_get(AuthUserGetRequest);
    auth.user_list(AuthUserListRequest);
    auth.user_delete(AuthUserDeleteRequest);
    auth.user_change_password(AuthUserChangePasswordRequest);
    auth.user_grant_role(AuthUserGrantRoleRequest);
    auth.user_revoke_role(AuthUserRevokeRoleRequest);
    auth.role_add(AuthRoleAddRequest);
    auth.role_get(AuthRoleGetRequest);
    auth.role_list(AuthRoleListRequest);
    auth.role_delete(AuthRoleDeleteRequest);
    auth.role_grant_permission(AuthRoleGrantPermissionRequest);
    auth.role_revoke_permission(AuthRoleRevokePermissionRequest);
}

/// Answers that name servers, sizes, or times: only that there is one is compared.
const NOT_COMPARED: [&str; 7] = [
    "member_list",
    "member_remove",
    "member_promote",
    "status",
    "hash",
    "hash_kv",
    "lease_time_to_live",
];

fn shown_of<T: Debug>(call: &str, answer: Response<T>) -> String {
    match NOT_COMPARED.contains(&call) {
        true => call.to_owned(),
        false => shown(&answer.into_inner()),
    }
}

/// Without what names a server.
fn shown(answer: &impl Debug) -> String {
    let text = format!("{answer:?}");
    let fields = text.split(", ").map(|field| {
        let own = ["cluster_id:", "member_id:", "raft_term:"];
        match own.iter().find_map(|name| field.find(name)) {
            Some(place) => &field[..place],
            None => field,
        }
    });
    Vec::from_iter(fields).join(", ")
}

fn with<T>(message: T, token: Option<String>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let token = token.parse().expect("a token is text");
        request.metadata_mut().insert("token", token);
    }
    request
}

/// A server and the logins there.
pub struct Side {
    client: Client,
    tokens: HashMap<&'static str, Vec<String>>,
}

impl Side {
    /// Of a server.
    pub async fn connect(endpoint: &str) -> Self {
        Self {
            client: Client::connect(endpoint).await.expect("connects"),
            tokens: HashMap::new(),
        }
    }

    /// Every token it was given.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.values().flatten().cloned().collect()
    }

    fn token(&self, token: &Token) -> Option<String> {
        match token {
            Token::None => None,
            Token::Garbage => Some("garbage.17".to_owned()),
            Token::Text(text) => Some((*text).to_owned()),
            Token::Of(user, age) => {
                let all = self.tokens.get(user)?;
                all.iter().rev().nth(*age).or(all.last()).cloned()
            }
        }
    }

    /// What a call is answered.
    pub async fn answer(&mut self, call: &Call) -> String {
        match self.ask(call).await {
            Ok(answer) => answer,
            Err(status) => format!("refused {:?}: {}", status.code(), status.message()),
        }
    }
}

/// Calls that bring passwords and tokens along, of which the last log in, and fail to.
pub fn with_secrets(password: &str, garbage: &'static str) -> Vec<Call> {
    let mut calls: Vec<_> = beginning(password).collect();
    let login = |password: &str| {
        What::Log(AuthenticateRequest {
            name: "root".to_owned(),
            password: password.to_owned(),
        })
    };
    calls.push(What::auth_enable(AuthEnableRequest {}));
    calls.extend([password, "wrong", password].map(login));
    let of_nobody = |what| Call {
        token: Token::None,
        what,
    };
    let mut calls: Vec<_> = calls.into_iter().map(of_nobody).collect();
    for token in [Token::Of("root", 0), Token::Text(garbage)] {
        let password = password.to_owned();
        let what = What::user_change_password(AuthUserChangePasswordRequest {
            name: "alice".to_owned(),
            password,
            ..Default::default()
        });
        calls.push(Call { token, what });
    }
    calls
}

/// What there is to begin with: users, roles, and somebody in charge.
fn beginning(password: &str) -> impl Iterator<Item = What> {
    let add = |name: &str| {
        What::user_add(AuthUserAddRequest {
            name: name.to_owned(),
            password: password.to_owned(),
            ..Default::default()
        })
    };
    let grant = What::user_grant_role(AuthUserGrantRoleRequest {
        user: "root".to_owned(),
        role: "root".to_owned(),
    });
    let role = |name: &str| {
        What::role_add(AuthRoleAddRequest {
            name: name.to_owned(),
        })
    };
    let users = ["root", "alice", "bob"].map(add).into_iter();
    users.chain([grant]).chain(ROLES.map(role))
}

/// Makes calls up: first until there is something to refuse, then of all kinds.
pub struct Generator {
    random: Random,
    first: std::vec::IntoIter<What>,
}

impl Generator {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            first: beginning(PASSWORDS[0]).collect::<Vec<_>>().into_iter(),
        }
    }

    /// The next call.
    pub fn next(&mut self) -> Call {
        if let Some(what) = self.first.next() {
            return Call {
                token: Token::None,
                what,
            };
        }
        let what = match self.random.weighted(&[6, 6, 3, 4, 1]) {
            0 => self.keys(),
            1 => self.users(),
            2 => self.leases(),
            3 => self.login(),
            _ => self.operator(),
        };
        // Whoever is in charge changes the most.
        let is_change = matches!(
            what,
            What::user_grant_role(_) | What::role_grant_permission(_)
        );
        let age = if self.random.one_in(8) { 1 } else { 0 };
        let token = match self.random.below(if is_change { 40 } else { 16 }) {
            0 => Token::None,
            1 => Token::Garbage,
            2..=6 => Token::Of("alice", age),
            7..=10 => Token::Of("bob", age),
            11 => Token::Of("carol", age),
            _ => Token::Of("root", age),
        };
        Call { token, what }
    }

    fn text(&mut self, of: &[&'static str]) -> String {
        self.random.pick(of).to_owned()
    }

    fn bytes(&mut self, of: &[&'static str]) -> Bytes {
        Bytes::from_static(self.random.pick(of).as_bytes())
    }

    fn coin(&mut self) -> bool {
        self.random.one_in(3)
    }

    /// None that ends before it begins: of those, etcd's answer depends on the shape of its trees.
    fn bounds(&mut self) -> (Bytes, Bytes) {
        let (key, end) = (self.bytes(&KEYS), self.bytes(&ENDS));
        let is_range = end.as_ref() == [0] || key < end;
        (key, if is_range { end } else { Bytes::new() })
    }

    fn range(&mut self) -> RangeRequest {
        let (key, range_end) = self.bounds();
        RangeRequest {
            key,
            range_end,
            serializable: self.coin(),
            count_only: self.coin(),
            ..Default::default()
        }
    }

    fn put(&mut self) -> PutRequest {
        PutRequest {
            key: self.bytes(&KEYS),
            value: self.bytes(&KEYS),
            lease: if self.coin() {
                self.random.pick(&LEASES)
            } else {
                0
            },
            prev_kv: self.coin(),
            ..Default::default()
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        let (key, range_end) = self.bounds();
        DeleteRangeRequest {
            key,
            range_end,
            prev_kv: self.coin(),
        }
    }

    fn txn(&mut self, depth: u32) -> TxnRequest {
        let ops = |random: &mut Self| {
            let count = random.random.below(3);
            let op = |random: &mut Self| match random.random.below(if depth > 0 { 4 } else { 3 }) {
                0 => request_op::Request::RequestRange(random.range()),
                1 => request_op::Request::RequestPut(random.put()),
                2 => request_op::Request::RequestDeleteRange(random.delete()),
                _ => request_op::Request::RequestTxn(random.txn(depth - 1)),
            };
            (0..count)
                .map(|_| RequestOp {
                    request: Some(op(random)),
                })
                .collect::<Vec<_>>()
        };
        let (success, failure) = (ops(self), ops(self));
        let mut compare = Vec::new();
        if self.coin() {
            let (key, range_end) = self.bounds();
            compare.push(Compare {
                key,
                range_end,
                target: compare::CompareTarget::Version.into(),
                target_union: Some(compare::TargetUnion::Version(self.random.between(0, 2))),
                ..Default::default()
            });
        }
        TxnRequest {
            compare,
            success,
            failure,
        }
    }

    fn keys(&mut self) -> What {
        let (key, range_end) = self.bounds();
        match self.random.below(12) {
            0..=2 => What::range(self.range()),
            3..=5 => What::put(self.put()),
            6 => What::delete_range(self.delete()),
            7..=8 => What::txn(self.txn(1)),
            9 => What::Stream(RangeRequest {
                count_only: false,
                ..self.range()
            }),
            10 => What::compact(CompactionRequest {
                revision: self.random.between(1, 40),
                physical: false,
            }),
            _ => What::Watch(WatchCreateRequest {
                key,
                range_end,
                start_revision: self.random.between(-1, 0),
                ..Default::default()
            }),
        }
    }

    fn leases(&mut self) -> What {
        let id = self.random.pick(&LEASES);
        match self.random.below(6) {
            0 | 1 => What::lease_grant(LeaseGrantRequest {
                id,
                ttl: TTL_SECONDS,
            }),
            2 => What::lease_revoke(LeaseRevokeRequest { id }),
            3 => What::lease_time_to_live(LeaseTimeToLiveRequest {
                id,
                keys: self.coin(),
            }),
            4 => What::lease_leases(LeaseLeasesRequest {}),
            _ => What::KeepAlive(id),
        }
    }

    fn login(&mut self) -> What {
        let name = self.text(&USERS);
        // Who is in charge keeps his password, so that somebody stays in charge.
        let is_root = name == "root" && !self.random.one_in(8);
        let passwords = if is_root { &PASSWORDS[..1] } else { &PASSWORDS };
        let password = self.text(passwords);
        What::Log(AuthenticateRequest { name, password })
    }

    fn operator(&mut self) -> What {
        match self.random.below(10) {
            0 => What::member_list(MemberListRequest {
                linearizable: self.coin(),
            }),
            // Of nobody.
            1 => What::member_remove(MemberRemoveRequest { id: 1 }),
            2 => What::member_promote(MemberPromoteRequest { id: 1 }),
            3 => What::alarm(AlarmRequest::default()),
            4 => What::alarm(AlarmRequest {
                action: alarm_request::AlarmAction::Deactivate.into(),
                ..Default::default()
            }),
            5 => What::status(StatusRequest {}),
            6 => What::hash(HashRequest {}),
            7 => What::hash_kv(HashKvRequest { revision: 0 }),
            8 => What::downgrade(DowngradeRequest {
                version: "none".to_owned(),
                ..Default::default()
            }),
            _ => What::defragment(DefragmentRequest {}),
        }
    }

    fn users(&mut self) -> What {
        let (name, role) = (self.text(&USERS), self.text(&ROLES));
        let (key, range_end) = self.random.pick(&GRANTED);
        let (key, range_end) = (Bytes::from(key), Bytes::from(range_end));
        match self
            .random
            .weighted(&[2, 1, 1, 3, 2, 1, 1, 6, 2, 1, 4, 6, 2, 2, 2, 2, 2])
        {
            0 => What::auth_enable(AuthEnableRequest {}),
            1 if self.random.one_in(8) => What::auth_disable(AuthDisableRequest {}),
            2 if self.coin() => What::user_delete(AuthUserDeleteRequest { name }),
            3 => What::user_add(AuthUserAddRequest {
                options: (name == "carol").then_some(UserAddOptions { no_password: true }),
                password: self.text(&PASSWORDS[..1]),
                name: if self.random.one_in(20) {
                    String::new()
                } else {
                    name
                },
                ..Default::default()
            }),
            4 if self.coin() => What::user_change_password(AuthUserChangePasswordRequest {
                name: self.text(&USERS[1..]),
                password: self.text(&PASSWORDS),
                ..Default::default()
            }),
            5 if self.coin() => What::role_delete(AuthRoleDeleteRequest { role }),
            6 => What::user_revoke_role(AuthUserRevokeRoleRequest { name, role }),
            7 => What::user_grant_role(AuthUserGrantRoleRequest { user: name, role }),
            8 => What::role_add(AuthRoleAddRequest {
                name: if self.random.one_in(10) {
                    String::new()
                } else {
                    role
                },
            }),
            9 => What::role_revoke_permission(AuthRoleRevokePermissionRequest {
                role,
                key,
                range_end,
            }),
            10 | 11 => {
                let perm = Permission {
                    perm_type: self.random.between(0, 2) as i32,
                    key: if self.random.one_in(20) {
                        Bytes::new()
                    } else {
                        key
                    },
                    range_end,
                };
                What::role_grant_permission(AuthRoleGrantPermissionRequest {
                    name: role,
                    perm: (!self.random.one_in(20)).then_some(perm),
                })
            }
            12 => What::user_get(AuthUserGetRequest { name }),
            13 => What::user_list(AuthUserListRequest {}),
            14 => What::role_get(AuthRoleGetRequest { role }),
            15 => What::role_list(AuthRoleListRequest {}),
            _ => What::auth_status(AuthStatusRequest {}),
        }
    }
}
