//! Sums over the keys of a keyspace, grouped by the first parts of their names.

use crate::pb::mvccpb::{Event, KeyValue, event::EventType};
use serde::Serialize;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// What is known about the keys of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Live keys.
    pub keys: u64,
    /// Bytes of their names.
    pub key_bytes: u64,
    /// Bytes of their values.
    pub value_bytes: u64,
    /// How often they were written since they were created.
    pub writes: u64,
    /// Those that are attached to a lease.
    pub leased_keys: u64,
    /// Versions and deletions the server still keeps; counted only on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<u64>,
    /// Changes while it was watched; only on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// Changes of one group while it was watched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// Writes of keys.
    pub puts: u64,
    /// Deletions of keys.
    pub deletes: u64,
    /// Bytes of keys and values written.
    pub written_bytes: u64,
    /// Keys there are more now, or fewer.
    pub keys: i64,
    /// Bytes of keys and values there are more now, or fewer.
    pub bytes: i64,
}

impl Group {
    /// Bytes of keys and values together.
    pub fn bytes(&self) -> u64 {
        self.key_bytes + self.value_bytes
    }

    fn add_key(&mut self, kv: &KeyValue) {
        self.keys += 1;
        self.key_bytes += kv.key.len() as u64;
        self.value_bytes += kv.value.len() as u64;
        self.writes += kv.version.max(0) as u64;
        self.leased_keys += u64::from(kv.lease != 0);
    }

    fn add_change(&mut self, event: &Event) {
        let growth = self.growth.get_or_insert_default();
        let before = event.prev_kv.as_ref().map_or(0, size);
        let after = match (event.r#type(), &event.kv) {
            (EventType::Put, Some(kv)) => {
                growth.puts += 1;
                size(kv)
            }
            _ => {
                growth.deletes += 1;
                0
            }
        };
        growth.written_bytes += after;
        growth.bytes += after as i64 - before as i64;
        growth.keys += i64::from(after > 0) - i64::from(before > 0);
    }

    fn merge(&mut self, other: &Self) {
        self.keys += other.keys;
        self.key_bytes += other.key_bytes;
        self.value_bytes += other.value_bytes;
        self.writes += other.writes;
        self.leased_keys += other.leased_keys;
        if let Some(versions) = other.versions {
            *self.versions.get_or_insert_default() += versions;
        }
        if let Some(theirs) = &other.growth {
            let ours = self.growth.get_or_insert_default();
            ours.puts += theirs.puts;
            ours.deletes += theirs.deletes;
            ours.written_bytes += theirs.written_bytes;
            ours.keys += theirs.keys;
            ours.bytes += theirs.bytes;
        }
    }
}

/// A key is never empty, so only what does not exist has the size 0.
fn size(kv: &KeyValue) -> u64 {
    (kv.key.len() + kv.value.len()) as u64
}

/// How the name of a group follows from a key.
#[derive(Debug, Clone)]
pub struct Naming {
    /// Bytes of the key that belong to every group.
    pub prefix_len: usize,
    /// Parts of the name behind the prefix.
    pub depth: usize,
    /// What ends a part.
    pub separator: u8,
}

impl Naming {
    /// The beginning of `key` that names its group: up to `depth` parts, each with its separator.
    /// The last part of a key, which no separator ends, never belongs to it.
    pub fn group<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let mut end = self.prefix_len.min(key.len());
        // A separator at the very start ends no part.
        if key.get(end) == Some(&self.separator) {
            end += 1;
        }
        for _ in 0..self.depth {
            match key[end..].iter().position(|byte| *byte == self.separator) {
                Some(part_len) => end += part_len + 1,
                None => break,
            }
        }
        &key[..end]
    }
}

/// All groups, in bounded memory.
#[derive(Debug)]
pub struct Groups {
    naming: Naming,
    groups: BTreeMap<Vec<u8>, Group>,
    groups_max: usize,
    /// The sum of the groups that had to go.
    other: Group,
    folded: u64,
}

impl Groups {
    /// Keeps about the `groups_max` largest groups apart.
    pub fn new(naming: Naming, groups_max: usize) -> Self {
        Self {
            naming,
            groups: BTreeMap::new(),
            groups_max,
            other: Group::default(),
            folded: 0,
        }
    }

    /// Counts a live key.
    pub fn add_key(&mut self, kv: &KeyValue) {
        self.of(&kv.key).add_key(kv);
    }

    /// Counts a version or deletion that the server keeps.
    pub fn add_version(&mut self, key: &[u8]) {
        *self.of(key).versions.get_or_insert_default() += 1;
    }

    /// Counts a change while the keyspace is watched.
    pub fn add_change(&mut self, event: &Event) {
        if let Some(kv) = &event.kv {
            self.of(&kv.key).add_change(event);
        }
    }

    /// The sum of everything.
    pub fn total(&self) -> Group {
        let mut total = self.other.clone();
        self.groups.values().for_each(|group| total.merge(group));
        total
    }

    /// The groups by name, then how many others there were and their sum.
    pub fn finish(mut self) -> (Vec<(Vec<u8>, Group)>, u64, Group) {
        self.fold();
        (self.groups.into_iter().collect(), self.folded, self.other)
    }

    fn of(&mut self, key: &[u8]) -> &mut Group {
        let name = self.naming.group(key);
        // Keys come in order, so a group that is folded has got all its keys already.
        if !self.groups.contains_key(name) && self.groups.len() >= 2 * self.groups_max {
            self.fold();
        }
        self.groups.entry(name.to_vec()).or_default()
    }

    /// Adds all but the largest groups to `other`.
    fn fold(&mut self) {
        if self.groups.len() <= self.groups_max {
            return;
        }
        let mut sizes: Vec<u64> = self.groups.values().map(Group::bytes).collect();
        sizes.sort_unstable_by_key(|size| Reverse(*size));
        let smallest_kept = sizes[self.groups_max - 1];
        let mut room = self.groups_max;
        self.groups.retain(|_, group| {
            let keep = room > 0 && group.bytes() >= smallest_kept;
            if keep {
                room -= 1;
            } else {
                self.other.merge(group);
                self.folded += 1;
            }
            keep
        });
    }
}

/// The largest keys seen.
#[derive(Debug)]
pub struct Largest {
    keys_max: usize,
    heap: BinaryHeap<Reverse<(u64, Vec<u8>)>>,
}

impl Largest {
    /// Remembers the `keys_max` largest.
    pub fn new(keys_max: usize) -> Self {
        Self {
            keys_max,
            heap: BinaryHeap::new(),
        }
    }

    /// Considers a key.
    pub fn add(&mut self, kv: &KeyValue) {
        let bytes = size(kv);
        let smallest = self.heap.peek().map_or(0, |Reverse((bytes, _))| *bytes);
        if self.heap.len() < self.keys_max || bytes > smallest {
            self.heap.push(Reverse((bytes, kv.key.to_vec())));
        }
        if self.heap.len() > self.keys_max {
            self.heap.pop();
        }
    }

    /// Bytes of key and value, and the key; largest first.
    pub fn finish(self) -> Vec<(u64, Vec<u8>)> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|Reverse(key)| key).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kv(key: &str, value_len: usize, version: i64, lease: i64) -> KeyValue {
        KeyValue {
            key: key.to_owned().into(),
            value: vec![b'v'; value_len].into(),
            version,
            lease,
            ..Default::default()
        }
    }

    fn naming(prefix: &str, depth: usize) -> Naming {
        Naming {
            prefix_len: prefix.len(),
            depth,
            separator: b'/',
        }
    }

    #[test]
    fn groups_are_named_by_whole_parts_behind_the_prefix() {
        for (prefix, depth, key, group) in [
            ("", 1, "/registry/pods/a", "/registry/"),
            ("", 2, "/registry/pods/a", "/registry/pods/"),
            ("", 9, "/registry/pods/a", "/registry/pods/"),
            ("", 1, "plain", ""),
            ("", 1, "a/b", "a/"),
            ("/registry/", 1, "/registry/pods/a", "/registry/pods/"),
            ("/registry", 1, "/registry/pods/a", "/registry/pods/"),
            ("/registry/", 1, "/registry/health", "/registry/"),
            ("/registry/p", 1, "/registry/pods/a", "/registry/pods/"),
        ] {
            let named = naming(prefix, depth).group(key.as_bytes()).to_vec();
            assert_eq!(
                String::from_utf8(named).unwrap(),
                group,
                "{prefix} {depth} {key}"
            );
        }
    }

    #[test]
    fn sums_add_up() {
        let mut groups = Groups::new(naming("", 1), 10);
        for (key, value_len, version, lease) in
            [("/a/1", 10, 1, 0), ("/a/2", 20, 5, 7), ("/b/1", 1, 1, 0)]
        {
            groups.add_key(&kv(key, value_len, version, lease));
        }
        groups.add_version(b"/b/1");
        let total = groups.total();
        assert_eq!((total.keys, total.bytes(), total.writes), (3, 43, 7));
        let (list, folded, _) = groups.finish();
        assert_eq!(folded, 0);
        let (name, a) = &list[0];
        assert_eq!(name, b"/a/");
        assert_eq!(
            (a.keys, a.key_bytes, a.value_bytes, a.leased_keys),
            (2, 8, 30, 1)
        );
        assert_eq!((a.versions, list[1].1.versions), (None, Some(1)));
    }

    #[test]
    fn memory_is_bounded_and_the_largest_groups_stay() {
        let mut groups = Groups::new(naming("", 1), 3);
        for n in 0..100 {
            groups.add_key(&kv(&format!("/{n:03}/x"), n, 1, 0));
            assert!(groups.groups.len() <= 6);
        }
        let total = groups.total();
        let (list, folded, other) = groups.finish();
        let names: Vec<&[u8]> = list.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, [b"/097/", b"/098/", b"/099/"]);
        assert_eq!((folded, other.keys, total.keys), (97, 97, 100));
    }

    #[test]
    fn changes_count_creates_overwrites_and_deletes() {
        let mut groups = Groups::new(naming("", 1), 3);
        let event = |kind: EventType, now: KeyValue, prev_kv: Option<KeyValue>| Event {
            r#type: kind.into(),
            kv: Some(now),
            prev_kv,
        };
        groups.add_change(&event(EventType::Put, kv("/a/1", 10, 1, 0), None));
        groups.add_change(&event(
            EventType::Put,
            kv("/a/1", 4, 2, 0),
            Some(kv("/a/1", 10, 1, 0)),
        ));
        groups.add_change(&event(
            EventType::Delete,
            kv("/a/2", 0, 0, 0),
            Some(kv("/a/2", 6, 1, 0)),
        ));
        let growth = groups.total().growth.unwrap();
        let expected = Growth {
            puts: 2,
            deletes: 1,
            written_bytes: 22,
            keys: 0,
            bytes: 14 - 6 - 10,
        };
        assert_eq!(growth, expected);
    }

    #[test]
    fn the_largest_keys_come_first() {
        let mut largest = Largest::new(2);
        for (key, value_len) in [("a", 5), ("b", 9), ("c", 1), ("d", 7)] {
            largest.add(&kv(key, value_len, 1, 0));
        }
        assert_eq!(largest.finish(), [(10, b"b".to_vec()), (8, b"d".to_vec())]);
        let mut none = Largest::new(0);
        none.add(&kv("a", 5, 1, 0));
        assert!(none.finish().is_empty());
    }
}
