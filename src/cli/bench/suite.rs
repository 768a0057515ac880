//! `kvtool bench all`: every row of the project's table of goals, one after the other.

mod rows;

use super::{
    args::{DataArgs, LoadArgs, SideArgs, Target},
    compare::{self, Comparison, Ratio, SideSummary},
    machine::Machine,
    plan::Plan,
    report::time,
    side::Sides,
    stats::round,
    stop::Stop,
};
use crate::cli::{
    duration,
    endpoint::ClientArgs,
    exit::UsageError,
    output::{OutputArgs, bytes, or_dash},
};
use anyhow::{Result, bail};
use clap::Args;
use comfy_table::{Table, presets};
use rows::{Metric, Row, Setup, Verdict, rows};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

const VALUE_BYTES: usize = 256;
const KEY_BYTES: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);

/// Flags of `bench all`.
#[derive(Debug, Args)]
pub struct AllArgs {
    /// Run these rows only
    #[arg(long, value_name = "ROW,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Time of each run
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    duration: Duration,
    /// Keys of the row that reads a page out of many
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    keys: u64,
    /// Overwrites before the row that lists overwritten keys
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    overwrites: u64,
    /// What all keys start with; every row adds a name of its own
    #[arg(long, value_name = "TEXT", default_value = "bench/")]
    prefix: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    sides: SideArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What the suite found.
#[derive(Debug, Serialize)]
struct SuiteReport {
    machine: Machine,
    interrupted: bool,
    rows: Vec<RowReport>,
}

#[derive(Debug, Serialize)]
struct RowReport {
    row: &'static str,
    title: &'static str,
    metric: Metric,
    sides: Vec<SideSummary>,
    ratios: Vec<Ratio>,
    goals: Vec<Verdict>,
}

/// Runs the rows.
pub async fn run(args: &AllArgs, stop: &Arc<Stop>) -> Result<()> {
    let sides = Sides::new(&args.sides, &args.client)?;
    if let Some(raw) = sides.all.iter().find(|side| side.is_raw()) {
        return Err(UsageError::new(format!(
            "the table of goals is about servers: measure {} with bench put or txn-put",
            raw.name
        ))
        .into());
    }
    let rows = chosen(rows(args.keys), &args.only)?;
    let plans: Vec<_> = rows
        .iter()
        .map(|row| row.plan(args))
        .collect::<Result<_, _>>()?;
    let mut report = SuiteReport {
        machine: Machine::here(),
        interrupted: false,
        rows: Vec::new(),
    };
    let mut slow = None;
    for (row, plan) in rows.iter().zip(plans) {
        let overwrites = match row.setup {
            Setup::Overwrite => args.overwrites,
            _ => 0,
        };
        let comparison = compare::run(&Arc::new(plan), &sides, overwrites, stop).await?;
        report.interrupted = stop.is_set();
        if let Some(ratio) = sides.fail_below.and_then(|least| comparison.below(least)) {
            slow.get_or_insert(format!(
                "{}: {} against {}",
                row.name, ratio.server, ratio.against
            ));
        }
        report.rows.push(row.report(comparison, &sides));
        if stop.is_set() {
            break;
        }
    }
    args.output.print(&report, SuiteReport::text)?;
    match slow {
        Some(row) if !stop.is_set() => bail!("{row} is below --fail-below"),
        _ => Ok(()),
    }
}

fn chosen(mut rows: Vec<Row>, only: &[String]) -> Result<Vec<Row>, UsageError> {
    let known = |name: &String| rows.iter().any(|row| row.name == name);
    if let Some(name) = only.iter().find(|name| !known(name)) {
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        return Err(UsageError::new(format!(
            "no row is called {name}: the rows are {}",
            names.join(", ")
        )));
    }
    rows.retain(|row| only.is_empty() || only.iter().any(|name| name == row.name));
    Ok(rows)
}

impl Row {
    fn plan(&self, args: &AllArgs) -> Result<Plan, UsageError> {
        let load = LoadArgs {
            clients: self.clients,
            conns: None,
            threads: None,
            rate: None,
            total: None,
            duration: args.duration,
            warmup: WARM_UP,
        };
        let data = DataArgs {
            prefix: format!("{}{}/", args.prefix, self.data),
            key_size: KEY_BYTES.max(args.prefix.len() + KEY_BYTES / 2),
            value_size: VALUE_BYTES,
            key_space: self.keys,
            sequential: false,
            seed: 1,
            prefill: self.setup != Setup::Nothing,
        };
        Plan::new(self.workload.clone(), &load, &data)
    }

    fn report(&self, comparison: Comparison, sides: &Sides) -> RowReport {
        let target = |name: &str| {
            let side = sides.all.iter().find(|side| side.name == name);
            side.and_then(|side| side.target)
        };
        let verdicts = comparison.ratios.iter().flat_map(|ratio| {
            let noop = match target(&ratio.against) {
                None => Some(false),
                Some(Target::Noop) => Some(true),
                // Nobody is to reach what keeps no more than it must.
                Some(_) => None,
            };
            let goals = self.goals.iter();
            let goals = goals.filter(move |goal| Some(goal.noop) == noop);
            goals.map(|goal| goal.verdict(self.metric, ratio))
        });
        RowReport {
            row: self.name,
            title: self.title,
            metric: self.metric,
            goals: verdicts.collect(),
            sides: comparison.sides,
            ratios: comparison.ratios,
        }
    }
}

impl SuiteReport {
    /// As a Markdown table, which reads as well on a terminal as in a document.
    fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let sides = self.rows.first().map_or(&[][..], |row| &row.sides);
        let servers = sides.iter().map(|side| side.server.clone());
        let ratios = sides
            .iter()
            .skip(1)
            .map(|side| format!("/ {}", side.server));
        let mut header = vec!["row".to_owned(), "work".to_owned()];
        header.extend(servers.chain(ratios));
        header.push("goals".to_owned());
        table.set_header(header);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        format!("{table}\n\n{}", self.cost_table())
    }

    /// How far the runs of a row lie apart, and what an operation costs the server's process.
    fn cost_table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let sides = self.rows.first().map_or(&[][..], |row| &row.sides);
        let mut header = vec!["row".to_owned()];
        for what in ["spread", "CPU/op", "memory"] {
            header.extend(sides.iter().map(|side| format!("{} {what}", side.server)));
        }
        table.set_header(header);
        for row in &self.rows {
            let spread = |side: &SideSummary| {
                format!("{:.0} %", side.operations_per_second.spread_percent())
            };
            let cpu =
                |side: &SideSummary| or_dash(side.cpu_ms_per_operation.map(|ms| time(ms * 1000.0)));
            let memory = |side: &SideSummary| or_dash(side.resident_bytes.map(bytes));
            let mut cells = vec![row.row.to_owned()];
            cells.extend(row.sides.iter().map(spread));
            cells.extend(row.sides.iter().map(cpu));
            cells.extend(row.sides.iter().map(memory));
            table.add_row(cells);
        }
        table
    }
}

impl RowReport {
    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.row.to_owned(), self.title.to_owned()];
        cells.extend(self.sides.iter().map(|side| side_text(self.metric, side)));
        let ratios = self.ratios.iter().map(|ratio| self.metric.of(ratio));
        cells.extend(ratios.map(|ratio| or_dash(ratio.map(|it| format!("{}x", round(it, 3))))));
        let goals: Vec<_> = self.goals.iter().map(Verdict::text).collect();
        cells.push(goals.join("; "));
        cells
    }
}

fn side_text(metric: Metric, side: &SideSummary) -> String {
    match metric {
        Metric::OperationsPerSecond => format!("{:.0}/s", side.operations_per_second.median),
        Metric::P50 => time(side.p50_us.median),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_name() {
        let only = chosen(rows(1000), &["get-64".into(), "put-1".into()]).unwrap();
        let names: Vec<_> = only.iter().map(|row| row.name).collect();
        assert_eq!(names, ["put-1", "get-64"]);
        let error = chosen(rows(1000), &["fly".into()])
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("no row is called fly: the rows are list-fresh"),
            "{error}"
        );
    }
}
