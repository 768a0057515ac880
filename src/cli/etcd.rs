//! This program under the name `etcd`: a server that is started, set and heard as etcd is.
//!
//! Flags win over `ETCD_` variables, and a config file over all of them. What etcd has no flag
//! for, such as the store, is given by `KVTOOL_` variables.

mod discovery;
mod flags;
mod kind;
mod takeover;

use super::settings::layers::{from_environment, variable};
use super::settings::{GROUP_FLAGS, Home, Layers, Log, Settings, Source, file};
use super::{log, serve};
use crate::error::{EXIT_FAILURE, EXIT_USAGE, Error};
use crate::store::raft::{Raft, force_new_cluster};
use anyhow::{Result, anyhow};
use discovery::Discovery;
use flags::{Invalid, Meaning};
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

/// The name that asks for all this.
pub(super) const NAME: &str = "etcd";

/// What etcd does without being told, where it is something else.
const DEFAULTS: [(&str, &str); 6] = [
    ("listen-peer-urls", "http://localhost:2380"),
    ("initial-advertise-peer-urls", "http://localhost:2380"),
    ("listen-client-urls", "http://localhost:2379"),
    ("advertise-client-urls", "http://localhost:2379"),
    ("cors", "*"),
    ("log-format", "json"),
];

const USAGE: &str = "\
Usage:

  etcd [flags]
    Start a server that speaks etcd's API.

  etcd --version
    Show the version of etcd whose API that is.

  etcd -h | --help
    Show the flags.

  etcd --config-file
    Path to a configuration file; other flags and ETCD_ variables are then ignored.
";

/// Programs that etcd has inside of itself.
const PROXIES: [&str; 2] = ["gateway", "grpc-proxy"];

/// Runs as etcd does, and answers with its exit codes.
pub(super) fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    if let Some(proxy) = args.first().filter(|name| PROXIES.contains(&name.as_str())) {
        eprintln!("kvtool is a server and has no {proxy}");
        return ExitCode::from(EXIT_USAGE);
    }
    let given = match flags::parse(args) {
        Ok(given) => given,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            let is_a_word = matches!(error, Invalid::NoFlag(_));
            return ExitCode::from(if is_a_word { EXIT_FAILURE } else { EXIT_USAGE });
        }
    };
    let is_given = |name| {
        given
            .iter()
            .any(|(flag, value)| flag == name && value == "true")
    };
    if is_given("help") || is_given("h") {
        print!("{USAGE}{}", help());
        return ExitCode::SUCCESS;
    }
    if is_given("version") {
        print!("{}", version());
        return ExitCode::SUCCESS;
    }
    let prepared = Given::gather(given, env::vars()).and_then(|mut given| {
        let layers = given.layers(|name| env::var(name).ok());
        log::start(&Log::validate(&layers)?)?;
        Ok((given, layers))
    });
    let (given, layers) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("etcd: {error:#}");
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    match given.run(&layers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the server has failed");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// The lines of `etcd --version`.
fn version() -> String {
    let layers = Layers::of(|_| None);
    format!(
        "etcd Version: {}\nGit SHA: kvtool {}\nGo Version: none\nGo OS/Arch: {}/{}\n",
        layers.get("etcd-version").text,
        env!("CARGO_PKG_VERSION"),
        env::consts::OS,
        match env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            arch => arch,
        },
    )
}

/// A line for each flag.
fn help() -> String {
    let mut lines = String::from("\nFlags:\n");
    for name in flags::all() {
        let says = match flags::meaning(name) {
            Some(Meaning::Setting(key)) => format!("'{}'", Given::default().default_of(key)),
            Some(Meaning::Registry(_, default)) => format!("'{default}'"),
            Some(Meaning::Moot(reason)) => format!("changes nothing: {reason}"),
            Some(Meaning::Refused(reason)) => format!("is refused: {reason}"),
            Some(Meaning::Heeded(_)) | None => String::new(),
        };
        lines += &format!("  --{name} {says}\n");
    }
    lines + "\nWhat has no flag of etcd's is given by the variables of `kvtool serve --help`.\n"
}

/// What was given, by whom ever.
#[derive(Debug, Default, PartialEq)]
struct Given {
    settings: BTreeMap<&'static str, (String, Source)>,
    forces_new_cluster: bool,
    discovery: Discovery,
    /// What changes nothing: name, value and reason.
    moot: Vec<(String, String, &'static str)>,
    /// Variables and keys that no etcd has.
    unknown: Vec<String>,
}

impl Given {
    /// Puts together what flags, or the environment, or a config file alone, give.
    fn gather(
        flags: Vec<(String, String)>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        const CONFIG_FILE: &str = "config-file";
        let prefix = flags::variable("");
        let environment: BTreeMap<_, _> = environment
            .filter(|(variable, text)| variable.starts_with(&prefix) && !text.is_empty())
            .collect();
        let mut given = Self::default();
        let mut flags: BTreeMap<_, _> = flags.into_iter().collect();
        let path = flags.remove(CONFIG_FILE);
        if let Some(path) = path
            .as_ref()
            .or(environment.get(&flags::variable(CONFIG_FILE)))
        {
            let path = PathBuf::from(path);
            for (name, text) in file::read_etcd(&path)? {
                given.take(&name, text, Source::File(path.clone()), &name)?;
            }
            return Ok(given);
        }
        for (variable, text) in environment {
            let name = variable[prefix.len()..].replace('_', "-").to_lowercase();
            if flags.contains_key(&name) {
                return Err(anyhow!(
                    "{variable} and --{name} are both given: leave one of them out, as etcd wants it"
                ));
            }
            let source = Source::Environment(variable.clone());
            given.take(&name, text, source, &variable)?;
        }
        for (name, text) in flags {
            given.take(&name, text, Source::Flag, &name)?;
        }
        if given.settings.contains_key("listen-client-urls")
            && !given.settings.contains_key("advertise-client-urls")
        {
            return Err(anyhow!(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"
            ));
        }
        Ok(given)
    }

    /// Takes one that was given in `place`.
    fn take(&mut self, name: &str, text: String, source: Source, place: &str) -> Result<()> {
        let kind = flags::kind(name);
        let checked = match source {
            // Where it stood on the command line, it is good.
            Source::Flag | Source::Default => Ok(()),
            Source::Environment(_) => kind.check(&text),
            Source::File(_) => kind.check_in_file(&text),
        };
        checked.map_err(|wrong| anyhow!("invalid value \"{text}\" for {place}: {wrong}"))?;
        let text = flags::as_flag(name, text);
        match flags::meaning(name) {
            Some(Meaning::Setting(key)) => {
                self.settings.insert(key, (text, source));
            }
            Some(Meaning::Heeded(flags::FORCE_NEW_CLUSTER)) => {
                self.forces_new_cluster = text == "true";
            }
            Some(Meaning::Heeded(flags::FEATURE_GATES)) => {
                for gate in text.split(',').filter(|gate| !gate.is_empty()) {
                    self.open_gate(gate, source.clone(), place)?;
                }
            }
            // There is one logger: etcd's, too.
            Some(Meaning::Heeded(_)) if text == "zap" => {}
            Some(Meaning::Heeded(_)) => {
                return Err(anyhow!(
                    "{place}: unknown logger option \"{text}\": the logger is zap"
                ));
            }
            Some(Meaning::Registry(..)) if text.is_empty() => {}
            Some(Meaning::Registry(name, _)) => {
                self.discovery.0.insert(name, text);
            }
            Some(Meaning::Moot(reason)) => self.moot.push((place.to_owned(), text, reason)),
            Some(Meaning::Refused(_)) if flags::is_harmless(&text) => {}
            Some(Meaning::Refused(reason)) => {
                return Err(anyhow!("{place} must not be ignored: {reason}"));
            }
            None => self.unknown.push(place.to_owned()),
        }
        Ok(())
    }

    /// Takes one gate of a feature, which has a truth value behind its name.
    fn open_gate(&mut self, gate: &str, source: Source, place: &str) -> Result<()> {
        let Some((name, value)) = gate.split_once('=') else {
            return Err(anyhow!("{place}: missing bool value for {gate}"));
        };
        let Some(value) = kind::truth(value.trim()) else {
            return Err(anyhow!("{place}: invalid value of {gate}"));
        };
        let (name, value) = (name.trim(), value.to_string());
        match flags::GATES.iter().find(|(gate, _)| *gate == name) {
            Some((_, key)) => {
                self.settings.insert(key, (value, source));
            }
            None => {
                let reason = "the feature behind this gate is not etcd's here";
                self.moot.push((format!("{place} {name}"), value, reason));
            }
        }
        Ok(())
    }

    /// All settings; those that etcd has not are the environment's.
    fn layers(&mut self, environment: impl Fn(&str) -> Option<String>) -> Layers {
        let own = |key: &str| from_environment(&environment, variable(key));
        let store = own("store").map(|(store, _)| store);
        self.fit(store.as_deref().unwrap_or("raft"));
        let is_etcds = |key: &str| flags::taken().any(|(taken, _)| *taken == key);
        Layers::of(|key| {
            if !is_etcds(key) {
                return self.settings.get(key).cloned().or_else(|| own(key));
            }
            let default = || (self.default_of(key), Source::Default);
            Some(self.settings.get(key).cloned().unwrap_or_else(default))
        })
    }

    /// What a store has no use for changes nothing: who puts it below an etcd leaves its flags as
    /// they are.
    fn fit(&mut self, store: &str) {
        const NO_USE: &str = "this store has no use for it";
        let is_moot = |key: &str| match store {
            "raft" => false,
            "local" => GROUP_FLAGS.iter().any(|prefix| key.starts_with(prefix)),
            _ => key == "data-dir" || GROUP_FLAGS.iter().any(|prefix| key.starts_with(prefix)),
        };
        let Self {
            settings,
            moot,
            discovery,
            ..
        } = self;
        let unused = match (store, discovery.is_wanted()) {
            ("raft", true) => None,
            ("raft", false) => Some("there is no --discovery-endpoints that it is for"),
            _ => Some(NO_USE),
        };
        if let Some(reason) = unused {
            let given = std::mem::take(&mut discovery.0).into_keys();
            // Their values are left out: one is a password.
            moot.extend(given.map(|name| (name.to_owned(), "...".to_owned(), reason)));
        }
        settings.retain(|key, (text, _)| {
            if is_moot(key) {
                moot.push(((*key).to_owned(), text.clone(), NO_USE));
            }
            !is_moot(key)
        });
    }

    /// etcd's default of a setting.
    fn default_of(&self, key: &str) -> String {
        let name = || {
            self.settings
                .get("name")
                .map_or("default", |(name, _)| name)
        };
        let etcds = DEFAULTS.iter().find(|(name, _)| *name == key);
        match etcds.or_else(|| flags::taken().find(|(taken, _)| *taken == key)) {
            _ if key == "data-dir" => format!("{}.etcd", name()),
            Some((_, default)) => (*default).to_owned(),
            None => String::new(),
        }
    }

    fn run(&self, layers: &Layers) -> Result<()> {
        for (place, value, reason) in &self.moot {
            tracing::warn!(
                flag = place,
                value,
                reason,
                "this setting of etcd's changes nothing here"
            );
        }
        for place in &self.unknown {
            tracing::warn!(setting = place, "no etcd has this setting");
        }
        let mut settings = Settings::validate(layers)?;
        let registry = self
            .discovery
            .registry(&layers.get("initial-cluster").text)?;
        let runtime = super::runtime()?;
        if let Home::Raft(path) | Home::Local(path) = &mut settings.home {
            *path = runtime.block_on(takeover::home(
                path,
                &settings.instance,
                self.forces_new_cluster,
            ))?;
        }
        // As with etcd, the flag may stay when it has done its work, and means nothing to a new member.
        if let Home::Raft(path) = &settings.home
            && self.forces_new_cluster
            && Raft::is_member(path)
            && let Some(survivor) = force_new_cluster(path).map_err(Error::from)?
        {
            tracing::warn!(
                removed = survivor.removed.len(),
                "made a cluster of one, as --force-new-cluster says; never start the others again"
            );
        }
        runtime.block_on(serve::serve(&settings, registry.as_ref()))
    }
}
