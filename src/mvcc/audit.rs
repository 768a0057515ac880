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
pub use crate::mvcc::hash::Told;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often members are compared after one compaction, until all of them were.
const ATTEMPTS_MAX: u32 = 5;
/// In the place of a member's id, when nobody can tell which of them are damaged.
const ANYBODY: u64 = 0;

/// The way to the other members.
pub trait Others: fmt::Debug + Send + Sync {
    /// What each of them says, with its id; `None`: it does not answer.
    fn ask(&self, revision: i64) -> BoxFuture<'_, Vec<(u64, Option<Told>)>>;
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
pub struct Comparison {
    hashes: Vec<(u64, u32)>,
    /// No member is missing.
    is_complete: bool,
}

impl Comparison {
    /// Those of the others that say something of the same keyspace beside the member `id`.
    pub fn new(id: u64, own: Told, others: &[(u64, Option<Told>)]) -> Self {
        let is_same =
            |told: &Told| (told.revision, told.compacted) == (own.revision, own.compacted);
        let same = others
            .iter()
            .filter_map(|(id, told)| Some((*id, told.filter(is_same)?.hash)));
        let hashes: Vec<_> = [(id, own.hash)].into_iter().chain(same).collect();
        Self {
            is_complete: hashes.len() == others.len() + 1,
            hashes,
        }
    }

    /// Whether all say the same.
    pub fn is_alike(&self) -> bool {
        self.hashes
            .iter()
            .all(|(_, hash)| *hash == self.hashes[0].1)
    }

    /// Who has not what most have; [`ANYBODY`] where no half and more agree.
    pub fn odd_ones(&self) -> Vec<u64> {
        let mut counts = HashMap::<u32, usize>::new();
        for (_, hash) in &self.hashes {
            *counts.entry(*hash).or_default() += 1;
        }
        let most = counts
            .iter()
            .find(|(_, count)| *count * 2 > self.hashes.len());
        match most {
            Some((most, _)) => {
                let odd = self.hashes.iter().filter(|(_, hash)| hash != most);
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
    let mut attempts = 0;
    loop {
        tokio::time::sleep(pause).await;
        let state = instance.state();
        let is_time = audit.every.is_some_and(|every| last.0.elapsed() >= every);
        let was_compacted = audit.after_compactions.is_some() && state.compacted != last.1;
        if state.corrupt || !instance.leadership().borrow().leads() || !(is_time || was_compacted) {
            continue;
        }
        last.0 = Instant::now();
        attempts = if was_compacted { attempts + 1 } else { 0 };
        let compared = compare_and_raise(&instance, &*audit.others).await;
        if let Err(error) = &compared {
            tracing::warn!(%error, "the members cannot be compared now");
        }
        // A member may be away, or not that far, so what a compaction asks for is done once more.
        if matches!(compared, Ok(true)) || attempts >= ATTEMPTS_MAX {
            last.1 = state.compacted;
            attempts = 0;
        }
    }
}

/// Whether no member was missing.
async fn compare_and_raise(instance: &Instance, others: &dyn Others) -> Result<bool> {
    let first = instance.compare(others).await?;
    let odd = first.odd_ones();
    tracing::debug!(
        members = first.hashes.len(),
        odd = odd.len(),
        "compared the members"
    );
    if odd.is_empty() {
        return Ok(first.is_complete);
    }
    tracing::warn!(hashes = ?first.hashes, "members differ, and are compared once more");
    // Damage stays.
    let second = instance.compare(others).await?.odd_ones();
    for id in odd.into_iter().filter(|id| second.contains(id)) {
        tracing::error!(
            member = format!("{id:x}"),
            "the keyspace of a member is damaged, so nothing more is written"
        );
        instance.raise_corrupt(id).await?;
    }
    Ok(first.is_complete)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mvcc::Options;
    use crate::pb::etcdserverpb::{CompactionRequest, PutRequest};
    use crate::store::{Store, memory::Memory};
    use futures_util::FutureExt;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Two other members: one agrees with this instance and one does not, and neither answers when
    /// it is first asked.
    struct Late {
        instance: Instance,
        asked: AtomicUsize,
    }

    impl fmt::Debug for Late {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Late")
        }
    }

    impl Others for Late {
        fn ask(&self, revision: i64) -> BoxFuture<'_, Vec<(u64, Option<Told>)>> {
            async move {
                if self.asked.fetch_add(1, Ordering::Relaxed) == 0 {
                    return vec![(2, None), (3, None)];
                }
                let good = self.instance.tell(revision).await.unwrap();
                let hash = good.hash ^ 1;
                vec![(2, Some(good)), (3, Some(Told { hash, ..good }))]
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn after_a_compaction_members_are_compared_until_all_were() {
        let store = Store::Memory(Memory::new());
        let opened = Instance::open(store, "test", Options::default()).await;
        let instance = opened.unwrap();
        let audit = Audit {
            others: Arc::new(Late {
                instance: instance.clone(),
                asked: AtomicUsize::new(0),
            }),
            every: None,
            after_compactions: Some(Duration::from_millis(1)),
        };
        let auditing = tokio::spawn(audit_forever(instance.clone(), audit));
        for _ in 0..2 {
            let put = PutRequest {
                key: "key".into(),
                ..PutRequest::default()
            };
            instance.put(put).await.unwrap();
        }
        let compaction = CompactionRequest {
            revision: 2,
            physical: true,
        };
        instance.compact(compaction).await.unwrap();
        let raised = async {
            loop {
                let raised = instance.raised().await.unwrap();
                if !raised.is_empty() {
                    return raised;
                }
                tokio::task::yield_now().await;
            }
        };
        let raised = tokio::time::timeout(Duration::from_secs(20), raised).await;
        assert_eq!(raised.unwrap()[0].member_id, 3);
        auditing.abort();
        instance.close().await;
    }

    fn told(hash: u32) -> Told {
        Told {
            revision: 7,
            compacted: 3,
            hash,
        }
    }

    #[test]
    fn who_differs_from_most_is_the_odd_one() {
        let compare = |others: &[(u64, Told)]| {
            let others: Vec<_> = others.iter().map(|(id, told)| (*id, Some(*told))).collect();
            Comparison::new(1, told(5), &others)
        };
        let compared = |others: &[(u64, Told)]| compare(others).odd_ones();
        assert!(compare(&[(2, told(6))]).is_complete);
        assert!(!Comparison::new(1, told(5), &[(2, None)]).is_complete);
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
            assert!(!compare(&[(2, other)]).is_complete, "{other:?}");
        }
    }
}
