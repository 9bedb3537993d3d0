//! Our services as processes.

use std::sync::OnceLock;

use testbed::{Program, binary};

/// Builds a program once a test process, and gives its path.
pub fn program(name: &'static str) -> &'static str {
    static BUILT: OnceLock<std::sync::Mutex<std::collections::HashMap<&'static str, &'static str>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Default::default).lock().expect("no build panics");
    built.entry(name).or_insert_with(|| binary(name).to_str().expect("a path in UTF-8").to_owned().leak())
}

/// A service that listens on a loopback port of its own.
pub struct Service {
    /// The process.
    pub program: Program,
    /// Where it listens, as `127.0.0.1:41234`.
    pub address: String,
}

impl Service {
    /// Starts a service with further flags.
    pub fn start(name: &'static str, flags: &[&str]) -> Self {
        let mut args = vec!["--listen", "127.0.0.1:0"];
        args.extend(flags);
        let mut program = Program::start(program(name), &args);
        let address = program.address();
        Self { program, address }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value of one line of its metrics, as `hasher_requests_total{code="200"}`; 0 where there is no such line.
    pub fn metric(&self, name: &str) -> f64 {
        let text = testbed::get(&self.address, "/metrics").expect("metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }
}
