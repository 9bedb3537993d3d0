//! The prediction as a table.

use std::fmt::Write;

use sweep::columns::{Cell, columns};
use sweep::format::{fine_rate, percent, time};

use super::Answers;

/// The table, what its columns are, and the sentence.
pub fn text(answers: &Answers) -> String {
    let network = &answers.question.network;
    let mut text = String::new();
    let stations: Vec<String> = network
        .stations()
        .iter()
        .map(|station| {
            let servers = match station.servers() {
                Some(servers) => format!("{servers} at a time"),
                None => "any number at a time".to_owned(),
            };
            format!("{} {} ({servers})", station.name, time(station.demand_s * 1000.0))
        })
        .collect();
    let think = time(network.think_s() * 1000.0);
    let source = answers.question.source;
    writeln!(text, "From {source}: think {think}, {}\n", stations.join(", "))
        .expect("writing to a string does not fail");

    // Only services where somebody can wait have columns.
    let limited: Vec<usize> = network
        .stations()
        .iter()
        .enumerate()
        .filter(|(_, station)| station.servers().is_some())
        .map(|(k, _)| k)
        .collect();
    let mut upper = vec!["", "", "random", "whole"].into_iter().map(Cell::head).collect::<Vec<_>>();
    let mut lower = vec!["workers", "hashes/s", "delays", "round"].into_iter().map(Cell::head).collect::<Vec<_>>();
    for &k in &limited {
        for column in ["busy", "answer", "probe"] {
            upper.push(Cell::head(network.stations()[k].name.as_str()));
            lower.push(Cell::head(column));
        }
    }
    let mut rows = vec![upper, lower];
    for (workers, prediction) in &answers.predictions {
        let constant = &prediction.constant;
        let mut row = vec![
            Cell::plain(workers.to_string()),
            Cell::head(fine_rate(constant.throughput)),
            Cell::plain(fine_rate(prediction.random.throughput)),
            Cell::plain(time(constant.round_s * 1000.0)),
        ];
        for &k in &limited {
            let load = &constant.stations[k];
            row.push(Cell::plain(load.utilisation.map_or_else(String::new, percent)));
            row.push(Cell::plain(time(load.response_s * 1000.0)));
            row.push(Cell::plain(load.turn_s.map_or_else(String::new, |turn| time(turn * 1000.0))));
        }
        rows.push(row);
    }
    text.push_str(&columns(&rows));
    writeln!(
        text,
        "\nhashes/s is for constant delays, and the upper bound for all others; random delays of the same\n\
         mean give less. Answer is what a worker waits for its answer, probe what GET / waits, on average.\n\n{}",
        answers.sentence
    )
    .expect("writing to a string does not fail");
    text
}
