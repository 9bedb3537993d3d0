//! The load generators that are put to the test: how they are called, and how what they print is read.

use std::process::{Child, Output, Stdio};

use crate::processors::Processors;

/// A load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Ours.
    Loadgen,
    /// The original wrk: closed loop only.
    Wrk,
    /// wrk with a rate.
    Wrk2,
    /// oha with its correction switched on.
    Oha,
}

/// What is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests per second.
    pub rate: f64,
    /// Seconds.
    pub seconds: f64,
    /// Connections.
    pub connections: usize,
    /// Whether arrivals are a Poisson process.
    pub poisson: bool,
}

/// Percentiles in milliseconds: p50, p90, p99, p99.9.
pub type Percentiles = [f64; 4];

/// The shares that [`Percentiles`] stand for.
pub const SHARES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// What a tool said.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// Response times, in milliseconds.
    pub percentiles: Percentiles,
    /// The longest one.
    pub max: f64,
    /// For how long it had no processor though it could have run, in seconds; 0 where it does not say so.
    pub starved_s: f64,
    /// When its first request was due, in seconds of Unix time, where it says so.
    pub started_unix_s: Option<f64>,
}

impl Tool {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Loadgen => "loadgen",
            Tool::Wrk => "wrk",
            Tool::Wrk2 => "wrk2",
            Tool::Oha => "oha",
        }
    }

    /// The program, where it is installed.
    pub fn program(self) -> Option<String> {
        let name = match self {
            Tool::Loadgen => {
                return Some(std::env::var("LOADGEN").unwrap_or_else(|_| "target/release/loadgen".to_owned()));
            }
            other => other.name(),
        };
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
        Some(name.to_owned())
    }

    /// Starts it.
    pub fn start(self, url: &str, load: Load, processors: &Processors) -> std::io::Result<Child> {
        let program =
            self.program().ok_or_else(|| std::io::Error::other(format!("{} is not installed", self.name())))?;
        let mut command = processors.client(program);
        let (rate, connections) = (load.rate.to_string(), load.connections.to_string());
        match self {
            Tool::Loadgen => {
                command.args([
                    "bench",
                    "--json",
                    "--quiet",
                    "--drain",
                    "0s",
                    "--threads",
                    "1",
                    "--open",
                    "as-needed",
                    "--fail-if",
                    "errors > 100%",
                    "--rate",
                    &rate,
                    "-c",
                    &connections,
                ]);
                command.args(["-d", &format!("{}ms", (load.seconds * 1000.0).round())]);
                if load.poisson {
                    command.args(["--arrivals", "poisson", "--seed", "1"]);
                }
            }
            Tool::Wrk | Tool::Wrk2 => {
                command.args(["-t1", "--latency", "--timeout", "60s", &format!("-c{connections}")]);
                command.arg(format!("-d{}s", load.seconds.round()));
                if self == Tool::Wrk2 {
                    command.args(["-R", &rate]);
                }
            }
            Tool::Oha => {
                command.args(["--no-tui", "--latency-correction", "-q", &rate, "-c", &connections, "-z"]);
                command.arg(format!("{}s", load.seconds.round()));
            }
        }
        command.arg(url).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()
    }

    /// Reads what it printed.
    pub fn said(self, output: &Output) -> Option<Said> {
        let text = String::from_utf8_lossy(&output.stdout);
        match self {
            Tool::Loadgen => {
                let bench: instrument::result::Bench = serde_json::from_str(&text).ok()?;
                let times = &bench.response;
                Some(Said {
                    percentiles: [times.p50_ms, times.p90_ms, times.p99_ms, times.p99_9_ms]
                        .map(|told| told.unwrap_or(f64::NAN)),
                    max: times.max_ms,
                    starved_s: bench.load_generator.starved_s,
                    started_unix_s: Some(bench.started_unix_s),
                })
            }
            Tool::Wrk | Tool::Wrk2 | Tool::Oha => {
                let found = |labels: [&str; 2]| {
                    text.lines().map(str::trim_start).find_map(|line| {
                        let label = labels.iter().find(|label| line.starts_with(**label))?;
                        milliseconds(&line[label.len()..])
                    })
                };
                let max = text.lines().map(str::trim_start).find_map(|line| {
                    let rest = line.strip_prefix("Slowest:").map(str::trim);
                    let wrk = || line.strip_prefix("Latency")?.split_whitespace().nth(2);
                    milliseconds(rest.or_else(wrk)?)
                });
                let p999 = found(["99.900%", "99.90% in"]).unwrap_or(f64::NAN);
                let p99 = found(["99.000%", "99.00% in"]).or_else(|| found(["99%", "99%"]))?;
                let p90 = found(["90.000%", "90.00% in"]).or_else(|| found(["90%", "90%"]))?;
                let p50 = found(["50.000%", "50.00% in"]).or_else(|| found(["50%", "50%"]))?;
                let max = max.unwrap_or(f64::NAN);
                Some(Said { percentiles: [p50, p90, p99, p999], max, starved_s: 0.0, started_unix_s: None })
            }
        }
    }
}

/// Reads `1.23ms`, `1.23 ms`, `456.00us`, `2.01s`.
fn milliseconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let value: f64 = text[..end].parse().ok()?;
    let unit = text[end..].split_whitespace().next()?;
    let factor = match unit {
        "us" | "µs" => 1e-3,
        "ms" => 1.0,
        "s" | "sec" | "secs" => 1e3,
        "m" => 60e3,
        _ => return None,
    };
    Some(value * factor)
}
