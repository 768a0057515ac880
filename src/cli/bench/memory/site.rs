//! What is made on one server, and kept until all was measured.

use super::{
    super::{
        keys::{Keys, prefix_end},
        plan::Data,
        prefill,
        stop::Stop,
        watch,
    },
    Plan, Thing,
};
use crate::{
    cli::{
        client::{Client, Dialer},
        endpoint::Endpoint,
    },
    pb::etcdserverpb::{
        DeleteRangeRequest, LeaseGrantRequest, LeaseRevokeRequest, PutRequest, RangeRequest,
        WatchRequest, WatchResponse,
    },
};
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::{SeedableRng, rngs::SmallRng};
use std::sync::Arc;
use tonic::{Code, Streaming};

/// Requests under way at a time.
const IN_FLIGHT: usize = 64;
/// What the first requests of a server take belongs to nothing that is counted.
const WARM_UP_PUTS: u64 = 2000;
/// Streams and watchers are spread over connections and streams as clients spread them: many
/// servers and proxies allow a hundred streams on a connection.
const STREAMS_PER_CONNECTION: u64 = 100;
const WATCHERS_PER_STREAM: u64 = 1000;
/// A lease that could not be revoked ends by itself.
const TTL_SECONDS: i64 = 3600;
const PAGE_KEYS: i64 = 1000;

/// A server with all that was made on it.
pub struct Site<'a> {
    plan: &'a Plan,
    dialer: &'a Dialer,
    /// The one whose process is measured.
    endpoints: Vec<Endpoint>,
    /// Carry the requests and the watch streams.
    clients: Vec<Client>,
    /// Are counted, and carry nothing.
    idle: Vec<Client>,
    watches: Vec<Streaming<WatchResponse>>,
    leases: Vec<i64>,
}

impl<'a> Site<'a> {
    /// Connects, and deletes what another run may have left.
    pub async fn open(dialer: &'a Dialer, plan: &'a Plan) -> Result<Self> {
        let connections = plan.streams.div_ceil(STREAMS_PER_CONNECTION).max(1);
        let first = dialer.connect().await?;
        let mut endpoints = dialer.endpoints().to_vec();
        endpoints.retain(|endpoint| endpoint.url() == first.url());
        endpoints.truncate(1);
        let more = dialer.connect_many(&endpoints, connections as usize - 1);
        let mut clients = more.await?;
        clients.push(first);
        let mut site = Self {
            plan,
            dialer,
            endpoints,
            clients,
            idle: Vec::new(),
            watches: Vec::new(),
            leases: Vec::new(),
        };
        site.clear().await?;
        Ok(site)
    }

    /// Lets every connection that carries something, and the way of a write, come into being.
    pub async fn warm_up(&self) -> Result<()> {
        let key = Bytes::from(format!("{}warm-up", self.plan.prefix));
        let value = Bytes::from(vec![0; 16]);
        let puts = self.clients.iter().cycle().take(WARM_UP_PUTS as usize);
        let puts = puts.map(|client| self.put(client, key.clone(), value.clone(), 0));
        all(puts).await
    }

    /// Makes as many of `thing` as the plan says.
    pub async fn make(&mut self, thing: Thing) -> Result<()> {
        let plan = self.plan;
        match thing {
            Thing::Connection => self.connect().await,
            Thing::Stream => {
                let each = (0..plan.streams).map(|number| vec![self.own_key(number)]);
                let each = each.collect();
                self.watch(each).await
            }
            Thing::OwnWatcher => {
                let creates = (0..plan.watchers).map(|number| self.own_key(number));
                let creates = creates.collect();
                self.watch(grouped(creates)).await
            }
            Thing::PrefixWatcher => {
                let keys = plan.watched.as_ref().map(|data| &data.keys);
                let create = |keys: &Arc<Keys>| {
                    watch::create_request(keys.prefix(), keys.prefix_end(), false)
                };
                let creates = (0..plan.watchers)
                    .filter_map(|_| keys.map(create))
                    .collect();
                self.watch(grouped(creates)).await
            }
            Thing::Lease => self.grant().await.map(drop),
            Thing::KeyWithLease => self.grant_with_keys().await,
            Thing::KeyWritten => match &plan.keys {
                // A stop drops the whole of this, so nothing inside need look for one.
                Some(keys) => {
                    prefill::write(self.client(), keys, keys.keys.count(), &Stop::default()).await
                }
                None => Ok(()),
            },
            Thing::KeyRead => match &plan.keys {
                Some(keys) => self.list(keys).await,
                None => Ok(()),
            },
        }
    }

    /// Takes everything away again.
    pub async fn clear(&mut self) -> Result<()> {
        self.watches.clear();
        self.idle.clear();
        let revokes = std::mem::take(&mut self.leases);
        let revokes = revokes.into_iter().zip(self.clients.iter().cycle());
        all(revokes.map(|(id, client)| self.revoke(client, id))).await?;
        while self.delete_page().await? {}
        Ok(())
    }

    /// Deletes the first keys that are left; false if there were none. A store need not be able to
    /// delete them all in one transaction.
    async fn delete_page(&self) -> Result<bool> {
        let client = self.client();
        let prefix = self.plan.prefix.as_bytes();
        let request = client.request(RangeRequest {
            key: Bytes::copy_from_slice(prefix),
            range_end: prefix_end(prefix),
            limit: PAGE_KEYS,
            keys_only: true,
            ..RangeRequest::default()
        });
        let found = client.kv.clone().range(request).await;
        let found = found.context("cannot list the keys")?.into_inner().kvs;
        let (Some(first), Some(last)) = (found.first(), found.last()) else {
            return Ok(false);
        };
        let request = client.request(DeleteRangeRequest {
            key: first.key.clone(),
            range_end: after(&last.key),
            ..DeleteRangeRequest::default()
        });
        let deleted = client.kv.clone().delete_range(request).await;
        deleted.context("cannot delete the keys")?;
        Ok(true)
    }

    fn client(&self) -> &Client {
        &self.clients[0]
    }

    fn own_key(&self, number: u64) -> WatchRequest {
        let watched = self.plan.watched.as_ref();
        let key = watched.map_or(Bytes::new(), |data| data.keys.key(number));
        watch::create_request(key, Bytes::new(), false)
    }

    async fn connect(&mut self) -> Result<()> {
        let connections = self.plan.connections;
        let idle = self.dialer.connect_many(&self.endpoints, connections);
        self.idle = idle.await?;
        let request = || RangeRequest {
            key: Bytes::copy_from_slice(self.plan.prefix.as_bytes()),
            ..RangeRequest::default()
        };
        let asked = self.idle.iter().map(|client| async {
            let answer = client.kv.clone().range(client.request(request())).await;
            answer.context("cannot read").map(drop)
        });
        all(asked).await
    }

    /// One stream for each list of watches.
    async fn watch(&mut self, streams: Vec<Vec<WatchRequest>>) -> Result<()> {
        let streams = streams.into_iter().zip(self.clients.iter().cycle());
        for (creates, client) in streams {
            self.watches
                .push(watch::open(&client.watch, creates).await?);
        }
        Ok(())
    }

    async fn grant(&mut self) -> Result<Vec<i64>> {
        let clients = self.clients.iter().cycle();
        let grants = clients.take(self.plan.leases as usize).map(|client| async {
            let request = client.request(LeaseGrantRequest {
                ttl: TTL_SECONDS,
                id: 0,
            });
            let answer = client.lease.clone().lease_grant(request).await;
            let granted = answer.context("cannot grant a lease")?;
            anyhow::Ok(granted.into_inner().id)
        });
        let mut grants = stream::iter(grants).buffer_unordered(IN_FLIGHT);
        let mut granted = Vec::new();
        while let Some(id) = grants.next().await {
            let id = id?;
            // At once, so that a stop leaves none behind but those under way.
            self.leases.push(id);
            granted.push(id);
        }
        Ok(granted)
    }

    async fn grant_with_keys(&mut self) -> Result<()> {
        let leases = self.grant().await?;
        let Some(data) = &self.plan.leased else {
            return Ok(());
        };
        let mut rng = SmallRng::seed_from_u64(data.seed);
        let leases = (0..).zip(leases).zip(self.clients.iter().cycle());
        let puts = leases.map(|((number, lease), client)| {
            let value = data.values.pick(&mut rng);
            self.put(client, data.keys.key(number), value, lease)
        });
        all(puts).await
    }

    async fn put(&self, client: &Client, key: Bytes, value: Bytes, lease: i64) -> Result<()> {
        let request = client.request(PutRequest {
            key,
            value,
            lease,
            ..PutRequest::default()
        });
        let answer = client.kv.clone().put(request).await;
        answer.context("cannot write a key").map(drop)
    }

    async fn revoke(&self, client: &Client, id: i64) -> Result<()> {
        let request = client.request(LeaseRevokeRequest { id });
        match client.lease.clone().lease_revoke(request).await {
            Err(status) if status.code() != Code::NotFound => {
                Err(status).context("cannot revoke a lease")
            }
            _ => Ok(()),
        }
    }

    /// Reads all keys, page by page.
    async fn list(&self, data: &Data) -> Result<()> {
        let client = self.client();
        let mut from = data.keys.prefix();
        loop {
            let request = client.request(RangeRequest {
                key: from,
                range_end: data.keys.prefix_end(),
                limit: PAGE_KEYS,
                ..RangeRequest::default()
            });
            let answer = client.kv.clone().range(request).await;
            let page = answer.context("cannot list the keys")?.into_inner();
            let Some(last) = page.kvs.last().filter(|_| page.more) else {
                return Ok(());
            };
            from = after(&last.key);
        }
    }
}

/// The smallest key above `key`.
fn after(key: &[u8]) -> Bytes {
    [key, b"\0"].concat().into()
}

/// The watches of each stream.
fn grouped(creates: Vec<WatchRequest>) -> Vec<Vec<WatchRequest>> {
    let groups = creates.chunks(WATCHERS_PER_STREAM as usize);
    groups.map(<[_]>::to_vec).collect()
}

/// Makes requests, some at a time.
async fn all(requests: impl Iterator<Item = impl Future<Output = Result<()>>>) -> Result<()> {
    stream::iter(requests)
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await
}
