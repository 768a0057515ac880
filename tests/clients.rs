//! Sessions of client libraries that others write: the official Go client, and `etcd-client`.
//!
//! Each is a program of its own in `tests/clients/`, built when its toolchain is there. It is
//! given an endpoint, prints a line per part that worked, and asks once for a restart of the
//! server in the middle of its watches.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::server::{Program, Server, free_port};

/// Where the session programs are.
fn sources(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/clients").join(name)
}

/// Where they are built: out of the way of the workspace's own build.
fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    root.join("clients")
}

fn runs(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a command; its error output when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs a session to its end, with the one restart it asks for.
fn converse(program: &Path, name: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = free_port();
    let subject = Program::subject();
    let mut server = Server::start_at(&subject, directory.path(), port, &[]);
    let mut session = Command::new(program)
        .arg(server.endpoint())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was just built");
    let mut stdin = session.stdin.take().expect("piped");
    let stdout = BufReader::new(session.stdout.take().expect("piped"));
    let mut stderr = session.stderr.take().expect("piped");
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut text).map(|_| text)
    });
    let mut parts = Vec::new();
    for line in stdout.lines().map_while(Result::ok) {
        if line == "restart" {
            server.kill();
            server = Server::start_at(&subject, directory.path(), port, &[]);
            stdin.write_all(b"\n").expect("it waits for this line");
        } else {
            parts.push(line);
        }
    }
    let status = session.wait().expect("it was started");
    let errors = errors.join().expect("does not panic").unwrap_or_default();
    assert!(
        status.success(),
        "{name}: {status} after {parts:?}\n{}",
        String::from_utf8_lossy(&errors)
    );
    assert!(parts.iter().any(|part| part == "ok a restart"), "{parts:?}");
    support::note(name, &parts.join(", "));
}

#[test]
fn the_official_go_client() {
    let name = "clients go";
    if !runs("go", "version") {
        return support::skip(name, "no go");
    }
    let directory = sources("go");
    let download = run(Command::new("go")
        .args(["mod", "download"])
        .current_dir(&directory));
    if let Err(error) = download {
        return support::skip(name, &format!("its modules cannot be fetched: {error}"));
    }
    let program = target().join("go-session");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(".");
    if let Err(error) = run(build.current_dir(&directory)) {
        panic!("go build: {error}");
    }
    converse(&program, name);
}

/// Whether there is a protoc, and the protos that come in a package of their own.
fn compiles_protos() -> bool {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let text = "syntax = \"proto3\"; import \"google/protobuf/descriptor.proto\";";
    std::fs::write(directory.path().join("probe.proto"), text).expect("room for a file");
    let mut protoc = Command::new("protoc");
    protoc.args(["-o", "/dev/null", "-I", ".", "probe.proto"]);
    run(protoc.current_dir(&directory)).is_ok()
}

#[test]
fn the_etcd_client_crate() {
    let name = "clients rust";
    if !compiles_protos() {
        return support::skip(
            name,
            "no protoc with its own protos, which etcd-client needs",
        );
    }
    let manifest = sources("rust").join("Cargo.toml");
    let cargo = |verb: &str| {
        let mut command = Command::new(env!("CARGO"));
        command.args([verb, "--locked", "--manifest-path"]);
        command.arg(&manifest);
        command
    };
    if let Err(error) = run(&mut cargo("fetch")) {
        return support::skip(name, &format!("its crates cannot be fetched: {error}"));
    }
    let target = target();
    if let Err(error) = run(cargo("build").arg("--target-dir").arg(&target)) {
        panic!("cargo build: {error}");
    }
    converse(&target.join("debug/kvtool-client-session"), name);
}
