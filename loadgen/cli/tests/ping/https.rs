//! https against a server with a certificate of its own making.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::command::{command, finish, ping};

/// Serves https in a thread; returns the address and the certificate as PEM.
fn serve() -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that refuses the certificate hangs up, which is what two of the tests want.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = [0; 1024];
                if stream.read(&mut request).await.is_ok() {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
            }
        });
    });
    (address, made.cert.pem())
}

#[test]
fn a_certificate_is_trusted_refused_or_taken() {
    let (address, pem) = serve();
    let url = format!("https://localhost:{}", address.port());

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let trusting = command(&["-c", "1", "-s", "-S", &url]).env("SSL_CERT_FILE", file.path()).spawn().unwrap();
    let done = finish(trusting);
    assert_eq!(done.code, 0, "{done:?}");
    let line = done.out.lines().nth(1).unwrap();
    assert_eq!(line.matches('+').count(), 5, "with TLS a split time has six parts: {line}");
    assert!(line.ends_with("204 No Content") && done.out.contains(", tls "), "{done:?}");

    let taken = ping(&["-c", "1", "-k", &url]);
    assert_eq!(taken.code, 0, "{taken:?}");

    let strange = finish(command(&["-c", "1", "-k", &url]).env("SSL_CERT_FILE", "/dev/null").spawn().unwrap());
    assert_eq!(strange.code, 0, "-k needs no CAs: {strange:?}");
    let without = finish(command(&["-c", "1", &url]).env("SSL_CERT_FILE", "/dev/null").spawn().unwrap());
    assert!(without.code == 2 && without.err.contains("install ca-certificates"), "{without:?}");
}

#[test]
fn a_stranger_is_refused_with_the_way_out() {
    let (address, _) = serve();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), other.cert.pem()).unwrap();
    let url = format!("https://localhost:{}", address.port());
    let done = finish(command(&["-c", "1", &url]).env("SSL_CERT_FILE", file.path()).spawn().unwrap());
    assert_eq!(done.code, 127, "{done:?}");
    assert!(done.out.contains("certificate refused: ") && done.out.contains("--insecure"), "{done:?}");
}
