//! Holders of short leases: granted, given keys, kept alive for a while, and left.

use crate::support::client::Client;
use crate::support::history::{Outcome, Recorded, Request};
use crate::support::random::Random;
use crate::support::recorder::Recorder;
use kvtool::pb::etcdserverpb::*;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tonic::Status;

/// Seconds of a lease: from these to these.
pub const TTL_SECONDS: (i64, i64) = (2, 5);

/// Keys of a lease, and how often it is kept alive: up to this.
const MOST_KEYS: i64 = 3;
const MOST_EXTENSIONS: i64 = 3;

/// Servers count milliseconds, and leave out what is less.
const CLOCK_GRAIN: Duration = Duration::from_millis(2);

/// Pause between the steps of a tenant.
const PAUSE: Duration = Duration::from_millis(150);

/// One tenant.
pub struct Tenant {
    random: Random,
    recorder: Recorder,
    /// Lease ids: each is used once.
    next: i64,
    /// How far the clocks of the servers may differ from ours, and from each other.
    clock_error: Duration,
}

impl Tenant {
    /// A tenant of its own number.
    pub fn new(number: usize, seed: u64, clock_error: Duration) -> Self {
        Self {
            random: Random::new(seed),
            recorder: Recorder::default(),
            next: (number as i64 + 1) << 32,
            clock_error,
        }
    }

    /// Lives until it is stopped; answers with what it asked and with the ends of its leases.
    pub async fn run(mut self, mut client: Client, mut stop: watch::Receiver<bool>) -> Recorder {
        while !*stop.borrow() {
            self.rent(&mut client).await;
            let stopped = stop.wait_for(|stop| *stop);
            // Whether it has stopped, the loop asks.
            let _ = tokio::time::timeout(PAUSE, stopped).await;
        }
        self.recorder
    }

    /// One lease, from the grant to where it is left to its end.
    async fn rent(&mut self, client: &mut Client) {
        let id = self.next;
        self.next += 1;
        let ttl = self.random.between(TTL_SECONDS.0, TTL_SECONDS.1);
        let asked = Instant::now();
        let grant = client.lease.lease_grant(LeaseGrantRequest { ttl, id });
        let granted = self.recorder.within("a grant", grant).await.is_ok();
        for number in 0..self.random.between(1, MOST_KEYS) {
            let request = PutRequest {
                key: format!("leased/{id}/{number}").into(),
                value: format!("{id}/{number}").into(),
                lease: id,
                ..PutRequest::default()
            };
            let put = self.recorder.ask(client, Request::Put(request));
            if !put.await.is_known() {
                break;
            }
        }
        let mut extended = asked;
        for _ in 0..self.random.between(0, MOST_EXTENSIONS) {
            tokio::time::sleep(PAUSE).await;
            let called = Instant::now();
            let answer = self.recorder.within("a keep-alive", keep_alive(client, id));
            match answer.await {
                Ok(ttl) if ttl > 0 => extended = called,
                _ => break,
            }
        }
        // A grant without an answer may have been made at any later time.
        let least = Duration::from_secs(ttl as u64).saturating_sub(CLOCK_GRAIN + self.clock_error);
        self.recorder.recorded.push(Recorded {
            request: Request::Revoke(LeaseRevokeRequest { id }),
            outcome: Outcome::Due,
            called: if granted { extended + least } else { asked },
            returned: Instant::now(),
        });
    }
}

async fn keep_alive(client: &mut Client, id: i64) -> Result<i64, Status> {
    let requests = tokio_stream::iter([LeaseKeepAliveRequest { id }]);
    let mut answers = client.lease.lease_keep_alive(requests).await?.into_inner();
    let answer = answers.message().await?;
    Ok(answer.map_or(0, |answer| answer.ttl))
}
