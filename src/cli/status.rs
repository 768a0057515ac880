//! `kvtool status`: what each endpoint says about itself.

use super::{
    client::{ConnectError, Dialer},
    endpoint::{ClientArgs, Endpoint},
    exit::status_sentence,
    output::{OutputArgs, bytes, or_dash, table},
};
use crate::pb::etcdserverpb::{AlarmRequest, AlarmType, StatusRequest};
use anyhow::Result;
use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;
use std::time::Instant;
use tonic::Status;

/// Show version, size, leader, revision and alarms of each endpoint
///
/// All endpoints are asked at the same time. One that does not answer gets a row with its
/// error, and the exit code is 3.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool status
  kvtool status --endpoints http://10.0.0.1:2379,http://10.0.0.2:2379 -o json
  kvtool status -o json | jq -r '.[] | select(.leader) | .endpoint'

Fields of JSON and YAML:
  One record per endpoint:
  endpoint, error (null when it answered), and, only with an answer: member_id and
  cluster_id (hexadecimal text), version, db_size_bytes, db_size_in_use_bytes, leader,
  learner, raft_term, raft_index, raft_applied_index, revision, alarms, errors, latency_ms")]
pub struct StatusArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Serialize)]
struct Row {
    endpoint: String,
    error: Option<String>,
    #[serde(flatten)]
    answer: Option<Answer>,
}

#[derive(Debug, Serialize)]
struct Answer {
    member_id: String,
    cluster_id: String,
    version: String,
    db_size_bytes: u64,
    db_size_in_use_bytes: u64,
    leader: bool,
    learner: bool,
    raft_term: u64,
    raft_index: u64,
    raft_applied_index: u64,
    revision: i64,
    alarms: Vec<String>,
    errors: Vec<String>,
    latency_ms: f64,
}

pub(super) async fn run(args: StatusArgs) -> Result<()> {
    let dialer = Dialer::new(&args.client)?;
    let rows = join_all(
        dialer
            .endpoints()
            .iter()
            .map(|endpoint| ask(&dialer, endpoint)),
    )
    .await;
    args.output.print(&rows, |rows| draw(rows))?;
    let silent = rows.iter().filter(|row| row.answer.is_none()).count();
    if silent > 0 {
        let all = rows.len();
        return Err(
            ConnectError::new(format!("{silent} of {all} endpoints gave no status")).into(),
        );
    }
    Ok(())
}

async fn ask(dialer: &Dialer, endpoint: &Endpoint) -> Row {
    let (answer, error) = match answer(dialer, endpoint).await {
        Ok(answer) => (Some(answer), None),
        Err(error) => {
            let sentence = match error.downcast_ref::<Status>() {
                Some(status) => status_sentence(status),
                None => error.to_string(),
            };
            (None, Some(sentence))
        }
    };
    Row {
        endpoint: endpoint.url().to_owned(),
        error,
        answer,
    }
}

async fn answer(dialer: &Dialer, endpoint: &Endpoint) -> Result<Answer> {
    let mut client = dialer.connect_to(endpoint).await?;
    let request = client.request(StatusRequest {});
    let asked = Instant::now();
    let status = client.maintenance.status(request).await?.into_inner();
    let latency = asked.elapsed();
    let header = status.header.unwrap_or_default();
    let request = client.request(AlarmRequest::default());
    let alarms = client.maintenance.alarm(request).await?.into_inner().alarms;
    Ok(Answer {
        member_id: format!("{:x}", header.member_id),
        cluster_id: format!("{:x}", header.cluster_id),
        version: status.version,
        db_size_bytes: status.db_size.max(0) as u64,
        db_size_in_use_bytes: status.db_size_in_use.max(0) as u64,
        leader: status.leader != 0 && status.leader == header.member_id,
        learner: status.is_learner,
        raft_term: status.raft_term,
        raft_index: status.raft_index,
        raft_applied_index: status.raft_applied_index,
        revision: header.revision,
        alarms: alarms
            .iter()
            .filter(|alarm| alarm.member_id == header.member_id)
            .map(|alarm| alarm_name(alarm.alarm))
            .collect(),
        errors: status.errors,
        latency_ms: latency.as_secs_f64() * 1e3,
    })
}

fn alarm_name(alarm: i32) -> String {
    AlarmType::try_from(alarm).map_or_else(
        |_| alarm.to_string(),
        |alarm| alarm.as_str_name().to_owned(),
    )
}

fn draw(rows: &[Row]) -> String {
    let mut table = table(
        &[
            "ENDPOINT", "ID", "VERSION", "DB SIZE", "IN USE", "LEADER", "TERM", "REVISION",
            "INDEX", "ALARMS", "LATENCY",
        ],
        &["DB SIZE", "IN USE", "TERM", "REVISION", "INDEX", "LATENCY"],
    );
    let mut errors = String::new();
    for row in rows {
        let of = |cell: fn(&Answer) -> String| or_dash(row.answer.as_ref().map(cell));
        table.add_row([
            row.endpoint.clone(),
            of(|a| a.member_id.clone()),
            of(|a| a.version.clone()),
            of(|a| bytes(a.db_size_bytes)),
            of(|a| bytes(a.db_size_in_use_bytes)),
            of(|a| role(a).to_owned()),
            of(|a| a.raft_term.to_string()),
            of(|a| a.revision.to_string()),
            of(|a| a.raft_index.to_string()),
            of(|a| words(&a.alarms)),
            of(|a| format!("{:.1} ms", a.latency_ms)),
        ]);
        // Sentences do not fit into a column.
        let own = row.answer.iter().flat_map(|answer| &answer.errors);
        for error in row.error.iter().chain(own) {
            errors += &match error.contains(&row.endpoint) {
                true => format!("\n{error}"),
                false => format!("\n{}: {error}", row.endpoint),
            };
        }
    }
    format!("{}\n{errors}", table.draw().trim_end())
}

fn role(answer: &Answer) -> &'static str {
    match (answer.leader, answer.learner) {
        (true, _) => "yes",
        (false, true) => "learner",
        (false, false) => "no",
    }
}

fn words(list: &[String]) -> String {
    if list.is_empty() {
        "-".to_owned()
    } else {
        list.join(", ")
    }
}
