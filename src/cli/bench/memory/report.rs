//! What things took, for programs and for people.

use super::{super::machine::Machine, Thing, steady::Resting};
use crate::cli::output::bytes;
use comfy_table::{Table, presets};
use serde::Serialize;

/// What all servers took.
#[derive(Debug, Serialize)]
pub struct MemoryReport {
    /// Where it ran.
    pub machine: Machine,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// Length of a key.
    pub key_bytes: usize,
    /// Length of a value.
    pub value_bytes: usize,
    /// One after the other.
    pub servers: Vec<ServerReport>,
}

/// What one server took.
#[derive(Debug, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub server: String,
    /// Resident memory before anything was made.
    pub idle_bytes: u64,
    /// The same with everything.
    pub full_bytes: u64,
    /// The same after everything was taken away, if it was looked at.
    pub left_bytes: Option<u64>,
    /// Whether memory had come to rest before and after it all.
    pub is_steady: bool,
    /// Each thing, in the order they were made.
    pub costs: Vec<Cost>,
}

/// What one kind of thing took.
#[derive(Debug, Serialize)]
pub struct Cost {
    thing: &'static str,
    title: &'static str,
    count: u64,
    grown_bytes: i64,
    bytes_each: i64,
    /// Whether memory had come to rest when it was read.
    is_steady: bool,
}

impl Cost {
    /// `count` things made the process grow from `before` to `after`.
    pub fn new(thing: Thing, count: u64, before: Resting, after: Resting) -> Self {
        let grown = after.bytes as i64 - before.bytes as i64;
        Self {
            thing: thing.name(),
            title: thing.title(),
            count,
            grown_bytes: grown,
            bytes_each: (grown as f64 / count as f64).round() as i64,
            is_steady: before.is_steady && after.is_steady,
        }
    }
}

impl MemoryReport {
    /// As a Markdown table, which reads as well on a terminal as in a document.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let mut header = vec!["each".to_owned(), "made".to_owned()];
        header.extend(self.servers.iter().map(|server| server.server.clone()));
        table.set_header(header);
        // A stop leaves the last servers with fewer lines.
        let longest = self.servers.iter().max_by_key(|it| it.costs.len());
        for (line, cost) in longest.iter().flat_map(|it| it.costs.iter()).enumerate() {
            let mut cells = vec![cost.title.to_owned(), cost.count.to_string()];
            cells.extend(self.servers.iter().map(|server| {
                let cost = server.costs.get(line);
                cost.map_or("-".to_owned(), |cost| {
                    marked(cost.bytes_each, cost.is_steady)
                })
            }));
            table.add_row(cells);
        }
        let mut whole = |title: &str, of: fn(&ServerReport) -> Option<u64>| {
            let cell = |server: &ServerReport| {
                of(server).map_or("-".to_owned(), |bytes| {
                    marked(bytes as i64, server.is_steady)
                })
            };
            let mut cells = vec![title.to_owned(), String::new()];
            cells.extend(self.servers.iter().map(cell));
            table.add_row(cells);
        };
        whole("server with none of it", |it| Some(it.idle_bytes));
        whole("server with all of it", |it| Some(it.full_bytes));
        whole("server after all was taken away", |it| it.left_bytes);
        let mut text = table.to_string();
        let is_restless =
            |it: &ServerReport| !it.is_steady || it.costs.iter().any(|it| !it.is_steady);
        if self.servers.iter().any(is_restless) {
            text.push_str("\n\n~: memory still moved when it was read");
        }
        text
    }
}

/// An amount, marked if it was read while it moved.
fn marked(amount: i64, is_steady: bool) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let mark = if is_steady { "" } else { "~" };
    format!("{mark}{sign}{}", bytes(amount.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: u64, is_steady: bool) -> Resting {
        Resting { bytes, is_steady }
    }

    fn server(name: &str, costs: Vec<Cost>) -> ServerReport {
        ServerReport {
            server: name.into(),
            idle_bytes: 1 << 20,
            full_bytes: 3 << 20,
            left_bytes: (name == "a").then_some(2 << 20),
            is_steady: true,
            costs,
        }
    }

    #[test]
    fn servers_stand_side_by_side() {
        let lease = |to, is_steady| Cost::new(Thing::Lease, 10, at(5000, true), at(to, is_steady));
        let report = MemoryReport {
            machine: Machine::here(),
            interrupted: true,
            key_bytes: 32,
            value_bytes: 256,
            servers: vec![
                server("a", vec![lease(25480, true)]),
                server("b", vec![lease(0, false)]),
                server("c", Vec::new()),
            ],
        };
        let cells = |line: &str| {
            line.split('|')
                .map(|it| it.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let text = report.text();
        let lines: Vec<_> = text.lines().map(cells).collect();
        assert_eq!(lines[0], ["", "each", "made", "a", "b", "c", ""]);
        let lease = [
            "",
            "lease without keys",
            "10",
            "2.0 KiB",
            "~-500 B",
            "-",
            "",
        ];
        assert_eq!(lines[2], lease);
        assert_eq!(
            lines[5][1..4],
            ["server after all was taken away", "", "2.0 MiB"]
        );
        assert_eq!(lines[5][4], "-");
        assert!(text.ends_with("~: memory still moved when it was read"));
    }
}
