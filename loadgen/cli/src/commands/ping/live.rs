//! A view that is drawn again and again (`--live`): for each URL a line of figures, a sparkline and a histogram.

use std::io::{self, IsTerminal, Stdout};
use std::time::{Duration, Instant};

use stats::quantile::told;

use crate::commands::draw::{Line, Screen, histogram, spark};

use super::compare;
use super::format::{millis, ms};
use super::output::Output;
use super::tally::{Ping, Tally};
use super::text::Text;

/// The moving view; what it leaves behind at the end is the summary of [`Text`].
pub struct Live {
    text: Text,
    screen: Screen<Stdout>,
    started: Instant,
    drawn: Option<u64>,
    last: Instant,
}

impl Live {
    /// A view on standard output, which must be a terminal.
    pub fn new(text: Text) -> Result<Self, String> {
        if !io::stdout().is_terminal() {
            return Err("--live draws on a terminal, and the output is none; drop it, or use -M for a file".to_owned());
        }
        let screen = Screen::own(io::stdout(), false);
        Ok(Self { text, screen, started: Instant::now(), drawn: None, last: Instant::now() })
    }

    fn draw(&mut self, tallies: &[Tally]) -> io::Result<()> {
        let (width, height) = self.screen.room();
        let lines = frame(tallies, self.started.elapsed(), width, height);
        self.screen.draw(&lines.into_iter().map(Line::from).collect::<Vec<_>>())
    }
}

impl Output for Live {
    fn begin(&mut self, tallies: &[Tally]) -> io::Result<()> {
        self.started = Instant::now();
        self.draw(tallies)
    }

    fn pinged(&mut self, _: &[Tally], _: usize, _: &Ping) -> io::Result<()> {
        // Drawing waits for the next tick: a flood must not be slowed by its picture.
        Ok(())
    }

    fn tick(&mut self, tallies: &[Tally]) -> io::Result<()> {
        let ended = tallies.iter().map(|tally| tally.ended).sum();
        if self.drawn == Some(ended) && self.last.elapsed() < Duration::from_secs(1) {
            return Ok(());
        }
        (self.drawn, self.last) = (Some(ended), Instant::now());
        self.draw(tallies)
    }

    fn end(&mut self, tallies: &[Tally]) -> io::Result<()> {
        self.screen.leave()?;
        self.text.begin(tallies)?;
        self.text.end(tallies)
    }
}

/// One picture of at most `height` lines of at most `width` characters.
fn frame(tallies: &[Tally], elapsed: Duration, width: usize, height: usize) -> Vec<String> {
    let mut lines = vec![format!("loadgen ping    {:.0} s    ^C ends", elapsed.as_secs_f64())];
    let mut sentences = if tallies.len() > 1 { compare::sentences(tallies) } else { Vec::new() };
    for sentence in sentences.iter_mut().filter(|sentence| sentence.chars().count() > width) {
        // The figures in brackets stand above already.
        sentence.truncate(sentence.find(" (").unwrap_or(sentence.len()));
    }
    let room = height.saturating_sub(lines.len() + sentences.len()) / tallies.len().max(1);
    for tally in tallies {
        lines.extend(panel(tally, width, room));
    }
    lines.extend(sentences);
    lines.truncate(height);
    for line in &mut lines {
        *line = line.chars().take(width).collect();
    }
    lines
}

/// The lines of one URL, at most `room`.
fn panel(tally: &Tally, width: usize, room: usize) -> Vec<String> {
    let times = &tally.times;
    let mut figures = format!("{}   {} ok", tally.label, tally.ok);
    if tally.failed() > 0 {
        figures += &format!(", {} failed", tally.failed());
    }
    if tally.ok > 0 {
        let last = tally.recent.iter().rev().flatten().next().copied().unwrap_or(0.0);
        figures += &format!(
            "   last {}  p50 {}  p90 {}  max {} ms",
            ms(last),
            ms(times.median_ms()),
            told(0.9, tally.ok, || ms(times.quantile_ms(0.9))).unwrap_or_else(|| "-".to_owned()),
            ms(times.max_ms())
        );
    }
    let mut lines = vec![String::new(), figures, spark::line(tally.recent.iter(), width)];
    match tally.under_way.map(|since| since.elapsed()) {
        Some(waiting) if waiting > Duration::from_secs(1) => {
            lines[1] += &format!("   waiting {:.0} s", millis(waiting) / 1e3);
        }
        _ => {}
    }
    if tally.ok == 0 {
        lines.extend(tally.last_failure.clone());
    } else if room > lines.len() {
        lines.extend(histogram(times.histogram(), width, room - lines.len()));
    }
    // The gap above a panel is the first thing to go where there is little room.
    let surplus = lines.len().saturating_sub(room);
    lines.drain(..surplus.min(1));
    lines.truncate(room.max(1));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ping::{Failure, Kind, Timing};

    use super::*;

    fn tally(url: &str, times_us: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::new(&url.parse().unwrap());
        for us in times_us {
            let total = Duration::from_micros(us);
            let outcome = match us {
                0 => Err(Failure { kind: Kind::Refused, message: "refused".into(), after: total }),
                _ => Ok(Timing { total, ..Timing::default() }),
            };
            tally.add(&Ping { seq: 0, at: SystemTime::UNIX_EPOCH, outcome });
        }
        tally
    }

    #[test]
    fn every_picture_fits_its_terminal() {
        let many = |n: u64| (0..n).map(|i| 900 + i * i % 700_000);
        let one = [tally("localhost:8001", many(500))];
        let three = [tally("a:1", many(500)), tally("b:1", [0, 0]), tally("c:1", many(1))];
        let none = [tally("a:1", [])];
        for tallies in [one.as_slice(), &three, &none] {
            for (width, height) in [(80, 24), (40, 10), (200, 60), (20, 3), (1, 1)] {
                let lines = frame(tallies, Duration::from_secs(5), width, height);
                assert!(lines.len() <= height, "{} lines of {height}", lines.len());
                assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:#?}");
            }
        }
    }

    #[test]
    fn a_view_of_80_by_24_has_all_its_parts() {
        let tallies = [tally("localhost:8001", [738_000; 20]), tally("localhost:8002", [1300; 20])];
        let lines = frame(&tallies, Duration::from_secs(20), 80, 24);
        let text = lines.join("\n");
        for part in ["localhost:8001   20 ok", "p50 738", "█", "localhost:8001 is 570 times slower than localhost:8002"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!lines[lines.len() - 1].contains('('), "half a bracket says nothing: {text}");
    }
}
