//! The live picture of nodes and tasks.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::guide::load::Loads;
use ::guide::map;
use anyhow::Context as _;
use swarm::Swarm;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::commands::manager::Manager;

/// Between two pictures.
const EVERY: Duration = Duration::from_secs(1);

/// How many browsers are answered at a time. Others wait in line: whoever connects and says nothing holds a seat for no longer than `ASKS_WITHIN`.
const SEATS: usize = 64;

/// How long nobody is accepted after an error, which may come again at once.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// How long a browser may take to say what it wants.
const ASKS_WITHIN: Duration = Duration::from_secs(5);

/// Show the nodes and the tasks on each, live
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show it once
    #[arg(long)]
    once: bool,
    /// Serve it as a page on this address, such as 127.0.0.1:8090
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where webui answers, such as 127.0.0.1:8000: its curve of the speed is drawn on the page too
    #[arg(long, value_name = "HOST:PORT", requires = "listen", value_parser = host_and_port)]
    webui: Option<(String, u16)>,
    #[command(flatten)]
    manager: Manager,
}

/// Shows the picture.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let swarm = args.manager.swarm().await?;
    if let Some(address) = args.listen {
        return serve(swarm, address, args.webui).await;
    }
    let live = !args.once && std::io::stdout().is_terminal();
    if !live {
        let shown = map::text(&map::look(&swarm).await?, super::style());
        anstream::print!("{shown}{}\n", map::LEGEND);
        return Ok(ExitCode::SUCCESS);
    }
    let pictures = async {
        loop {
            // A swarm that has lost its quorum says why there is no picture, and is looked at again.
            let shown = match map::look(&swarm).await {
                Ok(map) => map::text(&map, super::style()),
                Err(error) => format!("{error:#}\n"),
            };
            draw(&shown)?;
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        ended = pictures => ended,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
    }
}

/// Writes over the last picture: from the top, each line to its end, and nothing below.
fn draw(shown: &str) -> anyhow::Result<()> {
    let height = terminal_size::terminal_size().map_or(24, |(_, height)| usize::from(height.0));
    let mut out = String::from("\u{1b}[H");
    for line in shown.lines().take(height.saturating_sub(2)) {
        out.push_str(line);
        out.push_str("\u{1b}[K\r\n");
    }
    out.push_str(&format!("\u{1b}[K{}   ^C ends\u{1b}[J", ::guide::map::LEGEND));
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(out.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

async fn serve(swarm: Swarm, address: SocketAddr, webui: Option<(String, u16)>) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("--listen {address}"))?;
    anstream::println!("http://{}/   ^C ends", listener.local_addr()?);
    let page = map::html(webui.is_some());
    let loads = Arc::new(Loads::of(swarm.engine().host()).await);
    let seats = Arc::new(Semaphore::new(SEATS));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &seats) => accepted,
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        };
        let (stream, seat) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // One that went before it was accepted, or too many open files for a moment: the page goes on.
                anstream::eprintln!("lab: a browser was not answered: {error}");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        let (swarm, page, webui, loads) = (swarm.clone(), page.clone(), webui.clone(), Arc::clone(&loads));
        // A browser that goes away in the middle is none of our business.
        tokio::spawn(async move {
            let _seat = seat;
            let answer = answer(stream, &swarm, &page, webui.as_ref(), loads.as_ref().as_ref());
            tokio::time::timeout(ASKS_WITHIN, answer).await
        });
    }
}

/// The next browser, once there is room for it.
async fn accept(listener: &TcpListener, seats: &Arc<Semaphore>) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let seat = Arc::clone(seats).acquire_owned().await.map_err(std::io::Error::other)?;
    Ok((listener.accept().await?.0, seat))
}

async fn answer(
    mut stream: TcpStream,
    swarm: &Swarm,
    page: &str,
    webui: Option<&(String, u16)>,
    loads: Option<&Loads>,
) -> anyhow::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 2048];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16 * 1024 {
        match stream.read(&mut piece).await? {
            0 => break,
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let line = String::from_utf8_lossy(&request);
    let (status, kind, body) = match line.split_whitespace().nth(1) {
        Some("/") => ("200 OK", "text/html; charset=utf-8", page.to_owned()),
        Some("/map.json") => match map::look(swarm).await {
            Ok(mut map) => {
                if let Some(loads) = loads {
                    loads.add(&mut map).await;
                }
                ("200 OK", "application/json", serde_json::to_string(&map)?)
            }
            Err(error) => ("503 Service Unavailable", "text/plain; charset=utf-8", error.to_string()),
        },
        Some("/speed.json") => {
            let Some((host, port)) = webui else { return Ok(()) };
            match map::speed(host, *port).await {
                Ok(samples) => ("200 OK", "application/json", serde_json::to_string(&samples)?),
                Err(error) => ("503 Service Unavailable", "text/plain; charset=utf-8", format!("webui: {error:#}")),
            }
        }
        _ => ("404 Not Found", "text/plain; charset=utf-8", "there is only /\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(())
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let pair = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    pair.ok_or_else(|| "give the host and the port, as 127.0.0.1:8000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn idle_browsers_have_no_more_than_their_seats() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seats = Arc::new(Semaphore::new(2));
        let _idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let _late = TcpStream::connect(address).await.unwrap();
        let (_first, second) = (accept(&listener, &seats).await.unwrap(), accept(&listener, &seats).await.unwrap());
        let third = tokio::time::timeout(Duration::from_millis(50), accept(&listener, &seats)).await;
        assert!(third.is_err(), "a third browser has a seat");
        drop(second);
        let _third = accept(&listener, &seats).await.unwrap();
    }
}
