//! A connection to an etcd server, ours or another, with the clients of its services.

use super::endpoint::{ClientArgs, Endpoint};
use crate::pb::etcdserverpb::{
    AuthenticateRequest, auth_client::AuthClient, cluster_client::ClusterClient,
    kv_client::KvClient, lease_client::LeaseClient, maintenance_client::MaintenanceClient,
    watch_client::WatchClient,
};
use anyhow::{Context, Result};
use std::time::Duration;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

/// The longest message gRPC's frame can hold: how large an answer may be is for the server to say.
pub const MESSAGE_LIMIT_BYTES: usize = i32::MAX as usize;

/// A channel that puts the login token on every request.
pub type Transport = InterceptedService<Channel, Token>;

/// The token of a login; empty when nobody logged in.
#[derive(Debug, Clone, Default)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("token", token.clone());
        }
        Ok(request)
    }
}

/// No endpoint could be reached.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(String);

impl ConnectError {
    /// With the sentence that names the endpoints and says what to check.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// The clients of one connection to one server. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    /// Keys and values.
    pub kv: KvClient<Transport>,
    /// Watches.
    pub watch: WatchClient<Transport>,
    /// Leases.
    pub lease: LeaseClient<Transport>,
    /// Status, alarms, defragmentation.
    pub maintenance: MaintenanceClient<Transport>,
    /// Members.
    pub cluster: ClusterClient<Transport>,
    url: String,
    command_timeout: Duration,
}

impl Client {
    /// Connects to the first endpoint that answers, and logs in if `--user` is given.
    pub async fn connect(args: &ClientArgs) -> Result<Self> {
        Dialer::new(args)?.connect().await
    }

    /// The address this connection goes to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request bounded by `--command-timeout`. Streams and long waits are sent without it.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.command_timeout);
        request
    }
}

/// Opens connections as the flags say; asks for the password once.
#[derive(Debug)]
pub struct Dialer {
    endpoints: Vec<Endpoint>,
    credentials: Option<(String, String)>,
    dial_timeout: Duration,
    command_timeout: Duration,
}

impl Dialer {
    /// Checks the flags. Nothing is sent yet.
    pub fn new(args: &ClientArgs) -> Result<Self> {
        Ok(Self {
            endpoints: args.endpoints()?,
            credentials: args.credentials()?,
            dial_timeout: args.dial_timeout,
            command_timeout: args.command_timeout,
        })
    }

    /// The endpoints, in the order they are tried.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Connects to the first endpoint that answers.
    pub async fn connect(&self) -> Result<Client> {
        let mut refusals = Vec::new();
        for endpoint in &self.endpoints {
            match self.connect_to(endpoint).await {
                Err(error) if error.is::<ConnectError>() => refusals.push(error.to_string()),
                other => return other,
            }
        }
        Err(ConnectError(refusals.join("; ")).into())
    }

    /// Connects to one endpoint, with a connection of its own, and logs in.
    pub async fn connect_to(&self, endpoint: &Endpoint) -> Result<Client> {
        let channel = self.in_time(endpoint, endpoint.connect()).await?;
        let token = self.log_in(channel.clone(), endpoint).await?;
        Ok(self.client(channel, token, endpoint))
    }

    /// Opens `count` separate connections, spread evenly over `endpoints`, under one login.
    pub async fn connect_many(&self, endpoints: &[Endpoint], count: usize) -> Result<Vec<Client>> {
        let mut clients = Vec::with_capacity(count);
        let mut token = None;
        for endpoint in endpoints.iter().cycle().take(count) {
            let channel = self.in_time(endpoint, endpoint.connect()).await?;
            if token.is_none() {
                token = Some(self.log_in(channel.clone(), endpoint).await?);
            }
            clients.push(self.client(channel, token.clone().unwrap_or_default(), endpoint));
        }
        Ok(clients)
    }

    /// Logs in, if `--user` is given, for connections that are opened by other means.
    pub async fn token(&self, endpoint: &Endpoint) -> Result<Token> {
        match self.credentials {
            Some(_) => {
                let channel = self.in_time(endpoint, endpoint.connect()).await?;
                self.log_in(channel, endpoint).await
            }
            None => Ok(Token::default()),
        }
    }

    /// Waits until a connection to `endpoint` is `opened`, as long as `--dial-timeout` allows. The error of
    /// opening is a cause in words.
    pub async fn in_time<C>(
        &self,
        endpoint: &Endpoint,
        opened: impl Future<Output = Result<C, String>>,
    ) -> Result<C> {
        let url = endpoint.url();
        match tokio::time::timeout(self.dial_timeout, opened).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(cause)) => Err(ConnectError(refusal(url, &cause)).into()),
            Err(_) => Err(ConnectError(format!(
                "{url} does not answer within {}: check the address and the network",
                humantime::format_duration(self.dial_timeout)
            ))
            .into()),
        }
    }

    async fn log_in(&self, channel: Channel, endpoint: &Endpoint) -> Result<Token> {
        let Some((name, password)) = &self.credentials else {
            return Ok(Token::default());
        };
        let mut request = Request::new(AuthenticateRequest {
            name: name.clone(),
            password: password.clone(),
        });
        request.set_timeout(self.command_timeout);
        let answer = AuthClient::new(channel)
            .authenticate(request)
            .await
            .with_context(|| format!("cannot log in as {name} at {}", endpoint.url()))?;
        let token = answer.into_inner().token;
        let token = token
            .parse()
            .context("the server sent a token that is no text")?;
        Ok(Token(Some(token)))
    }

    fn client(&self, channel: Channel, token: Token, endpoint: &Endpoint) -> Client {
        let channel = InterceptedService::new(channel, token);
        Client {
            kv: KvClient::new(channel.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
            watch: WatchClient::new(channel.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
            lease: LeaseClient::new(channel.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
            maintenance: MaintenanceClient::new(channel.clone()),
            cluster: ClusterClient::new(channel),
            url: endpoint.url().to_owned(),
            command_timeout: self.command_timeout,
        }
    }
}

/// Says what to check, by what the system said.
fn refusal(url: &str, cause: &str) -> String {
    let check = if cause.contains("refused") {
        "check that a server listens there"
    } else if cause.contains("dns") || cause.contains("lookup") {
        "check the host name"
    } else if cause.to_lowercase().contains("certificate") {
        "check --cacert, --cert and --key"
    } else if url.starts_with("https") {
        "check that the server speaks TLS there"
    } else {
        "check the address and that a server listens there"
    };
    format!("cannot reach {url} ({cause}): {check}")
}
