//! The certificates of listeners, and what is asked of those who connect.
//!
//! Settings of peers have the prefix `peer-`, those of clients have none.

use super::layers::{Layers, Setting};
use super::{at_least_one, parse, values};
use crate::api::listener::Place;
use crate::api::tls::{self, Side};
use crate::cli::exit::UsageError;
use crate::store::local::CERTIFICATES;
use std::path::PathBuf;

/// etcd's words.
const NO_METRICS_CERTIFICATE: &str =
    "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url";

/// The certificates for the URLs of the setting `encrypted`, if one has such URLs.
pub(super) fn tls_files(
    layers: &Layers,
    side: Side,
    encrypted: Option<&Setting>,
) -> Result<Option<tls::Options>, UsageError> {
    let prefix = match side {
        Side::Client => "",
        Side::Peer => "peer-",
    };
    let setting = |key: &str| layers.get(&format!("{prefix}{key}"));
    let given = |key| Some(setting(key)).filter(|setting| !setting.text.is_empty());
    let certificate = given("cert-file");
    let key = given("key-file");
    let authorities = given("trusted-ca-file");
    let require_certificate = setting("client-cert-auth");
    let wanted = parse(require_certificate, str::parse::<bool>)?;
    if wanted && authorities.is_none() {
        return Err(require_certificate.refuse(format!(
            "name the authorities whose clients are accepted with --{prefix}trusted-ca-file"
        )));
    }
    let self_signed = encrypted.map(|_| self_signed(layers, side, prefix));
    if let Some(made) = self_signed.transpose()?.flatten() {
        return Ok(Some(made));
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) if encrypted.is_some() => Ok(Some(tls::Options {
            side,
            certificate: certificate.text.clone().into(),
            key: key.text.clone().into(),
            authorities: authorities.map(|setting| setting.text.clone().into()),
            names_users: wanted,
            ..strictness(layers, prefix, authorities.is_some())?
        })),
        (Some(one), None) => Err(one.refuse(format!(
            "a certificate needs its key: add --{prefix}key-file"
        ))),
        (None, Some(one)) => Err(one.refuse(format!(
            "a key needs its certificate: add --{prefix}cert-file"
        ))),
        (None, None) if let Some(urls) = encrypted => Err(urls.refuse(match urls.key {
            "listen-metrics-urls" => NO_METRICS_CERTIFICATE.to_owned(),
            _ => format!("https needs --{prefix}cert-file and --{prefix}key-file"),
        })),
        _ => match certificate.or(authorities) {
            Some(setting) => Err(setting.refuse(format!(
                "no URL of --listen-{side}-urls is https, so nothing would be encrypted: \
                     write https:// there, or leave this out"
            ))),
            None => Ok(None),
        },
    }
}

/// What is asked of callers beside a certificate, and what is spoken with them.
fn strictness(
    layers: &Layers,
    prefix: &str,
    shows_certificate: bool,
) -> Result<tls::Options, UsageError> {
    let side = if prefix.is_empty() { "client-" } else { prefix };
    let list = |key: &str| -> Result<Vec<String>, UsageError> {
        let setting = layers.get(key);
        if !setting.text.is_empty() && !shows_certificate {
            return Err(setting.refuse(format!(
                "nobody shows a certificate: add --{prefix}trusted-ca-file"
            )));
        }
        let names = setting.text.split(',').filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    };
    let revoked = list(&format!("{side}crl-file"))?.join(",");
    let mut options = tls::Options {
        revoked: Some(revoked)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        allowed_hosts: list(&format!("{side}cert-allowed-hostname"))?,
        ciphers: ciphers(layers)?,
        ..tls::Options::default()
    };
    if !prefix.is_empty() {
        options.allowed_names = list(&format!("{side}cert-allowed-cn"))?;
        let skip = layers.get(&format!("{prefix}skip-client-san-verification"));
        options.is_for_caller = !parse(skip, str::parse::<bool>)?;
    }
    Ok(options)
}

fn ciphers(layers: &Layers) -> Result<tls::Ciphers, UsageError> {
    let ciphers = tls::Ciphers::default();
    let ciphers = parse(layers.get("tls-min-version"), |it| ciphers.at_least(it))?;
    let ciphers = parse(layers.get("tls-max-version"), |it| ciphers.at_most(it))?;
    parse(layers.get("cipher-suites"), |it| ciphers.only(it))
}

/// The certificate that a server makes for itself, if it is to.
fn self_signed(
    layers: &Layers,
    side: Side,
    prefix: &str,
) -> Result<Option<tls::Options>, UsageError> {
    let setting = layers.get(&format!("{prefix}auto-tls"));
    if !parse(setting, str::parse::<bool>)? {
        return Ok(None);
    }
    if ["fdb", "memory"].contains(&layers.get("store").text.as_str()) {
        return Err(
            setting.refuse("the certificate is kept in the data directory, and there is none")
        );
    }
    if !layers.get(&format!("{prefix}cert-file")).text.is_empty() {
        return Err(setting.refuse(format!(
            "--{prefix}cert-file names a certificate: leave one of them out"
        )));
    }
    let urls = match side {
        Side::Client => &CLIENT_URLS[..],
        Side::Peer => &PEER_URLS[..],
    };
    let mut hosts = Vec::new();
    for url in urls
        .iter()
        .flat_map(|key| values::urls(&layers.get(key).text).unwrap_or_default())
    {
        if let Place::Tcp { host, .. } = url.place
            && !hosts.contains(&host)
        {
            hosts.push(host);
        }
    }
    let directory = PathBuf::from(&layers.get("data-dir").text);
    let directory = directory.join(CERTIFICATES).join(side.to_string());
    let years = parse(layers.get("self-signed-cert-validity"), at_least_one)?;
    Ok(Some(tls::Options {
        side,
        certificate: directory.join("cert.pem"),
        key: directory.join("key.pem"),
        self_signed: Some((hosts, years)),
        ciphers: ciphers(layers)?,
        ..tls::Options::default()
    }))
}

/// For whose hosts such a certificate is made: to clients, and to other members.
const CLIENT_URLS: [&str; 3] = [
    "listen-client-urls",
    "listen-metrics-urls",
    "advertise-client-urls",
];

const PEER_URLS: [&str; 2] = ["listen-peer-urls", "initial-advertise-peer-urls"];
