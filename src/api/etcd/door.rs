//! The way into an instance: for a caller, and with no more than he may do there.

use crate::api::tenancy::Origin;
use crate::error::Error;
use crate::mvcc::auth::Credentials;
use crate::mvcc::{Instance, WatchAnswer};
use crate::pb::etcdserverpb::WatchRequest;
use futures_util::Stream;
use std::sync::Arc;
use tonic::codegen::http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Status};

/// Where clients of etcd put the token of a login: the first in gRPC, the second in HTTP.
static TOKEN: [HeaderName; 2] = [HeaderName::from_static("token"), AUTHORIZATION];
/// What stands before the token in HTTP.
const BEARER: &str = "Bearer ";

/// An instance whose callers are asked who they are.
#[derive(Clone)]
pub struct Door(Instance);

impl Door {
    /// To an instance.
    pub fn new(instance: Instance) -> Self {
        Self(instance)
    }

    /// The instance for whoever makes a call.
    pub async fn open<T>(&self, request: &Request<T>) -> Result<Instance, Status> {
        self.open_for(&credentials(request.metadata(), request.extensions()))
            .await
    }

    /// The instance for who comes with these credentials.
    pub async fn open_for(&self, credentials: &Credentials) -> Result<Instance, Status> {
        Ok(self.0.admit(credentials).await?)
    }

    /// Serves one watch stream of who comes with these credentials.
    pub fn watch(
        &self,
        credentials: Credentials,
        requests: impl Stream<Item = WatchRequest> + Send + 'static,
    ) -> impl Stream<Item = Result<WatchAnswer, Error>> + Send + 'static {
        self.0.watch(Some(credentials), requests)
    }
}

/// What a call brings along. A token that is no text is one that says nothing.
pub fn credentials(metadata: &MetadataMap, extensions: &Extensions) -> Credentials {
    let headers: &HeaderMap = metadata.as_ref();
    let token = TOKEN.iter().find_map(|name| headers.get(name));
    let text = token.map(|token| token.to_str().unwrap_or_default());
    Credentials {
        token: text.map(|text| Arc::from(text.strip_prefix(BEARER).unwrap_or(text))),
        certified: extensions
            .get::<Origin>()
            .and_then(|origin| origin.certified.clone()),
    }
}
