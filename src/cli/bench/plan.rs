//! What a run does, once the flags are checked.

use super::{
    args::{DataArgs, LoadArgs},
    keys::{Keys, Values, index_digits},
    watch::STAMP_BYTES,
};
use crate::cli::exit::UsageError;
use serde::Serialize;
use std::{sync::Arc, thread, time::Duration};

/// All keys together, in memory.
const KEY_BLOCK_BYTES_MAX: u64 = 1 << 30;
/// Above this no server takes a value in one request.
const VALUE_BYTES_MAX: usize = 64 << 20;
const CLIENTS_MAX: u64 = 100_000;
/// The empty server takes as many.
pub const CONNECTIONS_MAX: usize = 10_000;
/// The most watchers a run has.
pub const WATCHERS_MAX: u64 = 1_000_000;
/// Without `--conns`: clients per connection, and the most connections.
const CLIENTS_PER_CONNECTION: u64 = 10;
const DEFAULT_CONNECTIONS_MAX: u64 = 100;

/// What the clients ask for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Workload {
    /// Puts.
    Put,
    /// Transactions as Kubernetes sends them: compare the modification revision, then put.
    TxnPut {
        /// How many of 100 are creates of new keys.
        create_percent: u8,
    },
    /// Reads of one key.
    Get {
        /// Read what the asked member has, without a quorum.
        serializable: bool,
    },
    /// Lists of all keys with the prefix.
    Range {
        /// Read what the asked member has, without a quorum.
        serializable: bool,
        /// Leave the values out.
        keys_only: bool,
        /// Only the number of keys.
        count_only: bool,
        /// Receive the answer in pieces, by `RangeStream`.
        stream: bool,
    },
    /// Pages of the keys with the prefix.
    Page {
        /// Keys on a page.
        limit: u64,
        /// Go on to the next page instead of asking for the first one again.
        walk: bool,
    },
    /// One writer and many watchers of what it writes.
    Watch {
        /// Watchers in all.
        watchers: u64,
        /// Streams they share.
        streams: u64,
        /// Every watcher has a key of its own, so that one put goes to one watcher.
        distinct: bool,
        /// Ask for the previous value.
        prev_kv: bool,
        /// Write to the first endpoint and watch at the others.
        apart: bool,
    },
    /// Watches of all keys that begin in the past.
    CatchUp {
        /// How many revisions ago.
        revisions: u64,
    },
    /// Reads of one key and puts.
    Mixed {
        /// Reads per put.
        reads_per_write: f64,
        /// Read what the asked member has, without a quorum.
        serializable: bool,
    },
    /// Grant a lease, keep it alive, revoke it.
    Lease {
        /// Time to live in seconds.
        ttl_seconds: i64,
    },
}

impl Workload {
    /// The name of the subcommand.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::TxnPut { .. } => "txn-put",
            Self::Get { .. } => "get",
            Self::Range { .. } => "range",
            Self::Page { .. } => "page",
            Self::Watch { .. } => "watch",
            Self::CatchUp { .. } => "catch-up",
            Self::Mixed { .. } => "mixed",
            Self::Lease { .. } => "lease",
        }
    }

    /// The kinds of operation it measures.
    pub fn kinds(&self) -> &'static [&'static str] {
        match self {
            Self::TxnPut { .. } => &["update", "create", "conflict"],
            Self::Watch { .. } => &["put", "each watcher", "last watcher"],
            Self::Mixed { .. } => &["get", "put"],
            Self::Lease { .. } => &["grant", "keep-alive", "revoke"],
            Self::Put => &["put"],
            Self::Get { .. } => &["get"],
            Self::Range { .. } => &["range"],
            Self::Page { .. } => &["page"],
            Self::CatchUp { .. } => &["catch-up"],
        }
    }

    /// The kinds its totals speak of. A watch is done when the last watcher has seen the put.
    pub fn headline(&self) -> &'static [usize] {
        match self {
            Self::TxnPut { .. } | Self::Lease { .. } => &[0, 1, 2],
            Self::Mixed { .. } => &[0, 1],
            Self::Watch { .. } => &[2],
            _ => &[0],
        }
    }

    /// How many of the generator's `lanes` send requests: of a watch run only the first does.
    pub fn senders(&self, lanes: usize) -> usize {
        match self {
            Self::Watch { .. } => 1,
            _ => lanes,
        }
    }

    /// Whether it makes sense only when every key of the key space exists.
    pub fn reads(&self) -> bool {
        matches!(
            self,
            Self::Get { .. } | Self::Range { .. } | Self::Page { .. } | Self::Mixed { .. }
        )
    }
}

/// When a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// After this many requests.
    Total(u64),
    /// After this time.
    Time(Duration),
}

/// How hard and how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// Concurrent clients.
    pub clients: u64,
    /// Connections they share.
    pub connections: usize,
    /// Generator threads, at most one per connection.
    pub threads: usize,
    /// Requests due per second; without it as many as the server takes.
    pub rate: Option<f64>,
    /// When it is over.
    pub limit: Limit,
    /// Load before the measuring.
    pub warmup: Duration,
}

/// Keys and values.
#[derive(Debug, Clone)]
pub struct Data {
    /// All keys.
    pub keys: Arc<Keys>,
    /// All values.
    pub values: Arc<Values>,
    /// Keys in order, not at random.
    pub sequential: bool,
    /// Seed of what is random.
    pub seed: u64,
    /// Write all keys first.
    pub prefill: bool,
}

/// A run: a workload, a load and the data.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the clients ask for.
    pub workload: Workload,
    /// How hard and how long.
    pub load: Load,
    /// On which keys.
    pub data: Data,
}

impl Plan {
    /// Checks that the three fit together; the error says which flag to change.
    pub fn new(workload: Workload, load: &LoadArgs, data: &DataArgs) -> Result<Self, UsageError> {
        check_workload(&workload, load, data)?;
        let load = Load::new(&workload, load)?;
        Ok(Self {
            workload,
            load,
            data: Data::new(data)?,
        })
    }
}

impl Load {
    fn new(workload: &Workload, args: &LoadArgs) -> Result<Self, UsageError> {
        bounded("--clients", args.clients, CLIENTS_MAX)?;
        // One client writes; the streams share the connections.
        let (clients, sharers) = match workload {
            Workload::Watch { streams, .. } => (1, *streams),
            _ => (args.clients, args.clients),
        };
        let connections = match args.conns {
            Some(count) => {
                bounded("--conns", count as u64, CONNECTIONS_MAX as u64)?;
                if count as u64 > sharers {
                    return refuse(format!(
                        "--conns {count} is more than the {sharers} that would share them: \
                         lower --conns or raise --clients (for watch, --streams)"
                    ));
                }
                count
            }
            None => (sharers / CLIENTS_PER_CONNECTION).clamp(1, DEFAULT_CONNECTIONS_MAX) as usize,
        };
        let threads = match args.threads {
            Some(0) => return refuse("--threads must be at least 1"),
            Some(count) => count,
            None => thread::available_parallelism().map_or(1, |cores| cores.get()),
        };
        if let Some(rate) = args.rate
            && !(rate.is_finite() && rate > 0.0)
        {
            return refuse("--rate must be more than 0");
        }
        let limit = match args.total {
            Some(0) => return refuse("--total must be at least 1"),
            Some(total) => Limit::Total(total),
            None if args.duration.is_zero() => return refuse("--duration must be more than 0"),
            None => Limit::Time(args.duration),
        };
        Ok(Self {
            clients,
            connections,
            threads: threads.min(connections),
            rate: args.rate,
            limit,
            warmup: args.warmup,
        })
    }
}

impl Data {
    /// Checks that the keys fit in memory and the values in a request, and makes them.
    pub fn new(args: &DataArgs) -> Result<Self, UsageError> {
        if args.key_space == 0 {
            return refuse("--key-space must be at least 1");
        }
        let digits = index_digits(args.key_space);
        let needed = args.prefix.len() + digits;
        if args.key_size < needed {
            return refuse(format!(
                "--key-size {} is too small: the prefix {:?} and {digits} digits for {} keys take \
                 {needed} bytes",
                args.key_size, args.prefix, args.key_space
            ));
        }
        if args.key_space.saturating_mul(args.key_size as u64) > KEY_BLOCK_BYTES_MAX {
            return refuse(format!(
                "{} keys of {} bytes do not fit in the generator's {} MiB: lower --key-space",
                args.key_space,
                args.key_size,
                KEY_BLOCK_BYTES_MAX >> 20
            ));
        }
        bounded(
            "--value-size",
            args.value_size as u64 + 1,
            VALUE_BYTES_MAX as u64 + 1,
        )?;
        Ok(Self {
            keys: Arc::new(Keys::new(&args.prefix, args.key_size, args.key_space)),
            values: Arc::new(Values::new(args.value_size, args.seed)),
            sequential: args.sequential,
            seed: args.seed,
            prefill: args.prefill,
        })
    }
}

fn check_workload(workload: &Workload, load: &LoadArgs, data: &DataArgs) -> Result<(), UsageError> {
    match *workload {
        Workload::TxnPut { .. } if data.key_space < load.clients => refuse(format!(
            "txn-put gives every client keys of its own: raise --key-space to at least {}",
            load.clients
        )),
        Workload::Page { limit: 0, .. } => refuse("--limit must be at least 1"),
        Workload::CatchUp { revisions: 0 } => refuse("--revisions must be at least 1"),
        Workload::Watch {
            watchers,
            streams,
            distinct,
            ..
        } => {
            bounded("--watchers", watchers, WATCHERS_MAX)?;
            bounded("--streams", streams, watchers)?;
            if data.value_size < STAMP_BYTES {
                return refuse(format!(
                    "watch numbers its puts inside the value: --value-size must be at least {STAMP_BYTES}"
                ));
            }
            if distinct && data.key_space < watchers {
                return refuse(format!(
                    "--distinct gives every watcher a key of its own: raise --key-space to at least {watchers}"
                ));
            }
            Ok(())
        }
        Workload::Mixed {
            reads_per_write, ..
        } if !(reads_per_write.is_finite() && reads_per_write >= 0.0) => {
            refuse("--reads-per-write must be 0 or more")
        }
        Workload::Lease { ttl_seconds } if ttl_seconds < 1 => {
            refuse("--ttl must be at least 1 second")
        }
        _ => Ok(()),
    }
}

/// Checks that a flag's number is from 1 to `most`.
pub fn bounded(flag: &str, value: u64, most: u64) -> Result<(), UsageError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    refuse(format!("{flag} must be from 1 to {most}"))
}

fn refuse<T>(sentence: impl Into<String>) -> Result<T, UsageError> {
    Err(UsageError::new(sentence))
}
