//! A network of its own for the cluster and for each server, with links that can be cut.
//!
//! Each server has two links: one to the cluster, which a test cuts, and one to its clients, who
//! stay in the network of the test. A cut link loses packets; nobody is told.

use crate::support;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The cluster's address. Nobody outside of the test's own networks sees it.
const CLUSTER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// Makes the networks and keeps them until the test process ends, however it ends. `$1` begins
/// their names, `$2` the addresses of servers and clients.
const KEEPER: &str = r#"
    remove() { for host in db 0 1; do ip netns del "$1-$host" 2>/dev/null; done; }
    make() {
        ip netns add "$1-db" && ip -n "$1-db" link set lo up &&
        ip -n "$1-db" address add 10.99.0.1/32 dev lo || return
        for host in 0 1; do
            ip netns add "$1-$host" && ip -n "$1-$host" link set lo up &&
            ip link add "$1-$host" type veth peer name clients netns "$1-$host" &&
            ip address add "$2.$((4 * host + 1))/30" dev "$1-$host" &&
            ip link set "$1-$host" up &&
            ip -n "$1-$host" address add "$2.$((4 * host + 2))/30" dev clients &&
            ip -n "$1-$host" link set clients up &&
            ip -n "$1-db" link add "server-$host" type veth peer name store netns "$1-$host" &&
            ip -n "$1-db" address add "10.99.1.$((4 * host + 1))/30" dev "server-$host" &&
            ip -n "$1-db" link set "server-$host" up &&
            ip -n "$1-$host" address add "10.99.1.$((4 * host + 2))/30" dev store &&
            ip -n "$1-$host" link set store up &&
            ip -n "$1-$host" route add 10.99.0.1 via "10.99.1.$((4 * host + 1))" || return
        done
    }
    if make "$@" 2>/dev/null; then echo made; else echo refused; fi
    read -r _
    remove "$@"
"#;

/// Networks of one cluster and two servers.
pub struct Network {
    name: String,
    clients: [u8; 3],
    _keeper: Child,
    /// As long as it is open the networks are kept.
    _orders: ChildStdin,
}

impl Network {
    /// Makes them; `None`, with a printed line, where that is not allowed.
    pub fn new(test: &str) -> Option<Self> {
        let process = std::process::id();
        let name = format!("kvt{process}");
        // Test processes that run at the same time are in different places.
        let clients = [10, 128 | (process >> 8) as u8, process as u8];
        let [a, b, c] = clients;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", &name, &format!("{a}.{b}.{c}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut keeper = keeper.expect("there is a shell");
        let orders = keeper.stdin.take().expect("piped");
        let mut line = String::new();
        let told = keeper.stdout.take().expect("piped");
        let read = BufReader::new(told).read_line(&mut line);
        read.expect("the keeper says whether it could");
        if line.trim() != "made" {
            drop(orders);
            let _ = keeper.wait();
            support::skip(test, "no right to make network namespaces, or no iproute2");
            return None;
        }
        Some(Self {
            name,
            clients,
            _keeper: keeper,
            _orders: orders,
        })
    }

    /// What runs a program in the cluster's network, and the cluster's address there.
    pub fn cluster(&self) -> (Vec<String>, IpAddr) {
        (self.launcher("db"), CLUSTER.into())
    }

    /// What runs a program in a server's network, and where clients find the server.
    pub fn server(&self, number: usize) -> (Vec<String>, IpAddr) {
        let [a, b, c] = self.clients;
        let address = Ipv4Addr::new(a, b, c, 4 * number as u8 + 2);
        (self.launcher(&number.to_string()), address.into())
    }

    /// Cuts the link between a server and the cluster, or joins it again.
    pub fn cut(&self, number: usize, is_cut: bool) {
        let state = if is_cut { "down" } else { "up" };
        let link = format!("server-{number}");
        let set = Command::new("ip")
            .args(["-n", &format!("{}-db", self.name)])
            .args(["link", "set", &link, state])
            .status();
        assert!(set.is_ok_and(|status| status.success()), "{link} {state}");
    }

    fn launcher(&self, host: &str) -> Vec<String> {
        let network = format!("{}-{host}", self.name);
        ["ip", "netns", "exec", &network].map(str::to_owned).into()
    }
}
