//! JSON over HTTP/1, as clients of the gateway speak it.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long an answer, or a line of one, may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection that makes one request.
pub struct Http(BufReader<Box<dyn Io>>);

impl Http {
    /// Connects to a port of this machine.
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.expect("a listener");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(Box::new(stream)))
    }

    /// The same with TLS; `trusted` signed the server's certificate, and `shown` is shown to it.
    pub async fn connect_tls(
        port: u16,
        trusted: &str,
        shown: Option<&(String, String)>,
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(trusted.as_bytes()).expect("a certificate");
        roots.add(root).expect("an authority");
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
        let config = config
            .expect("versions of ring's")
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                let chain = vec![certificate.expect("a certificate")];
                config.with_client_auth_cert(chain, key).expect("a pair")
            }
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = "localhost".try_into().expect("a name");
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        Ok(Self(BufReader::new(Box::new(stream))))
    }

    /// Sends a whole request.
    pub async fn request(
        mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Answer> {
        self.head(
            method,
            path,
            headers,
            &format!("Content-Length: {}", body.len()),
        )
        .await?;
        // Who is refused early may not want to read it.
        let _ = self.0.write_all(body.as_bytes()).await;
        self.0.flush().await?;
        self.answer().await
    }

    /// Begins a request whose body comes in pieces.
    pub async fn begin(mut self, path: &str, headers: &[(&str, &str)]) -> Sending {
        let head = self.head("POST", path, headers, "Transfer-Encoding: chunked");
        head.await.expect("sent");
        Sending(self)
    }

    async fn head(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        framing: &str,
    ) -> std::io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{framing}\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += "Host: localhost\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.0.write_all((head + "\r\n").as_bytes()).await?;
        self.0.flush().await
    }

    async fn head_line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        let read = tokio::time::timeout(PATIENCE, read).await;
        if read.expect("an answer in time")? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    async fn answer(mut self) -> std::io::Result<Answer> {
        let first = self.head_line().await?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.head_line().await?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let is_chunked = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Ok(Answer {
            status: status.expect("a status"),
            headers,
            rest: self,
            is_chunked,
            read: Vec::new(),
        })
    }
}

/// A request on its way.
pub struct Sending(Http);

impl Sending {
    /// Sends a piece of the body.
    pub async fn send(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        let stream = &mut self.0.0;
        stream.write_all(chunk.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
    }

    /// Waits for the answer to begin; the body is not over yet.
    pub async fn answer(self) -> Answer {
        self.0.answer().await.expect("an answer")
    }
}

/// What a server answers.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    rest: Http,
    is_chunked: bool,
    /// Of the body, what was read and not asked for yet.
    read: Vec<u8>,
}

impl Answer {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Sends a further piece of a body that came in pieces.
    pub async fn send(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        let stream = &mut self.rest.0;
        stream.write_all(chunk.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
    }

    /// Reads more of the body; whether there was more.
    async fn more(&mut self) -> bool {
        if !self.is_chunked {
            let stream = &mut self.rest.0;
            // Cut off, there is nothing more to read.
            return stream.read_buf(&mut self.read).await.unwrap_or(0) > 0;
        }
        let Ok(size) = self.rest.head_line().await else {
            return false;
        };
        let size = usize::from_str_radix(&size, 16).expect("the size of a chunk");
        let mut chunk = vec![0; size + 2];
        self.rest.0.read_exact(&mut chunk).await.expect("a chunk");
        self.read.extend_from_slice(&chunk[..size]);
        size > 0
    }

    /// The next line, which need not be there yet; `None` at the end.
    pub async fn line(&mut self) -> Option<String> {
        let line = async {
            loop {
                if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                    let rest = self.read.split_off(end + 1);
                    let line = std::mem::replace(&mut self.read, rest);
                    return Some(String::from_utf8(line).expect("text"));
                }
                if !self.more().await {
                    assert!(self.read.is_empty(), "half a line");
                    return None;
                }
            }
        };
        tokio::time::timeout(PATIENCE, line)
            .await
            .expect("a line in time")
    }

    /// The next line as JSON.
    pub async fn value(&mut self) -> Value {
        let line = self.line().await.expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// The whole body.
    pub async fn text(mut self) -> String {
        let all = async { while self.more().await {} };
        tokio::time::timeout(PATIENCE, all)
            .await
            .expect("an end in time");
        String::from_utf8(self.read).expect("text")
    }

    /// The whole body as JSON.
    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text:?}"))
    }
}

/// Posts JSON to a path of the gateway.
pub async fn post(port: u16, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let http = Http::connect(port).await;
    let answer = http.request("POST", path, headers, body).await;
    answer.expect("an answer")
}
