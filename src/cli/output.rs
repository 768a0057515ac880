//! How answers are printed: as a table for people, as JSON or YAML for programs.

use anyhow::Context;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, presets};
use serde::Serialize;
use std::io::{self, Write};

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
        let text = match self.format {
            Format::Table => format!("{}\n", table(answer).trim_end()),
            Format::Json => format!("{}\n", serde_json::to_string_pretty(answer)?),
            Format::Yaml => serde_yaml::to_string(answer)?,
        };
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.context("cannot write")
    }
}

/// Rows of cells under columns.
///
/// Drawn without borders, so that `awk` and `cut` can read it too. On a terminal that is too
/// narrow, each row becomes a block with one line per cell.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    name: String,
    number: bool,
}

/// An empty table; the columns that are also in `numbers` are aligned right.
pub fn table(columns: &[&str], numbers: &[&str]) -> Table {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        number: numbers.contains(name),
    };
    Table {
        columns: columns.iter().map(column).collect(),
        rows: Vec::new(),
    }
}

impl Table {
    /// Adds a row: one cell per column.
    pub fn add_row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Draws it for the terminal, or for a file.
    pub fn draw(&self) -> String {
        let terminal = console::Term::stdout();
        let width = terminal.size_checked().map(|(_, columns)| columns.into());
        self.draw_within(width)
    }

    fn draw_within(&self, width: Option<usize>) -> String {
        let lines = self.lines();
        let widest = lines.lines().map(|line| line.chars().count()).max();
        match width {
            Some(width) if widest > Some(width) => self.blocks(),
            _ => lines,
        }
    }

    fn lines(&self) -> String {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(self.columns.iter().map(|column| &column.name))
            .add_rows(&self.rows);
        for (drawn, column) in table.column_iter_mut().zip(&self.columns) {
            drawn.set_padding((0, 2));
            if column.number {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    fn blocks(&self) -> String {
        let widest = self.columns.iter().map(|column| column.name.len()).max();
        let width = widest.unwrap_or_default();
        let block = |row: &Vec<String>| {
            let cells = self.columns.iter().zip(row);
            cells
                .map(|(column, cell)| format!("{:width$}  {cell}\n", column.name))
                .collect::<String>()
        };
        let blocks: Vec<String> = self.rows.iter().map(block).collect();
        blocks.join("\n")
    }
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

/// The text, or the dash that stands for nothing in a table.
pub fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
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
        assert_eq!(
            sample().draw_within(None),
            "NAME  KEYS  NOTE\na        7  -\nb     1234  long"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_one_line_per_cell() {
        assert!(sample().draw_within(Some(16)).starts_with("NAME  KEYS"));
        assert_eq!(
            sample().draw_within(Some(15)),
            "NAME  a\nKEYS  7\nNOTE  -\n\nNAME  b\nKEYS  1234\nNOTE  long\n"
        );
    }

    fn sample() -> Table {
        let mut table = table(&["NAME", "KEYS", "NOTE"], &["KEYS"]);
        table
            .add_row(["a", "7", "-"])
            .add_row(["b", "1234", "long"]);
        table
    }
}
