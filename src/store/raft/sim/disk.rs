//! A disk that forgets what was not synced, by chance.

use super::random::Random;
use crate::store::raft::turn::Write;
use crate::store::raft::{Fit, Log, LogError, Point};
use crate::store::round::{Base, ChangeSet};
use bytes::Bytes;
use imbl::OrdMap;
use raft::eraftpb::{Entry, HardState};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

/// A state: it can be kept at many points at once.
pub type Map = OrdMap<Bytes, Bytes>;

impl Base for Map {
    type Error = Infallible;

    fn get(&self, key: &Bytes) -> Result<Option<Bytes>, Infallible> {
        Ok(OrdMap::get(self, key).cloned())
    }

    fn keys(&self, start: &Bytes, end: &Bytes) -> impl Iterator<Item = Result<Bytes, Infallible>> {
        let range = self.range::<_, Bytes>(start..end);
        range.map(|(key, _)| Ok(key.clone()))
    }
}

/// One atomic write to a log: all of it survives a crash, or nothing.
#[derive(Debug, Clone, Default)]
struct Record {
    /// Nothing is left but what lies behind this entry.
    reset: Option<(u64, u64)>,
    entries: Vec<Entry>,
    hard_state: Option<HardState>,
    /// Entries up to this one are gone.
    cut: Option<u64>,
}

/// A log as it is, or as it would be found after a crash.
#[derive(Debug, Clone, Default)]
pub struct Image {
    cut: (u64, u64),
    entries: VecDeque<Entry>,
    pub hard_state: HardState,
}

impl Image {
    fn take(&mut self, record: &Record) {
        if let Some(reset) = record.reset {
            self.cut = reset;
            self.entries.clear();
        }
        if let Some(first) = record.entries.first() {
            let keep = first.index - self.cut.0 - 1;
            assert!(
                keep <= self.entries.len() as u64,
                "a hole before {}",
                first.index
            );
            self.entries.truncate(keep as usize);
            self.entries.extend(record.entries.iter().cloned());
        }
        if let Some(hard_state) = &record.hard_state {
            self.hard_state = hard_state.clone();
        }
        if let Some(cut) = record.cut.filter(|cut| *cut > self.cut.0) {
            self.cut = (cut, self.get(cut).expect("a cut is at an entry").term);
            while self.entries.front().is_some_and(|entry| entry.index <= cut) {
                self.entries.pop_front();
            }
        }
    }

    fn get(&self, index: u64) -> Option<&Entry> {
        let behind = index.checked_sub(self.cut.0 + 1)?;
        self.entries.get(behind as usize)
    }

    /// Whether an entry is in this log, or was.
    pub fn holds(&self, index: u64, term: u64) -> bool {
        index <= self.cut.0 || self.get(index).is_some_and(|entry| entry.term == term)
    }

    /// The term of an entry that is there.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        match index == self.cut.0 {
            true => Some(self.cut.1),
            false => self.get(index).map(|entry| entry.term),
        }
    }
}

/// A log file.
#[derive(Debug, Default)]
pub struct LogFile {
    /// As its reader sees it.
    pub current: Image,
    /// As it is on the disk for sure.
    pub durable: Image,
    unsynced: VecDeque<Record>,
}

impl LogFile {
    fn write(&mut self, record: Record) {
        self.current.take(&record);
        self.unsynced.push_back(record);
    }

    pub fn sync(&mut self) {
        self.reach(self.unsynced.len());
    }

    /// So many of the writes that were not synced are on the disk.
    fn reach(&mut self, count: usize) {
        for record in self.unsynced.drain(..count) {
            self.durable.take(&record);
        }
    }
}

/// A log that its member and the disk share.
pub type Shared = Rc<RefCell<LogFile>>;

impl Log for Shared {
    fn cut(&self) -> (u64, u64) {
        self.borrow().current.cut
    }

    fn last_index(&self) -> u64 {
        let log = self.borrow();
        log.current.cut.0 + log.current.entries.len() as u64
    }

    fn term(&self, index: u64) -> Result<u64, LogError> {
        let log = self.borrow();
        Ok(log
            .current
            .get(index)
            .expect("asked for what is there")
            .term)
    }

    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, LogError> {
        let log = self.borrow();
        let mut bytes = 0;
        let mut entries = Vec::new();
        for index in low..high {
            let entry = log.current.get(index).expect("asked for what is there");
            bytes += entry.data.len() as u64;
            if !entries.is_empty() && bytes > bytes_max {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(entries)
    }
}

/// The disk of one member.
pub struct Disk {
    pub log: Shared,
    /// The state at points from the last flush on; the last is what its reader sees.
    states: Vec<(Point, Map)>,
}

impl Disk {
    /// Of a founder, or of one that joins with nothing.
    pub fn new(point: Point) -> Self {
        let mut log = LogFile::default();
        log.write(Record {
            reset: Some((point.index, point.term)),
            hard_state: Some(HardState {
                term: point.term,
                commit: point.index,
                ..HardState::default()
            }),
            ..Record::default()
        });
        log.sync();
        Self {
            log: Rc::new(RefCell::new(log)),
            states: vec![(point, Map::new())],
        }
    }

    /// The state as its reader sees it.
    pub fn state(&self) -> &(Point, Map) {
        self.states.last().expect("never empty")
    }

    /// The state that a crash cannot take.
    pub fn flushed(&self) -> &Point {
        &self.states[0].0
    }

    pub fn apply(&mut self, point: Point, changes: ChangeSet) {
        let mut map = self.state().1.clone();
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        self.states.push((point, map));
    }

    /// Makes the state durable.
    pub fn flush(&mut self) {
        self.states.drain(..self.states.len() - 1);
    }

    /// Replaces the state, durably.
    pub fn install(&mut self, point: Point, map: Map) {
        self.states = vec![(point, map)];
    }

    /// Writes a turn, but for the state.
    pub fn write(&mut self, write: &Write) {
        let install = write.install.as_ref().map(Point::of);
        self.log.borrow_mut().write(Record {
            reset: install.map(|point| (point.index, point.term)),
            entries: write.entries.clone(),
            hard_state: write.hard_state.clone(),
            cut: None,
        });
    }

    /// Cuts the log behind an entry.
    pub fn cut(&mut self, index: u64) {
        self.log.borrow_mut().write(Record {
            cut: Some(index),
            ..Record::default()
        });
    }

    /// The power fails: of what was not synced a part is there, from its beginning.
    pub fn crash(&mut self, random: &mut Random) {
        let mut log = self.log.borrow_mut();
        let survive = random.below(log.unsynced.len() as u64 + 1) as usize;
        log.reach(survive);
        log.unsynced.clear();
        log.current = log.durable.clone();
        drop(log);
        self.states
            .truncate(1 + random.below(self.states.len() as u64) as usize);
        self.flush();
    }

    /// What a start does before all else.
    pub fn recover(&mut self) {
        let point = self.state().0.clone();
        match point.fit(&self.log).expect("this log can be read") {
            Fit::Whole => {}
            Fit::LogBehind => {
                let mut log = self.log.borrow_mut();
                log.write(Record {
                    reset: Some((point.index, point.term)),
                    ..Record::default()
                });
                log.sync();
            }
            Fit::Gap => panic!("the log begins behind the state at {}", point.index),
        }
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let log = self.log.borrow();
        let Image { cut, entries, .. } = &log.current;
        let terms: Vec<u64> = entries.iter().map(|entry| entry.term).collect();
        let hard_state = &log.current.hard_state;
        write!(
            f,
            "{:?}, log {terms:?} behind {cut:?}, {hard_state:?}",
            self.state().0
        )
    }
}
