//! Where to connect and as whom: the connection flags, and the transport they stand for.

use super::{duration, exit::UsageError};
use crate::api::tls::{Encryption, Identity, Trust, system_authorities};
use anyhow::{Context, Result};
use clap::Args;
use hyper_util::rt::TokioIo;
use std::{
    error::Error,
    fmt, fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tonic::codegen::http::uri::Scheme;
use tonic::transport::{Channel, Endpoint as Transport, Uri};

/// A page of large values must not stall on HTTP/2's default window of 64 KiB.
pub(super) const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// The same of all streams of a connection.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// The connection flags every client verb takes, named as etcdctl names them.
///
/// Flatten it last: its help heading holds for all flags after it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT
    #[arg(
        long,
        env = "KVTOOL_ENDPOINTS",
        hide_env_values = true,
        value_name = "URL,...",
        value_delimiter = ',',
        default_value = "127.0.0.1:2379"
    )]
    pub endpoints: Vec<String>,
    /// File with the certificates that may sign the server's (default: the system's)
    #[arg(
        long,
        env = "KVTOOL_CACERT",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub cacert: Option<PathBuf>,
    /// File with the client's own certificate
    #[arg(
        long,
        env = "KVTOOL_CERT",
        hide_env_values = true,
        value_name = "FILE",
        requires = "key"
    )]
    pub cert: Option<PathBuf>,
    /// File with the private key of --cert
    #[arg(
        long,
        env = "KVTOOL_KEY",
        hide_env_values = true,
        value_name = "FILE",
        requires = "cert"
    )]
    pub key: Option<PathBuf>,
    /// Take any certificate of the server: the connection is encrypted, but to whom is not known
    #[arg(long, env = "KVTOOL_INSECURE_SKIP_TLS_VERIFY", hide_env_values = true)]
    pub insecure_skip_tls_verify: bool,
    /// User to log in as; the password is asked for if it is given nowhere
    #[arg(
        long,
        env = "KVTOOL_USER",
        hide_env_values = true,
        value_name = "NAME[:PASSWORD]"
    )]
    pub user: Option<String>,
    /// Password of --user
    #[arg(
        long,
        env = "KVTOOL_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub password: Option<String>,
    /// Longest wait for one connection
    #[arg(
        long,
        env = "KVTOOL_DIAL_TIMEOUT",
        hide_env_values = true,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration::parse
    )]
    pub dial_timeout: Duration,
    /// Longest wait for the answer to one short request
    #[arg(
        long,
        env = "KVTOOL_COMMAND_TIMEOUT",
        hide_env_values = true,
        value_name = "DURATION",
        default_value = "5s",
        value_parser = duration::parse
    )]
    pub command_timeout: Duration,
    /// Pause between keep-alive pings on a connection
    #[arg(
        long,
        env = "KVTOOL_KEEPALIVE_TIME",
        hide_env_values = true,
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration::parse
    )]
    pub keepalive_time: Duration,
    /// Longest wait for the answer to a keep-alive ping
    #[arg(
        long,
        env = "KVTOOL_KEEPALIVE_TIMEOUT",
        hide_env_values = true,
        value_name = "DURATION",
        default_value = "6s",
        value_parser = duration::parse
    )]
    pub keepalive_timeout: Duration,
}

impl ClientArgs {
    /// The endpoints in the order given; fails with a usage error on an address or a file that is no good.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let endpoints: Vec<&str> = self
            .endpoints
            .iter()
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
            .collect();
        if endpoints.is_empty() {
            return Err(UsageError::new("--endpoints names no server").into());
        }
        endpoints.iter().map(|text| self.endpoint(text)).collect()
    }

    /// The user name and password, asked for on the terminal if there is one. `None` without `--user`.
    pub fn credentials(&self) -> Result<Option<(String, String)>> {
        let Some(user) = &self.user else {
            return Ok(None);
        };
        if let Some(password) = &self.password {
            return Ok(Some((user.clone(), password.clone())));
        }
        if let Some((name, password)) = user.split_once(':') {
            return Ok(Some((name.to_owned(), password.to_owned())));
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(UsageError::new(format!(
                "no password for user {user}: give --password, --user {user}:PASSWORD or KVTOOL_PASSWORD, \
                 there is no terminal to ask on"
            ))
            .into());
        }
        let terminal = console::Term::stderr();
        terminal.write_str(&format!("Password of {user}: "))?;
        let password = terminal
            .read_secure_line()
            .context("cannot read the password")?;
        Ok(Some((user.clone(), password)))
    }

    fn endpoint(&self, text: &str) -> Result<Endpoint> {
        let url = self.url(text)?;
        let uri: Uri = url
            .parse()
            .ok()
            .filter(|uri: &Uri| uri.port_u16().is_some() && uri.path() == "/")
            .ok_or_else(|| {
                UsageError::new(format!(
                    "{text} is no endpoint: write http://HOST:PORT, https://HOST:PORT or HOST:PORT"
                ))
            })?;
        let encryption = match uri.scheme_str() {
            Some("https") => Some(self.encryption()?),
            _ => None,
        };
        // The transport gets streams that are encrypted already: to it they are plain ones.
        let transport = Transport::from(plain(uri.clone())?)
            .origin(uri.clone())
            .http2_keep_alive_interval(self.keepalive_time)
            .keep_alive_timeout(self.keepalive_timeout)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        Ok(Endpoint {
            url,
            uri,
            transport,
            encryption,
        })
    }

    fn encryption(&self) -> Result<Encryption> {
        let roots = match &self.cacert {
            _ if self.insecure_skip_tls_verify => None,
            Some(file) => Some(read("--cacert", file)?),
            None => Some(system_bundle()?),
        };
        let trust = roots.map_or(Trust::Anyone, Trust::Authorities);
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(Identity {
                certificate: read("--cert", cert)?,
                key: read("--key", key)?,
            }),
            _ => None,
        };
        Ok(Encryption::new(trust, identity).map_err(|error| UsageError::new(chain(&error)))?)
    }

    fn url(&self, text: &str) -> Result<String> {
        match text.split_once("://") {
            Some(("http" | "https", _)) => Ok(text.trim_end_matches('/').to_owned()),
            Some((scheme, _)) => Err(UsageError::new(format!(
                "{text}: the scheme {scheme} is not supported, write http:// or https://"
            ))
            .into()),
            None => {
                let tls = self.cacert.is_some() || self.cert.is_some();
                Ok(format!("{}://{text}", if tls { "https" } else { "http" }))
            }
        }
    }
}

/// The same address without TLS.
fn plain(uri: Uri) -> Result<Uri> {
    let mut parts = uri.into_parts();
    parts.scheme = Some(Scheme::HTTP);
    Ok(Uri::from_parts(parts)?)
}

fn system_bundle() -> Result<Vec<u8>> {
    match system_authorities() {
        Some(file) => read("the system's certificates", &file),
        None => Err(UsageError::new(
            "https needs certificates to trust: give --cacert, the system's were not found",
        )
        .into()),
    }
}

fn read(what: &str, file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| {
        UsageError::new(format!("{what}: cannot read {}: {error}", file.display())).into()
    })
}

/// An error with its causes in one line, without the repetitions that wrapping produces.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// One server and how to reach it.
#[derive(Clone)]
pub struct Endpoint {
    url: String,
    uri: Uri,
    transport: Transport,
    /// How to encrypt, where the address says so.
    encryption: Option<Encryption>,
}

/// A connection's bytes, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Endpoint {
    /// Connects. The error is the cause in words.
    pub(super) async fn connect(&self) -> Result<Channel, String> {
        let endpoint = self.clone();
        let connector = tower::service_fn(move |_| {
            let endpoint = endpoint.clone();
            async move { endpoint.stream().await.map(TokioIo::new) }
        });
        let opened = self.transport.connect_with_connector(connector).await;
        // The outermost error only says that the transport failed.
        opened.map_err(|error| error.source().map_or_else(|| chain(&error), chain))
    }

    /// Opens a connection for something else than tonic's transport to speak HTTP/2 on.
    pub(super) async fn stream(&self) -> io::Result<Box<dyn Stream>> {
        let host = self.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.uri.port_u16().unwrap_or_default();
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.encryption {
            Some(encryption) => Box::new(encryption.wrap(host, stream).await?),
            None => Box::new(stream),
        })
    }

    /// The address with its scheme.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same, taken apart.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        client: ClientArgs,
    }

    fn args(flags: &[&str]) -> ClientArgs {
        Flags::parse_from([&["test"], flags].concat()).client
    }

    fn urls(list: &str) -> Vec<String> {
        let endpoints = args(&["--endpoints", list]).endpoints().unwrap();
        endpoints.iter().map(|e| e.url().to_owned()).collect()
    }

    #[test]
    fn endpoints_take_every_spelling() {
        assert_eq!(
            urls("127.0.0.1:2379, http://[::1]:1/ ,db.example:4"),
            [
                "http://127.0.0.1:2379",
                "http://[::1]:1",
                "http://db.example:4"
            ]
        );
    }

    #[test]
    fn bad_endpoints_are_usage_errors_that_name_the_text() {
        for bad in [
            "ftp://a:1",
            "localhost",
            "http://a:1/path",
            ":::",
            "a:99999",
        ] {
            let error = args(&["--endpoints", bad]).endpoints().unwrap_err();
            assert!(error.is::<UsageError>(), "{bad}");
            assert!(error.to_string().contains(bad), "{bad}: {error}");
        }
        assert!(args(&["--endpoints", ","]).endpoints().is_err());
    }

    #[test]
    fn a_certificate_flag_makes_bare_addresses_tls() {
        let error = args(&["--endpoints", "a:1", "--cacert", "/no/such/file"])
            .endpoints()
            .unwrap_err();
        assert!(error.is::<UsageError>());
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }

    #[test]
    fn the_password_flag_wins_and_colons_belong_to_the_password() {
        let credentials = |flags: &[&str]| args(flags).credentials().unwrap().unwrap();
        assert_eq!(
            credentials(&["--user", "a:b:c"]),
            ("a".into(), "b:c".into())
        );
        assert_eq!(
            credentials(&["--user", "a:b", "--password", "x"]),
            ("a:b".into(), "x".into())
        );
        assert!(args(&[]).credentials().unwrap().is_none());
    }
}
