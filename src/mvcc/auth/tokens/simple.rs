//! Tokens that only the servers of an instance can make, and all of them can read.
//!
//! A token holds the user's name and when it was made, signed with the secret of the instance and the
//! hash of the user's password. So nothing is stored for it; it is worth nothing once the password
//! is another, the user is gone, or authentication was turned off meanwhile. When it was used last,
//! each server knows for itself, as in etcd.

use super::Name;
use crate::mvcc::auth::Rules;
use crate::mvcc::clock::now_ms;
use crate::mvcc::keyspace::AuthState;
use crate::pb::authpb::User;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use ring::hmac;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Tokens whose last use is remembered. Further ones end when they are as old as that.
const REMEMBERED_MAX: usize = 64 * 1024;
const TIME_BYTES: usize = 8;
/// Of what tells apart two tokens of one moment.
const NONCE_BYTES: usize = 8;

/// Makes and reads them.
#[derive(Debug)]
pub struct Simple {
    ttl_ms: i64,
    used: RwLock<HashMap<String, Used>>,
}

struct Used {
    user: Name,
    /// The rules by which it was read.
    state: AuthState,
    last_ms: AtomicI64,
}

impl std::fmt::Debug for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Used").finish_non_exhaustive()
    }
}

impl Simple {
    /// Of tokens that live so long after their last use.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            used: RwLock::default(),
        }
    }

    /// A token for a user.
    pub fn assign(&self, user: &str, rules: &Rules) -> String {
        let nonce = rand::random::<[u8; NONCE_BYTES]>();
        let body = [&now_ms().to_be_bytes()[..], &nonce, user.as_bytes()].concat();
        let password = rules.users.get(user).map(|user| user.password.clone());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rules.secret);
        let signature = hmac::sign(&key, &signed(&body, &password.unwrap_or_default()));
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}", encode(&body), encode(signature.as_ref()))
    }

    /// Whose a token is, if it is good; it has then been used.
    pub fn user(&self, token: &str, rules: &Rules) -> Option<Name> {
        let now_ms = now_ms();
        let mut last_ms = i64::MIN;
        if let Some(used) = self.used.read().get(token) {
            last_ms = used.last_ms.load(Ordering::Relaxed);
            if used.state == rules.state && now_ms.saturating_sub(last_ms) < self.ttl_ms {
                used.last_ms.fetch_max(now_ms, Ordering::Relaxed);
                return Some(used.user.clone());
            }
        }
        let (user, made_ms) = read(token, rules)?;
        if now_ms.saturating_sub(made_ms.max(last_ms)) >= self.ttl_ms {
            return None;
        }
        let user = Name::from(user);
        self.remember(token, rules.state, &user, now_ms);
        Some(user)
    }

    fn remember(&self, token: &str, state: AuthState, user: &Name, now_ms: i64) {
        let mut used = self.used.write();
        if used.len() >= REMEMBERED_MAX {
            let lives = |used: &Used| now_ms - used.last_ms.load(Ordering::Relaxed) < self.ttl_ms;
            used.retain(|_, used| lives(used));
        }
        if used.len() < REMEMBERED_MAX || used.contains_key(token) {
            let now = Used {
                user: user.clone(),
                state,
                last_ms: now_ms.into(),
            };
            used.insert(token.to_owned(), now);
        }
    }
}

/// What is signed: the length keeps a name and a hash apart.
fn signed(body: &[u8], password: &[u8]) -> Vec<u8> {
    [&body.len().to_be_bytes(), body, password].concat()
}

/// The user a token names and when it was made, if its signature is right.
fn read(token: &str, rules: &Rules) -> Option<(String, i64)> {
    let (body, signature) = token.split_once('.')?;
    let body = URL_SAFE_NO_PAD.decode(body).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let (time, rest) = body.split_first_chunk::<TIME_BYTES>()?;
    let user = std::str::from_utf8(rest.get(NONCE_BYTES..)?).ok()?;
    let User { password, .. } = &**rules.users.get(user)?;
    let secret = Some(&rules.secret).filter(|secret| !secret.is_empty())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, &signed(&body, password), &signature).ok()?;
    Some((user.to_owned(), i64::from_be_bytes(*time)))
}
