//! Gets, lists and pages.

use super::{Picker, Seat, Session};
use crate::{
    cli::bench::{plan::Workload, unary::Kv, wire::Transport},
    pb::etcdserverpb::{RangeRequest, RangeResponse, kv_client::KvClient},
};
use tonic::Status;

/// Reads some key.
pub struct GetSession {
    kv: Kv,
    picker: Picker,
    serializable: bool,
}

impl GetSession {
    /// A client that gets.
    pub fn new(seat: Seat, serializable: bool) -> Self {
        Self {
            kv: seat.client.kv,
            picker: seat.picker,
            serializable,
        }
    }
}

impl Session for GetSession {
    async fn send(&mut self, index: u64) -> Result<usize, Status> {
        let request = RangeRequest {
            key: self.picker.key(index),
            serializable: self.serializable,
            ..RangeRequest::default()
        };
        let answer = self.kv.range(&request).await?;
        if answer.kvs.is_empty() {
            return Err(Status::not_found(
                "the key is missing: is someone deleting?",
            ));
        }
        Ok(0)
    }
}

/// Lists every key with the prefix.
pub struct RangeSession {
    kv: Kv,
    lists: KvClient<Transport>,
    request: RangeRequest,
    stream: bool,
}

impl RangeSession {
    /// A client that lists as a `range` workload says.
    pub fn new(seat: Seat, workload: &Workload) -> Self {
        let keys = seat.picker.keys();
        let mut session = Self {
            request: RangeRequest {
                key: keys.prefix(),
                range_end: keys.prefix_end(),
                ..RangeRequest::default()
            },
            kv: seat.client.kv,
            lists: seat.client.lists,
            stream: false,
        };
        if let &Workload::Range {
            serializable,
            keys_only,
            count_only,
            stream,
        } = workload
        {
            session.request.serializable = serializable;
            session.request.keys_only = keys_only;
            session.request.count_only = count_only;
            session.stream = stream;
        }
        session
    }
}

impl Session for RangeSession {
    async fn send(&mut self, _index: u64) -> Result<usize, Status> {
        if self.stream {
            let request = self.request.clone();
            let mut pieces = self.lists.range_stream(request).await?.into_inner();
            while pieces.message().await?.is_some() {}
        } else {
            self.kv.range(&self.request).await?;
        }
        Ok(0)
    }
}

/// Reads pages.
pub struct PageSession {
    kv: Kv,
    first: RangeRequest,
    next: RangeRequest,
    walk: bool,
}

impl PageSession {
    /// A client that reads the first page of `limit` keys again and again, or, with `walk`,
    /// page after page at the revision of the first, as Kubernetes does.
    pub fn new(seat: Seat, limit: u64, walk: bool) -> Self {
        let keys = seat.picker.keys();
        let first = RangeRequest {
            key: keys.prefix(),
            range_end: keys.prefix_end(),
            limit: limit.try_into().unwrap_or(i64::MAX),
            ..RangeRequest::default()
        };
        Self {
            kv: seat.client.kv,
            next: first.clone(),
            first,
            walk,
        }
    }

    fn turn(&mut self, answer: &RangeResponse) {
        match answer.kvs.last() {
            Some(last) if answer.more => {
                let mut key = last.key.to_vec();
                key.push(0);
                self.next.key = key.into();
                if self.next.revision == 0 {
                    self.next.revision = answer.header.as_ref().map_or(0, |it| it.revision);
                }
            }
            _ => self.next = self.first.clone(),
        }
    }
}

impl Session for PageSession {
    async fn send(&mut self, _index: u64) -> Result<usize, Status> {
        let answer = match self.kv.range(&self.next).await {
            Ok(answer) => answer,
            Err(status) => {
                // The revision may be gone: the walk starts again.
                self.next = self.first.clone();
                return Err(status);
            }
        };
        if self.walk {
            self.turn(&answer);
        }
        Ok(0)
    }
}
