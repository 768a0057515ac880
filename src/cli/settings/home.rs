//! Where the data is.

use super::layers::{Layers, Source};
use super::{FdbArgs, RawSettings, fdb::foundationdb, filled, parse};
use crate::cli::exit::UsageError;
use crate::store::fdb;
use std::path::PathBuf;

/// The home of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// A directory of this machine, and those of the other members of its group.
    Raft(PathBuf),
    /// A directory of this machine alone.
    Local(PathBuf),
    /// A FoundationDB cluster.
    Fdb(Box<fdb::Options>),
    /// This process's memory.
    Memory,
}

impl Home {
    /// Validates what flags and environment variables say of it, for a verb without other settings.
    pub fn given(
        store: Option<String>,
        data_dir: Option<String>,
        fdb: FdbArgs,
    ) -> Result<Self, UsageError> {
        let flags = RawSettings::of_home(store, data_dir, fdb);
        let environment = |name: &str| std::env::var(name).ok();
        home(&Layers::merge(&flags, environment, None)?)
    }
}

/// How settings begin that concern a group alone.
pub const GROUP_FLAGS: [&str; 11] = [
    "corrupt-check-time",
    "compact-hash-check-",
    "initial-corrupt-check",
    "set-member-localaddr",
    "strict-reconfig-check",
    "max-learners",
    "listen-peer-urls",
    "initial-cluster",
    "heartbeat-interval",
    "election-timeout",
    "peer-",
];

pub(super) fn home(layers: &Layers) -> Result<Home, UsageError> {
    let directory = layers.get("data-dir");
    let store = layers.get("store");
    if !["raft", "local"].contains(&store.text.as_str()) && directory.source != Source::Default {
        let problem = format!(
            "the store {} has no directory, so leave this out",
            store.text
        );
        return Err(directory.refuse(problem));
    }
    if store.text != "fdb"
        && let Some(setting) = layers.flag("fdb-")
    {
        return Err(setting.refuse("this is for --store fdb: add that, or leave this out"));
    }
    if store.text != "raft"
        && let Some(setting) = GROUP_FLAGS.iter().find_map(|prefix| layers.flag(prefix))
    {
        return Err(setting.refuse("this is for --store raft: add that, or leave this out"));
    }
    match store.text.as_str() {
        "raft" => parse(directory, filled).map(|path| Home::Raft(path.into())),
        "local" => parse(directory, filled).map(|path| Home::Local(path.into())),
        "fdb" => foundationdb(layers).map(|options| Home::Fdb(Box::new(options))),
        "memory" => Ok(Home::Memory),
        _ => Err(store.refuse("the store is raft, local, fdb or memory")),
    }
}
