//! Grids that were never run.

use sweep::grid::Grid;
use sweep::result::Settings;

use crate::made::sweep;

/// A grid of these settings: a sweep for each number of replicas of rng, as the model says.
pub fn grid(settings: &Settings, replicas: &[u32]) -> Grid {
    let row = |count: &u32| sweep(Settings { set: [("rng".to_owned(), *count)].into(), ..settings.clone() }, 0.004);
    Grid {
        schema: sweep::grid::SCHEMA,
        service: "rng".to_owned(),
        replicas: replicas.to_vec(),
        took_s: 90.0,
        interrupted: false,
        trouble: None,
        rows: replicas.iter().map(row).collect(),
    }
}
