//! Gets and puts.

use super::{GetSession, PutSession, Seat, Session};
use crate::cli::bench::wire::Connection;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tonic::Status;

const GET: usize = 0;
const PUT: usize = 1;

/// Reads or writes some key.
pub struct MixedSession {
    get: GetSession,
    put: PutSession<Connection>,
    read_share: f64,
    dice: SmallRng,
}

impl MixedSession {
    /// A client that gets `reads_per_write` times for every put, on average.
    pub fn new(seat: Seat, reads_per_write: f64, serializable: bool) -> Self {
        let Seat {
            number,
            clients,
            client,
            mut picker,
            values,
        } = seat;
        let dice = SmallRng::from_rng(picker.rng());
        let seat = |picker| Seat {
            number,
            clients,
            client: client.clone(),
            picker,
            values: values.clone(),
        };
        Self {
            get: GetSession::new(seat(picker.fork()), serializable),
            put: PutSession::new(seat(picker)),
            read_share: read_share(reads_per_write),
            dice,
        }
    }
}

impl Session for MixedSession {
    async fn send(&mut self, index: u64) -> Result<usize, Status> {
        if self.dice.random_bool(self.read_share) {
            self.get.send(index).await.map(|_| GET)
        } else {
            self.put.send(index).await.map(|_| PUT)
        }
    }
}

/// The share of reads among all requests.
fn read_share(reads_per_write: f64) -> f64 {
    1.0 - 1.0 / (1.0 + reads_per_write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_becomes_a_probability() {
        assert_eq!(read_share(0.0), 0.0);
        assert_eq!(read_share(1.0), 0.5);
        assert_eq!(read_share(4.0), 0.8);
        assert!(read_share(f64::MAX) <= 1.0);
    }
}
