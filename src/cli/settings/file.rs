//! The config file: YAML, with the flags as keys.

use super::raw::{ALIASES, DEFAULTS};
use crate::cli::exit::UsageError;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest config file: far above any real one, far below what would hurt to parse.
const CONFIG_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The sections in which etcd's config file keeps the TLS settings of the client and of the peer
/// port, and what our keys for them begin with.
const TLS_SECTIONS: [(&str, &str); 2] = [
    ("client-transport-security", ""),
    ("peer-transport-security", "peer-"),
];
/// What these sections may hold, and what our keys for that end with.
const TLS_KEYS: [(&str, &str); 10] = [
    ("cert-file", "cert-file"),
    ("key-file", "key-file"),
    ("trusted-ca-file", "trusted-ca-file"),
    ("client-cert-auth", "client-cert-auth"),
    ("client-cert-file", "client-cert-file"),
    ("client-key-file", "client-key-file"),
    ("auto-tls", "auto-tls"),
    ("allowed-cn", "cert-allowed-cn"),
    ("allowed-hostname", "cert-allowed-hostname"),
    (
        "skip-client-san-verification",
        "skip-client-san-verification",
    ),
];
/// Settings that etcd's config file gives as a number of nanoseconds.
const DURATION_KEYS: [&str; 5] = [
    "corrupt-check-time",
    "compact-hash-check-time",
    "grpc-keepalive-interval",
    "grpc-keepalive-timeout",
    "watch-progress-notify-interval",
];

/// The settings a config file gives, by key.
pub(super) fn read(path: &Path) -> Result<BTreeMap<&'static str, String>, UsageError> {
    let refused = |problem| UsageError::new(format!("{}: {problem}", path.display()));
    parse(&text(path)?).map_err(refused)
}

/// What a config file of etcd gives: all that is not empty, by the names of etcd's flags.
pub(in crate::cli) fn read_etcd(path: &Path) -> Result<Vec<(String, String)>, UsageError> {
    let refused = |problem| UsageError::new(format!("{}: {problem}", path.display()));
    let mut given = Vec::new();
    for (key, value) in flat(&text(path)?).map_err(refused)? {
        let value = match value {
            Value::Null => continue,
            Value::Sequence(values) => {
                let texts = values.iter().map(|value| one(&key, value));
                texts
                    .collect::<Result<Vec<_>, _>>()
                    .map(|texts| texts.join(","))
            }
            // etcd has none below the first level but those that are flat by now.
            Value::Mapping(_) => Ok("{...}".to_owned()),
            value => one(&key, &value),
        };
        given.push((key, value.map_err(refused)?));
    }
    Ok(given)
}

fn text(path: &Path) -> Result<String, UsageError> {
    let usage = |problem: String| UsageError::new(format!("{}: {problem}", path.display()));
    let mut text = String::new();
    File::open(path)
        .and_then(|file| {
            file.take(CONFIG_FILE_BYTES_MAX + 1)
                .read_to_string(&mut text)
        })
        .map_err(|error| usage(format!("cannot read the config file: {error}")))?;
    if text.len() as u64 > CONFIG_FILE_BYTES_MAX {
        return Err(usage(format!(
            "the config file is larger than {CONFIG_FILE_BYTES_MAX} bytes: is it the right file?"
        )));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<BTreeMap<&'static str, String>, String> {
    let mut settings = BTreeMap::new();
    for (key, value) in flat(text)? {
        let key = known(&key)?;
        if settings.insert(key, one(key, &value)?).is_some() {
            return Err(format!("{key} is given twice"));
        }
    }
    Ok(settings)
}

/// All keys with their values, those of etcd's sections under the names of their flags.
fn flat(text: &str) -> Result<Vec<(String, Value)>, String> {
    let top = match serde_yaml::from_str(text) {
        Ok(Value::Null) => Mapping::new(),
        Ok(Value::Mapping(mapping)) => mapping,
        Ok(_) => return Err("not a list of settings: write lines such as 'name: a'".to_owned()),
        Err(error) => return Err(format!("not valid YAML: {error}")),
    };
    let mut flat = Vec::new();
    for (key, value) in top {
        let key = key.as_str().unwrap_or_default();
        let Some((section, prefix)) = TLS_SECTIONS.iter().find(|(section, _)| *section == key)
        else {
            flat.push((key.to_owned(), value));
            continue;
        };
        let Value::Mapping(held) = value else {
            return Err(format!("{section} must hold settings, indented below it"));
        };
        for (key, value) in held {
            let key = key.as_str().unwrap_or_default();
            let found = TLS_KEYS.iter().find(|(name, _)| *name == key);
            let (_, end) = found.ok_or_else(|| format!("{key} does not belong into {section}"))?;
            // Flags for these are called after the side they are about, on both ports.
            let prefix = match prefix.is_empty() && *end != key {
                true => "client-",
                false => *prefix,
            };
            flat.push((format!("{prefix}{end}"), value));
        }
    }
    Ok(flat)
}

fn known(key: &str) -> Result<&'static str, String> {
    let alias = ALIASES.iter().find(|(old, _)| *old == key);
    let key = alias.map_or(key, |(_, name)| name);
    let found = DEFAULTS.iter().find(|(name, _)| *name == key);
    found.map(|(name, _)| *name).ok_or_else(|| {
        format!("unknown setting '{key}': the keys are the flags of 'kvtool serve --help'")
    })
}

/// A value as the text of a flag.
fn one(key: &str, value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(count) if DURATION_KEYS.contains(&key) && count.is_u64() => {
            format!("{count}ns")
        }
        Value::Number(number) => number.to_string(),
        _ => {
            return Err(format!(
                "{key} must be one value; URLs go into one, with commas"
            ));
        }
    })
}

/// A text as a YAML value, quoted where it must be.
pub(super) fn scalar(text: &str) -> String {
    let number = text.parse::<u64>().is_ok_and(|n| n.to_string() == text);
    if number || text == "true" || text == "false" {
        return text.to_owned();
    }
    // Writing a string cannot fail.
    serde_yaml::to_string(text).map_or_else(|_| text.to_owned(), |yaml| yaml.trim_end().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_flags_and_values_are_read_as_etcd_reads_them() {
        let settings = parse(
            "name: a\n\
             max-txn-ops: 5\n\
             auto-compaction-retention: '1'\n\
             experimental-watch-progress-notify-interval: 600000000000\n\
             grpc-keepalive-interval: 1h30m\n\
             client-transport-security:\n  cert-file: c\n  client-cert-auth: true\n\
             peer-transport-security:\n  cert-file: p\n\
             heartbeat-interval: 50\n",
        );
        let expected = [
            ("name", "a"),
            ("max-txn-ops", "5"),
            ("auto-compaction-retention", "1"),
            ("watch-progress-notify-interval", "600000000000ns"),
            ("grpc-keepalive-interval", "1h30m"),
            ("cert-file", "c"),
            ("client-cert-auth", "true"),
            ("peer-cert-file", "p"),
            ("heartbeat-interval", "50"),
        ];
        let expected = expected.map(|(key, text)| (key, text.to_owned()));
        assert_eq!(settings, Ok(BTreeMap::from(expected)));
        assert_eq!(parse(""), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_bad_file_is_refused_with_a_sentence() {
        for (text, sentence) in [
            ("data_dir: x", "unknown setting 'data_dir'"),
            ("wal-dir: x", "unknown setting 'wal-dir'"),
            ("1: x", "unknown setting ''"),
            ("- name", "not a list of settings"),
            ("name: [", "not valid YAML"),
            ("name: a\nname: b", "not valid YAML"),
            ("name:", "must be one value"),
            ("listen-client-urls: [a, b]", "must be one value"),
            ("client-transport-security: x", "must hold settings"),
            ("client-transport-security: {name: x}", "does not belong"),
            (
                "cert-file: a\nclient-transport-security: {cert-file: b}",
                "given twice",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(sentence), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_over_the_bound_is_not_parsed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large.yaml");
        std::fs::write(&path, vec![b'#'; CONFIG_FILE_BYTES_MAX as usize + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("larger than"));
        let missing = read(&directory.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("cannot read the config file"));
    }
}
