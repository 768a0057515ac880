//! stub
#![allow(missing_docs, unused)]
use crate::error::{Error, Result};
use crate::mvcc::keyspace::{Layout, State};
use crate::pb::etcdserverpb::*;
use crate::store::*;
use futures_util::Stream;
use std::sync::Arc;
use std::time::Duration;
#[derive(Debug, Clone)]
pub struct Commit {
    pub revision: i64,
    pub events: Vec<crate::pb::mvccpb::Event>,
}
pub struct Hub(parking_lot::Mutex<State>);
impl Hub {
    pub fn new(state: State) -> Self {
        Self(parking_lot::Mutex::new(state))
    }
    pub fn state(&self) -> State {
        *self.0.lock()
    }
    pub fn publish(&self, state: State, commits: Vec<Commit>) {
        *self.0.lock() = state;
    }
    pub fn close(&self) {}
}
pub struct WatchContext {
    pub hub: Arc<Hub>,
    pub store: Store,
    pub layout: Layout,
    pub cluster_id: u64,
    pub member_id: u64,
    pub leadership: tokio::sync::watch::Receiver<Leadership>,
    pub progress_interval: Duration,
    pub max_response_bytes: usize,
}
pub fn serve(
    c: WatchContext,
    requests: impl Stream<Item = WatchRequest> + Send + 'static,
) -> impl Stream<Item = Result<WatchResponse>> + Send + 'static {
    futures_util::stream::empty()
}
