//! The connections that are open, and which of them to close.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// In the order in which they were accepted.
    open: Mutex<BTreeMap<u64, Connection>>,
    ended: Notify,
    stopping: AtomicBool,
    gauge: Gauge,
}

#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    activity: Arc<Activity>,
}

impl Connections {
    /// None yet; `gauge` shows how many there are.
    pub fn new(gauge: Gauge) -> Self {
        Self { open: Mutex::default(), ended: Notify::new(), stopping: AtomicBool::new(false), gauge }
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
        open.insert(number, Connection { task: task.abort_handle(), activity });
        self.gauge.inc();
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open().len()
    }

    /// How many have a request in flight.
    pub fn busy(&self) -> usize {
        self.open().values().filter(|connection| connection.activity.idle_since().is_none()).count()
    }

    /// Closes those that have been idle for `patience`.
    pub fn close_idle(&self, patience: Duration) {
        let open = self.open();
        let long = |since: Instant| since.elapsed() >= patience;
        open.values().filter(|one| one.activity.idle_since().is_some_and(long)).for_each(|one| one.task.abort());
    }

    /// Closes the one that has been idle longest, if any is idle.
    pub fn close_idlest(&self) {
        let open = self.open();
        let idle = open.values().filter_map(|one| Some((one.activity.idle_since()?, one)));
        if let Some((_, idlest)) = idle.min_by_key(|(since, _)| *since) {
            idlest.task.abort();
        }
    }

    /// Returns when one has ended since the last call.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// From now on answers close their connections.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether answers are to close their connections.
    pub fn are_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Closes all; returns how many of them were not idle.
    pub async fn cut_off(&self) -> usize {
        let busy = self.busy();
        self.open().values().for_each(|connection| connection.task.abort());
        while self.len() > 0 {
            self.ended().await;
        }
        busy
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Connection>> {
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
