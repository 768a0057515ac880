//! Which pages and which names of this server are let in, as etcd's flags `--cors` and
//! `--host-whitelist` say. Both are of no use but against browsers.

use std::collections::BTreeSet;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, header};

/// What etcd lets pages do.
const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("accept, content-type, authorization");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Who may use what is served over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The origins of pages that may read answers.
    pub origins: Allowed,
    /// The hosts that requests may name, where they are not encrypted.
    pub hosts: Allowed,
}

/// All, or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// All.
    Any,
    /// Some, or none.
    Only(BTreeSet<String>),
}

impl Default for Access {
    /// No page, and every host.
    fn default() -> Self {
        Self {
            origins: Allowed::Only(BTreeSet::new()),
            hosts: Allowed::Any,
        }
    }
}

impl Allowed {
    fn allows(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

impl Access {
    /// Whether a request names a host that is known.
    pub(super) fn knows_host(&self, request: &Request<Body>) -> bool {
        self.hosts.allows(host(request))
    }

    /// What is to be said of the origin of a page; `None` where it is not let in.
    pub(super) fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.origins == Allowed::Any {
            return Some(ANY);
        }
        let origin = headers.get(header::ORIGIN)?;
        let allowed = self.origins.allows(origin.to_str().ok()?);
        allowed.then(|| origin.clone())
    }
}

/// The host that a request names, without a port.
pub(super) fn host(request: &Request<Body>) -> &str {
    let named = request.headers().get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok());
    let authority = || {
        request
            .uri()
            .authority()
            .map(|authority| authority.as_str())
    };
    let host = named.or_else(authority).unwrap_or_default();
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host.trim_matches(['[', ']']),
        _ => host,
    }
}

/// Lets the pages of an origin read an answer.
pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    if origin != ANY {
        headers.append(header::VARY, header::ORIGIN.into());
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn only(name: &str) -> Allowed {
        Allowed::Only([name.to_owned()].into())
    }

    #[test]
    fn a_host_is_known_by_its_name_whatever_the_port() {
        let request = |host: &str| {
            let request = Request::builder().uri("/").header(header::HOST, host);
            request.body(Body::empty()).unwrap()
        };
        let access = |hosts| Access {
            hosts,
            ..Access::default()
        };
        for (host, known) in [
            ("good", true),
            ("good:2379", true),
            ("bad:2379", false),
            ("good.bad", false),
            ("good:x", false),
            ("", false),
        ] {
            assert_eq!(access(only("good")).knows_host(&request(host)), known);
            assert!(access(Allowed::Any).knows_host(&request(host)));
        }
        assert!(access(only("::1")).knows_host(&request("[::1]:2379")));
        assert!(!access(only("good")).knows_host(&Request::new(Body::empty())));
    }

    #[test]
    fn an_origin_is_let_in_by_its_whole_name() {
        let asked = |access: &Access, origin: &'static str| {
            let headers = [(header::ORIGIN, HeaderValue::from_static(origin))];
            access.allowed_origin(&headers.into_iter().collect())
        };
        let one = Access {
            origins: only("http://a:1"),
            ..Access::default()
        };
        let found = asked(&one, "http://a:1").unwrap();
        assert_eq!(found, "http://a:1");
        assert_eq!(asked(&one, "http://a:12"), None);
        assert_eq!(one.allowed_origin(&HeaderMap::new()), None);
        assert_eq!(asked(&Access::default(), "http://a:1"), None);
        let any = Access {
            origins: Allowed::Any,
            ..Access::default()
        };
        assert_eq!(any.allowed_origin(&HeaderMap::new()).unwrap(), "*");
        // What depends on who asks must not be kept for others.
        for (origin, varies) in [(found, true), (ANY, false)] {
            let mut headers = HeaderMap::new();
            allow(&mut headers, origin);
            assert_eq!(headers.contains_key(header::VARY), varies);
        }
    }
}
