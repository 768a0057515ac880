//! One server, and what it is asked over JSON.

use crate::support::json::Http;
use serde_json::Value;
use std::collections::HashMap;

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: &'static str,
    pub path: String,
    /// Whose login is shown: of a user, or a text.
    pub token: Option<&'static str>,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
    /// Lines read of an answer that may have no end; `None`: all there is.
    pub lines: Option<usize>,
}

impl Asked {
    /// A body posted to a path behind `/v3`.
    pub fn post(path: &str, body: &str) -> Self {
        Self {
            method: "POST",
            path: format!("/v3{path}"),
            token: None,
            headers: Vec::new(),
            body: body.to_owned(),
            lines: None,
        }
    }

    /// As a user.
    pub fn by(self, user: &'static str) -> Self {
        Self {
            token: Some(user),
            ..self
        }
    }

    /// Of whose answer so many lines are read.
    pub fn lines(self, lines: usize) -> Self {
        Self {
            lines: Some(lines),
            ..self
        }
    }
}

/// What was answered: status, headers that say something, and every line of the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub status: u16,
    pub headers: Vec<Option<String>>,
    pub lines: Vec<Value>,
}

/// What else than the body is compared.
const HEADERS: [&str; 4] = [
    "content-type",
    "www-authenticate",
    "grpc-metadata-content-type",
    "x-content-type-options",
];

/// Fields that name a server, its disk, or the time.
const OWN: [&str; 12] = [
    "cluster_id",
    "member_id",
    "raft_term",
    "raftTerm",
    "leader",
    "dbSize",
    "dbSizeInUse",
    "dbSizeQuota",
    "raftIndex",
    "raftAppliedIndex",
    "hash",
    "blob",
];

/// A server and the logins there.
pub struct Side {
    port: u16,
    tokens: HashMap<String, String>,
}

impl Side {
    /// Of a server of this machine.
    pub fn new(port: u16) -> Self {
        Self {
            port,
            tokens: HashMap::new(),
        }
    }

    /// What a request is answered. A login is kept, and not compared.
    pub async fn ask(&mut self, asked: &Asked) -> Answered {
        let mut headers = asked.headers.clone();
        let token = asked
            .token
            .map(|user| self.tokens.get(user).map_or(user, String::as_str));
        headers.extend(token.map(|token| ("Authorization", token)));
        let http = Http::connect(self.port).await;
        let answer = http.request(asked.method, &asked.path, &headers, &asked.body);
        let mut answer = answer.await.unwrap();
        let status = answer.status;
        let head = |name: &&str| answer.header(name).map(str::to_owned);
        let head = HEADERS.iter().map(head).collect();
        let mut lines = Vec::new();
        match asked.lines {
            Some(count) => {
                for _ in 0..count {
                    lines.push(answer.value().await);
                }
            }
            None => {
                let text = answer.text().await;
                let values = serde_json::Deserializer::from_str(&text).into_iter();
                match values.collect() {
                    Ok(values) => lines = values,
                    Err(_) => lines.push(Value::String(text)),
                }
            }
        }
        if asked.path.ends_with("/auth/authenticate") {
            self.keep_login(&asked.body, &mut lines);
        }
        lines.iter_mut().for_each(strip);
        Answered {
            status,
            headers: head,
            lines,
        }
    }

    fn keep_login(&mut self, body: &str, lines: &mut [Value]) {
        for line in lines {
            if let Some(Value::String(token)) = line.get_mut("token").map(Value::take) {
                let login: Value = serde_json::from_str(body).unwrap();
                let name = login["name"].as_str().unwrap();
                self.tokens.insert(name.to_owned(), token);
            }
        }
    }
}

/// Takes out what names a server; it must be there all the same.
pub fn strip(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(strip),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match OWN.contains(&name.as_str()) && (value.is_string() || value.is_number()) {
                    true => *value = Value::Null,
                    false => strip(value),
                }
            }
        }
        _ => {}
    }
}

/// Both answers without the words that a JSON parser finds for a mistake.
pub fn comparable(mut ours: Answered, mut theirs: Answered) -> (Answered, Answered) {
    let theirs_words = |text: &str| {
        ["proto:", "unexpected EOF", "invalid character"]
            .iter()
            .any(|start| text.starts_with(start))
    };
    let message = |answered: &mut Answered| {
        let line = answered.lines.first_mut()?;
        line.get_mut("message").map(Value::take)
    };
    let is_parsers = theirs.lines.first().is_some_and(|line| {
        line["code"] == 3 && line["message"].as_str().is_some_and(theirs_words)
    });
    if is_parsers {
        let said = message(&mut ours);
        assert!(said.is_some_and(|said| said.is_string()), "{ours:?}");
        message(&mut theirs);
    }
    (ours, theirs)
}
