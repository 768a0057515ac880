//! Reads and writes of keys.

use super::{Inner, Instance, mismatched};
use crate::error::{Error, Result};
use crate::mvcc::auth::{Need, check};
use crate::mvcc::base::Base;
use crate::mvcc::keyspace::{AuthState, KeyRange, State};
use crate::mvcc::listing::{Listing, Ranged};
use crate::mvcc::read::{self, Cursor};
use crate::mvcc::request::{Request, Response};
use crate::mvcc::scratch::Scratch;
use crate::mvcc::stream::RangeChunks;
use crate::mvcc::txn;
use crate::pb::etcdserverpb::*;
use crate::store::StoreError;
use futures_util::future::{Either, ready};
use futures_util::{FutureExt, Stream, TryFutureExt};

/// Tries to answer a transaction that only reads from the cache, while others write.
const CACHED_ATTEMPTS: usize = 3;

/// Where a read that was let in may be answered from.
enum Admitted {
    /// From the cache, once it is at this state; `None`: at one that must be asked for.
    Cached(Option<State>),
    /// From the store.
    Stored,
}

impl Instance {
    /// Reads keys. A key that the cache knows is read at once, and not when it is first asked for.
    pub fn range(
        &self,
        request: RangeRequest,
    ) -> impl Future<Output = Result<RangeResponse>> + Send + use<'_> {
        let admitted = self.admit_read(&request);
        let known = admitted.as_ref().ok().and_then(|admitted| match admitted {
            Admitted::Cached(state) => self.known(&request, state.as_ref()?.auth),
            Admitted::Stored => None,
        });
        match known {
            Some(answer) => Either::Left(ready(answer)),
            // In a box, or every read would be as large.
            None => Either::Right(Box::pin(async move {
                let rules = self.rules_of(admitted?, &request).await?;
                let (cursor, newest) = self.cursor(&request, rules).await?;
                self.answer(cursor, &request, newest).await
            })),
        }
    }

    /// Reads keys, of which there may be many.
    pub async fn list(&self, request: RangeRequest) -> Result<Ranged> {
        let rules = self.rules_of(self.admit_read(&request)?, &request).await?;
        let (cursor, newest) = self.cursor(&request, rules).await?;
        let header = self.header_at(newest);
        let known = cursor.known();
        match known.and_then(|known| Listing::new(&request, header, known)) {
            Some(listing) => Ok(Ranged::Listing(listing)),
            None => self
                .answer(cursor, &request, newest)
                .await
                .map(Ranged::Whole),
        }
    }

    async fn answer(
        &self,
        cursor: Cursor<'_>,
        request: &RangeRequest,
        newest: i64,
    ) -> Result<RangeResponse> {
        let mut response = read::range(cursor, request, newest).await?;
        self.complete(&mut response.header);
        Ok(response)
    }

    /// Admits a read.
    fn admit_read(&self, request: &RangeRequest) -> Result<Admitted> {
        txn::check_range(request)?;
        let Inner { feed, .. } = &*self.inner;
        self.inner.stats.ranges.add(1);
        self.check_token()?;
        self.check_rate(0)?;
        // What is counted is known without any items.
        let is_cached = feed.cache.is_enabled() || read::items_wanted(request) == 0;
        Ok(match is_cached && self.is_newest(request) {
            true => Admitted::Cached(self.known_state(request.serializable)),
            false => Admitted::Stored,
        })
    }

    /// The rules by which the caller may read what the cache knows, which is then as new as it must be;
    /// `None` where the cache is not to be asked.
    async fn rules_of(
        &self,
        admitted: Admitted,
        request: &RangeRequest,
    ) -> Result<Option<AuthState>> {
        let state = match admitted {
            Admitted::Cached(Some(state)) => state,
            Admitted::Cached(None) => self.inner.read_index.newest().await?,
            Admitted::Stored => return Ok(None),
        };
        let rules = state.auth;
        Ok(self.may_read(rules, request)?.then_some(rules))
    }

    fn is_newest(&self, request: &RangeRequest) -> bool {
        request.revision <= 0 || request.revision == self.inner.feed.state().revision
    }

    /// The answer to a get of a key that the cache knows.
    fn known(&self, request: &RangeRequest, rules: AuthState) -> Option<Result<RangeResponse>> {
        let Inner { feed, .. } = &*self.inner;
        if !read::is_get(request) {
            return None;
        }
        match self.may_read(rules, request) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error)),
        }
        let (revision, found) = feed.cache.newest(&request.key)?;
        if feed.state().auth != rules {
            return None;
        }
        let mut kvs = Vec::new();
        if let Some(current) = found {
            let value = current.value.inline()?.clone();
            kvs.push(current.to_key_value(request.key.clone(), value));
        }
        Some(Ok(RangeResponse {
            header: Some(self.header_at(revision)),
            count: kvs.len() as i64,
            kvs,
            more: false,
        }))
    }

    /// Where to read a range from, and the newest revision there.
    async fn cursor(
        &self,
        request: &RangeRequest,
        rules: Option<AuthState>,
    ) -> Result<(Cursor<'static>, i64)> {
        let Inner { layout, feed, .. } = &*self.inner;
        let range = KeyRange::new(request.key.clone(), request.range_end.clone());
        let wanted = read::items_wanted(request);
        if let Some(rules) = rules {
            let snapshot = match request.revision {
                ..=0 => feed.cache.snapshot(&range, wanted),
                // Unless the cache has moved on.
                revision => {
                    let snapshot = feed.cache.snapshot_at(&range, wanted, revision);
                    snapshot.ok().flatten()
                }
            };
            // The rules are those of the keys, or neither is used.
            if let Some(snapshot) = snapshot.filter(|_| feed.state().auth == rules) {
                let revision = snapshot.revision;
                return Ok((
                    Cursor::cached(layout.clone(), snapshot, None, range),
                    revision,
                ));
            }
        }
        // In a box, or every read would be as large.
        Box::pin(self.stored_cursor(request, range, wanted)).await
    }

    /// Where to read a range from that the cache does not know.
    async fn stored_cursor(
        &self,
        request: &RangeRequest,
        range: KeyRange,
        wanted: usize,
    ) -> Result<(Cursor<'static>, i64)> {
        let Inner { layout, feed, .. } = &*self.inner;
        let fill = self.is_newest(request).then(|| feed.cache.fill(&range));
        let (view, state) = self.view(request.serializable).await?;
        if let Some(rules) = self.rules_at(&view, &state).await? {
            rules.check(&self.caller, Need::Read, &request.key, &request.range_end)?;
        }
        read::check_revision(request.revision, &state)?;
        let store = self.inner.store.clone();
        let cursor = Cursor::open(store, layout.clone(), view, &state, range, request.revision);
        let census = self.inner.census.clone();
        Ok((
            cursor.filling(fill).counted_by(census, wanted),
            state.revision,
        ))
    }

    /// Reads keys in pieces, pinned at one revision.
    pub async fn range_stream(
        &self,
        request: RangeRequest,
    ) -> Result<impl Stream<Item = Result<RangeResponse>> + Send + 'static> {
        let admitted = self.admit_read(&request)?;
        if read::has_custom_order(&request) {
            return Err(Error::Unsupported(
                "RangeStream does not support custom sort orders",
            ));
        }
        if read::has_filter(&request) {
            return Err(Error::Unsupported(
                "RangeStream does not support revision filters",
            ));
        }
        let rules = self.rules_of(admitted, &request).await?;
        let (cursor, newest) = self.cursor(&request, rules).await?;
        let chunks = RangeChunks::new(cursor, request, self.header_at(newest));
        Ok(chunks.into_stream())
    }

    /// Writes a key. It is queued at once, as what follows is, and not when its outcome is first asked for.
    pub fn put(
        &self,
        request: PutRequest,
    ) -> impl Future<Output = Result<PutResponse>> + Send + use<'_> {
        let submitted = self.submit(Request::Put(request));
        submitted.map(|answer| match answer? {
            Response::Put(mut response) => {
                self.complete(&mut response.header);
                Ok(response)
            }
            other => mismatched(&other),
        })
    }

    /// Deletes keys.
    pub fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> impl Future<Output = Result<DeleteRangeResponse>> + Send + use<'_> {
        let submitted = self.submit(Request::Delete(request));
        submitted.map(|answer| match answer? {
            Response::Delete(mut response) => {
                self.complete(&mut response.header);
                Ok(response)
            }
            other => mismatched(&other),
        })
    }

    /// Compares, then reads and writes, atomically.
    pub fn txn(
        &self,
        request: TxnRequest,
    ) -> impl Future<Output = Result<TxnResponse>> + Send + use<'_> {
        let answered = match txn::is_read_only(&request) {
            true => Either::Left(Box::pin(self.read_txn(request))),
            false => Either::Right(self.submit(Request::Txn(request)).map(
                |answer| match answer? {
                    Response::Txn(response) => Ok(response),
                    other => mismatched(&other),
                },
            )),
        };
        answered.map_ok(|mut response| {
            self.complete(&mut response.header);
            response
        })
    }

    async fn read_txn(&self, request: TxnRequest) -> Result<TxnResponse> {
        let Inner {
            store,
            layout,
            feed,
            read_index,
            ..
        } = &*self.inner;
        txn::check_txn(&request, self.inner.options.max_txn_ops)?;
        self.check_token()?;
        self.check_rate(0)?;
        let is_serializable = txn::is_serializable(&request);
        if is_serializable {
            self.catch_up().await?;
        } else if feed.cache.is_enabled() {
            read_index.newest().await?;
        }
        for _ in 0..CACHED_ATTEMPTS {
            if !feed.cache.is_enabled() {
                break;
            }
            let state = feed.state();
            let base = Base::cached(store.clone(), feed.clone(), layout.clone(), state);
            let mut scratch = Scratch::new(base, state);
            match self.judged_txn(&mut scratch, &request).await {
                // The cache has moved on meanwhile.
                Err(Error::Store(StoreError::ViewExpired)) => {}
                outcome => {
                    self.inner.stats.count(&scratch.tally);
                    return outcome;
                }
            }
        }
        let (view, state) = self.view(is_serializable).await?;
        let base = Base::of_view(view, feed.clone(), layout.clone(), state);
        let mut scratch = Scratch::new(base, state);
        let outcome = self.judged_txn(&mut scratch, &request).await;
        self.inner.stats.count(&scratch.tally);
        outcome
    }

    async fn judged_txn(&self, scratch: &mut Scratch, request: &TxnRequest) -> Result<TxnResponse> {
        check::check_reads(scratch, &self.caller, request).await?;
        txn::txn(scratch, request).await
    }

    /// Forgets what happened before a revision; `physical` waits until it is deleted.
    pub async fn compact(&self, request: CompactionRequest) -> Result<CompactionResponse> {
        let newest = match self.submit(Request::Compact(request.revision)).await? {
            Response::Compact(newest) => newest,
            other => return mismatched(&other),
        };
        if request.physical {
            let mut compacted = self.inner.compacted.clone();
            let finished = compacted.wait_for(|done| *done >= request.revision).await;
            finished.map_err(|_| Error::Stopped)?;
        }
        Ok(CompactionResponse {
            header: Some(self.header_at(newest)),
        })
    }
}
