//! Clients of one server, over one connection.

use kvtool::pb::etcdserverpb::auth_client::AuthClient;
use kvtool::pb::etcdserverpb::cluster_client::ClusterClient;
use kvtool::pb::etcdserverpb::kv_client::KvClient;
use kvtool::pb::etcdserverpb::lease_client::LeaseClient;
use kvtool::pb::etcdserverpb::maintenance_client::MaintenanceClient;
use kvtool::pb::etcdserverpb::watch_client::WatchClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

/// Largest answer a test takes, in bytes.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// What a server of this machine answers to a plain `GET`, head and body; nothing, when it does
/// not speak HTTP/1.
pub async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("localhost", port))
        .await
        .expect("a listener");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // Cut off, there is nothing more to read.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Every service of one server.
#[derive(Clone)]
pub struct Client {
    pub kv: KvClient<Channel>,
    pub watch: WatchClient<Channel>,
    pub lease: LeaseClient<Channel>,
    pub maintenance: MaintenanceClient<Channel>,
    pub cluster: ClusterClient<Channel>,
    pub auth: AuthClient<Channel>,
}

impl Client {
    /// Connects to a server.
    pub async fn connect(endpoint: &str) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned())?.tcp_nodelay(true);
        Ok(Self::over(endpoint.connect().await?))
    }

    /// The services behind a connection.
    pub fn over(channel: Channel) -> Self {
        Self {
            kv: KvClient::new(channel.clone())
                .max_decoding_message_size(ANSWER_BYTES)
                .max_encoding_message_size(ANSWER_BYTES),
            watch: WatchClient::new(channel.clone()).max_decoding_message_size(ANSWER_BYTES),
            lease: LeaseClient::new(channel.clone()).max_decoding_message_size(ANSWER_BYTES),
            maintenance: MaintenanceClient::new(channel.clone()),
            cluster: ClusterClient::new(channel.clone()),
            auth: AuthClient::new(channel),
        }
    }
}
