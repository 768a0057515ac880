//! What a server process on this machine uses, as the kernel counts it.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fs;

/// The kernel counts processor time in hundredths of a second, on every Linux platform.
const TICKS_PER_SECOND: f64 = 100.0;
/// Position of the user time in `/proc/PID/stat`, counted from the field after the name.
const USER_TIME_FIELD: usize = 11;

/// Memory and processor time of a process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Memory it has resident now.
    pub resident_bytes: u64,
    /// The most it ever had resident.
    pub peak_resident_bytes: u64,
    /// Processor seconds it has used since its start.
    pub cpu_seconds: f64,
}

impl Usage {
    /// Asks the kernel about the process `pid`.
    pub fn of(pid: u32) -> Result<Self> {
        let read = |file| {
            fs::read_to_string(format!("/proc/{pid}/{file}"))
                .with_context(|| format!("cannot look at process {pid}: does it still run?"))
        };
        parse(&read("status")?, &read("stat")?)
            .with_context(|| format!("process {pid} shows no memory: is it a kernel thread?"))
    }
}

fn parse(status: &str, stat: &str) -> Option<Usage> {
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    };
    // The name is in parentheses and may hold anything, parentheses and spaces too.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: f64 = fields
        .split_whitespace()
        .skip(USER_TIME_FIELD)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Some(Usage {
        resident_bytes: kib("VmRSS")? << 10,
        peak_resident_bytes: kib("VmHWM")? << 10,
        cpu_seconds: ticks / TICKS_PER_SECOND,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let status = "Name:\ta b\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 9 1 1";
        let usage = parse(status, stat).unwrap();
        assert_eq!(
            (usage.resident_bytes, usage.peak_resident_bytes),
            (1 << 20, 2 << 20)
        );
        assert_eq!(usage.cpu_seconds, 3.0);
        assert_eq!(parse("Name:\tkthread\n", stat), None);
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(Usage::of(std::process::id()).unwrap().resident_bytes > 0);
        assert!(
            Usage::of(u32::MAX)
                .unwrap_err()
                .to_string()
                .contains("process")
        );
    }
}
