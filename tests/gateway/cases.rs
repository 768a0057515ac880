//! Requests to every path, good ones and bad ones, in an order in which both servers can follow.

use crate::side::Asked;

/// Paths, and bodies for them; lines that are read of an answer without an end.
const SCRIPT: &[(&str, &str)] = &[
    ("/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#),
    (
        "/kv/put",
        r#"{"key":"Zm9vMg","value":"-_-_","prev_kv":true}"#,
    ),
    ("/kv/put", r#"{"key":"Zm9v","value":"YmF6","prevKv":true}"#),
    (
        "/kv/put",
        r#"{"key":"Zm9v","ignore_value":true,"value":"YQ=="}"#,
    ),
    ("/kv/put", r#"{"key":"Zm9v","lease":"99"}"#),
    ("/kv/range", r#"{"key":"Zm9v","range_end":"AA=="}"#),
    (
        "/kv/range",
        r#"{"key":"Zm9v","range_end":"AA==","sort_order":"DESCEND","limit":1}"#,
    ),
    (
        "/kv/range",
        r#"{"key":"Zm9v","range_end":"AA==","sort_order":2,"sort_target":"VALUE"}"#,
    ),
    (
        "/kv/range",
        r#"{"key":"Zm9v","count_only":true,"serializable":true}"#,
    ),
    ("/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
    ("/kv/range", r#"{"key":"Zm9v","revision":2.0}"#),
    ("/kv/range", r#"{"key":"Zm9v","revision":9000}"#),
    ("/kv/range", r#"{"key":"Zm9v","revision":"-1"}"#),
    // What is wrong with it.
    ("/kv/range", ""),
    ("/kv/range", "  "),
    ("/kv/range", "{}"),
    ("/kv/range", "null"),
    ("/kv/range", "[]"),
    ("/kv/range", "5"),
    ("/kv/range", r#""text""#),
    ("/kv/range", "{"),
    ("/kv/range", r#"{"key":"Zm9"#),
    ("/kv/range", r#"{"key":"Zm9v",}"#),
    ("/kv/range", r#"{"key":"Z*9v"}"#),
    ("/kv/range", r#"{"key":"Zm9vA"}"#),
    ("/kv/range", r#"{"key":"Zm9v="}"#),
    ("/kv/range", r#"{"key":"Zm9vYg=="}"#),
    ("/kv/range", r#"{"key":5}"#),
    ("/kv/range", r#"{"key":["Zm9v"]}"#),
    ("/kv/range", r#"{"key":null,"limit":null}"#),
    ("/kv/range", r#"{"key":"Zm9v","limit":"x"}"#),
    ("/kv/range", r#"{"key":"Zm9v","limit":"0x1"}"#),
    ("/kv/range", r#"{"key":"Zm9v","limit":1.5}"#),
    ("/kv/range", r#"{"key":"Zm9v","limit":1e1}"#),
    (
        "/kv/range",
        r#"{"key":"Zm9v","limit":"9223372036854775808"}"#,
    ),
    ("/kv/range", r#"{"key":"Zm9v","limit":true}"#),
    ("/kv/range", r#"{"key":"Zm9v","serializable":"true"}"#),
    ("/kv/range", r#"{"key":"Zm9v","serializable":1}"#),
    ("/kv/range", r#"{"key":"Zm9v","sort_order":"BOGUS"}"#),
    ("/kv/range", r#"{"key":"Zm9v","sort_order":"ascend"}"#),
    ("/kv/range", r#"{"key":"Zm9v","sort_order":77}"#),
    ("/kv/range", r#"{"key":"Zm9v","sort_order":1.5}"#),
    // What is not heeded.
    ("/kv/range", r#"{"key":"Zm9v","bogus":{"a":[1,"}"]}}"#),
    ("/kv/range", r#"{"key":"Zm9v","Key":"YQ=="}"#),
    ("/kv/range", r#"{"key":"Zm9v"} garbage"#),
    ("/kv/range", "\n {\"k\\u0065y\" :\t\"Zm9v\"}\n"),
    // Transactions.
    (
        "/kv/txn",
        r#"{"compare":[{"key":"Zm9v","target":"MOD","result":"GREATER","mod_revision":"1"}],
        "success":[{"request_range":{"key":"Zm9v"}},{"requestPut":{"key":"Zg","value":"YQ"}}],
        "failure":[{"request_delete_range":{"key":"Zm9v"}}]}"#,
    ),
    (
        "/kv/txn",
        r#"{"compare":[{"key":"Zm9v","target":3,"result":0,"value":"YQ=="}],
        "failure":[{"request_txn":{"success":[{"request_delete_range":{"key":"Zg==","prev_kv":true}}]}}]}"#,
    ),
    (
        "/kv/txn",
        r#"{"compare":[{"key":"Zm9v","version":1,"value":"YQ=="}]}"#,
    ),
    ("/kv/txn", r#"{"compare":[null]}"#),
    ("/kv/txn", r#"{"compare":null}"#),
    ("/kv/txn", r#"{"compare":{}}"#),
    ("/kv/txn", r#"{"success":[{}]}"#),
    ("/kv/deleterange", r#"{"key":"Zm9vMg==","prev_kv":true}"#),
    ("/kv/deleterange", "{}"),
    ("/kv/compaction", r#"{"revision":"3","physical":true}"#),
    ("/kv/compaction", r#"{"revision":"3"}"#),
    ("/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
    // Leases, at all their paths.
    ("/lease/grant", r#"{"ID":"77","TTL":"1000"}"#),
    ("/lease/grant", r#"{"ID":77,"TTL":1000}"#),
    ("/lease/grant", r#"{"TTL":"90000000000"}"#),
    ("/kv/put", r#"{"key":"bGVhc2Vk","lease":"77"}"#),
    ("/lease/leases", "{}"),
    ("/kv/lease/leases", ""),
    ("/lease/timetolive", r#"{"ID":"78"}"#),
    ("/lease/keepalive", r#"{"ID":"77"}{"ID":"78"}"#),
    ("/lease/keepalive", ""),
    ("/kv/lease/revoke", r#"{"ID":"77"}"#),
    ("/lease/revoke", r#"{"ID":"77"}"#),
    // Members and maintenance.
    ("/cluster/member/remove", r#"{"ID":"1"}"#),
    (
        "/cluster/member/update",
        r#"{"ID":"1","peerURLs":["http://127.0.0.1:1"]}"#,
    ),
    ("/cluster/member/promote", r#"{"ID":"1"}"#),
    ("/cluster/member/add", r#"{"peerURLs":["x"]}"#),
    ("/maintenance/alarm", r#"{"action":"GET"}"#),
    (
        "/maintenance/alarm",
        r#"{"action":"BOGUS","alarm":"NOSPACE"}"#,
    ),
    ("/maintenance/defragment", "{}"),
    ("/maintenance/transfer-leadership", r#"{"targetID":"5"}"#),
    // Locks and elections.
    ("/lease/grant", r#"{"ID":"7","TTL":"1000"}"#),
    ("/lock/lock", r#"{"name":"bA==","lease":"7"}"#),
    ("/lock/lock", r#"{"name":"bA==","lease":"8"}"#),
    ("/lock/unlock", r#"{"key":"bC83"}"#),
    ("/election/leader", r#"{"name":"ZQ=="}"#),
    (
        "/election/campaign",
        r#"{"name":"ZQ==","lease":"7","value":"YQ=="}"#,
    ),
    ("/election/leader", r#"{"name":"ZQ=="}"#),
    ("/election/proclaim", r#"{"value":"YQ=="}"#),
    ("/election/observe", r#"{"name":5}"#),
    ("/election/resign", "{}"),
    // Users.
    ("/auth/status", "{}"),
    ("/auth/enable", "{}"),
    ("/auth/authenticate", r#"{"name":"root","password":"r"}"#),
    ("/auth/user/add", r#"{"name":"root","password":"r"}"#),
    ("/auth/user/add", r#"{"name":"root","password":"r"}"#),
    (
        "/auth/user/add",
        r#"{"name":"alice","options":{"no_password":true}}"#,
    ),
    ("/auth/user/changepw", r#"{"name":"alice","password":"a"}"#),
    (
        "/auth/user/add",
        r#"{"name":"bob","password":"b","hashedPassword":""}"#,
    ),
    ("/auth/user/get", r#"{"name":"bob"}"#),
    ("/auth/user/list", "{}"),
    ("/auth/role/add", r#"{"name":"root"}"#),
    ("/auth/role/add", r#"{"name":"foos"}"#),
    (
        "/auth/role/grant",
        r#"{"name":"foos","perm":{"permType":"READWRITE","key":"Zm9v","range_end":"Zm9w"}}"#,
    ),
    ("/auth/role/get", r#"{"role":"foos"}"#),
    ("/auth/role/list", "{}"),
    ("/auth/role/revoke", r#"{"role":"foos","key":"YQ=="}"#),
    ("/auth/user/grant", r#"{"user":"root","role":"root"}"#),
    ("/auth/user/grant", r#"{"user":"bob","role":"foos"}"#),
    ("/auth/user/revoke", r#"{"name":"bob","role":"none"}"#),
    ("/auth/user/delete", r#"{"name":"nobody"}"#),
    ("/auth/role/delete", r#"{"role":"none"}"#),
    ("/auth/enable", "{}"),
    (
        "/auth/authenticate",
        r#"{"name":"root","password":"wrong"}"#,
    ),
    ("/auth/authenticate", r#"{"name":"root","password":"r"}"#),
    ("/auth/authenticate", r#"{"name":"bob","password":"b"}"#),
    ("/auth/authenticate", r#"{"name":"alice","password":"a"}"#),
];

/// What each of them may and may not do, once users matter.
const GUARDED: &[(&str, &str)] = &[
    ("/kv/range", r#"{"key":"Zm9v"}"#),
    ("/kv/range", r#"{"key":"Zm9v","range_end":"AA=="}"#),
    ("/kv/put", r#"{"key":"Zm9v","value":"YQ=="}"#),
    ("/kv/put", r#"{"key":"YQ==","value":"YQ=="}"#),
    ("/maintenance/snapshot", "{}"),
    ("/maintenance/hash", "{}"),
    ("/maintenance/hashkv", "{}"),
    ("/lease/keepalive", r#"{"ID":"7"}"#),
    ("/auth/user/list", "{}"),
    ("/auth/status", "{}"),
];

/// All requests, in order.
pub fn all() -> Vec<Asked> {
    let script = SCRIPT.iter().map(|(path, body)| Asked::post(path, body));
    let mut all: Vec<_> = script.collect();
    let streams = [
        (
            r#"{"create_request":{"key":"Zm9v","start_revision":"4"}}"#,
            2,
        ),
        (
            r#"{"create_request":{"key":"Zm9v","start_revision":"1"}}"#,
            2,
        ),
        (
            r#"{"create_request":{"key":"AA==","range_end":"AA==","start_revision":"4","prev_kv":true,
            "watch_id":"5","filters":["NODELETE","BOGUS"]}}"#,
            2,
        ),
        (r#"{"create_request":{"key":"Yg==","range_end":"YQ=="}}"#, 1),
        (
            r#"{"create_request":{"key":"Zm9v"}}{"cancel_request":{"watch_id":"0"}}"#,
            2,
        ),
    ];
    let streams = streams.map(|(body, lines)| Asked::post("/watch", body).lines(lines));
    let observed = Asked::post("/election/observe", r#"{"name":"ZQ=="}"#).lines(1);
    // Before users matter.
    let enabled = all
        .iter()
        .rposition(|asked| asked.path == "/v3/auth/enable");
    let enabled = enabled.unwrap_or_default();
    all.splice(enabled..enabled, streams.into_iter().chain([observed]));
    for user in [None, Some("nonsense"), Some("bob"), Some("root")] {
        for (path, body) in GUARDED {
            let token = user;
            // The files of two servers have different sizes.
            if user == Some("root") && *path == "/maintenance/snapshot" {
                continue;
            }
            all.push(Asked {
                token,
                ..Asked::post(path, body)
            });
        }
        all.push(Asked {
            token: user,
            ..Asked::post("/watch", r#"{"create_request":{"key":"Zm9w"}}"#).lines(1)
        });
    }
    let range = |path| Asked::post(path, r#"{"key":"Zm9v"}"#).by("root");
    let with = |headers| Asked {
        headers,
        ..Asked::post("/kv/range", r#"{"key":"Zm9v"}"#)
    };
    for method in ["GET", "PUT", "DELETE", "HEAD", "PATCH"] {
        all.push(Asked {
            method,
            ..range("/kv/range")
        });
    }
    all.extend(
        [
            "/",
            "/kv",
            "/kv/",
            "/kv/none",
            "/kv/range/",
            "/kv/Range",
            "/kv/range?x=1",
        ]
        .map(range),
    );
    all.extend(
        ["/v3beta/kv/range", "/v3beta/kv/none", "/v3alpha/kv/range"].map(|path| Asked {
            path: path.to_owned(),
            ..range("")
        }),
    );
    all.push(with(vec![("Authorization", "Bearer nonsense")]));
    all.push(with(vec![("Grpc-Metadata-Token", "nonsense")]));
    all.push(with(vec![("Token", "nonsense")]));
    all.push(with(vec![("Content-Type", "text/plain")]));
    all.push(Asked::post("/auth/disable", "{}").by("root"));
    all
}
