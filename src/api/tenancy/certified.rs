//! An instance for each certificate: opened when its owner first calls, closed when he is gone.

use super::{Origin, Tenancy};
use crate::api::peer::Taking;
use crate::api::tls::Shown;
use crate::error::{Error, Result};
use crate::mvcc::{Allowance, Instance, Options};
use crate::store::Store;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;

/// How long an instance stays open that nobody is connected to.
const IDLE: Duration = Duration::from_secs(60);

/// Which of its names a certificate's instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The common name of the subject.
    CommonName,
    /// The one DNS name.
    Dns,
    /// The one URI.
    Uri,
}

impl FromStr for Rule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "client-cert" | "client-cert:cn" => Ok(Self::CommonName),
            "client-cert:san-dns" => Ok(Self::Dns),
            "client-cert:san-uri" => Ok(Self::Uri),
            _ => Err("it is client-cert, and then :cn, :san-dns or :san-uri"),
        }
    }
}

impl Rule {
    /// The name of the instance; `None` where a certificate names none, or several.
    fn name(self, shown: &Shown) -> Option<&str> {
        match (self, &shown.dns_names[..], &shown.uris[..]) {
            (Self::CommonName, ..) => shown.common_name.as_ref(),
            (Self::Dns, [name], _) | (Self::Uri, _, [name]) => Some(name),
            _ => None,
        }
        .map(String::as_str)
        .filter(|name| !name.is_empty())
    }
}

/// The instances of those who show certificates.
#[derive(Clone)]
pub struct Certified(Arc<Shared>);

struct Shared {
    rule: Rule,
    store: Store,
    options: Options,
    open_max: usize,
    operators: Instance,
    taking: Taking,
    open: Mutex<HashMap<String, Open>>,
}

/// An open instance.
struct Open {
    instance: Instance,
    /// Held once by each connection.
    held: Arc<()>,
    used: Instant,
}

impl Open {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.held) == 1
    }
}

impl Certified {
    /// Instances of a store, at most so many of them open at a time; `operators` is the instance of
    /// those who watch over the server, and `taking` takes what other servers hand over to them.
    pub fn new(
        rule: Rule,
        store: Store,
        options: Options,
        open_max: usize,
        operators: Instance,
        taking: Taking,
    ) -> Self {
        Self(Arc::new(Shared {
            rule,
            store,
            options: Options {
                audit: None,
                is_tenant: true,
                ..options
            },
            open_max,
            operators,
            taking,
            open: Mutex::default(),
        }))
    }

    /// Closes what nobody uses, until it is told to stop: then all of them.
    pub async fn close_idle(self, stop: oneshot::Receiver<()>) {
        tokio::pin!(stop);
        while tokio::time::timeout(IDLE, &mut stop).await.is_err() {
            let mut open = self.0.open.lock().await;
            // Those who are connected use it now.
            for entry in open.values_mut().filter(|entry| !entry.is_idle()) {
                entry.used = Instant::now();
            }
            let is_over = |_: &String, entry: &mut Open| entry.used.elapsed() >= IDLE;
            let over: Vec<_> = open.extract_if(is_over).collect();
            for (name, entry) in over {
                tracing::debug!(name, "nobody uses the instance, it is closed");
                self.close_one(&entry.instance).await;
            }
        }
        self.close().await;
    }

    async fn close(&self) {
        for (_, entry) in self.0.open.lock().await.drain() {
            self.close_one(&entry.instance).await;
        }
    }

    async fn close_one(&self, instance: &Instance) {
        self.0.taking.end(instance);
        instance.close().await;
    }

    async fn open(&self, name: &str) -> Result<(Instance, Arc<()>)> {
        let Shared {
            store,
            options,
            open_max,
            ..
        } = &*self.0;
        let mut open = self.0.open.lock().await;
        if let Some((_, entry)) = open
            .extract_if(|known, entry| known == name && entry.instance.is_over())
            .next()
        {
            self.close_one(&entry.instance).await;
        }
        if let Some(entry) = open.get_mut(name) {
            entry.used = Instant::now();
            return Ok((entry.instance.clone(), entry.held.clone()));
        }
        if open.len() >= *open_max {
            let idle = open.iter().filter(|(_, entry)| entry.is_idle());
            let oldest = idle.min_by_key(|(_, entry)| entry.used);
            let name = oldest.map(|(name, _)| name.clone());
            let closed = name.and_then(|name| open.remove(&name));
            let closed = closed.ok_or(Error::TooManyRequests)?;
            self.close_one(&closed.instance).await;
        }
        let instance = Instance::open(store.clone(), name, options.clone()).await?;
        self.0.taking.begin(&instance);
        let entry = Open {
            instance,
            held: Arc::default(),
            used: Instant::now(),
        };
        let seat = (entry.instance.clone(), entry.held.clone());
        open.insert(name.to_owned(), entry);
        Ok(seat)
    }
}

impl Tenancy for Certified {
    fn instance(&self, origin: &Origin) -> Result<Option<Instance>> {
        Ok(origin.seat.instance())
    }

    fn enter<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Instance>> {
        async move {
            let shown = origin.shown.as_deref();
            let name = shown.and_then(|shown| self.0.rule.name(shown));
            let name = name.ok_or(Error::NoInstance)?;
            // It is the operators', and two openings on one store would not hear of each other.
            if name == self.0.operators.name() {
                return Err(Error::InstanceInUse);
            }
            let (instance, held) = self.open(name).await?;
            Ok(origin.seat.take(instance, held))
        }
        .boxed()
    }

    fn of_operators(&self) -> Option<Instance> {
        Some(self.0.operators.clone())
    }

    fn allowance(&self) -> Allowance {
        self.0.options.allowance
    }

    fn open_instances(&self) -> BoxFuture<'_, Vec<Instance>> {
        async move {
            let open = self.0.open.lock().await;
            open.values().map(|entry| entry.instance.clone()).collect()
        }
        .boxed()
    }

    fn release<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let mut open = self.0.open.lock().await;
            if let Some(entry) = open.remove(name) {
                self.close_one(&entry.instance).await;
            }
        }
        .boxed()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mvcc::instances;
    use crate::store::memory::Memory;

    fn origin(name: &str) -> Origin {
        Origin {
            shown: Some(Arc::new(Shown {
                common_name: Some(name.to_owned()),
                ..Shown::default()
            })),
            ..Origin::default()
        }
    }

    #[tokio::test]
    async fn what_nobody_has_said_is_the_default() {
        let store = Store::Memory(Memory::new());
        let operators = Instance::open(store.clone(), "default", Options::default());
        let operators = operators.await.unwrap();
        let bounded = Allowance {
            requests_per_second: Some(5),
            ..Allowance::default()
        };
        let free = Allowance::default();
        instances::create(&store, "said", free).await.unwrap();
        let options = Options {
            allowance: bounded,
            ..Options::default()
        };
        let taking = Taking::default();
        let tenants = Certified::new(Rule::CommonName, store, options, 2, operators, taking);
        assert_eq!(tenants.allowance(), bounded);
        for (name, expected) in [("unsaid", bounded), ("said", free)] {
            let tenant = tenants.enter(&origin(name)).await.unwrap();
            assert_eq!(tenant.allowance(), expected, "{name}");
        }
        assert_eq!(tenants.0.operators.allowance(), free);
        tenants.close().await;
    }

    #[tokio::test]
    async fn as_many_are_open_as_may_be_and_those_in_use_stay() {
        let store = Store::Memory(Memory::new());
        let options = Options::default();
        let operators = Instance::open(store.clone(), "default", options.clone())
            .await
            .unwrap();
        let tenants = Certified::new(
            Rule::CommonName,
            store,
            options,
            2,
            operators,
            Taking::default(),
        );
        let (one, two) = (origin("one"), origin("two"));
        assert!(tenants.instance(&one).unwrap().is_none());
        let first = tenants.enter(&one).await.unwrap();
        assert_eq!(
            tenants.instance(&one).unwrap().unwrap().opening(),
            first.opening()
        );
        assert_ne!(
            tenants.enter(&two).await.unwrap().opening(),
            first.opening()
        );
        let operators = tenants.enter(&origin("default")).await;
        assert_eq!(operators.err(), Some(Error::InstanceInUse));
        let third = tenants.enter(&origin("three")).await;
        assert_eq!(third.err(), Some(Error::TooManyRequests));
        drop(two);
        tenants.enter(&origin("three")).await.unwrap();
        let again = tenants.enter(&origin("one")).await.unwrap();
        assert_eq!(again.opening(), first.opening());
        // Nobody is in "three" now.
        let two = tenants.enter(&origin("two")).await.unwrap();
        assert!(!two.is_closed());
        for nameless in [Origin::default(), origin("")] {
            assert_eq!(
                tenants.enter(&nameless).await.err(),
                Some(Error::NoInstance)
            );
        }
        tenants.close().await;
        assert!(first.is_closed());
    }

    #[test]
    fn a_certificate_names_one_instance_or_none() {
        let shown = |dns: &[&str], uris: &[&str]| Shown {
            common_name: Some("cn".to_owned()),
            dns_names: dns.iter().map(|name| (*name).to_owned()).collect(),
            uris: uris.iter().map(|name| (*name).to_owned()).collect(),
            ..Shown::default()
        };
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        let shown_one = shown(&["dns"], &["spiffe://x"]);
        assert_eq!(rule("client-cert").name(&shown_one), Some("cn"));
        assert_eq!(rule("client-cert:san-dns").name(&shown_one), Some("dns"));
        assert_eq!(
            rule("client-cert:san-uri").name(&shown_one),
            Some("spiffe://x")
        );
        assert_eq!(
            rule("client-cert:san-dns").name(&shown(&["a", "b"], &[])),
            None
        );
        assert_eq!(rule("client-cert:san-uri").name(&shown(&["a"], &[])), None);
        assert!("certificate".parse::<Rule>().is_err());
    }
}
