//! Puts.

use super::{Picker, Seat, Session};
use crate::{
    cli::{bench::keys::Values, client::Transport},
    pb::etcdserverpb::{PutRequest, kv_client::KvClient},
};
use std::sync::Arc;
use tonic::Status;

/// Puts some value under some key.
pub struct PutSession {
    kv: KvClient<Transport>,
    picker: Picker,
    values: Arc<Values>,
}

impl PutSession {
    /// A client that puts.
    pub fn new(seat: Seat) -> Self {
        Self {
            kv: seat.client.kv,
            picker: seat.picker,
            values: seat.values,
        }
    }
}

impl Session for PutSession {
    async fn send(&mut self, index: u64) -> Result<usize, Status> {
        let request = PutRequest {
            key: self.picker.key(index),
            value: self.values.pick(self.picker.rng()),
            ..PutRequest::default()
        };
        self.kv.put(request).await?;
        Ok(0)
    }
}
