//! The etcd v3 services over an [`Instance`]. They translate only: what a request means, and the
//! header of its answer, come from `mvcc`.

mod auth;
mod cluster;
mod door;
mod election;
pub mod gateway;
pub mod kv;
mod lease;
pub mod listed;
mod lock;
mod maintenance;
mod turn;
mod watch;

use super::server::Stopping;
use super::services::KeyService;
use super::version::EtcdVersion;
use crate::mvcc::{ANSWER_BYTES_MAX, Instance};
use crate::pb::etcdserverpb::{
    auth_server::AuthServer, cluster_server::ClusterServer, lease_server::LeaseServer,
    maintenance_server::MaintenanceServer,
};
use crate::pb::v3electionpb::election_server::ElectionServer;
use crate::pb::v3lockpb::lock_server::LockServer;
use door::Door;
use futures_util::{Stream, StreamExt, future, stream};
use tonic::Status;
use tonic::codegen::BoxStream;
use tonic::service::Routes;

/// What a request may be larger by than `--max-request-bytes` before the transport refuses it.
///
/// Between the two, the request is read and refused with etcd's own error.
pub const REQUEST_OVERHEAD_BYTES: usize = 512 * 1024;

/// Keys and values.
pub fn keys(instance: &Instance, max_request_bytes: usize) -> KeyService<kv::Kv> {
    let kv = kv::Kv::new(Door::new(instance.clone()));
    KeyService::new(kv, max_request_bytes.saturating_add(REQUEST_OVERHEAD_BYTES))
}

/// All other services.
pub fn routes(
    instance: &Instance,
    version: EtcdVersion,
    max_request_bytes: usize,
    stopping: &Stopping,
) -> Routes {
    let decode_bytes_max = max_request_bytes.saturating_add(REQUEST_OVERHEAD_BYTES);
    macro_rules! limited {
        ($server:ident, $service:expr) => {
            $server::new($service)
                .max_decoding_message_size(decode_bytes_max)
                .max_encoding_message_size(ANSWER_BYTES_MAX)
        };
    }
    let door = Door::new(instance.clone());
    let watch = watch::Watch::new(
        door.clone(),
        stopping.clone(),
        decode_bytes_max,
        ANSWER_BYTES_MAX,
    );
    Routes::new(watch)
        .add_service(limited!(
            LeaseServer,
            lease::Lease::new(door.clone(), stopping.clone())
        ))
        .add_service(limited!(
            LockServer,
            lock::Lock::new(door.clone(), stopping.clone())
        ))
        .add_service(limited!(
            ElectionServer,
            election::Election::new(door.clone(), stopping.clone())
        ))
        .add_service(limited!(ClusterServer, cluster::Cluster::new(door.clone())))
        .add_service(limited!(
            MaintenanceServer,
            maintenance::Maintenance::new(door.clone(), version)
        ))
        .add_service(limited!(AuthServer, auth::Auth::new(door)))
}

/// Passes `answers` on until `reason` completes; the stream then ends with that status.
fn until<T: Send + 'static>(
    answers: impl Stream<Item = Result<T, Status>> + Send + 'static,
    reason: impl Future<Output = Status> + Send + 'static,
) -> BoxStream<T> {
    let (said, why) = tokio::sync::oneshot::channel();
    let reason = async move {
        // The other end is this stream's own tail, so it is there to hear it.
        let _ = said.send(reason.await);
    };
    // An error when `answers` ended by itself: then there is nothing to add.
    let tail = stream::once(why).filter_map(|why| future::ready(why.ok().map(Err)));
    Box::pin(answers.take_until(reason).chain(tail))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_ends_with_the_reason_it_was_stopped_for() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (send, mut answers) = tokio::sync::mpsc::channel(1);
        let answers = stream::poll_fn(move |context| answers.poll_recv(context));
        let mut stream = until(answers, async {
            stopped.await.ok();
            Status::unavailable("stopped")
        });
        send.send(Ok(7)).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), 7);
        stop.send(()).unwrap();
        let status = stream.next().await.unwrap().unwrap_err();
        assert_eq!(status.message(), "stopped");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_ends_by_itself_ends_without_an_error() {
        let mut stream = until(stream::iter([Ok(7)]), future::pending());
        assert_eq!(stream.next().await.unwrap().unwrap(), 7);
        assert!(stream.next().await.is_none());
    }
}
