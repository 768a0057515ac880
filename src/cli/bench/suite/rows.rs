//! The rows of the table of goals.

use super::super::{compare::Ratio, plan::Workload};
use serde::Serialize;

/// Keys of every row that does not say otherwise.
const KEYS: u64 = 10_000;
/// Keys of the small page, whose time a page out of many is compared with.
const FEW_KEYS: u64 = 1_000;
const PAGE_KEYS: u64 = 500;
const WATCHERS_PER_STREAM: u64 = 100;

/// One row: a workload, its load, and what it is to reach.
pub struct Row {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What the clients ask for.
    pub workload: Workload,
    /// How many ask.
    pub clients: u64,
    /// Rows with the same name of data share it.
    pub data: &'static str,
    /// How many keys it has.
    pub keys: u64,
    /// What happens before the first run.
    pub setup: Setup,
    /// What it is judged by.
    pub metric: Metric,
    /// The bounds of its ratios.
    pub goals: &'static [Goal],
}

/// What happens before the first run of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Nothing is needed.
    Nothing,
    /// Every key is written.
    Prefill,
    /// Every key is written, and then overwritten.
    Overwrite,
}

/// What a row is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// More is better.
    OperationsPerSecond,
    /// Less is better.
    P50,
}

/// The bound of a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Against the empty server, or against any other.
    pub noop: bool,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Whether one goal is met against one server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    against: String,
    goal: String,
    ratio: Option<f64>,
    met: bool,
}

const ONE_PUT: &[Goal] = &[at_most(0.6)];
const PUT: &[Goal] = &[at_least(1.5), at_least_of_noop(0.75)];
const TXN_PUT: &[Goal] = &[at_least(4.0), at_least_of_noop(0.7)];
const GET: &[Goal] = &[at_least(4.0), at_least_of_noop(0.9)];
const LIST: &[Goal] = &[at_most(0.35)];
const WATCH: &[Goal] = &[at_most(0.4)];
const PAGE: &[Goal] = &[at_most(0.01)];

const fn at_least(ratio: f64) -> Goal {
    Goal {
        noop: false,
        bound: Bound::AtLeast(ratio),
    }
}

const fn at_least_of_noop(ratio: f64) -> Goal {
    Goal {
        noop: true,
        bound: Bound::AtLeast(ratio),
    }
}

const fn at_most(ratio: f64) -> Goal {
    Goal {
        noop: false,
        bound: Bound::AtMost(ratio),
    }
}

/// All rows, in the order they run; the last one reads out of `keys` keys.
///
/// Lists come before anything has grown the server, the large key space last.
pub fn rows(keys: u64) -> Vec<Row> {
    let list = Workload::Range {
        serializable: false,
        keys_only: false,
        count_only: false,
        stream: false,
    };
    let page = Workload::Page {
        limit: PAGE_KEYS,
        walk: false,
    };
    let txn_put = Workload::TxnPut { create_percent: 0 };
    let get = Workload::Get {
        serializable: false,
    };
    vec![
        row("list-fresh", "list 10,000 keys, fresh", &list, 1, LIST)
            .latency()
            .data("list", KEYS),
        row(
            "list-overwritten",
            "the same after overwrites",
            &list,
            1,
            LIST,
        )
        .latency()
        .data("list", KEYS)
        .setup(Setup::Overwrite),
        row("put-1", "put, 1 client", &Workload::Put, 1, ONE_PUT).latency(),
        row("put-64", "put, 64 clients", &Workload::Put, 64, PUT),
        row("put-1000", "put, 1000 clients", &Workload::Put, 1000, PUT),
        row(
            "txn-put-64",
            "compare and put, 64 clients",
            &txn_put,
            64,
            TXN_PUT,
        ),
        row(
            "txn-put-1000",
            "compare and put, 1000 clients",
            &txn_put,
            1000,
            TXN_PUT,
        ),
        row("get-64", "get, 64 clients", &get, 64, GET),
        row("get-1000", "get, 1000 clients", &get, 1000, GET),
        watch("watch-1000", "put seen by 1,000 watchers", 1_000),
        watch("watch-10000", "put seen by 10,000 watchers", 10_000),
        row("page-few", "page of 500 out of 1,000", &page, 1, &[])
            .latency()
            .data("few", FEW_KEYS),
        row("page-many", "page of 500 out of many", &page, 1, PAGE)
            .latency()
            .data("many", keys),
    ]
}

fn row(
    name: &'static str,
    title: &'static str,
    workload: &Workload,
    clients: u64,
    goals: &'static [Goal],
) -> Row {
    Row {
        name,
        title,
        workload: workload.clone(),
        clients,
        data: "keys",
        keys: KEYS,
        setup: Setup::Prefill,
        metric: Metric::OperationsPerSecond,
        goals,
    }
}

fn watch(name: &'static str, title: &'static str, watchers: u64) -> Row {
    let workload = Workload::Watch {
        watchers,
        streams: watchers / WATCHERS_PER_STREAM,
        distinct: false,
        prev_kv: false,
        apart: false,
    };
    row(name, title, &workload, 1, WATCH)
        .latency()
        .data("watched", KEYS)
        .setup(Setup::Nothing)
}

impl Row {
    fn latency(self) -> Self {
        Self {
            metric: Metric::P50,
            ..self
        }
    }

    fn data(self, data: &'static str, keys: u64) -> Self {
        Self { data, keys, ..self }
    }

    fn setup(self, setup: Setup) -> Self {
        Self { setup, ..self }
    }
}

impl Metric {
    /// The ratio that counts.
    pub fn of(self, ratio: &Ratio) -> Option<f64> {
        match self {
            Self::OperationsPerSecond => ratio.throughput,
            Self::P50 => ratio.p50,
        }
    }
}

impl Goal {
    /// Whether `ratio` meets it.
    pub fn verdict(&self, metric: Metric, ratio: &Ratio) -> Verdict {
        let found = metric.of(ratio);
        let (sign, bound, met) = match self.bound {
            Bound::AtLeast(least) => (">=", least, found.is_some_and(|found| found >= least)),
            Bound::AtMost(most) => ("<=", most, found.is_some_and(|found| found <= most)),
        };
        Verdict {
            against: ratio.against.clone(),
            goal: format!("{sign} {bound}x"),
            ratio: found,
            met,
        }
    }
}

impl Verdict {
    /// The verdict for people.
    pub fn text(&self) -> String {
        let met = if self.met { "met" } else { "missed" };
        format!("{} {}: {met}", self.goal, self.against)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(throughput: Option<f64>, p50: Option<f64>) -> Ratio {
        Ratio {
            server: "ours".into(),
            against: "etcd".into(),
            throughput,
            p50,
            p99: None,
        }
    }

    #[test]
    fn a_goal_is_met_at_its_bound() {
        let met = |goal: Goal, metric, ratio| goal.verdict(metric, &ratio).met;
        let speed = Metric::OperationsPerSecond;
        assert!(met(at_least(1.5), speed, ratio(Some(1.5), Some(9.0))));
        assert!(!met(at_least(1.5), speed, ratio(Some(1.49), Some(0.1))));
        assert!(met(
            at_most(0.35),
            Metric::P50,
            ratio(Some(0.1), Some(0.35))
        ));
        assert!(!met(
            at_most(0.35),
            Metric::P50,
            ratio(Some(9.0), Some(0.36))
        ));
        assert!(!met(at_least(0.1), speed, ratio(None, Some(1.0))));
    }

    #[test]
    fn rows_have_different_names() {
        let rows = rows(1000);
        for (index, row) in rows.iter().enumerate() {
            let before = &rows[..index];
            assert!(
                before.iter().all(|other| other.name != row.name),
                "{}",
                row.name
            );
        }
    }
}
