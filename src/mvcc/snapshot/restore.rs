//! Makes a keyspace out of a file.

use super::*;
use crate::bolt::Database;
use crate::error::Result;
use crate::mvcc::keyspace::{
    AuthState, BLOB_THRESHOLD_BYTES, Change, Current, Layout, Replaced, Revision, State, Value,
};
use crate::mvcc::{alarm, blob, identity, lease};
use crate::pb::etcdserverpb::{AlarmMember, AlarmType};
use crate::pb::mvccpb::KeyValue;
use crate::store::{Batch, BatchId, Consistency, Direction, Op, PageLimit, Store};
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Records that are read and not stored yet.
const READ_AHEAD: usize = 1024;
/// What one batch holds, where the store takes more.
const BATCH_BYTES_MAX: usize = 1 << 20;
const BATCH_OPS_MAX: usize = 4096;
/// Who writes while there is no writer yet.
const NOBODY: BatchId = BatchId {
    writer: 0,
    sequence: 0,
};

/// Makes clients that remember a newer revision read anew: the keyspace goes on at a later
/// revision, and all before is compacted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bump {
    /// Added to the newest revision.
    pub by: i64,
    /// All up to the newest revision is compacted.
    pub mark_compacted: bool,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The newest revision.
    pub revision: i64,
    /// The compacted revision; -1: none.
    pub compacted: i64,
    /// Live keys.
    pub keys: usize,
    /// Changes of keys.
    pub changes: usize,
    /// Leases.
    pub leases: usize,
}

/// A record on its way out of a file.
type Record = (Bytes, Bytes);

/// Restores a file into the instance `name` of a store, which must have nothing in it.
///
/// What is half restored is refused by whoever opens it. The same file makes the same keyspace, to
/// the byte; see [`settle`].
pub async fn restore(
    store: &Store,
    name: &str,
    database: Arc<Database>,
    bump: Bump,
) -> Result<Restored> {
    let layout = Layout::new(store.instance_prefix(name).await?);
    if !is_empty(store, &layout).await? {
        let sentence = format!("the keyspace {name} is not empty, and nothing is restored over it");
        return Err(StoreError::Fatal(sentence.into()).into());
    }
    let mut into = Into {
        store,
        layout: &layout,
        room: BATCH_BYTES_MAX.min(store.limits().batch_bytes / 2),
        ops: vec![identity::unfinished(&layout)],
        bytes: 0,
        live: HashMap::new(),
        newest: 1,
        changes: 0,
    };
    into.commit().await?;
    let records = |bucket| read(&database, bucket);

    let mut changes = records(bucket::KEY);
    while let Some(record) = changes.recv().await {
        let (key, value) = record?;
        into.change(&key, value).await?;
    }
    let mut count = 0;
    let mut leases = records(bucket::LEASE);
    while let Some(record) = leases.recv().await {
        let stored = StoredLease::decode(record?.1).map_err(|_| damaged("a lease"))?;
        let left = match stored.remaining_ttl {
            0 => stored.ttl,
            left => left,
        };
        let lease = lease::undated(stored.ttl, left);
        into.set(layout.lease(stored.id), lease.encode()).await?;
        count += 1;
    }
    let mut raised = Vec::new();
    let mut alarms = records(bucket::ALARM);
    while let Some(record) = alarms.recv().await {
        raised.push(AlarmMember::decode(record?.0).map_err(|_| damaged("an alarm"))?);
    }
    into.set(layout.meta(alarm::META), alarm::encode(&raised))
        .await?;
    let mut auth = AuthState::default();
    let mut settings = records(bucket::AUTH);
    while let Some(record) = settings.recv().await {
        let (key, value) = record?;
        if key == AUTH_ENABLED {
            auth.enabled = value == [1].as_slice();
        } else if key == AUTH_REVISION {
            let revision = value
                .first_chunk()
                .ok_or(damaged("the revision of users"))?;
            auth.revision = u64::from_be_bytes(*revision);
        }
    }
    for (bucket, first) in [
        (bucket::AUTH_ROLES, layout.role("")),
        (bucket::AUTH_USERS, layout.user("")),
    ] {
        let mut rules = records(bucket);
        while let Some(record) = rules.recv().await {
            let (name, value) = record?;
            let mut key = BytesMut::from(&first[..]);
            key.put_slice(&name);
            into.set(key.freeze(), value).await?;
        }
    }
    let mut compacted = -1;
    let mut meta = records(bucket::META);
    while let Some(record) = meta.recv().await {
        let (key, value) = record?;
        if key == SCHEDULED_COMPACTION || key == FINISHED_COMPACTION {
            compacted = compacted.max(revision(&value).ok_or(damaged("a compaction"))?.0.main);
        }
    }
    let revision = into.newest.max(compacted).saturating_add(bump.by);
    if bump.mark_compacted {
        compacted = revision;
    }
    let has = |kind: AlarmType| raised.iter().any(|alarm| alarm.alarm == kind as i32);
    let state = State {
        revision,
        compacted,
        no_space: has(AlarmType::Nospace),
        corrupt: has(AlarmType::Corrupt),
        auth,
        batch: NOBODY,
    };
    let restored = Restored {
        revision,
        compacted,
        keys: into.live.len(),
        changes: into.changes,
        leases: count,
    };
    into.set(layout.state(), state.encode()).await?;
    into.ops.push(identity::restored(&layout));
    into.commit().await?;
    Ok(restored)
}

async fn is_empty(store: &Store, layout: &Layout) -> Result<bool> {
    let view = store.view(Consistency::Linearizable).await?;
    let one = PageLimit {
        items: 1,
        bytes: usize::MAX,
    };
    let mut end = layout.prefix().to_vec();
    end.push(0xff);
    let found = view
        .scan(layout.prefix(), &end, one, Direction::Forward)
        .await?;
    Ok(found.items.is_empty())
}

/// Reads a bucket on a thread of its own, as reading waits for the disk. A bucket that is not
/// there is empty.
fn read(database: &Arc<Database>, bucket: &'static str) -> mpsc::Receiver<Result<Record>> {
    let (records, read) = mpsc::channel(READ_AHEAD);
    let database = database.clone();
    tokio::task::spawn_blocking(move || {
        let walked = database.bucket(bucket).and_then(|found| match found {
            None => Ok(()),
            Some(found) => found.walk(|key, value, _| {
                let record = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
                let sent = records.blocking_send(Ok(record));
                sent.map_err(|_| BoltError::Damaged("nobody reads it any more"))
            }),
        });
        if let Err(error) = walked {
            // Nobody hears it who has given up before.
            let _ = records.blocking_send(Err(error.into()));
        }
    });
    read
}

/// A revision that etcd has written, and whether it is that of a deletion.
fn revision(bytes: &[u8]) -> Option<(Revision, bool)> {
    let (main, rest) = bytes.split_first_chunk()?;
    let (sub, rest) = rest.strip_prefix(b"_")?.split_first_chunk()?;
    let main = i64::from_be_bytes(*main);
    let sub = u32::try_from(i64::from_be_bytes(*sub)).ok()?;
    let is_deletion = match rest {
        [] => false,
        [b't'] => true,
        _ => return None,
    };
    (main >= 0).then_some((Revision { main, sub }, is_deletion))
}

/// A store that is being filled.
struct Into<'a> {
    store: &'a Store,
    layout: &'a Layout,
    room: usize,
    ops: Vec<Op>,
    bytes: usize,
    /// The version of each key that the next one replaces, and its lease.
    live: HashMap<Bytes, (Replaced, i64)>,
    newest: i64,
    changes: usize,
}

impl Into<'_> {
    /// Takes one change of a key.
    async fn change(&mut self, at: &[u8], value: Bytes) -> Result<()> {
        let (at, is_deletion) = revision(at).ok_or(damaged("a revision"))?;
        self.newest = self.newest.max(at.main);
        let stored = KeyValue::decode(value).map_err(|_| damaged("a key and its value"))?;
        if stored.key.is_empty() {
            // By this etcd's tools say that a revision was passed over.
            return Ok(());
        }
        self.changes += 1;
        let layout = self.layout;
        let key = stored.key.clone();
        let before = self.live.remove(&key);
        let put = match is_deletion {
            true => None,
            false => Some(self.version(at, stored).await?),
        };
        let lease = put.as_ref().map_or(0, |put| put.lease);
        if let Some((_, old)) = before.filter(|(_, old)| *old != 0 && *old != lease) {
            self.add(Op::Clear(layout.attachment(old, &key))).await?;
        }
        if lease != 0 {
            self.set(layout.attachment(lease, &key), Bytes::new())
                .await?;
        }
        self.add(match &put {
            Some(put) => Op::Set(layout.current(&key), put.encode()),
            None => Op::Clear(layout.current(&key)),
        })
        .await?;
        if let Some(put) = &put {
            self.live.insert(key.clone(), (put.as_replaced(), lease));
        }
        let change = Change {
            key,
            put,
            replaced: before.map(|(replaced, _)| replaced),
        };
        if let Some(record) = change.index_record() {
            self.set(layout.index(&change.key, at), record).await?;
        }
        self.set(layout.history(at), change.encode()).await
    }

    /// A version of a key; a large value goes ahead in pieces.
    async fn version(&mut self, at: Revision, stored: KeyValue) -> Result<Current> {
        let value = if stored.value.len() <= BLOB_THRESHOLD_BYTES {
            Value::Inline(stored.value)
        } else {
            let name = blob::restored_name(at, &stored.value);
            let layout = self.layout;
            for piece in blob::pieces(layout, &name, &stored.value) {
                self.add(piece).await?;
            }
            Value::Blob(name)
        };
        if stored.create_revision < 1 || stored.create_revision > at.main || stored.version < 1 {
            return Err(damaged("a version of a key"));
        }
        Ok(Current {
            create_revision: stored.create_revision,
            mod_revision: at.main,
            sub: at.sub,
            version: stored.version,
            lease: stored.lease,
            value,
        })
    }

    async fn set(&mut self, key: Bytes, value: Bytes) -> Result<()> {
        self.add(Op::Set(key, value)).await
    }

    async fn add(&mut self, op: Op) -> Result<()> {
        let size = op.size_bytes();
        if self.bytes + size > self.room || self.ops.len() == BATCH_OPS_MAX {
            self.commit().await?;
        }
        self.bytes += size;
        self.ops.push(op);
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        self.bytes = 0;
        let batch = Batch {
            id: NOBODY,
            guard: None,
            ops: std::mem::take(&mut self.ops),
        };
        Ok(self.store.apply(batch).await?)
    }
}
