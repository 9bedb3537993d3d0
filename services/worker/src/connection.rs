//! One HTTP/1.1 connection to a service.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
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
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How long it may owe the answer, or the acknowledgement of what it was sent. A host that lost its power never says that it is
/// gone, and the request would wait for it until its time-out; a service that is only slow has a host that answers.
const GONE_AFTER: Duration = Duration::from_secs(4);

/// What drives a connection: its reading and writing. It runs only while a request is in flight, which saves a task for each
/// connection and two changes of task for each request.
type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A connection without a request in flight.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<Driver>>,
}

impl Connection {
    /// Connects to one of the service's addresses; `turn` says which, and moves on.
    pub async fn open(target: &Target, turn: &mut usize) -> Result<Self, Failure> {
        // Nagle's algorithm may stay on: a request is one write on a connection with nothing in flight.
        let stream = connect(target, turn).await?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)?;
        Ok(Self { sender, driver: Box::pin(driver) })
    }

    /// Sends a request and reads its whole answer, which must have status 200. Gives the connection back where it goes on.
    pub async fn ask(mut self, request: Request<Full<Bytes>>) -> (Result<Bytes, Failure>, Option<Self>) {
        let (answer, ended) = {
            let mut exchange = pin!(exchange(&mut self.sender, request));
            tokio::select! {
                biased;
                answer = &mut exchange => (answer, false),
                // Its errors are told by the exchange. A connection whose end came with the answer would never say another
                // word, and is closed without a shutdown before.
                _ = poll_fn(|context| self.driver.poll_without_shutdown(context)) => (exchange.await, true),
            }
        };
        let goes_on = answer.is_ok() && !ended;
        (answer, goes_on.then_some(self))
    }
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
    // The driver learns only when it runs that the server has closed meanwhile, or is free again.
    sender.ready().await.map_err(Failure::Broken)?;
    let answer = sender.send_request(request).await.map_err(Failure::Broken)?;
    match answer.status() {
        StatusCode::OK => whole(answer.into_body()).await,
        other => Err(Failure::Status(other.as_u16())),
    }
}

/// The name is resolved for every new connection, and a loop takes its addresses in turn: so replicas that come or go are
/// noticed at once, and where a name stands for several tasks they get equal shares. Taking one at random would not do: of
/// three replicas of rng one often idles while another has a queue, and ten workers get 24 hashes/s instead of 30.
async fn connect(target: &Target, turn: &mut usize) -> Result<TcpStream, Failure> {
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses: Vec<_> = lookup_host((host, target.port)).await.map_err(Failure::Resolve)?.collect();
    // A name server may shuffle them.
    addresses.sort_unstable();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for _ in 0..addresses.len() {
        *turn = turn.wrapping_add(1);
        let address = addresses[*turn % addresses.len()];
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

/// Has the system ask the other host whether it is still there, and give it up where it says nothing.
fn watch(stream: &TcpStream) {
    let (socket, keepalive) = (SockRef::from(stream), TcpKeepalive::new());
    // Without them a request to a host that is gone ends later, by its time-out.
    let _ = socket.set_tcp_keepalive(&keepalive.with_time(PROBE_EVERY).with_interval(PROBE_EVERY));
    // Linux does not ask while something sent is not acknowledged, as a request on a kept connection to a host that is gone.
    let _ = socket.set_tcp_user_timeout(Some(GONE_AFTER));
}

async fn whole(body: Incoming) -> Result<Bytes, Failure> {
    let failed = |error: Box<dyn Error + Send + Sync>| match error.downcast() {
        Ok(error) => Failure::Broken(*error),
        Err(_) => Failure::Wrong("more than was asked for"),
    };
    Ok(Limited::new(body, LONGEST_ANSWER).collect().await.map_err(failed)?.to_bytes())
}

#[cfg(test)]
mod tests {
    use socket2::SockFilter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Longer than a host may be silent, and shorter than the system waits unless told otherwise.
    const BOUND: Duration = Duration::from_secs(20);

    /// Sends a few bytes to a host that then loses its power, or has lost it before, and waits for an answer.
    async fn ask_who_is_gone(has_the_request: bool) -> io::ErrorKind {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut client, mut server) = (client.unwrap(), server.unwrap().0);
        watch(&client);
        if has_the_request {
            client.write_all(b"question").await.unwrap();
            server.read_exact(&mut [0; 8]).await.unwrap();
        }
        // Of what comes from now on the kernel drops all, and acknowledges nothing.
        SockRef::from(&server).attach_filter(&[SockFilter::new(0x06, 0, 0, 0)]).unwrap();
        if !has_the_request {
            client.write_all(b"question").await.unwrap();
        }
        let answer = tokio::time::timeout(BOUND, client.read(&mut [0; 8])).await;
        answer.expect("it was not given up").unwrap_err().kind()
    }

    #[tokio::test]
    async fn a_host_that_is_gone_is_given_up_whether_it_has_the_request_or_not() {
        let (with, without) = tokio::join!(ask_who_is_gone(true), ask_who_is_gone(false));
        assert_eq!((with, without), (io::ErrorKind::TimedOut, io::ErrorKind::TimedOut));
    }
}
