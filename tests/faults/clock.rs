//! A wall clock that a test turns, for one server. Its monotonic clock runs on.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian has the library of the package `faketime`.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// The clock of one server.
pub struct Clock {
    library: PathBuf,
    directory: tempfile::TempDir,
}

impl Clock {
    /// A clock that is right; `None`, with a printed line, where there is no `faketime`.
    pub fn new(test: &str) -> Option<Self> {
        let library = LIBRARIES.iter().map(Path::new).find(|path| path.exists());
        let Some(library) = library else {
            support::skip(test, "no libfaketime");
            return None;
        };
        let clock = Self {
            library: library.to_path_buf(),
            directory: tempfile::tempdir().expect("a temporary directory"),
        };
        clock.turn(0);
        Some(clock)
    }

    /// Gives the clock to a server that is about to start.
    pub fn give_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DISABLE_SHM", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    /// Lets it show a time that is so much later than the right one, from now on.
    pub fn turn(&self, seconds: i64) {
        // The server reads the file at any moment: it must never be half written.
        let new = self.directory.path().join("new");
        std::fs::write(&new, format!("{seconds:+}s\n")).expect("room for a file");
        std::fs::rename(new, self.file()).expect("the file can be replaced");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}
