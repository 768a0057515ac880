//! Wake-ups when a key changes, by whichever server.
//!
//! One task for each key that is waited for holds a FoundationDB watch, and compares the value
//! each time it looks. FoundationDB bounds the watches of a client and may lose one; so it looks
//! now and then by itself.

use super::{Shared, fault};
use crate::store::StoreError;
use bytes::Bytes;
use foundationdb::FdbResult;
use foundationdb::options::TransactionOption;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// How long a change can go unnoticed if FoundationDB forgets a watch.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after a look that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The changes of a key that were noticed.
#[derive(Default)]
pub(super) struct Noticed {
    /// All of them.
    pub(super) any: u64,
    /// Without those to what this process has written, in batches that the key guards: whoever made
    /// them knew what was there before.
    pub(super) elsewhere: u64,
}

/// The keys that are waited for.
#[derive(Default)]
pub(super) struct Notices(Mutex<HashMap<Bytes, watch::Sender<Noticed>>>);

impl Notices {
    /// Completes at the first change that `count` counts and that is noticed after this call, or when
    /// the store ends.
    pub(super) fn next(
        &self,
        shared: &Arc<Shared>,
        key: &[u8],
        count: fn(&Noticed) -> u64,
    ) -> BoxFuture<'static, ()> {
        let mut keys = self.0.lock();
        let mut receiver = match keys.get(key) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(Noticed::default());
                let key = Bytes::copy_from_slice(key);
                keys.insert(key.clone(), sender.clone());
                tokio::spawn(follow(Arc::downgrade(shared), key, sender));
                receiver
            }
        };
        let before = count(&receiver.borrow());
        Box::pin(async move {
            // An error is the end of the store, which waiters must notice as well.
            let _ = receiver.wait_for(|noticed| count(noticed) != before).await;
        })
    }

    /// Wakes all who wait.
    pub(super) fn end(&self) {
        self.0.lock().clear();
    }

    /// Forgets a key that nobody waits for any more.
    fn forget(&self, key: &Bytes) -> bool {
        let mut keys = self.0.lock();
        let unused = keys
            .get(key)
            .is_none_or(|sender| sender.receiver_count() == 0);
        if unused {
            keys.remove(key);
        }
        unused
    }
}

/// Tells of changes until the store ends or nobody waits.
async fn follow(shared: Weak<Shared>, key: Bytes, sender: watch::Sender<Noticed>) {
    let mut last = None;
    let mut has_fired = false;
    loop {
        let Some(strong) = shared.upgrade() else {
            return;
        };
        if strong.check_open().is_err() || strong.notices.forget(&key) {
            return;
        }
        // What this process wrote explains the change, and says where to look for the next one.
        let own = last
            .as_ref()
            .and_then(|last: &Look| strong.guards.own_since(&key, last.version));
        let looked = look(&strong, &key, own).await;
        match looked {
            Ok((look, changed)) => {
                let is_own = own.is_some() || strong.guards.is_own(&key, &look.value);
                drop(strong);
                // The first value is news to those who asked before it was read. A watch that
                // fired is news too: the value may have changed and come back.
                if has_fired || last.is_none_or(|last| last.value != look.value) {
                    sender.send_modify(|noticed| {
                        noticed.any += 1;
                        noticed.elsewhere += u64::from(!is_own);
                    });
                }
                last = Some(look);
                let waited = tokio::time::timeout(POLL_INTERVAL, changed).await;
                has_fired = matches!(waited, Ok(Ok(())));
            }
            Err(error) => {
                drop(strong);
                tracing::debug!(%error, "cannot watch a key");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// What a key held.
struct Look {
    value: Option<Bytes>,
    version: i64,
}

/// The value of a key, at a fresh version or the one given, and its next change.
async fn look(
    shared: &Shared,
    key: &[u8],
    at: Option<i64>,
) -> Result<(Look, BoxFuture<'static, FdbResult<()>>), StoreError> {
    let transaction = shared.transaction()?;
    if let Some(version) = at {
        transaction.set_read_version(version);
    }
    let value = transaction.get(key, true).await.map_err(fault::read)?;
    let value = value.map(|value| Bytes::copy_from_slice(&value));
    let version = transaction.get_read_version().await.map_err(fault::read)?;
    // The watch outlives its transaction, and must not end with its time limit.
    let changed = transaction.watch(key);
    let unlimited = TransactionOption::Timeout(0);
    transaction.set_option(unlimited).map_err(fault::read)?;
    let committed = transaction.commit().await;
    committed.map_err(|failed| fault::read(*failed))?;
    Ok((Look { value, version }, Box::pin(changed)))
}
