//! What an application that runs in containers can be asked, wherever it runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ledger::Ledger;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::timeout;

use sweep::platform::Error;

use crate::application::{Load, Observation};

/// How long one question may take. A look that takes longer is a gap in the time series.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The longest answer that is read: metrics of a service are a few kilobytes.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Where the replicas of a service answer, by replica.
pub(crate) type Addresses = BTreeMap<String, SocketAddr>;

/// Looks at the application once: at its ledger, and at the metrics of these replicas.
pub(crate) async fn observe(ledger: &Ledger, replicas: &BTreeMap<String, Addresses>) -> Result<Observation, Error> {
    let (counted, told) = tokio::join!(count(ledger), ask(replicas));
    let (workers, hashes) = counted?;
    let (at, loads, cpu) = (Instant::now(), BTreeMap::new(), BTreeMap::new());
    let mut observation = Observation { at, workers, hashes, loads, cpu, starved: None };
    for (service, replica, metrics) in told {
        if let Some(load) = load(&service, &metrics) {
            observation.loads.entry(service.clone()).or_default().insert(replica.clone(), load);
        }
        if let Some(used) = seconds(&metrics, "process_cpu_seconds_total") {
            let name = host(&metrics).unwrap_or(replica);
            observation.cpu.entry(service).or_default().insert(name, used);
        }
    }
    Ok(observation)
}

/// The workers that announce themselves, and the hashes.
async fn count(ledger: &Ledger) -> Result<(Vec<ledger::Announcement>, i64), Error> {
    let asked = async { tokio::try_join!(ledger.workers(), ledger.totals()) };
    let asked = timeout(ANSWER_WITHIN, asked).await.map_err(|_| Error("Redis does not answer".to_owned()))?;
    let (workers, totals) = asked.map_err(|error| Error(format!("Redis does not tell: {error}")))?;
    Ok((workers.known, totals.hashes))
}

/// The metrics of each replica, with its service and its name; one that does not tell, as those of the public application, is
/// left out.
async fn ask(replicas: &BTreeMap<String, Addresses>) -> Vec<(String, String, String)> {
    let asked = replicas.iter().flat_map(|(service, addresses)| {
        addresses.iter().map(move |(replica, address)| async move {
            Some((service.clone(), replica.clone(), get(address, "/metrics").await.ok()?))
        })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The value of a metric that has no labels.
fn figure(metrics: &str, name: &str) -> Option<f64> {
    let mut lines = metrics.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name)?.1.trim().parse().ok()
}

/// The value of a metric that is a time in seconds.
fn seconds(metrics: &str, name: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(figure(metrics, name)?).ok()
}

/// The name of the host or container that tells these metrics.
fn host(metrics: &str) -> Option<String> {
    let labels = metrics.lines().find_map(|line| line.strip_prefix("host_info{name=\""))?;
    Some(labels.split_once('"')?.0.to_owned())
}

/// Reads the three figures of a service's slots out of its metrics.
fn load(service: &str, metrics: &str) -> Option<Load> {
    Some(Load {
        slots: figure(metrics, &format!("{service}_slots"))? as u32,
        busy: seconds(metrics, &format!("{service}_busy_seconds_total"))?,
        waiting: seconds(metrics, &format!("{service}_waiting_seconds_total"))?,
    })
}

/// The addresses that a name has now, each under its own text.
pub(crate) async fn resolve(name: &str, port: u16) -> Addresses {
    let found = timeout(ANSWER_WITHIN, lookup_host((name, port))).await;
    let found = found.ok().and_then(Result::ok).into_iter().flatten();
    found.map(|address| (address.ip().to_string(), address)).collect()
}

/// Asks for a page, and returns its body.
async fn get(address: impl ToSocketAddrs + std::fmt::Debug, path: &str) -> Result<String, Error> {
    let failed = |cause: &dyn std::fmt::Display| Error(format!("no answer from {address:?}{path}: {cause}"));
    let ask = async {
        let mut stream = TcpStream::connect(&address).await?;
        // Version 1.0: the server closes after the answer, and sends it in one piece.
        let request = format!("GET {path} HTTP/1.0\r\nHost: loadgen\r\nAccept: */*\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(ANSWER_WITHIN, ask).await.map_err(|_| failed(&"it takes too long"))?;
    let answer = answer.map_err(|error| failed(&error))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| failed(&"it is no HTTP"))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(failed(&status));
    }
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const METRICS: &str = "# HELP rng_slots Slots.\n# TYPE rng_slots gauge\nrng_slots 1\n\
        rng_busy_seconds_total 20.5\nrng_waiting_seconds_total 0.25\nrng_requests_total{code=\"200\"} 242\n\
        host_info{name=\"4f2a\"} 1\nprocess_cpu_seconds_total 0.5\n";

    #[test]
    fn the_figures_of_the_slots_are_read() {
        let load = load("rng", METRICS).unwrap();
        assert_eq!((load.slots, load.busy.as_millis(), load.waiting.as_millis()), (1, 20_500, 250));
        assert_eq!(super::load("hasher", METRICS), None);
    }

    #[tokio::test]
    async fn a_replica_s_processor_time_stands_under_its_host_s_name() {
        let answer = format!("HTTP/1.0 200 OK\r\n\r\n{METRICS}");
        let rng = server(answer.leak()).await;
        let replicas = BTreeMap::from([("rng".to_owned(), Addresses::from([("10.0.1.5".to_owned(), rng)]))]);
        let seen = observe(&ledger::in_memory(), &replicas).await.unwrap();
        assert_eq!(seen.cpu["rng"], BTreeMap::from([("4f2a".to_owned(), Duration::from_millis(500))]));
        assert_eq!(seen.loads["rng"]["10.0.1.5"].slots, 1);
        assert_eq!(super::host("process_cpu_seconds_total 0.5\n"), None);
    }

    /// Answers every request with this.
    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }
}
