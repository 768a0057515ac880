//! Random requests, each field in one of the spellings that JSON has for it, some of them broken.

use crate::side::Asked;
use crate::support::random::Random;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

const KEYS: [&[u8]; 5] = [b"a", b"b", b"\xff\xfe", b"key", b"kez?"];
const ENDS: [&[u8]; 4] = [b"", b"\0", b"c", b"kf"];
const LEASES: [i64; 3] = [11, 12, 13];
/// Longer than any run.
const TTL_SECONDS: i64 = 100_000;

/// Makes requests up.
pub struct Generator(Random);

impl Generator {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// The next request.
    pub fn next(&mut self) -> Asked {
        let (path, body) = match self.0.below(12) {
            0..=2 => ("/kv/range", self.range()),
            3..=5 => ("/kv/put", self.put()),
            6 => ("/kv/deleterange", self.delete()),
            7 | 8 => ("/kv/txn", self.txn(1)),
            9 => ("/kv/compaction", self.compaction()),
            10 => ("/lease/grant", self.grant()),
            _ => ("/kv/lease/revoke", self.revoke()),
        };
        let mut text = Value::Object(body).to_string();
        if self.0.one_in(12) {
            // Cut short, or with a bit of noise between what it is made of.
            let places: Vec<_> = text
                .match_indices(|sign| "{},:[]".contains(sign))
                .map(|(place, _)| place + 1)
                .collect();
            let place = self.0.pick(&places);
            let noise = self.0.pick(&["", "}", "\"", "null", "5", "{", " "]);
            match self.coin() {
                true => text.truncate(place),
                false => text.insert_str(place, noise),
            }
        }
        Asked::post(path, &text)
    }

    fn coin(&mut self) -> bool {
        self.0.one_in(2)
    }

    /// A name in one of its two spellings.
    fn name(&mut self, name: &str) -> String {
        let mut parts = name.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        match self.coin() {
            true => name.to_owned(),
            false => parts.fold(first, |name, part| {
                name + &part[..1].to_uppercase() + &part[1..]
            }),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Value {
        let text = match self.0.below(4) {
            0 => STANDARD.encode(bytes),
            1 => STANDARD_NO_PAD.encode(bytes),
            2 => URL_SAFE.encode(bytes),
            _ => URL_SAFE_NO_PAD.encode(bytes),
        };
        text.into()
    }

    fn number(&mut self, number: i64) -> Value {
        match self.0.below(8) {
            0..=3 => number.to_string().into(),
            4..=6 => number.into(),
            _ => (number as f64).into(),
        }
    }

    fn named(&mut self, names: &[&str]) -> Value {
        let index = self.0.below(names.len() as u64) as usize;
        match self.0.below(10) {
            0..=4 => names[index].into(),
            5..=8 => index.into(),
            _ if self.coin() => "NEVER_HEARD_OF".into(),
            _ => Value::Null,
        }
    }

    fn set(&mut self, fields: &mut Map<String, Value>, name: &str, value: Value) {
        let name = self.name(name);
        let value = match self.0.below(60) {
            0 => Value::Null,
            1 => json!({}),
            2 => json!("text"),
            _ => value,
        };
        fields.insert(name, value);
    }

    fn flags(&mut self, fields: &mut Map<String, Value>, names: &[&str]) {
        for name in names {
            if self.0.one_in(4) {
                let value = self.coin().into();
                self.set(fields, name, value);
            }
        }
    }

    fn bounds(&mut self, fields: &mut Map<String, Value>) {
        let key = self.0.pick(&KEYS);
        let value = self.bytes(key);
        self.set(fields, "key", value);
        let end = self.0.pick(&ENDS);
        // Of a range that ends before it begins, a deletion in etcd depends on the shape of its trees.
        if self.coin() && (end.is_empty() || *end == [0] || key < end) {
            let value = self.bytes(end);
            self.set(fields, "range_end", value);
        }
    }

    fn range(&mut self) -> Map<String, Value> {
        let mut fields = Map::new();
        self.bounds(&mut fields);
        for name in [
            "limit",
            "revision",
            "min_mod_revision",
            "max_create_revision",
        ] {
            if self.0.one_in(5) {
                let number = self.0.between(-1, 30);
                let value = self.number(number);
                self.set(&mut fields, name, value);
            }
        }
        if self.0.one_in(3) {
            // In descending order no two are alike; others are left in no order that is promised.
            let order = self.named(&["NONE", "ASCEND", "DESCEND"]);
            self.set(&mut fields, "sort_order", order);
            let target = self.named(&["KEY"]);
            self.set(&mut fields, "sort_target", target);
        }
        self.flags(
            &mut fields,
            &["serializable", "keys_only", "count_only", "unknown_field"],
        );
        fields
    }

    fn put(&mut self) -> Map<String, Value> {
        let mut fields = Map::new();
        let key = self.0.pick(&KEYS);
        let value = self.bytes(key);
        self.set(&mut fields, "key", value);
        let value = self.bytes(key);
        self.set(&mut fields, "value", value);
        if self.0.one_in(4) {
            let lease = self.0.pick(&LEASES);
            let value = self.number(lease);
            self.set(&mut fields, "lease", value);
        }
        self.flags(&mut fields, &["prev_kv", "ignore_value", "ignore_lease"]);
        fields
    }

    fn delete(&mut self) -> Map<String, Value> {
        let mut fields = Map::new();
        self.bounds(&mut fields);
        self.flags(&mut fields, &["prev_kv"]);
        fields
    }

    fn compare(&mut self) -> Value {
        let mut fields = Map::new();
        self.bounds(&mut fields);
        let result = self.named(&["EQUAL", "GREATER", "LESS", "NOT_EQUAL"]);
        self.set(&mut fields, "result", result);
        let targets = ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"];
        let place = self.0.below(5) as usize;
        self.set(&mut fields, "target", targets[place].into());
        let names = [
            "version",
            "create_revision",
            "mod_revision",
            "value",
            "lease",
        ];
        let value = match names[place] {
            "value" => self.bytes(b"a"),
            _ => self.number(2),
        };
        self.set(&mut fields, names[place], value);
        fields.into()
    }

    fn operation(&mut self, depth: u32) -> Value {
        let (name, fields) = match self.0.below(if depth > 0 { 5 } else { 4 }) {
            0 => ("request_range", self.range()),
            1 | 2 => ("request_put", self.put()),
            3 => ("request_delete_range", self.delete()),
            _ => ("request_txn", self.txn(depth - 1)),
        };
        let mut operation = Map::new();
        operation.insert(self.name(name), fields.into());
        operation.into()
    }

    fn txn(&mut self, depth: u32) -> Map<String, Value> {
        let mut fields = Map::new();
        if self.coin() {
            let compares = vec![self.compare()];
            self.set(&mut fields, "compare", compares.into());
        }
        for name in ["success", "failure"] {
            let count = self.0.below(3);
            let operations: Vec<_> = (0..count).map(|_| self.operation(depth)).collect();
            self.set(&mut fields, name, operations.into());
        }
        fields
    }

    fn compaction(&mut self) -> Map<String, Value> {
        let mut fields = Map::new();
        let revision = self.0.between(1, 20);
        let value = self.number(revision);
        self.set(&mut fields, "revision", value);
        fields
    }

    fn grant(&mut self) -> Map<String, Value> {
        let lease = self.0.pick(&LEASES);
        let (id, ttl) = (self.number(lease), self.number(TTL_SECONDS));
        let mut fields = Map::new();
        fields.insert("ID".to_owned(), id);
        fields.insert("TTL".to_owned(), ttl);
        fields
    }

    fn revoke(&mut self) -> Map<String, Value> {
        let lease = self.0.pick(&LEASES);
        let id = self.number(lease);
        Map::from_iter([("ID".to_owned(), id)])
    }
}
