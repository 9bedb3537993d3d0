//! What a run found, as text.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use hdrhistogram::Histogram;
use instrument::config::Config;
use instrument::failure::Failure;
use instrument::intervals::Intervals;
use instrument::report::Report;
use instrument::timeline::told;

/// The percentiles that are shown.
const SHOWN: [(&str, f64); 8] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
    ("max", 1.0),
];

/// A time in a unit that keeps it short.
pub fn time(nanos: u64) -> String {
    let value = nanos as f64;
    let (value, unit) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => (value / 1e3, "µs"),
        1_000_000..1_000_000_000 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    };
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

/// A number with its thousands apart.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate with as many digits as it deserves.
pub fn rate(value: f64) -> String {
    if value >= 1000.0 {
        number(value.round() as u64)
    } else if value >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// The summary of a run that was configured so.
pub fn write(out: &mut String, config: &Config, report: &Report) -> fmt::Result {
    let ok = &config.ok;
    let total = &report.total;
    let counts = &total.counts;
    let bold = Style::new().bold();
    let warn = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    let bad = Style::new().fg_color(Some(AnsiColor::Red.into()));
    writeln!(
        out,
        "{bold}{} requests/s{bold:#} answered over {:.2} s{}",
        rate(report.rate()),
        report.elapsed.as_secs_f64(),
        if report.interrupted { " (interrupted)" } else { "" },
    )?;
    if report.open_loop {
        writeln!(out, "{} requests/s were due", rate(report.due_rate()))?;
    }
    let errors = report.errors();
    if errors > 0 {
        writeln!(
            out,
            "{bad}{:.2} % errors: {} of the {} requests due{bad:#}",
            100.0 * report.error_share(),
            number(errors),
            number(counts.due),
        )?;
    }
    writeln!(
        out,
        "{} due = {} done + {} failed + {} unfinished{}",
        number(counts.due),
        number(counts.done),
        number(counts.failures()),
        number(counts.unfinished),
        if total.unsent > 0 { format!(" ({} never sent)", number(total.unsent)) } else { String::new() },
    )?;
    for kind in Failure::ALL {
        let count = counts.failed[kind as usize];
        if count > 0 {
            writeln!(out, "  {bad}{} failed: {}{bad:#}", number(count), kind.describe())?;
        }
    }
    for (status, count) in total.statuses() {
        let style = if ok.contain(status) { Style::new() } else { bad };
        writeln!(out, "  {style}{} answered with status {status}{style:#}", number(count))?;
    }
    writeln!(out)?;
    let mut columns: Vec<(&str, &Histogram<u64>)> =
        vec![("response", &total.response), ("service", &total.service), ("slip", &total.slip)];
    if !total.error_response.is_empty() {
        columns.push(("errors", &total.error_response));
    }
    write!(out, "{:8}", "")?;
    for (name, _) in &columns {
        write!(out, "{bold}{name:>12}{bold:#}")?;
    }
    writeln!(out)?;
    let row = |out: &mut String, name: &str, value: &dyn Fn(&Histogram<u64>) -> Option<u64>| {
        write!(out, "{name:<8}")?;
        for (_, histogram) in &columns {
            write!(out, "{:>12}", value(histogram).map_or_else(|| "-".to_owned(), time))?;
        }
        writeln!(out)
    };
    for (name, share) in SHOWN {
        row(out, name, &|histogram| told(histogram, share))?;
    }
    row(out, "mean", &|histogram| (!histogram.is_empty()).then(|| histogram.mean() as u64))?;
    writeln!(out)?;
    writeln!(
        out,
        "response counts from when a request was due, service from when it was written;\n\
         slip is how late the generator itself was{}.",
        if report.open_loop { "" } else { ", of which a closed loop has no measure" },
    )?;
    sure(out, &Intervals::of(report))?;
    if !total.error_response.is_empty() {
        writeln!(out, "Answers with another status than {ok} are in the column of errors only.")?;
    }
    if counts.unfinished > 0 {
        // At the end of a run some always are, where answers take long; many in an open loop are more than that.
        let many = counts.ok == 0 || report.open_loop && report.unfinished_share() > 0.01;
        let style = if many { warn } else { Style::new() };
        writeln!(
            out,
            "{style}The {} unfinished requests{style:#} are in these times with their age.",
            number(counts.unfinished)
        )?;
    }
    if report.open_loop && total.waited > 0 {
        writeln!(
            out,
            "{} requests ({:.1} %) waited for a free connection; --connections allows more.",
            number(total.waited),
            100.0 * total.waited as f64 / counts.due.max(1) as f64,
        )?;
    }
    let generator = &report.generator;
    writeln!(
        out,
        "generator: {} thread{}, {:.0} % busy, {} of CPU a request, {} connection{} opened",
        generator.threads,
        if generator.threads == 1 { "" } else { "s" },
        100.0 * generator.busy,
        time((generator.cpu.as_nanos() / u128::from(counts.due.max(1))) as u64),
        number(total.connections),
        if total.connections == 1 { "" } else { "s" },
    )?;
    let starved = generator.starved.as_secs_f64();
    if starved > 0.01 * report.elapsed.as_secs_f64() * generator.threads as f64 {
        let share = 100.0 * starved / (report.elapsed.as_secs_f64() * generator.threads as f64);
        writeln!(out, "  it waited for a processor in {share:.0} % of the time: this machine has other things to do")?;
    }
    connections(out, config, report)?;
    if report.total.warm_up.due > 0 {
        writeln!(out, "warm-up: {} requests, not counted above", number(report.total.warm_up.due))?;
    } else if !config.warm_up.is_zero() {
        writeln!(out, "warm-up: nothing was sent, since the first stage begins at 0/s")?;
    }
    for limit in &generator.limits {
        writeln!(out, "{warn}THE GENERATOR WAS THE LIMIT:{warn:#} {limit}.")?;
    }
    if generator.limits.is_empty()
        && let Some((from, to)) = generator.longest_pause
    {
        writeln!(
            out,
            "The generator stood still {} time{}, at most for {:.0} ms (at {from:.2} s); the highest response times may be its own.",
            generator.pauses,
            if generator.pauses == 1 { "" } else { "s" },
            1000.0 * (to - from),
        )?;
    }
    Ok(())
}

/// How sure the figures are.
fn sure(out: &mut String, intervals: &Intervals) -> fmt::Result {
    let times =
        [("p50", intervals.p50_ms), ("p90", intervals.p90_ms), ("p95", intervals.p95_ms), ("p99", intervals.p99_ms)];
    let ms = |value: f64| time((value * 1e6).round() as u64);
    let told: Vec<String> = intervals
        .rate
        .map(|found| format!("{} to {} requests/s", rate(found.low), rate(found.high)))
        .into_iter()
        .chain(times.into_iter().filter_map(|(name, found)| {
            let found = found?;
            Some(format!("{name} {} to {}", ms(found.low), ms(found.high)))
        }))
        .collect();
    if told.is_empty() {
        return writeln!(out, "Too little was measured to say how sure these figures are.");
    }
    // Three a line fit a terminal of 80 columns.
    let lines: Vec<String> = told.chunks(3).map(|line| line.join(", ")).collect();
    writeln!(out, "95 % intervals of this run: {}.", lines.join(",\n  "))?;
    match &intervals.untold {
        Some(why) => writeln!(out, "Not told: {why}."),
        None => Ok(()),
    }
}

/// How connections were used, where that is worth knowing.
fn connections(out: &mut String, config: &Config, report: &Report) -> fmt::Result {
    let total = &report.total;
    if total.unopened > 0 {
        let bad = Style::new().fg_color(Some(AnsiColor::Red.into()));
        writeln!(out, "{bad}{} attempts to open a connection up front failed{bad:#}", number(total.unopened))?;
    }
    if report.usage.addresses.len() > 1 {
        for used in &report.usage.addresses {
            let (connections, answers) = (number(used.connections), number(used.answers));
            writeln!(out, "  {}: {connections} connections, {answers} answers", used.address)?;
        }
    }
    let (idle, all) = report.usage.idle();
    if idle > 0 {
        writeln!(
            out,
            "The name has {all} addresses, and {} used: --resolve each asks for them at every\n  connection, and takes them in turn.",
            if all - idle == 1 { "one was".to_owned() } else { format!("{} were", all - idle) },
        )?;
    }
    let several = config.connections > 1 && config.request.keep_alive;
    if let Some(share) = report.usage.one_carried(total.counts.done).filter(|_| several) {
        writeln!(
            out,
            "One connection carried {:.0} % of the requests. Behind a balancer of connections, as a virtual IP is, that is \
             one replica: -c N opens N and uses them in turn.",
            100.0 * share,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_short() {
        assert_eq!(time(999), "999 ns");
        assert_eq!(time(78_400), "78.4 µs");
        assert_eq!(time(1_234_567), "1.23 ms");
        assert_eq!(time(2_000_000_000), "2.00 s");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(12), "12");
        assert_eq!(rate(3.333), "3.33");
    }
}
