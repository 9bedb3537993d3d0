//! The files of a sweep: JSON and its schema, CSV, the table, HDR logs.

#[path = "made/grid.rs"]
mod grids;
mod made;

use made::{settings, sweep, sweep_with, without_delays};
use sweep::file::Found;
use sweep::grid::Grid;
use sweep::result::{Settings, Sweep};
use sweep::{csv, file, files, hdr, table};

const SCHEMA: &str = include_str!("../schema/sweep.schema.json");
const GRID_SCHEMA: &str = include_str!("../schema/grid.schema.json");

#[test]
fn the_schema_files_are_what_the_types_say() {
    let kinds = [
        ("sweep", SCHEMA, schemars::schema_for!(Sweep), ""),
        ("grid", GRID_SCHEMA, schemars::schema_for!(Grid), " grid"),
    ];
    for (name, file, derived, argument) in kinds {
        let derived = serde_json::to_string_pretty(&derived).expect("serialises");
        assert!(
            derived.trim() == file.trim(),
            "schema/{name}.schema.json is out of date. Make it again with:\n  cargo run -p sweep --example schema{argument} > loadgen/sweep/schema/{name}.schema.json"
        );
    }
}

#[test]
fn a_grid_obeys_its_schema_and_survives_its_files() {
    let grid = grids::grid(&Settings { replicas: vec![1, 3], ..settings() }, &[1, 2]);
    let schema: serde_json::Value = serde_json::from_str(GRID_SCHEMA).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let value = serde_json::to_value(&grid).expect("serialises");
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");

    let folder = tempfile::TempDir::new().expect("a folder");
    let paths = files::write_grid(&grid, folder.path()).expect("writes");
    assert!(paths[0].ends_with("report.html"), "{paths:?}");
    let Found::Grid(read) = file::read_either(folder.path()).expect("reads") else { panic!("a sweep") };
    assert_eq!(read.sentence(), grid.sentence());
    assert_eq!(file::read(&folder.path().join("rng-2")).expect("a row is a sweep").settings.set["rng"], 2);
    let refused = file::read(folder.path()).expect_err("not one sweep").to_string();
    assert!(refused.contains("name the folder of one of its rows"), "{refused}");
    assert!(files::prepare(folder.path(), false).expect_err("taken").contains("--force"));
    let csv = std::fs::read_to_string(folder.path().join("grid.csv")).expect("reads");
    assert_eq!(csv.lines().count(), 5, "a header and four steps:\n{csv}");

    let table = anstream::adapter::strip_str(&table::grid(&grid)).to_string();
    let first: Vec<&str> = table.lines().next().expect("a header").split_whitespace().collect();
    assert_eq!(first, ["rng", "\\", "workers", "1", "3"]);
    assert_eq!(table.lines().count(), 3, "{table}");
}

#[test]
fn a_sweep_obeys_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let mut value = serde_json::to_value(sweep(settings(), 0.01)).expect("serialises");
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    value["steps"][0]["repeat"] = "many".into();
    assert!(!validator.is_valid(&value), "a broken file is noticed");
}

#[test]
fn the_example_beside_the_schema_obeys_it() {
    let example = include_str!("../schema/example.json");
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let value: serde_json::Value = serde_json::from_str(example).expect("the example is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let read: Sweep = serde_json::from_str(example).expect("reads");
    let (fits, _) = sweep::laws::fit(&read.settings, &read.steps);
    let verdict = sweep::verdict::judge(&read.settings, &read.machine, &read.steps, &fits);
    assert_eq!(verdict.sentence, read.verdict.sentence, "everything said follows from the file alone");
}

#[test]
fn a_file_that_is_no_sweep_is_named_with_its_fault() {
    let folder = std::env::temp_dir().join(format!("swarmlab-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let says = |text: &str| {
        std::fs::write(folder.join("sweep.json"), text).expect("writes");
        sweep::file::read(&folder).expect_err("no sweep").to_string()
    };
    assert!(says("{\"schema\": 1,").contains("not a whole sweep: EOF"));
    assert!(says("{\"schema\": 1}").contains("missing field"));
    assert!(says("{\"schema\": 3}").contains("has schema 3, and this program reads up to 2"));
    assert!(says("[]").contains("not a sweep: it has no `schema`"));
    std::fs::remove_dir_all(&folder).expect("removes");
    assert!(sweep::file::read(&folder).expect_err("gone").to_string().contains("No such file"));
}

/// A file as the first version wrote it.
#[test]
fn a_sweep_of_schema_1_is_read_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored/sweep-1.json");
    let old = file::read(&folder).expect("schema 1 is read");
    assert_eq!((old.schema, old.settings.unit.as_str(), old.steps.len()), (1, "hashes/s", 6));
    let set = old.settings.dockercoins.as_ref().expect("it is one of dockercoins");
    assert_eq!((set.rng_delay_ms, set.rng_concurrency, set.ledger.as_str()), (100.0, 1, "memory"));
    let last = &old.steps[5];
    assert!((last.throughput.value - 10.0).abs() < 0.2 && last.theory == Some(10.0) && last.mva.is_some(), "{last:?}");
    assert!(old.timeline.iter().any(|sample| sample.throughput.is_some()));
    assert_eq!((last.workers(), last.swept(&old.settings)), (10, 10));
    // All that is said follows from the file, so a report of it says the same as ever.
    let again = sweep::verdict::judge(&old.settings, &old.machine, &old.steps, &old.fits);
    assert_eq!(again.sentence, old.verdict.sentence);
    assert!(sweep::report::html(&old).contains("rng is the bottleneck"));
    assert!(sweep::theory::measured(&old.settings, &old.steps).is_some(), "predict has its demands");
}

#[test]
fn a_sweep_survives_its_file() {
    for settings in [settings(), without_delays()] {
        let written = serde_json::to_string(&sweep(settings, 0.01)).expect("serialises");
        let read: Sweep = serde_json::from_str(&written).expect("reads back");
        assert_eq!(serde_json::to_string(&read).expect("serialises"), written);
    }
}

#[test]
fn every_row_of_the_csv_has_every_column() {
    let mut sweep = sweep(settings(), 0.01);
    sweep.steps[3].probes.remove("hasher");
    sweep.steps[4].theory = None;
    let text = csv::csv(&[&sweep]);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 11);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    let column =
        |name: &str| rows[0].iter().position(|title| *title == name).unwrap_or_else(|| panic!("no column {name}"));
    assert_eq!(rows[4][column("probe_hasher_p50_ms")], "");
    assert_eq!(rows[5][column("theory")], "");
    assert_eq!(rows[3][column("theory")], "10");
    assert_eq!(rows[10][column("replicas")], "10");
    assert_eq!(rows[10][column("replicas_rng")], "1");
}

#[test]
fn the_table_fits_a_terminal() {
    let sweep = sweep_with(settings(), 0.005, |step| step.steady = step.workers() != 4);
    let text = anstream::adapter::strip_str(&table::table(&sweep)).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 12);
    for line in &lines {
        assert!(line.chars().count() <= table::WIDTH, "{} wide: {line}", line.chars().count());
        assert_eq!(line.chars().count(), lines[0].chars().count(), "aligned: {line}");
    }
    for title in ["workers", "hashes/s", "theory", "p50", "p90", "busy"] {
        assert!(lines[1].contains(title), "{}", lines[1]);
    }
    let services: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(services, ["95", "%", "rng", "rng", "hasher", "hasher", "rng"]);
    assert!(lines[5].trim_start().starts_with("~4 "), "unsteady steps are marked: {}", lines[5]);
}

#[test]
fn hdr_logs_read_back_as_recorded() {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    let sweep = sweep(settings(), 0.005);
    assert_eq!(hdr::services(&sweep), ["hasher", "rng"]);
    let mut bytes = Vec::new();
    hdr::write(&sweep, "rng", &mut bytes).expect("writes");
    let entries: Vec<LogEntry> = IntervalLogIterator::new(&bytes).map(|entry| entry.expect("a sound line")).collect();
    let intervals: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            LogEntry::Interval(interval) => Some(interval),
            _ => None,
        })
        .collect();
    assert_eq!(intervals.len(), 10);
    assert_eq!(intervals[9].tag().expect("tagged").as_str(), "worker=10");
    assert_eq!(intervals[9].encoded_histogram(), sweep.steps[9].probe_histograms["rng"]);
    assert!((intervals[9].max() - sweep.steps[9].probes["rng"].max_ms).abs() < 0.01 * intervals[9].max());
    assert!(entries.iter().any(|entry| matches!(entry, LogEntry::BaseTime(time) if time.as_secs() == 1_795_223_198)));
}

#[test]
fn a_broken_histogram_is_named() {
    let mut sweep = sweep(settings(), 0.005);
    sweep.steps[2].probe_histograms.insert("rng".to_owned(), "nonsense".to_owned());
    let error = hdr::write(&sweep, "rng", &mut Vec::new()).expect_err("broken").to_string();
    assert!(error.starts_with("the histogram of rng at 3 workers cannot be read"), "{error}");
}
