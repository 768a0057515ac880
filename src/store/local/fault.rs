//! Errors of disks and engines as one sentence that says what to do.

use crate::store::StoreError;
use fjall::LsmError;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// How much the probe writes: as a flush of the engine would.
const PROBE_BYTES: usize = 32 << 20;
const PROBE_CHUNK_BYTES: usize = 1 << 20;

/// An I/O error met while `doing` something in a data directory.
pub(super) fn io(directory: &Path, doing: &str, error: &io::Error) -> StoreError {
    let directory = directory.display();
    let sentence = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
            "the disk of {directory} is full (while {doing}): free some space and start kvtool \
             again; nothing acknowledged is lost"
        ),
        ErrorKind::ReadOnlyFilesystem => format!(
            "{directory} is on a read-only file system (while {doing}): mount it for writing and \
             start kvtool again; nothing acknowledged is lost"
        ),
        ErrorKind::PermissionDenied => format!(
            "no permission for {directory} (while {doing}): let the user who runs kvtool read and \
             write it"
        ),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            format!("{directory} is not a directory (while {doing}): name another data directory")
        }
        // What reading a file that is cut short or empty ends in.
        ErrorKind::UnexpectedEof
        | ErrorKind::InvalidData
        | ErrorKind::InvalidInput
        | ErrorKind::NotFound => return corrupted(directory, error),
        _ => format!(
            "the disk of {directory} failed while {doing} ({error}): repair it and start kvtool \
             again"
        ),
    };
    StoreError::Fatal(sentence.into())
}

/// An error of the engine.
pub(super) fn engine(directory: &Path, doing: &str, error: &fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(LsmError::Io(error)) => {
            io(directory, doing, error)
        }
        fjall::Error::Locked => in_use(directory),
        fjall::Error::Poisoned => background(directory),
        error => corrupted(directory.display(), error),
    }
}

/// A directory that another process has open.
pub(super) fn in_use(directory: &Path) -> StoreError {
    let directory = directory.display();
    StoreError::Fatal(
        format!("another kvtool uses {directory}: stop it, or name another data directory").into(),
    )
}

/// A directory that cannot be made.
pub(super) fn not_made(directory: &Path, error: &io::Error) -> StoreError {
    if error.kind() == ErrorKind::NotFound {
        let directory = directory.display();
        let sentence = format!("{directory} cannot be made there: name another data directory");
        return StoreError::Fatal(sentence.into());
    }
    io(directory, "making the directory", error)
}

fn corrupted(directory: impl std::fmt::Display, cause: impl std::fmt::Display) -> StoreError {
    let sentence =
        format!("the data in {directory} is damaged ({cause}): restore it from a backup");
    StoreError::Unreadable(sentence.into())
}

/// A failure of the engine's own thread, which does not tell its cause: writes
/// what it was about to write, to meet the same error.
fn background(directory: &Path) -> StoreError {
    let doing = "writing tables";
    match probe(directory) {
        Err(error) => io(directory, doing, &error),
        Ok(()) => io(directory, doing, &io::Error::other("cause unknown")),
    }
}

fn probe(directory: &Path) -> io::Result<()> {
    let path = directory.join("PROBE");
    let chunk = vec![0; PROBE_CHUNK_BYTES];
    let written = File::create(&path).and_then(|mut file| {
        for _ in 0..PROBE_BYTES / PROBE_CHUNK_BYTES {
            file.write_all(&chunk)?;
        }
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}
