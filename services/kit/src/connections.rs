//! The connections that are open, and which of them to close.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::connection::Activity;

/// The connections of a server.
#[derive(Debug)]
pub struct Connections {
    /// In the order in which they were accepted: what runs each, and whether it is idle.
    open: Mutex<BTreeMap<u64, (AbortHandle, Arc<Activity>)>>,
    ended: Notify,
    gauge: Gauge,
}

impl Connections {
    /// None yet; `gauge` shows how many there are.
    pub fn new(gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), ended: Notify::new(), gauge })
    }

    /// Runs a connection in a task of its own.
    pub fn spawn(self: &Arc<Self>, activity: Arc<Activity>, serving: impl Future<Output = ()> + Send + 'static) {
        // The lock is held until the connection is listed, so that it cannot end before.
        let mut open = self.open();
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        let listed = Listed { connections: self.clone(), number };
        let task = tokio::spawn(async move {
            let _listed = listed;
            serving.await;
        });
        open.insert(number, (task.abort_handle(), activity));
        self.gauge.inc();
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open().len()
    }

    /// How many have a request in flight.
    pub fn busy(&self) -> usize {
        self.open().values().filter(|(_, activity)| activity.idle_since().is_none()).count()
    }

    /// Closes those that have been idle for `patience`.
    pub fn close_idle(&self, patience: Duration) {
        let long = |since: Instant| since.elapsed() >= patience;
        let open = self.open();
        open.values()
            .filter(|(_, activity)| activity.idle_since().is_some_and(long))
            .for_each(|(task, _)| task.abort());
    }

    /// Closes the one that has been idle longest, if any is idle.
    pub fn close_idlest(&self) {
        let open = self.open();
        let idle = open.values().filter_map(|(task, activity)| Some((activity.idle_since()?, task)));
        if let Some((_, idlest)) = idle.min_by_key(|(since, _)| *since) {
            idlest.abort();
        }
    }

    /// Returns when one has ended since the last call.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Closes all; returns how many of them were not idle.
    pub async fn cut_off(&self) -> usize {
        let busy = self.busy();
        self.open().values().for_each(|(task, _)| task.abort());
        while self.len() > 0 {
            self.ended().await;
        }
        busy
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, (AbortHandle, Arc<Activity>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is listed for as long as this lives.
struct Listed {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
        self.connections.gauge.dec();
        self.connections.ended.notify_one();
    }
}
