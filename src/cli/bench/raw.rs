//! FoundationDB itself: every put is a transaction of its own, sent by this process.
//!
//! It writes the records that `kvtool serve` writes, in a directory of the run's own, with a
//! versionstamp in place of the revision. What a server adds to a put, and what it saves by
//! putting many into one transaction, is the difference to this.

use super::{
    keys::Keys,
    plan::Data,
    session::{PutIf, Versions, Writer},
    stop::Stop,
};
use crate::{
    cli::exit::Interrupted,
    mvcc::keyspace::{Layout, Revision},
    store::fdb::{Connection, Options},
};
use anyhow::{Context, Result, anyhow};
use bytes::{BufMut, Bytes, BytesMut};
use foundationdb::{
    FdbError, RangeOption, Transaction,
    directory::{Directory, DirectoryError, DirectoryLayer},
    options::MutationType,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::{SeedableRng, rngs::SmallRng};
use std::sync::Arc;
use tonic::Status;

/// `first_in_batch` of `fdb.options`, which hides it: nothing of the same commit version comes
/// before the transaction, so that the version is of no other transaction with this option.
const FIRST_IN_BATCH: u32 = 710;
/// FoundationDB fills these bytes with the version and the order of a commit.
const STAMP_BYTES: usize = 10;
/// What ends a key of `h` and `k`: the stamp, and the place within the transaction.
const REVISION_BYTES: usize = STAMP_BYTES + 2;
/// Puts of one transaction when the keys are written before a run.
const FILL_PUTS: u64 = 100;
const FILLS_IN_FLIGHT: usize = 16;
/// Tries to make or remove the directory.
const DIRECTORY_ATTEMPTS: usize = 20;

/// The run's directory of a cluster.
pub struct Cluster {
    connection: Connection,
    layout: Layout,
    path: [String; 1],
    is_first_in_batch: bool,
}

impl Cluster {
    /// Connects and makes the directory.
    pub async fn open(options: &Options, is_first_in_batch: bool) -> Result<Self> {
        let connection = Connection::open(options).await;
        let connection = connection.map_err(crate::error::Error::from)?;
        let path = [format!("kvtool-bench-{:016x}", rand::random::<u64>())];
        let prefix = in_directory(&connection, async |transaction| {
            let layer = DirectoryLayer::default();
            let made = layer.create(transaction, &path, None, None).await?;
            Ok(made.bytes()?.to_vec())
        });
        Ok(Self {
            layout: Layout::new(prefix.await?.into()),
            connection,
            path,
            is_first_in_batch,
        })
    }

    /// Removes the directory with all that is in it.
    pub async fn clear(&self) -> Result<()> {
        in_directory(&self.connection, async |transaction| {
            let layer = DirectoryLayer::default();
            layer.remove_if_exists(transaction, &self.path).await
        })
        .await?;
        Ok(())
    }

    /// Writes `puts` values over the keys of `data`, again and again from the first key.
    pub async fn fill(&self, data: &Data, puts: u64, stop: &Stop) -> Result<()> {
        let at_once = FILL_PUTS.min(data.keys.count());
        let fills = (0..puts).step_by(at_once as usize).map(|from| async move {
            if stop.is_set() {
                return Err(Interrupted.into());
            }
            let numbers = from..puts.min(from + at_once);
            let filled = self.fill_some(data, numbers).await;
            filled.context("cannot write the keys")
        });
        let fills = stream::iter(fills).buffer_unordered(FILLS_IN_FLIGHT);
        fills.try_collect::<()>().await
    }

    async fn fill_some(&self, data: &Data, numbers: std::ops::Range<u64>) -> Result<(), FdbError> {
        let mut transaction = self.connection.database().create_trx()?;
        loop {
            let mut rng = SmallRng::seed_from_u64(data.seed.wrapping_add(numbers.start));
            for (place, number) in (0..).zip(numbers.clone()) {
                let key = data.keys.key(number % data.keys.count());
                let value = data.values.pick(&mut rng);
                self.write(&transaction, place, &key, &value, None);
            }
            match transaction.commit().await {
                Ok(_) => return Ok(()),
                Err(failed) => transaction = failed.on_error().await?,
            }
        }
    }

    /// The revisions of `keys`.
    pub async fn versions(&self, keys: &Keys) -> Result<Versions> {
        let mut versions = Versions::none(keys);
        let (start, end) = self.layout.subspace(b'c');
        let transaction = self.connection.database().create_trx()?;
        let range = RangeOption::from((start.as_ref(), end.as_ref()));
        let mut items = transaction.get_ranges_keyvalues(range, true);
        while let Some(item) = items.try_next().await? {
            let key = &item.key()[self.layout.head_bytes()..];
            versions.add(keys, key, revision_of(item.value()));
        }
        Ok(versions)
    }

    /// Puts, if the key is at the revision `expected`; whatever its revision without one.
    async fn commit(
        &self,
        key: &Bytes,
        value: &Bytes,
        expected: Option<i64>,
    ) -> Result<PutIf, FdbError> {
        let mut transaction = self.connection.database().create_trx()?;
        loop {
            let error = match self.prepare(&transaction, key, value, expected).await {
                Ok(Some(conflict)) => return Ok(conflict),
                Ok(None) => {
                    let stamp = transaction.get_versionstamp();
                    match transaction.commit().await {
                        Ok(_) => {
                            return Ok(PutIf {
                                succeeded: true,
                                revision: revision_of(&stamp.await?),
                            });
                        }
                        Err(failed) => {
                            transaction = failed.on_error().await?;
                            continue;
                        }
                    }
                }
                Err(error) => error,
            };
            transaction = transaction.on_error(error).await?;
        }
    }

    /// Fills a transaction with one put, unless the key is not as expected.
    async fn prepare(
        &self,
        transaction: &Transaction,
        key: &Bytes,
        value: &Bytes,
        expected: Option<i64>,
    ) -> Result<Option<PutIf>, FdbError> {
        if self.is_first_in_batch {
            transaction.set_raw_option(FIRST_IN_BATCH, None)?;
        }
        let held = transaction.get(&self.layout.current(key), false).await?;
        let revision = held.as_deref().map_or(0, revision_of);
        if expected.is_some_and(|expected| expected != revision) {
            return Ok(Some(PutIf {
                succeeded: false,
                revision,
            }));
        }
        self.write(transaction, 0, key, value, held.as_deref());
        Ok(None)
    }

    /// The three records of a put; `place` is its place within the transaction.
    fn write(
        &self,
        transaction: &Transaction,
        place: u32,
        key: &Bytes,
        value: &Bytes,
        replaced: Option<&[u8]>,
    ) {
        let at = Revision {
            main: 0,
            sub: place,
        };
        let mut current = BytesMut::with_capacity(STAMP_BYTES + value.len() + size_of::<u32>());
        current.put_bytes(0, STAMP_BYTES);
        current.put_slice(value);
        // The last four bytes say where FoundationDB is to write the stamp.
        current.put_u32_le(0);
        let key_of_current = self.layout.current(key);
        let stamped = MutationType::SetVersionstampedValue;
        transaction.atomic_op(&key_of_current, &current, stamped);

        let replaced = replaced.and_then(|held| held.get(..STAMP_BYTES));
        let change = [replaced.unwrap_or_default(), key, value].concat();
        let stamped = MutationType::SetVersionstampedKey;
        transaction.atomic_op(&stamped_key(&self.layout.history(at)), &change, stamped);
        let index = stamped_key(&self.layout.index(key, at));
        transaction.atomic_op(&index, b"1", MutationType::SetVersionstampedKey);
    }
}

impl Writer for Arc<Cluster> {
    async fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), Status> {
        let put = self.commit(&key, &value, None).await;
        put.map(drop).map_err(status)
    }

    async fn put_if(&mut self, key: Bytes, value: Bytes, revision: i64) -> Result<PutIf, Status> {
        let put = self.commit(&key, &value, Some(revision)).await;
        put.map_err(status)
    }
}

/// A key that ends with a revision, as FoundationDB wants it: with the place of the stamp.
fn stamped_key(key: &[u8]) -> Vec<u8> {
    let place = (key.len() - REVISION_BYTES) as u32;
    [key, &place.to_le_bytes()].concat()
}

/// A number that tells two stamps apart: what follows their first two bytes, which stay the same
/// for years.
fn revision_of(record: &[u8]) -> i64 {
    let low = record
        .get(2..STAMP_BYTES)
        .and_then(|low| low.try_into().ok());
    low.map_or(0, i64::from_be_bytes)
}

fn status(error: FdbError) -> Status {
    Status::unavailable(format!("FoundationDB: {error}"))
}

/// Changes the directories of a cluster in one transaction.
async fn in_directory<T>(
    connection: &Connection,
    change: impl AsyncFn(&Transaction) -> Result<T, DirectoryError>,
) -> Result<T> {
    let mut transaction = connection.database().create_trx()?;
    for _ in 0..DIRECTORY_ATTEMPTS {
        let error = match change(&transaction).await {
            Ok(changed) => match transaction.commit().await {
                Ok(_) => return Ok(changed),
                Err(failed) => {
                    transaction = failed.on_error().await?;
                    continue;
                }
            },
            Err(DirectoryError::FdbError(error)) => error,
            Err(error) => return Err(anyhow!("FoundationDB's directory of the run: {error:?}")),
        };
        transaction = transaction.on_error(error).await?;
    }
    Err(anyhow!(
        "the directory of the run could not be changed in {DIRECTORY_ATTEMPTS} attempts"
    ))
}
