//! A range answered in pieces, with flat memory.

use crate::error::Result;
use crate::mvcc::read::{self, Cursor, Item};
use crate::pb::etcdserverpb::range_request::SortTarget;
use crate::pb::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use crate::pb::mvccpb::KeyValue;
use futures_util::{Stream, stream};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Keys and values after which a piece is sent.
const CHUNK_BYTES: usize = 256 * 1024;

/// The pieces of one answer. The last one carries the header, `more` and the count.
///
/// A sort target without an order is etcd's own riddle: it sorts each piece by itself, and so does
/// this. Who wants all of it sorted names an order, and is told that a stream has none.
pub struct RangeChunks {
    cursor: Cursor<'static>,
    request: RangeRequest,
    /// The values are not asked for, but pieces are sorted by them.
    drops_values: bool,
    header: ResponseHeader,
    read: VecDeque<Item>,
    sent: i64,
}

impl RangeChunks {
    /// Nothing read yet.
    pub fn new(cursor: Cursor<'static>, mut request: RangeRequest, header: ResponseHeader) -> Self {
        let drops_values = request.keys_only && request.sort_target() == SortTarget::Value;
        request.keys_only &= !drops_values;
        Self {
            cursor,
            request,
            drops_values,
            header,
            read: VecDeque::new(),
            sent: 0,
        }
    }

    /// The pieces as they are asked for.
    pub fn into_stream(self) -> impl Stream<Item = Result<RangeResponse>> + Send + 'static {
        stream::try_unfold(Some(self), |chunks| async {
            let Some(mut chunks) = chunks else {
                return Ok(None);
            };
            let (chunk, is_last) = chunks.next().await?;
            Ok(Some((chunk, (!is_last).then_some(chunks))))
        })
    }

    async fn next(&mut self) -> Result<(RangeResponse, bool)> {
        let (mut chunk, is_last) = self.next_unsorted().await?;
        let target = self.request.sort_target();
        if target != SortTarget::Key {
            chunk.kvs.sort_by(|a, b| compare(target, a, b));
        }
        if self.drops_values {
            chunk.kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        Ok((chunk, is_last))
    }

    async fn next_unsorted(&mut self) -> Result<(RangeResponse, bool)> {
        let mut chunk = RangeResponse::default();
        let mut bytes = 0;
        while bytes < CHUNK_BYTES {
            if let Some(item) = self.read.pop_front() {
                let answer = read::key_value(&self.cursor, &self.request, item).await?;
                bytes += answer.key.len() + answer.value.len();
                chunk.kvs.push(answer);
                self.sent += 1;
                continue;
            }
            let count = match self.room() {
                0 => self.cursor.count().await?,
                _ => None,
            };
            let page = match count {
                Some(_) => None,
                None => self.cursor.next_page().await?,
            };
            let Some(page) = page else {
                chunk.header = Some(self.header);
                chunk.count = count.unwrap_or(self.cursor.walked()) as i64;
                chunk.more = !self.request.count_only && self.sent < chunk.count;
                return Ok((chunk, true));
            };
            self.read.extend(page.into_iter().take(self.room()));
        }
        Ok((chunk, false))
    }

    /// How many further keys the limit lets through.
    fn room(&self) -> usize {
        match self.request.limit {
            _ if self.request.count_only => 0,
            1.. => usize::try_from(self.request.limit - self.sent).unwrap_or(0),
            _ => usize::MAX,
        }
    }
}

fn compare(target: SortTarget, a: &KeyValue, b: &KeyValue) -> Ordering {
    match target {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    }
}
