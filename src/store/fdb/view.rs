//! A snapshot: a transaction that only reads.

use super::{Shared, fault};
use crate::store::{Direction, Page, PageLimit, StoreError, collect};
use bytes::Bytes;
use foundationdb::future::FdbValues;
use foundationdb::options::StreamingMode;
use foundationdb::{FdbError, FdbResult, KeySelector, RangeOption, Transaction};
use futures_util::future::try_join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A view this old may be refused any moment: who reads from it then must be ready to open another.
const OLD: Duration = Duration::from_secs(3);

/// A snapshot of an [`Fdb`](super::Fdb). It expires after FoundationDB's five seconds.
#[derive(Clone)]
pub struct FdbView {
    shared: Arc<Shared>,
    transaction: Arc<Transaction>,
    version: i64,
    opened: Instant,
}

impl FdbView {
    pub(super) fn new(shared: Arc<Shared>, transaction: Transaction, version: i64) -> Self {
        Self {
            shared,
            transaction: Arc::new(transaction),
            version,
            opened: Instant::now(),
        }
    }

    /// What a read came to that began when the view had this age. A transaction ends for good when
    /// its time is over, also while nothing is asked of it: that a busy cluster's versions grow old
    /// more slowly does not help, and says nothing of the cluster.
    fn failed(&self, age: Duration, error: FdbError) -> StoreError {
        match error.code() {
            fault::TIMED_OUT if age >= OLD => StoreError::ViewExpired,
            _ => fault::read(error),
        }
    }

    /// The value of a key.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared.check_open()?;
        #[cfg(test)]
        self.shared
            .costs
            .note(|| super::costs::Call::Get(Bytes::copy_from_slice(key)));
        let age = self.opened.elapsed();
        let value = self.transaction.get(key, true).await;
        let value = value.map_err(|error| self.failed(age, error))?;
        let value = value.map(|value| Bytes::copy_from_slice(&value));
        self.shared.guards.seen(key, &value, self.version);
        Ok(value)
    }

    /// The values of many keys, asked for all at once.
    pub async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        try_join_all(keys.iter().map(|key| self.get(key))).await
    }

    /// One page of the keys in `[start, end)`: one range read for each 80,000 bytes, which is
    /// the most that FoundationDB answers at once, and rarely one more for what a page that ends
    /// by its bytes leaves open.
    pub async fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: PageLimit,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        self.shared.check_open()?;
        if start >= end {
            return Ok(Page::default());
        }
        let (mut start, mut end) = (start.to_vec(), end.to_vec());
        let (mut items, mut bytes) = (Vec::new(), 0);
        loop {
            // One more than the page holds, to know whether there is more.
            let missing = limit.items.max(1).saturating_sub(items.len());
            let wanted = missing.saturating_add(1);
            let target_bytes = limit.bytes.saturating_sub(bytes).max(1);
            let read = self.read(&start, &end, wanted, target_bytes, direction);
            let age = self.opened.elapsed();
            let values = read.await.map_err(|error| self.failed(age, error))?;
            let owned = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
            for item in values.iter() {
                bytes += item.key().len() + item.value().len();
                items.push((owned(item.key()), owned(item.value())));
            }
            let Some((last, value)) = items.last().filter(|_| values.more()) else {
                break;
            };
            let is_behind = items.len() > 1 && bytes - last.len() - value.len() >= limit.bytes;
            if is_behind || items.len() > limit.items.max(1) {
                break;
            }
            match direction {
                Direction::Forward => start = [last, b"\0".as_slice()].concat(),
                Direction::Backward => end = last.to_vec(),
            }
        }
        collect(items.into_iter().map(Ok), limit)
    }

    fn read(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        target_bytes: usize,
        direction: Direction,
    ) -> impl Future<Output = FdbResult<FdbValues>> + Send + use<> {
        #[cfg(test)]
        self.shared.costs.note(|| super::costs::Call::RangeRead);
        let options = RangeOption {
            begin: KeySelector::first_greater_or_equal(start),
            end: KeySelector::first_greater_or_equal(end),
            limit: Some(limit.min(i32::MAX as usize)),
            target_bytes: target_bytes.min(i32::MAX as usize),
            mode: StreamingMode::Exact,
            reverse: direction == Direction::Backward,
            ..RangeOption::default()
        };
        self.transaction.get_range(&options, 1, true)
    }
}
