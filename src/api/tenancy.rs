//! Which instance a connection works in.

mod certified;

pub use certified::{Certified, Rule};

use super::tls::Shown;
use crate::error::{Error, Result};
use crate::mvcc::{Allowance, Instance};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;

/// What is known of a connection before its first request.
#[derive(Debug, Default, Clone)]
pub struct Origin {
    /// The address of this server that was called; `None` for a socket of the file system.
    pub listener: Option<SocketAddr>,
    /// Who called; `None` as above.
    pub peer: Option<SocketAddr>,
    /// Whether nobody on the way can read it.
    pub encrypted: bool,
    /// The name in the certificate that the caller has shown, where it stands for a user.
    pub certified: Option<Arc<str>>,
    /// What the certificate says that the caller has shown, if he had to show one.
    pub shown: Option<Arc<Shown>>,
    /// Where the connection works, once it has entered.
    pub seat: Seat,
}

/// A place of one connection in an instance, which stays open meanwhile.
///
/// An instance may end under it, when it is deleted; the connection then enters anew.
#[derive(Clone, Default)]
pub struct Seat(Arc<Mutex<Option<Taken>>>);

/// An instance, and what holds it open.
type Taken = (Instance, Arc<()>);

impl Seat {
    /// Where the connection works.
    fn instance(&self) -> Option<Instance> {
        let seat = self.0.lock();
        let instance = seat.as_ref().map(|(instance, _)| instance);
        instance.filter(|instance| !instance.is_over()).cloned()
    }

    /// Takes a place. Of several requests that enter at once, all enter the same.
    fn take(&self, instance: Instance, held: Arc<()>) -> Instance {
        let mut seat = self.0.lock();
        match seat.as_ref() {
            Some((taken, _)) if !taken.is_over() => taken.clone(),
            _ => seat.insert((instance, held)).0.clone(),
        }
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

/// Chooses an instance for each connection. What a connection does then, it does in that instance
/// alone.
pub trait Tenancy: Send + Sync + 'static {
    /// The instance of a connection, always the same, if it can be told at once; an error answers
    /// the request that asks.
    fn instance(&self, origin: &Origin) -> Result<Option<Instance>>;

    /// Whether a connection works in an instance still.
    fn stays(&self, origin: &Origin, instance: &Instance) -> bool {
        let found = self.instance(origin).ok().flatten();
        found.is_some_and(|found| found.opening() == instance.opening())
    }

    /// The instance of a connection that could not be told at once.
    fn enter<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Instance>> {
        let instance = self.instance(origin);
        ready(instance.and_then(|instance| instance.ok_or(Error::Stopped))).boxed()
    }

    /// The instance of those who watch over the server, where clients share that with strangers:
    /// these are then not told what the server as a whole does.
    fn of_operators(&self) -> Option<Instance> {
        None
    }

    /// What an instance is allowed that was opened for connections, while nobody has said so.
    fn allowance(&self) -> Allowance {
        Allowance::default()
    }

    /// The instances that were opened for connections.
    fn open_instances(&self) -> BoxFuture<'_, Vec<Instance>> {
        ready(Vec::new()).boxed()
    }

    /// Closes the instance of a name, if it was opened for connections.
    fn release<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}

/// One for all.
impl Tenancy for Instance {
    fn stays(&self, _: &Origin, instance: &Instance) -> bool {
        instance.opening() == self.opening()
    }

    fn instance(&self, _: &Origin) -> Result<Option<Instance>> {
        Ok(Some(self.clone()))
    }
}
