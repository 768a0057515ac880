//! Who may send the next request, and when the run is over.

use super::{
    plan::Limit,
    schedule::{Pacer, Schedule},
    stop::Stop,
};
use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep_until, timeout_at};

/// Leave to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Its number among the requests of this thread.
    pub index: u64,
    /// When it is due; latency counts from here.
    pub due: Instant,
}

/// Gives the clients of one thread their tickets.
#[derive(Debug)]
pub struct Gate {
    start: Instant,
    measured_from: Instant,
    deadline: Option<Instant>,
    /// Measured requests left.
    quota: Cell<u64>,
    next: Cell<u64>,
    paced: Option<(Schedule, Pacer)>,
    stop: Arc<Stop>,
}

impl Gate {
    /// A gate that opens at `start`, measures after `warmup` and closes at `limit`.
    /// `rate` and `limit` are this thread's share.
    pub fn new(
        start: Instant,
        warmup: Duration,
        limit: Limit,
        rate: Option<f64>,
        stop: Arc<Stop>,
    ) -> Self {
        let measured_from = start + warmup;
        let (quota, deadline) = match limit {
            Limit::Total(total) => (total, None),
            Limit::Time(time) => (u64::MAX, Some(measured_from + time)),
        };
        let paced = rate.map(|per_second| {
            let schedule = Schedule::new(per_second);
            (schedule, Pacer::start(schedule, start))
        });
        Self {
            start,
            measured_from,
            deadline,
            quota: Cell::new(quota),
            next: Cell::new(0),
            paced,
            stop,
        }
    }

    /// The start of the measuring, after the warm-up.
    pub fn measured_from(&self) -> Instant {
        self.measured_from
    }

    /// Waits for leave to send; `now` is the present. `None` when the run is over.
    pub async fn ticket(&self, now: Instant) -> Option<Ticket> {
        if self.is_over(now) {
            return None;
        }
        let due = match &self.paced {
            None => now,
            Some((schedule, pacer)) => {
                tokio::select! {
                    () = pacer.next() => self.start + schedule.due_at(self.next.get()),
                    () = self.over() => return None,
                }
            }
        };
        // The wait may have been long: another client may have taken the last one.
        if self.quota.get() == 0 || self.deadline.is_some_and(|deadline| due >= deadline) {
            return None;
        }
        if due >= self.measured_from {
            self.quota.set(self.quota.get() - 1);
        }
        let index = self.next.replace(self.next.get() + 1);
        Some(Ticket { index, due })
    }

    /// Measured requests that were due before the end and for which no client was free. Leaving
    /// them out would flatter a server that is too slow for the rate.
    pub fn unsent(&self) -> u64 {
        match (&self.paced, self.deadline) {
            (Some((schedule, _)), Some(deadline)) if !self.stop.is_set() => {
                let due_before = |end: Instant| {
                    let elapsed = end.duration_since(self.start);
                    schedule.due_by(elapsed.saturating_sub(Duration::from_nanos(1)))
                };
                let sent = self.next.get().max(due_before(self.measured_from));
                due_before(deadline).saturating_sub(sent)
            }
            _ => 0,
        }
    }

    /// Completes `grace` after the run is over, for requests that never get an answer.
    pub async fn overdue(&self, grace: Duration) {
        self.over().await;
        tokio::time::sleep(grace).await;
    }

    fn is_over(&self, now: Instant) -> bool {
        self.stop.is_set()
            || self.quota.get() == 0
            || self.deadline.is_some_and(|deadline| now >= deadline)
    }

    async fn over(&self) {
        match self.deadline {
            // Either way it is over: in time, or early.
            Some(deadline) => {
                let _ = timeout_at(deadline.into(), self.stop.wait()).await;
            }
            None => self.stop.wait().await,
        }
    }

    /// Waits until the gate opens.
    pub async fn opened(&self) {
        sleep_until(self.start.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(warmup_ms: u64, limit: Limit) -> Gate {
        let warmup = Duration::from_millis(warmup_ms);
        Gate::new(Instant::now(), warmup, limit, None, Arc::default())
    }

    #[tokio::test]
    async fn a_total_counts_measured_requests_only() {
        let gate = gate(1000, Limit::Total(2));
        let warm = gate.start;
        let measured = gate.measured_from();
        assert_eq!(gate.ticket(warm).await.map(|ticket| ticket.index), Some(0));
        assert_eq!(
            gate.ticket(measured).await.map(|ticket| ticket.index),
            Some(1)
        );
        assert_eq!(
            gate.ticket(measured).await.map(|ticket| ticket.index),
            Some(2)
        );
        assert_eq!(gate.ticket(measured).await, None);
    }

    #[tokio::test]
    async fn a_deadline_and_a_stop_close_the_gate() {
        let gate = gate(0, Limit::Time(Duration::from_secs(60)));
        let start = gate.start;
        assert!(gate.ticket(start).await.is_some());
        assert_eq!(gate.ticket(start + Duration::from_secs(60)).await, None);
        gate.stop.set();
        assert_eq!(gate.ticket(start).await, None);
        gate.overdue(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn requests_that_were_due_and_not_sent_are_counted() {
        let start = Instant::now();
        let (warmup, time) = (Duration::from_secs(1), Duration::from_secs(2));
        let gate = Gate::new(start, warmup, Limit::Time(time), Some(10.0), Arc::default());
        // 10 are due in the warm-up, 20 after it.
        assert_eq!(gate.unsent(), 20);
        gate.next.set(25);
        assert_eq!(gate.unsent(), 5);
        gate.next.set(30);
        assert_eq!(gate.unsent(), 0);
    }

    #[tokio::test]
    async fn a_paced_ticket_is_due_when_the_schedule_says() {
        let start = Instant::now();
        let limit = Limit::Total(50);
        let gate = Gate::new(start, Duration::ZERO, limit, Some(10_000.0), Arc::default());
        let mut dues = Vec::new();
        while let Some(ticket) = gate.ticket(Instant::now()).await {
            dues.push(ticket.due - start);
        }
        let expected: Vec<_> = (0..50).map(|i| Duration::from_micros(i * 100)).collect();
        assert_eq!(dues, expected);
    }
}
