//! What the black-box tests share: servers as processes, clients, seeded choices, histories.
//!
//! Each test binary compiles this module for itself and uses a part of it.
#![allow(dead_code)]

pub mod authority;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod follower;
pub mod group;
pub mod history;
pub mod json;
pub mod keyspace;
pub mod load;
pub mod model;
pub mod mount;
pub mod network;
pub mod random;
pub mod recorder;
pub mod server;
pub mod trio;

use std::io::Write;

/// Prints why a test does not run. Written past the capture of the test runner, so that a
/// skipped test never looks like a passed one.
pub fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIP {test}: {reason}");
}

/// Prints a figure or a stage of a long test, past the capture of the test runner.
pub fn note(test: &str, text: &str) {
    let _ = writeln!(std::io::stderr(), "NOTE {test}: {text}");
}

/// A number from the environment, or the default.
pub fn env_number<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// Whether the long tests were asked for (`KVTOOL_TEST_LONG=1`).
pub fn long() -> bool {
    std::env::var("KVTOOL_TEST_LONG").is_ok_and(|value| value == "1")
}
