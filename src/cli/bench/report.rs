//! What one run found, for programs and for people.

use super::{
    plan::{Limit, Plan, Workload},
    process::Usage,
    runner::Measured,
    stats::round,
};
use crate::cli::output::{bytes, table};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt::Write;

/// Bars of the histogram are at most this long.
const BAR_CHARS: u64 = 40;
/// Steps per halving of the rest, from the median outwards.
const PERCENTILE_STEPS: u32 = 2;
const NS_PER_US: f64 = 1000.0;

/// One run against one server.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Name of the server.
    pub server: String,
    /// What was asked for.
    pub workload: Workload,
    /// How hard, how long, on which data.
    pub settings: Settings,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// From the start of the measuring to the last answer.
    pub seconds: f64,
    /// Answered requests; for `watch` puts that every watcher has seen.
    pub operations: u64,
    /// The same per second.
    pub operations_per_second: f64,
    /// Failed requests.
    pub error_count: u64,
    /// Requests without an answer five seconds after the end.
    pub unfinished: u64,
    /// With a rate: requests that were due and never sent, because all clients were waiting.
    pub unsent: u64,
    /// Latency of the operations.
    pub latency: Latency,
    /// Each kind of operation of the workload.
    pub kinds: Vec<Kind>,
    /// How many operations took how long.
    pub histogram: Vec<Bucket>,
    /// Latencies at ever finer percentiles.
    pub percentiles: Vec<Percentile>,
    /// Second by second.
    pub series: Vec<Second>,
    /// Error texts.
    pub errors: Vec<ErrorCount>,
    /// What the server's process used, with `--pid` or for the empty server.
    pub process: Option<Process>,
    /// What this process and the watched ones used.
    pub others: Vec<Other>,
}

/// The plan of a run.
#[derive(Debug, Serialize)]
pub struct Settings {
    clients: u64,
    connections: usize,
    threads: usize,
    rate: Option<f64>,
    total: Option<u64>,
    duration_seconds: Option<f64>,
    warmup_seconds: f64,
    prefix: String,
    keys: u64,
    key_bytes: usize,
    value_bytes: usize,
    sequential: bool,
    seed: u64,
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Mean.
    pub mean_us: f64,
    /// Standard deviation.
    pub stddev_us: f64,
    /// Smallest.
    pub min_us: f64,
    /// Half of the operations were faster.
    pub p50_us: f64,
    /// 90 of 100 were faster.
    pub p90_us: f64,
    /// 95 of 100 were faster.
    pub p95_us: f64,
    /// 99 of 100 were faster.
    pub p99_us: f64,
    /// 999 of 1000 were faster.
    pub p999_us: f64,
    /// Largest.
    pub max_us: f64,
}

/// One kind of operation.
#[derive(Debug, Serialize)]
pub struct Kind {
    name: &'static str,
    operations: u64,
    operations_per_second: f64,
    latency: Latency,
}

/// Operations that took longer than the bucket before it and at most `to_us`.
#[derive(Debug, PartialEq, Serialize)]
pub struct Bucket {
    to_us: f64,
    operations: u64,
}

/// A latency and the share of operations that took at most that long.
#[derive(Debug, Serialize)]
pub struct Percentile {
    percentile: f64,
    latency_us: f64,
}

/// One second of the run.
#[derive(Debug, Serialize)]
pub struct Second {
    second: usize,
    operations: u64,
    errors: u64,
    mean_us: f64,
    max_us: f64,
}

/// An error text and how often it came.
#[derive(Debug, Serialize)]
pub struct ErrorCount {
    /// What the server said.
    pub text: String,
    /// How often.
    pub count: u64,
}

/// What the server's process used.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Process {
    /// Memory it had resident after the run.
    pub resident_bytes: u64,
    /// The most it ever had resident.
    pub peak_resident_bytes: u64,
    /// Processor seconds it used during the run.
    pub cpu_seconds: f64,
}

/// What a process that is not the server used.
#[derive(Debug, Serialize)]
pub struct Other {
    /// Its name.
    pub name: String,
    /// What it used.
    #[serde(flatten)]
    pub process: Process,
}

impl Report {
    /// Puts a run into numbers.
    pub fn new(server: &str, plan: &Plan, measured: &Measured, interrupted: bool) -> Self {
        let record = &measured.record;
        let seconds = record.elapsed().as_secs_f64();
        let all = record.headline();
        let kind = |(index, &name): (usize, &&'static str)| {
            let latencies = record.kind(index);
            Kind {
                name,
                operations: latencies.len(),
                operations_per_second: per_second(latencies.len(), seconds),
                latency: Latency::of(latencies),
            }
        };
        let error = |(text, &count): (&String, &u64)| ErrorCount {
            text: text.clone(),
            count,
        };
        Self {
            server: server.to_owned(),
            workload: plan.workload.clone(),
            settings: Settings::of(plan),
            interrupted,
            seconds: round(seconds, 3),
            operations: all.len(),
            operations_per_second: per_second(all.len(), seconds),
            error_count: record.errors().values().sum(),
            unfinished: record.unfinished(),
            unsent: record.unsent(),
            latency: Latency::of(&all),
            kinds: plan.workload.kinds().iter().enumerate().map(kind).collect(),
            histogram: buckets(&all),
            percentiles: percentiles(&all),
            series: record.series().iter().enumerate().map(Second::of).collect(),
            errors: record.errors().iter().map(error).collect(),
            process: measured
                .usage
                .map(|(before, after)| Process::of(before, after)),
            others: measured.others.iter().map(Other::of).collect(),
        }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} on {}: {} operations in {:.1} s, {:.0} per second, {} errors{}\n\n",
            self.workload.name(),
            self.server,
            self.operations,
            self.seconds,
            self.operations_per_second,
            self.error_count,
            if self.interrupted {
                ", interrupted"
            } else {
                ""
            },
        );
        // Writing into a String cannot fail.
        let _ = self.write_details(&mut text);
        text
    }

    fn write_details(&self, text: &mut String) -> std::fmt::Result {
        let columns = [
            "LATENCY", "OPS", "OPS/S", "MEAN", "P50", "P90", "P95", "P99", "P99.9", "MAX",
        ];
        let mut latencies = table(&columns, &columns[1..]);
        let shown = |kind: &&Kind| kind.operations > 0 || self.operations == 0;
        for kind in self.kinds.iter().filter(shown) {
            latencies.add_row(latency_row(kind));
        }
        writeln!(text, "{}", latencies.draw())?;
        if self.unfinished > 0 {
            writeln!(
                text,
                "\n{} requests had no answer at the end",
                self.unfinished
            )?;
        }
        if self.unsent > 0 {
            writeln!(
                text,
                "\n{} requests were due and never sent: the rate is too high for the server, \
                 or the clients are too few",
                self.unsent
            )?;
        }
        writeln!(text)?;
        let server = self.process.iter().map(|process| ("server", process));
        let others = self.others.iter();
        for (name, process) in server.chain(others.map(|it| (it.name.as_str(), &it.process))) {
            writeln!(
                text,
                "{name} process: {} resident, {} at most, {:.2} processor seconds in this run",
                bytes(process.resident_bytes),
                bytes(process.peak_resident_bytes),
                process.cpu_seconds,
            )?;
        }
        if !self.histogram.is_empty() {
            writeln!(text, "\n{}", self.histogram_text())?;
        }
        for error in &self.errors {
            writeln!(text, "error {:>9}x  {}", error.count, error.text)?;
        }
        Ok(())
    }

    fn histogram_text(&self) -> String {
        let most = self.histogram.iter().map(|bucket| bucket.operations).max();
        let most = most.unwrap_or(1).max(1);
        let mut table = table(&["UP TO", "OPS", ""], &["UP TO", "OPS"]);
        for bucket in &self.histogram {
            let bar = (bucket.operations * BAR_CHARS).div_ceil(most);
            table.add_row([
                time(bucket.to_us),
                bucket.operations.to_string(),
                "#".repeat(bar as usize),
            ]);
        }
        table.draw()
    }
}

impl Settings {
    fn of(plan: &Plan) -> Self {
        let (load, data) = (&plan.load, &plan.data);
        let (total, duration_seconds) = match load.limit {
            Limit::Total(total) => (Some(total), None),
            Limit::Time(time) => (None, Some(time.as_secs_f64())),
        };
        Self {
            clients: load.clients,
            connections: load.connections,
            threads: load.threads,
            rate: load.rate,
            total,
            duration_seconds,
            warmup_seconds: load.warmup.as_secs_f64(),
            prefix: String::from_utf8_lossy(&data.keys.prefix()).into_owned(),
            keys: data.keys.count(),
            key_bytes: data.keys.key_bytes(),
            value_bytes: data.values.value_bytes(),
            sequential: data.sequential,
            seed: data.seed,
        }
    }
}

impl Latency {
    fn of(latencies: &Histogram<u64>) -> Self {
        let at = |quantile| us(latencies.value_at_quantile(quantile));
        Self {
            mean_us: round(latencies.mean() / NS_PER_US, 1),
            stddev_us: round(latencies.stdev() / NS_PER_US, 1),
            min_us: us(latencies.min()),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: us(latencies.max()),
        }
    }
}

impl Second {
    fn of((second, counts): (usize, &super::record::Second)) -> Self {
        let mean_ns = counts.latency_sum_ns.checked_div(counts.operations);
        Self {
            second,
            operations: counts.operations,
            errors: counts.errors,
            mean_us: us(mean_ns.unwrap_or(0)),
            max_us: us(counts.latency_max_ns),
        }
    }
}

impl Other {
    fn of((name, before, after): &(String, Usage, Usage)) -> Self {
        Self {
            name: name.clone(),
            process: Process::of(*before, *after),
        }
    }
}

impl Process {
    fn of(before: Usage, after: Usage) -> Self {
        Self {
            resident_bytes: after.resident_bytes,
            peak_resident_bytes: after.peak_resident_bytes,
            cpu_seconds: round(after.cpu_seconds - before.cpu_seconds, 2),
        }
    }
}

/// A latency for people, with three digits that matter.
pub fn time(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1e3 => (us, "us"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    let digits = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

fn latency_row(kind: &Kind) -> Vec<String> {
    let latency = &kind.latency;
    let times = [
        latency.mean_us,
        latency.p50_us,
        latency.p90_us,
        latency.p95_us,
        latency.p99_us,
        latency.p999_us,
        latency.max_us,
    ];
    let mut row = vec![
        kind.name.to_owned(),
        kind.operations.to_string(),
        format!("{:.0}", kind.operations_per_second),
    ];
    row.extend(times.into_iter().map(time));
    row
}

fn per_second(operations: u64, seconds: f64) -> f64 {
    if seconds == 0.0 {
        return 0.0;
    }
    round(operations as f64 / seconds, 1)
}

fn us(ns: u64) -> f64 {
    round(ns as f64 / NS_PER_US, 1)
}

/// Buckets at 1, 2 and 5 times the powers of ten, from the fastest to the slowest operation.
fn buckets(latencies: &Histogram<u64>) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    let mut below = 0;
    let mut decade = 1_000;
    while below < latencies.len() {
        for step in [1, 2, 5] {
            let to_ns = decade * step;
            let operations = latencies.count_between(0, to_ns) - below;
            below += operations;
            if operations > 0 || !(buckets.is_empty() || below == latencies.len()) {
                buckets.push(Bucket {
                    to_us: us(to_ns),
                    operations,
                });
            }
        }
        decade *= 10;
    }
    buckets
}

fn percentiles(latencies: &Histogram<u64>) -> Vec<Percentile> {
    latencies
        .iter_quantiles(PERCENTILE_STEPS)
        .map(|step| Percentile {
            percentile: round(step.quantile_iterated_to() * 100.0, 6),
            latency_us: us(step.value_iterated_to()),
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn histogram(latencies_us: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(100, 3_600_000_000_000, 3).unwrap();
        for us in latencies_us {
            histogram.record(us * 1000).unwrap();
        }
        histogram
    }

    #[test]
    fn latencies_read_well_at_every_size() {
        for (us, text) in [
            (7.25, "7.25 us"),
            (72.0, "72.0 us"),
            (999.4, "999 us"),
            (1234.0, "1.23 ms"),
            (65_432.0, "65.4 ms"),
            (2_500_000.0, "2.50 s"),
        ] {
            assert_eq!(time(us), text);
        }
    }

    #[test]
    fn percentiles_are_the_histogram_s() {
        let values: Vec<u64> = (1..=1000).collect();
        let latency = Latency::of(&histogram(&values));
        let close = |value: f64, expected: f64| (value - expected).abs() / expected < 0.002;
        assert!(close(latency.p50_us, 500.0), "{latency:?}");
        assert!(close(latency.p99_us, 990.0), "{latency:?}");
        assert!(close(latency.p999_us, 999.0), "{latency:?}");
        assert!(close(latency.mean_us, 500.5), "{latency:?}");
    }

    #[test]
    fn every_operation_is_in_one_bucket() {
        let buckets = buckets(&histogram(&[3, 4, 70, 900]));
        let counts: Vec<_> = buckets.iter().map(|b| (b.to_us, b.operations)).collect();
        let expected = [
            (5.0, 2),
            (10.0, 0),
            (20.0, 0),
            (50.0, 0),
            (100.0, 1),
            (200.0, 0),
            (500.0, 0),
            (1000.0, 1),
        ];
        assert_eq!(counts, expected);
        assert_eq!(super::buckets(&histogram(&[])), []);
    }

    #[test]
    fn the_percentile_list_ends_with_the_largest() {
        let last = percentiles(&histogram(&[1, 2, 1000])).pop().unwrap();
        assert_eq!(last.percentile, 100.0);
        assert!(last.latency_us >= 1000.0);
    }
}
