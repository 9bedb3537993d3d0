use super::*;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_millis(400);

/// A server with a short limit, whose `/slow` takes three times as long, and a connection to it.
async fn connected() -> (Server, Metrics, TcpStream) {
    let slow = get(|| async {
        tokio::time::sleep(3 * LIMIT).await;
        "done"
    });
    let metrics = Metrics::new("test");
    let limits = Limits { header_timeout: LIMIT, ..Limits::default() };
    let app = Router::new().route("/", get(|| async { "here" })).route("/slow", slow);
    let server = Server::new(app, &metrics, &limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, stream) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { accept(&listener).await });
    server.take(stream);
    (server, metrics, client.unwrap())
}

/// Everything until the server closes.
async fn rest(mut client: TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_connection_without_a_whole_head_is_closed() {
    for head in ["", "GET / HTTP/1.1\r\nHost: te"] {
        let (_server, metrics, mut client) = connected().await;
        client.write_all(head.as_bytes()).await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(rest(client).await, "");
        assert!(began.elapsed() >= LIMIT, "{:?}", began.elapsed());
        assert_eq!(metrics.answers().connections.get(), 0);
    }
}

#[tokio::test]
async fn a_request_in_flight_may_take_longer_and_an_answered_one_begins_the_time_anew() {
    let (_server, _, mut client) = connected().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    let text = rest(client).await;
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("done"), "{text}");
}

#[tokio::test]
async fn draining_answers_what_is_in_flight_and_closes_the_rest() {
    let (server, metrics, mut client) = connected().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    while metrics.answers().connections.get() == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (cut, text) = tokio::join!(server.drain(), rest(client));
    assert_eq!(cut, 0);
    assert!(text.ends_with("done"), "{text}");
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_cut_off() {
    let (mut server, metrics, mut client) = connected().await;
    server.limits.drain_timeout = Duration::from_millis(100);
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.drain().await, 1);
    assert_eq!(metrics.answers().connections.get(), 0);
    // The connection is reset or closed; either way it ends without an answer.
    let mut text = String::new();
    let _ = client.read_to_string(&mut text).await;
    assert_eq!(text, "");
}
