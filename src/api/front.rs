//! What is checked or put right for every gRPC call alike, in front of the services.

use super::calls::{self, Answered, Call, Calls, Received};
use super::http2::Inflow;
use super::services::Services;
use super::tenancy::{Origin, Tenancy};
use super::transport::Answers;
use super::unary::{self, Answer as UnaryAnswer, Method};
use crate::error::Error;
use crate::mvcc::Instance;
use crate::store::Leadership;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, Join, Map, Ready, join, ready};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderMap, HeaderName, Request, Response};
use tonic::{Code, Status};

/// Set by a client that says which API it was built for.
static CLIENT_API_VERSION: HeaderName = HeaderName::from_static("client-api-version");
/// Set to `true` by a client that would rather fail than hang on a server without a leader.
static REQUIRE_LEADER: HeaderName = HeaderName::from_static("hasleader");
/// The calls that a learner serves; of ranges those that may be stale, which `etcd/kv.rs` tells by
/// their messages.
const SERVED_BY_LEARNERS: [&str; 2] =
    ["/etcdserverpb.KV/Range", "/etcdserverpb.Maintenance/Status"];

type Answer<B = Body> = Result<Response<B>, Infallible>;
/// An answer of the services on its way, and the call it ends.
type Served<F> = Map<Join<F, Ready<Option<Call>>>, fn((Answer, Option<Call>)) -> Answer<Answered>>;
/// An answer on its way.
type Answering =
    Either<Ready<Answer<Answered>>, Served<<Services as Service<Request<Received>>>::Future>>;

/// Makes the services of an instance.
pub type Maker = Box<dyn Fn(&Instance) -> Services + Send + Sync>;

/// The services of each connection's instance, with etcd's checks of call metadata before and its
/// transport errors behind them.
#[derive(Clone)]
pub struct Front {
    shared: Arc<Shared>,
    /// Whose services this connection was given last.
    last: Option<Arc<Tenant>>,
}

struct Shared {
    tenancy: Arc<dyn Tenancy>,
    calls: Arc<Calls>,
    maker: Maker,
    /// The services made so far, by the openings of their instances.
    tenants: RwLock<HashMap<u128, Arc<Tenant>>>,
}

/// An instance and its services.
struct Tenant {
    services: Services,
    instance: Instance,
}

impl Front {
    /// Chooses by `tenancy` whose services a call goes to, and counts it.
    pub fn new(tenancy: Arc<dyn Tenancy>, calls: Arc<Calls>, maker: Maker) -> Self {
        let shared = Shared {
            tenancy,
            calls,
            maker,
            tenants: RwLock::default(),
        };
        Self {
            shared: Arc::new(shared),
            last: None,
        }
    }

    /// The instance that a connection works in.
    pub async fn instance(&self, origin: &Origin) -> Result<Instance, Error> {
        match self.shared.tenancy.instance(origin)? {
            Some(instance) => Ok(instance),
            None => self.shared.tenancy.enter(origin).await,
        }
    }

    /// The instance of a connection and its services.
    fn tenant(&mut self, instance: Instance) -> Arc<Tenant> {
        let opening = instance.opening();
        match &self.last {
            Some(last) if last.instance.opening() == opening => last.clone(),
            _ => self.last.insert(self.shared.tenant(instance)).clone(),
        }
    }

    /// Whether a connection works in an instance, which is that of the last call then.
    fn is_seated(&mut self, origin: &Origin) -> bool {
        let tenancy = &self.shared.tenancy;
        if let Some(last) = &self.last
            && tenancy.stays(origin, &last.instance)
        {
            return true;
        }
        let Ok(Some(instance)) = tenancy.instance(origin) else {
            return false;
        };
        self.tenant(instance);
        true
    }

    /// Gives a call to the services of an instance, if it may be made there.
    fn answer(&mut self, instance: Result<Instance, Error>, request: Request<Body>) -> Answering {
        let path = request.uri().path();
        let origin = request.extensions().get::<Arc<Origin>>();
        let client = origin.and_then(|origin| origin.peer);
        let call = self.shared.calls.begin(path, client);
        let checked = instance.and_then(|instance| {
            let tenant = self.tenant(instance);
            // A call that is not counted is HTTP, or nothing we know.
            tenant.check(call.is_some(), path, request.headers())?;
            Ok(tenant)
        });
        match checked {
            Err(error) => {
                let refusal = Status::from(error).into_http();
                Either::Left(ready(Ok(calls::answered(refusal, call))))
            }
            Ok(tenant) => {
                let mut services = tenant.services.clone();
                let answering = services.call(calls::received(request, call.as_ref()));
                Either::Right(join(answering, ready(call)).map(end))
            }
        }
    }
}

impl Shared {
    /// An instance and its services.
    fn tenant(&self, instance: Instance) -> Arc<Tenant> {
        let opening = instance.opening();
        if let Some(tenant) = self.tenants.read().get(&opening) {
            return tenant.clone();
        }
        let services = (self.maker)(&instance);
        let made = Arc::new(Tenant { services, instance });
        let mut tenants = self.tenants.write();
        tenants.retain(|_, tenant| !tenant.instance.is_closed());
        tenants.entry(opening).or_insert(made).clone()
    }
}

impl Tenant {
    /// Refuses a call that may not be made there.
    fn check(&self, is_grpc: bool, path: &str, metadata: &HeaderMap) -> Result<(), Error> {
        check_learner(path, is_grpc && self.instance.is_learner())?;
        check_metadata(metadata, || *self.instance.leadership().borrow())
    }
}

impl Answers for Front {
    type Body = Answered;

    fn short(
        &mut self,
        request: Request<Inflow>,
        origin: &Arc<Origin>,
    ) -> Either<impl Future<Output = Response<UnaryAnswer>> + Send + 'static + use<>, Request<Inflow>>
    {
        // Whatever else there may be is for who can wait, or tell of it.
        if !self.is_seated(origin) {
            return Either::Right(request);
        }
        let last = self.last.as_ref();
        let keys = last.and_then(|last| Some((last, last.services.keys()?)));
        let (Some(method), Some((tenant, keys))) = (Method::of(&request), keys) else {
            return Either::Right(request);
        };
        let path = request.uri().path();
        let call = self.shared.calls.begin(path, origin.peer);
        Either::Left(match tenant.check(true, path, request.headers()) {
            Err(error) => Either::Left(ready(unary::refusal(error.into(), call))),
            Ok(()) => Either::Right(keys.answer(method, request, origin.clone(), call)),
        })
    }
}

/// Refuses a gRPC call that a learner does not serve.
fn check_learner(path: &str, is_learner: bool) -> Result<(), Error> {
    match is_learner && !SERVED_BY_LEARNERS.contains(&path) {
        true => Err(Error::NotSupportedForLearner),
        false => Ok(()),
    }
}

fn check_metadata(
    metadata: &HeaderMap,
    leadership: impl FnOnce() -> Leadership,
) -> Result<(), Error> {
    let invalid = |version: &[u8]| std::str::from_utf8(version).is_err();
    if metadata
        .get(&CLIENT_API_VERSION)
        .is_some_and(|version| invalid(version.as_bytes()))
    {
        return Err(Error::InvalidClientApiVersion);
    }
    if metadata
        .get(&REQUIRE_LEADER)
        .is_some_and(|value| value == "true")
    {
        let leadership = leadership();
        if !leadership.is_leader && leadership.leader.is_none() {
            return Err(Error::NoLeader);
        }
    }
    Ok(())
}

impl Service<Request<Body>> for Front {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Either<Answering, BoxFuture<'static, Answer<Answered>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // So are routes always.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Every connection of ours says where it comes from.
        let origin = request.extensions().get::<Arc<Origin>>();
        let known = origin.ok_or(Error::Stopped).and_then(|origin| {
            let instance = self.shared.tenancy.instance(origin)?;
            Ok((instance, origin.clone()))
        });
        let (mut front, origin) = match known {
            Ok((Some(instance), _)) => return Either::Left(self.answer(Ok(instance), request)),
            Err(error) => return Either::Left(self.answer(Err(error), request)),
            Ok((None, origin)) => (self.clone(), origin),
        };
        let entering = async move {
            let instance = front.shared.tenancy.enter(&origin).await;
            front.answer(instance, request).await
        };
        Either::Right(entering.boxed())
    }
}

fn end((answer, call): (Answer, Option<Call>)) -> Answer<Answered> {
    answer.map(|answer| calls::answered(mend(answer), call))
}

/// Rewrites the status of an answer that failed before it had a body.
fn mend(answer: Response<Body>) -> Response<Body> {
    let code = answer.headers().get(Status::GRPC_STATUS);
    // Only these two come from tonic with words of its own; see `in_etcd_words`.
    let candidates = [Code::OutOfRange, Code::Unimplemented];
    if !code.is_some_and(|code| candidates.contains(&Code::from_bytes(code.as_bytes()))) {
        return answer;
    }
    match Status::from_header_map(answer.headers()) {
        Some(status) => in_etcd_words(status).into_http(),
        None => answer,
    }
}

/// A status that tonic made, as a server of etcd's makes it: its clients match on code and text.
pub(super) fn in_etcd_words(status: Status) -> Status {
    match status.code() {
        Code::OutOfRange => match oversize(status.message()) {
            Some((found, limit)) => Status::resource_exhausted(format!(
                "grpc: received message larger than max ({found} vs. {limit})"
            )),
            None => status,
        },
        Code::Unimplemented if status.message().is_empty() => {
            Status::unimplemented("this server does not offer the method")
        }
        _ => status,
    }
}

/// The size found and the limit, out of tonic's sentence on a message that is too large.
fn oversize(message: &str) -> Option<(&str, &str)> {
    message
        .strip_prefix("Error, decoded message length too large: found ")?
        .strip_suffix(" bytes")?
        .split_once(" bytes, the limit is: ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tonic::codegen::http::HeaderValue;

    const LEADER: Leadership = Leadership {
        is_leader: true,
        leader: None,
        term: 1,
        until: None,
    };
    const NO_LEADER: Leadership = Leadership {
        is_leader: false,
        ..LEADER
    };

    fn metadata(name: &HeaderName, value: &[u8]) -> HeaderMap {
        let value = HeaderValue::from_bytes(value);
        value
            .map(|value| (name.clone(), value))
            .into_iter()
            .collect()
    }

    #[test]
    fn a_client_version_must_be_text() {
        let check = |metadata| check_metadata(&metadata, || LEADER);
        assert_eq!(check(HeaderMap::new()), Ok(()));
        assert_eq!(check(metadata(&CLIENT_API_VERSION, b"3.7")), Ok(()));
        assert_eq!(
            check(metadata(&CLIENT_API_VERSION, b"\xff\xfe")),
            Err(Error::InvalidClientApiVersion)
        );
    }

    #[test]
    fn a_leader_is_required_only_of_who_asks() {
        let lost = |metadata| check_metadata(&metadata, || NO_LEADER);
        assert_eq!(lost(HeaderMap::new()), Ok(()));
        assert_eq!(lost(metadata(&REQUIRE_LEADER, b"false")), Ok(()));
        let asked = metadata(&REQUIRE_LEADER, b"true");
        assert_eq!(lost(asked.clone()), Err(Error::NoLeader));
        assert_eq!(check_metadata(&asked, || LEADER), Ok(()));
        let follower = Leadership {
            leader: Some(2),
            ..NO_LEADER
        };
        assert_eq!(check_metadata(&asked, || follower), Ok(()));
    }

    #[test]
    fn a_learner_serves_its_status_and_reads() {
        for path in SERVED_BY_LEARNERS {
            let calls = Arc::new(Calls::new(Duration::MAX));
            assert!(calls.begin(path, None).is_some(), "{path}");
            assert_eq!(check_learner(path, true), Ok(()));
        }
        let put = "/etcdserverpb.KV/Put";
        assert_eq!(check_learner(put, true), Err(Error::NotSupportedForLearner));
        assert_eq!(check_learner(put, false), Ok(()));
    }

    #[test]
    fn an_out_of_range_of_ours_keeps_its_words() {
        let status = in_etcd_words(Error::Compacted.into());
        assert_eq!(status.code(), Code::OutOfRange);
        assert_eq!(status.message(), Error::Compacted.to_string());
    }
}
