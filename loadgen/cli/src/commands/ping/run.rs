//! The pings themselves: one task a URL, which shows its own results, so that no ping is timed while they are written.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ping::{Failure, Kind, Probe, Timing};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::output::Output;
use super::pace::Pace;
use super::tally::{Ping, Tally};

/// What is asked for of every URL.
pub struct Plan {
    /// When pings begin.
    pub pace: Pace,
    /// How many; none for no end.
    pub count: Option<u64>,
    /// Whether they share a connection.
    pub keep_alive: bool,
    /// The status codes that count as ok; all where empty.
    pub accepted: Vec<u16>,
    /// Whether a name that cannot be resolved at first may appear later.
    pub retry_names: bool,
}

/// How it ended.
pub struct Ended {
    /// What each URL did.
    pub tallies: Vec<Tally>,
    /// Whether a signal ended it.
    pub interrupted: bool,
}

/// The state that the tasks share.
struct Board {
    tallies: Vec<Tally>,
    output: Box<dyn Output>,
    broken: Option<io::Error>,
}

impl Board {
    fn show(&mut self, what: impl FnOnce(&mut dyn Output, &[Tally]) -> io::Result<()>) {
        if self.broken.is_none()
            && let Err(error) = what(&mut *self.output, &self.tallies)
        {
            self.broken = Some(error);
        }
    }
}

/// Pings every URL until the count is reached, the output breaks, or a signal comes.
pub async fn run(probes: Vec<Probe>, plan: Plan, tallies: Vec<Tally>, output: Box<dyn Output>) -> io::Result<Ended> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);

    let board = Arc::new(Mutex::new(Board { tallies, output, broken: None }));
    lock(&board).show(|output, tallies| output.begin(tallies));
    let plan = Arc::new(plan);
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let urls = probes.len();
    for (which, probe) in probes.into_iter().enumerate() {
        let first = start + plan.pace.stagger(which, urls);
        tasks.spawn(ping_one(which, probe, Arc::clone(&plan), first, Arc::clone(&board)));
    }
    let interrupted = loop {
        tokio::select! {
            _ = interrupt.recv() => break true,
            _ = terminate.recv() => break true,
            _ = quit.recv() => lock(&board).show(|output, tallies| output.interim(tallies)),
            _ = ticks.tick() => lock(&board).show(|output, tallies| output.tick(tallies)),
            ended = tasks.join_next() => match ended {
                None => break false,
                // A task that panicked has already said so; its URL has no more pings.
                Some(_) => continue,
            },
        }
    };
    tasks.shutdown().await;
    let mut board = lock(&board);
    board.show(|output, tallies| output.end(tallies));
    match board.broken.take() {
        // Whoever reads has enough; that is no failure of ours.
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(Ended { tallies: std::mem::take(&mut board.tallies), interrupted }),
    }
}

async fn ping_one(which: usize, probe: Probe, plan: Arc<Plan>, start: Instant, board: Arc<Mutex<Board>>) {
    let mut session = plan.keep_alive.then(|| probe.session());
    let mut due = start;
    for seq in 0..plan.count.unwrap_or(u64::MAX) {
        if due > Instant::now() {
            // Not where it is due: the timer would round that up to the next millisecond.
            tokio::time::sleep_until(due.into()).await;
        }
        let began = Instant::now();
        let at = SystemTime::now();
        {
            let tally = &mut lock(&board).tallies[which];
            tally.under_way = Some(began);
            if seq == 0 {
                tally.started = began;
            }
        }
        let outcome = match &mut session {
            Some(session) => session.once().await,
            None => probe.once().await,
        };
        let outcome = outcome.and_then(|timing| accept(timing, &plan.accepted));
        let hopeless =
            seq == 0 && !plan.retry_names && outcome.as_ref().is_err_and(|failure| failure.kind == Kind::Resolve);
        let mut board = lock(&board);
        let ping = Ping { seq, at, outcome };
        board.tallies[which].add(&ping);
        board.show(|output, tallies| output.pinged(tallies, which, &ping));
        if hopeless || board.broken.is_some() {
            return;
        }
        due = plan.pace.next(start, Instant::now());
    }
}

fn accept(timing: Timing, accepted: &[u16]) -> Result<Timing, Failure> {
    if accepted.is_empty() || accepted.contains(&timing.status) {
        return Ok(timing);
    }
    let peer = timing.peer.map(|peer| format!(" from {peer}")).unwrap_or_default();
    let message = format!("the answer{peer} was {} {}", timing.status, timing.reason);
    Err(Failure { kind: Kind::Status, message, after: timing.total })
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
