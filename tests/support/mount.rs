//! File systems that a test fills or turns read-only.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A small file system of its own for a test; taken down when dropped.
pub struct Mount {
    path: tempfile::TempDir,
}

impl Mount {
    /// Makes one; `None`, with a printed line, where that is not allowed.
    pub fn new(test: &str, options: &str) -> Option<Self> {
        let mount = Self {
            path: tempfile::tempdir().expect("a temporary directory"),
        };
        if mount.run("mount", &["-t", "tmpfs", "-o", options, "tmpfs"]) {
            return Some(mount);
        }
        super::skip(test, "no right to mount a file system");
        None
    }

    /// Changes how it is mounted.
    pub fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        assert!(self.run("mount", &["-o", &options]), "remount {option}");
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(program);
        command.args(arguments).arg(self.path.path());
        let status = command.stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Takes all space but `spare` bytes; answers with the file that takes it.
    pub fn fill(&self, spare: u64) -> PathBuf {
        let path = self.path.path().join("filler");
        let mut file = std::fs::File::create(&path).expect("creates");
        let chunk = vec![0; 1 << 20];
        let mut length = 0;
        while let Ok(written) = file.write(&chunk) {
            length += written as u64;
        }
        file.set_len(length - spare).expect("shortens");
        path
    }

    /// A directory on it, which does not exist yet.
    pub fn data(&self) -> PathBuf {
        self.path.path().join("data")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.run("umount", &[]);
    }
}
