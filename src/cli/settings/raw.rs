//! The settings as they are given: one text per flag, and what each is when nobody gives it.

use super::{FdbArgs, FoundersArgs};
use clap::Args;
use serde::Serialize;

/// Every setting of a server, not validated yet.
///
/// One field is a flag, an environment variable `KVTOOL_<FLAG>` and a key of the config file.
#[derive(Debug, Default, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RawSettings {
    /// Name of this member; each server of an instance on FoundationDB has its own [default: default]
    #[arg(long)]
    name: Option<String>,
    /// Directory the data lives in [default: ./kvtool.data]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    data_dir: Option<String>,
    /// Home of the data: the directories of a group of servers, of one until others are added; a
    /// directory of this machine; a FoundationDB cluster; or this process's memory [default: raft]
    #[arg(long, value_parser = ["raft", "local", "fdb", "memory"])]
    store: Option<String>,
    /// Keyspace to serve: one store holds many that cannot see each other [default: default]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,

    /// Each connection works in the keyspace that its certificate names: client-cert (by its common
    /// name), client-cert:san-dns or client-cert:san-uri [default: all in that of --instance]
    #[arg(long, value_name = "RULE")]
    instance_from: Option<String>,
    /// Keyspaces open at a time with --instance-from [default: 64]
    #[arg(long, value_name = "COUNT")]
    instances_max: Option<String>,
    /// Bytes that such a keyspace may take, such as 2GiB, unless `kvtool instance` says otherwise
    /// [default: none]
    #[arg(long, value_name = "BYTES")]
    instances_size: Option<String>,
    /// Requests of each of them that are admitted in a second [default: none]
    #[arg(long, value_name = "COUNT")]
    instances_requests: Option<String>,
    /// Bytes of writes of each of them that are admitted in a second, such as 4MiB [default: none]
    #[arg(long, value_name = "BYTES")]
    instances_write_bytes: Option<String>,

    /// URLs to listen on for clients, with commas between [default: http://127.0.0.1:2379]
    #[arg(long, value_name = "URLS", help_heading = "Network")]
    listen_client_urls: Option<String>,
    /// URLs for plain HTTP; the client URLs then serve gRPC alone [default: none]
    #[arg(long, value_name = "URLS", help_heading = "Network")]
    listen_client_http_urls: Option<String>,
    /// URLs that serve /metrics and /health alone, with commas between [default: none; the client
    /// URLs serve both]
    #[arg(long, value_name = "URLS", help_heading = "Network")]
    listen_metrics_urls: Option<String>,
    /// URLs for `kvtool instance`: unix://PATH, or http:// on a loopback address; whoever reaches them
    /// may delete keyspaces [default: none]
    #[arg(long, value_name = "URLS", help_heading = "Network")]
    listen_control_urls: Option<String>,
    /// Serve etcd's API as JSON, too, where plain HTTP is served [default: true]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Network"
    )]
    enable_grpc_gateway: Option<String>,
    /// Origins of web pages that may use what is served over HTTP, with commas between; * is all
    /// [default: none]
    #[arg(long, value_name = "ORIGINS", help_heading = "Network")]
    cors: Option<String>,
    /// Hosts that HTTP requests without TLS may name, with commas between; * is all [default: *]
    #[arg(long, value_name = "HOSTS", help_heading = "Network")]
    host_whitelist: Option<String>,
    /// URLs clients are told to connect to [default: those listened on]
    #[arg(long, value_name = "URLS", help_heading = "Network")]
    advertise_client_urls: Option<String>,
    /// Send writes to the server that leads, where several serve one keyspace [default: true]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Network"
    )]
    forward_writes: Option<String>,
    /// Time between pings on a silent connection; 0 is never [default: 2h]
    #[arg(long, value_name = "DURATION", help_heading = "Network")]
    grpc_keepalive_interval: Option<String>,
    /// How long a ping may go unanswered before the connection is closed [default: 20s]
    #[arg(long, value_name = "DURATION", help_heading = "Network")]
    grpc_keepalive_timeout: Option<String>,

    /// Certificate of this server, PEM; needed for https
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "TLS")]
    cert_file: Option<String>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "TLS")]
    key_file: Option<String>,
    /// Authorities whose client certificates are accepted, PEM; clients must then show one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "TLS")]
    trusted_ca_file: Option<String>,
    /// Accept only clients with a certificate [default: true with --trusted-ca-file]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "TLS"
    )]
    client_cert_auth: Option<String>,
    /// Certificates that are no longer accepted of clients, PEM or DER
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "TLS")]
    client_crl_file: Option<String>,
    /// Hosts of which a client's certificate must name one, with commas between
    #[arg(long, value_name = "HOSTS", help_heading = "TLS")]
    client_cert_allowed_hostname: Option<String>,
    /// Serve https with a certificate of our own making, kept in the data directory [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "TLS"
    )]
    auto_tls: Option<String>,
    /// Years such a certificate is good for [default: 1]
    #[arg(long, value_name = "YEARS", help_heading = "TLS")]
    self_signed_cert_validity: Option<String>,
    /// Oldest TLS spoken: TLS1.2 or TLS1.3 [default: TLS1.2]
    #[arg(long, value_name = "VERSION", help_heading = "TLS")]
    tls_min_version: Option<String>,
    /// Newest TLS spoken [default: the newest]
    #[arg(long, value_name = "VERSION", help_heading = "TLS")]
    tls_max_version: Option<String>,
    /// Ciphers of TLS 1.2, with commas between [default: all that are sound]
    #[arg(long, value_name = "NAMES", help_heading = "TLS")]
    cipher_suites: Option<String>,

    /// What users get when they log in: simple, or jwt,sign-method=METHOD,priv-key=FILE,pub-key=FILE,
    /// ttl=DURATION [default: simple]
    #[arg(long, value_name = "TOKEN", help_heading = "Users")]
    auth_token: Option<String>,
    /// Seconds a login with a simple token lives after its last use [default: 300]
    #[arg(long, value_name = "SECONDS", help_heading = "Users")]
    auth_token_ttl: Option<String>,
    /// Doublings of the work that a hash of a password takes, 4 to 31 [default: 10]
    #[arg(long, value_name = "COST", help_heading = "Users")]
    bcrypt_cost: Option<String>,

    /// URLs to listen on for other members, with commas between; who is alone needs none
    #[arg(long, value_name = "URLS", help_heading = "Group")]
    listen_peer_urls: Option<String>,
    /// URLs other members are told to connect to [default: those listened on, else
    /// http://localhost:2380]
    #[arg(long, value_name = "URLS", help_heading = "Group")]
    initial_advertise_peer_urls: Option<String>,
    /// Members of the group when it begins or is joined, this one too: NAME=URL,...
    /// [default: this one alone]
    #[arg(long, value_name = "MEMBERS", help_heading = "Group")]
    initial_cluster: Option<String>,
    /// Whether the members found the group, or this one joins it [default: new]
    #[arg(long, value_parser = ["new", "existing"], help_heading = "Group")]
    initial_cluster_state: Option<String>,
    /// Tells groups that began with the same members apart [default: etcd-cluster]
    #[arg(long, value_name = "TOKEN", help_heading = "Group")]
    initial_cluster_token: Option<String>,
    /// Milliseconds between two signs of life of a leader [default: 100]
    #[arg(long, value_name = "MS", help_heading = "Group")]
    heartbeat_interval: Option<String>,
    /// Milliseconds without one until others ask to be elected [default: 1000]
    #[arg(long, value_name = "MS", help_heading = "Group")]
    election_timeout: Option<String>,
    /// Call other members from the first address of --initial-advertise-peer-urls that is no loopback
    /// [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    set_member_localaddr: Option<String>,
    /// Refuse changes of the members that may cost the group its quorum [default: true]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    strict_reconfig_check: Option<String>,
    /// Most members without a vote [default: 1]
    #[arg(long, value_name = "COUNT", help_heading = "Group")]
    max_learners: Option<String>,
    /// Time between two comparisons of all members' keyspaces, which raise the alarm CORRUPT for one
    /// that differs; 0 is never. One server alone, and those of FoundationDB, have nothing to compare
    /// [default: 0s]
    #[arg(long, value_name = "DURATION", help_heading = "Group")]
    corrupt_check_time: Option<String>,
    /// Compare them after compactions, too [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    compact_hash_check_enabled: Option<String>,
    /// Time after which a compaction is looked for [default: 1m]
    #[arg(long, value_name = "DURATION", help_heading = "Group")]
    compact_hash_check_time: Option<String>,
    /// Do not serve with a keyspace that differs from those of the members that are there
    /// [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    initial_corrupt_check: Option<String>,
    /// Certificate of this server for other members, PEM; shown to them when it calls, too
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Group")]
    peer_cert_file: Option<String>,
    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Group")]
    peer_key_file: Option<String>,
    /// Certificate to show when this server calls other members, PEM [default: that of --peer-cert-file]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Group")]
    peer_client_cert_file: Option<String>,
    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Group")]
    peer_client_key_file: Option<String>,
    /// Authorities that sign the members' certificates, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Group")]
    peer_trusted_ca_file: Option<String>,
    /// Speak https to other members with a certificate of our own making, kept in the data directory,
    /// and take any of theirs: hides what is said, but lets strangers in [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    peer_auto_tls: Option<String>,
    /// Accept only members with a certificate [default: true with --peer-trusted-ca-file]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    peer_client_cert_auth: Option<String>,
    /// Certificates that are no longer accepted of members, PEM or DER
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Group")]
    peer_crl_file: Option<String>,
    /// Common names of members' certificates, with commas between [default: any]
    #[arg(long, value_name = "NAMES", help_heading = "Group")]
    peer_cert_allowed_cn: Option<String>,
    /// Hosts of which a member's certificate must name one, with commas between [default: any]
    #[arg(long, value_name = "HOSTS", help_heading = "Group")]
    peer_cert_allowed_hostname: Option<String>,
    /// Take a member's certificate from any address, also where it names hosts [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = ["true", "false"],
        help_heading = "Group"
    )]
    peer_skip_client_san_verification: Option<String>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(super) fdb: FdbArgs,

    /// Largest request, in bytes [default: 1572864]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_request_bytes: Option<String>,
    /// Most compares, or operations of one branch, of a transaction [default: 128]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_txn_ops: Option<String>,
    /// Most bytes that keys and their history may take, before writes that add to them are refused and
    /// an alarm is raised; 0 or less is no bound [default: 0]
    #[arg(
        long,
        value_name = "BYTES",
        allow_hyphen_values = true,
        help_heading = "Limits"
    )]
    quota_backend_bytes: Option<String>,
    /// What may be kept in memory for reads, such as 64MiB: keys, and of a local disk also blocks, a
    /// quarter; 0 keeps no keys [default: 268435456]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    cache_bytes: Option<String>,
    /// Most calls open at a time on one connection [default: 4294967295]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_concurrent_streams: Option<String>,

    /// What --auto-compaction-retention counts [default: periodic]
    #[arg(long, value_parser = ["periodic", "revision"], help_heading = "History")]
    auto_compaction_mode: Option<String>,
    /// History to keep: a duration (or hours), or a number of revisions; 0 keeps all [default: 0]
    #[arg(long, value_name = "RETENTION", help_heading = "History")]
    auto_compaction_retention: Option<String>,
    /// Time between progress notices to idle watchers that want them [default: 10m]
    #[arg(
        long,
        alias = "experimental-watch-progress-notify-interval",
        value_name = "DURATION",
        help_heading = "History"
    )]
    watch_progress_notify_interval: Option<String>,

    /// Least important messages to log [default: info]
    #[arg(long, value_parser = ["debug", "info", "warn", "error"], help_heading = "Logging")]
    log_level: Option<String>,
    /// Tell of requests that take longer, a few in a second [default: 300ms]
    #[arg(long, value_name = "DURATION", help_heading = "Logging")]
    warning_unary_request_duration: Option<String>,
    /// Shape of the log [default: console]
    #[arg(long, value_parser = ["console", "json"], help_heading = "Logging")]
    log_format: Option<String>,
    /// Where the log goes: stderr, stdout or files, with commas between [default: stderr]
    #[arg(long, value_name = "OUTPUTS", help_heading = "Logging")]
    log_outputs: Option<String>,

    /// etcd version reported to clients, who choose by it what they use [default: 3.7.1]
    #[arg(long, value_name = "VERSION")]
    etcd_version: Option<String>,
}

impl RawSettings {
    /// Those that say who founds a group, and no others.
    pub(super) fn of_founders(args: FoundersArgs) -> Self {
        Self {
            name: args.name,
            initial_cluster: args.initial_cluster,
            initial_advertise_peer_urls: args.initial_advertise_peer_urls,
            initial_cluster_token: args.initial_cluster_token,
            ..Self::default()
        }
    }

    /// Those that say where the data is, and no others.
    pub(super) fn of_home(store: Option<String>, data_dir: Option<String>, fdb: FdbArgs) -> Self {
        Self {
            store,
            data_dir,
            fdb,
            ..Self::default()
        }
    }
}

/// What each setting is when nobody gives it; empty is unset. The order is that of `--print-config`.
pub(in crate::cli) const DEFAULTS: &[(&str, &str)] = &[
    ("name", "default"),
    ("store", "raft"),
    ("data-dir", "./kvtool.data"),
    ("instance", "default"),
    ("instance-from", ""),
    ("instances-max", "64"),
    ("instances-size", "none"),
    ("instances-requests", "none"),
    ("instances-write-bytes", "none"),
    ("listen-client-urls", "http://127.0.0.1:2379"),
    ("listen-client-http-urls", ""),
    ("listen-metrics-urls", ""),
    ("listen-control-urls", ""),
    ("enable-grpc-gateway", "true"),
    ("cors", ""),
    ("host-whitelist", "*"),
    ("advertise-client-urls", ""),
    ("forward-writes", "true"),
    ("grpc-keepalive-interval", "2h"),
    ("grpc-keepalive-timeout", "20s"),
    ("cert-file", ""),
    ("key-file", ""),
    ("trusted-ca-file", ""),
    ("client-cert-auth", "false"),
    ("client-crl-file", ""),
    ("client-cert-allowed-hostname", ""),
    ("auto-tls", "false"),
    ("self-signed-cert-validity", "1"),
    ("tls-min-version", "TLS1.2"),
    ("tls-max-version", ""),
    ("cipher-suites", ""),
    ("auth-token", "simple"),
    ("auth-token-ttl", "300"),
    ("bcrypt-cost", "10"),
    ("listen-peer-urls", ""),
    ("initial-advertise-peer-urls", ""),
    ("initial-cluster", ""),
    ("initial-cluster-state", "new"),
    ("initial-cluster-token", "etcd-cluster"),
    ("heartbeat-interval", "100"),
    ("election-timeout", "1000"),
    ("set-member-localaddr", "false"),
    ("strict-reconfig-check", "true"),
    ("max-learners", "1"),
    ("corrupt-check-time", "0s"),
    ("compact-hash-check-enabled", "false"),
    ("compact-hash-check-time", "1m"),
    ("initial-corrupt-check", "false"),
    ("peer-cert-file", ""),
    ("peer-key-file", ""),
    ("peer-client-cert-file", ""),
    ("peer-client-key-file", ""),
    ("peer-trusted-ca-file", ""),
    ("peer-auto-tls", "false"),
    ("peer-client-cert-auth", "false"),
    ("peer-crl-file", ""),
    ("peer-cert-allowed-cn", ""),
    ("peer-cert-allowed-hostname", ""),
    ("peer-skip-client-san-verification", "false"),
    ("fdb-cluster-file", ""),
    ("fdb-connection-string", ""),
    ("fdb-client-library", ""),
    ("fdb-external-client-dir", ""),
    ("fdb-tls-certificate-file", ""),
    ("fdb-tls-key-file", ""),
    ("fdb-tls-ca-file", ""),
    ("fdb-tls-verify-peers", ""),
    ("fdb-trace-dir", ""),
    ("fdb-transaction-tag", ""),
    ("fdb-priority", "default"),
    ("max-request-bytes", "1572864"),
    ("max-txn-ops", "128"),
    ("quota-backend-bytes", "0"),
    ("cache-bytes", "268435456"),
    ("max-concurrent-streams", "4294967295"),
    ("auto-compaction-mode", "periodic"),
    ("auto-compaction-retention", "0"),
    ("watch-progress-notify-interval", "10m"),
    ("log-level", "info"),
    ("warning-unary-request-duration", "300ms"),
    ("log-format", "console"),
    ("log-outputs", "stderr"),
    ("etcd-version", "3.7.1"),
];

/// Older names that etcd still takes, and what they mean.
pub(in crate::cli) const ALIASES: &[(&str, &str)] = &[(
    "experimental-watch-progress-notify-interval",
    "watch-progress-notify-interval",
)];
