//! The memory of a process once it has come to rest.

use super::super::process::Usage;
use anyhow::Result;
use std::{collections::VecDeque, time::Duration};

/// Samples that must agree.
const SAMPLES: usize = 8;
/// It is waited for rest so many times as long as rest must last.
const PATIENCE: usize = 10;
/// Samples agree when they differ by no more than this,
const TOLERANCE_BYTES: u64 = 64 << 10;
/// or by no more than this part of the memory.
const TOLERANCE_PART: u64 = 1000;

/// What a process has resident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// The memory.
    pub bytes: u64,
    /// Whether it kept still; if not, it is the last sample.
    pub is_steady: bool,
}

/// Reads the memory of process `pid` once it has not changed for the time `still`.
pub async fn rest(pid: u32, still: Duration) -> Result<Resting> {
    let mut samples = Samples::default();
    let mut clock = tokio::time::interval(still / SAMPLES as u32);
    for _ in 0..SAMPLES * PATIENCE {
        clock.tick().await;
        samples.add(Usage::of(pid)?.resident_bytes);
        if samples.agree() {
            break;
        }
    }
    Ok(Resting {
        bytes: samples.last(),
        is_steady: samples.agree(),
    })
}

/// The newest samples.
#[derive(Debug, Default)]
struct Samples(VecDeque<u64>);

impl Samples {
    fn add(&mut self, bytes: u64) {
        // One more than the pauses between them.
        if self.0.len() > SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back(bytes);
    }

    fn last(&self) -> u64 {
        self.0.back().copied().unwrap_or_default()
    }

    fn agree(&self) -> bool {
        let (Some(least), Some(most)) = (self.0.iter().min(), self.0.iter().max()) else {
            return false;
        };
        self.0.len() > SAMPLES && most - least <= TOLERANCE_BYTES.max(most / TOLERANCE_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(bytes: impl IntoIterator<Item = u64>) -> Samples {
        let mut samples = Samples::default();
        bytes.into_iter().for_each(|bytes| samples.add(bytes));
        samples
    }

    #[test]
    fn rest_is_when_all_newest_samples_agree() {
        let still = 100 << 20;
        assert!(!samples([]).agree());
        assert!(!samples([still; SAMPLES]).agree(), "not for long enough");
        assert!(samples([still; SAMPLES + 1]).agree());
        let jump = still * 2;
        let moved = |after| samples([jump].into_iter().chain(vec![still; after]));
        assert!(!moved(SAMPLES).agree());
        assert!(moved(SAMPLES + 1).agree(), "what was before is forgotten");
        assert_eq!(moved(1).last(), still);
    }

    #[test]
    fn a_little_may_change() {
        let around = |bytes: u64, by: u64| {
            let all = (0..=SAMPLES as u64).map(|turn| bytes + turn % 2 * by);
            samples(all).agree()
        };
        assert!(around(1 << 20, TOLERANCE_BYTES));
        assert!(!around(1 << 20, TOLERANCE_BYTES + 1));
        assert!(around(1 << 30, 1 << 20));
        assert!(!around(1 << 30, 2 << 20));
    }
}
