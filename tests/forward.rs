//! Several kvtool processes on one FoundationDB cluster, which hand their writes to the one that
//! leads; the leader is killed, frozen or stopped under load.
//!
//! - `KVTOOL_FORWARD_ROUNDS`: how often.

mod support;

use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::client::Client;
use support::cluster::Cluster;
use support::random::Random;
use support::server::{Server, free_port};
use tonic::Code;

/// Rounds of a run nobody asked more of.
const DEFAULT_ROUNDS: usize = 4;
/// Writers of each server.
const WRITERS: usize = 8;
/// Longer than anything here takes that ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that names no leader, or an old one, is asked again after this long.
const ELECTION_LOOK: Duration = Duration::from_millis(100);

/// What happens to a leader.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// `kill -9`.
    Kill,
    /// Frozen until another leads, then thawed.
    Freeze,
    /// Asked to stop.
    Stop,
}

/// Servers of one instance of a cluster.
struct Servers {
    instance: String,
    running: Vec<Option<Server>>,
    ports: Vec<u16>,
    cluster: &'static Cluster,
}

impl Servers {
    fn start(cluster: &'static Cluster, instance: &str, count: usize) -> Self {
        let mut servers = Self {
            instance: instance.to_owned(),
            running: Vec::new(),
            ports: (0..count).map(|_| free_port()).collect(),
            cluster,
        };
        for number in 0..count {
            servers.running.push(None);
            servers.start_one(number);
        }
        servers
    }

    fn start_one(&mut self, number: usize) {
        let name = format!("s{number}");
        let server = Server::spawn_on(self.cluster, &self.instance, &name, self.ports[number]);
        assert!(server.ready(), "{}", server.log());
        self.running[number] = Some(server);
    }

    fn endpoint(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[number])
    }

    async fn client(&self, number: usize) -> Client {
        Client::connect(&self.endpoint(number))
            .await
            .expect("connects")
    }

    /// Which server leads, as a server says; waits until that one serves.
    async fn leader(&self, asked: usize) -> Option<usize> {
        let mut client = self.client(asked).await;
        let status = client.maintenance.status(StatusRequest {}).await.ok()?;
        let leader = status.into_inner().leader;
        let list = client.cluster.member_list(MemberListRequest::default());
        let members = list.await.ok()?.into_inner().members;
        let member = members.into_iter().find(|member| member.id == leader);
        let name = member?.name;
        name.strip_prefix('s')?.parse().ok()
    }

    /// Waits until a server knows one that leads, and that `is_wanted`.
    async fn led_by(&self, asked: usize, is_wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let found = async {
            loop {
                match self.leader(asked).await {
                    Some(leader) if is_wanted(leader) => return leader,
                    _ => tokio::time::sleep(ELECTION_LOOK).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.ok()
    }

    fn signal(&self, number: usize, signal: &str) {
        let server = self.running[number].as_ref().expect("it runs");
        let sent = Command::new("kill")
            .args([format!("-{signal}"), server.pid().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
    }
}

/// What one writer was told.
#[derive(Default)]
struct Written {
    /// Each key, and the revision; `None` is an outcome that is not known.
    keys: Vec<(String, Option<i64>)>,
    longest: Duration,
}

/// Writes keys of its own, each once, until it is told to end.
async fn write(
    name: String,
    endpoint: String,
    ended: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Written {
    let mut written = Written::default();
    let mut client = None;
    let mut number = 0;
    while !ended.load(Ordering::Relaxed) {
        let Some(connected) = &mut client else {
            client = Client::connect(&endpoint).await.ok();
            if client.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            continue;
        };
        number += 1;
        let key = format!("{name}/{number}");
        let request = PutRequest {
            key: key.clone().into(),
            value: key.clone().into(),
            ..PutRequest::default()
        };
        let begin = Instant::now();
        match connected.kv.put(request).await {
            Ok(answer) => {
                let revision = answer.into_inner().header.expect("a header").revision;
                written.keys.push((key, Some(revision)));
                written.longest = written.longest.max(begin.elapsed());
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(status) => {
                let codes = [
                    Code::Unavailable,
                    Code::Unknown,
                    Code::Internal,
                    Code::Cancelled,
                ];
                assert!(codes.contains(&status.code()), "{status}");
                written.keys.push((key, None));
                client = None;
            }
        }
    }
    written
}

/// All events so far: the revision of each key.
async fn events(mut client: Client) -> HashMap<String, i64> {
    let everything = RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        count_only: true,
        ..RangeRequest::default()
    };
    let newest = client.kv.range(everything).await.expect("reads");
    let newest = newest.into_inner().header.expect("a header").revision;
    let create = WatchCreateRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        start_revision: 2,
        ..WatchCreateRequest::default()
    };
    let request = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(create)),
    };
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    requests.send(request).await.expect("the receiver is here");
    let receiver = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let answers = client.watch.watch(receiver).await.expect("watches");
    let mut answers = answers.into_inner();
    let (mut found, mut last) = (HashMap::new(), 1);
    while last < newest {
        let answer = tokio::time::timeout(PATIENCE, answers.message()).await;
        let answer = answer.expect("in time").expect("watches").expect("goes on");
        for event in answer.events {
            let kv = event.kv.expect("a key");
            assert_eq!(kv.mod_revision, last + 1, "revisions are dense");
            assert_eq!(kv.version, 1, "{kv:?} was written again");
            last = kv.mod_revision;
            let key = String::from_utf8(kv.key.into()).expect("text");
            found.insert(key, kv.mod_revision);
        }
    }
    found
}

async fn run(instance: &str, count: usize, blows: &[Blow]) {
    let Some(cluster) = Cluster::get(instance) else {
        return;
    };
    let rounds = support::env_number("KVTOOL_FORWARD_ROUNDS", DEFAULT_ROUNDS);
    let mut random = Random::new(support::env_number(
        "KVTOOL_FORWARD_SEED",
        Random::fresh_seed(),
    ));
    let mut servers = Servers::start(cluster, instance, count);
    let ended = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut writers = Vec::new();
    for number in 0..count * WRITERS {
        let endpoint = servers.endpoint(number % count);
        let name = format!("w{number}");
        writers.push(tokio::spawn(write(
            name,
            endpoint,
            ended.clone(),
            answered.clone(),
        )));
    }
    for round in 0..rounds {
        let enough = answered.load(Ordering::Relaxed) + random.between(200, 2000) as usize;
        let done = tokio::time::timeout(PATIENCE, async {
            while answered.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        done.await.expect("the writers go on");
        let asked = random.below(count as u64) as usize;
        let leader = servers.led_by(asked, |_| true).await;
        let leader = leader.expect("somebody leads");
        let blow = random.pick(blows);
        match blow {
            Blow::Kill => servers.running[leader].as_mut().expect("it runs").kill(),
            Blow::Stop => {
                let status = servers.running[leader]
                    .as_mut()
                    .expect("it runs")
                    .terminate();
                assert!(status.success(), "{status}");
            }
            Blow::Freeze => {
                servers.signal(leader, "STOP");
                let other = (leader + 1) % count;
                let noticed = servers.led_by(other, |found| found != leader).await;
                servers.signal(leader, "CONT");
                noticed.expect("another leads");
            }
        }
        support::note(instance, &format!("round {round}: {blow:?} of s{leader}"));
        if !matches!(blow, Blow::Freeze) {
            servers.start_one(leader);
        }
    }
    ended.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    let mut longest = Duration::ZERO;
    for writer in writers {
        let told = writer.await.expect("writers do not panic");
        longest = longest.max(told.longest);
        written.extend(told.keys);
    }
    let unknown = written.iter().filter(|(_, told)| told.is_none()).count();
    let asked = HashSet::<_>::from_iter(written.iter().map(|(key, _)| key.clone()));
    for number in 0..count {
        let found = events(servers.client(number).await).await;
        for (key, told) in &written {
            if let Some(told) = told {
                assert_eq!(found.get(key), Some(told), "{key}");
            }
        }
        assert!(found.keys().all(|key| asked.contains(key)));
    }
    let total = written.len();
    support::note(
        instance,
        &format!("{total} writes, {unknown} without an outcome, the longest took {longest:?}"),
    );
    assert!(unknown < total / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_go_on_when_the_one_that_leads_is_killed() {
    run("forward two", 2, &[Blow::Kill]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_go_on_whatever_becomes_of_the_one_that_leads() {
    run("forward three", 3, &[Blow::Kill, Blow::Freeze, Blow::Stop]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_servers_are_members() {
    let Some(cluster) = Cluster::get("forward members") else {
        return;
    };
    let mut servers = Servers::start(cluster, "forward members", 3);
    // A server listens before it has opened the instance, and answers when it has.
    for number in 0..3 {
        let leader = servers.led_by(number, |_| true).await;
        leader.expect("somebody leads");
    }
    for number in 0..3 {
        let mut client = servers.client(number).await;
        let list = client.cluster.member_list(MemberListRequest::default());
        let mut members = list.await.expect("lists").into_inner().members;
        members.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(members.len(), 3);
        for (number, member) in members.iter().enumerate() {
            assert_eq!(member.name, format!("s{number}"));
            assert_eq!(member.client_ur_ls, [servers.endpoint(number)]);
        }
    }
    let status = servers.running[2].as_mut().expect("it runs").terminate();
    assert!(status.success());
    let mut client = servers.client(0).await;
    let list = client.cluster.member_list(MemberListRequest::default());
    assert_eq!(list.await.expect("lists").into_inner().members.len(), 2);
    servers.running[0].as_mut().expect("it runs").kill();
    let mut client = servers.client(1).await;
    let list = client.cluster.member_list(MemberListRequest::default());
    // It may come back.
    assert_eq!(list.await.expect("lists").into_inner().members.len(), 2);
}
