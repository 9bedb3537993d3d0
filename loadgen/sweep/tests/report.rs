//! The report, made from every kind of run and from broken ones.

#[path = "made/grid.rs"]
mod grids;
mod made;

use made::{settings, sweep, sweep_with, without_delays};
use sweep::report;
use sweep::result::{Settings, Sweep};

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

/// What holds for every report of a sweep.
fn sound(sweep: &Sweep) -> String {
    sound_page(&report::html(sweep))
}

/// What holds for every report.
fn sound_page(html: &str) -> String {
    for tag in ["section", "figure", "table", "svg", "p", "ul", "div", "details", "tr"] {
        let opened = count(html, &format!("<{tag}>")) + count(html, &format!("<{tag} "));
        assert_eq!(opened, count(html, &format!("</{tag}>")), "<{tag}>");
    }
    for wrong in ["NaN", "inf ", "http://", "https://", "<script", "Some(", "None"] {
        assert!(!html.contains(wrong), "{wrong:?} in the report");
    }
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands for two things");
    html.to_owned()
}

#[test]
fn the_mine_can_be_handed_in() {
    let sweep = sweep(settings(), 0.004);
    let html = sound(&sweep);
    for part in [
        "rng is the bottleneck: busy 99.7\u{a0}%",
        "Throughput against workers",
        "theory, constant delays",
        "theory, random delays (MVA)",
        "fitted: a hard cap",
        "measured, with 95 % interval",
        "ideal",
        "N* = 3",
        "rng p90",
        "Throughput over time",
        "a hard cap, chosen",
        "AICc",
        "Intel(R) Core(TM) i5-8250U",
        "requests that rng serves at a time",
    ] {
        assert!(html.contains(part), "no {part:?}");
    }
    assert!(!html.contains("Where the tasks ran"), "there were no nodes");
    assert!(!html.contains("was ended early"));
    let steps = html.split("id=\"steps\"").last().and_then(|rest| rest.split("</table>").next()).expect("the table");
    assert_eq!(count(steps, "<tr>"), 11);
}

#[test]
fn every_kind_of_run_has_a_report() {
    let without = without_delays();
    let html = sound(&sweep(without, 0.01));
    assert!(!html.contains("theory, constant delays"), "there is no theory without delays");
    let html = sound(&sweep(
        Settings { scaled: "rng".to_owned(), replicas: (1..=6).collect(), repeats: 2, ..settings() },
        0.004,
    ));
    assert!(html.contains("Throughput against replicas of rng"));
    let html = sound(&sweep(Settings { replicas: vec![1, 5], ..settings() }, 0.004));
    assert!(html.contains("need at least"), "why laws were left out");
    sound(&sweep(Settings { replicas: vec![4], ..settings() }, 0.0));
}

#[test]
fn a_run_that_ended_at_once_says_so() {
    let mut sweep = sweep(Settings { replicas: vec![], ..settings() }, 0.0);
    sweep.settings.replicas = vec![1, 2, 3];
    sweep.interrupted = true;
    let html = sound(&sweep);
    assert!(html.contains("0 of 3 steps were finished"));
    assert!(html.contains("No step was finished"));
}

#[test]
fn missing_measurements_are_gaps_and_dashes() {
    let sweep = sweep_with(settings(), 0.004, |step| {
        if step.workers() == 4 {
            step.probes.clear();
            step.utilisation.clear();
            step.queue.clear();
            step.cpu_cores.clear();
            step.loop_time = Default::default();
            step.steady = false;
            step.notes.push("rng <restarted>".to_owned());
        }
    });
    let html = sound(&sweep);
    assert!(html.contains("4 *") && html.contains("4 workers: rng &lt;restarted&gt;"));
}

#[test]
fn names_from_outside_do_not_become_markup() {
    let mut sweep = sweep(settings(), 0.004);
    sweep.machine.hostname = "<script>alert(1)</script>".to_owned();
    sweep.verdict.sentence = "<b>bold</b>".to_owned();
    sweep.platform = "<i>".to_owned();
    assert!(report::html(&sweep).contains("&lt;script&gt;"));
    sound(&sweep);
}

#[test]
fn tasks_are_counted_by_node() {
    let set = [("placed".to_owned(), 1)].into();
    let html = sound(&sweep(Settings { set, ..settings() }, 0.004));
    assert!(html.contains("Where the tasks ran") && html.contains("worker × 4, 0.008 cores"));
}

#[test]
fn a_grid_is_a_map_with_its_limits_and_a_way_to_each_row() {
    let grid = grids::grid(&Settings { replicas: vec![1, 3, 6, 10], ..settings() }, &[1, 2, 3]);
    let html = sound_page(&report::grid::html(&grid));
    for part in [
        "How the application scales with workers and replicas of rng",
        "Hashes per second by workers and replicas of rng",
        "are enough for it. At 10 workers the limit is rng with 1 to 3 replicas of rng.",
        "rng 99.7",
        "the workers",
        "href=\"rng-3/report.html\"",
    ] {
        assert!(html.contains(part), "no {part:?} in {html}");
    }
    assert!(!html.contains("was ended early"));
}

#[test]
fn a_grid_names_what_is_enough_and_where_the_limit_moves() {
    let grid = grids::grid(&Settings { replicas: vec![1, 3, 6], ..settings() }, &[1, 2, 3, 4]);
    let sentence = grid.sentence();
    assert!(sentence.contains("6 workers with 2 replicas of rng are enough for it."), "{sentence}");
    assert!(
        sentence.ends_with(
            "At 6 workers the limit is rng with 1 to 2 replicas of rng, the workers themselves with 3 to 4 replicas of rng."
        ),
        "{sentence}"
    );
    let cell = grid.cell(3, 1).expect("it was measured");
    assert!(cell.theory.is_some_and(|theory| (theory - 10.0).abs() < 1e-9));
    assert!(cell.deviation().is_some_and(|share| share.abs() < 0.01));
    assert!(grid.cell(4, 1).is_none() && grid.cell(3, 9).is_none());
}

#[test]
fn a_grid_that_ended_early_says_so() {
    let mut grid = grids::grid(&Settings { replicas: vec![1, 3], ..settings() }, &[1, 2, 3]);
    grid.interrupted = true;
    grid.rows.pop();
    grid.rows[1].steps.pop();
    let html = sound_page(&report::grid::html(&grid));
    assert!(html.contains("2 of 3 rows have a finished step"), "{html}");
    grid.rows.clear();
    let html = sound_page(&report::grid::html(&grid));
    assert!(html.contains("No step was finished"), "{html}");
}
