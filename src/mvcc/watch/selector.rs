//! What a watcher wants to see, and the watchers that want the same.

use super::Commit;
use super::interval::IntervalIndex;
use crate::mvcc::keyspace::KeyRange;
use crate::pb::etcdserverpb::WatchCreateRequest;
use crate::pb::etcdserverpb::watch_create_request::FilterType;
use crate::pb::mvccpb::Event;
use crate::pb::mvccpb::event::EventType;
use bytes::Bytes;
use std::collections::HashMap;

/// Which events a watcher gets, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    /// The keys watched.
    pub range: KeyRange,
    /// Puts are wanted.
    pub puts: bool,
    /// Deletions are wanted.
    pub deletes: bool,
    /// The version before the event is wanted too.
    pub prev_kv: bool,
}

impl Selector {
    /// What a request asks for; `None` when its range can hold no key.
    pub fn new(request: &WatchCreateRequest) -> Option<Self> {
        // An empty key is the smallest one there can be, as in etcd.
        let key = match request.key.is_empty() {
            true => Bytes::from_static(&[0]),
            false => request.key.clone(),
        };
        let range = KeyRange::new(key, request.range_end.clone());
        let filtered = |filter: FilterType| request.filters.contains(&(filter as i32));
        (!range.is_empty()).then(|| Self {
            range: range.detached(),
            puts: !filtered(FilterType::Noput),
            deletes: !filtered(FilterType::Nodelete),
            prev_kv: request.prev_kv,
        })
    }

    fn wants(&self, put: bool) -> bool {
        if put { self.puts } else { self.deletes }
    }

    /// The events wanted of a commit, as this watcher is to see them.
    pub fn pick(&self, events: &[Event]) -> Vec<Event> {
        events
            .iter()
            .filter(|event| self.range.contains(key_of(event)) && self.wants(is_put(event)))
            .map(|event| self.present(event))
            .collect()
    }

    fn present(&self, event: &Event) -> Event {
        Event {
            r#type: event.r#type,
            kv: event.kv.clone(),
            prev_kv: match self.prev_kv && !is_create(event) {
                true => event.prev_kv.clone(),
                false => None,
            },
        }
    }
}

fn key_of(event: &Event) -> &[u8] {
    event.kv.as_ref().map_or(&[], |kv| kv.key.as_ref())
}

fn is_put(event: &Event) -> bool {
    event.r#type == EventType::Put as i32
}

/// The first put of a key's life: it has nothing before it, even if the transaction that made it
/// deleted an older life.
fn is_create(event: &Event) -> bool {
    let first = |kv: &crate::pb::mvccpb::KeyValue| kv.create_revision == kv.mod_revision;
    is_put(event) && event.kv.as_ref().is_some_and(first)
}

/// Watchers grouped by what they want, so that an event is matched once for all of a group.
#[derive(Debug)]
pub(super) struct Groups<M> {
    index: IntervalIndex<Vec<GroupId>>,
    groups: HashMap<GroupId, Group<M>>,
    next_id: GroupId,
}

type GroupId = u64;

#[derive(Debug)]
struct Group<M> {
    selector: Selector,
    members: M,
}

/// What the groups that match a change want of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// One of them wants the version before.
    pub prev_kv: bool,
}

impl<M> Default for Groups<M> {
    fn default() -> Self {
        Self {
            index: IntervalIndex::default(),
            groups: HashMap::new(),
            next_id: 0,
        }
    }
}

impl<M: Default> Groups<M> {
    /// The members that want just this; an empty set of members when there were none.
    pub fn members_of(&mut self, selector: &Selector) -> &mut M {
        let here = self.index.entry(&selector.range);
        let groups = &self.groups;
        let known = here.iter().copied().find(|id| {
            groups
                .get(id)
                .is_some_and(|group| group.selector == *selector)
        });
        let id = known.unwrap_or_else(|| {
            self.next_id += 1;
            here.push(self.next_id);
            self.next_id
        });
        let group = self.groups.entry(id).or_insert_with(|| Group {
            selector: selector.clone(),
            members: M::default(),
        });
        &mut group.members
    }
}

impl<M> Groups<M> {
    /// Forgets a group.
    pub fn remove(&mut self, selector: &Selector) {
        let Some(here) = self.index.get_mut(&selector.range) else {
            return;
        };
        let groups = &mut self.groups;
        here.retain(|id| match groups.get(id) {
            Some(group) if group.selector != *selector => true,
            _ => {
                groups.remove(id);
                false
            }
        });
        if here.is_empty() {
            self.index.remove(&selector.range);
        }
    }

    /// Who gets which events of a commit, in the commit's order.
    pub fn pick(&self, commit: &Commit) -> Vec<(GroupId, Vec<Event>)> {
        let mut picked = Vec::<(GroupId, Vec<Event>)>::new();
        let mut places = HashMap::<GroupId, usize>::new();
        for event in &commit.events {
            let put = is_put(event);
            self.index.stab(key_of(event), |ids| {
                for id in ids {
                    let Some(group) = self.groups.get(id) else {
                        continue;
                    };
                    if group.selector.wants(put) {
                        let place = *places.entry(*id).or_insert_with(|| {
                            picked.push((*id, Vec::new()));
                            picked.len() - 1
                        });
                        picked[place].1.push(group.selector.present(event));
                    }
                }
            });
        }
        picked
    }

    /// What is wanted of a change of `key`; `None` when nobody wants it.
    pub fn wanted(&self, key: &[u8], put: bool) -> Option<Wanted> {
        let mut wanted = None::<Wanted>;
        self.index.stab(key, |ids| {
            for group in ids.iter().filter_map(|id| self.groups.get(id)) {
                if group.selector.wants(put) {
                    let prev_kv = wanted.is_some_and(|wanted| wanted.prev_kv);
                    wanted = Some(Wanted {
                        prev_kv: prev_kv || group.selector.prev_kv,
                    });
                }
            }
        });
        wanted
    }

    /// The selector and members of a group that [`Groups::pick`] named.
    pub fn group(&self, id: GroupId) -> Option<(&Selector, &M)> {
        let group = self.groups.get(&id)?;
        Some((&group.selector, &group.members))
    }
}
