//! `kvtool dump`: the keys of a range at one revision, streamed.

use super::{
    client::Dialer,
    encoding::Encoding,
    endpoint::ClientArgs,
    exit::UsageError,
    progress,
    records::{Printer, RecordFormat},
    scan::{KeyRange, Scan, ScanRequest},
};
use anyhow::{Context, Result};
use clap::Args;
use std::io::{self, BufWriter};

/// Print the keys and values under a prefix, all as of one revision
///
/// The revision is pinned once, so writes and other dumps do not disturb the answer. Memory
/// stays flat however large the range is. If the revision is compacted meanwhile, the
/// dump ends with exit code 4; what was printed so far is incomplete.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool dump --prefix /registry/pods/
  kvtool dump --prefix /app/ --keys-only -o table
  kvtool dump --rev 4711 --from a --to m -o json >dump.json
  kvtool dump | jq -r 'select(.version > 100) | .key'

Fields of a record:
  key or key_base64 or key_hex, value or value_base64 or value_hex (not with --keys-only),
  create_revision, mod_revision, version, lease (hexadecimal text, absent without one)

-o jsonl prints one record per line; json and yaml print one document: revision, and records,
a list of these.")]
pub struct DumpArgs {
    /// Keys that begin with this text (default: all keys)
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to"])]
    prefix: Option<String>,
    /// First key
    #[arg(long, value_name = "KEY")]
    from: Option<String>,
    /// First key that is not part of the dump any more
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    /// Read as of this revision (default: the current one)
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    rev: Option<i64>,
    /// Leave the values out
    #[arg(long)]
    keys_only: bool,
    /// Stop after so many keys
    #[arg(long, value_name = "KEYS", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    limit: Option<u64>,
    /// Most keys in one request, for servers that cannot stream a range
    #[arg(long, value_name = "KEYS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    page_size: u32,
    /// Format of the records
    #[arg(short = 'o', long = "output", visible_alias = "format", value_name = "FORMAT", value_enum, default_value_t = RecordFormat::Jsonl)]
    format: RecordFormat,
    /// How keys and values are written in jsonl, json and yaml
    #[arg(long, value_enum, default_value_t = Encoding::Auto)]
    encoding: Encoding,
    #[command(flatten)]
    client: ClientArgs,
}

impl DumpArgs {
    fn range(&self) -> Result<KeyRange> {
        if let Some(prefix) = &self.prefix {
            return Ok(KeyRange::prefix(prefix.as_bytes()));
        }
        let from = self.from.as_deref().unwrap_or_default();
        let to = self.to.as_deref().unwrap_or_default();
        if !to.is_empty() && from >= to {
            return Err(UsageError::new(format!(
                "no key can be between --from {from} and --to {to}"
            ))
            .into());
        }
        Ok(KeyRange::between(from.as_bytes(), to.as_bytes()))
    }
}

pub(super) async fn run(args: DumpArgs) -> Result<()> {
    let dialer = Dialer::new(&args.client)?;
    let request = ScanRequest {
        range: args.range()?,
        revision: args.rev.unwrap_or_default(),
        keys_only: args.keys_only,
        limit: args.limit.unwrap_or_default(),
        page_keys: args.page_size as usize,
    };
    let mut scan = Scan::open(&dialer, request).await?;
    let bar = progress::keys();
    if !bar.is_hidden() {
        bar.set_length(scan.count().await?);
    }
    let out = BufWriter::new(io::stdout().lock());
    let mut printer = Printer::new(out, args.format, args.encoding, scan.revision());
    if args.keys_only {
        printer = printer.without_values();
    }
    while let Some(batch) = scan.next().await? {
        printer.print(&batch).context("cannot write")?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    printer.finish().context("cannot write")
}
