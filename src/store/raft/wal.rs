//! The log on a disk: one set of files for all groups of the process, one fsync for what all of
//! them have to write.

use super::Log;
use super::log::{LogError, Point};
use super::recent::Recent;
use super::turn::Write;
use crate::stats::Histogram;
use crate::store::{DISK_TIMES, StoreError};
use protobuf::Message as _;
use raft::eraftpb::{Entry, HardState};
use raft_engine::{Command, Config, Engine, LogBatch, MessageExt, ReadableSize, RecoveryMode};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Files begin anew from this size on.
const FILE_BYTES: u64 = 64 << 20;
/// From this size on, what still lives in old files is written again and the files are reused.
const PURGE_BYTES: u64 = 256 << 20;

/// Where a group's log was cut, and the term there.
const CUT_KEY: &[u8] = b"cut";
/// Whose votes these are.
const OWNER_KEY: &[u8] = b"owner";
/// The term, the vote and the commit index.
const HARD_STATE_KEY: &[u8] = b"hard state";

/// How the engine finds its way in an entry.
struct Indexed;

impl MessageExt for Indexed {
    type Entry = Entry;

    fn index(entry: &Entry) -> u64 {
        entry.index
    }
}

/// The logs of all groups of a process.
#[derive(Clone)]
pub(super) struct Wal(Arc<Engine>);

/// The log of one group, as its member reads it.
pub(super) struct GroupLog {
    wal: Wal,
    group: u64,
    /// The member whose log it is.
    pub(super) owner: u64,
    cut: (u64, u64),
    last_index: u64,
    recent: Recent,
    /// Empty between writes; kept for its memory.
    batch: LogBatch,
    /// How long writes took that had to become durable.
    pub(super) write_times: Arc<Histogram>,
}

/// What the engine's errors say when the disk is full: they carry no kind.
const FULL: [&str; 3] = ["nospace", "ENOSPC", "No space left"];

fn fault(doing: &str, error: &raft_engine::Error) -> StoreError {
    let text = error.to_string();
    let sentence = match FULL.iter().any(|word| text.contains(word)) {
        true => format!(
            "the disk of the log is full (while {doing}): free some space and start kvtool again; \
             nothing acknowledged is lost"
        ),
        false => {
            format!("the log failed while {doing} ({text}): repair the disk and start kvtool again")
        }
    };
    StoreError::Fatal(sentence.into())
}

impl Wal {
    /// Opens the logs in a directory, or makes it.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let config = Config {
            dir: directory.to_string_lossy().into_owned(),
            recovery_mode: RecoveryMode::TolerateTailCorruption,
            // Values are often compressed already, and a log is read once at most.
            batch_compression_threshold: ReadableSize(0),
            target_file_size: ReadableSize(FILE_BYTES),
            purge_threshold: ReadableSize(PURGE_BYTES),
            ..Config::default()
        };
        let engine = Engine::open(config).map_err(|error| fault("being opened", &error))?;
        Ok(Self(Arc::new(engine)))
    }

    /// The log of a group as it was left; `None` where there is none yet.
    pub(super) fn group(&self, group: u64) -> Result<Option<(GroupLog, HardState)>, StoreError> {
        let Some(cut) = self.0.get(group, CUT_KEY) else {
            return Ok(None);
        };
        let number = |bytes: Option<&[u8]>| Some(u64::from_be_bytes(bytes?.try_into().ok()?));
        let damaged = || StoreError::Unreadable("the log is damaged: add the member anew".into());
        let index = number(cut.get(..8)).ok_or_else(damaged)?;
        let term = number(cut.get(8..)).ok_or_else(damaged)?;
        let owner = self.0.get(group, OWNER_KEY);
        let owner = number(owner.as_deref()).ok_or_else(damaged)?;
        let hard_state = self.0.get_message(group, HARD_STATE_KEY);
        let hard_state = hard_state.map_err(|error| fault("being read", &error))?;
        let log = GroupLog {
            wal: self.clone(),
            group,
            owner,
            cut: (index, term),
            last_index: self.0.last_index(group).unwrap_or(index).max(index),
            recent: Recent::default(),
            batch: LogBatch::default(),
            write_times: Arc::new(Histogram::of_times(DISK_TIMES.0, DISK_TIMES.1)),
        };
        Ok(Some((log, hard_state.unwrap_or_default())))
    }

    /// Begins the log of a member behind a state that goes as far as `point`, whatever is there.
    /// Votes are kept.
    pub(super) fn begin(
        &self,
        group: u64,
        owner: u64,
        point: &Point,
    ) -> Result<(GroupLog, HardState), StoreError> {
        let mut batch = LogBatch::default();
        let begun = put_begin(&mut batch, group, (point.index, point.term))
            .and_then(|()| batch.put(group, OWNER_KEY.to_vec(), owner.to_be_bytes().to_vec()))
            .and_then(|()| self.0.write(&mut batch, true));
        begun.map_err(|error| fault("being begun", &error))?;
        let begun = self.group(group)?;
        begun.ok_or_else(|| StoreError::Unreadable("the log was begun and is gone".into()))
    }
}

fn put_cut(batch: &mut LogBatch, group: u64, cut: (u64, u64)) -> raft_engine::Result<()> {
    let value = [cut.0.to_be_bytes(), cut.1.to_be_bytes()].concat();
    batch.put(group, CUT_KEY.to_vec(), value)
}

/// Nothing is left but what will follow `cut`.
fn put_begin(batch: &mut LogBatch, group: u64, cut: (u64, u64)) -> raft_engine::Result<()> {
    batch.add_command(group, Command::Compact { index: u64::MAX });
    put_cut(batch, group, cut)
}

impl GroupLog {
    /// Writes a turn, all of it or nothing; durably where it must be.
    ///
    /// A sync that fails panics, so that nobody goes on.
    pub(super) fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        let begin = Instant::now();
        let (group, batch) = (self.group, &mut self.batch);
        let mut filled = Ok(());
        if let Some(snapshot) = &write.install {
            let point = Point::of(snapshot);
            self.cut = (point.index, point.term);
            self.last_index = point.index;
            self.recent = Recent::default();
            filled = put_begin(batch, group, self.cut);
        }
        let filled = filled
            .and_then(|()| batch.add_entries::<Indexed>(group, &write.entries))
            .and_then(|()| match &write.hard_state {
                Some(state) => batch.put_message(group, HARD_STATE_KEY.to_vec(), state),
                None => Ok(()),
            })
            .and_then(|()| self.wal.0.write(batch, write.must_sync));
        filled.map_err(|error| fault("being written", &error))?;
        if write.must_sync {
            self.write_times.note_time(begin.elapsed());
        }
        if let Some(last) = write.entries.last() {
            self.last_index = last.index;
        }
        self.recent.write(&write.entries);
        Ok(())
    }

    /// Cuts the log behind an entry, which is in a state that no crash can take.
    pub(super) fn cut_behind(&mut self, index: u64) -> Result<(), StoreError> {
        if index <= self.cut.0 {
            return Ok(());
        }
        let fault = |error| fault("being cut", &error);
        let term = self.term(index);
        let term = term.map_err(|error| StoreError::Fatal(error.to_string().into()))?;
        let mut batch = LogBatch::default();
        batch.add_command(self.group, Command::Compact { index: index + 1 });
        put_cut(&mut batch, self.group, (index, term)).map_err(fault)?;
        self.wal.0.write(&mut batch, false).map_err(fault)?;
        self.cut = (index, term);
        // What it answers are groups that hold old files back; each group is cut on its own time.
        self.wal.0.purge_expired_files().map_err(fault)?;
        Ok(())
    }
}

impl Log for GroupLog {
    fn cut(&self) -> (u64, u64) {
        self.cut
    }

    fn last_index(&self) -> u64 {
        self.last_index
    }

    fn term(&self, index: u64) -> Result<u64, LogError> {
        if let Some(term) = self.recent.term(index) {
            return Ok(term);
        }
        let entry = self.wal.0.get_entry::<Indexed>(self.group, index);
        let entry = entry.map_err(|error| LogError(Box::new(error)))?;
        let missing = || LogError(format!("entry {index} is missing").into());
        Ok(entry.ok_or_else(missing)?.term)
    }

    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, LogError> {
        if let Some(entries) = self.recent.entries(low, high, bytes_max) {
            return Ok(entries);
        }
        let mut entries = Vec::new();
        let bytes_max = usize::try_from(bytes_max).ok();
        let read =
            self.wal
                .0
                .fetch_entries_to::<Indexed>(self.group, low, high, bytes_max, &mut entries);
        read.map_err(|error| LogError(Box::new(error)))?;
        Ok(entries)
    }
}

/// Who belongs to a group, as bytes.
pub(super) fn encode_point(point: &Point) -> Vec<u8> {
    let members = point.members.write_to_bytes();
    let members = members.expect("a message without required fields can be written");
    let numbers = [point.index.to_be_bytes(), point.term.to_be_bytes()];
    [numbers.concat(), members].concat()
}

/// How far a state goes, from its record.
pub(super) fn decode_point(record: &[u8]) -> Option<Point> {
    let (index, rest) = record.split_first_chunk()?;
    let (term, members) = rest.split_first_chunk()?;
    Some(Point {
        index: u64::from_be_bytes(*index),
        term: u64::from_be_bytes(*term),
        members: protobuf::Message::parse_from_bytes(members).ok()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As a crash leaves it, with what was allocated behind the log.
    #[test]
    fn a_copy_made_while_it_is_written_has_all_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let (first, copy) = (directory.path().join("log"), directory.path().join("copy"));
        let wal = Wal::open(&first).unwrap();
        let start = Point {
            index: 0,
            term: 0,
            ..Point::default()
        };
        let (mut log, _) = wal.begin(1, 7, &start).unwrap();
        let entry = |index: u64| Entry {
            index,
            term: 1,
            data: vec![index as u8; 10_000].into(),
            ..Entry::default()
        };
        let indices = 1..=700;
        for index in indices.clone() {
            let write = Write {
                entries: vec![entry(index)],
                must_sync: index % 100 == 0,
                ..Write::default()
            };
            log.write(&write).unwrap();
        }
        std::fs::create_dir(&copy).unwrap();
        let mut bytes = 0;
        for file in std::fs::read_dir(&first).unwrap() {
            let file = file.unwrap();
            bytes += std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        assert!(bytes > 7 << 20, "{bytes}: nothing is allocated behind it");
        let (log, _) = Wal::open(&copy).unwrap().group(1).unwrap().unwrap();
        let entries = log.entries(1, 701, u64::MAX).unwrap();
        assert!(entries.into_iter().eq(indices.map(entry)));
    }

    /// As the engine says it when a file has no room, and when the next one cannot be begun.
    #[test]
    fn a_full_disk_is_named_whichever_way_the_engine_puts_it() {
        let full = std::io::Error::from_raw_os_error(28);
        for error in [
            raft_engine::Error::Io(full),
            raft_engine::Error::TryAgain("error when append [Append:2]: nospace".to_owned()),
        ] {
            assert!(
                fault("being written", &error)
                    .to_string()
                    .contains("is full")
            );
        }
        let other = raft_engine::Error::Corruption("x".to_owned());
        assert!(!fault("being read", &other).to_string().contains("is full"));
    }
}
