//! `kvtool instance`: the keyspaces that one server keeps for many.

use super::{
    bound,
    client::ConnectError,
    duration,
    endpoint::chain,
    exit::UsageError,
    output::{OutputArgs, bytes, or_dash, table},
    settings::HostUrl,
};
use crate::pb::kvtool::control::v1::{
    self, AllowRequest, Allowance, CreateRequest, DeleteRequest, ListRequest,
    instances_client::InstancesClient,
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::error::Error as _;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// Show, make, delete and bound the keyspaces that a server keeps for others
///
/// Each keyspace is one instance: with --instance-from a server opens that which a client's
/// certificate names. These verbs ask a running server at its --listen-control-urls; on stores that
/// servers share, any of them will do. What is allowed is kept with the instance, and every server
/// that has it open obeys within a second.
///
/// A keyspace that has reached its size refuses writes as a full etcd does, and stays so after it
/// was given more until its owner has cleared the alarm (`etcdctl alarm disarm`). What is asked
/// beyond its rates is refused as etcd refuses too many requests; each server counts by itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool serve --listen-control-urls unix:///run/kvtool-control.sock ...
  export KVTOOL_CONTROL_URL=unix:///run/kvtool-control.sock
  kvtool instance list
  kvtool instance create team-a --size 2GiB --requests 500 --write-bytes 4MiB
  kvtool instance quota team-a --size 4GiB --requests none
  kvtool instance list -o json | jq -r '.instances[] | select(.open).name'
  kvtool instance delete team-a --yes

Fields of JSON and YAML:
  instances (each with name, open, revision, keys, size_bytes, quota_bytes, requests_per_second,
  write_bytes_per_second; null: not known, or not bounded); deleted (the name) for delete")]
pub struct InstanceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show all of them
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Make one before its owner first calls
    Create {
        /// Its name, as certificates name it
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        common: Common,
    },
    /// Show what one is allowed, and change it
    Quota {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        common: Common,
    },
    /// Delete one with all that it holds; whoever works there begins anew with an empty one
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Bounds {
    /// Bytes that its keys, values and their history may take, such as 2GiB; none is no bound
    #[arg(long, value_name = "BYTES", value_parser = bound::size)]
    size: Option<u64>,
    /// Requests that one server admits in a second; none is no bound
    #[arg(long, value_name = "COUNT", value_parser = bound::count)]
    requests: Option<u64>,
    /// Bytes of writes that one server admits in a second, such as 4MiB; none is no bound
    #[arg(long, value_name = "BYTES", value_parser = bound::size)]
    write_bytes: Option<u64>,
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    output: OutputArgs,
    /// Where the server listens for this: unix://PATH or http://127.0.0.1:PORT
    #[arg(
        long,
        env = "KVTOOL_CONTROL_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    control_url: HostUrl,
    /// Longest wait for the answer
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    command_timeout: Duration,
}

#[derive(Debug, Serialize)]
struct Report {
    instances: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    open: bool,
    revision: Option<i64>,
    keys: Option<u64>,
    size_bytes: Option<u64>,
    quota_bytes: Option<u64>,
    requests_per_second: Option<u64>,
    write_bytes_per_second: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Deleted {
    deleted: String,
}

pub(super) async fn run(args: InstanceArgs) -> Result<()> {
    match args.action {
        Action::List { common } => {
            let mut client = common.connect().await?;
            let answer = client.list(common.request(ListRequest {})).await?;
            let instances = answer.into_inner().instances;
            let instances = instances.into_iter().map(row).collect();
            common.output.print(&Report { instances }, draw)
        }
        Action::Create {
            name,
            bounds,
            common,
        } => {
            let mut client = common.connect().await?;
            let request = CreateRequest {
                allowance: Some(bounds.allowance()),
                name: name.clone(),
            };
            let made = client.create(common.request(request)).await;
            common.print(made.with_context(|| format!("{name} was not made"))?)
        }
        Action::Quota {
            name,
            bounds,
            common,
        } => {
            let mut client = common.connect().await?;
            let request = AllowRequest {
                allowance: Some(bounds.allowance()),
                name: name.clone(),
            };
            let changed = client.allow(common.request(request)).await;
            common.print(changed.with_context(|| format!("nothing was changed of {name}"))?)
        }
        Action::Delete { name, yes, common } => {
            if !yes {
                confirm(&name)?;
            }
            let mut client = common.connect().await?;
            let request = DeleteRequest { name: name.clone() };
            let deleted = client.delete(common.request(request)).await;
            deleted.with_context(|| format!("{name} was not deleted"))?;
            let deleted = Deleted { deleted: name };
            common
                .output
                .print(&deleted, |it| format!("{} is deleted", it.deleted))
        }
    }
}

/// Lets somebody at a terminal type the name of what is to be deleted.
fn confirm(name: &str) -> Result<()> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(UsageError::new(format!(
            "{name} would be deleted with all that it holds: confirm that with --yes"
        ))
        .into());
    }
    let mut errors = io::stderr().lock();
    write!(
        errors,
        "{name} will be deleted with all that it holds. Type its name to go on: "
    )?;
    errors.flush()?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    match typed.trim() == name {
        true => Ok(()),
        false => Err(UsageError::new("that is not its name: nothing was deleted").into()),
    }
}

impl Bounds {
    fn allowance(&self) -> Allowance {
        Allowance {
            size_bytes: self.size,
            requests_per_second: self.requests,
            write_bytes_per_second: self.write_bytes,
        }
    }
}

impl Common {
    async fn connect(&self) -> Result<InstancesClient<Channel>> {
        let url = &self.control_url;
        if !url.is_private() {
            let sentence = format!("{url}: write unix://PATH or http://127.0.0.1:PORT");
            return Err(UsageError::new(sentence).into());
        }
        let connected = match Endpoint::from_shared(url.to_string()) {
            Ok(endpoint) => {
                endpoint
                    .connect_timeout(self.command_timeout)
                    .connect()
                    .await
            }
            Err(error) => Err(error),
        };
        let channel = connected.map_err(|error| {
            let cause = error.source().map_or_else(|| chain(&error), chain);
            ConnectError::new(format!(
                "cannot reach {url} ({cause}): check that a server has it in --listen-control-urls"
            ))
        })?;
        Ok(InstancesClient::new(channel).max_decoding_message_size(usize::MAX))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.command_timeout);
        request
    }

    fn print(&self, answer: tonic::Response<v1::Instance>) -> Result<()> {
        let instances = vec![row(answer.into_inner())];
        self.output.print(&Report { instances }, draw)
    }
}

fn row(instance: v1::Instance) -> Row {
    let allowance = instance.allowance.unwrap_or_default();
    Row {
        name: instance.name,
        open: instance.open,
        revision: instance.revision,
        keys: instance.keys,
        size_bytes: instance.size_bytes,
        quota_bytes: allowance.size_bytes,
        requests_per_second: allowance.requests_per_second,
        write_bytes_per_second: allowance.write_bytes_per_second,
    }
}

fn draw(report: &Report) -> String {
    let columns = [
        "NAME",
        "OPEN",
        "REVISION",
        "KEYS",
        "SIZE",
        "QUOTA",
        "REQUESTS/S",
        "WRITES/S",
    ];
    let mut table = table(&columns, &columns[2..]);
    let number = |number: Option<u64>| or_dash(number.map(|number| number.to_string()));
    let amount = |amount: Option<u64>| or_dash(amount.map(bytes));
    for row in &report.instances {
        table.add_row([
            row.name.clone(),
            if row.open { "yes" } else { "no" }.to_owned(),
            or_dash(row.revision.map(|revision| revision.to_string())),
            number(row.keys),
            amount(row.size_bytes),
            amount(row.quota_bytes),
            number(row.requests_per_second),
            amount(row.write_bytes_per_second),
        ]);
    }
    table.draw()
}
