//! A run that goes on elsewhere, told in lines of JSON: what it says there is shown and written here.

use serde::{Deserialize, Serialize};
use sweep::file::Found;
use sweep::grid::Grid;
use sweep::platform::Error;
use sweep::result::{Sample, Settings, Step, Sweep};
use sweep::run::{Outlook, Watcher};

use crate::commands::out;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Something worth a line of its own.
    Note(String),
    /// A row of a grid begins.
    Row(usize, usize, String),
    /// A moment of the run.
    Sample(Outlook, Sample),
    /// A step is done.
    Step(Box<Step>, Box<Settings>),
    /// What ended the run early.
    Trouble(String),
    /// All that a sweep found.
    Sweep(Box<Sweep>),
    /// All that a grid of sweeps found.
    Grid(Box<Grid>),
}

impl Told {
    /// Writes it to standard output.
    pub fn say(&self) {
        match serde_json::to_string(self) {
            Ok(line) => {
                if let Err(error) = out::bytes(format!("{line}\n").as_bytes()) {
                    anstream::eprintln!("loadgen: {error}");
                }
            }
            Err(error) => anstream::eprintln!("loadgen: a line cannot be written: {error}"),
        }
    }
}

impl From<Found> for Told {
    fn from(found: Found) -> Self {
        match found {
            Found::Sweep(sweep) => Told::Sweep(sweep),
            Found::Grid(grid) => Told::Grid(Box::new(grid)),
        }
    }
}

/// Tells all that a run says to whoever started it from elsewhere.
pub struct Teller;

impl Watcher for Teller {
    fn row(&mut self, row: usize, rows: usize, what: &str) {
        Told::Row(row, rows, what.to_owned()).say();
    }

    fn sample(&mut self, outlook: Outlook, sample: &Sample) {
        Told::Sample(outlook, sample.clone()).say();
    }

    fn step(&mut self, step: &Step, settings: &Settings) {
        Told::Step(Box::new(step.clone()), Box::new(settings.clone())).say();
    }

    fn trouble(&mut self, error: &Error) {
        Told::Trouble(error.to_string()).say();
    }
}
