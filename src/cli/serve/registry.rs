//! Where members that do not know each other yet find each other: keys of another etcd, as etcd's
//! own members have them.
//!
//! Somebody has written how many members there are to be. Each writes its name and peer URLs, and
//! waits until so many have done so; those who came first found the group.

use super::texts;
use crate::cli::client::{Client, ConnectError, Dialer};
use crate::cli::endpoint::ClientArgs;
use crate::cli::exit::{UsageError, sentence};
use crate::cli::follow;
use crate::cli::scan::KeyRange;
use crate::cli::settings::Group;
use crate::pb::etcdserverpb::{PutRequest, RangeRequest};
use crate::pb::mvccpb::KeyValue;
use crate::store::raft::{Raft, member_id};
use anyhow::{Context, Result, anyhow, bail};
use std::path::Path;
use std::time::Duration;
use tonic::{Code, Status};

/// What begins the keys of all registries.
const ROOT: &str = "/_etcd/registry";
/// The pause before a registry is asked again doubles so many times, from a second on; as with etcd.
const DOUBLINGS_MAX: u32 = 8;

/// One of them.
#[derive(Debug)]
pub(in crate::cli) struct Registry {
    /// Tells it apart from others, and the groups too.
    pub(in crate::cli) token: String,
    /// Where it is kept.
    pub(in crate::cli) servers: ClientArgs,
}

impl Registry {
    /// The group of the member `name` with those it is founded by, who are waited for.
    pub(super) async fn complete(&self, path: &Path, name: &str, group: &Group) -> Result<Group> {
        // Whatever the flags name may be long gone.
        if Raft::is_member(path) {
            tracing::warn!("discovery is not needed: the data directory is that of a member");
            return Ok(Group {
                joins: true,
                ..group.clone()
            });
        }
        if group.joins {
            let problem = "discovery finds those who found a group: for one that is there, name \
                           its members with --initial-cluster, and leave out --discovery-endpoints";
            return Err(UsageError::new(problem).into());
        }
        if group.listen.is_empty() {
            let problem =
                "members that find each other listen for each other: add --listen-peer-urls";
            return Err(UsageError::new(problem).into());
        }
        let urls = texts(&group.advertised);
        let id = member_id(&urls, &self.token, None);
        let entries: Vec<_> = urls.iter().map(|url| format!("{name}={url}")).collect();
        let (size, founders) = self.find(&format!("{id:x}"), &entries.join(",")).await?;
        tracing::info!(founders, "found the members of the group");
        let found = group
            .founded_by(name, &founders, &self.token)
            .map_err(|problem| anyhow!("the registry has {founders}: {problem}"))?;
        if found.initial.len() != size {
            bail!("the registry has {founders}: two of them have one name");
        }
        Ok(found)
    }

    /// Registers a member, and waits for the others: how many, and what they have written.
    async fn find(&self, id: &str, entry: &str) -> Result<(usize, String)> {
        let dialer = Dialer::new(&self.servers).context("discovery")?;
        let mut failures = 0;
        loop {
            match self.try_find(&dialer, id, entry, &mut failures).await {
                Err(error) if is_passing(&error) => {
                    failures = DOUBLINGS_MAX.min(failures + 1);
                    let pause = Duration::from_secs(1 << failures);
                    let error = sentence(&error);
                    tracing::warn!(error, ?pause, "the registry of members is asked again");
                    tokio::time::sleep(pause).await;
                }
                Err(error) => bail!("discovery: {}", sentence(&error)),
                Ok(found) => return Ok(found),
            }
        }
    }

    async fn try_find(
        &self,
        dialer: &Dialer,
        id: &str,
        entry: &str,
        failures: &mut u32,
    ) -> Result<(usize, String)> {
        let client = dialer.connect().await?;
        self.read(&client).await?.check(id)?;
        let put = PutRequest {
            key: self.key(&format!("members/{id}")).into(),
            value: entry.to_owned().into(),
            ..PutRequest::default()
        };
        client.kv.clone().put(client.request(put)).await?;
        loop {
            let found = self.read(&client).await?;
            found.check(id)?;
            *failures = 0;
            if let Some(founders) = found.founders() {
                return Ok((found.size, founders));
            }
            tracing::info!(
                found = found.members.len(),
                size = found.size,
                "waiting for other members in the registry"
            );
            self.changed(&client, found.revision).await?;
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{ROOT}/{}/{name}", self.token)
    }

    async fn read(&self, client: &Client) -> Result<Registered> {
        let KeyRange { start, end } = KeyRange::prefix(self.key("").as_bytes());
        let range = RangeRequest {
            key: start,
            range_end: end,
            ..RangeRequest::default()
        };
        let answer = client.kv.clone().range(client.request(range)).await?;
        let answer = answer.into_inner();
        let revision = answer.header.map_or(0, |header| header.revision);
        Registered::of(&self.key(""), &answer.kvs, revision)
    }

    /// Waits until something may be other than at this revision.
    async fn changed(&self, client: &Client, revision: i64) -> Result<()> {
        let range = KeyRange::prefix(self.key("members/").as_bytes());
        let mut watch = client.watch.clone();
        let (_asks, mut answers) = follow::stream(&mut watch, &range, revision + 1, false).await?;
        loop {
            match answers.message().await? {
                None => return Err(Status::unavailable("the watch was ended").into()),
                Some(answer) if answer.canceled && answer.compact_revision == 0 => {
                    bail!("the watch was refused: {}", answer.cancel_reason)
                }
                Some(answer) if answer.canceled || !answer.events.is_empty() => return Ok(()),
                Some(_) => {}
            }
        }
    }
}

/// What a registry says at a revision.
#[derive(Debug, PartialEq)]
struct Registered {
    revision: i64,
    size: usize,
    /// The ids of members and what they have written, in the order in which they came.
    members: Vec<(String, String)>,
}

impl Registered {
    fn of(root: &str, keys: &[KeyValue], revision: i64) -> Result<Self> {
        const SIZE: &str = "_config/size";
        let advice = || format!("write how many members there are to be to its key {root}{SIZE}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let mut size = None;
        let mut members = Vec::new();
        for found in keys {
            let (key, value) = (text(&found.key), text(&found.value));
            let name = key.strip_prefix(root).unwrap_or_default();
            if name == SIZE {
                size = Some(value);
            } else if let Some(id) = name.strip_prefix("members/") {
                if value.contains('=') {
                    members.push((found.create_revision, id.to_owned(), value));
                } else {
                    tracing::warn!(key, value, "this entry of the registry is no member");
                }
            }
        }
        let size = size.with_context(|| format!("size key not found: {}", advice()))?;
        let counted = size.parse().ok().filter(|size| *size > 0);
        let size = counted.with_context(|| format!("size key is bad: {size}: {}", advice()))?;
        members.sort_unstable();
        let members = members.into_iter().map(|(_, id, entry)| (id, entry));
        Ok(Self {
            revision,
            size,
            members: members.collect(),
        })
    }

    /// Refuses a member for whom there is no place.
    fn check(&self, id: &str) -> Result<()> {
        let mut first = self.members.iter().take(self.size);
        if self.members.len() < self.size || first.any(|(member, _)| member == id) {
            return Ok(());
        }
        bail!(
            "cluster is full: {} others have registered with this token; found another cluster with \
             a token of its own, or add a member to this one with `kvtool member add`",
            self.size
        )
    }

    /// What those have written who came first, when there are enough of them.
    fn founders(&self) -> Option<String> {
        let first = self.members.get(..self.size)?;
        let entries: Vec<_> = first.iter().map(|(_, entry)| entry.as_str()).collect();
        Some(entries.join(","))
    }
}

/// Whether it helps to ask again: a server may come back, and a login that is forgotten is made anew.
fn is_passing(error: &anyhow::Error) -> bool {
    let is_final = |status: &Status| {
        matches!(
            status.code(),
            Code::InvalidArgument
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::Unimplemented
        )
    };
    let status = error.downcast_ref::<Status>();
    error.is::<ConnectError>() || status.is_some_and(|status| !is_final(status))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn registered(keys: &[(&'static str, &'static str, i64)]) -> Result<Registered> {
        let key = |&(name, value, create_revision): &(&str, &'static str, i64)| KeyValue {
            key: format!("/r/{name}").into(),
            value: value.into(),
            create_revision,
            ..KeyValue::default()
        };
        Registered::of("/r/", &keys.iter().map(key).collect::<Vec<_>>(), 9)
    }

    #[test]
    fn those_who_came_first_found_the_group() {
        let mut keys = vec![
            ("_config/size", "2", 3),
            ("members/1", "b=http://b:1\n", 6),
            ("members/2", "no member", 4),
            ("members/3", "a=http://a:1,a=http://a:2", 5),
            ("other", "c=http://c:1", 2),
        ];
        let found = registered(&keys).unwrap();
        assert_eq!((found.size, found.revision), (2, 9));
        let founders = "a=http://a:1,a=http://a:2,b=http://b:1";
        assert_eq!(found.founders().as_deref(), Some(founders));
        keys.push(("members/4", "d=http://d:1", 7));
        let found = registered(&keys).unwrap();
        assert_eq!(found.founders().as_deref(), Some(founders));
        for (id, has_place) in [("1", true), ("3", true), ("2", false), ("4", false)] {
            let checked = found.check(id).map_err(|error| error.to_string());
            let is_full = checked.is_err_and(|error| error.starts_with("cluster is full: 2 "));
            assert_eq!(is_full, !has_place, "{id}");
        }
    }

    #[test]
    fn a_member_waits_for_others_and_has_a_place_as_long_as_there_is_one() {
        let found = registered(&[("_config/size", "2", 3), ("members/1", "b=http://b:1", 6)]);
        let found = found.unwrap();
        assert_eq!(found.founders(), None);
        assert!(found.check("1").is_ok() && found.check("2").is_ok());
    }

    #[test]
    fn a_registry_without_a_size_says_what_to_do() {
        for (keys, words) in [
            (&[][..], "size key not found: write how many"),
            (&[("_config/size", "0", 1)], "size key is bad: 0: write"),
            (&[("_config/size", "-1", 1)], "/r/_config/size"),
            (&[("_config/size", "three", 1)], "size key is bad"),
        ] {
            let error = registered(keys).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
