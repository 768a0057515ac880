//! Which key prefix belongs to which instance, for stores that have no directory of their own.
//!
//! ```text
//! 0x00 'd' name  ->  number, 4 bytes, big endian
//! 0x00 'n'       ->  the last number given
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
const NUMBER_MAX: u32 = 0xff_ffff;
const NAME_BYTES_MAX: usize = 255;
/// Entries read at once.
const PAGE: PageLimit = PageLimit {
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
