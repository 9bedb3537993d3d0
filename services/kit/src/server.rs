//! A server: the connections that are open, and which of them to close.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::{self, Activity};
use crate::host;
use crate::metrics::Metrics;
use crate::serve::{ACCEPT_PAUSE, Limits};

/// The most that hyper buffers of one connection: the longest head, and the pieces that a body is read in.
const READ_BUFFER: usize = 64 << 10;

/// How often connections are looked at within the header timeout.
const LOOKS: u32 = 4;

/// How long a connection without a request in flight stays open when the server stops: a request that was on its way by then
/// is still answered.
pub const IDLE_GRACE: Duration = Duration::from_millis(250);

/// How often a server that stops looks whether all connections have ended.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// Serves connections that somebody else accepts.
#[derive(Debug)]
pub struct Server {
    pub(crate) http: http1::Builder,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    /// Whether answers are to close their connections.
    pub(crate) stopping: AtomicBool,
    /// How many connections may be open.
    most: usize,
    open: Mutex<Open>,
    /// Told when a connection has ended.
    ended: Notify,
}

/// In the order in which they were accepted: what runs each connection, and whether it is idle.
type Open = BTreeMap<u64, (AbortHandle, Arc<Activity>)>;

/// Those that have been idle for `patience`: since when, and what runs each.
fn idle(open: &Open, patience: Duration) -> impl Iterator<Item = (Instant, &AbortHandle)> {
    let idle = open.values().filter_map(|(task, activity)| Some((activity.idle_since()?, task)));
    idle.filter(move |(since, _)| since.elapsed() >= patience)
}

impl Server {
    /// A server of `router` without connections.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(router: Router, metrics: &Metrics, limits: &Limits) -> Arc<Self> {
        let mut http = http1::Builder::new();
        // Hyper's own limit makes a timer anew for each request; one look at all connections now and then costs a request nothing.
        http.header_read_timeout(None).max_buf_size(READ_BUFFER);
        // A request that waits for its delay has a descriptor for its timer beside the one of its connection; and the program has
        // some of its own, for its listeners, a health check, and what it asks.
        let most = (host::file_limit().saturating_sub(32) / 2).clamp(1, limits.max_connections.into()) as usize;
        let (metrics, limits, stopping) = (metrics.clone(), limits.clone(), AtomicBool::new(false));
        let (open, ended, patience) = (Mutex::default(), Notify::new(), limits.header_timeout);
        let server = Arc::new(Self { http, router, metrics, stopping, limits, most, open, ended });
        let watched = Arc::downgrade(&server);
        tokio::spawn(async move {
            while watched.upgrade().map(|server| server.close_idle(patience)).is_some() {
                sleep(patience / LOOKS).await;
            }
        });
        server
    }

    /// Serves one connection, in a task of its own.
    pub fn take(self: &Arc<Self>, stream: TcpStream) {
        let activity = Activity::new();
        // The lock is held until the connection is listed, so that it cannot end before.
        let mut open = self.open.lock();
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        let (listed, its) = (Listed { server: self.clone(), number }, activity.clone());
        // What serves it is made in the task, as moving it there costs more than making it.
        let task = tokio::spawn(async move { connection::serve(&listed.server, stream, its).await });
        open.insert(number, (task.abort_handle(), activity));
        self.metrics.connections.inc();
    }

    /// Returns when one more connection fits. While too many are open, the one idle longest is closed; when none is idle, new
    /// ones wait in the kernel's queue.
    pub(crate) async fn make_room(&self) {
        while self.open.lock().len() >= self.most {
            // The request of one that was accepted just now is read in a moment.
            if let Some((_, idlest)) = idle(&self.open.lock(), ACCEPT_PAUSE).min_by_key(|(since, _)| *since) {
                idlest.abort();
            }
            let _ = timeout(ACCEPT_PAUSE, self.ended.notified()).await;
        }
    }

    /// Lets what is in flight finish, for at most the drain timeout; returns how many connections were cut off.
    pub async fn drain(&self) -> usize {
        self.drain_after(async {}).await
    }

    /// The same, while `accepting` takes the last connections.
    pub(crate) async fn drain_after(&self, accepting: impl Future<Output = ()>) -> usize {
        self.stopping.store(true, Ordering::Relaxed);
        let all_end = async {
            accepting.await;
            let began = Instant::now();
            while !self.open.lock().is_empty() {
                sleep(DRAIN_TICK).await;
                if began.elapsed() >= IDLE_GRACE {
                    self.close_idle(IDLE_GRACE);
                }
            }
        };
        if timeout(self.limits.drain_timeout, all_end).await.is_ok() {
            return 0;
        }
        let cut = self.busy();
        self.open.lock().values().for_each(|(task, _)| task.abort());
        while !self.open.lock().is_empty() {
            self.ended.notified().await;
        }
        cut
    }

    /// Closes the connections that have been idle for `patience`.
    fn close_idle(&self, patience: Duration) {
        idle(&self.open.lock(), patience).for_each(|(_, task)| task.abort());
    }

    /// How many connections have a request in flight.
    pub(crate) fn busy(&self) -> usize {
        let open = self.open.lock();
        open.len() - idle(&open, Duration::ZERO).count()
    }
}

/// A connection that is listed for as long as this lives.
struct Listed {
    server: Arc<Server>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.server.open.lock().remove(&self.number);
        self.server.metrics.connections.dec();
        self.server.ended.notify_one();
    }
}
