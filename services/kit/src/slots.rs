//! Slots: how many requests a server serves at a time, with a queue in front of them, and an account of both.
//!
//! The account is two integrals over time: busy slots and waiting requests. Their growth over a window, divided by the
//! window, is the mean number busy (divided by the slots: the utilisation) and the mean length of the queue, exact for
//! any window, however seldom one looks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::duration_buckets;

/// The slots of a service, shared by all its requests.
#[derive(Debug)]
pub struct Slots {
    /// Hands out slots in order of arrival; absent where there is no limit.
    semaphore: Option<Arc<Semaphore>>,
    account: Mutex<Account>,
    in_queue: Histogram,
    in_service: Histogram,
}

/// What the slots have been doing up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Occupancy {
    /// Requests that can be served at a time; 0 for no limit.
    pub concurrency: u32,
    /// Requests being served now.
    pub busy: u32,
    /// Requests waiting for a slot now.
    pub waiting: u32,
    /// Time that slots were busy, summed over the slots.
    pub busy_time: Duration,
    /// Time that requests waited, summed over the requests.
    pub waiting_time: Duration,
    /// Requests that have left.
    pub served: u64,
}

#[derive(Debug)]
struct Account {
    occupancy: Occupancy,
    /// The time up to which it holds.
    until: Instant,
}

impl Slots {
    /// So many slots; 0 for no limit.
    pub fn new(concurrency: u32) -> Arc<Self> {
        let occupancy = Occupancy { concurrency, ..Occupancy::default() };
        Arc::new(Self {
            semaphore: (concurrency > 0).then(|| Arc::new(Semaphore::new(concurrency as usize))),
            account: Mutex::new(Account { occupancy, until: Instant::now() }),
            in_queue: Histogram::new(duration_buckets()),
            in_service: Histogram::new(duration_buckets()),
        })
    }

    /// Waits for a slot, in order of arrival. The slot is free again when the turn is dropped.
    pub async fn take(self: &Arc<Self>) -> Turn {
        let waiting = self.enter(|now, by| now.waiting = now.waiting.wrapping_add_signed(by), &self.in_queue);
        let permit = match &self.semaphore {
            Some(semaphore) => semaphore.clone().acquire_owned().await.ok(),
            None => None,
        };
        drop(waiting);
        let busy = |now: &mut Occupancy, by: i32| {
            now.busy = now.busy.wrapping_add_signed(by);
            now.served += u64::from(by < 0);
        };
        Turn { _in_service: self.enter(busy, &self.in_service), _permit: permit }
    }

    /// What the slots have been doing up to now.
    pub fn occupancy(&self) -> Occupancy {
        self.advanced(Instant::now(), |_| ())
    }

    /// Adds the account to what `/metrics` shows.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        let (queue, service) = (self.in_queue.clone(), self.in_service.clone());
        let help = "Time from a request's arrival until it has a slot";
        registry.register_with_unit("request_queue", help, Unit::Seconds, queue);
        registry.register_with_unit("request_service", "Time that a request holds a slot", Unit::Seconds, service);
        registry.register_collector(Box::new(Shown(self.clone())));
    }

    fn enter(self: &Arc<Self>, level: fn(&mut Occupancy, i32), times: &Histogram) -> Counted {
        let since = Instant::now();
        self.advanced(since, |now| level(now, 1));
        Counted { slots: self.clone(), since, level, times: times.clone() }
    }

    /// Brings the integrals up to `now`, then lets `change` alter the levels.
    fn advanced(&self, now: Instant, change: impl FnOnce(&mut Occupancy)) -> Occupancy {
        let Account { occupancy, until } = &mut *self.account.lock().unwrap_or_else(PoisonError::into_inner);
        // Threads may take the lock in another order than they read the clock.
        let passed = now.saturating_duration_since(*until);
        *until += passed;
        occupancy.busy_time += passed * occupancy.busy;
        occupancy.waiting_time += passed * occupancy.waiting;
        change(occupancy);
        *occupancy
    }
}

/// A slot that is held until this is dropped.
#[derive(Debug)]
pub struct Turn {
    // In this order: the next request may begin only when this one is off the account.
    _in_service: Counted,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A request that is on a level of the account, in the queue or in service, until this is dropped; also by giving up.
#[derive(Debug)]
struct Counted {
    slots: Arc<Slots>,
    since: Instant,
    level: fn(&mut Occupancy, i32),
    times: Histogram,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let now = Instant::now();
        self.times.observe((now - self.since).as_secs_f64());
        self.slots.advanced(now, |account| (self.level)(account, -1));
    }
}

#[derive(Debug)]
struct Shown(Arc<Slots>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let now = self.0.occupancy();
        let mut show = |name, help, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let (busy, waiting) = (now.busy_time.as_secs_f64(), now.waiting_time.as_secs_f64());
        let help = "Time that slots were busy, summed over the slots";
        show("busy", help, Some(&Unit::Seconds), &ConstCounter::new(busy))?;
        let help = "Time that requests waited for a slot, summed over the requests";
        show("waiting", help, Some(&Unit::Seconds), &ConstCounter::new(waiting))?;
        let help = "Requests that can be served at a time; 0 for no limit";
        show("slots", help, None, &ConstGauge::new(i64::from(now.concurrency)))?;
        show("requests_in_service", "Requests that hold a slot now", None, &ConstGauge::new(i64::from(now.busy)))?;
        show("queue_length", "Requests that wait for a slot now", None, &ConstGauge::new(i64::from(now.waiting)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_slot_serves_in_order_of_arrival() {
        let slots = Slots::new(1);
        let first = slots.take().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiters = Vec::new();
        for number in 0..5 {
            let (waiting, order) = (slots.clone(), order.clone());
            waiters.push(tokio::spawn(async move {
                let _turn = waiting.take().await;
                order.lock().unwrap().push(number);
            }));
            while slots.occupancy().waiting <= number {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!((slots.occupancy().busy, slots.occupancy().waiting), (1, 5));
        drop(first);
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(slots.occupancy().served, 6);
    }

    #[tokio::test]
    async fn a_request_that_gives_up_leaves_the_queue() {
        let slots = Slots::new(1);
        let held = slots.take().await;
        let waiter = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take().await }
        });
        while slots.occupancy().waiting == 0 {
            tokio::task::yield_now().await;
        }
        waiter.abort();
        assert!(waiter.await.is_err());
        assert_eq!(slots.occupancy().waiting, 0);
        drop(held);
        drop(slots.take().await);
        assert_eq!(slots.occupancy().served, 2);
    }

    #[tokio::test]
    async fn the_integrals_are_the_levels_over_time() {
        let slots = Slots::new(1);
        let start = slots.account.lock().unwrap().until;
        let second = Duration::from_secs(1);
        slots.advanced(start, |a| a.busy = 1);
        slots.advanced(start + second, |a| a.waiting = 3);
        let end = slots.advanced(start + 3 * second, |a| (a.busy, a.waiting) = (0, 0));
        assert_eq!(end.busy_time, 3 * second);
        assert_eq!(end.waiting_time, 6 * second);
    }

    #[tokio::test]
    async fn no_limit_means_no_queue() {
        let slots = Slots::new(0);
        let turns = [slots.take().await, slots.take().await, slots.take().await];
        assert_eq!(slots.occupancy().busy, 3);
        drop(turns);
        assert_eq!(slots.occupancy().busy, 0);
    }
}
