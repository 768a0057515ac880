//! Puts.

use super::{Picker, PutIf, Seat, Session, Writer, txn_put};
use crate::{
    cli::bench::{keys::Values, wire::Connection},
    pb::etcdserverpb::PutRequest,
};
use bytes::Bytes;
use std::sync::Arc;
use tonic::Status;

/// Puts some value under some key.
pub struct PutSession<W> {
    writer: W,
    picker: Picker,
    values: Arc<Values>,
}

impl<W: Writer> PutSession<W> {
    /// A client that puts.
    pub fn new(seat: Seat<W>) -> Self {
        Self {
            writer: seat.client,
            picker: seat.picker,
            values: seat.values,
        }
    }
}

impl<W: Writer> Session for PutSession<W> {
    async fn send(&mut self, index: u64) -> Result<usize, Status> {
        let key = self.picker.key(index);
        let value = self.values.pick(self.picker.rng());
        self.writer.put(key, value).await?;
        Ok(0)
    }
}

impl Writer for Connection {
    async fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), Status> {
        let request = PutRequest {
            key,
            value,
            ..PutRequest::default()
        };
        self.kv.put(request).await.map(drop)
    }

    async fn put_if(&mut self, key: Bytes, value: Bytes, revision: i64) -> Result<PutIf, Status> {
        let request = txn_put::put_if(key, value, revision);
        let answer = self.kv.txn(request).await?;
        Ok(PutIf {
            succeeded: answer.succeeded,
            revision: txn_put::revision_after(&answer),
        })
    }
}
