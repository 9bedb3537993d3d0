//! Lines and summaries in httping's shape.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use ping::{Failure, Kind, Timing};
use stats::quantile::told;

use super::compare;
use super::format::{millis, ms, words};
use super::local_time::stamp;
use super::options::Args;
use super::output::Output;
use super::tally::{PHASES, Ping, Tally, phases};

/// Text for a person, on standard output.
pub struct Text {
    status: bool,
    split: bool,
    timestamps: bool,
    verbose: u8,
    keep_alive: bool,
    colors: bool,
    several: bool,
    hinted: BTreeSet<(usize, Kind)>,
}

impl Text {
    /// The form that the options ask for.
    pub fn new(args: &Args, several: bool) -> Self {
        Self {
            status: args.status,
            split: args.split,
            timestamps: args.timestamps,
            verbose: args.verbose,
            keep_alive: args.keep_alive,
            colors: args.colors,
            several,
            hinted: BTreeSet::new(),
        }
    }

    /// The text in a colour, where colours were asked for; what is no terminal gets none (`anstream`).
    fn paint(&self, color: AnsiColor, text: impl std::fmt::Display) -> String {
        if !self.colors {
            return text.to_string();
        }
        let style = Style::new().fg_color(Some(color.into()));
        format!("{style}{text}{style:#}")
    }

    fn answered(&self, tally: &Tally, seq: u64, timing: &Timing) -> String {
        let peer = match timing.peer {
            // The name tells several URLs apart at a glance; a lone one is clear, and its address is news.
            Some(peer) if !self.several => peer.to_string(),
            _ => tally.label.clone(),
        };
        let verb = if self.keep_alive { "pinged host" } else { "connected to" };
        let total = self.paint(AnsiColor::Green, format!("{:6.2}", millis(timing.total)));
        let time = if self.split { format!("{}={total}", parts(tally.tls, timing)) } else { total };
        let mut line = format!(
            "{verb} {} ({} bytes), seq={} time={time} ms",
            self.paint(AnsiColor::Cyan, peer),
            timing.bytes(),
            self.paint(AnsiColor::Blue, seq)
        );
        if self.status {
            line += &format!(" {} {}", timing.status, timing.reason);
        }
        if timing.reconnected {
            line += " C";
        }
        line
    }

    fn failed(&mut self, which: usize, seq: u64, failure: &Failure) -> String {
        let message = self.paint(AnsiColor::Red, &failure.message);
        let first = self.hinted.insert((which, failure.kind));
        let hint = hint(failure.kind).filter(|_| first).map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{message}, seq={}{hint}", self.paint(AnsiColor::Blue, seq))
    }

    /// The summary of one URL.
    fn summary(&self, tally: &Tally) -> String {
        let percent = 100.0 * tally.failed() as f64 / tally.begun().max(1) as f64;
        let failed =
            self.paint(if tally.failed() > 0 { AnsiColor::Red } else { AnsiColor::Green }, percent_text(percent));
        let mut text = format!(
            "--- {} ping statistics ---\n{} connects, {} ok, {failed} failed, time {:.0}ms\n",
            tally.url,
            tally.begun(),
            tally.ok,
            millis(tally.started.elapsed())
        );
        if let Some(since) = tally.under_way {
            text += &format!("1 of them has waited {} for its answer\n", words(millis(since.elapsed())));
        }
        if tally.failures.len() > 1 {
            let kinds: Vec<_> = tally.failures.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
            text += &format!("failures: {}\n", kinds.join(", "));
        }
        if tally.ok == 0 {
            return text;
        }
        let times = &tally.times;
        let (names, deviation) = match self.verbose {
            0 => ("min/avg/max", String::new()),
            _ => ("min/avg/max/sd", format!("/{}", ms(times.deviation_ms()))),
        };
        let (min, avg, max) = (ms(times.min_ms()), ms(times.mean_ms()), ms(times.max_ms()));
        text += &format!("round-trip {names} = {min}/{avg}/{max}{deviation} ms\n");
        text += &percentiles(tally);
        if self.split {
            let mean = |sum: Duration| millis(sum) / tally.ok as f64;
            let means: Vec<_> = PHASES
                .iter()
                .zip(tally.phases)
                .filter(|(name, _)| tally.tls || **name != "tls")
                .map(|(name, sum)| format!("{name} {}", ms(mean(sum))))
                .collect();
            text += &format!("mean of each phase: {} ms\n", means.join(", "));
        }
        text
    }

    fn all(&self, tallies: &[Tally]) -> String {
        let mut text: String = tallies.iter().map(|tally| self.summary(tally)).collect();
        if tallies.len() > 1 {
            text += "\n";
            text += &compare::table(tallies);
        }
        text
    }
}

impl Output for Text {
    fn begin(&mut self, tallies: &[Tally]) -> io::Result<()> {
        let mut out = anstream::stdout();
        for tally in tallies {
            writeln!(out, "PING {} ({}):", self.paint(AnsiColor::Cyan, &tally.label), tally.path)?;
        }
        Ok(())
    }

    fn pinged(&mut self, tallies: &[Tally], which: usize, ping: &Ping) -> io::Result<()> {
        let line = match &ping.outcome {
            Ok(timing) => self.answered(&tallies[which], ping.seq, timing),
            Err(failure) => self.failed(which, ping.seq, failure),
        };
        let time = if self.timestamps { format!("{} ", stamp(ping.at, self.verbose)) } else { String::new() };
        writeln!(anstream::stdout(), "{time}{line}")
    }

    fn interim(&mut self, tallies: &[Tally]) -> io::Result<()> {
        self.end(tallies)
    }

    fn end(&mut self, tallies: &[Tally]) -> io::Result<()> {
        let mut out = anstream::stdout();
        out.write_all(self.all(tallies).as_bytes())?;
        out.flush()
    }
}

/// The parts of a split time, with httping's `request` for waiting and reading together.
fn parts(tls: bool, timing: &Timing) -> String {
    let [resolve, connect, handshake, write, wait, read, close] = phases(timing);
    let mut parts = vec![resolve, connect, handshake, write, wait + read, close];
    if !tls {
        parts.remove(2);
    }
    let parts: Vec<_> = parts.into_iter().map(|part| format!("{:6.2}", millis(part))).collect();
    parts.join("+")
}

/// Those percentiles that so many pings can tell; the median is shown of any number.
fn percentiles(tally: &Tally) -> String {
    let times = &tally.times;
    let mut shown = vec![("p50", times.median_ms())];
    for (name, share) in [("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        shown.extend(told(share, tally.ok, || (name, times.quantile_ms(share))));
    }
    let (names, values): (Vec<_>, Vec<_>) = shown.into_iter().map(|(name, value)| (name, ms(value))).unzip();
    format!("percentiles {} = {} ms\n", names.join("/"), values.join("/"))
}

fn percent_text(percent: f64) -> String {
    format!("{percent:.2}%")
}

/// What to do about the first failure of a kind; none where its message says so already.
fn hint(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Resolve => Some("check the spelling, and that this machine is on a network that knows the name"),
        Kind::Refused => Some("is the service running, and on that port?"),
        Kind::Unreachable => Some("check the address, and the route to it"),
        Kind::Timeout => Some("-t sets how long to wait"),
        Kind::Local => Some("this machine itself could not do it: see ulimit -n, and use longer intervals"),
        Kind::Reset | Kind::Closed => Some("something is there, but it hung up: see its log"),
        Kind::Tls | Kind::Protocol | Kind::Status => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn plain() -> Text {
        Text {
            status: false,
            split: false,
            timestamps: false,
            verbose: 0,
            keep_alive: false,
            colors: false,
            several: false,
            hinted: BTreeSet::new(),
        }
    }

    fn timing(total_us: u64) -> Timing {
        let us = Duration::from_micros;
        Timing {
            resolve: us(10),
            connect: us(440),
            write: us(20),
            wait: us(total_us - 470),
            close: us(80),
            total: us(total_us),
            status: 200,
            reason: "OK".into(),
            head_bytes: 57,
            peer: Some("127.0.0.1:18099".parse().unwrap()),
            ..Timing::default()
        }
    }

    fn tally(times_us: &[u64]) -> Tally {
        let mut tally = Tally::new(&"127.0.0.1:18099".parse().unwrap());
        for (seq, &us) in times_us.iter().enumerate() {
            tally.add(&Ping { seq: seq as u64, at: SystemTime::UNIX_EPOCH, outcome: Ok(timing(us)) });
        }
        tally
    }

    #[test]
    fn lines_have_the_shape_of_httping() {
        let tally = tally(&[]);
        let line = plain().answered(&tally, 0, &timing(2710));
        assert_eq!(line, "connected to 127.0.0.1:18099 (57 bytes), seq=0 time=  2.71 ms");
        let split = Text { status: true, split: true, ..plain() };
        assert_eq!(
            split.answered(&tally, 0, &timing(2920)),
            "connected to 127.0.0.1:18099 (57 bytes), seq=0 time=  0.01+  0.44+  0.02+  2.45+  0.08=  2.92 ms 200 OK"
        );
        let kept = Text { keep_alive: true, ..plain() };
        let again = Timing { reconnected: true, ..timing(738_160) };
        assert_eq!(kept.answered(&tally, 7, &again), "pinged host 127.0.0.1:18099 (57 bytes), seq=7 time=738.16 ms C");
    }

    #[test]
    fn the_summary_has_the_shape_of_httping_and_percentiles() {
        let text = plain().summary(&tally(&[2700, 2900]));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "--- http://127.0.0.1:18099/ ping statistics ---");
        assert!(lines[1].starts_with("2 connects, 2 ok, 0.00% failed, time "), "{}", lines[1]);
        assert_eq!(lines[2], "round-trip min/avg/max = 2.70/2.80/2.90 ms");
        assert_eq!(lines[3], "percentiles p50 = 2.80 ms");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn percentiles_wait_for_enough_pings() {
        assert!(percentiles(&tally(&[1000; 100])).starts_with("percentiles p50/p90 ="));
        assert!(percentiles(&tally(&[1000; 368])).starts_with("percentiles p50/p90/p99 ="));
        assert!(percentiles(&tally(&[1000; 3688])).starts_with("percentiles p50/p90/p99/p99.9 ="));
    }

    #[test]
    fn a_hint_is_given_once() {
        let mut text = plain();
        let failure = Failure { kind: Kind::Refused, message: "could not connect".into(), after: Duration::ZERO };
        assert!(text.failed(0, 0, &failure).ends_with("on that port?"));
        assert_eq!(text.failed(0, 1, &failure), "could not connect, seq=1");
        assert!(text.failed(1, 0, &failure).ends_with("on that port?"), "another URL has its own");
    }

    #[test]
    fn only_those_who_ask_get_colours() {
        let line = |colors| Text { colors, ..plain() }.answered(&tally(&[]), 0, &timing(1000));
        assert!(line(true).contains("\x1b[32m  1.00\x1b[0m"), "{:?}", line(true));
        assert!(!line(false).contains('\x1b'));
    }
}
