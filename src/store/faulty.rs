//! A store that fails on purpose, in the ways the contract allows.
//!
//! What happens follows from the seed and the order of the calls alone, so a failing test can
//! be run again.

use super::{
    ApplyError, Batch, Consistency, Direction, Leadership, Limits, Page, PageLimit, Store,
    StoreError, Usage, View,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// A zombie is applied at the latest when this many more calls have been made.
pub const ZOMBIE_CALLS_MAX: u32 = 4;
/// A view that expires does so at the latest after this many reads.
const VIEW_READS_MAX: u32 = 8;

/// What may happen to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is applied, the answer is `Conflict`.
    Conflict,
    /// The batch is applied, the answer is `Unknown`.
    UnknownApplied,
    /// Nothing is applied, the answer is `Unknown`.
    UnknownLost,
    /// The answer is `Unknown`, and the batch is applied some calls later if its guard holds then.
    Zombie,
}

/// How often things fail, each from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// Of batches that meet [`Fault::Conflict`].
    pub conflict: f64,
    /// Of batches that meet [`Fault::UnknownApplied`].
    pub unknown_applied: f64,
    /// Of batches that meet [`Fault::UnknownLost`].
    pub unknown_lost: f64,
    /// Of batches that meet [`Fault::Zombie`].
    pub zombie: f64,
    /// Of views that answer `ViewExpired` after some reads.
    pub view_expired: f64,
    /// Of views that cannot be opened, and of reads that fail, with `Unavailable`.
    pub unavailable: f64,
    /// Of serializable views that are as old as the serializable view before.
    pub stale: f64,
}

impl Rates {
    /// Every fault often enough to be met within some dozens of calls.
    pub const ALL: Rates = Rates {
        conflict: 0.1,
        unknown_applied: 0.1,
        unknown_lost: 0.1,
        zombie: 0.1,
        view_expired: 0.2,
        unavailable: 0.02,
        stale: 0.2,
    };
}

/// A store that fails on purpose. Clones are the same store.
#[derive(Clone)]
pub struct Faulty {
    inner: Box<Store>,
    plan: Arc<Mutex<Plan>>,
    /// Who leads by [`Faulty::elect`].
    elected: Arc<Mutex<Option<watch::Sender<Leadership>>>>,
}

struct Plan {
    random: StdRng,
    rates: Rates,
    /// Outcomes of the next batches, before chance decides.
    script: VecDeque<Option<Fault>>,
    /// Batches of more ops meet [`Fault::Conflict`].
    ops_in_time: usize,
    zombies: Vec<Zombie>,
    /// The serializable view before.
    stale: Option<View>,
}

struct Zombie {
    calls_left: u32,
    batch: Batch,
}

impl Plan {
    fn next_fault(&mut self, ops: usize) -> Option<Fault> {
        if ops > self.ops_in_time {
            return Some(Fault::Conflict);
        }
        if let Some(outcome) = self.script.pop_front() {
            return outcome;
        }
        let faults = [
            (self.rates.conflict, Fault::Conflict),
            (self.rates.unknown_applied, Fault::UnknownApplied),
            (self.rates.unknown_lost, Fault::UnknownLost),
            (self.rates.zombie, Fault::Zombie),
        ];
        let mut chance: f64 = self.random.random();
        faults.into_iter().find_map(|(rate, fault)| {
            chance -= rate;
            (chance < 0.0).then_some(fault)
        })
    }

    fn check_available(&mut self) -> Result<(), StoreError> {
        if self.random.random_bool(self.rates.unavailable) {
            return Err(StoreError::Unavailable("injected".into()));
        }
        Ok(())
    }

    /// The zombies that rise with this call.
    fn rising(&mut self) -> Vec<Batch> {
        let is_due = |zombie: &mut Zombie| {
            zombie.calls_left -= 1;
            zombie.calls_left == 0
        };
        let due = self.zombies.extract_if(.., is_due);
        due.map(|zombie| zombie.batch).collect()
    }
}

impl Faulty {
    /// A store over `inner` that fails at these rates.
    pub fn new(inner: Store, seed: u64, rates: Rates) -> Self {
        let plan = Plan {
            random: StdRng::seed_from_u64(seed),
            rates,
            script: VecDeque::new(),
            ops_in_time: usize::MAX,
            zombies: Vec::new(),
            stale: None,
        };
        Self {
            inner: Box::new(inner),
            plan: Arc::new(Mutex::new(plan)),
            elected: Arc::default(),
        }
    }

    /// Sets the outcomes of the next batches; `None` is no fault.
    pub fn script(&self, outcomes: impl IntoIterator<Item = Option<Fault>>) {
        self.plan.lock().script.extend(outcomes);
    }

    /// Changes the rates, for instance to none before the last look.
    pub fn set_rates(&self, rates: Rates) {
        self.plan.lock().rates = rates;
    }

    /// Puts a busy neighbour beside this server, who is always first when a batch has more ops.
    pub fn hurry(&self, ops_in_time: usize) {
        self.plan.lock().ops_in_time = ops_in_time;
    }

    /// Says who leads, whatever the store below says. Comes before the store is used.
    pub fn elect(&self, leadership: Leadership) {
        let mut elected = self.elected.lock();
        let sender = elected.get_or_insert_with(|| watch::Sender::new(leadership));
        sender.send_replace(leadership);
    }

    async fn raise_zombies(&self) {
        let rising = self.plan.lock().rising();
        for batch in rising {
            // That the guard holds no more is the usual end of a zombie.
            let _ = self.inner.apply(batch).await;
        }
    }

    pub(super) async fn view(&self, consistency: Consistency) -> Result<View, StoreError> {
        self.raise_zombies().await;
        let reads_left = {
            let mut plan = self.plan.lock();
            plan.check_available()?;
            let expires = plan.rates.view_expired;
            let expires = plan.random.random_bool(expires);
            expires.then(|| plan.random.random_range(0..VIEW_READS_MAX))
        };
        Ok(View::Faulty(Box::new(FaultyView {
            inner: self.view_below(consistency).await?,
            reads_left: Arc::new(Mutex::new(reads_left)),
            plan: self.plan.clone(),
        })))
    }

    async fn view_below(&self, consistency: Consistency) -> Result<View, StoreError> {
        if consistency == Consistency::Linearizable {
            return self.inner.view(consistency).await;
        }
        {
            let mut plan = self.plan.lock();
            let rate = plan.rates.stale;
            if plan.random.random_bool(rate)
                && let Some(stale) = &plan.stale
            {
                return Ok(stale.clone());
            }
        }
        let view = self.inner.view(consistency).await?;
        self.plan.lock().stale = Some(view.clone());
        Ok(view)
    }

    pub(super) async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        self.raise_zombies().await;
        let fault = self.plan.lock().next_fault(batch.ops.len());
        match fault {
            None => self.inner.apply(batch).await,
            Some(Fault::Conflict) => Err(ApplyError::Conflict),
            Some(Fault::UnknownLost) => Err(ApplyError::Unknown),
            Some(Fault::UnknownApplied) => match self.inner.apply(batch).await {
                Ok(()) | Err(ApplyError::Conflict) => Err(ApplyError::Unknown),
                Err(error) => Err(error),
            },
            Some(Fault::Zombie) => {
                let mut plan = self.plan.lock();
                let calls_left = plan.random.random_range(1..=ZOMBIE_CALLS_MAX);
                plan.zombies.push(Zombie { calls_left, batch });
                Err(ApplyError::Unknown)
            }
        }
    }

    pub(super) fn changed(&self, key: &[u8]) -> BoxFuture<'static, ()> {
        self.told_by(self.inner.changed(key))
    }

    pub(super) fn changed_elsewhere(&self, key: &[u8]) -> BoxFuture<'static, ()> {
        self.told_by(self.inner.changed_elsewhere(key))
    }

    /// Who was told of a change sees it: views from before it are not given any more.
    fn told_by(&self, changed: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let plan = self.plan.clone();
        Box::pin(async move {
            changed.await;
            plan.lock().stale = None;
        })
    }

    pub(super) fn leadership(&self, key: &Bytes, candidate: u64) -> watch::Receiver<Leadership> {
        match self.elected.lock().as_ref() {
            Some(elected) => elected.subscribe(),
            None => self.inner.leadership(key, candidate),
        }
    }

    /// Whether the store below has no threads of its own.
    pub fn is_in_memory(&self) -> bool {
        matches!(*self.inner, Store::Memory(_))
    }

    pub(super) fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    pub(super) fn member(&self) -> Option<&super::raft::Raft> {
        self.inner.member()
    }

    pub(super) fn limits(&self) -> Limits {
        self.inner.limits()
    }

    pub(super) async fn usage(&self, prefix: &Bytes) -> Result<Usage, StoreError> {
        self.inner.usage(prefix).await
    }

    pub(super) async fn reclaim(&self) -> Result<(), StoreError> {
        self.inner.reclaim().await
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

/// A view whose reads fail.
#[derive(Clone)]
pub struct FaultyView {
    inner: View,
    /// Until it expires, for all clones; `None` is never.
    reads_left: Arc<Mutex<Option<u32>>>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultyView {
    fn check(&self) -> Result<(), StoreError> {
        self.plan.lock().check_available()?;
        match self.reads_left.lock().as_mut() {
            None => Ok(()),
            Some(0) => Err(StoreError::ViewExpired),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    pub(super) async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.check()?;
        self.inner.get(key).await
    }

    pub(super) async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.check()?;
        self.inner.get_many(keys).await
    }

    pub(super) async fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: PageLimit,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        self.check()?;
        self.inner.scan(start, end, limit, direction).await
    }
}
