//! What each of many instances is doing: few numbers, for there may be many of them.

use super::text::Page;
use crate::mvcc::Instance;
use crate::mvcc::stats::Stats;

/// Instances that are told of one by one, the first by name. Each costs a time series of every
/// name here.
const TOLD_MAX: usize = 256;

/// The label.
const LABEL: &str = "instance_name";

/// Writes some metrics of those that are open.
pub fn write(page: &mut Page, mut instances: Vec<Instance>) {
    if instances.is_empty() {
        return;
    }
    instances.sort_by(|one, other| one.name().cmp(other.name()));
    page.gauge(
        "kvtool_instances_open",
        "Instances that are open for connections.",
        instances.len(),
    );
    page.gauge(
        "kvtool_instances_untold",
        "Those of them that have no metrics of their own, as they are too many.",
        instances.len().saturating_sub(TOLD_MAX),
    );
    instances.truncate(TOLD_MAX);
    for (name, help, count) in COUNTERS {
        page.family(name, "counter", help);
        for instance in &instances {
            page.sample(name, &[(LABEL, instance.name())], count(instance.stats()));
        }
    }
    for (name, help, read) in GAUGES {
        page.family(name, "gauge", help);
        for instance in &instances {
            if let Some(value) = read(instance) {
                page.sample(name, &[(LABEL, instance.name())], value);
            }
        }
    }
}

type Count = fn(&Stats) -> u64;
const COUNTERS: [(&str, &str, Count); 4] = [
    (
        "kvtool_instance_requests_total",
        "Requests of keys, transactions and leases, those refused too.",
        |stats| stats.asked.get(),
    ),
    (
        "kvtool_instance_write_bytes_total",
        "Bytes of the writes that were admitted.",
        |stats| stats.write_bytes.get(),
    ),
    (
        "kvtool_instance_refused_rate_total",
        "Requests refused, as there were more than the instance is allowed.",
        |stats| stats.refused_rate.get(),
    ),
    (
        "kvtool_instance_refused_space_total",
        "Writes refused, as there is no room.",
        |stats| stats.refused_space.get(),
    ),
];

type Read = fn(&Instance) -> Option<u64>;
const GAUGES: [(&str, &str, Read); 4] = [
    (
        "kvtool_instance_size_bytes",
        "Bytes that the instance takes, as far as that is known.",
        Instance::size_estimate,
    ),
    (
        "kvtool_instance_quota_bytes",
        "Bytes that it may take, if that is bounded.",
        |instance| instance.allowance().size_bytes,
    ),
    (
        "kvtool_instance_keys",
        "Its live keys, if they are counted.",
        |instance| instance.keys().map(|keys| keys as u64),
    ),
    (
        "kvtool_instance_revision",
        "Its newest revision.",
        |instance| u64::try_from(instance.state().revision).ok(),
    ),
];
