//! Hashes of passwords. Each takes a while, on purpose: a few at a time, and on threads of their own.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// etcd's default.
pub const COST: u32 = 10;
/// What bcrypt can be told.
pub const COSTS: RangeInclusive<u32> = 4..=31;
/// What a hash can tell of a password.
const PASSWORD_BYTES_MAX: usize = 72;

/// Hashes passwords, and compares them.
#[derive(Debug, Clone)]
pub struct Passwords {
    cost: u32,
    /// As many as there are processors may work at a time.
    places: Arc<Semaphore>,
}

impl Passwords {
    /// With so many doublings of the work.
    pub fn new(cost: u32) -> Self {
        let processors = std::thread::available_parallelism();
        Self {
            cost,
            places: Arc::new(Semaphore::new(processors.map_or(1, usize::from))),
        }
    }

    /// The hash of a password, as messages carry it.
    pub async fn hash(&self, password: String) -> Result<String> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Error::PasswordTooLong);
        }
        let cost = self.cost;
        let hash = self.work(move || bcrypt::hash(password, cost)).await?;
        hash.map(|hash| STANDARD.encode(hash))
            .map_err(|_| Error::AuthFailed)
    }

    /// Whether a hash is that of a password.
    pub async fn verify(&self, password: String, hash: Bytes) -> Result<bool> {
        let verify = move || {
            let hash = std::str::from_utf8(&hash).unwrap_or_default();
            bcrypt::verify(password, hash).unwrap_or(false)
        };
        self.work(verify).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| Error::Stopped)?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held to the end, also when nobody waits any more.
            drop(place);
            done
        });
        working.await.map_err(|_| Error::Stopped)
    }
}

/// The hash in a message.
pub fn hash_of(encoded: &str) -> Result<Bytes> {
    let hash = STANDARD.decode(encoded);
    hash.map(Bytes::from).map_err(|_| Error::NoPasswordUser)
}
