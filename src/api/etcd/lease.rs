//! `etcdserverpb.Lease`.

use super::door::{Door, credentials};
use super::until;
use crate::api::front::in_etcd_words;
use crate::api::server::Stopping;
use crate::error::Error;
use crate::pb::etcdserverpb::*;
use futures_util::StreamExt;
use std::sync::Arc;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// Leases.
pub struct Lease {
    door: Door,
    stopping: Stopping,
}

impl Lease {
    /// The service behind `door`; its streams end when the server stops.
    pub fn new(door: Door, stopping: Stopping) -> Self {
        Self { door, stopping }
    }
}

#[async_trait]
impl lease_server::Lease for Lease {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.lease_grant(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.lease_revoke(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    type LeaseKeepAliveStream = BoxStream<LeaseKeepAliveResponse>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let door = self.door.clone();
        let credentials = Arc::new(credentials(request.metadata(), request.extensions()));
        // One at a time: answers come in the order of their requests.
        let answers = request.into_inner().then(move |request| {
            let (door, credentials) = (door.clone(), credentials.clone());
            async move {
                let request = request.map_err(in_etcd_words)?;
                // A login may end before its streams.
                let instance = door.open_for(&credentials).await?;
                Ok(instance.lease_keep_alive(request).await?)
            }
        });
        let stopped = self.stopping.clone();
        let end = async move {
            stopped.wait().await;
            Error::Stopped.into()
        };
        Ok(Response::new(until(answers, end)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.lease_time_to_live(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn lease_leases(
        &self,
        request: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let instance = self.door.open(&request).await?;
        let answer = instance.lease_leases(request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
