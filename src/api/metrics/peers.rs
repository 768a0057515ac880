//! The other members of a group, under etcd's names.

use super::text::Page;
use crate::api::raft::{Exchange, Traffic};
use crate::stats::Counter;
use std::sync::Arc;

/// A counter of what is exchanged: its name, its label, what it is, and where it is.
type Counted = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Exchange) -> &Counter,
);

const COUNTED: [Counted; 3] = [
    (
        "etcd_network_peer_sent_bytes_total",
        "To",
        "Bytes of messages sent to a member.",
        |exchange| &exchange.sent_bytes,
    ),
    (
        "etcd_network_peer_received_bytes_total",
        "From",
        "Bytes of messages received of a member.",
        |exchange| &exchange.received_bytes,
    ),
    (
        "etcd_network_peer_sent_failures_total",
        "To",
        "Messages to a member that were lost before they were sent.",
        |exchange| &exchange.lost_messages,
    ),
];

/// Writes what the member `own` exchanges with the others, if there are any.
pub fn write(page: &mut Page, own: u64, traffic: &Traffic) {
    let others = traffic.get();
    if others.is_empty() {
        return;
    }
    let others: Vec<(String, Arc<Exchange>)> = others
        .into_iter()
        .map(|(id, exchange)| (format!("{id:x}"), exchange))
        .collect();
    let own = format!("{own:x}");
    let name = "etcd_network_active_peers";
    page.family(name, "gauge", "Whether there is a stream to a member.");
    for (id, exchange) in &others {
        let labels = [("Local", &*own), ("Remote", id)];
        page.sample(name, &labels, u8::from(exchange.is_connected()));
    }
    let name = "etcd_network_disconnected_peers_total";
    page.family(name, "counter", "Streams to a member that have ended.");
    for (id, exchange) in &others {
        let labels = [("Local", &*own), ("Remote", id)];
        page.sample(name, &labels, exchange.disconnections.get());
    }
    for (name, label, help, counter) in COUNTED {
        page.family(name, "counter", help);
        for (id, exchange) in &others {
            page.sample(name, &[(label, id)], counter(exchange).get());
        }
    }
    let name = "etcd_network_peer_round_trip_time_seconds";
    page.family(name, "histogram", "Times until a member has answered.");
    for (id, exchange) in &others {
        page.times_of(name, &[("To", id)], &exchange.round_trips.get());
    }
}
