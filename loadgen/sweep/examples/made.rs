//! Writes the files of a sweep that was never run, to look at: `cargo run -p sweep --example made -- FOLDER`.

#[path = "../tests/made/mod.rs"]
mod made;

use std::collections::BTreeMap;
use std::path::PathBuf;

use sweep::result::{Settings, Sweep};
use sweep::{csv, report, table};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "out".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for (name, sweep) in sweeps() {
        std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(&sweep)?)?;
        std::fs::write(folder.join(format!("{name}.csv")), csv::csv(&[&sweep]))?;
        std::fs::write(folder.join(format!("{name}.html")), report::html(&sweep))?;
        anstream::println!("{}\n{}", table::table(&sweep), sweep.verdict.sentence);
        for fact in &sweep.verdict.evidence {
            println!("  - {fact}");
        }
    }
    Ok(())
}

/// One of each kind.
fn sweeps() -> Vec<(&'static str, Sweep)> {
    let settings = made::settings;
    let placed: BTreeMap<String, u32> = [("placed".to_owned(), 1)].into();
    let five: BTreeMap<String, u32> = [("rng".to_owned(), 5)].into();
    let without = made::without_delays();
    let rng = Settings { scaled: "rng".to_owned(), replicas: (1..=6).collect(), repeats: 2, ..settings() };
    vec![
        ("example", example()),
        ("mine", made::sweep(settings(), 0.004)),
        ("placed", made::sweep(Settings { set: placed, ..settings() }, 0.02)),
        ("line", made::sweep(Settings { set: five, ..settings() }, 0.004)),
        ("machine", made::sweep(without, 0.01)),
        ("rng", made::sweep(rng, 0.004)),
        ("few", made::sweep(Settings { replicas: vec![1, 5], ..settings() }, 0.004)),
    ]
}

/// A small one, which stands beside the schema: few steps, few moments, no histograms.
fn example() -> Sweep {
    let replicas = vec![1, 2, 3, 5, 7, 10];
    let mut sweep = made::sweep_with(Settings { replicas, ..made::settings() }, 0.004, |step| {
        step.probe_histograms.clear();
    });
    let mut kept = 0;
    sweep.timeline.retain(|_| {
        kept += 1;
        kept % 8 == 1
    });
    sweep
}
