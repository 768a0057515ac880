//! How to reach a FoundationDB cluster, as flags that several verbs share.

use super::{Layers, RawSettings, parse};
use crate::{cli::exit::UsageError, store::fdb};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// The flags that concern FoundationDB, not validated yet.
#[derive(Debug, Clone, Default, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FdbArgs {
    /// Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "FoundationDB")]
    fdb_cluster_file: Option<String>,
    /// Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...
    #[arg(long, value_name = "STRING", help_heading = "FoundationDB")]
    fdb_connection_string: Option<String>,
    /// Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "FoundationDB")]
    fdb_client_library: Option<String>,
    /// Client libraries of other versions, used when the cluster is of theirs
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "FoundationDB")]
    fdb_external_client_dir: Option<String>,
    /// Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "FoundationDB")]
    fdb_tls_certificate_file: Option<String>,
    /// Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD
    /// [default: FDB_TLS_KEY_FILE]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "FoundationDB")]
    fdb_tls_key_file: Option<String>,
    /// Authorities that sign the cluster's certificates, PEM [default: FDB_TLS_CA_FILE]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "FoundationDB")]
    fdb_tls_ca_file: Option<String>,
    /// What the cluster's certificates must say, as FoundationDB's tools take it
    /// [default: FDB_TLS_VERIFY_PEERS]
    #[arg(long, value_name = "RULE", help_heading = "FoundationDB")]
    fdb_tls_verify_peers: Option<String>,
    /// Directory for the client library's traces [default: none are written]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "FoundationDB")]
    fdb_trace_dir: Option<String>,
    /// Tag of all transactions, for the cluster's quotas
    #[arg(long, value_name = "TAG", help_heading = "FoundationDB")]
    fdb_transaction_tag: Option<String>,
    /// Priority of all transactions; batch gives way to other work [default: default]
    #[arg(long, value_parser = ["default", "batch"], help_heading = "FoundationDB")]
    fdb_priority: Option<String>,
}

impl FdbArgs {
    /// Validates these flags and their environment variables, for a verb without other settings.
    pub fn options(&self) -> Result<fdb::Options, UsageError> {
        let flags = RawSettings::of_home(None, None, self.clone());
        foundationdb(&Layers::merge(
            &flags,
            |name| std::env::var(name).ok(),
            None,
        )?)
    }
}

/// What the settings say of the cluster and of its client library.
pub(super) fn foundationdb(layers: &Layers) -> Result<fdb::Options, UsageError> {
    let text = |key| Some(layers.get(key).text.clone()).filter(|text| !text.is_empty());
    let path = |key| text(key).map(PathBuf::from);
    let connection_string = text("fdb-connection-string");
    let cluster_file = path("fdb-cluster-file");
    if connection_string.is_some() && cluster_file.is_some() {
        return Err(layers
            .get("fdb-connection-string")
            .refuse("a cluster file says the same: leave one of them out"));
    }
    Ok(fdb::Options {
        library: path("fdb-client-library"),
        cluster_file,
        connection_string,
        tls: fdb::Tls {
            certificate_file: path("fdb-tls-certificate-file"),
            key_file: path("fdb-tls-key-file"),
            ca_file: path("fdb-tls-ca-file"),
            verify_peers: text("fdb-tls-verify-peers"),
        },
        trace_dir: path("fdb-trace-dir"),
        external_client_dir: path("fdb-external-client-dir"),
        tag: text("fdb-transaction-tag"),
        batch_priority: parse(layers.get("fdb-priority"), |priority| match priority {
            "default" => Ok(false),
            "batch" => Ok(true),
            _ => Err("the priority is default or batch"),
        })?,
    })
}
