//! A real Redis that can be stopped and started again with its data kept.

use std::net::TcpStream;
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{Program, free_port};
use crate::wait::wait_for;

/// A Redis server on a loopback port, with its data in a folder of its own.
#[derive(Debug)]
pub struct RedisServer {
    data: TempDir,
    port: u16,
    program: Option<Program>,
}

impl RedisServer {
    /// Starts a server that writes every change to disk before it answers.
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    pub fn start() -> Self {
        let data = TempDir::new().expect("a folder for Redis's data");
        let mut server = Self { data, port: 0, program: None };
        // Another program may take the free port first, so a few tries are owed.
        for _ in 0..5 {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("redis-server did not start on five free ports; `apt-get install redis-server` installs it");
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it with SIGTERM; its data stay.
    pub fn stop(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.signal("TERM");
            program.wait();
        }
    }

    /// Kills it with SIGKILL; its data stay.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// Starts it again on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        assert!(self.run(), "redis-server did not start again on port {}", self.port);
    }

    /// The program, to send it signals.
    ///
    /// # Panics
    /// When it is stopped.
    pub fn program(&self) -> &Program {
        self.program.as_ref().expect("Redis runs")
    }

    fn run(&mut self) -> bool {
        let folder = self.data.path().to_str().expect("a path in UTF-8");
        let port = self.port.to_string();
        #[rustfmt::skip]
        let args = [
            "--port", &port, "--bind", "127.0.0.1", "--dir", folder, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always",
        ];
        let mut program = Program::start("redis-server", &args);
        let up = wait_for("redis-server", Duration::from_secs(20), || {
            let log = program.log();
            if log.contains("Ready to accept connections") {
                return Ok(TcpStream::connect(("127.0.0.1", self.port)).is_ok());
            }
            if log.contains("bind: Address already in use") { Ok(false) } else { Err(log) }
        });
        if !up {
            program.wait();
            return false;
        }
        self.program = Some(program);
        true
    }
}
