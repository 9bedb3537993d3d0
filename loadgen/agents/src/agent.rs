//! An agent: waits for a coordinator, runs its part, and tells what it counted.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use instrument::config::Config;
use instrument::machine::Machine;
use instrument::report::Report;
use instrument::timeline::told;
use instrument::{Interval, Observer};

use crate::counted::Counted;
use crate::link::{Link, LinkError, Receiving, Sending};
use crate::message::{Answer, Finished, Order};
use crate::{SILENCE, Token, clock, reach};

/// Connections that have not proved the token yet; further ones wait.
const STRANGERS: usize = 64;

/// How long an agent waits that can take no connection, before it tries again.
const DEAF: Duration = Duration::from_secs(1);

/// How long an agent that was told to quit by nobody tries to reach its coordinator.
const REACH: Duration = Duration::from_secs(8);

/// What an agent does, for whoever watches it.
#[derive(Debug)]
pub enum Heard {
    /// A coordinator has proved the token.
    Coordinator(SocketAddr),
    /// Somebody has not.
    Refused(SocketAddr, LinkError),
    /// No connection can be taken at the moment; it is tried again and again.
    Deaf(io::Error),
    /// A run begins, against this URL.
    Run(String),
    /// The coordinator is gone.
    Gone(SocketAddr),
}

/// Told of what an agent does.
pub type Watcher<'a> = &'a (dyn Fn(Heard) + Sync);

/// Waits for coordinators on a port that is bound, one after the other, until `stop` is set. A coordinator that comes
/// while another one is served is told so.
///
/// # Errors
/// When the port is none to wait on. A system that can take no connection for some time, as without file descriptors, is waited
/// for.
pub fn serve(listener: &TcpListener, token: &Token, stop: &AtomicBool, watch: Watcher<'_>) -> io::Result<()> {
    // Somebody has to look at `stop`: signals do not end the wait.
    listener.set_nonblocking(true)?;
    let (busy, strangers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut deaf = false;
    thread::scope(|scope| {
        while !stop.load(Ordering::Relaxed) {
            // While so many greet, others wait in the kernel's queue: a coordinator may be among them.
            let full = strangers.load(Ordering::Acquire) >= STRANGERS;
            let came = if full { Err(io::ErrorKind::WouldBlock.into()) } else { listener.accept() };
            let was_deaf = std::mem::replace(&mut deaf, came.as_ref().is_err_and(|error| !is_nobody(error)));
            match came {
                Ok((stream, peer)) => {
                    strangers.fetch_add(1, Ordering::AcqRel);
                    let (busy, strangers) = (&busy, &strangers);
                    scope.spawn(move || {
                        let outcome = stream.set_nonblocking(false).map_err(LinkError::Io);
                        let greeted = outcome.and_then(|()| greet(stream, token));
                        strangers.fetch_sub(1, Ordering::AcqRel);
                        match greeted {
                            Ok(link) if busy.swap(true, Ordering::AcqRel) => {
                                // It learns why from the answer; whether that arrives is its own matter.
                                let _ = link.sending.send(&Answer::Busy);
                            }
                            Ok(link) => {
                                obey(link, stop, watch);
                                busy.store(false, Ordering::Release);
                            }
                            Err(error) => watch(Heard::Refused(peer, error)),
                        }
                    });
                }
                Err(error) if is_nobody(&error) => thread::park_timeout(Duration::from_millis(50)),
                Err(error) if is_no_port(listener, &error) => return Err(error),
                Err(error) => {
                    // Once, however long it lasts.
                    if !was_deaf {
                        watch(Heard::Deaf(error));
                    }
                    thread::park_timeout(DEAF);
                }
            }
        }
        Ok(())
    })
}

/// Whether nobody has come, which is no error.
fn is_nobody(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether nobody can come any more: a socket that does not listen, or is none.
fn is_no_port(listener: &TcpListener, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput || listener.local_addr().is_err()
}

/// Goes to a coordinator and serves it, once. For agents that are started for one run, and that nobody can reach.
///
/// # Errors
/// When the coordinator cannot be reached within eight seconds, or does not have the token.
pub fn join(coordinator: &str, token: &Token, stop: &AtomicBool, watch: Watcher<'_>) -> Result<(), LinkError> {
    let link = greet(reach(coordinator, REACH, stop)?, token)?;
    obey(link, stop, watch);
    Ok(())
}

/// Finds out whether the other side has the token.
fn greet(stream: TcpStream, token: &Token) -> Result<Link, LinkError> {
    let mut link = Link::of_agent(stream, token)?;
    match link.receiving.receive()? {
        Order::Hello => Ok(link),
        _ => Err(LinkError::Version),
    }
}

/// Does what a coordinator says, until it goes away.
fn obey(link: Link, stop: &AtomicBool, watch: Watcher<'_>) {
    watch(Heard::Coordinator(link.peer));
    let mut run = None;
    if link.sending.send(&Answer::Hello(Machine::here())).is_ok() {
        // How the coordinator went does not matter: without it there is nothing to be done.
        let _ = follow(&link.sending, link.receiving, stop, watch, &mut run);
    }
    link.sending.close();
    if let Some(Run { stop, thread }) = run {
        stop.store(true, Ordering::Relaxed);
        // A thread that panicked has said so itself.
        let _ = thread.join();
    }
    watch(Heard::Gone(link.peer));
}

/// A run that is under way.
struct Run {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

fn follow(
    sending: &Sending,
    mut receiving: Receiving,
    stop: &AtomicBool,
    watch: Watcher<'_>,
    run: &mut Option<Run>,
) -> Result<(), LinkError> {
    // Short, so that an agent that is told to stop does.
    receiving.patience(Duration::from_millis(500))?;
    let mut heard = Instant::now();
    let mut prepared: Option<Config> = None;
    loop {
        let order = match receiving.receive_or_nothing() {
            Ok(Some(order)) => order,
            Ok(None) if heard.elapsed() < SILENCE && !stop.load(Ordering::Relaxed) => continue,
            Ok(None) => return Ok(()),
            Err(error) => return Err(error),
        };
        heard = Instant::now();
        match order {
            Order::Hello => {}
            Order::Beat => sending.send(&Answer::Beat)?,
            Order::Time { sent } => sending.send(&Answer::Time { sent, now: clock::now() })?,
            Order::Prepare(plan) => match plan.config() {
                Ok(config) => {
                    prepared = Some(config);
                    sending.send(&Answer::Ready)?;
                }
                Err(reason) => sending.send(&Answer::Failed(reason))?,
            },
            Order::Begin { at } => {
                if let Some(Run { thread, .. }) = run.take() {
                    let _ = thread.join();
                }
                let Some(mut config) = prepared.take() else {
                    sending.send(&Answer::Failed("there is no plan to begin with".to_owned()))?;
                    continue;
                };
                config.begin = Some(clock::moment(at));
                watch(Heard::Run(config.target.to_string()));
                *run = Some(begin(config, sending.clone()));
            }
            Order::Stop => {
                if let Some(Run { stop, .. }) = run {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            Order::Quit => return Ok(()),
        }
    }
}

fn begin(config: Config, sending: Sending) -> Run {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        let mut teller = Teller { sending: sending.clone(), stop: Arc::clone(&flag) };
        let answer = match instrument::run(&config, &flag, &mut teller) {
            Ok(report) => Answer::Finished(Box::new(finished(&report))),
            Err(error) => Answer::Failed(error.to_string()),
        };
        // Where the coordinator is gone there is nobody to tell.
        let _ = sending.send(&answer);
    });
    Run { stop, thread }
}

/// Tells the coordinator what was counted; ends the run where it does not listen any more.
struct Teller {
    sending: Sending,
    stop: Arc<AtomicBool>,
}

impl Observer for Teller {
    fn interval(&mut self, interval: &Interval<'_>) {
        let counted = Box::new(Counted::of(interval.tally, interval.due));
        if self.sending.send(&Answer::Interval { index: interval.index, counted }).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

fn finished(report: &Report) -> Finished {
    let generator = &report.generator;
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let slip = &report.total.slip;
    Finished {
        elapsed: nanos(report.elapsed),
        interrupted: report.interrupted,
        due: report.total.counts.due,
        threads: generator.threads as u32,
        cpu: nanos(generator.cpu),
        busy: generator.busy,
        times: [generator.backlog, generator.backlog_asleep, generator.paused, generator.starved].map(nanos),
        pauses: generator.pauses,
        longest_pause: generator.longest_pause,
        limits: generator.limits.clone(),
        slip: (!slip.is_empty()).then(|| (told(slip, 0.99), slip.max())),
        busiest: report.usage.busiest,
        addresses: report.usage.addresses.iter().map(|a| (a.address, a.connections, a.answers)).collect(),
    }
}
