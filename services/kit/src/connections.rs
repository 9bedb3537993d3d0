//! The connections that are open, and which of them to close.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::connection::Activity;

/// The connections of a server.
#[derive(Debug)]
pub struct Connections {
    /// In the order in which they were accepted: what runs each, and whether it is idle.
    open: Mutex<Open>,
    ended: Notify,
    gauge: Gauge,
}

type Open = BTreeMap<u64, (AbortHandle, Arc<Activity>)>;

/// Those without a request in flight: since when, and what runs each.
fn idle(open: &Open) -> impl Iterator<Item = (Instant, &AbortHandle)> {
    open.values().filter_map(|(task, activity)| Some((activity.idle_since()?, task)))
}

impl Connections {
    /// None yet; `gauge` shows how many there are.
    pub fn new(gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), ended: Notify::new(), gauge })
    }

    /// Runs a connection in a task of its own. Its future is made there, as moving one costs more than making it.
    pub fn spawn<Serving: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        activity: Arc<Activity>,
        serve: impl FnOnce() -> Serving + Send + 'static,
    ) {
        // The lock is held until the connection is listed, so that it cannot end before.
        let mut open = self.open.lock();
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        let listed = Listed { connections: self.clone(), number };
        let task = tokio::spawn(async move {
            let _listed = listed;
            serve().await;
        });
        open.insert(number, (task.abort_handle(), activity));
        self.gauge.inc();
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// How many have a request in flight.
    pub fn busy(&self) -> usize {
        let open = self.open.lock();
        open.len() - idle(&open).count()
    }

    /// Closes those that have been idle for `patience`.
    pub fn close_idle(&self, patience: Duration) {
        let open = self.open.lock();
        idle(&open).filter(|(since, _)| since.elapsed() >= patience).for_each(|(_, task)| task.abort());
    }

    /// Closes the one that has been idle longest, if any has been idle for `patience`.
    pub fn close_idlest(&self, patience: Duration) {
        let open = self.open.lock();
        if let Some((since, idlest)) = idle(&open).min_by_key(|(since, _)| *since)
            && since.elapsed() >= patience
        {
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
        self.open.lock().values().for_each(|(task, _)| task.abort());
        while self.len() > 0 {
            self.ended().await;
        }
        busy
    }
}

/// A connection that is listed for as long as this lives.
struct Listed {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.open.lock().remove(&self.number);
        self.connections.gauge.dec();
        self.connections.ended.notify_one();
    }
}
