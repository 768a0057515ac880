//! What an instance counts and is doing: under etcd's names where they mean the same, else under
//! our own.

use super::text::Page;
use crate::mvcc::stats::Stats;
use crate::mvcc::{Audience, Coverage, Instance, Observation};
use crate::stats::Distribution;

/// Writes all of it.
pub async fn write(page: &mut Page, instance: &Instance) {
    let now = instance.observe().await;
    let stats = instance.stats();
    server(page, instance, &now, stats);
    operations(page, &now, stats);
    leases(page, stats);
    watchers(page, &now.audience, stats);
    disk(page, &now);
    batches(page, &now, stats);
    cache(page, &now.coverage);
    others(page, stats);
}

fn server(page: &mut Page, instance: &Instance, now: &Observation, stats: &Stats) {
    let leadership = now.leadership;
    let has_leader = leadership.is_leader || leadership.leader.is_some();
    page.fact(
        "etcd_server_id",
        "This server's member id, as the label.",
        "server_id",
        format!("{:x}", instance.member_id()),
    );
    page.gauge(
        "etcd_server_has_leader",
        "Whether this server knows who leads.",
        u8::from(has_leader),
    );
    page.gauge(
        "etcd_server_is_leader",
        "Whether this server leads.",
        u8::from(leadership.leads()),
    );
    page.gauge(
        "etcd_server_is_learner",
        "Whether this server has no vote.",
        u8::from(instance.is_learner()),
    );
    page.counter(
        "etcd_server_leader_changes_seen_total",
        "Leaders seen, one after the other.",
        stats.leader_changes.get(),
    );
    let batches = now.state.batch.sequence;
    page.gauge(
        "etcd_server_proposals_committed_total",
        "Number of the last durable batch, of all servers.",
        batches,
    );
    page.gauge(
        "etcd_server_proposals_applied_total",
        "Number of the last batch that this server knows.",
        batches,
    );
    page.gauge(
        "etcd_server_proposals_pending",
        "Writes that wait for their batch or are in it.",
        now.pending,
    );
    page.counter(
        "etcd_server_proposals_failed_total",
        "Writes that ended without an outcome.",
        stats.failed.get(),
    );
    page.counter(
        "etcd_server_read_indexes_failed_total",
        "Looks for what other servers have written that failed.",
        stats.looks_failed.get(),
    );
}

fn operations(page: &mut Page, now: &Observation, stats: &Stats) {
    for (name, help, counter) in [
        ("etcd_mvcc_range_total", "Ranges read.", &stats.ranges),
        ("etcd_mvcc_put_total", "Keys put.", &stats.puts),
        (
            "etcd_mvcc_delete_total",
            "Keys or ranges deleted.",
            &stats.deletes,
        ),
        (
            "etcd_mvcc_txn_total",
            "Transactions of more than one of these.",
            &stats.txns,
        ),
    ] {
        page.counter(name, help, counter.get());
    }
    page.gauge(
        "etcd_debugging_mvcc_current_revision",
        "The newest revision.",
        now.state.revision,
    );
    if let Some(keys) = now.keys {
        page.gauge("etcd_debugging_mvcc_keys_total", "Live keys.", keys);
    }
    page.gauge(
        "etcd_debugging_mvcc_compact_revision",
        "The revision last compacted to; -1 is none.",
        now.state.compacted,
    );
}

fn leases(page: &mut Page, stats: &Stats) {
    for (name, help, counter) in [
        (
            "etcd_debugging_lease_granted_total",
            "Leases made.",
            &stats.granted,
        ),
        (
            "etcd_debugging_lease_renewed_total",
            "Leases kept alive.",
            &stats.renewed,
        ),
        (
            "etcd_debugging_lease_revoked_total",
            "Leases ended, by a client or by time.",
            &stats.revoked,
        ),
        (
            "etcd_debugging_server_lease_expired_total",
            "Leases ended by time.",
            &stats.expired,
        ),
    ] {
        page.counter(name, help, counter.get());
    }
}

fn watchers(page: &mut Page, audience: &Audience, stats: &Stats) {
    for (name, help, number) in [
        (
            "etcd_debugging_mvcc_watch_stream_total",
            "Open watch streams.",
            audience.streams,
        ),
        (
            "etcd_debugging_mvcc_watcher_total",
            "Watchers.",
            audience.watchers,
        ),
        (
            "etcd_debugging_mvcc_slow_watcher_total",
            "Watchers that are behind.",
            audience.slow_watchers,
        ),
        (
            "etcd_debugging_mvcc_pending_events_total",
            "Events that wait for their streams.",
            audience.pending_events,
        ),
    ] {
        page.gauge(name, help, number);
    }
    page.counter(
        "etcd_debugging_mvcc_events_total",
        "Events sent, once for each watcher.",
        stats.events.get(),
    );
}

fn disk(page: &mut Page, now: &Observation) {
    if let Some(usage) = now.usage {
        page.gauge(
            "etcd_mvcc_db_total_size_in_bytes",
            "Bytes taken from the store.",
            usage.allocated_bytes,
        );
        page.gauge(
            "etcd_mvcc_db_total_size_in_use_in_bytes",
            "Bytes of that which hold live data, as far as the store can tell.",
            usage.live_bytes,
        );
    }
    if let Some(quota) = now.quota_bytes {
        page.gauge(
            "etcd_server_quota_backend_bytes",
            "Bytes that the store may take.",
            quota,
        );
    }
    if let Some(times) = &now.disk_times {
        page.times(
            "etcd_disk_wal_fsync_duration_seconds",
            "Writes to the journal, each with its fsync.",
            times,
        );
    }
    if let Some(times) = &now.commit_times {
        page.times(
            "etcd_disk_backend_commit_duration_seconds",
            "Writes to the files of the state.",
            times,
        );
    }
}

fn batches(page: &mut Page, now: &Observation, stats: &Stats) {
    page.gauge(
        "kvtool_queue_requests",
        "Writes that wait for a batch.",
        now.waiting,
    );
    page.gauge(
        "kvtool_queue_bytes",
        "Bytes of the writes without an outcome yet.",
        now.pending_bytes,
    );
    page.histogram(
        "kvtool_batch_requests",
        "Writes of the batches that this server committed.",
        &stats.batch_requests.get(),
    );
    page.times(
        "kvtool_commit_duration_seconds",
        "Commits of batches by the store.",
        &stats.commit_times.get(),
    );
    page.counter(
        "kvtool_batch_conflicts_total",
        "Batches that another server was ahead of.",
        stats.conflicts.get(),
    );
    page.counter(
        "kvtool_batch_unknown_outcomes_total",
        "Batches whose outcome had to be looked for.",
        stats.unknown.get(),
    );
}

fn cache(page: &mut Page, coverage: &Coverage) {
    for (name, help, number) in [
        (
            "kvtool_cache_capacity_bytes",
            "Bytes that the cache may take.",
            coverage.capacity_bytes,
        ),
        (
            "kvtool_cache_bytes",
            "Bytes that the cache takes.",
            coverage.bytes,
        ),
        (
            "kvtool_cache_keys",
            "Live keys in the cache.",
            coverage.items,
        ),
        (
            "kvtool_cache_stretches",
            "Stretches of the key space that the cache knows.",
            coverage.stretches,
        ),
    ] {
        page.gauge(name, help, number);
    }
    for (name, help, number) in [
        (
            "kvtool_cache_hits_total",
            "Ranges and keys that the cache knew.",
            coverage.hits,
        ),
        (
            "kvtool_cache_misses_total",
            "Ranges and keys that were read from the store.",
            coverage.misses,
        ),
        (
            "kvtool_cache_forgotten_stretches_total",
            "Stretches forgotten for want of room.",
            coverage.forgotten,
        ),
    ] {
        page.counter(name, help, number);
    }
}

fn others(page: &mut Page, stats: &Stats) {
    let looks: Distribution = stats.look_times.get();
    page.times(
        "kvtool_read_index_duration_seconds",
        "Looks for what other servers have written, before reads.",
        &looks,
    );
    let name = "kvtool_forwarded_requests_total";
    page.family(
        name,
        "counter",
        "Writes handed to the leader, by what became of them.",
    );
    for (outcome, counter) in [
        ("answered", &stats.forwarded),
        ("refused", &stats.forwards_refused),
        ("lost", &stats.forwards_lost),
    ] {
        page.sample(name, &[("outcome", outcome)], counter.get());
    }
    page.counter(
        "kvtool_taken_requests_total",
        "Writes taken from other servers.",
        stats.taken.get(),
    );
}
