//! A process that has no descriptor left for a while. The limit is the process's, so this has a program of its own.

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use kit::metrics::Metrics;
use kit::serve::{Limits, Server, serve};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;

/// Longer than the pause between two attempts to accept.
const WHILE: Duration = Duration::from_millis(200);

const PATIENCE: Duration = Duration::from_secs(20);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Has the server find no descriptor for who has connected.
async fn none_is_left_for_a_while() {
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
    tokio::time::sleep(WHILE).await;
    setrlimit(Resource::Nofile, before).unwrap();
}

/// The answer, read beside the server.
async fn answer(mut stream: impl Read + Send + 'static) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    });
    read.await.unwrap().unwrap()
}

#[tokio::test]
async fn who_connects_while_no_descriptor_is_left_is_answered_later() {
    let stop = CancellationToken::new();
    let listener = kit::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/", get(|| async { "here" }));
    let server = Server::new(app, &Metrics::new("test"), &Limits::default());
    let serving = tokio::spawn(serve(listener, server, stop.clone()));
    tokio::task::yield_now().await;

    let mut check =
        UnixStream::connect_addr(&SocketAddr::from_abstract_name(format!("swarmlab {address}")).unwrap()).unwrap();
    check.set_read_timeout(Some(PATIENCE)).unwrap();
    check.write_all(REQUEST).unwrap();
    none_is_left_for_a_while().await;
    assert!(answer(check).await.ends_with("here"), "a health check");

    // And while it stops.
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(REQUEST).unwrap();
    stop.cancel();
    none_is_left_for_a_while().await;
    assert!(answer(client).await.ends_with("here"), "a client");
    assert_eq!(serving.await.unwrap(), 0);
}
