//! The machine a run is made on, for answers that are kept.

use serde::Serialize;

/// What figures depend on.
#[derive(Debug, Serialize)]
pub struct Machine {
    processors: usize,
    model: Option<String>,
    kernel: Option<String>,
}

impl Machine {
    /// This machine, as the kernel describes it.
    pub fn here() -> Self {
        let read = |file| std::fs::read_to_string(file).ok();
        let model = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            processors: std::thread::available_parallelism().map_or(1, |count| count.get()),
            model,
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
        }
    }
}
