//! What a sweep of any service says of other numbers of replicas: by the demands that it has measured.
//!
//! A service whose replicas were busy for a share U of what they may use, m of them, while X requests a second were answered, needs
//! U·m/X of a replica for each request (the utilisation law; Lazowska and others, *Quantitative System Performance*, chapter 3). In
//! a closed loop of N connections the rest of a round is spent where nothing is measured, and is taken for think time. A
//! model that does not give what the steps did is told and not used.

use serde_json::{Value, json};
use sweep::columns::{Cell, columns};
use sweep::format::{fine_rate, percent, rate, replicas, time};
use sweep::result::{Step, Sweep};

use model::predict::{Prediction, predict};
use model::{Limit, Network, Station};

/// The measured steps have to lie between what random and constant times give, but for this share.
const OFF: f64 = 0.10;

/// A step that lies beside what is given by less than this share says nothing against it.
const EXACT: f64 = 0.04;

/// So many think times are tried, from none to a whole round.
const PARTS: u32 = 400;

/// What is asked.
pub struct Question<'a> {
    /// The sweep.
    pub sweep: &'a Sweep,
    /// Numbers of replicas of the swept service; those of the sweep where there are none.
    pub counts: Option<Vec<u32>>,
    /// Other replicas of other services.
    pub set: &'a [(String, u32)],
}

/// The answer.
pub struct Answer {
    service: String,
    unit: String,
    connections: u32,
    network: Network,
    rows: Vec<(u32, Prediction)>,
    measured: Vec<(u32, f64)>,
}

/// Asks the model.
///
/// # Errors
/// The sweep does not carry it: why, and what can be asked instead.
pub fn ask(question: &Question<'_>) -> Result<Answer, String> {
    let settings = &question.sweep.settings;
    let load = settings.load.as_deref().unwrap_or_default();
    let connections = load.strip_prefix("closed:").and_then(|number| number.parse::<u32>().ok()).ok_or_else(|| {
        format!(
            "the sweep had the load {load}, and the model needs one of a fixed number of connections: sweep with --load closed:64"
        )
    })?;
    let steps = &question.sweep.steps;
    let stations = stations(settings.scaled.as_str(), steps);
    if stations.is_empty() {
        return Err("no service of the sweep tells how busy it was, so there are no demands to predict from".to_owned());
    }
    let measured: Vec<(u32, f64)> = steps
        .iter()
        .map(|step| (step.swept(settings), step.throughput.value))
        .filter(|(_, found)| *found > 0.0)
        .collect();
    let mut network = with_think_time(&stations, connections, &settings.scaled, &measured)?;
    for (count, found) in &measured {
        let given = given(&network, &settings.scaled, *count, connections)?;
        if beside(&given, *found) > OFF {
            return Err(format!(
                "the demands that were measured give {} to {} {unit} with {}, and the sweep found {}: what limits {} there is not \
                 in these figures, so they cannot say what other numbers would do\n  `loadgen sweep --need` answers by the law that fits",
                rate(given.random.throughput),
                rate(given.constant.throughput),
                replicas(*count, &settings.scaled),
                rate(*found),
                settings.scaled,
                unit = settings.unit,
            ));
        }
    }
    for (service, count) in question.set {
        if *service == settings.scaled {
            return Err(format!("the number of replicas of {service} is set with --replicas"));
        }
        network = network.with_replicas(service, *count).map_err(|error| error.to_string())?;
    }
    let counts = question.counts.clone().unwrap_or_else(|| settings.replicas.clone());
    let rows = counts.into_iter().map(|count| Ok((count, given(&network, &settings.scaled, count, connections)?)));
    let rows = rows.collect::<Result<Vec<_>, String>>()?;
    let (service, unit) = (settings.scaled.clone(), settings.unit.clone());
    Ok(Answer { service, unit, connections, network, rows, measured })
}

/// Each service that tells how busy it was, with its mean demand over the steps.
fn stations(scaled: &str, steps: &[Step]) -> Vec<Station> {
    let mut names: Vec<&String> = steps.iter().flat_map(|step| step.utilisation.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let count = |step: &Step, name: &str| {
        let placed = step.placement.iter().filter(|task| task.service == name).count();
        step.replicas.get(name).map_or(placed.max(1), |count| *count as usize)
    };
    let station = |name: &String| {
        let told = steps.iter().filter(|step| step.throughput.value > 0.0);
        let demands: Vec<f64> = told
            .filter_map(|step| Some(step.utilisation.get(name)? * count(step, name) as f64 / step.throughput.value))
            .collect();
        let replicas = steps.last().map_or(1, |step| count(step, name));
        let mean = demands.iter().sum::<f64>() / demands.len().max(1) as f64;
        (mean > 0.0).then(|| Station::serial(name.clone(), mean).with_replicas(replicas.try_into().unwrap_or(u32::MAX)))
    };
    let found: Vec<Station> = names.into_iter().filter_map(station).collect();
    if found.iter().any(|station| station.name == scaled) { found } else { Vec::new() }
}

/// The network with the think time that explains the steps best; of several, the shortest. A step in which something is busy all
/// the time says nothing of it, so all of them are asked.
fn with_think_time(
    stations: &[Station],
    connections: u32,
    scaled: &str,
    measured: &[(u32, f64)],
) -> Result<Network, String> {
    let network = |think_s: f64| Network::new(think_s, stations.to_vec()).map_err(|error| error.to_string());
    let longest = measured.iter().map(|(_, found)| f64::from(connections) / found).fold(0.0, f64::max);
    let mut best: Option<(f64, Network)> = None;
    for part in 0..=PARTS {
        let candidate = network(longest * f64::from(part) / f64::from(PARTS))?;
        let mut off = 0.0;
        for (count, found) in measured {
            let step = beside(&given(&candidate, scaled, *count, connections)?, *found);
            off += (step - EXACT).max(0.0).powi(2);
        }
        if best.as_ref().is_none_or(|(least, _)| off < least * (1.0 - 1e-9)) {
            best = Some((off, candidate));
        }
    }
    best.map(|(_, network)| network).ok_or_else(|| "the sweep has no step".to_owned())
}

/// What the network does with so many replicas of the swept service.
fn given(network: &Network, scaled: &str, count: u32, connections: u32) -> Result<Prediction, String> {
    let network = network.with_replicas(scaled, count).map_err(|error| error.to_string())?;
    predict(&network, connections).ok_or_else(|| "nothing takes any time".to_owned())
}

/// How far a throughput lies beside what random and constant times give, as a share of it.
fn beside(given: &Prediction, found: f64) -> f64 {
    let (low, high) = (given.random.throughput, given.constant.throughput);
    (low - found).max(found - high).max(0.0) / found
}

impl Answer {
    /// For people.
    pub fn text(&self) -> String {
        let stations: Vec<String> = self
            .network
            .stations()
            .iter()
            .map(|station| {
                let count =
                    if station.name == self.service { String::new() } else { format!(", {}", station.replicas) };
                format!("{} {}{count}", station.name, time(station.demand_s * 1e3))
            })
            .collect();
        let mut rows = vec![vec![
            Cell::head(&*self.service),
            Cell::head("at most"),
            Cell::head("random"),
            Cell::head("measured"),
            Cell::head("limit"),
        ]];
        for (count, given) in &self.rows {
            let measured = self.measured.iter().find(|(other, _)| other == count);
            rows.push(vec![
                Cell::plain(count.to_string()),
                Cell::head(fine_rate(given.constant.throughput)),
                Cell::plain(fine_rate(given.random.throughput)),
                Cell::plain(measured.map_or_else(String::new, |(_, found)| fine_rate(*found))),
                Cell::plain(self.limit(*count)),
            ]);
        }
        format!(
            "Of a replica each request needs: {}; {} are spent elsewhere. {} connections.\n\n{}\nAt most is for constant times, random for \
             random times of the same mean, in {}.\n\n{}\n",
            stations.join("; "),
            time(self.network.think_s() * 1e3),
            self.connections,
            columns(&rows),
            self.unit,
            self.sentence()
        )
    }

    /// Who is the limit with so many replicas.
    fn limit(&self, count: u32) -> String {
        let network = self.network.with_replicas(&self.service, count).unwrap_or_else(|_| self.network.clone());
        match network.limit(self.connections) {
            Limit::Station(station) => station.name.clone(),
            Limit::Population => "the connections".to_owned(),
        }
    }

    /// The finding in one sentence.
    fn sentence(&self) -> String {
        let Some((count, most)) = self.rows.iter().max_by_key(|(count, _)| *count) else {
            return "No number of replicas was asked about.".to_owned();
        };
        let busy = most.constant.stations.iter().filter_map(|station| Some((&station.name, station.utilisation?)));
        let busy = busy.max_by(|a, b| a.1.total_cmp(&b.1));
        let busy =
            busy.map_or_else(String::new, |(name, share)| format!("; the busiest is {name}, at {}", percent(share)));
        format!(
            "With {} expect up to {} {}, limited by {}{busy}.",
            replicas(*count, &self.service),
            rate(most.constant.throughput),
            self.unit,
            self.limit(*count)
        )
    }

    /// For machines: times in milliseconds, rates in the unit.
    pub fn json(&self) -> Value {
        let services: Vec<Value> = self.network.stations().iter().map(|station| {
            json!({ "service": station.name, "demand_ms": station.demand_s * 1e3, "replicas": station.replicas })
        }).collect();
        let predictions: Vec<Value> = self
            .rows
            .iter()
            .map(|(count, given)| {
                json!({
                    "replicas": count,
                    "throughput": given.constant.throughput,
                    "mva_throughput": given.random.throughput,
                    "limit": self.limit(*count),
                })
            })
            .collect();
        json!({
            "service": self.service, "unit": self.unit, "connections": self.connections,
            "think_ms": self.network.think_s() * 1e3, "services": services, "predictions": predictions,
            "sentence": self.sentence(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use sweep::result::{Estimate, Settings};

    /// web needs 10 ms of a replica for each request, db 2 ms of its only one; eight connections.
    fn sweep(counts: &[u32], rate_of: impl Fn(u32) -> f64) -> Sweep {
        let step = |count: u32| {
            let value = rate_of(count);
            Step {
                replicas: BTreeMap::from([("web".to_owned(), count)]),
                throughput: Estimate { value, low: value, high: value },
                utilisation: BTreeMap::from([
                    ("web".to_owned(), (value * 0.01 / f64::from(count)).min(1.0)),
                    ("db".to_owned(), (value * 0.002).min(1.0)),
                ]),
                ..Step::default()
            }
        };
        let text = include_str!("../../../../sweep/schema/example.json");
        let example: Sweep = serde_json::from_str(text).expect("an example");
        Sweep {
            settings: Settings {
                scaled: "web".to_owned(),
                replicas: counts.to_vec(),
                unit: "requests/s".to_owned(),
                load: Some("closed:8".to_owned()),
                ..Settings::default()
            },
            steps: counts.iter().map(|count| step(*count)).collect(),
            ..example
        }
    }

    fn asked(sweep: &Sweep, counts: &[u32], set: &[(String, u32)]) -> Result<Answer, String> {
        ask(&Question { sweep, counts: Some(counts.to_vec()), set })
    }

    #[test]
    fn the_other_service_becomes_the_limit_and_more_of_it_helps() {
        // By the model itself: min(m/10 ms, 1/2 ms) with eight connections and no think time.
        let found = sweep(&[1, 2, 3], |count| (100.0 * f64::from(count)).min(500.0) * 0.97);
        let answer = asked(&found, &[1, 3, 8], &[]).expect("the figures fit");
        let at = |index: usize| answer.rows[index].1.constant.throughput;
        assert!((at(0) / 100.0 - 1.0).abs() < 0.05 && (at(1) / 300.0 - 1.0).abs() < 0.05, "{} {}", at(0), at(1));
        assert!((at(2) / 500.0 - 1.0).abs() < 0.05 && answer.limit(8) == "db", "{}", at(2));
        assert!(answer.text().contains("limited by db"), "{}", answer.text());
        let more = asked(&found, &[8], &[("db".to_owned(), 2)]).expect("the figures fit");
        assert!(more.rows[0].1.constant.throughput > 600.0);
        assert_eq!(more.json()["predictions"][0]["replicas"], 8);
    }

    #[test]
    fn figures_that_do_not_explain_the_steps_are_not_used() {
        // Replicas sleep, so that no processor is busy, and yet two do twice as much.
        let mut found = sweep(&[1, 2, 3], |count| 100.0 * f64::from(count));
        for step in &mut found.steps {
            step.utilisation.insert("web".to_owned(), 0.01);
            step.utilisation.remove("db");
        }
        let error = asked(&found, &[8], &[]).err().expect("they do not");
        assert!(error.contains("is not in these figures") && error.contains("--need"), "{error}");
    }

    #[test]
    fn a_load_without_a_number_of_connections_is_refused() {
        let mut found = sweep(&[1, 2], |count| 100.0 * f64::from(count));
        found.settings.load = Some("500/s".to_owned());
        assert!(asked(&found, &[3], &[]).err().expect("no").contains("--load closed:64"));
        found.settings.load = Some("closed:8".to_owned());
        assert!(asked(&found, &[3], &[("web".to_owned(), 2)]).err().expect("no").contains("--replicas"));
        assert!(asked(&found, &[3], &[("redis".to_owned(), 2)]).err().expect("no").contains("no station called redis"));
    }
}
