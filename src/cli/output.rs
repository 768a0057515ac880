//! How answers are printed: as a table for people, as JSON or YAML for programs.

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// The flag that picks the format.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl OutputArgs {
    /// Prints `answer` on stdout; `table` draws it when a table is asked for.
    pub fn print<T: Serialize>(
        &self,
        answer: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Table => writeln!(out, "{}", table(answer).trim_end())?,
            Format::Json => {
                writeln!(out, "{}", serde_json::to_string_pretty(answer)?)?;
            }
            Format::Yaml => write!(out, "{}", serde_yaml::to_string(answer)?)?,
        }
        out.flush()?;
        Ok(())
    }
}

/// An empty table with these columns; the named ones hold numbers and are aligned right.
///
/// It has no borders, so that `awk` and `cut` can read it too; on a terminal it fits the width.
pub fn table(columns: &[&str], numbers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for (index, name) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if numbers.contains(name) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table
}

/// A number of bytes with a binary unit: `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut scaled = count as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would print as 1024.0 of the smaller unit.
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// `some`, or the word that stands for nothing in a table.
pub fn or_dash(some: Option<String>) -> String {
    some.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pick_the_unit_that_reads_well() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn numbers_are_aligned_right() {
        let mut table = table(&["NAME", "KEYS"], &["KEYS"]);
        table.add_row(["a", "7"]).add_row(["b", "1234"]);
        assert_eq!(table.trim_fmt(), "NAME  KEYS\na        7\nb     1234");
    }
}
