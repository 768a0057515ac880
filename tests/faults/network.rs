//! A network of its own for the cluster and for each server, with links that can be cut.
//!
//! Each server has two links: one to the cluster, which a test cuts, and one to its clients, who
//! stay in the network of the test. A cut link loses packets; nobody is told.

use crate::support::network::Networks;
use std::net::{IpAddr, Ipv4Addr};

/// The cluster's address. Nobody outside of the test's own networks sees it.
const CLUSTER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// Makes the networks; `$1` begins their names, `$2` the addresses of servers and clients.
const MAKE: &str = r#"
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
"#;

/// Networks of one cluster and two servers.
pub struct Network(Networks);

impl Network {
    /// Makes them; `None`, with a printed line, where that is not allowed.
    pub fn new(test: &str) -> Option<Self> {
        Networks::make(test, MAKE, &["db", "0", "1"]).map(Self)
    }

    /// What runs a program in the cluster's network, and the cluster's address there.
    pub fn cluster(&self) -> (Vec<String>, IpAddr) {
        (self.0.launcher("db"), CLUSTER.into())
    }

    /// What runs a program in a server's network, and where clients find the server.
    pub fn server(&self, number: usize) -> (Vec<String>, IpAddr) {
        let host = number.to_string();
        (self.0.launcher(&host), self.0.address(number).into())
    }

    /// Cuts the link between a server and the cluster, or joins it again.
    pub fn cut(&self, number: usize, is_cut: bool) {
        self.0.cut("db", &format!("server-{number}"), is_cut);
    }
}
