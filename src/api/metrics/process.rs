//! What the process takes from its machine. What the system does not tell is left out.

use super::text::Page;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes what there is; the process has `started` then.
pub fn write(page: &mut Page, started: SystemTime) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    page.family(
        "process_cpu_seconds_total",
        "counter",
        "Processor time used, by all threads.",
    );
    let seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
    page.sample("process_cpu_seconds_total", &[], seconds);
    if let Ok(started) = started.duration_since(UNIX_EPOCH) {
        page.gauge(
            "process_start_time_seconds",
            "When the server was started, in seconds of the Unix clock.",
            started.as_secs_f64(),
        );
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = memory_bytes(&status, "VmRSS:") {
        page.gauge("process_resident_memory_bytes", "Memory in use.", bytes);
    }
    if let Some(bytes) = memory_bytes(&status, "VmSize:") {
        page.gauge(
            "process_virtual_memory_bytes",
            "Address space in use.",
            bytes,
        );
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory itself.
        let count = open.count().saturating_sub(1);
        for name in ["process_open_fds", "os_fd_used"] {
            page.gauge(name, "Open file descriptors.", count);
        }
    }
    if let Some(limit) = descriptors_max() {
        for name in ["process_max_fds", "os_fd_limit"] {
            page.gauge(name, "File descriptors that may be open.", limit);
        }
    }
}

/// How many file descriptors may be open, if that is bounded.
pub fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// A line of `/proc/self/status`, which counts in KiB.
fn memory_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_status_is_read_or_left_out() {
        let status = "Name:\tkvtool\nVmSize:\t  20 kB\nVmRSS:\t 7 kB\n";
        assert_eq!(memory_bytes(status, "VmRSS:"), Some(7168));
        assert_eq!(memory_bytes(status, "VmSwap:"), None);
        assert_eq!(memory_bytes("VmRSS:\tmuch", "VmRSS:"), None);
    }
}
