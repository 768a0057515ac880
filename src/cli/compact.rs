//! `kvtool compact`: give up old revisions, and show what that freed.

use super::{
    client::{Client, Dialer},
    endpoint::ClientArgs,
    output::{OutputArgs, bytes, table},
    progress,
    samples::{Samples, default_file},
};
use crate::pb::etcdserverpb::{CompactionRequest, DefragmentRequest, StatusRequest};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tonic::{Code, Request, Status};

/// Give up revisions that nobody needs any more
///
/// Every key keeps its newest version at the revision compacted to, and everything after it.
/// The command waits until the old versions are deleted. A revision that is compacted
/// already is a success, so the command can be repeated.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("target").required(true),
    after_help = "\
Examples:
  kvtool compact --revision 4711
  kvtool compact --keep-last 10000 --defrag
  kvtool compact --older-than 1h        (from cron, say every 10 minutes)
  kvtool compact --keep-last 10000 --dry-run -o json

--older-than: a server does not know which revision was current an hour ago. So each run notes
the time and the revision in the --state file, and compacts to the newest note that is old
enough. The first run only takes a note. Nothing younger than the duration is ever lost.

Fields of JSON and YAML:
  endpoint, outcome (compacted, already-compacted, nothing-to-do or dry-run), revision (the
  current one), compact_revision (null: none), waited, seconds, before and after (each with
  db_size_bytes and db_size_in_use_bytes), defragmented (list of endpoint, seconds, before, after)

The exit code is 0 also when there was nothing to do, or it was compacted already; it is 4 for a
revision that does not exist yet. See kvtool --help for the others."
)]
pub struct CompactArgs {
    /// Compact to this revision
    #[arg(long, group = "target", value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    revision: Option<i64>,
    /// Keep so many of the newest revisions
    #[arg(long, group = "target", value_name = "REVISIONS", value_parser = clap::value_parser!(i64).range(0..))]
    keep_last: Option<i64>,
    /// Keep what is younger than this
    #[arg(long, group = "target", value_name = "DURATION", value_parser = super::duration::parse)]
    older_than: Option<Duration>,
    /// Notes of --older-than (default: one file per cluster in ~/.local/state/kvtool)
    #[arg(long, value_name = "FILE", requires = "older_than")]
    state: Option<PathBuf>,
    /// Return when the compaction is accepted, before the old versions are deleted
    #[arg(long)]
    no_wait: bool,
    /// Defragment every endpoint afterwards, one by one; a real etcd serves nothing meanwhile
    #[arg(long, conflicts_with = "no_wait")]
    defrag: bool,
    /// Say what would be compacted and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    endpoint: String,
    outcome: Outcome,
    revision: i64,
    compact_revision: Option<i64>,
    waited: bool,
    seconds: f64,
    before: Size,
    after: Size,
    defragmented: Vec<Defragmented>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Compacted,
    AlreadyCompacted,
    NothingToDo,
    DryRun,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Size {
    db_size_bytes: u64,
    db_size_in_use_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Defragmented {
    endpoint: String,
    seconds: f64,
    before: Size,
    after: Size,
}

/// The server compacted to, as it is before anything changes.
struct Now {
    revision: i64,
    cluster_id: String,
    size: Size,
}

pub(super) async fn run(args: CompactArgs) -> Result<()> {
    let dialer = Dialer::new(&args.client)?;
    let mut client = dialer.connect().await?;
    let now = now(&mut client).await?;
    let target = args.target(&now)?;
    let started = Instant::now();
    let outcome = match target {
        None => Outcome::NothingToDo,
        Some(_) if args.dry_run => Outcome::DryRun,
        Some(revision) => compact(&mut client, revision, !args.no_wait).await?,
    };
    let seconds = started.elapsed().as_secs_f64();
    let mut defragmented = Vec::new();
    if args.defrag && !args.dry_run {
        for endpoint in dialer.endpoints() {
            defragmented.push(defragment(dialer.connect_to(endpoint).await?).await?);
        }
    }
    let report = Report {
        endpoint: client.url().to_owned(),
        outcome,
        revision: now.revision,
        compact_revision: target,
        waited: outcome == Outcome::Compacted && !args.no_wait,
        seconds,
        before: now.size,
        after: self::now(&mut client).await?.size,
        defragmented,
    };
    args.output.print(&report, draw)
}

impl CompactArgs {
    fn target(&self, now: &Now) -> Result<Option<i64>> {
        let target = match (self.revision, self.keep_last, self.older_than) {
            (Some(revision), ..) => Some(revision),
            (_, Some(keep), _) => Some(now.revision - keep),
            (_, _, Some(age)) => self.aged(now, age)?,
            _ => None,
        };
        Ok(target.filter(|revision| *revision > 0))
    }

    /// Adds today's note, and finds the newest one that is old enough.
    fn aged(&self, now: &Now, age: Duration) -> Result<Option<i64>> {
        let file = match &self.state {
            Some(file) => file.clone(),
            None => default_file(&now.cluster_id)?,
        };
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut notes = Samples::load(&file, &now.cluster_id)?;
        notes.record(seconds, now.revision);
        let target = notes.older_than(seconds, age);
        if !self.dry_run {
            notes.forget_below(target.unwrap_or_default());
            notes.save(&file)?;
        }
        Ok(target)
    }
}

async fn now(client: &mut Client) -> Result<Now> {
    let request = client.request(StatusRequest {});
    let status = client.maintenance.status(request).await?.into_inner();
    let header = status.header.unwrap_or_default();
    Ok(Now {
        revision: header.revision,
        cluster_id: format!("{:x}", header.cluster_id),
        size: Size {
            db_size_bytes: status.db_size.max(0) as u64,
            db_size_in_use_bytes: status.db_size_in_use.max(0) as u64,
        },
    })
}

async fn compact(client: &mut Client, revision: i64, physical: bool) -> Result<Outcome> {
    let message = CompactionRequest { revision, physical };
    // The deletion takes as long as there is to delete, so only its start has a deadline.
    let request = match physical {
        true => Request::new(message),
        false => client.request(message),
    };
    let mut kv = client.kv.clone();
    let what = format!("compacting to revision {revision}");
    match progress::waiting(what, client, kv.compact(request)).await {
        Ok(_) => Ok(Outcome::Compacted),
        Err(status) if is_compacted(&status) => Ok(Outcome::AlreadyCompacted),
        Err(status) => Err(status).context(format!("cannot compact to revision {revision}")),
    }
}

/// A revision of the future has the same code, so the text must tell them apart.
fn is_compacted(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.message().contains("has been compacted")
}

async fn defragment(mut client: Client) -> Result<Defragmented> {
    let before = now(&mut client).await?.size;
    let started = Instant::now();
    let what = format!("defragmenting {}", client.url());
    let mut maintenance = client.maintenance.clone();
    progress::waiting(what, &client, maintenance.defragment(DefragmentRequest {}))
        .await
        .with_context(|| format!("cannot defragment {}", client.url()))?;
    Ok(Defragmented {
        endpoint: client.url().to_owned(),
        seconds: started.elapsed().as_secs_f64(),
        before,
        after: now(&mut client).await?.size,
    })
}

fn draw(report: &Report) -> String {
    let target = report.compact_revision.unwrap_or_default();
    let Report {
        revision, seconds, ..
    } = report;
    let headline = match report.outcome {
        Outcome::Compacted if report.waited => {
            format!("compacted to revision {target} of {revision} in {seconds:.1} s")
        }
        Outcome::Compacted => {
            format!("compaction to revision {target} of {revision} accepted, deletion goes on")
        }
        Outcome::AlreadyCompacted => format!("already compacted to revision {target} or later"),
        Outcome::NothingToDo => {
            format!("nothing to compact yet: at revision {revision}, nothing is that old")
        }
        Outcome::DryRun => {
            format!("would compact to revision {target} of {revision}; nothing was changed")
        }
    };
    let mut sizes = table(
        &["STEP", "ENDPOINT", "DB SIZE", "AFTER", "IN USE", "AFTER"],
        &["DB SIZE", "AFTER", "IN USE"],
    );
    let mut row = |step: &str, endpoint: &str, before: Size, after: Size| {
        sizes.add_row([
            step.to_owned(),
            endpoint.to_owned(),
            bytes(before.db_size_bytes),
            bytes(after.db_size_bytes),
            bytes(before.db_size_in_use_bytes),
            bytes(after.db_size_in_use_bytes),
        ]);
    };
    for done in &report.defragmented {
        row("defragment", &done.endpoint, done.before, done.after);
    }
    row("all", &report.endpoint, report.before, report.after);
    format!("{headline}\n{}", sizes.draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_compacted_revision_counts_as_done() {
        let refused = |text| Status::out_of_range(text);
        assert!(is_compacted(&refused(
            "etcdserver: mvcc: required revision has been compacted"
        )));
        assert!(!is_compacted(&refused(
            "etcdserver: mvcc: required revision is a future revision"
        )));
        assert!(!is_compacted(&Status::unavailable("has been compacted")));
    }
}
