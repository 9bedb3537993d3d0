//! What the threads of a run have in common, and what they hand over.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::config::Config;
use crate::engine::awake::Awake;
use crate::engine::gate::Gate;
use crate::report::Error;
use crate::resolve::{Addresses, Resolver};
use crate::tally::Tally;
use crate::tls::Tls;
use crate::usage::Usage;

/// A run in which no connection could be made for this long since the first attempt failed has nothing to measure. A
/// server whose first connections fail and whose later ones do not is measured, with its failures.
const HOPELESS: u64 = 1_000_000_000;

/// What the threads of a run have in common.
pub struct Shared<'a> {
    /// What was asked.
    pub config: &'a Config,
    /// A request as it goes over the wire.
    pub bytes: Vec<u8>,
    /// The addresses, when they are resolved before the run.
    pub addresses: Option<Addresses>,
    /// Asks for the addresses, when they are resolved for each connection.
    pub resolver: Option<Resolver>,
    /// Which of the addresses answered.
    pub preferred: AtomicUsize,
    /// TLS, for https.
    pub tls: Option<Tls>,
    /// Set from outside to end the run.
    pub stop: &'a AtomicBool,
    /// Set from inside when the run cannot go on.
    pub failed: AtomicBool,
    /// Whether any connection was ever ready for a request.
    pub reached: AtomicBool,
    /// When the first connection failed, and why, while none was ever ready.
    pub unreached: Mutex<Option<(u64, Error)>>,
    /// Why the run cannot go on.
    pub fatal: Mutex<Option<Error>>,
    /// Measured requests left to a closed loop that was given their number.
    pub left: AtomicU64,
    /// Opens when all threads are ready, and says when the run starts.
    pub gate: Gate,
    /// Empty tallies, for the threads that hand theirs over.
    pub spares: Mutex<Vec<Tally>>,
}

impl<'a> Shared<'a> {
    /// Prepares a run of these requests. What is optional is absent.
    pub fn new(config: &'a Config, bytes: Vec<u8>, stop: &'a AtomicBool) -> Self {
        let shared = Shared {
            config,
            bytes,
            addresses: None,
            resolver: None,
            preferred: AtomicUsize::new(0),
            tls: None,
            stop,
            failed: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            unreached: Mutex::default(),
            fatal: Mutex::default(),
            left: AtomicU64::new(config.requests.map_or(u64::MAX, |requests| config.segment.share(requests))),
            gate: Gate::default(),
            spares: Mutex::default(),
        };
        // One that a thread counts in, and one to hand that over for.
        for _ in 0..2 * config.threads {
            shared.give_back(Tally::default());
        }
        shared
    }

    /// Ends the run for good; the first reason is the one that is told.
    pub fn give_up(&self, error: Error) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// A connection failed at a time. Where none has been ready for a while, there is nothing to measure and the run ends.
    pub fn unreachable(&self, now: u64, reason: impl FnOnce() -> Error) {
        if self.reached.load(Ordering::Relaxed) {
            return;
        }
        let mut first = self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, error) = first.get_or_insert_with(|| (now, reason()));
        if now.saturating_sub(*since) >= HOPELESS {
            self.give_up(error.clone());
        }
    }

    /// Why there is nothing to report, at the end of a run.
    pub fn outcome(&self) -> Result<(), Error> {
        let take = |error: &Mutex<Option<Error>>| error.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(error) = take(&self.fatal) {
            return Err(error);
        }
        let first = self.unreached.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some((_, error)) if !self.reached.load(Ordering::Relaxed) => Err(error),
            _ => Ok(()),
        }
    }

    /// Empties a tally and keeps it for the next interval of any thread. To make one is the work of a third of a
    /// millisecond, which would delay requests that are due.
    pub fn give_back(&self, mut tally: Tally) {
        tally.clear();
        self.spares.lock().unwrap_or_else(PoisonError::into_inner).push(tally);
    }

    /// An empty tally.
    pub fn spare(&self) -> Tally {
        let kept = self.spares.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_default()
    }

    /// Whether the run is to end before its time.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }
}

/// What a thread tells while it runs.
pub enum Message {
    /// It is ready to start, or never will be.
    Ready,
    /// It counted this since the last piece.
    Piece(Box<Piece>),
}

/// What one thread counted since the last piece.
pub struct Piece {
    /// Number of the interval; beyond all of them for what came after the measured time.
    pub index: u64,
    /// What was counted.
    pub tally: Tally,
    /// How many of the counted requests were due in which interval.
    pub due: Vec<(u64, u64)>,
}

/// What a thread knows at its end, beside what it counted.
#[derive(Debug, Clone)]
pub struct Finish {
    /// When the thread stopped.
    pub at: u64,
    /// Whether it did all that was asked, rather than being stopped.
    pub complete: bool,
    /// When the last answer came.
    pub last_answer: u64,
    /// Processor time of the thread.
    pub cpu: u64,
    /// Time since the measuring began for which it could have run and had no processor.
    pub starved: u64,
    /// How its time was spent.
    pub awake: Awake,
    /// How it used its connections.
    pub usage: Usage,
}
