//! A routing mesh for kernels without IPVS.
//!
//! Swarm publishes a port on every node, and balances a service's virtual IP, by IPVS in the kernel. Where that is
//! missing, this program stands in: a global service with host-mode ports that accepts on each node, looks up the
//! service's name for every connection, and passes the bytes on. The name must resolve to tasks, not to a virtual IP:
//! `endpoint_mode: dnsrr`, or `tasks.<service>`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one task may take to accept. Its address may be of a container that has just gone.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Pause after a failed accept: most often there are no more file descriptors, and trying at once makes it worse.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// One port that is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Port here.
    pub port: u16,
    /// Name there.
    pub host: String,
    /// Port there.
    pub target: u16,
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Forward, String> {
        let read = || {
            let (port, there) = text.split_once('=')?;
            let (host, target) = there.rsplit_once(':')?;
            let (port, target) = (port.parse().ok()?, target.parse().ok().filter(|port| *port != 0)?);
            (!host.is_empty()).then(|| Forward { port, host: host.to_owned(), target })
        };
        read().ok_or_else(|| format!("{text:?} is not PORT=NAME:PORT, such as 8001=rng:80"))
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.port, self.host, self.target)
    }
}

/// Ends when the program is told to stop.
pub async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Listens on all ports and passes connections on until `stop`.
///
/// # Errors
/// When a port is taken.
pub async fn run(forwards: &[Forward], stop: impl Future<Output = ()>) -> io::Result<()> {
    let mut ports = JoinSet::new();
    for forward in forwards {
        let listener = listen(forward.port).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on port {}: {error}", forward.port))
        })?;
        println!("mesh: passing on {forward}");
        ports.spawn(serve(listener, forward.clone()));
    }
    stop.await;
    Ok(())
}

/// IPv6 and IPv4 at once, or IPv4 where the container has no IPv6.
async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        bound => bound,
    }
}

/// Passes every connection of one port on.
pub async fn serve(listener: TcpListener, forward: Forward) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, _)) => {
                connections.spawn(pass(client, forward.clone()));
            }
            Err(error) => {
                eprintln!("mesh: {forward}: cannot accept: {error}");
                tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

async fn pass(mut client: TcpStream, forward: Forward) {
    match connect(&forward).await {
        Ok(mut server) => {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            // That either side breaks off is their affair; both are closed then.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
        Err(error) => eprintln!("mesh: {forward}: {error}"),
    }
}

/// Connects to one of the addresses that the name has now, in random order: the resolver sorts them, and its first
/// would get every connection.
async fn connect(forward: &Forward) -> io::Result<TcpStream> {
    let mut addresses: Vec<SocketAddr> = lookup_host((forward.host.as_str(), forward.target)).await?.collect();
    addresses.shuffle(&mut rand::rng());
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(server)) => return Ok(server),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address} did not accept")),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn forwards_are_read_and_written_alike() {
        let forward: Forward = "8001=rng:80".parse().unwrap();
        assert_eq!(forward, Forward { port: 8001, host: "rng".to_owned(), target: 80 });
        assert_eq!(forward.to_string(), "8001=rng:80");
        for wrong in ["", "8001", "8001=rng", "8001=:80", "x=rng:80", "8001=rng:0", "8001=rng:x"] {
            assert!(wrong.parse::<Forward>().is_err(), "{wrong}");
        }
    }

    /// A server that reads to the end and answers with what it read, so that half-closing must be passed on.
    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.unwrap();
                stream.write_all(&all).await.unwrap();
            }
        });
        port
    }

    async fn through(target: u16) -> io::Result<Vec<u8>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(listener, Forward { port: 0, host: "localhost".to_owned(), target }));
        let mut client = TcpStream::connect(address).await?;
        client.write_all(b"hello").await?;
        client.shutdown().await?;
        let mut all = Vec::new();
        client.read_to_end(&mut all).await?;
        Ok(all)
    }

    #[tokio::test]
    async fn bytes_and_the_end_of_them_are_passed_on_both_ways() {
        assert_eq!(through(echo().await).await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_closes_the_connection() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        // Whether the close arrives as an end or as a reset is a matter of timing.
        assert!(through(free).await.unwrap_or_default().is_empty());
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = TcpListener::bind("[::]:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let forward = Forward { port, host: "rng".to_owned(), target: 80 };
        let error = run(&[forward], async {}).await.unwrap_err().to_string();
        assert!(error.contains(&format!("port {port}")), "{error}");
    }
}
