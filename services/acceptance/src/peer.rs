//! The public application's parts as peers, written from the wire contract with the frameworks that it uses.
//!
//! A peer is as strict as its framework is: one that we write ourselves would forgive what we forget. `check.sh` installs
//! the frameworks from Debian's packages.

use std::process::Command;
use std::time::Duration;

use testbed::{Program, wait_for};

/// How long a framework may take to start, side by side with many others.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running peer; killed when dropped.
pub struct Peer {
    /// The process.
    pub program: Program,
    /// Where it listens, as `127.0.0.1:41234`; empty for a worker.
    pub address: String,
}

impl Peer {
    /// rng: Flask's own server, one request at a time.
    ///
    /// # Panics
    /// When it does not start.
    pub fn rng() -> Self {
        Self::serving(python("rng").arg("0"))
    }

    /// hasher: Sinatra with a Rack server.
    ///
    /// # Panics
    /// When it does not start.
    pub fn hasher() -> Self {
        let mut command = Command::new("puma");
        // Outside of production Sinatra answers with pages for programmers.
        command.args(["--bind", "tcp://127.0.0.1:0", "--threads", "0:64", "--environment", "production"]);
        Self::serving(command.arg(script("hasher.ru")).env("DELAY", "0"))
    }

    /// webui: Express with node-redis.
    ///
    /// # Panics
    /// When it does not start.
    pub fn webui(redis_url: &str) -> Self {
        let mut command = Command::new("node");
        // Where Debian's packages lie; a node that is not Debian's does not look there.
        Self::serving(command.args([&script("webui.js"), redis_url]).env("NODE_PATH", "/usr/share/nodejs"))
    }

    /// worker: requests with redis-py; counts in Redis and announces nothing.
    ///
    /// # Panics
    /// When it does not start.
    pub fn worker(rng_url: &str, hasher_url: &str, redis_url: &str) -> Self {
        let mut command = python("worker");
        command.env("RNG", rng_url).env("HASHER", hasher_url).env("REDIS", redis_url).env("THINK", "0.01");
        Self { program: Program::spawn(&mut command), address: String::new() }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn serving(command: &mut Command) -> Self {
        let mut program = Program::spawn(command);
        let address = wait_for("a peer to listen", PATIENCE, || {
            let log = program.log();
            let told = log.split_once("http://127.0.0.1:").map(|(_, rest)| rest);
            let port = told.and_then(|rest| rest.split_once(|sign: char| !sign.is_ascii_digit()));
            match port {
                Some((port, _)) => Ok(format!("127.0.0.1:{port}")),
                None if program.has_ended() => {
                    panic!("{command:?} ended; ./check.sh installs what it needs. Log:\n{log}")
                }
                None => Err(log),
            }
        });
        Self { program, address }
    }
}

/// The system's Python, for which the packages are.
fn python(name: &str) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg("-u").arg(script(&format!("{name}.py"))).env("DELAY", "0");
    command
}

fn script(name: &str) -> String {
    format!("{}/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}
