//! What becomes of users and roles.

use super::rules::{ROOT, Rules, has_role};
use super::{Change, password};
use crate::error::{Error, Result};
use crate::mvcc::scratch::Scratch;
use crate::pb::authpb::{Permission, Role, User, UserAddOptions};
use crate::pb::etcdserverpb::*;
use bytes::Bytes;
use std::sync::Arc;

/// Bytes of what tokens are signed with.
const SECRET_BYTES: usize = 32;

/// Does a change as part of a batch.
pub async fn change(scratch: &mut Scratch, change: &Change) -> Result<()> {
    let former = scratch.rules().await?;
    let mut rules = Rules::clone(&former);
    if !rules.change(change)? {
        return Ok(());
    }
    if !matches!(change, Change::Enable(_)) {
        rules.state.revision += 1;
    }
    rules.grant();
    scratch.set_rules(&former, rules);
    Ok(())
}

impl Rules {
    /// Whether anything is to change, and changes it.
    fn change(&mut self, change: &Change) -> Result<bool> {
        match change {
            Change::Enable(_) => return self.enable(),
            Change::Disable(_) => return Ok(std::mem::replace(&mut self.state.enabled, false)),
            Change::UserAdd(it) => self.add_user(it)?,
            Change::UserDelete(it) => {
                self.protect_root(it.name == ROOT)?;
                self.users.remove(&it.name).ok_or(Error::UserNotFound)?;
            }
            Change::UserChangePassword(it) => {
                let user = self.user(&it.name)?;
                if !has_no_password(user) {
                    user.password = password::hash_of(&it.hashed_password)?;
                }
            }
            Change::UserGrantRole(it) => return self.grant_role(it),
            Change::UserRevokeRole(it) => {
                self.protect_root(it.name == ROOT && it.role == ROOT)?;
                let user = self.user(&it.name)?;
                if !has_role(user, &it.role) {
                    return Err(Error::RoleNotGranted);
                }
                user.roles.retain(|role| *role != it.role);
            }
            Change::RoleAdd(it) => self.add_role(it)?,
            Change::RoleDelete(it) => self.delete_role(it)?,
            Change::RoleGrantPermission(it) => self.grant_permission(it)?,
            Change::RoleRevokePermission(it) => {
                let role = self.role(&it.role)?;
                let before = role.key_permission.len();
                let is_other =
                    |has: &Permission| has.key != it.key || has.range_end != it.range_end;
                role.key_permission.retain(is_other);
                if role.key_permission.len() == before {
                    return Err(Error::PermissionNotGranted);
                }
            }
        }
        Ok(true)
    }

    fn enable(&mut self) -> Result<bool> {
        if self.state.enabled {
            return Ok(false);
        }
        let root = self.users.get(ROOT).ok_or(Error::RootUserNotExist)?;
        if !has_role(root, ROOT) {
            return Err(Error::RootRoleNotExist);
        }
        self.secret = new_secret();
        self.state.enabled = true;
        Ok(true)
    }

    /// While authentication is on, somebody must be in charge.
    fn protect_root(&self, concerns_root: bool) -> Result<()> {
        match self.state.enabled && concerns_root {
            true => Err(Error::InvalidAuthMgmt),
            false => Ok(()),
        }
    }

    fn user(&mut self, name: &str) -> Result<&mut User> {
        let user = self.users.get_mut(name).ok_or(Error::UserNotFound)?;
        Ok(Arc::make_mut(user))
    }

    fn role(&mut self, name: &str) -> Result<&mut Role> {
        let role = self.roles.get_mut(name).ok_or(Error::RoleNotFound)?;
        Ok(Arc::make_mut(role))
    }

    fn add_user(&mut self, add: &AuthUserAddRequest) -> Result<()> {
        if add.name.is_empty() {
            return Err(Error::UserEmpty);
        }
        if self.users.contains_key(&add.name) {
            return Err(Error::UserExists);
        }
        let mut user = User {
            name: add.name.clone().into(),
            options: Some(add.options.unwrap_or(UserAddOptions { no_password: false })),
            ..User::default()
        };
        if !has_no_password(&user) {
            user.password = password::hash_of(&add.hashed_password)?;
        }
        self.users.insert(add.name.clone(), Arc::new(user));
        Ok(())
    }

    fn grant_role(&mut self, grant: &AuthUserGrantRoleRequest) -> Result<bool> {
        let is_role = grant.role == ROOT || self.roles.contains_key(&grant.role);
        let user = self.user(&grant.user)?;
        if !is_role {
            return Err(Error::RoleNotFound);
        }
        match user.roles.binary_search(&grant.role) {
            Ok(_) => Ok(false),
            Err(place) => {
                user.roles.insert(place, grant.role.clone());
                Ok(true)
            }
        }
    }

    fn add_role(&mut self, add: &AuthRoleAddRequest) -> Result<()> {
        if add.name.is_empty() {
            return Err(Error::RoleEmpty);
        }
        if self.roles.contains_key(&add.name) {
            return Err(Error::RoleExists);
        }
        let role = Role {
            name: add.name.clone().into(),
            ..Role::default()
        };
        self.roles.insert(add.name.clone(), Arc::new(role));
        Ok(())
    }

    fn delete_role(&mut self, delete: &AuthRoleDeleteRequest) -> Result<()> {
        self.protect_root(delete.role == ROOT)?;
        let gone = self.roles.remove(&delete.role);
        gone.ok_or(Error::RoleNotFound)?;
        for user in self.users.values_mut() {
            if has_role(user, &delete.role) {
                Arc::make_mut(user)
                    .roles
                    .retain(|role| *role != delete.role);
            }
        }
        Ok(())
    }

    fn grant_permission(&mut self, grant: &AuthRoleGrantPermissionRequest) -> Result<()> {
        let given = grant.perm.as_ref().ok_or(Error::PermissionNotGiven)?;
        let Permission { key, range_end, .. } = given;
        let is_range = range_end.is_empty() || range_end.as_ref() == [0] || key < range_end;
        if key.is_empty() || !is_range {
            return Err(Error::InvalidAuthMgmt);
        }
        let permissions = &mut self.role(&grant.name)?.key_permission;
        // As in etcd, of several on one key only the first can be changed in its place.
        let place = permissions.partition_point(|has| has.key < *key);
        match permissions.get_mut(place) {
            Some(has) if has.key == *key && has.range_end == *range_end => {
                has.perm_type = given.perm_type;
            }
            _ => {
                let place = permissions.partition_point(|has| has.key <= *key);
                permissions.insert(place, given.clone());
            }
        }
        Ok(())
    }
}

/// What tokens can be signed with, known to nobody.
pub fn new_secret() -> Bytes {
    Bytes::copy_from_slice(&rand::random::<[u8; SECRET_BYTES]>())
}

fn has_no_password(user: &User) -> bool {
    user.options.is_some_and(|options| options.no_password)
}
