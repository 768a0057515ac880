//! What kubeadm does with an etcd: the command of its manifest, the probes of the kubelet, and a
//! second node that joins and leaves.

use super::{Server, etcd};
use crate::support::authority::Authority;
use crate::support::client::{Client, get};
use crate::support::cluster::Tls;
use crate::support::server::free_port;
use kvtool::pb::etcdserverpb::*;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// How long a node may take to catch up.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A node of a cluster, all on one address.
struct Node {
    name: &'static str,
    directory: TempDir,
    tls: Tls,
    clients: u16,
    peers: u16,
    probes: u16,
}

impl Node {
    fn new(name: &'static str, authority: &Authority) -> Self {
        let directory = TempDir::new().unwrap();
        let issued = authority.issue_to(name, &["localhost", name, "127.0.0.1", "::1"], 1);
        let tls = authority.write_files(directory.path(), issued);
        Self {
            name,
            directory,
            tls,
            clients: free_port(),
            peers: free_port(),
            probes: free_port(),
        }
    }

    fn peer_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.peers)
    }

    /// Starts it with the flags of the manifest.
    fn start(&self, initial_cluster: &str, rest: &[&str]) -> Server {
        let path = |path: &Path| path.display().to_string();
        let (certificate, key) = (path(&self.tls.certificate), path(&self.tls.key));
        let authority = path(&self.tls.authority);
        let client_url = format!("https://127.0.0.1:{}", self.clients);
        let probes = format!("http://127.0.0.1:{}", self.probes);
        let data = path(&self.directory.path().join("data"));
        let peer_url = self.peer_url();
        let flags = [
            ("advertise-client-urls", client_url.as_str()),
            ("cert-file", &certificate),
            ("client-cert-auth", "true"),
            ("data-dir", &data),
            ("feature-gates", "InitialCorruptCheck=true"),
            ("initial-advertise-peer-urls", &peer_url),
            ("initial-cluster", initial_cluster),
            ("key-file", &key),
            ("listen-client-urls", &client_url),
            ("listen-metrics-urls", &probes),
            ("listen-peer-urls", &peer_url),
            ("name", self.name),
            ("peer-cert-file", &certificate),
            ("peer-client-cert-auth", "true"),
            ("peer-key-file", &key),
            ("peer-trusted-ca-file", &authority),
            ("snapshot-count", "10000"),
            ("trusted-ca-file", &authority),
            ("watch-progress-notify-interval", "5s"),
        ];
        let mut command = etcd(self.directory.path());
        command.args(flags.map(|(flag, value)| format!("--{flag}={value}")));
        Server::start({
            command.args(rest);
            command
        })
    }

    async fn client(&self) -> Client {
        let read = |path| std::fs::read_to_string(path).unwrap();
        let identity = Identity::from_pem(read(&self.tls.certificate), read(&self.tls.key));
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(&self.tls.authority)))
            .identity(identity);
        let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{}", self.clients));
        let endpoint = endpoint.unwrap().tls_config(tls).unwrap();
        Client::over(endpoint.connect().await.unwrap())
    }

    /// What the kubelet asks of its container.
    async fn assert_healthy(&self) {
        for probe in [
            "/livez",
            "/readyz",
            "/health?exclude=NOSPACE&serializable=true",
            "/health?serializable=false",
        ] {
            let answer = get(self.probes, probe).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{probe}: {answer}");
        }
    }
}

/// Asks until it is granted.
async fn until_granted<T>(
    mut ask: impl AsyncFnMut() -> Result<tonic::Response<T>, tonic::Status>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(granted) => return granted.into_inner(),
            Err(status) => assert!(Instant::now() < deadline, "{status}"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nodes_start_join_and_leave_as_kubeadm_has_it() {
    let authority = Authority::new();
    let first = Node::new("first", &authority);
    let founded = format!("first={}", first.peer_url());
    let server = first.start(&founded, &[]);
    assert_eq!(server.warned_of(), ["snapshot-count"]);
    first.assert_healthy().await;
    let mut client = first.client().await;
    let put = PutRequest {
        key: "key".into(),
        ..PutRequest::default()
    };
    client.kv.put(put).await.unwrap();

    let second = Node::new("second", &authority);
    let add = MemberAddRequest {
        peer_ur_ls: vec![second.peer_url()],
        is_learner: true,
    };
    let added = client.cluster.member_add(add).await.unwrap().into_inner();
    let id = added.member.unwrap().id;
    let both = format!("{founded},second={}", second.peer_url());
    let joined = second.start(&both, &["--initial-cluster-state=existing"]);
    let promote = MemberPromoteRequest { id };
    let mut cluster = client.cluster.clone();
    until_granted(async || cluster.member_promote(promote).await).await;
    second.assert_healthy().await;
    let mut other = second.client().await;
    let key = RangeRequest {
        key: "key".into(),
        ..RangeRequest::default()
    };
    assert_eq!(
        other
            .kv
            .range(key.clone())
            .await
            .unwrap()
            .into_inner()
            .count,
        1
    );
    let listed = other
        .cluster
        .member_list(MemberListRequest::default())
        .await;
    let members = listed.unwrap().into_inner().members;
    assert_eq!(members.len(), 2);
    assert!(
        members
            .iter()
            .all(|member| !member.is_learner && !member.client_ur_ls.is_empty())
    );

    let remove = MemberRemoveRequest { id };
    until_granted(async || cluster.member_remove(remove).await).await;
    drop(joined);
    until_granted(async || client.kv.range(key.clone()).await).await;
    first.assert_healthy().await;
    assert_eq!(server.stop(), Some(0));
}
