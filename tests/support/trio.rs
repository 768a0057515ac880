//! The server under test as one of three members, with `KVTOOL_TEST_STORE=raft3`.

use super::server::{Server, free_port};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Three members below one directory, whose ports for each other stay the same when they start again.
pub struct Trio {
    directory: PathBuf,
    peer_urls: Vec<String>,
}

impl Trio {
    /// The one of this directory.
    pub fn at(directory: &Path) -> Self {
        let known = directory.join("peers");
        let text = std::fs::read_to_string(&known).unwrap_or_else(|_| {
            let urls = [(); 3].map(|()| format!("http://127.0.0.1:{}", free_port()));
            std::fs::create_dir_all(directory).expect("the directory can be made");
            std::fs::write(&known, urls.join(" ")).expect("it can be written to");
            urls.join(" ")
        });
        Self {
            directory: directory.to_path_buf(),
            peer_urls: text.split(' ').map(str::to_owned).collect(),
        }
    }

    /// The flags of a member.
    pub fn flags(&self, number: usize) -> Vec<String> {
        let member = |(number, url): (usize, &String)| format!("m{number}={url}");
        let all = Vec::from_iter(self.peer_urls.iter().enumerate().map(member));
        let directory = self.directory.join(format!("m{number}"));
        [
            ("--name", format!("m{number}")),
            ("--data-dir", directory.display().to_string()),
            ("--listen-peer-urls", self.peer_urls[number].clone()),
            ("--initial-cluster", all.join(",")),
        ]
        .map(|(flag, value)| format!("{flag}={value}"))
        .to_vec()
    }

    /// Starts the two that are not under test, with these flags besides.
    pub fn start_others(&self, arguments: &[&str]) -> Vec<Server> {
        let start = |number| {
            let port = free_port();
            let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
            command.arg("serve").args(self.flags(number));
            command.args([&format!("--listen-client-urls=http://127.0.0.1:{port}")]);
            command.args(arguments);
            Server::run(command, SocketAddr::from(([127, 0, 0, 1], port)))
        };
        vec![start(1), start(2)]
    }
}
