//! Who an instance and this server of it are: as the store says, or random ids, made on first use.

use crate::error::{Error, Result};
use crate::mvcc::keyspace::{DENSE_FORMAT, FORMAT, Layout, State};
use crate::mvcc::read;
use crate::mvcc::snapshot::settle;
use crate::store::{ApplyError, Batch, BatchId, Consistency, Guard, Op, Store, StoreError, View};
use bytes::Bytes;

/// Tries to write a first record.
const MAX_ATTEMPTS: u32 = 10;
/// The name of the format's metadata record.
const META_FORMAT: &str = "format";
/// The name of the record of [`dense_until`].
const META_DENSE_UNTIL: &str = "dense index";
/// In the place of the format, while a keyspace is being restored: a newer one to whoever knows
/// nothing of that.
const UNFINISHED: u32 = u32::MAX;
/// In the place of the format, while a keyspace is complete but for what the first who opens it
/// adds: likewise.
const RESTORED: u32 = u32::MAX - 1;
/// Bytes of a member's name.
const NAME_BYTES_MAX: usize = 255;

/// What is the same for all servers of an instance, and what is one server's own.
pub struct Identity {
    /// The id of the instance, or of the group that keeps it.
    pub cluster_id: u64,
    /// The id of the server of that name.
    pub member_id: u64,
}

/// Reads who the server `name` of an instance is. What does not exist yet is made.
pub async fn establish(store: &Store, layout: &Layout, name: &str) -> Result<Identity> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
        let length = name.len();
        let sentence =
            format!("a member name has 1 to {NAME_BYTES_MAX} bytes and this one has {length}");
        return Err(StoreError::Fatal(sentence.into()).into());
    }
    let first_batch = BatchId {
        writer: 0,
        sequence: 0,
    };
    let first = || {
        let mut records = first_records(layout);
        records.push(Op::Set(layout.state(), State::new(first_batch).encode()));
        records
    };
    let key = layout.meta(META_FORMAT);
    let (mut view, record) = made_once(store, &key, first).await?;
    let mut found = number(record)?;
    for _ in 0..MAX_ATTEMPTS {
        match found {
            RESTORED => settle(store, layout).await?,
            DENSE_FORMAT => upgrade(store, layout, &view).await?,
            _ => break,
        }
        let (newer, record) = made_once(store, &key, first).await?;
        (view, found) = (newer, number(record)?);
    }
    if found == UNFINISHED {
        let sentence = "a restore into this keyspace was cut off: empty it, and restore again";
        return Err(StoreError::Unreadable(sentence.into()).into());
    }
    if found > FORMAT {
        return Err(Error::NewerFormat {
            found,
            supported: FORMAT,
        });
    }
    if let Some(member) = store.member() {
        return Ok(Identity {
            cluster_id: member.cluster_id(),
            member_id: member.id(),
        });
    }
    let cluster_id = view.get(&layout.meta("cluster")).await?.unwrap_or_default();
    let member_key = layout.member(name);
    let first_record = || vec![Op::Set(member_key.clone(), random_id())];
    let (_, member_id) = made_once(store, &member_key, first_record).await?;
    Ok(Identity {
        cluster_id: fixed(cluster_id, "cluster id").map(u64::from_be_bytes)?,
        member_id: fixed(member_id, "member id").map(u64::from_be_bytes)?,
    })
}

/// The revision up to which every version may have a record in the index: such were written in
/// [`DENSE_FORMAT`]. 0 in a keyspace that began later.
pub async fn dense_until(view: &View, layout: &Layout) -> Result<i64> {
    match view.get(&layout.meta(META_DENSE_UNTIL)).await? {
        None => Ok(0),
        Some(record) => fixed(record, META_DENSE_UNTIL).map(i64::from_be_bytes),
    }
}

/// Makes a keyspace of [`DENSE_FORMAT`] one of this format: older kvtools would not find the versions
/// that are written from now on.
async fn upgrade(store: &Store, layout: &Layout, view: &View) -> Result<()> {
    let revision = read::state(view, layout).await?.revision;
    let until = Bytes::copy_from_slice(&revision.to_be_bytes());
    let batch = Batch {
        id: BatchId {
            writer: 0,
            sequence: 0,
        },
        guard: Some(of_format(layout, DENSE_FORMAT)),
        ops: vec![
            format(layout, FORMAT),
            Op::Set(layout.meta(META_DENSE_UNTIL), until),
        ],
    };
    match store.apply(batch).await {
        // Whoever asked looks again.
        Ok(()) | Err(ApplyError::Conflict | ApplyError::Unknown) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The records by which a keyspace is known for one, beside its state.
pub fn first_records(layout: &Layout) -> Vec<Op> {
    vec![
        format(layout, FORMAT),
        Op::Set(layout.meta("cluster"), random_id()),
    ]
}

/// The record by which a keyspace is known for one that needs no more than to be settled.
pub fn restored(layout: &Layout) -> Op {
    format(layout, RESTORED)
}

/// The record by which a keyspace is known for one that is not complete.
pub fn unfinished(layout: &Layout) -> Op {
    format(layout, UNFINISHED)
}

fn format(layout: &Layout, number: u32) -> Op {
    let record = Bytes::copy_from_slice(&number.to_be_bytes());
    Op::Set(layout.meta(META_FORMAT), record)
}

/// The guard that holds as long as nobody has settled a restored keyspace.
pub fn unsettled(layout: &Layout) -> Guard {
    of_format(layout, RESTORED)
}

fn of_format(layout: &Layout, number: u32) -> Guard {
    Guard {
        key: layout.meta(META_FORMAT),
        expected: Some(Bytes::copy_from_slice(&number.to_be_bytes())),
    }
}

fn number(format: Bytes) -> Result<u32> {
    fixed(format, META_FORMAT).map(u32::from_be_bytes)
}

fn random_id() -> Bytes {
    Bytes::copy_from_slice(&rand::random::<u64>().to_be_bytes())
}

/// The record at `key`, and a view that holds it. While it is absent, `make` says what to write;
/// of several servers that do so at once one is first, and all find its record.
pub async fn made_once(
    store: &Store,
    key: &Bytes,
    make: impl Fn() -> Vec<Op>,
) -> Result<(View, Bytes)> {
    for _ in 0..MAX_ATTEMPTS {
        let view = store.view(Consistency::Linearizable).await?;
        if let Some(record) = view.get(key).await? {
            return Ok((view, record));
        }
        let batch = Batch {
            id: BatchId {
                writer: 0,
                sequence: 0,
            },
            guard: Some(Guard {
                key: key.clone(),
                expected: None,
            }),
            ops: make(),
        };
        match store.apply(batch).await {
            // Whoever was first, the next turn reads it.
            Ok(()) | Err(ApplyError::Conflict | ApplyError::Unknown) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Store(StoreError::Unavailable(
        "the first records of the instance cannot be written".into(),
    )))
}

fn fixed<const N: usize>(record: Bytes, name: &'static str) -> Result<[u8; N]> {
    record
        .as_ref()
        .try_into()
        .map_err(|_| Error::CorruptRecord {
            subspace: 'm',
            detail: name,
        })
}
