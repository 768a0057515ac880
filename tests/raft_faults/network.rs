//! A network of its own for each member, with links that can be cut.
//!
//! Each member has two links: one to the others, by way of a hub, which a test cuts, and one to its
//! clients, who stay in the network of the test. A cut link loses packets; nobody is told.

use crate::support::group::Place;
use crate::support::network::Networks;
use std::net::Ipv4Addr;

/// Makes the networks; `$1` begins their names, `$2` the addresses of members for clients.
const MAKE: &str = r#"
    ip netns add "$1-hub" && ip -n "$1-hub" link set lo up &&
    ip netns exec "$1-hub" sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward" || return
    for host in 0 1 2; do
        ip netns add "$1-$host" && ip -n "$1-$host" link set lo up &&
        ip link add "$1-$host" type veth peer name clients netns "$1-$host" &&
        ip address add "$2.$((4 * host + 1))/30" dev "$1-$host" &&
        ip link set "$1-$host" up &&
        ip -n "$1-$host" address add "$2.$((4 * host + 2))/30" dev clients &&
        ip -n "$1-$host" link set clients up &&
        ip -n "$1-hub" link add "member-$host" type veth peer name peers netns "$1-$host" &&
        ip -n "$1-hub" address add "10.99.2.$((4 * host + 1))/30" dev "member-$host" &&
        ip -n "$1-hub" link set "member-$host" up &&
        ip -n "$1-$host" address add "10.99.2.$((4 * host + 2))/30" dev peers &&
        ip -n "$1-$host" link set peers up &&
        ip -n "$1-$host" route add 10.99.2.0/24 via "10.99.2.$((4 * host + 1))" || return
    done
"#;

/// Networks of three members.
pub struct Network(Networks);

impl Network {
    /// Makes them; `None`, with a printed line, where that is not allowed.
    pub fn new(test: &str) -> Option<Self> {
        Networks::make(test, MAKE, &["hub", "0", "1", "2"]).map(Self)
    }

    /// Where a member runs.
    pub fn place(&self, number: usize) -> Place {
        let peer = Ipv4Addr::new(10, 99, 2, 4 * number as u8 + 2);
        Place {
            launcher: self.0.launcher(&number.to_string()),
            addresses: [self.0.address(number).into(), peer.into()],
        }
    }

    /// Cuts a member off from the others, or joins it again.
    pub fn cut(&self, number: usize, is_cut: bool) {
        self.0.cut("hub", &format!("member-{number}"), is_cut);
    }
}
