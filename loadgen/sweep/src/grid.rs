//! Two services swept together: a whole sweep for each number of replicas of a second service. The shape of `grid.json`,
//! version 2: its rows are sweeps of version 2.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::{rate, replicas};
use crate::result::{Step, Sweep};
use crate::theory;
use crate::verdict::SATURATED;

/// The version of this shape, written as `schema`.
pub const SCHEMA: u32 = 2;

/// The oldest version that can be read.
pub const OLDEST: u32 = 1;

/// A cell with this share of the highest throughput has it for all practical purposes.
const AS_GOOD: f64 = 0.98;

/// A sweep for each number of replicas of a second service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Grid {
    /// Version of this shape: 2.
    pub schema: u32,
    /// The second service.
    pub service: String,
    /// The numbers of its replicas that were asked for, in the order measured.
    pub replicas: Vec<u32>,
    /// How long the whole run took, in seconds.
    pub took_s: f64,
    /// True when ^C or an error ended the run early: the rows are those with a finished step.
    pub interrupted: bool,
    /// The error that ended it early; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// A sweep for each number of replicas, in the order measured.
    pub rows: Vec<Sweep>,
}

/// All repeats of one combination.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Replicas of the first service, which makes the columns.
    pub column: u32,
    /// Replicas of the second service, which makes the rows.
    pub row: u32,
    /// Mean throughput, in the unit of its sweep.
    pub rate: f64,
    /// What the settings give by theory, in the same unit, where they say.
    pub theory: Option<f64>,
    /// The service that was busiest, and its share of the time.
    pub busiest: Option<(String, f64)>,
    /// What the model calls the limit: a service, or `worker` where nobody waits.
    pub limit: Option<String>,
}

impl Cell {
    /// How far the throughput is from the theory, as a share of it.
    pub fn deviation(&self) -> Option<f64> {
        self.theory.map(|theory| self.rate / theory - 1.0)
    }

    /// What was seen to limit it: the service that was busy all the time, or `worker` where the measured throughput is what
    /// so many workers can ask for.
    pub fn seen_limit(&self) -> Option<&str> {
        match &self.busiest {
            Some((service, share)) if *share >= SATURATED => Some(service),
            _ => self.limit.as_deref().filter(|limit| *limit == "worker"),
        }
    }
}

impl Grid {
    /// The service that makes the columns: the one that each row sweeps.
    pub fn scaled(&self) -> &str {
        self.rows.first().map_or("worker", |row| row.settings.scaled.as_str())
    }

    /// The numbers of replicas of the columns, in their order.
    pub fn columns(&self) -> Vec<u32> {
        let all: BTreeSet<u32> = self.rows.iter().flat_map(|row| row.settings.replicas.iter().copied()).collect();
        all.into_iter().collect()
    }

    /// How many replicas of the second service a row has.
    pub fn count(&self, row: &Sweep) -> u32 {
        row.settings.set.get(&self.service).copied().unwrap_or(1)
    }

    /// One combination, where it was measured.
    pub fn cell(&self, column: u32, row: u32) -> Option<Cell> {
        let of = self.rows.iter().find(|sweep| self.count(sweep) == row)?;
        let steps: Vec<&Step> = of.steps.iter().filter(|step| step.swept(&of.settings) == column).collect();
        let first = *steps.first()?;
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let services: BTreeSet<&String> = steps.iter().flat_map(|step| step.utilisation.keys()).collect();
        let busy = services.into_iter().map(|service| {
            let shares = steps.iter().filter_map(|step| step.utilisation.get(service).copied()).collect();
            (service.clone(), mean(shares))
        });
        let expected = theory::expect(&of.settings, &first.replicas);
        Some(Cell {
            column,
            row,
            rate: mean(steps.iter().map(|step| step.throughput.value).collect()),
            theory: first.theory,
            busiest: busy.max_by(|a, b| a.1.total_cmp(&b.1)),
            limit: expected.and_then(|_| {
                let network = theory::network(&of.settings, &first.replicas)?;
                Some(match network.limit(theory::jobs(&of.settings, &first.replicas)) {
                    model::Limit::Population => "worker".to_owned(),
                    model::Limit::Station(station) => station.name.clone(),
                })
            }),
        })
    }

    /// Every combination that was measured, row by row.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        let columns = self.columns();
        let rows: Vec<u32> = self.rows.iter().map(|row| self.count(row)).collect();
        rows.into_iter()
            .flat_map(move |row| columns.clone().into_iter().map(move |column| (column, row)))
            .filter_map(|(column, row)| self.cell(column, row))
    }

    /// The finding in a few sentences: the cheapest combination that has the most throughput, and what limits which.
    pub fn sentence(&self) -> String {
        let most = self.cells().map(|cell| cell.rate).fold(0.0, f64::max);
        let as_good = self.cells().filter(|cell| cell.rate >= AS_GOOD * most);
        // Of those that are as good, the one with the fewest replicas of both together.
        let Some(best) = as_good.min_by_key(|cell| (cell.column + cell.row, cell.column)) else {
            return "No step was finished, so nothing was found.".to_owned();
        };
        let mut sentence = format!(
            "The most is {} hashes/s; {} with {} are enough for it.",
            rate(most),
            replicas(best.column, self.scaled()),
            replicas(best.row, &self.service)
        );
        let last = self.columns().last().copied().unwrap_or_default();
        let limits: Vec<(u32, String)> = self
            .rows
            .iter()
            .filter_map(|row| self.cell(last, self.count(row)))
            .map(|cell| (cell.row, cell.seen_limit().unwrap_or("nothing that was measured").to_owned()))
            .collect();
        let mut groups: Vec<(Vec<u32>, String)> = Vec::new();
        for (row, limit) in limits {
            match groups.last_mut() {
                Some((rows, known)) if *known == limit => rows.push(row),
                _ => groups.push((vec![row], limit)),
            }
        }
        for (place, (rows, limit)) in groups.iter().enumerate() {
            let many = match rows.as_slice() {
                [one] => replicas(*one, &self.service),
                [first, .., last] => format!("{first} to {}", replicas(*last, &self.service)),
                [] => continue,
            };
            let at =
                if place == 0 { format!("At {} the limit is ", replicas(last, self.scaled())) } else { String::new() };
            let end = if place + 1 < groups.len() { "," } else { "." };
            let limit = if limit == "worker" { "the workers themselves" } else { limit };
            sentence.push_str(&format!(" {at}{limit} with {many}{end}"));
        }
        sentence
    }
}
