//! The log of a server: which lines, in which shape, and where to.

use super::settings::{Log, Output};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::fmt::{self, Debug};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// Everything logged from now on goes where the settings say.
pub fn start(log: &Log) -> Result<()> {
    // What libraries have to say below a warning is about themselves.
    let filter = EnvFilter::new(format!("warn,kvtool={}", log.level));
    let opened = log.outputs.iter().map(Sink::open);
    let sinks = Sinks(opened.collect::<Result<_>>()?);
    let lines = tracing_subscriber::fmt()
        .with_ansi(sinks.0.iter().all(Sink::is_terminal))
        .with_env_filter(filter)
        // Told on stderr, where nobody may listen any more: that would end the process.
        .log_internal_errors(false)
        .with_writer(sinks);
    if log.json {
        lines.event_format(Json).init();
    } else {
        lines.init();
    }
    Ok(())
}

/// One object per line, with etcd's fields.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let level = metadata.level().as_str().to_lowercase();
        let ts = humantime::format_rfc3339_micros(SystemTime::now());
        let (caller, message) = (Value::from(caller(metadata)), Value::from(fields.message));
        write!(
            writer,
            r#"{{"level":"{level}","ts":"{ts}","caller":{caller},"msg":{message}"#
        )?;
        for (name, value) in fields.others {
            write!(writer, ",{}:{value}", Value::from(name))?;
        }
        writeln!(writer, "}}")
    }
}

/// Directory, file and line of the code that speaks.
fn caller(metadata: &Metadata<'_>) -> String {
    let path = Path::new(metadata.file().unwrap_or_default());
    let mut names = path.iter().rev().map(|name| name.to_string_lossy());
    let (file, directory) = (names.next(), names.next());
    format!(
        "{}/{}:{}",
        directory.unwrap_or_default(),
        file.unwrap_or_default(),
        metadata.line().unwrap_or_default()
    )
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.add(field, text.into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.add(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

/// Where lines go.
struct Sinks(Arc<[Sink]>);

enum Sink {
    Stderr,
    Stdout,
    File(File),
}

impl Sink {
    fn open(output: &Output) -> Result<Self> {
        Ok(match output {
            Output::Stderr => Self::Stderr,
            Output::Stdout => Self::Stdout,
            Output::File(path) => {
                let opened = OpenOptions::new().create(true).append(true).open(path);
                Self::File(opened.with_context(|| format!("cannot log to {}", path.display()))?)
            }
        })
    }

    fn is_terminal(&self) -> bool {
        match self {
            Self::Stderr => io::stderr().is_terminal(),
            Self::Stdout => io::stdout().is_terminal(),
            Self::File(_) => false,
        }
    }

    fn write_all(&self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().write_all(line),
            Self::Stdout => io::stdout().write_all(line),
            Self::File(file) => (&*file).write_all(line),
        }
    }
}

impl<'a> MakeWriter<'a> for Sinks {
    type Writer = Lines<'a>;

    fn make_writer(&'a self) -> Lines<'a> {
        Lines(&self.0)
    }
}

/// Writes whole lines to all sinks.
struct Lines<'a>(&'a [Sink]);

impl Write for Lines<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut outcome = Ok(line.len());
        for sink in self.0 {
            // One that fails must not keep the line from the others.
            if let Err(error) = sink.write_all(line) {
                outcome = Err(error);
            }
        }
        outcome
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
