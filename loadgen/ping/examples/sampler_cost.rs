//! What a sampler costs: `sampler_cost URL RATE SECONDS` prints the processor time of a probe and how late it was sent.

use std::time::Duration;

use ping::{Options, Probe, Sampler, Sampling};
use rustix::time::{ClockId, clock_gettime};

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: sampler_cost URL RATE SECONDS";
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, rate, seconds] = arguments.try_into().map_err(|_| usage)?;
    let rate = rate.parse()?;
    let sampler = Sampler::start(Probe::new(&url, Options::default())?, Sampling { rate, ..Sampling::default() })?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    sampler.reset();
    let before = processor_time();
    tokio::time::sleep(Duration::from_secs_f64(seconds.parse()?)).await;
    let used = processor_time() - before;
    let seen = sampler.stop().await;
    println!(
        "{} probes due, {} ok, {} failed, {} unfinished; {:.0} µs of CPU each, {:.2} % of a core",
        seen.due,
        seen.ok,
        seen.failed(),
        seen.unfinished,
        used.as_secs_f64() * 1e6 / seen.due as f64,
        100.0 * used.as_secs_f64() / seen.elapsed.as_secs_f64()
    );
    for (name, times) in [("slip", &seen.slip), ("service", &seen.service), ("response", &seen.response)] {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|quantile| times.value_at_quantile(quantile));
        println!("{name:8} p50 {p50} µs, p90 {p90} µs, p99 {p99} µs, max {} µs", times.max());
    }
    Ok(())
}
