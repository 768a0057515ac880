//! The instances of a store: which there are, and what each is allowed.

use crate::error::{Error, Result};
use crate::mvcc::allowance::Allowance;
use crate::mvcc::keyspace::Layout;
use crate::mvcc::{read, size};
use crate::store::{Consistency, Store};

/// One of them, as the store has it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is allowed; `None`: nobody has said so.
    pub allowance: Option<Allowance>,
    /// Its newest revision; `None`: nobody has opened it yet.
    pub revision: Option<i64>,
    /// The bytes it takes, where the store can tell; else those it took when a server last closed it.
    pub size_bytes: Option<u64>,
}

/// All of them, by name.
pub async fn list(store: &Store) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (name, prefix) in store.instances().await? {
        entries.push(entry(store, name, &Layout::new(prefix)).await?);
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// The one of a name.
pub async fn find(store: &Store, name: &str) -> Result<Entry> {
    let layout = layout(store, name).await?;
    entry(store, name.to_owned(), &layout).await
}

/// Makes one.
pub async fn create(store: &Store, name: &str, allowance: Allowance) -> Result<Entry> {
    match layout(store, name).await {
        Err(Error::InstanceNotFound) => {}
        Ok(_) => return Err(Error::InstanceExists),
        Err(error) => return Err(error),
    }
    let layout = Layout::new(store.instance_prefix(name).await?);
    allowance.save(store, &layout).await?;
    entry(store, name.to_owned(), &layout).await
}

/// Deletes one, with all that it holds.
pub async fn delete(store: &Store, name: &str) -> Result<()> {
    match store.remove_instance(name).await? {
        true => Ok(()),
        false => Err(Error::InstanceNotFound),
    }
}

/// Changes what one is allowed.
pub async fn allow(
    store: &Store,
    name: &str,
    change: impl FnOnce(Option<Allowance>) -> Allowance,
) -> Result<Entry> {
    let layout = layout(store, name).await?;
    let view = store.view(Consistency::Linearizable).await?;
    let allowance = change(Allowance::load(&view, &layout).await?);
    allowance.save(store, &layout).await?;
    entry(store, name.to_owned(), &layout).await
}

async fn layout(store: &Store, name: &str) -> Result<Layout> {
    let found = store.instances().await?;
    let found = found.into_iter().find(|(known, _)| known == name);
    let (_, prefix) = found.ok_or(Error::InstanceNotFound)?;
    Ok(Layout::new(prefix))
}

async fn entry(store: &Store, name: String, layout: &Layout) -> Result<Entry> {
    let view = store.view(Consistency::Linearizable).await?;
    let estimated = store.estimated_size(layout.prefix()).await?;
    let is_opened = view.get(&layout.state()).await?.is_some();
    let revision = match is_opened {
        true => Some(read::state(&view, layout).await?.revision),
        false => None,
    };
    Ok(Entry {
        name,
        allowance: Allowance::load(&view, layout).await?,
        revision,
        size_bytes: match estimated {
            Some(bytes) => Some(bytes),
            None => size::recorded(&view, layout).await?,
        },
    })
}
