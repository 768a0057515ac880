//! What is let in: requests within the allowance of their instance, and writes that have room.

use super::{Inner, Instance};
use crate::error::{Error, Result};
use crate::mvcc::allowance::Allowance;
use crate::mvcc::auth::Caller;
use crate::mvcc::request::{Call, Request, Response};
use crate::pb::etcdserverpb::AlarmType;
use crate::store::Usage;

impl Instance {
    /// Waits for the outcome of a request.
    pub(super) async fn submit(&self, request: Request) -> Result<Response> {
        self.check_token()?;
        let cost = request.cost();
        // A lease is not to be lost because its owner asks too much else.
        if !matches!(request, Request::LeaseKeepAlive(_)) {
            let written = if cost > 0 { request.size_bytes() } else { 0 };
            self.check_rate(written as u64)?;
        }
        self.check_space(cost).await?;
        let call = Call {
            caller: self.caller.clone(),
            request,
        };
        self.inner.sequencer.submit(call).await
    }

    /// What the instance is allowed, as far as this server has heard.
    pub fn allowance(&self) -> Allowance {
        *self.inner.allowance.borrow()
    }

    /// The bytes that the instance takes, as far as this server knows.
    pub fn size_estimate(&self) -> Option<u64> {
        self.inner.feed.size.estimate()
    }

    /// What the instance takes of a store that it shares with others.
    pub(super) async fn own_usage(&self) -> Result<Usage> {
        let Inner {
            store,
            layout,
            feed,
            ..
        } = &*self.inner;
        let bytes = feed.size.get(store, layout).await?;
        Ok(Usage {
            allocated_bytes: bytes,
            live_bytes: bytes,
        })
    }

    /// Refuses what is more than the instance may be asked in this time.
    pub(super) fn check_rate(&self, write_bytes: u64) -> Result<()> {
        if self.caller == Caller::Server {
            return Ok(());
        }
        let stats = &self.inner.stats;
        stats.asked.add(1);
        if !self.inner.rates.admit(&self.allowance(), write_bytes) {
            stats.refused_rate.add(1);
            return Err(Error::TooManyRequests);
        }
        if write_bytes > 0 {
            stats.write_bytes.add(write_bytes);
        }
        Ok(())
    }

    /// Refuses what there is no room for, and raises the alarm that says so to everybody.
    async fn check_space(&self, cost: u64) -> Result<()> {
        if cost == 0 {
            return Ok(());
        }
        let checked = match self.check_allowance(cost).await {
            Ok(()) => self.check_quota(cost).await,
            refused => refused,
        };
        if checked == Err(Error::NoSpace) {
            self.inner.stats.refused_space.add(1);
        }
        checked
    }

    /// The bound of this instance alone.
    async fn check_allowance(&self, cost: u64) -> Result<()> {
        let Some(bound) = self.allowance().size_bytes else {
            return Ok(());
        };
        let Inner {
            store,
            layout,
            feed,
            ..
        } = &*self.inner;
        let has_room = |used: u64| used.saturating_add(cost) < bound;
        if feed.size.estimate().is_some_and(has_room) {
            return Ok(());
        }
        // In boxes, here and below, or every request would be as large.
        match Box::pin(feed.size.measured(store, layout)).await? {
            Some(used) if has_room(used) => Ok(()),
            Some(used) => Box::pin(self.refuse_space(used)).await,
            None => Err(Error::NoSpace),
        }
    }

    /// The bound of what the store takes.
    async fn check_quota(&self, cost: u64) -> Result<()> {
        let Inner { store, layout, .. } = &*self.inner;
        let Some(quota) = &self.inner.quota else {
            return Ok(());
        };
        if quota.admit(cost) {
            return Ok(());
        }
        let usage = Box::pin(store.usage(layout.prefix())).await?;
        match quota.admit_after(usage.live_bytes, cost) {
            true => Ok(()),
            false => Box::pin(self.refuse_space(usage.live_bytes)).await,
        }
    }

    async fn refuse_space(&self, used: u64) -> Result<()> {
        if !self.state().no_space {
            tracing::warn!(used, "the quota is exceeded, so nothing is added");
            self.raise(AlarmType::Nospace, self.inner.member_id).await?;
        }
        Err(Error::NoSpace)
    }
}
