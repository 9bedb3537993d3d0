use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::*;
use crate::metrics::Metrics;
use crate::ops;
use crate::server::IDLE_GRACE;

const LIMIT: Duration = Duration::from_millis(400);

/// A server with a short limit, whose `/slow` takes three times as long and whose `/large` gives 16 MiB, and a connection to it.
async fn connected() -> (Arc<Server>, Metrics, TcpStream) {
    connected_within(Duration::from_secs(10)).await
}

/// The same with another drain timeout.
async fn connected_within(drain_timeout: Duration) -> (Arc<Server>, Metrics, TcpStream) {
    let slow = get(|| async {
        sleep(3 * LIMIT).await;
        "done"
    });
    let metrics = Metrics::new("test");
    let limits = Limits { header_timeout: LIMIT, drain_timeout, ..Limits::default() };
    let app = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/slow", slow);
    let server = Server::new(app, &metrics, &limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listen::give_up_after(&listener, LIMIT).unwrap();
    let (client, stream) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { accept(&listener).await });
    server.take(stream);
    (server, metrics, client.unwrap())
}

/// More than the kernel takes of an answer that nobody reads.
const LARGE: usize = 16 << 20;

async fn ask(client: &mut TcpStream, path: &str) {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
}

/// Everything until the server closes.
async fn rest(mut client: TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    text
}

/// Waits until it holds, for 20 s at most.
async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("it did not come about in 20 s");
}

#[tokio::test]
async fn a_connection_without_a_whole_head_is_closed() {
    for head in ["", "GET / HTTP/1.1\r\nHost: te"] {
        let (_server, metrics, mut client) = connected().await;
        client.write_all(head.as_bytes()).await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(rest(client).await, "");
        assert!(began.elapsed() >= LIMIT / 2, "{:?}", began.elapsed());
        until(|| metrics.connections.get() == 0).await;
    }
}

#[tokio::test]
async fn a_request_in_flight_may_take_longer_and_an_answered_one_begins_the_time_anew() {
    let (_server, _, mut client) = connected().await;
    ask(&mut client, "/slow").await;
    let text = rest(client).await;
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("done"), "{text}");
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_is_not_cut_off() {
    let (_server, _, mut client) = connected().await;
    ask(&mut client, "/large").await;
    let (mut got, mut piece) = (0, vec![0; LARGE / 64]);
    let began = tokio::time::Instant::now();
    while got < LARGE {
        sleep(LIMIT / 20).await;
        let size = client.read(&mut piece).await.unwrap();
        assert!(size > 0, "cut off after {got} bytes");
        got += size;
    }
    assert!(began.elapsed() > 3 * LIMIT, "too fast to show anything: {:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let (_server, metrics, mut client) = connected().await;
    ask(&mut client, "/large").await;
    until(|| metrics.connections.get() == 0).await;
    let mut bytes = Vec::new();
    let _ = client.read_to_end(&mut bytes).await;
    assert!(bytes.len() < LARGE);
}

#[tokio::test]
async fn a_server_with_all_the_connections_it_takes_answers_its_health_check_and_then_the_rest() {
    let (gate, metrics, stop) = (Arc::new(Semaphore::new(0)), Metrics::new("test"), CancellationToken::new());
    let (held, ready) = (gate.clone(), || Err("busy".to_owned()));
    let app = Router::new()
        .route("/", get(async move || held.acquire().await.is_ok().to_string()))
        .merge(ops::routes(metrics.clone(), ready));
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let serving = tokio::spawn(serve(listener, Server::new(app, &metrics, &limits), stop.clone()));

    let mut clients = Vec::new();
    // The last of them asks on the port, and waits behind the others.
    for path in ["/", "/", "/", "/", "/healthz"] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        clients.push(client);
    }
    until(|| metrics.connections.get() == 2).await;
    let check = async |path| tokio::task::spawn_blocking(move || health::check(address, path)).await.unwrap();
    assert_eq!(check("/healthz").await, Ok(()));
    let reason = check("/readyz").await.unwrap_err();
    assert!(reason.contains("503") && reason.ends_with("not ready: busy"), "{reason}");
    assert_eq!((metrics.answered.get(), metrics.connections.get()), (0, 2));

    gate.add_permits(1);
    for client in clients {
        let text = rest(client).await;
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    }
    stop.cancel();
    assert_eq!(serving.await.unwrap(), 0);
    check("/healthz").await.unwrap_err();
}

/// Of those that the kernel has accepted, every second one never asks.
#[tokio::test]
async fn a_server_that_stops_answers_who_waits_and_has_no_more_connections_than_it_takes() {
    let (metrics, stop) = (Metrics::new("test"), CancellationToken::new());
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { max_connections: 64, ..Limits::default() };
    let mut clients = Vec::new();
    for number in 0..300 {
        let mut client = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            ask(&mut client, "/").await;
        }
        clients.push(client);
    }
    stop.cancel();
    let app = Router::new().route("/", get(|| async { "here" }));
    let serving = tokio::spawn(serve(listener, Server::new(app, &metrics, &limits), stop));
    let mut most = 0;
    while !serving.is_finished() {
        most = most.max(metrics.connections.get());
        sleep(Duration::from_millis(1)).await;
    }
    assert!((1..=64).contains(&most), "{most} were open");
    assert_eq!(serving.await.unwrap(), 0);
    for client in clients.into_iter().step_by(2) {
        let text = rest(client).await;
        assert!(text.contains("connection: close") && text.ends_with("here"), "{text}");
    }
}

#[tokio::test]
async fn draining_answers_what_is_in_flight_and_closes_the_rest() {
    let (server, _, mut client) = connected().await;
    ask(&mut client, "/slow").await;
    until(|| server.busy() == 1).await;
    let (cut, text) = tokio::join!(server.drain(), rest(client));
    assert_eq!(cut, 0);
    assert!(text.contains("connection: close") && text.ends_with("done"), "{text}");
}

#[tokio::test]
async fn draining_waits_for_a_request_that_is_on_its_way() {
    let (server, _, mut client) = connected().await;
    let sent = async {
        sleep(IDLE_GRACE / 4).await;
        ask(&mut client, "/").await;
        rest(client).await
    };
    let (cut, text) = tokio::join!(server.drain(), sent);
    assert_eq!(cut, 0);
    assert!(text.contains("connection: close") && text.ends_with("here"), "{text}");
}

#[tokio::test]
async fn draining_waits_for_a_body_that_is_on_its_way() {
    let (server, _, mut client) = connected().await;
    ask(&mut client, "/large").await;
    until(|| server.busy() == 1).await;
    let slowly = async {
        let (mut got, mut piece) = (0, vec![0; 1 << 20]);
        loop {
            sleep(IDLE_GRACE / 4).await;
            match client.read(&mut piece).await.unwrap() {
                0 => return got,
                size => got += size,
            }
        }
    };
    let (cut, got) = tokio::join!(server.drain(), slowly);
    assert_eq!(cut, 0);
    assert!(got > LARGE, "{got} bytes");
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_cut_off() {
    let (server, metrics, mut client) = connected_within(Duration::from_millis(100)).await;
    ask(&mut client, "/slow").await;
    until(|| server.busy() == 1).await;
    assert_eq!(server.drain().await, 1);
    assert_eq!(metrics.connections.get(), 0);
    // The connection is reset or closed; either way it ends without an answer.
    let mut text = String::new();
    let _ = client.read_to_string(&mut text).await;
    assert_eq!(text, "");
}
