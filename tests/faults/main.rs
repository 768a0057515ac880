//! Faults of the FoundationDB home under load: whatever happens to the cluster, the network, a
//! server or its clock, nothing acknowledged is lost, nothing is done twice, no watcher misses
//! anything, and service resumes by itself.
//!
//! - `KVTOOL_FAULT_SECONDS`: how long each kind of fault is injected.
//! - `KVTOOL_FAULT_SEED`: the choices; not the timing, which no seed can repeat.

mod checker;
mod clock;
mod drill;
mod network;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod tenant;

use drill::Drill;
use kvtool::pb::etcdserverpb::{LeaseGrantRequest, LeaseTimeToLiveRequest};
use site::{SERVERS, Site, says_it_leads};
use std::time::{Duration, Instant};

/// How long a cluster is paused, in turn: shorter and longer than a request may take.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(8)];

/// How long a link is cut, in turn.
const CUTS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(9)];

/// How long a server is frozen in short and in long drills: longer than it leads without a beat.
const FROZEN: Duration = Duration::from_secs(6);
const LONG_FROZEN: Duration = Duration::from_secs(60);

/// How soon another server leads in place of one that is frozen.
const SUCCESSION: Duration = Duration::from_secs(8);

/// Seconds by which a clock is turned, in turn.
const TURNS: [i64; 5] = [4, -4, 12, -12, 0];

/// By how much two clocks may differ then.
const CLOCK_ERROR: Duration = Duration::from_secs(24);

/// Pause before a server is asked again who leads.
const ASK_AGAIN: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_is_paused() {
    const TEST: &str = "faults pause";
    let Some(site) = Site::new(TEST) else {
        return;
    };
    let mut drill = Drill::begin(TEST, site, Duration::ZERO).await;
    let mut pauses = PAUSES.iter().cycle();
    while drill.goes_on().await {
        drill.site.cluster.signal("STOP");
        tokio::time::sleep(*pauses.next().expect("they never end")).await;
        drill.site.cluster.signal("CONT");
        drill.resume().await;
    }
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_is_killed_and_comes_back() {
    const TEST: &str = "faults restart";
    let Some(site) = Site::new(TEST) else {
        return;
    };
    let mut drill = Drill::begin(TEST, site, Duration::ZERO).await;
    while drill.goes_on().await {
        if drill.random.one_in(3) {
            // More is under way when it is killed, and it is away for longer.
            drill.site.cluster.signal("STOP");
            tokio::time::sleep(PAUSES[0]).await;
        }
        drill.site.cluster.restart();
        let begin = Instant::now();
        tokio::task::block_in_place(|| drill.site.cluster.wait_available());
        drill.cluster_answers(begin.elapsed());
        drill.resume().await;
    }
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_is_cut() {
    const TEST: &str = "faults network";
    let Some(site) = Site::with_network(TEST) else {
        return;
    };
    let mut drill = Drill::begin(TEST, site, Duration::ZERO).await;
    let mut cuts = CUTS.iter().cycle();
    while drill.goes_on().await {
        // One server, the other, or both.
        let victims = [&[0][..], &[1], &[0, 1]];
        let victims = drill.random.pick(&victims);
        let cut = |drill: &Drill, is_cut| {
            let network = drill.site.network.as_ref().expect("it has one");
            victims
                .iter()
                .for_each(|victim| network.cut(*victim, is_cut));
        };
        cut(&drill, true);
        tokio::time::sleep(*cuts.next().expect("they never end")).await;
        cut(&drill, false);
        drill.resume().await;
    }
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_frozen_and_thawed() {
    const TEST: &str = "faults frozen";
    let Some(site) = Site::new(TEST) else {
        return;
    };
    let mut drill = Drill::begin(TEST, site, Duration::ZERO).await;
    while drill.goes_on().await {
        let leader = leader(&drill, SUCCESSION).await;
        let victim = if drill.random.one_in(3) {
            (leader + 1) % SERVERS
        } else {
            leader
        };
        let since = Instant::now();
        drill.site.servers[victim].signal("STOP");
        if victim == leader {
            let other = &drill.clients[(leader + 1) % SERVERS];
            let leads = async {
                while says_it_leads(other).await != Some(true) {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            };
            let succeeded = tokio::time::timeout(SUCCESSION, leads).await;
            succeeded.expect("the other server leads soon");
        }
        let frozen = if drill.is_long() { LONG_FROZEN } else { FROZEN };
        tokio::time::sleep(frozen.saturating_sub(since.elapsed())).await;
        drill.site.servers[victim].signal("CONT");
        let thawed = says_it_leads(&drill.clients[victim]).await;
        assert_ne!(thawed, Some(true), "its leadership has run out");
        drill.was_frozen(since);
        drill.resume().await;
    }
    drill.end().await;
}

/// The server that leads: one, as soon as nobody is frozen.
async fn leader(drill: &Drill, patience: Duration) -> usize {
    let lead = async {
        loop {
            let mut leaders = Vec::new();
            for (number, client) in drill.clients.iter().enumerate() {
                if says_it_leads(client).await == Some(true) {
                    leaders.push(number);
                }
            }
            if let [leader] = leaders[..] {
                return leader;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let led = tokio::time::timeout(patience, lead).await;
    led.expect("one server leads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_jump() {
    const TEST: &str = "faults clock";
    let Some(site) = Site::with_clocks(TEST) else {
        return;
    };
    assert_clock_turns(&site).await;
    let mut drill = Drill::begin(TEST, site, CLOCK_ERROR).await;
    let mut turns = TURNS.iter().cycle();
    while drill.goes_on().await {
        let victim = drill.random.below(SERVERS as u64) as usize;
        let seconds = *turns.next().expect("they never end");
        drill.site.clocks[victim].turn(seconds);
        drill.resume().await;
    }
    // Leases end as the clocks say; those of the end by right ones.
    for clock in &drill.site.clocks {
        clock.turn(0);
    }
    drill.end().await;
}

/// A server that did not see its clock turn would pass every test of it.
async fn assert_clock_turns(site: &Site) {
    const TTL: i64 = 1000;
    let (id, client) = (1, site.client(0).await);
    let grant = LeaseGrantRequest { ttl: TTL, id };
    client
        .lease
        .clone()
        .lease_grant(grant)
        .await
        .expect("grants");
    site.clocks[0].turn(TTL / 2);
    let question = LeaseTimeToLiveRequest { id, keys: false };
    let answer = client.lease.clone().lease_time_to_live(question).await;
    let left = answer.expect("answers").into_inner().ttl;
    assert!(left <= TTL / 2, "{left} s are left");
    site.clocks[0].turn(0);
}
