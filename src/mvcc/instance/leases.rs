//! Leases, as clients see them.

use super::{Instance, mismatched};
use crate::error::Result;
use crate::mvcc::auth::Need;
use crate::mvcc::keyspace::LeaseRecord;
use crate::mvcc::request::{Request, Response};
use crate::mvcc::{clock, lease, scratch};
use crate::pb::etcdserverpb::*;

impl Instance {
    /// Makes a lease.
    pub async fn lease_grant(&self, request: LeaseGrantRequest) -> Result<LeaseGrantResponse> {
        match self.submit(Request::LeaseGrant(request)).await? {
            Response::LeaseGrant(mut response) => {
                response.header = Some(self.header());
                Ok(response)
            }
            other => mismatched(&other),
        }
    }

    /// Ends a lease and deletes its keys.
    pub async fn lease_revoke(&self, request: LeaseRevokeRequest) -> Result<LeaseRevokeResponse> {
        match self.submit(Request::LeaseRevoke(request.id)).await? {
            Response::LeaseRevoke(revision) => Ok(LeaseRevokeResponse {
                header: Some(self.header_at(revision)),
            }),
            other => mismatched(&other),
        }
    }

    /// Extends a lease; a lease that is gone answers TTL 0.
    pub async fn lease_keep_alive(
        &self,
        request: LeaseKeepAliveRequest,
    ) -> Result<LeaseKeepAliveResponse> {
        // etcd takes the header before it renews.
        let header = self.header();
        match self.submit(Request::LeaseKeepAlive(request)).await? {
            Response::LeaseKeepAlive(mut response) => {
                response.header = Some(header);
                Ok(response)
            }
            other => mismatched(&other),
        }
    }

    /// What is left of a lease.
    pub async fn lease_time_to_live(
        &self,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse> {
        let (view, state) = self.view(false).await?;
        let layout = &self.inner.layout;
        let rules = self.rules_at(&view, &state).await?;
        if let Some(rules) = &rules {
            rules.check_known(&self.caller)?;
        }
        let mut response = LeaseTimeToLiveResponse {
            header: Some(self.header_at(state.revision)),
            id: request.id,
            ttl: -1,
            ..Default::default()
        };
        if let Some(record) = view.get(&layout.lease(request.id)).await? {
            let lease = LeaseRecord::decode(record)?;
            response.ttl = (lease.deadline_ms - clock::now_ms()) / 1000;
            response.granted_ttl = lease.ttl_seconds;
            if request.keys {
                response.keys = scratch::attached_keys(&view, layout, request.id).await?;
                if let Some(rules) = &rules {
                    rules.check_keys(&self.caller, Need::Read, &response.keys)?;
                }
            }
        }
        Ok(response)
    }

    /// All leases, the next to expire first.
    pub async fn lease_leases(&self, _: LeaseLeasesRequest) -> Result<LeaseLeasesResponse> {
        let (view, state) = self.view(false).await?;
        let layout = &self.inner.layout;
        let mut leases = lease::all(&view, layout).await?;
        if let Some(rules) = self.rules_at(&view, &state).await? {
            rules.check_known(&self.caller)?;
            if rules.check_admin(&self.caller).is_err() {
                for (id, _) in &leases {
                    let keys = scratch::attached_keys(&view, layout, *id).await?;
                    rules.check_keys(&self.caller, Need::Read, &keys)?;
                }
            }
        }
        leases.sort_by_key(|(_, lease)| lease.deadline_ms);
        Ok(LeaseLeasesResponse {
            header: Some(self.header_at(state.revision)),
            leases: leases
                .into_iter()
                .map(|(id, _)| LeaseStatus { id })
                .collect(),
        })
    }
}
