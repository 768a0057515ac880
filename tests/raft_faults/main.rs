//! Faults of a group of three processes under load: whichever member is killed, frozen or cut off,
//! nothing acknowledged is lost, nothing is done twice, no watcher misses anything, and service
//! resumes by itself.
//!
//! - `KVTOOL_FAULT_SECONDS`: how long each kind of fault is injected.
//! - `KVTOOL_FAULT_SEED`: the choices; not the timing, which no seed can repeat.

#[allow(dead_code)]
#[path = "../faults/drill.rs"]
mod drill;
mod network;
mod site;
#[path = "../support/mod.rs"]
mod support;
#[path = "../faults/tenant.rs"]
mod tenant;

use drill::Drill;
use site::{SERVERS, Site};
use std::time::{Duration, Instant};

/// How long a member is away, in turn: no time at all, and longer than an election takes.
const AWAY: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(4),
];

/// How long a member is frozen or cut off, in turn.
const CUTS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];

/// The member that leads, or more often than not, any: the same choices for every fault.
async fn victim(drill: &mut Drill) -> usize {
    let leader = drill.site.leader().await;
    match drill.random.one_in(3) {
        true => drill.random.below(SERVERS as u64) as usize,
        false => leader,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_killed_and_comes_back() {
    let mut drill = Drill::begin("raft kill", Site::new(), Duration::ZERO).await;
    let mut times = AWAY.iter().cycle();
    while drill.goes_on().await {
        let victim = victim(&mut drill).await;
        // Now and then all of them, and what none of them had on its disk is gone.
        let victims = match drill.random.one_in(4) {
            true => (0..SERVERS).collect(),
            false => vec![victim],
        };
        for victim in &victims {
            drill.site.group.kill(*victim);
        }
        tokio::time::sleep(*times.next().expect("they never end")).await;
        for victim in victims {
            drill.site.group.start(victim);
        }
        drill.resume().await;
    }
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_frozen_and_thawed() {
    let mut drill = Drill::begin("raft frozen", Site::new(), Duration::ZERO).await;
    let mut times = CUTS.iter().cycle();
    while drill.goes_on().await {
        let victim = victim(&mut drill).await;
        let since = Instant::now();
        drill.site.group.server(victim).signal("STOP");
        tokio::time::sleep(*times.next().expect("they never end")).await;
        drill.site.group.server(victim).signal("CONT");
        drill.was_frozen(since);
        drill.resume().await;
    }
    drill.end().await;
}

/// A disk is lost: the member is removed, and added again with an empty directory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_wiped_and_added_again() {
    let mut drill = Drill::begin("raft wiped", Site::new(), Duration::ZERO).await;
    while drill.goes_on().await {
        let victim = victim(&mut drill).await;
        drill.site.group.wipe(victim);
        drill.site.replace(victim).await;
        drill.resume().await;
    }
    drill.end().await;
}

/// Its clients reach it all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_cut_off_from_the_others() {
    const TEST: &str = "raft network";
    let Some(site) = Site::with_network(TEST) else {
        return;
    };
    let mut drill = Drill::begin(TEST, site, Duration::ZERO).await;
    let mut times = CUTS.iter().cycle();
    while drill.goes_on().await {
        let victim = victim(&mut drill).await;
        drill.site.cut(victim, true);
        tokio::time::sleep(*times.next().expect("they never end")).await;
        drill.site.cut(victim, false);
        drill.resume().await;
    }
    drill.end().await;
}

/// It ends by itself rather than acknowledge what it cannot keep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_members_disk_is_full() {
    const TEST: &str = "raft disk full";
    let Some(site) = Site::with_disks(TEST) else {
        return;
    };
    let mut drill = Drill::begin(TEST, site, Duration::ZERO).await;
    while drill.goes_on().await {
        let victim = victim(&mut drill).await;
        let filler = drill.site.fill_disk(victim);
        let server = drill.site.group.server(victim);
        let status = server.wait_exit();
        let log = server.log();
        assert!(!status.success() && log.contains("is full"), "{log}");
        std::fs::remove_file(filler).expect("it was made");
        drill.site.group.start(victim);
        drill.resume().await;
    }
    drill.end().await;
}
