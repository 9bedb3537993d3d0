//! One request, timed phase by phase.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;

use crate::answer::Answer;
use crate::connect::{self, Stream};
use crate::failure::{Failure, Kind};
use crate::options::{Family, Options};
use crate::request;
use crate::target::{BadSetting, Target};
use crate::timing::Timing;
use crate::tls;

const READ_BYTES: usize = 8 * 1024;

/// A request to one URL that can be made any number of times. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Probe {
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    options: Options,
    /// The request that asks the server to close, and the one that asks it not to.
    closing: Vec<u8>,
    keeping: Vec<u8>,
    tls: Option<TlsConnector>,
    resolved: OnceLock<Vec<SocketAddr>>,
}

impl Probe {
    /// Prepares requests to `url`; a URL without a scheme is taken as http.
    pub fn new(url: &str, options: Options) -> Result<Self, BadSetting> {
        let target: Target = url.parse()?;
        if options.timeout.is_zero() {
            return Err(BadSetting("a timeout of zero leaves no time for an answer".to_owned()));
        }
        if let Some(address) = target.address()
            && !connect::is_of(address, options.family)
        {
            let wanted = if options.family == Family::V4 { "IPv4" } else { "IPv6" };
            return Err(BadSetting(format!("only {wanted} may be used, and {address} is not an {wanted} address")));
        }
        let closing = request::build(&target, &options, false)?;
        let keeping = request::build(&target, &options, true)?;
        let tls = if target.tls { Some(tls::connector(options.insecure)?) } else { None };
        let resolved = OnceLock::new();
        Ok(Self { inner: Arc::new(Inner { target, options, closing, keeping, tls, resolved }) })
    }

    /// Where the requests go.
    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    /// Does one request on a fresh connection, and closes it.
    pub async fn once(&self) -> Result<Timing, Failure> {
        self.timed(None, false).await.map(|(timing, _)| timing)
    }

    /// A session whose requests share one connection for as long as the server keeps it open.
    pub fn session(&self) -> Session {
        Session { probe: self.clone(), idle: None, served: false }
    }

    /// One request within its bound, on the idle connection where there is one that still lives.
    async fn timed(&self, idle: Option<Open>, keep: bool) -> Result<(Timing, Option<Open>), Failure> {
        let mut clock = Clock::start();
        let bound = self.inner.options.timeout;
        let outcome = match tokio::time::timeout(bound, self.exchange(idle, keep, &mut clock)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let (target, doing) = (self.inner.target.authority(), clock.doing);
                Err(Failure::new(Kind::Timeout, format!("{target} gave no answer within {bound:?} (while {doing})")))
            }
        };
        match outcome {
            Ok(kept) => Ok((clock.timing, kept)),
            Err(failure) => Err(Failure { after: clock.start.elapsed(), ..failure }),
        }
    }

    async fn exchange(&self, idle: Option<Open>, keep: bool, clock: &mut Clock) -> Result<Option<Open>, Failure> {
        let mut answer = Answer::to(&self.inner.options.method);
        let mut kept = None;
        if let Some(mut open) = idle
            && open.alive().await
        {
            clock.timing.reused = true;
            clock.timing.peer = Some(open.peer);
            match self.ask(&mut open, keep, &mut answer, clock).await {
                Ok(()) => kept = Some(open),
                // The server closed the idle connection at the moment when the request was sent. Asking again on a new
                // one is right where asking twice does no harm (RFC 9110, section 9.2.2).
                Err(failure) if self.may_repeat(&failure) && clock.timing.wait.is_zero() => {
                    clock.retried();
                    answer = Answer::to(&self.inner.options.method);
                }
                Err(failure) => return Err(failure),
            }
        }
        let mut open = match kept {
            Some(open) => open,
            None => {
                let mut open = self.open(clock).await?;
                self.ask(&mut open, keep, &mut answer, clock).await?;
                open
            }
        };
        clock.finish(&answer);
        if keep && answer.keep_alive {
            return Ok(Some(open));
        }
        clock.doing = "closing";
        if self.inner.tls.is_some() {
            // The answer is complete, so that whether the goodbye of TLS arrives changes nothing.
            let _ = open.stream.shutdown().await;
        }
        drop(open);
        clock.timing.close = clock.lap();
        Ok(None)
    }

    fn may_repeat(&self, failure: &Failure) -> bool {
        let repeatable = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];
        matches!(failure.kind, Kind::Closed | Kind::Reset) && repeatable.contains(&self.inner.options.method.as_str())
    }

    async fn open(&self, clock: &mut Clock) -> Result<Open, Failure> {
        let Inner { target, options, tls, resolved, .. } = &*self.inner;
        clock.doing = "resolving the name";
        let found;
        let addresses = match resolved.get() {
            Some(known) => known,
            None => {
                found = connect::resolve(target, options.family).await?;
                if options.resolve_once { resolved.get_or_init(|| found) } else { &found }
            }
        };
        clock.timing.resolve = clock.lap();
        clock.doing = "connecting";
        let tcp = connect::connect(addresses, clock.start + options.timeout).await?;
        let peer = tcp.peer_addr().map_err(|error| Failure::io("could not connect", &error))?;
        clock.timing.peer = Some(peer);
        clock.timing.connect = clock.lap();
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(tcp),
            Some(connector) => {
                clock.doing = "the TLS handshake ran";
                let stream = connect::wrap(tcp, connector, target).await?;
                clock.timing.tls = clock.lap();
                stream
            }
        };
        Ok(Open { stream, peer })
    }

    /// Writes the request and reads the whole answer.
    async fn ask(&self, open: &mut Open, keep: bool, answer: &mut Answer, clock: &mut Clock) -> Result<(), Failure> {
        let request = if keep { &self.inner.keeping } else { &self.inner.closing };
        let peer = open.peer;
        clock.doing = "sending the request";
        let sent = async {
            open.stream.write_all(request).await?;
            open.stream.flush().await
        };
        sent.await.map_err(|error| Failure::io(&format!("could not send the request to {peer}"), &error))?;
        clock.timing.write = clock.lap();
        clock.doing = "waiting for the first byte";
        let mut buffer = [0; READ_BYTES];
        let mut begun = false;
        loop {
            let got = match open.stream.read(&mut buffer).await {
                Ok(got) => got,
                // TLS without its goodbye; whether the answer was complete is for the framing to say.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                Err(error) => return Err(Failure::io(&format!("the connection to {peer} broke"), &error)),
            };
            if got == 0 {
                answer.end()?;
                break;
            }
            if !std::mem::replace(&mut begun, true) {
                clock.timing.wait = clock.lap();
                clock.doing = "reading the answer";
            }
            if answer.feed(&buffer[..got])? {
                break;
            }
        }
        clock.timing.read = clock.lap();
        Ok(())
    }
}

/// Requests that share one connection (keep-alive). A connection that the server has closed meanwhile is replaced.
pub struct Session {
    probe: Probe,
    idle: Option<Open>,
    served: bool,
}

impl Session {
    /// Does one request.
    pub async fn once(&mut self) -> Result<Timing, Failure> {
        let (mut timing, idle) = self.probe.timed(self.idle.take(), true).await?;
        self.idle = idle;
        timing.reconnected = self.served && !timing.reused;
        self.served = true;
        Ok(timing)
    }
}

/// An open connection.
struct Open {
    stream: Box<dyn Stream>,
    peer: SocketAddr,
}

impl Open {
    /// Whether the idle connection can still be used: nothing was sent on it, not even its end.
    async fn alive(&mut self) -> bool {
        let mut byte = [0];
        poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut byte);
            Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut buffer).is_pending())
        })
        .await
    }
}

/// The stopwatch of one request.
struct Clock {
    start: Instant,
    mark: Instant,
    doing: &'static str,
    timing: Timing,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        Self { start: now, mark: now, doing: "starting", timing: Timing::default() }
    }

    /// Forgets a request that has to be asked again. What it took stays in the total, as part of the next phase.
    fn retried(&mut self) {
        self.timing = Timing::default();
        self.mark = self.start;
    }

    /// The time since the last call.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.mark, now)
    }

    /// The answer is complete: the total ends here.
    fn finish(&mut self, answer: &Answer) {
        self.timing.total = self.mark - self.start;
        self.timing.status = answer.status;
        self.timing.reason.clone_from(&answer.reason);
        self.timing.head_bytes = answer.head_bytes;
        self.timing.body_bytes = answer.body_bytes;
    }
}
