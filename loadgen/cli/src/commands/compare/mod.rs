//! Compares two results and says whether the second is worse.

mod bench;
mod side;
mod sweep;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use instrument::result::SCHEMA;
use serde_json::Value;

use self::side::{Basis, Runs};
use crate::commands::WrongUsage;
use crate::commands::out;
use crate::commands::percent::percent;
use crate::commands::prose::prose;

/// Compare two results and say whether the second is worse
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The results to compare with: bench.json or sweep.json, a folder of bench or sweep, of which bench --repeat makes
    /// several results, or a folder of such folders; several are put together by commas
    #[arg(value_delimiter = ',', num_args = 1, required = true)]
    before: Vec<PathBuf>,

    /// The results to be judged
    #[arg(value_delimiter = ',', num_args = 1, required = true)]
    after: Vec<PathBuf>,

    /// Changes smaller than this are never worse, however certain they are
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    tolerance: f64,

    /// How sure to be: a change counts when chance alone would bring it less often than this
    #[arg(long, value_name = "P", default_value_t = 0.01, value_parser = probability)]
    p: f64,

    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  loadgen compare before/bench.json after/bench.json
  loadgen compare monday.json,tuesday.json wednesday.json,thursday.json
  loadgen compare --tolerance 10% before after          folders of several results each

A figure is worse (or better) where it changed by more than the tolerance and by more than chance explains. With two
runs or more on each side, chance is how runs of the same side differ (Welch's test); with one, it is how the pieces
of that run differ, which is less than two runs of the same thing do: the tolerance is for that. The
errors of a run too short for that are taken for independent of each other (Wilson's interval). Nothing is called better
where the errors are worse. A result that is given twice would pass for two runs, and is refused. Exit code 3 says that
something is worse; exit code 1, that the two sides have nothing in common to compare.";

/// Reads a probability between 0 and 1, without either: nothing is as sure as 0, and 1 calls chance a change.
fn probability(text: &str) -> Result<f64, String> {
    let p = text.trim().parse::<f64>().ok().filter(|p| *p > 0.0 && *p < 1.0);
    p.ok_or_else(|| format!("`{text}` is not a probability between 0 and 1; write it as 0.01"))
}

/// How a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Judgement {
    Better,
    Worse,
    Same,
    /// Too little was measured to tell.
    Unknown,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    High,
    Low,
}

/// A figure on both sides.
#[derive(Debug, Clone, serde::Serialize)]
struct Figure {
    name: String,
    /// Mean over the runs of the first side; null where none has it.
    before: f64,
    /// Mean over the runs of the second side; null where none has it.
    after: f64,
    unit: &'static str,
    /// The change as a share of the first; absent where there was nothing before.
    change: Option<f64>,
    /// The probability that chance alone brings such a change.
    p: Option<f64>,
    /// What that probability rests on.
    basis: Basis,
    judgement: Judgement,
    /// Why it was judged so.
    reason: String,
}

impl Figure {
    /// Judges a figure. The change and the probability are of the same values.
    fn judge(args: &Args, name: &str, unit: &'static str, goal: Goal, before: &Runs, after: &Runs) -> Self {
        let (before, after, p, basis) = side::difference(before, after);
        let change = if before == after { 0.0 } else { after / before - 1.0 };
        let grew = if after > before { Goal::High } else { Goal::Low };
        let (judgement, reason) = match p {
            _ if before.is_nan() || after.is_nan() => (Judgement::Unknown, "too little measured to tell".to_owned()),
            _ if before == after => (Judgement::Same, "no change".to_owned()),
            _ if change.abs() <= args.tolerance => (Judgement::Same, "within the tolerance".to_owned()),
            None => (Judgement::Unknown, "too little measured to tell".to_owned()),
            Some(p) if p >= args.p => (Judgement::Same, "may be chance".to_owned()),
            Some(_) if grew == goal => (Judgement::Better, "more than chance explains".to_owned()),
            Some(_) => (Judgement::Worse, "more than chance explains".to_owned()),
        };
        let change = change.is_finite().then_some(change);
        let p = p.filter(|p| p.is_finite());
        Figure { name: name.to_owned(), before, after, unit, change, p, basis, judgement, reason }
    }
}

/// A server that sheds load is fast for those whom it serves: where a figure has got worse, no other is called better.
fn withhold_praise(figures: &mut [Figure], worse: &str) {
    if !figures.iter().any(|figure| figure.name == worse && figure.judgement == Judgement::Worse) {
        return;
    }
    for figure in figures.iter_mut().filter(|figure| figure.judgement == Judgement::Better) {
        (figure.judgement, figure.reason) = (Judgement::Same, format!("no better, with more {worse}"));
    }
}

/// A comparison: its figures, and what a reader should know.
struct Comparison {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

/// Reads the files, compares and prints.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (before, after) = (read_all(&args.before)?, read_all(&args.after)?);
    let sweeps = before.iter().chain(&after).filter(|(_, value)| value.get("steps").is_some()).count();
    let mut comparison = match sweeps {
        0 => bench::compare(args, &parse_all(before.clone())?, &parse_all(after.clone())?),
        all if all == before.len() + after.len() => {
            sweep::compare(args, &parse_all(before.clone())?, &parse_all(after.clone())?)?
        }
        _ => bail!("results of bench and of sweep are not of the same kind: compare each with its own"),
    };
    if comparison.figures.is_empty() {
        bail!("nothing was compared: no step has the same replicas on both sides");
    }
    comparison.notes.push(basis(before.len(), after.len(), args));
    if args.json {
        // Not every name of a file is text, and JSON holds nothing else.
        let paths = |side: &[(PathBuf, Value)]| {
            side.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let value = serde_json::json!({
            "before": paths(&before),
            "after": paths(&after),
            "tolerance": args.tolerance,
            "p": args.p,
            "figures": comparison.figures,
            "notes": comparison.notes,
        });
        out::json(&value)?;
    } else {
        out::print(table(&comparison))?;
    }
    let worse = comparison.figures.iter().any(|figure| figure.judgement == Judgement::Worse);
    Ok(if worse { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Notes of what differs between two results, beside what they found.
fn different(results: &str, what: &[(&str, bool)]) -> impl Iterator<Item = String> {
    let differ = what.iter().filter(|(_, differs)| *differs);
    differ.map(move |(what, _)| format!("The two {results} have different {what}: a change may come from that."))
}

/// What was compared, and by what rule.
fn basis(before: usize, after: usize, args: &Args) -> String {
    let runs = |count: usize| if count == 1 { "1 result".to_owned() } else { format!("{count} results") };
    format!(
        "Compared {} with {}: a change counts from {:.0} % and p < {} on.",
        runs(before),
        runs(after),
        100.0 * args.tolerance,
        args.p
    )
}

/// The results of a side; a folder may hold several. The same result twice would pass for two runs that agree.
fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, Value)>> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        for file in files(path)? {
            let value = read(&file)?;
            if !seen.insert(fs::canonicalize(&file).unwrap_or_else(|_| file.clone())) {
                return Err(WrongUsage::new(format!("{} is given twice: it is one result", file.display())).into());
            }
            all.push((file, value));
        }
    }
    Ok(all)
}

/// The file itself, or the results of a folder: its own, or where it has none those of the folders in it.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = own_results(path)?;
    if found.is_empty() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        folders.sort();
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            found.extend(own_results(folder)?);
        }
    }
    if found.is_empty() {
        bail!("{} holds neither bench.json nor sweep.json", path.display());
    }
    Ok(found)
}

/// The results that lie in a folder as one run of loadgen left it. Of several runs of bench repeat.json says how many there
/// are: a folder with a higher number is left from another time.
fn own_results(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let repeat = folder.join("repeat.json");
    if !repeat.is_file() {
        let own = ["bench.json", "sweep.json"].map(|name| folder.join(name));
        return Ok(own.into_iter().filter(|file| file.is_file()).collect());
    }
    let runs = read(&repeat)?.get("runs").and_then(Value::as_u64);
    let runs = runs.with_context(|| format!("{} does not say how many runs there were", repeat.display()))?;
    Ok((1..=runs).map(|run| folder.join(format!("run-{run}")).join("bench.json")).collect())
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let reads = match value.get("steps") {
        Some(_) => ::sweep::result::OLDEST..=::sweep::result::SCHEMA,
        None => SCHEMA..=SCHEMA,
    };
    match value.get("schema").and_then(Value::as_u64) {
        Some(found) if u32::try_from(found).is_ok_and(|found| reads.contains(&found)) => Ok(value),
        Some(other) => {
            bail!("{} has the schema version {other}, and this program reads up to {}", path.display(), reads.end())
        }
        None => bail!("{} is no result of bench or sweep: it names no schema version", path.display()),
    }
}

fn parse_all<T: serde::de::DeserializeOwned>(values: Vec<(PathBuf, Value)>) -> anyhow::Result<Vec<T>> {
    values.into_iter().map(|(path, value)| parse(value, &path)).collect()
}

fn parse<T: serde::de::DeserializeOwned>(value: Value, path: &Path) -> anyhow::Result<T> {
    serde_json::from_value(value).with_context(|| format!("{} is not a result of bench or sweep", path.display()))
}

fn table(comparison: &Comparison) -> String {
    let mut rows = vec![(["", "before", "after", "change", "p"].map(str::to_owned), "", Style::new())];
    for figure in &comparison.figures {
        let (word, style) = match figure.judgement {
            Judgement::Better => ("better", Style::new().fg_color(Some(AnsiColor::Green.into()))),
            Judgement::Worse => ("WORSE", Style::new().bold().fg_color(Some(AnsiColor::Red.into()))),
            Judgement::Same | Judgement::Unknown => (figure.reason.as_str(), Style::new().dimmed()),
        };
        let p = match figure.p {
            None => "-".to_owned(),
            Some(p) if p < 0.001 => "< 0.001".to_owned(),
            Some(p) => format!("{p:.3}"),
        };
        let known = !figure.before.is_nan() && !figure.after.is_nan();
        let new = if known { "new" } else { "-" };
        let change = figure.change.map_or_else(|| new.to_owned(), |change| format!("{:+.1} %", 100.0 * change));
        let value = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{value:.3}") };
        let name =
            if figure.unit.is_empty() { figure.name.clone() } else { format!("{} ({})", figure.name, figure.unit) };
        rows.push(([name, value(figure.before), value(figure.after), change, p], word, style));
    }
    // As wide as usual, so that tables below each other are easy to compare, and wider where a number needs it.
    let width = |column: usize| rows.iter().map(|row| row.0[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = [(1, 10), (2, 10), (3, 9), (4, 7)].map(|(column, usual)| width(column).max(usual));
    let first = width(0).max(24);
    let mut text = String::new();
    for (row, ([name, before, after, change, p], word, style)) in rows.iter().enumerate() {
        let line = format!("{name:<first$} {before:>a$} {after:>b$} {change:>c$} {p:>d$}");
        let bold = if row == 0 { Style::new().bold() } else { Style::new() };
        text += format!("{bold}{line}{bold:#} {style}{word}{style:#}").trim_end();
        text.push('\n');
    }
    for note in &comparison.notes {
        text += &format!("{}\n", prose(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args() -> Args {
        Line::parse_from(["compare", "a", "b"]).args
    }

    fn run(value: f64, half: f64) -> Runs {
        vec![(value, Some(stats::Estimate::around(value, half)))]
    }

    #[test]
    fn a_change_counts_when_it_is_both_large_and_certain() {
        let judge = |after: Runs| Figure::judge(&args(), "x", "", Goal::High, &run(100.0, 1.0), &after).judgement;
        assert_eq!(judge(run(80.0, 1.0)), Judgement::Worse);
        assert_eq!(judge(run(120.0, 1.0)), Judgement::Better);
        assert_eq!(judge(run(97.0, 0.1)), Judgement::Same, "within the tolerance");
        assert_eq!(judge(run(80.0, 50.0)), Judgement::Same, "may be chance");
        assert_eq!(judge(vec![(80.0, None)]), Judgement::Unknown);
        assert_eq!(judge(vec![(f64::NAN, None)]), Judgement::Unknown);
        assert_eq!(judge(vec![(f64::NAN, None), (1.0, None)]), Judgement::Unknown);
    }

    /// The change was once of whole runs and the probability of their pieces, and they could disagree.
    #[test]
    fn a_change_and_its_judgement_have_the_same_sign() {
        for (before, after) in [(100.0, 150.0), (150.0, 100.0)] {
            let found = Figure::judge(&args(), "x", "", Goal::Low, &run(before, 1.0), &run(after, 1.0));
            let worse = found.judgement == Judgement::Worse;
            assert_eq!(found.change.is_some_and(|change| change > 0.0), worse, "{found:?}");
        }
    }

    #[test]
    fn nothing_is_better_with_more_errors() {
        let judge =
            |name: &str, before: Runs, after: Runs| Figure::judge(&args(), name, "", Goal::Low, &before, &after);
        let mut figures =
            [judge("p50", run(100.0, 1.0), run(1.0, 0.1)), judge("errors", run(0.0, 0.0), run(100.0, 0.0))];
        assert_eq!(figures[0].judgement, Judgement::Better);
        withhold_praise(&mut figures, "errors");
        assert_eq!((figures[0].judgement, figures[1].judgement), (Judgement::Same, Judgement::Worse));
    }
}
