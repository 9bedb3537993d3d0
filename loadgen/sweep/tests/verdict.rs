//! The verdict, for every kind of run.

mod made;

use std::collections::BTreeMap;

use made::{settings, settings_with, sweep, sweep_with, without_delays};
use sweep::result::{Machine, Node, Placement, Settings, Sweep};
use sweep::{laws, verdict};

#[test]
fn the_mine_names_rng_and_what_three_of_them_bring() {
    let sweep = sweep(settings(), 0.003);
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("rng"));
    assert_eq!(
        sweep.verdict.sentence,
        "rng is the bottleneck: busy 99.7 %, it caps the system at 9.98 hashes/s from 3 workers on; with 3 replicas of rng expect 30.0."
    );
    let evidence = sweep.verdict.evidence.join("\n");
    for fact in [
        "1 worker does 3.33 hashes/s",
        "10 times the workers, 2.99 times the throughput",
        "At 10 workers, rng is busy 99.7 % and 7.0 requests wait.",
        "do not limit the system",
        "(theory: 750 ms)",
        "By theory a round takes 300 ms when nobody waits, 3.33 hashes/s for each worker; rng can serve at most 10.0 requests/s, which 3 workers reach.",
        "from the theory on average",
        "a hard cap holds, X = min(λN, C), with λ = 3.3",
        "which rules it out",
    ] {
        assert!(evidence.contains(fact), "no {fact:?} in:\n{evidence}");
    }
}

#[test]
fn with_rng_out_of_the_way_a_serial_hasher_is_the_bottleneck() {
    let set: BTreeMap<String, u32> = [("rng".to_owned(), 5)].into();
    let sweep = sweep(Settings { set, ..settings_with(|set| set.hasher_concurrency = 1) }, 0.002);
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("hasher"));
    assert!(sweep.verdict.sentence.contains("with 3 replicas of hasher expect 30.0"), "{}", sweep.verdict.sentence);
}

#[test]
fn a_line_has_no_bottleneck_but_a_prediction_of_one() {
    let set: BTreeMap<String, u32> = [("rng".to_owned(), 5)].into();
    let sweep = sweep(Settings { set, ..settings() }, 0.002);
    assert_eq!(sweep.verdict.bottleneck, None);
    let sentence = &sweep.verdict.sentence;
    assert!(sentence.starts_with("No bottleneck was reached: 10 workers do 33."), "{sentence}");
    assert!(sentence.contains("expect rng to be the limit from 15 workers on"), "{sentence}");
}

#[test]
fn without_delays_the_machine_is_the_bottleneck() {
    let sweep = sweep(without_delays(), 0.01);
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("cpu"));
    assert!(
        sweep.verdict.sentence.contains("the 4 processors are busy 92.9 % at 10 workers"),
        "{}",
        sweep.verdict.sentence
    );
    assert!(sweep.verdict.evidence.iter().any(|fact| fact.contains("All delays are zero")));
}

/// A program that runs beside the sweep takes its processors: rng seems to be busy all the time, as what holds its slot waits.
#[test]
fn processors_that_others_have_are_the_bottleneck_and_not_rng() {
    let sweep = sweep_with(settings(), 0.001, |step| {
        step.cpu_starved = Some(0.001);
        if step.workers() > 7 {
            step.throughput.value *= 0.65;
            step.cpu_starved = Some(1.4);
        }
    });
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("cpu"));
    let sentence = &sweep.verdict.sentence;
    assert!(
        sentence.starts_with(
            "The machine’s processors are the bottleneck: at 10 workers the application used 1.0 % of them and could not have \
             the rest when it wanted it, for 1.40 s in each second, so that it did 6."
        ) && sentence.contains("hashes/s instead of 10.0; measure again"),
        "{sentence}"
    );
    let fact = "The machine’s processors were the limit at 8, 9 and 10 workers";
    assert!(sweep.verdict.evidence.iter().any(|said| said.starts_with(fact)), "{:?}", sweep.verdict.evidence);
    let text = anstream::adapter::strip_str(&sweep::table::table(&sweep)).to_string();
    let marked = text.lines().filter(|line| line.trim_start().starts_with("!")).count();
    assert!(marked == 4 && text.ends_with("! The machine’s processors were the limit.\n"), "{text}");
    assert!(sweep::report::html(&sweep).contains("10 !"));
}

/// Where nothing that is missing was waited for, something else is missing it.
#[test]
fn a_little_waiting_explains_no_large_loss() {
    let sweep = sweep_with(settings(), 0.001, |step| {
        step.cpu_starved = Some(0.02);
        step.throughput.value *= 0.9;
    });
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("rng"), "{}", sweep.verdict.sentence);
}

/// One step has nothing to fall behind, so that rng was named although its slots waited for processors.
#[test]
fn a_single_step_that_fills_the_processors_does_not_name_rng() {
    let set: BTreeMap<String, u32> = [("rng".to_owned(), 100)].into();
    let busy = |lost: f64| {
        let settings = Settings { set: set.clone(), replicas: vec![1000], ..settings() };
        sweep_with(settings, 0.001, |step| {
            step.throughput.value *= 1.0 - lost;
            step.cpu_cores.insert("all".to_owned(), 3.9);
        })
    };
    let (short, enough) = (busy(0.3).verdict, busy(0.0).verdict);
    assert_eq!(short.bottleneck.as_deref(), Some("cpu"), "{}", short.sentence);
    assert!(short.sentence.contains("the 4 processors are busy 97.5 % at 1000 workers"), "{}", short.sentence);
    assert_eq!(enough.bottleneck.as_deref(), Some("rng"), "it does what theory says: {}", enough.sentence);
}

#[test]
fn more_rng_moves_the_limit_to_the_workers() {
    let sweep = sweep(Settings { scaled: "rng".to_owned(), replicas: (1..=8).collect(), ..settings() }, 0.001);
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("worker"));
    assert!(
        sweep.verdict.sentence.starts_with("From 4 replicas of rng on, the 10 workers are the limit"),
        "{}",
        sweep.verdict.sentence
    );
}

#[test]
fn more_rng_moves_the_limit_to_a_serial_hasher() {
    let settings = Settings {
        scaled: "rng".to_owned(),
        replicas: (1..=6).collect(),
        ..settings_with(|set| (set.hasher_concurrency, set.hasher_delay_ms) = (1, 40.0))
    };
    let sweep = sweep(settings, 0.001);
    assert_eq!(sweep.verdict.bottleneck.as_deref(), Some("hasher"));
    assert!(
        sweep.verdict.sentence.contains("moves from rng to hasher at 3 replicas of rng"),
        "{}",
        sweep.verdict.sentence
    );
}

#[test]
fn one_step_says_what_it_can() {
    let few = |replicas| sweep(Settings { replicas, ..settings() }, 0.001).verdict;
    assert!(few(vec![2]).sentence.contains("one step cannot show"), "{}", few(vec![2]).sentence);
    assert!(few(vec![10]).sentence.starts_with("rng is the bottleneck: busy 99.7 % with 10 workers"));
    assert!(few(vec![]).sentence.starts_with("No step was finished"));
}

#[test]
fn an_unsteady_run_is_a_first_guess() {
    let all = sweep_with(settings(), 0.001, |step| step.steady = false);
    assert!(all.verdict.sentence.ends_with("not steady in 10 of 10 steps, so take this as a first guess."));
    let one = sweep_with(settings(), 0.001, |step| step.steady = step.workers() != 7);
    assert!(!one.verdict.sentence.contains("steady"));
    assert!(
        one.verdict.evidence.iter().any(|fact| fact.contains("at 7 workers, so these figures")),
        "{:?}",
        one.verdict.evidence
    );
}

#[test]
fn a_curve_without_a_busy_service_is_not_explained_away() {
    let sweep = sweep_with(settings(), 0.001, |step| {
        let n = f64::from(step.workers());
        step.throughput.value = 3.0 * n / (1.0 + 0.1 * (n - 1.0));
        step.utilisation.insert("rng".to_owned(), 0.5);
    });
    assert_eq!(sweep.verdict.bottleneck, None);
    assert!(sweep.verdict.sentence.contains("not measured here"), "{}", sweep.verdict.sentence);
    assert!(sweep.fits[0].law == "amdahl" && sweep.fits[0].chosen, "{:?}", sweep.fits[0]);
}

#[test]
fn nothing_hashed_is_not_a_straight_line() {
    let sweep = sweep_with(settings(), 0.0, |step| step.throughput.value = 0.0);
    assert!(sweep.verdict.sentence.contains("did not work"), "{}", sweep.verdict.sentence);
    assert!(sweep.fits.is_empty() && sweep.left_out.len() == 4);
}

#[test]
fn slower_demands_than_set_lower_the_prediction() {
    // rng takes 110 ms instead of 100: the whole run is a tenth slower than by theory.
    let sweep = sweep_with(settings(), 0.0, |step| {
        let n = f64::from(step.workers());
        let rate = (n / 0.31).min(1.0 / 0.11);
        step.throughput.value = rate;
        step.loop_time.mean_ms = n / rate * 1000.0;
        step.utilisation.insert("rng".to_owned(), rate * 0.11);
    });
    assert!(sweep.verdict.sentence.contains("with 3 replicas of rng expect 27.3"), "{}", sweep.verdict.sentence);
}

/// A run without delays on nodes of 4 processors: the workers of node1 keep as many of them busy as are told.
fn on_nodes(nodes: &[(&str, u32, Option<&str>)], cores: &[(&str, f64)]) -> Sweep {
    let mut sweep = sweep(without_delays(), 0.01);
    let node = |&(name, cpus, machine): &(&str, u32, Option<&str>)| Node {
        name: name.to_owned(),
        cpus,
        memory_bytes: 1 << 30,
        machine: machine.map(str::to_owned),
    };
    sweep.machine.nodes = nodes.iter().map(node).collect();
    for step in &mut sweep.steps {
        step.placement = cores
            .iter()
            .map(|&(node, cores)| Placement {
                memory_bytes: None,
                service: "worker".to_owned(),
                task: "worker.1".to_owned(),
                node: node.to_owned(),
                cpu_cores: Some(cores),
            })
            .collect();
        step.cpu_cores = [("worker".to_owned(), cores.iter().map(|task| task.1).sum())].into();
    }
    let (fits, _) = laws::fit(&sweep.settings, &sweep.steps);
    sweep.verdict = verdict::judge(&sweep.settings, &sweep.machine, &sweep.steps, &fits);
    sweep
}

/// With several nodes nothing was said about processors at all.
#[test]
fn each_node_is_judged_by_its_own_processors() {
    let apart = [("node1", 2, None), ("node2", 8, None), ("node3", 4, None)];
    let full = on_nodes(&apart, &[("node1", 1.0), ("node1", 0.9), ("node2", 3.0), ("node3", 0.1)]).verdict;
    assert_eq!(full.bottleneck.as_deref(), Some("cpu"));
    assert!(
        full.sentence.starts_with("The node node1 is the bottleneck: its 2 processors are busy 95.0 %"),
        "{}",
        full.sentence
    );
    let free = on_nodes(&apart, &[("node1", 1.0), ("node2", 3.0), ("node3", 0.1)]).verdict;
    assert_ne!(free.bottleneck.as_deref(), Some("cpu"), "{}", free.sentence);
    let fact = "The busiest node, node1, has 50.0 % of its processors in use there, so they do not limit the system.";
    assert!(free.evidence.iter().any(|said| said == fact), "{:?}", free.evidence);
}

/// Nodes that are containers on one machine each report all of its processors.
#[test]
fn nodes_on_one_machine_share_its_processors() {
    let shared = [("head", 2, Some("boot")), ("worker-1", 2, Some("boot"))];
    let full = on_nodes(&shared, &[("head", 0.9), ("worker-1", 0.9)]).verdict;
    assert!(
        full.sentence.starts_with(
            "The machine of the nodes head and worker-1 is the bottleneck: the 2 processors are busy 90.0 %"
        ),
        "{}",
        full.sentence
    );
}

/// Files from before nodes told what they have.
#[test]
fn nodes_of_older_files_are_names_alone() {
    let mut value = serde_json::to_value(sweep(settings(), 0.0).machine).expect("serialises");
    value["nodes"] = serde_json::json!(["node1", "node2"]);
    let machine: Machine = serde_json::from_value(value).expect("reads");
    assert_eq!(machine.nodes[1], Node { name: "node2".to_owned(), ..Node::default() });
    let sweep = sweep(without_delays(), 0.01);
    let verdict = verdict::judge(&sweep.settings, &machine, &sweep.steps, &[]);
    assert_ne!(verdict.bottleneck.as_deref(), Some("cpu"), "nothing is known of their processors");
}
