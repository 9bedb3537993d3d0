//! Servers whose capacity is arithmetic: the search has to find it within 3 %, ten times of ten.

use std::time::Duration;

use capacity::{Answer, Objective, Options, search};
use instrument::schedule::Arrivals;

use crate::queue::{Queue, Service};
use crate::theory::{md1_beyond, mmc_beyond, rate_where};

fn objectives(texts: &[&str]) -> Vec<Objective> {
    let mut all: Vec<Objective> = texts.iter().map(|text| text.parse().expect("an objective")).collect();
    all.push(Objective::few_errors());
    all
}

/// So many searches, each with arrivals of its own. All of ten agree; fewer are enough to see that they still do.
fn all_find(searches: u64, slots: usize, service: Service, arrivals: Arrivals, objective: &str, expected: f64) {
    // Shorter than the default, which would be minutes of computing.
    let options = Options { step: Duration::from_secs(2), confirm: Duration::from_secs(12), ..Options::default() };
    for seed in 0..searches {
        let mut queue = Queue::new(slots, service, arrivals, seed);
        let (answer, _) = search(&mut queue, &objectives(&[objective]), &options, &mut |_| {}).expect("it cannot fail");
        let Answer::Found { holds, fails } = answer else { panic!("seed {seed}: {answer:?}") };
        let off = holds / expected - 1.0;
        assert!(off.abs() < 0.03, "seed {seed}: {holds} to {fails} instead of {expected}, {:.1} % off", 100.0 * off);
    }
}

#[test]
fn a_fixed_service_time_gives_slots_over_time() {
    // Even arrivals never wait below the capacity, and the queue grows above it: 4 slots of 20 ms take 200 a second.
    all_find(10, 4, Service::Fixed(0.02), Arrivals::Constant, "p99 < 100ms", 200.0);
}

#[test]
fn a_serial_server_with_random_arrivals_crosses_the_objective_where_theory_says() {
    // M/D/1: the waiting time has the distribution of Erlang (1909), and with D = 2 ms 1 % of the responses take more
    // than 10 ms at this rate; found by summing its series.
    let expected = rate_where(|rate| md1_beyond(rate, 0.0002, 0.001) - 0.01, 1000.0, 4990.0);
    all_find(3, 1, Service::Fixed(0.0002), Arrivals::Poisson, "p99 < 1ms", expected);
}

#[test]
fn several_servers_with_random_times_cross_the_objective_where_theory_says() {
    // M/M/c with c = 4 and a mean of 1 ms: Erlang's C formula gives who waits, and the rest is exponential.
    let expected = rate_where(|rate| mmc_beyond(rate, 1000.0, 4, 0.006) - 0.01, 500.0, 3990.0);
    all_find(3, 4, Service::Random(0.001), Arrivals::Poisson, "p99 < 6ms", expected);
}

#[test]
fn a_mean_is_an_objective_too() {
    // M/M/1: the mean response time is 1 / (μ − λ), so 2 ms at μ = 2500 is λ = 2000.
    all_find(3, 1, Service::Random(0.0004), Arrivals::Poisson, "mean < 2ms", 2000.0);
}
