//! What is let in: requests within the allowance of their instance, and writes that have room.

use super::{Inner, Instance};
use crate::error::{Error, Result};
use crate::mvcc::allowance::Allowance;
use crate::mvcc::auth::Caller;
use crate::mvcc::quota::Quota;
use crate::mvcc::request::{Call, Request, Response};
use crate::mvcc::txn;
use crate::pb::etcdserverpb::AlarmType;
use crate::store::Usage;
use futures_util::future::Either;

/// Bytes etcd's log adds to a request before it compares it with `--max-request-bytes`.
const LOG_ENVELOPE_BYTES: usize = 18;

impl Instance {
    /// Lets a request in, and waits for its outcome. It is queued before that, if it need not wait to be.
    pub(super) fn submit(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response>> + Send + use<'_> {
        let call = Call::new(self.caller.clone(), request);
        let cost = call.request.cost();
        match self.check(&call, cost) {
            Ok(()) if self.has_room(cost) => Either::Left(self.inner.sequencer.submit(call)),
            // In a box, or every request would be as large.
            checked => Either::Right(Box::pin(async move {
                checked?;
                self.check_space(cost).await?;
                self.inner.sequencer.submit(call).await
            })),
        }
    }

    /// Refuses what may not be asked.
    fn check(&self, call: &Call, cost: u64) -> Result<()> {
        match &call.request {
            Request::Put(put) => txn::check_put(put),
            Request::Delete(delete) => txn::check_delete(delete),
            Request::Txn(txn) => txn::check_txn(txn, self.inner.options.max_txn_ops),
            _ => Ok(()),
        }?;
        if call.size_bytes + LOG_ENVELOPE_BYTES > self.inner.options.max_request_bytes {
            return Err(Error::RequestTooLarge);
        }
        self.check_token()?;
        // A lease is not to be lost because its owner asks too much else.
        match call.request {
            Request::LeaseKeepAlive(_) => Ok(()),
            _ => self.check_rate(if cost > 0 { call.size_bytes as u64 } else { 0 }),
        }
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

    /// Whether there is room for certain.
    fn has_room(&self, cost: u64) -> bool {
        let is_allowed = || match self.allowance().size_bytes {
            Some(bound) => self.fits(cost, bound),
            None => true,
        };
        let is_within = |quota: &Quota| quota.admit(cost);
        cost == 0 || is_allowed() && self.inner.quota.as_ref().is_none_or(is_within)
    }

    /// Whether the instance has room below a bound of its own, as far as this server knows.
    fn fits(&self, cost: u64, bound: u64) -> bool {
        let used = self.inner.feed.size.estimate();
        used.is_some_and(|used| used.saturating_add(cost) < bound)
    }

    /// Refuses what there is no room for, and raises the alarm that says so to everybody.
    async fn check_space(&self, cost: u64) -> Result<()> {
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
        if self.fits(cost, bound) {
            return Ok(());
        }
        match feed.size.measured(store, layout).await? {
            Some(used) if used.saturating_add(cost) < bound => Ok(()),
            Some(used) => self.refuse_space(used).await,
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
        let usage = store.usage(layout.prefix()).await?;
        match quota.admit_after(usage.live_bytes, cost) {
            true => Ok(()),
            false => self.refuse_space(usage.live_bytes).await,
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
