//! Predicts throughput and waiting from the demands of the services, without running anything.

mod json;
mod service;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::commands::WrongUsage;
use crate::commands::out;
use crate::commands::prose::prose;
use std::time::Duration;

use self::service::Refusal;
use model::predict::{Prediction, predict};
use model::{Limit, Network};
use sweep::counts::{assignment, counts};
use sweep::format::{rate, replicas};
use sweep::result::{Dockercoins, Settings};
use sweep::theory;

const EXAMPLES: &str = "\
Examples:
  loadgen predict                             the application as it comes, 1 to 10 workers
  loadgen predict --workers 10 --set rng=3    ten workers and three rng
  loadgen predict --rng-delay 20ms --hasher-concurrency 1 --workers 1,5,20
  loadgen predict out/ --set rng=3            from the demands that a sweep has measured
  loadgen predict scaling/ --replicas 1..12 --set db=2     from a sweep of any service, by its measured demands
  loadgen predict --json | jq .sentence

The application is a closed queueing network: a worker thinks, asks rng, asks hasher, and begins again. For constant
delays its throughput is exactly the upper bound min(N/(D+Z), m/D); for random delays of the same mean it is what
mean-value analysis gives.

Exit codes:
  0    done
  1    the sweep cannot be read, or does not carry a prediction
  2    wrong usage or a bad setting";

/// Predict throughput and waiting without running anything
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep whose measured demands are used: its folder, or its sweep.json
    #[arg(value_name = "FOLDER|FILE")]
    sweep: Option<PathBuf>,
    /// How many workers: a number, a range, or a list of both [default: 1..10, or those of the sweep]
    #[arg(long, value_name = "COUNTS", value_parser = list)]
    workers: Option<Counts>,
    /// Of a sweep of any other service: how many replicas of it [default: those of the sweep]
    #[arg(long, value_name = "COUNTS", value_parser = list, requires = "sweep", conflicts_with = "workers")]
    replicas: Option<Counts>,
    /// Replicas of a service, as rng=3; may be given again
    #[arg(long, value_name = "SERVICE=N", value_parser = assignment)]
    set: Vec<(String, u32)>,
    /// How long rng takes for a request [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration)]
    rng_delay: Option<Duration>,
    /// How long hasher takes for a request [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration)]
    hasher_delay: Option<Duration>,
    /// How long a worker pauses in each round [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration)]
    think: Option<Duration>,
    /// Requests that one rng serves at a time; 0 for no limit [default: 1]
    #[arg(long, value_name = "N")]
    rng_concurrency: Option<u32>,
    /// Requests that one hasher serves at a time; 0 for no limit [default: 0]
    #[arg(long, value_name = "N")]
    hasher_concurrency: Option<u32>,
    /// Loops that one worker runs side by side [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    loops: Option<u32>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// The numbers of workers. A type of its own, because clap takes a bare list for an option given many times.
#[derive(Debug, Clone)]
struct Counts(Vec<u32>);

fn list(text: &str) -> Result<Counts, String> {
    counts(text).map(Counts)
}

/// What was asked, with everything that was left out filled in.
struct Question {
    network: Network,
    workers: Vec<u32>,
    loops: u32,
    /// Where the demands come from, for people.
    source: &'static str,
}

/// One answer for each number of workers.
struct Answers {
    question: Question,
    predictions: Vec<(u32, Prediction)>,
    sentence: String,
}

/// Prints what the model says.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let measured = args.sweep.as_deref().map(sweep::file::read).transpose()?;
    if let Some(sweep) = measured.as_ref().filter(|sweep| sweep.settings.dockercoins.is_none()) {
        return run_service(args, sweep);
    }
    if args.replicas.is_some() {
        return Err(WrongUsage::new(
            "--replicas is for the sweep of another service: dockercoins has --workers and --set",
        )
        .into());
    }
    let answers = ask(args, measured).and_then(answer).map_err(WrongUsage::new)?;
    if args.json {
        out::json(&json::json(&answers))?;
    } else {
        out::print(prose(&text::text(&answers)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The same for a sweep of a service that is not dockercoins.
fn run_service(args: &Args, sweep: &sweep::result::Sweep) -> anyhow::Result<ExitCode> {
    let delays = [args.rng_delay, args.hasher_delay, args.think];
    let given =
        delays.iter().any(Option::is_some) || args.rng_concurrency.is_some() || args.hasher_concurrency.is_some();
    if given || args.loops.is_some() || args.workers.is_some() {
        let wanted = "the sweep is not one of dockercoins: --replicas and --set are what can be asked about it";
        return Err(WrongUsage::new(wanted).into());
    }
    let counts = args.replicas.as_ref().map(|counts| counts.0.clone());
    let question = service::Question { sweep, counts, set: &args.set };
    let answer = service::ask(&question).map_err(|refusal| match refusal {
        Refusal::Unfit(reason) => anyhow::Error::msg(reason),
        Refusal::Usage(reason) => WrongUsage::new(reason).into(),
    })?;
    if args.json {
        out::json(&answer.json())?;
    } else {
        out::print(prose(&answer.text()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The application as it comes.
fn plain() -> Settings {
    Settings {
        scaled: "worker".to_owned(),
        replicas: (1..=10).collect(),
        dockercoins: Some(Dockercoins::plain()),
        ..Settings::default()
    }
}

fn ask(args: &Args, measured: Option<sweep::result::Sweep>) -> Result<Question, String> {
    let settings = measured.as_ref().map_or_else(plain, |sweep| sweep.settings.clone());
    let Some(mut set) = settings.dockercoins.clone() else {
        return Err("the sweep is not one of dockercoins".to_owned());
    };
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    set.rng_delay_ms = args.rng_delay.map_or(set.rng_delay_ms, ms);
    set.hasher_delay_ms = args.hasher_delay.map_or(set.hasher_delay_ms, ms);
    set.think_ms = args.think.map_or(set.think_ms, ms);
    set.rng_concurrency = args.rng_concurrency.unwrap_or(set.rng_concurrency);
    set.hasher_concurrency = args.hasher_concurrency.unwrap_or(set.hasher_concurrency);
    set.loops = args.loops.unwrap_or(set.loops).max(1);

    for (service, _) in &args.set {
        if service == "worker" {
            return Err("the number of workers is set with --workers".to_owned());
        }
        if !theory::SERVICES.contains(&service.as_str()) {
            let known = theory::SERVICES.join(" and ");
            return Err(format!("the model knows no service called {service}; it knows {known}"));
        }
    }
    let mut replicas: BTreeMap<String, u32> = settings.set.clone();
    replicas.extend(args.set.iter().cloned());
    let as_set = theory::network_of(&set, &replicas).map_err(|error| error.to_string())?;
    // A delay or a limit given here is a question about another system than the one that was measured.
    let changed = args.rng_delay.is_some()
        || args.hasher_delay.is_some()
        || args.think.is_some()
        || args.rng_concurrency.is_some()
        || args.hasher_concurrency.is_some();
    let from_run =
        measured.as_ref().filter(|_| !changed).and_then(|sweep| theory::measured(&sweep.settings, &sweep.steps));
    let (network, source) = match from_run {
        Some(mut network) => {
            for station in as_set.stations() {
                network = network.with_replicas(&station.name, station.replicas).map_err(|error| error.to_string())?;
            }
            (network, "the demands that the sweep has measured")
        }
        None if measured.is_some() && !changed => {
            (as_set, "the settings of the sweep, because its steps do not suffice to measure the demands")
        }
        None => (as_set, "the settings"),
    };
    let workers = match &args.workers {
        Some(Counts(workers)) => workers.clone(),
        None if settings.scaled == "worker" && !settings.replicas.is_empty() => settings.replicas.clone(),
        None => (1..=10).collect(),
    };
    Ok(Question { network, workers, loops: set.loops, source })
}

fn answer(question: Question) -> Result<Answers, String> {
    let silent = "all delays are zero, so that the machine is the limit, and the model knows nothing of it";
    let predictions: Option<Vec<(u32, Prediction)>> = question
        .workers
        .iter()
        .map(|&workers| Some((workers, predict(&question.network, workers.saturating_mul(question.loops))?)))
        .collect();
    let predictions = predictions.ok_or(silent)?;
    let sentence = sentence(&question, &predictions)?;
    Ok(Answers { question, predictions, sentence })
}

/// What limits the system with the most workers asked about, and what would help.
fn sentence(question: &Question, predictions: &[(u32, Prediction)]) -> Result<String, String> {
    let Some((workers, most)) = predictions.iter().max_by_key(|(workers, _)| *workers) else {
        return Err("there are no workers to predict for".to_owned());
    };
    let network = &question.network;
    let who = replicas(*workers, "worker");
    let reached = rate(most.constant.throughput);
    let Limit::Station(limit) = network.limit(most.jobs) else {
        let next = match network.bottleneck() {
            Some(station) => format!(
                "; {} would be the limit from {:.0} workers on",
                station.name,
                (network.knee() / f64::from(question.loops) - 1e-9).ceil()
            ),
            None => "; no service has a limit".to_owned(),
        };
        return Ok(format!("With {who} nobody waits: {reached} hashes/s{next}."));
    };
    let relief = model::predict::relieve(network, most.jobs).map_err(|error| error.to_string())?;
    let more = match relief {
        Some(relief) => {
            let then = relief.next.map_or_else(|| "the workers are".to_owned(), |next| format!("{next} is"));
            format!(
                "; {} give {}, and then {then} the limit",
                replicas(relief.replicas, &relief.station),
                rate(relief.throughput)
            )
        }
        None => format!("; more replicas of {} alone bring nothing", limit.name),
    };
    Ok(format!("With {who} {} is the limit: {reached} hashes/s{more}.", limit.name))
}
