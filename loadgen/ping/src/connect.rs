//! From a name to an open connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::failure::{Failure, Kind, plain};
use crate::options::Family;
use crate::target::Target;

/// What a request is written to and its answer read from: TCP, or TLS over it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Finds the addresses of the target, those of the wanted family only.
pub async fn resolve(target: &Target, family: Family) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(address) = target.address() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let host = &target.host;
    let found: Vec<_> = tokio::net::lookup_host((host.as_str(), target.port))
        .await
        .map_err(|error| {
            let text = plain(&error);
            let cause = text.rsplit(": ").next().unwrap_or(&text);
            Failure::new(Kind::Resolve, format!("could not resolve {host} ({cause})"))
        })?
        .filter(|address| is_of(address.ip(), family))
        .collect();
    if found.is_empty() {
        let wanted = match family {
            Family::Any => "address",
            Family::V4 => "IPv4 address",
            Family::V6 => "IPv6 address",
        };
        return Err(Failure::new(Kind::Resolve, format!("could not resolve {host} (it has no {wanted})")));
    }
    Ok(found)
}

/// Whether an address belongs to the family.
pub fn is_of(address: IpAddr, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }
}

/// Connects to the first of the addresses that answers.
///
/// Each address may use an equal share of the time that is left, so that one which swallows packets does not keep the
/// others from being tried.
pub async fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Failure> {
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / (addresses.len() - tried) as u32;
        let doing = || format!("could not connect to {address}");
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A request goes out in one write; waiting to fill a segment could only delay it.
                stream.set_nodelay(true).map_err(|error| Failure::io(&doing(), &error))?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(Failure::io(&doing(), &error)),
            Err(_) => last = Some(Failure::new(Kind::Timeout, format!("{} (timed out)", doing()))),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(Kind::Resolve, "there is no address to connect to")))
}

/// Wraps the connection in TLS.
pub async fn wrap(tcp: TcpStream, connector: &TlsConnector, target: &Target) -> Result<Box<dyn Stream>, Failure> {
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| Failure::new(Kind::Tls, format!("{} cannot be the name in a certificate", target.host)))?;
    match connector.connect(name, tcp).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(tls_failure(&error, target)),
    }
}

fn tls_failure(error: &io::Error, target: &Target) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let what = match inner {
        Some(rustls::Error::InvalidMessage(_)) => "no TLS is spoken there; write http:// in the URL".to_owned(),
        Some(rustls::Error::InvalidCertificate(why)) => {
            let why = match why {
                rustls::CertificateError::UnknownIssuer => "its issuer is not trusted here".to_owned(),
                other => other.to_string(),
            };
            format!("certificate refused: {why}; name its CA in SSL_CERT_FILE, or take it with --insecure")
        }
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "the server ended the handshake".to_owned(),
        None => plain(error),
    };
    Failure::new(Kind::Tls, format!("TLS with {} failed ({what})", target.authority()))
}
