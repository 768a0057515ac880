//! A throwaway FoundationDB cluster on loopback, for tests.
#![allow(clippy::unwrap_used)]

use super::{Fdb, Options};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use tempfile::TempDir;

/// Where FoundationDB's packages put their programs, when they are not on the path.
const DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/bin"];

/// One `fdbserver`, which ends with the last user of this.
pub struct Cluster {
    directory: TempDir,
    address: String,
    server: Mutex<Child>,
}

impl Cluster {
    /// The cluster of this test process; `None`, with a printed line, where there is no
    /// FoundationDB.
    pub fn get(test: &str) -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        if let Some(cluster) = shared.upgrade() {
            return Some(cluster);
        }
        let (Some(fdbserver), Some(fdbcli)) = (program("fdbserver"), program("fdbcli")) else {
            eprintln!("SKIP {test}: no fdbserver and fdbcli");
            return None;
        };
        let cluster = Arc::new(Self::start(&fdbserver, &fdbcli));
        *shared = Arc::downgrade(&cluster);
        Some(cluster)
    }

    fn start(fdbserver: &PathBuf, fdbcli: &PathBuf) -> Self {
        let directory = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let file = directory.path().join("fdb.cluster");
        std::fs::write(&file, format!("test:test@{address}\n")).unwrap();
        let server = Command::new(fdbserver)
            .args([
                "--public-address",
                &address,
                "--knob_disable_posix_kernel_aio=1",
            ])
            .arg("--datadir")
            .arg(directory.path())
            .arg("--logdir")
            .arg(directory.path())
            .arg("--cluster-file")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let made = Command::new(fdbcli)
            .args(["--timeout", "30", "--exec", "configure new single ssd"])
            .arg("-C")
            .arg(&file)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self {
            directory,
            address,
            server: Mutex::new(server),
        }
    }

    /// How to reach it.
    pub(super) fn options(&self) -> Options {
        Options {
            cluster_file: Some(self.file()),
            ..Options::default()
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.directory.path().join("fdb.cluster")
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub async fn open(&self) -> Fdb {
        Fdb::open(&self.options()).await.unwrap()
    }

    /// Sends the server a signal.
    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.server.lock().unwrap());
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut server = self.server.lock().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(DIRECTORIES.map(PathBuf::from));
    directories
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}
