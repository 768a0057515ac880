//! The servers that have an instance open, as they tell each other through the store.
//!
//! Each opening writes one record under its member id and takes it back at the end. What a record
//! says may be out of date: whoever uses it finds out by calling.

use crate::error::{Error, Result};
use crate::mvcc::clock;
use crate::mvcc::job::{Job, in_parting};
use crate::mvcc::keyspace::{Layout, PeerRecord, successor};
use crate::store::{
    ApplyError, Batch, Consistency, Direction, Guard, Op, PageLimit, StoreError, View,
};
use bytes::Bytes;
use std::time::Duration;

/// How often a server renews its record.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(300);
/// A record that was not renewed for this long is of a server that was killed. Clocks are
/// compared here, and what a wrong one removes is written again at the next renewal.
const STALE_AGE_MS: i64 = 3_600_000;
/// Tries to write a record.
const MAX_ATTEMPTS: u32 = 10;
/// Records looked at in one view.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// What one opening says of itself.
#[derive(Clone)]
pub struct Announcement {
    /// Where it works.
    pub job: Job,
    /// The server.
    pub member_id: u64,
    /// The record.
    pub record: PeerRecord,
}

impl Announcement {
    fn key(&self) -> Bytes {
        self.job.layout.peer(self.member_id)
    }

    /// Writes the record over whatever an earlier opening has left there.
    pub async fn write(&self) -> Result<()> {
        let key = self.key();
        for _ in 0..MAX_ATTEMPTS {
            let found = get(&self.job, &key).await?;
            if found.as_ref() == Some(&self.record.encode()) {
                return Ok(());
            }
            match replace(&self.job, &key, found, Some(&self.record)).await {
                Ok(()) => return Ok(()),
                // Guarded by what was found, so an old try cannot come after a later one.
                Err(ApplyError::Conflict | ApplyError::Unknown) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Store(StoreError::Unavailable(
            "this server's record cannot be written".into(),
        )))
    }

    /// Renews the record from time to time, unless a later opening of its name has taken the
    /// place.
    pub async fn renew_forever(mut self) {
        let mut ticks = tokio::time::interval(RENEWAL_INTERVAL);
        // The first is at once, and the record is there.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.record.written_ms = clock::now_ms();
            if let Err(error) = self.renew().await {
                tracing::debug!(%error, "this server's record is renewed later");
            }
        }
    }

    async fn renew(&self) -> Result<()> {
        let key = self.key();
        let found = get(&self.job, &key).await?;
        if self.is_own(found.as_ref()) != Some(false) {
            replace(&self.job, &key, found, Some(&self.record)).await?;
        }
        Ok(())
    }

    /// Takes the record back.
    pub async fn withdraw(&self) {
        let key = self.key();
        let withdrawn = async {
            let found = get(&self.job, &key).await?;
            if self.is_own(found.as_ref()) == Some(true) {
                replace(&self.job, &key, found, None).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = in_parting(withdrawn).await {
            tracing::debug!(%error, "this server's record is left to be collected");
        }
    }

    /// Whether a record is of this opening; `None` when there is no record.
    fn is_own(&self, record: Option<&Bytes>) -> Option<bool> {
        let record = PeerRecord::decode(record?.clone());
        Some(record.is_ok_and(|record| record.token == self.record.token))
    }
}

/// The record of one server.
pub async fn find(view: &View, layout: &Layout, member_id: u64) -> Result<Option<PeerRecord>> {
    let record = view.get(&layout.peer(member_id)).await?;
    record.map(PeerRecord::decode).transpose()
}

/// All records, with their keys and as they stand there, in the order of member ids.
async fn records(view: &View, layout: &Layout) -> Result<Vec<(Bytes, Bytes)>> {
    let (mut from, end) = layout.peers();
    let mut records = Vec::new();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        records.extend(page.items);
        match records.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => return Ok(records),
        }
    }
}

/// The servers that have the instance open, and those that were killed lately: member ids and
/// records.
pub async fn all(view: &View, layout: &Layout) -> Result<Vec<(u64, PeerRecord)>> {
    let records = records(view, layout).await?.into_iter();
    records
        .map(|(key, record)| Ok((layout.peer_member(&key)?, PeerRecord::decode(record)?)))
        .collect()
}

/// Removes records older than [`STALE_AGE_MS`]; answers how many.
pub async fn collect_stale(job: &Job, now_ms: i64) -> Result<usize> {
    let view = job.store.view(Consistency::Linearizable).await?;
    let mut collected = 0;
    for (key, record) in records(&view, &job.layout).await? {
        let written_ms = PeerRecord::decode(record.clone())?.written_ms;
        if now_ms - written_ms < STALE_AGE_MS || !job.leads() {
            continue;
        }
        match replace(job, &key, Some(record), None).await {
            Ok(()) => collected += 1,
            // It was renewed, or the next round looks again.
            Err(ApplyError::Conflict | ApplyError::Unknown) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(collected)
}

async fn get(job: &Job, key: &Bytes) -> Result<Option<Bytes>> {
    let view = job.store.view(Consistency::Linearizable).await?;
    Ok(view.get(key).await?)
}

/// Writes or removes a record while it is still what was found.
async fn replace(
    job: &Job,
    key: &Bytes,
    found: Option<Bytes>,
    record: Option<&PeerRecord>,
) -> Result<(), ApplyError> {
    let op = match record {
        Some(record) => Op::Set(key.clone(), record.encode()),
        None => Op::Clear(key.clone()),
    };
    let batch = Batch {
        id: job.batch_id(),
        guard: Some(Guard {
            key: key.clone(),
            expected: found,
        }),
        ops: vec![op],
    };
    job.store.apply(batch).await
}
