//! Compares two results and says whether the second is worse.

mod bench;
mod side;
mod sweep;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use instrument::result::SCHEMA;
use serde_json::Value;

use self::side::{Basis, Runs};
use crate::commands::percent::percent;

/// Compares two results and says whether the second is worse
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The results to compare with: bench.json or sweep.json, or a folder that holds one, or several folders of such
    /// results; several are put together by commas
    #[arg(value_delimiter = ',', num_args = 1, required = true)]
    before: Vec<PathBuf>,

    /// The results to be judged
    #[arg(value_delimiter = ',', num_args = 1, required = true)]
    after: Vec<PathBuf>,

    /// Changes smaller than this are never worse, however certain they are
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    tolerance: f64,

    /// How sure to be: a change counts when chance alone would bring it less often than this
    #[arg(long, value_name = "P", default_value_t = 0.01)]
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
of that run differ, which is less than two runs of the same thing do: the tolerance is for that. Nothing is called
better where there are more errors. Exit code 3 says that something is worse.";

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
    /// Mean over the runs of the first side.
    before: f64,
    /// Mean over the runs of the second side.
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
            sweep::compare(args, &parse_all(before.clone())?, &parse_all(after.clone())?)
        }
        _ => bail!("results of bench and of sweep are not of the same kind: compare each with its own"),
    };
    comparison.notes.push(basis(before.len(), after.len(), args));
    if args.json {
        let paths = |side: &[(PathBuf, Value)]| side.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        let value = serde_json::json!({
            "before": paths(&before),
            "after": paths(&after),
            "tolerance": args.tolerance,
            "p": args.p,
            "figures": comparison.figures,
            "notes": comparison.notes,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        anstream::print!("{}", table(&comparison));
    }
    let worse = comparison.figures.iter().any(|figure| figure.judgement == Judgement::Worse);
    Ok(if worse { ExitCode::from(3) } else { ExitCode::SUCCESS })
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

/// The results of a side; a folder may hold several.
fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, Value)>> {
    let mut all = Vec::new();
    for path in paths {
        for file in files(path)? {
            let value = read(&file)?;
            all.push((file, value));
        }
    }
    Ok(all)
}

/// The file itself, or the results in a folder and in the folders in it.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut folders = vec![path.to_owned()];
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        folders.extend(entry.ok().map(|entry| entry.path()).filter(|inner| inner.is_dir()));
    }
    folders.sort();
    let names = ["bench.json", "sweep.json"];
    let found: Vec<PathBuf> =
        folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).filter(|file| file.is_file()).collect();
    if found.is_empty() {
        bail!("{} holds neither bench.json nor sweep.json", path.display());
    }
    Ok(found)
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
    let bold = Style::new().bold();
    let mut text = format!("{bold}{:<24}{:>11}{:>11}{:>10}{:>8}{bold:#}\n", "", "before", "after", "change", "p");
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
        text += &format!(
            "{name:<24}{:>11}{:>11}{change:>10}{p:>8} {style}{word}{style:#}\n",
            value(figure.before),
            value(figure.after),
        );
    }
    for note in &comparison.notes {
        text += &format!("{note}\n");
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
