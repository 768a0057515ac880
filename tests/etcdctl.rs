//! A session with etcdctl, on kvtool and on a real etcd: the same script prints the same.
//!
//! - `KVTOOL_TEST_ETCDCTL`: the etcdctl (default: `etcdctl37` and `etcdctl`, as found).
//! - `KVTOOL_TEST_ETCD`: the etcd to compare with; without one, only what the script itself
//!   expects is checked.
//! - `KVTOOL_TEST_LONG=1`: `check perf` too, which takes a minute.

mod support;

use kvtool::pb::etcdserverpb::{RangeResponse, StatusRequest};
use prost::Message;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use support::client::Client;
use support::server::{Etcd, Program, Server, version_of};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a step must print, whatever the server is.
enum Expect {
    /// Exactly this, on the standard output.
    Prints(&'static str),
    /// This among it, on either output.
    Says(&'static str),
    /// Whatever a real etcd answers.
    Same,
    /// Success; the output names times or sizes.
    Succeeds,
    /// That many lines, after which the command is stopped.
    Lines(usize),
}
use Expect::*;

/// One command: its arguments, its standard input, what is expected.
type Step = (&'static str, &'static str, Expect);

const SCRIPT: &[Step] = &[
    // Writing and reading, every flag.
    ("put foo bar", "", Prints("OK\n")),
    ("get foo", "", Prints("foo\nbar\n")),
    ("put foo bar2 --prev-kv", "", Prints("OK\nfoo\nbar\n")),
    ("put foo1 value1", "", Prints("OK\n")),
    ("put foo2 value0", "", Prints("OK\n")),
    ("put goo other", "", Prints("OK\n")),
    ("put from-stdin", "a value", Prints("OK\n")),
    ("get from-stdin", "", Prints("from-stdin\na value\n")),
    (
        "get foo --prefix",
        "",
        Prints("foo\nbar2\nfoo1\nvalue1\nfoo2\nvalue0\n"),
    ),
    (
        "get foo fop",
        "",
        Prints("foo\nbar2\nfoo1\nvalue1\nfoo2\nvalue0\n"),
    ),
    (
        "get foo1 --from-key --keys-only",
        "",
        Prints("foo1\n\nfoo2\n\nfrom-stdin\n\ngoo\n\n"),
    ),
    ("get foo --rev 2", "", Prints("foo\nbar\n")),
    (
        "get foo --prefix --limit 2",
        "",
        Prints("foo\nbar2\nfoo1\nvalue1\n"),
    ),
    ("get foo --prefix --limit 2 -w json", "", Same),
    (
        "get foo --prefix --order DESCEND --sort-by KEY --print-value-only",
        "",
        Prints("value0\nvalue1\nbar2\n"),
    ),
    (
        "get foo --prefix --order ASCEND --sort-by VALUE --keys-only",
        "",
        Prints("foo\n\nfoo2\n\nfoo1\n\n"),
    ),
    (
        "get foo --prefix --order DESCEND --sort-by MODIFY -w json",
        "",
        Same,
    ),
    ("get foo --prefix --sort-by CREATE -w fields", "", Same),
    (
        "get foo --prefix --sort-by VERSION --order DESCEND -w simple",
        "",
        Same,
    ),
    ("get foo --prefix --count-only -w fields", "", Same),
    ("get foo --prefix --keys-only -w json", "", Same),
    ("get foo --consistency s -w json", "", Same),
    ("get foo --prefix -w protobuf", "", Same),
    ("get --prefix  -w json", "", Same),
    ("get no-such-key -w json", "", Same),
    (
        "get foo --rev 9999",
        "",
        Says("required revision is a future revision"),
    ),
    ("put foo bar3 --ignore-lease --ignore-value", "", Same),
    ("put foo --ignore-value", "", Prints("OK\n")),
    ("put no-such-key --ignore-value", "", Says("key not found")),
    (
        "put foo x --lease 1234",
        "",
        Says("requested lease not found"),
    ),
    ("get foo -w json", "", Same),
    // Deleting.
    ("put d1 v1", "", Prints("OK\n")),
    ("put d2 v2", "", Prints("OK\n")),
    ("put d3 v3", "", Prints("OK\n")),
    ("del d1 --prev-kv", "", Prints("1\nd1\nv1\n")),
    (
        "del d --prefix --prev-kv",
        "",
        Prints("2\nd2\nv2\nd3\nv3\n"),
    ),
    ("del d --prefix -w json", "", Same),
    ("del nothing", "", Prints("0\n")),
    // Transactions.
    (
        "txn",
        "mod(\"t\") = \"0\"\n\nput t created\nget foo\n\nget t\n\n",
        Prints("SUCCESS\n\nOK\n\nfoo\nbar2\n"),
    ),
    (
        "txn",
        "mod(\"t\") = \"0\"\n\nput t created\n\nget t\ndel t --prev-kv\n\n",
        Prints("FAILURE\n\nt\ncreated\n\n1\nt\ncreated\n"),
    ),
    (
        "txn -w json",
        "value(\"foo\") = \"bar2\"\ncreate(\"foo\") > \"0\"\nver(\"foo\") > \"1\"\n\nput foo txn\nget foo --prefix\n\n\n",
        Same,
    ),
    (
        "txn",
        "\n\nput twice 1\nput twice 2\n\n\n",
        Says("duplicate key given in txn request"),
    ),
    // Watching.
    ("watch foo --rev 1", "", Lines(12)),
    ("watch foo --prefix --rev 2 --prev-kv", "", Lines(20)),
    ("watch d --prefix --rev 1 -w json", "", Lines(1)),
    ("watch -i", "watch foo\nprogress\n", Lines(1)),
    ("endpoint hashkv", "", Same),
    // Leases. `LEASE` stands for the id that `lease grant` printed.
    ("lease grant 1000", "", Says("granted with TTL(1000s)")),
    ("put leased/1 v --lease LEASE", "", Prints("OK\n")),
    ("put leased/2 v --lease LEASE", "", Prints("OK\n")),
    ("lease list", "", Same),
    ("lease timetolive LEASE", "", Same),
    (
        "lease timetolive LEASE --keys -w simple",
        "",
        Says("leased/"),
    ),
    (
        "lease keep-alive LEASE --once",
        "",
        Says("keepalived with TTL(1000)"),
    ),
    ("get leased/1 -w json", "", Same),
    ("lease revoke LEASE", "", Says("revoked")),
    ("lease revoke LEASE", "", Says("requested lease not found")),
    ("lease timetolive LEASE", "", Says("already expired")),
    ("get leased --prefix", "", Prints("")),
    ("lease grant 9000000001", "", Says("too large lease TTL")),
    ("lock lock-name echo locked", "", Prints("locked\n")),
    // Maintenance. Hashes cover lease ids from here on, so they are not compared.
    ("endpoint health", "", Says("is healthy")),
    ("endpoint status", "", Succeeds),
    ("endpoint status -w json", "", Succeeds),
    ("endpoint status -w table", "", Succeeds),
    ("endpoint hashkv", "", Succeeds),
    (
        "compaction 5 --physical",
        "",
        Prints("compacted revision 5\n"),
    ),
    (
        "compaction 5",
        "",
        Says("required revision has been compacted"),
    ),
    (
        "compaction 99999",
        "",
        Says("required revision is a future revision"),
    ),
    (
        "get foo --rev 3",
        "",
        Says("required revision has been compacted"),
    ),
    ("get foo --rev 5", "", Same),
    (
        "watch foo --rev 3",
        "",
        Says("required revision has been compacted"),
    ),
    ("endpoint hashkv", "", Succeeds),
    ("defrag", "", Says("Finished defragmenting etcd member")),
    ("alarm list", "", Prints("")),
    ("alarm disarm", "", Prints("")),
    ("member list", "", Says("started, ")),
    ("get foo --prefix -w json", "", Same),
];

/// One server, and what its outputs name that other servers name differently.
struct Session<'a> {
    etcdctl: &'a Path,
    endpoint: String,
    names: Vec<(String, &'static str)>,
    lease: String,
}

impl<'a> Session<'a> {
    async fn new(etcdctl: &'a Path, server: &Server) -> Self {
        let endpoint = server.endpoint();
        let mut client = Client::connect(&endpoint).await.expect("connects");
        let status = client.maintenance.status(StatusRequest {}).await;
        let header = status.expect("has a status").into_inner().header;
        let header = header.expect("has a header");
        let names = vec![
            (endpoint.clone(), "ENDPOINT"),
            (endpoint["http://".len()..].to_owned(), "ENDPOINT"),
            (header.cluster_id.to_string(), "CLUSTER"),
            (header.member_id.to_string(), "MEMBER"),
            (format!("raft_term\":{}", header.raft_term), "TERM"),
            (format!("\"RaftTerm\" : {}", header.raft_term), "TERM"),
        ];
        Self {
            etcdctl,
            endpoint,
            names,
            lease: String::new(),
        }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(self.etcdctl);
        command.env_remove("ETCDCTL_API");
        command.args(["--endpoints", &self.endpoint]);
        // Two spaces in a row stand for an empty argument.
        for argument in arguments.split(' ') {
            command.arg(argument.replace("LEASE", &self.lease));
        }
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a step: what it printed and whether it succeeded, with all names masked.
    fn run(&mut self, step: &Step) -> String {
        let (arguments, input, expect) = step;
        let mut command = self.command(arguments);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("takes its input");
        let (stdout, stderr) = if let Lines(count) = expect {
            let stdout = child.stdout.take().expect("piped");
            let lines = first_lines(stdout, *count);
            child.kill().expect("is running");
            child.wait().expect("ends");
            (lines.into_bytes(), String::new())
        } else {
            drop(stdin);
            let output = child.wait_with_output().expect("ends");
            let mut stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            if !output.status.success() {
                stderr = format!("{}\n{stderr}", output.status);
            }
            (output.stdout, stderr)
        };
        let stdout = if arguments.contains("-w protobuf") {
            let mut answer = RangeResponse::decode(&stdout[..]).expect("is a range answer");
            for kv in &mut answer.kvs {
                assert!(!kv.key.is_empty());
            }
            let header = answer.header.as_mut().expect("has a header");
            (header.cluster_id, header.member_id, header.raft_term) = (0, 0, 0);
            format!("{answer:#?}")
        } else {
            String::from_utf8_lossy(&stdout).into_owned()
        };
        if arguments.starts_with("lease grant")
            && let Some(id) = stdout.split(' ').nth(1)
        {
            self.lease = id.to_owned();
        }
        check(arguments, expect, &stdout, &stderr);
        match expect {
            Says(_) | Succeeds => String::new(),
            _ => self.mask(&format!("{stdout}{}", error_text(&stderr))),
        }
    }

    fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, mask) in &self.names {
            text = text.replace(name, mask);
        }
        if !self.lease.is_empty() {
            let number = i64::from_str_radix(&self.lease, 16).map_or(0, |id| id);
            text = text.replace(&self.lease, "LEASE");
            text = text.replace(&format!(":{number}"), ":LEASE");
        }
        match text.split_once("remaining(") {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before}remaining({rest}")
            }
            None => text,
        }
    }
}

/// The message of an error, without the time and place that etcdctl logs with it.
fn error_text(stderr: &str) -> String {
    let lines = stderr.lines().filter(|line| !line.starts_with('{'));
    Vec::from_iter(lines).join("\n")
}

fn first_lines(stdout: impl std::io::Read + Send + 'static, count: usize) -> String {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut text = String::new();
    for _ in 0..count {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => text += &format!("{line}\n"),
            Err(_) => panic!("{count} lines were expected, this came: {text}"),
        }
    }
    text
}

fn check(arguments: &str, expect: &Expect, stdout: &str, stderr: &str) {
    let fails = match expect {
        Prints(text) => stdout != *text || !stderr.is_empty(),
        Says(text) => !stdout.contains(text) && !stderr.contains(text),
        Succeeds => stdout.is_empty() || stderr.starts_with("exit status"),
        Same | Lines(_) => false,
    };
    assert!(!fails, "{arguments} printed {stdout:?} and {stderr:?}");
}

fn etcdctls() -> Vec<PathBuf> {
    let candidates = match std::env::var_os("KVTOOL_TEST_ETCDCTL") {
        Some(path) => vec![PathBuf::from(path)],
        None => vec![PathBuf::from("etcdctl37"), PathBuf::from("etcdctl")],
    };
    let works = |path: &PathBuf| version_of(path, "version").is_some();
    candidates.into_iter().filter(works).collect()
}

#[tokio::test]
async fn the_script_prints_the_same_on_a_real_etcd() {
    let etcdctls = etcdctls();
    if etcdctls.is_empty() {
        return support::skip("etcdctl", "no etcdctl; set KVTOOL_TEST_ETCDCTL");
    }
    for etcdctl in etcdctls {
        let version = version_of(&etcdctl, "version").expect("was asked before");
        let directories = tempfile::tempdir().expect("a temporary directory");
        let subject = directories.path().join("subject");
        let subject = Server::start(&Program::subject(), &subject, &[]);
        let mut left = Session::new(&etcdctl, &subject).await;
        let reference = Etcd::find()
            .filter(|etcd| etcd.version >= (3, 7))
            .map(|etcd| {
                let directory = directories.path().join("reference");
                Server::start(&Program::Etcd(etcd), &directory, &[])
            });
        let mut right = match &reference {
            Some(server) => Some(Session::new(&etcdctl, server).await),
            None => None,
        };
        for step in SCRIPT {
            let printed = left.run(step);
            if let Some(right) = &mut right {
                assert_eq!(printed, right.run(step), "etcdctl {version:?}: {}", step.0);
            }
        }
        let compared = match &reference {
            Some(_) => "compared with a real etcd",
            None => "nothing to compare with: no etcd 3.7",
        };
        support::note(
            "etcdctl",
            &format!("{version:?}: {} commands, {compared}", SCRIPT.len()),
        );
    }
}

/// Runs of `check perf`, which measures the disk and whatever else the machine does, too.
const PERF_ATTEMPTS: usize = 3;

#[tokio::test]
async fn check_perf_passes() {
    let Some(etcdctl) = etcdctls().into_iter().next() else {
        return support::skip("etcdctl check perf", "no etcdctl; set KVTOOL_TEST_ETCDCTL");
    };
    if !support::long() {
        return support::skip(
            "etcdctl check perf",
            "takes a minute; set KVTOOL_TEST_LONG=1",
        );
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(&Program::subject(), directory.path(), &[]);
    let session = Session::new(&etcdctl, &server).await;
    let mut printed = String::new();
    for _ in 0..PERF_ATTEMPTS {
        let output = session.command("check perf").output().expect("runs");
        printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let verdicts = |line: &&str| line.contains("PASS") || line.contains("FAIL");
        let lines = Vec::from_iter(printed.lines().filter(verdicts));
        support::note("etcdctl check perf", &lines.join("; "));
        if output.status.success() && printed.contains("PASS: Throughput") {
            return;
        }
    }
    panic!("{printed}");
}
