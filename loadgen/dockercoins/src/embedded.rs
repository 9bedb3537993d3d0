//! The whole application in this process: the real services on loopback ports, no Docker and no Redis.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kit::listen;
use kit::metrics::Metrics;
use kit::serve::{Limits, Server, accept};
use kit::slots::{App, Slots};
use ledger::Ledger;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use worker::{Outcome, Target, Worker};

use crate::application::{Application, Load, Observation};
use crate::starved::Starved;
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Settings};

/// How often a worker commits and announces: finer than in a swarm, as it costs nothing here.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// How long a worker has to finish its loop and to commit when it is scaled away. Of a thousand workers the last would have its
/// turn at rng after 100 s; a loop that is given up counts for nothing.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a worker waits for an answer: with a thousand of them a turn at rng takes 100 s. Those who gave up after 30 s would
/// be those whose turn has just come, and rng would work for nobody.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What the services are started with.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Settings of every replica of rng.
    pub rng: rng::Config,
    /// Settings of every replica of hasher.
    pub hasher: hasher::Config,
    /// Settings of every worker; the URLs and the flush interval are set here.
    pub worker: worker::Config,
}

/// The application in this process.
pub struct Embedded {
    config: Config,
    ledger: Ledger,
    rng: Balanced,
    hasher: Balanced,
    workers: Vec<Mining>,
    /// What the workers that were scaled away accepted and committed.
    past: Outcome,
    starved: Starved,
}

struct Mining {
    stop: CancellationToken,
    worker: JoinHandle<Outcome>,
}

impl Embedded {
    /// Starts one replica of rng and of hasher, and no worker. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// There is no loopback port to listen on.
    pub fn start(config: Config, ledger: Ledger) -> Result<Self, Error> {
        let rng = Balanced::start("rng")?;
        let hasher = Balanced::start("hasher")?;
        let mut config = config;
        config.worker.rng_url = rng.target();
        config.worker.hasher_url = hasher.target();
        config.worker.flush_interval = FLUSH_INTERVAL;
        config.worker.timeout = PATIENCE;
        let past = Outcome { accepted: 0, committed: 0 };
        Ok(Self { config, ledger, rng, hasher, workers: Vec::new(), past, starved: Starved::default() })
    }

    /// The ledger that the workers commit to.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    async fn scale_workers(&mut self, replicas: usize) -> Result<(), Error> {
        while self.workers.len() < replicas {
            let stop = CancellationToken::new();
            let worker = Worker::new(self.config.worker.clone(), self.ledger.clone());
            self.workers.push(Mining { worker: tokio::spawn(worker.run(stop.clone(), DRAIN)), stop });
        }
        let leaving = self.workers.split_off(replicas);
        leaving.iter().for_each(|mining| mining.stop.cancel());
        for mining in leaving {
            let outcome = mining.worker.await.map_err(|error| Error(format!("a worker ended badly: {error}")))?;
            self.past.accepted += outcome.accepted;
            self.past.committed += outcome.committed;
        }
        Ok(())
    }
}

impl Platform for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    async fn describe(&mut self, settings: &mut Settings, _: &mut Machine) -> Result<(), Error> {
        if let Some(found) = &mut settings.dockercoins {
            found.ledger = self.ledger.kind().to_owned();
        }
        Ok(())
    }

    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error> {
        for (service, count) in replicas {
            match service.as_str() {
                "rng" => {
                    let config = self.config.rng.clone();
                    self.rng.scale(*count, |metrics| rng::app(&config, metrics));
                }
                "hasher" => {
                    let config = self.config.hasher.clone();
                    self.hasher.scale(*count, |metrics| hasher::app(&config, metrics));
                }
                "worker" => self.scale_workers(*count as usize).await?,
                other => {
                    let known = "worker, rng and hasher";
                    return Err(Error(format!("there is no service `{other}` to scale here: there are {known}")));
                }
            }
        }
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        Ok(Vec::new())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        self.scale_workers(0).await?;
        let Outcome { accepted, committed } = self.past;
        if committed < accepted {
            let lost = accepted - committed;
            return Err(Error(format!("the ledger did not take {lost} of {accepted} hashes: is Redis still there?")));
        }
        Ok(())
    }
}

impl Application for Embedded {
    async fn observe(&mut self) -> Result<Observation, Error> {
        let failed = |error| Error(format!("the ledger does not answer: {error}"));
        let workers = self.ledger.workers().await.map_err(failed)?.known;
        let hashes = self.ledger.totals().await.map_err(failed)?.hashes;
        let loads = [&self.rng, &self.hasher].map(|service| (service.name.to_owned(), service.loads()));
        Ok(Observation {
            at: Instant::now(),
            workers,
            hashes,
            loads: loads.into(),
            // This process' own work for the probes is among it.
            cpu: BTreeMap::from([("all".to_owned(), BTreeMap::from([(kit::host::name(), kit::host::cpu_time())]))]),
            starved: Some(self.starved.total()),
        })
    }

    fn probes(&self) -> BTreeMap<String, String> {
        [&self.rng, &self.hasher]
            .map(|service| (service.name.to_owned(), format!("http://{}/", service.side_door)))
            .into()
    }

    async fn whole(&mut self) -> Result<bool, Error> {
        Ok(self.workers.iter().all(|mining| !mining.worker.is_finished()))
    }
}

/// A service behind one address that hands each new connection to the next replica: what a swarm's virtual IP does.
struct Balanced {
    name: &'static str,
    /// Where the workers connect to.
    address: SocketAddr,
    /// Where probes connect to: the same replicas, but turns of their own.
    side_door: SocketAddr,
    replicas: Replicated,
    _accepting: DropGuard,
}

/// The replicas that are there.
type Replicated = Arc<Mutex<Vec<(Arc<Server>, Arc<Slots>)>>>;

impl Balanced {
    fn start(name: &'static str) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error(format!("{name}: no loopback port to listen on: {error}"));
        let replicas = Replicated::default();
        let stop = CancellationToken::new();
        let open = || -> std::io::Result<SocketAddr> {
            let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into())?;
            let address = listener.local_addr()?;
            tokio::spawn(stop.clone().run_until_cancelled_owned(balance(listener, replicas.clone())));
            Ok(address)
        };
        let (address, side_door) = (open().map_err(failed)?, open().map_err(failed)?);
        Ok(Self { name, address, side_door, replicas, _accepting: stop.drop_guard() })
    }

    fn target(&self) -> Target {
        Target::new(&self.address.ip().to_string(), self.address.port())
    }

    fn scale(&self, count: u32, build: impl Fn(&Metrics) -> App) {
        let mut replicas = lock(&self.replicas);
        while replicas.len() < count as usize {
            let metrics = Metrics::new(self.name);
            let App { router, slots } = build(&metrics);
            replicas.push((Server::new(router, &metrics, &Limits::default()), slots));
        }
        for (server, _) in replicas.split_off(count as usize) {
            tokio::spawn(async move { server.drain().await });
        }
    }

    fn loads(&self) -> BTreeMap<String, Load> {
        let replicas = lock(&self.replicas);
        let load = |(number, (_, slots)): (usize, &(Arc<Server>, Arc<Slots>))| {
            let load = Load { slots: slots.concurrency, busy: slots.busy().time, waiting: slots.waiting().time };
            (format!("{}.{}", self.name, number + 1), load)
        };
        replicas.iter().enumerate().map(load).collect()
    }
}

async fn balance(listener: TcpListener, replicas: Replicated) {
    let mut turn: usize = 0;
    loop {
        let stream = accept(&listener).await;
        let replicas = lock(&replicas);
        turn = turn.wrapping_add(1);
        if let Some(next) = turn.checked_rem(replicas.len()) {
            replicas[next].0.take(stream);
        }
        // Without a replica the connection is closed, as nobody would answer.
    }
}

fn lock(replicas: &Replicated) -> MutexGuard<'_, Vec<(Arc<Server>, Arc<Slots>)>> {
    replicas.lock().unwrap_or_else(PoisonError::into_inner)
}
