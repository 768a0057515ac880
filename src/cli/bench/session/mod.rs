//! What one client sends, request by request.

mod catch_up;
mod lease;
mod mixed;
mod read;
mod txn_put;
mod write;

pub use catch_up::CatchUpSession;
pub use lease::LeaseSession;
pub use mixed::MixedSession;
pub use read::{GetSession, PageSession, RangeSession};
pub use txn_put::{TxnPutSession, Versions};
pub use write::PutSession;

use super::{keys::Keys, keys::Values, lane::Lane, wire::Connection};
use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::sync::Arc;
use tonic::Status;

/// One client of a workload.
pub trait Session {
    /// Sends the next request; `index` is its number among the thread's requests. Answers with
    /// the kind of operation it was.
    async fn send(&mut self, index: u64) -> Result<usize, Status>;
}

/// What can be written to.
pub trait Writer {
    /// Puts.
    async fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), Status>;

    /// Puts, if the key is at this modification revision; 0 if it does not exist.
    async fn put_if(&mut self, key: Bytes, value: Bytes, revision: i64) -> Result<PutIf, Status>;
}

/// What became of a conditional put.
pub struct PutIf {
    /// It was written.
    pub succeeded: bool,
    /// The revision of the key now, whoever wrote it.
    pub revision: i64,
}

/// The place of one client: its number, its connection and its data.
pub struct Seat<C = Connection> {
    /// Its number among all clients.
    pub number: u64,
    /// How many clients there are.
    pub clients: u64,
    /// Its connection.
    pub client: C,
    /// Its keys.
    pub picker: Picker,
    /// Its values.
    pub values: Arc<Values>,
}

impl<C: Clone> Seat<C> {
    /// The seat of client `number` on `client`'s connection.
    pub fn new(lane: &Lane, number: u64, client: &C) -> Self {
        let data = &lane.plan.data;
        Self {
            number,
            clients: lane.plan.load.clients,
            client: client.clone(),
            picker: Picker {
                keys: data.keys.clone(),
                order: data
                    .sequential
                    .then_some((lane.number as u64, lane.lanes as u64)),
                // Neighbouring seeds give unrelated sequences.
                rng: SmallRng::seed_from_u64(data.seed.wrapping_add(number)),
            },
            values: data.values.clone(),
        }
    }
}

/// Picks the key of each request.
pub struct Picker {
    keys: Arc<Keys>,
    /// In order: the lane's number and the number of lanes, which take turns.
    order: Option<(u64, u64)>,
    rng: SmallRng,
}

impl Picker {
    /// The number of the key of the lane's request `index`, out of `count` keys.
    pub fn index(&mut self, index: u64, count: u64) -> u64 {
        match self.order {
            Some((lane, lanes)) => (index * lanes + lane) % count,
            None => self.rng.random_range(0..count),
        }
    }

    /// The key of the lane's request `index`.
    pub fn key(&mut self, index: u64) -> Bytes {
        let number = self.index(index, self.keys.count());
        self.keys.key(number)
    }

    /// Another picker of the same keys, with a sequence of its own.
    pub fn fork(&mut self) -> Self {
        Self {
            keys: self.keys.clone(),
            order: self.order,
            rng: SmallRng::from_rng(&mut self.rng),
        }
    }

    /// All keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Its source of randomness.
    pub fn rng(&mut self) -> &mut SmallRng {
        &mut self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picker(order: Option<(u64, u64)>) -> Picker {
        Picker {
            keys: Arc::new(Keys::new("k", 5, 10)),
            order,
            rng: SmallRng::seed_from_u64(1),
        }
    }

    #[test]
    fn lanes_in_order_cover_every_key_once() {
        let mut seen = Vec::new();
        for lane in 0..2 {
            let mut picker = picker(Some((lane, 2)));
            seen.extend((0..5).map(|index| picker.key(index)));
        }
        seen.sort();
        let all: Vec<_> = (0..10)
            .map(|index| picker(None).keys().key(index))
            .collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn random_keys_follow_the_seed() {
        let run = |mut picker: Picker| (0..20).map(|i| picker.key(i)).collect::<Vec<_>>();
        assert_eq!(run(picker(None)), run(picker(None)));
    }
}
