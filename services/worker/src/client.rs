//! Asking a service over HTTP/1.1: a new connection for each request, or one that is kept.
//!
//! The name is resolved for every new connection, and a loop takes its addresses in turn: so replicas that come or go are
//! noticed at once, and where a name stands for several tasks they get equal shares. Taking one at random would not do: of
//! three replicas of rng one often idles while another has a queue, and ten workers get 24 hashes/s instead of 30.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

use crate::failure::Failure;
use crate::target::Target;

/// The longest answer that is read. A digest has 64 bytes, and a loop asks for 32 random ones.
const LONGEST_ANSWER: usize = 4096;

/// How long a connection may take until the next address is tried. It takes less than a millisecond within a data centre,
/// and one second more where its first packet is lost.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// How often a host that says nothing while a request is under way is asked whether it is still there.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How often it may owe the answer. A host that lost its power never says that it is gone, and the request would wait for it
/// until its time-out; a service that is only slow has a host that answers.
const ASK_TIMES: u32 = 3;

type Sender = SendRequest<Full<Bytes>>;
type Exchange = Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A client of one service, for one loop.
#[derive(Debug)]
pub struct Client {
    target: Arc<Target>,
    host: HeaderValue,
    keep_alive: bool,
    timeout: Duration,
    /// The connection that was kept, if there is one. It is driven only while a request is under way, which saves a task
    /// for each connection and two changes of task for each request.
    kept: Option<(Sender, Pin<Box<Exchange>>)>,
    /// Which of the service's addresses is next.
    turn: usize,
}

/// Method and path of a request: the same every time, and built once.
#[derive(Debug)]
pub struct Route {
    method: Method,
    uri: Uri,
}

impl Client {
    pub fn new(target: &Target, keep_alive: bool, timeout: Duration) -> Self {
        let host = HeaderValue::try_from(target.authority()).unwrap_or_else(|_| HeaderValue::from_static("localhost"));
        let target = Arc::new(target.clone());
        Self { target, host, keep_alive, timeout, kept: None, turn: rand::random_range(0..1 << 16) }
    }

    /// The route to a path below the service's base.
    pub fn route(&self, method: Method, path: &str) -> Route {
        Route { method, uri: format!("{}{path}", self.target.base).parse().unwrap_or_default() }
    }

    /// Sends a request and reads its whole answer, which must have status 200.
    pub async fn ask(&mut self, route: &Route, body: Bytes) -> Result<Bytes, Failure> {
        let timeout = self.timeout;
        // A request that is given up leaves no connection behind: it is taken out before, and kept only after an answer.
        let kept = self.kept.take();
        let answer = tokio::time::timeout(timeout, self.exchange(kept, route, body)).await;
        answer.unwrap_or(Err(Failure::Timeout(timeout)))
    }

    async fn exchange(
        &mut self,
        kept: Option<(Sender, Pin<Box<Exchange>>)>,
        route: &Route,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        if let Some((mut sender, mut connection)) = kept {
            let exchange = send(&mut sender, self.request(route, body.clone()));
            match beside(connection.as_mut(), exchange).await {
                // The server may close a connection that it kept just when a request is on its way. Both requests here
                // may be sent again: one asks for any bytes, the other's answer depends on its body alone.
                (Err(Failure::Broken(_)), _) => {}
                (answer, goes_on) => {
                    self.kept = (answer.is_ok() && goes_on).then_some((sender, connection));
                    return answer;
                }
            }
        }
        let (mut sender, connection) = self.connect().await?;
        let exchange = send(&mut sender, self.request(route, body));
        if !self.keep_alive {
            return beside(pin!(connection), exchange).await.0;
        }
        let mut connection = Box::pin(connection);
        let (answer, goes_on) = beside(connection.as_mut(), exchange).await;
        self.kept = (answer.is_ok() && goes_on).then_some((sender, connection));
        answer
    }

    fn request(&self, route: &Route, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = route.method.clone();
        *request.uri_mut() = route.uri.clone();
        request.headers_mut().insert(header::HOST, self.host.clone());
        if route.method == Method::POST {
            // A Rack server reads a body without a type as a form, and refuses most bytes as a bad one.
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        }
        if !self.keep_alive {
            // The server closes first, so that the many ports in TIME_WAIT are not the client's.
            request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        request
    }

    async fn connect(&mut self) -> Result<(Sender, Exchange), Failure> {
        // Nagle's algorithm may stay on: a request is one write on a connection with nothing under way.
        let stream = self.open().await?;
        http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)
    }

    async fn open(&mut self) -> Result<TcpStream, Failure> {
        let Target { host, port, .. } = &*self.target;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut addresses: Vec<_> = lookup_host((host, *port)).await.map_err(Failure::Resolve)?.collect();
        // A name server may shuffle them.
        addresses.sort_unstable();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for _ in 0..addresses.len() {
            self.turn = self.turn.wrapping_add(1);
            let address = addresses[self.turn % addresses.len()];
            match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // This host is there as long as the worker is.
                    if !address.ip().is_loopback() {
                        watch(&stream);
                    }
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
            }
        }
        Err(Failure::Connect(last))
    }
}

/// Has the system ask the other host whether it is still there.
fn watch(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(ASK_EVERY).with_interval(ASK_EVERY).with_retries(ASK_TIMES);
    // Without it a request to a host that is gone ends later, by its time-out.
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
    // The connection learns only when it is driven that the server has closed it meanwhile, or that it is free again.
    sender.ready().await.map_err(Failure::Broken)?;
    let answer = sender.send_request(request).await.map_err(Failure::Broken)?;
    if answer.status() != StatusCode::OK {
        return Err(Failure::Status(answer.status().as_u16()));
    }
    whole(answer.into_body()).await
}

async fn whole(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Failure::Broken)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > LONGEST_ANSWER {
            return Err(Failure::Wrong("more than was asked for"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// Drives a connection for as long as an exchange on it takes, without a task of its own. Tells the outcome, and whether the
/// connection goes on: one whose end came with the answer would never say another word.
async fn beside<T>(connection: Pin<&mut Exchange>, exchange: impl Future<Output = T>) -> (T, bool) {
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        outcome = &mut exchange => (outcome, true),
        // Its errors are told by the exchange.
        _ = connection => (exchange.await, false),
    }
}
