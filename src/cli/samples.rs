//! When the keyspace was at which revision: the memory of `compact --older-than`.
//!
//! An etcd server cannot say which revision was current at a given time, so each run notes
//! one sample in a small file, and compacts to the newest sample that is old enough.

use super::exit::UsageError;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

/// One sample a minute for more than two days; beyond it every second one is dropped.
const SAMPLES_MAX: usize = 4096;

/// The samples of one cluster.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    cluster_id: String,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sample {
    /// Seconds since 1970.
    time: u64,
    revision: i64,
}

impl Samples {
    /// Reads the file; no file is no samples. Fails when it belongs to another cluster.
    pub fn load(file: &Path, cluster_id: &str) -> Result<Self> {
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self {
                    cluster_id: cluster_id.to_owned(),
                    samples: Vec::new(),
                });
            }
            Err(error) => return Err(error).context(format!("cannot read {}", file.display())),
        };
        let samples: Self = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} holds no samples of kvtool compact: name another file, or remove it",
                file.display()
            )
        })?;
        if samples.cluster_id != cluster_id {
            return Err(UsageError::new(format!(
                "{} belongs to cluster {}, this is cluster {cluster_id}: name another --state file",
                file.display(),
                samples.cluster_id
            ))
            .into());
        }
        Ok(samples)
    }

    /// Notes that `revision` is the current one at `now`, seconds since 1970.
    pub fn record(&mut self, now: u64, revision: i64) {
        // A keyspace restored from a backup is behind its old samples, a corrected clock too.
        self.samples
            .retain(|sample| sample.revision <= revision && sample.time <= now);
        self.samples.push(Sample {
            time: now,
            revision,
        });
        if self.samples.len() > SAMPLES_MAX {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
    }

    /// The revision that was current `age` before `now`, or some time earlier; exact from below,
    /// so nothing younger than `age` is lost.
    pub fn older_than(&self, now: u64, age: Duration) -> Option<i64> {
        let latest = now.checked_sub(age.as_secs())?;
        let mut old = self.samples.iter().filter(|sample| sample.time <= latest);
        old.next_back().map(|sample| sample.revision)
    }

    /// Drops the samples below `revision`, which is compacted.
    pub fn forget_below(&mut self, revision: i64) {
        self.samples.retain(|sample| sample.revision >= revision);
    }

    /// Writes the file, whole or not at all.
    pub fn save(&self, file: &Path) -> Result<()> {
        let what = || format!("cannot write {}", file.display());
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).with_context(what)?;
        }
        let mut name = file.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        fs::write(&new, serde_json::to_vec(self)?).with_context(what)?;
        fs::rename(&new, file).with_context(what)
    }
}

/// Where the samples of a cluster are kept unless `--state` says otherwise.
pub fn default_file(cluster_id: &str) -> Result<PathBuf> {
    let directory = |name| {
        std::env::var_os(name)
            .filter(|d| !d.is_empty())
            .map(PathBuf::from)
    };
    let state = directory("XDG_STATE_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| {
            UsageError::new(
                "--older-than needs --state FILE: neither XDG_STATE_HOME nor HOME is set",
            )
        })?;
    Ok(state
        .join("kvtool")
        .join(format!("compact-{cluster_id}.json")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn samples(list: &[(u64, i64)]) -> Samples {
        let mut samples = Samples::default();
        for &(time, revision) in list {
            samples.record(time, revision);
        }
        samples
    }

    #[test]
    fn picks_the_newest_that_is_old_enough() {
        let samples = samples(&[(1000, 5), (1060, 9), (1100, 20)]);
        assert_eq!(samples.older_than(1059, MINUTE), None);
        assert_eq!(samples.older_than(1060, MINUTE), Some(5));
        assert_eq!(samples.older_than(1159, MINUTE), Some(9));
        assert_eq!(samples.older_than(5000, MINUTE), Some(20));
        assert_eq!(samples.older_than(10, MINUTE), None);
    }

    #[test]
    fn a_restored_keyspace_and_a_corrected_clock_drop_what_no_longer_holds() {
        assert_eq!(
            samples(&[(1000, 50), (1060, 7)]).older_than(1060, Duration::ZERO),
            Some(7)
        );
        assert_eq!(samples(&[(9000, 5), (1000, 7)]).samples.len(), 1);
    }

    #[test]
    fn the_file_stays_small_and_spans_the_same_time() {
        let many = samples(
            &(0..=SAMPLES_MAX as u64)
                .map(|n| (n, n as i64))
                .collect::<Vec<_>>(),
        );
        assert_eq!(many.samples.len(), SAMPLES_MAX / 2 + 1);
        assert_eq!(many.samples.first().unwrap().time, 0);
        assert_eq!(many.samples.last().unwrap().time, SAMPLES_MAX as u64);
    }

    #[test]
    fn a_file_comes_back_as_it_was_and_only_for_its_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deep/state.json");
        let mut written = Samples::load(&file, "c1").unwrap();
        written.record(1000, 5);
        written.record(1001, 6);
        written.forget_below(6);
        written.save(&file).unwrap();
        assert_eq!(Samples::load(&file, "c1").unwrap(), written);
        assert!(Samples::load(&file, "c2").unwrap_err().is::<UsageError>());
        fs::write(&file, "{").unwrap();
        assert!(Samples::load(&file, "c1").is_err());
    }
}
