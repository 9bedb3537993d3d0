//! Finds the highest rate at which a service keeps its objectives.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use capacity::result::per_second;
use capacity::{Answer, Capacity, Objective, Options, Step, Trials, search};
use instrument::config::{Config, Load};
use instrument::schedule::Stage;
use instrument::target::Target;

use super::WrongUsage;
use super::arrivals::ArrivalsArgs;
use super::bench::summary::time;
use super::bench::values;
use super::out;
use super::prose::prose;
use super::request::RequestArgs;
use super::sender::SenderArgs;
use super::stop::stop_on_signals;

const EXAMPLES: &str = "\
Examples:
  How much does it take with 99 % of the answers within 50 ms and fewer than one error in a thousand?
    loadgen capacity http://localhost:8002/ --objective 'p99 < 50ms' --objective 'errors < 0.1%'
  As from many independent users, with the curve as a picture:
    loadgen capacity localhost:8002 --objective 'p99 < 20ms' --arrivals poisson --out capacity/
  For a machine: the JSON has every rate that was tried
    loadgen capacity localhost:8002 --objective 'mean < 5ms' --json | jq .capacity_per_second

The rate is doubled until an objective is missed; the bracket is halved until it is narrow; then both ends are confirmed,
the lower one by a long run. A backlog that grows fails a rate, whatever the times are yet. Without an objective on
errors, fewer than 1 % are asked for. It takes two to five minutes; ^C ends it with what is known so far.

Exit codes:
  0    found and confirmed, or kept without doubt at --up-to
  1    it could not be done, or the verdicts did not settle, or too few requests were measured to be sure
  2    wrong usage
  3    the objectives are kept at no rate
  4    the generator was the limit: the capacity is at least what it says
  130  ended by ^C";

/// The first rate to try where none is asked for, in requests a second.
const FIRST: f64 = 50.0;

/// Find the highest rate at which a service keeps its objectives
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to send requests; `http://` may be left out
    url: String,

    /// What has to hold: p50, p75, p90, p95, p99, p99.9 or mean below a time, or errors below a percentage; several may be
    /// given
    #[arg(long, value_name = "CONDITION", required = true)]
    objective: Vec<Objective>,

    /// The first rate to try [default: 50, or that of --up-to where it is lower]
    #[arg(long, value_name = "RATE", value_parser = values::rate)]
    from: Option<f64>,

    /// No rate above this is tried; where it holds, that is the answer
    #[arg(long, value_name = "RATE", value_parser = values::rate, default_value = "1000000")]
    up_to: f64,

    /// Length of a trial
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration, default_value = "5s")]
    step: Duration,

    /// Length of the run that confirms the answer
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration, default_value = "30s")]
    confirm: Duration,

    /// The search ends when what holds and what does not differ by less than this percentage
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    tolerance: f64,

    #[command(flatten)]
    arrivals: ArrivalsArgs,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    from_agents: SenderArgs,

    /// Print the result as JSON instead of text
    #[arg(long)]
    json: bool,

    /// Write capacity.json and capacity.html, with the curve of latency against rate, into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Do not tell of each trial
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    fn from(&self) -> f64 {
        self.from.unwrap_or(FIRST.min(self.up_to))
    }

    fn options(&self) -> Result<Options, WrongUsage> {
        let positive = |name: &str, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(WrongUsage::new(format!("--{name} has to be more than zero"))),
        };
        positive("from", self.from())?;
        positive("up-to", self.up_to)?;
        positive("tolerance", self.tolerance)?;
        positive("step", self.step.as_secs_f64())?;
        if self.from() > self.up_to {
            return Err(WrongUsage::new("--from is more than --up-to: no rate lies between them"));
        }
        if self.confirm < self.step {
            return Err(WrongUsage::new(
                "--confirm is shorter than --step: it is the longer run that proves the answer",
            ));
        }
        Ok(Options {
            from: self.from(),
            most: self.up_to.min(instrument::config::HIGHEST_RATE),
            step: self.step,
            confirm: self.confirm,
            tolerance: self.tolerance / 100.0,
            ..Options::default()
        })
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::new(Target::parse(&self.url)?);
        let (arrivals, seed) = (self.arrivals.kind(), self.arrivals.seed);
        config.load = Load::Open { stages: vec![Stage::constant(self.from(), 1.0)], arrivals, seed };
        self.request.apply(&mut config)?;
        config.check()?;
        Ok(config)
    }
}

/// Searches and prints what was found.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let options = args.options()?;
    let config = args.config().map_err(WrongUsage::new)?;
    let objectives = Objective::all(args.objective.clone());
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let stop = stop_on_signals().context("the signals that end a search cannot be caught")?;
    let target = config.target.to_string();
    let mut sender = args.from_agents.sender(&stop)?;
    let mut engine = Trials::new(config, &mut sender, &stop);
    let quiet = args.quiet || args.json;
    let mut follow = |step: &Step| {
        if !quiet {
            anstream::eprintln!("{}", line(step));
        }
    };
    let (answer, evidence) = search(&mut engine, &objectives, &options, &mut follow)?;
    let result = Capacity::of(&target, args.arrivals.name(), &objectives, &options, &answer, &evidence);
    // A disk that is full must not cost what took minutes: it is told first.
    let written = args.out.as_ref().map_or(Ok(()), |folder| write(folder, &result));
    if args.json {
        out::json(&result)?;
    } else {
        out::line(prose(&format!("{}.", result.sentence)))?;
    }
    written?;
    if let Some(folder) = args.out.as_ref().filter(|_| !args.json) {
        out::line(format_args!("Curve: {}", folder.join("capacity.html").display()))?;
    }
    Ok(match answer {
        Answer::Found { .. } | Answer::AtLeast { .. } => ExitCode::SUCCESS,
        Answer::Unsettled { .. } => ExitCode::FAILURE,
        Answer::Never { .. } => ExitCode::from(3),
        Answer::GeneratorLimit { .. } => ExitCode::from(4),
        Answer::Interrupted { .. } => ExitCode::from(130),
    })
}

/// A trial in one line.
fn line(step: &Step) -> String {
    let rate = per_second(step.rate);
    let length = step.length.as_secs_f64();
    let Some(judgement) = &step.judgement else {
        return format!("{rate:>10}  {length:>4.0} s  the generator was the limit; not counted");
    };
    let verdict = match (judgement.holds, judgement.sure) {
        (true, true) => "holds",
        (true, false) => "seems to hold",
        (false, true) => "fails",
        (false, false) => "seems to fail",
    };
    let p99 = step.p99.map_or("–".to_owned(), |seconds| time((seconds * 1e9) as u64));
    format!("{rate:>10}  {length:>4.0} s  p99 {p99:>8}  {verdict:<13}  {}", judgement.reason)
}

fn write(folder: &Path, result: &Capacity) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(result)? + "\n";
    for (name, text) in [("capacity.json", json), ("capacity.html", capacity::html(result))] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
