//! Compares two results and says whether the second is worse.

mod bench;
mod sweep;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use serde_json::Value;

use crate::commands::percent::percent;

/// Compares two results and says whether the second is worse
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The result to compare with: a bench.json or sweep.json, or a directory that holds one
    before: PathBuf,

    /// The result to be judged
    after: PathBuf,

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
  loadgen compare --tolerance 10% monday.json friday.json

A figure is worse (or better) where it changed by more than the tolerance and by more than its spread over the run
explains. The spread within a run is not all: two runs of the same thing differ by more, which the tolerance is for.
Exit code 3 says that something is worse.";

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

/// A figure in both results.
#[derive(Debug, Clone, serde::Serialize)]
struct Figure {
    name: String,
    before: f64,
    after: f64,
    unit: &'static str,
    /// The change as a share of the first.
    change: f64,
    /// The probability that chance alone brings such a change.
    p: Option<f64>,
    judgement: Judgement,
}

impl Figure {
    /// Judges a figure. `up_is_good` says which way is better.
    fn judge(
        args: &Args,
        name: &str,
        unit: &'static str,
        up_is_good: bool,
        values: (f64, f64),
        p: Option<f64>,
    ) -> Self {
        let (before, after) = values;
        let change = if before == after {
            0.0
        } else if before == 0.0 {
            f64::INFINITY
        } else {
            after / before - 1.0
        };
        let judgement = match p {
            _ if change.abs() <= args.tolerance => Judgement::Same,
            None => Judgement::Unknown,
            Some(p) if p >= args.p => Judgement::Same,
            Some(_) if (change > 0.0) == up_is_good => Judgement::Better,
            Some(_) => Judgement::Worse,
        };
        Figure { name: name.to_owned(), before, after, unit, change, p, judgement }
    }
}

/// A comparison: its figures, and what a reader should know.
struct Comparison {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

/// Reads the two files, compares and prints.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (before_path, before) = read(&args.before)?;
    let (after_path, after) = read(&args.after)?;
    let is_sweep = |value: &Value| value.get("steps").is_some();
    let comparison = match (is_sweep(&before), is_sweep(&after)) {
        (false, false) => bench::compare(args, parse(before, &before_path)?, parse(after, &after_path)?),
        (true, true) => sweep::compare(args, &parse(before, &before_path)?, &parse(after, &after_path)?),
        _ => bail!("{} and {} are not of the same kind", before_path.display(), after_path.display()),
    };
    if args.json {
        let value = serde_json::json!({ "figures": comparison.figures, "notes": comparison.notes });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        anstream::print!("{}", table(&comparison));
    }
    let worse = comparison.figures.iter().any(|figure| figure.judgement == Judgement::Worse);
    Ok(if worse { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn read(path: &Path) -> anyhow::Result<(PathBuf, Value)> {
    let path = match path.is_dir() {
        true => ["bench.json", "sweep.json"]
            .map(|name| path.join(name))
            .into_iter()
            .find(|file| file.is_file())
            .with_context(|| format!("{} holds neither bench.json nor sweep.json", path.display()))?,
        false => path.to_owned(),
    };
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(1) => Ok((path, value)),
        Some(other) => bail!("{} has the schema version {other}, and this program reads version 1", path.display()),
        None => bail!("{} is no result of bench or sweep: it names no schema version", path.display()),
    }
}

fn parse<T: serde::de::DeserializeOwned>(value: Value, path: &Path) -> anyhow::Result<T> {
    serde_json::from_value(value).with_context(|| format!("{} is not a result of bench or sweep", path.display()))
}

fn table(comparison: &Comparison) -> String {
    let bold = Style::new().bold();
    let mut text = format!("{bold}{:<34}{:>12}{:>12}{:>10}{:>9}{bold:#}\n", "", "before", "after", "change", "p");
    for figure in &comparison.figures {
        let (word, style) = match figure.judgement {
            Judgement::Better => ("better", Style::new().fg_color(Some(AnsiColor::Green.into()))),
            Judgement::Worse => ("WORSE", Style::new().bold().fg_color(Some(AnsiColor::Red.into()))),
            Judgement::Same => ("", Style::new()),
            Judgement::Unknown => ("too little measured to tell", Style::new()),
        };
        let p = match figure.p {
            None => "-".to_owned(),
            Some(p) if p < 0.001 => "< 0.001".to_owned(),
            Some(p) => format!("{p:.3}"),
        };
        let change =
            if figure.change.is_finite() { format!("{:+.1} %", 100.0 * figure.change) } else { "new".to_owned() };
        let name =
            if figure.unit.is_empty() { figure.name.clone() } else { format!("{} ({})", figure.name, figure.unit) };
        text += &format!(
            "{name:<34}{:>12.3}{:>12.3}{change:>10}{p:>9}  {style}{word}{style:#}\n",
            figure.before, figure.after,
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

    #[test]
    fn a_change_counts_when_it_is_both_large_and_certain() {
        let judge = |after, p| Figure::judge(&args(), "x", "", true, (100.0, after), p).judgement;
        assert_eq!(judge(80.0, Some(0.001)), Judgement::Worse);
        assert_eq!(judge(120.0, Some(0.001)), Judgement::Better);
        assert_eq!(judge(97.0, Some(0.001)), Judgement::Same, "within the tolerance");
        assert_eq!(judge(80.0, Some(0.2)), Judgement::Same, "may be chance");
        assert_eq!(judge(80.0, None), Judgement::Unknown);
    }
}
