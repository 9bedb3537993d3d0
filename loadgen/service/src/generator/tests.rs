//! The generator against servers of this process, on a platform that only says where they are.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Instant;

use agents::{Fleet, Token};
use instrument::config::Trust;
use instrument::target::Target;
use sweep::platform::{Placed, Platform, Replicas};
use sweep::result::{Machine, Settings, Sweep};
use sweep::run::{Plan, run};

use super::*;
use crate::served::Snapshot;

/// Replicas that are there already.
struct There {
    addresses: Vec<SocketAddr>,
    /// How often it was asked what they use.
    looks: usize,
    /// At which of these times ^C comes.
    interrupted_at: Option<(usize, CancellationToken)>,
}

impl There {
    fn at(addresses: &[SocketAddr]) -> Self {
        Self { addresses: addresses.to_vec(), looks: 0, interrupted_at: None }
    }
}

impl Platform for There {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn describe(&mut self, _: &mut Settings, _: &mut Machine) -> Result<(), Error> {
        Ok(())
    }

    async fn scale(&mut self, _: &Replicas) -> Result<(), Error> {
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        Ok(Vec::new())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Served for There {
    fn service(&self) -> &'static str {
        "web"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    fn replica_at(&self, _: SocketAddr) -> Option<String> {
        None
    }

    async fn usage(&mut self) -> Result<Snapshot, Error> {
        self.looks += 1;
        if let Some((_, stop)) = self.interrupted_at.as_ref().filter(|(look, _)| *look == self.looks) {
            stop.cancel();
        }
        Ok(Snapshot::default())
    }

    async fn check(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// A server that answers each request after this time and never before, and how many it got.
fn server(takes: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, got) = (listener.local_addr().expect("bound"), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&got);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let got = Arc::clone(&counted);
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    got.fetch_add(1, Ordering::Relaxed);
                    let until = Instant::now() + takes;
                    while Instant::now() < until {
                        thread::park_timeout(until - Instant::now());
                    }
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, got)
}

fn requests() -> Config {
    Config::new(Target::parse("http://web/").expect("a URL"))
}

/// One step with one replica.
async fn step(there: &mut There, load: &str, stop: CancellationToken) -> Sweep {
    let settings = Settings {
        scaled: "web".to_owned(),
        replicas: vec![1],
        repeats: 1,
        settle_s: 0.5,
        measure_s: 1.5,
        unit: "requests/s".to_owned(),
        load: Some(load.to_owned()),
        ..Settings::default()
    };
    let plan = Plan { settings, generator: "test".to_owned() };
    let mut generator = Generator::new(load.parse().expect("a load"), requests(), Sender::Here);
    run(there, &mut generator, &plan, &mut (), stop).await.expect("a sweep")
}

#[tokio::test]
async fn the_ages_of_requests_that_the_end_cuts_off_are_no_times_to_an_answer() {
    let takes = Duration::from_millis(900);
    let mut there = There::at(&[server(takes).0]);
    let sweep = step(&mut there, "closed:16", CancellationToken::new()).await;
    let times = &sweep.steps[0].loop_time;
    // A machine that is busy enough gives no answer in this time.
    if times.count > 0 {
        let least = 0.99 * takes.as_secs_f64() * 1e3;
        assert!(times.mean_ms >= least, "no answer came before {least} ms, and their mean is {times:?}");
        assert!(times.p50_ms.is_none_or(|p50| p50 >= least), "{times:?}");
    }
}

/// The second look is that after the first trial. Without an end the search would go on for minutes.
#[tokio::test]
async fn an_interrupt_while_the_platform_is_asked_ends_a_search() {
    let stop = CancellationToken::new();
    let mut there = There::at(&[server(Duration::ZERO).0]);
    there.interrupted_at = Some((2, stop.clone()));
    let sweep = step(&mut there, "capacity:p99<60s", stop).await;
    assert!(sweep.interrupted && sweep.steps.is_empty());
    assert!(there.looks <= 4, "it went on for {} trials", there.looks - 1);
}

/// Agents in threads of this process.
fn fleet(agents: usize, stop: &Arc<AtomicBool>) -> Sender {
    let token = Token::random();
    let start = |_| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (token, stop) = (token.clone(), Arc::clone(stop));
        thread::spawn(move || agents::serve(&listener, &token, &stop, &|_| {}));
        address
    };
    let addresses: Vec<String> = (0..agents).map(start).collect();
    Sender::Agents { fleet: Fleet::dial(&addresses, &token).expect("all obey"), held: None }
}

#[tokio::test]
async fn each_replica_is_worked_off_however_many_agents_there_are() {
    let (over, stop) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
    let servers: Vec<_> = (0..2).map(|_| server(Duration::ZERO)).collect();
    let mut there = There::at(&servers.iter().map(|(address, _)| *address).collect::<Vec<_>>());
    let mut generator = Generator::new(Load::Closed(6), requests(), fleet(3, &over));
    let config = generator.config(&there);
    generator.work_off(&mut there, &stop, config.clone()).await.expect("it can be shared out");
    for (address, got) in &servers {
        assert!(got.load(Ordering::Relaxed) > 0, "{address} was asked for nothing");
    }
    let unknown = Config { trust: Trust::File("/own/authority.pem".into()), ..config };
    let error = generator.work_off(&mut there, &stop, unknown).await.expect_err("agents have no such file");
    assert!(error.to_string().contains("--cacert names a file of this machine"), "{error}");
    over.store(true, Ordering::Relaxed);
}

#[tokio::test]
async fn a_replica_that_takes_no_connection_is_left_to_the_step() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let mut there = There::at(&[gone]);
    let mut generator = Generator::new(Load::Closed(1), requests(), Sender::Here);
    let config = generator.config(&there);
    generator.work_off(&mut there, &CancellationToken::new(), config).await.expect("the step tells");
}
