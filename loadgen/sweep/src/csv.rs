//! `sweep.csv`: one row a step, for a spreadsheet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::result::{Latency, Step, Sweep};

/// Sweeps as comma-separated values (RFC 4180), one after the other under one header. Services make columns of their own; a
/// field is empty where a step has no such value.
pub fn csv(sweeps: &[&Sweep]) -> String {
    let swept: Vec<(u32, &Step)> =
        sweeps.iter().flat_map(|sweep| sweep.steps.iter().map(|step| (step.swept(&sweep.settings), step))).collect();
    let steps: Vec<&Step> = swept.iter().map(|(_, step)| *step).collect();
    let services = |of: fn(&Step) -> Vec<&String>| -> Vec<String> {
        steps.iter().flat_map(|step| of(step)).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    };
    let replicas = services(|step| step.replicas.keys().collect());
    let probes = services(|step| step.probes.keys().collect());
    let utilisation = services(|step| step.utilisation.keys().collect());
    let queue = services(|step| step.queue.keys().collect());
    let cpu = services(|step| step.cpu_cores.keys().collect());

    let mut header: Vec<String> =
        ["replicas", "repeat", "from_s", "to_s", "converged_s", "steady"].map(str::to_owned).into();
    header.extend(replicas.iter().map(|service| format!("replicas_{service}")));
    header.extend(["throughput", "low", "high", "theory", "mva"].map(str::to_owned));
    let spread = ["count", "failed", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms"];
    header.extend(spread.iter().map(|column| format!("loop_{column}")));
    for service in &probes {
        header.extend(spread.iter().map(|column| format!("probe_{service}_{column}")));
    }
    header.extend(utilisation.iter().map(|service| format!("utilisation_{service}")));
    header.extend(queue.iter().map(|service| format!("queue_{service}")));
    header.extend(cpu.iter().map(|service| format!("cpu_cores_{service}")));

    let mut text = String::new();
    row(&mut text, header);
    for (count, step) in swept {
        let mut fields = vec![
            count.to_string(),
            step.repeat.to_string(),
            number(step.from_s),
            number(step.to_s),
            number(step.converged_s),
            step.steady.to_string(),
        ];
        fields
            .extend(replicas.iter().map(|service| step.replicas.get(service).map_or_else(String::new, u32::to_string)));
        let rate = step.throughput;
        fields.extend([rate.value, rate.low, rate.high].map(number));
        fields.extend([step.theory, step.mva].map(optional));
        fields.extend(latency(Some(&step.loop_time)));
        for service in &probes {
            fields.extend(latency(step.probes.get(service)));
        }
        let values = |names: &[String], of: &BTreeMap<String, f64>| -> Vec<String> {
            names.iter().map(|service| optional(of.get(service).copied())).collect()
        };
        fields.extend(values(&utilisation, &step.utilisation));
        fields.extend(values(&queue, &step.queue));
        fields.extend(values(&cpu, &step.cpu_cores));
        row(&mut text, fields);
    }
    text
}

fn latency(latency: Option<&Latency>) -> [String; 7] {
    let Some(of) = latency else {
        return Default::default();
    };
    let [p50, p90, p99] = [of.p50_ms, of.p90_ms, of.p99_ms].map(optional);
    [of.count.to_string(), of.failed.to_string(), number(of.mean_ms), p50, p90, p99, number(of.max_ms)]
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, number)
}

/// Six decimals, trailing zeros left out: a nanosecond of a millisecond, and no digits that are only binary noise.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn row(text: &mut String, fields: Vec<String>) {
    for (place, field) in fields.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        // Names of services come from outside, so a comma or a quote in one must not shift the columns.
        let written = if field.contains([',', '"', '\n', '\r']) {
            write!(text, "{comma}\"{}\"", field.replace('"', "\"\""))
        } else {
            write!(text, "{comma}{field}")
        };
        written.expect("writing to a string does not fail");
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_would_break_a_row_are_quoted() {
        let mut text = String::new();
        row(&mut text, vec!["a,b".to_owned(), "say \"hi\"".to_owned(), "plain".to_owned()]);
        assert_eq!(text, "\"a,b\",\"say \"\"hi\"\"\",plain\r\n");
    }

    #[test]
    fn numbers_carry_no_noise() {
        assert_eq!([0.1 + 0.2, 10.0, 0.0, 1234.5678901].map(number), ["0.3", "10", "0", "1234.56789"]);
    }
}
