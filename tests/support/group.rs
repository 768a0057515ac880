//! The members of a group as child processes, each with a directory of its own.

use super::client::Client;
use super::server::{Server, free_port};
use kvtool::pb::etcdserverpb::{
    MemberAddRequest, MemberListRequest, MemberRemoveRequest, StatusRequest,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Longer than an election takes, with all that may go wrong before.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before members are asked again who leads.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Where a member runs.
pub struct Place {
    /// What runs programs there; empty: nothing special.
    pub launcher: Vec<String>,
    /// Its address for clients, and for other members.
    pub addresses: [IpAddr; 2],
}

impl Place {
    /// On loopback.
    pub fn here() -> Self {
        Self {
            launcher: Vec::new(),
            addresses: [Ipv4Addr::LOCALHOST.into(); 2],
        }
    }
}

/// Members that know each other; not all of them need to run.
pub struct Group {
    servers: Vec<Option<Server>>,
    members: Vec<Member>,
    flags: Vec<String>,
    _root: TempDir,
}

struct Member {
    directory: PathBuf,
    launcher: Vec<String>,
    client: SocketAddr,
    peer_url: String,
}

impl Group {
    /// So many of them on loopback, none running yet; all with these flags.
    pub fn new(count: usize, flags: &[&str]) -> Self {
        Self::at((0..count).map(|_| Place::here()).collect(), "http", flags)
    }

    /// Members at these places, none running yet, that speak `scheme` to each other.
    pub fn at(places: Vec<Place>, scheme: &str, flags: &[&str]) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let member = |(number, place): (usize, Place)| {
            let [client, peer] = place.addresses;
            let peer = match (scheme, peer.is_loopback()) {
                // Certificates are for names.
                ("https", true) => format!("localhost:{}", free_port()),
                _ => SocketAddr::new(peer, free_port()).to_string(),
            };
            Member {
                directory: root.path().join(number.to_string()),
                launcher: place.launcher,
                client: SocketAddr::new(client, free_port()),
                peer_url: format!("{scheme}://{peer}"),
            }
        };
        let members: Vec<_> = places.into_iter().enumerate().map(member).collect();
        Self {
            servers: members.iter().map(|_| None).collect(),
            members,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            _root: root,
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Where a member keeps its data.
    pub fn directory(&self, number: usize) -> &Path {
        &self.members[number].directory
    }

    /// Has a member that has never run keep its data elsewhere.
    pub fn move_to(&mut self, number: usize, directory: PathBuf) {
        self.members[number].directory = directory;
    }

    /// Where a member listens for others.
    pub fn peer_url(&self, number: usize) -> &str {
        &self.members[number].peer_url
    }

    /// The flag that names all members.
    pub fn initial_cluster(&self) -> String {
        let member = |(number, member): (usize, &Member)| format!("m{number}={}", member.peer_url);
        let all: Vec<_> = self.members.iter().enumerate().map(member).collect();
        all.join(",")
    }

    /// What starts a member.
    pub fn command(&self, number: usize) -> Command {
        let Member {
            directory,
            launcher,
            client,
            peer_url,
        } = &self.members[number];
        let program = [env!("CARGO_BIN_EXE_kvtool").to_owned()];
        let mut words = launcher.iter().chain(&program);
        let mut command = Command::new(words.next().expect("at least the program"));
        command
            .args(words)
            .args(["serve", "--name", &format!("m{number}"), "--data-dir"])
            .arg(directory)
            .args(["--listen-client-urls", &format!("http://{client}")])
            .args(["--listen-peer-urls", peer_url])
            .args(["--initial-cluster", &self.initial_cluster()])
            .args(&self.flags);
        command
    }

    /// What starts a member that joins the others.
    pub fn joining(&self, number: usize) -> Command {
        let mut command = self.command(number);
        command.args(["--initial-cluster-state", "existing"]);
        command
    }

    /// Removes a member that does not run, and adds a new one at its place.
    pub async fn add_anew(&self, number: usize) {
        let others = Vec::from_iter((0..self.len()).filter(|other| *other != number));
        let leader = self.leader(&others).await;
        let mut cluster = self.client(leader).await.cluster;
        let url = self.peer_url(number).to_owned();
        let changed = async {
            loop {
                let list = cluster.member_list(MemberListRequest::default()).await;
                let members = list.map_or_else(|_| Vec::new(), |list| list.into_inner().members);
                let old = members.iter().find(|one| one.peer_ur_ls == [url.clone()]);
                let done = match old {
                    // It has never started: an earlier try has added it.
                    Some(old) if old.name.is_empty() => return,
                    Some(old) => {
                        let request = MemberRemoveRequest { id: old.id };
                        cluster.member_remove(request).await.map(drop)
                    }
                    None => {
                        let request = MemberAddRequest {
                            peer_ur_ls: vec![url.clone()],
                            is_learner: false,
                        };
                        cluster.member_add(request).await.map(drop)
                    }
                };
                // Not while the others are not sure of each other.
                if done.is_err() {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        };
        let changed = tokio::time::timeout(PATIENCE, changed).await;
        changed.expect("the members change");
    }

    /// Starts a member. It may still have to wait for others.
    pub fn start(&mut self, number: usize) {
        let command = self.command(number);
        self.start_as(number, command);
    }

    /// Starts a member with a command of one's own.
    pub fn start_as(&mut self, number: usize, command: Command) {
        let server = Server::launch(command, self.members[number].client);
        self.servers[number] = Some(server);
    }

    /// Starts all of them.
    pub fn start_all(&mut self) {
        (0..self.len()).for_each(|number| self.start(number));
    }

    /// `kill -9` to a member.
    pub fn kill(&mut self, number: usize) {
        self.servers[number] = None;
    }

    /// `kill -9` to a member, and all that it has is gone.
    pub fn wipe(&mut self, number: usize) {
        self.kill(number);
        std::fs::remove_dir_all(self.directory(number)).expect("it was made");
    }

    /// A member that runs.
    pub fn server(&mut self, number: usize) -> &mut Server {
        self.servers[number].as_mut().expect("it runs")
    }

    /// Where a member serves clients.
    pub fn endpoint(&self, number: usize) -> String {
        format!("http://{}", self.members[number].client)
    }

    /// A client of a member.
    pub async fn client(&self, number: usize) -> Client {
        let client = Client::connect(&self.endpoint(number)).await;
        client.expect("connects")
    }

    /// The member that leads, as the members among `asked` say.
    pub async fn leader(&self, asked: &[usize]) -> usize {
        let lead = async {
            loop {
                for number in asked {
                    let status = self.client(*number).await.maintenance;
                    let status = { status }.status(StatusRequest {}).await;
                    let leads = status.map(|answer| {
                        let status = answer.into_inner();
                        Some(status.leader) == status.header.map(|header| header.member_id)
                    });
                    if leads.unwrap_or(false) {
                        return *number;
                    }
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let led = tokio::time::timeout(PATIENCE, lead).await;
        led.expect("one of the members leads")
    }
}
