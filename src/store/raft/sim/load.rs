//! Clients: each asks for one thing at a time, and remembers what everybody had seen by then.

use super::member::Input;
use super::random::Random;
use crate::store::raft::Token;
use crate::store::{Batch, BatchId, Guard, Op};
use bytes::Bytes;
use std::collections::HashMap;

/// A client gives up after so long.
const PATIENCE: u64 = 3_000;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// Something asked for and not answered.
pub struct Asked {
    pub token: Token,
    /// The newest moment that anybody had seen.
    pub floor: u64,
    pub is_read: bool,
    since: u64,
}

/// A client.
pub struct Client {
    pub asked: Option<Asked>,
    /// Whom it asks next.
    pub target: Option<u64>,
    /// What it has read.
    pub seen: HashMap<Bytes, Option<Bytes>>,
}

fn key(random: &mut Random) -> Bytes {
    random.pick(&KEYS).into()
}

impl Client {
    pub fn new() -> Self {
        Self {
            asked: None,
            target: None,
            seen: HashMap::new(),
        }
    }

    pub fn is_waiting(&self, now: u64) -> bool {
        let waits = |asked: &Asked| now < asked.since + PATIENCE;
        self.asked.as_ref().is_some_and(waits)
    }

    /// Asks for something.
    pub fn ask(&mut self, token: Token, floor: u64, now: u64, random: &mut Random) -> Input {
        let is_read = random.one_in(3);
        self.asked = Some(Asked {
            token,
            floor,
            is_read,
            since: now,
        });
        match is_read {
            true => Input::Read(token),
            false => Input::Apply(token, self.batch(token, random)),
        }
    }

    fn batch(&mut self, token: Token, random: &mut Random) -> Batch {
        let guard = random.one_in(2).then(|| {
            let key = key(random);
            let expected = self.seen.get(&key).cloned().flatten();
            Guard { key, expected }
        });
        let value = Bytes::from(format!("value {token} which is longer than most of them"));
        let mut ops = vec![Op::Set(key(random), value.clone())];
        match random.below(6) {
            0 => ops.push(Op::Set("copy".into(), value)),
            1 => ops.push(Op::Clear(key(random))),
            2 => ops.insert(0, Op::ClearRange("a".into(), key(random))),
            _ => {}
        }
        Batch {
            id: BatchId {
                writer: 0,
                sequence: token,
            },
            guard,
            ops,
        }
    }
}
