//! A listening socket for IPv4 and IPv6 together.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
pub const BACKLOG: i32 = 4096;

/// Binds and listens. `[::]` takes IPv4 too; on a machine without IPv6 it falls back to `0.0.0.0`.
///
/// # Errors
/// Those of `socket`, `bind` and `listen`: the address is taken, not of this machine, or not permitted.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    open(address).or_else(|error| match Errno::from_io_error(&error) {
        // Where the kernel has no IPv6, and where it is switched off.
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if address.ip().is_unspecified() => {
            open((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        _ => Err(error),
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Without it a restart within a minute is refused because of connections that are still in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Connections inherit it. Without it the second small write of an answer waits for the client's delayed acknowledgement.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Has the kernel give up connections whose client takes nothing of an answer for so long: they inherit it from their listener.
///
/// # Errors
/// Those of `setsockopt`: other systems than Linux have no such option.
pub fn give_up_after(listener: &TcpListener, patience: Duration) -> io::Result<()> {
    SockRef::from(listener).set_tcp_user_timeout(Some(patience))
}

/// From now on no handshake begins, while those under way still end with a connection to accept.
///
/// Closing a listener resets what it has not handed over yet, so its queue has to be emptied first, and nothing may join it
/// meanwhile. A socket filter drops the packets that would begin a connection (SYN without ACK, in byte 13 of a TCP header);
/// their senders repeat them after a second, and are refused then.
pub fn end_handshakes(listener: &TcpListener) {
    let filter = [
        SockFilter::new(0x30, 0, 0, 13),       // load byte 13
        SockFilter::new(0x54, 0, 0, 0x12),     // and SYN|ACK
        SockFilter::new(0x15, 0, 1, 0x02),     // SYN alone?
        SockFilter::new(0x06, 0, 0, 0),        // drop
        SockFilter::new(0x06, 0, 0, u32::MAX), // or let pass
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(%error, "connections that begin in this moment may be reset");
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn the_unspecified_address_takes_ipv4() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_refused() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let again = bind(first.local_addr().unwrap());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
