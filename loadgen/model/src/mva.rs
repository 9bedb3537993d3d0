//! Exact mean-value analysis: a network whose service times are random.
//!
//! Reiser and Lavenberg, *Mean-Value Analysis of Closed Multichain Queuing Networks*, Journal of the ACM 27(2), 1980.
//! It holds for networks with a product form: exponential times at stations where jobs wait, any distribution where
//! they do not. Stations with several servers carry the probabilities of their states along. The textbook takes the
//! probability of an empty station as one minus the rest, which loses all digits near saturation; here it follows from
//! the throughput of the network without that station (Reiser, *Mean-value analysis and convolution method for
//! queue-dependent servers in closed queueing networks*, Performance Evaluation 1(1), 1981), which only multiplies.

use std::collections::HashMap;

use crate::network::Network;
use crate::predict::{Load, Operation};

/// The throughput of `jobs` jobs, in jobs a second. Infinite where nothing takes any time.
pub fn throughput(network: &Network, jobs: u32) -> f64 {
    let mut solver = Solver::new(network, jobs);
    if jobs == 0 { 0.0 } else { solver.rates(solver.everything())[jobs as usize] }
}

/// Throughput, utilisation and waiting with `jobs` jobs. `None` where nothing takes any time.
pub fn operate(network: &Network, jobs: u32) -> Option<Operation> {
    let mut solver = Solver::new(network, jobs);
    let state = solver.solve(solver.everything());
    let throughput = state.rates[jobs as usize];
    if !throughput.is_finite() {
        return None;
    }
    let mut queues = state.queues.into_iter();
    let stations = network
        .stations()
        .iter()
        .map(|station| {
            let busy = throughput * station.demand_s;
            let (utilisation, queue) = match station.servers() {
                Some(servers) => {
                    let present = queues.next().unwrap_or(busy);
                    (Some(busy / f64::from(servers)), (present - busy).max(0.0))
                }
                None => (None, 0.0),
            };
            let wait = if throughput > 0.0 { queue / throughput } else { 0.0 };
            Load {
                name: station.name.clone(),
                utilisation,
                queue,
                response_s: station.demand_s + wait,
                // What is left of an exponential time is as long as the time itself, so a newcomer to a single
                // server waits for everybody present. For several servers there is no such short form.
                turn_s: (station.servers() == Some(1)).then_some((queue + busy) * station.demand_s),
            }
        })
        .collect();
    Some(Operation {
        throughput,
        round_s: if throughput > 0.0 { f64::from(jobs) / throughput } else { network.round_s() },
        stations,
    })
}

/// A station where jobs can wait: its demand, and its servers.
#[derive(Clone, Copy)]
struct Queue {
    demand: f64,
    servers: u32,
}

struct Solver {
    jobs: u32,
    /// Think time and every station at which nobody waits.
    delay: f64,
    queues: Vec<Queue>,
    /// Throughput for 0, 1, … jobs of the networks solved so far, by the set of their queues.
    solved: HashMap<u64, Vec<f64>>,
}

struct State {
    /// Throughput for 0, 1, … jobs.
    rates: Vec<f64>,
    /// Mean number of jobs at each queue of the set with all jobs in the network.
    queues: Vec<f64>,
}

impl Solver {
    fn new(network: &Network, jobs: u32) -> Self {
        let mut delay = network.think_s();
        let mut queues = Vec::new();
        for station in network.stations() {
            match station.servers() {
                Some(servers) => queues.push(Queue { demand: station.demand_s, servers }),
                None => delay += station.demand_s,
            }
        }
        Self { jobs, delay, queues, solved: HashMap::new() }
    }

    /// The set of all queues.
    fn everything(&self) -> u64 {
        assert!(self.queues.len() < 64, "a network of {} queues is not what this is for", self.queues.len());
        (1 << self.queues.len()) - 1
    }

    fn rates(&mut self, set: u64) -> &[f64] {
        if !self.solved.contains_key(&set) {
            let state = self.solve(set);
            self.solved.insert(set, state.rates);
        }
        &self.solved[&set]
    }

    fn solve(&mut self, set: u64) -> State {
        let members: Vec<usize> = (0..self.queues.len()).filter(|index| set & (1 << index) != 0).collect();
        // Only a station with several servers, of which not all are always enough, needs the network without it.
        let jobs = self.jobs;
        let without: Vec<Option<Vec<f64>>> = members
            .iter()
            .map(|&index| {
                let several = self.queues[index].servers > 1 && self.queues[index].servers < jobs;
                several.then(|| self.rates(set & !(1 << index)).to_vec())
            })
            .collect();

        let mut rates = vec![0.0; jobs as usize + 1];
        let mut present = vec![0.0; members.len()];
        // For a station of several servers, the probabilities that 0, 1, … m − 1 jobs are there.
        let mut chances: Vec<Vec<f64>> = members
            .iter()
            .zip(&without)
            .map(|(&index, without)| {
                let states = if without.is_some() { self.queues[index].servers as usize } else { 0 };
                let mut chances = vec![0.0; states];
                if let Some(empty) = chances.first_mut() {
                    *empty = 1.0;
                }
                chances
            })
            .collect();
        let mut times = vec![0.0; members.len()];

        for n in 1..=jobs as usize {
            let mut round = self.delay;
            for (k, &index) in members.iter().enumerate() {
                let Queue { demand, servers } = self.queues[index];
                times[k] = if servers >= jobs {
                    demand
                } else if servers == 1 {
                    demand * (1.0 + present[k])
                } else {
                    let m = f64::from(servers);
                    let idle: f64 = chances[k].iter().enumerate().map(|(j, p)| (m - 1.0 - j as f64) * p).sum();
                    demand / m * (1.0 + present[k] + idle)
                };
                round += times[k];
            }
            let rate = n as f64 / round;
            rates[n] = rate;
            if !rate.is_finite() {
                // Nothing in this network takes any time, with however many jobs.
                rates[n..].fill(f64::INFINITY);
                break;
            }
            for (k, &index) in members.iter().enumerate() {
                present[k] = rate * times[k];
                if let Some(without) = &without[k] {
                    let demand = self.queues[index].demand;
                    for j in (1..chances[k].len()).rev() {
                        chances[k][j] = rate * demand / j as f64 * chances[k][j - 1];
                    }
                    chances[k][0] *= rate / without[n];
                }
            }
        }
        State { rates, queues: present }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Station;

    /// Lazowska, Zahorjan, Graham and Sevcik, *Quantitative System Performance*, 1984, section 6.4.2: three stations
    /// with demands 0.605, 2.1 and 1.35 s and a think time of 15 s. The intermediate values are worked out by hand.
    #[test]
    fn the_textbook_example() {
        let stations =
            vec![Station::serial("cpu", 0.605), Station::serial("disk 1", 2.1), Station::serial("disk 2", 1.35)];
        let network = Network::new(15.0, stations).expect("sound");
        for (jobs, rate) in [(1, 0.0525), (2, 0.1031), (3, 0.1515)] {
            assert!((throughput(&network, jobs) - rate).abs() < 5e-5, "{jobs} jobs: {}", throughput(&network, jobs));
        }
        let three = operate(&network, 3).expect("finite");
        let times: Vec<f64> = three.stations.iter().map(|station| station.response_s).collect();
        for (time, expected) in times.iter().zip([0.644, 2.605, 1.551]) {
            assert!((time - expected).abs() < 1e-3, "{times:?}");
        }
    }

    #[test]
    fn random_times_cost_the_mine_throughput_at_the_knee() {
        let network =
            Network::new(0.1, vec![Station::serial("rng", 0.1), Station::unlimited("hasher", 0.1)]).expect("sound");
        // By the closed form of the machine-repair model: p0 = 1 / Σ 3!/(3−k)! · (1/2)^k = 1/4.75, X = (1 − p0)/D.
        assert!((throughput(&network, 3) - (1.0 - 1.0 / 4.75) * 10.0).abs() < 1e-9);
        assert!(throughput(&network, 10) > 9.99);
    }
}
