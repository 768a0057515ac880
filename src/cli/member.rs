//! `kvtool member` and `kvtool move-leader`: who belongs to the cluster, and who leads it.

use super::{
    client::{Client, Dialer},
    endpoint::ClientArgs,
    exit::UsageError,
    output::{OutputArgs, or_dash, table},
};
use crate::pb::etcdserverpb::{
    Member, MemberAddRequest, MemberListRequest, MemberPromoteRequest, MemberRemoveRequest,
    MemberUpdateRequest, MoveLeaderRequest, StatusRequest,
};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

/// Show and change the members of the cluster
///
/// Changes are checked as etcd checks them: one that could cost the cluster its quorum is refused,
/// and the exit code is 3 or 4. An id that was removed does not come back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool member list
  kvtool member add --peer-urls http://10.0.0.4:2380 --learner
  kvtool member promote 8211f1d0f64f3269
  kvtool member remove 8211f1d0f64f3269
  kvtool member list -o json | jq -r '.members[].client_urls[]'

To replace a member whose disk is lost: remove it, add it with the same peer URLs, and start it with
an empty data directory and --initial-cluster-state existing. Remove first: a member that is down
and one that is new are two that are missing.

Fields of JSON and YAML:
  cluster_id, member_id (whom the command was about; null for list), members (each with id, name,
  started, learner, peer_urls, client_urls); ids are hexadecimal text")]
pub struct MemberArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the members
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Let one more server join; it is started afterwards
    Add {
        /// Where the others will reach it
        #[arg(long, value_name = "URL,...", value_delimiter = ',', required = true)]
        peer_urls: Vec<String>,
        /// Without a vote, until it is promoted
        #[arg(long)]
        learner: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a member for good; its server ends
    Remove {
        /// The member
        #[arg(value_name = "ID", value_parser = id)]
        id: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Tell the others where to reach a member from now on
    Update {
        /// The member
        #[arg(value_name = "ID", value_parser = id)]
        id: u64,
        /// Its URLs, in the place of all it had
        #[arg(long, value_name = "URL,...", value_delimiter = ',', required = true)]
        peer_urls: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Give a learner that has caught up a vote
    Promote {
        /// The learner
        #[arg(value_name = "ID", value_parser = id)]
        id: u64,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Let another member lead
///
/// The member that leads now is looked for among the endpoints, and asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool move-leader 8211f1d0f64f3269
  kvtool move-leader 8211f1d0f64f3269 --endpoints http://10.0.0.1:2379,http://10.0.0.2:2379

Fields of JSON and YAML:
  from and to: ids as hexadecimal text")]
pub struct MoveLeaderArgs {
    /// The member that is to lead
    #[arg(value_name = "ID", value_parser = id)]
    to: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Serialize)]
struct Report {
    cluster_id: String,
    member_id: Option<String>,
    members: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    name: String,
    started: bool,
    learner: bool,
    peer_urls: Vec<String>,
    client_urls: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Moved {
    from: String,
    to: String,
}

/// Ids are hexadecimal wherever people see them.
fn id(text: &str) -> Result<u64, String> {
    let digits = text.trim_start_matches("0x");
    u64::from_str_radix(digits, 16).map_err(|_| "a member id is a hexadecimal number".to_owned())
}

fn hexadecimal(id: u64) -> String {
    format!("{id:x}")
}

pub(super) async fn run(args: MemberArgs) -> Result<()> {
    let (common, header, member_id, members) = match args.action {
        Action::List { common } => {
            let mut client = Client::connect(&common.client).await?;
            let request = client.request(MemberListRequest { linearizable: true });
            let answer = client.cluster.member_list(request).await?.into_inner();
            (common, answer.header, None, answer.members)
        }
        Action::Add {
            peer_urls,
            learner,
            common,
        } => {
            let mut client = Client::connect(&common.client).await?;
            let request = client.request(MemberAddRequest {
                peer_ur_ls: peer_urls,
                is_learner: learner,
            });
            let answer = client.cluster.member_add(request).await?.into_inner();
            let added = answer.member.map(|member| member.id);
            (common, answer.header, added, answer.members)
        }
        Action::Remove { id, common } => {
            let mut client = Client::connect(&common.client).await?;
            let request = client.request(MemberRemoveRequest { id });
            let answer = client.cluster.member_remove(request).await?.into_inner();
            (common, answer.header, Some(id), answer.members)
        }
        Action::Update {
            id,
            peer_urls,
            common,
        } => {
            let mut client = Client::connect(&common.client).await?;
            let request = client.request(MemberUpdateRequest {
                id,
                peer_ur_ls: peer_urls,
            });
            let answer = client.cluster.member_update(request).await?.into_inner();
            (common, answer.header, Some(id), answer.members)
        }
        Action::Promote { id, common } => {
            let mut client = Client::connect(&common.client).await?;
            let request = client.request(MemberPromoteRequest { id });
            let answer = client.cluster.member_promote(request).await?.into_inner();
            (common, answer.header, Some(id), answer.members)
        }
    };
    let report = Report {
        cluster_id: hexadecimal(header.unwrap_or_default().cluster_id),
        member_id: member_id.map(hexadecimal),
        members: members.into_iter().map(row).collect(),
    };
    common.output.print(&report, draw)
}

fn row(member: Member) -> Row {
    Row {
        id: hexadecimal(member.id),
        started: !member.name.is_empty(),
        name: member.name,
        learner: member.is_learner,
        peer_urls: member.peer_ur_ls,
        client_urls: member.client_ur_ls,
    }
}

fn draw(report: &Report) -> String {
    let mut table = table(
        &["ID", "NAME", "STATUS", "VOTE", "PEER URLS", "CLIENT URLS"],
        &[],
    );
    let urls = |urls: &[String]| or_dash((!urls.is_empty()).then(|| urls.join(", ")));
    for member in &report.members {
        table.add_row([
            member.id.clone(),
            or_dash(Some(member.name.clone()).filter(|_| member.started)),
            if member.started {
                "started"
            } else {
                "unstarted"
            }
            .to_owned(),
            if member.learner { "learner" } else { "yes" }.to_owned(),
            urls(&member.peer_urls),
            urls(&member.client_urls),
        ]);
    }
    table.draw()
}

pub(super) async fn move_leader(args: MoveLeaderArgs) -> Result<()> {
    let MoveLeaderArgs { to, common } = args;
    let dialer = Dialer::new(&common.client)?;
    let mut silent = None;
    for endpoint in dialer.endpoints() {
        let mut client = match dialer.connect_to(endpoint).await {
            Ok(client) => client,
            Err(error) => {
                silent = Some(error);
                continue;
            }
        };
        let request = client.request(StatusRequest {});
        let status = client.maintenance.status(request).await?.into_inner();
        let asked = status.header.unwrap_or_default().member_id;
        if status.leader != asked {
            continue;
        }
        let request = client.request(MoveLeaderRequest { target_id: to });
        client.maintenance.move_leader(request).await?;
        let moved = Moved {
            from: hexadecimal(asked),
            to: hexadecimal(to),
        };
        let said = |moved: &Moved| format!("leadership moved from {} to {}", moved.from, moved.to);
        return common.output.print(&moved, said);
    }
    Err(silent.unwrap_or_else(|| {
        UsageError::new("none of the endpoints leads: name those of all members with --endpoints")
            .into()
    }))
}
