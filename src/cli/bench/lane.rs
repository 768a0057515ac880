//! One generator thread: its own runtime, connections, clients and record.
//!
//! Nothing on the path of a request is shared between threads, so that on a small machine the
//! generator takes as little from the server as it can.

use super::{
    gate::{Gate, Ticket},
    plan::{Limit, Plan, Workload},
    raw,
    record::Record,
    session::{
        CatchUpSession, GetSession, LeaseSession, MixedSession, PageSession, PutSession,
        RangeSession, Seat, Session, TxnPutSession, Versions,
    },
    stop::Stop,
    watch,
    wire::Connection,
};
use crate::cli::{client::Dialer, exit::status_sentence};
use anyhow::{Result, bail};
use std::{
    cell::{Cell, RefCell},
    ops::Range,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch as signal},
    task::{LocalSet, spawn_local},
};
use tonic::Status;

/// After the end of a run, answers are waited for this long.
const ANSWER_GRACE: Duration = Duration::from_secs(5);
/// A client pauses after an error: a server that is down must not be answered by a busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// What a lane tells the main thread.
pub enum Event {
    /// Connected and prepared.
    Ready,
    /// The run is over.
    Finished(Record),
    /// It could not be prepared.
    Failed(anyhow::Error),
}

/// Where the requests go.
#[derive(Clone)]
pub enum Way {
    /// To a server, by connections that this opens.
    Server(Arc<Dialer>),
    /// Straight to FoundationDB.
    Raw(Arc<raw::Cluster>),
}

/// What one generator thread is given.
pub struct Lane {
    /// The run.
    pub plan: Arc<Plan>,
    /// Where its requests go.
    pub way: Way,
    /// Its number, from 0.
    pub number: usize,
    /// How many lanes there are.
    pub lanes: usize,
    /// The revisions `txn-put` starts from.
    pub versions: Arc<Versions>,
    /// Shared by the lanes of a watch run.
    pub fanout: Arc<watch::Fanout>,
    /// Ends the run early.
    pub stop: Arc<Stop>,
    /// Requests answered, for the progress bar.
    pub progress: Arc<AtomicU64>,
    /// To the main thread.
    pub events: mpsc::Sender<Event>,
    /// The start of the run, once every lane is ready; closed if another one failed.
    pub start: signal::Receiver<Option<Instant>>,
}

impl Lane {
    /// Does the lane's part of the run on the calling thread.
    pub fn run(self) {
        let events = self.events.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let outcome = match runtime {
            Ok(runtime) => runtime.block_on(LocalSet::new().run_until(self.work())),
            Err(error) => Err(error.into()),
        };
        let event = match outcome {
            Ok(Some(record)) => Event::Finished(record),
            Ok(None) => return,
            Err(error) => Event::Failed(error),
        };
        // The main thread may have given up already; then nobody asks for the answer.
        let _ = events.blocking_send(event);
    }

    /// This lane's part of `total`; the first lanes take what is left over.
    pub fn share(&self, total: u64) -> Range<u64> {
        share(total, self.number as u64, self.lanes as u64)
    }

    async fn work(self) -> Result<Option<Record>> {
        match self.way.clone() {
            Way::Server(dialer) => self.work_with_server(&dialer).await,
            Way::Raw(cluster) => self.work_with_cluster(cluster).await,
        }
    }

    async fn work_with_cluster(self, cluster: Arc<raw::Cluster>) -> Result<Option<Record>> {
        match self.plan.workload {
            Workload::Put => self.drive(&[cluster], PutSession::new).await,
            Workload::TxnPut { create_percent } => {
                let versions = self.versions.clone();
                let open = |seat: Seat<_>| TxnPutSession::new(seat, &versions, create_percent);
                self.drive(&[cluster], open).await
            }
            _ => bail!("FoundationDB itself can only be written to"),
        }
    }

    async fn work_with_server(self, dialer: &Dialer) -> Result<Option<Record>> {
        let load = &self.plan.load;
        let conns = self.share(load.connections as u64);
        let count = (conns.end - conns.start) as usize;
        if let Workload::Watch { apart: true, .. } = self.plan.workload {
            return self.watch_apart(dialer, count).await;
        }
        let clients = Connection::open_many(dialer, dialer.endpoints(), count).await?;
        match self.plan.workload {
            Workload::Put => self.drive(&clients, PutSession::new).await,
            Workload::TxnPut { create_percent } => {
                let versions = self.versions.clone();
                let open = |seat: Seat| TxnPutSession::new(seat, &versions, create_percent);
                self.drive(&clients, open).await
            }
            Workload::Get { serializable } => {
                let open = |seat: Seat| GetSession::new(seat, serializable);
                self.drive(&clients, open).await
            }
            Workload::Range { .. } => {
                let workload = self.plan.workload.clone();
                self.drive(&clients, |seat| RangeSession::new(seat, &workload))
                    .await
            }
            Workload::Page { limit, walk } => {
                let open = |seat: Seat| PageSession::new(seat, limit, walk);
                self.drive(&clients, open).await
            }
            Workload::Mixed {
                reads_per_write,
                serializable,
            } => {
                let open = |seat: Seat| MixedSession::new(seat, reads_per_write, serializable);
                self.drive(&clients, open).await
            }
            Workload::Lease { ttl_seconds } => {
                let open = |seat: Seat| LeaseSession::new(seat, ttl_seconds);
                self.drive(&clients, open).await
            }
            Workload::CatchUp { revisions } => {
                let open = |seat: Seat| CatchUpSession::new(seat, revisions);
                self.drive(&clients, open).await
            }
            Workload::Watch { .. } => {
                let writer = clients.first().cloned();
                watch::run(self, writer, clients).await
            }
        }
    }

    /// Writes to the first endpoint and watches at the others.
    async fn watch_apart(self, dialer: &Dialer, count: usize) -> Result<Option<Record>> {
        let Some((first, others)) = dialer.endpoints().split_first() else {
            return Ok(None);
        };
        let first = std::slice::from_ref(first);
        let mut writer = Connection::open_many(dialer, first, 1).await?;
        let watchers = Connection::open_many(dialer, others, count).await?;
        watch::run(self, writer.pop(), watchers).await
    }

    async fn drive<C: Clone, S: Session + 'static>(
        self,
        connections: &[C],
        open: impl Fn(Seat<C>) -> S,
    ) -> Result<Option<Record>> {
        let sessions: Vec<S> = self
            .share(self.plan.load.clients)
            .zip(connections.iter().cycle())
            .map(|(number, client)| open(Seat::new(&self, number, client)))
            .collect();
        let Some(run) = self.ready().await else {
            return Ok(None);
        };
        let clients = sessions
            .into_iter()
            .map(|session| spawn_local(drive_client(session, run.clone())));
        let clients: Vec<_> = clients.collect();
        run.until_over(async {
            for client in clients {
                // A panic aborts the process in release builds; in debug builds it is printed.
                let _ = client.await;
            }
        })
        .await;
        Ok(Some(run.finish()))
    }

    /// Reports that this lane is prepared and waits for the others. `None` if one of them failed.
    pub async fn ready(mut self) -> Option<Rc<Run>> {
        self.events.send(Event::Ready).await.ok()?;
        let start = (*self.start.wait_for(|start| start.is_some()).await.ok()?)?;
        let load = &self.plan.load;
        let senders = self.plan.workload.senders(self.lanes);
        let limit = match load.limit {
            Limit::Total(total) if senders == 1 => Limit::Total(total),
            Limit::Total(total) => {
                let share = self.share(total);
                Limit::Total(share.end - share.start)
            }
            time => time,
        };
        let rate = load.rate.filter(|_| self.number < senders);
        let rate = rate.map(|rate| rate / senders as f64);
        let gate = Gate::new(start, load.warmup, limit, rate, self.stop.clone());
        let workload = &self.plan.workload;
        let record = Record::new(
            gate.measured_from(),
            workload.kinds().len(),
            workload.headline(),
        );
        gate.opened().await;
        Some(Rc::new(Run {
            gate,
            record: RefCell::new(record),
            in_flight: Cell::new(0),
            progress: self.progress.clone(),
        }))
    }
}

/// A lane at work.
pub struct Run {
    /// Gives leave to send.
    pub gate: Gate,
    record: RefCell<Record>,
    in_flight: Cell<u64>,
    progress: Arc<AtomicU64>,
}

impl Run {
    /// Runs `work`, but leaves it when the run is over and answers stay away.
    pub async fn until_over(&self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = work => {}
            () = self.gate.overdue(ANSWER_GRACE) => {}
        }
    }

    /// Sends one request and records its answer; returns the present.
    pub async fn measure(
        &self,
        ticket: Ticket,
        request: impl Future<Output = Result<usize, Status>>,
    ) -> Instant {
        self.in_flight.set(self.in_flight.get() + 1);
        let answer = request.await;
        self.in_flight.set(self.in_flight.get() - 1);
        let now = Instant::now();
        match answer {
            Ok(kind) => {
                self.done(kind, ticket.due, now);
                now
            }
            Err(status) => {
                self.record
                    .borrow_mut()
                    .failed(ticket.due, now, status_sentence(&status));
                tokio::time::sleep(ERROR_PAUSE).await;
                Instant::now()
            }
        }
    }

    /// Records one answer.
    pub fn done(&self, kind: usize, due: Instant, ended: Instant) {
        if self.record.borrow_mut().done(kind, due, ended) {
            self.progress.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records an error that is no answer to one request.
    pub fn failed(&self, text: String) {
        let now = Instant::now();
        self.record.borrow_mut().failed(now, now, text);
    }

    /// Closes the record.
    pub fn finish(&self) -> Record {
        let mut record = self.record.borrow().clone();
        record.abandoned(self.in_flight.get(), self.gate.unsent());
        record
    }
}

async fn drive_client<S: Session>(mut session: S, run: Rc<Run>) {
    let mut now = Instant::now();
    while let Some(ticket) = run.gate.ticket(now).await {
        now = run.measure(ticket, session.send(ticket.index)).await;
    }
}

fn share(total: u64, number: u64, parts: u64) -> Range<u64> {
    let start = |number: u64| total / parts * number + number.min(total % parts);
    start(number)..start(number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_leave_nothing_out() {
        for (total, parts) in [(0, 3), (2, 3), (10, 3), (1000, 7)] {
            let mut next = 0;
            for number in 0..parts {
                let part = share(total, number, parts);
                assert_eq!(part.start, next);
                assert!((total / parts..=total / parts + 1).contains(&(part.end - part.start)));
                next = part.end;
            }
            assert_eq!(next, total);
        }
    }
}
