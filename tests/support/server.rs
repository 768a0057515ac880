//! Servers as child processes: kvtool, or a real etcd beside it.

use super::cluster::Cluster;
use super::trio::Trio;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Lines of a server's log that are kept to be shown when a test fails.
const LOG_LINES: usize = 4000;

/// How long a server may take to become ready, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connect that is refused is tried again after this long, or at the next log line.
const CONNECT_AGAIN: Duration = Duration::from_millis(20);

/// An etcd binary found on this machine.
#[derive(Debug, Clone)]
pub struct Etcd {
    /// Where it is.
    pub path: PathBuf,
    /// Major and minor version.
    pub version: (u32, u32),
    /// Whether it waits for its disk: only where it is measured.
    pub durable: bool,
}

impl Etcd {
    /// The etcd named by `KVTOOL_TEST_ETCD`, else `etcd37` or `etcd` from the path.
    pub fn find() -> Option<Self> {
        match std::env::var_os("KVTOOL_TEST_ETCD") {
            Some(path) => Self::at(&PathBuf::from(path)),
            None => ["etcd37", "etcd"]
                .iter()
                .find_map(|name| Self::at(Path::new(name))),
        }
    }

    /// The etcd at `path`, when it runs.
    pub fn at(path: &Path) -> Option<Self> {
        Some(Self {
            path: path.to_path_buf(),
            version: version_of(path, "--version")?,
            durable: false,
        })
    }
}

/// The first `major.minor` in what a program prints about itself; `None` when it does not run.
pub fn version_of(program: &Path, argument: &str) -> Option<(u32, u32)> {
    let output = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

/// What to run as a server.
#[derive(Debug, Clone)]
pub enum Program {
    /// The kvtool of this build.
    Kvtool,
    /// A real etcd.
    Etcd(Etcd),
}

impl Program {
    /// The server under test: kvtool, or the etcd named by `KVTOOL_TEST_SUBJECT`, which puts a
    /// real etcd in kvtool's place and so tests the tests.
    pub fn subject() -> Self {
        match std::env::var_os("KVTOOL_TEST_SUBJECT") {
            Some(path) => Self::Etcd(
                Etcd::at(&PathBuf::from(path)).expect("KVTOOL_TEST_SUBJECT names an etcd"),
            ),
            None => Self::Kvtool,
        }
    }

    fn command(&self, data_dir: &Path, port: u16) -> Command {
        let client = format!("http://127.0.0.1:{port}");
        match self {
            Self::Kvtool => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
                command.arg("serve");
                home(&mut command, data_dir);
                command.args(["--listen-client-urls", &client]);
                command
            }
            Self::Etcd(etcd) => {
                let peer = format!("http://127.0.0.1:{}", free_port());
                let mut command = Command::new(&etcd.path);
                command.arg("--data-dir").arg(data_dir);
                command.args(["--logger", "zap", "--name", "default"]);
                command.args(["--listen-client-urls", &client]);
                command.args(["--advertise-client-urls", &client]);
                command.args(["--listen-peer-urls", &peer]);
                command.args(["--initial-advertise-peer-urls", &peer]);
                command.args(["--initial-cluster", &format!("default={peer}")]);
                if etcd.version >= (3, 5) && !etcd.durable {
                    command.arg("--unsafe-no-fsync");
                }
                command
            }
        }
    }
}

/// Where kvtool keeps its data: `raft` (as if it were not set), `raft3`, `local` or `fdb`.
fn test_store() -> String {
    std::env::var("KVTOOL_TEST_STORE").unwrap_or_else(|_| "raft".to_owned())
}

/// The home of a kvtool's data. On FoundationDB each directory stands for an instance of its name.
fn home(command: &mut Command, data_dir: &Path) {
    match test_store().as_str() {
        "fdb" => {
            let cluster = Cluster::get("KVTOOL_TEST_STORE=fdb").expect("FoundationDB is installed");
            command.args(["--store", "fdb", "--fdb-cluster-file"]);
            command.arg(cluster.file()).arg("--instance").arg(data_dir);
        }
        "local" => {
            command
                .args(["--store", "local", "--data-dir"])
                .arg(data_dir);
        }
        "raft" => {
            command.arg("--data-dir").arg(data_dir);
        }
        "raft3" => {
            command.args(Trio::at(data_dir).flags(0));
        }
        other => panic!("KVTOOL_TEST_STORE={other}: raft, raft3, local or fdb"),
    }
}

/// A running server. Dropped, it is killed; its log is shown when the test is failing.
pub struct Server {
    child: Child,
    log: Arc<Log>,
    address: SocketAddr,
    /// Members of the same group, that live and die with this one.
    others: Vec<Server>,
}

impl Server {
    /// Starts a server on a free port and waits until it is ready.
    pub fn start(program: &Program, data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_at(program, data_dir, free_port(), arguments)
    }

    /// Starts a server on `port` and waits until it is ready.
    pub fn start_at(program: &Program, data_dir: &Path, port: u16, arguments: &[&str]) -> Self {
        let server = Self::spawn(program, data_dir, port, arguments);
        server.wait_ready(matches!(program, Program::Etcd(_)));
        server
    }

    /// Starts a server that is not expected to become ready.
    pub fn spawn(program: &Program, data_dir: &Path, port: u16, arguments: &[&str]) -> Self {
        let mut command = program.command(data_dir, port);
        command.args(arguments);
        let mut server = Self::run(command, SocketAddr::from(([127, 0, 0, 1], port)));
        if matches!(program, Program::Kvtool) && test_store() == "raft3" {
            server.others = Trio::at(data_dir).start_others(arguments);
        }
        server
    }

    /// Starts a kvtool on a FoundationDB cluster; it may still have to become ready.
    pub fn spawn_on(cluster: &Cluster, instance: &str, name: &str, port: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
        let client = format!("http://127.0.0.1:{port}");
        command.args(["serve", "--listen-client-urls", &client]);
        command.args(["--store", "fdb", "--fdb-cluster-file"]);
        command.arg(cluster.file());
        command.args(["--instance", instance, "--name", name]);
        Self::run(command, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Runs a command that serves at an address, and waits until it is ready.
    pub fn launch(command: Command, address: SocketAddr) -> Self {
        let server = Self::run(command, address);
        server.wait_ready(false);
        server
    }

    /// Runs a command that serves at an address.
    pub fn run(mut command: Command, address: SocketAddr) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Log::default());
        log.follow(child.stdout.take().expect("piped"));
        log.follow(child.stderr.take().expect("piped"));
        Self {
            child,
            log,
            address,
            others: Vec::new(),
        }
    }

    fn wait_ready(&self, await_line: bool) {
        // etcd listens before it serves, so its log is believed and not the port.
        let ready = self.becomes(|| {
            if await_line {
                self.log.contains("serving client traffic")
            } else {
                TcpStream::connect(self.address).is_ok()
            }
        });
        if !ready {
            panic!("the server did not become ready:\n{}", self.log.text());
        }
    }

    /// Waits until a kvtool serves, or has ended without.
    pub fn ready(&self) -> bool {
        self.becomes(|| TcpStream::connect(self.address).is_ok())
    }

    fn becomes(&self, ready: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            if self.log.ended() || Instant::now() > deadline {
                return false;
            }
            self.log.wait_change(CONNECT_AGAIN);
        }
        true
    }

    /// Where it serves, as a URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it serves on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged, as far as it is kept.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// In how many of the kept lines of its log a text is.
    pub fn logged(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args([format!("-{signal}"), pid])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.others.clear();
    }

    /// Asks it to stop, as a service manager does, and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_exit()
    }

    /// Waits until the process ends by itself.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while !self.log.ended() {
            if Instant::now() > deadline {
                panic!("the server does not stop:\n{}", self.log.text());
            }
            self.log.wait_change(CONNECT_AGAIN);
        }
        self.others.clear();
        self.child.wait().expect("the child was not waited for")
    }

    /// A line such as `VmRSS` of the process's memory, in KiB.
    pub fn memory_kib(&self, field: &str) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = text.lines().find(|line| line.starts_with(field))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let text = self.log.text();
            let _ = writeln!(std::io::stderr(), "--- log of {}\n{text}", self.endpoint());
        }
    }
}

/// The last lines of both output streams of a process.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: VecDeque<String>,
    streams_ended: u8,
}

impl Log {
    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                log.change(|state| {
                    if state.lines.len() == LOG_LINES {
                        state.lines.pop_front();
                    }
                    state.lines.push_back(line);
                });
            }
            log.change(|state| state.streams_ended += 1);
        });
    }

    fn change(&self, change: impl FnOnce(&mut LogState)) {
        change(&mut self.state.lock().expect("no holder panics"));
        self.changed.notify_all();
    }

    fn wait_change(&self, timeout: Duration) {
        let state = self.state.lock().expect("no holder panics");
        let _ = self.changed.wait_timeout(state, timeout);
    }

    fn contains(&self, text: &str) -> bool {
        let state = self.state.lock().expect("no holder panics");
        state.lines.iter().any(|line| line.contains(text))
    }

    fn ended(&self) -> bool {
        self.state.lock().expect("no holder panics").streams_ended == 2
    }

    fn text(&self) -> String {
        let state = self.state.lock().expect("no holder panics");
        Vec::from_iter(state.lines.iter().cloned()).join("\n")
    }
}

/// A port nobody listens on. Taken below the range from which the kernel gives ports to
/// outgoing connections, so that none of those takes it before the server does.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const PORTS: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries of one run start at different places.
    let start = (std::process::id().wrapping_mul(67) % u32::from(PORTS)) as u16;
    for _ in 0..PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        let port = FIRST + (start + step) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
