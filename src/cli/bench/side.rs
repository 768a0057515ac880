//! The servers a run measures.

use super::{
    args::{SideArgs, Target},
    plan::{Plan, Workload},
};
use crate::cli::{endpoint::ClientArgs, exit::UsageError};
use crate::store::fdb;
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::{collections::BTreeMap, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The empty server makes its keys first; a million take a second or two.
const NOOP_START_TIMEOUT: Duration = Duration::from_secs(60);
/// Every side is measured in every round.
const SIDES_MAX: usize = 8;
const ROUNDS_MAX: usize = 1000;

/// One server to measure.
#[derive(Debug)]
pub struct Side {
    /// Its name in the answers.
    pub name: String,
    /// How to reach it; for the empty server once it runs.
    pub client: ClientArgs,
    /// What is measured in place of a server there, if anything is.
    pub target: Option<Target>,
    /// Its process on this machine, if known.
    pub pid: Option<u32>,
}

/// All servers of a run, the first one first.
#[derive(Debug)]
pub struct Sides {
    /// The servers.
    pub all: Vec<Side>,
    /// How often each has its turn.
    pub rounds: usize,
    /// How long nothing is asked before each.
    pub rest: Duration,
    /// The least ratio to another server that is no failure.
    pub fail_below: Option<f64>,
    /// Other processes that are watched, with their names.
    pub watched: Vec<(String, u32)>,
    /// The cluster of the sides that are FoundationDB itself.
    pub fdb: fdb::Options,
}

impl Sides {
    /// Checks the flags. Nothing is started or reached yet.
    pub fn new(args: &SideArgs, client: &ClientArgs) -> Result<Self, UsageError> {
        let first = match args.target {
            Some(target) => side(name_of(target), client),
            None => Side {
                name: client.endpoints.join(","),
                client: client.clone(),
                target: None,
                pid: None,
            },
        };
        let mut all = vec![Side {
            name: args.name.clone().unwrap_or(first.name.clone()),
            ..first
        }];
        all.extend(args.compare.iter().map(|spec| side(spec, client)));
        if all.len() > SIDES_MAX {
            return refuse(format!(
                "at most {SIDES_MAX} servers can be compared in one run"
            ));
        }
        if let Some(twice) = twice(&all) {
            return refuse(format!(
                "two servers are called {twice}: give names with --name and --compare ENDPOINT,NAME"
            ));
        }
        if !(1..=ROUNDS_MAX).contains(&args.rounds) {
            return refuse(format!("--rounds must be from 1 to {ROUNDS_MAX}"));
        }
        if args
            .fail_below
            .is_some_and(|ratio| !(ratio.is_finite() && ratio > 0.0))
        {
            return refuse("--fail-below must be more than 0");
        }
        let mut pids: BTreeMap<_, _> = processes("--pid", &args.pid)?.into_iter().collect();
        for side in &mut all {
            side.pid = pids.remove(&side.name);
        }
        if let Some(name) = pids.keys().next() {
            return refuse(format!(
                "--pid names {name}, but no server of this run is called so"
            ));
        }
        Ok(Self {
            all,
            rounds: args.rounds,
            rest: args.rest,
            fail_below: args.fail_below,
            watched: processes("--watch-pid", &args.watch_pid)?,
            fdb: args.fdb.options()?,
        })
    }

    /// Refuses a workload that some side cannot do.
    pub fn check(&self, workload: &Workload) -> Result<(), UsageError> {
        let raw = self.all.iter().find(|side| side.is_raw());
        match (raw, workload) {
            (None, _) | (Some(_), Workload::Put | Workload::TxnPut { .. }) => Ok(()),
            (Some(raw), workload) => refuse(format!(
                "{} can only be written to: it takes put and txn-put, not {}",
                raw.name,
                workload.name()
            )),
        }
    }
}

impl Side {
    /// Whether it is FoundationDB itself.
    pub fn is_raw(&self) -> bool {
        matches!(
            self.target,
            Some(Target::FdbPerPut | Target::FdbFirstInBatch)
        )
    }
}

/// The name of a target in flags and answers.
fn name_of(target: Target) -> &'static str {
    match target {
        Target::Noop => "noop",
        Target::Bare => "bare",
        Target::FdbPerPut => "fdb-per-put",
        Target::FdbFirstInBatch => "fdb-first-in-batch",
    }
}

fn side(spec: &str, client: &ClientArgs) -> Side {
    let (endpoint, name) = spec.split_once(',').unwrap_or((spec, spec));
    Side {
        name: name.to_owned(),
        client: ClientArgs {
            endpoints: vec![endpoint.to_owned()],
            ..client.clone()
        },
        target: Target::value_variants()
            .iter()
            .copied()
            .find(|target| name_of(*target) == endpoint),
        pid: None,
    }
}

fn twice(sides: &[Side]) -> Option<&str> {
    let names = sides.iter().map(|side| side.name.as_str());
    names
        .enumerate()
        .find(|(index, name)| sides[..*index].iter().any(|side| side.name == *name))
        .map(|(_, name)| name)
}

fn processes(flag: &str, specs: &[String]) -> Result<Vec<(String, u32)>, UsageError> {
    let pid = |spec: &String| {
        let (name, pid) = spec.rsplit_once('=')?;
        Some((name.to_owned(), pid.parse().ok()?))
    };
    specs
        .iter()
        .map(|spec| {
            pid(spec).ok_or_else(|| {
                UsageError::new(format!("{flag} {spec}: write NAME=PID, such as etcd=1234"))
            })
        })
        .collect()
}

fn refuse<T>(sentence: impl Into<String>) -> Result<T, UsageError> {
    Err(UsageError::new(sentence))
}

/// The empty server at work; dropping it ends it.
#[derive(Debug)]
pub struct Noop {
    // It ends when its input closes, even if this process is killed.
    child: Child,
    port: u16,
}

impl Noop {
    /// Starts this program once more as the empty server, so that it uses a process of its own as
    /// real servers do.
    pub async fn start(plan: &Plan, is_bare: bool) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's file")?;
        let keys = &plan.data.keys;
        let alone = program
            .file_stem()
            .is_some_and(|name| name.to_string_lossy().ends_with("-bench"));
        let mut child = Command::new(&program)
            .args((!alone).then_some("bench"))
            .arg("noop-server")
            .arg("--prefix")
            .arg(String::from_utf8_lossy(&keys.prefix()).as_ref())
            .args(["--key-size", &keys.key_bytes().to_string()])
            .args(["--key-space", &keys.count().to_string()])
            .args(["--value-size", &plan.data.values.value_bytes().to_string()])
            .args(is_bare.then_some("--bare"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the empty server")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            timeout(NOOP_START_TIMEOUT, stdout.read_line(&mut line))
                .await
                .context("the empty server did not start in time")??;
        }
        let port = line.trim().parse();
        let port = port.context("the empty server ended before it served")?;
        Ok(Self { child, port })
    }

    /// How to reach it.
    pub fn client(&self, client: &ClientArgs) -> ClientArgs {
        ClientArgs {
            endpoints: vec![format!("http://127.0.0.1:{}", self.port)],
            user: None,
            password: None,
            ..client.clone()
        }
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::bench::args::CommonArgs;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        common: CommonArgs,
    }

    fn sides(flags: &[&str]) -> Result<Sides, String> {
        let flags = ["test"].iter().chain(flags);
        let common = Flags::try_parse_from(flags).unwrap().common;
        Sides::new(&common.sides, &common.client).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_addresses_come_from_the_flags() {
        let sides = sides(&[
            "--endpoints=a:1",
            "--name=ours",
            "--compare=b:2,theirs",
            "--compare=noop",
            "--compare=bare",
            "--pid=theirs=42",
        ])
        .unwrap();
        let names: Vec<_> = sides.all.iter().map(|side| side.name.as_str()).collect();
        assert_eq!(names, ["ours", "theirs", "noop", "bare"]);
        assert_eq!(sides.all[1].client.endpoints, ["b:2"]);
        assert_eq!(sides.all[1].pid, Some(42));
        assert_eq!(sides.all[2].target, Some(Target::Noop));
        assert_eq!(sides.all[3].target, Some(Target::Bare));
        assert_eq!(sides.all[1].target, None);
    }

    #[test]
    fn a_server_may_be_called_noop_and_not_be_it() {
        let sides = sides(&["--compare=b:2,noop"]).unwrap();
        assert_eq!(sides.all[1].target, None);
    }

    #[test]
    fn what_makes_no_sense_gets_a_sentence() {
        for (flags, part) in [
            (
                vec!["--endpoints=a:1", "--compare=a:1"],
                "two servers are called a:1",
            ),
            (vec!["--pid=etcd=1"], "no server of this run is called so"),
            (vec!["--pid=etcd"], "NAME=PID"),
            (vec!["--watch-pid=1"], "--watch-pid 1: write NAME=PID"),
            (vec!["--compare=noop", "--rounds=0"], "--rounds"),
            (vec!["--compare=noop", "--fail-below=0"], "--fail-below"),
        ] {
            let error = sides(&flags).unwrap_err();
            assert!(error.contains(part), "{flags:?}: {error}");
        }
    }
}
