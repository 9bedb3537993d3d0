//! The picture of a run that is under way.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use hdrhistogram::Histogram;
use instrument::config::{Config, Load};
use instrument::schedule::Stage;
use instrument::tally::Tally;
use instrument::timeline::{Timeline, told};
use instrument::{Interval, report};

use super::summary::{number, rate, time};
use crate::commands::draw::{Line, histogram, spark};

/// Rows that the histogram has at the most.
const HISTOGRAM: usize = 4;

/// Columns before a sparkline: a name and a figure.
const LABEL: usize = 22;

/// What was asked for, as far as the picture shows it.
pub struct Plan {
    url: String,
    lasts: Option<Duration>,
    requests: Option<u64>,
    warm_up: Duration,
    /// Empty in a closed loop.
    stages: Vec<Stage>,
    interval: Duration,
}

/// What is known of the run so far.
#[derive(Default)]
pub struct Figures {
    /// Requests a second that were offered and answered in the intervals that are complete, oldest first.
    offered: Vec<Option<f64>>,
    answered: Vec<Option<f64>>,
    /// The p99 response time of each of them, in nanoseconds.
    p99: Vec<Option<f64>>,
    total: Option<Tally>,
    limit: Option<String>,
}

impl Plan {
    /// What a configuration asks for.
    pub fn new(config: &Config) -> Self {
        Plan {
            url: config.target.to_string(),
            lasts: config.seconds().map(Duration::from_secs_f64),
            requests: config.requests,
            warm_up: config.warm_up,
            stages: match &config.load {
                Load::Closed => Vec::new(),
                Load::Open { stages, .. } => stages.clone(),
            },
            interval: config.interval,
        }
    }

    /// The stage at a time, counted from 1, and how far into it that is. The last one where all are over.
    fn stage(&self, seconds: f64) -> Option<(usize, &Stage, f64)> {
        let mut left = seconds;
        let last = self.stages.len().checked_sub(1)?;
        for (index, stage) in self.stages.iter().enumerate() {
            if left < stage.seconds || index == last {
                return Some((index + 1, stage, left.min(stage.seconds)));
            }
            left -= stage.seconds;
        }
        None
    }

    /// Requests a second that are due at a time; absent in a closed loop.
    fn offered(&self, seconds: f64) -> Option<f64> {
        self.stage(seconds).map(|(_, stage, into)| {
            let share = if stage.seconds.is_finite() { into / stage.seconds } else { 0.0 };
            stage.from + (stage.to - stage.from) * share
        })
    }
}

impl Figures {
    /// Takes what has come since. `complete` is the number of intervals that all threads have handed over.
    pub fn update(&mut self, plan: &Plan, interval: &Interval<'_>, complete: u64) {
        let length = plan.interval.as_secs_f64();
        self.series(plan, interval.timeline, complete, length);
        self.limit = report::limit(interval.total, !plan.stages.is_empty(), interval.total.busy());
        match &mut self.total {
            Some(total) => total.clone_from(interval.total),
            none => *none = Some(interval.total.clone()),
        }
    }

    fn series(&mut self, plan: &Plan, timeline: &Timeline, complete: u64, length: f64) {
        (self.offered, self.answered, self.p99) = Default::default();
        for point in timeline.points().iter().take_while(|point| point.first < complete) {
            // The last point of a long run covers several intervals, of which not all have come.
            let intervals = point.intervals.min(complete - point.first) as f64;
            let middle = (point.first as f64 + intervals / 2.0) * length;
            self.offered.push(plan.offered(middle));
            self.answered.push(Some(point.ok as f64 / (intervals * length)));
            self.p99.push(point.quantile(0.99).map(|nanos| nanos as f64));
        }
    }
}

/// The picture, at most twelve lines; `since` is the time since the run began, the warm-up included.
pub fn picture(plan: &Plan, figures: &Figures, since: Duration, width: usize) -> Vec<Line> {
    let mut lines = vec![head(plan, since, width)];
    lines.extend(progress(plan, since, width).map(Line::from));
    let Some(total) = &figures.total else { return lines };
    let room = width.saturating_sub(LABEL);
    let latest = |series: &[Option<f64>]| series.last().copied().flatten();
    let labelled = |name: &str, value: Option<String>, drawn: String| {
        Line::from(format!("{name:<9}{:>11}  {drawn}", value.unwrap_or_else(|| "-".to_owned())))
    };
    let per_second = |series: &[Option<f64>]| latest(series).map(|value| format!("{}/s", rate(value)));
    // One scale for both, so that the answers that are missing show.
    let top = figures.offered.iter().chain(&figures.answered).flatten().copied().fold(0.0, f64::max);
    if !plan.stages.is_empty() {
        let drawn = spark::line_to(figures.offered.iter(), top, room);
        lines.push(labelled("offered", per_second(&figures.offered), drawn));
    }
    let drawn = spark::line_to(figures.answered.iter(), top, room);
    lines.push(labelled("answered", per_second(&figures.answered), drawn));
    let p99 = latest(&figures.p99).map(|nanos| time(nanos as u64));
    lines.push(labelled("p99", p99, spark::line(figures.p99.iter(), room)));
    lines.push(Line { text: response(&total.response), style: Style::new().bold() });
    lines.extend(histogram(&total.response, width, HISTOGRAM).into_iter().map(Line::from));
    lines.push(state(plan, total));
    // The reason is told in full at the end.
    if let Some(limit) = figures.limit.as_ref().and_then(|limit| limit.split([':', ',']).next()) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        lines.push(Line { text: format!("GENERATOR IS THE LIMIT: {limit}"), style });
    }
    lines
}

/// What is loaded, and how to end it.
fn head(plan: &Plan, since: Duration, width: usize) -> Line {
    let seconds = since.as_secs_f64();
    let warm_up = plan.warm_up.as_secs_f64();
    let measured = seconds - warm_up;
    let clock = match plan.lasts.map(|lasts| lasts.as_secs_f64()) {
        _ if measured < 0.0 => format!("warm-up {seconds:.0} s of {warm_up:.0} s"),
        Some(lasts) if measured > lasts => "waiting for the last answers".to_owned(),
        Some(lasts) => format!("{measured:.0} s of {lasts:.0} s"),
        None => format!("{measured:.0} s"),
    };
    let clock = format!("{clock}   ^C ends");
    let room = width.saturating_sub("loadgen bench ".len() + clock.chars().count() + 3);
    let url: String = match plan.url.chars().count() > room {
        true => plan.url.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
        false => plan.url.clone(),
    };
    Line { text: format!("loadgen bench {url:<room$}   {clock}"), style: Style::new().bold() }
}

/// How much of the run is done, and which stage it is in; nothing where there is no end.
fn progress(plan: &Plan, since: Duration, width: usize) -> Option<String> {
    let measured = since.saturating_sub(plan.warm_up).as_secs_f64();
    let stage = match plan.stage(measured) {
        Some((number, stage, into)) if plan.stages.len() > 1 => {
            let ramp = if stage.from == stage.to { String::new() } else { format!("{}..", rate(stage.from)) };
            let (of, to) = (plan.stages.len(), rate(stage.to));
            format!("stage {number} of {of}: {ramp}{to}/s, {into:.0} s of {:.0} s", stage.seconds)
        }
        _ => String::new(),
    };
    let share = measured / plan.lasts?.as_secs_f64();
    let room = width.saturating_sub(2 + stage.chars().count() + if stage.is_empty() { 0 } else { 2 });
    let bar = spark::bar(share.min(1.0), room);
    Some(format!("[{bar:<room$}]  {stage}").trim_end().to_owned())
}

/// The response times of the whole run.
fn response(times: &Histogram<u64>) -> String {
    let at = |share: f64| told(times, share).map_or_else(|| "-".to_owned(), time);
    format!("response  p50 {}   p90 {}   p99 {}   max {}", at(0.5), at(0.9), at(0.99), at(1.0))
}

/// What is neither a rate nor a response time.
fn state(plan: &Plan, total: &Tally) -> Line {
    let errors = total.counts.errors();
    let done = total.counts.done + total.counts.failures();
    let asked = plan.requests.map_or_else(String::new, |asked| format!(" of {}", number(asked)));
    let mut text =
        format!("{}{asked} done   {} errors   {} in flight", number(done), number(errors), number(total.in_flight()));
    if plan.stages.is_empty() {
        text += &format!("   generator {:.0} % busy", 100.0 * total.busy());
    } else {
        let at = |share: f64| told(&total.slip, share).map_or_else(|| "-".to_owned(), time);
        text += &format!("   slip p99 {}, max {}", at(0.99), at(1.0));
    }
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    Line { text, style: if errors > 0 { red } else { Style::new() } }
}

#[cfg(test)]
mod tests {
    use instrument::schedule::Arrivals;
    use instrument::target::Target;

    use super::*;

    fn plan(load: Load, stages_last: Option<u64>) -> Plan {
        let mut config = Config::new(Target::parse("http://localhost:8001/32").unwrap());
        config.load = load;
        config.duration = stages_last.map(Duration::from_secs);
        Plan::new(&config)
    }

    fn open(stages: Vec<Stage>) -> Load {
        Load::Open { stages, arrivals: Arrivals::Constant, seed: 1 }
    }

    /// A run in which each interval of one second had this many answers, each after its number in milliseconds.
    fn figures(plan: &Plan, answers: &[u64]) -> Figures {
        let (mut total, mut timeline, mut figures) = (Tally::default(), Timeline::new(), Figures::default());
        for (index, count) in answers.iter().enumerate() {
            let mut tally = Tally::default();
            tally.counts.due = count + 1;
            (tally.counts.done, tally.counts.ok) = (*count, *count);
            tally.watched = 1_000_000_000;
            tally.asleep = 100_000_000;
            for answer in 1..=*count {
                tally.response.record(answer * 1_000_000).unwrap();
                tally.slip.record(20_000).unwrap();
            }
            total.add(&tally);
            timeline.add(index as u64, &tally, &[(index as u64, count + 1)]);
            let interval =
                Interval { index: index as u64, tally: &tally, total: &total, timeline: &timeline, due: &[] };
            figures.update(plan, &interval, index as u64 + 1);
        }
        figures
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.text.clone() + "\n").collect()
    }

    #[test]
    fn an_open_loop_shows_what_was_offered_beside_what_was_answered() {
        let plan =
            plan(open(vec![Stage::constant(100.0, 5.0), Stage { seconds: 10.0, from: 100.0, to: 1000.0 }]), None);
        let lines = picture(&plan, &figures(&plan, &[100, 100, 50]), Duration::from_secs(3), 80);
        let text = text(&lines);
        for part in [
            "loadgen bench http://localhost:8001/32",
            "3 s of 15 s   ^C ends",
            "]  stage 1 of 2: 100.0/s, 3 s of 5 s\n",
            "offered      100.0/s  ███\n",
            "answered     50.00/s  ██▄\n",
            "response  p50 42.0 ms   p90 88.0 ms   p99 -   max 100 ms\n",
            "250 done   0 errors   3 in flight   slip p99 -, max 20.0 µs\n",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("LIMIT"), "{text}");
    }

    #[test]
    fn a_generator_that_is_late_or_has_no_time_left_is_warned_of() {
        let closed = plan(Load::Closed, Some(10));
        let mut figures = figures(&closed, &[100]);
        assert!(text(&picture(&closed, &figures, Duration::from_secs(1), 80)).contains("generator 90 % busy"));
        let mut total = figures.total.take().unwrap();
        total.asleep = 0;
        let (tally, timeline) = (Tally::default(), Timeline::new());
        figures.update(&closed, &Interval { index: 1, tally: &tally, total: &total, timeline: &timeline, due: &[] }, 2);
        let last = picture(&closed, &figures, Duration::from_secs(1), 80).pop().unwrap();
        assert_eq!(last.text, "GENERATOR IS THE LIMIT: its threads were 100.0 % busy");

        let open = plan(open(vec![Stage::constant(100.0, 5.0)]), None);
        total.slip.record_n(50_000_000, 100).unwrap();
        figures.update(&open, &Interval { index: 1, tally: &tally, total: &total, timeline: &timeline, due: &[] }, 2);
        let last = picture(&open, &figures, Duration::from_secs(1), 80).pop().unwrap();
        assert!(
            last.text.contains("GENERATOR IS THE LIMIT: 10 % of the requests were acted on 50.00 ms late"),
            "{last:?}"
        );
    }

    #[test]
    fn every_picture_has_at_most_twelve_lines_that_fit() {
        let long = format!("http://localhost:8001/{}", "x".repeat(200));
        let mut staged = plan(open(vec![Stage::constant(1e6, 5.0); 12]), None);
        staged.url = long;
        let closed = plan(Load::Closed, None);
        for plan in [&staged, &closed] {
            let mut figures = figures(plan, &[3; 300]);
            figures.limit = Some("it was too slow".to_owned());
            for (figures, width) in [(&figures, 80), (&figures, 40), (&Figures::default(), 80)] {
                let lines = picture(plan, figures, Duration::from_secs(7), width);
                assert!(lines.len() <= 12, "{}", text(&lines));
                if width == 80 {
                    let wide = lines.iter().find(|line| line.text.chars().count() > width);
                    assert_eq!(wide, None, "{}", text(&lines));
                }
            }
        }
    }

    #[test]
    fn the_clock_tells_the_warm_up_and_the_end_apart() {
        let mut plan = plan(Load::Closed, Some(10));
        plan.warm_up = Duration::from_secs(5);
        let head = |seconds| head(&plan, Duration::from_secs(seconds), 80).text;
        assert!(head(2).ends_with("   warm-up 2 s of 5 s   ^C ends"), "{}", head(2));
        assert!(head(8).ends_with("   3 s of 10 s   ^C ends"), "{}", head(8));
        assert!(head(16).ends_with("   waiting for the last answers   ^C ends"), "{}", head(16));
    }
}
