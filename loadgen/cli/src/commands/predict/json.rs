//! The prediction as JSON.

use model::predict::Operation;
use serde_json::{Map, Value, json};

use super::Answers;

/// Times in milliseconds, shares from 0 to 1, rates in hashes a second. What does not exist is null.
pub fn json(answers: &Answers) -> Value {
    let network = &answers.question.network;
    let stations: Vec<Value> = network
        .stations()
        .iter()
        .map(|station| {
            json!({
                "service": station.name,
                "demand_ms": number(station.demand_s * 1000.0),
                "replicas": station.replicas,
                "concurrency": station.slots.unwrap_or(0),
            })
        })
        .collect();
    let predictions: Vec<Value> = answers
        .predictions
        .iter()
        .map(|(workers, prediction)| {
            json!({
                "workers": workers,
                "hashes_per_second": number(prediction.constant.throughput),
                "mva_hashes_per_second": number(prediction.random.throughput),
                "constant_delays": operation(&prediction.constant),
                "random_delays": operation(&prediction.random),
            })
        })
        .collect();
    json!({
        "source": answers.question.source,
        "think_ms": number(network.think_s() * 1000.0),
        "loops": answers.question.loops,
        "services": stations,
        "knee_workers": number(network.knee() / f64::from(answers.question.loops)),
        "capacity_hashes_per_second": number(network.capacity()),
        "predictions": predictions,
        "sentence": answers.sentence,
    })
}

/// Nine decimals: a nanosecond of a second, and none of the digits that are only binary noise.
fn number(value: f64) -> Value {
    if value.is_finite() { json!((value * 1e9).round() / 1e9) } else { Value::Null }
}

fn operation(operation: &Operation) -> Value {
    let services: Map<String, Value> = operation
        .stations
        .iter()
        .map(|load| {
            let values = json!({
                "utilisation": load.utilisation.map(number),
                "queue": number(load.queue),
                "response_ms": number(load.response_s * 1000.0),
                "probe_ms": load.turn_s.map(|turn| number(turn * 1000.0)),
            });
            (load.name.clone(), values)
        })
        .collect();
    json!({ "round_ms": number(operation.round_s * 1000.0), "services": services })
}
