//! Slots: how many requests a server serves at a time, with a queue in front of them, and an account of both.
//!
//! The account is two integrals over time: busy slots and waiting requests. Their growth over a window, divided by the
//! window, is the mean number busy (divided by the slots: the utilisation) and the mean length of the queue, exact for
//! any window, however seldom one looks. Divided by the requests served meanwhile, it is the mean time of a request in either.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// A service with slots: its routes, and the slots for those who run it in their own process.
#[derive(Debug)]
pub struct App {
    /// The routes.
    pub router: Router,
    /// The slots that requests hold.
    pub slots: Arc<Slots>,
}

/// The slots of a service, shared by all its requests.
#[derive(Debug)]
pub struct Slots {
    /// Requests that can be served at a time; 0 for no limit.
    pub concurrency: u32,
    /// Hands out slots in order of arrival.
    semaphore: Arc<Semaphore>,
    queue: Arc<Mutex<Level>>,
    service: Arc<Mutex<Level>>,
}

/// How many requests are in one place, the queue or in service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// How many now.
    pub now: u32,
    /// How long they were there, summed over the requests.
    pub time: Duration,
    /// How many have left.
    pub left: u64,
    /// The time up to which this holds.
    until: Instant,
}

impl Slots {
    /// So many slots; 0 for no limit. `metrics` show their account.
    pub fn new(concurrency: u32, metrics: &Metrics) -> Arc<Self> {
        // Without a limit there are more slots than there can be requests.
        let permits = if concurrency == 0 { Semaphore::MAX_PERMITS } else { concurrency as usize };
        let semaphore = Arc::new(Semaphore::new(permits));
        let empty = Level { now: 0, time: Duration::ZERO, left: 0, until: Instant::now() };
        let place = || Arc::new(Mutex::new(empty));
        let slots = Arc::new(Self { concurrency, semaphore, queue: place(), service: place() });
        metrics.register(|registry| registry.register_collector(Box::new(Shown(slots.clone()))));
        slots
    }

    /// Waits for a slot, in order of arrival. The slot is free again when the turn is dropped.
    pub async fn take(&self) -> Turn {
        let waiting = Counted::enter(&self.queue);
        let permit = self.semaphore.clone().acquire_owned().await.expect("nobody closes it");
        drop(waiting);
        Turn { _in_service: Counted::enter(&self.service), _permit: permit }
    }

    /// Requests that wait for a slot, up to now.
    pub fn waiting(&self) -> Level {
        self.queue.lock().change(Instant::now(), 0)
    }

    /// Requests that hold a slot, up to now.
    pub fn busy(&self) -> Level {
        self.service.lock().change(Instant::now(), 0)
    }
}

impl Level {
    /// Brings the integral up to `now`, then lets so many come, or go. The clock is read under the lock, so it does not go back.
    fn change(&mut self, now: Instant, by: i32) -> Self {
        self.time += (now - self.until) * self.now;
        self.until = now;
        self.now = self.now.wrapping_add_signed(by);
        self.left += u64::from(by < 0);
        *self
    }
}

/// A slot that is held until this is dropped.
#[derive(Debug)]
pub struct Turn {
    // In this order: the next request may begin only when this one is off the account.
    _in_service: Counted,
    _permit: OwnedSemaphorePermit,
}

/// A request that is in a place until this is dropped; also by giving up.
#[derive(Debug)]
struct Counted(Arc<Mutex<Level>>);

impl Counted {
    fn enter(place: &Arc<Mutex<Level>>) -> Self {
        place.lock().change(Instant::now(), 1);
        Self(place.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lock().change(Instant::now(), -1);
    }
}

#[derive(Debug)]
struct Shown(Arc<Slots>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (waiting, busy) = (self.0.waiting(), self.0.busy());
        let mut show = |name, help, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let help = "Time that slots were busy, summed over the slots";
        show("busy", help, Some(&Unit::Seconds), &ConstCounter::new(busy.time.as_secs_f64()))?;
        let help = "Time that requests waited for a slot, summed over the requests";
        show("waiting", help, Some(&Unit::Seconds), &ConstCounter::new(waiting.time.as_secs_f64()))?;
        show("served", "Requests that have given their slot back", None, &ConstCounter::new(busy.left))?;
        let help = "Requests that can be served at a time; 0 for no limit";
        show("slots", help, None, &ConstGauge::new(i64::from(self.0.concurrency)))?;
        show("requests_in_service", "Requests that hold a slot now", None, &ConstGauge::new(i64::from(busy.now)))?;
        show("queue_length", "Requests that wait for a slot now", None, &ConstGauge::new(i64::from(waiting.now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(concurrency: u32) -> Arc<Slots> {
        Slots::new(concurrency, &Metrics::new("test"))
    }

    #[tokio::test]
    async fn one_slot_serves_in_order_of_arrival() {
        let slots = slots(1);
        let first = slots.take().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiters = Vec::new();
        for number in 0..5 {
            let (waiting, order) = (slots.clone(), order.clone());
            waiters.push(tokio::spawn(async move {
                let _turn = waiting.take().await;
                order.lock().push(number);
            }));
            while slots.waiting().now <= number {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!((slots.busy().now, slots.waiting().now), (1, 5));
        drop(first);
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(*order.lock(), [0, 1, 2, 3, 4]);
        assert_eq!(slots.busy().left, 6);
    }

    #[tokio::test]
    async fn a_request_that_gives_up_leaves_the_queue() {
        let slots = slots(1);
        let held = slots.take().await;
        let waiter = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take().await }
        });
        while slots.waiting().now == 0 {
            tokio::task::yield_now().await;
        }
        waiter.abort();
        assert!(waiter.await.is_err());
        assert_eq!(slots.waiting().now, 0);
        drop(held);
        drop(slots.take().await);
        assert_eq!(slots.busy().left, 2);
    }

    #[test]
    fn the_integrals_are_the_levels_over_time() {
        let start = Instant::now();
        let mut level = Level { now: 0, time: Duration::ZERO, left: 0, until: start };
        let second = Duration::from_secs(1);
        level.change(start, 1);
        level.change(start + second, 2);
        let end = level.change(start + 3 * second, -3);
        assert_eq!((end.now, end.time), (0, 7 * second));
    }

    #[tokio::test]
    async fn no_limit_means_no_queue() {
        let slots = slots(0);
        let turns = [slots.take().await, slots.take().await, slots.take().await];
        assert_eq!(slots.busy().now, 3);
        drop(turns);
        assert_eq!(slots.busy().now, 0);
    }
}
