//! A million keys: filled, listed, paged, counted, compacted, restarted, dumped.
//!
//! Runs when asked for, best on an optimized build:
//!
//! ```text
//! KVTOOL_TEST_LONG=1 cargo test --release --test million -- --nocapture
//! ```
//!
//! `KVTOOL_TEST_KEYS` sets another number of keys. Time and memory are printed, beside those of a
//! real etcd when there is one.

mod support;

use kvtool::pb::etcdserverpb::*;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::client::Client;
use support::server::{Etcd, Program, Server, free_port};

const DEFAULT_KEYS: u64 = 1_000_000;
const VALUE_BYTES: usize = 256;

/// Connections, and requests under way on each.
const CONNECTIONS: usize = 4;
const REQUESTS: usize = 32;

/// Keys of one answer when all are listed, and of the page that is timed.
const LIST_PAGE: i64 = 10_000;
const PAGE: i64 = 500;

const PREFIX: &str = "million/";
const PREFIX_END: &str = "million0";

fn key(number: u64) -> String {
    format!("{PREFIX}{number:010}")
}

fn range() -> RangeRequest {
    RangeRequest {
        key: PREFIX.into(),
        range_end: PREFIX_END.into(),
        ..RangeRequest::default()
    }
}

/// One line per stage: what it took, and the memory after it.
struct Figures<'a> {
    name: &'a str,
    lines: Vec<String>,
}

impl Figures<'_> {
    fn take(&mut self, stage: &str, server: &Server, took: Duration) {
        let memory = |field| server.memory_kib(field).unwrap_or(0) / 1024;
        self.lines.push(format!(
            "{:<8} {stage:<22} {:>10.1} ms   VmRSS {:>5} MiB   VmHWM {:>5} MiB",
            self.name,
            took.as_secs_f64() * 1000.0,
            memory("VmRSS"),
            memory("VmHWM"),
        ));
    }
}

async fn fill(endpoint: &str, keys: u64) {
    let next = Arc::<AtomicU64>::default();
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = Client::connect(endpoint).await.expect("connects");
        for _ in 0..REQUESTS {
            let (mut client, next) = (client.clone(), Arc::clone(&next));
            tasks.push(tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= keys {
                        return;
                    }
                    let put = PutRequest {
                        key: key(number).into(),
                        value: vec![b'v'; VALUE_BYTES].into(),
                        ..PutRequest::default()
                    };
                    client.kv.put(put).await.expect("puts");
                }
            }));
        }
    }
    for task in tasks {
        task.await.expect("puts");
    }
}

async fn list(client: &mut Client, keys: u64) {
    let mut request = RangeRequest {
        limit: LIST_PAGE,
        ..range()
    };
    let mut found = 0;
    loop {
        let answer = client.kv.range(request.clone()).await.expect("lists");
        let answer = answer.into_inner();
        for kv in &answer.kvs {
            assert_eq!(kv.key, key(found));
            found += 1;
        }
        if !answer.more {
            break;
        }
        request.revision = answer.header.expect("a header").revision;
        request.key = [key(found - 1).as_bytes(), &[0]].concat().into();
    }
    assert_eq!(found, keys);
}

async fn page(client: &mut Client, keys: u64) {
    let request = RangeRequest {
        limit: PAGE,
        ..range()
    };
    let answer = client.kv.range(request).await.expect("reads a page");
    let answer = answer.into_inner();
    assert_eq!(answer.count as u64, keys);
    assert_eq!(answer.kvs.len() as u64, keys.min(PAGE as u64));
}

async fn count(client: &mut Client, keys: u64) {
    let request = RangeRequest {
        count_only: true,
        ..range()
    };
    let answer = client.kv.range(request).await.expect("counts");
    assert_eq!(answer.into_inner().count as u64, keys);
}

async fn compact(client: &mut Client) {
    let answer = client.kv.range(range_of_one()).await.expect("reads");
    let revision = answer.into_inner().header.expect("a header").revision;
    let request = CompactionRequest {
        revision,
        physical: true,
    };
    client.kv.compact(request).await.expect("compacts");
}

fn range_of_one() -> RangeRequest {
    RangeRequest {
        limit: 1,
        ..range()
    }
}

/// `kvtool dump` counts for itself what it is sent.
fn dump(endpoint: &str, keys: u64) {
    let output = Command::new(env!("CARGO_BIN_EXE_kvtool"))
        .args(["dump", "--endpoints", endpoint, "--prefix", PREFIX])
        .args(["--output", "jsonl"])
        .stdin(Stdio::null())
        .output()
        .expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines as u64, keys);
}

async fn measure(program: &Program, name: &str, directory: &Path, keys: u64) -> Vec<String> {
    let mut figures = Figures {
        name,
        lines: Vec::new(),
    };
    let quota: &[&str] = match program {
        Program::Etcd(_) => &["--quota-backend-bytes=8589934592"],
        Program::Kvtool => &[],
    };
    let port = free_port();
    let mut server = Server::start_at(program, directory, port, quota);
    figures.take("empty", &server, Duration::ZERO);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");

    let start = Instant::now();
    fill(&server.endpoint(), keys).await;
    figures.take("filled", &server, start.elapsed());

    let start = Instant::now();
    list(&mut client, keys).await;
    figures.take("listed, by 10,000", &server, start.elapsed());

    let start = Instant::now();
    page(&mut client, keys).await;
    figures.take("a page of 500", &server, start.elapsed());

    let start = Instant::now();
    count(&mut client, keys).await;
    figures.take("counted", &server, start.elapsed());

    let start = Instant::now();
    fill(&server.endpoint(), keys).await;
    figures.take("overwritten", &server, start.elapsed());

    let start = Instant::now();
    compact(&mut client).await;
    figures.take("compacted, physical", &server, start.elapsed());

    let start = Instant::now();
    server.terminate();
    figures.take("stopped", &server, start.elapsed());

    let start = Instant::now();
    server = Server::start_at(program, directory, port, quota);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    page(&mut client, keys).await;
    figures.take("restarted, a page read", &server, start.elapsed());

    let start = Instant::now();
    dump(&server.endpoint(), keys);
    figures.take("dumped", &server, start.elapsed());
    figures.lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_keys() {
    if !support::long() {
        return support::skip("million", "takes minutes; set KVTOOL_TEST_LONG=1");
    }
    let keys = support::env_number("KVTOOL_TEST_KEYS", DEFAULT_KEYS);
    let directories = tempfile::tempdir().expect("a temporary directory");
    let ours = directories.path().join("kvtool");
    let mut lines = measure(&Program::subject(), "kvtool", &ours, keys).await;
    match Etcd::find() {
        Some(mut etcd) => {
            etcd.durable = true;
            let theirs = directories.path().join("etcd");
            lines.extend(measure(&Program::Etcd(etcd), "etcd", &theirs, keys).await);
        }
        None => support::skip("million", "no etcd to stand beside; set KVTOOL_TEST_ETCD"),
    }
    for line in lines {
        support::note("million", &format!("{keys} keys: {line}"));
    }
}
