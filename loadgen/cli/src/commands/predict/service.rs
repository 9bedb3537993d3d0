//! What a sweep of any service says of other numbers of replicas: by the demands that it has measured.
//!
//! A service whose replicas were busy for a share U of what they may use, m of them, while X requests a second were answered, needs
//! U·m/X of a replica for each request (the utilisation law; Lazowska and others, *Quantitative System Performance*, chapter 3). In
//! a closed loop of N connections the rest of a round is spent where nothing is measured, and is taken for think time. Its length
//! is known only as well as the steps are: the shortest that explains them gives the most that other numbers may do, and the longest the
//! least, each with the demand of that step that had the lowest, or the highest. Where a service was busy all the
//! time, the connections were not the limit, which bounds that time too. A model that does not give what the
//! steps did is told and not used.

use serde_json::{Value, json};
use sweep::columns::{Cell, columns};
use sweep::format::{fine_rate, percent, rate, replicas, time};
use sweep::result::{Estimate, Step, Sweep};

use model::predict::{Prediction, predict};
use model::{Limit, Network, Station};

/// The measured steps have to lie between what random and constant times give, but for this share.
const OFF: f64 = 0.10;

/// A step whose interval lies beside what is given by less than this share says nothing against it.
const EXACT: f64 = 0.04;

/// A service that uses more than this share of its processors is the limit, and not the connections.
const BUSY: f64 = 0.95;

/// A least that is less than this share of the most tells little, and how to learn more is said.
const WIDE: f64 = 0.8;

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
    /// With mean demands, and the shortest think time that explains the steps.
    network: Network,
    rows: Vec<Row>,
    measured: Vec<(u32, Estimate)>,
}

/// What is to be expected of one number of replicas.
struct Row {
    replicas: u32,
    given: Prediction,
    least: f64,
    most: f64,
    /// Who may be the limit: one, or two where the steps leave it open.
    limits: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// The sweep does not carry one: why, and what can be done instead.
    Unfit(String),
    /// The question is not one about this sweep.
    Usage(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Unfit(reason)
    }
}

/// Asks the model.
pub fn ask(question: &Question<'_>) -> Result<Answer, Refusal> {
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
        let reason = "no service of the sweep tells how busy it was, so there are no demands to predict from";
        return Err(reason.to_owned().into());
    }
    let measured: Vec<(u32, Estimate)> = steps
        .iter()
        .map(|step| (step.swept(settings), step.throughput))
        .filter(|(_, found)| found.value > 0.0)
        .collect();
    let closed = Closed { scaled: &settings.scaled, connections };
    let busy: Vec<u32> = steps
        .iter()
        .filter(|step| step.utilisation.values().any(|share| *share >= BUSY))
        .map(|step| step.swept(settings))
        .collect();
    let (shortest, longest) = closed.think_times(&stations, &measured, &busy)?;
    let network = |demand: fn(&Demand) -> f64, think_s: f64| {
        Network::new(think_s, stations.iter().map(|station| station.of(demand)).collect())
            .map_err(|error| error.to_string())
    };
    let mut networks = [
        network(|demand| demand.mean, shortest)?,
        network(|demand| demand.high, longest)?,
        network(|demand| demand.low, shortest)?,
    ];
    for (count, found) in &measured {
        let given = closed.given(&networks[0], *count)?;
        if beside(&given, found) > OFF {
            return Err(Refusal::Unfit(format!(
                "the demands that were measured give {} to {} {unit} with {}, and the sweep found {}: what limits {} there is not \
                 in these figures, so they cannot say what other numbers would do\n  `loadgen sweep --need` answers by the law that fits",
                rate(given.random.throughput),
                rate(given.constant.throughput),
                replicas(*count, &settings.scaled),
                rate(found.value),
                settings.scaled,
                unit = settings.unit,
            )));
        }
    }
    for (service, count) in question.set {
        if *service == settings.scaled {
            return Err(Refusal::Usage(format!("the number of replicas of {service} is set with --replicas")));
        }
        for network in &mut networks {
            *network = network.with_replicas(service, *count).map_err(|error| Refusal::Usage(error.to_string()))?;
        }
    }
    let counts = question.counts.clone().unwrap_or_else(|| settings.replicas.clone());
    let rows = counts.into_iter().map(|count| closed.row(&networks, count)).collect::<Result<Vec<_>, _>>()?;
    let (service, unit) = (settings.scaled.clone(), settings.unit.clone());
    let [network, ..] = networks;
    Ok(Answer { service, unit, connections, network, rows, measured })
}

/// What a request needs of one service, in seconds of a replica.
struct Demand {
    service: String,
    replicas: u32,
    mean: f64,
    /// Of the step that had the lowest, and the highest.
    low: f64,
    high: f64,
}

impl Demand {
    fn of(&self, demand: impl Fn(&Self) -> f64) -> Station {
        Station::serial(self.service.clone(), demand(self)).with_replicas(self.replicas)
    }
}

/// Each service that tells how busy it was, with its demand over the steps.
fn stations(scaled: &str, steps: &[Step]) -> Vec<Demand> {
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
        let replicas = steps.last().map_or(1, |step| count(step, name)).try_into().unwrap_or(u32::MAX);
        let mean = demands.iter().sum::<f64>() / demands.len().max(1) as f64;
        let (low, high) = (demands.iter().copied().fold(mean, f64::min), demands.iter().copied().fold(mean, f64::max));
        (mean > 0.0).then(|| Demand { service: name.clone(), replicas, mean, low, high })
    };
    let found: Vec<Demand> = names.into_iter().filter_map(station).collect();
    if found.iter().any(|station| station.service == scaled) { found } else { Vec::new() }
}

/// The limit where no service is.
const CONNECTIONS: &str = "the connections";

/// The closed loop that was measured.
struct Closed<'a> {
    scaled: &'a str,
    connections: u32,
}

impl Closed<'_> {
    /// The shortest and the longest think time that explain all steps, and with which the connections are not the limit where a
    /// service was `busy` all the time; the one that comes closest, where none does.
    fn think_times(
        &self,
        stations: &[Demand],
        measured: &[(u32, Estimate)],
        busy: &[u32],
    ) -> Result<(f64, f64), String> {
        let stations: Vec<Station> = stations.iter().map(|station| station.of(|demand| demand.mean)).collect();
        let round = measured.iter().map(|(_, found)| f64::from(self.connections) / found.value).fold(0.0, f64::max);
        let mut tried = Vec::new();
        for part in 0..=PARTS {
            let think_s = round * f64::from(part) / f64::from(PARTS);
            let network = Network::new(think_s, stations.clone()).map_err(|error| error.to_string())?;
            let mut off = 0.0;
            for (count, found) in measured {
                off += (beside(&self.given(&network, *count)?, found) - EXACT).max(0.0).powi(2);
            }
            off += busy.iter().filter(|count| self.limit(&network, **count) == CONNECTIONS).count() as f64;
            tried.push((off, think_s));
        }
        let least = tried.iter().map(|(off, _)| *off).fold(f64::INFINITY, f64::min);
        let mut closest = tried.iter().filter(|(off, _)| *off <= least * (1.0 + 1e-9)).map(|(_, think_s)| *think_s);
        let shortest = closest.next().ok_or_else(|| "the sweep has no step".to_owned())?;
        Ok((shortest, closest.next_back().unwrap_or(shortest)))
    }

    /// What a network does with so many replicas of the swept service.
    fn given(&self, network: &Network, count: u32) -> Result<Prediction, String> {
        let network = network.with_replicas(self.scaled, count).map_err(|error| error.to_string())?;
        predict(&network, self.connections).ok_or_else(|| "nothing takes any time".to_owned())
    }

    /// What is to be expected by the networks of the mean, the least and the most.
    fn row(&self, networks: &[Network; 3], count: u32) -> Result<Row, String> {
        let [mean, least, most] = networks;
        let mut limits = [most, least].map(|network| self.limit(network, count)).to_vec();
        limits.dedup();
        Ok(Row {
            replicas: count,
            given: self.given(mean, count)?,
            least: self.given(least, count)?.random.throughput,
            most: self.given(most, count)?.constant.throughput,
            limits,
        })
    }

    /// Who is the limit with so many replicas.
    fn limit(&self, network: &Network, count: u32) -> String {
        let network = network.with_replicas(self.scaled, count).unwrap_or_else(|_| network.clone());
        match network.limit(self.connections) {
            Limit::Station(station) => station.name.clone(),
            Limit::Population => CONNECTIONS.to_owned(),
        }
    }
}

/// How far a step's interval lies beside what random and constant times give, as a share of the step.
fn beside(given: &Prediction, found: &Estimate) -> f64 {
    let (low, high) = (given.random.throughput, given.constant.throughput);
    (low - found.high).max(found.low - high).max(0.0) / found.value
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
        let heads = [&*self.service, "at least", "at most", "measured", "limit"];
        let mut rows = vec![heads.map(Cell::head).to_vec()];
        for row in &self.rows {
            let measured = self.measured.iter().find(|(other, _)| *other == row.replicas);
            rows.push(vec![
                Cell::plain(row.replicas.to_string()),
                Cell::plain(fine_rate(row.least)),
                Cell::head(fine_rate(row.most)),
                Cell::plain(measured.map_or_else(String::new, |(_, found)| fine_rate(found.value))),
                Cell::plain(row.limits.join(" or ")),
            ]);
        }
        format!(
            "Of a replica each request needs: {}; {} are spent elsewhere. {} connections.\n\n{}\nAt least is for random times and at \
             most for constant ones, each as far as the steps leave it open, in {}.\n\n{}\n",
            stations.join("; "),
            time(self.network.think_s() * 1e3),
            self.connections,
            columns(&rows),
            self.unit,
            self.sentence()
        )
    }

    /// The finding in one sentence, or two.
    fn sentence(&self) -> String {
        let Some(row) = self.rows.iter().max_by_key(|row| row.replicas) else {
            return "No number of replicas was asked about.".to_owned();
        };
        let stations = row.given.constant.stations.iter();
        let busy = stations.filter_map(|station| Some((&station.name, station.utilisation?)));
        let busy = busy.max_by(|a, b| a.1.total_cmp(&b.1));
        let busy =
            busy.map_or_else(String::new, |(name, share)| format!("; the busiest is {name}, at {}", percent(share)));
        let open = match row.least < WIDE * row.most {
            true => format!(
                " The steps leave much open: measure them longer, or with more than {} connections.",
                self.connections
            ),
            false => String::new(),
        };
        format!(
            "With {} expect {} to {} {}, limited by {}{busy}.{open}",
            replicas(row.replicas, &self.service),
            rate(row.least),
            rate(row.most),
            self.unit,
            row.limits.join(" or ")
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
            .map(|row| {
                json!({
                    "replicas": row.replicas,
                    "throughput": row.given.constant.throughput,
                    "mva_throughput": row.given.random.throughput,
                    "low": row.least,
                    "high": row.most,
                    "limits": row.limits,
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

    fn asked(sweep: &Sweep, counts: &[u32], set: &[(String, u32)]) -> Result<Answer, Refusal> {
        ask(&Question { sweep, counts: Some(counts.to_vec()), set })
    }

    #[test]
    fn the_other_service_becomes_the_limit_and_more_of_it_helps() {
        // By the model itself: min(m/10 ms, 1/2 ms) with eight connections and no think time.
        let found = sweep(&[1, 2, 3, 7], |count| (100.0 * f64::from(count)).min(500.0) * 0.97);
        let answer = asked(&found, &[1, 3, 8], &[]).expect("the figures fit");
        let at = |index: usize| answer.rows[index].given.constant.throughput;
        assert!((at(0) / 100.0 - 1.0).abs() < 0.05 && (at(1) / 300.0 - 1.0).abs() < 0.05, "{} {}", at(0), at(1));
        assert!((at(2) / 500.0 - 1.0).abs() < 0.05 && answer.rows[2].limits[0] == "db", "{}", at(2));
        assert!(answer.text().contains("limited by db"), "{}", answer.text());
        // Without the step in which db is busy, nobody knows what the connections can do.
        let unseen = asked(&sweep(&[1, 2, 3], |count| 97.0 * f64::from(count)), &[8], &[]).expect("the figures fit");
        assert_eq!(unseen.rows[0].limits, ["db", "the connections"]);
        assert!(unseen.rows[0].least < 0.7 * answer.rows[2].least, "{}", unseen.rows[0].least);
        let more = asked(&found, &[8], &[("db".to_owned(), 2)]).expect("the figures fit");
        assert!(more.rows[0].given.constant.throughput > 600.0);
        assert_eq!(more.json()["predictions"][0]["replicas"], 8);
    }

    /// As measured: nginx with a fiftieth of a processor for each task, known to a fifth. Eight did 14,765.
    #[test]
    fn steps_that_are_not_sure_leave_open_what_more_would_do() {
        let rates = [(1, 1633.0, 447.0), (2, 3818.0, 819.0), (3, 4887.0, 867.0), (4, 7011.0, 741.0)];
        let mut found = sweep(&[1, 2, 3, 4], |count| rates[count as usize - 1].1);
        found.settings.load = Some("closed:32".to_owned());
        for (step, (_, value, half)) in found.steps.iter_mut().zip(rates) {
            step.throughput = Estimate { value, low: value - half, high: value + half };
            step.utilisation = BTreeMap::from([("web".to_owned(), 1.0)]);
        }
        let answer = asked(&found, &[8], &[]).expect("the figures fit");
        let row = &answer.rows[0];
        assert!(row.least < 7000.0 && row.most > 14_765.0, "{} to {}", row.least, row.most);
        assert_eq!(row.limits, ["web", "the connections"]);
        assert!(answer.sentence().contains("leave much open"), "{}", answer.sentence());
        // Surer steps leave no more open.
        for step in &mut found.steps {
            let value = step.throughput.value;
            (step.throughput.low, step.throughput.high) = (0.95 * value, 1.05 * value);
        }
        let surer = asked(&found, &[8], &[]).expect("the figures fit");
        assert!(surer.rows[0].least >= row.least, "{}", surer.rows[0].least);
    }

    #[test]
    fn figures_that_do_not_explain_the_steps_are_not_used() {
        // Replicas sleep, so that no processor is busy, and yet two do twice as much.
        let mut found = sweep(&[1, 2, 3], |count| 100.0 * f64::from(count));
        for step in &mut found.steps {
            step.utilisation.insert("web".to_owned(), 0.01);
            step.utilisation.remove("db");
        }
        let refusal = asked(&found, &[8], &[]).err().expect("they do not");
        let Refusal::Unfit(error) = refusal else { panic!("the question is a good one: {refusal:?}") };
        assert!(error.contains("is not in these figures") && error.contains("--need"), "{error}");
    }

    #[test]
    fn a_load_without_a_number_of_connections_is_refused() {
        let mut found = sweep(&[1, 2], |count| 100.0 * f64::from(count));
        found.settings.load = Some("500/s".to_owned());
        let refusal = |found: &Sweep, set: &[(String, u32)]| asked(found, &[3], set).err().expect("no");
        let Refusal::Unfit(reason) = refusal(&found, &[]) else { panic!("it is the sweep that does not fit") };
        assert!(reason.contains("--load closed:64"), "{reason}");
        found.settings.load = Some("closed:8".to_owned());
        for (service, words) in [("web", "--replicas"), ("redis", "no station called redis")] {
            let refusal = refusal(&found, &[(service.to_owned(), 2)]);
            let Refusal::Usage(reason) = refusal else { panic!("it is the question that is wrong: {refusal:?}") };
            assert!(reason.contains(words), "{reason}");
        }
    }
}
