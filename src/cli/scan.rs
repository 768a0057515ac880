//! Walks a key range at one revision, in flat memory, however long it takes.

use super::{
    client::{Client, ConnectError, Dialer},
    exit::{broken_connection, status_sentence},
};
use crate::pb::{
    etcdserverpb::{RangeRequest, RangeStreamResponse},
    mvccpb::KeyValue,
};
use anyhow::{Context, Result};
use bytes::Bytes;
use std::time::Duration;
use tonic::{Code, Status, Streaming};

/// A page is asked for so that about this much comes back.
const PAGE_TARGET_BYTES: usize = 8 << 20;
/// The first page is small: nothing is known yet about how large the values are.
const FIRST_PAGE_KEYS: usize = 16;
/// Failures in a row, without one key in between, before the walk gives up: time to elect a leader.
const RECONNECTS_MAX: usize = 6;
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// A half-open range of keys as etcd spells it: `end` of one zero byte is the end of all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Bytes,
    /// The first key after the range.
    pub end: Bytes,
}

impl KeyRange {
    /// All keys that begin with `prefix`; all keys when it is empty.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self::between(prefix, &after_prefix(prefix))
    }

    /// The keys from `start` to before `end`; empty means open.
    pub fn between(start: &[u8], end: &[u8]) -> Self {
        let or_zero = |key: &[u8]| match key {
            [] => Bytes::from_static(&[0]),
            key => Bytes::copy_from_slice(key),
        };
        Self {
            start: or_zero(start),
            end: or_zero(end),
        }
    }
}

/// The first key after all that begin with `prefix`; empty when there is none.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// What to walk.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// The keys.
    pub range: KeyRange,
    /// The revision to read at; `0` is the current one.
    pub revision: i64,
    /// Leave the values on the server.
    pub keys_only: bool,
    /// Stop after so many keys; `0` is no limit.
    pub limit: u64,
    /// Most keys in one page, where the server does not stream.
    pub page_keys: usize,
}

/// A walk under way. It is pinned at one revision, so all batches belong to one state.
pub struct Scan<'a> {
    dialer: &'a Dialer,
    client: Client,
    source: Source,
    request: ScanRequest,
    next_key: Bytes,
    seen: u64,
}

enum Source {
    /// The server streams; opened at the first read and after a broken connection.
    Stream(Option<Box<Streaming<RangeStreamResponse>>>),
    /// The server knows no streams: pages of this many keys.
    Pages(usize),
    Finished,
}

impl<'a> Scan<'a> {
    /// Connects and pins the revision.
    pub async fn open(dialer: &'a Dialer, mut request: ScanRequest) -> Result<Scan<'a>> {
        let mut client = dialer.connect().await?;
        if request.revision == 0 {
            request.revision = current_revision(&mut client, &request.range.start).await?;
        }
        Ok(Self {
            dialer,
            client,
            source: Source::Stream(None),
            next_key: request.range.start.clone(),
            request,
            seen: 0,
        })
    }

    /// The revision all keys are read at.
    pub fn revision(&self) -> i64 {
        self.request.revision
    }

    /// How many keys the walk will meet. On a real etcd this costs a walk over its index.
    pub async fn count(&mut self) -> Result<u64> {
        let mut request = self.range_request();
        request.count_only = true;
        let request = self.client.request(request);
        let answer = self.client.kv.range(request).await?.into_inner();
        let count = answer.count.max(0) as u64;
        Ok(match self.request.limit {
            0 => count,
            limit => count.min(limit),
        })
    }

    /// The next keys in order, never an empty batch; `None` at the end.
    ///
    /// After an error the walk is over: what was handed out is a beginning, not the whole.
    pub async fn next(&mut self) -> Result<Option<Vec<KeyValue>>> {
        let mut reconnects = 0;
        loop {
            match self.read().await {
                Ok(None) => return Ok(None),
                Ok(Some(batch)) => {
                    if let Some(last) = batch.last() {
                        self.next_key = [&last.key[..], &[0]].concat().into();
                        self.seen += batch.len() as u64;
                        return Ok(Some(batch));
                    }
                }
                Err(status) if self.streams() && status.code() == Code::Unimplemented => {
                    self.source = Source::Pages(FIRST_PAGE_KEYS.min(self.request.page_keys));
                }
                Err(status) if is_passing(&status) && reconnects < RECONNECTS_MAX => {
                    reconnects += 1;
                    eprintln!("kvtool: {}; trying again", status_sentence(&status));
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                    self.reconnect().await?;
                }
                Err(status) => {
                    let (seen, revision) = (self.seen, self.revision());
                    let place = match seen {
                        0 => format!("cannot read at revision {revision}"),
                        _ => format!("incomplete, ended after {seen} keys at revision {revision}"),
                    };
                    return Err(status).context(place);
                }
            }
        }
    }

    fn streams(&self) -> bool {
        matches!(self.source, Source::Stream(_))
    }

    /// Goes on at the first key not seen yet, on whichever endpoint answers now.
    async fn reconnect(&mut self) -> Result<()> {
        match self.dialer.connect().await {
            Ok(client) => self.client = client,
            // The next read fails and counts.
            Err(error) if error.is::<ConnectError>() => {}
            Err(error) => return Err(error),
        }
        if self.streams() {
            self.source = Source::Stream(None);
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Vec<KeyValue>>, Status> {
        if self.request.limit > 0 && self.seen >= self.request.limit {
            self.source = Source::Finished;
        }
        let mut request = self.range_request();
        match &mut self.source {
            Source::Finished => Ok(None),
            Source::Stream(opened) => {
                let stream = match opened {
                    Some(stream) => stream,
                    // Without a deadline: a long walk is no stuck one, keep-alives watch the connection.
                    None => opened.insert(Box::new(
                        self.client.kv.range_stream(request).await?.into_inner(),
                    )),
                };
                let chunk = stream.message().await?;
                Ok(chunk.map(|chunk| chunk.range_response.unwrap_or_default().kvs))
            }
            Source::Pages(keys) => {
                let page = *keys as i64;
                request.limit = match request.limit {
                    0 => page,
                    left => left.min(page),
                };
                let request = self.client.request(request);
                let answer = self.client.kv.range(request).await?.into_inner();
                let bytes = answer
                    .kvs
                    .iter()
                    .map(|kv| kv.key.len() + kv.value.len())
                    .sum();
                *keys = next_page_keys(*keys, bytes, self.request.page_keys);
                if !answer.more {
                    self.source = Source::Finished;
                }
                Ok(Some(answer.kvs))
            }
        }
    }

    /// The rest of the walk as one request.
    fn range_request(&self) -> RangeRequest {
        RangeRequest {
            key: self.next_key.clone(),
            range_end: self.request.range.end.clone(),
            revision: self.request.revision,
            keys_only: self.request.keys_only,
            limit: self.request.limit.saturating_sub(self.seen) as i64,
            ..Default::default()
        }
    }
}

/// Another server, or the same one a little later, may answer.
fn is_passing(status: &Status) -> bool {
    status.code() == Code::Unavailable || broken_connection(status)
}

async fn current_revision(client: &mut Client, key: &Bytes) -> Result<i64> {
    let request = client.request(RangeRequest {
        key: key.clone(),
        count_only: true,
        ..Default::default()
    });
    let answer = client.kv.range(request).await?.into_inner();
    Ok(answer.header.unwrap_or_default().revision)
}

fn next_page_keys(keys: usize, bytes: usize, max: usize) -> usize {
    const GROWTH_MAX: usize = 8;
    let fitting = keys.saturating_mul(PAGE_TARGET_BYTES) / bytes.max(1);
    fitting.clamp(1, keys * GROWTH_MAX).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_no_key_can_begin_with_it() {
        for (prefix, end) in [
            (&b"a"[..], &b"b"[..]),
            (b"a/", b"a0"),
            (b"a\xff", b"b"),
            (b"\xff\xff", b"\0"),
            (b"", b"\0"),
        ] {
            assert_eq!(&KeyRange::prefix(prefix).end[..], end, "{prefix:?}");
        }
        assert_eq!(&KeyRange::prefix(b"").start[..], b"\0");
    }

    #[test]
    fn pages_grow_and_shrink_towards_the_target() {
        assert_eq!(next_page_keys(16, 16 * 100, 10_000), 128);
        assert_eq!(next_page_keys(128, 128 * 100, 500), 500);
        assert_eq!(next_page_keys(16, 4 * PAGE_TARGET_BYTES, 500), 4);
        assert_eq!(next_page_keys(1, 64 * PAGE_TARGET_BYTES, 500), 1);
        assert_eq!(next_page_keys(16, 0, 500), 128);
    }
}
