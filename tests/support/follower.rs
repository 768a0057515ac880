//! Watchers that resume where they were, and what they saw.

use super::client::Client;
use super::history::{covers, mod_revision};
use bytes::Bytes;
use kvtool::pb::etcdserverpb::watch_request::RequestUnion;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::Event;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// A progress request that was dropped is sent again after this long.
const PROGRESS_AGAIN: Duration = Duration::from_millis(100);

/// How long watchers may take to catch up after a restart.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages after which a watcher that is kept busy asks for progress.
const PROGRESS_MESSAGES: u64 = 20;

type Stream = (mpsc::Sender<WatchRequest>, Streaming<WatchResponse>);

/// A watcher that resumes where it was when its server is back.
pub struct Follower {
    range: (Bytes, Bytes),
    /// The first revision it has not been promised.
    next: i64,
    /// Events nobody has checked.
    events: Vec<Event>,
    /// Progress it was told, and how many of `events` it had then.
    bookmarks: Vec<(i64, usize)>,
    stream: Option<Stream>,
}

impl Follower {
    /// A watcher of a range from the start.
    pub fn new(key: &str, range_end: &str) -> Self {
        Self {
            range: (key.to_owned().into(), range_end.to_owned().into()),
            next: 2,
            events: Vec::new(),
            bookmarks: Vec::new(),
            stream: None,
        }
    }

    /// Connects, resumes, and reads until it has all up to `revision`.
    pub async fn catch_up(&mut self, client: &Client, revision: i64) -> Result<(), String> {
        self.stream = Some(self.open(client).await?);
        let deadline = Instant::now() + PATIENCE;
        while self.next <= revision {
            if Instant::now() > deadline {
                return Err(format!("at {}, not at {revision}", self.next - 1));
            }
            let (requests, answers) = self.stream.as_mut().expect("just opened");
            ask_progress(requests).await?;
            let wait = tokio::time::timeout(PROGRESS_AGAIN, answers.message());
            if let Ok(answer) = wait.await {
                let answer = answer.map_err(|error| error.to_string())?;
                self.take(answer.ok_or("the stream ended")?)?;
            }
        }
        Ok(())
    }

    /// Reads until the server is gone.
    pub async fn follow(mut self) -> Result<Self, String> {
        let Some((requests, mut answers)) = self.stream.take() else {
            return Ok(self);
        };
        let mut messages = 0_u64;
        while let Ok(Some(answer)) = answers.message().await {
            self.take(answer)?;
            messages += 1;
            if messages.is_multiple_of(PROGRESS_MESSAGES) && ask_progress(&requests).await.is_err()
            {
                break;
            }
        }
        Ok(self)
    }

    /// Reads until it has all up to the revision that `until` comes to name, whatever becomes of
    /// its streams; each is left for a new one after `renewal`. Tells `reached` how far it is.
    pub async fn endure(
        mut self,
        client: Client,
        renewal: Duration,
        reached: watch::Sender<i64>,
        until: watch::Receiver<i64>,
    ) -> Result<Self, String> {
        while self.next <= *until.borrow() {
            let opening = tokio::time::timeout(renewal, self.open(&client));
            let Ok(Ok((requests, mut answers))) = opening.await else {
                tokio::time::sleep(PROGRESS_AGAIN).await;
                continue;
            };
            let end = Instant::now() + renewal;
            let mut messages = 0_u64;
            while self.next <= *until.borrow() && Instant::now() < end {
                let wait = tokio::time::timeout(PROGRESS_AGAIN, answers.message());
                let is_idle = match wait.await {
                    Ok(Ok(Some(answer))) => {
                        self.take(answer)?;
                        reached.send_replace(self.next - 1);
                        messages += 1;
                        messages.is_multiple_of(PROGRESS_MESSAGES)
                    }
                    Ok(_) => break,
                    Err(_) => true,
                };
                // One that a stalled server has not taken yet will do.
                if is_idle && requests.capacity() > 0 && ask_progress(&requests).await.is_err() {
                    break;
                }
            }
        }
        Ok(self)
    }

    /// Opens a stream that begins where the last one ended.
    async fn open(&self, client: &Client) -> Result<Stream, String> {
        let (requests, receiver) = mpsc::channel(4);
        let create = WatchCreateRequest {
            key: self.range.0.clone(),
            range_end: self.range.1.clone(),
            start_revision: self.next,
            prev_kv: true,
            ..WatchCreateRequest::default()
        };
        ask(&requests, RequestUnion::CreateRequest(create)).await?;
        let mut client = client.watch.clone();
        let answers = client.watch(ReceiverStream::new(receiver)).await;
        let answers = answers.map_err(|error| error.to_string())?;
        Ok((requests, answers.into_inner()))
    }

    /// Takes an answer to its watch.
    pub fn take(&mut self, answer: WatchResponse) -> Result<(), String> {
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if answer.canceled {
            return Err(format!("canceled: {answer:?}"));
        }
        if answer.created {
            return Ok(());
        }
        for event in answer.events {
            if mod_revision(&event) < self.next {
                return Err(format!("again, or below {}: {event:?}", self.next));
            }
            self.events.push(event);
        }
        let newest = self.events.last().map_or(0, mod_revision);
        if revision < newest {
            return Err(format!("at {revision}, but it sent {newest}"));
        }
        if answer.watch_id == -1 {
            self.bookmarks.push((revision, self.events.len()));
            self.next = self.next.max(revision + 1);
        }
        // Without fragments a revision comes whole.
        self.next = self.next.max(newest + 1);
        Ok(())
    }

    /// Compares what it saw up to `revision` with the history since the last check.
    pub fn check(&mut self, history: &[Event], revision: i64) -> Result<(), String> {
        let (key, range_end) = &self.range;
        let covered = |event: &&Event| {
            let kv = event.kv.as_ref();
            kv.is_some_and(|kv| covers(key, range_end, &kv.key))
        };
        let expected = Vec::from_iter(history.iter().filter(covered));
        let seen = self.events.len();
        if expected.len() != seen {
            let mut pairs = std::iter::zip(&self.events, &expected);
            let at = pairs.position(|(seen, expected)| seen.kv != expected.kv);
            let at = at.unwrap_or(seen.min(expected.len()));
            return Err(format!(
                "watcher {key:?} saw {seen} events up to {revision}, not {}; event {at} was {:?}, \
                 not {:?}",
                expected.len(),
                self.events.get(at),
                expected.get(at),
            ));
        }
        for (event, expected) in self.events.iter().zip(&expected) {
            // What a compaction has taken away is left out.
            let same = event.kv == expected.kv && event.r#type == expected.r#type;
            if !same || (event.prev_kv.is_some() && event.prev_kv != expected.prev_kv) {
                return Err(format!("watcher {key:?} saw {event:?}, not {expected:?}"));
            }
        }
        for (bookmark, count) in &self.bookmarks {
            let due = expected.partition_point(|event| mod_revision(event) <= *bookmark);
            if due > *count {
                return Err(format!(
                    "watcher {key:?} was told {bookmark} after {count} events, {due} were due"
                ));
            }
        }
        self.events.clear();
        self.bookmarks.clear();
        Ok(())
    }
}

async fn ask(requests: &mpsc::Sender<WatchRequest>, union: RequestUnion) -> Result<(), String> {
    let request = WatchRequest {
        request_union: Some(union),
    };
    let sent = requests.send(request).await;
    sent.map_err(|_| "the request stream is closed".to_owned())
}

async fn ask_progress(requests: &mpsc::Sender<WatchRequest>) -> Result<(), String> {
    ask(
        requests,
        RequestUnion::ProgressRequest(WatchProgressRequest {}),
    )
    .await
}
