//! kubeadm makes a cluster whose etcd is kvtool: three nodes, one after the other, each with its
//! manifest's own command. Then it renews certificates, changes a manifest, and removes a node.
//!
//! Everything but the kubelets and their containers is real. kubeadm is run phase by phase, and
//! [`super::node`] does between them what a kubelet would.

use super::apiserver::eventually;
use super::node::{Node, Nodes, Pod, printed};
use super::support::server::Server;
use super::support::{note, skip};
use super::{apiserver, called};
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// What kubeadm asks of an etcd besides what an apiserver asks. It removes a member too, maybe
/// through that member, whose count ends with it.
const MEMBERSHIP: [&str; 3] = [
    "Cluster/MemberAdd",
    "Cluster/MemberList",
    "Cluster/MemberPromote",
];
/// What kubeadm keeps for others to join with; it could be anything of this form.
const TOKEN: &str = "0a1b2c.0123456789abcdef";
const CERTIFICATE_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// A limit that the upgrade sets.
const QUOTA: &str = "3000000000";
/// Where the manifest has etcd's metrics.
const METRICS: &str = "http://127.0.0.1:2381";

/// Whether a program is on the path and says what it is.
fn runs(program: &str, arguments: &[&str]) -> bool {
    let asked = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    asked.is_ok_and(|output| output.status.success())
}

/// The configuration of the first node and of the cluster. kubeadm would ask the internet which
/// version is the newest.
fn cluster(node: &Node, etcd: &str) -> String {
    let (name, address) = (&node.name, node.address);
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: InitConfiguration\n\
         nodeRegistration: {{name: {name}, criSocket: 'unix:///none'}}\n\
         localAPIEndpoint: {{advertiseAddress: {address}}}\n\
         bootstrapTokens: [{{token: {TOKEN}}}]\n\
         certificateKey: '{CERTIFICATE_KEY}'\n\
         ---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: ClusterConfiguration\n\
         kubernetesVersion: v1.37.2\n\
         controlPlaneEndpoint: '{address}:6443'\n\
         etcd: {{local: {{{etcd}}}}}\n"
    )
}

/// The configuration of a node that joins.
fn joining(node: &Node) -> String {
    let (name, address) = (&node.name, node.address);
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: JoinConfiguration\n\
         nodeRegistration: {{name: {name}, criSocket: 'unix:///none'}}\n\
         discovery: {{file: {{kubeConfigPath: /etc/info.conf}}, tlsBootstrapToken: {TOKEN}}}\n\
         controlPlane:\n  \
           localAPIEndpoint: {{advertiseAddress: {address}}}\n  \
           certificateKey: '{CERTIFICATE_KEY}'\n"
    )
}

#[tokio::test]
async fn a_real_kubeadm_takes_kvtool_for_etcd() {
    const TEST: &str = "a_real_kubeadm_takes_kvtool_for_etcd";
    if apiserver::find().is_none() {
        return skip(TEST, "there is no kube-apiserver");
    }
    if !runs("kubeadm", &["version"]) || !runs("kubectl", &["version", "--client"]) {
        return skip(TEST, "there is no kubeadm, or no kubectl");
    }
    let Some(nodes) = Nodes::make(TEST) else {
        return;
    };
    let began = Instant::now();
    let stage = |name: &str| {
        let after = began.elapsed().as_secs_f64();
        note(TEST, &format!("{name} after {after:.1} s"));
    };
    let first = nodes.first();
    let (mut founder, _api) = found(first).await;
    stage("a cluster of one");
    let mut others = Vec::new();
    for node in nodes.others() {
        others.push(join(first, node).await);
        stage(&format!("{} has joined", node.name));
    }
    let last = nodes.others().last().expect("three nodes");
    let mut etcd = others.pop().expect("its etcd");
    let second = &nodes.others()[0];
    both_serve_the_same(first, second).await;
    stage("an apiserver on a node that joined");
    renew(last, &etcd).await;
    etcd = upgrade(first, last, etcd).await;
    stage("upgraded");
    asked_of(&[first, second, last]);
    remove(first, last, etcd).await;
    stage("removed");
    assert!(founder.terminate().success());
}

/// kubeadm was a client of these nodes' etcds: of any of them at a time.
fn asked_of(nodes: &[&Node]) {
    let page = |node: &&Node| node.get(METRICS, "/metrics").expect("metrics");
    let calls: Vec<String> = nodes.iter().flat_map(|node| called(&page(node))).collect();
    for method in MEMBERSHIP {
        let call = format!("{method}=");
        let is_called = calls.iter().any(|called| called.starts_with(&call));
        assert!(is_called, "{method} was not called: {calls:?}");
    }
}

/// `kubeadm init`: the first node, and what the others need of it.
async fn found(node: &Node) -> (Server, Server) {
    let config = node.write("kubeadm.yaml", &cluster(node, ""));
    let init = |phase: &str| node.run(&format!("kubeadm init phase {phase} --config={config}"));
    init("certs all");
    init("kubeconfig all");
    init("etcd local");
    init("control-plane all");
    let pod = node.pod("etcd").expect("a manifest");
    let etcd = node.start(&pod);
    node.is_up(&pod).await;
    let api = node.pod("kube-apiserver").expect("a manifest");
    let apiserver = node.start(&api);
    node.is_up(&api).await;
    init("upload-config all");
    init("upload-certs --upload-certs");
    init("bootstrap-token");
    init("addon all");
    register(node, node);
    init("mark-control-plane");
    announce_all(node, node);
    (etcd, apiserver)
}

/// What a kubelet does first: it makes the object of its node.
fn register(first: &Node, node: &Node) {
    let object = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": node.name, "labels": {"kubernetes.io/hostname": node.name}},
    });
    first.kubectl("create --validate=false", &object);
}

/// Tells of all static pods of a node: kubeadm asks for them, whether or not somebody runs them.
fn announce_all(first: &Node, node: &Node) {
    for component in [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ] {
        node.announce(&node.pod(component).expect("a manifest"), first);
    }
}

/// `kubeadm join --control-plane`: another member, which kubeadm adds as a learner and promotes.
async fn join(first: &Node, node: &Node) -> Server {
    let cluster_info = "kubectl --namespace=kube-public get configmap cluster-info \
                        --output=jsonpath={.data.kubeconfig}";
    node.write("info.conf", &first.run(cluster_info));
    let config = node.write("kubeadm.yaml", &joining(node));
    let join = |phase: &str| format!("kubeadm join phase {phase} --config={config}");
    node.run(&join("control-plane-prepare all"));
    let joins = begin(node, &join("etcd-join"));
    let written = async || node.pod("etcd").is_some();
    eventually("kubeadm has written a manifest", written).await;
    let pod = node.pod("etcd").expect("a manifest");
    assert_eq!(pod.flag("initial-cluster-state"), Some("existing"));
    let etcd = node.start(&pod);
    end("etcd-join", joins);
    node.is_up(&pod).await;
    let voters = node.voters();
    assert!(voters.contains(&node.name), "{voters:?}");
    assert_eq!(voters, first.voters());
    register(first, node);
    node.run(&join("control-plane-join mark-control-plane"));
    announce_all(first, node);
    etcd
}

/// Begins a kubeadm that waits for what a kubelet does.
fn begin(node: &Node, line: &str) -> Child {
    let mut words = line.split_whitespace();
    let mut command = node.command(words.next().expect("a program"));
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.args(words).spawn().expect("starts")
}

/// Waits for its end.
#[track_caller]
fn end(what: &str, begun: Child) -> String {
    printed(what, &begun.wait_with_output().expect("an end"))
}

/// The apiserver of a node that joined serves what the first one wrote.
async fn both_serve_the_same(first: &Node, node: &Node) {
    let pod = node.pod("kube-apiserver").expect("a manifest");
    let mut apiserver = node.start(&pod);
    node.is_up(&pod).await;
    first.run("kubectl create configmap one --from-literal=key=value");
    let server = format!("--server=https://{}:6443", node.address);
    let read = "get configmap one --output=jsonpath={.data.key}";
    assert_eq!(node.run(&format!("kubectl {server} {read}")), "value");
    assert!(apiserver.terminate().success());
}

/// kubeadm signs new certificates, and the running server takes them.
async fn renew(node: &Node, etcd: &Server) {
    let expires = node.run("kubeadm certs check-expiration");
    for certificate in ["etcd-server", "etcd-peer"] {
        assert!(expires.contains(certificate), "{expires}");
        node.run(&format!("kubeadm certs renew {certificate}"));
    }
    let is_read = async || {
        node.voters();
        etcd.logged("the certificates have changed, and are read again") > 0
    };
    eventually("the certificates are read again", is_read).await;
}

/// `kubeadm upgrade node`: it writes another manifest, waits for the member to come back with it,
/// and takes it back when the cluster is not healthy then.
async fn upgrade(first: &Node, node: &Node, mut etcd: Server) -> Server {
    let quota = format!("extraArgs: [{{name: quota-backend-bytes, value: '{QUOTA}'}}]");
    let config = first.write("upgrade.yaml", &cluster(first, &quota));
    first.run(&format!(
        "kubeadm init phase upload-config kubeadm --config={config}"
    ));
    let upgrades = begin(node, "kubeadm upgrade node phase control-plane");
    let new = |pod: &Pod| pod.flag("quota-backend-bytes") == Some(QUOTA);
    let written = async || node.pod("etcd").is_some_and(|pod| new(&pod));
    eventually("kubeadm has written another manifest", written).await;
    let pod = node.pod("etcd").expect("a manifest");
    // It is that of a founder, on the directory of a member: that counts.
    assert_eq!(pod.flag("initial-cluster-state"), None);
    assert!(etcd.terminate().success());
    let etcd = node.start(&pod);
    node.is_up(&pod).await;
    node.announce(&pod, first);
    end("upgrade", upgrades);
    assert_eq!(node.voters(), first.voters());
    let stays = node.pod("etcd").is_some_and(|pod| new(&pod));
    assert!(stays, "kubeadm took its manifest back");
    etcd
}

/// `kubeadm reset`: the member is removed and its directory emptied; its server ends by itself.
async fn remove(first: &Node, node: &Node, mut etcd: Server) {
    let data = node.path("/var/lib/etcd");
    let entries = || std::fs::read_dir(&data).expect("a directory").count();
    assert_ne!(entries(), 0);
    node.run("kubeadm reset phase remove-etcd-member");
    assert!(etcd.wait_exit().success());
    assert_eq!(entries(), 0);
    let voters = first.voters();
    assert_eq!(voters.len(), 2);
    assert!(!voters.contains(&node.name), "{voters:?}");
    first.run("kubectl create configmap two --from-literal=key=value");
}
