//! Leases: granted, kept alive, revoked and expired.
//!
//! A lease is stored with its absolute deadline, so it neither gains nor loses time when a
//! server restarts or another takes over.

use crate::error::{Error, Result};
use crate::mvcc::clock::now_ms;
use crate::mvcc::keyspace::{Layout, LeaseRecord, successor};
use crate::mvcc::scratch::Scratch;
use crate::mvcc::sequencer::{Handle, Request, Response};
use crate::pb::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
};
use crate::store::{Consistency, Direction, PageLimit, Store, View};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// The shortest lease, in seconds: what etcd grants at its default election timeout.
pub const MIN_TTL_SECONDS: i64 = 2;
/// The longest lease, in seconds.
pub const MAX_TTL_SECONDS: i64 = 9_000_000_000;
/// Leases read at a time.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};
/// How often a leader looks for leases that other servers granted.
const RESCAN_INTERVAL: Duration = Duration::from_secs(30);
/// Leases whose revocation may be under way at once, so that a mass expiry leaves room for writes.
const MAX_EXPIRING_LEASES: usize = 256;
/// Pause before an expiry that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Leases of which the expiry job has not heard yet; when there are more, it reads them all.
const MAX_HINTS: usize = 4096;

/// When to look at a lease, in milliseconds since the Unix epoch, and its id.
type Due = (i64, i64);

/// Tells the expiry job of leases that were granted.
#[derive(Clone)]
pub struct Hints {
    queue: mpsc::Sender<Due>,
    overflow: Arc<Notify>,
}

/// The expiry job's end of [`Hints`].
pub struct HintsReceiver {
    queue: mpsc::Receiver<Due>,
    overflow: Arc<Notify>,
}

impl Hints {
    /// Both ends.
    pub fn new() -> (Self, HintsReceiver) {
        let (sender, receiver) = mpsc::channel(MAX_HINTS);
        let overflow = Arc::new(Notify::new());
        let hints = Self {
            queue: sender,
            overflow: overflow.clone(),
        };
        let receiver = HintsReceiver {
            queue: receiver,
            overflow,
        };
        (hints, receiver)
    }

    /// Never waits: the sequencer, which calls it, is what the expiry job may wait for.
    pub fn granted(&self, id: i64, ttl_seconds: i64) {
        if self.queue.try_send((deadline_ms(ttl_seconds), id)).is_err() {
            self.overflow.notify_one();
        }
    }
}

/// Grants a lease.
pub async fn grant(
    scratch: &mut Scratch,
    request: &LeaseGrantRequest,
) -> Result<LeaseGrantResponse> {
    if request.ttl > MAX_TTL_SECONDS {
        return Err(Error::LeaseTtlTooLarge);
    }
    let mut id = request.id;
    while id == 0 || (request.id == 0 && scratch.lease(id).await?.is_some()) {
        id = rand::random::<i64>() & i64::MAX;
    }
    if scratch.lease(id).await?.is_some() {
        return Err(Error::LeaseExists);
    }
    let ttl_seconds = request.ttl.max(MIN_TTL_SECONDS);
    let lease = LeaseRecord {
        ttl_seconds,
        deadline_ms: deadline_ms(ttl_seconds),
    };
    scratch.set_lease(id, Some(lease));
    Ok(LeaseGrantResponse {
        id,
        ttl: ttl_seconds,
        ..Default::default()
    })
}

/// Extends a lease to its full time; one that is gone or past its deadline answers TTL 0.
pub async fn keep_alive(
    scratch: &mut Scratch,
    request: &LeaseKeepAliveRequest,
) -> Result<LeaseKeepAliveResponse> {
    let mut response = LeaseKeepAliveResponse {
        id: request.id,
        ..Default::default()
    };
    let alive = scratch.lease(request.id).await?;
    if let Some(mut lease) = alive.filter(|lease| lease.deadline_ms > now_ms()) {
        lease.deadline_ms = deadline_ms(lease.ttl_seconds);
        scratch.set_lease(request.id, Some(lease));
        response.ttl = lease.ttl_seconds;
    }
    Ok(response)
}

/// Ends a lease and deletes its keys in one revision.
pub async fn revoke(scratch: &mut Scratch, id: i64) -> Result<()> {
    scratch.lease(id).await?.ok_or(Error::LeaseNotFound)?;
    for key in scratch.attached_keys(id).await? {
        if let Some(before) = scratch.get(&key).await? {
            scratch.delete(key, &before).await?;
        }
    }
    scratch.set_lease(id, None);
    scratch.end_transaction();
    Ok(())
}

/// Ends a lease if its deadline has passed; answers the deadline if it has not.
pub async fn expire(scratch: &mut Scratch, id: i64) -> Result<Option<i64>> {
    match scratch.lease(id).await? {
        Some(lease) if lease.deadline_ms > now_ms() => return Ok(Some(lease.deadline_ms)),
        Some(_) => revoke(scratch, id).await?,
        None => {}
    }
    Ok(None)
}

/// All leases of a view, in the order of their ids.
pub async fn all(view: &View, layout: &Layout) -> Result<Vec<(i64, LeaseRecord)>> {
    let (mut from, end) = layout.subspace(b'l');
    let mut leases = Vec::new();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (key, record) in &page.items {
            leases.push((layout.lease_id(key)?, LeaseRecord::decode(record.clone())?));
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => return Ok(leases),
        }
    }
}

fn deadline_ms(ttl_seconds: i64) -> i64 {
    now_ms().saturating_add(ttl_seconds.saturating_mul(1000))
}

/// Revokes leases as their deadlines pass, while this server leads.
///
/// The heap is only a hint of what to look at next: the sequencer decides from the stored
/// deadline. `granted` tells of leases that this server granted.
pub async fn expire_forever(
    store: Store,
    layout: Layout,
    sequencer: Handle,
    mut granted: HintsReceiver,
) {
    let mut leadership = store.leadership(&layout.meta("leader"), 1);
    loop {
        while !leadership.borrow_and_update().is_leader {
            if leadership.changed().await.is_err() {
                return;
            }
        }
        let mut due = match load(&store, &layout).await {
            Ok(leases) => leases
                .into_iter()
                .map(|(id, lease)| Reverse((lease.deadline_ms, id)))
                .collect::<BinaryHeap<_>>(),
            Err(error) => {
                tracing::warn!(%error, "cannot read the leases");
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
        };
        let rescan = tokio::time::sleep(RESCAN_INTERVAL);
        tokio::pin!(rescan);
        loop {
            let next = due.peek().map(|Reverse((deadline_ms, _))| {
                Duration::from_millis(u64::try_from(deadline_ms - now_ms()).unwrap_or(0))
            });
            tokio::select! {
                () = &mut rescan => break,
                changed = leadership.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
                () = granted.overflow.notified() => break,
                granted = granted.queue.recv() => {
                    let Some(granted) = granted else { return };
                    due.push(Reverse(granted));
                }
                () = tokio::time::sleep(next.unwrap_or(RESCAN_INTERVAL)), if next.is_some() => {
                    expire_due(&sequencer, &mut due).await;
                }
            }
        }
    }
}

async fn load(store: &Store, layout: &Layout) -> Result<Vec<(i64, LeaseRecord)>> {
    let view = store.view(Consistency::Linearizable).await?;
    all(&view, layout).await
}

async fn expire_due(sequencer: &Handle, due: &mut BinaryHeap<Reverse<Due>>) {
    let now_ms = now_ms();
    let mut ids = Vec::new();
    while ids.len() < MAX_EXPIRING_LEASES
        && let Some(Reverse((deadline_ms, id))) = due.peek().copied()
        && deadline_ms <= now_ms
    {
        due.pop();
        ids.push(id);
    }
    let expiries = ids
        .iter()
        .map(|id| sequencer.submit(Request::LeaseExpire(*id)));
    let outcomes = futures_util::future::join_all(expiries).await;
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        match outcome {
            Ok(Response::LeaseExpire(Some(deadline_ms))) => due.push(Reverse((deadline_ms, id))),
            Ok(_) => tracing::debug!(lease = id, "lease expired"),
            Err(error) => {
                tracing::warn!(lease = id, %error, "cannot expire a lease");
                let retry_ms = RETRY_PAUSE.as_millis() as i64;
                due.push(Reverse((now_ms + retry_ms, id)));
            }
        }
    }
}
