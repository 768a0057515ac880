//! Leases: granted, kept alive, revoked and expired.
//!
//! A lease is stored with its absolute deadline, so it neither gains nor loses time when a
//! server restarts or another takes over. An entry in subspace `d` says when to look at it, in
//! the order in which leases become due; whichever server leads walks these from the start. A
//! keep-alive leaves the entry where it stands, so it costs one record; the entry moves when it
//! comes due.

use crate::error::{Error, Result};
use crate::mvcc::clock::now_ms;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{Due, Layout, LeaseRecord, successor};
use crate::mvcc::queue::Handle;
use crate::mvcc::request::{Call, Request, Response};
use crate::mvcc::scratch::Scratch;
use crate::pb::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
};
use crate::store::{Consistency, Direction, PageLimit, StoreError, View};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The shortest lease, in seconds: what etcd grants at its default election timeout.
pub const MIN_TTL_SECONDS: i64 = 2;
/// The longest lease, in seconds.
pub const MAX_TTL_SECONDS: i64 = 9_000_000_000;
/// Of a lease whose time does not run yet: no entry says when to look at it.
const UNDATED: i64 = i64::MIN;
/// Leases read at a time.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};
/// How often the leader looks for leases that other servers have granted: a fraction of
/// [`MIN_TTL_SECONDS`], so that it sees each before it ends.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The longest sleep before a lease is due, so that a wall clock that was set is noticed.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);
/// Leases whose revocation may be under way at once, so that a mass expiry leaves room for writes.
const MAX_EXPIRING_LEASES: usize = 256;
/// Pause before an expiry that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

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
    let deadline_ms = deadline_ms(ttl_seconds);
    let lease = LeaseRecord {
        ttl_seconds,
        deadline_ms,
        due_ms: deadline_ms,
    };
    scratch.set_due(due(id, &lease));
    scratch.set_lease(id, Some(lease));
    scratch.tally.granted += 1;
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
        if lease.deadline_ms < lease.due_ms {
            // Another server's clock is ahead of this one's, or the clock was set back.
            reschedule(scratch, request.id, lease);
        } else {
            scratch.set_lease(request.id, Some(lease));
        }
        scratch.tally.renewed += 1;
        response.ttl = lease.ttl_seconds;
    }
    Ok(response)
}

/// Ends a lease and deletes its keys in one revision.
pub async fn revoke(scratch: &mut Scratch, id: i64) -> Result<()> {
    let lease = scratch.lease(id).await?.ok_or(Error::LeaseNotFound)?;
    let keys = scratch.attached_keys(id).await?;
    scratch.tally.add_deletes(keys.len() as u64);
    for key in keys {
        if let Some(before) = scratch.get(&key).await? {
            scratch.delete(key, &before).await?;
        }
    }
    scratch.clear_due(due(id, &lease));
    scratch.set_lease(id, None);
    scratch.tally.revoked += 1;
    scratch.end_transaction();
    Ok(())
}

/// Looks at a lease that was due at a time. Ends it if its deadline has passed, and says whether
/// it did; else the lease is due at its deadline.
pub async fn expire(scratch: &mut Scratch, at: Due) -> Result<bool> {
    match scratch.lease(at.lease).await? {
        Some(lease) if lease.due_ms == at.due_ms && lease.deadline_ms > now_ms() => {
            reschedule(scratch, at.lease, lease);
        }
        Some(lease) if lease.due_ms == at.due_ms => {
            revoke(scratch, at.lease).await?;
            scratch.tally.expired += 1;
            return Ok(true);
        }
        // Ended meanwhile, and perhaps granted anew.
        _ => scratch.clear_due(at),
    }
    Ok(false)
}

/// Writes a lease and moves its entry to its deadline.
fn reschedule(scratch: &mut Scratch, id: i64, mut lease: LeaseRecord) {
    scratch.clear_due(due(id, &lease));
    lease.due_ms = lease.deadline_ms;
    scratch.set_due(due(id, &lease));
    scratch.set_lease(id, Some(lease));
}

/// A lease whose time does not run yet; `deadline_ms` says how much it has left.
pub fn undated(ttl_seconds: i64, left_seconds: i64) -> LeaseRecord {
    LeaseRecord {
        ttl_seconds,
        deadline_ms: left_seconds.saturating_mul(1000),
        due_ms: UNDATED,
    }
}

/// The same with its time running from now on, and when to look at it; `None` if it runs already.
pub fn dated(id: i64, lease: LeaseRecord) -> Option<(LeaseRecord, Due)> {
    let deadline_ms = now_ms().saturating_add(lease.deadline_ms);
    let dated = LeaseRecord {
        deadline_ms,
        due_ms: deadline_ms,
        ..lease
    };
    (lease.due_ms == UNDATED).then(|| (dated, due(id, &dated)))
}

/// The entry of a lease.
fn due(id: i64, lease: &LeaseRecord) -> Due {
    Due {
        due_ms: lease.due_ms,
        lease: id,
    }
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

/// Revokes leases as their deadlines pass, while this server leads. `granted` tells of leases
/// that this server has granted.
pub async fn expire_forever(mut job: Job, sequencer: Handle, granted: Arc<Notify>) {
    while job.wait_to_lead().await {
        let pause = match expire_due(&job, &sequencer).await {
            Ok(pause) => pause,
            Err(
                Error::Stopped | Error::Store(StoreError::Fatal(_) | StoreError::Unreadable(_)),
            ) => {
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look for leases that are over");
                Some(RETRY_PAUSE)
            }
        };
        let pause = if job.store.is_shared() {
            Some(pause.map_or(POLL_INTERVAL, |pause| pause.min(POLL_INTERVAL)))
        } else {
            pause
        };
        tokio::select! {
            () = granted.notified() => {}
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
        }
    }
}

/// Ends leases that are due, the first of them; answers when to look again, if there is a lease.
async fn expire_due(job: &Job, sequencer: &Handle) -> Result<Option<Duration>> {
    let view = job.store.view(Consistency::Linearizable).await?;
    let (start, end) = job.layout.subspace(b'd');
    let page = PageLimit {
        items: MAX_EXPIRING_LEASES,
        ..PAGE
    };
    let page = view.scan(&start, &end, page, Direction::Forward).await?;
    let (now_ms, mut due) = (now_ms(), Vec::new());
    let mut next = None;
    for (key, _) in &page.items {
        let entry = job.layout.due_entry(key)?;
        if entry.due_ms > now_ms {
            let left = Duration::from_millis(entry.due_ms.abs_diff(now_ms));
            next = Some(left.min(CLOCK_INTERVAL));
            break;
        }
        due.push(entry);
    }
    if due.is_empty() || !job.leads() {
        return Ok(next);
    }
    let expiries = due
        .iter()
        .map(|entry| sequencer.submit(Call::of_server(Request::LeaseExpire(*entry))));
    let outcomes = futures_util::future::join_all(expiries).await;
    let mut pause = Duration::ZERO;
    for (entry, outcome) in due.iter().zip(outcomes) {
        match outcome {
            Ok(Response::LeaseExpire(true)) => {
                tracing::debug!(lease = entry.lease, "lease expired");
            }
            Ok(_) => {}
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) => {
                tracing::warn!(lease = entry.lease, %error, "cannot expire a lease");
                pause = RETRY_PAUSE;
            }
        }
    }
    Ok(Some(pause))
}
