//! Who may do what, as etcd has it: users have roles, roles have permissions on ranges of keys.
//!
//! - [`rules`]: all users and roles at one [`AuthState`](super::keyspace::AuthState), and what they allow.
//! - [`change`]: what becomes of them.
//! - [`check`]: what a request needs.
//! - [`ranges`]: the keys a user may touch.
//! - [`tokens`]: by what a caller is recognised who has logged in.
//! - [`password`]: hashes of passwords.
//!
//! The state record names the rules, and guards every batch. So a change of them is a request like
//! any other, and what was judged by older rules is never committed after it: it is evaluated again.
//! Each server keeps the rules it used last ([`Shelf`]), and reads them anew when a state names others.

mod change;
pub mod check;
mod password;
mod ranges;
mod rules;
mod tokens;

pub use change::{change, new_secret};
pub use password::{COSTS, Passwords};
pub use rules::{Need, Rules, Shelf, has_role};
pub use tokens::{Jwt, TokenError, TokenOptions, Tokens};

pub use crate::pb::kvtool::peer::v1::AuthChange;
pub use crate::pb::kvtool::peer::v1::auth_change::Change;

use std::fmt;
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// This server, for its own purposes: it may do everything.
    Server,
    /// Somebody who has not said who he is.
    Nobody,
    /// Somebody whose token says nothing.
    Stranger,
    /// A user.
    User {
        /// Who may have been deleted meanwhile.
        name: Arc<str>,
        /// Of the rules under which he was recognised.
        revision: u64,
    },
}

impl Caller {
    /// The name that requests about oneself are compared with.
    pub fn name(&self) -> &str {
        match self {
            Self::User { name, .. } => name,
            _ => "",
        }
    }
}

/// What came with a call, to say who calls.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The token of a login; it wins.
    pub token: Option<Arc<str>>,
    /// The name in a certificate that was verified.
    pub certified: Option<Arc<str>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown.field("has_token", &self.token.is_some());
        shown.field("certified", &self.certified).finish()
    }
}

/// How callers are recognised.
#[derive(Debug, Clone)]
pub struct Options {
    /// What they get when they log in.
    pub tokens: TokenOptions,
    /// Doublings of the work that a hash of a password takes.
    pub bcrypt_cost: u32,
}

impl Default for Options {
    /// etcd's defaults.
    fn default() -> Self {
        Self {
            tokens: TokenOptions::default(),
            bcrypt_cost: password::COST,
        }
    }
}
