//! Certificates of members, as etcd's are set, and what the log says of those who are not let in.

use super::support::authority::Authority;
use super::support::server::free_port;
use super::{Server, etcd};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A member with a certificate of this common name.
fn member(directory: &Path, name: &str, cluster: &str, url: &str) -> Command {
    let mut command = etcd(directory);
    let clients = format!("http://localhost:{}", free_port());
    command
        .args(["--name", name, "--initial-cluster", cluster])
        .args(["--listen-peer-urls", url])
        .args(["--initial-advertise-peer-urls", url])
        .args(["--listen-client-urls", &clients])
        .args(["--advertise-client-urls", &clients])
        .args([
            "--peer-cert-file=certificate.pem",
            "--peer-key-file=key.pem",
        ]);
    command
}

#[test]
fn whose_common_name_is_not_let_in_is_told_so() {
    let authority = Authority::new();
    let directories = [(); 3].map(|()| TempDir::new().unwrap());
    let urls = [(); 3].map(|()| format!("https://localhost:{}", free_port()));
    let names = ["a", "b", "c"];
    let cluster = names.iter().zip(&urls);
    let cluster = Vec::from_iter(cluster.map(|(name, url)| format!("{name}={url}"))).join(",");
    let mut servers = Vec::new();
    for place in 0..3 {
        let directory = directories[place].path();
        let common_name = if place < 2 { "good" } else { "bad" };
        let certificate = authority.issue_to(common_name, &["localhost"], place as u64 + 1);
        authority.write_files(directory, certificate);
        let mut command = member(directory, names[place], &cluster, &urls[place]);
        command
            .args([
                "--peer-trusted-ca-file=authority.pem",
                "--peer-client-cert-auth",
            ])
            .args(["--peer-cert-allowed-cn", common_name]);
        servers.push(Server::spawn(command));
    }
    for server in &mut servers[..2] {
        server.until(|entry| entry["msg"] == "ready to serve client requests");
    }
    let rejected = "rejected connection on peer endpoint";
    for server in &mut servers {
        let entry = server.until(|entry| entry["msg"] == rejected);
        assert_eq!(entry["error"], "client certificate authentication failed");
        assert_eq!(entry["server-name"], "localhost");
    }
    servers[2].until(|entry| {
        let reason = entry["reason"].as_str().unwrap_or_default();
        reason.contains("remote error: tls: bad certificate")
    });
}

#[test]
fn a_peer_port_needs_no_authority() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::new();
    authority.issue_files(directory.path());
    let url = format!("https://localhost:{}", free_port());
    let mut command = member(directory.path(), "a", &format!("a={url}"), &url);
    command.arg("--feature-gates=SetMemberLocalAddr=true");
    let mut server = Server::start(command);
    for warning in ["whoever reaches the peer port", "no address to call"] {
        server.until(|entry| entry["msg"].as_str().is_some_and(|it| it.contains(warning)));
    }
    assert_eq!(server.stop(), Some(0));
}
