//! Prometheus's text format, version 0.0.4.

use crate::stats::Distribution;
use std::fmt::{Display, Write};

/// The content type of a [`Page`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

/// All metrics at one moment.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// A number that only rises.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    /// A number that rises and falls.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// A text, as the label of a 1.
    pub fn fact(&mut self, name: &str, help: &str, label: &str, text: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[(label, &text.to_string())], 1);
    }

    /// Numbers of no unit.
    pub fn histogram(&mut self, name: &str, help: &str, found: &Distribution) {
        self.scaled(name, help, found, 1.0);
    }

    /// Times in nanoseconds, told in seconds.
    pub fn times(&mut self, name: &str, help: &str, found: &Distribution) {
        self.scaled(name, help, found, NANOSECONDS);
    }

    fn scaled(&mut self, name: &str, help: &str, found: &Distribution, scale: f64) {
        self.family(name, "histogram", help);
        self.buckets(name, &[], found, scale);
    }

    /// Times in nanoseconds, told in seconds: those of one set of labels in a family of histograms.
    pub fn times_of(&mut self, name: &str, labels: &[(&str, &str)], found: &Distribution) {
        self.buckets(name, labels, found, NANOSECONDS);
    }

    fn buckets(&mut self, name: &str, labels: &[(&str, &str)], found: &Distribution, scale: f64) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in &found.up_to {
            let bound = (*bound as f64 / scale).to_string();
            self.sample(&bucket, &[labels, &[("le", &bound)]].concat(), count);
        }
        self.sample(&bucket, &[labels, &[("le", "+Inf")]].concat(), found.count);
        self.sample(&format!("{name}_sum"), labels, found.sum as f64 / scale);
        self.sample(&format!("{name}_count"), labels, found.count);
    }

    /// Begins the samples of one name.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0 += name;
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// What is sent.
    pub fn into_text(self) -> String {
        self.0
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;
    use std::time::Duration;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.counter("a_total", "How many.", 3);
        page.family("b", "gauge", "What.");
        page.sample("b", &[("x", "1"), ("y", "a\"b\\c\nd")], 0.5);
        let times = Histogram::of_times(Duration::from_millis(1), 2);
        times.note_time(Duration::from_millis(2));
        times.note_time(Duration::from_millis(500));
        page.times("c_seconds", "How long.", &times.get());
        let expected = r#"# HELP a_total How many.
# TYPE a_total counter
a_total 3
# HELP b What.
# TYPE b gauge
b{x="1",y="a\"b\\c\nd"} 0.5
# HELP c_seconds How long.
# TYPE c_seconds histogram
c_seconds_bucket{le="0.001"} 0
c_seconds_bucket{le="0.002"} 1
c_seconds_bucket{le="+Inf"} 2
c_seconds_sum 0.502
c_seconds_count 2
"#;
        assert_eq!(page.into_text(), expected);
    }
}
