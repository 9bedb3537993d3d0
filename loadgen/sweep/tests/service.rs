//! The verdict, the table and the answers of a service that is not dockercoins.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use sweep::result::{Estimate, Fit, Latency, LeftOut, Machine, Placement, SCHEMA, Settings, Step, Sweep};
use sweep::{laws, need, report, table, verdict};

/// A sweep of `web` with these throughputs, its steps changed before they are judged.
fn sweep(load: &str, rates: &[(u32, f64)], change: impl Fn(&mut Step)) -> Sweep {
    let settings = Settings {
        scaled: "web".to_owned(),
        replicas: rates.iter().map(|(count, _)| *count).collect(),
        unit: "requests/s".to_owned(),
        load: Some(load.to_owned()),
        url: Some("http://web/".to_owned()),
        need: vec![350.0, 5000.0],
        repeats: 1,
        ..Settings::default()
    };
    let machine = Machine { hostname: "lab-01".to_owned(), cpus: 4, ..Machine::default() };
    let steps: Vec<Step> = rates
        .iter()
        .map(|&(count, rate)| {
            let mut step = Step {
                replicas: [("web".to_owned(), count)].into(),
                repeat: 1,
                steady: true,
                throughput: Estimate::around(rate, 0.01 * rate),
                loop_time: Latency { count: 1000, p50_ms: Some(20.0), p99_ms: Some(45.0), ..Latency::default() },
                utilisation: [("web".to_owned(), 0.5), ("db".to_owned(), 0.4)].into(),
                shares: (1..=count).map(|k| (format!("web.{k}"), 1.0 / f64::from(count))).collect(),
                node_busy: [("lab-01".to_owned(), 0.6)].into(),
                ..Step::default()
            };
            change(&mut step);
            step
        })
        .collect();
    // Fitting takes a second in a debug build, and most sweeps here have the same throughputs.
    let (fits, left_out) = match rates == BENT {
        true => FITS.get_or_init(|| laws::fit(&settings, &steps)).clone(),
        false => laws::fit(&settings, &steps),
    };
    let verdict = verdict::judge(&settings, &machine, &steps, &fits);
    Sweep {
        schema: SCHEMA,
        generator: "loadgen 0.1.0".to_owned(),
        started: "2026-11-21T01:06:38Z".to_owned(),
        took_s: 60.0,
        interrupted: false,
        trouble: None,
        platform: "processes".to_owned(),
        settings,
        machine,
        steps,
        timeline: Vec::new(),
        verdict,
        fits,
        left_out,
    }
}

/// 100/s a replica with a serial share of a fifth: Amdahl's law, with a little noise so that laws can be told apart.
const BENT: [(u32, f64); 6] = [(1, 100.2), (2, 166.0), (3, 214.8), (4, 249.5), (5, 278.4), (6, 299.7)];

/// The laws fitted to [`BENT`].
static FITS: OnceLock<(Vec<Fit>, Vec<LeftOut>)> = OnceLock::new();

fn says(sweep: &Sweep, bottleneck: Option<&str>, sentence: &str) {
    assert_eq!(sweep.verdict.bottleneck.as_deref(), bottleneck, "{}", sweep.verdict.sentence);
    assert!(sweep.verdict.sentence.contains(sentence), "{}", sweep.verdict.sentence);
}

#[test]
fn each_limit_is_named_where_it_is_seen() {
    let bent = |change: fn(&mut Step)| sweep("closed:64", &BENT, change);
    let set = |of: &mut BTreeMap<String, f64>, name: &str, share: f64| {
        of.insert(name.to_owned(), share);
    };
    says(
        &sweep("closed:64", &[(1, 100.0), (2, 199.0), (4, 396.0)], |_| {}),
        None,
        "No limit was reached: 4 replicas of web do 396 requests/s, 3.96 times as much as 1 replica of web.",
    );
    says(
        &sweep("closed:64", &BENT, |step| set(&mut step.utilisation, "db", 0.97)),
        Some("db"),
        "db is the limit: it is busy 97.0 %",
    );
    says(
        &sweep("closed:64", &BENT, |step| set(&mut step.utilisation, "web", 0.99)),
        Some("web"),
        "web itself is the limit",
    );
    says(
        &sweep("closed:64", &BENT, |step| set(&mut step.node_busy, "lab-01", 0.97)),
        Some("cpu"),
        "The processors of lab-01 are busy 97.0 %",
    );
    says(
        &bent(|step| step.generator_limit = Some("its threads were 99 % busy".to_owned())),
        Some("generator"),
        "its threads were 99 % busy",
    );
    says(
        &sweep("closed:64", &BENT, |step| set(&mut step.shares, "web.1", 0.9)),
        Some("web.1"),
        "The load is not spread: web.1 gives 90.0 %",
    );
    says(&bent(|step| step.loop_time.failed = 500), None, "33.3 % of the requests fail with 6 replicas of web");
    says(&bent(|_| {}), None, "nothing that is measured here is busy all the time (the busiest, web, is at 50.0 %)");
    says(&bent(|_| {}), None, "By the law that fits, 2");
    says(&sweep("closed:64", &[(3, 100.0)], |_| {}), None, "one step cannot show");
    says(
        &sweep("250/s", &[(1, 100.0), (2, 166.0), (4, 249.8)], |_| {}),
        None,
        "4 replicas of web keep up with 250 requests/s",
    );
    says(&sweep("closed:4", &[], |_| {}), None, "No step was finished");
    let nothing = |step: &mut Step| step.loop_time = Latency::default();
    let idle = [(1, 0.0), (2, 0.0)];
    says(
        &sweep("its own, by jobs_done_total", &idle, nothing),
        None,
        "jobs_done_total did not grow with 2 replicas of web",
    );
    says(&sweep("closed:4", &idle, nothing), None, "No request was answered well with 2 replicas of web");
}

#[test]
fn needs_are_answered_within_the_data_and_refused_beyond() {
    let straight =
        sweep("capacity:p99 < 50ms,errors < 1%", &[(1, 100.0), (2, 201.0), (3, 299.0), (4, 402.0), (6, 597.0)], |_| {});
    let [answered, refused] = &need::sentences(&straight)[..] else { panic!("two were asked for") };
    assert!(
        answered.starts_with("For 350 requests/s at p99 < 50ms and errors < 1% you need 4 replicas of web"),
        "{answered}"
    );
    assert!(refused.contains("is not answered") && refused.contains("the data end at 6; measure further"), "{refused}");
    // Too few steps to choose a law: the steps themselves answer.
    let few = sweep("closed:64", &[(1, 100.0), (4, 352.0)], |_| {});
    assert_eq!(
        need::sentences(&few)[0],
        "For 350 requests/s you need 4 replicas of web (4 or more: the data end at 4, and do not surely reach it)."
    );
    let open = sweep("250/s", &[(1, 100.0), (4, 250.0)], |_| {});
    assert!(need::sentences(&open)[0].contains("cannot be told from a load of 250/s"), "{:?}", need::sentences(&open));
}

#[test]
fn table_and_report_say_what_an_engineer_asks() {
    let sweep = sweep("closed:64", &BENT, |_| {});
    let table = anstream::adapter::strip_str(&table::table(&sweep)).to_string();
    assert!(table.lines().all(|line| line.chars().count() <= table::WIDTH), "{table}");
    for title in ["requests/s", "further", "p50", "p99", "errors", "busy"] {
        assert!(table.contains(title), "no {title}:\n{table}");
    }
    assert!(table.contains("65.7%"), "the second brings two thirds:\n{table}");
    let html = report::html(&sweep);
    for part in [
        "How web scales",
        "What each further replica brings",
        "How long an answer takes",
        "requests/s",
        "Amdahl",
        "is not answered",
        "closed:64",
    ] {
        assert!(html.contains(part), "no {part:?}");
    }
    assert!(!html.contains("Each task"), "nobody has told what they use");
    for wrong in ["hashes", "NaN", "worker", "random delays", "Nothing was probed", "GET /"] {
        assert!(!html.contains(wrong), "{wrong:?} in the report");
    }
}

/// Which replica is hot is seen in the report of the step with most of them.
#[test]
fn the_report_shows_what_each_task_used_and_its_share() {
    let placed = |task: &str, cores, memory| Placement {
        service: "web".to_owned(),
        task: task.to_owned(),
        node: "lab-02".to_owned(),
        cpu_cores: cores,
        memory_bytes: memory,
    };
    let sweep = sweep("closed:64", &BENT, |step| {
        let tasks = [placed("web.1", Some(0.75), Some(3 << 20)), placed("web.2", None, None)];
        step.placement = tasks.into();
        step.shares.insert("web.1".to_owned(), 0.9);
    });
    let html = report::html(&sweep);
    let row = "<th scope=\"row\">web.1</th><td>lab-02</td><td>0.750</td><td>3.0</td><td>90.0";
    assert!(html.contains("Each task, with ") && html.contains(row), "{html}");
    assert!(!html.contains("<th scope=\"row\">web.2</th>"), "it tells nothing");
}
