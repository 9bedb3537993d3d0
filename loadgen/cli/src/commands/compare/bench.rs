//! Two results of bench.

use instrument::result::{Bench, Point};
use stats::{difference::welch, normal};

use super::{Args, Comparison, Figure};

/// A run is cut into this many pieces, whose spread says how sure its figures are.
const PIECES: usize = 20;

/// Compares throughput, response times and errors.
pub fn compare(args: &Args, before: Bench, after: Bench) -> Comparison {
    let mut figures = Vec::new();
    let rate = |point: &Point| {
        let seconds = point.to_s - point.from_s;
        (seconds > 0.0).then(|| point.ok.unwrap_or(point.done) as f64 / seconds)
    };
    let p = significance(&before, &after, rate);
    figures.push(Figure::judge(
        args,
        "requests",
        "/s",
        true,
        (before.requests_per_second, after.requests_per_second),
        p,
    ));
    let p50 = significance(&before, &after, |point| point.p50_ms);
    let p90 = significance(&before, &after, |point| point.p90_ms);
    let p99 = significance(&before, &after, |point| point.p99_ms);
    let (a, b) = (&before.response, &after.response);
    figures.push(Figure::judge(args, "response p50", "ms", false, (a.p50_ms, b.p50_ms), p50));
    figures.push(Figure::judge(args, "response p90", "ms", false, (a.p90_ms, b.p90_ms), p90));
    figures.push(Figure::judge(args, "response p99", "ms", false, (a.p99_ms, b.p99_ms), p99));
    // Few requests are beyond p99.9: what one run says of them is shown and not judged.
    figures.push(Figure::judge(args, "response p99.9", "ms", false, (a.p99_9_ms, b.p99_9_ms), None));
    let shares = (100.0 * before.error_share, 100.0 * after.error_share);
    figures.push(Figure::judge(args, "errors", "%", false, shares, Some(errors(&before, &after))));
    let mut notes = Vec::new();
    for (name, bench) in [("before", &before), ("after", &after)] {
        for limit in &bench.load_generator.limits {
            notes.push(format!("{name}: the generator was the limit: {limit}."));
        }
        if bench.interrupted {
            notes.push(format!("{name}: the run was interrupted after {:.1} s.", bench.elapsed_s));
        }
    }
    let (x, y) = (&before.settings, &after.settings);
    for (what, differs) in [
        ("loops", x.loop_kind != y.loop_kind),
        ("rates", x.stages != y.stages),
        ("arrivals", x.arrivals != y.arrivals),
        ("numbers of connections", x.connections != y.connections),
        ("numbers of threads", x.threads != y.threads),
        ("connection reuse", x.keep_alive != y.keep_alive),
        ("methods", x.method != y.method),
        ("machines", before.machine != after.machine),
    ] {
        if differs {
            notes.push(format!("The two runs have different {what}: a change may come from that."));
        }
    }
    Comparison { figures, notes }
}

/// How likely chance alone makes the pieces of two runs differ so.
fn significance(before: &Bench, after: &Bench, of: impl Fn(&Point) -> Option<f64>) -> Option<f64> {
    let pieces = |bench: &Bench| {
        // The last interval of a run is seldom whole.
        let whole = bench.timeline.split_last().map_or(&[][..], |(_, rest)| rest);
        let values: Vec<f64> = whole.iter().filter_map(&of).collect();
        batches(&values, PIECES)
    };
    Some(welch(&pieces(before), &pieces(after))?.p)
}

/// Joins neighbours into as many pieces, by their mean: neighbours in time are alike, and as single measurements they
/// would promise more than they know.
fn batches(values: &[f64], count: usize) -> Vec<f64> {
    let size = values.len().div_ceil(count.max(1)).max(1);
    values.chunks_exact(size).map(|batch| batch.iter().sum::<f64>() / batch.len() as f64).collect()
}

/// How likely chance alone makes two shares of errors differ so (the test of two proportions).
fn errors(before: &Bench, after: &Bench) -> f64 {
    let (n, m) = (before.requests.due as f64, after.requests.due as f64);
    let (a, b) = (before.error_share, after.error_share);
    if n == 0.0 || m == 0.0 || a == b {
        return 1.0;
    }
    let pooled = (a * n + b * m) / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if error == 0.0 { 0.0 } else { normal::two_sided((b - a) / error) }
}
