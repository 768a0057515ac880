//! Which instance a connection works in.

use crate::error::Result;
use crate::mvcc::Instance;
use std::net::SocketAddr;
use std::sync::Arc;

/// What is known of a connection before its first request.
#[derive(Debug, Default, Clone)]
pub struct Origin {
    /// The address of this server that was called; `None` for a socket of the file system.
    pub listener: Option<SocketAddr>,
    /// Who called; `None` as above.
    pub peer: Option<SocketAddr>,
    /// The name in the certificate that the caller has shown, where it stands for a user.
    pub certified: Option<Arc<str>>,
}

/// Chooses an instance for each connection. What a connection does then, it does in that instance
/// alone.
pub trait Tenancy: Send + Sync + 'static {
    /// The instance of a connection, always the same; an error answers its every request.
    fn instance(&self, origin: &Origin) -> Result<Instance>;
}

/// One for all.
impl Tenancy for Instance {
    fn instance(&self, _: &Origin) -> Result<Instance> {
        Ok(self.clone())
    }
}
