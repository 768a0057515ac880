//! `kvtool inspect-keyspace --raw`: what the subspaces of an instance take in the store.

use crate::cli::{
    exit::UsageError,
    output::{OutputArgs, bytes, or_dash, table},
    settings::{FdbArgs, Home},
};
use crate::error::Error;
use crate::mvcc::keyspace::{Layout, SUBSPACES, successor};
use crate::store::{
    Consistency, Direction, PageLimit, Store, StoreError,
    fdb::{self, Fdb},
    local::Local,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

/// What is read at once while keys are counted.
const PAGE: PageLimit = PageLimit {
    items: 10_000,
    bytes: 1 << 20,
};
/// A subspace that FoundationDB estimates larger than this is counted only when asked for.
const COUNTED_BYTES_MAX: u64 = 64 << 20;
/// Views of one page that may expire before the command gives up.
const PAGE_ATTEMPTS: u32 = 5;

/// Which store to read, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Raw")]
pub struct RawArgs {
    /// Read the store itself: what each subspace of an instance takes
    #[arg(long, conflicts_with_all = ["prefix", "versions", "growth"])]
    raw: bool,
    /// Home of the data: a directory of this machine, or a FoundationDB cluster [default: raft]
    #[arg(long, requires = "raw", value_parser = ["raft", "local", "fdb"])]
    store: Option<String>,
    /// Directory the data lives in [default: ./kvtool.data]
    #[arg(long, requires = "raw", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    data_dir: Option<String>,
    /// Show this instance only [default: all instances]
    #[arg(long, requires = "raw", value_name = "NAME")]
    instance: Option<String>,
    /// Show all instances, which is also the default
    #[arg(long, requires = "raw", conflicts_with = "instance")]
    all_instances: bool,
    /// Count also where FoundationDB's estimate would do, which reads everything
    #[arg(long, requires = "raw")]
    count: bool,
    #[command(flatten)]
    fdb: FdbArgs,
}

impl RawArgs {
    /// Whether the store is to be read, and not a server asked.
    pub fn is_wanted(&self) -> bool {
        self.raw
    }
}

#[derive(Debug, Serialize)]
struct Report {
    instances: Vec<Instance>,
}

#[derive(Debug, Serialize)]
struct Instance {
    instance: String,
    total_bytes: u64,
    subspaces: Vec<Subspace>,
}

/// What the keys and values of a subspace take.
#[derive(Debug, Serialize)]
struct Subspace {
    name: &'static str,
    letter: char,
    /// Nobody counted them where the bytes are an estimate.
    keys: Option<u64>,
    bytes: u64,
    estimated: bool,
}

pub async fn run(args: RawArgs, output: &OutputArgs) -> Result<()> {
    let home = Home::given(args.store, args.data_dir, args.fdb)?;
    let store = open(home).await?;
    let report = inspect(&store, args.instance.as_deref(), args.count).await;
    drop(store);
    fdb::shut_down();
    output.print(&report?, draw)
}

async fn open(home: Home) -> Result<Store> {
    match home {
        Home::Memory => {
            Err(UsageError::new("memory is gone with its server: ask the server").into())
        }
        Home::Fdb(options) => {
            let opened = Fdb::open(&options).await.map_err(Error::from);
            Ok(Store::Fdb(
                opened.context("cannot open the FoundationDB store")?,
            ))
        }
        Home::Raft(path) | Home::Local(path) => {
            let opened = tokio::task::spawn_blocking(move || {
                let opened = Local::open_read_only(&path).map_err(Error::from);
                opened.with_context(|| format!("cannot read the data directory {}", path.display()))
            });
            Ok(Store::Local(opened.await.context("opening was cut off")??))
        }
    }
}

async fn inspect(store: &Store, only: Option<&str>, count: bool) -> Result<Report> {
    let mut instances = Vec::new();
    let mut found = store.instances().await.map_err(Error::from)?;
    found.retain(|(name, _)| only.is_none_or(|only| only == name));
    if let Some(only) = only.filter(|_| found.is_empty()) {
        bail!("the store has no instance {only}");
    }
    for (instance, prefix) in found {
        let layout = Layout::new(prefix);
        let mut subspaces = Vec::with_capacity(SUBSPACES.len());
        for (letter, name) in SUBSPACES {
            let measured = measure(store, layout.subspace(letter), count).await;
            let (keys, bytes) = measured.map_err(Error::from)?;
            subspaces.push(Subspace {
                name,
                letter: letter.into(),
                keys,
                bytes,
                estimated: keys.is_none(),
            });
        }
        instances.push(Instance {
            instance,
            total_bytes: subspaces.iter().map(|subspace| subspace.bytes).sum(),
            subspaces,
        });
    }
    Ok(Report { instances })
}

/// Keys and bytes of a range; no keys where the bytes are an estimate.
async fn measure(
    store: &Store,
    (mut from, end): (bytes::Bytes, bytes::Bytes),
    count: bool,
) -> Result<(Option<u64>, u64), StoreError> {
    if let (Store::Fdb(fdb), false) = (store, count) {
        let estimate = fdb.estimate(&from, &end).await?;
        if estimate > COUNTED_BYTES_MAX {
            return Ok((None, estimate));
        }
    }
    let (mut keys, mut bytes, mut attempts) = (0, 0, 0);
    let mut view = store.view(Consistency::Linearizable).await?;
    loop {
        match view.scan(&from, &end, PAGE, Direction::Forward).await {
            Ok(page) => {
                attempts = 0;
                keys += page.items.len() as u64;
                let sizes = page
                    .items
                    .iter()
                    .map(|(key, value)| key.len() + value.len());
                bytes += sizes.sum::<usize>() as u64;
                match page.items.last() {
                    Some((last, _)) if page.more => from = successor(last),
                    _ => return Ok((Some(keys), bytes)),
                }
            }
            // A long count goes on in a newer view: what is written meanwhile may count or not.
            Err(StoreError::ViewExpired) if attempts < PAGE_ATTEMPTS => {
                attempts += 1;
                view = store.view(Consistency::Linearizable).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn draw(report: &Report) -> String {
    let columns = ["INSTANCE", "SUBSPACE", "KEYS", "BYTES", "SHARE", "HOW"];
    let mut drawn = table(&columns, &columns[2..5]);
    for instance in &report.instances {
        let share = |part: u64| {
            format!(
                "{:.1}%",
                100.0 * part as f64 / instance.total_bytes.max(1) as f64
            )
        };
        for subspace in &instance.subspaces {
            drawn.add_row([
                instance.instance.clone(),
                format!("{} {}", subspace.letter, subspace.name),
                or_dash(subspace.keys.map(|keys| keys.to_string())),
                bytes(subspace.bytes),
                share(subspace.bytes),
                if subspace.estimated {
                    "estimated"
                } else {
                    "counted"
                }
                .to_owned(),
            ]);
        }
        let is_exact = instance
            .subspaces
            .iter()
            .all(|subspace| !subspace.estimated);
        drawn.add_row([
            instance.instance.clone(),
            "(all)".to_owned(),
            or_dash(is_exact.then(|| {
                let keys = instance
                    .subspaces
                    .iter()
                    .filter_map(|subspace| subspace.keys);
                keys.sum::<u64>().to_string()
            })),
            bytes(instance.total_bytes),
            share(instance.total_bytes),
            String::new(),
        ]);
    }
    drawn.draw()
}
