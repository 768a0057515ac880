//! `kvtool force-new-cluster`: a cluster of one, from what one member has.

use super::output::OutputArgs;
use crate::error::Error;
use crate::store::raft::{Survivor, force_new_cluster};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Make the only member that is left a cluster of one
///
/// For a cluster that has lost more than half of its members for good. Their disks are not needed.
/// The server must not run; start it as before afterwards, and add other members.
///
/// What may be lost: writes that the other members have acknowledged and this one has never heard
/// of. Of several members that are left, take the one with the largest last_index. What this
/// member has and did not know to be committed is kept, whether or not it was ever acknowledged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool force-new-cluster --data-dir /var/lib/kvtool

Never start the others again with their old data directories: enough of them would go on as the
cluster that they were. Empty the directories, and add them anew with `kvtool member add`.

Fields of JSON and YAML:
  cluster_id, member_id, name, removed (ids), last_index, uncertain (entries that were kept and not
  known to be committed); ids are hexadecimal text")]
pub struct ForceArgs {
    /// The directory of the member
    #[arg(long, value_name = "DIR", env = "KVTOOL_DATA_DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    cluster_id: String,
    member_id: String,
    name: String,
    removed: Vec<String>,
    last_index: u64,
    uncertain: u64,
}

pub(super) fn run(args: &ForceArgs) -> Result<()> {
    let survivor = force_new_cluster(&args.data_dir).map_err(Error::from);
    let survivor = survivor.context("no new cluster was made")?;
    let survivor =
        survivor.context("this member is a group of one already: nothing was changed")?;
    args.output.print(&Report::of(survivor), draw)
}

impl Report {
    fn of(survivor: Survivor) -> Self {
        let removed = survivor.removed.iter();
        Self {
            cluster_id: format!("{:x}", survivor.cluster_id),
            member_id: format!("{:x}", survivor.member.id),
            removed: removed.map(|member| format!("{:x}", member.id)).collect(),
            name: survivor.member.name,
            last_index: survivor.last_index,
            uncertain: survivor.uncertain,
        }
    }
}

fn draw(report: &Report) -> String {
    format!(
        "{} ({}) is the only member of the cluster {} now.\n\
         Removed: {}. Never start them again with their data.\n\
         Kept: all up to entry {}; it was not known of the last {} whether they were committed.\n\
         Lost: whatever the others have acknowledged behind that.",
        report.member_id,
        report.name,
        report.cluster_id,
        report.removed.join(", "),
        report.last_index,
        report.uncertain,
    )
}
