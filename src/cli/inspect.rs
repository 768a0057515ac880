//! `kvtool inspect-keyspace`: what fills the keyspace, and what makes it grow.

mod raw;

use super::{
    client::{Client, Dialer},
    encoding::{Name, printable},
    endpoint::ClientArgs,
    follow::{Follow, Step},
    groups::{Group, Groups, Largest, Naming},
    output::{OutputArgs, bytes, table},
    progress,
    scan::{KeyRange, Scan, ScanRequest},
};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{cmp::Reverse, time::Duration};

/// Most keys in one request, for servers that cannot stream a range.
const PAGE_KEYS: usize = 10_000;
const PREFIX_CHARS_MAX: usize = 60;

/// Show which prefixes hold how many keys and bytes, and which keys are the largest
///
/// Reads every key under --prefix once, all as of one revision, in flat memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool inspect-keyspace
  kvtool inspect-keyspace --prefix /registry/ --depth 1 --top 20
  kvtool inspect-keyspace --versions --sort versions
  kvtool inspect-keyspace --growth 1m --sort writes -o json
  kvtool inspect-keyspace --raw --store fdb --fdb-cluster-file fdb.cluster
  kvtool inspect-keyspace --raw --data-dir /var/lib/kvtool --instance default

A group is named by the first --depth parts behind --prefix. KEYS, BYTES (keys and values),
WRITES (how often its living keys were written) and LEASED (keys on a lease) cost one read of
the range. --versions also reads the whole history that is not compacted yet. --growth watches
the range for a while and adds what was written meanwhile, per second.

--raw asks no server: it reads the store, and changes nothing there. It shows what each
subspace of an instance takes, history and index and blobs too, before the store compresses
or replicates it. A data directory must not be open elsewhere.

Fields of JSON and YAML:
  endpoint, revision, seconds_watched (with --growth), history_from (with --versions: the oldest
  kept revision), total, groups, other_groups (how many beyond --groups) and other, largest
  groups: prefix (or prefix_base64) with keys, key_bytes, value_bytes, writes, leased_keys,
  versions, growth (puts, deletes, written_bytes, keys, bytes: the last two as a difference)
  largest: key (or key_base64), bytes
With --raw:
  instances (instance, total_bytes, subspaces with name, letter, bytes, keys, which is null
  where bytes is an estimate, and estimated)")]
pub struct InspectArgs {
    /// Only keys that begin with this text (default: all keys)
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
    /// Parts of the name behind the prefix that make a group
    #[arg(long, value_name = "PARTS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    depth: u8,
    /// The character between parts
    #[arg(long, value_name = "CHARACTER", default_value = "/", value_parser = separator)]
    separator: u8,
    /// Show so many of the largest keys
    #[arg(long, value_name = "KEYS", default_value_t = 10)]
    top: u16,
    /// Show so many groups at most; the smaller ones become one row
    #[arg(long, value_name = "GROUPS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    groups: u32,
    /// Order of the groups
    #[arg(long, value_enum, default_value_t = Sort::Bytes)]
    sort: Sort,
    /// Count the versions and deletions the server still keeps
    #[arg(long)]
    versions: bool,
    /// Watch the range for so long and show what is written
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    growth: Option<Duration>,
    #[command(flatten)]
    raw: raw::RawArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sort {
    /// Most bytes first
    Bytes,
    /// Most keys first
    Keys,
    /// Most writes first: those watched with --growth, else those of the living keys
    Writes,
    /// Most kept versions first, see --versions
    Versions,
    /// By name
    Prefix,
}

#[derive(Debug, Serialize)]
struct Report {
    endpoint: String,
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_watched: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_from: Option<i64>,
    total: Group,
    groups: Vec<Row>,
    other_groups: u64,
    other: Group,
    largest: Vec<Large>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    prefix: Name,
    #[serde(flatten)]
    sums: Group,
}

#[derive(Debug, Serialize)]
struct Large {
    #[serde(flatten)]
    key: Name,
    bytes: u64,
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err("the separator is one ASCII character".to_owned()),
    }
}

fn some_time(text: &str) -> Result<Duration, String> {
    match super::duration::parse(text)? {
        Duration::ZERO => Err("nothing grows in no time".to_owned()),
        length => Ok(length),
    }
}

pub(super) async fn run(args: InspectArgs) -> Result<()> {
    if args.raw.is_wanted() {
        return raw::run(args.raw, &args.output).await;
    }
    let dialer = Dialer::new(&args.client)?;
    let client = dialer.connect().await?;
    let range = KeyRange::prefix(args.prefix.as_bytes());
    let naming = Naming {
        prefix_len: args.prefix.len(),
        depth: args.depth.into(),
        separator: args.separator,
    };
    let mut groups = Groups::new(naming, args.groups as usize);
    let mut largest = Largest::new(args.top.into());
    let (revision, newest) = read_keys(&dialer, &range, &mut groups, &mut largest).await?;
    let history_from = match args.versions {
        true => Some(read_history(&dialer, &client, &range, revision, newest, &mut groups).await?),
        false => None,
    };
    if let Some(length) = args.growth {
        watch(&client, range, length, &mut groups).await?;
    }
    let total = groups.total();
    let (list, other_groups, other) = groups.finish();
    let mut report = Report {
        endpoint: client.url().to_owned(),
        revision,
        seconds_watched: args.growth.map(|length| length.as_secs_f64()),
        history_from,
        total,
        groups: list
            .into_iter()
            .map(|(prefix, sums)| Row {
                prefix: Name::new("prefix", prefix),
                sums,
            })
            .collect(),
        other_groups,
        other,
        largest: largest
            .finish()
            .into_iter()
            .map(|(bytes, key)| Large {
                key: Name::new("key", key),
                bytes,
            })
            .collect(),
    };
    sort(&mut report.groups, args.sort);
    args.output.print(&report, draw)
}

/// Adds every key; answers with the revision read at and the newest modification met.
async fn read_keys(
    dialer: &Dialer,
    range: &KeyRange,
    groups: &mut Groups,
    largest: &mut Largest,
) -> Result<(i64, i64)> {
    let request = ScanRequest {
        range: range.clone(),
        revision: 0,
        keys_only: false,
        limit: 0,
        page_keys: PAGE_KEYS,
    };
    let mut scan = Scan::open(dialer, request).await?;
    let bar = progress::keys();
    if !bar.is_hidden() {
        bar.set_length(scan.count().await?);
    }
    let mut newest = 0;
    while let Some(batch) = scan.next().await? {
        for kv in &batch {
            groups.add_key(kv);
            largest.add(kv);
            newest = newest.max(kv.mod_revision);
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok((scan.revision(), newest))
}

/// Adds every version kept up to `revision`; answers with the oldest revision still kept.
///
/// These are the changes after the compacted revision, and one version of each key that lived
/// at it. `newest` is the last change of a key that still lives: without it, a server that
/// reports progress too early would cut the count short.
async fn read_history(
    dialer: &Dialer,
    client: &Client,
    range: &KeyRange,
    revision: i64,
    newest: i64,
    groups: &mut Groups,
) -> Result<i64> {
    let mut follow = Follow::open(client, range.clone(), 1, false).await?;
    let (mut compacted, mut seen) = (0, 0);
    loop {
        match follow.next().await? {
            Step::StartsAt(_) if seen > 0 => {
                bail!("the history was compacted while it was read: run the command again")
            }
            Step::StartsAt(start) => compacted = start,
            Step::Events(events) => {
                for kv in events.iter().filter_map(|event| event.kv.as_ref()) {
                    seen = kv.mod_revision;
                    if seen > compacted && seen <= revision {
                        groups.add_version(&kv.key);
                    }
                }
            }
            Step::Reached(reached) if reached >= revision && seen.max(compacted) >= newest => break,
            Step::Reached(_) => {}
        }
        if seen > revision {
            break;
        }
    }
    if compacted > 0 {
        let request = ScanRequest {
            range: range.clone(),
            revision: compacted,
            keys_only: true,
            limit: 0,
            page_keys: PAGE_KEYS,
        };
        let mut scan = Scan::open(dialer, request).await?;
        while let Some(batch) = scan.next().await? {
            batch.iter().for_each(|kv| groups.add_version(&kv.key));
        }
    }
    Ok(compacted)
}

/// Adds what changes while `length` passes.
async fn watch(
    client: &Client,
    range: KeyRange,
    length: Duration,
    groups: &mut Groups,
) -> Result<()> {
    let mut follow = Follow::open(client, range, 0, true).await?;
    let changes = async {
        loop {
            match follow.next().await? {
                Step::Events(events) => events.iter().for_each(|event| groups.add_change(event)),
                Step::StartsAt(_) => bail!("the changes were compacted before they were read"),
                Step::Reached(_) => {}
            }
        }
    };
    let what = format!("watching for {}", humantime::format_duration(length));
    let result = progress::waiting(what, client, tokio::time::timeout(length, changes)).await;
    // Only an error ends the watch before the time does.
    result.unwrap_or(Ok(()))
}

fn sort(rows: &mut [Row], by: Sort) {
    let writes = |sums: &Group| match &sums.growth {
        Some(growth) => growth.puts + growth.deletes,
        None => sums.writes,
    };
    match by {
        // They come sorted by name, and sorting is stable.
        Sort::Prefix => {}
        Sort::Bytes => rows.sort_by_key(|row| Reverse(row.sums.bytes())),
        Sort::Keys => rows.sort_by_key(|row| Reverse(row.sums.keys)),
        Sort::Writes => rows.sort_by_key(|row| Reverse(writes(&row.sums))),
        Sort::Versions => rows.sort_by_key(|row| Reverse(row.sums.versions)),
    }
}

fn draw(report: &Report) -> String {
    let mut columns = vec![
        "PREFIX", "KEYS", "BYTES", "SHARE", "AVERAGE", "WRITES", "LEASED",
    ];
    if report.history_from.is_some() {
        columns.push("VERSIONS");
    }
    if report.seconds_watched.is_some() {
        columns.extend(["PUTS/S", "DELETES/S", "KEYS/S", "WRITTEN/S", "GROWTH/S"]);
    }
    let mut drawn = table(&columns, &columns[1..]);
    for row in &report.groups {
        drawn.add_row(cells(name(&row.prefix), &row.sums, report));
    }
    if report.other_groups > 0 {
        let name = format!("({} others)", report.other_groups);
        drawn.add_row(cells(name, &report.other, report));
    }
    drawn.add_row(cells("(all)".to_owned(), &report.total, report));
    let mut text = format!("{}\n", drawn.draw().trim_end());
    if !report.largest.is_empty() {
        let mut largest = table(&["BYTES", "LARGEST KEYS"], &["BYTES"]);
        for key in &report.largest {
            largest.add_row([bytes(key.bytes), name(&key.key)]);
        }
        text += &format!("\n{}\n", largest.draw().trim_end());
    }
    text += &format!("\nread at revision {}", report.revision);
    if let Some(from) = report.history_from {
        text += &format!(", history kept from revision {from}");
    }
    text
}

fn name(name: &Name) -> String {
    match name.bytes() {
        [] => "(top level)".to_owned(),
        bytes => printable(bytes, PREFIX_CHARS_MAX),
    }
}

fn cells(name: String, sums: &Group, report: &Report) -> Vec<String> {
    let share = 100.0 * sums.bytes() as f64 / report.total.bytes().max(1) as f64;
    let mut cells = vec![
        name,
        sums.keys.to_string(),
        bytes(sums.bytes()),
        format!("{share:.1}%"),
        bytes(sums.bytes() / sums.keys.max(1)),
        sums.writes.to_string(),
        sums.leased_keys.to_string(),
    ];
    if report.history_from.is_some() {
        cells.push(sums.versions.unwrap_or_default().to_string());
    }
    if let Some(seconds) = report.seconds_watched {
        let growth = sums.growth.clone().unwrap_or_default();
        let rate = |count: f64| format!("{:.1}", count / seconds);
        let per_second = |count: u64| bytes((count as f64 / seconds) as u64);
        cells.extend([
            rate(growth.puts as f64),
            rate(growth.deletes as f64),
            rate(growth.keys as f64),
            per_second(growth.written_bytes),
            format!(
                "{}{}",
                if growth.bytes < 0 { "-" } else { "" },
                per_second(growth.bytes.unsigned_abs())
            ),
        ]);
    }
    cells
}
