//! The data directory: whose it is, its lock and its format.
//!
//! ```text
//! LOCK          locked while a process has the store open
//! FORMAT        "kvtool data format N", written by rename. 1: the engine has a journal. 2: it may have
//!               none. 3: its large values may be apart from their keys, too. 4: and what is only
//!               appended from the rest
//! ACKNOWLEDGED  the number of the last acknowledged commit, 8 bytes, and their CRC, 4 bytes
//! data/         the engine's files
//! data.new/     an engine being made; becomes data/ when it is complete
//! data.stage/   a whole state that comes from elsewhere; it is worth nothing yet
//! data.whole/   the same, complete: it takes the place of data/, whatever is there
//! ```
//!
//! The engine cannot tell a journal that a crash has torn from one that lost its end to a bad
//! disk: it opens both with the commits before. So each commit carries a number, which is
//! written to `ACKNOWLEDGED` when the commit is durable, itself without an fsync. After a crash
//! it may be old but never too high; an engine that opens with a lower number has lost data.
//!
//! `data.new` exists before `FORMAT`, and `FORMAT` before `data`. So a crash while the store is
//! made leaves a directory that is either finished or begun anew, and a directory that has lost
//! its `data` is told apart from both.

use super::fault;
use crate::store::StoreError;
use crc32c::crc32c;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const FORMAT_NEW: &str = "FORMAT.new";
const ACKNOWLEDGED: &str = "ACKNOWLEDGED";
const DATA: &str = "data";
const DATA_NEW: &str = "data.new";
const DATA_STAGE: &str = "data.stage";
const DATA_WHOLE: &str = "data.whole";

/// What a directory may hold and still be taken for a new store: what an unfinished first start
/// leaves, the certificates of a server that makes its own, and what a file system puts into its
/// root.
const NEW_STORE_NAMES: [&str; 5] = [LOCK, FORMAT_NEW, DATA_NEW, CERTIFICATES, "lost+found"];

/// Where in its directory an etcd keeps its database.
pub const ETCD_DATABASE: &str = "member/snap/db";
/// Where what was in it is kept by who serves in that etcd's place.
pub const TAKEN_OVER: &str = "kvtool";

/// Where in a data directory the certificates are that a server has made: etcd's name for it.
pub const CERTIFICATES: &str = "fixtures";

const FORMAT_WORDS: &str = "kvtool data format ";
const FIRST_FORMAT: u64 = 1;
/// What a member of a group has: the engine may have no journal, beside a log that kvtool keeps, and
/// large values apart from their keys, and what is only appended apart from the rest.
pub(super) const MEMBER_FORMAT: u64 = 4;
/// Longer than any format line.
const FORMAT_BYTES_MAX: u64 = 64;

fn fatal(path: &Path, doing: &str) -> impl Fn(io::Error) -> StoreError {
    move |error| fault::io(path, doing, &error)
}

/// A claimed data directory; given up when dropped.
pub(super) struct Home {
    path: PathBuf,
    lock: File,
    acknowledged: File,
}

impl Home {
    /// Checks the format, takes the lock, and makes a new or empty directory ours.
    pub(super) fn claim(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|error| fault::not_made(path, &error))?;
        // Before anything is written: neither a stranger's nor a newer directory is touched.
        format(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(fatal(path, "opening its lock file"))?;
        take(&lock, path)?;
        // Again, because another process may have made and closed a store in between.
        if format(path)?.is_none() {
            make_staging(path).map_err(fatal(path, "making the directory"))?;
            write_format(path, FIRST_FORMAT).map_err(fatal(path, "writing its format"))?;
        }
        Self::locked(path, lock)
    }

    /// Claims a directory that holds a store already.
    pub(super) fn claim_existing(path: &Path) -> Result<Self, StoreError> {
        let missing =
            || StoreError::Fatal(format!("{} holds no store of kvtool", path.display()).into());
        if !path.is_dir() || format(path)?.is_none() {
            return Err(missing());
        }
        let lock = OpenOptions::new().write(true).open(path.join(LOCK));
        let lock = lock.map_err(fatal(path, "opening its lock file"))?;
        take(&lock, path)?;
        let home = Self::locked(path, lock)?;
        if !home.holds_data()? {
            return Err(missing());
        }
        Ok(home)
    }

    fn locked(path: &Path, lock: File) -> Result<Self, StoreError> {
        let acknowledged = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join(ACKNOWLEDGED))
            .map_err(fatal(path, "opening its number of commits"))?;
        let home = Self {
            path: path.to_owned(),
            lock,
            acknowledged,
        };
        home.adopt_stage()?;
        Ok(home)
    }

    /// Names the format anew, before there is anything of it: older programs leave it alone then.
    pub(super) fn name_format(&self, number: u64) -> Result<(), StoreError> {
        match format(&self.path)? {
            Some(named) if named >= number => Ok(()),
            _ => write_format(&self.path, number).map_err(fatal(&self.path, "writing its format")),
        }
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the engine lives.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join(DATA)
    }

    /// Whether the engine has been made.
    pub(super) fn holds_data(&self) -> Result<bool, StoreError> {
        let fatal = fatal(&self.path, "looking for its data");
        if self.data().try_exists().map_err(&fatal)? {
            return Ok(true);
        }
        if self.path.join(DATA_NEW).try_exists().map_err(&fatal)? {
            return Ok(false);
        }
        let cause = "its data directory is missing";
        Err(fatal(io::Error::new(ErrorKind::NotFound, cause)))
    }

    /// Notes that a commit is durable; higher numbers come later.
    pub(super) fn acknowledge(&self, commit: u64) -> io::Result<()> {
        let number = commit.to_be_bytes();
        let record = [number.as_slice(), &crc32c(&number).to_be_bytes()].concat();
        (&self.acknowledged).seek(SeekFrom::Start(0))?;
        (&self.acknowledged).write_all(&record)
    }

    /// Refuses an engine whose last commit is older than the last one acknowledged.
    pub(super) fn check_complete(&self, last_commit: u64) -> Result<(), StoreError> {
        let missing = self.acknowledged().saturating_sub(last_commit);
        if missing == 0 {
            return Ok(());
        }
        let sentence = format!(
            "the data in {} is damaged ({missing} acknowledged commits are missing): restore it \
             from a backup, or delete the file {ACKNOWLEDGED} there to go on without them",
            self.path.display()
        );
        Err(StoreError::Unreadable(sentence.into()))
    }

    /// The last commit known to be acknowledged; 0 when the file does not tell, since it is
    /// nothing that an acknowledged commit depends on.
    fn acknowledged(&self) -> u64 {
        let (mut number, mut check) = ([0; 8], [0; 4]);
        let mut file = &self.acknowledged;
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.read_exact(&mut number))
            .and_then(|()| file.read_exact(&mut check));
        if read.is_ok() && check == crc32c(&number).to_be_bytes() {
            u64::from_be_bytes(number)
        } else {
            0
        }
    }

    /// Makes the engine: complete or not at all.
    pub(super) fn create(
        &self,
        engine: impl FnOnce(&Path, &Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let fatal = fatal(&self.path, "making the store");
        make_staging(&self.path).map_err(&fatal)?;
        let staging = self.path.join(DATA_NEW);
        engine(&self.path, &staging)?;
        sync_directory(&staging).map_err(&fatal)?;
        fs::rename(staging, self.data()).map_err(&fatal)?;
        sync_directory(&self.path).map_err(&fatal)
    }

    /// An empty directory for a state that comes from elsewhere.
    pub(super) fn empty_stage(&self) -> Result<PathBuf, StoreError> {
        let stage = self.path.join(DATA_STAGE);
        let made = remove_tree(&stage).and_then(|()| fs::create_dir(&stage));
        made.map_err(fatal(&self.path, "making room for a state"))?;
        Ok(stage)
    }

    /// From here on the staged state, which is durable, is the one that counts.
    pub(super) fn prefer_stage(&self) -> Result<(), StoreError> {
        let stage = self.path.join(DATA_STAGE);
        let renamed = sync_directory(&stage)
            .and_then(|()| fs::rename(stage, self.path.join(DATA_WHOLE)))
            .and_then(|()| sync_directory(&self.path));
        renamed.map_err(fatal(&self.path, "preferring a new state"))
    }

    /// Makes a part of the engine's directory, with all that counts, the whole of it.
    pub(super) fn adopt(&self, part: &Path) -> Result<(), StoreError> {
        let renamed =
            fs::rename(part, self.path.join(DATA_WHOLE)).and_then(|()| sync_directory(&self.path));
        renamed.map_err(fatal(&self.path, "leaving its journal"))?;
        self.adopt_stage()
    }

    /// Puts a state that counts in its place, if there is one, once nobody uses the one before.
    pub(super) fn adopt_stage(&self) -> Result<(), StoreError> {
        let whole = self.path.join(DATA_WHOLE);
        let adopt = || {
            if !whole.try_exists()? {
                return Ok(());
            }
            remove_tree(&self.data())?;
            fs::rename(&whole, self.data())?;
            sync_directory(&self.path)
        };
        adopt().map_err(fatal(&self.path, "installing a new state"))
    }

    /// The disk space that the data takes.
    pub(super) fn allocated_bytes(&self) -> Result<u64, StoreError> {
        tree_bytes(&self.data()).map_err(fatal(&self.path, "measuring it"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Closing the file is not enough while a process forked meanwhile has a copy of it. An
        // error leaves nothing to do: the lock ends with the process.
        let _ = self.lock.unlock();
    }
}

/// An empty `data.new`, durable.
fn make_staging(path: &Path) -> io::Result<()> {
    let staging = path.join(DATA_NEW);
    remove_tree(&staging)?;
    fs::create_dir(&staging)?;
    sync_directory(path)
}

/// Whether the directory holds a store of this format; `false` when it may become one.
fn take(lock: &File, path: &Path) -> Result<(), StoreError> {
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => fault::in_use(path),
        TryLockError::Error(error) => fatal(path, "locking it")(error),
    })
}

/// The number of the format; `None` where nothing has been made yet.
fn format(path: &Path) -> Result<Option<u64>, StoreError> {
    let fatal = fatal(path, "reading its format");
    let text = match File::open(path.join(FORMAT)) {
        Ok(file) => {
            let mut text = Vec::new();
            let read = file.take(FORMAT_BYTES_MAX).read_to_end(&mut text);
            read.map_err(&fatal)?;
            text
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return refuse_strangers(path).map(|()| None);
        }
        Err(error) => return Err(fatal(error)),
    };
    let number = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.strip_prefix(FORMAT_WORDS))
        .and_then(|number| number.trim_end().parse::<u64>().ok());
    match number {
        Some(FIRST_FORMAT..=MEMBER_FORMAT) => Ok(number),
        Some(newer) if newer > MEMBER_FORMAT => Err(StoreError::Unreadable(
            format!(
                "{} has data format {newer} and this kvtool knows format {MEMBER_FORMAT}: use a \
                 newer kvtool; nothing was changed",
                path.display()
            )
            .into(),
        )),
        _ => {
            let cause = "its FORMAT file is unreadable";
            Err(fatal(io::Error::new(ErrorKind::InvalidData, cause)))
        }
    }
}

fn refuse_strangers(path: &Path) -> Result<(), StoreError> {
    let fatal = fatal(path, "listing it");
    for entry in fs::read_dir(path).map_err(&fatal)? {
        let name = entry.map_err(&fatal)?.file_name();
        if !NEW_STORE_NAMES.iter().any(|known| name == *known) {
            return Err(StoreError::Fatal(
                format!(
                    "{} holds {} and no kvtool data: {}",
                    path.display(),
                    name.display(),
                    instead(path)
                )
                .into(),
            ));
        }
    }
    Ok(())
}

/// What to do about a directory that is not empty, and not ours.
fn instead(path: &Path) -> String {
    let database = path.join(ETCD_DATABASE);
    let taken = path.join(TAKEN_OVER);
    match (taken.is_dir(), database.is_file()) {
        (true, _) => format!("an etcd was taken over there, name {}", taken.display()),
        (false, true) => format!(
            "it is an etcd's; stop that, and have a new directory made by `kvtool snapshot restore {} \
             --skip-hash-check`",
            database.display()
        ),
        (false, false) => "name an empty directory".to_owned(),
    }
}

fn write_format(path: &Path, number: u64) -> io::Result<()> {
    let new = path.join(FORMAT_NEW);
    let mut file = File::create(&new)?;
    writeln!(file, "{FORMAT_WORDS}{number}")?;
    file.sync_all()?;
    fs::rename(new, path.join(FORMAT))?;
    sync_directory(path)
}

/// Removes a directory and all in it, if it is there.
fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes renames in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The disk space of all files below a directory, which may come and go meanwhile.
fn tree_bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let size = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => tree_bytes(&entry.path()),
            Ok(metadata) => Ok(disk_bytes(&metadata)),
            Err(error) => Err(error),
        };
        match size {
            Ok(size) => bytes += size,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// What a file takes from the disk: journals are mostly holes.
#[cfg(unix)]
fn disk_bytes(metadata: &fs::Metadata) -> u64 {
    const BLOCK_BYTES: u64 = 512;
    std::os::unix::fs::MetadataExt::blocks(metadata) * BLOCK_BYTES
}

#[cfg(not(unix))]
fn disk_bytes(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}
