//! A throwaway FoundationDB cluster on loopback: one `fdbserver` for a test process.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Runs the server until the test process ends, however it ends: its end of the pipe is closed
/// then. `$1` is the directory, the rest is the server.
const KEEPER: &str = r#"
    directory=$1; shift
    "$@" >/dev/null 2>&1 </dev/null & server=$!
    echo $server
    read -r _
    kill -9 $server
    rm -rf "$directory"
"#;

/// A running cluster.
pub struct Cluster {
    directory: PathBuf,
    address: String,
    server: u32,
    /// Its standard input keeps the server alive.
    _keeper: Child,
}

impl Cluster {
    /// The cluster of this process; `None`, with a printed line, where there is no FoundationDB.
    pub fn get(test: &str) -> Option<&'static Self> {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        let programs = programs(test)?;
        Some(CLUSTER.get_or_init(|| Self::start(&programs)))
    }

    /// A cluster that a test may disturb.
    pub fn own(test: &str) -> Option<Self> {
        Some(Self::start(&programs(test)?))
    }

    fn start((fdbserver, fdbcli): &(PathBuf, PathBuf)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory").keep();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound").to_string();
        drop(free);
        let file = directory.join("fdb.cluster");
        std::fs::write(&file, format!("test:test@{address}\n")).expect("room for a file");
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&directory)
            .arg(fdbserver)
            .args(["--public-address", &address])
            .arg("--datadir")
            .arg(&directory)
            .arg("--logdir")
            .arg(&directory)
            .arg("--cluster-file")
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        let told = keeper.stdout.take().expect("piped");
        let told = BufReader::new(told).read_line(&mut line);
        told.expect("the shell says which process it is");
        let made = Command::new(fdbcli)
            .args(["--timeout", "60", "--exec", "configure new single ssd"])
            .arg("-C")
            .arg(&file)
            .output()
            .expect("it was found");
        assert!(made.status.success(), "{made:?}");
        Self {
            directory,
            address,
            server: line.trim().parse().expect("a process id"),
            _keeper: keeper,
        }
    }

    /// Its cluster file.
    pub fn file(&self) -> PathBuf {
        self.directory.join("fdb.cluster")
    }

    /// Where its one server listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends its server a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.server.to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
    }
}

/// `fdbserver` and `fdbcli`.
fn programs(test: &str) -> Option<(PathBuf, PathBuf)> {
    let found = program("fdbserver").zip(program("fdbcli"));
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "SKIP {test}: no fdbserver and fdbcli");
    }
    found
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|directory| directory.join(name));
    programs.find(|path| path.is_file())
}
