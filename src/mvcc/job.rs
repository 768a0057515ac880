//! What the background jobs of an instance share.
//!
//! Every server runs them all, and the one that leads acts. Two that both act do no harm, for
//! what a job writes is guarded or can be repeated; the election only spares the double work.

use crate::error::{Error, Result};
use crate::mvcc::keyspace::Layout;
use crate::store::{BatchId, Leadership, Progress, Store};
use std::time::Duration;
use tokio::sync::watch;

/// How often a server whose leadership has run out looks whether it was renewed: that is no
/// change which its store would tell of.
const RENEWAL_INTERVAL: Duration = Duration::from_millis(500);

/// How long each thing may take that a server that ends does for the next one only: it must end in
/// time also where its store cannot be reached.
const PARTING_TIMEOUT: Duration = Duration::from_millis(500);

/// Does something that spares the next server work, and can be left out.
pub async fn in_parting(work: impl Future<Output = Result<()>>) -> Result<()> {
    let done = tokio::time::timeout(PARTING_TIMEOUT, work).await;
    done.unwrap_or(Err(Error::Timeout))
}

/// Where a job works, as whom, and whether it should.
#[derive(Clone)]
pub struct Job {
    /// Where the keyspace is.
    pub store: Store,
    /// Its layout.
    pub layout: Layout,
    /// This opening of the instance, among all writers of it.
    pub writer: u64,
    /// Who leads.
    pub leadership: watch::Receiver<Leadership>,
}

impl Job {
    /// Names a batch that is not the sequencer's.
    pub fn batch_id(&self) -> BatchId {
        BatchId {
            writer: self.writer,
            sequence: 0,
        }
    }

    /// Whether this server leads at this moment.
    pub fn leads(&self) -> bool {
        self.leadership.borrow().leads()
    }

    /// Whether other servers may have the instance open.
    pub fn has_company(&self) -> bool {
        let alone_since = |progress: Progress| progress.alone_since;
        self.store.is_shared() && self.store.progress().and_then(alone_since).is_none()
    }

    /// Waits until this server leads; false when the store has gone.
    pub async fn wait_to_lead(&mut self) -> bool {
        loop {
            let leadership = *self.leadership.borrow_and_update();
            if leadership.leads() {
                return true;
            }
            tokio::select! {
                changed = self.leadership.changed() => if changed.is_err() {
                    return false;
                },
                () = tokio::time::sleep(RENEWAL_INTERVAL), if leadership.is_leader => {}
            }
        }
    }
}
