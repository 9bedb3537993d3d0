//! What it costs to merge the intervals of many agents: `cargo run --release -p agents --example merge_cost`
//!
//! Time an agent and memory have to stay the same, however many agents there are.

use std::time::Instant;

use agents::inside::{Counted, Merge};
use instrument::tally::Tally;

/// Intervals of each agent.
const INTERVALS: u64 = 20;

fn main() {
    // A full interval: 10,000 requests whose times spread over three orders of magnitude.
    let mut tally = Tally::default();
    for request in 0..10_000_u64 {
        let time = 100_000 + request * 7_919 % 100_000_000;
        for times in [&mut tally.response, &mut tally.service, &mut tally.slip] {
            times.saturating_record(time);
        }
    }
    (tally.counts.due, tally.counts.done, tally.counts.ok) = (10_000, 10_000, 10_000);
    let counted = Counted::of(&tally, &[(0, 10_000)]);
    println!("{:>8} {:>16} {:>12}", "agents", "ms an interval", "memory MiB");
    for agents in [25, 50, 100, 200, 400] {
        let mut merge = Merge::new(agents);
        let begun = Instant::now();
        for index in 0..INTERVALS {
            for agent in 0..agents {
                merge.add(agent, index, &counted, &mut ());
            }
        }
        let each = begun.elapsed().as_secs_f64() * 1e3 / (INTERVALS as f64 * agents as f64);
        println!("{agents:>8} {each:>16.3} {:>12.1}", memory_mib());
    }
}

/// What the kernel counts as this process's memory.
fn memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
