//! Trials by the engine, in this process or by agents.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use agents::{Failed, Sender};
use instrument::config::{Config, Load, Opening};
use instrument::report::Error;
use instrument::schedule::Stage;
use instrument::timeline::quantile;

use crate::{Collector, Driver, Objective, Settled, Trial};

/// Requests are sent for this share of a trial before the measuring, and no longer than that.
const WARM_UP: (f64, Duration) = (0.2, Duration::from_secs(5));

/// They are sent for at least so many times what a request takes alone: those that are always under way have yet to gather,
/// and would pass for a backlog that grows. Of exponential times, e⁻⁵ take longer.
const GATHER: u32 = 5;

/// After a trial, its requests have so long to be answered.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the queue of a trial may take to go away before the next one begins all the same.
const SETTLE: Duration = Duration::from_secs(30);

/// Requests of a probe, one after the other.
const PROBE: u64 = 5;

/// The queue is gone when a probe takes no longer than this, in terms of the shortest one yet and of itself.
const AS_BEFORE: (u32, Duration) = (3, Duration::from_millis(2));

/// Between two looks at whether a service that cannot be reached is back.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs trials against a URL.
pub struct Trials<'a> {
    config: Config,
    sender: &'a mut Sender,
    stop: &'a AtomicBool,
    /// How long a request takes that meets no queue.
    alone: Option<Duration>,
    /// How long a queue may take to go away, and a service to come back.
    patience: Duration,
}

impl<'a> Trials<'a> {
    /// Sends what the configuration says, at rates of its own.
    pub fn new(config: Config, sender: &'a mut Sender, stop: &'a AtomicBool) -> Self {
        Trials { config, sender, stop, alone: None, patience: SETTLE }
    }

    /// The median of a few requests, one after the other from each generator; nothing where none was answered.
    fn probe(&mut self) -> Result<Option<Duration>, Failed> {
        let generators = self.sender.generators();
        let mut config = self.config.clone();
        config.load = Load::Closed;
        (config.connections, config.threads, config.requests) = (generators, 1, Some(PROBE * generators as u64));
        config.duration = Some(SETTLE);
        config.opening = Opening::AsNeeded;
        let (report, _) = self.sender.run(&config, self.stop, &mut ())?;
        Ok(quantile(&report.total.response, 0.5).map(Duration::from_nanos))
    }
}

/// How long to send before a trial of a length, by what a request takes alone where that is known.
fn warm_up(length: Duration, alone: Option<Duration>) -> Duration {
    let (share, longest) = WARM_UP;
    let gather = alone.map_or(Duration::ZERO, |alone| alone.saturating_mul(GATHER).min(SETTLE));
    length.mul_f64(share).min(longest).max(gather)
}

impl Driver for Trials<'_> {
    type Error = Failed;

    fn trial(&mut self, rate: f64, length: Duration, objectives: &[Objective]) -> Result<Trial, Failed> {
        if self.alone.is_none() {
            self.alone = self.probe()?;
        }
        let mut config = self.config.clone();
        if let Load::Open { stages, .. } = &mut config.load {
            *stages = vec![Stage::constant(rate, length.as_secs_f64())];
        }
        config.duration = Some(length);
        config.warm_up = warm_up(length, self.alone);
        config.drain = DRAIN;
        config.interval = Collector::interval(length);
        let mut collector = Collector::new(objectives, length);
        let (report, _) = self.sender.run(&config, self.stop, &mut collector)?;
        Ok(Trial::of(collector, &report))
    }

    /// A service that cannot be reached may have been ended by its load, and may be on its way back.
    fn settle(&mut self) -> Result<Settled, Failed> {
        let Some(alone) = self.alone else { return Ok(Settled::Ready) };
        let begun = Instant::now();
        let (times, more) = AS_BEFORE;
        let mut last = Settled::Ready;
        while begun.elapsed() < self.patience {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Settled::Interrupted);
            }
            last = match self.probe() {
                Ok(Some(probe)) if probe <= alone * times + more => return Ok(Settled::Ready),
                Ok(_) => Settled::Ready,
                Err(error @ (Failed::Here(Error::Unreachable { .. }) | Failed::Agents(agents::Error::Nothing(_)))) => {
                    thread::park_timeout(PAUSE);
                    Settled::Gone(error.to_string())
                }
                Err(Failed::Agents(agents::Error::Interrupted)) => return Ok(Settled::Interrupted),
                Err(error) => return Err(error),
            };
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};

    use agents::{Fleet, Token};
    use instrument::target::Target;

    use super::*;

    /// An address at which nothing listens.
    fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound")
    }

    /// Answers every request.
    fn answer_all(address: SocketAddr) {
        for stream in TcpListener::bind(address).expect("it was free").incoming() {
            let (mut stream, mut request) = (stream.expect("a connection"), [0; 1024]);
            while matches!(stream.read(&mut request), Ok(count) if count > 0) {
                if stream.write_all(testbed::OK.as_bytes()).is_err() {
                    break;
                }
            }
        }
    }

    /// Waits as after a trial, for so long at the most.
    fn settle(address: SocketAddr, patience: Duration, stop: bool) -> Settled {
        settle_by(&mut Sender::Here, address, patience, stop)
    }

    fn settle_by(sender: &mut Sender, address: SocketAddr, patience: Duration, stop: bool) -> Settled {
        let stop = AtomicBool::new(stop);
        let config = Config::new(Target::parse(&address.to_string()).expect("a URL"));
        let alone = Some(Duration::from_secs(10));
        Trials { alone, patience, ..Trials::new(config, sender, &stop) }.settle().expect("it is no failure")
    }

    /// A sender of two agents in threads, which obey until the process ends.
    fn two_agents() -> Sender {
        let token = Token::random();
        let addresses = [(); 2].map(|()| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let (address, token) = (listener.local_addr().expect("bound").to_string(), token.clone());
            thread::spawn(move || agents::serve(&listener, &token, &AtomicBool::new(false), &|_| ()));
            address
        });
        Sender::Agents { fleet: Fleet::dial(&addresses, &token).expect("both obey"), held: None }
    }

    /// With agents it was once taken for ready at once.
    #[test]
    fn agents_look_whether_the_service_is_back_too() {
        let (address, mut sender) = (nobody(), two_agents());
        let gone = settle_by(&mut sender, address, Duration::from_millis(500), false);
        assert!(matches!(&gone, Settled::Gone(reason) if reason.contains("refused")), "{gone:?}");
        thread::spawn(move || answer_all(address));
        assert_eq!(settle_by(&mut sender, address, SETTLE, false), Settled::Ready);
    }

    #[test]
    fn what_takes_long_has_time_to_gather_before_it_is_measured() {
        let (ms, secs) = (Duration::from_millis, Duration::from_secs);
        assert_eq!(warm_up(secs(5), Some(ms(10))), secs(1));
        assert_eq!(warm_up(secs(60), None), secs(5));
        assert_eq!(warm_up(secs(5), Some(secs(2))), secs(10));
        assert_eq!(warm_up(secs(5), Some(secs(60))), SETTLE, "it has a bound");
    }

    /// It once cost the whole search.
    #[test]
    fn a_service_that_comes_back_is_waited_for() {
        let address = nobody();
        thread::spawn(move || {
            thread::park_timeout(Duration::from_secs(1));
            answer_all(address);
        });
        assert_eq!(settle(address, SETTLE, false), Settled::Ready);
    }

    #[test]
    fn a_service_that_stays_away_is_gone_and_the_wait_has_an_end() {
        let gone = settle(nobody(), Duration::from_millis(500), false);
        assert!(matches!(&gone, Settled::Gone(reason) if reason.contains("refused")), "{gone:?}");
        assert_eq!(settle(nobody(), SETTLE, true), Settled::Interrupted);
    }
}
