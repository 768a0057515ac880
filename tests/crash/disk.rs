//! Data directories that cannot be served: one sentence, a failing exit, nothing lost.

use crate::support;
use crate::support::client::Client;
use crate::support::mount::Mount;
use crate::support::random::Random;
use crate::support::server::{Program, Server, free_port};
use kvtool::pb::etcdserverpb::*;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::{Code, Status};

/// Keys that are written before the fault and must be there after it.
const KEYS: usize = 60;

/// Bytes of their values: some are kept apart from their keys.
const VALUE_BYTES: [usize; 3] = [10, 3_000, 100_000];

/// Space that is left on a disk that is about to be full.
const SPARE_BYTES: u64 = 4 << 20;

/// How long a server with a fault may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the servers have a directory of their own, which can be damaged.
fn has_directory(test: &str) -> bool {
    let is_shared = std::env::var("KVTOOL_TEST_STORE").as_deref() == Ok("fdb");
    if is_shared {
        support::skip(
            test,
            "there is no data directory with KVTOOL_TEST_STORE=fdb",
        );
    }
    !is_shared
}

fn key(number: usize) -> String {
    format!("key/{number:05}")
}

fn value(number: usize) -> Vec<u8> {
    let length = VALUE_BYTES[number % VALUE_BYTES.len()];
    let mut random = Random::new(number as u64);
    let words = std::iter::repeat_with(|| random.next().to_le_bytes());
    words.flatten().take(length).collect()
}

async fn put(client: &mut Client, number: usize) -> Result<(), Status> {
    let request = PutRequest {
        key: key(number).into(),
        value: value(number).into(),
        ..PutRequest::default()
    };
    let put = tokio::time::timeout(PATIENCE, client.kv.put(request));
    let put = put
        .await
        .map_err(|_| Status::deadline_exceeded("no answer"))?;
    put.map(|_| ())
}

/// The number of keys, if the store can be read; panics when one of them is wrong.
async fn read_all(endpoint: &str) -> Result<usize, Status> {
    let client = Client::connect(endpoint).await;
    let mut client = client.map_err(|error| Status::unavailable(error.to_string()))?;
    let request = RangeRequest {
        key: "key/".into(),
        range_end: "key0".into(),
        ..RangeRequest::default()
    };
    let answer = client.kv.range(request).await?.into_inner();
    for (number, kv) in answer.kvs.iter().enumerate() {
        assert_eq!(kv.key, key(number));
        assert!(
            kv.value == value(number),
            "{} has a wrong value",
            key(number)
        );
    }
    Ok(answer.kvs.len())
}

/// A directory in which a server has written `KEYS` keys and stopped.
async fn fill(directory: &Path) {
    let mut server = Server::start(&Program::Kvtool, directory, &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    for number in 0..KEYS {
        put(&mut client, number).await.expect("puts");
    }
    let status = server.terminate();
    assert!(status.success(), "{status}: {}", server.log());
}

/// Waits for a server that refuses to run, and answers with its sentence.
fn refused(server: &mut Server) -> String {
    let status = server.wait_exit();
    let log = server.log();
    assert!(!status.success(), "it ended well: {log}");
    assert!(!log.contains("panicked"), "{log}");
    let said = log.lines().filter_map(|line| line.strip_prefix("kvtool: "));
    let said = Vec::from_iter(said);
    assert_eq!(said.len(), 1, "one sentence, not: {log}");
    said[0].to_owned()
}

fn start_refused(directory: &Path) -> String {
    refused(&mut Server::spawn(
        &Program::Kvtool,
        directory,
        free_port(),
        &[],
    ))
}

async fn assert_whole(directory: &Path) {
    let server = Server::start(&Program::Kvtool, directory, &[]);
    assert_eq!(read_all(&server.endpoint()).await.expect("reads"), KEYS);
}

/// Every file below a directory, with its content.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = std::fs::read(&path).expect("reads");
            found.insert(path, content);
        }
    }
    found
}

/// How much of a file was written: journals end in holes.
fn written_bytes(content: &[u8]) -> usize {
    let last = content.iter().rposition(|byte| *byte != 0);
    last.map_or(1, |last| last + 1)
}

/// Puts a directory back to what it held.
fn restore(directory: &Path, whole: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in files(directory).into_keys() {
        std::fs::remove_file(path).expect("removes");
    }
    for (path, content) in whole {
        std::fs::create_dir_all(path.parent().expect("in a directory")).expect("makes");
        let mut file = std::fs::File::create(path).expect("creates");
        let written = written_bytes(content).min(content.len());
        file.write_all(&content[..written]).expect("writes");
        file.set_len(content.len() as u64).expect("sets its length");
    }
}

#[tokio::test]
async fn a_second_process_is_refused_and_the_first_goes_on() {
    if !has_directory("crash disk second process") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(&Program::Kvtool, directory.path(), &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    put(&mut client, 0).await.expect("puts");
    let sentence = start_refused(directory.path());
    assert!(sentence.contains("another kvtool uses"), "{sentence}");
    put(&mut client, 1).await.expect("puts");
    assert_eq!(read_all(&server.endpoint()).await.expect("reads"), 2);
}

#[tokio::test]
async fn a_taken_port_is_refused() {
    if !has_directory("crash disk taken port") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = taken.local_addr().expect("bound").port();
    let mut server = Server::spawn(&Program::Kvtool, directory.path(), port, &[]);
    let sentence = refused(&mut server);
    assert!(sentence.contains(&port.to_string()), "{sentence}");
}

#[tokio::test]
async fn a_newer_format_is_refused_and_not_touched() {
    if !has_directory("crash disk newer format") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    fill(directory.path()).await;
    let format = directory.path().join("FORMAT");
    let ours = std::fs::read_to_string(&format).expect("reads");
    std::fs::write(&format, "kvtool data format 999\n").expect("writes");
    let before = files(directory.path());
    let sentence = start_refused(directory.path());
    assert!(sentence.contains("use a newer kvtool"), "{sentence}");
    assert!(files(directory.path()) == before, "the directory changed");
    std::fs::write(&format, ours).expect("writes");
    assert_whole(directory.path()).await;
}

/// One damaged byte in any file: the start is refused, or a read is, or all is there.
#[tokio::test]
async fn a_damaged_file_never_makes_a_wrong_answer() {
    if !has_directory("crash disk damaged file") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    fill(directory.path()).await;
    let whole = files(directory.path());
    let mut outcomes = BTreeMap::<_, usize>::new();
    for (path, content) in &whole {
        if content.is_empty() {
            continue;
        }
        restore(directory.path(), &whole);
        let mut random = Random::new(content.len() as u64);
        let at = random.below(written_bytes(content) as u64) as usize;
        let mut damaged = content.clone();
        damaged[at] ^= 0x40;
        std::fs::write(path, &damaged).expect("writes");
        let mut server = Server::spawn(&Program::Kvtool, directory.path(), free_port(), &[]);
        let read = if server.ready() {
            read_all(&server.endpoint()).await
        } else {
            Err(Status::unavailable("it does not start"))
        };
        let outcome = match read {
            Ok(count) => {
                assert_eq!(count, KEYS, "byte {at} of {} is damaged", path.display());
                "nothing is lost"
            }
            // A server that cannot be reached must say why.
            Err(status) if status.code() == Code::Unavailable => {
                refused(&mut server);
                "the server refuses to run"
            }
            Err(status) => {
                assert!(!server.log().contains("panicked"), "{status}");
                "reads are refused"
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    support::note("crash disk", &format!("one damaged byte: {outcomes:?}"));
}

#[tokio::test]
async fn a_read_only_disk_is_refused() {
    if !has_directory("crash disk read-only") {
        return;
    }
    let Some(mount) = Mount::new("crash disk read-only", "size=256m") else {
        return;
    };
    fill(&mount.data()).await;
    mount.remount("ro");
    let sentence = start_refused(&mount.data());
    assert!(sentence.contains("read-only"), "{sentence}");
    mount.remount("rw");
    assert_whole(&mount.data()).await;
}

#[tokio::test]
async fn a_full_disk_loses_nothing_acknowledged() {
    if !has_directory("crash disk full") {
        return;
    }
    let Some(mount) = Mount::new("crash disk full", "size=192m") else {
        return;
    };
    let mut server = Server::start(&Program::Kvtool, &mount.data(), &[]);
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    put(&mut client, 0).await.expect("puts");
    let filler = mount.fill(SPARE_BYTES);
    let mut acknowledged = 1;
    let refusal = loop {
        match put(&mut client, acknowledged).await {
            Ok(()) => acknowledged += 1,
            Err(status) => break status,
        }
    };
    let sentence = refused(&mut server);
    assert!(sentence.contains("is full"), "{sentence} ({refusal})");
    std::fs::remove_file(filler).expect("removes");
    let server = Server::start(&Program::Kvtool, &mount.data(), &[]);
    let found = read_all(&server.endpoint()).await.expect("reads");
    // The refused put may have reached the disk; none before it may be missing.
    assert!(
        (acknowledged..=acknowledged + 1).contains(&found),
        "{acknowledged} were acknowledged, {found} are there"
    );
}
