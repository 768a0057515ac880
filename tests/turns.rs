//! The lock and election services: the same calls to kvtool and, where one is found, to a real
//! etcd; what they answer is compared.

mod support;

use kvtool::pb::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest, RangeRequest};
use kvtool::pb::mvccpb::KeyValue;
use kvtool::pb::v3electionpb::election_client::ElectionClient;
use kvtool::pb::v3electionpb::*;
use kvtool::pb::v3lockpb::lock_client::LockClient;
use kvtool::pb::v3lockpb::*;
use std::fmt::Debug;
use std::time::Duration;
use support::client::Client;
use support::server::{Etcd, Program, Server};
use support::skip;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// How long a call must not be answered to be taken for one that waits.
const WAITS: Duration = Duration::from_millis(300);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server said, line by line.
struct Script {
    client: Client,
    locks: LockClient<Channel>,
    elections: ElectionClient<Channel>,
    said: Vec<String>,
}

impl Script {
    async fn new(endpoint: String) -> Self {
        let endpoint = Endpoint::from_shared(endpoint).expect("a URL");
        let channel = endpoint.connect().await.expect("a server");
        Self {
            client: Client::over(channel.clone()),
            locks: LockClient::new(channel.clone()),
            elections: ElectionClient::new(channel),
            said: Vec::new(),
        }
    }

    fn say(&mut self, what: &str, answer: Result<impl Debug, Status>) {
        self.said.push(match answer {
            Ok(answer) => format!("{what}: {answer:?}"),
            Err(status) => format!("{what}: {:?} {}", status.code(), status.message()),
        });
    }

    async fn grant(&mut self, ids: &[i64]) {
        for &id in ids {
            let granted = self
                .client
                .lease
                .lease_grant(LeaseGrantRequest { ttl: 600, id });
            granted.await.expect("a lease");
        }
    }

    async fn revoke(&mut self, id: i64) {
        let revoked = self.client.lease.lease_revoke(LeaseRevokeRequest { id });
        revoked.await.expect("a lease");
    }

    /// Waits until so many keys are there.
    async fn keys(&mut self, count: usize) -> Vec<KeyValue> {
        for _ in 0..1000 {
            let everything = RangeRequest {
                key: "\0".into(),
                range_end: "\0".into(),
                ..RangeRequest::default()
            };
            let found = self.client.kv.range(everything).await.expect("an answer");
            let kvs = found.into_inner().kvs;
            if kvs.len() == count {
                return kvs;
            }
            tokio::time::sleep(PATIENCE / 1000).await;
        }
        panic!("there are never {count} keys");
    }

    fn lock(&self, name: &'static str, lease: i64) -> Waiting<LockResponse> {
        let (mut locks, name) = (self.locks.clone(), name.into());
        let locked = async move { locks.lock(LockRequest { name, lease }).await };
        Waiting(tokio::spawn(async {
            locked.await.map(tonic::Response::into_inner)
        }))
    }

    fn campaign(&self, lease: i64, value: &'static str) -> Waiting<CampaignResponse> {
        let mut elections = self.elections.clone();
        let request = CampaignRequest {
            name: "e".into(),
            lease,
            value: value.into(),
        };
        let elected = async move { elections.campaign(request).await };
        Waiting(tokio::spawn(async {
            elected.await.map(tonic::Response::into_inner)
        }))
    }

    async fn locks(&mut self) {
        self.grant(&[1, 2, 3, 4]).await;
        let answer = self.lock("l", 1).answer().await.map(without_ids_lock);
        self.say("lock", answer);
        let answer = self.lock("l", 1).answer().await.map(without_ids_lock);
        self.say("lock again", answer);
        let mut second = self.lock("l", 2);
        self.keys(2).await;
        let mut third = self.lock("l", 3);
        self.keys(3).await;
        assert!(second.waits().await && third.waits().await);
        // Who gives up while it waits leaves no key.
        second.cancel();
        let kvs = self.keys(2).await;
        self.said.push(format!("{kvs:?}"));
        let mut fourth = self.lock("l", 4);
        self.keys(3).await;
        let unlock = UnlockRequest { key: "l/1".into() };
        let answer = self.locks.unlock(unlock).await.map(revision_of_unlock);
        self.say("unlock", answer);
        let answer = third.answer().await.map(without_ids_lock);
        self.say("third", answer);
        assert!(fourth.waits().await);
        self.revoke(4).await;
        self.revoke(3).await;
        let answer = fourth.answer().await;
        self.say("without its lease", answer);
        let answer = self.lock("l", 77).answer().await;
        self.say("without a lease", answer);
        // A lease of the server's own.
        let answer = self.lock("own", 0).answer().await.expect("a lock");
        let kvs = self.keys(1).await;
        assert_eq!(answer.key, format!("own/{:x}", kvs[0].lease));
        let own = kvs[0].lease;
        self.revoke(own).await;
        let unlock = UnlockRequest { key: "l/9".into() };
        let answer = self.locks.unlock(unlock).await.map(revision_of_unlock);
        self.say("unlock nothing", answer);
    }

    async fn elections(&mut self) {
        self.grant(&[11, 12, 13]).await;
        let ask = |name: &str| LeaderRequest {
            name: name.to_owned().into(),
        };
        let answer = self.elections.leader(ask("e")).await;
        self.say("nobody", answer.map(|_| ()));
        // etcd begins its answer with the first leader.
        let mut elections = self.elections.clone();
        let observed = tokio::spawn(async move { elections.observe(ask("e")).await });
        let elected = self.campaign(11, "a").answer().await.map(without_ids);
        self.say("elected", elected);
        let observed = observed.await.expect("no panic");
        let mut observed = observed.expect("a stream").into_inner();
        let first = observed.message().await.map(|leader| leader.map(leader_of));
        self.say("observed", first);
        let again = self.campaign(11, "b").answer().await.map(without_ids);
        self.say("again", again);
        let second = observed.message().await.map(|leader| leader.map(leader_of));
        self.say("observed", second);
        let mut next = self.campaign(12, "c");
        self.keys(2).await;
        let mut gone = self.campaign(13, "d");
        self.keys(3).await;
        assert!(next.waits().await);
        gone.cancel();
        self.keys(2).await;
        let key = |key: &str, rev, lease| {
            Some(LeaderKey {
                name: "e".into(),
                key: key.to_owned().into(),
                rev,
                lease,
            })
        };
        let leader = self
            .elections
            .leader(ask("e"))
            .await
            .map(|leader| leader.into_inner());
        let rev = leader.as_ref().map_or(0, |leader| {
            leader.kv.as_ref().map_or(0, |kv| kv.create_revision)
        });
        self.say("leader", leader.map(leader_of));
        for (what, leader) in [
            ("proclaim", key("e/b", rev, 11)),
            ("proclaim without lead", key("e/b", rev + 1, 11)),
            ("proclaim with another's lease", key("e/b", rev, 77)),
            ("proclaim nothing", None),
        ] {
            let value = what.into();
            let answer = self
                .elections
                .proclaim(ProclaimRequest { leader, value })
                .await;
            let answer =
                answer.map(|answer| answer.into_inner().header.map(|header| header.revision));
            self.say(what, answer);
        }
        let third = observed.message().await.map(|leader| leader.map(leader_of));
        self.say("observed", third);
        for (what, leader) in [
            ("resign without lead", key("e/b", rev + 1, 11)),
            ("resign", key("e/b", rev, 11)),
            ("resign nothing", None),
        ] {
            let answer = self.elections.resign(ResignRequest { leader }).await;
            let answer =
                answer.map(|answer| answer.into_inner().header.map(|header| header.revision));
            self.say(what, answer);
        }
        let elected = next.answer().await.map(without_ids);
        self.say("next", elected);
        let fourth = observed.message().await.map(|leader| leader.map(leader_of));
        self.say("observed", fourth);
        let answer = self.campaign(77, "x").answer().await.map(without_ids);
        self.say("without a lease", answer);
    }
}

fn without_ids_lock(answer: LockResponse) -> (Option<i64>, bytes::Bytes) {
    (answer.header.map(|header| header.revision), answer.key)
}

fn revision_of_unlock(answer: tonic::Response<UnlockResponse>) -> Option<i64> {
    answer.into_inner().header.map(|header| header.revision)
}

fn without_ids(answer: CampaignResponse) -> (Option<i64>, Option<LeaderKey>) {
    (answer.header.map(|header| header.revision), answer.leader)
}

fn leader_of(answer: LeaderResponse) -> (Option<i64>, Option<KeyValue>) {
    (answer.header.map(|header| header.revision), answer.kv)
}

/// A call that may wait for its turn; dropped, it is cancelled.
struct Waiting<T>(tokio::task::JoinHandle<Result<T, Status>>);

impl<T> Waiting<T> {
    async fn waits(&mut self) -> bool {
        tokio::time::timeout(WAITS, &mut self.0).await.is_err()
    }

    async fn answer(&mut self) -> Result<T, Status> {
        let answer = tokio::time::timeout(PATIENCE, &mut self.0).await;
        answer.expect("in time").expect("no panic")
    }

    fn cancel(&mut self) {
        self.0.abort();
    }
}

async fn said(program: &Program) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(program, directory.path(), &[]);
    let mut script = Script::new(server.endpoint()).await;
    script.locks().await;
    script.elections().await;
    script.said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_and_elections_are_etcds() {
    let found = said(&Program::subject()).await;
    let told = |line: &str| found.iter().any(|said| said == line);
    assert!(
        told("without its lease: Unknown mutex: session is expired"),
        "{found:#?}"
    );
    assert!(told("nobody: Unknown election: no leader"), "{found:#?}");
    match Etcd::find().filter(|etcd| etcd.version >= (3, 7)) {
        None => skip("locks_and_elections_are_etcds", "no etcd to compare with"),
        Some(etcd) => assert_eq!(found, said(&Program::Etcd(etcd)).await),
    }
}
