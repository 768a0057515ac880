//! Sessions of client libraries that others write: the official Go client, `etcd-client`, two of
//! Python's, `etcd3` of npm, and jetcd.
//!
//! Each is a program of its own in `tests/clients/`, built when its toolchain is there. It is
//! given an endpoint, prints a line per part that worked, and asks once for a restart of the
//! server in the middle of its watches.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::server::{Program, Server, free_port, version_of};

/// The oldest Java that runs a session from its source.
const JAVA: (u32, u32) = (17, 0);

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

/// Runs a command; its output, errors first, when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    Err(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Whether what a session needs could be fetched; it is skipped if not.
fn fetched(name: &str, outcome: Result<(), String>) -> bool {
    if let Err(error) = &outcome {
        support::skip(name, &format!("what it needs cannot be fetched: {error}"));
    }
    outcome.is_ok()
}

/// Whether what is on a list was fetched into a home of its own: now, or before by the same list.
fn installed(
    name: &str,
    home: &Path,
    list: &Path,
    install: impl FnOnce() -> Result<(), String>,
) -> bool {
    let mark = home.join("installed");
    let wanted = std::fs::read(list).expect("it is among the sources");
    if std::fs::read(&mark).is_ok_and(|before| before == wanted) {
        return true;
    }
    let _ = std::fs::remove_dir_all(home);
    std::fs::create_dir_all(home).expect("room for a directory");
    let fetched = fetched(name, install());
    if fetched {
        std::fs::write(mark, wanted).expect("room for a file");
    }
    fetched
}

/// Runs a command that must succeed where its tools are.
fn build(command: &mut Command) {
    if let Err(error) = run(command) {
        panic!("{command:?}: {error}");
    }
}

/// Runs a session to its end, with the one restart it asks for.
fn converse(session: &mut Command, name: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = free_port();
    let subject = Program::subject();
    let mut server = Server::start_at(&subject, directory.path(), port, &[]);
    let mut session = session
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
    let mut download = Command::new("go");
    download.args(["mod", "download"]).current_dir(&directory);
    if !fetched(name, run(&mut download)) {
        return;
    }
    let program = target().join("go-session");
    let mut compile = Command::new("go");
    compile.args(["build", "-o"]).arg(&program).arg(".");
    build(compile.current_dir(&directory));
    converse(&mut Command::new(program), name);
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
    if !fetched(name, run(&mut cargo("fetch"))) {
        return;
    }
    let target = target();
    build(cargo("build").arg("--target-dir").arg(&target));
    let program = target.join("debug/kvtool-client-session");
    converse(&mut Command::new(program), name);
}

#[test]
fn python_clients() {
    let name = "clients python";
    let Some((major, minor)) = version_of(Path::new("python3"), "--version") else {
        return support::skip(name, "no python3");
    };
    let home = target().join(format!("python{major}.{minor}"));
    let list = sources("python").join("requirements.txt");
    let python = home.join("bin/python");
    let install = || {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "-qq", "--requirement"]);
        run(pip.arg(&list))
    };
    if installed(name, &home, &list, install) {
        let program = sources("python").join("session.py");
        converse(Command::new(&python).arg(program), name);
    }
}

#[test]
fn the_javascript_client() {
    let name = "clients javascript";
    if !runs("node", "--version") || !runs("npm", "--version") {
        return support::skip(name, "no node with npm");
    }
    let home = target().join("javascript");
    let directory = sources("javascript");
    let copy = |file: &str| {
        std::fs::copy(directory.join(file), home.join(file)).expect("room for a file");
    };
    let install = || {
        copy("package.json");
        copy("package-lock.json");
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        run(npm.current_dir(&home))
    };
    if installed(name, &home, &directory.join("package-lock.json"), install) {
        // Modules are found beside the program that wants them.
        copy("session.js");
        converse(Command::new("node").arg(home.join("session.js")), name);
    }
}

#[test]
fn the_java_client() {
    let name = "clients java";
    if version_of(Path::new("javac"), "--version").is_none_or(|version| version < JAVA) {
        return support::skip(name, "no JDK of 17 or newer");
    }
    if !runs("mvn", "--version") {
        return support::skip(name, "no maven");
    }
    let home = target().join("java");
    let list = sources("java").join("pom.xml");
    let install = || {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies"]);
        maven.arg(format!("-DoutputDirectory={}", home.display()));
        run(maven.arg("--file").arg(&list))
    };
    if installed(name, &home, &list, install) {
        let mut session = Command::new("java");
        session.arg("--class-path").arg(home.join("*"));
        converse(session.arg(sources("java").join("Session.java")), name);
    }
}
