//! What other members send.

use super::{FRAME_BYTES_MAX, Route, Traffic, state, wire};
use crate::api::peer::Taking;
use crate::pb::kvtool::raft::v1::{
    Chunk, DescribeRequest, Description, End, Frame, HashAnswer, HashRequest, Wanted, raft_server,
};
use crate::store::raft::Raft;
use crate::store::raft::eraftpb::Message;
use futures_util::stream;
use protobuf::Message as _;
use raft_server::RaftServer;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// The service for the other members of a group.
pub(super) fn service(raft: &Raft, taking: &Taking, traffic: &Arc<Traffic>) -> RaftServer<Service> {
    RaftServer::new(Service(raft.clone(), taking.clone(), traffic.clone()))
        .max_decoding_message_size(FRAME_BYTES_MAX)
}

/// `kvtool.raft.v1.Raft`.
pub(super) struct Service(Raft, Taking, Arc<Traffic>);

impl Service {
    /// Whose messages these are, if they may come; what is refused here is refused for good.
    fn admit<T>(&self, request: &Request<T>) -> Result<Route, Status> {
        let route = Route::read(request.metadata());
        let route = route.ok_or_else(|| Status::invalid_argument("the stream has no sender"))?;
        let members = self.0.members();
        let members = members.borrow();
        let Route {
            cluster_id,
            from,
            to,
        } = route;
        let refusal = if cluster_id != members.cluster_id {
            let own = members.cluster_id;
            format!("this member is of the cluster {own:x}, and {cluster_id:x} was meant")
        } else if to != self.0.id() {
            format!("this is the member {:x}, and {to:x} was meant", self.0.id())
        } else if members.was_removed(from) {
            // By this code it knows, and ends.
            let refusal = format!("the member {from:x} was removed from the cluster");
            return Err(Status::permission_denied(refusal));
        } else {
            return Ok(route);
        };
        tracing::warn!(from = format!("{from:x}"), "refused a member: {refusal}");
        Err(Status::failed_precondition(refusal))
    }
}

#[async_trait]
impl raft_server::Raft for Service {
    type CarryStream = BoxStream<End>;

    async fn carry(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::CarryStream>, Status> {
        let route = self.admit(&request)?;
        let traffic = self.2.clone();
        let taking = take(self.0.clone(), route, traffic, request.into_inner());
        // The answer is the end alone, and taking ends with the connection.
        Ok(Response::new(Box::pin(stream::once(taking))))
    }

    type InstallStream = BoxStream<Wanted>;

    async fn install(
        &self,
        request: Request<Streaming<Chunk>>,
    ) -> Result<Response<Self::InstallStream>, Status> {
        let route = self.admit(&request)?;
        let (wanted, answers) = mpsc::channel(1);
        tokio::spawn(state::take(
            self.0.clone(),
            route,
            request.into_inner(),
            wanted,
        ));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn hash(&self, request: Request<HashRequest>) -> Result<Response<HashAnswer>, Status> {
        self.admit(&request)?;
        let instance = self.1.own();
        let instance = instance.ok_or_else(|| Status::unavailable("the keyspace is not open"))?;
        let told = instance.tell(request.into_inner().revision).await?;
        Ok(Response::new(HashAnswer {
            hash: told.hash,
            compacted: told.compacted,
        }))
    }

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<Description>, Status> {
        let members = self.0.members();
        let description = wire::description(&members.borrow());
        Ok(Response::new(description))
    }
}

/// Takes messages until the stream ends, by its sender or for what it sends.
async fn take(
    raft: Raft,
    route: Route,
    traffic: Arc<Traffic>,
    mut frames: Streaming<Frame>,
) -> Result<End, Status> {
    let exchange = traffic.with(route.from);
    let ended = loop {
        match frames.message().await {
            Ok(Some(frame)) => {
                for message in frame.messages {
                    exchange.received_bytes.add(message.len() as u64);
                    match message_of(route, &message) {
                        Some(message) => raft.receive(message),
                        None => return Err(senseless(route)),
                    }
                }
            }
            Ok(None) => break Ok(End {}),
            Err(status) => break Err(status),
        }
    };
    if let Err(status) = &ended {
        let from = format!("{:x}", route.from);
        tracing::debug!(
            from,
            error = status.message(),
            "the stream of a member ended"
        );
    }
    ended
}

/// A message that its sender may send.
fn message_of(route: Route, bytes: &[u8]) -> Option<Message> {
    let message = Message::parse_from_bytes(bytes).ok()?;
    (message.from == route.from && message.to == route.to).then_some(message)
}

fn senseless(route: Route) -> Status {
    let from = format!("{:x}", route.from);
    tracing::warn!(
        from,
        "a member sent what is no message, its stream is ended"
    );
    Status::invalid_argument("what was sent is no message of the protocol")
}
