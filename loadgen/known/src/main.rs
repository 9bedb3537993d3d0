//! A server whose capacity is arithmetic, for trying what measures it.
//!
//! `known serve` takes a fixed time S for each request, or a random one of that mean, and serves k at a time: it does k/S. With a serial share σ a part of
//! S is done under a lock that all copies share: first (1 − σ)·S side by side, then σ·S one after the other, so that N
//! copies go round in (1 − σ)·S + N·σ·S and do N/S / (1 + σ·(N − 1)), which is Amdahl's law. `known lock` is that lock.
//! `known work` is asked for nothing and counts what it does: so many jobs a second, in the text format of Prometheus.

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{RwLock, Semaphore};

/// A server whose capacity is arithmetic.
#[derive(Debug, Clone, Parser)]
#[command(name = "known")]
enum Program {
    /// Answer each request after a fixed time
    Serve(Serve),
    /// The lock that copies of a server share: fair, for many side by side or for one alone
    Lock {
        #[command(flatten)]
        listen: Listen,
    },
    /// Find work itself, and count it: what any request is answered with is `jobs_done_total`
    Work {
        #[command(flatten)]
        listen: Listen,
        /// Jobs a second
        #[arg(long)]
        rate: f64,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct Listen {
    /// Where to listen
    #[arg(long)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
}

impl Listen {
    async fn bind(&self) -> std::io::Result<TcpListener> {
        TcpListener::bind((self.address, self.port)).await
    }
}

#[derive(Debug, Clone, clap::Args)]
struct Serve {
    #[command(flatten)]
    listen: Listen,
    /// Time for a request
    #[arg(long, default_value = "10ms", value_parser = kit::settings::duration)]
    time: Duration,
    /// Draw each time from the exponential distribution whose mean is --time
    #[arg(long, conflicts_with = "lock")]
    random: bool,
    /// Requests served at a time
    #[arg(long, default_value_t = 1)]
    slots: usize,
    /// Share of the time that is spent under the lock
    #[arg(long, default_value_t = 0.0, requires = "lock")]
    serial: f64,
    /// Where the lock is: its port on this host, or host and port
    #[arg(long)]
    lock: Option<String>,
    /// Work for the whole time instead of waiting
    #[arg(long)]
    burn: bool,
    /// Ask the server on this port, or on this host and port, for each request
    #[arg(long)]
    ask: Option<String>,
    /// End after so many requests, with a message
    #[arg(long)]
    die_after: Option<usize>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match Program::parse() {
                Program::Serve(serve) => serve.run().await,
                Program::Lock { listen } => lock(&listen).await,
                Program::Work { listen, rate } => work(&listen, rate).await,
            }
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => kit::start::fail("known", &error.to_string()),
    }
}

impl Serve {
    async fn run(self) -> std::io::Result<()> {
        let listener = self.listen.bind().await?;
        let (slots, left) = (Arc::new(Semaphore::new(self.slots)), Arc::new(Semaphore::new(0)));
        left.add_permits(self.die_after.unwrap_or(Semaphore::MAX_PERMITS));
        let this = Arc::new(self);
        loop {
            let (stream, _) = listener.accept().await?;
            let (this, slots, left) = (this.clone(), slots.clone(), left.clone());
            tokio::spawn(async move { this.answer(stream, &slots, &left).await });
        }
    }

    /// Answers the requests of one connection, each of them without a body.
    async fn answer(&self, mut stream: TcpStream, slots: &Semaphore, left: &Semaphore) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut lock = reach(self.lock.as_deref()).await?;
        let mut other = reach(self.ask.as_deref()).await?;
        let mut request = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await?;
            if count == 0 {
                return Ok(());
            }
            request.extend_from_slice(&piece[..count]);
            while let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
                request.drain(..end + 4);
                match left.try_acquire() {
                    Ok(permit) => permit.forget(),
                    Err(_) => {
                        eprintln!("known: enough of it");
                        std::process::exit(1);
                    }
                }
                let slot = slots.acquire().await.map_err(std::io::Error::other)?;
                if let Some(other) = &mut other {
                    other.write_all(b"GET / HTTP/1.1\r\nHost: other\r\n\r\n").await?;
                    other.read_exact(&mut [0; ANSWER.len()]).await?;
                }
                self.work(lock.as_mut()).await?;
                drop(slot);
                stream.write_all(ANSWER).await?;
            }
        }
    }

    async fn work(&self, lock: Option<&mut TcpStream>) -> std::io::Result<()> {
        let Some(lock) = lock else {
            // From 0 to 1, and 0 is among it: the logarithm of what is left has an end.
            let share = if self.random { -(1.0 - rand::random::<f64>()).ln() } else { 1.0 };
            self.pass(self.time.mul_f64(share)).await;
            return Ok(());
        };
        for (kind, share) in [(b'r', 1.0 - self.serial), (b'w', self.serial)] {
            lock.write_all(&[kind]).await?;
            lock.read_exact(&mut [0]).await?;
            self.pass(self.time.mul_f64(share)).await;
            lock.write_all(b"u").await?;
        }
        Ok(())
    }

    /// Lets a time pass, to some microseconds: a timer is up to a millisecond late.
    async fn pass(&self, time: Duration) {
        let until = Instant::now() + time;
        if !self.burn {
            tokio::time::sleep(time.saturating_sub(TIMER)).await;
        }
        while Instant::now() < until {
            if !self.burn {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// A connection to a port of this host or of another, where one is named.
async fn reach(place: Option<&str>) -> std::io::Result<Option<TcpStream>> {
    let Some(place) = place else { return Ok(None) };
    let place = if place.contains(':') { place.to_owned() } else { format!("127.0.0.1:{place}") };
    let stream = TcpStream::connect(place).await?;
    // Otherwise each second message would wait for the acknowledgement of the first, 40 ms.
    stream.set_nodelay(true)?;
    Ok(Some(stream))
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// How late a timer may be.
const TIMER: Duration = Duration::from_millis(2);

/// Does so many jobs a second, half of them well.
async fn work(listen: &Listen, rate: f64) -> std::io::Result<()> {
    let (listener, began) = (listen.bind().await?, Instant::now());
    loop {
        let (mut stream, _) = listener.accept().await?;
        // A head in one piece: it is a test's own client that asks. Whoever says nothing only looks whether somebody listens.
        if stream.read(&mut [0; 4096]).await? == 0 {
            continue;
        }
        let half = (began.elapsed().as_secs_f64() * rate / 2.0).floor();
        let body = format!("jobs_done_total{{state=\"ok\"}} {half}\njobs_done_total{{state=\"bad\"}} {half}\n");
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
    }
}

/// Gives the lock to whoever asks, in the order of asking: `r` for many at a time, `w` for one alone, `u` to give it back.
async fn lock(listen: &Listen) -> std::io::Result<()> {
    let listener = listen.bind().await?;
    let lock = Arc::new(RwLock::new(()));
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let lock = lock.clone();
        tokio::spawn(async move {
            // Whoever goes away gives back what it has.
            while let Ok(kind) = stream.read_u8().await {
                let (mut many, mut one) = (None, None);
                if kind == b'w' {
                    one = Some(lock.write().await)
                } else {
                    many = Some(lock.read().await)
                }
                if stream.write_u8(b'g').await.is_err() || stream.read_u8().await.is_err() {
                    return;
                }
                drop((one.take(), many.take()));
            }
        });
    }
}
