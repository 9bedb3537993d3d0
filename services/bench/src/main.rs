//! The least that a connection a request costs: a client and a server on blocking sockets that connect, write, read and close, and
//! do nothing else. No mine with a connection a request can be faster on the same machine.
//!
//! `bound serve PORT BYTES` answers each connection with so many bytes. `bound ask SECONDS PORT:BYTES...` sends so many bytes to
//! each port in turn, for so many seconds, and prints how often it went all the way round.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::str::FromStr;
use std::time::{Duration, Instant};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", port, bytes] => serve(number(port)?, number(bytes)?),
        ["ask", seconds, services @ ..] => {
            let services: Result<Vec<_>> = services.iter().map(|service| parse(service)).collect();
            println!("{}", ask(Duration::from_secs(number(seconds)?), &services?)?);
            Ok(())
        }
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            "write `bound serve PORT BYTES` or `bound ask SECONDS PORT:BYTES...`",
        )),
    }
}

fn serve(port: u16, bytes: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let (answer, mut request) = (vec![b'x'; bytes], [0; 4096]);
    loop {
        let (mut stream, _) = listener.accept()?;
        // A connection that is closed without a word is one that looks whether this listens.
        if stream.read(&mut request)? > 0 {
            stream.write_all(&answer)?;
        }
    }
}

fn ask(time: Duration, services: &[(u16, Vec<u8>)]) -> Result<u64> {
    let (begin, mut rounds, mut answer) = (Instant::now(), 0, [0; 4096]);
    while begin.elapsed() < time {
        for (port, request) in services {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
            stream.write_all(request)?;
            if stream.read(&mut answer)? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "a connection ended without an answer"));
            }
        }
        rounds += 1;
    }
    Ok(rounds)
}

fn parse(service: &str) -> Result<(u16, Vec<u8>)> {
    let (port, bytes) = service.split_once(':').unwrap_or((service, "100"));
    Ok((number(port)?, vec![b'x'; number(bytes)?]))
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::new(ErrorKind::InvalidInput, format!("`{text}` is not a number that fits here")))
}
