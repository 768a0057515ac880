//! etcd's flags: which are settings here, which change nothing here, and which must not be
//! ignored; and how etcd reads them.

use super::kind::{Kind, truth};
use crate::cli::settings::raw::{ALIASES, DEFAULTS};

/// Settings that etcd does not know; the environment gives them, as to `kvtool serve`.
const OWN: [&str; 10] = [
    "compact-hash-check-enabled",
    "initial-corrupt-check",
    "set-member-localaddr",
    "store",
    "instance",
    "forward-writes",
    "listen-control-urls",
    "fdb-",
    "cache-bytes",
    "etcd-version",
];

/// What this program does with a flag of etcd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is this setting.
    Setting(&'static str),
    /// It is not a setting, but the start itself heeds it.
    Heeded(&'static str),
    /// It says where members find each other; its default is this.
    Registry(&'static str, &'static str),
    /// It changes nothing, for this reason.
    Moot(&'static str),
    /// Ignoring it would do harm: given, it is refused for this reason.
    Refused(&'static str),
}

/// What a name means that stands on the command line, in the environment or in a config file;
/// `None`: it is no flag of any etcd.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let name = current(name);
    if let Some((key, _)) = taken().find(|(key, _)| *key == name) {
        return Some(Meaning::Setting(key));
    }
    if let Some(key) = GATES.iter().find(|(_, key)| *key == name) {
        return Some(Meaning::Setting(key.1));
    }
    if let Some(name) = HEEDED.iter().find(|heeded| **heeded == name) {
        return Some(Meaning::Heeded(name));
    }
    if let Some((name, _, default)) = DISCOVERY.iter().find(|(flag, ..)| *flag == name) {
        return Some(Meaning::Registry(name, default));
    }
    if OLD.contains(&name) {
        return Some(Meaning::Moot("no etcd heeds it any more"));
    }
    if let Some((_, _, reason)) = MOOT.iter().find(|(moot, ..)| *moot == name) {
        return Some(Meaning::Moot(reason));
    }
    let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
    refused.map(|(_, reason)| Meaning::Refused(reason))
}

/// The name that a flag has in the current etcd.
fn current(name: &str) -> &str {
    let alias = ALIASES.iter().find(|(old, _)| *old == name);
    let name = alias.map_or(name, |(_, name)| name);
    // etcd 3.6 and older have flags of this name that later got one without it.
    name.strip_prefix("experimental-").unwrap_or(name)
}

/// The settings that are flags of etcd's, and their defaults.
pub(super) fn taken() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    DEFAULTS
        .iter()
        .filter(|(key, _)| !OWN.iter().any(|own| key.starts_with(own)))
}

/// Every flag of etcd's but the old ones.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let tables = DISCOVERY.iter().chain(MOOT).map(|(name, ..)| *name);
    let refused = REFUSED.iter().map(|(name, _)| *name);
    let taken = taken().map(|(key, _)| *key);
    taken.chain(HEEDED).chain(tables).chain(refused)
}

/// What the start itself heeds.
pub(super) const FORCE_NEW_CLUSTER: &str = "force-new-cluster";
pub(super) const LOGGER: &str = "logger";
pub(super) const FEATURE_GATES: &str = "feature-gates";
const HEEDED: [&str; 3] = [FORCE_NEW_CLUSTER, LOGGER, FEATURE_GATES];

/// Gates that are settings here, under the names of the flags that older etcds have for them.
pub(super) const GATES: [(&str, &str); 3] = [
    ("InitialCorruptCheck", "initial-corrupt-check"),
    ("SetMemberLocalAddr", "set-member-localaddr"),
    ("CompactHashCheck", "compact-hash-check-enabled"),
];

const DISK: &str = "the data is not kept in etcd's files";
const EVERY_WRITE: &str = "every acknowledged write is on disk";
const TRACING: &str = "no traces are made";
const SLOW: &str = "/metrics tells how long requests take";

/// Flags that change nothing here, what etcd asks of their values all the same, and why.
const MOOT: &[(&str, Kind, &str)] = &[
    (
        "wal-dir",
        Kind::Text,
        "the log is kept in the data directory",
    ),
    (
        "snapshot-count",
        Kind::Unsigned,
        "when the log is cut is not counted in entries",
    ),
    (
        "snapshot-catchup-entries",
        Kind::Unsigned,
        "how much of the log is kept is decided by its size",
    ),
    (
        "initial-election-tick-advance",
        Kind::Switch,
        "a member that is alone does not wait for an election",
    ),
    (
        "max-snapshots",
        Kind::Unsigned,
        "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8: the data is not \
         kept in etcd's files",
    ),
    ("max-wals", Kind::Unsigned, DISK),
    ("memory-mlock", Kind::Switch, DISK),
    ("backend-bbolt-freelist-type", Kind::Text, DISK),
    ("backend-batch-interval", Kind::Duration, DISK),
    ("backend-batch-limit", Kind::Signed, DISK),
    ("bootstrap-defrag-threshold-megabytes", Kind::Unsigned, DISK),
    ("unsafe-no-fsync", Kind::Switch, EVERY_WRITE),
    (
        "pre-vote",
        Kind::Switch,
        "members always ask before they vote",
    ),
    (
        "raft-read-timeout",
        Kind::Duration,
        "members ping each other on silent connections",
    ),
    (
        "raft-write-timeout",
        Kind::Duration,
        "members ping each other on silent connections",
    ),
    (
        "grpc-keepalive-min-time",
        Kind::Duration,
        "clients may ping as often as they like",
    ),
    ("socket-reuse-port", Kind::Switch, "a port has one owner"),
    (
        "socket-reuse-address",
        Kind::Switch,
        "ports can be bound again at once in any case",
    ),
    (
        "compaction-batch-limit",
        Kind::Signed,
        "deleting after a compaction makes room for requests by itself",
    ),
    (
        "compaction-sleep-interval",
        Kind::Duration,
        "deleting after a compaction makes room for requests by itself",
    ),
    (
        "downgrade-check-time",
        Kind::Duration,
        "there is nothing to check for a downgrade",
    ),
    (
        "v2-deprecation",
        V2_STAGES,
        "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is \
         enforced, ignoring user input: there is no v2 API",
    ),
    ("enable-v2", Kind::Switch, "there is no v2 API"),
    ("enable-v2v3", Kind::Text, "there is no v2 API"),
    (
        "enable-pprof",
        Kind::Switch,
        "this is no Go program: see /metrics",
    ),
    ("metrics", Kind::Text, "/metrics has all there is"),
    (
        "enable-log-rotation",
        Kind::Switch,
        "files of the log are never closed: rotate them by copy",
    ),
    (
        "log-rotation-config-json",
        Kind::Text,
        "files of the log are never closed: rotate them by copy",
    ),
    ("warning-apply-duration", Kind::Duration, SLOW),
    ("enable-distributed-tracing", Kind::Switch, TRACING),
    ("distributed-tracing-address", Kind::Text, TRACING),
    ("distributed-tracing-service-name", Kind::Text, TRACING),
    ("distributed-tracing-instance-id", Kind::Text, TRACING),
    ("distributed-tracing-sampling-rate", Kind::Signed, TRACING),
    (
        "enable-lease-checkpoint",
        Kind::Switch,
        "the time that leases have left is kept in any case",
    ),
    (
        "enable-lease-checkpoint-persist",
        Kind::Switch,
        "the time that leases have left is kept in any case",
    ),
    (
        "stop-grpc-service-on-defrag",
        Kind::Switch,
        "nothing is stopped by defragmentation",
    ),
    ("txn-mode-write-with-shared-buffer", Kind::Switch, DISK),
    (
        "wait-cluster-ready-timeout",
        Kind::Duration,
        "a server listens for clients once it is ready",
    ),
    (
        "discovery-fallback",
        Kind::OneOf(&["exit"]),
        "there is nothing to fall back to",
    ),
];

/// As etcd names them.
const V2_STAGES: Kind = Kind::SomeOf(&[
    "write-only",
    "write-only-skip-check",
    "write-only-drop-data",
    "gone",
]);

pub(super) const DISCOVERY_TOKEN: &str = "discovery-token";
pub(super) const DISCOVERY_ENDPOINTS: &str = "discovery-endpoints";

/// Flags that say where members find each other, with what etcd asks of their values and its
/// defaults.
pub(super) const DISCOVERY: &[(&str, Kind, &str)] = &[
    (DISCOVERY_TOKEN, Kind::Text, ""),
    (DISCOVERY_ENDPOINTS, Kind::Text, ""),
    ("discovery-dial-timeout", Kind::Duration, "2s"),
    ("discovery-request-timeout", Kind::Duration, "5s"),
    ("discovery-keepalive-time", Kind::Duration, "2s"),
    ("discovery-keepalive-timeout", Kind::Duration, "6s"),
    ("discovery-insecure-transport", Kind::Switch, "true"),
    ("discovery-insecure-skip-tls-verify", Kind::Switch, "false"),
    ("discovery-cert", Kind::Text, ""),
    ("discovery-key", Kind::Text, ""),
    ("discovery-cacert", Kind::Text, ""),
    ("discovery-user", Kind::Text, ""),
    ("discovery-password", Kind::Text, ""),
];

const OTHER_DISCOVERY: &str = "name the members with --initial-cluster, or have them find each \
                               other with --discovery-endpoints and --discovery-token";
const NOT_YET: &str = "it is not supported";

/// Flags that would make something else of the server than was meant, were they ignored.
const REFUSED: &[(&str, &str)] = &[
    ("discovery", OTHER_DISCOVERY),
    (
        "discovery-config",
        "write what is in it as the flags are called, such as discovery-token",
    ),
    ("discovery-proxy", OTHER_DISCOVERY),
    ("discovery-srv", OTHER_DISCOVERY),
    ("discovery-srv-name", OTHER_DISCOVERY),
    ("client-cert-file", NOT_YET),
    ("client-key-file", NOT_YET),
    ("client-cert-allowed-cn", "etcd has it for members alone"),
    (
        "client-skip-client-san-verification",
        "etcd has it for members alone",
    ),
];

/// Whether a value asks for no more than happens without.
pub(super) fn is_harmless(value: &str) -> bool {
    value.is_empty() || value == "false"
}

/// Flags that etcd itself takes without heeding them.
const OLD: [&str; 13] = [
    "cluster-active-size",
    "cluster-remove-delay",
    "cluster-sync-interval",
    "config",
    "force",
    "max-result-buffer",
    "max-retry-attempts",
    "peer-heartbeat-interval",
    "peer-election-timeout",
    "retry-interval",
    "snapshot",
    "v",
    "vv",
];

/// Settings that stand alone or have `=` and a truth value behind them.
const SWITCHES: [&str; 13] = [
    "version",
    "help",
    "h",
    "auto-tls",
    "client-cert-auth",
    "peer-auto-tls",
    "peer-client-cert-auth",
    "peer-skip-client-san-verification",
    "compact-hash-check-enabled",
    "initial-corrupt-check",
    "enable-grpc-gateway",
    "force-new-cluster",
    "strict-reconfig-check",
];

/// What etcd asks of the value of a flag; what settings want is said by them.
pub(super) fn kind(name: &str) -> Kind {
    let name = current(name);
    if OLD.contains(&name) {
        return Kind::Ignored;
    }
    if SWITCHES.contains(&name) {
        return Kind::Switch;
    }
    let mut tables = MOOT.iter().chain(DISCOVERY);
    let found = tables.find(|(flag, ..)| *flag == name);
    found.map_or(Kind::Text, |(_, kind, _)| *kind)
}

/// Why a command line is not one of etcd's; the words are Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    #[error("flag provided but not defined: -{0}")]
    Undefined(String),
    #[error("flag needs an argument: -{0}")]
    NoValue(String),
    #[error("bad flag syntax: {0}")]
    Syntax(String),
    #[error("invalid boolean value \"{1}\" for -{0}: {2}")]
    Boolean(String, String, String),
    #[error("invalid value \"{1}\" for flag -{0}: {2}")]
    Value(String, String, String),
    #[error("\"{0}\" is not a valid flag")]
    NoFlag(String),
}

/// The flags of a command line with their values, in order; of a flag that is given twice the
/// last counts.
pub(super) fn parse(
    args: impl IntoIterator<Item = String>,
) -> Result<Vec<(String, String)>, Invalid> {
    let mut args = args.into_iter();
    let mut given = Vec::new();
    while let Some(arg) = args.next() {
        let Some(flag) = arg.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
            return Err(Invalid::NoFlag(arg));
        };
        let flag = flag.strip_prefix('-').unwrap_or(flag);
        if flag.is_empty() {
            // `--` ends the flags, and etcd takes nothing else.
            return args
                .next()
                .map_or(Ok(given), |arg| Err(Invalid::NoFlag(arg)));
        }
        if flag.starts_with(['-', '=']) {
            return Err(Invalid::Syntax(arg));
        }
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag.to_owned(), None),
        };
        let is_ours = ["version", "help", "h", "config-file"].contains(&name.as_str());
        if !is_ours && meaning(&name).is_none() {
            return Err(Invalid::Undefined(name));
        }
        let kind = kind(&name);
        let value = match value {
            Some(value) => value,
            None if kind.stands_alone() => "true".to_owned(),
            None => args.next().ok_or_else(|| Invalid::NoValue(name.clone()))?,
        };
        if let Err(wrong) = kind.check(&value) {
            return Err(match kind {
                Kind::Switch => Invalid::Boolean(name, value, wrong),
                _ => Invalid::Value(name, value, wrong),
            });
        }
        let value = as_flag(&name, value);
        given.push((name, value));
    }
    Ok(given)
}

/// The environment variable of a flag.
pub(super) fn variable(name: &str) -> String {
    format!("ETCD_{}", name.replace('-', "_").to_uppercase())
}

/// The text of a variable or a file as that of a flag: only flags are read as they stand there.
pub(super) fn as_flag(name: &str, text: String) -> String {
    match truth(&text) {
        Some(value) if kind(name) == Kind::Switch => value.to_string(),
        _ => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Of etcd 3.7.1, `etcd --help`.
    const ETCD: &str = "\
        name data-dir wal-dir snapshot-count heartbeat-interval election-timeout \
        initial-election-tick-advance listen-peer-urls listen-client-urls listen-client-http-urls \
        max-snapshots max-wals memory-mlock quota-backend-bytes backend-bbolt-freelist-type \
        backend-batch-interval backend-batch-limit max-txn-ops max-request-bytes \
        max-concurrent-streams grpc-keepalive-min-time grpc-keepalive-interval \
        grpc-keepalive-timeout socket-reuse-port socket-reuse-address enable-grpc-gateway \
        raft-read-timeout raft-write-timeout feature-gates initial-advertise-peer-urls \
        initial-cluster initial-cluster-state initial-cluster-token advertise-client-urls discovery \
        discovery-token discovery-endpoints discovery-dial-timeout discovery-request-timeout \
        discovery-keepalive-time discovery-keepalive-timeout discovery-insecure-transport \
        discovery-insecure-skip-tls-verify discovery-cert discovery-key discovery-cacert \
        discovery-user discovery-password discovery-fallback discovery-proxy discovery-srv \
        discovery-srv-name strict-reconfig-check pre-vote auto-compaction-retention \
        auto-compaction-mode v2-deprecation cert-file key-file client-cert-auth client-cert-file \
        client-key-file client-crl-file client-cert-allowed-hostname trusted-ca-file auto-tls \
        peer-cert-file peer-key-file peer-client-cert-auth peer-client-cert-file \
        peer-client-key-file peer-trusted-ca-file peer-cert-allowed-cn peer-cert-allowed-hostname \
        peer-auto-tls self-signed-cert-validity peer-crl-file cipher-suites cors host-whitelist \
        tls-min-version tls-max-version auth-token bcrypt-cost auth-token-ttl enable-pprof metrics \
        listen-metrics-urls logger log-outputs log-level log-format enable-log-rotation \
        log-rotation-config-json warning-unary-request-duration enable-distributed-tracing \
        distributed-tracing-address distributed-tracing-service-name \
        distributed-tracing-instance-id distributed-tracing-sampling-rate corrupt-check-time \
        compact-hash-check-time compaction-batch-limit peer-skip-client-san-verification \
        watch-progress-notify-interval warning-apply-duration bootstrap-defrag-threshold-megabytes \
        max-learners compaction-sleep-interval downgrade-check-time snapshot-catchup-entries \
        force-new-cluster unsafe-no-fsync";

    #[test]
    fn every_flag_of_etcds_has_one_meaning_and_no_setting_is_forgotten() {
        let etcd: BTreeSet<_> = ETCD.split_whitespace().collect();
        for name in &etcd {
            assert!(meaning(name).is_some(), "{name}");
        }
        let listed: Vec<_> = all().collect();
        let distinct: BTreeSet<_> = listed.iter().collect();
        assert_eq!(listed.len(), distinct.len(), "a flag has two meanings");
        for (key, _) in taken() {
            assert!(etcd.contains(key), "{key} is no flag of etcd's");
        }
        for (_, key) in GATES {
            let older = meaning(&format!("experimental-{key}"));
            assert_eq!(older, Some(Meaning::Setting(key)));
        }
        for name in SWITCHES.iter().skip(3) {
            assert!(meaning(name).is_some(), "{name}");
        }
    }

    fn parsed(args: &[&str]) -> Result<Vec<(String, String)>, Invalid> {
        parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn a_command_line_is_read_as_go_reads_it() {
        let given = parsed(&[
            "-name",
            "a",
            "--data-dir=/d=e",
            "--client-cert-auth",
            "-force-new-cluster=F",
            "--experimental-initial-corrupt-check=true",
            "--listen-metrics-urls=",
            "--",
        ]);
        let expected = [
            ("name", "a"),
            ("data-dir", "/d=e"),
            ("client-cert-auth", "true"),
            ("force-new-cluster", "false"),
            ("experimental-initial-corrupt-check", "true"),
            ("listen-metrics-urls", ""),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(given, Ok(expected.to_vec()));
    }

    #[test]
    fn what_etcd_does_not_take_is_refused_in_its_words() {
        for (args, words) in [
            (
                &["--store=fdb"][..],
                "flag provided but not defined: -store",
            ),
            (&["--names=a"], "flag provided but not defined: -names"),
            (&["--name"], "flag needs an argument: -name"),
            (&["---name"], "bad flag syntax: ---name"),
            (
                &["--pre-vote=2"],
                "invalid boolean value \"2\" for -pre-vote: parse error",
            ),
            (&["--pre-vote", "true"], "\"true\" is not a valid flag"),
            (
                &["--max-snapshots", "abc"],
                "invalid value \"abc\" for flag -max-snapshots: parse error",
            ),
            (
                &["--experimental-warning-apply-duration=5"],
                "invalid value \"5\" for flag -experimental-warning-apply-duration: parse error",
            ),
            (
                &["--v2-deprecation=not-yet"],
                "invalid value \"not-yet\" for flag -v2-deprecation: invalid value \"not-yet\"",
            ),
            (
                &["--discovery-dial-timeout="],
                "invalid value \"\" for flag -discovery-dial-timeout: parse error",
            ),
            (&["--", "x"], "\"x\" is not a valid flag"),
            (&["-"], "\"-\" is not a valid flag"),
        ] {
            assert_eq!(parsed(args).unwrap_err().to_string(), words);
        }
    }
}
