//! Pings and summaries as one JSON array (`-M`).

use std::io::{self, Write};
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use stats::quantile::{told, untold};

use super::compare;
use super::output::Output;
use super::tally::{PHASES, Ping, Tally, phases};

/// Writes each element as soon as it is known, so that the array can be read while it grows.
#[derive(Default)]
pub struct Json {
    begun: bool,
}

impl Json {
    fn element(&mut self, value: &Value) -> io::Result<()> {
        let before = if self.begun { ",\n" } else { "[\n" };
        self.begun = true;
        let mut out = io::stdout();
        write!(out, "{before}{value}")?;
        out.flush()
    }
}

impl Output for Json {
    fn pinged(&mut self, tallies: &[Tally], which: usize, ping: &Ping) -> io::Result<()> {
        self.element(&element(&tallies[which], ping))
    }

    fn end(&mut self, tallies: &[Tally]) -> io::Result<()> {
        for tally in tallies {
            self.element(&summary(tally))?;
        }
        if tallies.len() > 1 {
            self.element(&json!({ "type": "comparison", "sentences": compare::sentences(tallies) }))?;
        }
        writeln!(io::stdout(), "\n]")
    }
}

/// Milliseconds to the nanosecond, which is as far as the clock goes.
fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3)
}

fn rounded(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e6
}

/// One ping, with httping's names where it has one.
fn element(tally: &Tally, ping: &Ping) -> Value {
    let start = ping.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("type", "ping".into());
    set("url", tally.url.as_str().into());
    set("seq", ping.seq.into());
    set("start_ts", start.into());
    match &ping.outcome {
        Ok(timing) => {
            set("status", 1.into());
            for (name, phase) in PHASES.iter().zip(phases(timing)) {
                set(&format!("{name}_ms"), millis(phase).into());
            }
            set("request_ms", millis(timing.wait + timing.read).into());
            set("total_ms", millis(timing.total).into());
            set("http_code", timing.status.into());
            set("msg", format!("{} {}", timing.status, timing.reason).trim_end().into());
            set("header_size", timing.head_bytes.into());
            set("data_size", timing.body_bytes.into());
            set("host", timing.peer.map(|peer| peer.to_string()).into());
            set("reused", timing.reused.into());
        }
        Err(failure) => {
            set("status", 0.into());
            set("total_ms", millis(failure.after).into());
            set("error", failure.kind.name().into());
            set("msg", failure.message.as_str().into());
        }
    }
    Value::Object(fields)
}

fn summary(tally: &Tally) -> Value {
    let times = &tally.times;
    let failures: Map<_, _> = tally.failures.iter().map(|(kind, n)| (kind.name().to_owned(), (*n).into())).collect();
    let mut value = json!({
        "type": "summary", "url": tally.url, "connects": tally.begun(), "ok": tally.ok, "failed": tally.failed(),
        "unfinished": tally.begun() - tally.ended, "failures": failures,
        "unfinished_ms": tally.under_way.map(|since| millis(Instant::now() - since)),
        "time_ms": millis(tally.started.elapsed()),
    });
    if tally.ok > 0 {
        let phases: Map<_, _> = PHASES
            .iter()
            .zip(tally.phases)
            .map(|(name, sum)| (format!("{name}_ms"), rounded(millis(sum) / tally.ok as f64).into()))
            .collect();
        value["mean_phases"] = Value::Object(phases);
        for (name, ms) in [
            ("min_ms", times.min_ms()),
            ("avg_ms", times.mean_ms()),
            ("max_ms", times.max_ms()),
            ("sd_ms", times.deviation_ms()),
            ("p50_ms", times.median_ms()),
        ] {
            value[name] = rounded(ms).into();
        }
        let shares = [0.9, 0.99, 0.999];
        for (name, share) in ["p90_ms", "p99_ms", "p99_9_ms"].into_iter().zip(shares) {
            value[name] = told(share, tally.ok, || rounded(times.quantile_ms(share))).into();
        }
        if let Some(why) = untold(&shares, tally.ok) {
            value["untold"] = why.into();
        }
    }
    value
}
