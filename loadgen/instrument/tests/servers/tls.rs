//! https: the same engine over TLS.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::support::{OK, Server, answer_all};
use instrument::config::{Config, Trust};
use instrument::failure::Failure;
use instrument::report::{Error, Report};
use instrument::target::Target;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server with a certificate of its own making for `localhost`, and that certificate as PEM.
fn server() -> (Server, String) {
    server_after(0)
}

/// The same, which closes its first connections before their handshake.
fn server_after(closed: usize) -> (Server, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let server = Server::start(move |stream, number| {
        if number < closed {
            return;
        }
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(tls, stream.try_clone().unwrap());
        answer_all(&mut stream, OK);
        // The client has closed; that this cannot be said to it any more is no error.
        let _ = stream.flush();
    });
    (server, made.cert.pem())
}

fn config(server: &Server, trust: Trust) -> Config {
    let mut config = server.config();
    config.target = Target::parse(&format!("https://localhost:{}/", server.address.port())).unwrap();
    config.requests = Some(50);
    config.connections = 4;
    config.trust = trust;
    config
}

fn run(config: &Config) -> Result<Report, Error> {
    instrument::run(config, &AtomicBool::new(false), &mut ())
}

#[test]
fn requests_go_over_tls_on_kept_connections() {
    let (server, pem) = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, pem).unwrap();
    for trust in [Trust::File(file), Trust::Anything] {
        let report = run(&config(&server, trust)).unwrap();
        assert_eq!(report.total.counts.done, 50, "{:?}", report.total.counts);
        assert!(report.total.connections <= 4);
    }
}

#[test]
fn a_body_larger_than_the_socket_goes_over_tls_whole() {
    let (server, _) = server();
    let mut config = config(&server, Trust::Anything);
    config.request.method = "POST".into();
    config.request.body = vec![b'x'; 2_000_000];
    config.requests = Some(4);
    assert_eq!(run(&config).unwrap().total.counts.done, 4);
}

#[test]
fn the_first_handshake_that_fails_is_one_failed_request() {
    let (server, _) = server_after(1);
    for connections in [100, 1] {
        let mut config = config(&server, Trust::Anything);
        config.connections = connections;
        config.requests = Some(100);
        let counts = run(&config).unwrap().total.counts;
        assert_eq!(counts.done + counts.failed[Failure::Tls as usize], 100, "{counts:?}");
        assert_eq!(counts.failures(), u64::from(connections > 1), "{counts:?}");
    }
    // Alone at first, and so without any other connection that says that the server is there.
    let (server, _) = server_after(1);
    let mut config = config(&server, Trust::Anything);
    config.connections = 1;
    assert_eq!(run(&config).unwrap().total.counts.failures(), 1);
}

#[test]
fn the_first_address_may_speak_no_tls() {
    let (server, _) = server();
    let clear = Server::start(|stream, _| {
        // Whatever the client says is answered in the clear.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        crate::support::be_silent(stream);
    });
    let mut config = config(&server, Trust::Anything);
    config.connections = 1;
    config.addresses = vec![clear.address, server.address];
    let counts = run(&config).unwrap().total.counts;
    assert_eq!((counts.failed[Failure::Tls as usize], counts.done), (1, 49), "{counts:?}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_the_run_with_its_reason() {
    let (server, _) = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.pem");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&file, other.cert.pem()).unwrap();
    let error = run(&config(&server, Trust::File(file))).unwrap_err();
    assert!(matches!(error, Error::Unreachable { kind: Failure::Tls, .. }), "{error}");
}

#[test]
fn a_server_without_tls_ends_the_run_too() {
    let server = Server::start(|stream, _| {
        // Whatever the client says is answered in the clear.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        crate::support::be_silent(stream);
    });
    let error = run(&config(&server, Trust::Anything)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { kind: Failure::Tls, .. }), "{error}");
}
