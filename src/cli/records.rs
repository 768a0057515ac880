//! Key-value records, written one by one as they arrive.

use super::encoding::{Encoded, Encoding, printable};
use crate::pb::mvccpb::KeyValue;
use anyhow::Result;
use clap::ValueEnum;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::io::{self, Write};

const KEY_COLUMN_CHARS_MAX: usize = 60;
const VALUE_COLUMN_CHARS_MAX: usize = 60;

/// The shape of a list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// One JSON record per line
    Jsonl,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
    /// Columns, for people; long keys and values are cut
    Table,
}

/// Writes records, and the document around them. Without [`Printer::finish`] the document
/// stays open, so a reader can tell a beginning from the whole.
pub struct Printer<W> {
    out: W,
    format: RecordFormat,
    encoding: Encoding,
    values: bool,
    revision: i64,
    opened: bool,
    written: u64,
    key_width: usize,
}

impl<W: Write> Printer<W> {
    /// Writes nothing yet. `revision` goes into the head of the document.
    pub fn new(out: W, format: RecordFormat, encoding: Encoding, revision: i64) -> Self {
        Self {
            out,
            format,
            encoding,
            values: true,
            revision,
            opened: false,
            written: 0,
            key_width: 0,
        }
    }

    /// Leaves the value out of every record.
    pub fn without_values(mut self) -> Self {
        self.values = false;
        self
    }

    /// Writes a batch of records.
    pub fn print(&mut self, batch: &[KeyValue]) -> Result<()> {
        self.open(batch)?;
        for kv in batch {
            match self.format {
                RecordFormat::Jsonl => {
                    self.json(kv)?;
                    self.out.write_all(b"\n")?;
                }
                RecordFormat::Json => {
                    self.out
                        .write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
                    self.json(kv)?;
                }
                RecordFormat::Yaml => {
                    if self.written == 0 {
                        self.out.write_all(b"\n")?;
                    }
                    let item = serde_yaml::to_string(&[self.record(kv)?])?;
                    self.out.write_all(item.as_bytes())?;
                }
                RecordFormat::Table => self.row(kv)?,
            }
            self.written += 1;
        }
        Ok(())
    }

    /// Closes the document and flushes it.
    pub fn finish(mut self) -> Result<()> {
        self.open(&[])?;
        match self.format {
            RecordFormat::Json if self.written == 0 => self.out.write_all(b"]}\n")?,
            RecordFormat::Json => self.out.write_all(b"\n]}\n")?,
            RecordFormat::Yaml if self.written == 0 => self.out.write_all(b" []\n")?,
            _ => {}
        }
        self.out.flush()?;
        Ok(())
    }

    fn open(&mut self, first: &[KeyValue]) -> Result<()> {
        if std::mem::replace(&mut self.opened, true) {
            return Ok(());
        }
        let revision = self.revision;
        match self.format {
            RecordFormat::Jsonl => {}
            RecordFormat::Json => write!(self.out, "{{\"revision\":{revision},\"records\":[")?,
            RecordFormat::Yaml => write!(self.out, "revision: {revision}\nrecords:")?,
            RecordFormat::Table => self.head(first)?,
        }
        Ok(())
    }

    fn json(&mut self, kv: &KeyValue) -> Result<()> {
        let record = self.record(kv)?;
        // As an io::Error, a closed pipe is still recognised for what it is.
        serde_json::to_writer(&mut self.out, &record).map_err(io::Error::from)?;
        Ok(())
    }

    fn record<'a>(&self, kv: &'a KeyValue) -> Result<Record<'a>> {
        Ok(Record {
            kv,
            key: self.encoding.encode(&kv.key)?,
            value: match self.values {
                true => Some(self.encoding.encode(&kv.value)?),
                false => None,
            },
        })
    }

    /// The rows are not known yet, so the first batch decides how wide the keys are.
    fn head(&mut self, first: &[KeyValue]) -> Result<()> {
        let widths = first.iter().map(|kv| key_cell(kv).chars().count());
        self.key_width = widths.chain(["KEY".len()]).max().unwrap_or_default();
        let value = if self.values { "VALUE" } else { "" };
        self.line(["MODIFIED", "VERSION", "LEASE", "BYTES"], "KEY", value)
    }

    fn row(&mut self, kv: &KeyValue) -> Result<()> {
        let (bytes, value) = match self.values {
            true => (
                kv.value.len().to_string(),
                printable(&kv.value, VALUE_COLUMN_CHARS_MAX),
            ),
            false => ("-".to_owned(), String::new()),
        };
        let lease = lease(kv).unwrap_or_else(|| "-".to_owned());
        let numbers = [
            &kv.mod_revision.to_string(),
            &kv.version.to_string(),
            &lease,
            &bytes,
        ];
        self.line(numbers.map(String::as_str), &key_cell(kv), &value)
    }

    fn line(
        &mut self,
        [modified, version, lease, bytes]: [&str; 4],
        key: &str,
        value: &str,
    ) -> Result<()> {
        let width = self.key_width;
        let line =
            format!("{modified:>10}  {version:>8}  {lease:>16}  {bytes:>8}  {key:width$}  {value}");
        writeln!(self.out, "{}", line.trim_end())?;
        Ok(())
    }
}

struct Record<'a> {
    kv: &'a KeyValue,
    key: Encoded<'a>,
    value: Option<Encoded<'a>>,
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&format!("key{}", self.key.suffix), &self.key.text)?;
        if let Some(value) = &self.value {
            map.serialize_entry(&format!("value{}", value.suffix), &value.text)?;
        }
        map.serialize_entry("create_revision", &self.kv.create_revision)?;
        map.serialize_entry("mod_revision", &self.kv.mod_revision)?;
        map.serialize_entry("version", &self.kv.version)?;
        if let Some(lease) = lease(self.kv) {
            map.serialize_entry("lease", &lease)?;
        }
        map.end()
    }
}

/// The lease in the spelling of etcdctl. As a JSON number many readers would round it.
fn lease(kv: &KeyValue) -> Option<String> {
    (kv.lease != 0).then(|| format!("{:x}", kv.lease))
}

fn key_cell(kv: &KeyValue) -> String {
    printable(&kv.key, KEY_COLUMN_CHARS_MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn kv(key: &'static [u8], value: &'static [u8], lease: i64) -> KeyValue {
        KeyValue {
            key: key.into(),
            value: value.into(),
            create_revision: 2,
            mod_revision: 3,
            version: 4,
            lease,
        }
    }

    fn printed(format: RecordFormat, batches: &[&[KeyValue]]) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, format, Encoding::Auto, 9);
        for batch in batches {
            printer.print(batch).unwrap();
        }
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn batches() -> [Vec<KeyValue>; 2] {
        [
            vec![kv(b"a", b"1", 0), kv(b"b", b"\xff", 0x694d)],
            vec![kv(b"c\n", b"", 0)],
        ]
    }

    fn expected() -> Value {
        json!([
            {"key": "a", "value": "1", "create_revision": 2, "mod_revision": 3, "version": 4},
            {"key": "b", "value_base64": "/w==", "create_revision": 2, "mod_revision": 3, "version": 4, "lease": "694d"},
            {"key": "c\n", "value": "", "create_revision": 2, "mod_revision": 3, "version": 4},
        ])
    }

    #[test]
    fn every_format_for_programs_holds_the_same_records() {
        let [first, second] = batches();
        let batches: &[&[KeyValue]] = &[&first, &second];
        let lines = printed(RecordFormat::Jsonl, batches);
        let lines: Vec<Value> = lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(Value::from(lines), expected());
        let document = json!({"revision": 9, "records": expected()});
        let json = printed(RecordFormat::Json, batches);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), document);
        let yaml = printed(RecordFormat::Yaml, batches);
        assert_eq!(serde_yaml::from_str::<Value>(&yaml).unwrap(), document);
    }

    #[test]
    fn no_records_still_make_a_document() {
        let empty = json!({"revision": 9, "records": []});
        assert_eq!(printed(RecordFormat::Jsonl, &[]), "");
        let json = printed(RecordFormat::Json, &[]);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), empty);
        let yaml = printed(RecordFormat::Yaml, &[]);
        assert_eq!(serde_yaml::from_str::<Value>(&yaml).unwrap(), empty);
        assert!(printed(RecordFormat::Table, &[]).starts_with("  MODIFIED"));
    }

    #[test]
    fn an_unfinished_document_does_not_parse() {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, RecordFormat::Json, Encoding::Auto, 9);
        printer.print(&[kv(b"a", b"1", 0)]).unwrap();
        assert!(serde_json::from_slice::<Value>(&out).is_err());
    }

    #[test]
    fn a_table_has_one_line_per_record() {
        let [first, second] = batches();
        let table = printed(RecordFormat::Table, &[&first, &second]);
        assert_eq!(
            table,
            concat!(
                "  MODIFIED   VERSION             LEASE     BYTES  KEY  VALUE\n",
                "         3         4                 -         1  a    1\n",
                "         3         4              694d         1  b    \\xff\n",
                "         3         4                 -         0  c\\n\n",
            )
        );
    }

    #[test]
    fn values_can_stay_away() {
        let mut out = Vec::new();
        let mut printer =
            Printer::new(&mut out, RecordFormat::Jsonl, Encoding::Hex, 9).without_values();
        printer.print(&[kv(b"a", b"1", 0)]).unwrap();
        printer.finish().unwrap();
        let record: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            record,
            json!({"key_hex": "61", "create_revision": 2, "mod_revision": 3, "version": 4})
        );
    }
}
