//! `kvtool snapshot`: a keyspace as a file of etcd's, and back.

use super::client::{Client, MESSAGE_LIMIT_BYTES};
use super::endpoint::ClientArgs;
use super::exit::UsageError;
use super::output::OutputArgs;
use super::serve;
use super::serve::member;
use super::settings::{FdbArgs, Founders, FoundersArgs, Home};
use crate::bolt::{BoltError, Database};
use crate::error::Error;
use crate::mvcc::snapshot::{Bump, restore};
use crate::pb::etcdserverpb::SnapshotRequest;
use crate::pb::mvccpb::KeyValue;
use crate::store::StoreError;
use crate::store::local::BlockCache;
use crate::store::raft::found_with_state;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use prost::Message;
use ring::digest;
use serde::Serialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file is larger by than whole sectors when its hash stands at its end.
const HASH_BYTES: u64 = 32;
const SECTOR_BYTES: u64 = 512;
/// How much of a file is read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Save a keyspace to a file, look at one, or restore it
///
/// The file is etcd's own: what kvtool saves, etcdutl restores, and what etcdctl has saved from an
/// etcd, kvtool restores. It has the keys with their history, leases, alarms, users and roles; members
/// it has not.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Save(Box<SaveArgs>),
    Status(StatusArgs),
    Restore(Box<RestoreArgs>),
}

/// Save the keyspace of a server to a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool snapshot save backup.db
  kvtool snapshot save backup.db --endpoints http://10.0.0.5:2379")]
struct SaveArgs {
    /// The file; it is there once it is complete
    file: PathBuf,
    #[command(flatten)]
    client: ClientArgs,
}

/// Say what is in a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool snapshot status backup.db -o json

Fields of JSON and YAML:
  hash (of all records, as etcdutl computes it), revision, total_keys (live ones), total_size (bytes),
  version (of the storage)")]
struct StatusArgs {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// Make a keyspace out of a file
///
/// The keyspace must have nothing in it: a new directory, or a new instance of a FoundationDB cluster.
/// A directory is that of a group of one then; start it with `kvtool serve`, and add other members.
/// Or it is that of one member of a group that begins with what is in the file: give all members with
/// --initial-cluster, and do the same, with the same file, for each of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool snapshot restore backup.db --data-dir /var/lib/kvtool
  kvtool snapshot restore /var/lib/etcd/member/snap/db --skip-hash-check --data-dir /var/lib/kvtool
  kvtool snapshot restore backup.db --store fdb --instance prod
  kvtool snapshot restore backup.db --data-dir a --name a \\
      --initial-advertise-peer-urls http://10.0.0.5:2380 \\
      --initial-cluster a=http://10.0.0.5:2380,b=http://10.0.0.6:2380,c=http://10.0.0.7:2380
  kvtool snapshot restore backup.db --data-dir d --bump-revision 1000000000 --mark-compacted

Fields of JSON and YAML:
  revision, compacted (-1: none), keys (live ones), changes, leases")]
struct RestoreArgs {
    /// The file
    file: PathBuf,
    /// Take a file without a hash at its end, such as the database of an etcd that is not running
    #[arg(long)]
    skip_hash_check: bool,
    /// Add so much to the newest revision, so that no client remembers a newer one
    #[arg(long, value_name = "REVISIONS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..), requires = "mark_compacted")]
    bump_revision: i64,
    /// Compact all that was, so that clients read anew
    #[arg(long, requires = "bump_revision")]
    mark_compacted: bool,
    /// Home of the keyspace [default: raft]
    #[arg(long, value_parser = ["raft", "local", "fdb"])]
    store: Option<String>,
    /// Directory the data will live in [default: ./kvtool.data]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    data_dir: Option<String>,
    /// Name of the keyspace in its store
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        env = "KVTOOL_INSTANCE"
    )]
    instance: String,
    #[command(flatten)]
    founders: FoundersArgs,
    #[command(flatten)]
    fdb: FdbArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: SnapshotArgs) -> Result<()> {
    match args.verb {
        Verb::Save(args) => save(&args).await,
        Verb::Status(args) => tokio::task::spawn_blocking(move || status(&args)).await?,
        Verb::Restore(args) => restore_file(*args).await,
    }
}

async fn save(args: &SaveArgs) -> Result<()> {
    let client = Client::connect(&args.client).await?;
    let mut maintenance = client
        .maintenance
        .max_decoding_message_size(MESSAGE_LIMIT_BYTES);
    let answer = maintenance.snapshot(SnapshotRequest {}).await;
    let mut blobs = answer.context("the server gives no snapshot")?.into_inner();
    let directory = match args.file.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    let shown = args.file.display();
    let made = tempfile::NamedTempFile::new_in(directory);
    let mut file = made.with_context(|| format!("cannot write beside {shown}"))?;
    while let Some(message) = blobs.message().await.context("the snapshot was cut off")? {
        let written = file.write_all(&message.blob);
        written.with_context(|| format!("cannot write {shown}"))?;
    }
    if !is_hash_right(file.as_file_mut())?.unwrap_or(false) {
        bail!(damaged(
            "the snapshot that arrived is not the one that was sent"
        ));
    }
    file.as_file()
        .sync_all()
        .with_context(|| format!("cannot write {shown}"))?;
    file.persist(&args.file)
        .with_context(|| format!("cannot write {shown}"))?;
    println!("saved {shown}");
    Ok(())
}

#[derive(Debug, Serialize)]
struct Status {
    hash: u32,
    revision: i64,
    total_keys: usize,
    total_size: u64,
    version: String,
}

fn status(args: &StatusArgs) -> Result<()> {
    let (database, bytes) = open(&args.file, true)?;
    let mut status = Status {
        hash: 0,
        revision: 0,
        total_keys: 0,
        total_size: bytes,
        version: String::new(),
    };
    let mut live = HashSet::new();
    for name in database.buckets().map_err(Error::from)? {
        status.hash = crc32c::crc32c_append(status.hash, name.as_bytes());
        let Some(bucket) = database.bucket(&name).map_err(Error::from)? else {
            continue;
        };
        let walked = bucket.walk(|key, value, _| {
            status.hash = crc32c::crc32c_append(status.hash, key);
            status.hash = crc32c::crc32c_append(status.hash, value);
            if name == "meta" && key == b"storageVersion" {
                status.version = String::from_utf8_lossy(value).into_owned();
            }
            if name == "key" {
                let main = key.first_chunk().ok_or(BoltError::Damaged("a revision"))?;
                status.revision = i64::from_be_bytes(*main);
                let stored = KeyValue::decode(value);
                let stored = stored.map_err(|_| BoltError::Damaged("a key and its value"))?;
                match key.ends_with(b"t") && key.len() == 18 {
                    true => live.remove(&stored.key),
                    false => live.insert(stored.key),
                };
            }
            Ok::<_, BoltError>(())
        });
        walked.map_err(Error::from)?;
    }
    status.total_keys = live.len();
    args.output.print(&status, |status| {
        format!(
            "hash {:08x}, revision {}, {} keys, {} bytes, storage version {}",
            status.hash, status.revision, status.total_keys, status.total_size, status.version
        )
    })
}

#[derive(Debug, Serialize)]
struct Report {
    revision: i64,
    compacted: i64,
    keys: usize,
    changes: usize,
    leases: usize,
}

async fn restore_file(args: RestoreArgs) -> Result<()> {
    let (database, _) = open(&args.file, args.skip_hash_check)?;
    let home = match Home::given(args.store, args.data_dir, args.fdb)? {
        Home::Memory => {
            return Err(UsageError::new("what is restored into memory is gone at once").into());
        }
        home => home,
    };
    let group = match (Founders::given(args.founders)?, &home) {
        (None, _) => None,
        (Some(founders), Home::Raft(path)) => Some((founders, path.clone())),
        (Some(_), _) => {
            return Err(UsageError::new("--initial-cluster is for --store raft alone").into());
        }
    };
    let store = serve::open_store(home, BlockCache::default()).await?;
    let bump = Bump {
        by: args.bump_revision,
        mark_compacted: args.mark_compacted,
    };
    let restored = restore(&store, &args.instance, Arc::new(database), bump).await;
    let closed = store.close().await.map_err(Error::from);
    let restored = restored.context("nothing was restored")?;
    closed.context("cannot close the store")?;
    if let Some((founders, path)) = group {
        let digest = digest_of(&args.file, bump)?;
        let (id, group) = member::found_with_state(&founders, digest);
        let found = move || found_with_state(&path, id, group).map_err(Error::from);
        let founded = tokio::task::spawn_blocking(found).await?;
        founded.context("the state was restored, and no group was founded with it")?;
    }
    let report = Report {
        revision: restored.revision,
        compacted: restored.compacted,
        keys: restored.keys,
        changes: restored.changes,
        leases: restored.leases,
    };
    args.output.print(&report, |report| {
        format!(
            "restored {} keys with {} changes and {} leases, up to revision {}",
            report.keys, report.changes, report.leases, report.revision
        )
    })
}

/// Tells apart what different files, or the same with different flags, are restored to.
fn digest_of(path: &Path, bump: Bump) -> Result<u64> {
    let mut file = File::open(path)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            length => hash.update(&chunk[..length]),
        }
    }
    hash.update(&bump.by.to_be_bytes());
    hash.update(&[u8::from(bump.mark_compacted)]);
    let hash = hash.finish();
    let first = hash.as_ref().iter().take(8);
    Ok(first.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Opens a file whose hash is right, or, where that is `optional`, that has none.
fn open(path: &Path, optional: bool) -> Result<(Database, u64)> {
    let shown = path.display();
    let mut file = File::open(path)
        .map_err(|error| UsageError::new(format!("cannot read {shown}: {error}")))?;
    match is_hash_right(&mut file).with_context(|| format!("cannot read {shown}"))? {
        Some(true) => {}
        Some(false) => bail!(damaged("the hash at its end is that of another file")),
        None if optional => {}
        None => {
            return Err(UsageError::new(format!(
                "{shown} has no hash at its end: is it a snapshot? If it is the database of an etcd \
                 that is not running, add --skip-hash-check"
            ))
            .into());
        }
    }
    let bytes = file.metadata()?.len();
    let bytes = bytes - bytes % SECTOR_BYTES;
    let database = Database::open(file, bytes).map_err(Error::from);
    Ok((
        database.with_context(|| format!("cannot read {shown}"))?,
        bytes,
    ))
}

/// Whether the hash at the end of a file is right; `None`: there is none.
fn is_hash_right(file: &mut File) -> Result<Option<bool>> {
    let length = file.seek(SeekFrom::End(0))?;
    if length % SECTOR_BYTES != HASH_BYTES {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(0))?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut left = length - HASH_BYTES;
    let mut chunk = vec![0; CHUNK_BYTES];
    while left > 0 {
        let length = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.read_exact(&mut chunk[..length])?;
        hash.update(&chunk[..length]);
        left -= length as u64;
    }
    let mut expected = [0; HASH_BYTES as usize];
    file.read_exact(&mut expected)?;
    Ok(Some(hash.finish().as_ref() == expected))
}

fn damaged(what: &str) -> Error {
    Error::Store(StoreError::Unreadable(what.to_owned().into()))
}
