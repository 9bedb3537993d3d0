//! Probes against servers in this process: what each phase covers, and how each failure is named.

mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ping::{Failure, Family, Kind, Options, Probe};
use server::{read_head, serve};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Reads one request, writes `answer`, closes.
async fn answer_once(answer: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        if read_head(&mut stream).await {
            stream.write_all(answer).await.unwrap();
        }
    })
    .await
}

fn probe(url: &str) -> Probe {
    Probe::new(url, Options::default()).unwrap()
}

fn impatient(url: &str) -> Probe {
    Probe::new(url, Options { timeout: Duration::from_millis(100), ..Options::default() }).unwrap()
}

async fn failure_of(answer: &'static [u8]) -> Failure {
    probe(&answer_once(answer).await.to_string()).once().await.expect_err("this is no answer")
}

#[tokio::test]
async fn phases_cover_what_they_say() {
    let address = serve(|mut stream| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        stream.write_all(&OK[..20]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
        stream.write_all(&OK[20..]).await.unwrap();
    })
    .await;
    let timing = probe(&address.to_string()).once().await.unwrap();
    assert!(timing.wait >= Duration::from_millis(60), "{timing:?}");
    assert!(timing.read >= Duration::from_millis(40), "{timing:?}");
    assert_eq!(timing.tls, Duration::ZERO);
    let sum = timing.resolve + timing.connect + timing.tls + timing.write + timing.wait + timing.read;
    assert_eq!(sum, timing.total, "{timing:?}");
    assert_eq!((timing.status, timing.reason.as_str(), timing.bytes()), (200, "OK", OK.len() as u64));
    assert_eq!(timing.peer, Some(address));
}

#[tokio::test]
async fn an_error_status_is_an_answer_all_the_same() {
    let address = answer_once(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(probe(&address.to_string()).once().await.unwrap().status, 503);
}

#[tokio::test]
async fn each_failure_has_its_kind() {
    assert_eq!(failure_of(b"").await.kind, Kind::Closed);
    assert_eq!(failure_of(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab").await.kind, Kind::Closed);
    assert_eq!(failure_of(b"220 mail.example ESMTP\r\n").await.kind, Kind::Protocol);
    assert_eq!(probe("no-such-host.invalid").once().await.unwrap_err().kind, Kind::Resolve);

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let refused = probe(&address.to_string()).once().await.unwrap_err();
    assert_eq!(refused.kind, Kind::Refused);
    assert_eq!(refused.message, format!("could not connect to {address} (Connection refused)"));

    let resetting = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(probe(&resetting.to_string()).once().await.unwrap_err().kind, Kind::Reset);
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_each_phase() {
    let silent = serve(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let failure = impatient(&silent.to_string()).once().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Timeout);
    assert!(failure.after >= Duration::from_millis(100), "{failure:?}");
    assert!(failure.message.contains("100ms (while waiting for the first byte)"), "{failure}");

    let stuck = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(&OK[..30]).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let failure = impatient(&stuck.to_string()).once().await.unwrap_err();
    assert!(failure.message.contains("while reading the answer"), "{failure}");

    let options = Options { timeout: Duration::from_millis(100), insecure: true, ..Options::default() };
    let failure = Probe::new(&format!("https://{silent}"), options).unwrap().once().await.unwrap_err();
    assert!(failure.message.contains("TLS handshake"), "{failure}");
}

#[tokio::test]
async fn a_session_keeps_its_connection_and_replaces_a_dead_one() {
    // Serves two requests a connection, then closes without a word.
    let address = serve(|mut stream| async move {
        for _ in 0..2 {
            if !read_head(&mut stream).await {
                return;
            }
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let mut session = probe(&address.to_string()).session();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let timing = session.once().await.unwrap();
        assert_eq!(timing.reused, timing.connect.is_zero(), "{timing:?}");
        seen.push((timing.reused, timing.reconnected));
        // Lets the server's close arrive, as it does between two pings.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (first, again, new) = ((false, false), (true, false), (false, true));
    assert_eq!(seen, [first, again, new, again, new]);
}

#[tokio::test]
async fn a_close_that_crosses_the_request_is_asked_again() {
    // Takes the second request and closes instead of answering, as a server does whose idle timer ran out just then.
    let address = serve(|mut stream| async move {
        if read_head(&mut stream).await {
            stream.write_all(OK).await.unwrap();
            read_head(&mut stream).await;
        }
    })
    .await;
    let mut session = probe(&address.to_string()).session();
    session.once().await.unwrap();
    let timing = session.once().await.unwrap();
    assert!(timing.reconnected && !timing.reused, "{timing:?}");

    let options = Options { method: "POST".into(), ..Options::default() };
    let mut session = Probe::new(&address.to_string(), options).unwrap().session();
    session.once().await.unwrap();
    assert_eq!(session.once().await.unwrap_err().kind, Kind::Closed, "a POST must not be sent twice");
}

#[tokio::test]
async fn localhost_is_found_on_either_family() {
    let address = answer_once(OK).await;
    let url = format!("localhost:{}", address.port());
    // The server listens on IPv4 only; where localhost is ::1 first, the second address is tried.
    assert_eq!(probe(&url).once().await.unwrap().peer, Some(address));
    let v4 = Probe::new(&url, Options { family: Family::V4, resolve_once: true, ..Options::default() }).unwrap();
    for _ in 0..2 {
        assert_eq!(v4.once().await.unwrap().peer, Some(address));
    }
}

#[tokio::test]
async fn tls_is_timed_and_strangers_are_refused() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let address = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.write_all(OK).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    })
    .await;
    let url = format!("https://localhost:{}", address.port());
    let any = Probe::new(&url, Options { insecure: true, ..Options::default() }).unwrap();
    let timing = any.once().await.unwrap();
    assert_eq!(timing.status, 200);
    assert!(timing.tls > Duration::ZERO, "{timing:?}");

    let failure = probe(&url).once().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Tls);
    assert!(failure.message.contains("--insecure"), "{failure}");

    let plain = serve(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    })
    .await;
    let any = Probe::new(&format!("https://{plain}"), Options { insecure: true, ..Options::default() }).unwrap();
    let failure = any.once().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Tls, "{failure}");
}

#[test]
fn options_that_cannot_be_are_refused() {
    let v6 = Options { family: Family::V6, ..Options::default() };
    let error = Probe::new("127.0.0.1:1", v6).err().expect("an IPv4 address under IPv6 only").to_string();
    assert!(error.contains("IPv6"), "{error}");
    let hasty = Options { timeout: Duration::ZERO, ..Options::default() };
    assert!(Probe::new("127.0.0.1:1", hasty).is_err());
}
