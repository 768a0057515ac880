//! Network namespaces of a test, which end with it.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Makes the networks and keeps them until the test process ends, however it ends: its end of the
/// pipe is closed then. `$1` begins their names, `$2` the addresses of clients, the others are
/// the networks.
const KEEPER: &str = r#"
    name=$1 clients=$2
    shift 2
    if make "$name" "$clients" 2>/dev/null; then echo made; else echo refused; fi
    read -r _
    for host in "$@"; do ip netns del "$name-$host" 2>/dev/null; done
"#;

/// Networks of one test.
pub struct Networks {
    name: String,
    clients: [u8; 3],
    _keeper: Child,
    /// As long as it is open the networks are kept.
    _orders: ChildStdin,
}

impl Networks {
    /// Makes the networks of these hosts, by the body of a shell function: `$1` begins their
    /// names, `$2` the addresses of the links to clients. `None`, with a printed line, where that
    /// is not allowed.
    pub fn make(test: &str, body: &str, hosts: &[&str]) -> Option<Self> {
        let process = std::process::id();
        let name = format!("kvt{process}");
        // Test processes that run at the same time are in different places.
        let clients = [10, 128 | (process >> 8) as u8, process as u8];
        let [a, b, c] = clients;
        let script = format!("make() {{\n{body}\n}}\n{KEEPER}");
        let keeper = Command::new("sh")
            .args(["-c", &script, "keeper", &name, &format!("{a}.{b}.{c}")])
            .args(hosts)
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
            super::skip(test, "no right to make network namespaces, or no iproute2");
            return None;
        }
        Some(Self {
            name,
            clients,
            _keeper: keeper,
            _orders: orders,
        })
    }

    /// What runs a program in the network of a host.
    pub fn launcher(&self, host: &str) -> Vec<String> {
        let network = format!("{}-{host}", self.name);
        ["ip", "netns", "exec", &network].map(str::to_owned).into()
    }

    /// Where clients find the server of this number.
    pub fn address(&self, number: usize) -> Ipv4Addr {
        let [a, b, c] = self.clients;
        Ipv4Addr::new(a, b, c, 4 * number as u8 + 2)
    }

    /// Cuts a link at the side of a host, or joins it again.
    pub fn cut(&self, host: &str, link: &str, is_cut: bool) {
        let state = if is_cut { "down" } else { "up" };
        let set = Command::new("ip")
            .args(["-n", &format!("{}-{host}", self.name)])
            .args(["link", "set", link, state])
            .status();
        assert!(set.is_ok_and(|status| status.success()), "{link} {state}");
    }
}
