//! What users get when they log in, as etcd's flag has it.

use super::{at_least_one, duration};
use crate::mvcc::auth::{Jwt, TokenOptions};
use std::sync::Arc;
use std::time::Duration;

/// How long a JSON web token lives if nobody says: etcd's default.
const JWT_TTL: Duration = Duration::from_secs(300);

/// Reads `simple`, whose time to live stands elsewhere, or `jwt,OPTION=VALUE,...`.
pub(super) fn tokens(text: &str, simple_ttl: &str) -> Result<TokenOptions, String> {
    let mut parts = text.split(',');
    match parts.next() {
        Some("simple") => {
            let seconds = at_least_one(simple_ttl)?;
            Ok(TokenOptions::Simple(Duration::from_secs(seconds)))
        }
        Some("jwt") => jwt(parts),
        _ => Err("tokens are simple or jwt".to_owned()),
    }
}

fn jwt<'a>(parts: impl Iterator<Item = &'a str>) -> Result<TokenOptions, String> {
    let (mut method, mut private, mut public, mut ttl) = (None, None, None, JWT_TTL);
    let read = |path: &str| {
        let read = std::fs::read(path);
        read.map_err(|error| format!("cannot read {path}: {error}"))
    };
    for part in parts {
        match part.split_once('=') {
            Some(("sign-method", name)) => method = Some(name),
            Some(("priv-key", path)) => private = Some(read(path)?),
            Some(("pub-key", path)) => public = Some(read(path)?),
            Some(("ttl", text)) => ttl = duration::parse(text)?,
            _ => {
                return Err(format!(
                    "{part}: write sign-method=, priv-key=, pub-key= or ttl= with a value"
                ));
            }
        }
    }
    let method = method.ok_or("say how tokens are signed: sign-method=RS256")?;
    let jwt = Jwt::new(method, private.as_deref(), public.as_deref(), ttl);
    let jwt = jwt.map_err(|error| error.to_string())?;
    Ok(TokenOptions::Jwt(Arc::new(jwt)))
}
