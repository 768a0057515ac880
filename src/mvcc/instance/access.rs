//! Who calls, and what that allows: users, roles, logins.

use super::{Instance, mismatched};
use crate::error::{Error, Result};
use crate::mvcc::auth::{Caller, Change, Credentials, Need, Rules, has_role};
use crate::mvcc::keyspace::{AuthState, State};
use crate::mvcc::request::{Request, Response};
use crate::pb::authpb::{Permission, permission::Type};
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::*;
use crate::store::View;
use bytes::Bytes;
use std::sync::Arc;

/// The role whose permissions are not written down.
const ROOT: &str = "root";

impl Instance {
    /// The same instance for a caller who comes with these credentials: he may do there what his
    /// roles allow, as long as authentication is on.
    pub async fn admit(&self, credentials: &Credentials) -> Result<Self> {
        Ok(Self {
            inner: self.inner.clone(),
            caller: self.caller(credentials).await?,
        })
    }

    /// The same instance for a caller whom nobody asks, as long as authentication is off.
    pub fn unasked(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            caller: Caller::Nobody,
        }
    }

    async fn caller(&self, credentials: &Credentials) -> Result<Caller> {
        match self.state().auth.enabled {
            // In a box, or every call would be as large.
            true => Box::pin(self.named_caller(credentials)).await,
            false => Ok(Caller::Nobody),
        }
    }

    /// Who calls, where callers are asked.
    async fn named_caller(&self, credentials: &Credentials) -> Result<Caller> {
        self.catch_up().await?;
        let rules = self.rules().await?;
        let Some(token) = &credentials.token else {
            let user = |name: &Arc<str>| Caller::User {
                name: name.clone(),
                revision: rules.state.revision,
            };
            return Ok(credentials.certified.as_ref().map_or(Caller::Nobody, user));
        };
        if let Some(caller) = self.inner.tokens.caller(token, &rules) {
            return Ok(caller);
        }
        // It may be newer than what this server has heard.
        self.inner.read_index.newest().await?;
        let rules = self.rules().await?;
        let caller = self.inner.tokens.caller(token, &rules);
        Ok(caller.unwrap_or(Caller::Stranger))
    }

    /// Refuses a token that says nothing, before anything else is looked at.
    pub(super) fn check_token(&self) -> Result<()> {
        match self.caller {
            Caller::Stranger => Err(Error::InvalidAuthToken),
            _ => Ok(()),
        }
    }

    /// Refuses who has not said who he is.
    pub(super) async fn check_known(&self) -> Result<()> {
        match self.binding_rules(&self.caller).await? {
            Some(rules) => rules.check_known(&self.caller),
            None => Ok(()),
        }
    }

    /// Refuses who may not do everything.
    pub(super) async fn check_admin(&self) -> Result<()> {
        match self.binding_rules(&self.caller).await? {
            Some(rules) => rules.check_admin(&self.caller),
            None => Ok(()),
        }
    }

    /// Refuses who may not change what concerns the server as a whole.
    pub(super) async fn check_operator(&self) -> Result<()> {
        match self.inner.options.is_tenant && self.caller != Caller::Server {
            true => Err(Error::TenantDenied),
            false => self.check_admin().await,
        }
    }

    /// The rules as far as this server has heard; `None` where a caller may do everything.
    async fn binding_rules(&self, caller: &Caller) -> Result<Option<Arc<Rules>>> {
        match is_free(caller, self.inner.feed.state().auth) {
            true => Ok(None),
            false => self.rules().await.map(Some),
        }
    }

    /// The rules as far as this server has heard.
    async fn rules(&self) -> Result<Arc<Rules>> {
        let feed = &self.inner.feed;
        if let Some(rules) = feed.rules.get(feed.state().auth) {
            return Ok(rules);
        }
        let (view, state) = self.view(false).await?;
        feed.rules.load(state.auth, &view, &self.inner.layout).await
    }

    /// The rules at the state of a view; `None` where the caller may do everything.
    pub(super) async fn rules_at(&self, view: &View, state: &State) -> Result<Option<Arc<Rules>>> {
        if is_free(&self.caller, state.auth) {
            return Ok(None);
        }
        let rules = &self.inner.feed.rules;
        let rules = rules.load(state.auth, view, &self.inner.layout).await?;
        Ok(Some(rules))
    }

    /// Whether the caller may read a range by the rules at a state; `false` when these are not at
    /// hand.
    pub(super) fn may_read(&self, state: AuthState, request: &RangeRequest) -> Result<bool> {
        if is_free(&self.caller, state) {
            return Ok(true);
        }
        let Some(rules) = self.inner.feed.rules.get(state) else {
            return Ok(false);
        };
        rules.check(&self.caller, Need::Read, &request.key, &request.range_end)?;
        Ok(true)
    }

    /// Refuses a watcher of what whoever asks may not read.
    pub(super) async fn may_watch(
        &self,
        credentials: &Credentials,
        request: &WatchRequest,
    ) -> Result<()> {
        let Some(RequestUnion::CreateRequest(create)) = &request.request_union else {
            return Ok(());
        };
        let caller = self.caller(credentials).await?;
        let Some(rules) = self.binding_rules(&caller).await? else {
            return Ok(());
        };
        let first = Bytes::from_static(&[0]);
        let key = Some(&create.key).filter(|key| !key.is_empty());
        let key = key.unwrap_or(&first);
        rules.check(&caller, Need::Read, key, &create.range_end)
    }

    /// Changes users, roles, or whether they matter; answers with a header.
    pub async fn change_auth(&self, mut change: Change) -> Result<ResponseHeader> {
        match &mut change {
            Change::UserAdd(add) => {
                let password = std::mem::take(&mut add.password);
                add.hashed_password.clear();
                if !add.options.is_some_and(|options| options.no_password) {
                    add.hashed_password = self.inner.passwords.hash(password).await?;
                }
            }
            Change::UserChangePassword(change) => {
                let password = std::mem::take(&mut change.password);
                change.hashed_password.clear();
                if !password.is_empty() {
                    change.hashed_password = self.inner.passwords.hash(password).await?;
                }
            }
            _ => {}
        }
        match self.submit(Request::Auth(change)).await? {
            Response::Auth(revision) => Ok(self.header_at(revision)),
            other => mismatched(&other),
        }
    }

    /// Whether callers must say who they are.
    pub async fn auth_status(&self) -> Result<AuthStatusResponse> {
        let (header, rules) = self.newest_rules().await?;
        Ok(AuthStatusResponse {
            header: Some(header),
            enabled: rules.state.enabled,
            auth_revision: rules.state.revision,
        })
    }

    /// A token for who knows a user's password, whatever older one he shows.
    pub async fn authenticate(&self, request: AuthenticateRequest) -> Result<AuthenticateResponse> {
        let (header, rules) = self.rules_for_all().await?;
        if !rules.state.enabled {
            return Err(Error::AuthNotEnabled);
        }
        let user = rules.users.get(&request.name).ok_or(Error::AuthFailed)?;
        if user.options.is_some_and(|options| options.no_password) {
            return Err(Error::NoPasswordUser);
        }
        let passwords = &self.inner.passwords;
        if !passwords
            .verify(request.password, user.password.clone())
            .await?
        {
            return Err(Error::AuthFailed);
        }
        // Should the password be changed meanwhile, the token is worth nothing.
        Ok(AuthenticateResponse {
            header: Some(header),
            token: self.inner.tokens.assign(&request.name, &rules)?,
        })
    }

    /// A user's roles, for himself and for who may do everything.
    pub async fn user(&self, request: AuthUserGetRequest) -> Result<AuthUserGetResponse> {
        let (header, rules) = self.newest_rules().await?;
        if self.caller.name() != request.name {
            rules.check_admin(&self.caller)?;
        }
        let user = rules.users.get(&request.name).ok_or(Error::UserNotFound)?;
        Ok(AuthUserGetResponse {
            header: Some(header),
            roles: user.roles.clone(),
        })
    }

    /// The names of all users.
    pub async fn users(&self) -> Result<AuthUserListResponse> {
        let (header, rules) = self.newest_rules().await?;
        rules.check_admin(&self.caller)?;
        Ok(AuthUserListResponse {
            header: Some(header),
            users: rules.users.keys().cloned().collect(),
        })
    }

    /// A role's permissions, for who has it and for who may do everything.
    pub async fn role(&self, request: AuthRoleGetRequest) -> Result<AuthRoleGetResponse> {
        let (header, rules) = self.newest_rules().await?;
        let caller = rules.users.get(self.caller.name());
        if !caller.is_some_and(|user| has_role(user, &request.role)) {
            rules.check_admin(&self.caller)?;
        }
        let role = rules.roles.get(&request.role).ok_or(Error::RoleNotFound)?;
        let everything = || Permission {
            perm_type: Type::Readwrite.into(),
            key: Bytes::new(),
            range_end: Bytes::from_static(&[0]),
        };
        Ok(AuthRoleGetResponse {
            header: Some(header),
            perm: match request.role.as_str() {
                ROOT => vec![everything()],
                _ => role.key_permission.clone(),
            },
        })
    }

    /// The names of all roles.
    pub async fn roles(&self) -> Result<AuthRoleListResponse> {
        let (header, rules) = self.newest_rules().await?;
        rules.check_admin(&self.caller)?;
        Ok(AuthRoleListResponse {
            header: Some(header),
            roles: rules.roles.keys().cloned().collect(),
        })
    }

    /// The rules that nobody can be ahead of, and a header for what they say.
    async fn newest_rules(&self) -> Result<(ResponseHeader, Arc<Rules>)> {
        self.check_token()?;
        self.rules_for_all().await
    }

    /// The same, also for who shows a token that says nothing.
    async fn rules_for_all(&self) -> Result<(ResponseHeader, Arc<Rules>)> {
        let state = self.inner.read_index.newest().await?;
        Ok((self.header_at(state.revision), self.rules().await?))
    }
}

/// Whether a caller may do everything at a state, whatever the rules.
fn is_free(caller: &Caller, state: AuthState) -> bool {
    !state.enabled || *caller == Caller::Server
}
