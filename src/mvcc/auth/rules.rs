//! All users and roles at one state, and what they allow.

use super::Caller;
use super::ranges::{Ranges, range};
use crate::error::{Error, Result};
use crate::mvcc::keyspace::{AuthState, Layout, successor};
use crate::pb::authpb::permission::Type;
use crate::pb::authpb::{Permission, Role, User};
use crate::store::{Direction, Op, PageLimit, View};
use bytes::Bytes;
use parking_lot::RwLock;
use prost::Message;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// The role that may do everything, and the user that must have it.
pub const ROOT: &str = "root";
/// Records read at a time.
const PAGE: PageLimit = PageLimit {
    items: 1000,
    bytes: 1 << 20,
};

/// All users and roles at one state.
#[derive(Clone, Default)]
pub struct Rules {
    /// The state they are of.
    pub state: AuthState,
    /// By their names.
    pub users: BTreeMap<String, Arc<User>>,
    /// By their names.
    pub roles: BTreeMap<String, Arc<Role>>,
    /// What simple tokens are signed with; another one each time authentication is turned on.
    pub secret: Bytes,
    access: Arc<HashMap<String, Access>>,
}

/// What one user may do.
#[derive(Debug, Default)]
struct Access {
    is_root: bool,
    read: Ranges,
    write: Ranges,
}

/// What a request does to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Reads them.
    Read,
    /// Writes them.
    Write,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Rules");
        shown.field("state", &self.state).finish_non_exhaustive()
    }
}

impl Rules {
    /// Reads those of a view, which is at `state`.
    pub async fn load(view: &View, layout: &Layout, state: AuthState) -> Result<Self> {
        let mut rules = Self {
            state,
            ..Self::default()
        };
        let (mut from, end) = layout.subspace(b'u');
        loop {
            let page = view.scan(&from, &end, PAGE, Direction::Forward).await?;
            for (key, record) in &page.items {
                rules.take(&key.slice(layout.head_bytes()..), record)?;
            }
            match page.items.last() {
                Some((key, _)) if page.more => from = successor(key),
                _ => break,
            }
        }
        rules.grant();
        Ok(rules)
    }

    fn take(&mut self, key: &[u8], record: &Bytes) -> Result<()> {
        let damaged = || Error::CorruptRecord {
            subspace: 'u',
            detail: "no user, no role, no secret",
        };
        let (kind, name) = key.split_first().ok_or_else(damaged)?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| damaged())?;
        match kind {
            b'u' => {
                let user = User::decode(record.clone()).map_err(|_| damaged())?;
                self.users.insert(name, Arc::new(user));
            }
            b'r' => {
                let role = Role::decode(record.clone()).map_err(|_| damaged())?;
                self.roles.insert(name, Arc::new(role));
            }
            b's' => self.secret = record.clone(),
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// What makes these rules of `former` ones.
    pub fn ops(&self, former: &Self, layout: &Layout) -> Vec<Op> {
        let mut ops = changed(&former.users, &self.users, |name| layout.user(name));
        ops.extend(changed(&former.roles, &self.roles, |name| {
            layout.role(name)
        }));
        if self.secret != former.secret {
            ops.push(Op::Set(layout.secret(), self.secret.clone()));
        }
        ops
    }

    /// Says anew what each user may do, after users or roles have changed.
    pub(super) fn grant(&mut self) {
        let access = |user: &User| {
            let roles = || user.roles.iter().filter_map(|role| self.roles.get(role));
            let granted = |denied: Type| {
                let permissions = roles().flat_map(|role| &role.key_permission);
                let granted = permissions.filter(|it| it.perm_type() != denied);
                let range = |it: &Permission| range(&it.key, &it.range_end);
                granted.map(range).collect()
            };
            Access {
                is_root: has_role(user, ROOT),
                read: granted(Type::Write),
                write: granted(Type::Read),
            }
        };
        let users = self.users.iter();
        let access = users.map(|(name, user)| (name.clone(), access(user)));
        self.access = Arc::new(access.collect());
    }

    /// Whether a caller may do everything.
    pub fn check_admin(&self, caller: &Caller) -> Result<()> {
        let Some(name) = self.known(caller)? else {
            return Ok(());
        };
        match self.access.get(name) {
            _ if name.is_empty() => Err(Error::UserEmpty),
            None => Err(Error::UserNotFound),
            Some(access) if access.is_root => Ok(()),
            Some(_) => Err(Error::PermissionDenied),
        }
    }

    /// Whether a caller has said who he is.
    pub fn check_known(&self, caller: &Caller) -> Result<()> {
        self.known(caller).map(drop)
    }

    /// Whether a caller may do something to a range of keys.
    pub fn check(&self, caller: &Caller, need: Need, key: &[u8], range_end: &[u8]) -> Result<()> {
        let Some(name) = self.known(caller)? else {
            return Ok(());
        };
        self.check_revision(caller)?;
        let access = self.access.get(name).ok_or(Error::PermissionDenied)?;
        let granted = match need {
            Need::Read => &access.read,
            Need::Write => &access.write,
        };
        if access.is_root || granted.hold(key, range_end) {
            return Ok(());
        }
        Err(Error::PermissionDenied)
    }

    /// Whether a caller was recognised by these rules, or later.
    pub fn check_revision(&self, caller: &Caller) -> Result<()> {
        match caller {
            Caller::User { revision: 0, .. } => Err(Error::UserEmpty),
            Caller::User { revision, .. } if *revision < self.state.revision => {
                Err(Error::AuthOldRevision)
            }
            _ => Ok(()),
        }
    }

    /// Whether a caller may do something to each of some keys.
    pub fn check_keys(&self, caller: &Caller, need: Need, keys: &[Bytes]) -> Result<()> {
        if self.check_admin(caller).is_ok() {
            return Ok(());
        }
        keys.iter()
            .try_for_each(|key| self.check(caller, need, key, &[]))
    }

    /// The name of a caller who must be asked for it; `None` where nobody is.
    fn known<'a>(&self, caller: &'a Caller) -> Result<Option<&'a str>> {
        match caller {
            Caller::Server => Ok(None),
            _ if !self.state.enabled => Ok(None),
            Caller::Nobody => Err(Error::UserEmpty),
            Caller::Stranger => Err(Error::InvalidAuthToken),
            Caller::User { name, .. } => Ok(Some(name)),
        }
    }
}

/// Whether a user has a role.
pub fn has_role(user: &User, role: &str) -> bool {
    user.roles.iter().any(|has| has == role)
}

fn changed<T: Message + PartialEq>(
    former: &BTreeMap<String, Arc<T>>,
    now: &BTreeMap<String, Arc<T>>,
    key: impl Fn(&str) -> Bytes,
) -> Vec<Op> {
    let gone = former.keys().filter(|name| !now.contains_key(*name));
    let mut ops: Vec<_> = gone.map(|name| Op::Clear(key(name))).collect();
    for (name, record) in now {
        if former.get(name) != Some(record) {
            ops.push(Op::Set(key(name), record.encode_to_vec().into()));
        }
    }
    ops
}

/// The rules that this server used last.
#[derive(Debug, Default)]
pub struct Shelf(RwLock<Arc<Rules>>);

impl Shelf {
    /// Those of a state, if they are these.
    pub fn get(&self, state: AuthState) -> Option<Arc<Rules>> {
        let rules = self.0.read();
        (rules.state == state).then(|| rules.clone())
    }

    /// Those of a state, which `view` is at.
    pub async fn load(&self, state: AuthState, view: &View, layout: &Layout) -> Result<Arc<Rules>> {
        if let Some(rules) = self.get(state) {
            return Ok(rules);
        }
        let rules = Arc::new(Rules::load(view, layout, state).await?);
        let mut newest = self.0.write();
        // Revisions only rise; of one, that with authentication on comes last.
        if (newest.state.revision, newest.state.enabled) < (state.revision, state.enabled) {
            *newest = rules.clone();
        }
        Ok(rules)
    }
}
