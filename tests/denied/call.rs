//! Calls of any method, as gRPC and as JSON, whose messages are written as JSON.

use crate::support::json::post;
use bytes::{Buf, BufMut};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MethodDescriptor};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let written = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    DescriptorPool::decode(&written[..]).unwrap()
});

fn described(called: &str) -> MethodDescriptor {
    let (service, name) = called.split_once('/').unwrap();
    let service = DESCRIPTORS.get_service_by_name(service).unwrap();
    let method = service.methods().find(|method| method.name() == name);
    method.unwrap_or_else(|| panic!("{called}"))
}

/// Every method of etcd's, as `package.Service/Method`.
pub fn methods() -> BTreeSet<String> {
    let services = DESCRIPTORS.services();
    let etcds = services.filter(|service| !service.package_name().starts_with("kvtool"));
    etcds
        .flat_map(|service| {
            let name = service.full_name().to_owned();
            let methods: Vec<_> = service.methods().collect();
            methods
                .into_iter()
                .map(move |method| format!("{name}/{}", method.name()))
        })
        .collect()
}

/// What came of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Code and words, if it was refused for whatever reason.
    pub refusal: Option<String>,
    /// What was shown all the same.
    pub shown: String,
}

impl Outcome {
    fn refused(code: Code, message: &str) -> Self {
        Self {
            refusal: Some(format!("{code:?} {message}")),
            shown: String::new(),
        }
    }

    /// Of a first answer; one that cancels a watcher is a refusal.
    fn of(answer: &Value) -> Self {
        let reason = answer["cancel_reason"].as_str();
        let refusal = reason.map(|reason| {
            let reason = reason.strip_prefix("rpc error: code = ").unwrap_or(reason);
            reason.replacen(" desc = ", " ", 1)
        });
        let shown = match refusal {
            Some(_) => &answer["events"],
            None => answer,
        };
        let shown = match shown {
            Value::Null => String::new(),
            shown => shown.to_string(),
        };
        Self { refusal, shown }
    }
}

/// A server, and the logins there.
pub struct Side {
    port: u16,
    channel: Channel,
    tokens: HashMap<&'static str, String>,
}

impl Side {
    /// Of a server of this machine.
    pub async fn connect(port: u16) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        Self {
            port,
            channel: endpoint.connect().await.unwrap(),
            tokens: HashMap::from([("stranger", "garbage.17".to_owned())]),
        }
    }

    /// Logs in whoever has a password.
    pub async fn login(&mut self, callers: &[&'static str]) {
        for caller in callers
            .iter()
            .filter(|caller| !["nobody", "stranger"].contains(caller))
        {
            let body = format!(r#"{{"name":"{caller}","password":"p"}}"#);
            let answer = post(self.port, "/v3/auth/authenticate", &[], &body)
                .await
                .json()
                .await;
            self.tokens
                .insert(caller, answer["token"].as_str().unwrap().to_owned());
        }
    }

    /// What a caller shows.
    pub fn token(&self, caller: &str) -> String {
        self.tokens[caller].clone()
    }

    /// What changes when something does: revisions, users, leases.
    pub async fn state(&mut self) -> Vec<String> {
        let mut state = Vec::new();
        for (path, body) in [
            ("/kv/range", r#"{"key":"AA==","range_end":"AA=="}"#),
            ("/auth/status", "{}"),
            ("/auth/user/list", "{}"),
            ("/lease/leases", "{}"),
        ] {
            state.push(self.json(path, body, "root").await.shown);
        }
        state
    }

    /// What a call is answered first.
    pub async fn grpc(&mut self, called: &str, body: &str, caller: Option<&str>) -> Outcome {
        let method = described(called);
        let mut json = serde_json::Deserializer::from_str(body);
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let message =
            DynamicMessage::deserialize_with_options(method.input(), &mut json, &options).unwrap();
        let mut request = Request::new(tokio_stream::once(message.encode_to_vec()));
        if let Some(token) = caller.and_then(|caller| self.tokens.get(caller)) {
            request
                .metadata_mut()
                .insert("token", token.parse().unwrap());
        }
        let mut grpc = Grpc::new(self.channel.clone());
        let path = format!("/{called}").parse().unwrap();
        let first = async {
            grpc.ready().await.unwrap();
            let answers = grpc.streaming(request, path, Raw).await?;
            answers.into_inner().message().await
        };
        match tokio::time::timeout(PATIENCE, first)
            .await
            .expect("an answer in time")
        {
            Err(status) => Outcome::refused(status.code(), status.message()),
            Ok(None) => Outcome::default(),
            Ok(Some(bytes)) => {
                let answer = DynamicMessage::decode(method.output(), &bytes[..]).unwrap();
                let options = prost_reflect::SerializeOptions::new().use_proto_field_name(true);
                let answer = answer.serialize_with_options(serde_json::value::Serializer, &options);
                Outcome::of(&answer.unwrap())
            }
        }
    }

    /// The same over JSON.
    pub async fn json(&mut self, path: &str, body: &str, caller: &str) -> Outcome {
        let token = self.tokens.get(caller);
        let headers: Vec<_> = token
            .map(|token| ("Authorization", token.as_str()))
            .into_iter()
            .collect();
        let mut answer = post(self.port, &format!("/v3{path}"), &headers, body).await;
        // An answer without an end comes in lines, of which the first is enough.
        let answer: Value = match answer.header("transfer-encoding") {
            Some(_) => match answer.line().await {
                None => return Outcome::default(),
                Some(line) => serde_json::from_str(&line).unwrap(),
            },
            None => match answer.text().await {
                text if text.is_empty() => return Outcome::default(),
                text => serde_json::from_str(&text).unwrap(),
            },
        };
        let error = match &answer["error"] {
            Value::Object(_) => &answer["error"],
            _ => &answer,
        };
        if let (Some(code), Some(message)) = (error["code"].as_i64(), error["message"].as_str()) {
            return Outcome::refused(Code::from(code as i32), message);
        }
        Outcome::of(answer.get("result").unwrap_or(&answer))
    }
}

/// Messages that are bytes already.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
