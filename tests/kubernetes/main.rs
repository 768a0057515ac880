//! Kubernetes on kvtool: its real API server, what that asks of etcd, and a real kubeadm.
//!
//! The real one runs where `kube-apiserver` is on the path. It can be built with Go, in a module of
//! its own: let its `go.mod` require `k8s.io/kubernetes v1.37.2` with the requirements of that
//! module's own `go.mod`, replace each `k8s.io/NAME => ./staging/src/k8s.io/NAME` of it by
//! `k8s.io/NAME => k8s.io/NAME v0.37.2`, take its `go.sum` along, and
//!
//! ```text
//! GOFLAGS=-mod=mod go build -o kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
//! ```
//!
//! The same module makes what [`kubeadm`] needs: `k8s.io/kubernetes/cmd/kubeadm` and
//! `k8s.io/kubernetes/cmd/kubectl`.
//!
//! What the API server was seen to ask for is asked in [`shapes`] without it, of kvtool and of a
//! real etcd.
#![allow(clippy::unwrap_used)]

mod apiserver;
mod kubeadm;
mod node;
mod shapes;
#[path = "../support/mod.rs"]
mod support;

use apiserver::{Apiserver, Watch, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use support::client::get;
use support::server::{Etcd, Program, Server, free_port};
use support::{note, skip};

const MAPS: &str = "/api/v1/namespaces/test/configmaps";
/// More than one page of what the apiserver reads at a time.
const MANY: usize = 2000;
const PAGE: usize = 500;

/// What a kube-apiserver asks of an etcd: all of this, and nothing else.
const METHODS: [&str; 7] = [
    "KV/Range",
    "KV/RangeStream",
    "KV/Txn",
    "KV/Compact",
    "Lease/LeaseGrant",
    "Maintenance/Status",
    "Watch/Watch",
];

fn map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name}, "data": {"value": value},
    })
}

fn version(object: &Value) -> String {
    let version = object["metadata"]["resourceVersion"].as_str();
    version.expect("a resourceVersion").to_owned()
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

/// All pages of a list, as the first one pins it.
async fn pages(api: &Apiserver, path: &str) -> (Vec<String>, usize) {
    let (mut found, mut count, mut more) = (Vec::new(), 0, String::new());
    loop {
        let page = format!("{path}?limit={PAGE}&continue={more}");
        let list = api.get(&page).await.expect(200);
        found.extend(names(&list));
        count += 1;
        more = list["metadata"]["continue"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        if more.is_empty() {
            return (found, count);
        }
        let left = list["metadata"]["remainingItemCount"].as_u64();
        assert_eq!(left, Some((MANY - found.len()) as u64));
    }
}

#[tokio::test]
async fn a_real_apiserver_lives_on_kvtool() {
    const TEST: &str = "a_real_apiserver_lives_on_kvtool";
    let Some(program) = apiserver::find() else {
        return skip(TEST, "there is no kube-apiserver");
    };
    let directory = tempfile::tempdir().unwrap();
    let (data, port) = (directory.path().join("data"), free_port());
    let mut etcd = Server::start_at(&Program::Kvtool, &data, port, &[]);
    let started = |name: &str| directory.path().join(name);
    let (api, took) = Apiserver::start(&program, &started("cached"), &etcd.endpoint(), &[]).await;
    note(TEST, &format!("ready after {:.1} s", took.as_secs_f64()));
    let uncached = ["--watch-cache=false", "--endpoint-reconciler-type=none"];
    let (direct, _) =
        Apiserver::start(&program, &started("direct"), &etcd.endpoint(), &uncached).await;

    health(&api).await;
    objects(&api).await;
    let mut watch = watched(&api).await;
    definitions(&api).await;
    many(&api, &direct).await;
    events_end(&api).await;
    expired(&direct).await;

    let mut calls = called(&get(port, "/metrics").await);
    // The etcd goes and comes, and nothing is missed.
    let before = api.get(MAPS).await.expect(200);
    assert!(etcd.terminate().success());
    eventually("/readyz says so", async || {
        api.text("/readyz").await.0 != 200
    })
    .await;
    let mut etcd = Server::start_at(&Program::Kvtool, &data, port, &[]);
    api.is_ready().await;
    let after = api.get(MAPS).await.expect(200);
    assert_eq!(names(&after), names(&before));
    api.create(MAPS, map("after", "the restart"))
        .await
        .expect(201);
    let is_after = |event: &Value| event["object"]["metadata"]["name"] == "after";
    let seen = match watch.find(is_after).await {
        Some(seen) => seen,
        // The apiserver may end its own watches when it begins anew. They are begun again where
        // they stood.
        None => {
            let path = format!("{MAPS}?watch=true&resourceVersion={}", version(&before));
            api.watch(&path).await.find(is_after).await.unwrap()
        }
    };
    assert_eq!(seen["type"], "ADDED");
    assert_eq!(api.delete(&format!("{MAPS}/after")).await.status, 200);

    note(TEST, &format!("called: {}", calls.join(" ")));
    calls.extend(called(&get(port, "/metrics").await));
    let bare: BTreeSet<&str> = calls
        .iter()
        .filter_map(|call| call.split_once('='))
        .map(|(method, _)| method)
        .collect();
    assert_eq!(bare, METHODS.into());
    for log in [api.log(), direct.log()] {
        // Refused connections while the etcd was away are no news.
        for word in ["panic", "Unimplemented", "invalid UTF-8", "corrupt"] {
            let line = log.lines().find(|line| line.contains(word));
            assert_eq!(line, None);
        }
    }
    drop((api, direct));
    assert!(etcd.terminate().success());
}

/// A cluster began on a real etcd, whose program is then replaced; its flags and directory stay.
#[tokio::test]
async fn a_real_apiserver_goes_on_where_its_etcd_was_replaced() {
    const TEST: &str = "a_real_apiserver_goes_on_where_its_etcd_was_replaced";
    let Some(program) = apiserver::find() else {
        return skip(TEST, "there is no kube-apiserver");
    };
    let Some(theirs) = Etcd::find().filter(|etcd| etcd.version >= (3, 7)) else {
        return skip(TEST, "no etcd of version 3.7");
    };
    let directory = tempfile::tempdir().unwrap();
    let ours = directory.path().join("etcd");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kvtool"), &ours).unwrap();
    let (port, data) = (free_port(), directory.path().join("data"));
    let (clients, peers) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", free_port()),
    );
    let start = |program: &Path| {
        let mut command = Command::new(program);
        command
            .args(["--name=a", "--data-dir"])
            .arg(&data)
            .args(["--listen-client-urls", &clients])
            .args(["--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers])
            .args(["--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("a={peers}")]);
        Server::launch(command, ([127, 0, 0, 1], port).into())
    };
    let mut etcd = start(&theirs.path);
    let own = directory.path().join("apiserver");
    let (api, _) = Apiserver::start(&program, &own, &etcd.endpoint(), &[]).await;
    api.create("/api/v1/namespaces", json!({"metadata": {"name": "test"}}))
        .await
        .expect(201);
    for name in ["one", "two"] {
        api.create(MAPS, map(name, "of an etcd")).await.expect(201);
    }
    let before = api.get(MAPS).await.expect(200);
    etcd.terminate();
    let mut etcd = start(&ours);
    assert_eq!(etcd.logged("took over the keyspace of an etcd"), 1);
    api.is_ready().await;
    let after = api.get(MAPS).await.expect(200);
    assert_eq!(after["items"], before["items"]);
    // What is written with a version of before is written, and who watches from there sees it.
    let path = format!("{MAPS}?watch=true&resourceVersion={}", version(&before));
    let mut changed = after["items"][0].clone();
    changed["data"]["value"] = json!("of a kvtool");
    let name = format!("{MAPS}/{}", names(&after)[0]);
    assert_eq!(api.update(&name, changed).await.status, 200);
    let seen = api.watch(&path).await.find(|_| true).await.unwrap();
    assert_eq!(seen["type"], "MODIFIED");
    assert_eq!(seen["object"]["data"]["value"], "of a kvtool");
    drop(api);
    assert!(etcd.terminate().success());
}

/// How often each method was called, from the server's own metrics.
fn called(page: &str) -> Vec<String> {
    let of = |line: &str, label: &str| {
        let (_, rest) = line.split_once(&format!("{label}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let begun = page
        .lines()
        .filter(|line| line.starts_with("grpc_server_started_total{"));
    begun
        .filter_map(|line| {
            let count = line.rsplit_once(' ')?.1;
            let service = of(line, "grpc_service")?;
            let service = service.trim_start_matches("etcdserverpb.");
            (count != "0")
                .then(|| of(line, "grpc_method"))?
                .map(|method| format!("{service}/{method}={count}"))
        })
        .collect()
}

async fn health(api: &Apiserver) {
    for (path, checks) in [
        ("/readyz", &["etcd", "etcd-readiness", "informer-sync"][..]),
        ("/livez", &["etcd"]),
    ] {
        let (status, text) = api.text(&format!("{path}?verbose")).await;
        assert_eq!(status, 200, "{text}");
        for check in checks {
            assert!(text.contains(&format!("[+]{check} ok")), "{check}: {text}");
        }
    }
    let size = async || {
        let (_, page) = api.text("/metrics").await;
        let mut lines = page.lines();
        let line = lines.find(|line| line.starts_with("apiserver_storage_size_bytes{"));
        let size = line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        size.is_some_and(|bytes| bytes > 0.0)
    };
    eventually("the size of the storage is known", size).await;
}

async fn objects(api: &Apiserver) {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}});
    api.create("/api/v1/namespaces", space.clone())
        .await
        .expect(201);
    let again = api.create("/api/v1/namespaces", space).await.expect(409);
    assert_eq!(again["reason"], "AlreadyExists");
    let one = format!("{MAPS}/one");
    let first = api.create(MAPS, map("one", "1")).await.expect(201);
    assert_eq!(api.get(&one).await.expect(200), first);
    let mut second = first.clone();
    second["data"]["value"] = json!("2");
    let second = api.update(&one, second).await.expect(200);
    assert_ne!(version(&second), version(&first));
    let stale = api.update(&one, first).await.expect(409);
    assert_eq!(stale["reason"], "Conflict");
    let changed = json!({"data": {"value": "3"}});
    let third = api.patch(&one, changed).await.expect(200);
    assert_eq!(third["data"]["value"], "3");
    // Nothing is changed: nothing is written.
    let same = json!({"data": {"value": "3"}});
    let same = api.patch(&one, same).await.expect(200);
    assert_eq!(version(&same), version(&third));
    // As it was before, which is in no cache of this request's.
    let then = version(&second);
    let list = format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact");
    let list = api.get(&list).await.expect(200);
    assert_eq!(version(&list), then);
    let was = &list["items"].as_array().unwrap()[..];
    let was = was.iter().find(|item| item["metadata"]["name"] == "one");
    assert_eq!(was.unwrap()["data"]["value"], "2");
    api.delete(&one).await.expect(200);
    api.get(&one).await.expect(404);
    api.delete(&one).await.expect(404);
}

/// Begins with what is there, says where that ends, and goes on.
async fn watched(api: &Apiserver) -> Watch {
    api.create(MAPS, map("seen", "1")).await.expect(201);
    let from = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let path = format!("{MAPS}?{from}&allowWatchBookmarks=true");
    let mut watch = api.watch(&path).await;
    let is_seen = |event: &Value| event["object"]["metadata"]["name"] == "seen";
    let seen = watch.find(is_seen).await.unwrap();
    let is_bookmark = |event: &Value| event["type"] == "BOOKMARK";
    let mark = watch.find(is_bookmark).await.unwrap();
    let notes = &mark["object"]["metadata"]["annotations"];
    assert_eq!(notes["k8s.io/initial-events-end"], "true");
    // The same from a revision on.
    let since = version(&seen["object"]);
    let path = format!("{MAPS}?watch=true&resourceVersion={since}");
    let mut later = api.watch(&path).await;
    let seen = format!("{MAPS}/seen");
    api.patch(&seen, json!({"data": {"value": "2"}}))
        .await
        .expect(200);
    api.delete(&seen).await.expect(200);
    for watch in [&mut watch, &mut later] {
        for kind in ["MODIFIED", "DELETED"] {
            let event = watch.find(is_seen).await.unwrap();
            assert_eq!(event["type"], kind);
            // A deleted object is told as it was.
            assert_eq!(event["object"]["data"]["value"], "2");
        }
    }
    watch
}

/// A kind of our own, its objects, and their end.
async fn definitions(api: &Apiserver) {
    const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const THINGS: &str = "/apis/test.example/v1/namespaces/test/things";
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.example"},
        "spec": {
            "group": "test.example", "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema}}],
        },
    });
    api.create(DEFINITIONS, definition).await.expect(201);
    eventually("the kind is served", async || {
        api.get(THINGS).await.status == 200
    })
    .await;
    let thing = json!({
        "apiVersion": "test.example/v1", "kind": "Thing",
        "metadata": {"name": "one"}, "spec": {"size": 1},
    });
    let made = async || api.create(THINGS, thing.clone()).await.status == 201;
    eventually("one is made", made).await;
    assert_eq!(names(&api.get(THINGS).await.expect(200)), ["one"]);
    api.delete(&format!("{DEFINITIONS}/things.test.example"))
        .await
        .expect(200);
    eventually("the kind is gone", async || {
        api.get(THINGS).await.status == 404
    })
    .await;
}

/// Many objects in one list and in pages, from the cache and from the etcd itself.
async fn many(api: &Apiserver, direct: &Apiserver) {
    let name = |number: usize| format!("map-{number:04}");
    for begin in (0..MANY).step_by(100) {
        let made = (begin..begin + 100).map(|number| api.create(MAPS, map(&name(number), "x")));
        for made in futures_util::future::join_all(made).await {
            made.expect(201);
        }
    }
    let wanted: Vec<String> = (0..MANY).map(name).collect();
    let ours = |names: Vec<String>| -> Vec<String> {
        names
            .into_iter()
            .filter(|name| name.starts_with("map-"))
            .collect()
    };
    for api in [api, direct] {
        // No resourceVersion: as it is now, whoever answers.
        let all = api.get(MAPS).await.expect(200);
        assert_eq!(ours(names(&all)), wanted);
        let (paged, count) = pages(api, MAPS).await;
        assert_eq!(ours(paged), wanted);
        assert!(count >= MANY / PAGE);
        let any = format!("{MAPS}?resourceVersion=0");
        let any = names(&api.get(&any).await.expect(200));
        assert!(!any.is_empty());
    }
    let (_, page) = api.text("/metrics").await;
    let consistent = page.lines().any(|line| {
        line.starts_with("apiserver_watch_cache_consistent_read_total")
            && line.contains("success=\"true\"")
            && line.contains("fallback=\"false\"")
    });
    assert!(consistent, "no consistent list came from the cache");
}

/// An event lives as long as its lease.
async fn events_end(api: &Apiserver) {
    const EVENTS: &str = "/api/v1/namespaces/test/events";
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "one", "namespace": "test"},
        "involvedObject": {"kind": "ConfigMap", "name": "one", "namespace": "test"},
        "reason": "Test", "message": "a message", "type": "Normal",
    });
    api.create(EVENTS, event).await.expect(201);
    let one = format!("{EVENTS}/one");
    api.get(&one).await.expect(200);
    eventually("the event ends", async || api.get(&one).await.status == 404).await;
}

/// The apiserver compacts, and what was before is told as gone.
async fn expired(api: &Apiserver) {
    let first = format!("{MAPS}?limit={PAGE}");
    let list = api.get(&first).await.expect(200);
    let (old, more) = (
        version(&list),
        list["metadata"]["continue"].as_str().unwrap(),
    );
    let exact = format!("{MAPS}?resourceVersion={old}&resourceVersionMatch=Exact&limit=1");
    let is_gone = async || {
        let one = format!("{MAPS}/map-0000");
        api.patch(
            &one,
            json!({"data": {"at": rand::random::<u32>().to_string()}}),
        )
        .await
        .expect(200);
        api.get(&exact).await.status == 410
    };
    eventually("what was before is gone", is_gone).await;
    let gone = api.get(&exact).await.expect(410);
    assert_eq!(gone["reason"], "Expired");
    let next = format!("{MAPS}?limit={PAGE}&continue={more}");
    let gone = api.get(&next).await.expect(410);
    assert_eq!(gone["reason"], "Expired");
    // It offers to go on from where the list stood, as things are now.
    let again = gone["metadata"]["continue"].as_str().expect("a token");
    let rest = api
        .get(&format!("{MAPS}?limit={PAGE}&continue={again}"))
        .await;
    assert_eq!(names(&rest.expect(200)).len(), PAGE);
    let path = format!("{MAPS}?watch=true&resourceVersion={old}");
    let told = api.watch(&path).await.next().await.unwrap();
    assert_eq!(told["type"], "ERROR");
    assert_eq!(told["object"]["code"], 410);
}
