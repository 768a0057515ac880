//! Whether a certificate is shown from where it is for, as etcd looks at members'.

use super::Shown;
use std::net::IpAddr;
use tokio::net::lookup_host;
use tokio::task::spawn_blocking;

/// Whether a caller at this address may show a certificate: if it names addresses or hosts, one
/// of them must be his.
pub(super) async fn is_at_home(shown: &Shown, address: IpAddr) -> bool {
    let Shown {
        addresses,
        dns_names,
        ..
    } = shown;
    let address = address.to_canonical();
    let names_none = addresses.is_empty() && dns_names.is_empty();
    names_none
        || addresses.contains(&address)
        || is_called(address, dns_names).await
        || leads_to(dns_names, address).await
}

/// What is said of a caller who is not at home, in Go's words.
pub(super) fn refusal(shown: &Shown, address: IpAddr) -> String {
    let address = address.to_canonical();
    if shown.dns_names.is_empty() {
        let named: Vec<_> = shown.addresses.iter().map(IpAddr::to_string).collect();
        return format!(
            "x509: certificate is valid for {}, not {address}",
            named.join(", ")
        );
    }
    let names: Vec<_> = shown.dns_names.iter().map(|it| format!("{it:?}")).collect();
    format!(
        "tls: \"{address}\" does not match any of DNSNames [{}]",
        names.join(" ")
    )
}

/// Whether the name of an address is among these.
async fn is_called(address: IpAddr, names: &[String]) -> bool {
    if names.is_empty() {
        return false;
    }
    let found = spawn_blocking(move || dns_lookup::lookup_addr(&address)).await;
    let Ok(Ok(found)) = found else {
        return false;
    };
    let found = found.trim_end_matches('.');
    names.iter().any(|name| covers(name, found))
}

/// Whether one of these names has the address.
async fn leads_to(names: &[String], address: IpAddr) -> bool {
    for name in names.iter().filter(|name| !name.starts_with("*.")) {
        if let Ok(mut found) = lookup_host((name.as_str(), 0)).await
            && found.any(|found| found.ip().to_canonical() == address)
        {
            return true;
        }
    }
    false
}

fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix('*') {
        Some(domain) if domain.starts_with('.') => host.ends_with(domain),
        _ => name == host,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_names_a_home_must_be_there() {
        let shown = |addresses: &[&str], names: &[&str]| Shown {
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            dns_names: names.iter().map(|&it| it.to_owned()).collect(),
            ..Shown::default()
        };
        for (addresses, names, at, is_home) in [
            (&[][..], &[][..], "192.0.2.1", true),
            (&["192.0.2.1"], &[], "192.0.2.1", true),
            (&["192.0.2.1"], &[], "::ffff:192.0.2.1", true),
            (&["192.0.2.2", "::1"], &[], "192.0.2.1", false),
            (&["192.0.2.2"], &["localhost"], "127.0.0.1", true),
            (&[], &["localhost"], "127.0.0.1", true),
            (&[], &["localhost"], "192.0.2.1", false),
            (&[], &["*.invalid"], "127.0.0.1", false),
        ] {
            let found = is_at_home(&shown(addresses, names), at.parse().unwrap()).await;
            assert_eq!(found, is_home, "{addresses:?} {names:?} {at}");
        }
    }

    #[test]
    fn a_refusal_names_what_the_certificate_is_for() {
        let mut shown = Shown {
            addresses: vec!["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()],
            ..Shown::default()
        };
        let at = "192.0.2.2".parse().unwrap();
        assert_eq!(
            refusal(&shown, at),
            "x509: certificate is valid for 192.0.2.1, ::1, not 192.0.2.2"
        );
        shown.dns_names = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            refusal(&shown, at),
            "tls: \"192.0.2.2\" does not match any of DNSNames [\"a\" \"b\"]"
        );
    }

    #[test]
    fn a_star_covers_all_below_its_domain() {
        assert!(covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "badexample.com"));
        assert!(covers("a", "a"));
        assert!(!covers("a", "b"));
    }
}
