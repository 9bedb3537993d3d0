//! Results of bench.

use instrument::result::Bench;
use stats::Estimate;
use stats::share::wilson;

use super::side::Runs;
use super::{Args, Comparison, Figure, Goal};

/// Compares throughput, response times and errors.
pub fn compare(args: &Args, before: &[Bench], after: &[Bench]) -> Comparison {
    let figure = |name: &str, unit, goal, of: &dyn Fn(&Bench) -> (f64, Option<Estimate>)| {
        let runs = |side: &[Bench]| -> Runs { side.iter().map(of).collect() };
        Figure::judge(args, name, unit, goal, &runs(before), &runs(after))
    };
    let errors = figure("errors", "%", Goal::Low, &|run| {
        let percent = |share: f64| 100.0 * share;
        let scaled = |found: Estimate| Estimate {
            value: percent(found.value),
            low: percent(found.low),
            high: percent(found.high),
        };
        // A short run has too few windows in time. Its requests are then taken for independent.
        let requests = &run.requests;
        let errors = requests.done - requests.ok.unwrap_or(requests.done) + requests.failed;
        let share = run.intervals.error_share.or_else(|| wilson(errors, requests.due));
        (percent(run.error_share), share.map(scaled))
    });
    // What one run cannot tell, the two sides cannot be compared by.
    let of = |told: Option<f64>| told.unwrap_or(f64::NAN);
    let mut figures = vec![
        figure("successes", "/s", Goal::High, &|run| (run.requests_per_second, run.intervals.rate)),
        figure("response p50", "ms", Goal::Low, &|run| (of(run.response.p50_ms), run.intervals.p50_ms)),
        figure("response p90", "ms", Goal::Low, &|run| (of(run.response.p90_ms), run.intervals.p90_ms)),
        figure("response p95", "ms", Goal::Low, &|run| (of(run.response.p95_ms), run.intervals.p95_ms)),
        figure("response p99", "ms", Goal::Low, &|run| (of(run.response.p99_ms), run.intervals.p99_ms)),
        errors,
    ];
    super::withhold_praise(&mut figures, "errors");
    let mut notes = Vec::new();
    for (name, bench) in before.iter().map(|run| ("before", run)).chain(after.iter().map(|run| ("after", run))) {
        for limit in &bench.load_generator.limits {
            notes.push(format!("{name}: the generator was the limit: {limit}."));
        }
        if bench.interrupted {
            notes.push(format!("{name}: the run was interrupted after {:.1} s.", bench.elapsed_s));
        }
    }
    let (Some(first), Some(last)) = (before.first(), after.first()) else { return Comparison { figures, notes } };
    let (x, y) = (&first.settings, &last.settings);
    let differ = [
        ("loops", x.loop_kind != y.loop_kind),
        ("rates", x.stages != y.stages),
        ("arrivals", x.arrivals != y.arrivals),
        ("numbers of connections", x.connections != y.connections),
        ("numbers of threads", x.threads != y.threads),
        ("connection reuse", x.keep_alive != y.keep_alive),
        ("methods", x.method != y.method),
        ("machines", first.machine != last.machine),
    ];
    notes.extend(super::different("runs", &differ));
    Comparison { figures, notes }
}
