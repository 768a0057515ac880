//! Whole clusters in one thread, from a seed.
//!
//! Members are the product's core, with a disk and a network that are simulated: messages are
//! lost, doubled, delayed and overtaken, links are cut, also one way; processes die at every
//! boundary between two effects and lose what was not synced, or a part of it; disks are slow,
//! clocks jump, processes freeze, members come and go, all under load. After every step the judge
//! looks whether it is still one history: one leader in a term, logs that match, nothing committed
//! that is not on the disks of a quorum, nothing committed that is lost, one state at each point of
//! it, answers that are true, and reads that miss nothing. In the end all faults go, and everybody
//! must agree.
//!
//! A seed is a run: `KVTOOL_SIM_SEEDS=10000` runs more of them, `KVTOOL_SIM_SEED=17` one.
#![allow(clippy::unwrap_used, clippy::large_enum_variant)]

pub(super) mod disk;
mod judge;
mod load;
mod member;
mod network;
#[path = "../../../tests/support/random.rs"]
#[allow(dead_code)]
mod random;
mod world;

use member::Sabotage;
use std::panic::{AssertUnwindSafe, catch_unwind};
use world::{Counts, World};

const SEEDS: u64 = 300;

/// Runs a seed; the error is what the judge has found.
fn run(seed: u64, sabotage: Sabotage) -> Result<Counts, String> {
    let is_told = number("KVTOOL_SIM_SEED").is_some();
    // Half of the seeds are of three founders, half of five.
    let founders = if seed.is_multiple_of(2) { 3 } else { 5 };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, founders, sabotage);
        world.is_told = is_told;
        world.run();
        world.counts
    }));
    ran.map_err(|panic| match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => panic
            .downcast::<&str>()
            .map_or_else(|_| String::new(), |words| words.to_string()),
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn one_history_whatever_happens() {
    let seeds = match number("KVTOOL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KVTOOL_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut all = Counts::default();
    let mut failures = Vec::new();
    for seed in seeds.clone() {
        match run(seed, Sabotage::None) {
            Ok(counts) => all.add(counts),
            Err(words) => {
                let again = format!("KVTOOL_SIM_SEED={seed} cargo test --lib one_history");
                println!("{words}\n  {again}");
                failures.push(again);
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {seeds:?}:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{seeds:?}: {all:?}");
    if seeds.end - seeds.start >= SEEDS {
        all.check_busy();
    }
}

/// A failure can be looked at again.
#[test]
fn a_seed_is_a_run() {
    for seed in [1, 2, 3, 17] {
        assert_eq!(
            run(seed, Sabotage::None),
            run(seed, Sabotage::None),
            "seed {seed}"
        );
    }
}

/// A judge that finds nothing proves something only if it would.
#[test]
fn what_is_done_wrong_is_found() {
    let wrongs = [
        Sabotage::SendsBeforeSync,
        Sabotage::NeverSyncs,
        Sabotage::ReadsAtOnce,
        Sabotage::CutsTooFar,
        Sabotage::AlwaysOk,
        Sabotage::LostIsRefused,
    ];
    for wrong in wrongs {
        let found = (0..SEEDS).find_map(|seed| Some((seed, run(seed, wrong).err()?)));
        let (seed, words) = found.unwrap_or_else(|| panic!("{wrong:?} is not found"));
        println!("{wrong:?}: seed {seed}: {words}");
    }
}
