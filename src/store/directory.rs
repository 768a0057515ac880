//! Which key prefix belongs to which instance, for stores that have no directory of their own.
//!
//! ```text
//! 0x00 'd' name  ->  number, 4 bytes, big endian
//! 0x00 'n'       ->  the last number given
//! 0x00 'x' number ->  empty: an instance without a name, whose keys are being deleted
//! ```
//!
//! The prefix of an instance is the byte 0x01 and the low 3 bytes of its number, so prefixes are
//! equally long and none begins another.

use super::{
    ApplyError, Batch, BatchId, Consistency, Direction, Guard, Op, PageLimit, Store, StoreError,
    View,
};
use bytes::Bytes;

const ENTRY: &[u8] = b"\x00d";
const LAST_NUMBER: &[u8] = b"\x00n";
const DOOMED: &[u8] = b"\x00x";
const NUMBER_MAX: u32 = 0xff_ffff;
const NAME_BYTES_MAX: usize = 255;
const PREFIX_BYTES: usize = 4;

/// The byte behind an instance's prefix that only its appended keys have: those that are written once,
/// each behind the ones before, and later deleted. A store may keep them apart.
pub const APPENDED_SUBSPACE: u8 = b'h';

/// The bytes behind an instance's prefix that the records of its keys and of their versions have.
const BULK_SUBSPACES: [u8; 3] = [b'c', APPENDED_SUBSPACE, b'k'];

/// Whether a key, without its instance's prefix, is of those of which no guard is: a store need not
/// notice that two batches write the same one.
pub fn is_bulk(key: &[u8]) -> bool {
    key.first()
        .is_some_and(|byte| BULK_SUBSPACES.contains(byte))
}

/// The appended keys of the instance that a key is of, as `[start, end)`; `None`: it is of none.
pub fn appended(key: &[u8]) -> Option<([u8; PREFIX_BYTES + 1], [u8; PREFIX_BYTES + 1])> {
    let &[1, a, b, c] = key.first_chunk()? else {
        return None;
    };
    Some((
        [1, a, b, c, APPENDED_SUBSPACE],
        [1, a, b, c, APPENDED_SUBSPACE + 1],
    ))
}
/// Entries read at once.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};
/// Keys looked at once while they are added up or deleted.
const SWEEP: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};
/// Other servers that make instances at the same moment cost one attempt each.
const ATTEMPTS_MAX: u32 = 64;

/// Refuses what cannot be the name of an instance.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
        let length = name.len();
        return Err(StoreError::Fatal(
            format!("an instance name has 1 to {NAME_BYTES_MAX} bytes and this one has {length}")
                .into(),
        ));
    }
    Ok(())
}

/// The prefix of the instance `name`, which is given one on first use.
pub async fn prefix(store: &Store, name: &str) -> Result<Bytes, StoreError> {
    let entry = Bytes::from([ENTRY, name.as_bytes()].concat());
    // Found by looking, after a conflict and after an unknown outcome alike.
    for sequence in 0..ATTEMPTS_MAX {
        match attempt(store, &entry, sequence.into()).await {
            Ok(Some(number)) => return encode(number),
            Ok(None) | Err(StoreError::ViewExpired | StoreError::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Unavailable(
        format!("no prefix for instance {name} in {ATTEMPTS_MAX} attempts").into(),
    ))
}

/// Every instance with its prefix.
pub async fn instances(view: &View) -> Result<Vec<(String, Bytes)>, StoreError> {
    let (mut from, end) = (ENTRY.to_vec(), [ENTRY, &[0xff]].concat());
    let mut instances = Vec::new();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (key, value) in &page.items {
            let name = String::from_utf8_lossy(&key[ENTRY.len()..]).into_owned();
            instances.push((name, encode(decode(value)?)?));
        }
        match page.items.last() {
            Some((last, _)) if page.more => from = [last, b"\0".as_slice()].concat(),
            _ => return Ok(instances),
        }
    }
}

/// Deletes the instance `name`; false: there is none.
///
/// It loses its name first, so that nobody opens it any more, and its number is not given again.
/// Its keys go in bounded batches; what a deletion left behind that was cut off, the next one
/// takes along.
pub async fn remove(store: &Store, name: &str) -> Result<bool, StoreError> {
    let entry = Bytes::from([ENTRY, name.as_bytes()].concat());
    let mut is_found = false;
    for _ in 0..ATTEMPTS_MAX {
        let view = store.view(Consistency::Linearizable).await?;
        let Some(value) = view.get(&entry).await? else {
            sweep(store).await?;
            return Ok(is_found);
        };
        // Should it turn out to be gone at the next look, it was this that removed it, or another.
        is_found = true;
        let prefix = encode(decode(&value)?)?;
        let guard = Guard {
            key: entry.clone(),
            expected: Some(value.clone()),
        };
        let ops = vec![
            Op::Clear(entry.clone()),
            Op::Set(Bytes::from([DOOMED, &value].concat()), Bytes::new()),
        ];
        tracing::info!(name, ?prefix, "the instance is deleted");
        match apply(store, Some(guard), ops).await {
            Ok(()) | Err(ApplyError::Conflict | ApplyError::Unknown) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(StoreError::Unavailable(
        format!("instance {name} could not be deleted in {ATTEMPTS_MAX} attempts").into(),
    ))
}

/// Deletes what instances without a name have left.
async fn sweep(store: &Store) -> Result<(), StoreError> {
    let end = [DOOMED, &[0xff; 5]].concat();
    loop {
        let view = store.view(Consistency::Linearizable).await?;
        let doomed = view.scan(DOOMED, &end, PAGE, Direction::Forward).await?;
        let Some((mark, _)) = doomed.items.into_iter().next() else {
            return Ok(());
        };
        let prefix = encode(decode(&mark.slice(DOOMED.len()..))?)?;
        let until = [prefix.as_ref(), &[0xff]].concat();
        let mut ops = Vec::new();
        let left = view
            .scan(&prefix, &until, SWEEP, Direction::Forward)
            .await?;
        ops.extend(left.items.into_iter().map(|(key, _)| Op::Clear(key)));
        if !left.more {
            ops.push(Op::Clear(mark));
        }
        // Of an unknown outcome the next look shows it.
        match apply(store, None, ops).await {
            Ok(()) | Err(ApplyError::Unknown) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// What the keys with a prefix, and their values, take.
pub async fn size(store: &Store, prefix: &Bytes) -> Result<u64, StoreError> {
    let (mut from, end) = (prefix.to_vec(), [prefix.as_ref(), &[0xff]].concat());
    let mut bytes = 0;
    let view = store.view(Consistency::Serializable).await?;
    loop {
        let page = view.scan(&from, &end, SWEEP, Direction::Forward).await?;
        let sizes = page
            .items
            .iter()
            .map(|(key, value)| key.len() + value.len());
        bytes += sizes.sum::<usize>() as u64;
        match page.items.last() {
            Some((last, _)) if page.more => from = [last, b"\0".as_slice()].concat(),
            _ => return Ok(bytes),
        }
        // Other work on this thread comes first.
        tokio::task::yield_now().await;
    }
}

async fn apply(store: &Store, guard: Option<Guard>, ops: Vec<Op>) -> Result<(), ApplyError> {
    let id = BatchId {
        writer: rand::random(),
        sequence: 0,
    };
    store.apply(Batch { id, guard, ops }).await
}

fn failed(error: ApplyError) -> StoreError {
    match error {
        ApplyError::Fatal(sentence) => StoreError::Fatal(sentence),
        error => StoreError::Unavailable(error.to_string().into()),
    }
}

fn encode(number: u32) -> Result<Bytes, StoreError> {
    if number > NUMBER_MAX {
        let sentence = format!("the store has given all {NUMBER_MAX} instance numbers");
        return Err(StoreError::Fatal(sentence.into()));
    }
    let [_, a, b, c] = number.to_be_bytes();
    Ok(Bytes::copy_from_slice(&[1, a, b, c]))
}

fn decode(value: &Bytes) -> Result<u32, StoreError> {
    let number = value.as_ref().try_into().map(u32::from_be_bytes);
    number.map_err(|_| StoreError::Unreadable("the directory of instances is damaged".into()))
}

/// Looks for the entry, and tries once to make it.
async fn attempt(store: &Store, entry: &Bytes, sequence: u64) -> Result<Option<u32>, StoreError> {
    let view = store.view(Consistency::Linearizable).await?;
    if let Some(value) = view.get(entry).await? {
        return decode(&value).map(Some);
    }
    let last = view.get(LAST_NUMBER).await?;
    let number = last.as_ref().map(decode).transpose()?.unwrap_or(0) + 1;
    encode(number)?;
    let value = Bytes::copy_from_slice(&number.to_be_bytes());
    let applied = store
        .apply(Batch {
            id: BatchId {
                writer: rand::random(),
                sequence,
            },
            guard: Some(Guard {
                key: Bytes::from_static(LAST_NUMBER),
                expected: last,
            }),
            ops: vec![
                Op::Set(Bytes::from_static(LAST_NUMBER), value.clone()),
                Op::Set(entry.clone(), value),
            ],
        })
        .await;
    match applied {
        Ok(()) => Ok(Some(number)),
        Err(ApplyError::Conflict | ApplyError::Unknown) => Ok(None),
        Err(error @ ApplyError::NoLeader) => Err(StoreError::Unavailable(error.to_string().into())),
        Err(ApplyError::TooLarge) => Err(StoreError::Fatal(
            "the instance name is longer than a key of the store".into(),
        )),
        Err(ApplyError::Fatal(sentence)) => Err(StoreError::Fatal(sentence)),
    }
}
