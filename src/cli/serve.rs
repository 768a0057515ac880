//! `kvtool serve`: an etcd server.

pub(super) mod member;
pub(super) mod registry;

use super::exit::UsageError;
use super::log;
use super::settings::{Home, HostUrl, Layers, RawSettings, Settings, Tenants};
use crate::api::listener::Listener;
use crate::api::metrics::Metrics;
use crate::api::peer::Links;
use crate::api::raft::{Others, PeerPort};
use crate::api::server::{self, Ports};
use crate::api::tenancy::Certified;
use crate::api::tls::{self, Tls};
use crate::error::{EXIT_INTERRUPTED, Error};
use crate::mvcc::audit::Audit;
use crate::mvcc::{Advertised, Instance, Options};
use crate::store::local::{BlockCache, Local};
use crate::store::{Store, StoreError, fdb, fdb::Fdb, memory::Memory};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use registry::Registry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Pause before a keyspace that could not be opened is tried again.
const OPEN_PAUSE: Duration = Duration::from_millis(500);

/// Descriptors kept from clients, for files and for ourselves; as etcd does it.
const RESERVED_DESCRIPTORS: u64 = 150;

/// Serve a keyspace to etcd clients
///
/// Every setting is a flag, an environment variable (--data-dir is KVTOOL_DATA_DIR) and a key of
/// the config file (data-dir). A flag wins over the environment, and that over the file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool serve
  kvtool serve --data-dir /var/lib/kvtool --listen-client-urls http://0.0.0.0:2379 \\
      --advertise-client-urls http://10.0.0.5:2379
  kvtool serve --config-file kvtool.yaml --print-config
  kvtool serve --name a --listen-peer-urls http://10.0.0.5:2380 \\
      --initial-cluster a=http://10.0.0.5:2380,b=http://10.0.0.6:2380,c=http://10.0.0.7:2380

SIGTERM or SIGINT stops the server: it takes no new requests, gives those under way five
seconds, and closes the data directory. A second signal ends it at once; no acknowledged
write is lost either way.")]
pub struct ServeArgs {
    #[command(flatten)]
    settings: RawSettings,
    /// YAML file with settings; its keys are the flags
    #[arg(long, env = "KVTOOL_CONFIG_FILE", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config_file: Option<PathBuf>,
    /// Print the settings in effect, and where each comes from, as YAML; do not serve
    #[arg(long)]
    print_config: bool,
}

/// Reads the settings, and serves with them.
pub async fn run(args: ServeArgs) -> Result<()> {
    let environment = |name: &str| std::env::var(name).ok();
    let layers = Layers::merge(&args.settings, environment, args.config_file.as_deref())?;
    let settings = Settings::validate(&layers)?;
    if args.print_config {
        print!("{}", layers.to_yaml());
        return Ok(());
    }
    log::start(&settings.log)?;
    serve(&settings, None).await
}

/// Serves until SIGTERM or SIGINT, or until the store fails. A member may have to find those first
/// that it founds a group with.
pub(super) async fn serve(settings: &Settings, registry: Option<&Registry>) -> Result<()> {
    abort_on_panic();
    let signals = Signals::listen()?;
    // Everything that can be refused comes before the data is touched.
    let ports = bind(settings).await?;
    let outcome = open_and_serve(settings, registry, ports, signals).await;
    fdb::shut_down();
    outcome
}

async fn open_and_serve(
    settings: &Settings,
    registry: Option<&Registry>,
    ports: Bound,
    signals: Signals,
) -> Result<()> {
    let mut stop = pin!(signals.first());
    let name = &settings.options.name;
    let mut others = None;
    let (store, peer_port, links) = match (settings.home.clone(), &settings.group) {
        (Home::Raft(path), Some(group)) => {
            let dialer = member::dialer(group);
            let opening = async {
                let group = match registry {
                    Some(registry) => &registry.complete(&path, name, group).await?,
                    None => group,
                };
                member::open(
                    path,
                    name,
                    group,
                    dialer.clone(),
                    ports.peers,
                    settings.blocks,
                )
                .await
            };
            let (raft, port) = tokio::select! {
                opened = opening => opened?,
                () = &mut stop => return Ok(()),
            };
            others = Some(Arc::new(Others::of(&raft, dialer.clone())));
            let links = Links::to_peer_ports(dialer);
            (Store::Raft(raft), Some(port), links)
        }
        (home, _) => {
            let links = Links::to_client_ports(member::speaking(settings.tls.as_ref(), None));
            (open_store(home, settings.blocks).await?, None, links)
        }
    };
    let options = Options {
        advertised: advertised(settings, &ports.served.clients),
        peers: settings.forward_writes.then(|| Arc::new(links) as _),
        audit: settings
            .group
            .as_ref()
            .zip(others.clone())
            .map(|(group, others)| Audit {
                others,
                every: group.audit.every,
                after_compactions: group.audit.after_compactions,
            }),
        // A file of any size must not lie in memory, where a temporary directory may be.
        scratch: match &settings.home {
            Home::Raft(path) | Home::Local(path) => path.clone(),
            Home::Fdb(_) | Home::Memory => env::temp_dir(),
        },
        ..settings.options.clone()
    };
    let serving = Serving {
        settings,
        store: store.clone(),
        peer_port,
        others,
    };
    let outcome = serving.run(options, ports.served, stop).await;
    let closed = store.close().await.map_err(Error::from);
    match store.member() {
        // It does as it was told, and its log says so: an etcd ends like that, too.
        Some(member) if member.was_removed() => Ok(()),
        _ => outcome.and(closed.context("cannot close the store")),
    }
}

/// A server on its store.
struct Serving<'a> {
    settings: &'a Settings,
    store: Store,
    peer_port: Option<PeerPort>,
    others: Option<Arc<Others>>,
}

impl Serving<'_> {
    async fn run(
        &self,
        options: Options,
        ports: Ports,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<()> {
        let instance = tokio::select! {
            opened = self.open(options.clone()) => opened.context("cannot open the keyspace")?,
            () = &mut stop => return Ok(()),
        };
        let settings = self.settings;
        if let (Some(group), Some(others)) = (&settings.group, &self.others)
            && group.audit.at_start
        {
            check_keyspace(&instance, others).await?;
        }
        if let Some(port) = &self.peer_port {
            port.begin_taking(&instance);
        }
        let limits = settings.limits(raise_connection_limit());
        tracing::info!(
            urls = urls(&ports.clients),
            "ready to serve client requests"
        );
        for (listeners, what) in [
            (&ports.http, "plain HTTP has URLs of its own"),
            (&ports.watched, "metrics and health have URLs of their own"),
            (
                &ports.control,
                "keyspaces are made and deleted at URLs of their own",
            ),
        ] {
            if !listeners.is_empty() {
                tracing::info!(urls = urls(listeners), "{what}");
            }
        }
        notify_init();
        let mut failure = None;
        let shutdown = async {
            tokio::select! {
                reason = instance.failed() => failure = Some(reason),
                reason = self.store.failed() => failure = Some(reason),
                () = &mut stop => {}
            }
            if let Some(port) = &self.peer_port {
                port.stop_taking();
            }
        };
        let version = settings.version;
        let traffic = self.peer_port.as_ref().map(PeerPort::traffic);
        let metrics = Metrics::new(version, settings.slow_after, traffic.unwrap_or_default());
        match settings.tenants {
            None => server::run(ports, instance.clone(), metrics, limits, shutdown).await,
            Some(Tenants {
                rule,
                open_max,
                allowance,
            }) => {
                let store = self.store.clone();
                let taking = self.peer_port.as_ref().map(PeerPort::taking);
                let options = Options {
                    // Client ports speak TLS, which servers do not speak to each other there.
                    peers: options.peers.filter(|_| taking.is_some()),
                    allowance,
                    ..options
                };
                let taking = taking.unwrap_or_default();
                let operators = instance.clone();
                let tenants = Certified::new(rule, store, options, open_max, operators, taking);
                let (stop, stopped) = oneshot::channel();
                let closing = tokio::spawn(tenants.clone().close_idle(stopped));
                server::run(ports, tenants, metrics, limits, shutdown).await;
                drop(stop);
                closing.await.context("tenants could not be closed")?;
            }
        }
        if let Some(port) = &self.peer_port {
            port.drained().await;
        }
        instance.close().await;
        if let Some(raft) = self.store.member() {
            raft.hand_over().await;
        }
        tracing::info!("stopped");
        failure.map_or(Ok(()), |reason| Err(anyhow!("{reason}")))
    }

    /// Opens the keyspace. A member of a group waits until enough of the others are there.
    async fn open(&self, options: Options) -> Result<Instance, Error> {
        let mut is_told = false;
        loop {
            let store = self.store.clone();
            match Instance::open(store, &self.settings.instance, options.clone()).await {
                Err(error) if self.peer_port.is_some() && is_passing(&error) => {
                    if !is_told {
                        tracing::warn!(%error, "waiting until enough members of the group are there");
                    }
                    is_told = true;
                    tokio::time::sleep(OPEN_PAUSE).await;
                }
                opened => return opened,
            }
        }
    }
}

/// Refuses a keyspace that differs from that of another member. Who does not answer is not waited for.
async fn check_keyspace(instance: &Instance, others: &Others) -> Result<()> {
    let compared = instance.compare(others).await;
    let compared =
        compared.context("the members cannot be compared, as --initial-corrupt-check says")?;
    match compared.is_alike() {
        true => Ok(()),
        false => Err(Error::Store(StoreError::Unreadable(
            "found data inconsistency with peers: one of the members is damaged, which most often \
             is the one that no other agrees with; remove that, and add it again with an empty \
             data directory"
                .into(),
        ))
        .into()),
    }
}

/// Tells systemd, where it started this server as a service of the type `notify`.
fn notify_init() {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let path = path.as_encoded_bytes();
    let address = match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(OsStr::from_bytes(path)),
    };
    let told =
        address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address));
    if let Err(error) = told {
        tracing::warn!(%error, "cannot tell the init system that the server is ready");
    }
}

/// Whether an error may be over soon.
fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Timeout | Error::NoLeader | Error::Store(StoreError::Unavailable(_))
    )
}

fn urls(listeners: &[Listener]) -> String {
    let urls: Vec<_> = listeners.iter().map(Listener::url).collect();
    urls.join(",")
}

fn texts(urls: &[HostUrl]) -> Vec<String> {
    urls.iter().map(HostUrl::to_string).collect()
}

fn advertised(settings: &Settings, listeners: &[Listener]) -> Advertised {
    let mut client_urls = texts(&settings.client_urls);
    if client_urls.is_empty() {
        if listeners
            .iter()
            .filter_map(Listener::address)
            .any(|address| address.ip().is_unspecified())
        {
            tracing::warn!(
                "clients elsewhere cannot reach the URL they are told: give --advertise-client-urls"
            );
        }
        client_urls = listeners.iter().map(Listener::url).collect();
    }
    Advertised {
        client_urls,
        peer_urls: match &settings.group {
            Some(group) if group.listen.is_empty() => Vec::new(),
            Some(group) => texts(&group.advertised),
            None => texts(&settings.peer_urls),
        },
    }
}

/// The ports that a server has bound.
struct Bound {
    served: Ports,
    peers: Vec<Listener>,
}

async fn bind(settings: &Settings) -> Result<Bound> {
    let tls = settings.tls.as_ref();
    let group = settings.group.as_ref();
    Ok(Bound {
        served: Ports {
            clients: bind_all(&settings.listen, tls).await?,
            http: bind_all(&settings.listen_http, tls).await?,
            watched: bind_all(&settings.listen_metrics, tls).await?,
            control: bind_all(&settings.listen_control, None).await?,
            web: settings.web.clone(),
        },
        peers: match group {
            Some(group) => bind_all(&group.listen, group.tls.as_ref()).await?,
            None => Vec::new(),
        },
    })
}

async fn bind_all(urls: &[HostUrl], tls: Option<&tls::Options>) -> Result<Vec<Listener>> {
    let tls = tls.map(|options| Tls::open(options.clone())).transpose();
    let tls = tls.map_err(|error| UsageError::new(error.to_string()))?;
    let tls = tls.map(Arc::new);
    let mut listeners = Vec::with_capacity(urls.len());
    for (index, url) in urls.iter().enumerate() {
        let shares = |other: &HostUrl| other.shares_port(url);
        if urls[..index].iter().any(shares) {
            continue;
        }
        let shared = urls[index..].iter().any(shares);
        let tls = tls.clone().filter(|_| url.tls || shared);
        let bound = Listener::bind_place(&url.place, tls).await;
        let bound = bound.with_context(|| format!("cannot listen on {url}"))?;
        listeners.push(if shared { bound.with_plain() } else { bound });
    }
    Ok(listeners)
}

/// Opening reads the disk, which may take a while after a crash, so it gets a thread of its own.
pub(super) async fn open_store(home: Home, blocks: BlockCache) -> Result<Store> {
    let path = match home {
        Home::Memory => return Ok(Store::Memory(Memory::new())),
        Home::Fdb(options) => {
            let opened = Fdb::open(&options).await.map_err(Error::from);
            return Ok(Store::Fdb(
                opened.context("cannot open the FoundationDB store")?,
            ));
        }
        Home::Local(path) | Home::Raft(path) => path,
    };
    let opened = tokio::task::spawn_blocking(move || {
        let opened = Local::open(&path, blocks).map_err(Error::from);
        opened.with_context(|| format!("cannot open the data directory {}", path.display()))
    });
    Ok(Store::Local(opened.await.context("opening was cut off")??))
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Completes with the first signal; the second ends the process without waiting for anything.
    async fn first(mut self) {
        self.next().await;
        tracing::info!("stopping; a second signal stops at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        });
    }
}

/// A task that panicked leaves its part of the server in a state nobody thought of; tokio would
/// serve on with the rest.
fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::abort();
    }));
}

/// Raises the bound on open files as far as it goes, and answers how many of them clients may use.
fn raise_connection_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let connections = current.map(|files| files.saturating_sub(RESERVED_DESCRIPTORS).max(1));
    connections.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    })
}
