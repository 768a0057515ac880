//! Writes a keyspace into a file.

use super::*;
use crate::bolt::Writer;
use crate::error::Result;
use crate::mvcc::clock::now_ms;
use crate::mvcc::keyspace::{Change, Layout, Revision, State, successor};
use crate::mvcc::{alarm, lease, read};
use crate::pb::mvccpb::KeyValue;
use crate::store::{Consistency, Direction, PageLimit, Store, View};
use bytes::Bytes;
use prost::Message;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Records read at a time.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};
/// What of the file is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// What the file says beside the keyspace.
#[derive(Debug, Clone)]
pub struct About {
    /// etcd's storage version, such as `3.7.0`.
    pub version: String,
    /// How far the server is in its log.
    pub index: u64,
    /// The term.
    pub term: u64,
    /// The server.
    pub member_id: u64,
}

/// Writes the keyspace as it is now, with its history; answers with its newest revision.
///
/// A view may end before the file is full. History does not change, so it goes on in a new one,
/// up to the revision of the first.
pub async fn save(store: &Store, layout: &Layout, about: &About, file: &File) -> Result<State> {
    let mut view = store.view(Consistency::Linearizable).await?;
    let state = read::state(&view, layout).await?;
    let leases = lease::all(&view, layout).await?;
    let file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut out = Writer::new(file).map_err(|error| failed(&error))?;
    let mut bucket = Out(&mut out);

    bucket.begin(bucket::ALARM)?;
    let mut alarms: Vec<_> = alarm::decode(view.get(&layout.meta(alarm::META)).await?)?
        .iter()
        .map(Message::encode_to_vec)
        .collect();
    alarms.sort();
    for alarm in alarms {
        bucket.put(alarm, Vec::new())?;
    }
    bucket.begin(bucket::AUTH)?;
    bucket.put(AUTH_ENABLED, [u8::from(state.auth.enabled)])?;
    bucket.put(AUTH_REVISION, state.auth.revision.to_be_bytes())?;
    for (name, first) in [
        (bucket::AUTH_ROLES, layout.role("")),
        (bucket::AUTH_USERS, layout.user("")),
    ] {
        bucket.begin(name)?;
        copy(&view, &first, &mut bucket).await?;
    }
    bucket.begin(bucket::CLUSTER)?;
    bucket.put("clusterVersion", about.version.as_str())?;

    bucket.begin(bucket::KEY)?;
    let mut from = layout.history(Revision::first_of(0));
    let end = layout.history(Revision::first_of(state.revision + 1));
    let mut compacted = state.compacted;
    loop {
        match changes(&view, layout, &mut from, &end, &mut bucket).await {
            Ok(()) => break,
            Err(Error::Store(StoreError::ViewExpired)) => {
                view = store.view(Consistency::Linearizable).await?;
                compacted = read::state(&view, layout).await?.compacted;
                if compacted > state.revision {
                    return Err(Error::Compacted);
                }
            }
            Err(error) => return Err(error),
        }
    }

    bucket.begin(bucket::LEASE)?;
    for (id, lease) in leases {
        let stored = StoredLease {
            id,
            ttl: lease.ttl_seconds,
            remaining_ttl: ((lease.deadline_ms - now_ms()) / 1000).max(1),
        };
        bucket.put(id.to_be_bytes(), stored.encode_to_vec())?;
    }
    bucket.begin(bucket::MEMBERS)?;
    bucket.begin(bucket::MEMBERS_REMOVED)?;
    bucket.begin(bucket::META)?;
    let members = format!(r#"{{"voters":[{}],"auto_leave":false}}"#, about.member_id);
    bucket.put("confState", members)?;
    bucket.put("consistent_index", about.index.to_be_bytes())?;
    if compacted >= 0 {
        bucket.put(SCHEDULED_COMPACTION, revision_key(compacted, 0, false))?;
    }
    bucket.put("storageVersion", about.version.as_str())?;
    bucket.put("term", about.term.to_be_bytes())?;
    let mut file = out.finish().map_err(|error| failed(&error))?;
    file.flush().map_err(|error| failed(&error))?;
    Ok(state)
}

/// The bucket that is being written.
struct Out<'a, F: Write + std::io::Seek>(&'a mut Writer<F>);

impl<F: Write + std::io::Seek> Out<'_, F> {
    fn begin(&mut self, name: &str) -> Result<()> {
        self.0.bucket(name).map_err(|error| failed(&error))
    }

    fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let (key, value) = (key.as_ref().to_vec(), value.as_ref().to_vec());
        self.0.put(key, value).map_err(|error| failed(&error))
    }
}

/// Copies the records whose keys begin like this, under what follows in their keys.
async fn copy<F: Write + std::io::Seek>(
    view: &View,
    first: &Bytes,
    bucket: &mut Out<'_, F>,
) -> Result<()> {
    let mut end = first.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    let mut from = first.clone();
    loop {
        let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
        for (key, value) in &page.items {
            bucket.put(&key[first.len()..], value)?;
        }
        match page.items.last() {
            Some((key, _)) if page.more => from = successor(key),
            _ => return Ok(()),
        }
    }
}

/// Writes the changes between two store keys; `from` says how far it has come.
async fn changes<F: Write + std::io::Seek>(
    view: &View,
    layout: &Layout,
    from: &mut Bytes,
    end: &Bytes,
    bucket: &mut Out<'_, F>,
) -> Result<()> {
    loop {
        let page = view.scan(from, end, PAGE, Direction::Forward).await?;
        for (store_key, record) in &page.items {
            let at = layout.history_revision(store_key)?;
            let change = Change::decode(at, record.clone())?;
            let is_put = change.put.is_some();
            let stored = match change.put {
                Some(put) => {
                    let value = read::value(view, layout, &put.value).await?;
                    put.to_key_value(change.key, value)
                }
                None => KeyValue {
                    key: change.key,
                    ..KeyValue::default()
                },
            };
            let key = revision_key(at.main, at.sub, !is_put);
            bucket.put(key, stored.encode_to_vec())?;
            *from = successor(store_key);
        }
        if !page.more {
            return Ok(());
        }
    }
}

/// A revision as etcd writes it.
fn revision_key(main: i64, sub: u32, is_deletion: bool) -> Vec<u8> {
    let mut key = main.to_be_bytes().to_vec();
    key.push(b'_');
    key.extend(i64::from(sub).to_be_bytes());
    if is_deletion {
        key.push(b't');
    }
    key
}
