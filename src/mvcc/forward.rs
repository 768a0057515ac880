//! Hands writes to the server that leads, so that one sequencer makes the batches of all.
//!
//! What is handed over is committed there as if a client of that server had asked for it. It is a
//! matter of speed alone: a server whose leader is unknown, out of reach or unwilling writes by
//! itself, and the guard of the state record keeps both right.

use crate::error::Result;
use crate::mvcc::follower::Follower;
use crate::mvcc::job::Job;
use crate::mvcc::keyspace::{PeerRecord, State};
use crate::mvcc::peer;
pub use crate::mvcc::request::{Call, Request, Response};
use crate::store::Consistency;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Pause before a leader that could not be reached, or takes no more, is called again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause, where it cannot be reached again and again.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(8);

/// An opening of this server before this one, that was killed, leads for less than this.
const NAMESAKE_PATIENCE: Duration = Duration::from_secs(30);

/// What became of a request that was handed over.
#[derive(Debug)]
pub enum Handover {
    /// It was not queued and never will be.
    Refused,
    /// No answer will come: whether it takes effect is unknown.
    Lost,
    /// Its answer, and a state that is durable and as new as the answer.
    Answered(Result<Response>, State),
}

/// A connection to the server that leads.
pub trait Link: Send + Sync {
    /// Hands a request over.
    fn call(&self, call: Call) -> BoxFuture<'_, Handover>;

    /// Completes when nothing new can be handed over any more.
    fn closed(&self) -> BoxFuture<'_, ()>;
}

/// The link of this moment; `None` while this server's writes are its own matter.
pub type Current = watch::Receiver<Option<Arc<dyn Link>>>;

/// The way to other servers.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Connects to a server that leads; the error says why that cannot be done now. What that server
    /// relays, `follower` is to hear, before the answers that are as new, and in the end that it ends.
    fn connect(
        &self,
        peer: PeerRecord,
        follower: Arc<Follower>,
    ) -> BoxFuture<'_, Result<Arc<dyn Link>, String>>;
}

/// The newest state that came with an answer.
pub struct Heard {
    newest: Mutex<State>,
    /// That of the newest state, for who only wants to know whether it is news.
    sequence: AtomicU64,
}

impl Heard {
    /// Begins with a state that is known otherwise.
    pub fn new(state: State) -> Self {
        Self {
            newest: Mutex::new(state),
            sequence: AtomicU64::new(state.batch.sequence),
        }
    }

    /// Takes in one, unless it has heard of a newer one.
    pub fn note(&self, state: State) {
        let mut newest = self.newest.lock();
        if state.batch.sequence > newest.batch.sequence {
            *newest = state;
            self.sequence.store(state.batch.sequence, Ordering::Release);
        }
    }

    /// The newest, or `known` if that is newer.
    pub fn state(&self, known: State) -> State {
        match self.sequence.load(Ordering::Acquire) > known.batch.sequence {
            true => *self.newest.lock(),
            false => known,
        }
    }
}

/// Keeps a link to whoever leads, other than this server, `member_id`.
pub async fn connect_forever(
    mut job: Job,
    member_id: u64,
    peers: Arc<dyn Peers>,
    follower: Arc<Follower>,
    links: watch::Sender<Option<Arc<dyn Link>>>,
) {
    let mut pause = RETRY_PAUSE;
    let mut told = None;
    loop {
        let leadership = *job.leadership.borrow_and_update();
        let other = leadership.leader.filter(|leader| *leader != member_id);
        let Some(leader) = other.filter(|_| !leadership.is_leader) else {
            let changed = job.leadership.changed();
            let changed = match leadership.leader {
                Some(_) if !leadership.is_leader => warn_of_namesake(changed).await,
                _ => changed.await,
            };
            match changed {
                Ok(()) => continue,
                Err(_) => return,
            }
        };
        match connect(&job, leader, &*peers, &follower).await {
            Ok(link) => {
                tracing::debug!(leader, "writes go to the server that leads");
                (pause, told) = (RETRY_PAUSE, None);
                links.send_replace(Some(link.clone()));
                let is_change = tokio::select! {
                    changed = job.leadership.changed() => changed.is_ok(),
                    () = link.closed() => false,
                };
                // Those who have called keep the link until they are answered.
                links.send_replace(None);
                follower.end_relay();
                if is_change {
                    continue;
                }
            }
            Err(reason) => {
                if told.as_ref() != Some(&reason) {
                    tracing::info!(
                        leader,
                        reason,
                        "cannot hand writes to the server that leads"
                    );
                    told = Some(reason);
                }
                pause = RETRY_PAUSE_MAX.min(2 * pause);
            }
        }
        tokio::select! {
            changed = job.leadership.changed() => match changed {
                Ok(()) => pause = RETRY_PAUSE,
                Err(_) => return,
            },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Says so when a server of this one's name leads until this has happened.
async fn warn_of_namesake<T>(happened: impl Future<Output = T>) -> T {
    let mut happened = pin!(happened);
    if let Ok(happened) = tokio::time::timeout(NAMESAKE_PATIENCE, &mut happened).await {
        return happened;
    }
    tracing::warn!(
        "another server has this one's name, so writes cannot be handed to it and get in each other's way: start each with a --name of its own"
    );
    happened.await
}

async fn connect(
    job: &Job,
    leader: u64,
    peers: &dyn Peers,
    follower: &Arc<Follower>,
) -> Result<Arc<dyn Link>, String> {
    let found = async {
        let view = job.store.view(Consistency::Linearizable).await?;
        peer::find(&view, &job.layout, leader).await
    };
    match found.await {
        Ok(Some(record)) => peers.connect(record, follower.clone()).await,
        Ok(None) => Err("it has left no word where it is".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
