//! Who gives a setting: a flag wins over the environment, that over the config file, that over
//! the default.

use super::file;
use super::raw::{DEFAULTS, RawSettings};
use crate::cli::exit::UsageError;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// Who gave a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody.
    Default,
    /// The config file.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// A flag.
    Flag,
}

/// One setting: its text and who gave it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its flag.
    pub key: &'static str,
    /// What was given; empty is unset.
    pub text: String,
    /// Who gave it.
    pub source: Source,
}

impl Setting {
    /// An error about this setting that names the place where it was given.
    pub fn refuse(&self, problem: impl fmt::Display) -> UsageError {
        let Self { key, text, source } = self;
        UsageError::new(match source {
            Source::File(path) => format!("{}: {key}: {text}: {problem}", path.display()),
            Source::Environment(variable) => format!("{variable}={text}: {problem}"),
            Source::Flag | Source::Default => format!("--{key} {text}: {problem}"),
        })
    }
}

/// All settings, each from the first place that gives it.
#[derive(Debug)]
pub struct Layers(Vec<Setting>);

impl Layers {
    /// Puts flags over environment over the config file over defaults.
    pub fn merge(
        flags: &RawSettings,
        environment: impl Fn(&str) -> Option<String>,
        config_file: Option<&Path>,
    ) -> Result<Self, UsageError> {
        let flags = serde_json::to_value(flags).unwrap_or_default();
        let config_file = match config_file {
            Some(path) => Some((path, file::read(path)?)),
            None => None,
        };
        Ok(Self::of(|key| {
            let flag = flags[key].as_str();
            flag.map(|text| (text.to_owned(), Source::Flag))
                .or_else(|| from_environment(&environment, variable(key)))
                .or_else(|| {
                    let (path, settings) = config_file.as_ref()?;
                    let text = settings.get(key)?.clone();
                    Some((text, Source::File(path.to_path_buf())))
                })
        }))
    }

    /// Each setting as it is `given`, else its default.
    pub fn of(given: impl Fn(&str) -> Option<(String, Source)>) -> Self {
        let setting = |&(key, default): &(&'static str, &str)| {
            let default = || (default.to_owned(), Source::Default);
            let (text, source) = given(key).unwrap_or_else(default);
            Setting { key, text, source }
        };
        Self(DEFAULTS.iter().map(setting).collect())
    }

    /// The setting `key`, which must be one of [`DEFAULTS`].
    pub fn get(&self, key: &str) -> &Setting {
        match self.0.iter().find(|setting| setting.key == key) {
            Some(setting) => setting,
            None => unreachable!("no setting is called {key}"),
        }
    }

    /// A setting whose key begins like this and that was given by a flag.
    pub(super) fn flag(&self, prefix: &str) -> Option<&Setting> {
        let mut settings = self.0.iter();
        settings.find(|setting| setting.key.starts_with(prefix) && setting.source == Source::Flag)
    }

    /// All settings as a config file that says where each came from.
    pub fn to_yaml(&self) -> String {
        let mut yaml = String::new();
        for Setting { key, text, source } in &self.0 {
            let source = match source {
                Source::Default => "default".to_owned(),
                Source::File(path) => path.display().to_string(),
                Source::Environment(variable) => variable.clone(),
                Source::Flag => format!("--{key}"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(yaml, "{key}: {} # {source}", file::scalar(text));
        }
        yaml
    }
}

/// What a variable gives. As with etcd, an empty one is none.
pub fn from_environment(
    environment: impl Fn(&str) -> Option<String>,
    variable: String,
) -> Option<(String, Source)> {
    let text = environment(&variable).filter(|text| !text.is_empty())?;
    Some((text, Source::Environment(variable)))
}

/// The environment variable that gives a setting.
pub fn variable(key: &str) -> String {
    format!("KVTOOL_{}", key.replace('-', "_").to_uppercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};
    use std::collections::BTreeSet;

    fn flags(args: &[&str]) -> RawSettings {
        let command = RawSettings::augment_args(Command::new("serve"));
        let args = std::iter::once(&"serve").chain(args);
        RawSettings::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    #[test]
    fn every_flag_has_a_default_and_every_default_a_flag() {
        let command = RawSettings::augment_args(Command::new("serve"));
        let flags: BTreeSet<_> = command
            .get_arguments()
            .filter_map(|a| a.get_long())
            .collect();
        assert_eq!(flags, DEFAULTS.iter().map(|(key, _)| *key).collect());
    }

    #[test]
    fn the_default_in_a_help_text_is_the_default() {
        let command = RawSettings::augment_args(Command::new("serve"));
        let mut checked = 0;
        for (key, default) in DEFAULTS.iter().filter(|(_, default)| !default.is_empty()) {
            let flag = command.get_arguments().find(|a| a.get_long() == Some(key));
            let help = flag.unwrap().get_help().unwrap().to_string();
            if !key.ends_with("client-cert-auth") {
                assert!(help.ends_with(&format!("[default: {default}]")), "{help}");
                checked += 1;
            }
        }
        assert!(checked > 10);
    }

    #[test]
    fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kvtool.yaml");
        std::fs::write(&path, "name: file\ninstance: file\nmax-txn-ops: 7\n").unwrap();
        let environment = |name: &str| match name {
            "KVTOOL_NAME" | "KVTOOL_INSTANCE" => Some("environment".to_owned()),
            "KVTOOL_MAX_TXN_OPS" => Some(String::new()),
            _ => None,
        };
        let layers = Layers::merge(&flags(&["--name", "flag"]), environment, Some(&path)).unwrap();
        let found = |key| {
            let setting = layers.get(key);
            (setting.text.as_str(), setting.source.clone())
        };
        assert_eq!(found("name"), ("flag", Source::Flag));
        let variable = Source::Environment("KVTOOL_INSTANCE".to_owned());
        assert_eq!(found("instance"), ("environment", variable));
        assert_eq!(found("max-txn-ops"), ("7", Source::File(path)));
        assert_eq!(found("store"), ("raft", Source::Default));
    }

    #[test]
    fn what_is_printed_is_a_config_file_that_means_the_same() {
        let given = [
            "--name",
            "a: b #c",
            "--listen-client-urls",
            "http://[::1]:0",
        ];
        let printed = Layers::merge(&flags(&given), |_| None, None).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kvtool.yaml");
        std::fs::write(&path, printed.to_yaml()).unwrap();
        let read = Layers::merge(&RawSettings::default(), |_| None, Some(&path)).unwrap();
        for (key, _) in DEFAULTS {
            assert_eq!(read.get(key).text, printed.get(key).text, "{key}");
        }
        assert!(printed.to_yaml().contains("--name\n"));
        assert!(printed.to_yaml().contains("store: raft # default\n"));
    }
}
