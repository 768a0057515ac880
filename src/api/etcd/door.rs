//! The way into an instance: for a caller, and with no more than he may do there.

use crate::api::tenancy::Origin;
use crate::api::unary::Asker;
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
pub struct Door {
    instance: Instance,
    /// The same for whoever comes while nobody is asked.
    unasked: Instance,
}

impl Door {
    /// To an instance.
    pub fn new(instance: Instance) -> Self {
        Self {
            unasked: instance.unasked(),
            instance,
        }
    }

    /// The instance for whoever makes a call.
    pub async fn open<T>(&self, request: &Request<T>) -> Result<Instance, Status> {
        self.open_for(&credentials(request.metadata(), request.extensions()))
            .await
    }

    /// The instance for everybody, while nobody is asked.
    pub fn unasked(&self) -> Option<&Instance> {
        (!self.instance.state().auth.enabled).then_some(&self.unasked)
    }

    /// The instance for whoever asks.
    pub async fn open_to(&self, asker: Asker) -> Result<Instance, Status> {
        self.open_for(&credentials_of(&asker.headers, Some(&asker.origin)))
            .await
    }

    /// The instance for who comes with these credentials.
    pub async fn open_for(&self, credentials: &Credentials) -> Result<Instance, Status> {
        Ok(self.instance.admit(credentials).await?)
    }

    /// Serves one watch stream of who comes with these credentials.
    pub fn watch(
        &self,
        credentials: Credentials,
        requests: impl Stream<Item = WatchRequest> + Send + 'static,
    ) -> impl Stream<Item = Result<WatchAnswer, Error>> + Send + 'static {
        self.instance.watch(Some(credentials), requests)
    }
}

/// What a call brings along. A token that is no text is one that says nothing.
pub fn credentials(metadata: &MetadataMap, extensions: &Extensions) -> Credentials {
    credentials_of(
        metadata.as_ref(),
        extensions.get().map(Arc::<Origin>::as_ref),
    )
}

/// The same, of a request that is no message yet.
pub fn credentials_of(headers: &HeaderMap, origin: Option<&Origin>) -> Credentials {
    let token = TOKEN.iter().find_map(|name| headers.get(name));
    let text = token.map(|token| token.to_str().unwrap_or_default());
    Credentials {
        token: text.map(|text| Arc::from(text.strip_prefix(BEARER).unwrap_or(text))),
        certified: origin.and_then(|origin| origin.certified.clone()),
    }
}
