//! Members that find each other through another etcd.

use super::{READY, Server, etcd};
use crate::support::client::Client;
use crate::support::server::{Etcd, Program, Server as Registry, free_port};
use crate::support::skip;
use kvtool::pb::etcdserverpb::{MemberListRequest, PutRequest};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const WAITS: &str = "waiting for other members in the registry";

/// A member that is to be found by others.
struct Member {
    name: &'static str,
    directory: TempDir,
    clients: u16,
    peers: u16,
}

impl Member {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            directory: TempDir::new().unwrap(),
            clients: free_port(),
            peers: free_port(),
        }
    }

    fn command(&self, registry: &Registry) -> Command {
        let Self { name, .. } = self;
        let url = |port| format!("http://127.0.0.1:{port}");
        let (clients, peers) = (url(self.clients), url(self.peers));
        let mut command = etcd(self.directory.path());
        command.args([
            format!("--name={name}"),
            format!("--listen-client-urls={clients}"),
            format!("--advertise-client-urls={clients}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            "--discovery-token=t".to_owned(),
            format!("--discovery-endpoints={}", registry.endpoint()),
        ]);
        command
    }

    async fn client(&self) -> Client {
        let endpoint = format!("http://127.0.0.1:{}", self.clients);
        Client::connect(&endpoint).await.unwrap()
    }
}

/// How a member ends that does not find its place, and what it says.
fn refusal(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

async fn find_each_other(program: &Program, data_dir: &Path) {
    let mut registry = Registry::start(program, data_dir, &[]);
    let [a, b, c, late] = ["a", "b", "c", "late"].map(Member::new);

    let (code, said) = refusal(&mut a.command(&registry));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("size key not found"), "{said}");
    let size = PutRequest {
        key: "/_etcd/registry/t/_config/size".into(),
        value: "3".into(),
        ..PutRequest::default()
    };
    let mut keys = Client::connect(&registry.endpoint()).await.unwrap();
    keys.kv.put(size).await.unwrap();

    // One that is stopped while it waits keeps its place.
    let mut first = Server::spawn(a.command(&registry));
    first.until_it_says(WAITS);
    assert_eq!(first.stop(), Some(0));
    // One whose registry goes away asks again.
    let mut first = Server::spawn(a.command(&registry));
    first.until_it_says(WAITS);
    registry.kill();
    first.until_it_says("the registry of members is asked again");
    let mut registry = Registry::start_at(program, data_dir, registry.port(), &[]);
    let others = [&b, &c].map(|member| Server::spawn(member.command(&registry)));
    let mut servers = Vec::from_iter(std::iter::once(first).chain(others));
    for server in &mut servers {
        server.until_it_says(READY);
    }
    let listed = c
        .client()
        .await
        .cluster
        .member_list(MemberListRequest::default())
        .await;
    let names = listed.unwrap().into_inner().members.into_iter();
    let names: BTreeSet<_> = names.map(|member| member.name).collect();
    assert_eq!(names, ["a", "b", "c"].map(str::to_owned).into());

    let (code, said) = refusal(&mut late.command(&registry));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cluster is full"), "{said}");
    registry.kill();
    assert_eq!(servers.remove(0).stop(), Some(0));
    let mut again = Server::start(a.command(&registry));
    again.until_it_says("discovery is not needed: the data directory is that of a member");
    assert_eq!(again.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn members_find_each_other_through_a_kvtool() {
    let directory = TempDir::new().unwrap();
    find_each_other(&Program::Kvtool, &directory.path().join("data")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn members_find_each_other_through_an_etcd() {
    match Etcd::find() {
        Some(etcd) => {
            let directory = TempDir::new().unwrap();
            find_each_other(&Program::Etcd(etcd), &directory.path().join("data")).await;
        }
        None => skip("members_find_each_other_through_an_etcd", "no etcd"),
    }
}
