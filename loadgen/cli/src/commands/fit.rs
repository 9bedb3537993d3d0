//! Fits the scalability laws to points from anywhere.

mod points;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use model::law::{Comparison, Expected, Fit, Needed, Point, compare};
use serde_json::{Value, json};

use crate::commands::WrongUsage;
use crate::commands::out;
use crate::commands::prose::prose;

const EXAMPLES: &str = "\
Examples:
  loadgen fit points.csv                       lines like 4,3810: so many replicas, so much throughput
  loadgen fit points.csv --for 5000            how many replicas for 5,000 a second?
  loadgen fit points.csv --at 6                what do 6 give?
  loadgen fit out/sweep.csv --n replicas --x throughput
  psql -c 'copy … to stdout csv header' | loadgen fit -

Repeats of the same number are welcome: they show the noise. Questions about numbers outside of the data are refused:
a law that fits up to 8 says nothing about 80.

Exit codes:
  0    fitted
  1    the points cannot be read
  2    wrong usage
  3    a question could not be answered from these points";

/// Fit USL, Amdahl's law, a line and a cap to points from anywhere, with intervals
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A CSV file with a number (of replicas, workers, threads, clients) and a throughput in each line; `-` is standard input
    #[arg(value_name = "FILE")]
    points: PathBuf,

    /// The column of the number, by its name in the first line or counted from 1
    #[arg(long, value_name = "COLUMN", default_value = "1")]
    n: String,

    /// The column of the throughput
    #[arg(long, value_name = "COLUMN", default_value = "2")]
    x: String,

    /// The throughput to expect for this number; several may be given
    #[arg(long, value_name = "N")]
    at: Vec<f64>,

    /// The smallest number that gives this throughput; several may be given
    #[arg(long = "for", value_name = "X")]
    needed: Vec<f64>,

    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Why no question is answered where there is no law that holds.
const NO_LAW: &str = "the points are too few to choose a law by";

/// What was asked and what the law that holds says, or why it says nothing.
struct Answers {
    points: Vec<Point>,
    comparison: Comparison,
    at: Vec<(f64, Result<Expected, String>)>,
    needed: Vec<(f64, Result<Needed, String>)>,
}

impl Answers {
    /// The law that holds, where the points are enough to tell.
    fn chosen(&self) -> Option<&Fit> {
        let law = self.comparison.chosen?;
        self.comparison.fits.iter().find(|fit| fit.law == law)
    }
}

/// Fits and answers.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(wrong) = args.at.iter().chain(&args.needed).find(|value| !value.is_finite() || **value <= 0.0) {
        return Err(WrongUsage::new(format!("{wrong} is not a number above zero")).into());
    }
    let text = match args.points.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()).context("standard input cannot be read")?,
        false => {
            let path = args.points.display();
            std::fs::read_to_string(&args.points).with_context(|| format!("{path} cannot be read"))?
        }
    };
    let points = points::read(&text, &args.n, &args.x).with_context(|| args.points.display().to_string())?;
    let comparison = compare(&points);
    let numbers = comparison.fits.iter().flat_map(|fit| &fit.parameters);
    if !numbers.flat_map(|parameter| [parameter.value, parameter.low, parameter.high]).all(f64::is_finite) {
        bail!("{}: the numbers are too far apart to fit a law to them", args.points.display());
    }
    let mut answers = Answers { points, comparison, at: Vec::new(), needed: Vec::new() };
    let (law, points) = (answers.chosen().ok_or(NO_LAW.to_owned()), &answers.points);
    let expect = |n| law.clone()?.expect(points, n).map_err(|beyond| beyond.to_string());
    let need = |x| law.clone()?.needed(points, x).map_err(|beyond| beyond.to_string());
    let at = args.at.iter().map(|&n| (n, expect(n))).collect();
    let needed = args.needed.iter().map(|&x| (x, need(x))).collect();
    (answers.at, answers.needed) = (at, needed);
    if args.json {
        out::json(&json_of(&answers))?;
    } else {
        out::print(prose(&text::text(&answers)))?;
    }
    let asked = args.at.len() + args.needed.len();
    let answered = answers.at.iter().filter(|(_, answer)| answer.is_ok()).count()
        + answers.needed.iter().filter(|(_, answer)| answer.is_ok()).count();
    Ok(if answered < asked { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn json_of(answers: &Answers) -> Value {
    let fits: Vec<Value> = answers
        .comparison
        .fits
        .iter()
        .map(|fit| {
            let parameter =
                |p: &model::law::Parameter| json!({"name": p.name, "value": p.value, "low": p.low, "high": p.high});
            json!({
                "law": fit.law.name(),
                "formula": fit.law.formula(),
                "parameters": fit.parameters.iter().map(parameter).collect::<Vec<_>>(),
                "r_squared": fit.r_squared,
                "rmse": fit.rmse,
                "aicc": fit.aicc,
            })
        })
        .collect();
    let left_out =
        answers.comparison.left_out.iter().map(|left| json!({"law": left.law.name(), "reason": left.reason}));
    let at = answers.at.iter().map(|(n, answer)| match answer {
        Ok(expected) => json!({"n": n, "value": expected.value, "low": expected.low, "high": expected.high}),
        Err(reason) => json!({"n": n, "refused": reason}),
    });
    let needed = answers.needed.iter().map(|(x, answer)| match answer {
        Ok(needed) => json!({"x": x, "n": needed.count, "low": needed.low, "high": needed.high}),
        Err(reason) => json!({"x": x, "refused": reason}),
    });
    json!({
        "points": answers.points.iter().map(|point| json!({"n": point.n, "x": point.x})).collect::<Vec<_>>(),
        "chosen": answers.comparison.chosen.map(|law| law.name()),
        "fits": fits,
        "left_out": left_out.collect::<Vec<_>>(),
        "at": at.collect::<Vec<_>>(),
        "needed": needed.collect::<Vec<_>>(),
    })
}
