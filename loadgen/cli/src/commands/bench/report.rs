//! `report.html`: what a run found, in one file that needs nothing else.

use charts::{Axis, Chart, Look, Page, Point, Series, Table, Unit, escape, figure};
use instrument::result::{Bench, Times};
use instrument::tally::histogram;
use instrument::timeline::{quantile, told};

use super::summary;

/// Points of a curve of percentiles for each multiple of ten.
const PER_DECADE: i32 = 12;

/// The report of a run.
pub fn html(bench: &Bench) -> String {
    let mut page =
        Page::new(format!("{} requests/s to {}", summary::rate(bench.requests_per_second), bench.settings.url))
            .head(head(bench))
            .section("percentiles", "Times by percentile", percentiles(bench));
    if bench.timeline.len() > 1 {
        page = page.section("time", "The run over time", over_time(bench));
    }
    page.section("outcomes", "What became of the requests", outcomes(bench))
        .section("settings", "Machine and settings", settings(bench))
        .foot(format!("<p>Made by {} from <code>bench.json</code>.</p>", escape(&bench.generator)))
        .html()
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escape(text))
}

fn milliseconds(value: f64) -> String {
    summary::time((value * 1e6).round() as u64)
}

/// A time, or a dash where it cannot be told.
fn or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), milliseconds)
}

fn head(bench: &Bench) -> String {
    let asked = match bench.settings.loop_kind.as_str() {
        "open" => format!("{} requests/s were due, ", summary::rate(bench.due_per_second)),
        _ => format!("{} connections sent as fast as they were answered, ", bench.settings.connections),
    };
    let mut html = paragraph(&format!(
        "{asked}{} requests/s were answered over {:.1} s. Half of the responses came within {}, 99 % within {}, and the \
         slowest took {}.",
        summary::rate(bench.requests_per_second),
        bench.elapsed_s,
        or_dash(bench.response.p50_ms),
        or_dash(bench.response.p99_ms),
        milliseconds(bench.response.max_ms),
    ));
    if bench.error_share > 0.0 {
        html += &format!(
            "<p><strong>{:.2} % of the {} requests were errors.</strong> They are not among the answers above.</p>",
            100.0 * bench.error_share,
            summary::number(bench.requests.due),
        );
    }
    for limit in &bench.load_generator.limits {
        html += &format!("<p><strong>The generator was the limit:</strong> {}.</p>", escape(limit));
    }
    if bench.interrupted {
        html += &paragraph("The run was interrupted.");
    }
    html
}

/// One of the figures that sum up times.
type Of = fn(&Times) -> Option<f64>;

fn percentiles(bench: &Bench) -> String {
    let nothing = Times::default();
    let errors = bench.error_response.as_ref().unwrap_or(&nothing);
    let columns: [(&str, &Times, Look); 4] = [
        ("response", &bench.response, Look::Line),
        ("service", &bench.service, Look::Dashed),
        ("slip", &bench.slip, Look::Dotted),
        ("errors", errors, Look::Thin),
    ];
    let mut chart = Chart::new(
        "percentile-chart",
        "One request in so many takes longer",
        Axis::new("one request in … takes longer (2: median, 100: p99)").log().from(1.0),
        Axis::new("time (logarithmic)").unit(Unit::Milliseconds).log(),
    )
    .describe(format!(
        "Response times: median {}, p99 {}, slowest {}. The numbers follow as a table.",
        or_dash(bench.response.p50_ms),
        or_dash(bench.response.p99_ms),
        milliseconds(bench.response.max_ms)
    ));
    for (index, (name, times, look)) in columns.into_iter().enumerate() {
        if times.count > 0 {
            chart = chart.with(Series::new(name, look, index, curve(times)));
        }
    }
    let figure = figure(&chart)
        .explain(
            "The further right, the rarer: at 1,000 stands the time that one request in a thousand exceeds, the 99.9th percentile.",
        )
        .explain(
            "Response counts from when a request was due, service from when it was written. Where the two part, requests waited for \
             a connection or for the generator; slip is the generator's part of that. Answers whose status is an error are not in these; they are a curve of their own.",
        )
        .without_numbers();
    let mut table = Table::new("Times by percentile", ["", "response", "service", "slip", "errors"]);
    let rows: [(&str, Of); 9] = [
        ("p50", |times| times.p50_ms),
        ("p75", |times| times.p75_ms),
        ("p90", |times| times.p90_ms),
        ("p95", |times| times.p95_ms),
        ("p99", |times| times.p99_ms),
        ("p99.9", |times| times.p99_9_ms),
        ("p99.99", |times| times.p99_99_ms),
        ("max", |times| Some(times.max_ms)),
        ("mean", |times| Some(times.mean_ms)),
    ];
    for (name, of) in rows {
        let cell = |times: &Times| or_dash(of(times).filter(|_| times.count > 0));
        table =
            table.row([name.to_owned(), cell(&bench.response), cell(&bench.service), cell(&bench.slip), cell(errors)]);
    }
    let untold = bench.response.untold.as_ref();
    let why = untold.map(|why| paragraph(&format!("A dash is a percentile that the samples cannot tell: {why}.")));
    figure.html() + &table.html() + &why.unwrap_or_default()
}

/// Times at evenly spaced rarities, up to that of a single request.
fn curve(times: &Times) -> Vec<Point> {
    let all = times.decode().unwrap_or_else(|_| histogram());
    let last = (times.count.max(2) as f64).log10() * f64::from(PER_DECADE);
    let rarities = (0..=last.floor() as i32).map(|step| 10_f64.powf(f64::from(step) / f64::from(PER_DECADE)));
    rarities
        .filter_map(|rarity| {
            let share = 1.0 - 1.0 / rarity;
            // The curve begins with the fastest of all, which is what it is.
            let value = if rarity > 1.0 { told(&all, share) } else { quantile(&all, share) }?.max(1);
            Some(Point::new(rarity, value as f64 / 1e6))
        })
        .collect()
}

fn over_time(bench: &Bench) -> String {
    let middle = |point: &instrument::result::Point| f64::midpoint(point.from_s, point.to_s);
    let series = |of: fn(&instrument::result::Point) -> Option<f64>| {
        let points = bench.timeline.iter().map(move |point| match of(point).filter(|value| *value > 0.0) {
            Some(value) => Point::new(middle(point), value),
            None => Point::gap(middle(point)),
        });
        points.collect::<Vec<_>>()
    };
    let times = Chart::new(
        "time-chart",
        "Response times over the run",
        Axis::new("seconds").from(0.0),
        Axis::new("time (logarithmic)").unit(Unit::Milliseconds).log(),
    )
    .describe("Median, 99th percentile and maximum of the response times of the answers in each interval.")
    .with(Series::new("p50", Look::Line, 0, series(|point| point.p50_ms)))
    .with(Series::new("p99", Look::Dashed, 0, series(|point| point.p99_ms)))
    .with(Series::new("max", Look::Dotted, 0, series(|point| point.max_ms)));
    let rate = |of: fn(&instrument::result::Point) -> u64| {
        let points = bench.timeline.iter().filter(|point| point.to_s > point.from_s);
        points
            .map(move |point| Point::new(middle(point), of(point) as f64 / (point.to_s - point.from_s)))
            .collect::<Vec<_>>()
    };
    let mut rates = Chart::new(
        "rate-chart",
        "Requests over the run",
        Axis::new("seconds").from(0.0),
        Axis::new("requests/s").from(0.0),
    )
    .describe("Requests that became due and requests that were answered with success, by second.")
    .with(Series::new("answered", Look::Line, 1, rate(|point| point.ok.unwrap_or(point.done))));
    if bench.settings.loop_kind == "open" {
        rates = rates.with(Series::new("due", Look::Thin, 0, rate(|point| point.due)));
    }
    if bench.error_share > 0.0 {
        rates = rates.with(Series::new("errors", Look::Dashed, 3, rate(|point| point.errors)));
    }
    let times = figure(&times)
        .explain("An answer stands at the time at which it came, with the time since its request was due.");
    times.html() + &figure(&rates).html()
}

fn outcomes(bench: &Bench) -> String {
    let count = summary::number;
    let requests = &bench.requests;
    let mut table = Table::new("Requests by outcome", ["outcome", "requests"]);
    for (status, number) in &bench.statuses {
        table = table.row([format!("answered with status {status}"), count(*number)]);
    }
    for (kind, number) in &requests.failures {
        table = table.row([format!("failed: {kind}"), count(*number)]);
    }
    table = table
        .row(["unfinished at the end".to_owned(), count(requests.unfinished)])
        .strong_row(["due".to_owned(), count(requests.due)]);
    let mut html = table.html();
    if requests.unfinished > 0 {
        html += &paragraph("Unfinished requests are in the times above with their age at the end.");
    }
    if bench.waited_for_connection > 0 {
        html += &paragraph(&format!(
            "{} requests waited for a free connection, of which there were at most {}.",
            count(bench.waited_for_connection),
            bench.settings.connections
        ));
    }
    html
}

fn settings(bench: &Bench) -> String {
    let (settings, machine, generator) = (&bench.settings, &bench.machine, &bench.load_generator);
    let mut table = Table::new("Machine and settings", ["", ""]).of_words();
    let mut add = |name: &str, value: String| table = table.clone().row([name.to_owned(), value]);
    add("URL", settings.url.clone());
    add("method", settings.method.clone());
    add("loop", settings.loop_kind.clone());
    if let Some(arrivals) = &settings.arrivals {
        add("arrivals", arrivals.clone());
    }
    for stage in &settings.stages {
        let length = stage.seconds.map_or_else(|| "no end".to_owned(), |seconds| format!("{seconds} s"));
        add("stage", format!("{length}, from {} to {} requests/s", stage.from, stage.to));
    }
    add("connections", format!("{} allowed, {} opened", settings.connections, bench.connections_opened));
    if let Some(open) = &settings.open {
        add("connections are opened", open.clone());
    }
    if let Some(age) = settings.max_age_s {
        add("connections are closed after", format!("{age} s"));
    }
    if bench.addresses.len() > 1 {
        for used in &bench.addresses {
            add(&used.address, format!("{} connections, {} answers", used.connections, summary::number(used.answers)));
        }
    }
    if let Some(ok) = &settings.ok {
        add("success is", format!("status {ok}"));
    }
    add("connections are kept", if settings.keep_alive { "yes" } else { "no" }.to_owned());
    add("threads", format!("{}, {:.0} % busy", settings.threads, 100.0 * generator.busy));
    add("warm-up", format!("{} s, {} requests", settings.warm_up_s, summary::number(bench.warm_up.due)));
    add("timeout", format!("{} s", settings.timeout_s));
    add("machine", format!("{}, {} processors of {}", machine.hostname, machine.cpus, machine.cpu));
    add("kernel", machine.kernel.clone());
    table.html()
}

#[cfg(test)]
mod tests {
    use super::*;
    use instrument::config::Config;
    use instrument::target::Target;
    use std::io::{Read, Write};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_run_becomes_a_page_with_its_figures_and_without_markup_from_outside() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            while stream.read(&mut request).is_ok_and(|count| count > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
        });
        let mut config = Config::new(Target::parse(&format!("{address}/<script>")).unwrap());
        config.connections = 1;
        config.requests = Some(100);
        let report = instrument::run(&config, &AtomicBool::new(false), &mut ()).unwrap();
        let page = html(&Bench::of(&config, &report));
        assert!(page.contains("percentile-chart") && page.contains("answered with status 200"));
        assert!(!page.contains("/<script>"), "the URL must be escaped");
    }
}
