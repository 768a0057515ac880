//! Who does the jobs that one server must do.
//!
//! A record under a key names the leader, its term and a beat, which the leader raises every
//! [`BEAT`]. A server that has seen the same record for [`PATIENCE`] on its own clock takes its
//! place, in the next term, by a write that is guarded by the record it has seen. A leader counts
//! itself out [`TENURE`] after it began its last beat that was written, which is sooner than
//! anybody else can take its place. No two clocks are compared.

use super::Fdb;
use crate::store::{ApplyError, Batch, BatchId, Consistency, Guard, Leadership, Op, StoreError};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Weak;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Time between beats, and between looks.
const BEAT: Duration = Duration::from_millis(500);
/// How long a leader leads after a beat.
const TENURE: Duration = Duration::from_secs(3);
/// How long the others wait for the next beat.
const PATIENCE: Duration = Duration::from_secs(4);

/// The elections in which this process stands.
#[derive(Default)]
pub(super) struct Elections(Mutex<HashMap<Bytes, watch::Receiver<Leadership>>>);

impl Elections {
    /// Stands in the election of a key, from the first call on.
    pub(super) fn stand(
        &self,
        store: &Fdb,
        key: &Bytes,
        candidate: u64,
    ) -> watch::Receiver<Leadership> {
        let mut elections = self.0.lock();
        if let Some(leadership) = elections.get(key) {
            return leadership.clone();
        }
        let (sender, receiver) = watch::channel(Leadership {
            is_leader: false,
            leader: None,
            term: 0,
            until: None,
        });
        let candidacy = Candidacy {
            key: key.clone(),
            candidate,
            seen: None,
            own: None,
        };
        tokio::spawn(candidacy.run(std::sync::Arc::downgrade(&store.0), sender));
        elections.insert(key.clone(), receiver.clone());
        receiver
    }

    /// Lets others take over at once.
    pub(super) async fn resign(&self, store: &Fdb) {
        let elections = std::mem::take(&mut *self.0.lock());
        for (key, leadership) in elections {
            let led = leadership.borrow().is_leader;
            drop(leadership);
            if led && let Err(error) = vacate(store, &key).await {
                tracing::debug!(%error, "cannot resign; the others will notice");
            }
        }
    }
}

/// The stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    term: u64,
    /// 0 when nobody leads.
    leader: u64,
    beat: u64,
}

impl Record {
    fn encode(self) -> Bytes {
        let mut out = BytesMut::with_capacity(24);
        out.put_u64(self.term);
        out.put_u64(self.leader);
        out.put_u64(self.beat);
        out.freeze()
    }

    fn decode(mut record: Bytes) -> Result<Self, StoreError> {
        if record.len() != 24 {
            return Err(StoreError::Unreadable(
                "the leader's record is damaged".into(),
            ));
        }
        Ok(Self {
            term: record.get_u64(),
            leader: record.get_u64(),
            beat: record.get_u64(),
        })
    }
}

struct Candidacy {
    key: Bytes,
    candidate: u64,
    /// The record as last seen, and since when.
    seen: Option<(Option<Record>, Instant)>,
    /// Our own last beat.
    own: Option<Record>,
}

impl Candidacy {
    async fn run(mut self, store: Weak<super::Shared>, sender: watch::Sender<Leadership>) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = sender.closed() => return,
            }
            let Some(store) = store.upgrade().map(Fdb) else {
                return;
            };
            match tokio::time::timeout(TENURE, self.turn(&store)).await {
                Ok(Ok(leadership)) => {
                    looked = Instant::now();
                    publish(&sender, leadership);
                }
                Ok(Err(StoreError::Fatal(_))) => return,
                Ok(Err(error)) => tracing::debug!(%error, "no look at the leader"),
                Err(_) => tracing::debug!("no look at the leader in time"),
            }
            if sender.borrow().is_leader && !sender.borrow().leads() {
                sender.send_modify(|leadership| {
                    leadership.is_leader = false;
                    leadership.leader = None;
                });
            }
            if looked.elapsed() > PATIENCE && sender.borrow().leader.is_some() {
                // Whoever led may lead no more.
                sender.send_modify(|leadership| leadership.leader = None);
            }
        }
    }

    /// Looks, and beats or takes over.
    async fn turn(&mut self, store: &Fdb) -> Result<Leadership, StoreError> {
        let begin = Instant::now();
        let view = store.view(Consistency::Linearizable).await?;
        let stored = view.get(&self.key).await?;
        let record = stored.clone().map(Record::decode).transpose()?;
        if self.seen.is_none_or(|(seen, _)| seen != record) {
            self.seen = Some((record, begin));
        }
        let since = self.seen.map_or(begin, |(_, since)| since);
        // A term is taken once, so it tells our own beats, also one whose outcome was unknown.
        let leads = self
            .own
            .zip(record)
            .is_some_and(|(own, record)| (own.term, own.leader) == (record.term, record.leader));
        let is_vacant = record.is_none_or(|record| record.leader == 0);
        let next = match record {
            Some(record) if leads => Record {
                beat: record.beat + 1,
                ..record
            },
            _ if is_vacant || begin.duration_since(since) > PATIENCE => Record {
                term: record.map_or(0, |record| record.term) + 1,
                leader: self.candidate,
                beat: 0,
            },
            _ => {
                self.own = None;
                return Ok(Leadership {
                    is_leader: false,
                    leader: record.map(|record| record.leader),
                    term: record.map_or(0, |record| record.term),
                    until: None,
                });
            }
        };
        match write(store, &self.key, stored, next).await {
            Ok(()) => {
                self.own = Some(next);
                Ok(Leadership {
                    is_leader: true,
                    leader: Some(self.candidate),
                    term: next.term,
                    until: Some(begin + TENURE),
                })
            }
            // Looked at again at the next turn. Leadership that was held goes on until its end.
            Err(ApplyError::Fatal(sentence)) => Err(StoreError::Fatal(sentence)),
            Err(error) => Err(StoreError::Unavailable(error.to_string().into())),
        }
    }
}

/// Only news is published, but an extension is no news to who waits for a change.
fn publish(sender: &watch::Sender<Leadership>, leadership: Leadership) {
    sender.send_if_modified(|held| {
        let is_news = (held.is_leader, held.leader, held.term)
            != (leadership.is_leader, leadership.leader, leadership.term);
        *held = leadership;
        is_news
    });
}

async fn write(
    store: &Fdb,
    key: &Bytes,
    expected: Option<Bytes>,
    record: Record,
) -> Result<(), ApplyError> {
    let batch = Batch {
        id: BatchId {
            writer: record.leader,
            sequence: record.beat,
        },
        guard: Some(Guard {
            key: key.clone(),
            expected,
        }),
        ops: vec![Op::Set(key.clone(), record.encode())],
    };
    store.apply(batch).await
}

async fn vacate(store: &Fdb, key: &Bytes) -> Result<(), StoreError> {
    let view = store.view(Consistency::Linearizable).await?;
    let Some(stored) = view.get(key).await? else {
        return Ok(());
    };
    let record = Record {
        leader: 0,
        ..Record::decode(stored.clone())?
    };
    let written = write(store, key, Some(stored), record).await;
    written.map_err(|error| StoreError::Unavailable(error.to_string().into()))
}
