//! Two tenants of one server, on every store: neither sees the other, or is touched by what the
//! other is allowed; and `kvtool instance`, which says what that is.
#![allow(clippy::unwrap_used)]

mod support;

use kvtool::pb::etcdserverpb::alarm_request::AlarmAction;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::authority::Authority;
use support::client::{Client, get};
use support::cluster::Cluster;
use support::server::{Server, free_port};
use support::trio::Trio;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

/// Longer than anything here takes that ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// What has not come true yet is tried again after this long.
const AGAIN: Duration = Duration::from_millis(50);
/// The bound of one tenant, and a value of which a few fit in.
const QUOTA_BYTES: usize = 128 << 10;
const VALUE_BYTES: usize = 8 << 10;
/// Nobody else has this in his keyspace.
const SECRET: &str = "what the other must not see";

/// A server for tenants, and who signs their certificates.
struct Site {
    authority: Authority,
    directory: tempfile::TempDir,
    store: Vec<String>,
    /// What makes names of instances its own, where others use the same store.
    mark: u32,
    port: u16,
    watched: u16,
    server: Option<Server>,
}

impl Site {
    /// One for each store there is.
    fn all(test: &str) -> Vec<Self> {
        let flag = |store: &str| vec![format!("--store={store}")];
        let mut stores: Vec<_> = ["memory", "local", "raft"].map(flag).into();
        if let Some(cluster) = Cluster::get(test) {
            let file = format!("--fdb-cluster-file={}", cluster.file().display());
            stores.push(vec!["--store=fdb".to_owned(), file]);
        }
        stores.into_iter().map(Self::on).collect()
    }

    fn on(store: Vec<String>) -> Self {
        let mut site = Self {
            authority: Authority::new(),
            directory: tempfile::tempdir().unwrap(),
            store,
            mark: rand::random(),
            port: free_port(),
            watched: free_port(),
            server: None,
        };
        site.start();
        site
    }

    fn start(&mut self) {
        let path = self.directory.path();
        let files = self.authority.issue_files(path);
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
        command.arg("serve").args(&self.store).args([
            format!("--instance=own-{}", self.mark),
            "--instance-from=client-cert:san-dns".to_owned(),
            flag("cert-file", &files.certificate),
            flag("key-file", &files.key),
            flag("trusted-ca-file", &files.authority),
            format!("--listen-client-urls=https://127.0.0.1:{}", self.port),
            format!("--listen-metrics-urls=http://127.0.0.1:{}", self.watched),
            format!("--listen-control-urls={}", self.control()),
        ]);
        if self.is_on("local") || self.is_on("raft") {
            command.arg(flag("data-dir", &path.join("data")));
        }
        self.server = Some(Server::launch(command, ([127, 0, 0, 1], self.port).into()));
    }

    fn is_on(&self, store: &str) -> bool {
        self.store[0] == format!("--store={store}")
    }

    fn control(&self) -> String {
        let socket = self.directory.path().join("control.sock");
        format!("unix://{}", socket.display())
    }

    fn name(&self, tenant: &str) -> String {
        format!("{tenant}-{}", self.mark)
    }

    async fn client(&self, tenant: &str) -> Client {
        let name = self.name(tenant);
        let (certificate, key) = self.authority.issue_to("anybody", &[&name], 1);
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.pem()))
            .identity(Identity::from_pem(certificate, key));
        let endpoint = format!("https://localhost:{}", self.port);
        let endpoint = Endpoint::from_shared(endpoint).unwrap();
        let channel = endpoint.tls_config(tls).unwrap().connect().await;
        Client::over(channel.unwrap())
    }

    /// Runs `kvtool instance`.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
        command.arg("instance").args(arguments);
        command.env("KVTOOL_CONTROL_URL", self.control());
        command.output().unwrap()
    }

    /// The same, when it must succeed, as JSON.
    fn told(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-o", "json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A number of a tenant on the page of metrics.
    async fn counted(&self, metric: &str, tenant: &str) -> Option<f64> {
        let page = get(self.watched, "/metrics").await;
        let begin = format!("{metric}{{instance_name=\"{}\"}} ", self.name(tenant));
        let line = page.lines().find(|line| line.starts_with(&begin))?;
        line[begin.len()..].parse().ok()
    }
}

fn put(key: &str, value: Vec<u8>) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.into(),
        ..PutRequest::default()
    }
}

fn everything() -> RangeRequest {
    RangeRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        ..RangeRequest::default()
    }
}

/// A value that no store makes smaller.
fn value() -> Vec<u8> {
    std::iter::repeat_with(rand::random)
        .take(VALUE_BYTES)
        .collect()
}

/// Writes until that is refused; answers how often it was not, and what was said then.
async fn fill(client: &mut Client, most: usize) -> (usize, Option<Status>) {
    for done in 0..most {
        let written = client.kv.put(put(&format!("fill/{done}"), value())).await;
        if let Err(status) = written {
            return (done, Some(status));
        }
    }
    (most, None)
}

async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(Instant::now() < deadline, "not so: {what}");
        tokio::time::sleep(AGAIN).await;
    }
}

#[tokio::test]
async fn nothing_of_one_is_seen_by_the_other() {
    for site in Site::all("nothing_of_one_is_seen_by_the_other") {
        let (mut one, mut two) = (site.client("one").await, site.client("two").await);
        let create = RequestUnion::CreateRequest(WatchCreateRequest {
            key: "\0".into(),
            range_end: "\0".into(),
            start_revision: 1,
            prev_kv: true,
            ..WatchCreateRequest::default()
        });
        let create = WatchRequest {
            request_union: Some(create),
        };
        let (requests, receiver) = tokio::sync::mpsc::channel(1);
        requests.send(create).await.unwrap();
        let receiver = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let watched = two.watch.watch(receiver).await.unwrap();
        let mut watched = watched.into_inner();
        assert!(watched.message().await.unwrap().unwrap().created);

        for number in 0..20 {
            let secret = put(&format!("secret/{number}"), SECRET.into());
            one.kv.put(secret).await.unwrap();
        }
        let written = two.kv.put(put("own", "own".into())).await.unwrap();
        assert_eq!(written.into_inner().header.unwrap().revision, 2);
        let events = watched.message().await.unwrap().unwrap().events;
        let keys: Vec<_> = events
            .iter()
            .map(|event| &event.kv.as_ref().unwrap().key)
            .collect();
        assert_eq!(keys, ["own"]);

        let count = RangeRequest {
            count_only: true,
            ..everything()
        };
        for (client, keys) in [(&mut one, 20), (&mut two, 1)] {
            let counted = client.kv.range(count.clone()).await.unwrap();
            assert_eq!(counted.into_inner().count, keys);
        }
        let hash = |revision| HashKvRequest { revision };
        let hashed = two.maintenance.hash_kv(hash(0)).await.unwrap();
        assert_eq!(hashed.into_inner().hash_revision, 2);
        // A snapshot of one has its own keys, and nothing else of the store.
        let mut sizes = Vec::new();
        for (client, is_secret) in [(&mut one, true), (&mut two, false)] {
            let snapshot = client.maintenance.snapshot(SnapshotRequest {}).await;
            let mut snapshot = snapshot.unwrap().into_inner();
            let mut file = Vec::new();
            while let Some(piece) = snapshot.message().await.unwrap() {
                file.extend(piece.blob);
            }
            let secret = SECRET.as_bytes();
            let found = file.windows(secret.len()).any(|bytes| bytes == secret);
            assert_eq!(found, is_secret);
            let status = client.maintenance.status(StatusRequest {}).await.unwrap();
            sizes.push(status.into_inner().db_size);
        }
        assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
        if !site.is_on("fdb") {
            assert!(sizes[0] > sizes[1], "each has its own size: {sizes:?}");
        }
        let compact = CompactionRequest {
            revision: 10,
            physical: true,
        };
        one.kv.compact(compact).await.unwrap();
        let old = RangeRequest {
            revision: 1,
            ..everything()
        };
        two.kv.range(old).await.unwrap();
    }
}

/// Whether all metrics of tenants are in the manual, and no others.
fn documented(page: &str) {
    let named = |text: &str, begin: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(begin));
        let names = lines.filter_map(|rest| Some(rest.split(['`', ' ']).next()?.to_owned()));
        names
            .filter(|name| name.starts_with("kvtool_instance"))
            .collect()
    };
    let manual = named(include_str!("../docs/METRICS.md"), "| `");
    assert_eq!(named(page, "# TYPE "), manual);
}

#[tokio::test]
async fn what_one_may_take_and_ask_is_no_matter_of_the_other() {
    for mut site in Site::all("what_one_may_take_and_ask_is_no_matter_of_the_other") {
        let (name, other) = (site.name("one"), site.name("two"));
        let quota = QUOTA_BYTES.to_string();
        site.told(&["create", &name, "--size", &quota]);
        let (mut one, mut two) = (site.client("one").await, site.client("two").await);
        // The first call makes what nobody has made.
        two.kv.range(everything()).await.unwrap();
        // What FoundationDB estimates is too coarse for so few bytes.
        if !site.is_on("fdb") {
            let (done, status) = fill(&mut one, 100).await;
            let status = status.expect("it is full at last");
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert_eq!(
                status.message(),
                "etcdserver: mvcc: database space exceeded"
            );
            let most = QUOTA_BYTES / VALUE_BYTES;
            assert!((most / 4..=most).contains(&done), "{done} of {most}");
            // The other has the same disk, and no bound.
            assert_eq!(fill(&mut two, most).await.0, most);
            let refused = site.counted("kvtool_instance_refused_space_total", "one");
            assert!(refused.await >= Some(1.0));
            // What was refused by an estimate raises no alarm; the size is measured soon.
            let mut status = StatusResponse::default();
            eventually("the alarm is raised", async || {
                let refused = one.kv.put(put("more", value())).await;
                assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
                let told = one.maintenance.status(StatusRequest {}).await;
                status = told.unwrap().into_inner();
                !status.errors.is_empty()
            })
            .await;
            assert_eq!(status.db_size_quota, QUOTA_BYTES as i64);
            assert!(status.db_size <= QUOTA_BYTES as i64 + 4096, "{status:?}");
            assert!(status.errors[0].contains("NOSPACE"), "{:?}", status.errors);
            let of_two = two.maintenance.status(StatusRequest {}).await.unwrap();
            assert!(of_two.into_inner().errors.is_empty());
            // Deleted and compacted it has room again, once it has said that it knows.
            let delete = DeleteRangeRequest {
                key: "\0".into(),
                range_end: "\0".into(),
                ..DeleteRangeRequest::default()
            };
            one.kv.delete_range(delete).await.unwrap();
            let now = one.kv.range(everything()).await.unwrap().into_inner();
            let compact = CompactionRequest {
                revision: now.header.unwrap().revision,
                physical: true,
            };
            one.kv.compact(compact).await.unwrap();
            let disarm = AlarmRequest {
                action: AlarmAction::Deactivate.into(),
                alarm: AlarmType::Nospace.into(),
                member_id: now.header.unwrap().member_id,
            };
            one.maintenance.alarm(disarm).await.unwrap();
            eventually("there is room again", async || {
                one.kv.put(put("again", value())).await.is_ok()
            })
            .await;
        }

        // Now the rates of the other, which a running server obeys soon.
        site.told(&["quota", &other, "--requests", "5"]);
        let mut refusal = None;
        eventually("too many requests", async || {
            refusal = two.kv.range(everything()).await.err();
            refusal.is_some()
        })
        .await;
        let status = refusal.unwrap();
        assert_eq!(status.message(), "etcdserver: too many requests");
        for _ in 0..50 {
            one.kv.range(everything()).await.unwrap();
        }
        let refused = "kvtool_instance_refused_rate_total";
        assert!(site.counted(refused, "two").await >= Some(1.0));
        assert_eq!(site.counted(refused, "one").await, Some(0.0));
        documented(&get(site.watched, "/metrics").await);
        // A lease is not lost by that.
        let keep_alive = LeaseKeepAliveRequest { id: 77 };
        for _ in 0..20 {
            let kept = two
                .lease
                .lease_keep_alive(tokio_stream::iter([keep_alive]))
                .await;
            let kept = kept.unwrap().into_inner().message().await.unwrap();
            assert_eq!(kept.unwrap().ttl, 0, "there is none, and it is said so");
        }
        // Bytes: a large write is made up for by those after it.
        site.told(&["quota", &other, "--requests", "none", "--write-bytes", "64"]);
        // More at once than the former bound has ever let in.
        eventually("the former bound is gone", async || {
            for _ in 0..20 {
                if two.kv.range(everything()).await.is_err() {
                    return false;
                }
            }
            true
        })
        .await;
        let large = two.kv.put(put("large", value())).await;
        large.expect("one is let in, however large");
        let refused = two.kv.put(put("small", Vec::new())).await;
        assert_eq!(
            refused.unwrap_err().message(),
            "etcdserver: too many requests"
        );
        two.kv.range(everything()).await.expect("reads go on");

        if site.is_on("memory") {
            continue;
        }
        // It is kept with the instance.
        drop((one, two));
        assert!(site.server.take().unwrap().terminate().success());
        site.start();
        let told = site.told(&["list"]);
        let rows = told["instances"].as_array().unwrap();
        let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row(&name)["quota_bytes"], QUOTA_BYTES);
        assert_eq!(row(&name)["open"], false);
        assert!(row(&name)["size_bytes"].as_u64() > Some(0), "{told}");
        assert_eq!(row(&other)["requests_per_second"], Value::Null);
        assert_eq!(row(&other)["write_bytes_per_second"], 64);
    }
}

#[tokio::test]
async fn instances_are_made_shown_and_deleted() {
    for site in Site::all("instances_are_made_shown_and_deleted") {
        let (one, own) = (site.name("one"), site.name("own"));
        let code = |arguments: &[&str]| site.run(arguments).status.code();
        let made = site.told(&["create", &one, "--requests", "1000"]);
        assert_eq!(made["instances"][0]["requests_per_second"], 1000);
        assert_eq!(made["instances"][0]["revision"], Value::Null);
        assert_eq!(code(&["create", &one]), Some(4), "there is one");
        assert_eq!(code(&["quota", "nobody", "--size", "1MiB"]), Some(4));
        assert_eq!(code(&["quota", &one, "--size", "much"]), Some(2));
        assert_eq!(
            code(&["list", "--control-url", "http://192.0.2.1:1"]),
            Some(2)
        );
        assert_eq!(code(&["list", "--control-url", "unix:///nowhere"]), Some(3));

        let mut client = site.client("one").await;
        client.kv.put(put("a", value())).await.unwrap();
        let listed = site.told(&["list"]);
        let rows = listed["instances"].as_array().unwrap();
        let row = |name: &str| rows.iter().find(|row| row["name"] == *name).cloned();
        let open = row(&one).unwrap();
        assert_eq!(
            (&open["open"], &open["revision"]),
            (&true.into(), &2.into())
        );
        assert_eq!(row(&own).unwrap()["open"], true);
        let table = site.run(&["list"]).stdout;
        assert!(String::from_utf8_lossy(&table).starts_with("NAME"));

        // Nobody is asked where there is no terminal, and the server's own stays.
        let refused = site.run(&["delete", &one]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("--yes"));
        assert_eq!(code(&["delete", &own, "--yes"]), Some(4));
        let deleted = site.told(&["delete", &one, "--yes"]);
        assert_eq!(deleted["deleted"], one);
        assert_eq!(code(&["delete", &one, "--yes"]), Some(4));
        let listed = site.told(&["list"]);
        let rows = listed["instances"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["name"] != one), "{listed}");
        // Whoever worked there begins anew, over the same connection.
        let mut found = None;
        eventually("he is served again", async || {
            found = client.kv.range(everything()).await.ok();
            found.is_some()
        })
        .await;
        let found = found.unwrap().into_inner();
        assert_eq!((found.count, found.header.unwrap().revision), (0, 1));
        client.kv.put(put("a", value())).await.unwrap();
    }
}

/// In a group a tenant's writes are made by the member that leads, if it has the tenant open.
#[tokio::test]
async fn writes_of_tenants_go_to_the_member_that_leads() {
    const SAID: &str = "writes go to the server that leads";
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let trio = Trio::at(&directory.path().join("data"));
    let files = authority.issue_files(directory.path());
    let ports = [(); 3].map(|()| free_port());
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let start = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
        command.arg("serve").args(trio.flags(number)).args([
            "--instance-from=client-cert:san-dns".to_owned(),
            "--log-level=debug".to_owned(),
            flag("cert-file", &files.certificate),
            flag("key-file", &files.key),
            flag("trusted-ca-file", &files.authority),
            format!("--listen-client-urls=https://127.0.0.1:{}", ports[number]),
        ]);
        Server::run(command, ([127, 0, 0, 1], ports[number]).into())
    };
    let members = [0, 1, 2].map(start);
    assert!(members.iter().all(Server::ready));
    let (certificate, key) = authority.issue_to("anybody", &["tenant"], 1);
    let connect = async |number: usize| {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authority.pem()))
            .identity(Identity::from_pem(&certificate, &key));
        let endpoint = format!("https://localhost:{}", ports[number]);
        let endpoint = Endpoint::from_shared(endpoint).unwrap();
        Client::over(endpoint.tls_config(tls).unwrap().connect_lazy())
    };
    let mut clients = [connect(0).await, connect(1).await, connect(2).await];
    for client in &mut clients {
        eventually("a member serves", async || {
            client.kv.range(everything()).await.is_ok()
        })
        .await;
    }
    // Two follow, each with its own keyspace and with the tenant's.
    eventually("writes are handed over", async || {
        let said: usize = members.iter().map(|member| member.logged(SAID)).sum();
        said >= 4
    })
    .await;
    for (number, client) in clients.iter_mut().enumerate() {
        let written = client.kv.put(put(&format!("{number}"), value())).await;
        let revision = written.unwrap().into_inner().header.unwrap().revision;
        assert_eq!(revision, 2 + number as i64);
        let read = client.kv.range(everything()).await.unwrap().into_inner();
        assert_eq!(read.kvs.len(), number + 1);
    }
}
