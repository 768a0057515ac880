//! By what a caller is recognised who has logged in: simple tokens, or JSON web tokens.

mod jwt;
mod simple;

pub use jwt::{Jwt, TokenError};

use super::Caller;
use super::rules::Rules;
use crate::error::{Error, Result};
use simple::Simple;
use std::sync::Arc;
use std::time::Duration;

/// How long a simple token lives after its last use: etcd's default.
const TTL: Duration = Duration::from_secs(300);

/// What users get when they log in.
#[derive(Debug, Clone)]
pub enum TokenOptions {
    /// Signed by the servers of the instance alone; good for so long after its last use.
    Simple(Duration),
    /// Signed with a key that others may have too.
    Jwt(Arc<Jwt>),
}

impl Default for TokenOptions {
    fn default() -> Self {
        Self::Simple(TTL)
    }
}

/// Makes tokens, and recognises those who have them.
#[derive(Debug)]
pub enum Tokens {
    /// See [`TokenOptions::Simple`].
    Simple(Simple),
    /// See [`TokenOptions::Jwt`].
    Jwt(Arc<Jwt>),
}

impl Tokens {
    /// As the options say.
    pub fn new(options: &TokenOptions) -> Self {
        match options {
            TokenOptions::Simple(ttl) => Self::Simple(Simple::new(*ttl)),
            TokenOptions::Jwt(jwt) => Self::Jwt(jwt.clone()),
        }
    }

    /// A token for a user who has proved who he is.
    pub fn assign(&self, user: &str, rules: &Rules) -> Result<String> {
        match self {
            Self::Simple(tokens) => Ok(tokens.assign(user, rules)),
            Self::Jwt(jwt) => jwt
                .assign(user, rules.state.revision)
                .ok_or(Error::VerifyOnly),
        }
    }

    /// Whose a token is.
    pub fn caller(&self, token: &str, rules: &Rules) -> Option<Caller> {
        match self {
            Self::Simple(tokens) => tokens.user(token, rules).map(|name| Caller::User {
                name,
                revision: rules.state.revision,
            }),
            Self::Jwt(jwt) => jwt.caller(token),
        }
    }
}

/// A user's name.
type Name = Arc<str>;
