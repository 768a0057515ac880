//! Three members, which a test may disturb.

use crate::network::Network;
use crate::support::client::Client;
use crate::support::group::Group;
use crate::support::mount::Mount;
use std::path::PathBuf;

/// Servers of a site.
pub const SERVERS: usize = 3;

/// A group.
pub struct Site {
    // The servers end first.
    pub group: Group,
    network: Option<Network>,
    disks: Vec<Mount>,
}

const FLAGS: &[&str] = &["--log-level", "debug"];

/// Larger than what a drill writes, and soon filled.
const DISK: &str = "size=600m";

impl Site {
    /// All of it on loopback.
    pub fn new() -> Self {
        Self::over(Group::new(SERVERS, FLAGS), None, Vec::new())
    }

    /// On loopback, each member with a disk that can be filled.
    pub fn with_disks(test: &str) -> Option<Self> {
        let mut group = Group::new(SERVERS, FLAGS);
        let mut disks = Vec::new();
        for number in 0..SERVERS {
            let disk = Mount::new(test, DISK)?;
            group.move_to(number, disk.data());
            disks.push(disk);
        }
        Some(Self::over(group, None, disks))
    }

    /// Each member in a network of its own.
    pub fn with_network(test: &str) -> Option<Self> {
        let network = Network::new(test)?;
        let places = (0..SERVERS).map(|number| network.place(number)).collect();
        let group = Group::at(places, "http", FLAGS);
        Some(Self::over(group, Some(network), Vec::new()))
    }

    fn over(mut group: Group, network: Option<Network>, disks: Vec<Mount>) -> Self {
        group.start_all();
        Self {
            group,
            network,
            disks,
        }
    }

    /// A client of a member.
    pub async fn client(&self, number: usize) -> Client {
        self.group.client(number).await
    }

    /// The member that leads.
    pub async fn leader(&self) -> usize {
        self.group.leader(&Vec::from_iter(0..SERVERS)).await
    }

    /// Removes a member that does not run, and adds and starts a new one at its place.
    pub async fn replace(&mut self, number: usize) {
        self.group.add_anew(number).await;
        let command = self.group.joining(number);
        self.group.start_as(number, command);
    }

    /// How often the members that run have logged a text.
    pub fn logged(&mut self, text: &str) -> usize {
        let servers = 0..SERVERS;
        servers
            .map(|number| self.group.server(number).logged(text))
            .sum()
    }

    /// Cuts a member off from the others, or joins it again.
    pub fn cut(&self, number: usize, is_cut: bool) {
        let network = self.network.as_ref().expect("it has one");
        network.cut(number, is_cut);
    }

    /// Takes all that is left of a member's disk; the file that takes it.
    pub fn fill_disk(&self, number: usize) -> PathBuf {
        self.disks[number].fill(0)
    }
}
