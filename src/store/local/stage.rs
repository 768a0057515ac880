//! A whole state that comes from elsewhere, beside the one that is there.

use super::engine::{COMMIT_KEY, TERM_KEY, entry};
use super::fault;
use super::tree::BlockCache;
use super::tree::bare::Tree;
use crate::store::StoreError;
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// What is added is made durable in pieces of so much: more at once would keep the disk from others, who
/// commit meanwhile.
const PIECE_BYTES: u64 = 8 << 20;

/// A state that is not complete yet. What is there when it is dropped is removed later.
pub(in crate::store) struct Staged {
    tree: Tree,
    home: PathBuf,
    last_key: Bytes,
}

impl Staged {
    /// Begins with nothing, in an empty directory of the data directory `home`.
    pub(super) fn begin(home: &Path, stage: PathBuf) -> Result<Self, StoreError> {
        let tree = Tree::open(&stage, BlockCache::default());
        Ok(Self {
            tree: tree.map_err(|error| fault::engine(home, "staging a state", &error))?,
            home: home.to_owned(),
            last_key: Bytes::new(),
        })
    }

    /// The last key that was added; empty before the first.
    pub(in crate::store) fn last_key(&self) -> &Bytes {
        &self.last_key
    }

    /// Adds keys that follow the last one, in order; `false` when they do not.
    pub(in crate::store) fn add(&mut self, items: Vec<(Bytes, Bytes)>) -> Result<bool, StoreError> {
        let mut last_key = &self.last_key;
        for (key, _) in &items {
            if key <= last_key || key.len() > usize::from(u16::MAX) {
                return Ok(false);
            }
            last_key = key;
        }
        let last_key = last_key.clone();
        // These count what has happened in one directory.
        let is_counter = |key: &[u8]| key == TERM_KEY || key == COMMIT_KEY;
        let kept = items.into_iter().filter(|(key, _)| !is_counter(key));
        let room = self.tree.make_room(PIECE_BYTES);
        room.map_err(|error| self.fault(&error))?;
        self.tree
            .write(kept.map(|(key, value)| (key, Some(value))).collect());
        self.last_key = last_key;
        Ok(true)
    }

    /// Makes all of it durable.
    pub(in crate::store) fn sync(&mut self) -> Result<(), StoreError> {
        self.tree.flush().map_err(|error| self.fault(&error))
    }

    /// Completes it, durably: it begins with this number of commits.
    pub(super) fn finish(self, commits: u64) -> Result<(), StoreError> {
        self.tree.write([entry(COMMIT_KEY, commits)].into());
        self.tree.flush().map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &fjall::Error) -> StoreError {
        fault::engine(&self.home, "staging a state", error)
    }
}
