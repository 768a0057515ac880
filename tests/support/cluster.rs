//! A throwaway FoundationDB cluster of one `fdbserver`, for a test process.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// Runs the server until the test process ends, however it ends: its end of the pipe is closed
/// then. A line before that is answered by a new server, after the one before was killed. `$1` is
/// the directory, the rest is the server.
const KEEPER: &str = r#"
    directory=$1; shift
    while :; do
        "$@" >/dev/null 2>&1 </dev/null & server=$!
        echo $server
        read -r _ || break
        kill -9 $server; wait $server 2>/dev/null
    done
    kill -9 $server
    rm -rf "$directory"
"#;

/// Files of a certificate, for both ends of every connection.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who signs the other end's certificates, PEM.
    pub authority: PathBuf,
}

impl Tls {
    /// Flags of FoundationDB's programs; kvtool's are these behind a prefix.
    pub fn flags(&self, prefix: &str) -> Vec<OsString> {
        let files = [
            ("certificate", &self.certificate),
            ("key", &self.key),
            ("ca", &self.authority),
        ];
        let flag = |(name, path): (&str, &PathBuf)| {
            let name = format!("--{prefix}tls-{name}-file");
            [name.into(), path.clone().into_os_string()]
        };
        files.into_iter().flat_map(flag).collect()
    }
}

/// A running cluster.
pub struct Cluster {
    directory: PathBuf,
    address: SocketAddr,
    server: u32,
    launcher: Vec<String>,
    fdbcli: PathBuf,
    /// What its programs are told of TLS; empty without it.
    tls: Vec<OsString>,
    _keeper: Child,
    /// As long as it is open the server is kept alive.
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Cluster {
    /// The cluster of this process; `None`, with a printed line, where there is no FoundationDB.
    pub fn get(test: &str) -> Option<&'static Self> {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        let programs = programs(test)?;
        let start = || Self::start(&programs, &[], Ipv4Addr::LOCALHOST.into(), None);
        Some(CLUSTER.get_or_init(start))
    }

    /// A cluster that a test may disturb.
    pub fn own(test: &str) -> Option<Self> {
        Self::behind(test, &[], Ipv4Addr::LOCALHOST.into())
    }

    /// A cluster that a test may disturb, at an address that is there for what `launcher` runs.
    pub fn behind(test: &str, launcher: &[String], address: IpAddr) -> Option<Self> {
        Some(Self::start(&programs(test)?, launcher, address, None))
    }

    /// A cluster that speaks nothing but TLS.
    pub fn encrypted(test: &str, tls: &Tls) -> Option<Self> {
        let (programs, here) = (programs(test)?, Ipv4Addr::LOCALHOST.into());
        Some(Self::start(&programs, &[], here, Some(tls)))
    }

    fn start(
        (fdbserver, fdbcli): &(PathBuf, PathBuf),
        launcher: &[String],
        address: IpAddr,
        tls: Option<&Tls>,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory").keep();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        let address = SocketAddr::new(address, port);
        drop(free);
        let file = directory.join("fdb.cluster");
        let public = match tls {
            Some(_) => format!("{address}:tls"),
            None => address.to_string(),
        };
        let tls = tls.map(|tls| tls.flags("")).unwrap_or_default();
        std::fs::write(&file, format!("test:test@{public}\n")).expect("room for a file");
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&directory)
            .args(launcher)
            .arg(fdbserver)
            .args(["--public-address", &public])
            .args(&tls)
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
        let mut told = BufReader::new(keeper.stdout.take().expect("piped"));
        let server = told_process(&mut told);
        let cluster = Self {
            directory,
            address,
            server,
            launcher: launcher.to_vec(),
            fdbcli: fdbcli.clone(),
            tls,
            orders: keeper.stdin.take().expect("piped"),
            told,
            _keeper: keeper,
        };
        cluster.command("configure new single ssd");
        cluster
    }

    /// Carries out a command of `fdbcli`.
    fn command(&self, command: &str) {
        let done = launched(&self.launcher, &self.fdbcli)
            .args(["--timeout", "60", "--exec", command])
            .arg("-C")
            .arg(self.file())
            .args(&self.tls)
            .output()
            .expect("it was found");
        assert!(done.status.success(), "{done:?}");
    }

    /// Waits until it answers.
    pub fn wait_available(&self) {
        self.command("getversion");
    }

    /// `kill -9` to its server, and another one with what that leaves behind.
    pub fn restart(&mut self) {
        let ordered = writeln!(self.orders, "restart");
        ordered.expect("the keeper listens");
        self.server = told_process(&mut self.told);
    }

    /// Its cluster file.
    pub fn file(&self) -> PathBuf {
        self.directory.join("fdb.cluster")
    }

    /// Where its one server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends its server a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.server.to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
    }
}

/// Which process the keeper says that the server is.
fn told_process(told: &mut impl BufRead) -> u32 {
    let mut line = String::new();
    let read = told.read_line(&mut line);
    read.expect("the shell says which process it is");
    line.trim().parse().expect("a process id")
}

/// A program, run by another one.
fn launched(launcher: &[String], program: &PathBuf) -> Command {
    match launcher {
        [] => Command::new(program),
        [first, others @ ..] => {
            let mut command = Command::new(first);
            command.args(others).arg(program);
            command
        }
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
