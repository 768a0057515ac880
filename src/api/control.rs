//! `kvtool.control.v1`: which instances a server's store has, and what each is allowed.
//!
//! On listeners of its own, for whoever reaches them may do all of it.

use super::tenancy::Tenancy;
use crate::error::{Error, Result};
use crate::mvcc::instances::{self, Entry};
use crate::mvcc::{Allowance, Instance};
use crate::pb::kvtool::control::v1::instances_server::{self, InstancesServer};
use crate::pb::kvtool::control::v1::{
    self, AllowRequest, CreateRequest, DeleteRequest, DeleteResponse, ListRequest, ListResponse,
};
use std::collections::HashMap;
use std::sync::Arc;
use tonic::service::Routes;
use tonic::{Request, Response, Status, async_trait};

/// The service, of a server that works in an instance itself and opens others by a tenancy.
pub fn routes(own: &Instance, tenancy: &Arc<dyn Tenancy>) -> Routes {
    Routes::new(InstancesServer::new(Control {
        own: own.clone(),
        tenancy: tenancy.clone(),
    }))
}

struct Control {
    own: Instance,
    tenancy: Arc<dyn Tenancy>,
}

impl Control {
    /// Those that are open here, by name.
    async fn open(&self) -> HashMap<String, Instance> {
        let mut open = self.tenancy.open_instances().await;
        open.push(self.own.clone());
        let named = |instance: Instance| (instance.name().to_owned(), instance);
        open.into_iter().map(named).collect()
    }

    async fn told(&self, entry: Entry) -> v1::Instance {
        self.told_beside(entry, &self.open().await)
    }

    fn told_beside(&self, entry: Entry, open: &HashMap<String, Instance>) -> v1::Instance {
        let open = open.get(&entry.name);
        let now = |open: &Instance| open.state().revision;
        let allowance = entry.allowance;
        let allowance = allowance.unwrap_or_else(|| self.default_of(&entry.name));
        v1::Instance {
            allowance: Some(v1::Allowance {
                size_bytes: allowance.size_bytes,
                requests_per_second: allowance.requests_per_second,
                write_bytes_per_second: allowance.write_bytes_per_second,
            }),
            revision: open.map(now).or(entry.revision),
            size_bytes: open.and_then(Instance::size_estimate).or(entry.size_bytes),
            keys: open.and_then(Instance::keys).map(|keys| keys as u64),
            open: open.is_some(),
            name: entry.name,
        }
    }

    /// What the instance of a name is allowed while nobody has said so.
    fn default_of(&self, name: &str) -> Allowance {
        match name == self.own.name() {
            true => Allowance::default(),
            false => self.tenancy.allowance(),
        }
    }
}

/// What was allowed, with what a request changes.
fn changed(before: Allowance, request: Option<v1::Allowance>) -> Allowance {
    let request = request.unwrap_or_default();
    let bound = |before: Option<u64>, asked: Option<u64>| match asked {
        None => before,
        Some(bound) => Some(bound).filter(|bound| *bound > 0),
    };
    Allowance {
        size_bytes: bound(before.size_bytes, request.size_bytes),
        requests_per_second: bound(before.requests_per_second, request.requests_per_second),
        write_bytes_per_second: bound(
            before.write_bytes_per_second,
            request.write_bytes_per_second,
        ),
    }
}

#[async_trait]
impl instances_server::Instances for Control {
    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let entries = instances::list(self.own.store()).await?;
        let open = self.open().await;
        let told = |entry| self.told_beside(entry, &open);
        let instances = entries.into_iter().map(told);
        Ok(Response::new(ListResponse {
            instances: instances.collect(),
        }))
    }

    async fn create(
        &self,
        request: Request<CreateRequest>,
    ) -> Result<Response<v1::Instance>, Status> {
        let CreateRequest { name, allowance } = request.into_inner();
        let allowance = changed(self.default_of(&name), allowance);
        let entry = instances::create(self.own.store(), &name, allowance).await?;
        Ok(Response::new(self.told(entry).await))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let DeleteRequest { name } = request.into_inner();
        if name == self.own.name() {
            return Err(Error::InstanceInUse.into());
        }
        // Its writes end first, else they would end in the middle.
        self.tenancy.release(&name).await;
        instances::delete(self.own.store(), &name).await?;
        // Somebody may have come back meanwhile.
        self.tenancy.release(&name).await;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn allow(
        &self,
        request: Request<AllowRequest>,
    ) -> Result<Response<v1::Instance>, Status> {
        let AllowRequest { name, allowance } = request.into_inner();
        let default = self.default_of(&name);
        let change = |before: Option<Allowance>| changed(before.unwrap_or(default), allowance);
        let entry = instances::allow(self.own.store(), &name, change).await?;
        Ok(Response::new(self.told(entry).await))
    }
}
