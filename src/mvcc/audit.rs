//! Members of a group compare what they hold.
//!
//! All of them apply the same batches in the same order, so at one revision, behind one compaction,
//! their keyspaces have one hash. One that has another was damaged, by its disk or by a bug, and
//! goes on to give wrong answers: the alarm CORRUPT is raised for it, and nothing more is written
//! until an operator has replaced it and clears the alarm.
//!
//! The member that leads compares. Servers that share one store have nothing to compare, and neither
//! has one that is alone.

use crate::error::Result;
use crate::mvcc::Instance;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// In the place of a member's id, when nobody can tell which of them are damaged.
const ANYBODY: u64 = 0;

/// What a member says of its keyspace at a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The revision.
    pub revision: i64,
    /// The compaction that its history begins behind.
    pub compacted: i64,
    /// etcd's hash of it.
    pub hash: u32,
}

/// The way to the other members.
pub trait Others: fmt::Debug + Send + Sync {
    /// What those say who answer, and their ids.
    fn ask(&self, revision: i64) -> BoxFuture<'_, Vec<(u64, Told)>>;
}

/// When to compare.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Whom with.
    pub others: Arc<dyn Others>,
    /// Again and again after so long.
    pub every: Option<Duration>,
    /// After so long if there was a compaction meanwhile.
    pub after_compactions: Option<Duration>,
}

/// Hashes of several members at one revision, behind one compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison(Vec<(u64, u32)>);

impl Comparison {
    /// Those of the others that say something of the same keyspace beside the member `id`.
    pub fn new(id: u64, own: Told, others: &[(u64, Told)]) -> Self {
        let same = others
            .iter()
            .filter(|(_, told)| (told.revision, told.compacted) == (own.revision, own.compacted));
        let same = same.map(|(id, told)| (*id, told.hash));
        Self([(id, own.hash)].into_iter().chain(same).collect())
    }

    /// Whether all say the same.
    pub fn is_alike(&self) -> bool {
        self.0.iter().all(|(_, hash)| *hash == self.0[0].1)
    }

    /// Who has not what most have; [`ANYBODY`] where no half and more agree.
    pub fn odd_ones(&self) -> Vec<u64> {
        let mut counts = HashMap::<u32, usize>::new();
        for (_, hash) in &self.0 {
            *counts.entry(*hash).or_default() += 1;
        }
        let most = counts.iter().find(|(_, count)| *count * 2 > self.0.len());
        match most {
            Some((most, _)) => {
                let odd = self.0.iter().filter(|(_, hash)| hash != most);
                odd.map(|(id, _)| *id).collect()
            }
            None => vec![ANYBODY],
        }
    }
}

/// Compares while this server leads, and raises the alarm.
pub async fn audit_forever(instance: Instance, audit: Audit) {
    let intervals = [audit.every, audit.after_compactions];
    let Some(pause) = intervals.into_iter().flatten().min() else {
        return;
    };
    let mut last = (Instant::now(), instance.state().compacted);
    loop {
        tokio::time::sleep(pause).await;
        let state = instance.state();
        let is_time = audit.every.is_some_and(|every| last.0.elapsed() >= every);
        let was_compacted = audit.after_compactions.is_some() && state.compacted != last.1;
        if state.corrupt || !instance.leadership().borrow().leads() || !(is_time || was_compacted) {
            continue;
        }
        last = (Instant::now(), state.compacted);
        if let Err(error) = compare_and_raise(&instance, &*audit.others).await {
            tracing::warn!(%error, "the members cannot be compared now");
        }
    }
}

async fn compare_and_raise(instance: &Instance, others: &dyn Others) -> Result<()> {
    let first = instance.compare(others).await?;
    let odd = first.odd_ones();
    tracing::debug!(
        members = first.0.len(),
        odd = odd.len(),
        "compared the members"
    );
    if odd.is_empty() {
        return Ok(());
    }
    tracing::warn!(hashes = ?first.0, "members differ, and are compared once more");
    // Damage stays.
    let second = instance.compare(others).await?.odd_ones();
    for id in odd.into_iter().filter(|id| second.contains(id)) {
        tracing::error!(
            member = format!("{id:x}"),
            "the keyspace of a member is damaged, so nothing more is written"
        );
        instance.raise_corrupt(id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hash: u32) -> Told {
        Told {
            revision: 7,
            compacted: 3,
            hash,
        }
    }

    #[test]
    fn who_differs_from_most_is_the_odd_one() {
        let compared = |others: &[(u64, Told)]| Comparison::new(1, told(5), others).odd_ones();
        assert!(compared(&[]).is_empty());
        assert!(compared(&[(2, told(5)), (3, told(5))]).is_empty());
        assert_eq!(compared(&[(2, told(5)), (3, told(6))]), [3]);
        assert_eq!(compared(&[(2, told(6)), (3, told(6))]), [1]);
        assert_eq!(compared(&[(2, told(6))]), [ANYBODY]);
        assert_eq!(compared(&[(2, told(6)), (3, told(8))]), [ANYBODY]);
        // One that is behind, or was compacted, says nothing of this.
        let elsewhere = [
            Told {
                revision: 6,
                ..told(6)
            },
            Told {
                compacted: 4,
                ..told(6)
            },
        ];
        for other in elsewhere {
            assert!(compared(&[(2, other)]).is_empty(), "{other:?}");
        }
    }
}
