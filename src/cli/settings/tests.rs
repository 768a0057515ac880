#![allow(clippy::unwrap_used)]

use super::*;
use crate::mvcc::AutoCompaction;
use clap::{Args, Command, FromArgMatches};

fn settings(args: &[&str]) -> Result<Settings, UsageError> {
    let command = RawSettings::augment_args(Command::new("serve"));
    let args = std::iter::once(&"serve").chain(args);
    let raw = RawSettings::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap();
    Settings::validate(&Layers::merge(&raw, |_| None, None)?)
}

#[test]
fn the_defaults_are_etcds() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.options.name, "default");
    assert_eq!(settings.home, Home::Raft("./kvtool.data".into()));
    let group = settings.group.unwrap();
    assert_eq!(group.advertised[0].to_string(), "http://localhost:2380");
    assert_eq!(group.initial["default"], group.advertised);
    assert_eq!(group.heartbeat.as_millis(), 100);
    assert_eq!(group.election_heartbeats, 10);
    assert_eq!(group.token, "etcd-cluster");
    assert!(group.listen.is_empty() && group.tls.is_none() && !group.joins);
    assert_eq!(settings.listen[0].to_string(), "http://127.0.0.1:2379");
    assert_eq!(settings.options.max_request_bytes, 1_572_864);
    assert_eq!(settings.options.max_txn_ops, 128);
    assert_eq!(settings.options.auto_compaction, AutoCompaction::Off);
    assert_eq!(settings.options.watch_progress_interval.as_secs(), 600);
    assert_eq!(settings.max_concurrent_streams, u32::MAX);
    assert_eq!(settings.keepalive_interval.unwrap().as_secs(), 7200);
    assert_eq!(settings.version.to_string(), "3.7.1");
    assert_eq!(settings.tls, None);
}

#[test]
fn what_is_kept_in_memory_is_for_keys_and_for_blocks() {
    let kept = |home: &[&str], bytes: &str| {
        let settings = settings(&[home, &["--cache-bytes", bytes]].concat()).unwrap();
        (settings.blocks, settings.options.cache_bytes)
    };
    let of_blocks = |bytes| BlockCache::divide(bytes).0;
    assert_eq!(kept(&[], "64MiB"), (of_blocks(64 << 20), 48 << 20));
    assert_eq!(kept(&[], "67108864"), kept(&[], "64MiB"));
    let few = ["--store", "local"];
    assert_eq!(kept(&few, "4KiB"), (of_blocks(0), 3 << 10));
    assert_eq!(kept(&few, "0"), (of_blocks(0), 0));
    assert_eq!(kept(&["--store", "memory"], "1GiB").1, 1 << 30);
    // Beyond the most for blocks, all is for keys.
    let (all, much) = kept(&[], "1GiB");
    assert_eq!((all, much), (BlockCache::default(), (1 << 30) - (64 << 20)));
}

#[test]
fn tls_takes_certificate_key_and_an_https_url() {
    let files = ["--cert-file", "c", "--key-file", "k"];
    let https = [
        "--listen-client-urls",
        "https://127.0.0.1:0,http://127.0.0.1:0",
    ];
    let settings = settings(&[&files[..], &https].concat()).unwrap();
    let tls = settings.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), ("c".into(), "k".into()));
    assert_eq!(tls.authorities, None);
}

#[test]
fn every_bad_setting_gets_a_sentence_that_names_it() {
    for (args, sentence) in [
        (&["--name", ""][..], "--name : the name is empty"),
        (&["--instance="], "the name is empty"),
        (&["--data-dir="], "the name is empty"),
        (&["--max-txn-ops", "0"], "1 or more"),
        (
            &["--max-txn-ops", "many"],
            "--max-txn-ops many: not a number",
        ),
        (
            &["--cache-bytes", "none"],
            "--cache-bytes none: not a number of bytes",
        ),
        (&["--max-request-bytes=-1"], "not a number"),
        (
            &["--max-request-bytes", "2147483647"],
            "gRPC carries at most",
        ),
        (&["--max-concurrent-streams", "4294967296"], "not a number"),
        (
            &["--watch-progress-notify-interval", "99ms"],
            "100ms or longer",
        ),
        (
            &["--watch-progress-notify-interval", "10"],
            "not a duration",
        ),
        (&["--grpc-keepalive-timeout", "0"], "longer than 0"),
        (&["--grpc-keepalive-interval=-1s"], "not a duration"),
        (&["--etcd-version", "3.7"], "not a version"),
        (&["--auto-compaction-retention", "1y"], "not a duration"),
        (
            &[
                "--auto-compaction-mode=revision",
                "--auto-compaction-retention=1h",
            ],
            "number of revisions",
        ),
        (&["--listen-client-urls", "127.0.0.1:2379"], "not a URL"),
        (&["--listen-client-urls="], "at least one URL"),
        (
            &["--listen-client-urls", "http://etcd.example:1"],
            "is a name",
        ),
        (
            &[
                "--listen-client-urls",
                "http://127.0.0.1:1,http://127.0.0.1:1",
            ],
            "given twice",
        ),
        (&["--advertise-client-urls", "http://a"], "needs a port"),
        (&["--initial-advertise-peer-urls", "a"], "not a URL"),
        (
            &["--listen-client-urls", "https://127.0.0.1:1"],
            "https needs",
        ),
        (
            &["--listen-metrics-urls", "https://127.0.0.1:1"],
            "--listen-metrics-urls https://127.0.0.1:1: client TLS key/cert (--cert-file, --key-file) must",
        ),
        (
            &["--listen-metrics-urls", "http://127.0.0.1:2379"],
            "given twice",
        ),
        (&["--cert-file", "c"], "add --key-file"),
        (&["--key-file", "k"], "add --cert-file"),
        (
            &["--cert-file", "c", "--key-file", "k"],
            "nothing would be encrypted",
        ),
        (&["--trusted-ca-file", "a"], "nothing would be encrypted"),
        (&["--client-cert-auth"], "--trusted-ca-file"),
        (
            &[
                "--tls-min-version",
                "TLS1.1",
                "--listen-client-urls=https://127.0.0.1:1",
                "--cert-file=c",
                "--key-file=k",
            ],
            "TLS1.2 or TLS1.3",
        ),
        (
            &[
                "--cipher-suites",
                "x",
                "--listen-client-urls=https://127.0.0.1:1",
                "--cert-file=c",
                "--key-file=k",
            ],
            "x is none of TLS_",
        ),
        (
            &[
                "--client-crl-file",
                "x",
                "--listen-client-urls=https://127.0.0.1:1",
                "--cert-file=c",
                "--key-file=k",
            ],
            "--trusted-ca-file",
        ),
        (
            &[
                "--auto-tls",
                "--store=memory",
                "--listen-client-urls=https://127.0.0.1:1",
            ],
            "data directory",
        ),
        (&["--instance-from", "client-cert"], "--trusted-ca-file"),
        (&["--auth-token-ttl", "0"], "1 or more"),
        (&["--auth-token", "x"], "simple or jwt"),
        (&["--auth-token", "jwt,x=y"], "x=y: write sign-method="),
        (&["--auth-token", "jwt"], "sign-method=RS256"),
        (&["--auth-token", "jwt,sign-method=x"], "is one of HS256"),
        (
            &["--auth-token", "jwt,sign-method=ES256"],
            "a key is missing",
        ),
        (&["--auth-token", "jwt,priv-key=/none"], "cannot read /none"),
        (&["--bcrypt-cost", "3"], "from 4 to 31"),
        (&["--initial-cluster", "a=http://a:1"], "add default=URL"),
        (
            &["--initial-cluster", "default=http://a:1,b=http://a:1"],
            "given twice",
        ),
        (&["--initial-cluster", "default"], "write it as"),
        (
            &["--initial-cluster", "default=http://a:1,default=http://b:1"],
            "no two members have one name",
        ),
        (
            &["--initial-cluster", "default=http://a:1"],
            "--initial-advertise-peer-urls, http://localhost:2380",
        ),
        (
            &[
                "--initial-cluster",
                "default=http://localhost:2380,b=http://b:1",
            ],
            "add --listen-peer-urls",
        ),
        (
            &["--listen-peer-urls", "http://127.0.0.1:2379"],
            "given twice",
        ),
        (
            &["--listen-peer-urls", "https://127.0.0.1:1"],
            "https needs --peer-cert-file",
        ),
        (&["--peer-cert-file", "c"], "add --peer-key-file"),
        (&["--peer-client-cert-auth"], "--peer-trusted-ca-file"),
        (&["--election-timeout", "499"], "5 heartbeats"),
        (&["--election-timeout", "50001"], "too long"),
        (&["--heartbeat-interval", "0"], "1 or more"),
        (&["--max-learners", "0"], "1 or more"),
        (&["--quota-backend-bytes", "2G"], "not a number of bytes"),
        (&["--initial-cluster-token="], "is empty"),
        (
            &["--store=local", "--initial-cluster=default=http://a:1"],
            "this is for --store raft",
        ),
        (&["--store", "memory", "--data-dir", "d"], "leave this out"),
        (&["--store", "fdb", "--data-dir", "d"], "leave this out"),
        (&["--fdb-cluster-file", "f"], "this is for --store fdb"),
        (
            &[
                "--store=fdb",
                "--fdb-cluster-file=f",
                "--fdb-connection-string=a:b@c:1",
            ],
            "leave one of them out",
        ),
    ] {
        let error = settings(args).unwrap_err().to_string();
        assert!(error.contains(sentence), "{args:?}: {error}");
    }
}

#[test]
fn a_bad_choice_in_the_environment_is_refused_like_a_flag() {
    for (name, sentence) in [
        (
            "KVTOOL_STORE",
            "KVTOOL_STORE=bad: the store is raft, local, fdb or memory",
        ),
        ("KVTOOL_LOG_LEVEL", "the log level is"),
        ("KVTOOL_LOG_FORMAT", "the log format is"),
        ("KVTOOL_CLIENT_CERT_AUTH", "KVTOOL_CLIENT_CERT_AUTH=bad"),
    ] {
        let environment = |asked: &str| (asked == name).then(|| "bad".to_owned());
        let layers = Layers::merge(&RawSettings::default(), environment, None).unwrap();
        let error = Settings::validate(&layers).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
}
