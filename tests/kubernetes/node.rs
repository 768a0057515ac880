//! Machines for kubeadm: each with a network, a name and directories of its own, joined by a
//! switch. What a kubelet does for them, the test does: it runs their static pods and tells the
//! API server of them.

use super::apiserver::eventually;
use super::support::network::Networks;
use super::support::server::Server;
use super::support::skip;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

/// Makes the networks; `$1` begins their names, `$2` the addresses of the nodes. Kubernetes wants
/// a default route; nothing is at its end.
const NETWORKS: &str = r#"
    ip netns add "$1-switch" &&
    ip -n "$1-switch" link add name bridge type bridge &&
    ip -n "$1-switch" link set bridge up || return
    for node in 0 1 2; do
        ip netns add "$1-$node" && ip -n "$1-$node" link set lo up &&
        ip -n "$1-switch" link add "node-$node" type veth peer name lan netns "$1-$node" &&
        ip -n "$1-switch" link set "node-$node" master bridge up &&
        ip -n "$1-$node" address add "$2.$((4 * node + 2))/24" dev lan &&
        ip -n "$1-$node" link set lan up &&
        ip -n "$1-$node" route add default via "$2.1" || return
    done
"#;

/// Turns a mount namespace into that of a node, and keeps it until the pipe is closed: `$1` is the
/// node's directory, `$2` its name. The rest of `/etc` stays as it is on this machine.
const KEEPER: &str = r#"
    make() {
        cp -a /etc/. "$1/etc" && mount --bind "$1/etc" /etc && mount --bind "$1/var" /var/lib &&
        echo "$2" > /proc/sys/kernel/hostname
    }
    if make "$@" 2>/dev/null; then echo made; else echo refused; fi
    read -r _
"#;

/// As many as [`NETWORKS`] makes.
const NODES: usize = 3;

/// The machines of a cluster.
pub struct Nodes {
    nodes: Vec<Node>,
    _networks: Networks,
}

impl Nodes {
    /// Makes them; `None`, with a printed line, where that is not allowed.
    pub fn make(test: &str) -> Option<Self> {
        let networks = Networks::make(test, NETWORKS, &["switch", "0", "1", "2"])?;
        let node = |number: usize| {
            let launcher = networks.launcher(&number.to_string());
            Node::make(test, number, &launcher, networks.address(number))
        };
        let nodes = (0..NODES).map(node).collect::<Option<Vec<Node>>>()?;
        Some(Self {
            nodes,
            _networks: networks,
        })
    }

    /// The first, which the others join.
    pub fn first(&self) -> &Node {
        &self.nodes[0]
    }

    /// All but the first.
    pub fn others(&self) -> &[Node] {
        &self.nodes[1..]
    }
}

/// A machine.
pub struct Node {
    pub name: String,
    pub address: Ipv4Addr,
    directory: tempfile::TempDir,
    keeper: Child,
    /// As long as it is open the node is kept.
    _orders: ChildStdin,
}

impl Node {
    fn make(test: &str, number: usize, launcher: &[String], address: Ipv4Addr) -> Option<Self> {
        let name = format!("node-{number}");
        let directory = tempfile::tempdir().unwrap();
        for kept in ["etc", "var", "bin"] {
            std::fs::create_dir(directory.path().join(kept)).unwrap();
        }
        let etcd = directory.path().join("bin/etcd");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kvtool"), etcd).unwrap();
        let mut keeper = Command::new(&launcher[0])
            .args(&launcher[1..])
            .args(["unshare", "--mount", "--uts", "sh", "-c", KEEPER, "keeper"])
            .arg(directory.path())
            .arg(&name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = keeper.stdin.take().unwrap();
        let mut line = String::new();
        let told = keeper.stdout.take().unwrap();
        BufReader::new(told).read_line(&mut line).unwrap();
        let node = Self {
            name,
            address,
            directory,
            keeper,
            _orders: orders,
        };
        if line.trim() == "made" {
            return Some(node);
        }
        skip(test, "no right to make mount namespaces, or no util-linux");
        None
    }

    /// A program on this node, where `etcd` is kvtool.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        for (name, _) in std::env::vars() {
            if name.starts_with("KVTOOL_") || name.starts_with("ETCD_") {
                command.env_remove(name);
            }
        }
        let path = std::env::var("PATH").unwrap();
        let programs = self.directory.path().join("bin");
        command
            .arg(format!("--target={}", self.keeper.id()))
            .args(["--mount", "--net", "--uts", program])
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("KUBECONFIG", "/etc/kubernetes/admin.conf")
            .stdin(Stdio::null());
        command
    }

    /// What a program prints that must succeed. The words of `line` are its arguments.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().unwrap());
        let output = command.args(words).output().unwrap();
        printed(line, &output)
    }

    /// Hands kubectl an object.
    #[track_caller]
    pub fn kubectl(&self, line: &str, object: &Value) {
        let mut command = self.command("kubectl");
        command.args(line.split_whitespace()).args(["-f", "-"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(object.to_string().as_bytes()).unwrap();
        drop(input);
        printed(line, &child.wait_with_output().unwrap());
    }

    /// Where a file of this node is on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        let directory = self.directory.path();
        match path.strip_prefix("/var/lib/") {
            Some(below) => directory.join("var").join(below),
            None => directory.join(path.trim_start_matches('/')),
        }
    }

    /// Writes a file that kubeadm is told of, and answers with its name on the node.
    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path("/etc").join(name), text).unwrap();
        format!("/etc/{name}")
    }

    /// The static pod of a component; `None` before kubeadm has written it, and all of it.
    pub fn pod(&self, component: &str) -> Option<Pod> {
        let path = format!("/etc/kubernetes/manifests/{component}.yaml");
        let text = std::fs::read_to_string(self.path(&path)).ok()?;
        let manifest: Value = serde_yaml::from_str(&text).ok()?;
        // It is the last of the manifest.
        manifest.get("status")?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(Pod {
            manifest,
            hash: format!("{:016x}", hasher.finish()),
        })
    }

    /// Runs a pod as its manifest has it.
    pub fn start(&self, pod: &Pod) -> Server {
        let line = pod.container()["command"].as_array().unwrap();
        let words: Vec<&str> = line.iter().filter_map(Value::as_str).collect();
        let mut command = self.command(words[0]);
        command.args(&words[1..]);
        Server::run(command, (self.address, 0).into())
    }

    /// Waits until the probes of a pod's manifest are answered as a kubelet wants it.
    pub async fn is_up(&self, pod: &Pod) {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let (server, path) = pod.probe(probe);
            let asked = format!("{} is up: {server}{path}", pod.component());
            eventually(&asked, async || self.get(&server, &path).is_some()).await;
        }
    }

    /// What a server answers on a path; `None` when that is no success.
    pub fn get(&self, server: &str, path: &str) -> Option<String> {
        let mut command = self.command("kubectl");
        // A kubelet does not check who answers a probe.
        command.args(["--insecure-skip-tls-verify", "--server", server]);
        let output = command.args(["get", "--raw", path]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    /// Tells the API server of a pod, as one that runs.
    pub fn announce(&self, pod: &Pod, teller: &Node) {
        let name = format!("{}-{}", pod.component(), self.name);
        let mut object = pod.manifest.clone();
        object["metadata"]["name"] = json!(name);
        object["spec"]["nodeName"] = json!(self.name);
        for told in ["hash", "mirror"] {
            object["metadata"]["annotations"][format!("kubernetes.io/config.{told}")] =
                json!(pod.hash);
        }
        // Nobody else deletes what was told before.
        let delete = "kubectl --namespace=kube-system delete pod --ignore-not-found --force";
        teller.run(&format!("{delete} --grace-period=0 {name}"));
        teller.kubectl("create --validate=false", &object);
        let patch = "kubectl --namespace=kube-system patch --subresource=status --type=merge \
                     --patch={\"status\":{\"phase\":\"Running\"}} pod";
        teller.run(&format!("{patch} {name}"));
    }

    /// The names of the members that vote, as this node's etcd knows them.
    pub fn voters(&self) -> Vec<String> {
        let keys = Path::new("/etc/kubernetes/pki/etcd");
        let mut command = self.command(env!("CARGO_BIN_EXE_kvtool"));
        command
            .args(["member", "list", "--output=json"])
            .arg(format!("--endpoints=https://{}:2379", self.address))
            .arg("--cacert")
            .arg(keys.join("ca.crt"))
            .arg("--cert")
            .arg(keys.join("healthcheck-client.crt"))
            .arg("--key")
            .arg(keys.join("healthcheck-client.key"));
        let listed = printed("member list", &command.output().unwrap());
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let members = listed["members"].as_array().expect("a list of members");
        let voters = members.iter().filter(|member| member["learner"] == false);
        let name = |member: &Value| member["name"].as_str().expect("a name").to_owned();
        let mut names: Vec<String> = voters.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // What is left of it ends when its pipe is closed, or now.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// The output of a program that must have succeeded.
#[track_caller]
pub fn printed(line: &str, output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{line}\n{out}{err}");
    out.into_owned()
}

/// A static pod, as kubeadm has written it.
pub struct Pod {
    manifest: Value,
    hash: String,
}

impl Pod {
    fn component(&self) -> &str {
        let name = self.manifest["metadata"]["name"].as_str();
        name.expect("a name")
    }

    fn container(&self) -> &Value {
        &self.manifest["spec"]["containers"][0]
    }

    /// What its command gives a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        let line = self.container()["command"].as_array()?;
        let mut words = line.iter().filter_map(Value::as_str);
        let start = format!("--{name}=");
        words.find_map(|word| word.strip_prefix(&start))
    }

    /// What a probe asks: the server, and the path.
    fn probe(&self, name: &str) -> (String, String) {
        let container = self.container();
        let get = &container[name]["httpGet"];
        let text = |field: &str| get[field].as_str().expect("a text").to_owned();
        let mut ports = container["ports"].as_array().expect("ports").iter();
        let port = ports.find(|port| port["name"] == get["port"]);
        let port = &port.expect("the port of a probe")["containerPort"];
        let (scheme, host) = (text("scheme").to_lowercase(), text("host"));
        (format!("{scheme}://{host}:{port}"), text("path"))
    }
}
