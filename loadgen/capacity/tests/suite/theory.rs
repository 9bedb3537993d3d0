//! Queues whose answers are formulas.

/// The rate at which a rising function is zero.
pub fn rate_where(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if function(middle) < 0.0 { low = middle } else { high = middle }
    }
    low
}

/// The probability that a response of M/D/1 takes longer than `time`: the wait is longer than `time` − D. Erlang's series
/// P(W ≤ t) = (1 − ρ) Σ e^{−λ(jD−t)} (λ(jD−t))^j / j! for jD ≤ t, with its signs inside.
pub fn md1_beyond(rate: f64, service: f64, time: f64) -> f64 {
    let wait = time - service;
    let mut sum = 0.0;
    let mut j = 0.0;
    let mut factorial = 1.0;
    while j * service <= wait + 1e-12 {
        let x = rate * (j * service - wait);
        sum += (-x).exp() * x.powi(j as i32) / factorial;
        j += 1.0;
        factorial *= j;
    }
    1.0 - (1.0 - rate * service) * sum
}

/// The probability that a response of M/M/c takes longer than `time`.
pub fn mmc_beyond(rate: f64, mu: f64, servers: i32, time: f64) -> f64 {
    let load = rate / mu;
    let c = f64::from(servers);
    let (mut term, mut below) = (1.0, 0.0);
    for k in 0..servers {
        below += term;
        term *= load / f64::from(k + 1);
    }
    let top = term / (1.0 - load / c);
    let waits = top / (below + top);
    // Wait exponential of rate cμ − λ with probability `waits`, plus a service exponential of rate μ.
    let theta = c * mu - rate;
    let served = (-mu * time).exp();
    served + waits * mu / (mu - theta) * ((-theta * time).exp() - served)
}
