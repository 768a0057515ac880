//! A store in FoundationDB: any number of servers over one cluster.
//!
//! - `network`: the client library, found at run time, and its one thread.
//! - `fault`: FoundationDB's errors as the contract's.
//! - `view`: a snapshot is a read-only transaction, which lives five seconds.
//! - `draft`: what of a batch the client is told before it is whole.
//! - `guards`: why a commit seldom has to read its guard again.
//! - `notices`: wake-ups by FoundationDB's watches.
//! - `election`: who does the jobs that one server must do, by a record with a beat.
//!
//! Each instance is a directory `("kvtool", NAME)` of FoundationDB's directory layer.

#[cfg(test)]
#[allow(clippy::expect_used, dead_code)]
#[path = "../../tests/support/cluster.rs"]
pub(crate) mod cluster;
#[cfg(test)]
pub(crate) mod costs;
mod draft;
mod election;
mod fault;
mod guards;
mod network;
mod notices;
#[cfg(test)]
mod tests;
mod view;

use super::{ApplyError, Batch, Consistency, Leadership, Limits, Op, StoreError, Usage, closed};
use bytes::Bytes;
pub use draft::Draft;
use fault::Outcome;
use foundationdb::directory::{Directory, DirectoryError, DirectoryLayer};
use foundationdb::options::{ConflictRangeType, DatabaseOption, TransactionOption};
use foundationdb::{Database, FdbError, Transaction};
use futures_util::future::BoxFuture;
use guards::{Guards, Prefixes};
use notices::Notices;
use parking_lot::Mutex;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::sync::watch;
pub use view::FdbView;

/// FoundationDB takes keys of 10,000 bytes, values of 100,000 and transactions of 10,000,000;
/// the last counts keys several times, as conflict ranges.
pub(super) const LIMITS: Limits = Limits {
    batch_bytes: 8_000_000,
    key_bytes: 9_999,
    value_bytes: 100_000,
};

/// The directory that holds the directories of all instances.
const ROOT: &str = "kvtool";
/// Longest wait for the first answer of a cluster.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a read or a commit. Longer than a view lives, shorter than etcd's clients wait.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(6);
/// How old a version may be that serves reads which may lag.
const LAG_MAX: Duration = Duration::from_secs(1);
/// Tries of a commit that FoundationDB has put off.
const LATER_MAX: u32 = 20;
/// Less than this is told as this: an instance has records of its own, and nothing is ever empty.
const USAGE_MIN_BYTES: u64 = 4096;
/// Tries to make the directory of an instance.
const DIRECTORY_ATTEMPTS: u32 = 20;

/// How to reach a cluster. What these mean, FoundationDB's own tools say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The client library; without one, what the system's loader finds.
    pub library: Option<PathBuf>,
    /// The cluster file; without one, FoundationDB's default.
    pub cluster_file: Option<PathBuf>,
    /// A connection string, `DESCRIPTION:ID@HOST:PORT,...`, in place of a cluster file.
    pub connection_string: Option<String>,
    /// TLS towards the cluster.
    pub tls: Tls,
    /// Where the client library writes its traces; without one it writes none.
    pub trace_dir: Option<PathBuf>,
    /// Client libraries of other versions, for clusters that are being upgraded.
    pub external_client_dir: Option<PathBuf>,
    /// The transaction tag, for the cluster's quotas.
    pub tag: Option<String>,
    /// Gives way to other work on the cluster.
    pub batch_priority: bool,
}

/// Files and rules of TLS towards a cluster. The client library finds the password of a key in
/// `FDB_TLS_PASSWORD`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate of this server.
    pub certificate_file: Option<PathBuf>,
    /// Its private key.
    pub key_file: Option<PathBuf>,
    /// The authorities that sign the cluster's certificates.
    pub ca_file: Option<PathBuf>,
    /// FoundationDB's rule for the certificates of peers.
    pub verify_peers: Option<String>,
}

/// A store in FoundationDB. Cheap to clone; clones are the same store.
#[derive(Clone)]
pub struct Fdb(Arc<Shared>);

struct Shared {
    connection: Connection,
    tag: Option<String>,
    batch_priority: bool,
    guards: Guards,
    prefixes: Prefixes,
    notices: Notices,
    elections: election::Elections,
    newest: Mutex<Option<Newest>>,
    closed: AtomicBool,
    #[cfg(test)]
    costs: costs::Costs,
}

/// A connection to a cluster, as the store uses it.
pub struct Connection {
    database: Database,
    /// Kept while the client may read it.
    _file: Option<NamedTempFile>,
}

/// The newest version that this process knows of.
struct Newest {
    version: i64,
    at: Instant,
}

/// Ends the client library's thread, if there is one: the last thing a process does with it.
pub fn shut_down() {
    network::stop();
}

impl Drop for Connection {
    fn drop(&mut self) {
        network::stop_at_exit();
    }
}

impl Shared {
    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Fatal(closed()));
        }
        Ok(())
    }

    fn transaction(&self) -> Result<Transaction, StoreError> {
        self.check_open()?;
        self.new_transaction().map_err(fault::read)
    }

    fn new_transaction(&self) -> Result<Transaction, FdbError> {
        let transaction = self.connection.database.create_trx()?;
        if let Some(tag) = &self.tag {
            transaction.set_option(TransactionOption::AutoThrottleTag(tag.clone()))?;
        }
        if self.batch_priority {
            transaction.set_option(TransactionOption::PriorityBatch)?;
        }
        Ok(transaction)
    }

    /// One that never reads what it has written or read before: the client keeps none of it.
    fn direct_transaction(&self) -> Result<Transaction, FdbError> {
        let transaction = self.new_transaction()?;
        transaction.set_option(TransactionOption::ReadYourWritesDisable)?;
        Ok(transaction)
    }

    fn note_version(&self, version: i64) {
        let mut newest = self.newest.lock();
        if newest.as_ref().is_none_or(|known| known.version < version) {
            let at = Instant::now();
            *newest = Some(Newest { version, at });
        }
    }

    fn lagging_version(&self) -> Option<i64> {
        let newest = self.newest.lock();
        let newest = newest
            .as_ref()
            .filter(|known| known.at.elapsed() < LAG_MAX)?;
        Some(newest.version)
    }

    /// Commits a batch once; the version it has.
    async fn commit(
        &self,
        batch: &Batch,
        known: Option<i64>,
        draft: Option<Draft>,
    ) -> Result<i64, ApplyError> {
        let (mut transaction, mut told) = match draft.and_then(Draft::transaction) {
            Some(drafted) => drafted,
            None => (self.direct_transaction().map_err(refused)?, 0),
        };
        for _ in 0..LATER_MAX {
            let told = std::mem::take(&mut told);
            let error = match self.prepare(&transaction, batch, known, told).await {
                Ok(true) => match transaction.commit().await {
                    Ok(committed) => return committed.committed_version().map_err(refused),
                    Err(failed) => {
                        let error = *failed;
                        match fault::commit(error) {
                            Outcome::Answer(answer) => return Err(answer),
                            Outcome::Later => {}
                        }
                        // FoundationDB's pause, before it is asked again.
                        transaction = failed.on_error().await.map_err(refused)?;
                        continue;
                    }
                },
                Ok(false) => return Err(ApplyError::Conflict),
                Err(error) => error,
            };
            // A read failed, so nothing was written.
            if !error.is_retryable() || error.code() == fault::TIMED_OUT {
                return Err(refused(error));
            }
            transaction = transaction.on_error(error).await.map_err(refused)?;
        }
        Err(ApplyError::Conflict)
    }

    /// Fills a transaction that has `told` changes; `false` when the guard does not hold.
    async fn prepare(
        &self,
        transaction: &Transaction,
        batch: &Batch,
        known: Option<i64>,
        told: usize,
    ) -> Result<bool, FdbError> {
        if let Some(guard) = &batch.guard {
            if let Some(version) = known {
                transaction.set_read_version(version);
                let after = [&guard.key, b"\0".as_slice()].concat();
                transaction.add_conflict_range(&guard.key, &after, ConflictRangeType::Read)?;
            } else {
                #[cfg(test)]
                self.costs.note(|| costs::Call::Get(guard.key.clone()));
                let held = transaction.get(&guard.key, false).await?;
                if held.as_deref() != guard.expected.as_deref() {
                    return Ok(false);
                }
            }
        }
        #[cfg(test)]
        self.costs.note(|| costs::Call::Commit(batch.ops.clone()));
        let guard_key = batch.guard.as_ref().map(|guard| guard.key.as_ref());
        self.unguarded(guard_key)
            .fill(transaction, &batch.ops[told..])?;
        Ok(true)
    }
}

/// Of a batch that was certainly not written.
fn refused(error: FdbError) -> ApplyError {
    match fault::read(error) {
        StoreError::ViewExpired | StoreError::Unavailable(_) => ApplyError::Conflict,
        StoreError::Fatal(sentence) | StoreError::Unreadable(sentence) => {
            ApplyError::Fatal(sentence)
        }
    }
}

impl Connection {
    /// Loads the client library and connects to a cluster. The options that concern the library
    /// and TLS are those of the first call in the process.
    ///
    /// Fails with one sentence when there is no library or it is too old, when there is no
    /// cluster file, and when the cluster does not answer.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        network::start(options)?;
        let opened = Self::connect(options).await;
        network::stop_at_exit();
        opened
    }

    async fn connect(options: &Options) -> Result<Self, StoreError> {
        let file = match &options.connection_string {
            Some(connection) => Some(connection_file(connection)?),
            None => None,
        };
        let cluster_file = match &file {
            Some(file) => Some(file.path()),
            None => options.cluster_file.as_deref(),
        };
        let name = match file {
            Some(_) => fault::Name::String,
            None => fault::Name::File(cluster_file),
        };
        let failed = |error| fault::open(error, &name);
        let path = cluster_file.map(|path| path.to_string_lossy());
        let database = Database::new(path.as_deref()).map_err(failed)?;
        let milliseconds = TRANSACTION_TIMEOUT.as_millis() as i32;
        let wanted = [
            DatabaseOption::TransactionTimeout(milliseconds),
            DatabaseOption::SnapshotRywDisable,
        ];
        for option in wanted {
            database.set_option(option).map_err(failed)?;
        }
        match tokio::time::timeout(OPEN_TIMEOUT, first_answer(&database)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if !error.is_retryable() => return Err(failed(error)),
            Ok(Err(_)) | Err(_) => return Err(fault::unreachable(&name, OPEN_TIMEOUT)),
        }
        Ok(Self {
            database,
            _file: file,
        })
    }

    /// The database, for those who talk to FoundationDB itself.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl Fdb {
    /// Another server of a cluster of tests.
    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    pub(crate) async fn of(cluster: &cluster::Cluster) -> Self {
        let options = Options {
            cluster_file: Some(cluster.file()),
            ..Options::default()
        };
        Self::open(&options).await.unwrap()
    }

    /// What this server asks of the cluster.
    #[cfg(test)]
    pub(crate) fn costs(&self) -> &costs::Costs {
        &self.0.costs
    }

    /// Opens the store in a cluster, as [`Connection::open`] does.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let connection = Connection::open(options).await?;
        Ok(Self(Arc::new(Shared {
            connection,
            tag: options.tag.clone(),
            batch_priority: options.batch_priority,
            guards: Guards::default(),
            prefixes: Prefixes::default(),
            notices: Notices::default(),
            elections: election::Elections::default(),
            newest: Mutex::new(None),
            closed: AtomicBool::new(false),
            #[cfg(test)]
            costs: costs::Costs::default(),
        })))
    }

    /// A snapshot: at a fresh version, or at the newest that this process knows of.
    pub async fn view(&self, consistency: Consistency) -> Result<FdbView, StoreError> {
        self.0.check_open()?;
        let transaction = self.0.direct_transaction().map_err(fault::read)?;
        let version = match (consistency, self.0.lagging_version()) {
            (Consistency::Serializable, Some(version)) => {
                transaction.set_read_version(version);
                version
            }
            _ => {
                let version = transaction.get_read_version().await.map_err(fault::read)?;
                self.0.note_version(version);
                version
            }
        };
        Ok(FdbView::new(self.0.clone(), transaction, version))
    }

    /// A snapshot at a fresh version, and what a key holds in it: both are asked for at once.
    pub async fn look(&self, key: &[u8]) -> Result<(FdbView, Option<Bytes>), StoreError> {
        self.0.check_open()?;
        #[cfg(test)]
        self.0
            .costs
            .note(|| costs::Call::Get(Bytes::copy_from_slice(key)));
        let transaction = self.0.direct_transaction().map_err(fault::read)?;
        // Whoever has the value has the version too, so it is waited for once.
        let version = transaction.get_read_version();
        let value = transaction.get(key, true).await.map_err(fault::read)?;
        let version = version.await.map_err(fault::read)?;
        self.0.note_version(version);
        let value = value.map(|value| Bytes::copy_from_slice(&value));
        self.0.guards.seen(key, &value, version);
        Ok((FdbView::new(self.0.clone(), transaction, version), value))
    }

    /// The newest version that this process knows of.
    pub fn newest_version(&self) -> Option<i64> {
        self.0.newest.lock().as_ref().map(|newest| newest.version)
    }

    /// Another process knows of this version.
    pub fn note_version(&self, version: i64) {
        self.0.note_version(version);
    }

    /// Applies a batch in one transaction.
    pub async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        self.apply_drafted(batch, None).await
    }

    /// The same of a batch that begins with what `draft` was told of.
    pub async fn apply_drafted(
        &self,
        batch: Batch,
        draft: Option<Draft>,
    ) -> Result<(), ApplyError> {
        self.0
            .check_open()
            .map_err(|_| ApplyError::Fatal(closed()))?;
        LIMITS.check(&batch)?;
        let guard = batch.guard.as_ref();
        let known = guard.and_then(|guard| self.0.guards.version_of(guard));
        let version = match self.0.commit(&batch, known, draft).await {
            // Somebody wrote the key since, but perhaps the same value; or too much time passed.
            Err(ApplyError::Conflict) if known.is_some() => {
                self.0.commit(&batch, None, None).await?
            }
            outcome => outcome?,
        };
        if let Some(guard) = guard {
            let last = batch.ops.iter().rev().find_map(|op| match op {
                Op::Set(key, value) if *key == guard.key => Some(Some(value.clone())),
                Op::Clear(key) if *key == guard.key => Some(None),
                _ => None,
            });
            if let Some(value) = last {
                self.0.guards.wrote(&guard.key, &value, version);
            }
        }
        self.0.note_version(version);
        Ok(())
    }

    /// Begins a batch that is to be guarded by a key.
    pub fn draft(&self, guard_key: &[u8]) -> Draft {
        Draft::new(self.0.clone(), guard_key)
    }

    /// Completes when the key's value may have changed, by whichever server.
    pub fn changed(&self, key: &[u8]) -> BoxFuture<'static, ()> {
        self.0.notices.next(&self.0, key, |noticed| noticed.any)
    }

    /// The same, but for what this process alone has written, in batches that the key guards.
    pub fn changed_elsewhere(&self, key: &[u8]) -> BoxFuture<'static, ()> {
        self.0
            .notices
            .next(&self.0, key, |noticed| noticed.elsewhere)
    }

    /// Stands for election; the record is kept under `key`.
    pub fn leadership(&self, key: &Bytes, candidate: u64) -> watch::Receiver<Leadership> {
        self.0.elections.stand(self, key, candidate)
    }

    /// What a batch may hold.
    pub fn limits(&self) -> Limits {
        LIMITS
    }

    /// What FoundationDB estimates that the keys with a prefix take, before replication. It
    /// samples, and may not see a few keys at all; they count [`USAGE_MIN_BYTES`].
    pub async fn usage(&self, prefix: &Bytes) -> Result<Usage, StoreError> {
        let end = [prefix, [0xff; 1].as_slice()].concat();
        let bytes = self.estimate(prefix, &end).await?.max(USAGE_MIN_BYTES);
        Ok(Usage {
            allocated_bytes: bytes,
            live_bytes: bytes,
        })
    }

    /// What FoundationDB estimates that the keys in `[start, end)` take.
    pub async fn estimate(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreError> {
        let transaction = self.0.transaction()?;
        let bytes = transaction.get_estimated_range_size_bytes(start, end).await;
        Ok(bytes.map_err(fault::read)?.unsigned_abs())
    }

    /// Every directory `("kvtool", NAME)` with its prefix.
    pub async fn instances(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        let transaction = self.0.transaction()?;
        let layer = DirectoryLayer::default();
        let names = match layer.list(&transaction, &[ROOT.to_owned()]).await {
            Ok(names) => names,
            Err(DirectoryError::DirectoryDoesNotExists | DirectoryError::PathDoesNotExists) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(unread_directory(error)),
        };
        let mut instances = Vec::with_capacity(names.len());
        for name in names {
            let path = [ROOT.to_owned(), name.clone()];
            let opened = layer.open(&transaction, &path, None).await;
            let opened = opened.map_err(unread_directory)?;
            let prefix = opened.bytes().map(Bytes::copy_from_slice);
            instances.push((name, prefix.map_err(unread_directory)?));
        }
        Ok(instances)
    }

    /// The prefix of the directory `("kvtool", name)`, which is made on first use.
    pub async fn instance_prefix(&self, name: &str) -> Result<Bytes, StoreError> {
        let path = [ROOT.to_owned(), name.to_owned()];
        let mut transaction = self.0.transaction()?;
        for _ in 0..DIRECTORY_ATTEMPTS {
            let made = DirectoryLayer::default()
                .create_or_open(&transaction, &path, None, None)
                .await;
            let error = match made {
                Ok(directory) => {
                    let prefix = directory.bytes().map(Bytes::copy_from_slice);
                    let prefix = prefix.map_err(|error| refused_directory(&error))?;
                    // Also when it was only opened: then there is nothing to commit.
                    match transaction.commit().await {
                        Ok(_) => {
                            self.0.prefixes.add(&prefix);
                            return Ok(prefix);
                        }
                        Err(failed) => {
                            let error = *failed;
                            transaction =
                                failed.on_error().await.map_err(|_| fault::read(error))?;
                            continue;
                        }
                    }
                }
                Err(DirectoryError::FdbError(error)) => error,
                Err(error) => return Err(refused_directory(&error)),
            };
            transaction = transaction.on_error(error).await.map_err(fault::read)?;
        }
        Err(StoreError::Unavailable(
            format!("no directory for instance {name} in {DIRECTORY_ATTEMPTS} attempts").into(),
        ))
    }

    /// Deletes the directory `("kvtool", name)` with all that it holds; false: there is none.
    pub async fn remove_instance(&self, name: &str) -> Result<bool, StoreError> {
        let path = [ROOT.to_owned(), name.to_owned()];
        let mut transaction = self.0.transaction()?;
        let mut is_found = false;
        for _ in 0..DIRECTORY_ATTEMPTS {
            let removed = DirectoryLayer::default()
                .remove_if_exists(&transaction, &path)
                .await;
            let error = match removed {
                // After an outcome that was unknown it may have been this that removed it.
                Ok(removed) => {
                    is_found |= removed;
                    match transaction.commit().await {
                        Ok(_) => return Ok(is_found),
                        Err(failed) => {
                            let error = *failed;
                            let again = failed.on_error().await;
                            transaction = again.map_err(|_| fault::read(error))?;
                            continue;
                        }
                    }
                }
                Err(DirectoryError::FdbError(error)) => error,
                Err(DirectoryError::DirectoryDoesNotExists | DirectoryError::PathDoesNotExists) => {
                    return Ok(is_found);
                }
                Err(error) => return Err(refused_directory(&error)),
            };
            transaction = transaction.on_error(error).await.map_err(fault::read)?;
        }
        Err(StoreError::Unavailable(
            format!("instance {name} not deleted in {DIRECTORY_ATTEMPTS} attempts").into(),
        ))
    }

    /// Gives up leaderships and ends; further calls answer `Fatal`.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.0.check_open()?;
        self.0.elections.resign(self).await;
        self.0.closed.store(true, Ordering::Release);
        self.0.notices.end();
        Ok(())
    }
}

/// Waits for a cluster to answer. While the client library finds out which version it speaks, it
/// asks to be asked again.
async fn first_answer(database: &Database) -> Result<(), FdbError> {
    let mut transaction = database.create_trx()?;
    loop {
        match transaction.get_read_version().await {
            Ok(_) => return Ok(()),
            Err(error) => transaction = transaction.on_error(error).await?,
        }
    }
}

fn unread_directory(error: DirectoryError) -> StoreError {
    match error {
        DirectoryError::FdbError(error) => fault::read(error),
        error => refused_directory(&error),
    }
}

fn refused_directory(error: &DirectoryError) -> StoreError {
    StoreError::Fatal(format!("FoundationDB's directory of instances: {error:?}").into())
}

/// A cluster file for a connection string; it goes with the store.
fn connection_file(connection: &str) -> Result<NamedTempFile, StoreError> {
    let written = NamedTempFile::with_prefix("kvtool-fdb-").and_then(|mut file| {
        writeln!(file, "{connection}")?;
        Ok(file)
    });
    written.map_err(|error| {
        StoreError::Fatal(format!("cannot write a temporary cluster file: {error}").into())
    })
}
