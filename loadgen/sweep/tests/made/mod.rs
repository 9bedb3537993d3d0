//! Sweeps that were never run: the model's numbers with a small error, in the shape of a measurement.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use sweep::result::{
    Dockercoins, Estimate, Latency, Machine, Placement, SCHEMA, Sample, Settings, Step, Sweep, Verdict,
};
use sweep::{laws, theory, verdict};

/// Errors that are the same on each run: from −1 to 1, without a trend.
pub struct Errors(u32);

impl Errors {
    pub fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// The next error (a linear congruential generator; Numerical Recipes' constants).
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1 << 23) - 1.0
    }
}

/// The mine with its delays of 100 ms.
pub fn settings() -> Settings {
    Settings {
        scaled: "worker".to_owned(),
        replicas: (1..=10).collect(),
        set: BTreeMap::new(),
        unit: "hashes/s".to_owned(),
        load: None,
        url: None,
        need: Vec::new(),
        dockercoins: Some(Dockercoins { ledger: "memory".to_owned(), ..Dockercoins::plain() }),
        measure_s: 5.0,
        precision: None,
        settle_s: 5.0,
        repeats: 1,
    }
}

/// The mine, with other delays or slots.
pub fn settings_with(change: impl Fn(&mut Dockercoins)) -> Settings {
    let mut settings = settings();
    settings.dockercoins.iter_mut().for_each(change);
    settings
}

/// The mine without delays: the processor is the limit.
pub fn without_delays() -> Settings {
    settings_with(|set| (set.rng_delay_ms, set.hasher_delay_ms, set.think_ms) = (0.0, 0.0, 0.0))
}

/// A run of these settings that goes as the model says, but for an error of `noise`, a share.
pub fn sweep(settings: Settings, noise: f64) -> Sweep {
    sweep_with(settings, noise, |_| {})
}

/// The same, with every step changed before it is judged.
pub fn sweep_with(settings: Settings, noise: f64, change: impl Fn(&mut Step)) -> Sweep {
    let mut errors = Errors::new(7);
    let mut steps = Vec::new();
    let mut timeline = Vec::new();
    let mut now = 0.5;
    for &count in &settings.replicas {
        for repeat in 1..=settings.repeats {
            let from = now + 1.0 + 0.4 * (errors.next() + 1.0);
            let mut step = step(&settings, count, repeat, from, noise, &mut errors);
            change(&mut step);
            time(&mut timeline, &settings, &step, now, noise, &mut errors);
            now = step.to_s + 0.2;
            steps.push(step);
        }
    }
    let machine = machine();
    let (fits, left_out) = laws::fit(&settings, &steps);
    let verdict: Verdict = verdict::judge(&settings, &machine, &steps, &fits);
    Sweep {
        schema: SCHEMA,
        generator: "loadgen 0.1.0".to_owned(),
        started: "2026-11-21T01:06:38Z".to_owned(),
        took_s: now,
        interrupted: false,
        trouble: None,
        platform: "embedded".to_owned(),
        settings,
        machine,
        steps,
        timeline,
        verdict,
        fits,
        left_out,
    }
}

pub fn machine() -> Machine {
    Machine {
        hostname: "lab-01".to_owned(),
        os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        kernel: "6.1.0-28-amd64".to_owned(),
        cpu: "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz".to_owned(),
        cpus: 4,
        memory_bytes: 8 << 30,
        engine: None,
        nodes: Vec::new(),
    }
}

fn step(settings: &Settings, count: u32, repeat: u32, from_s: f64, noise: f64, errors: &mut Errors) -> Step {
    let mut replicas: BTreeMap<String, u32> =
        [("rng", 1), ("hasher", 1), ("worker", 10)].map(|(name, count)| (name.to_owned(), count)).into();
    replicas.extend(settings.set.clone());
    replicas.insert(settings.scaled.clone(), count);
    let expected = theory::expect(settings, &replicas);
    let (theory, mva) = match &expected {
        Some(expected) => (Some(expected.constant.throughput), Some(expected.random.throughput)),
        None => (None, None),
    };
    // Without delays: a machine that saturates at 20,000 hashes/s.
    let jobs = f64::from(theory::jobs(settings, &replicas));
    let ideal = theory.unwrap_or(20_000.0 * jobs / (jobs + 1.5));
    let value = ideal * (1.0 - 0.002 + noise * errors.next());
    let half = ideal * (0.001 + noise) * 0.7;

    let mut probes = BTreeMap::new();
    let mut probe_histograms = BTreeMap::new();
    let mut utilisation = BTreeMap::new();
    let mut queue = BTreeMap::new();
    for service in theory::SERVICES {
        let load =
            expected.as_ref().and_then(|expected| expected.constant.stations.iter().find(|load| load.name == service));
        let turn = load.and_then(|load| load.turn_s).unwrap_or(0.0) * 1000.0;
        let busy = load.and_then(|load| load.utilisation);
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("sound bounds");
        for _ in 0..100 {
            // A newcomer waits for what is left of one delay, anywhere between none of it and all, and for those before it.
            let own = 0.35 + 0.1 * errors.next();
            let rest = if turn > 50.0 { turn + 50.0 * errors.next() } else { turn * (1.0 + errors.next()) };
            histogram.record(((own + rest) * 1000.0).max(1.0) as u64).expect("within bounds");
        }
        probes.insert(service.to_owned(), latency(&histogram));
        let bytes = {
            let mut bytes = Vec::new();
            V2DeflateSerializer::new().serialize(&histogram, &mut bytes).expect("writing to a vector does not fail");
            bytes
        };
        probe_histograms.insert(service.to_owned(), STANDARD.encode(bytes));
        if let Some(busy) = busy {
            utilisation.insert(service.to_owned(), (busy * 0.997).min(1.0));
            queue.insert(service.to_owned(), load.map_or(0.0, |load| load.queue));
        }
    }
    let round = jobs / value * 1000.0;
    let placement = if settings.set.contains_key("placed") {
        (1..=count)
            .map(|k| Placement {
                service: "worker".to_owned(),
                task: format!("worker.{k}"),
                node: format!("node{}", k % 3 + 1),
                cpu_cores: Some(0.002),
                memory_bytes: None,
            })
            .collect()
    } else {
        Vec::new()
    };
    Step {
        replicas,
        repeat,
        from_s,
        to_s: from_s + settings.measure_s,
        converged_s: 0.02,
        steady: true,
        throughput: Estimate { value, low: value - half, high: value + half },
        theory,
        mva,
        loop_time: Latency::of((value * settings.measure_s) as u64, 0, round, |share| round * (1.0 + 0.03 * share)),
        probes,
        probe_histograms,
        utilisation,
        queue,
        cpu_cores: [(
            "all".to_owned(),
            if expected.is_some() { 0.02 + 0.002 * value } else { 3.9 * jobs / (jobs + 0.5) },
        )]
        .into(),
        cpu_starved: None,
        placement,
        node_busy: BTreeMap::new(),
        shares: BTreeMap::new(),
        generator_limit: None,
        recovered_s: None,
        notes: Vec::new(),
    }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let at = |share: f64| histogram.value_at_quantile(share) as f64 / 1000.0;
    Latency::of(histogram.len(), 0, histogram.mean() / 1000.0, at)
}

/// The moments of a step, four a second, the first of them settling. Of every sweep of some length a few are missing.
fn time(timeline: &mut Vec<Sample>, settings: &Settings, step: &Step, since: f64, noise: f64, errors: &mut Errors) {
    let mut at_s = since;
    while at_s < step.to_s {
        let settling = at_s < step.from_s;
        let value = step.throughput.value;
        let approach = if settling { 1.0 - 0.5 * (step.from_s - at_s) / (step.from_s - since) } else { 1.0 };
        let missing = (20.0..21.5).contains(&at_s);
        timeline.push(Sample {
            at_s,
            replicas: step.swept(settings),
            measuring: !settling,
            throughput: (!missing).then(|| value * approach * (1.0 + 4.0 * noise * errors.next())),
            probe_ms: if missing {
                BTreeMap::new()
            } else {
                step.probes
                    .iter()
                    .map(|(service, probe)| (service.clone(), probe.mean_ms * (1.0 + 0.06 * errors.next())))
                    .collect()
            },
        });
        at_s += 0.25;
    }
}
