//! The log's files, whose space is written before the log reaches it.
//!
//! A sync of bytes in space that was only allocated has to say in the file system's journal that it
//! is used now. So while the log writes to one stretch of a file, a thread writes zeros to the next.
//! Files that are used again need none of that.

use raft_engine::env::{FileSystem, Handle, Permission, WriteExt};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Written with one sync: more makes the log's own syncs wait longer, less takes more of them.
static ZEROS: [u8; 128 << 10] = [0; 128 << 10];

/// How the engine reaches its files.
pub(super) struct Files {
    /// Nothing is written ahead from here on.
    pub(super) file_bytes: u64,
}

/// A file of the log.
pub(super) struct LogFile {
    file: File,
    ahead_until: u64,
}

/// A place in a file, where the log is read or written.
pub(super) struct Place {
    file: Arc<LogFile>,
    offset: u64,
    /// Whether it has asked for space before: a log that writes little needs nothing ahead.
    has_asked: bool,
    ahead: Option<Ahead>,
}

/// A thread that writes zeros behind what the log has asked for.
struct Ahead {
    must_stop: Arc<AtomicBool>,
    /// Answers how far it came.
    thread: JoinHandle<u64>,
}

impl Ahead {
    /// Over `from..until`; `None` if there can be no thread.
    fn begin(file: Arc<LogFile>, from: u64, until: u64) -> Option<Self> {
        let must_stop = Arc::new(AtomicBool::new(false));
        let is_over = must_stop.clone();
        let thread = std::thread::Builder::new().name("kvtool-log-ahead".to_owned());
        let fill = move || {
            let mut filled = from;
            // Whatever is wrong with the file or the disk, the log itself will say.
            let _ = allocate(&file.file, from, until - from);
            while filled < until && !is_over.load(Ordering::Relaxed) {
                let length = (until - filled).min(ZEROS.len() as u64);
                let zeros = &ZEROS[..length as usize];
                let written = file.file.write_all_at(zeros, filled);
                if written.and_then(|()| file.file.sync_data()).is_err() {
                    break;
                }
                filled += length;
            }
            filled
        };
        let thread = thread.spawn(fill).ok()?;
        Some(Self { must_stop, thread })
    }

    /// Waits until it writes no more, which is one piece at most; answers how far it came.
    fn end(self) -> u64 {
        self.must_stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), offset, length) {
        Err(Errno::OPNOTSUPP) => Ok(()),
        other => Ok(other?),
    }
}

impl Files {
    fn place(file: Arc<LogFile>) -> Place {
        Place {
            file,
            offset: 0,
            has_asked: false,
            ahead: None,
        }
    }

    fn file(&self, file: File) -> LogFile {
        LogFile {
            file,
            ahead_until: self.file_bytes,
        }
    }
}

impl FileSystem for Files {
    type Handle = LogFile;
    type Reader = Place;
    type Writer = Place;

    fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<LogFile> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(self.file(options.open(path)?))
    }

    fn open<P: AsRef<Path>>(&self, path: P, permission: Permission) -> io::Result<LogFile> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(permission == Permission::ReadWrite);
        Ok(self.file(options.open(path)?))
    }

    fn delete<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn rename<P: AsRef<Path>>(&self, from: P, to: P) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn new_reader(&self, file: Arc<LogFile>) -> io::Result<Place> {
        Ok(Self::place(file))
    }

    fn new_writer(&self, file: Arc<LogFile>) -> io::Result<Place> {
        Ok(Self::place(file))
    }
}

impl Handle for LogFile {
    fn truncate(&self, length: usize) -> io::Result<()> {
        self.file.set_len(length as u64)
    }

    fn file_size(&self) -> io::Result<usize> {
        Ok(self.file.metadata()?.len() as usize)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl WriteExt for Place {
    fn truncate(&mut self, length: usize) -> io::Result<()> {
        self.end_ahead();
        self.offset = length as u64;
        self.file.truncate(length)
    }

    /// Room behind all that there was; what is written ahead is a part of it, or follows.
    fn allocate(&mut self, offset: usize, length: usize) -> io::Result<()> {
        let (offset, length) = (offset as u64, length as u64);
        let filled = self.end_ahead().max(offset);
        let end = offset + length;
        if filled < end {
            allocate(&self.file.file, filled, end - filled)?;
        }
        let next = filled.max(end);
        let until = (next + length).min(self.file.ahead_until);
        if std::mem::replace(&mut self.has_asked, true) && next < until {
            self.ahead = Ahead::begin(self.file.clone(), next, until);
        }
        Ok(())
    }
}

impl Place {
    /// Nothing is written ahead any more; answers how far it was.
    fn end_ahead(&mut self) -> u64 {
        self.ahead.take().map_or(0, Ahead::end)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_ahead();
    }
}

impl Read for Place {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.file.read_at(buffer, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.file.write_at(bytes, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Place {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |base: u64, by: i64| {
            base.checked_add_signed(by)
                .ok_or(io::Error::from(io::ErrorKind::InvalidInput))
        };
        self.offset = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::Current(by) => from(self.offset, by)?,
            SeekFrom::End(by) => from(self.file.file.metadata()?.len(), by)?,
        };
        Ok(self.offset)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, RngExt, SeedableRng};

    const STRETCH_BYTES: usize = 1 << 20;

    fn place(directory: &Path, file_bytes: u64) -> Place {
        let files = Files { file_bytes };
        let file = files.create(directory.join("log")).unwrap();
        files.new_writer(Arc::new(file)).unwrap()
    }

    /// As the engine does it: asks for what it lacks, a stretch or more, and writes at once, faster
    /// than zeros are written.
    #[test]
    fn what_is_written_ahead_is_never_written_over_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let mut random = StdRng::seed_from_u64(1);
        let mut log = vec![0; 32 << 20];
        random.fill_bytes(&mut log);
        let mut place = place(directory.path(), 24 << 20);
        let (mut written, mut capacity) = (0, 0);
        while written < log.len() {
            let end = (written + random.random_range(1..400_000)).min(log.len());
            if capacity < end {
                let length = (end - capacity).max(random.random_range(1..STRETCH_BYTES));
                place.allocate(capacity, length).unwrap();
                capacity += length;
            }
            place.write_all(&log[written..end]).unwrap();
            written = end;
        }
        place.truncate(log.len()).unwrap();
        drop(place);
        assert!(std::fs::read(directory.path().join("log")).unwrap() == log);
    }

    #[test]
    fn the_next_stretch_is_zeros_and_no_more_than_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut place = place(directory.path(), 2 * STRETCH_BYTES as u64 + 10);
        place.allocate(0, STRETCH_BYTES).unwrap();
        assert!(place.ahead.is_none(), "a log that may stay short");
        place.allocate(STRETCH_BYTES, STRETCH_BYTES).unwrap();
        let ahead = place.ahead.take().unwrap();
        assert_eq!(ahead.thread.join().unwrap(), 2 * STRETCH_BYTES as u64 + 10);
        let bytes = std::fs::read(directory.path().join("log")).unwrap();
        assert_eq!(bytes, vec![0; 2 * STRETCH_BYTES + 10]);
        place.allocate(2 * STRETCH_BYTES, STRETCH_BYTES).unwrap();
        assert!(place.ahead.is_none(), "the file is as long as it may be");
    }
}
