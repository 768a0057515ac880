//! The one thread that writes: group commit.
//!
//! A round takes all batches that are waiting, checks each guard against the state with the
//! batches before it, and commits what holds as one engine batch with one fsync. The engine
//! batch is atomic, so each of its batches is.

use super::engine::Engine;
use super::{LIMITS, Shared, closed, fault};
use crate::store::round::{Answer, Overlay};
use crate::store::{Batch, Op, StoreError};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Batches and bytes of one round. Bytes, because a round lies in memory, in the journal's
/// buffer and in the memtable at once; it ends with the batch that reaches either.
const ROUND_BATCHES_MAX: usize = 256;
const ROUND_BYTES: usize = 16 << 20;

/// What the thread is asked for.
pub(super) enum Work {
    /// Apply a batch.
    Apply(Batch, oneshot::Sender<Answer>),
    /// Finish what came before, then give up the directory.
    Close(oneshot::Sender<()>),
}

/// Starts the thread; it ends when the store is closed, fails, or has no more users.
pub(super) fn start(
    path: &Path,
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Work>,
) -> Result<(), StoreError> {
    let thread = std::thread::Builder::new().name("kvtool-store".into());
    match thread.spawn(move || run(&shared, waiting)) {
        Ok(_) => Ok(()),
        Err(error) => Err(fault::io(path, "starting its thread", &error)),
    }
}

fn run(shared: &Shared, mut waiting: mpsc::Receiver<Work>) {
    while let Some(first) = waiting.blocking_recv() {
        let round = Round::gather(first, &mut waiting);
        let committed = shared.engine().and_then(|engine| {
            let answers = commit(&engine, round.batches);
            answers.map_err(|error| engine.fault("writing", &error).to_string().into())
        });
        match committed {
            Ok(answers) => {
                shared.changes.announce();
                for (reply, answer) in round.replies.into_iter().zip(answers) {
                    // A caller that has gone away does not mind.
                    let _ = reply.send(answer);
                }
            }
            // All callers, those still in the queue as well, find the sentence when the
            // channels close with this thread.
            Err(sentence) => return shared.end(sentence),
        }
        if let Some(reply) = round.close {
            shared.end(closed());
            let _ = reply.send(());
            return;
        }
    }
}

/// What one fsync makes durable.
#[derive(Default)]
struct Round {
    batches: Vec<Batch>,
    replies: Vec<oneshot::Sender<Answer>>,
    close: Option<oneshot::Sender<()>>,
}

impl Round {
    fn gather(first: Work, waiting: &mut mpsc::Receiver<Work>) -> Self {
        let mut round = Round::default();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(work) = next {
            match work {
                Work::Apply(batch, reply) => {
                    bytes += batch.ops.iter().map(Op::size_bytes).sum::<usize>();
                    round.batches.push(batch);
                    round.replies.push(reply);
                }
                Work::Close(reply) => {
                    round.close = Some(reply);
                    break;
                }
            }
            let is_full = round.batches.len() >= ROUND_BATCHES_MAX || bytes >= ROUND_BYTES;
            next = if is_full {
                None
            } else {
                waiting.try_recv().ok()
            };
        }
        round
    }
}

/// Answers each batch, and commits those that hold.
pub(super) fn commit(engine: &Engine, batches: Vec<Batch>) -> fjall::Result<Vec<Answer>> {
    engine.make_room()?;
    let mut state = Overlay::new(engine, LIMITS.batch_bytes);
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        answers.push(state.add(batch)?);
    }
    if !state.changes.is_empty() {
        engine.commit(state.changes)?;
    }
    Ok(answers)
}
