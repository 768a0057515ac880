//! `kvtool bench` from outside: every workload against the empty server, the answers of a
//! comparison, and what bad flags get. No speed is asserted.
#![allow(clippy::unwrap_used)]

mod support;

use kvtool::pb::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthUserAddRequest, AuthUserGrantRoleRequest,
};
use serde_json::Value;
use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};
use support::{
    client::Client,
    cluster::Cluster,
    server::{Etcd, Program, Server},
    skip,
};

/// Every workload, with flags that make it small.
const WORKLOADS: &[&str] = &[
    "put",
    "put --rate 5000 --sequential",
    "txn-put --create-percent 30",
    "get",
    "get --serializable",
    "range",
    "range --keys-only",
    "range --count-only",
    "range --stream",
    "page --limit 7",
    "page --limit 7 --walk",
    "watch --watchers 20 --streams 4",
    "watch --watchers 20 --streams 4 --distinct --prev-kv --rate 2000",
    "mixed --reads-per-write 1",
    "lease",
];
const SMALL: &str = "--total 60 --clients 6 --conns 2 --threads 2 --key-space 50";

fn bench(flags: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kvtool"))
        .arg("bench")
        .args(flags.split_whitespace())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(flags: &str) -> Value {
    let output = bench(&format!("{flags} -o json"));
    assert!(output.status.success(), "{flags}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sum(list: &Value, field: &str) -> u64 {
    let counts = list.as_array().unwrap().iter();
    counts.map(|it| it[field].as_u64().unwrap()).sum()
}

/// Runs a workload and checks that its numbers add up.
fn check(workload: &str, server: &str) {
    let report = json(&format!("{workload} {SMALL} {server}"));
    let operations = report["operations"].as_u64().unwrap();
    assert_eq!(operations, 60, "{workload}");
    assert_eq!(report["error_count"], 0, "{workload}: {}", report["errors"]);
    assert_eq!(report["unfinished"], 0, "{workload}");
    assert_eq!(report["interrupted"], false, "{workload}");
    assert_eq!(
        sum(&report["histogram"], "operations"),
        operations,
        "{workload}"
    );
    assert_eq!(
        sum(&report["series"], "operations"),
        operations,
        "{workload}"
    );
    let name = workload.split(' ').next().unwrap();
    assert_eq!(report["workload"]["name"], name);
    let latency = |field: &str| report["latency"][field].as_f64().unwrap();
    assert!(latency("min_us") > 0.0, "{workload}");
    assert!(latency("p50_us") <= latency("p99_us"), "{workload}");
    assert!(latency("p99_us") <= latency("max_us"), "{workload}");
}

fn check_workloads(server: &str) {
    WORKLOADS
        .iter()
        .for_each(|workload| check(workload, server));
}

/// Also what needs a past.
fn check_all_workloads(server: &str) {
    check_workloads(server);
    check("catch-up --revisions 40", server);
}

#[test]
fn every_workload_runs_against_the_empty_server() {
    check_workloads("--target noop");
}

#[test]
fn every_workload_runs_against_the_bare_server() {
    check_workloads("--target bare");
}

#[test]
fn a_long_answer_is_read_in_its_pieces() {
    let report = json(&format!("range {SMALL} --value-size 20000 --target noop"));
    assert_eq!(report["error_count"], 0);
}

#[test]
fn a_watch_can_be_apart_from_the_writer() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, data.path(), &[]);
    let endpoint = format!("127.0.0.1:{}", server.port());
    let report = json(&format!(
        "watch --apart --watchers 4 --streams 2 {SMALL} --endpoints {endpoint},{endpoint}"
    ));
    assert_eq!(
        (&report["operations"], &report["error_count"]),
        (&60.into(), &0.into())
    );
}

#[test]
fn every_workload_runs_against_kvtool() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, data.path(), &[]);
    let endpoint = format!("--endpoints 127.0.0.1:{}", server.port());
    let unfilled = bench(&format!("get {SMALL} {endpoint}"));
    assert_eq!(unfilled.status.code(), Some(2));
    assert!(text(&unfilled.stderr).contains("holds 0 of the 50 keys"));
    check_all_workloads(&format!("{endpoint} --prefill"));
}

/// A server that asks who calls answers `root` alone.
#[tokio::test]
async fn every_call_comes_with_its_login() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, data.path(), &[]);
    let endpoint = format!("127.0.0.1:{}", server.port());
    let mut auth = Client::connect(&format!("http://{endpoint}"))
        .await
        .unwrap()
        .auth;
    let name = || "root".to_owned();
    let user = AuthUserAddRequest {
        name: name(),
        password: "secret".to_owned(),
        ..Default::default()
    };
    auth.user_add(user).await.unwrap();
    auth.role_add(AuthRoleAddRequest { name: name() })
        .await
        .unwrap();
    let (user, role) = (name(), name());
    auth.user_grant_role(AuthUserGrantRoleRequest { user, role })
        .await
        .unwrap();
    auth.auth_enable(AuthEnableRequest {}).await.unwrap();
    check_all_workloads(&format!(
        "--endpoints {endpoint} --prefill --user root:secret"
    ));
}

#[test]
fn every_workload_runs_against_etcd() {
    let Some(etcd) = Etcd::find() else {
        return skip("every_workload_runs_against_etcd", "no etcd here");
    };
    // RangeStream came with 3.7.
    if etcd.version < (3, 7) {
        return skip(
            "every_workload_runs_against_etcd",
            "this etcd is older than 3.7",
        );
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Etcd(etcd), data.path(), &[]);
    check_all_workloads(&format!(
        "--endpoints 127.0.0.1:{} --prefill",
        server.port()
    ));
}

#[test]
fn who_asks_for_more_of_the_past_than_there_is_is_told() {
    let report = json(&format!("catch-up {SMALL} --target noop"));
    assert_eq!(report["error_count"], 60);
    let error = report["errors"].to_string();
    assert!(error.contains("lower --revisions"), "{error}");
}

#[test]
fn the_process_of_a_server_is_measured() {
    let report = json(&format!("put {SMALL} --target noop"));
    assert!(report["process"]["resident_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn other_processes_are_measured_beside_the_server() {
    let this = std::process::id();
    let report = json(&format!(
        "put {SMALL} --target noop --watch-pid test={this}"
    ));
    let others = report["others"].as_array().unwrap();
    let names: Vec<_> = others
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["bench", "test"]);
    assert!(
        others
            .iter()
            .all(|it| it["resident_bytes"].as_u64().unwrap() > 0)
    );
}

/// FoundationDB itself as both sides of a comparison; what was written is gone afterwards.
#[test]
fn foundationdb_itself_is_measured_and_left_as_it_was() {
    let Some(cluster) = Cluster::own("bench of FoundationDB itself") else {
        return;
    };
    let file = cluster.file();
    let file = file.to_str().unwrap();
    for workload in ["put", "txn-put --create-percent 30", "txn-put"] {
        let comparison = json(&format!(
            "{workload} {SMALL} --prefill --target fdb-per-put --compare fdb-first-in-batch \
             --rounds 2 --fdb-cluster-file {file}"
        ));
        let runs = comparison["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 4);
        for run in runs {
            assert_eq!(run["operations"], 60, "{workload}");
            assert_eq!(run["error_count"], 0, "{workload}: {}", run["errors"]);
            let kinds = run["kinds"].as_array().unwrap();
            let conflicts = kinds.iter().find(|kind| kind["name"] == "conflict");
            assert_eq!(
                conflicts.map_or(0, |kind| kind["operations"].as_u64().unwrap()),
                0
            );
        }
        assert!(comparison["ratios"][0]["throughput"].as_f64().unwrap() > 0.0);
    }
    let keys = Command::new("fdbcli")
        .args(["-C", file, "--exec", r#"getrangekeys "" \xff 1000"#])
        .output()
        .unwrap();
    let keys = text(&keys.stdout);
    assert!(keys.contains("Range limited"), "{keys}");
    assert!(!keys.contains("kvtool-bench"), "{keys}");

    let output = bench(&format!(
        "get {SMALL} --target fdb-per-put --fdb-cluster-file {file}"
    ));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("fdb-per-put can only be written to"));
}

#[test]
fn a_rate_nobody_can_reach_is_reported() {
    let report = json(
        "put --clients 1 --rate 1000000 --duration 100ms --threads 1 --key-space 50 --target noop",
    );
    let sent = report["operations"].as_u64().unwrap() + report["unfinished"].as_u64().unwrap();
    assert_eq!(sent + report["unsent"].as_u64().unwrap(), 100_000);
    assert!(sent > 0 && sent < 100_000);
}

#[test]
fn kinds_split_the_operations() {
    let report = json(&format!("lease {SMALL} --target noop"));
    assert_eq!(sum(&report["kinds"], "operations"), 60);
    let report = json(&format!(
        "watch --watchers 20 --streams 4 {SMALL} --target noop"
    ));
    let counts: Vec<_> = report["kinds"].as_array().unwrap().iter().collect();
    let count = |kind: usize| counts[kind]["operations"].as_u64().unwrap();
    // Each of 60 puts went to each of 20 watchers.
    assert_eq!((count(0), count(1), count(2)), (60, 1200, 60));
}

#[test]
fn a_comparison_takes_turns_and_can_fail() {
    let flags = format!("put {SMALL} --target noop --name first --compare noop,second --rounds 2");
    let comparison = json(&flags);
    let runs = comparison["runs"].as_array().unwrap();
    let order: Vec<_> = runs
        .iter()
        .map(|run| run["server"].as_str().unwrap())
        .collect();
    assert_eq!(order, ["first", "second", "first", "second"]);
    let ratio = &comparison["ratios"][0];
    assert_eq!(
        (&ratio["server"], &ratio["against"]),
        (&"first".into(), &"second".into())
    );
    assert!(ratio["throughput"].as_f64().unwrap() > 0.0);

    let output = bench(&format!("{flags} --fail-below 1000"));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("first / second"),
        "the ratios are printed all the same"
    );
    assert!(text(&output.stderr).contains("--fail-below"));
    assert!(
        bench(&format!("{flags} --fail-below 0.0001"))
            .status
            .success()
    );
}

#[test]
fn the_table_and_yaml_say_the_same() {
    let table = bench(&format!("put {SMALL} --target noop --name ours"));
    assert!(text(&table.stdout).starts_with("put on ours: 60 operations in"));
    let yaml = bench(&format!("put {SMALL} --target noop --name ours -o yaml"));
    let report: Value = serde_yaml::from_slice(&yaml.stdout).unwrap();
    assert_eq!(
        (&report["server"], &report["operations"]),
        (&"ours".into(), &60.into())
    );
}

#[test]
fn the_suite_judges_every_row_it_ran() {
    let report = json(
        "all --target noop --name ours --compare noop --compare bare --duration 50ms --rounds 1 \
         --only put-64,list-fresh",
    );
    let rows = report["rows"].as_array().unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| row["row"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["list-fresh", "put-64"]);
    let goal = &rows[1]["goals"][0];
    assert_eq!(
        (&goal["against"], &goal["goal"]),
        (&"noop".into(), &">= 0.75x".into())
    );
    assert_eq!(goal["met"], goal["ratio"].as_f64().unwrap() >= 0.75);
    // The bare server is shown, and nobody is judged by it.
    assert_eq!(rows[1]["ratios"].as_array().unwrap().len(), 2);
    assert_eq!(rows[1]["goals"].as_array().unwrap().len(), 1);
    // The other goal of a list is one against etcd, which did not run.
    assert_eq!(rows[0]["goals"].as_array().unwrap().len(), 0);
}

const THINGS: [&str; 8] = [
    "connection",
    "stream",
    "watcher-own-key",
    "watcher-prefix",
    "lease",
    "lease-with-key",
    "key-written",
    "key-read",
];
const FEW: &str = "--keys 3000 --watchers 2500 --streams 150 --conns 20 --leases 200 --steady 80ms";

fn fields(object: &Value) -> Vec<&str> {
    let object = object.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

/// What is under the prefix, and how many leases there are.
fn left(endpoint: &str) -> String {
    let dump = Command::new(env!("CARGO_BIN_EXE_kvtool"))
        .args(["dump", "--prefix", "bench/memory/", endpoint])
        .output()
        .unwrap();
    assert!(dump.status.success(), "{}", text(&dump.stderr));
    text(&dump.stdout)
}

#[test]
fn memory_is_measured_for_every_thing_and_all_is_taken_away() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, data.path(), &[]);
    let endpoint = format!("--endpoints=127.0.0.1:{}", server.port());
    let flags = format!(
        "memory {FEW} {endpoint} --name ours --pid ours={}",
        server.pid()
    );
    let report = json(&flags);
    assert_eq!(
        fields(&report),
        [
            "interrupted",
            "key_bytes",
            "machine",
            "servers",
            "value_bytes"
        ]
    );
    assert_eq!(report["interrupted"], false);
    let ours = &report["servers"][0];
    assert_eq!(
        fields(ours),
        [
            "costs",
            "full_bytes",
            "idle_bytes",
            "is_steady",
            "left_bytes",
            "server"
        ]
    );
    let costs = ours["costs"].as_array().unwrap();
    let things: Vec<_> = costs
        .iter()
        .map(|it| it["thing"].as_str().unwrap())
        .collect();
    assert_eq!(things, THINGS);
    let counts: Vec<_> = costs
        .iter()
        .map(|it| it["count"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [20, 150, 2500, 2500, 200, 200, 3000, 3000]);
    let number = |of: &Value| of.as_i64().unwrap();
    for cost in costs {
        assert_eq!(
            fields(cost),
            [
                "bytes_each",
                "count",
                "grown_bytes",
                "is_steady",
                "thing",
                "title"
            ]
        );
        let each = number(&cost["grown_bytes"]) as f64 / number(&cost["count"]) as f64;
        assert_eq!(number(&cost["bytes_each"]), each.round() as i64);
    }
    let grown: i64 = costs.iter().map(|it| number(&it["grown_bytes"])).sum();
    assert_eq!(
        number(&ours["full_bytes"]) - number(&ours["idle_bytes"]),
        grown
    );
    // 5,000 watchers and 6,000 keys of a megabyte and a half: less would be nothing measured.
    assert!(grown > 1 << 20, "{ours}");
    assert_eq!(left(&endpoint), "");
}

#[test]
fn memory_is_a_markdown_table_and_what_is_not_wanted_is_left_out() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&Program::Kvtool, data.path(), &[]);
    let (port, pid) = (server.port(), server.pid());
    let output = bench(&format!(
        "memory --keys 0 --watchers 0 --streams 0 --leases 50 --conns 5 --steady 80ms \
         --endpoints 127.0.0.1:{port} --name a --pid a={pid} \
         --compare 127.0.0.1:{port},b --pid b={pid}"
    ));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let cells = |line: &str| -> Vec<String> {
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let lines: Vec<_> = table.lines().map(cells).collect();
    assert_eq!(lines[0], ["", "each", "made", "a", "b", ""]);
    let titles: Vec<_> = lines[2..8].iter().map(|line| &line[1][..]).collect();
    assert_eq!(
        titles,
        [
            "connection, asked once",
            "lease without keys",
            "lease with one key",
            "server with none of it",
            "server with all of it",
            "server after all was taken away"
        ]
    );
    let made: Vec<_> = lines[2..8].iter().map(|line| &line[2][..]).collect();
    assert_eq!(made, ["5", "50", "50", "", "", ""]);
}

#[test]
fn bad_flags_get_a_sentence_and_exit_code_2() {
    for (flags, part) in [
        ("put --clients 0", "--clients must be from 1"),
        ("put --total 0", "--total must be at least 1"),
        ("put --duration 0s", "--duration must be more than 0"),
        ("put --duration soon", "is not a duration"),
        ("put --total 1 --duration 1s", "cannot be used with"),
        ("put --rate 0", "--rate must be more than 0"),
        ("put --rate nan", "--rate must be more than 0"),
        ("put --threads 0", "--threads must be at least 1"),
        ("put --clients 2 --conns 3", "--conns 3 is more than the 2"),
        ("put --key-size 8", "--key-size 8 is too small"),
        ("put --key-space 0", "--key-space must be at least 1"),
        (
            "put --key-space 99999999999 --key-size 40",
            "lower --key-space",
        ),
        ("put --value-size 99999999999", "--value-size must be from"),
        ("put --fail-below 1", "--compare"),
        (
            "txn-put --clients 100 --key-space 10",
            "raise --key-space to at least 100",
        ),
        ("txn-put --create-percent 101", "101 is not in 0..=100"),
        ("page --limit 0", "--limit must be at least 1"),
        ("catch-up --revisions 0", "--revisions must be at least 1"),
        ("watch --watchers 0", "--watchers must be from 1"),
        (
            "watch --watchers 5 --streams 6",
            "--streams must be from 1 to 5",
        ),
        ("watch --value-size 15", "--value-size must be at least 16"),
        (
            "watch --distinct --watchers 100 --key-space 10",
            "raise --key-space to at least 100",
        ),
        ("watch --apart", "name two"),
        (
            "all --target fdb-per-put",
            "the table of goals is about servers",
        ),
        ("mixed --reads-per-write -1", "unexpected argument"),
        ("lease --ttl 0", "--ttl must be at least 1"),
        ("all --only fly", "no row is called fly"),
        ("memory", "add --pid 127.0.0.1:2379=PID"),
        (
            "memory --name a --pid a=1 --compare noop --pid noop=1",
            "noop keeps nothing",
        ),
        ("memory --pid b=1", "no server of this run is called so"),
        (
            "memory --name a --pid a=4294967295",
            "--pid a=4294967295: cannot look at process",
        ),
        ("memory --steady 0s", "--steady must be more than 0"),
        ("memory --prefix=", "--prefix must not be empty"),
        ("memory --conns 10001", "--conns must be from 1 to 10000"),
        ("memory --key-size 20", "--key-size 20 is too small"),
        ("fly", "unrecognized subcommand"),
    ] {
        let output = bench(flags);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags}: {stderr}");
        assert!(stderr.contains(part), "{flags}: {stderr}");
    }
}

#[test]
fn a_server_that_is_not_there_is_exit_code_3() {
    // Port 9 of the loopback address belongs to a service nobody runs.
    let output = bench("put --total 1 --endpoints 127.0.0.1:9");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("cannot reach http://127.0.0.1:9"));
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_prints_what_was_measured() {
    use std::process::Stdio;
    let child = Command::new(env!("CARGO_BIN_EXE_kvtool"))
        .args([
            "bench",
            "put",
            "--target",
            "noop",
            "--duration",
            "1h",
            "--warmup",
            "0s",
            "-o",
            "json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The empty server is a child of the run: once it has used the processor for longer than its
    // start takes, the run is under way.
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let busy = || {
        let pid: u32 = std::fs::read_to_string(&children)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let user_ticks = stat.ok()?.split_whitespace().nth(13)?.parse::<u64>().ok()?;
        (user_ticks > 20).then_some(())
    };
    let give_up = Instant::now() + Duration::from_secs(60);
    while busy().is_none() {
        assert!(Instant::now() < give_up, "the run never started");
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(report["operations"].as_u64().unwrap() > 0);
}
