//! The short calls of a connection, done by the task that speaks on it.
//!
//! As a task of the runtime each call is handed from thread to thread, with what it holds of the
//! connection. Here all that are ready have their turn behind the connection itself.

use crate::error::{Error, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::rt::Executor;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use tokio::task::JoinSet;

/// The calls that are short, or wait for somebody else; where one is not, it goes [`apart`].
const SHORT: [&str; 4] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.KV/Put",
    "/etcdserverpb.KV/DeleteRange",
    "/etcdserverpb.KV/Txn",
];

/// Whether a connection does the calls of a method itself.
pub(super) fn is_short(path: &str) -> bool {
    SHORT.contains(&path)
}

/// Does what may take long in a task of the runtime, so that the other calls of its connection need
/// not wait for it; given up with the call.
pub(super) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(done)) => done,
        _ => Err(Error::Stopped),
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a connection has to do besides speaking.
#[derive(Clone, Default)]
pub(super) struct Aboard(Arc<Shared>);

#[derive(Default)]
struct Shared {
    new: Mutex<Vec<Task>>,
    is_next_short: AtomicBool,
    has_ended_some: AtomicBool,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Aboard {
    fn execute(&self, task: F) {
        if self.0.is_next_short.swap(false, Ordering::Relaxed) {
            self.0.new.lock().push(Box::pin(task));
        } else {
            tokio::spawn(task);
        }
    }
}

impl Aboard {
    /// The next task is a short call.
    pub(super) fn expect_short(&self) {
        self.0.is_next_short.store(true, Ordering::Relaxed);
    }

    /// Does the short calls for as long as `speaking` is not over, which hands them in.
    pub(super) async fn speak<F: Future>(self, speaking: F) -> F::Output {
        let mut speaking = pin!(speaking);
        let mut tasks = FuturesUnordered::new();
        poll_fn(|context| {
            let spoken = speaking.as_mut().poll(context);
            if spoken.is_pending() {
                tasks.extend(std::mem::take(&mut *self.0.new.lock()));
                let mut has_ended_some = false;
                while let Poll::Ready(Some(())) = tasks.poll_next_unpin(context) {
                    has_ended_some = true;
                }
                let ended = &self.0.has_ended_some;
                ended.store(has_ended_some, Ordering::Relaxed);
            }
            spoken
        })
        .await
    }

    /// Whether calls have ended behind what was said last, so that there is more to say.
    pub(super) fn has_ended_some(&self) -> bool {
        self.0.has_ended_some.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::pending;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    /// Short calls go on while the connection has nothing to say, and one that waits holds up no other.
    #[tokio::test]
    async fn short_calls_are_done_beside_the_connection() {
        let aboard = Aboard::default();
        let (asked, answer) = oneshot::channel();
        let (other, told) = oneshot::channel();
        let mut speaking = pin!(aboard.clone().speak(async {
            aboard.expect_short();
            aboard.execute(async move {
                other.send(answer.await.unwrap()).unwrap();
            });
            aboard.expect_short();
            aboard.execute(async {});
            pending::<()>().await
        }));
        assert!(poll!(&mut speaking).is_pending());
        assert!(aboard.has_ended_some());
        asked.send(7).unwrap();
        assert!(poll!(&mut speaking).is_pending());
        assert!(aboard.has_ended_some());
        assert_eq!(told.await, Ok(7));
        assert!(poll!(&mut speaking).is_pending());
        assert!(!aboard.has_ended_some());
    }

    /// What is not known to be short needs no connection.
    #[tokio::test]
    async fn other_calls_are_tasks() {
        let aboard = Aboard::default();
        let (sender, told) = oneshot::channel();
        aboard.execute(async move { sender.send(()).unwrap() });
        assert_eq!(told.await, Ok(()));
    }

    /// A connection that has ended takes its short calls with it.
    #[tokio::test]
    async fn calls_end_with_their_connection() {
        let aboard = Aboard::default();
        let (sender, told) = oneshot::channel::<()>();
        let speaking = aboard.clone().speak(async {
            aboard.expect_short();
            aboard.execute(async move {
                pending::<()>().await;
                drop(sender);
            });
            yield_now().await;
        });
        speaking.await;
        assert!(told.await.is_err());
    }

    /// What goes apart is given up with whoever waits for it.
    #[tokio::test]
    async fn what_goes_apart_is_given_up_with_its_call() {
        assert_eq!(apart(async { Ok(1) }).await, Ok(1));
        let (sender, told) = oneshot::channel::<()>();
        let work = apart(async move {
            pending::<()>().await;
            drop(sender);
            Ok(())
        });
        {
            let mut work = pin!(work);
            assert!(poll!(&mut work).is_pending());
        }
        assert!(told.await.is_err());
    }
}
