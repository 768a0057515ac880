//! Several servers in turns, and how the first compares with the others.

use super::{
    plan::Plan,
    report::{Other, Report, time},
    runner::Prepared,
    side::{Side, Sides},
    stats::{Summary, ratio, round},
    stop::Stop,
};
use crate::cli::output::{bytes, or_dash, table};
use anyhow::Result;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// All runs of one workload, and what they say together.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// One per server, the first one first.
    pub sides: Vec<SideSummary>,
    /// The first server against each of the others.
    pub ratios: Vec<Ratio>,
    /// Every run, in the order they were made.
    pub runs: Vec<Report>,
}

/// The runs of one server together.
#[derive(Debug, Serialize)]
pub struct SideSummary {
    /// Name of the server.
    pub server: String,
    /// Operations per second.
    pub operations_per_second: Summary,
    /// Median latency in microseconds.
    pub p50_us: Summary,
    /// 99th percentile in microseconds.
    pub p99_us: Summary,
    /// Failed requests of all runs.
    pub error_count: u64,
    /// Memory after the last run, if the process is known.
    pub resident_bytes: Option<u64>,
    /// Processor seconds of all runs for a thousand operations, if the process is known.
    pub cpu_ms_per_operation: Option<f64>,
    /// The same of this process and of the watched ones.
    pub others: Vec<OtherCost>,
}

/// What an operation costs a process that is not the server.
#[derive(Debug, Serialize)]
pub struct OtherCost {
    /// Name of the process.
    pub name: String,
    /// Processor time of all runs for an operation.
    pub cpu_ms_per_operation: Option<f64>,
}

/// Medians of the first server divided by those of another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// The first server.
    pub server: String,
    /// The other one.
    pub against: String,
    /// More is better.
    pub throughput: Option<f64>,
    /// Less is better.
    pub p50: Option<f64>,
    /// Less is better.
    pub p99: Option<f64>,
}

/// Runs `plan` on every side in turn, round after round. Before the first round each gets
/// `overwrites` more puts. What was measured before a stop is kept.
pub async fn run(
    plan: &Arc<Plan>,
    sides: &Sides,
    overwrites: u64,
    stop: &Arc<Stop>,
) -> Result<Comparison> {
    let mut prepared = Vec::new();
    let compared = prepare_and_run(plan, sides, overwrites, stop, &mut prepared).await;
    for server in prepared {
        server.close().await?;
    }
    compared
}

async fn prepare_and_run(
    plan: &Arc<Plan>,
    sides: &Sides,
    overwrites: u64,
    stop: &Arc<Stop>,
    prepared: &mut Vec<Prepared>,
) -> Result<Comparison> {
    for side in &sides.all {
        let server = Prepared::new(plan, sides, side, stop).await?;
        let written = server.write(plan, overwrites, stop).await;
        prepared.push(server);
        written?;
    }
    let servers: Vec<_> = sides.all.iter().zip(&*prepared).collect();
    alternate(plan, &servers, sides, stop).await
}

/// The same on servers that are ready.
async fn alternate(
    plan: &Arc<Plan>,
    servers: &[(&Side, &Prepared)],
    sides: &Sides,
    stop: &Arc<Stop>,
) -> Result<Comparison> {
    let mut runs = Vec::new();
    for _ in 0..sides.rounds {
        for (side, prepared) in servers {
            tokio::select! {
                () = tokio::time::sleep(sides.rest) => {}
                () = stop.wait() => {}
            }
            if stop.is_set() {
                break;
            }
            let measured = prepared.run(plan, &side.name, stop).await?;
            runs.push(Report::new(&side.name, plan, &measured, stop.is_set()));
        }
    }
    let names = servers.iter().map(|(side, _)| side.name.as_str());
    Ok(Comparison::of(names, runs))
}

impl Comparison {
    fn of<'a>(names: impl Iterator<Item = &'a str>, runs: Vec<Report>) -> Self {
        let sides: Vec<_> = names
            .filter_map(|name| SideSummary::of(name, &runs))
            .collect();
        let ratios = match sides.split_first() {
            Some((first, others)) => others.iter().map(|other| first.against(other)).collect(),
            None => Vec::new(),
        };
        Self {
            sides,
            ratios,
            runs,
        }
    }

    /// The ratio that is lower than `least`, if there is one. One that cannot be told is lower.
    pub fn below(&self, least: f64) -> Option<&Ratio> {
        self.ratios
            .iter()
            .find(|ratio| ratio.throughput.is_none_or(|throughput| throughput < least))
    }

    /// The comparison for people.
    pub fn text(&self) -> String {
        let columns = [
            "SERVER", "RUNS", "OPS/S", "SPREAD", "P50", "P99", "ERRORS", "MEMORY", "CPU/OP",
            "OTHERS",
        ];
        let mut summary = table(&columns, &columns[1..columns.len() - 1]);
        for side in &self.sides {
            let runs = self.runs.iter().filter(|run| run.server == side.server);
            summary.add_row([
                side.server.clone(),
                runs.count().to_string(),
                format!("{:.0}", side.operations_per_second.median),
                format!("{:.0} %", side.operations_per_second.spread_percent()),
                time(side.p50_us.median),
                time(side.p99_us.median),
                side.error_count.to_string(),
                or_dash(side.resident_bytes.map(bytes)),
                or_dash(side.cpu_ms_per_operation.map(|ms| time(ms * 1000.0))),
                side.others_text(),
            ]);
        }
        let columns = ["RATIO", "THROUGHPUT", "P50", "P99"];
        let mut ratios = table(&columns, &columns[1..]);
        for ratio in &self.ratios {
            let cell = |value: Option<f64>| or_dash(value.map(|value| format!("{value:.2}x")));
            ratios.add_row([
                format!("{} / {}", ratio.server, ratio.against),
                cell(ratio.throughput),
                cell(ratio.p50),
                cell(ratio.p99),
            ]);
        }
        let mut text = format!("{}\n\n{}\n", summary.draw(), ratios.draw());
        text.push_str(&self.errors_text());
        text
    }

    fn errors_text(&self) -> String {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for run in &self.runs {
            for error in &run.errors {
                *counts.entry((&run.server, &error.text)).or_default() += error.count;
            }
        }
        counts
            .into_iter()
            .map(|((server, text), count)| format!("\n{server}: error {count}x  {text}"))
            .collect()
    }
}

impl SideSummary {
    /// The runs of the server `name`; `None` if there are none.
    fn of(name: &str, runs: &[Report]) -> Option<Self> {
        let own: Vec<_> = runs.iter().filter(|run| run.server == name).collect();
        let processes: Option<Vec<_>> = own.iter().map(|run| run.process).collect();
        let operations: u64 = own.iter().map(|run| run.operations).sum();
        let per_operation =
            |cpu_seconds: f64| Some(round(ratio(cpu_seconds * 1000.0, operations as f64)?, 4));
        let cpu_ms_per_operation = processes.as_ref().and_then(|processes| {
            per_operation(processes.iter().map(|process| process.cpu_seconds).sum())
        });
        let others = own.first().map_or(&[][..], |run| &run.others);
        let others = others.iter().map(|Other { name, .. }| {
            let all = own.iter().flat_map(|run| &run.others);
            let same = all.filter(|other| other.name == *name);
            OtherCost {
                name: name.clone(),
                cpu_ms_per_operation: per_operation(
                    same.map(|other| other.process.cpu_seconds).sum(),
                ),
            }
        });
        Some(Self {
            server: name.to_owned(),
            operations_per_second: Summary::of(own.iter().map(|run| run.operations_per_second))?,
            p50_us: Summary::of(own.iter().map(|run| run.latency.p50_us))?,
            p99_us: Summary::of(own.iter().map(|run| run.latency.p99_us))?,
            error_count: own.iter().map(|run| run.error_count).sum(),
            resident_bytes: processes.and_then(|them| Some(them.last()?.resident_bytes)),
            cpu_ms_per_operation,
            others: others.collect(),
        })
    }

    /// What an operation costs the other processes, for people.
    fn others_text(&self) -> String {
        let cost = |other: &OtherCost| {
            let cost = or_dash(other.cpu_ms_per_operation.map(|ms| time(ms * 1000.0)));
            format!("{} {cost}", other.name)
        };
        let costs: Vec<_> = self.others.iter().map(cost).collect();
        costs.join(", ")
    }

    fn against(&self, other: &Self) -> Ratio {
        let of = |mine: &Summary, theirs: &Summary| {
            ratio(mine.median, theirs.median).map(|ratio| round(ratio, 3))
        };
        Ratio {
            server: self.server.clone(),
            against: other.server.clone(),
            throughput: of(&self.operations_per_second, &other.operations_per_second),
            p50: of(&self.p50_us, &other.p50_us),
            p99: of(&self.p99_us, &other.p99_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(server: &str, operations_per_second: f64, p50_us: f64) -> SideSummary {
        let summary = |median| Summary {
            median,
            min: median,
            max: median,
        };
        SideSummary {
            server: server.to_owned(),
            operations_per_second: summary(operations_per_second),
            p50_us: summary(p50_us),
            p99_us: summary(2.0 * p50_us),
            error_count: 0,
            resident_bytes: None,
            cpu_ms_per_operation: None,
            others: Vec::new(),
        }
    }

    fn comparison(ratios: Vec<Ratio>) -> Comparison {
        Comparison {
            sides: Vec::new(),
            ratios,
            runs: Vec::new(),
        }
    }

    #[test]
    fn ratios_are_first_over_other() {
        let ratio = side("a", 300.0, 50.0).against(&side("b", 200.0, 100.0));
        assert_eq!(
            (ratio.throughput, ratio.p50, ratio.p99),
            (Some(1.5), Some(0.5), Some(0.5))
        );
        let nothing = side("a", 300.0, 50.0).against(&side("b", 0.0, 0.0));
        assert_eq!(nothing.throughput, None);
    }

    #[test]
    fn the_least_ratio_counts_and_an_unknown_one_fails() {
        let good = side("a", 300.0, 1.0).against(&side("b", 200.0, 1.0));
        let bad = side("a", 300.0, 1.0).against(&side("c", 400.0, 1.0));
        let unknown = side("a", 300.0, 1.0).against(&side("d", 0.0, 1.0));
        assert_eq!(comparison(vec![good.clone()]).below(1.2), None);
        assert_eq!(
            comparison(vec![good.clone(), bad.clone()]).below(1.2),
            Some(&bad)
        );
        assert_eq!(
            comparison(vec![good, unknown.clone()]).below(1.2),
            Some(&unknown)
        );
    }
}
