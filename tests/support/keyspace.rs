//! What a server holds: its revision, its keys, its history.

use super::client::Client;
use super::history::mod_revision;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::{Event, KeyValue};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tonic::Streaming;

/// How long a server may take to hand out its history.
const PATIENCE: Duration = Duration::from_secs(60);

/// The revision a linearizable read is answered at.
pub async fn revision(client: &Client) -> i64 {
    let request = RangeRequest {
        key: "key".into(),
        ..RangeRequest::default()
    };
    let answer = client.clone().kv.range(request).await.expect("reads");
    answer.into_inner().header.expect("a header").revision
}

/// All keys at a revision.
pub async fn everything(client: &Client, revision: i64) -> Vec<KeyValue> {
    let request = RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        revision,
        ..RangeRequest::default()
    };
    let answer = client.clone().kv.range(request).await.expect("reads");
    answer.into_inner().kvs
}

/// All events from `start` to `revision`, read by a new watcher.
pub async fn history(client: &Client, start: i64, revision: i64) -> Vec<Event> {
    let mut events = Vec::new();
    if start > revision {
        return events;
    }
    let create = WatchCreateRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        start_revision: start,
        prev_kv: true,
        ..WatchCreateRequest::default()
    };
    let (_requests, mut answers) = watch(client, create).await;
    while events.last().map_or(0, mod_revision) < revision {
        let answer = tokio::time::timeout(PATIENCE, answers.message()).await;
        let answer = answer.unwrap_or_else(|_| panic!("no events from {start} to {revision}"));
        let answer = answer.expect("watches").expect("watches");
        assert!(!answer.canceled, "{answer:?}");
        events.extend(answer.events);
    }
    // Others may write meanwhile.
    events.retain(|event| mod_revision(event) <= revision);
    events
}

/// Opens a stream with one watch; it ends when the sender is dropped.
pub async fn watch(
    client: &Client,
    create: WatchCreateRequest,
) -> (Sender<WatchRequest>, Streaming<WatchResponse>) {
    let request = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(create)),
    };
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    requests.send(request).await.expect("the receiver is here");
    let receiver = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let answers = client.watch.clone().watch(receiver).await;
    (requests, answers.expect("watches").into_inner())
}
