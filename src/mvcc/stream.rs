//! A range answered in pieces, with flat memory.

use crate::error::Result;
use crate::mvcc::read::{self, Cursor, Item};
use crate::pb::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use futures_util::{Stream, stream};
use std::collections::VecDeque;

/// Keys and values after which a piece is sent.
const CHUNK_BYTES: usize = 256 * 1024;

/// The pieces of one answer. The last one carries the header, `more` and the count.
pub struct RangeChunks {
    cursor: Cursor<'static>,
    request: RangeRequest,
    header: ResponseHeader,
    read: VecDeque<Item>,
    sent: i64,
}

impl RangeChunks {
    /// Nothing read yet.
    pub fn new(cursor: Cursor<'static>, request: RangeRequest, header: ResponseHeader) -> Self {
        Self {
            cursor,
            request,
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
