//! A cluster and two servers over it, which a test may disturb.

use crate::clock::Clock;
use crate::network::Network;
use crate::support::client::Client;
use crate::support::cluster::Cluster;
use crate::support::server::{Server, free_port};
use kvtool::pb::etcdserverpb::StatusRequest;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

/// Servers of a site.
pub const SERVERS: usize = 2;

/// A cluster and its servers.
pub struct Site {
    // The servers end first.
    pub servers: Vec<Server>,
    pub cluster: Cluster,
    pub network: Option<Network>,
    pub clocks: Vec<Clock>,
}

impl Site {
    /// All of it on loopback.
    pub fn new(test: &str) -> Option<Self> {
        Some(Self::over(Cluster::own(test)?, None, Vec::new()))
    }

    /// The cluster and each server in a network of its own.
    pub fn with_network(test: &str) -> Option<Self> {
        let network = Network::new(test)?;
        let (launcher, address) = network.cluster();
        let cluster = Cluster::behind(test, &launcher, address)?;
        Some(Self::over(cluster, Some(network), Vec::new()))
    }

    /// Each server with a clock of its own.
    pub fn with_clocks(test: &str) -> Option<Self> {
        let clocks = [Clock::new(test)?, Clock::new(test)?];
        Some(Self::over(Cluster::own(test)?, None, clocks.into()))
    }

    fn over(cluster: Cluster, network: Option<Network>, clocks: Vec<Clock>) -> Self {
        let start = |number: usize| {
            let (launcher, address) = match &network {
                Some(network) => network.server(number),
                None => (Vec::new(), IpAddr::from(Ipv4Addr::LOCALHOST)),
            };
            let address = SocketAddr::new(address, free_port());
            let program = [env!("CARGO_BIN_EXE_kvtool").to_owned()];
            let mut words = launcher.into_iter().chain(program);
            let mut command = Command::new(words.next().expect("at least the program"));
            command
                .args(words)
                .args(["serve", "--store", "fdb", "--log-level", "debug"])
                .args(["--name", &number.to_string()])
                .args(["--listen-client-urls", &format!("http://{address}")])
                .arg("--fdb-cluster-file")
                .arg(cluster.file());
            if let Some(clock) = clocks.get(number) {
                clock.give_to(&mut command);
            }
            Server::launch(command, address)
        };
        Self {
            servers: (0..SERVERS).map(start).collect(),
            cluster,
            network,
            clocks,
        }
    }

    /// How often the servers have logged a text.
    pub fn logged(&self, text: &str) -> usize {
        self.servers.iter().map(|server| server.logged(text)).sum()
    }

    /// A client of a server.
    pub async fn client(&self, number: usize) -> Client {
        let client = Client::connect(&self.servers[number].endpoint()).await;
        client.expect("connects")
    }
}

/// Whether a server says that it leads; `None` when it cannot say.
pub async fn says_it_leads(client: &Client) -> Option<bool> {
    let status = client.clone().maintenance.status(StatusRequest {}).await;
    let status = status.ok()?.into_inner();
    Some(status.leader == status.header?.member_id)
}
